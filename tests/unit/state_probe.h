/*
 * Asks a state (or a repository) and waits for the answer, which it keeps a copy of. For tests of
 * the backends of core's ports; include it once, behind check.h.
 */
#ifndef STATE_PROBE_H
#define STATE_PROBE_H

#include "check.h"

#include "weft/base/blob.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/core/repository.h"
#include "weft/core/state.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <uv.h>

#define PROBE_SECONDS 60

/* The last answer, of whatever kind. */
struct probe_answer {
    enum state_result result;
    char *problem, *epoch, *name, *content;
    size_t content_len;
    uint64_t room, request, f, e, k, version, rev, index, content_version, saved_version, by;
    bool folder;
    char **messages; /* missing, entries, events */
    size_t message_count;
    struct state_seen *seen;
    size_t seen_count;
    struct state_file *files;
    size_t file_count;
    struct state_tree_entry *entries;
    size_t entry_count;
    enum repository_result saved[64];
    size_t saved_count;
    /* Of shared states (shared_probe.h): */
    uint32_t tries; /* of a claim */
    uint64_t tick, people_rev, ask_ms, wait_ms, members, next_file, dirty_left, epoch_number;
    uint64_t updated_at, updated_by;
    bool recover, has_people;
    char *token, *project, *path, *eol; /* token: of a load, a claim or an unload */
    struct state_person people[16];
    size_t people_count;
    struct state_mark marks[16];
    size_t mark_count;
    struct state_dirty_file dirty[16];
    size_t dirty_count;
    struct state_offer_tree trees[4];
    size_t tree_count;
    struct state_offer_file offers[16];
    size_t offer_count;
    void *kept[512]; /* freed with it */
    size_t kept_count;
};

struct probe {
    uv_loop_t *loop;
    struct state *state;
    struct repository *repository;
    const char *project;
    char epoch[EPOCH_SIZE];
    uint64_t requests; /* asked */
    uint64_t answers;  /* got */
    struct probe_answer got;
    bool inside;                       /* a call of the port: nothing may be answered meanwhile */
    void (*turn)(struct probe *probe); /* lets something happen; NULL: the loop turns */
    void (*appended)(void *owner, const struct state_appended *answer); /* NULL: kept in got */
    void *owner;
};

static void probe_clear(struct probe *probe)
{
    struct probe_answer *got = &probe->got;
    free(got->problem);
    free(got->epoch);
    free(got->name);
    free(got->content);
    for (size_t i = 0; i < got->message_count; i++)
        free(got->messages[i]);
    free(got->messages);
    free(got->seen);
    for (size_t i = 0; i < got->file_count; i++) {
        free((char *)got->files[i].path);
        free((char *)got->files[i].eol);
    }
    free(got->files);
    for (size_t i = 0; i < got->entry_count; i++)
        free((char *)got->entries[i].path);
    free(got->entries);
    while (got->kept_count > 0)
        free(got->kept[--got->kept_count]);
    memset(got, 0, sizeof(*got));
}

/* A copy that lives as long as the answer. */
static CHECK_UNUSED void *probe_keep(struct probe_answer *got, const void *data, size_t size)
{
    REQUIRE(got->kept_count < sizeof(got->kept) / sizeof(got->kept[0]));
    void *copy = mem_alloc(size);
    if (size > 0)
        memcpy(copy, data, size);
    got->kept[got->kept_count++] = copy;
    return copy;
}

static CHECK_UNUSED char *probe_keep_text(struct probe_answer *got, const char *text)
{
    return text ? probe_keep(got, text, strlen(text) + 1) : NULL;
}

static CHECK_UNUSED void probe_keep_people(struct probe_answer *got,
                                           const struct state_person *people, size_t count)
{
    REQUIRE(count <= sizeof(got->people) / sizeof(got->people[0]));
    for (size_t i = 0; i < count; i++) {
        got->people[i] = people[i];
        got->people[i].inst = probe_keep_text(got, people[i].inst);
        got->people[i].user = probe_keep_text(got, people[i].user);
        got->people[i].name = probe_keep_text(got, people[i].name);
    }
    got->people_count = count;
}

