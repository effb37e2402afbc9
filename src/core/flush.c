/* A flush is a job of one project, claimed under a lease: another instance takes it up where this
 * one died. Its steps are calls of ports, one after the other:
 *
 *     CLAIM → LIST what is dirty → READ each file, fold its log → STORE → MARK as saved → …
 *     nothing listed and nobody there: UNLOAD → RELEASE
 *     the state does not hold it: OPEN, so that it is loaded, and later again
 *
 * It is safe to do twice, and late: the repository keeps what is newer by (epoch number, rev), and
 * the state keeps dirty what has another rev than was saved. So nothing here is made again at once
 * when its outcome is unknown; the project is due again soon, and what was not saved is still
 * dirty.
 *
 * A project that has just been saved is not unloaded before the next look at it: an instance that
 * has not heard of the save would take its replica for the only copy, and have it loaded again.
 *
 * What one flush holds is bounded (FLUSH_FILES, BYTES); a project with more takes several rounds.
 * Each instance has a few flushes at once, and in any ten seconds so many of those that save
 * something.
 */
#include "flush_one.h"
#include "backoff.h"
#include "detached.h"
#include "fold.h"
#include "loader.h"
#include "root.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES (16u << 20)
#define RETRY_MOST_MS 60000u
#define RETRY_PARTLY_MOST_MS 10000u /* where only some files fail: the others do not wait long */
#define RELEASE_TRIES 5u
#define UNLOAD_MS 1500u    /* after the last save: by then every instance has polled */
#define LAST_MIN_MS 1500u  /* of a drain: what was left last is due only after a second */
#define LAST_MOST_MS 3000u /* what is left then is for other instances */

void flush_init(struct registry *registry)
{
    TAILQ_INIT(&registry->flush.list);
    map_init(&registry->flush.ours);
    window_init(&registry->flush.window, registry->config.flush_count,
                registry->config.flush_count_ms);
}

/* ---- the memory ---- */

static void clear_round(struct flush *flush)
{
    for (size_t i = 0; i < flush->save_count; i++) {
        free(flush->saves[i].text);
        free((struct state_seen *)flush->saves[i].seen);
    }
    for (size_t i = 0; i < flush->file_count; i++)
        free((char *)flush->files[i].path);
    flush->file_count = flush->at = flush->save_count = flush->bytes = 0;
}

static void free_flush(struct flush *flush)
{
    TAILQ_REMOVE(&flush->registry->flush.list, flush, link);
    flush->registry->flush.count--;
    clear_round(flush);
    free(flush->lease);
    free(flush->name);
    free(flush->live);
    free(flush->token);
    free(flush);
}

void flush_close(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->flush.list))
        free_flush(TAILQ_FIRST(&registry->flush.list));
    window_close(&registry->flush.window);
    map_close(&registry->flush.ours);
}

struct flush *flush_find(const struct registry *registry, uint64_t id)
{
    struct flush *flush;
    TAILQ_FOREACH(flush, &registry->flush.list, link)
    if (flush->id == id)
        break;
    return flush;
}

struct state_ticket flush_ticket(const struct flush *flush)
{
    return (struct state_ticket){0, flush->id, flush->project, flush->epoch};
}

/* ---- the end ---- */

static void settle(struct flush *flush, enum state_settled outcome, uint64_t again_ms,
                   uint64_t dirty_ms)
{
    struct registry *registry = flush->registry;
    struct state_ticket ticket = flush_ticket(flush);
    struct state_settle settle = {flush->lease, outcome, again_ms, dirty_ms};
    registry->state->ops->settle(registry->state, &ticket, &settle);
    registry->flush.claim_ms = registry->now_ms; /* more may be due */
    free_flush(flush);
}

void flush_fail(struct flush *flush, const char *problem)
{
    struct registry *registry = flush->registry;
    const struct registry_config *config = &registry->config;
    uint32_t tries = flush->failures + 1;
    failing_note(&registry->failing, flush->project, tries, registry->now_ms);
    uint64_t wait = config->save_retry_ms << (tries < 16 ? tries - 1 : 15);
    uint64_t most = flush->has_saved ? RETRY_PARTLY_MOST_MS : RETRY_MOST_MS;
    if (wait > most)
        wait = most;
    bool is_alarm = tries == config->save_alarm_tries;
    registry->counts.save_failures++;
    registry->counts.flush_failures++;
    registry->counts.saves_stuck += is_alarm;
    log_write(is_alarm ? LOG_ERROR : LOG_WARN, "save failed project=%s tries=%u problem=\"%s\"",
              flush->project, tries, problem ? problem : "");
    wait = wait / 2 + registry_random(registry) % (wait / 2 + 1);
    settle(flush, STATE_SETTLED_FAILED, wait, wait);
}

