/*
 * Convergence of whole sessions through the real core: clients that follow the state machine of the
 * protocol (one message in flight, the rest composed in a buffer, rebase one entry at a time),
 * random delays both ways, cuts and resumes, resends, lists and short forms, and another instance
 * that is sometimes first (STATE_CONFLICT). After each round every text equals the fold of the log.
 */
#include "check.h"

#include "core_world.h"

#include "weft/base/log.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#define CLIENTS 4

struct client {
    struct conn *conn;
    char resume[257];
    json_int_t cid, k;
    struct rope *text; /* what the editor shows */
    struct change *inflight[3];
    int inflight_count; /* change sets of the one message in flight */
    struct change *buffer;
    uint64_t v, n, acked; /* acked: change sets of the message that are confirmed */
    bool open, opening;
    uint64_t opened_n;
};

static struct world world;
static struct client clients[CLIENTS];
static uint64_t seed;
static uint64_t tokens;

static uint64_t roll(uint64_t sides)
{
    return check_random(&seed) % sides;
}

static struct change *random_change(size_t len)
{
    static const char *const texts[] = {"", "a", "bc", "\n", "x\ny", "é", "😀", "def\n"};
    size_t at = roll(len + 1), del = roll(4) == 0 ? roll(len - at + 1) : 0;
    if (del > 3)
        del = 3;
    const char *text = texts[del ? roll(8) : 1 + roll(7)];
    tokens++;
    return change_splice(len, at, del, text, strlen(text));
}

/* One that does not cut a pair of the text. */
static struct change *fitting_change(const struct rope *text)
{
    for (;;) {
        struct change *change = random_change(rope_utf16_len(text));
        if (!change_splits_pair(change, text))
            return change;
        change_unref(change);
    }
}

static json_t *to_json(const struct change *change)
{
    struct buf buf = BUF_EMPTY;
    change_print(change, &buf);
    json_t *json = json_loadb(buf.data, buf.len, 0, NULL);
    buf_close(&buf);
    return json;
}

static void send_json(struct client *client, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    world_say(&world, client->conn, text);
    free(text);
    json_decref(message);
}

/* What is not confirmed of the message in flight goes (again) with its numbers. */
static void send_inflight(struct client *client)
{
    json_t *list = json_array();
    for (int i = 0; i < client->inflight_count; i++)
        json_array_append_new(list, to_json(client->inflight[i]));
    json_t *message = json_pack("{s:s,s:i,s:I,s:I}", "t", "edit", "f", 1, "v",
                                (json_int_t)client->v, "n", (json_int_t)client->n);
    if (client->inflight_count == 1 && roll(2))
        json_object_set(message, "c", json_array_get(list, 0));
    else
        json_object_set(message, "cs", list);
    json_decref(list);
    send_json(client, message);
}

static void launch(struct client *client)
{
    if (client->inflight_count || !client->buffer || !client->open)
        return;
    client->inflight[0] = client->buffer;
    client->inflight_count = 1;
    client->buffer = NULL;
    client->n++;
    send_inflight(client);
}

static void type(struct client *client)
{
    struct change *change = fitting_change(client->text);
    change_apply(change, client->text);
    if (!client->buffer) {
        client->buffer = change;
    } else if (!client->inflight_count && client->open && roll(2)) {
        /* A list of two: as the stock clients send what they have. */
        client->inflight[0] = client->buffer;
        client->inflight[1] = change;
        client->inflight_count = 2;
        client->buffer = NULL;
        client->n += 2;
        send_inflight(client);
    } else {
        struct change *both = change_compose(client->buffer, change);
        change_unref(client->buffer);
        change_unref(change);
        client->buffer = both;
    }
    if (roll(2))
        launch(client);
}

static void confirm(struct client *client)
{
    change_unref(client->inflight[0]);
    memmove(client->inflight, client->inflight + 1,
            sizeof(client->inflight) - sizeof(client->inflight[0]));
    client->inflight_count--;
    client->v++;
    launch(client);
}

