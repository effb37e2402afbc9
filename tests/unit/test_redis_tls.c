/* rediss:// to a real redis-server with TLS, and certificates made by openssl in the test's folder:
 * one of an authority of our own for the name "redis.test" and the address 127.0.0.1, one for
 * somebody else, one that has expired. */
#include "check.h"
#include "redis_link_world.h"
#include "redis_world.h"
#include "weft/base/mem.h"

struct tls_redis {
    struct redis_world redis;
    int port;
    char port_text[8], cert[320], key[320], ca[320];
};

static void run(const char *folder, const char *command)
{
    char line[1500];
    snprintf(line, sizeof(line), "cd '%s' && (%s) >>openssl.log 2>&1", folder, command);
    if (system(line) != 0)
        SKIP("openssl cannot make certificates");
}

/* names: "DNS:redis.test,IP:127.0.0.1". */
static void make_certificate(const char *folder, const char *name, const char *names,
                             const char *days)
{
    char command[1200];
    snprintf(command, sizeof(command),
             "printf 'subjectAltName=%s\\n' >%s.ext && "
             "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s.key "
             "-subj /CN=%s -out %s.req && "
             "openssl x509 -req -in %s.req -CA ca.crt -CAkey ca.key -CAcreateserial %s "
             "-extfile %s.ext -out %s.crt",
             names, name, name, name, name, name, days, name, name);
    run(folder, command);
}

static void start(struct tls_redis *tls, const char *names, const char *days)
{
    struct redis_world *redis = &tls->redis;
    redis_world_init(redis);
    run(redis->folder, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                       "-days 2 -subj /CN=weft-test -keyout ca.key -out ca.crt");
    make_certificate(redis->folder, "redis", names, days);
    tls->port = redis_world_free_port();
    snprintf(tls->port_text, sizeof(tls->port_text), "%d", tls->port);
    snprintf(tls->cert, sizeof(tls->cert), "%s/redis.crt", redis->folder);
    snprintf(tls->key, sizeof(tls->key), "%s/redis.key", redis->folder);
    snprintf(tls->ca, sizeof(tls->ca), "%s/ca.crt", redis->folder);
    const char *args[] = {"--tls-port",         tls->port_text, "--tls-cert-file",    tls->cert,
                          "--tls-key-file",     tls->key,       "--tls-auth-clients", "no",
                          "--tls-ca-cert-file", tls->ca};
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        redis->args[redis->arg_count++] = args[i];
    redis_world_again(redis);
}

static void expect_up(const struct tls_redis *tls, const char *host, const char *parameters)
{
    static struct link_world world;
    char url[600];
    snprintf(url, sizeof(url), "rediss://%s:%d%s", host, tls->port, parameters);
    link_world_open(&world, url, 5000, false);
    WAIT_FOR(&world, world.ups == 1);
    link_world_close(&world);
}

/* problem NULL: any. */
static void expect_problem(const char *url, const char *problem)
{
    static struct link_world world;
    link_world_open(&world, url, 1000, false);
    const char *now = redis_link_problem(world.link);
    WAIT_FOR(&world, strcmp(now, "not connected yet") != 0 && (!problem || strstr(now, problem)));
    CHECK_EQ_INT(world.ups, 0);
    link_world_close(&world);
}

static void expect_refusal(const struct tls_redis *tls, const char *host, const char *parameters,
                           const char *problem)
{
    char url[600];
    snprintf(url, sizeof(url), "rediss://%s:%d%s", host, tls->port, parameters);
    expect_problem(url, problem);
}

static void a_certificate_must_be_trusted_and_of_that_name(void)
{
    static struct tls_redis tls;
    char ca[400], none[400];
    start(&tls, "DNS:redis.test,DNS:localhost,IP:127.0.0.1", "-days 2");
    snprintf(ca, sizeof(ca), "?ca=%s", tls.ca);
    snprintf(none, sizeof(none), "?ca=%s-nothing", tls.ca);
    expect_up(&tls, "127.0.0.1", ca);
    expect_up(&tls, "localhost", ca);
    expect_up(&tls, "127.0.0.1", "?verify=none");
    expect_refusal(&tls, "127.0.0.1", "", "self-signed certificate");
    expect_refusal(&tls, "127.0.0.1", none, "-nothing: No such file or directory");
    expect_refusal(&tls, "127.0.0.2", ca, "cannot connect");
    redis_world_remove(&tls.redis);
}

