/*
 * Two instances of core over the model of Redis (tests/sim), for tests of rooms that are held by
 * both: calls, answers and hints pass when the test lets them. Include it once, behind check.h.
 *
 * What happens to a call is said per instance and op, by masks of bits: `held` calls are not even
 * executed, `late` ones are but their answer stays away, of `cut` ones the answer is lost (the core
 * is told STATE_BUSY), and `dropped` ones never come to Redis (likewise).
 */
#ifndef ROOMS_WORLD_H
#define ROOMS_WORLD_H

#include "check.h"
#include "core_conn.h"
#include "model_state.h"

#include "core/root.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"

#define ROOMS_CALLS 4096
#define ROOMS_HINTS 4096
#define OP(name) (1u << MODEL_##name)

struct instance {
    struct model_state state;
    struct bus bus;
    struct repository repository;
    struct registry_config config;
    struct registry *registry;
    unsigned held, late, cut, dropped;
    bool is_deaf;    /* hints do not come */
    bool is_stalled; /* hints wait */
    struct {
        char *data;
        size_t len;
    } hints[ROOMS_HINTS];
    size_t hint_count;
    uint64_t calls[MODEL_OP_COUNT]; /* made */
    uint64_t published;
};

static struct {
    struct model model;
    struct instance all[2];
    struct {
        struct instance *instance;
        struct model_call *call;
        bool is_executed;
        struct model_answer answer;
    } calls[ROOMS_CALLS];
    size_t call_count;
    struct signer signer;
    struct conn *conns[64];
    size_t conn_count;
    uint64_t now, seed;
    const struct repository *repository; /* shared by both; NULL: there is none */
    bool (*carry_more)(void);            /* its answers, one at a time; NULL: there are none */
} rooms;

static struct instance *const here = &rooms.all[0], *const there = &rooms.all[1];

static uint64_t rooms_random(void *owner)
{
    (void)owner;
    return check_random(&rooms.seed);
}

static struct instance *rooms_owner(struct model_state *state)
{
    return state == &here->state ? here : there;
}

static void rooms_send(struct model_state *state, struct model_call *call)
{
    struct instance *instance = rooms_owner(state);
    REQUIRE(rooms.call_count < ROOMS_CALLS);
    instance->calls[call->op]++;
    rooms.calls[rooms.call_count].instance = instance;
    rooms.calls[rooms.call_count].is_executed = false;
    rooms.calls[rooms.call_count++].call = call;
}

static size_t rooms_instances(void *owner)
{
    (void)owner;
    return 2;
}

static void rooms_hear(struct instance *instance, const char *data, size_t len)
{
    if (instance->is_deaf)
        return;
    REQUIRE(instance->hint_count < ROOMS_HINTS);
    instance->hints[instance->hint_count].data = mem_strndup(data, len);
    instance->hints[instance->hint_count++].len = len;
}

static void rooms_publish(void *owner, const char *project, const char *data, size_t len)
{
    (void)owner;
    CHECK_EQ_STR(project, "demo");
    rooms_hear(here, data, len);
    rooms_hear(there, data, len);
}

static void rooms_say_on_bus(struct bus *bus, const char *project, const char *data, size_t len)
{
    (bus == &here->bus ? here : there)->published++;
    rooms_publish(NULL, project, data, len);
}

static void rooms_join(struct bus *bus, const char *project)
{
    bus->sink.joined(bus->sink.owner, project);
}

static void rooms_leave(struct bus *bus, const char *project)
{
    (void)bus, (void)project;
}

static void rooms_start(struct instance *instance, const char *name)
{
    static const struct bus_ops bus_ops = {rooms_join, rooms_leave, rooms_say_on_bus};
    memset(instance, 0, sizeof(*instance));
    model_state_init(&instance->state, &rooms.model, name, "run");
    instance->state.send = rooms_send;
    instance->state.random = rooms_random;
    instance->bus.ops = &bus_ops;
    if (rooms.repository)
        instance->repository = *rooms.repository;
    instance->config = registry_config_default();
    instance->config.instance = name;
    instance->config.random = rooms_random;
    instance->config.unload_after_ms = 1000000;
    for (int i = 0; i < RATE_COUNT; i++)
        instance->config.rates[i] = (struct rate){1000000000, 1000000000};
    instance->registry = registry_new(&instance->config, &instance->state.port,
                                      &instance->repository, &instance->bus, &rooms.signer);
}

