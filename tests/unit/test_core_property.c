/*
 * Convergence of whole sessions through the real core: clients that follow the state machine of the
 * protocol (one message in flight, the rest composed in a buffer, rebase one entry at a time),
 * random delays both ways, cuts and resumes, resends, lists, a bot with short forms, files that
 * come and go, a replica that remembers little, a state that fails or forgets that it did not, and
 * another instance that is sometimes first (STATE_CONFLICT). What a client made of its own change
 * and of its selection while it waited is what the log has of them; after each round every text
 * equals the fold of the log.
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
    int64_t sel[4]; /* of the message in flight, in the text after it; sel[0] < 0: it has none */
    uint64_t v, n, e;
    bool open, opening;
};

static struct world world;
static struct client clients[CLIENTS];
static struct client bot, keeper; /* who sends short forms; who changes the tree */
static bool faults;               /* the state fails now and then */
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
    if (client->sel[0] >= 0)
        json_object_set_new(message, "sel",
                            json_pack("[I,I,I,I]", (json_int_t)client->sel[0],
                                      (json_int_t)client->sel[1], (json_int_t)client->sel[2],
                                      (json_int_t)client->sel[3]));
    send_json(client, message);
}

static void select_somewhere(struct client *client)
{
    size_t len = change_len_after(client->inflight[client->inflight_count - 1]);
    for (int i = 0; i < 4; i++)
        client->sel[i] = (int64_t)roll(len + 1);
    if (roll(3) == 0)
        client->sel[0] = -1;
}