/* What was changed since it was listed is not known here. */
static void settle_well(struct flush *flush, uint64_t again_ms)
{
    failing_remove(&flush->registry->failing, flush->project);
    settle(flush, STATE_SETTLED_WELL, again_ms, flush->registry->config.save_after_ms);
}

/* Nobody knows, or it is another time: the state still has what is dirty. */
static void settle_soon(struct flush *flush)
{
    uint64_t after_ms = flush->registry->config.save_after_ms;
    settle(flush, STATE_SETTLED_UNKNOWN, after_ms, after_ms);
}

/* The state does not hold it: opening it has it loaded, here or elsewhere. */
static void open_project(struct flush *flush)
{
    struct registry *registry = flush->registry;
    struct state_ticket ticket = flush_ticket(flush);
    struct state_open open = {.nonce = registry_random(registry) | 1, .color = -1};
    registry->state->ops->open(registry->state, &ticket, &open);
}

bool flush_opened(struct registry *registry, const struct state_opened *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return false;
    loader_heard(registry, flush->project, answer);
    settle_soon(flush);
    return true;
}

/* ---- unloading ---- */

static void release(struct flush *flush)
{
    struct repository *repository = flush->registry->repository;
    struct state_ticket ticket = flush_ticket(flush);
    struct repository_release release = {flush->token, flush->e, flush->next_file};
    flush->due_ms = UINT64_MAX;
    repository->ops->release(repository, &ticket, &release);
}

/* Where it is never released, the next load takes it for a loss: a new epoch, and nothing else. */
void flush_released(struct registry *registry, const struct repository_done *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    if (answer->result == REPOSITORY_UNKNOWN && ++flush->tries < RELEASE_TRIES) {
        flush->due_ms = registry->now_ms + backoff_ms(registry, flush->tries);
        return;
    }
    if (answer->result == REPOSITORY_UNKNOWN)
        log_warn("project stays live in the repository project=%s problem=\"%s\"", flush->project,
                 answer->problem ? answer->problem : "");
    free_flush(flush);
}

static void unload(struct flush *flush)
{
    struct state *state = flush->registry->state;
    struct state_ticket ticket = flush_ticket(flush);
    state->ops->unload(state, &ticket);
}

/* Its room here, if any, need not ask to know. */
static void let_room_go(const struct flush *flush)
{
    struct room *room = room_listed(flush->registry, flush->project);
    if (room && room->phase == ROOM_READY && strcmp(room->epoch, flush->epoch) == 0)
        detached_begin(room);
}

void flush_unloaded(struct registry *registry, const struct state_unloaded *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    if (answer->result != STATE_OK) {
        settle_soon(flush);
        return;
    }
    registry->counts.unloads++;
    log_info("project unloaded project=%s epoch=%s", flush->project, flush->epoch);
    let_room_go(flush);
    flush->token = mem_strdup(answer->token ? answer->token : "");
    flush->e = answer->e;
    flush->next_file = answer->next_file;
    release(flush);
}

/* ---- one round ---- */

static void list_dirty(struct flush *flush)
{
    struct state *state = flush->registry->state;
    struct state_ticket ticket = flush_ticket(flush);
    clear_round(flush);
    state->ops->dirty(state, &ticket, FLUSH_FILES);
}

static void store(struct flush *flush)
{
    struct registry *registry = flush->registry;
    struct state_ticket ticket = flush_ticket(flush);
    struct repository_save save = {registry->wall_ms, flush->saves, flush->save_count};
    if (!flush->is_counted)
        window_take(&registry->flush.window, registry->now_ms);
    flush->is_counted = true;
    registry->repository->ops->save(registry->repository, &ticket, &save);
    for (size_t i = 0; i < flush->save_count; i++)
        flush->saves[i].text = NULL; /* it was taken */
}

static void add_deleted(struct flush *flush, const struct state_dirty_file *file)
{
    flush->saves[flush->save_count++] = (struct repository_file){.f = file->f,
                                                                 .version = file->version,
                                                                 .rev = file->rev,
                                                                 .path = file->path,
                                                                 .eol = "\n",
                                                                 .deleted = true};
}

/* The next file that is to be read, or all that was. */
void flush_read_next(struct flush *flush)
{
    struct state *state = flush->registry->state;
    while (flush->at < flush->file_count && flush->files[flush->at].deleted)
        add_deleted(flush, &flush->files[flush->at++]);
    if (flush->at < flush->file_count && flush->bytes < BYTES) {
        struct state_ticket ticket = flush_ticket(flush);
        struct state_read read = {.f = flush->files[flush->at].f, .want_text = true};
        state->ops->read(state, &ticket, &read);
        return;
    }
    flush->has_more |= flush->at < flush->file_count;
    if (flush->save_count)
        store(flush);
    else if (flush->has_failed)
        flush_fail(flush, "no dirty file can be read");
    else
        settle_soon(flush);
}

