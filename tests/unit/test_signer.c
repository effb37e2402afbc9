#include "weft/io/signer.h"

#include "check.h"

/* RFC 4231, test cases 1 and 2. */
static void signatures_are_hmac_sha_256(void)
{
    static const struct {
        const char *key, *data, *hex;
    } cases[] = {
        {"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
         "Hi There", "sDRMYdjbOFNcqK_OrwvxK4gdwgDJgz2nJuk3bC4yz_c"},
        {"Jefe", "what do ya want for nothing?", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[SIGNER_TEXT_SIZE];
        struct signer *signer = signer_new(cases[i].key);
        signer_sign(signer, cases[i].data, strlen(cases[i].data), out);
        CHECK_EQ_STR(out, cases[i].hex);
        CHECK(signer_verify(signer, cases[i].data, strlen(cases[i].data), out));
        signer_free(signer);
    }
}

static void another_text_key_or_signature_is_refused(void)
{
    char out[SIGNER_TEXT_SIZE];
    struct signer *signer = signer_new("secret"), *other = signer_new("secreT");
    signer_sign(signer, "31.u7.99", 8, out);
    CHECK(signer_verify(signer, "31.u7.99", 8, out));
    CHECK(!signer_verify(signer, "32.u7.99", 8, out));
    CHECK(!signer_verify(signer, "31.u7.9", 7, out));
    CHECK(!signer_verify(other, "31.u7.99", 8, out));
    CHECK(!signer_verify(signer, "31.u7.99", 8, ""));
    CHECK(!signer_verify(signer, "31.u7.99", 8,
                         "a much longer text than any signature there ever is"));
    for (int i = 0; i < SIGNER_TEXT_SIZE - 1; i++) {
        out[i] ^= 1;
        CHECK(!signer_verify(signer, "31.u7.99", 8, out));
        out[i] ^= 1;
    }
    CHECK(signer_verify(signer, "31.u7.99", 8, out));
    signer_free(signer);
    signer_free(other);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(signatures_are_hmac_sha_256);
    RUN(another_text_key_or_signature_is_refused);
    return check_finish();
}
