/*
 * People who talk to core in tests: one world, Ann and Bob, and what is said and expected in one
 * line each. Include it once.
 */
#ifndef TEST_CORE_TALK_H
#define TEST_CORE_TALK_H

#include "check.h"

#include "core_world.h"

static struct world world;

CHECK_UNUSED static struct conn *join(const char *name)
{
    struct conn *conn = world_connect(&world);
    char hello[200];
    snprintf(
        hello, sizeof(hello),
        "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"template\":\"blank\",\"name\":\"%s\"}",
        name);
    world_say(&world, conn, hello);
    world_settle(&world);
    return conn;
}

CHECK_UNUSED static json_int_t number(const json_t *message, const char *key)
{
    return json_integer_value(json_object_get(message, key));
}

CHECK_UNUSED static const char *string(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text ? text : "(none)";
}

CHECK_UNUSED static void say(struct conn *conn, const char *text)
{
    world_say(&world, conn, text);
    world_settle(&world);
}

/* The next message of type t; the test ends where it is missing. Lives until the next call. */
CHECK_UNUSED static json_t *expect(struct conn *conn, const char *t)
{
    static json_t *last;
    json_decref(last);
    last = conn_next(conn, t);
    if (!last)
        CHECK_FAIL("no %s came", t);
    REQUIRE(last);
    return last;
}

CHECK_UNUSED static void expect_error(struct conn *conn, const char *code)
{
    CHECK_EQ_STR(string(expect(conn, "error"), "code"), code);
}

CHECK_UNUSED static void quiet(struct conn *conn)
{
    char *left = json_dumps(conn->inbox, 0);
    CHECK_EQ_STR(left, "[]");
    free(left);
}

/* Ann and Bob have main.c ("hello world", f = 1) open. */
static struct conn *ann, *bob;

CHECK_UNUSED static void begin(void)
{
    world_init(&world);
    world.config.unload_after_ms = 1000000;
}

/* Behind begin, where the test may have changed the configuration. */
CHECK_UNUSED static void two_readers_start(void)
{
    world_start(&world);
    ann = join("Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"main.c\",\"text\":\"hello world\",\"q\":1}");
    bob = join("Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(bob, "{\"t\":\"open\",\"path\":\"main.c\"}");
    world_pass(&world, 100); /* that Bob came */
    json_array_clear(ann->inbox);
    json_array_clear(bob->inbox);
}

CHECK_UNUSED static void two_readers(void)
{
    begin();
    two_readers_start();
}

CHECK_UNUSED static void end(void)
{
    world_end(&world);
}

/* What came of the field of a message as JSON text, to be compared. Lives until the next call. */
CHECK_UNUSED static const char *field(const json_t *message, const char *key)
{
    static char text[4000];
    char *dump = json_dumps(json_object_get(message, key), JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(text, sizeof(text), "%s", dump ? dump : "(none)");
    free(dump);
    return text;
}

#endif
