/* URLs of Redis: what each says, and what is refused, without a word of the password. */
#include "check.h"
#include "io/redis_address.h"
#include "weft/io/redis_link.h"

#define RUN_TABLE(table, test)                                                                     \
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)                                  \
        test(&table[i]);

static const struct good {
    const char *url, *label, *host;
    int port;
    const char *user, *password;
    unsigned db;
} good[] = {
    {"redis://localhost", "redis://localhost:6379", "localhost", 6379, NULL, NULL, 0},
    {"redis://localhost/", "redis://localhost:6379", "localhost", 6379, NULL, NULL, 0},
    {"redis://10.0.0.7:7000/3", "redis://10.0.0.7:7000/3", "10.0.0.7", 7000, NULL, NULL, 3},
    {"redis://[::1]:7000", "redis://[::1]:7000", "::1", 7000, NULL, NULL, 0},
    {"redis://[fe80::1]/1", "redis://[fe80::1]:6379/1", "fe80::1", 6379, NULL, NULL, 1},
    {"redis://:pw@h", "redis://h:6379", "h", 6379, NULL, "pw", 0},
    {"redis://anna:pw@h:1", "redis://h:1", "h", 1, "anna", "pw", 0},
    {"redis://an%20na:p%40%3a%2Fw@h", "redis://h:6379", "h", 6379, "an na", "p@:/w", 0},
    {"redis://a:b:c@h", "redis://h:6379", "h", 6379, "a", "b:c", 0},
    {"redis://a:b@c@h", "redis://h:6379", "h", 6379, "a", "b@c", 0},
    {"redis://:%c3%bc@h", "redis://h:6379", "h", 6379, NULL, "\xc3\xbc", 0},
    {"redis://:%25@h", "redis://h:6379", "h", 6379, NULL, "%", 0},
    {"redis://:%10@h", "redis://h:6379", "h", 6379, NULL, "\x10", 0},
    {"redis://h_1.my-site.example:65535/65535", "redis://h_1.my-site.example:65535/65535",
     "h_1.my-site.example", 65535, NULL, NULL, 65535},
};

static void expect_good(const struct good *row)
{
    struct error error = {0};
    struct redis_address *address = redis_address_parse(row->url, &error);
    if (!address) {
        CHECK_FAIL("%s: %s", row->url, error.text);
        return;
    }
    CHECK_EQ_STR(redis_address_label(address), row->label);
    CHECK_EQ_INT(address->host_count, 1);
    CHECK_EQ_STR(address->hosts[0].name, row->host);
    CHECK_EQ_INT(address->hosts[0].port, row->port);
    CHECK_EQ_STR(address->user, row->user);
    CHECK_EQ_STR(address->password, row->password);
    CHECK_EQ_INT(address->db, row->db);
    CHECK(!address->is_tls && !address->path && !address->service);
    redis_address_free(address);
}

static void a_url_is_taken_apart(void)
{
    RUN_TABLE(good, expect_good);
}

static void tls_is_verified_unless_it_says_otherwise(void)
{
    struct redis_address *address = redis_address_parse("rediss://:pw@h:1", NULL);
    REQUIRE(address);
    CHECK(address->is_tls && address->is_verified && !address->ca);
    CHECK_EQ_STR(redis_address_label(address), "rediss://h:1");
    redis_address_free(address);

    address = redis_address_parse("rediss://h/2?ca=/etc/my%20ca.pem", NULL);
    REQUIRE(address);
    CHECK(address->is_verified);
    CHECK_EQ_STR(address->ca, "/etc/my ca.pem");
    CHECK_EQ_INT(address->db, 2);
    redis_address_free(address);

    address = redis_address_parse("rediss://h?verify=none&ca=x", NULL);
    REQUIRE(address);
    CHECK(!address->is_verified);
    CHECK_EQ_STR(address->ca, "x");
    redis_address_free(address);
}

static void a_unix_socket_has_a_path(void)
{
    struct redis_address *address = redis_address_parse("unix:///run/redis/my%20s.sock", NULL);
    REQUIRE(address);
    CHECK_EQ_STR(address->path, "/run/redis/my s.sock");
    CHECK_EQ_INT(address->host_count, 0);
    CHECK_EQ_STR(redis_address_label(address), "unix:///run/redis/my%20s.sock");
    redis_address_free(address);
    address = redis_address_parse("unix://anna:pw@/s", NULL);
    REQUIRE(address);
    CHECK_EQ_STR(address->path, "/s");
    CHECK_EQ_STR(address->user, "anna");
    redis_address_free(address);
}