static void a_certificate_of_another_is_refused(void)
{
    static struct tls_redis tls;
    char ca[400];
    start(&tls, "DNS:redis.test,DNS:*.localhost,IP:127.0.0.9", "-days 2");
    snprintf(ca, sizeof(ca), "?ca=%s", tls.ca);
    expect_refusal(&tls, "127.0.0.1", ca, "IP address mismatch");
    expect_refusal(&tls, "localhost", ca, "hostname mismatch");
    expect_up(&tls, "localhost", "?verify=none");
    redis_world_remove(&tls.redis);
}

static void an_expired_certificate_is_refused(void)
{
    static struct tls_redis tls;
    char ca[400];
    start(&tls, "IP:127.0.0.1", "-days -1");
    snprintf(ca, sizeof(ca), "?ca=%s", tls.ca);
    expect_refusal(&tls, "127.0.0.1", ca, "certificate has expired");
    redis_world_remove(&tls.redis);
}

static void tls_and_plain_do_not_meet(void)
{
    static struct tls_redis tls;
    char url[600];
    start(&tls, "IP:127.0.0.1", "-days 2");
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", tls.port);
    expect_problem(url, NULL); /* it is cut off, in one of several ways */
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d?verify=none", tls.redis.port);
    expect_problem(url, NULL); /* Redis may wait for more of that command */
    redis_world_remove(&tls.redis);
}

static void large_data_and_faults_pass_through_tls(void)
{
    static struct tls_redis tls;
    static struct link_world world;
    size_t len = 8000000;
    char url[600], *text = mem_alloc(len);
    memset(text, 'x', len);
    start(&tls, "IP:127.0.0.1", "-days 2");
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d?ca=%s", tls.port, tls.ca);
    link_world_open(&world, url, 5000, false);
    WAIT_FOR(&world, world.ups == 1);
    struct redis_arg set[] = {{"SET", 3}, {"big", 3}, {text, len}};
    redis_link_send(world.link, set, 3, link_world_replied, NULL);
    link_world_send(&world, "GET", "big", NULL);
    WAIT_FOR(&world, world.replies == 2);
    CHECK_EQ_INT(world.last_len, len);
    for (int i = 1; i <= 3; i++) {
        link_world_send(&world, "INCR", "n", NULL);
        CHECK(redis_world_do(&tls.redis, "CLIENT", "KILL", "TYPE", "normal"));
        WAIT_FOR(&world, world.ups == 1 + i);
    }
    redis_world_kill(&tls.redis);
    WAIT_FOR(&world, world.downs == 4);
    redis_world_again(&tls.redis);
    WAIT_FOR(&world, world.ups == 5);
    struct redis_link *link = world.link;
    redis_link_send(link, set, 3, link_world_replied, NULL);
    world.link = NULL;
    redis_link_close(link); /* in the middle of a write */
    link_world_close(&world);
    redis_world_remove(&tls.redis);
    free(text);
}

static void messages_come_through_tls(void)
{
    static struct tls_redis tls;
    static struct link_world world;
    char url[600];
    start(&tls, "IP:127.0.0.1", "-days 2");
    snprintf(url, sizeof(url), "rediss://127.0.0.1:%d?ca=%s", tls.port, tls.ca);
    link_world_open(&world, url, 5000, true);
    redis_link_subscribe(world.link, "weft:{p}");
    WAIT_FOR(&world, world.on == 1);
    for (int i = 0; i < 100; i++)
        CHECK(redis_world_do(&tls.redis, "PUBLISH", "weft:{p}", "hello"));
    WAIT_FOR(&world, world.messages == 100);
    CHECK_EQ_STR(world.last, "hello");
    world.close_soon = true;
    CHECK(redis_world_do(&tls.redis, "PUBLISH", "weft:{p}", "hello"));
    CHECK(redis_world_do(&tls.redis, "PUBLISH", "weft:{p}", "hello"));
    WAIT_FOR(&world, world.link == NULL);
    CHECK_EQ_INT(world.messages, 101);
    link_world_close(&world);
    redis_world_remove(&tls.redis);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_certificate_must_be_trusted_and_of_that_name);
    RUN(a_certificate_of_another_is_refused);
    RUN(an_expired_certificate_is_refused);
    RUN(tls_and_plain_do_not_meet);
    RUN(large_data_and_faults_pass_through_tls);
    RUN(messages_come_through_tls);
    return check_finish();
}
