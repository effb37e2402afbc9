/* TLS of a client over memory, by OpenSSL: what came from the network is put in, what is to go
 * there is taken out. It touches no socket. */
#ifndef WEFT_IO_REDIS_TLS_H
#define WEFT_IO_REDIS_TLS_H

#include "redis_address.h"
#include "weft/base/buf.h"
#include "weft/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct redis_tls;

/* Returns a new one that speaks to the server of this name (SNI, and the name in its certificate),
 * or NULL where the certificates to trust cannot be read. */
struct redis_tls *redis_tls_new(const struct redis_address *address, const char *host,
                                struct error *error);
void redis_tls_free(struct redis_tls *tls); /* NULL is allowed */

/* Encrypted bytes from the network. */
void redis_tls_put(struct redis_tls *tls, const char *data, size_t len);
/* Appends the encrypted bytes that are to be sent. */
void redis_tls_take(struct redis_tls *tls, struct buf *out);
/* Goes on with the handshake as far as it can. *is_done may turn true only once. */
ERR_CHECKED enum err redis_tls_shake(struct redis_tls *tls, bool *is_done, struct error *error);
/* Decrypts into data; *len is 0 where there is nothing yet. The peer's goodbye is an error too. */
ERR_CHECKED enum err redis_tls_read(struct redis_tls *tls, char *data, size_t size, size_t *len,
                                    struct error *error);
ERR_CHECKED enum err redis_tls_write(struct redis_tls *tls, const char *data, size_t len,
                                     struct error *error);

#endif