static void launch(struct client *client)
{
    if (client->inflight_count || !client->buffer || !client->open)
        return;
    client->inflight[0] = client->buffer;
    client->inflight_count = 1;
    client->buffer = NULL;
    client->n++;
    select_somewhere(client);
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
        select_somewhere(client);
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

/* What the log has is what the client made of its own while it waited for it. */
static void check_logged(const struct client *client)
{
    const struct blob *message = world.model.files[0]->log[client->v];
    json_t *entry = json_loadb(message->data, message->len, 0, NULL);
    json_t *own = to_json(client->inflight[0]);
    CHECK(json_equal(json_object_get(entry, "c"), own));
    json_decref(own);
    const json_t *sel = json_object_get(entry, "sel");
    bool has_sel = client->inflight_count == 1 && client->sel[0] >= 0;
    CHECK_EQ_INT(json_array_size(sel), has_sel ? 4 : 0);
    for (size_t i = 0; has_sel && i < 4; i++)
        CHECK_EQ_INT(json_integer_value(json_array_get(sel, i)), client->sel[i]);
    json_decref(entry);
}

static void confirm(struct client *client)
{
    check_logged(client);
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

/* CodeMirror's mapPos, over the JSON form: before what is inserted at it; out of what is deleted.
 */
static int64_t map_position(const json_t *parts, int64_t pos)
{
    int64_t before = 0, after = 0;
    size_t i, line;
    json_t *part, *text;
    json_array_foreach(parts, i, part)
    {
        if (json_is_integer(part)) {
            int64_t kept = json_integer_value(part);
            if (pos < before + kept)
                return after + pos - before;
            before += kept;
            after += kept;
            continue;
        }
        int64_t deleted = json_integer_value(json_array_get(part, 0)), inserted = 0;
        if (pos <= before + deleted && (pos < before + deleted || deleted == 0 || pos == before))
            return after;
        json_array_foreach(part, line, text)
        {
            if (line > 0)
                inserted += (line > 1) + (int64_t)utf8_utf16_len(json_string_value(text),
                                                                 json_string_length(text));
        }
        before += deleted;
        after += inserted;
    }
    return after;
}

static void move_selection(struct client *client, const struct change *x)
{
    json_t *parts = to_json(x);
    for (int i = 0; client->sel[0] >= 0 && i < 4; i++)
        client->sel[i] = map_position(parts, client->sel[i]);
    json_decref(parts);
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
    move_selection(client, x);
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
        json_object_set_new(message, "ep", json_string("1.test"));
        json_object_set_new(message, "e", json_integer((json_int_t)client->e));
    }
    send_json(client, message);
}

static void ask_open(struct client *client)
{
    client->open = false;
    if (client->opening)
        return;
    client->opening = true;
    send_json(client, json_pack("{s:s,s:i,s:I,s:s}", "t", "open", "f", 1, "v",
                                (json_int_t)client->v, "ep", "1.test"));
}

static void welcomed(struct client *client, const json_t *message)
{
    bool is_first = client->resume[0] == '\0';
    snprintf(client->resume, sizeof(client->resume), "%s",
             json_string_value(json_object_get(message, "resume")));
    client->cid = json_integer_value(json_object_get(message, "cid"));
    if (is_first)
        client->e = (uint64_t)json_integer_value(json_object_get(message, "e"));
}

/* The history is gone: this client gives up what it has not sent. */
static void start_anew(struct client *client, const json_t *message)
{
    for (int i = 0; i < client->inflight_count; i++)
        change_unref(client->inflight[i]);
    change_unref(client->buffer);
    client->inflight_count = 0;
    client->buffer = NULL;
    const json_t *text = json_object_get(message, "text");
    rope_free(client->text);
    client->text = rope_new(json_string_value(text), json_string_length(text));
    client->v = (uint64_t)json_integer_value(json_object_get(message, "v"));
    uint64_t n = (uint64_t)json_integer_value(json_object_get(message, "n"));
    client->n = n > client->n ? n : client->n;
    client->open = true;
    client->opening = false;
}

/* After an error the file is open no more; what is in flight goes again once it is. */
static void refused(struct client *client, const json_t *message)
{
    const char *code = json_string_value(json_object_get(message, "code"));
    static const char *const expected[] = {"stale", "busy", "not_open"};
    bool known = false;
    for (int i = 0; i < 3; i++)
        known |= strcmp(code, expected[i]) == 0;
    if (!known)
        CHECK_FAIL("error %s: %s", code, json_string_value(json_object_get(message, "msg")));
    if (!json_object_get(message, "n"))
        client->opening = false; /* it was the open */
    ask_open(client);
}

static void receive(struct client *client, const json_t *message)
{
    const char *t = json_string_value(json_object_get(message, "t"));
    json_int_t v = json_integer_value(json_object_get(message, "v"));
    if (strcmp(t, "welcome") == 0) {
        welcomed(client, message);
        ask_open(client);
    } else if (strcmp(t, "synced") == 0) {
        client->open = true;
        client->opening = false;
        CHECK_EQ_INT(v, client->v);
        if (client->inflight_count)
            send_inflight(client);
        else
            launch(client);
    } else if (strcmp(t, "file") == 0) {
        start_anew(client, message);
    } else if (strcmp(t, "resync") == 0) {
        ask_open(client);
    } else if (strcmp(t, "fs") == 0) {
        CHECK_EQ_INT(json_integer_value(json_object_get(message, "e")), client->e + 1);
        client->e++;
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
        refused(client, message);
    }
}

/* ---- the bot, which follows versions but no text, and the keeper, who only looks at the tree ----
 */

static void bot_types(void)
{
    json_t *list = json_array();
    for (uint64_t i = 0, count = 1 + roll(3); i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s,s:i,s:I,s:I,s:s,s:[I,I]}", "t", "edit", "f", 1, "at",
                                        (json_int_t)roll(6), "del", (json_int_t)roll(2), "ins", "z",
                                        "sel", (json_int_t)roll(4), (json_int_t)roll(4)));
    if (bot.open)
        send_json(&bot, list);
    else
        json_decref(list);
}

static void bot_opens(void)
{
    bot.open = false;
    if (!bot.opening)
        send_json(&bot, json_pack("{s:s,s:i,s:i}", "t", "open", "f", 1, "q", 1));
    bot.opening = true;
}

static void bot_receives(struct client *client, const json_t *message)
{
    const char *t = json_string_value(json_object_get(message, "t"));
    uint64_t v = (uint64_t)json_integer_value(json_object_get(message, "v"));
    uint64_t n = (uint64_t)json_integer_value(json_object_get(message, "n"));
    if (strcmp(t, "welcome") == 0) {
        welcomed(client, message);
        bot_opens();
    } else if (strcmp(t, "file") == 0) {
        client->v = v;
        CHECK(n >= client->n);
        client->n = n;
        client->open = true;
        client->opening = false;
    } else if (strcmp(t, "edit") == 0 || strcmp(t, "ack") == 0) {
        CHECK_EQ_INT(v, ++client->v);
        if (t[0] == 'a')
            CHECK_EQ_INT(n, ++client->n);
    } else if (strcmp(t, "resync") == 0) {
        bot_opens();
    } else if (strcmp(t, "error") == 0) {
        if (json_object_get(message, "q"))
            client->opening = false;
        bot_opens();
    }
}