/* ---- the list ---- */

static void keep_list(struct flush *flush, const struct state_dirty *answer)
{
    snprintf(flush->epoch, sizeof flush->epoch, "%s", answer->epoch);
    flush->members = answer->members;
    if (answer->token && !flush->live) {
        flush->live = mem_strdup(answer->token);
        flush->name = mem_strdup(answer->name);
    }
    for (size_t i = 0; i < answer->file_count && i < FLUSH_FILES; i++) {
        flush->files[i] = answer->files[i];
        flush->files[i].path = mem_strdup(answer->files[i].path);
        flush->file_count++;
    }
    flush->has_more = answer->file_count >= FLUSH_FILES;
}

void flush_dirty(struct registry *registry, const struct state_dirty *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    if (answer->result == STATE_UNLOADED) {
        open_project(flush);
        return;
    }
    if (answer->result == STATE_BUSY) {
        settle_soon(flush);
        return;
    }
    if (answer->result != STATE_OK) {
        flush_fail(flush, "what is dirty cannot be listed");
        return;
    }
    keep_list(flush, answer);
    if (flush->file_count && !flush_is_ours(flush))
        flush_look(flush);
    else if (flush->file_count)
        flush_read_next(flush);
    else if (flush->members == 0)
        unload(flush);
    else
        settle_well(flush, registry->config.look_again_ms);
}

static struct state_seen *copy_seen(const struct state_rows *rows)
{
    struct state_seen *seen = mem_realloc_array(NULL, rows->seen_count + 1, sizeof seen[0]);
    if (rows->seen_count)
        memcpy(seen, rows->seen, rows->seen_count * sizeof seen[0]);
    return seen;
}

/* Text, rev and path are of one moment; what was listed before may be older. */
static void add_text(struct flush *flush, const struct state_rows *rows, const struct rope *rope)
{
    struct state_dirty_file *file = &flush->files[flush->at];
    char *eol = flush->eols[flush->save_count];
    struct repository_file *save = &flush->saves[flush->save_count++];
    snprintf(eol, sizeof flush->eols[0], "%s", rows->eol ? rows->eol : "\n");
    if (rows->path) {
        free((char *)file->path);
        file->path = mem_strdup(rows->path);
    }
    *save = (struct repository_file){
        .f = rows->f,
        .version = rows->version,
        .rev = rows->rev,
        .path = file->path,
        .text = mem_alloc(rope_len(rope) + 1),
        .len = rope_len(rope),
        .utf16_len = rope_utf16_len(rope),
        .eol = eol,
        .updated_at = rows->updated_at,
        .updated_by = rows->updated_by,
        .seen = copy_seen(rows),
        .seen_count = rows->seen_count,
    };
    rope_copy(rope, save->text);
    save->text[save->len] = '\0';
    flush->bytes += save->len;
}

/* Where the log does not fit the text it is not saved half: it stays dirty. */
static void fold_file(struct flush *flush, const struct state_rows *rows)
{
    const struct fold fold = {rows->f,           flush->project,        rows->content,
                              rows->content_len, rows->content_version, rows->entries,
                              rows->entry_count};
    size_t applied;
    struct rope *rope = fold_apply(&fold, &applied);
    if (applied == rows->entry_count && fold.version + applied == rows->version)
        add_text(flush, rows, rope);
    else
        flush->has_failed = true;
    rope_free(rope);
}

void flush_rows(struct registry *registry, const struct state_rows *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    switch (answer->result) {
    case STATE_OK:
        fold_file(flush, answer);
        break;
    case STATE_GONE:
    case STATE_NO_FILE: /* it was deleted since: listed as that the next time */
        break;
    case STATE_UNLOADED:
        open_project(flush);
        return;
    case STATE_BROKEN:
        log_error("a dirty file cannot be read project=%s f=%" PRIu64 " problem=\"%s\"",
                  flush->project, answer->f, answer->problem ? answer->problem : "");
        flush->has_failed = true;
        break;
    default:
        settle_soon(flush);
        return;
    }
    flush->at++;
    flush_read_next(flush);
}

/* ---- what is saved ---- */

/* That somebody has a newer one is fine where many save; but not where nobody else may. */
static bool counts_as_saved(const struct registry *registry, enum repository_result result)
{
    return result == REPOSITORY_OK || (result == REPOSITORY_OLDER && registry->state->is_shared);
}

