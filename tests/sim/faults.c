#include "faults.h"
#include "client.h"
#include "ghost.h"
#include "instance.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000000u

const char *profile_name(enum profile profile)
{
    static const char *const names[PROFILES] = {[PROFILE_CALM] = "calm",
                                                [PROFILE_ALWAYS] = "always",
                                                [PROFILE_EVERYSEC] = "everysec",
                                                [PROFILE_EMPTY] = "empty",
                                                [PROFILE_MIXED] = "mixed"};
    return names[profile];
}

const char *mood_name(enum mood mood)
{
    static const char *const names[MOODS] = {
        [MOOD_PLAIN] = "plain", [MOOD_STALE] = "stale", [MOOD_LOSS] = "loss",
        [MOOD_TWICE] = "twice", [MOOD_LATE] = "late",   [MOOD_RACES] = "races",
        [MOOD_FENCE] = "fence"};
    return names[mood];
}

/* ---- the dice ---- */

static unsigned pick(struct world *world, const unsigned *from, unsigned count)
{
    return from[world_roll(world, count)];
}
#define PICK(...)                                                                                  \
    pick(world, (const unsigned[]){__VA_ARGS__},                                                   \
         sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

/* Mixtures that evenly thrown dice do not reach. */
static void set_mood(struct world *world, struct dice *dice)
{
    switch (dice->mood) {
    case MOOD_STALE: /* replicas far behind */
        dice->cut = 25, dice->link_breaks = 15, dice->outage_ms = 4000, dice->crash = 0;
        dice->lost_hints = 0;
        break;
    case MOOD_FENCE: /* edits of a connection that is no more */
        dice->net_ms = 600, dice->cut = 30, dice->link_breaks = 30, dice->outage_ms = 1500;
        dice->crash = dice->pause = dice->restart = 0;
        dice->lost_hints = 0, dice->repository_ms = 100;
        break;
    case MOOD_LOSS: /* much is lost, and everybody dies */
        dice->all_crash = 0.8, dice->restart = 6, dice->losses_most = 4, dice->edit = 40;
        dice->repository_ms = PICK(100, 600);
        break;
    case MOOD_TWICE: /* lost again while it is not over yet */
        dice->pause = 6, dice->pause_ms = 14000, dice->restart = 8, dice->losses_most = 5;
        dice->all_crash = 0.1, dice->repository_ms = 100;
        break;
    case MOOD_LATE: /* what was given up is done after all */
        dice->edit = 12, dice->repository_fails = 0.5, dice->restart = 4, dice->losses_most = 4;
        dice->all_crash = 0.7, dice->leave = 2, dice->repository_ms = 300;
        break;
    case MOOD_RACES: /* the last leaves while the first comes */
        dice->leave = 12, dice->edit = 40, dice->link_breaks = 8, dice->pause = 3;
        dice->repository_ms = 300, dice->crash = 1;
        break;
    default:
        break;
    }
}

static void draw_sizes(struct world *world, struct dice *dice)
{
    dice->instances = 2 + world_roll(world, 3);
    dice->people = 2 + world_roll(world, 4);
    dice->bots = world_roll(world, 4) == 0;
    dice->files = 1 + world_roll(world, 3);
    dice->has_repository = world_roll(world, 3) != 0;
    dice->is_new = world_roll(world, 4) == 0;
    dice->gap_ms = PICK(160, 250, 400);
    dice->active_ms = PICK(5000, 8000, 12000);
}

static void draw_weights(struct world *world, struct dice *dice)
{
    dice->edit = 60;
    dice->cut = PICK(0, 2, 6, 12);
    dice->pause = PICK(0, 0, 1, 4);
    dice->crash = PICK(0, 0, 1, 3);
    dice->link_breaks = PICK(0, 2, 6);
    dice->deaf = PICK(0, 2, 5);
    dice->leave = PICK(0, 0, 1, 3);
    dice->restart = dice->profile == PROFILE_CALM ? 0 : 2;
    dice->tree = PICK(0, 3, 8, 16);
    dice->cursor = PICK(0, 4);
    dice->choke = PICK(0, 0, 3);
    dice->forge = PICK(0, 0, 3);
    dice->stall = PICK(0, 0, 0, 1);
    dice->query = PICK(0, 0, 3);
    dice->drain = PICK(0, 0, 0, 1);
    dice->lost_hints = PICK(0, 1, 4) / 10.0;
    dice->doubled_hints = PICK(0, 2) / 10.0;
    dice->repository_fails = PICK(0, 1, 3) / 10.0;
    dice->repository_ms = PICK(100, 1500);
    dice->outage_ms = 400;
    dice->pause_ms = 9000;
    dice->net_ms = PICK(30, 30, 30, 300);
    dice->losses_most = 3;
    dice->all_crash = 0.3;
}

void faults_draw(struct world *world, const struct world_options *options)
{
    static const enum profile profiles[] = {PROFILE_CALM,     PROFILE_ALWAYS, PROFILE_EVERYSEC,
                                            PROFILE_EVERYSEC, PROFILE_EMPTY,  PROFILE_EMPTY,
                                            PROFILE_MIXED};
    static const enum mood moods[] = {MOOD_PLAIN, MOOD_PLAIN, MOOD_PLAIN, MOOD_STALE, MOOD_LOSS,
                                      MOOD_TWICE, MOOD_LATE,  MOOD_RACES, MOOD_FENCE};
    struct dice *dice = &world->dice;
    enum profile profile = profiles[world_roll(world, sizeof(profiles) / sizeof(profiles[0]))];
    enum mood mood = moods[world_roll(world, sizeof(moods) / sizeof(moods[0]))];
    dice->profile = options->profile >= 0 ? (enum profile)options->profile : profile;
    dice->mood = options->mood >= 0 ? (enum mood)options->mood : mood;
    draw_sizes(world, dice);
    draw_weights(world, dice);
    if (options->repository >= 0)
        dice->has_repository = options->repository != 0;
    set_mood(world, dice);
}

/* ---- what goes wrong ---- */

static struct client *any_client(struct world *world)
{
    return world->clients[world_roll(world, world->client_count)];
}

static void someone_types(struct world *world)
{
    struct client *client = any_client(world);
    for (unsigned i = 1 + world_roll(world, 2); i > 0; i--)
        client_type(client);
}

static void someone_is_cut(struct world *world)
{
    client_cut(any_client(world));
}

static void wake(struct world *world, void *arg)
{
    (void)world;
    instance_wake(arg);
}

static void one_stands_still(struct world *world)
{
    struct instance *instance = instance_any(world);
    if (!instance || instance->is_paused)
        return;
    instance_pause(instance);
    uint64_t for_us = world_chance(world, 0.5) ? world_between(world, 50, 900)
                                               : world_between(world, 3000, world->dice.pause_ms);
    world_at(world, for_us, NULL, wake, instance);
}

static void one_crashes(struct world *world)
{
    struct instance *instance = instance_any(world);
    if (instance)
        instance_crash(instance);
}

static void a_link_breaks(struct world *world)
{
    struct instance *instance = instance_any(world);
    if (instance)
        link_break(instance, true);
}

static void one_is_deaf(struct world *world)
{
    struct instance *instance = instance_any(world);
    if (instance)
        link_deafen(instance, world_between(world, 50, 3000));
}

struct leaving {
    struct client *client;
    uint64_t until_us;
};

static void leave(struct world *world, void *arg)
{
    const struct leaving *leaving = arg;
    (void)world;
    client_away(leaving->client, leaving->until_us);
}

static void everybody_leaves(struct world *world)
{
    uint64_t until = world->now_us + world_between(world, 2000, 8000);
    for (unsigned i = 0; i < world->client_count; i++) {
        struct leaving *leaving = world_alloc(world, sizeof(*leaving));
        *leaving = (struct leaving){world->clients[i], until + world_between(world, 0, 600)};
        if (world_chance(world, 0.5))
            client_type(leaving->client);
        world_at(world, world_between(world, 0, 300), NULL, leave, leaving);
    }
}

static void someone_leaves(struct world *world)
{
    client_away(any_client(world), world->now_us + world_between(world, 1000, 6000));
}

static size_t writes_lost(struct world *world)
{
    static const enum profile mixed[] = {PROFILE_ALWAYS, PROFILE_EVERYSEC, PROFILE_EMPTY};
    enum profile profile =
        world->dice.profile == PROFILE_MIXED ? mixed[world_roll(world, 3)] : world->dice.profile;
    if (profile == PROFILE_ALWAYS || profile == PROFILE_CALM)
        return 0;
    if (profile == PROFILE_EMPTY)
        return SIZE_MAX;
    return world_chance(world, 0.25) ? 0 : 1 + world_roll(world, 12);
}

static void redis_restarts(struct world *world)
{
    size_t lost = writes_lost(world);
    bool all = world_chance(world, world->dice.all_crash);
    world->losses++;
    world->counts->restarts++;
    for (unsigned i = 0; all && i < world->dice.instances; i++)
        instance_crash(world->instances[i]);
    if (!all && world_chance(world, 0.2))
        one_crashes(world);
    world_trace(world, "Redis restarts, its last %zd writes are lost%s", (ssize_t)lost,
                all ? ", and all instances crash" : "");
    world->quiet_until = world->now_us + (world_chance(world, 0.5) ? 7 * SECOND : 0);
    world->calm_until = world->now_us + 7 * SECOND;
    ghost_losing(world);
    links_restart(world, lost);
    ghost_recount(world, true);
}

static void redis_stalls(struct world *world)
{
    links_stall(world, world_between(world, 500, 4000));
}

static void the_tree_changes(struct world *world)
{
    client_change_tree(any_client(world));
}

static void a_cursor_moves(struct world *world)
{
    client_move_cursor(any_client(world));
}

static void one_reads_slowly(struct world *world)
{
    struct client *client = any_client(world);
    if (client->conn)
        wire_choke(client->conn, world_between(world, 50, 2000));
}

static void someone_asks(struct world *world)
{
    struct instance *instance = instance_any(world);
    const char *path = world_roll(world, 4) == 0 ? NULL : client_any_path(world);
    if (instance)
        instance_query(instance, path);
}

static void one_is_told_to_end(struct world *world)
{
    struct instance *instance = instance_any(world);
    if (instance)
        instance_drain(instance);
}

/* Somebody else publishes on the channel: what was never so, under the present epoch. */
static void someone_forges(struct world *world)
{
    static const enum hint_kind kinds[] = {HINT_EDITS, HINT_EVENT, HINT_JOIN, HINT_LEAVE,
                                           HINT_SAVED, HINT_READY, HINT_ASK};
    static const char *const bodies[] = {
        "{\"t\":\"edit\",\"f\":1,\"v\":%u,\"by\":7,\"n\":1,\"c\":[[0,\"forged\"]]}",
        "{\"t\":\"fs\",\"e\":%u,\"by\":7,\"op\":\"delete\",\"f\":1,\"path\":\"a.txt\"}",
        "[\"u%u\",\"Mallory\",-1]", "{\"t\":\"saved\",\"files\":[[1,%u]],\"ts\":1}"};
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    unsigned roll = world_roll(world, 7);
    struct hint hint = {.kind = kinds[roll]};
    char body[200];
    struct buf text = BUF_EMPTY;
    if (!project || project->phase != MODEL_READY)
        return;
    snprintf(hint.epoch, sizeof(hint.epoch), "%s", project->epoch);
    snprintf(hint.instance, sizeof(hint.instance), "i%u", world_roll(world, 3));
    hint.tick = project->tick + world_roll(world, 3);
    hint.a = world_roll(world, 2) && project->people ? project->people->cid : 1;
    hint.b = world_roll(world, 6);
    if (world_roll(world, 2))
        memset(hint.seal, 'x', HINT_SEAL_SIZE - 1);
    snprintf(body, sizeof(body), bodies[roll < 4 ? roll : 3], world_roll(world, 40));
    hint_print(&text, &hint);
    buf_add_char(&text, '\n');
    buf_add_text(&text, body);
    world->counts->forged++;
    world->model.publish(world, WORLD_PROJECT, text.data, text.len);
    buf_close(&text);
}

/* ---- one thing after the other ---- */

struct action {
    void (*happens)(struct world *world);
    unsigned weight;
};

static unsigned list_actions(const struct world *world, struct action *out)
{
    const struct dice *dice = &world->dice;
    bool is_quiet = world->now_us < world->quiet_until, is_calm = world->now_us < world->calm_until;
    bool may_restart = !is_quiet && world->now_us > 2 * SECOND && !world->redis_is_down &&
                       world->losses < dice->losses_most;
    const struct action actions[] = {
        {someone_types, dice->edit},
        {someone_is_cut, dice->cut},
        {one_stands_still, is_quiet ? 0 : dice->pause},
        {one_crashes, is_quiet ? 0 : dice->crash},
        {a_link_breaks, is_calm ? 0 : dice->link_breaks},
        {one_is_deaf, dice->deaf},
        {everybody_leaves, dice->leave},
        {someone_leaves, dice->leave},
        {redis_restarts, may_restart ? dice->restart : 0},
        {redis_stalls, is_calm ? 0 : dice->stall},
        {the_tree_changes, dice->tree},
        {a_cursor_moves, dice->cursor},
        {one_reads_slowly, dice->choke},
        {someone_forges, dice->forge},
        {someone_asks, dice->query},
        {one_is_told_to_end, is_quiet ? 0 : dice->drain},
    };
    memcpy(out, actions, sizeof(actions));
    return sizeof(actions) / sizeof(actions[0]);
}

static void drive(struct world *world, void *arg)
{
    struct action actions[20];
    unsigned count = list_actions(world, actions), sum = 0, at = 0;
    (void)arg;
    if (world_now_ms(world) > world->dice.active_ms)
        return;
    for (unsigned i = 0; i < count; i++)
        sum += actions[i].weight;
    unsigned roll = world_roll(world, sum);
    while (roll >= actions[at].weight)
        roll -= actions[at++].weight;
    actions[at].happens(world);
    world_at(world, world_between(world, 10, world->dice.gap_ms), NULL, drive, NULL);
}

void faults_begin(struct world *world)
{
    world_at(world, 800000, NULL, drive, NULL);
}

void faults_heal(struct world *world)
{
    world_trace(world, "everything works from here on");
    world->is_healing = true;
    world->dice.lost_hints = 0;
    world->redis_stalls_until = 0;
    for (unsigned i = 0; i < world->dice.instances; i++)
        instance_wake(world->instances[i]);
    for (struct instance *at = world->all; at; at = at->next) {
        at->link.deaf_until = 0;
        if (at->drains_until > world->now_us + SECOND)
            at->drains_until = world->now_us + SECOND;
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        world->clients[i]->away_until = 0;
        world->clients[i]->attempts = 0;
    }
}
