/*
 * Worlds of clients and instances that keep the rules of docs/protocol.md with nothing but change_*
 * and document_*, under random delays, cuts and resumes; at the end of a world everybody has to
 * have the same text. What is simulated:
 *
 * - One log, which is where Redis or the journal stands. An append takes the version it expects.
 * - Instances, each with a replica that lags behind the log, and edits that wait. What waits is
 * mapped over logged entries only, one at a time; the chain of a batch is made at the append and
 * thrown away on a conflict (R3). A batch may leave some of what waits for the next one.
 * - Clients with one message in flight, of two kinds: one composes what waits into a buffer, the
 * other keeps a list and sends up to three at once (the stock client of CodeMirror). Both map over
 * remote changes one at a time (R1).
 * - A cut loses the message on its way, or the acknowledgement of one that arrived. The client
 * comes back, to any instance, is told what it missed, and sends what is not confirmed again, with
 * the same number.
 *
 * WEFT_ROUNDS is the number of scheduler steps.
 */
#include "random_change.h"
#include "weft/text/change.h"
#include "weft/text/document.h"
#include "weft/text/rope.h"

#include <assert.h>

enum {
    CLIENTS_MAX = 5,
    INSTANCES_MAX = 3,
    LIST_MAX = 64,
    SENT_MAX = 3,
    LOG_MAX = 4096,
    WORLD_STEPS = 1000,
};

struct entry {
    struct change *change;
    size_t by;
    uint64_t n;
};

/* Consecutive changes of one author; n is the number of the last. */
struct message {
    size_t by;
    uint64_t n;
    uint64_t base;
    size_t count;
    struct change *list[SENT_MAX];
};

struct client {
    bool composes;
    bool connected;
    size_t instance;
    uint64_t version;
    uint64_t synced_at; /* what was logged when it came back; before that it sends nothing */
    uint64_t n;         /* of the newest change sent */
    size_t in_flight;   /* so many of the list's first were sent */
    bool on_the_way;    /* and the message has not arrived */
    size_t count;
    struct change *list[LIST_MAX];
    struct message uplink;
    struct rope *rope;
};

struct instance {
    struct document *document;
    size_t count;
    struct message waiting[CLIENTS_MAX];
};

static struct world {
    uint64_t random;
    size_t clients, instances;
    struct client client[CLIENTS_MAX];
    struct instance instance[INSTANCES_MAX];
    struct entry log[LOG_MAX];
    uint64_t version;
    uint64_t last[CLIENTS_MAX]; /* number of the author's newest entry */
    enum alphabet alphabet;
} world;

/* What happened over all worlds: a test in which nothing meets proves nothing. */
static struct {
    uint64_t edits, entries, over, conflicts, chained, cuts, duplicates, lists;
} seen;

static size_t below(size_t n)
{
    return check_random(&world.random) % n;
}

static void message_drop(struct message *message)
{
    for (size_t i = 0; i < message->count; i++)
        change_unref(message->list[i]);
    message->count = 0;
}

/* ---- an instance */

static void drop_waiting(struct instance *instance, size_t i)
{
    message_drop(&instance->waiting[i]);
    instance->count--;
    memmove(&instance->waiting[i], &instance->waiting[i + 1],
            (instance->count - i) * sizeof(instance->waiting[0]));
}

/* The replica takes the next entry of the log, and what waits goes over it. */
static void instance_apply_next(struct instance *instance)
{
    uint64_t version = document_version(instance->document);
    const struct entry *entry = &world.log[version];
    CHECK(!change_splits_pair(entry->change, document_rope(instance->document)));
    document_push(instance->document, entry->change, entry->by, entry->n, NULL);
    for (size_t i = 0; i < instance->count; i++) {
        struct message *waiting = &instance->waiting[i];
        if (waiting->by == entry->by && waiting->n <= entry->n) {
            drop_waiting(instance, i--);
            seen.duplicates++;
            continue;
        }
        change_list_map(waiting->list, waiting->count, entry->change, NULL);
        seen.over++;
    }
}

static void instance_catch_up(struct instance *instance, uint64_t version)
{
    while (document_version(instance->document) < version)
        instance_apply_next(instance);
}

