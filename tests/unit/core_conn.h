/*
 * What the io layer is to core, for tests of core: connections whose writes are kept as text, and a
 * key. Include it once, behind check.h.
 */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include "check.h"

#include "weft/base/blob.h"
#include "weft/core/registry.h"
#include "weft/core/signer.h"
#include "weft/core/transport.h"

#include <jansson.h>

struct conn {
    struct session *session; /* NULL: over */
    bool choked, wants, closing;
    int code;
    json_t *inbox; /* array of messages */
};

bool conn_write(struct conn *conn, struct blob *blob)
{
    if (conn->choked)
        return false;
    json_error_t error;
    json_t *frame = json_loadb(blob->data, blob->len, 0, &error);
    if (!frame)
        CHECK_FAIL("core wrote what is no JSON: %s: %s", error.text, blob->data);
    else if (json_is_array(frame))
        json_array_extend(conn->inbox, frame);
    else
        json_array_append(conn->inbox, frame);
    json_decref(frame);
    return true;
}

void conn_want_write(struct conn *conn)
{
    conn->wants = true;
}

void conn_set_limit(struct conn *conn, uint32_t bytes)
{
    (void)conn;
    (void)bytes;
}

void conn_close(struct conn *conn, int code, const char *reason)
{
    (void)reason;
    if (!conn->closing)
        conn->code = code;
    conn->closing = true;
}

/* Takes the next message of type t out of the inbox, dropping what comes before; NULL where there
 * is none. The caller releases it. */
CHECK_UNUSED static json_t *conn_next(struct conn *conn, const char *t)
{
    while (json_array_size(conn->inbox)) {
        json_t *message = json_incref(json_array_get(conn->inbox, 0));
        json_array_remove(conn->inbox, 0);
        if (strcmp(json_string_value(json_object_get(message, "t")), t) == 0)
            return message;
        json_decref(message);
    }
    return NULL;
}

/* ---- the key ---- */

struct signer {
    int unused;
};

void signer_sign(const struct signer *signer, const char *data, size_t len,
                 char out[SIGNER_TEXT_SIZE])
{
    (void)signer;
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)data[i]) * 1099511628211u;
    snprintf(out, SIGNER_TEXT_SIZE, "%043" PRIx64, hash);
}

bool signer_verify(const struct signer *signer, const char *data, size_t len, const char *signature)
{
    char made[SIGNER_TEXT_SIZE];
    signer_sign(signer, data, len, made);
    return strcmp(made, signature) == 0;
}

#endif