/* ---- turns ---- */

static void rooms_end_turn(struct instance *instance)
{
    registry_turn(instance->registry, rooms.now, 1730000000000 + rooms.now);
    for (size_t i = 0; i < rooms.conn_count; i++) {
        struct conn *conn = rooms.conns[i];
        struct session *session = conn->session;
        if (!conn->closing || !session || session->registry != instance->registry)
            continue;
        conn->session = NULL;
        session_disconnected(session, conn->code, "closed", rooms.now);
    }
}

static bool rooms_hear_one(struct instance *instance)
{
    if (instance->is_stalled || instance->hint_count == 0)
        return false;
    char *data = instance->hints[0].data;
    size_t len = instance->hints[0].len;
    memmove(instance->hints, instance->hints + 1,
            --instance->hint_count * sizeof(instance->hints[0]));
    const struct bus_sink *sink = &instance->bus.sink;
    sink->received(sink->owner, "demo", data, len);
    free(data);
    return true;
}

static void rooms_execute(size_t i)
{
    rooms.model.now_us = (1730000000000 + rooms.now) * 1000 + rooms.call_count;
    model_execute(&rooms.model, rooms.calls[i].call, &rooms.calls[i].answer);
    rooms.calls[i].is_executed = true;
}

/* Carries the first call that may go on; false where there is none. */
static bool rooms_carry_one(void)
{
    for (size_t i = 0; i < rooms.call_count; i++) {
        struct instance *instance = rooms.calls[i].instance;
        struct model_call *call = rooms.calls[i].call;
        unsigned bit = 1u << call->op;
        bool is_lost = (instance->dropped | instance->cut) & bit;
        if (!rooms.calls[i].is_executed && !(instance->held & bit) && !(instance->dropped & bit))
            rooms_execute(i);
        if ((!rooms.calls[i].is_executed || instance->late & bit) && !is_lost)
            continue;
        struct model_answer answer = rooms.calls[i].answer;
        memmove(rooms.calls + i, rooms.calls + i + 1,
                (--rooms.call_count - i) * sizeof(rooms.calls[0]));
        if (is_lost)
            model_refuse(&instance->state, call);
        else
            model_answer(&instance->state, call, &answer);
        return true;
    }
    return false;
}

/* Turns until nothing goes on any more. */
static void rooms_settle(void)
{
    do {
        rooms_end_turn(here);
        rooms_end_turn(there);
    } while (rooms_carry_one() || rooms_hear_one(here) || rooms_hear_one(there) ||
             (rooms.carry_more && rooms.carry_more()));
    rooms_end_turn(here);
    rooms_end_turn(there);
}

/* Lets time pass in ticks, settling. */
CHECK_UNUSED static void pass(uint64_t ms)
{
    for (uint64_t end = rooms.now + ms; rooms.now < end; rooms.now += 50) {
        registry_tick(here->registry, rooms.now, 1730000000000 + rooms.now);
        registry_tick(there->registry, rooms.now, 1730000000000 + rooms.now);
        rooms_settle();
    }
}

/* ---- people ---- */

static struct conn *connect_to(struct instance *instance)
{
    struct conn *conn = mem_zalloc(sizeof(*conn));
    conn->inbox = json_array();
    conn->session = registry_connect(instance->registry, conn, "127.0.0.1", rooms.now);
    rooms.conns[rooms.conn_count++] = conn;
    return conn;
}

CHECK_UNUSED static void cut(struct conn *conn)
{
    struct session *session = conn->session;
    conn->session = NULL;
    if (session)
        session_disconnected(session, 1006, "cut", rooms.now);
}

/* Without a turn behind it. */
static void tell(struct conn *conn, const char *text)
{
    if (conn->session && !conn->closing)
        session_receive(conn->session, text, strlen(text), rooms.now);
}

static void say(struct conn *conn, const char *text)
{
    tell(conn, text);
    rooms_settle();
}

static struct conn *join(struct instance *instance, const char *name)
{
    struct conn *conn = connect_to(instance);
    char hello[200];
    snprintf(hello, sizeof(hello), "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"name\":\"%s\"}",
             name);
    say(conn, hello);
    return conn;
}