/* The author's newest number in the entries that this instance has. */
static uint64_t known_number(const struct instance *instance, size_t by)
{
    for (uint64_t v = document_version(instance->document); v > 0; v--)
        if (world.log[v - 1].by == by)
            return world.log[v - 1].n;
    return 0;
}

/* Takes what message holds. */
static void instance_receive(struct instance *instance, struct message *message)
{
    instance_catch_up(instance, message->base);
    if (message->n <= known_number(instance, message->by)) {
        message_drop(message);
        seen.duplicates++;
        return;
    }
    uint64_t version = document_version(instance->document);
    for (uint64_t v = message->base + 1; v <= version; v++) {
        const struct document_entry *entry = document_entry(instance->document, v);
        change_list_map(message->list, message->count, entry->change, NULL);
        seen.over++;
    }
    CHECK(
        !change_list_splits_pair(message->list, message->count, document_rope(instance->document)));
    instance->waiting[instance->count++] = *message;
    message->count = 0;
}

static void log_add(struct change *change, size_t by, uint64_t n)
{
    assert(world.version < LOG_MAX);
    world.log[world.version++] = (struct entry){change, by, n};
    world.last[by] = n;
    seen.entries++;
}

/* One batch: the chain of the first few that wait, appended if nothing else was meanwhile. */
static void instance_append(struct instance *instance)
{
    size_t count = instance->count ? 1 + below(instance->count) : 0;
    struct change *chain[CLIENTS_MAX * SENT_MAX];
    size_t by[CLIENTS_MAX * SENT_MAX], length = 0;
    uint64_t n[CLIENTS_MAX * SENT_MAX];
    for (size_t i = 0; i < count; i++) {
        const struct message *waiting = &instance->waiting[i];
        size_t before = length;
        for (size_t k = 0; k < waiting->count; k++) {
            chain[length] = change_ref(waiting->list[k]);
            by[length] = waiting->by;
            n[length++] = waiting->n - waiting->count + k + 1;
        }
        for (size_t k = 0; k < before; k++)
            change_list_map(chain + before, waiting->count, chain[k], NULL);
        seen.chained += before > 0;
    }
    bool agrees = document_version(instance->document) == world.version;
    seen.conflicts += !agrees && count > 0;
    for (size_t i = 0; i < length; i++) {
        if (agrees)
            log_add(chain[i], by[i], n[i]);
        else
            change_unref(chain[i]);
    }
    if (!agrees) {
        instance_catch_up(instance, world.version);
        return;
    }
    /* Logged, so the copies that wait go; the rest is mapped as the replica takes the entries in.
     */
    while (count > 0)
        drop_waiting(instance, --count);
    if (below(2))
        instance_catch_up(instance, world.version);
}

/* ---- a client */

static struct change *some_change(struct client *client)
{
    size_t len = rope_utf16_len(client->rope);
    if (len > 40)
        return change_splice(len, 0, len, "", 0);
    size_t kind = below(4);
    if (kind == 0 && len > 0) {
        size_t at = below(len), del = 1 + below(len - at);
        return change_splice(len, at, del, "", 0);
    }
    if (kind < 3) {
        struct buf text = random_text(&world.random, world.alphabet, 2);
        struct change *change = change_splice(len, below(len + 1), 0, text.data, text.len);
        buf_close(&text);
        return change;
    }
    return random_change_of(&world.random, world.alphabet, len, 5);
}

static void client_edit(struct client *client)
{
    if (client->count == LIST_MAX)
        return;
    struct change *change = some_change(client);
    while (change_splits_pair(change, client->rope)) {
        change_unref(change);
        change = some_change(client);
    }
    change_apply(change, client->rope);
    seen.edits++;
    if (client->composes && client->count > client->in_flight) {
        struct change **buffer = &client->list[client->count - 1];
        struct change *both = change_compose(*buffer, change);
        change_unref(*buffer);
        change_unref(change);
        *buffer = both;
    } else {
        client->list[client->count++] = change;
    }
}

static void client_arrive(struct client *client)
{
    if (client->on_the_way)
        instance_receive(&world.instance[client->instance], &client->uplink);
    client->on_the_way = false;
}