static void rebase(struct change **own, struct change **x)
{
    struct change *moved = change_map(*own, *x, false), *rest = change_map(*x, *own, true);
    change_unref(*own);
    change_unref(*x);
    *own = moved;
    *x = rest;
}

static void remote(struct client *client, const json_t *message)
{
    char *text = json_dumps(json_object_get(message, "c"), JSON_COMPACT);
    struct change *x;
    struct error error = {ERR_OK, ""};
    struct limits limits = limits_default();
    REQUIRE(decode_change(text, strlen(text), &limits, &x, &error) == ERR_OK);
    free(text);
    for (int i = 0; i < client->inflight_count; i++)
        rebase(&client->inflight[i], &x);
    if (client->buffer)
        rebase(&client->buffer, &x);
    CHECK_EQ_INT(change_len_before(x), rope_utf16_len(client->text));
    REQUIRE(change_len_before(x) == rope_utf16_len(client->text));
    change_apply(x, client->text);
    change_unref(x);
    client->v++;
}

static void hello(struct client *client)
{
    client->conn = world_connect(&world);
    client->open = false;
    client->opening = false;
    client->k++;
    json_t *message = json_pack("{s:s,s:i,s:s,s:s}", "t", "hello", "v", 1, "project", "demo",
                                "template", "blank");
    if (client->resume[0]) {
        json_object_set_new(message, "resume", json_string(client->resume));
        json_object_set_new(message, "k", json_integer(client->k));
    }
    send_json(client, message);
}

static void receive(struct client *client, const json_t *message)
{
    const char *t = json_string_value(json_object_get(message, "t"));
    json_int_t v = json_integer_value(json_object_get(message, "v"));
    if (strcmp(t, "welcome") == 0) {
        snprintf(client->resume, sizeof(client->resume), "%s",
                 json_string_value(json_object_get(message, "resume")));
        client->cid = json_integer_value(json_object_get(message, "cid"));
        send_json(client, json_pack("{s:s,s:i,s:I,s:s}", "t", "open", "f", 1, "v",
                                    (json_int_t)client->v, "ep", "1.test"));
    } else if (strcmp(t, "synced") == 0) {
        client->open = true;
        CHECK_EQ_INT(v, client->v);
        if (client->inflight_count)
            send_inflight(client);
        else
            launch(client);
    } else if (strcmp(t, "ack") == 0) {
        CHECK_EQ_INT(v, client->v + 1);
        CHECK_EQ_INT(json_integer_value(json_object_get(message, "n")),
                     client->n - (uint64_t)client->inflight_count + 1);
        REQUIRE(client->inflight_count);
        confirm(client);
    } else if (strcmp(t, "edit") == 0) {
        CHECK_EQ_INT(v, client->v + 1);
        if (json_integer_value(json_object_get(message, "by")) == client->cid)
            confirm(client);
        else
            remote(client, message);
    } else if (strcmp(t, "error") == 0) {
        CHECK_FAIL("error %s: %s", json_string_value(json_object_get(message, "code")),
                   json_string_value(json_object_get(message, "msg")));
    }
}

/* Some of what has come; the rest comes later. */
static void deliver(struct client *client, size_t most)
{
    json_t *inbox = client->conn->inbox;
    while (most-- && json_array_size(inbox) && !check.failures) {
        json_t *message = json_incref(json_array_get(inbox, 0));
        json_array_remove(inbox, 0);
        receive(client, message);
        json_decref(message);
    }
}

static void cut(struct client *client)
{
    /* What was on its way is lost, or still arrives. */
    if (roll(2))
        deliver(client, roll(4));
    if (roll(3))
        world_cut(&world, client->conn);
    json_array_clear(client->conn->inbox);
    hello(client);
}

