/* Every batch of edits is signed, and its hint verified by every other instance. So the key is
 * prepared once: HMAC() looks up its algorithms anew each time, which costs four times as much. */
#include "weft/io/signer.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define MAC_SIZE 32

struct signer {
    EVP_MAC_CTX *keyed;
};

/* Only a lack of memory, or a build of OpenSSL without SHA-256, makes these fail. */
static void must(bool done)
{
    if (!done)
        abort();
}

static EVP_MAC_CTX *hmac_new(const char *secret, size_t len)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(hmac != NULL);
    EVP_MAC_CTX *keyed = EVP_MAC_CTX_new(hmac);
    must(keyed && EVP_MAC_init(keyed, (const unsigned char *)secret, len, params));
    EVP_MAC_free(hmac);
    return keyed;
}

struct signer *signer_new(const char *secret)
{
    size_t len = strlen(secret);
    assert(len > 0);
    struct signer *signer = mem_alloc(sizeof(*signer));
    signer->keyed = hmac_new(secret, len);
    return signer;
}

/* OpenSSL wipes the key. */
void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    EVP_MAC_CTX_free(signer->keyed);
    free(signer);
}

void signer_sign(const struct signer *signer, const char *data, size_t len,
                 char out[SIGNER_TEXT_SIZE])
{
    unsigned char mac[MAC_SIZE], text[SIGNER_TEXT_SIZE + 1];
    size_t mac_len = 0;
    must(EVP_MAC_init(signer->keyed, NULL, 0, NULL) && /* with the key that it has */
         EVP_MAC_update(signer->keyed, (const unsigned char *)data, len) &&
         EVP_MAC_final(signer->keyed, mac, &mac_len, MAC_SIZE) && mac_len == MAC_SIZE);
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