/* Puts what is in flight on the way, at the version that it applies to now. What is still there was
 * sent a second time after a resume, and confirmed meanwhile: a connection keeps the order. */
static void client_send(struct client *client)
{
    client_arrive(client);
    struct message *message = &client->uplink;
    message->by = (size_t)(client - world.client);
    message->n = client->n;
    message->base = client->version;
    message->count = client->in_flight;
    for (size_t i = 0; i < client->in_flight; i++)
        message->list[i] = change_ref(client->list[i]);
    client->on_the_way = true;
}

static bool client_synced(const struct client *client)
{
    return client->connected && client->version >= client->synced_at;
}

static void client_flush(struct client *client)
{
    if (!client_synced(client) || client->in_flight > 0 || client->count == 0)
        return;
    size_t most = client->composes ? 1 : 1 + below(SENT_MAX);
    client->in_flight = client->count < most ? client->count : most;
    client->n += client->in_flight;
    seen.lists += client->in_flight > 1;
    client_send(client);
}

/* Its own change comes back: it is what it became here, on the way through the same entries. */
static void client_confirm(struct client *client, const struct entry *entry)
{
    REQUIRE(client->in_flight > 0);
    CHECK_EQ_INT(entry->n, client->n - client->in_flight + 1);
    CHECK(change_equal(entry->change, client->list[0]));
    change_unref(client->list[0]);
    client->in_flight--;
    client->count--;
    memmove(client->list, client->list + 1, client->count * sizeof(client->list[0]));
}

static void client_receive_next(struct client *client)
{
    const struct entry *entry = &world.log[client->version++];
    if (entry->by == (size_t)(client - world.client)) {
        client_confirm(client, entry);
    } else {
        struct change *x = change_ref(entry->change);
        for (size_t i = 0; i < client->count; i++) {
            struct change *mine = client->list[i], *theirs = x;
            client->list[i] = change_map(mine, theirs, false);
            x = change_map(theirs, mine, true);
            change_unref(mine);
            change_unref(theirs);
            seen.over++;
        }
        CHECK(!change_splits_pair(x, client->rope));
        change_apply(x, client->rope);
        change_unref(x);
    }
    /* Back after a cut, told everything, and still not confirmed: again, with the same number. */
    if (client->version == client->synced_at && client->in_flight > 0)
        client_send(client);
}

static void client_cut(struct client *client)
{
    client->connected = false;
    client->on_the_way = false;
    message_drop(&client->uplink);
    seen.cuts++;
}

/* The new connection of this client ends the older one: what it had waiting cannot be logged. */
static void client_resume(struct client *client)
{
    size_t by = (size_t)(client - world.client);
    for (size_t i = 0; i < world.instances; i++)
        for (size_t k = 0; k < world.instance[i].count; k++)
            if (world.instance[i].waiting[k].by == by)
                drop_waiting(&world.instance[i], k--);
    client->connected = true;
    client->instance = below(world.instances);
    struct instance *instance = &world.instance[client->instance];
    /* It must know what the client knows, and may be behind the log, where the client's change is.
     */
    instance_catch_up(instance, below(2) ? world.version : client->version);
    client->synced_at = document_version(instance->document);
    if (client->version == client->synced_at && client->in_flight > 0)
        client_send(client);
}

static void client_step(struct client *client, size_t kind)
{
    struct instance *instance = &world.instance[client->instance];
    if (!client->connected) {
        if (kind < 6)
            client_edit(client);
        else if (kind < 8)
            client_resume(client);
    } else if (kind < 4) {
        client_edit(client);
    } else if (kind < 6) {
        client_flush(client);
    } else if (kind < 9 && client->on_the_way) {
        client_arrive(client);
    } else if (kind < 15) {
        if (client->version < document_version(instance->document))
            client_receive_next(client);
    } else if (below(8) == 0) {
        client_cut(client);
    }
}

static void step(void)
{
    if (below(4) > 0) {
        client_step(&world.client[below(world.clients)], below(16));
        return;
    }
    struct instance *instance = &world.instance[below(world.instances)];
    if (below(2))
        instance_append(instance);
    else if (document_version(instance->document) < world.version)
        instance_apply_next(instance);
}

/* ---- a world */