static void keeper_works(void)
{
    char path[32];
    struct model *model = &world.model;
    uint64_t f = model->files[roll(model->file_count)]->f;
    snprintf(path, sizeof(path), "%s%d", roll(2) ? "src/" : "", (int)roll(8));
    if (roll(2) && model->file_count < 40)
        send_json(&keeper, json_pack("{s:s,s:s}", "t", "create", "path", path));
    else if (roll(2) && f != 1)
        send_json(&keeper, json_pack("{s:s,s:I}", "t", "delete", "f", (json_int_t)f));
    else
        send_json(&keeper,
                  json_pack("{s:s,s:I,s:s}", "t", "rename", "f", (json_int_t)f, "path", path));
}

static void keeper_receives(struct client *client, const json_t *message)
{
    const char *t = json_string_value(json_object_get(message, "t"));
    if (strcmp(t, "welcome") == 0)
        welcomed(client, message);
    else if (strcmp(t, "fs") == 0)
        CHECK_EQ_INT(json_integer_value(json_object_get(message, "e")), ++client->e);
}

/* Some of what has come; the rest comes later. */
static void deliver(struct client *client, size_t most)
{
    void (*take)(struct client * client, const json_t *message) = client == &bot ? bot_receives
                                                                  : client == &keeper
                                                                      ? keeper_receives
                                                                      : receive;
    json_t *inbox = client->conn->inbox;
    while (most-- && json_array_size(inbox) && !check.failures) {
        json_t *message = json_incref(json_array_get(inbox, 0));
        json_array_remove(inbox, 0);
        take(client, message);
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

/* Another instance was first, sometimes; or the state fails. */
static void other_instance(struct model *model, struct model_file *file)
{
    static uint64_t others;
    if (!faults || file->f != 1)
        return;
    if (roll(20) == 0)
        model->append_result = roll(2) ? STATE_BUSY : STATE_TRIMMED;
    model->append_lost = roll(20) == 0;
    if (roll(30) == 0)
        model->read_result = roll(2) ? STATE_BUSY : STATE_TRIMMED;
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
        encode_edit(&buf, file->f, file->version + 1, by, 1, change, NULL, NULL);
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
    CHECK_EQ_INT(bot.v, file->version);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ_INT(clients[i].v, file->version);
        CHECK_EQ_INT(clients[i].e, world.model.e);
        CHECK_EQ_INT(rope_utf16_len(clients[i].text), rope_utf16_len(text));
        CHECK_EQ_INT(rope_crc(clients[i].text), rope_crc(text));
    }
    rope_free(text);
}

/* Until nobody has anything to say. */
static void come_to_rest(void)
{
    for (int quiet = 0; quiet < 3 && !check.failures;) {
        world_settle(&world);
        bool any = false;
        for (int i = 0; i < CLIENTS; i++) {
            any |= json_array_size(clients[i].conn->inbox) > 0;
            deliver(&clients[i], 1000000);
            launch(&clients[i]);
        }
        any |= json_array_size(bot.conn->inbox) > 0;
        deliver(&bot, 1000000);
        deliver(&keeper, 1000000);
        quiet = any ? 0 : quiet + 1;
    }
}

static void begin(void)
{
    world_init(&world);
    world.config.limits.history = (uint32_t)(1 + roll(40));
    world.model.before_append = other_instance;
    world.model.exists = true;
    model_add(&world.model, "main.c", "hello\nworld", 11);
    world_start(&world);
    memset(clients, 0, sizeof(clients));
    bot = keeper = (struct client){0};
    faults = true;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].text = rope_new("hello\nworld", 11);
        clients[i].sel[0] = -1;
        hello(&clients[i]);
    }
    hello(&bot);
    hello(&keeper);
}

static void step(void)
{
    struct client *client = &clients[roll(CLIENTS)];
    switch (roll(10)) {
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
    case 5:
        if (roll(2))
            bot_types();
        deliver(&bot, roll(4));
        break;
    case 6:
        if (roll(3) == 0)
            keeper_works();
        deliver(&keeper, 2);
        break;
    default:
        deliver(client, roll(3));
    }
}

static void play(uint64_t rounds)
{
    begin();
    for (uint64_t i = 0; i < rounds && !check.failures; i++)
        step();
    faults = false;
    world.model.read_result = STATE_OK;
    come_to_rest();
    /* An edit that was logged and told to have failed is noticed by the next one. */
    if (!check.failures)
        type(&clients[0]);
    come_to_rest();
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
        play(80 + roll(160));
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