void flush_stored(struct registry *registry, const struct repository_saved *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    struct state_saved_file *saved = mem_realloc_array(NULL, answer->count + 1, sizeof saved[0]);
    size_t count = 0;
    bool is_anothers = false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct repository_file_saved *file = &answer->files[i];
        is_anothers |= !registry->state->is_shared && file->result == REPOSITORY_OLDER;
        if (counts_as_saved(registry, file->result))
            saved[count++] = (struct state_saved_file){file->f, file->rev, file->version};
    }
    const char *problem = is_anothers ? FLUSH_ANOTHERS : answer->problem;
    registry->counts.saves += count;
    if (count < answer->count) {
        flush->has_failed = true;
        log_warn("files were not saved project=%s count=%zu problem=\"%s\"", flush->project,
                 answer->count - count, problem ? problem : "");
    }
    flush->has_saved |= count > 0;
    if (count) {
        struct state_ticket ticket = flush_ticket(flush);
        registry->state->ops->saved(registry->state, &ticket, saved, count, answer->ts);
        flush_tell_room(flush, saved, count, answer->ts);
    } else {
        flush_fail(flush, problem);
    }
    free(saved);
}

void flush_saved(struct registry *registry, const struct state_saved *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    bool has_time = registry->now_ms < flush->until_ms;
    if (answer->result != STATE_OK)
        settle_soon(flush);
    else if (answer->dirty && flush->has_more && has_time)
        list_dirty(flush);
    else if (flush->has_failed)
        flush_fail(flush, "not all files could be saved");
    else
        settle_well(flush, flush->members ? registry->config.look_again_ms : UNLOAD_MS);
}

/* ---- claiming ---- */

static bool is_on(const struct registry *registry)
{
    return registry->repository->is_shared && registry->state->ops->claim;
}

static void claim(struct registry *registry)
{
    struct flush *flush = mem_zalloc(sizeof *flush);
    flush->registry = registry;
    flush->id = registry_id(registry);
    flush->due_ms = UINT64_MAX;
    flush->until_ms = registry->now_ms + registry->config.claim_ms / 2;
    TAILQ_INSERT_TAIL(&registry->flush.list, flush, link);
    registry->flush.count++;
    registry->flush.is_claiming = true;
    struct state_ticket ticket = flush_ticket(flush);
    registry->state->ops->claim(registry->state, &ticket, registry->config.claim_ms);
}

void flush_claimed(struct registry *registry, const struct state_claimed *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return;
    uint64_t every_ms = registry->config.claim_every_ms;
    registry->flush.is_claiming = false;
    if (answer->result != STATE_OK) {
        registry->flush.is_quiet = answer->result == STATE_NO_PROJECT;
        registry->flush.claim_ms =
            registry->now_ms + every_ms / 2 + registry_random(registry) % (every_ms + 1);
        free_flush(flush);
        return;
    }
    registry->flush.is_quiet = false;
    registry->flush.claim_ms = registry->now_ms;
    registry->counts.flushes++;
    snprintf(flush->project, sizeof flush->project, "%s", answer->project);
    flush->lease = mem_strdup(answer->lease);
    flush->failures = answer->tries;
    if (answer->tries == 0)
        failing_remove(&registry->failing, flush->project); /* another one had the better luck */
    list_dirty(flush);
}

/* At the end of a drain: is there nothing that this instance should save? */
static bool is_over(const struct registry *registry)
{
    uint64_t since_ms = registry->now_ms - registry->flush.end_ms;
    return since_ms >= LAST_MOST_MS || (since_ms >= LAST_MIN_MS && registry->flush.is_quiet);
}

/* Jobs of which nobody knows yet whether they save something. */
static uint32_t count_undecided(const struct registry *registry)
{
    const struct flush *flush;
    uint32_t count = 0;
    TAILQ_FOREACH(flush, &registry->flush.list, link)
    count += !flush->is_counted && !flush->token; /* one with a token only releases */
    return count;
}

/* May another job be begun? At the end nobody counts, for it is soon over. */
static bool may_claim(struct registry *registry)
{
    const struct registry_config *config = &registry->config;
    if (registry->flush.is_claiming || registry->now_ms < registry->flush.claim_ms ||
        registry->flush.count >= config->flush_concurrency)
        return false;
    if (registry->flush.end_ms)
        return !is_over(registry);
    return window_has_room(&registry->flush.window, count_undecided(registry), registry->now_ms);
}

void flush_tick(struct registry *registry)
{
    struct flush *flush;
    if (!is_on(registry))
        return;
    if (registry->drain.active && registry->session_count == 0 && registry->flush.end_ms == 0)
        registry->flush.end_ms = registry->now_ms;
    TAILQ_FOREACH(flush, &registry->flush.list, link)
    if (registry->now_ms >= flush->due_ms)
        release(flush);
    if (may_claim(registry))
        claim(registry);
}

bool flush_is_done(const struct registry *registry)
{
    return !is_on(registry) ||
           (registry->flush.count == 0 && registry->flush.end_ms && is_over(registry));
}
