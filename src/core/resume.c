#include "resume.h"
#include "weft/protocol/message.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is signed: the project stands first and cannot hold the separator. */
static size_t signed_text(char *out, size_t size, const char *project, const char *claims)
{
    int len = snprintf(out, size, "%s\n%s", project, claims);
    return (size_t)len;
}

void resume_print(const struct signer *signer, const char *project, const struct resume *resume,
                  char out[RESUME_SIZE])
{
    char claims[160], text[240], signature[SIGNER_TEXT_SIZE];
    snprintf(claims, sizeof claims, "%llu.%s.%llu", (unsigned long long)resume->cid, resume->user,
             (unsigned long long)resume->expires_ms);
    signer_sign(signer, text, signed_text(text, sizeof text, project, claims), signature);
    snprintf(out, RESUME_SIZE, "%s.%s", claims, signature);
}

static bool parse_number(const char *text, uint64_t most, char end, const char **rest,
                         uint64_t *out)
{
    if (*text < '0' || *text > '9')
        return false;
    char *stop;
    errno = 0;
    unsigned long long value = strtoull(text, &stop, 10);
    if (errno || *stop != end || value > most)
        return false;
    *rest = stop + (end != '\0');
    *out = value;
    return true;
}

bool resume_parse(const struct signer *signer, const char *project, const char *token,
                  uint64_t wall_ms, struct resume *out)
{
    char claims[160], text[240];
    const char *dot = strrchr(token, '.');
    if (!dot || (size_t)(dot - token) >= sizeof claims)
        return false;
    memcpy(claims, token, (size_t)(dot - token));
    claims[dot - token] = '\0';
    bool holds =
        signer_verify(signer, text, signed_text(text, sizeof text, project, claims), dot + 1);
#if WEFT_MUTANT == 9
    holds = true;
#endif
    if (!holds)
        return false;
    const char *rest;
    if (!parse_number(claims, CID_MAX, '.', &rest, &out->cid))
        return false;
    const char *user_end = strrchr(rest, '.');
    if (!user_end || (size_t)(user_end - rest) >= sizeof out->user)
        return false;
    memcpy(out->user, rest, (size_t)(user_end - rest));
    out->user[user_end - rest] = '\0';
    const char *end;
    return parse_number(user_end + 1, NUMBER_MAX, '\0', &end, &out->expires_ms) &&
           out->expires_ms > wall_ms;
}
