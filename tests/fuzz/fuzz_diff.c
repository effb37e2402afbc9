/* Two texts, cut at a byte of the input: whatever they are, the difference makes the one of the
 * other, in no more parts than it may have. */
#include "weft/base/utf.h"
#include "weft/text/change.h"
#include "weft/text/diff.h"
#include "weft/text/rope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *text = (const char *)data + 2;
    size_t len = size - 2, at = (size_t)(data[0] << 8 | data[1]) % (len + 1);
    if (!utf8_valid(text, at) || !utf8_valid(text + at, len - at) || memchr(text, '\r', len))
        return 0;
    size_t parts_max = 4 + at % 13;
    struct change *change = diff_texts(text, at, text + at, len - at, parts_max);
    struct rope *rope = rope_new(text, at);
    MUST(change_parts(change) <= parts_max);
    MUST(change_len_before(change) == rope_utf16_len(rope) && !change_splits_pair(change, rope));
    change_apply(change, rope);
    char *out = malloc(rope_len(rope) + 1);
    MUST(out && rope_len(rope) == len - at);
    rope_copy(rope, out);
    MUST(memcmp(out, text + at, len - at) == 0);
    free(out);
    rope_free(rope);
    change_unref(change);
    return 0;
}
