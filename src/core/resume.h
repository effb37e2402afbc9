/* Resume tokens: `cid.user.expiry.signature`, so that a client keeps its cid over reconnects,
 * restarts and instances without anybody remembering it. The signature covers the project too. */
#ifndef WEFT_CORE_RESUME_H
#define WEFT_CORE_RESUME_H

#include "weft/core/signer.h"
#include <stdbool.h>
#include <stdint.h>

#define RESUME_SIZE 257

struct resume {
    uint64_t cid;
    char user[65];
    uint64_t expires_ms; /* wall clock */
};

void resume_print(const struct signer *signer, const char *project, const struct resume *resume,
                  char out[RESUME_SIZE]);
/* False where the token is malformed, forged, for another project, or expired. */
bool resume_parse(const struct signer *signer, const char *project, const char *token,
                  uint64_t wall_ms, struct resume *out);

#endif