static CHECK_UNUSED char *probe_text(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static struct probe_answer *probe_take(void *owner, uint64_t room, uint64_t request,
                                       enum state_result result, const char *problem)
{
    struct probe *probe = owner;
    CHECK(!probe->inside);
    probe_clear(probe);
    probe->answers++;
    probe->got.room = room;
    probe->got.request = request;
    probe->got.result = result;
    probe->got.problem = probe_text(problem);
    return &probe->got;
}

static void probe_keep_messages(struct probe_answer *got, struct blob *const *messages,
                                size_t count)
{
    got->messages = mem_realloc_array(NULL, count, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        got->messages[i] = mem_strndup(messages[i]->data, messages[i]->len);
    got->message_count = count;
}

static void probe_opened(void *owner, const struct state_opened *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, answer->problem);
    got->epoch = probe_text(answer->epoch);
    got->name = probe_text(answer->name);
    got->e = answer->e;
    got->k = answer->k;
    got->tick = answer->tick;
    got->people_rev = answer->people_rev;
    got->next_file = answer->next_file;
    got->token = probe_keep_text(got, answer->token);
    got->recover = answer->recover;
    got->ask_ms = answer->ask_ms;
    got->wait_ms = answer->wait_ms;
    probe_keep_people(got, answer->people, answer->people_count);
    got->files = mem_realloc_array(NULL, answer->file_count, sizeof(*got->files));
    got->file_count = answer->file_count;
    for (size_t i = 0; i < answer->file_count; i++) {
        got->files[i] = answer->files[i];
        got->files[i].path = probe_text(answer->files[i].path);
        got->files[i].eol = probe_text(answer->files[i].eol);
    }
}

static void probe_created(void *owner, const struct state_created *answer)
{
    probe_take(owner, answer->room, answer->request, answer->result, answer->problem);
}

static void probe_appended(void *owner, const struct state_appended *answer)
{
    struct probe *probe = owner;
    if (probe->appended) {
        probe->answers++;
        probe->appended(probe->owner, answer);
        return;
    }
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, answer->problem);
    got->f = answer->f;
    got->version = answer->version;
    got->rev = answer->rev;
    got->index = answer->index;
    probe_keep_messages(got, answer->missing, answer->missing_count);
}

static void probe_rows(void *owner, const struct state_rows *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, answer->problem);
    got->f = answer->f;
    got->content = answer->content ? mem_strndup(answer->content, answer->content_len) : NULL;
    got->content_len = answer->content_len;
    got->content_version = answer->content_version;
    got->version = answer->version;
    got->rev = answer->rev;
    got->saved_version = answer->saved_version;
    got->path = probe_keep_text(got, answer->path);
    got->eol = probe_keep_text(got, answer->eol);
    got->updated_at = answer->updated_at;
    got->updated_by = answer->updated_by;
    probe_keep_messages(got, answer->entries, answer->entry_count);
    got->seen = mem_realloc_array(NULL, answer->seen_count, sizeof(*got->seen));
    got->seen_count = answer->seen_count;
    for (size_t i = 0; i < answer->seen_count; i++)
        got->seen[i] = answer->seen[i];
}

static void probe_treed(void *owner, const struct state_treed *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, answer->problem);
    got->e = answer->e;
    got->by = answer->by;
    got->folder = answer->folder;
    got->entries = mem_realloc_array(NULL, answer->entry_count, sizeof(*got->entries));
    got->entry_count = answer->entry_count;
    for (size_t i = 0; i < answer->entry_count; i++) {
        got->entries[i] = answer->entries[i];
        got->entries[i].path = probe_text(answer->entries[i].path);
    }
}

static void probe_events(void *owner, const struct state_events *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, answer->result, NULL);
    probe_keep_messages(got, answer->messages, answer->count);
}

static void probe_saved(void *owner, const struct repository_saved *answer)
{
    struct probe_answer *got =
        probe_take(owner, answer->room, answer->request, STATE_OK, answer->problem);
    for (size_t i = 0; i < answer->count && i < 64; i++)
        got->saved[i] = answer->files[i].result;
    got->saved_count = answer->count;
}