/* The next message of type t; the test ends where it is missing. Lives until the next call. */
static json_t *expect(struct conn *conn, const char *t)
{
    static json_t *last;
    json_decref(last);
    last = conn_next(conn, t);
    if (!last)
        CHECK_FAIL("no %s came", t);
    REQUIRE(last);
    return last;
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

/* What came of the field of a message as JSON text. Lives until the next call. */
CHECK_UNUSED static const char *field(const json_t *message, const char *key)
{
    static char text[4000];
    char *dump = json_dumps(json_object_get(message, key), JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(text, sizeof(text), "%s", dump ? dump : "(none)");
    free(dump);
    return text;
}

CHECK_UNUSED static void quiet(struct conn *conn)
{
    char *left = json_dumps(conn->inbox, 0);
    CHECK_EQ_STR(left, "[]");
    free(left);
}

/* The next k of a client that was welcomed with this resume token. */
CHECK_UNUSED static struct conn *come_back(struct instance *instance, const char *resume, int k)
{
    struct conn *conn = connect_to(instance);
    char hello[600];
    snprintf(hello, sizeof(hello),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"name\":\"Back\",\"resume\":\"%s\","
             "\"k\":%d}",
             resume, k);
    say(conn, hello);
    return conn;
}

/* ---- what is held ---- */

static struct room *room_of(struct instance *instance)
{
    return TAILQ_FIRST(&instance->registry->rooms);
}

/* The replica's text. Lives until the next call. */
CHECK_UNUSED static const char *text_at(struct instance *instance, uint64_t f)
{
    static char text[300000];
    const struct file *file = room_file(room_of(instance), f);
    REQUIRE(file && file->document);
    size_t len = rope_len(document_rope(file->document));
    REQUIRE(len < sizeof(text));
    rope_copy(document_rope(file->document), text);
    text[len] = '\0';
    return text;
}

CHECK_UNUSED static uint64_t version_at(struct instance *instance, uint64_t f)
{
    return file_version(room_file(room_of(instance), f));
}

/* ---- the world ---- */

/* Ann is here, Bob there; both have main.c ("hello world", f = 1) open. */
static struct conn *ann, *bob;

static void rooms_create_project(void)
{
    const struct state_new_file file = {"main.c", "hello world", 11, "\n"};
    const struct state_create create = {"Demo", "blank", &file, 1};
    const struct state_ticket ticket = {.project = "demo", .epoch = ""};
    here->state.port.ops->create(&here->state.port, &ticket, &create);
    rooms_settle();
}

/* Both instances, and nothing in Redis. */
static void rooms_begin(const struct model_config *config)
{
    rooms.seed = 1;
    rooms.now = 100000;
    model_init(&rooms.model, config);
    rooms.model.now_us = (1730000000000 + rooms.now) * 1000;
    rooms.model.publish = rooms_publish;
    rooms.model.instances = rooms_instances;
    rooms_start(here, "here");
    rooms_start(there, "there");
}

CHECK_UNUSED static void begin(void)
{
    const struct model_config config = {
        .lease_ms = 10000, .load_ms = 10000, .history = 1000, .events = 100};
    memset(&rooms, 0, sizeof(rooms));
    rooms_begin(&config);
    rooms_create_project();
}

CHECK_UNUSED static void two_readers(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(bob, "{\"t\":\"open\",\"f\":1}");
    pass(1500);
    json_array_clear(ann->inbox);
    json_array_clear(bob->inbox);
}

static void end(void)
{
    for (size_t i = 0; i < rooms.conn_count; i++)
        cut(rooms.conns[i]);
    for (int i = 0; i < 2; i++) {
        struct instance *instance = &rooms.all[i];
        instance->held = instance->late = instance->cut = instance->dropped = 0;
        instance->is_stalled = false;
        instance->is_deaf = true;
    }
    rooms_settle();
    registry_free(here->registry);
    registry_free(there->registry);
    for (size_t i = 0; i < rooms.conn_count; i++) {
        json_decref(rooms.conns[i]->inbox);
        free(rooms.conns[i]);
    }
    model_close(&rooms.model);
}

#endif
