/* Whoever has a resume token is that client: nobody else may make one, or change it. */
#include "check.h"

#include "core/resume.h"
#include "weft/io/signer.h"

#define NOW_MS 1730000000000u

static struct signer *signer;
static char token[RESUME_SIZE];

static void begin(const struct resume *resume)
{
    signer = signer_new("secret");
    resume_print(signer, "demo", resume, token);
}

static void end(void)
{
    signer_free(signer);
}

static bool is_good(const char *text)
{
    struct resume out;
    return resume_parse(signer, "demo", text, NOW_MS, &out);
}

static const struct resume ann = {31, "u.7", NOW_MS + 1000};

static void it_comes_back_as_it_was(void)
{
    struct resume out;
    begin(&ann);
    REQUIRE(resume_parse(signer, "demo", token, NOW_MS, &out));
    CHECK_EQ_INT(out.cid, 31);
    CHECK_EQ_STR(out.user, "u.7");
    CHECK_EQ_INT(out.expires_ms, NOW_MS + 1000);
    end();
}

static void it_ends(void)
{
    struct resume out;
    begin(&ann);
    CHECK(resume_parse(signer, "demo", token, NOW_MS + 999, &out));
    CHECK(!resume_parse(signer, "demo", token, NOW_MS + 1000, &out));
    end();
}

static void it_is_of_one_project_and_one_key(void)
{
    struct resume out;
    begin(&ann);
    struct signer *other = signer_new("another");
    CHECK(!resume_parse(signer, "demo2", token, NOW_MS, &out));
    CHECK(!resume_parse(other, "demo", token, NOW_MS, &out));
    signer_free(other);
    end();
}

static void every_character_of_it_counts(void)
{
    begin(&ann);
    for (size_t i = 0; i < strlen(token); i++) {
        char was = token[i];
        token[i] = was == '1' ? '2' : '1';
        CHECK(!is_good(token));
        token[i] = was;
    }
    CHECK(is_good(token));
    end();
}

static void what_is_no_token_is_refused(void)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "31",
                                      "31.u7.1730000001000",
                                      "31.u7.",
                                      "...",
                                      "31..99999",
                                      "-1.u7.1830000000000.x",
                                      "31.u7.x.y",
                                      " 31.u7.9.x",
                                      "31.u7.1830000000000.",
                                      "99999999999999999999.u7.1830000000000.sig"};
    begin(&ann);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!is_good(bad[i]));
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(it_comes_back_as_it_was);
    RUN(it_ends);
    RUN(it_is_of_one_project_and_one_key);
    RUN(every_character_of_it_counts);
    RUN(what_is_no_token_is_refused);
    return check_finish();
}