static void sentinels_are_several_and_name_a_service(void)
{
    struct redis_address *address =
        redis_address_parse("redis+sentinel://anna:pw@a:1,[::1],c/my%2Fmaster/4", NULL);
    REQUIRE(address);
    CHECK_EQ_INT(address->host_count, 3);
    CHECK_EQ_STR(address->hosts[1].name, "::1");
    CHECK_EQ_INT(address->hosts[1].port, 26379);
    CHECK_EQ_STR(address->hosts[2].name, "c");
    CHECK_EQ_STR(address->service, "my/master");
    CHECK_EQ_INT(address->db, 4);
    CHECK_EQ_STR(redis_address_label(address),
                 "redis+sentinel://a:1,[::1]:26379,c:26379/my%2Fmaster/4");
    redis_address_free(address);
}

static const char *const bad[] = {
    "",
    "redis",
    "redis:",
    "redis:/h",
    "redis://",
    "redis:///0",
    "Redis://h",
    "http://h",
    " redis://h",
    "redis://h ",
    "redis://h\n",
    "redis://h\r\nAUTH hunter2",
    "redis://h:",
    "redis://h:0",
    "redis://h:65536",
    "redis://h:99999999999999999999",
    "redis://h:-1",
    "redis://h:6379x",
    "redis://h:6379:1",
    "redis://h h",
    "redis://h%41",
    "redis://[::1",
    "redis://[]",
    "redis://[zz]",
    "redis://[::1]x",
    "redis://::1",
    "redis://h/x",
    "redis://h/-1",
    "redis://h/1/2",
    "redis://h/65536",
    "redis://h/0#x",
    "redis://h,i",
    "redis://h,",
    "redis://hunter2@h",
    "redis://anna:@h",
    "redis://anna:hunter2%@h",
    "redis://anna:hunter2%4@h",
    "redis://anna:hunter2%zz@h",
    "redis://anna:hunter2%00@h",
    "redis://%00:hunter2@h",
    "redis://h?ca=x",
    "redis://h?verify=none",
    "rediss://h?",
    "rediss://h?verify=no",
    "rediss://h?verify=None",
    "rediss://h?verify=none&",
    "rediss://h?ca=",
    "rediss://h?ca=x&ca=y",
    "rediss://h?password=hunter2",
    "rediss://h?VERIFY=none",
    "unix://",
    "unix://s",
    "unix://h/s",
    "unix:///s?db=1",
    "redis+sentinel://h",
    "redis+sentinel://h/",
    "redis+sentinel://h//0",
    "redis+sentinel://h/m/x",
    "redis+sentinel://,h/m",
    "redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/m",
};

static void what_is_not_understood_is_refused_without_a_word_of_it(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = {0};
        struct redis_address *address = redis_address_parse(bad[i], &error);
        if (address)
            CHECK_FAIL("taken: \"%s\"", bad[i]);
        CHECK(address || error.code == ERR_BAD_MESSAGE);
        CHECK(address || error.text[0] != '\0');
        CHECK(!strstr(error.text, "hunter2"));
        redis_address_free(address);
    }
}

static void what_is_too_long_is_refused(void)
{
    char url[600] = "redis://", path[200] = "unix:///";
    memset(url + 8, 'h', 256);
    CHECK(redis_address_parse(url, NULL) == NULL);
    url[8 + 255] = '\0';
    struct redis_address *address = redis_address_parse(url, NULL);
    CHECK(address != NULL);
    redis_address_free(address);
    memset(path + 8, 'p', 107);
    CHECK(redis_address_parse(path, NULL) == NULL);
    path[8 + 106] = '\0';
    address = redis_address_parse(path, NULL);
    CHECK(address != NULL);
    redis_address_free(address);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_url_is_taken_apart);
    RUN(tls_is_verified_unless_it_says_otherwise);
    RUN(a_unix_socket_has_a_path);
    RUN(sentinels_are_several_and_name_a_service);
    RUN(what_is_not_understood_is_refused_without_a_word_of_it);
    RUN(what_is_too_long_is_refused);
    return check_finish();
}
