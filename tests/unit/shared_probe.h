/*
 * The calls that only shared states have, for a probe: each asks, waits, and leaves the answer in
 * probe->got. Include it once, behind check.h.
 */
#ifndef SHARED_PROBE_H
#define SHARED_PROBE_H

#include "state_probe.h"
#include "weft/core/bus.h"
#include "weft/core/hint.h"

static void probe_polled(void *owner, const struct state_polled *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, NULL);
    got->tick = answer->tick;
    got->e = answer->e;
    got->people_rev = answer->people_rev;
    got->has_people = answer->has_people;
    probe_keep_people(got, answer->people, answer->people_count);
    REQUIRE(answer->mark_count <= 16);
    for (size_t i = 0; i < answer->mark_count; i++)
        got->marks[i] = answer->marks[i];
    got->mark_count = answer->mark_count;
}

static void probe_checkpointed(void *owner, const struct state_checkpointed *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, NULL);
    got->f = answer->f;
    got->version = answer->version;
}

static void probe_offered(void *owner, const struct state_offered *answer)
{
    probe_take(owner, answer->room, answer->request, answer->result, NULL);
}

static void probe_keep_tree(struct probe_answer *got, const struct state_offer_tree *tree)
{
    struct state_offer_tree *copy = &got->trees[got->tree_count++];
    struct state_file *files =
        probe_keep(got, tree->files, tree->file_count * sizeof(struct state_file));
    *copy = *tree;
    copy->name = probe_keep_text(got, tree->name);
    copy->template = probe_keep_text(got, tree->template);
    copy->files = files;
    for (size_t i = 0; i < tree->file_count; i++) {
        files[i].path = probe_keep_text(got, files[i].path);
        files[i].eol = probe_keep_text(got, files[i].eol);
    }
}

static void probe_keep_offer(struct probe_answer *got, const struct state_offer_file *file)
{
    struct state_offer_file *copy = &got->offers[got->offer_count++];
    *copy = *file;
    copy->path = probe_keep_text(got, file->path);
    copy->eol = probe_keep_text(got, file->eol);
    copy->text = probe_keep_text(got, file->text);
    copy->seen = probe_keep(got, file->seen, file->seen_count * sizeof(struct state_seen));
    copy->entries = NULL; /* only counted */
}

static void probe_offers(void *owner, const struct state_offers *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, NULL);
    got->epoch_number = answer->epoch_number;
    REQUIRE(answer->tree_count <= 4 && answer->file_count <= 16);
    for (size_t i = 0; i < answer->tree_count; i++)
        probe_keep_tree(got, &answer->trees[i]);
    for (size_t i = 0; i < answer->file_count; i++)
        probe_keep_offer(got, &answer->files[i]);
}

static void probe_populated(void *owner, const struct state_populated *answer)
{
    probe_take(owner, answer->room, answer->request, answer->result, NULL);
}

static void probe_claimed(void *owner, const struct state_claimed *answer)
{
    struct probe_answer *got = probe_take(owner, 77, answer->request, answer->result, NULL);
    got->project = probe_keep_text(got, answer->project);
    got->token = probe_keep_text(got, answer->lease);
    got->tries = answer->tries;
}

static void probe_dirty(void *owner, const struct state_dirty *answer)
{
    struct probe_answer *got = probe_take(owner, 77, answer->request, answer->result, NULL);
    got->epoch = probe_text(answer->epoch);
    got->members = answer->members;
    got->e = answer->e;
    got->next_file = answer->next_file;
    REQUIRE(answer->file_count <= 16);
    for (size_t i = 0; i < answer->file_count; i++) {
        got->dirty[i] = answer->files[i];
        got->dirty[i].path = probe_keep_text(got, answer->files[i].path);
    }
    got->dirty_count = answer->file_count;
}

static void probe_state_saved(void *owner, const struct state_saved *answer)
{
    probe_take(owner, 77, answer->request, answer->result, NULL)->dirty_left = answer->dirty;
}

static void probe_unloaded(void *owner, const struct state_unloaded *answer)
{
    struct probe_answer *got = probe_take(owner, 77, answer->request, answer->result, NULL);
    got->token = probe_keep_text(got, answer->token);
    got->e = answer->e;
    got->next_file = answer->next_file;
}

/* Behind probe_init. */
static CHECK_UNUSED void probe_share(struct probe *probe)
{
    struct state_sink *sink = &probe->state->sink;
    sink->polled = probe_polled;
    sink->checkpointed = probe_checkpointed;
    sink->offered = probe_offered;
    sink->offers = probe_offers;
    sink->populated = probe_populated;
    sink->claimed = probe_claimed;
    sink->dirty = probe_dirty;
    sink->saved = probe_state_saved;
    sink->unloaded = probe_unloaded;
}

/* ---- calls ---- */

