#include "join.h"
#include "weft/base/blob.h"
#include <assert.h>
#include <string.h>

void join_begin(struct join *join, size_t bytes)
{
    join->blob = blob_new(NULL, bytes);
    join->blob->data[0] = '[';
    join->at = 1;
    join->elements = 0;
}

void join_add(struct join *join, const struct blob *message)
{
    const char *data = message->data;
    size_t len = message->len;
    if (data[0] == '[') {
        data++;
        len -= 2;
    }
    assert(join->at + len + 2 <= join->blob->len);
    if (join->elements)
        join->blob->data[join->at++] = ',';
    memcpy(join->blob->data + join->at, data, len);
    join->at += len;
    join->elements += message->elements;
}

struct blob *join_end(struct join *join)
{
    struct blob *blob = join->blob;
    blob->data[join->at++] = ']';
    blob->data[join->at] = '\0';
    blob->len = (uint32_t)join->at;
    blob->elements = join->elements;
    join->blob = NULL;
    return blob;
}