/* repository may be NULL. */
static CHECK_UNUSED void probe_init(struct probe *probe, uv_loop_t *loop, struct state *state,
                                    struct repository *repository)
{
    *probe =
        (struct probe){.loop = loop, .state = state, .repository = repository, .project = "demo"};
    state->sink = (struct state_sink){.owner = probe,
                                      .opened = probe_opened,
                                      .created = probe_created,
                                      .appended = probe_appended,
                                      .rows = probe_rows,
                                      .treed = probe_treed,
                                      .events = probe_events};
    if (repository)
        repository->sink = (struct repository_sink){.owner = probe, .saved = probe_saved};
}

static CHECK_UNUSED struct state_ticket probe_ticket(struct probe *probe)
{
    probe->requests++;
    return (struct state_ticket){77, probe->requests, probe->project, probe->epoch};
}

static CHECK_UNUSED void probe_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until everything asked was answered. */
static CHECK_UNUSED void probe_wait(struct probe *probe)
{
    bool late = false;
    uv_timer_t deadline;
    uv_timer_init(probe->loop, &deadline);
    deadline.data = &late;
    uv_timer_start(&deadline, probe_late, PROBE_SECONDS * 1000, 0);
    while (probe->answers < probe->requests && !late) {
        if (probe->turn)
            probe->turn(probe);
        uv_run(probe->loop, probe->turn ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(probe->loop, UV_RUN_NOWAIT);
    CHECK_EQ_INT(probe->answers, probe->requests);
}

static CHECK_UNUSED void probe_expect(struct probe *probe)
{
    probe_wait(probe);
    if (!probe->appended) {
        CHECK_EQ_INT(probe->got.room, 77);
        CHECK_EQ_INT(probe->got.request, probe->requests);
    }
}

/* Each of these asks, waits, and leaves the answer in probe->got. */

static CHECK_UNUSED enum state_result probe_open(struct probe *probe, uint64_t cid, uint64_t k,
                                                 bool want_tree)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_open open = {
        .cid = cid, .k = k, .user = "u1", .name = "Ann", .want_tree = want_tree};
    probe->inside = true;
    probe->state->ops->open(probe->state, &ticket, &open);
    probe->inside = false;
    probe_expect(probe);
    if (probe->got.result == STATE_OK)
        snprintf(probe->epoch, sizeof(probe->epoch), "%s", probe->got.epoch);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_create(struct probe *probe, const char *name,
                                                   const struct state_new_file *files, size_t count)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_create create = {name, "blank", files, count};
    probe->state->ops->create(probe->state, &ticket, &create);
    probe_expect(probe);
    return probe->got.result;
}

/* An entry that inserts text at unit `at` of a text of len units, as core would encode it. */
static CHECK_UNUSED struct state_entry probe_entry(uint64_t f, uint64_t version, uint64_t by,
                                                   uint64_t n, uint64_t k, size_t len, size_t at,
                                                   const char *text)
{
    struct buf message = BUF_EMPTY;
    struct change *change = change_splice(len, at, 0, text, strlen(text));
    encode_edit(&message, f, version, by, n, change, NULL, NULL);
    struct state_entry entry = {
        .by = by, .n = n, .k = k, .message = blob_new(message.data, message.len)};
    change_unref(change);
    buf_close(&message);
    return entry;
}

/* Takes the entries' messages. Not waited for. */
static CHECK_UNUSED void probe_send(struct probe *probe, uint64_t f, uint64_t expect,
                                    struct state_entry *entries, size_t count, int64_t delta)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_append append = {
        .f = f, .expect = expect, .utf16_delta = delta, .entries = entries, .count = count};
    probe->inside = true;
    probe->state->ops->append(probe->state, &ticket, &append);
    probe->inside = false;
    for (size_t i = 0; i < count; i++)
        blob_unref(entries[i].message);
}

