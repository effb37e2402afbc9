/* core/signer.h by OpenSSL: HMAC-SHA-256, as base64url without padding. */
#ifndef WEFT_IO_SIGNER_H
#define WEFT_IO_SIGNER_H

#include "weft/core/signer.h"

/* Returns a new signer with a copy of secret, which is not empty. */
struct signer *signer_new(const char *secret);
void signer_free(struct signer *signer);

#endif