/* Another instance was first, sometimes. */
static void other_instance(struct model *model, struct model_file *file)
{
    static uint64_t others;
    (void)model;
    if (roll(4))
        return;
    for (uint64_t i = 0, count = 1 + roll(2); i < count; i++) {
        struct rope *text = rope_new(file->text, strlen(file->text));
        for (uint64_t v = 0; v < file->version; v++) {
            struct logged_edit edit;
            struct error error = {ERR_OK, ""};
            REQUIRE(decode_logged_edit(file->log[v]->data, file->log[v]->len, &edit, &error) ==
                    ERR_OK);
            change_apply(edit.change, text);
            change_unref(edit.change);
        }
        struct change *change = fitting_change(text);
        struct buf buf = BUF_EMPTY;
        uint64_t by = 999999999999 - others++;
        encode_edit(&buf, file->f, file->version + 1, by, 1, change, NULL);
        model_log(file, blob_new(buf.data, buf.len), by, 1);
        buf_close(&buf);
        change_unref(change);
        rope_free(text);
    }
}

static void compare(void)
{
    struct model_file *file = world.model.files[0];
    struct rope *text = rope_new(file->text, strlen(file->text));
    for (uint64_t v = 0; v < file->version; v++) {
        struct logged_edit edit;
        struct error error = {ERR_OK, ""};
        REQUIRE(decode_logged_edit(file->log[v]->data, file->log[v]->len, &edit, &error) == ERR_OK);
        CHECK_EQ_INT(edit.v, v + 1);
        change_apply(edit.change, text);
        change_unref(edit.change);
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ_INT(clients[i].v, file->version);
        CHECK_EQ_INT(rope_utf16_len(clients[i].text), rope_utf16_len(text));
        CHECK_EQ_INT(rope_crc(clients[i].text), rope_crc(text));
    }
    rope_free(text);
}

static void play(uint64_t rounds)
{
    world_init(&world);
    world.model.before_append = other_instance;
    world.model.exists = true;
    model_add(&world.model, "main.c", "hello\nworld", 11);
    world_start(&world);
    memset(clients, 0, sizeof(clients));
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].text = rope_new("hello\nworld", 11);
        hello(&clients[i]);
    }
    for (uint64_t i = 0; i < rounds && !check.failures; i++) {
        struct client *client = &clients[roll(CLIENTS)];
        switch (roll(8)) {
        case 0:
            if (roll(10) == 0)
                cut(client);
            break;
        case 1:
        case 2:
            type(client);
            break;
        case 3:
            world_end_turn(&world);
            break;
        case 4:
            world_end_turn(&world);
            model_answer_one(&world.model);
            break;
        default:
            deliver(client, roll(3));
        }
    }
    for (int quiet = 0; quiet < 3 && !check.failures;) {
        world_settle(&world);
        bool any = false;
        for (int i = 0; i < CLIENTS; i++) {
            any |= json_array_size(clients[i].conn->inbox) > 0;
            deliver(&clients[i], 1000000);
            launch(&clients[i]);
        }
        quiet = any ? 0 : quiet + 1;
    }
    if (!check.failures)
        compare();
}

static void finish(void)
{
    world_end(&world);
    for (int i = 0; i < CLIENTS; i++) {
        rope_free(clients[i].text);
        change_unref(clients[i].buffer);
        for (int j = 0; j < clients[i].inflight_count; j++)
            change_unref(clients[i].inflight[j]);
    }
}

static void sessions_converge_under_delays_cuts_and_conflicts(void)
{
    uint64_t first = check_seed(), worlds = check_long() ? 100000 : 1500;
    uint64_t versions = 0, conflicts = 0;
    for (uint64_t i = 0; i < worlds && !check.failures; i++) {
        seed = first + i;
        play(60 + roll(120));
        versions += world.model.files[0]->version;
        conflicts += registry_counts(world.registry)->conflicts;
        if (check.failures)
            printf("failed in the world of WEFT_SEED=%" PRIu64 "\n", first + i);
        finish();
    }
    printf("%" PRIu64 " worlds, %" PRIu64 " changes typed, %" PRIu64 " versions, %" PRIu64
           " conflicts\n",
           worlds, tokens, versions, conflicts);
    CHECK(conflicts > 0 || worlds < 100);
}

int main(int argc, char **argv)
{
    log_setup(LOG_ERROR, false);
    check_init(argc, argv);
    RUN(sessions_converge_under_delays_cuts_and_conflicts);
    return check_finish();
}
