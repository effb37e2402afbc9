#include "weft/io/signer.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define MAC_SIZE 32

struct signer {
    size_t len;
    char secret[];
};

struct signer *signer_new(const char *secret)
{
    size_t len = strlen(secret);
    assert(len > 0);
    struct signer *signer = mem_alloc(sizeof(*signer) + len);
    signer->len = len;
    memcpy(signer->secret, secret, len);
    return signer;
}

void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    OPENSSL_cleanse(signer->secret, signer->len);
    free(signer);
}

void signer_sign(const struct signer *signer, const char *data, size_t len,
                 char out[SIGNER_TEXT_SIZE])
{
    unsigned char mac[MAC_SIZE], text[SIGNER_TEXT_SIZE + 1];
    unsigned mac_len = 0;
    const unsigned char *done = HMAC(EVP_sha256(), signer->secret, (int)signer->len,
                                     (const unsigned char *)data, len, mac, &mac_len);
    assert(done && mac_len == MAC_SIZE);
    (void)done;
    EVP_EncodeBlock(text, mac, MAC_SIZE); /* 43 characters, one '=' and a NUL */
    for (int i = 0; i < SIGNER_TEXT_SIZE - 1; i++)
        out[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char)text[i];
    out[SIGNER_TEXT_SIZE - 1] = '\0';
}

bool signer_verify(const struct signer *signer, const char *data, size_t len, const char *signature)
{
    char expected[SIGNER_TEXT_SIZE];
    signer_sign(signer, data, len, expected);
    return strlen(signature) == SIGNER_TEXT_SIZE - 1 &&
           CRYPTO_memcmp(expected, signature, SIGNER_TEXT_SIZE - 1) == 0;
}
