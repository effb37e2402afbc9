/* The port to this server's key: HMAC-SHA-256 over what only it may have written (resume tokens).
 * An adapter of io implements it with OpenSSL. */
#ifndef WEFT_CORE_SIGNER_H
#define WEFT_CORE_SIGNER_H

#include <stdbool.h>
#include <stddef.h>

struct signer;
#define SIGNER_TEXT_SIZE 44 /* base64url of 32 bytes without padding, and the NUL */

void signer_sign(const struct signer *signer, const char *data, size_t len,
                 char out[SIGNER_TEXT_SIZE]);
/* In constant time. */
bool signer_verify(const struct signer *signer, const char *data, size_t len,
                   const char *signature);

#endif