static void world_begin(uint64_t seed)
{
    memset(&world, 0, sizeof(world));
    world.random = seed;
    world.clients = 2 + below(CLIENTS_MAX - 1);
    world.instances = 1 + below(INSTANCES_MAX);
    world.alphabet = below(2) ? ASCII : UNICODE;
    struct buf text = random_text(&world.random, world.alphabet, 12);
    for (size_t i = 0; i < world.instances; i++)
        world.instance[i].document = document_new(rope_new(text.data, text.len), 0,
                                                  (struct document_limits){LOG_MAX, SIZE_MAX});
    for (size_t i = 0; i < world.clients; i++) {
        struct client *client = &world.client[i];
        client->rope = rope_new(text.data, text.len);
        client->composes = below(2);
        client->connected = true;
        client->instance = below(world.instances);
    }
    buf_close(&text);
}

static bool world_settled(void)
{
    for (size_t i = 0; i < world.clients; i++)
        if (world.client[i].count > 0 || world.client[i].version < world.version)
            return false;
    return true;
}

/* Everybody comes back, and everything is sent, logged and delivered. */
static void world_settle(void)
{
    for (int turn = 0; turn < 1000 && !world_settled(); turn++) {
        for (size_t i = 0; i < world.clients; i++) {
            struct client *client = &world.client[i];
            if (!client->connected)
                client_resume(client);
            client_flush(client);
            struct instance *instance = &world.instance[client->instance];
            client_arrive(client);
            instance_append(instance);
            instance_catch_up(instance, world.version);
            while (client->version < world.version)
                client_receive_next(client);
        }
    }
    CHECK(world_settled());
}

static void check_one_text(void)
{
    instance_catch_up(&world.instance[0], world.version);
    uint32_t crc = document_crc(world.instance[0].document);
    for (size_t i = 0; i < world.instances; i++) {
        instance_catch_up(&world.instance[i], world.version);
        CHECK_EQ_INT(document_crc(world.instance[i].document), crc);
    }
    for (size_t i = 0; i < world.clients; i++) {
        CHECK_EQ_INT(rope_crc(world.client[i].rope), crc);
        CHECK_EQ_INT(world.last[i], world.client[i].n);
    }
}

static void world_end(void)
{
    for (size_t i = 0; i < world.instances; i++) {
        while (world.instance[i].count > 0)
            drop_waiting(&world.instance[i], 0);
        document_free(world.instance[i].document);
    }
    for (size_t i = 0; i < world.clients; i++) {
        struct client *client = &world.client[i];
        message_drop(&client->uplink);
        while (client->count > 0)
            change_unref(client->list[--client->count]);
        rope_free(client->rope);
    }
    while (world.version > 0)
        change_unref(world.log[--world.version].change);
}

static uint64_t rounds(void)
{
    const char *given = getenv("WEFT_ROUNDS");
    if (given)
        return strtoull(given, NULL, 10);
    return check_long() ? 20000000 : 2000000;
}

static void clients_converge(void)
{
    uint64_t seed = check_seed(), done = 0, worlds = 0;
    for (; done < rounds() && !check.failures; done += WORLD_STEPS, worlds++) {
        uint64_t own = seed + worlds;
        world_begin(own);
        for (int i = 0; i < WORLD_STEPS && !check.failures; i++)
            step();
        world_settle();
        check_one_text();
        if (check.failures)
            printf("repeat with WEFT_SEED=%" PRIu64 " WEFT_ROUNDS=1\n", own);
        world_end();
    }
    printf("%" PRIu64 " rounds in %" PRIu64 " worlds: %" PRIu64 " edits, %" PRIu64
           " entries, %" PRIu64 " maps, %" PRIu64 " conflicts, %" PRIu64 " chained, %" PRIu64
           " cuts, %" PRIu64 " duplicates, %" PRIu64 " lists\n",
           done, worlds, seen.edits, seen.entries, seen.over, seen.conflicts, seen.chained,
           seen.cuts, seen.duplicates, seen.lists);
    if (done >= 100000)
        CHECK(seen.conflicts > 100 && seen.chained > 100 && seen.cuts > 100 &&
              seen.duplicates > 10 && seen.lists > 100 && seen.over > seen.entries);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(clients_converge);
    return check_finish();
}