/* One edit that inserts text at the end of a text of len units. */
static CHECK_UNUSED enum state_result probe_append(struct probe *probe, uint64_t f, uint64_t expect,
                                                   uint64_t by, uint64_t n, uint64_t k, size_t len,
                                                   const char *text)
{
    struct state_entry entry = probe_entry(f, expect + 1, by, n, k, len, len, text);
    probe_send(probe, f, expect, &entry, 1, (int64_t)strlen(text));
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_read(struct probe *probe, uint64_t f, bool want_text,
                                                 uint64_t after)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct state_read read = {.f = f, .want_text = want_text, .after = after};
    probe->state->ops->read(probe->state, &ticket, &read);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_tree(struct probe *probe, const struct state_tree *tree)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->tree(probe->state, &ticket, tree);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum state_result probe_new_file(struct probe *probe, const char *path,
                                                     const char *text)
{
    struct state_tree tree = {.op = TREE_CREATE,
                              .by = 5,
                              .path = path,
                              .text = text,
                              .eol = "\n",
                              .len = strlen(text),
                              .files_max = 2000};
    return probe_tree(probe, &tree);
}

static CHECK_UNUSED enum state_result probe_rename(struct probe *probe, uint64_t f,
                                                   const char *from, const char *path)
{
    return probe_tree(probe, &(struct state_tree){
                                 .op = TREE_RENAME, .by = 5, .f = f, .from = from, .path = path});
}

static CHECK_UNUSED enum state_result probe_delete(struct probe *probe, uint64_t f,
                                                   const char *from)
{
    return probe_tree(probe,
                      &(struct state_tree){.op = TREE_DELETE, .by = 5, .f = f, .from = from});
}

static CHECK_UNUSED enum state_result probe_ask_events(struct probe *probe, uint64_t after)
{
    struct state_ticket ticket = probe_ticket(probe);
    probe->state->ops->events(probe->state, &ticket, after);
    probe_expect(probe);
    return probe->got.result;
}

static CHECK_UNUSED enum repository_result
probe_save(struct probe *probe, uint64_t f, uint64_t version, uint64_t rev, const char *text)
{
    struct state_ticket ticket = probe_ticket(probe);
    struct repository_file file = {.f = f,
                                   .version = version,
                                   .rev = rev,
                                   .path = "x",
                                   .text = mem_strdup(text),
                                   .len = strlen(text),
                                   .utf16_len = utf8_utf16_len(text, strlen(text)),
                                   .eol = "\n",
                                   .updated_at = 1730000000000,
                                   .updated_by = 5};
    probe->repository->ops->save(probe->repository, &ticket,
                                 &(struct repository_save){.files = &file, .count = 1});
    probe_expect(probe);
    return probe->got.saved_count == 1 ? probe->got.saved[0] : REPOSITORY_FAILED;
}

/* The present text of a file, folded from what was read; NULL where it does not fit together. */
static CHECK_UNUSED char *probe_fold(struct probe *probe, uint64_t f)
{
    if (probe_read(probe, f, true, 0) != STATE_OK)
        return NULL;
    struct rope *rope = rope_new(probe->got.content, probe->got.content_len);
    uint64_t version = probe->got.content_version;
    for (size_t i = 0; i < probe->got.message_count; i++) {
        struct logged_edit edit;
        const char *message = probe->got.messages[i];
        if (decode_logged_edit(message, strlen(message), &edit, NULL) != ERR_OK) {
            CHECK_FAIL("an entry cannot be read: %s", message);
            continue;
        }
        CHECK_EQ_INT(edit.f, f);
        CHECK_EQ_INT(edit.v, ++version);
        change_apply(edit.change, rope);
        change_unref(edit.change);
    }
    CHECK_EQ_INT(version, probe->got.version);
    char *text = mem_zalloc(rope_len(rope) + 1);
    rope_copy(rope, text);
    rope_free(rope);
    return text;
}

/* Where the file stands in the list of the last open with want_tree. */
static CHECK_UNUSED const struct state_file *probe_listed(const struct probe *probe,
                                                          const char *path)
{
    for (size_t i = 0; i < probe->got.file_count; i++)
        if (strcmp(probe->got.files[i].path, path) == 0)
            return &probe->got.files[i];
    return NULL;
}

#endif