static CHECK_UNUSED enum state_result probe_hello(struct probe *probe, uint64_t cid, uint64_t k,
                                                  uint64_t nonce)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_open open = {.cid = cid,
                              .k = k,
                              .nonce = nonce,
                              .user = "u1",
                              .name = "Ann \"Q\" \xe2\x98\x83",
                              .color = 3,
                              .want_tree = true};
    probe->state->ops->open(probe->state, &ticket, &open);
    probe_expect(probe);
    if (probe->got.result == STATE_OK)
        snprintf(probe->epoch, sizeof(probe->epoch), "%s", probe->got.epoch);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_poll(struct probe *probe, uint64_t tick,
                                                 uint64_t people_rev, const uint64_t *files,
                                                 size_t count)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_poll poll = {tick, people_rev, files, count};
    probe->state->ops->poll(probe->state, &ticket, &poll);
    probe_expect(probe);
    return probe->got.result;
}

/* Not answered, like the next two; a later call of the same probe is behind it. */
static CHECK_UNUSED struct state_ticket probe_quietly(const struct probe *probe)
{
    return (struct state_ticket){77, 0, probe->project, probe->epoch};
}

static CHECK_UNUSED void probe_renew(struct probe *probe, uint64_t cid, uint64_t k)
{
    struct state_ticket ticket = probe_quietly(probe);
    struct state_member member = {cid, k};
    probe->state->ops->renew(probe->state, &ticket, &member, cid ? 1 : 0);
}

static CHECK_UNUSED void probe_leave(struct probe *probe, uint64_t cid, uint64_t k)
{
    struct state_ticket ticket = probe_quietly(probe);
    probe->state->ops->leave(probe->state, &ticket, cid, k);
}

static CHECK_UNUSED void probe_abandon(struct probe *probe, const char *token)
{
    struct state_ticket ticket = probe_quietly(probe);
    probe->state->ops->abandon(probe->state, &ticket, token);
}

static CHECK_UNUSED enum state_result probe_checkpoint(struct probe *probe, uint64_t f,
                                                       uint64_t version, const char *text)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_checkpoint checkpoint = {f, version, text, strlen(text),
                                          utf8_utf16_len(text, strlen(text))};
    probe->state->ops->checkpoint(probe->state, &ticket, &checkpoint);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_offer(struct probe *probe,
                                                  const struct state_offer_tree *tree,
                                                  const struct state_offer_file *files,
                                                  size_t count)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_offer offer = {tree, files, count};
    probe->state->ops->offer(probe->state, &ticket, &offer);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_ask_offers(struct probe *probe, const char *token)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->offers(probe->state, &ticket, token);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_populate(struct probe *probe,
                                                     const struct state_populate *populate)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->populate(probe->state, &ticket, populate);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_claim(struct probe *probe, uint64_t lease_ms)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->claim(probe->state, &ticket, lease_ms);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED void probe_settle(struct probe *probe, const char *lease, uint64_t again_ms,
                                      uint64_t dirty_ms)
{
    struct state_ticket ticket = probe_quietly(probe);
    struct state_settle settle = {lease, STATE_SETTLED_UNKNOWN, again_ms, dirty_ms};
    probe->state->ops->settle(probe->state, &ticket, &settle);
}

static CHECK_UNUSED void probe_settle_as(struct probe *probe, const char *lease,
                                         enum state_settled outcome)
{
    struct state_ticket ticket = probe_quietly(probe);
    struct state_settle settle = {lease, outcome, 0, 0};
    probe->state->ops->settle(probe->state, &ticket, &settle);
}

static CHECK_UNUSED enum state_result probe_ask_dirty(struct probe *probe, size_t most)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->dirty(probe->state, &ticket, most);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_tell_saved(struct probe *probe, uint64_t f,
                                                       uint64_t rev, uint64_t version)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_saved_file file = {f, rev, version};
    probe->state->ops->saved(probe->state, &ticket, &file, 1, 1730000000000);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_unload(struct probe *probe)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->unload(probe->state, &ticket);
    probe_expect(probe);
    return probe->got.result;
}

/* ---- hints ---- */

/* What came over the channel of a project, each a string of its own. */
struct ear {
    struct bus *bus;
    char *heard[256];
    size_t count;
    bool is_joined;
};

static void ear_received(void *owner, const char *project, const char *data, size_t len)
{
    struct ear *ear = owner;
    (void)project;
    if (ear->count < sizeof(ear->heard) / sizeof(ear->heard[0]))
        ear->heard[ear->count++] = mem_strndup(data, len);
}

static void ear_joined(void *owner, const char *project)
{
    (void)project;
    ((struct ear *)owner)->is_joined = true;
}

static CHECK_UNUSED void ear_open(struct ear *ear, struct bus *bus, const char *project)
{
    *ear = (struct ear){.bus = bus};
    bus->sink = (struct bus_sink){ear, ear_received, ear_joined};
    bus->ops->join(bus, project);
}

static CHECK_UNUSED void ear_close(struct ear *ear, const char *project)
{
    ear->bus->ops->leave(ear->bus, project);
    while (ear->count > 0)
        free(ear->heard[--ear->count]);
}

/* The last hint of a kind ("edits"), or NULL. */
static CHECK_UNUSED const char *ear_find(const struct ear *ear, const char *kind)
{
    size_t len = strlen(kind);
    for (size_t i = ear->count; i > 0; i--)
        if (strncmp(ear->heard[i - 1], kind, len) == 0 && ear->heard[i - 1][len] == ' ')
            return ear->heard[i - 1];
    return NULL;
}

#endif
