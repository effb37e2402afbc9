/* From the tagged lists of the scripts to the structs of core's port. The first word of an answer
 * is a result, by the table below; what follows is as the script's last lines say. Texts and
 * messages stay in the reply and in references of this file until the sink has returned. */
#include "state_redis_call.h"
#include "failpoint.h"
#include "redis_scripts.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* An answer as it is being taken apart. */
struct answer {
    struct call *call;
    enum state_result result;
    const char *problem; /* in words, or NULL */
    struct reading rest; /* behind the first word */
};

static const struct {
    const char *word;
    enum state_result result;
} results[] = {
    {"ok", STATE_OK},           {"exists", STATE_EXISTS},       {"full", STATE_FULL},
    {"no_file", STATE_NO_FILE}, {"gone", STATE_GONE},           {"conflict", STATE_CONFLICT},
    {"trimmed", STATE_TRIMMED}, {"seen", STATE_SEEN},           {"fenced", STATE_FENCED},
    {"epoch", STATE_EPOCH},     {"straggler", STATE_STRAGGLER}, {"unloaded", STATE_UNLOADED},
    {"load", STATE_LOAD},       {"loading", STATE_UNLOADED},    {"restarted", STATE_UNLOADED},
    {"wait", STATE_WAIT},       {"lost", STATE_LOST},           {"stale", STATE_STALE},
    {"busy", STATE_BUSY},       {"none", STATE_NO_PROJECT},
};

static const struct state_sink *sink_of(const struct answer *answer)
{
    return &answer->call->state->port.sink;
}

/* What was read is not what a script says: then the answer is only this refusal. */
static bool is_sound(struct answer *answer)
{
    if (!*answer->rest.is_bad)
        return true;
    answer->result = STATE_BROKEN;
    answer->problem = "what Redis holds of the project cannot be understood";
    return false;
}

/* For answers that have no words: BROKEN is nothing they say. */
static enum state_result plain(const struct answer *answer)
{
    return answer->result == STATE_BROKEN ? STATE_BUSY : answer->result;
}

/* ---- people ---- */

static struct state_person *take_people(struct reading *from, size_t *count)
{
    struct reading list = take_list(from);
    struct state_person *people = mem_realloc_array(NULL, list.left / 6, sizeof(*people));
    for (*count = 0; list.left >= 6; (*count)++) {
        struct state_person *person = &people[*count];
        person->cid = take_u64(&list);
        person->k = take_u64(&list);
        person->inst = take_text(&list, NULL);
        person->user = take_text(&list, NULL);
        person->name = take_text(&list, NULL);
        person->color = take_int(&list);
    }
    return people;
}

/* ---- open ---- */

static struct state_file *take_files(struct reading *from, size_t *count)
{
    struct reading list = take_list(from);
    struct state_file *files = mem_realloc_array(NULL, list.left, sizeof(*files));
    for (*count = 0; list.left > 0; (*count)++) {
        struct reading one = take_list(&list);
        struct state_file *file = &files[*count];
        file->f = take_u64(&one);
        file->path = take_text(&one, NULL);
        file->version = take_u64(&one);
        file->utf16_len = take_u64(&one);
        file->size = take_u64(&one);
        file->saved_version = take_u64(&one);
        file->rev = take_u64(&one);
        file->eol = take_eol(&one);
    }
    return files;
}

static const char *take_epoch(struct reading *from)
{
    const char *epoch = take_text(from, NULL);
    if (strlen(epoch) >= EPOCH_SIZE)
        *from->is_bad = true;
    return epoch;
}

static void answer_opened(struct answer *answer)
{
    struct state_opened opened = {.room = answer->call->room, .request = answer->call->request};
    struct state_file *files = NULL;
    struct state_person *people = NULL;
    struct reading *rest = &answer->rest;
    if (answer->result == STATE_OK) {
        opened.epoch = take_epoch(rest);
        opened.name = take_text(rest, NULL);
        opened.e = take_u64(rest);
        opened.k = take_u64(rest);
        opened.tick = take_u64(rest);
        opened.people_rev = take_u64(rest);
        opened.next_file = take_u64(rest);
        opened.files = files = take_files(rest, &opened.file_count);
        opened.people = people = take_people(rest, &opened.people_count);
    } else if (answer->result == STATE_LOAD) {
        opened.token = take_text(rest, NULL);
        opened.recover = take_u64(rest) == 1;
        opened.ask_ms = take_u64(rest);
    } else if (answer->result == STATE_WAIT) {
        opened.wait_ms = take_u64(rest);
    }
    if (!is_sound(answer))
        opened = (struct state_opened){.room = opened.room, .request = opened.request};
    opened.result = answer->result;
    opened.problem = answer->problem;
    sink_of(answer)->opened(sink_of(answer)->owner, &opened);
    free(files);
    free(people);
}

static void answer_created(struct answer *answer)
{
    sink_of(answer)->created(sink_of(answer)->owner,
                             &(struct state_created){answer->call->room, answer->call->request,
                                                     answer->result, answer->problem});
}

/* ---- append, read, events ---- */

static void answer_appended(struct answer *answer)
{
    const struct call *call = answer->call;
    struct state_appended appended = {.room = call->room, .request = call->request, .f = call->f};
    struct blob **missing = NULL;
    struct reading *rest = &answer->rest;
    if (answer->result == STATE_SEEN || answer->result == STATE_FENCED) {
        appended.index = (size_t)take_u64(rest);
    } else if (answer->result == STATE_OK || answer->result == STATE_CONFLICT ||
               answer->result == STATE_TRIMMED) {
        appended.version = take_u64(rest);
        appended.rev = take_u64(rest);
    }
    if (answer->result == STATE_CONFLICT)
        missing = take_blobs(rest, &appended.missing_count);
    appended.missing = missing;
    is_sound(answer);
    appended.result = answer->result;
    appended.problem = answer->problem;
    if (appended.result == STATE_OK)
        failpoint_hit("after_append");
    sink_of(answer)->appended(sink_of(answer)->owner, &appended);
    if (appended.result == STATE_OK)
        failpoint_hit("after_ack");
    free_blobs(missing, appended.missing_count);
}

static struct state_seen *take_seen(struct reading *from, size_t *count)
{
    struct reading list = take_list(from);
    struct state_seen *seen = mem_realloc_array(NULL, list.left / 2, sizeof(*seen));
    for (*count = 0; list.left >= 2; (*count)++) {
        seen[*count].cid = take_u64(&list);
        seen[*count].n = take_u64(&list);
    }
    return seen;
}

/* A text as core may have it. */
static const char *take_content(struct reading *from, size_t *len)
{
    const char *text = take_text(from, len);
    if (memchr(text, '\0', *len) || memchr(text, '\r', *len))
        *from->is_bad = true;
    return text;
}

static void answer_rows(struct answer *answer)
{
    const struct call *call = answer->call;
    struct state_rows rows = {.room = call->room, .request = call->request, .f = call->f};
    struct blob **entries = NULL;
    struct state_seen *seen = NULL;
    struct reading *rest = &answer->rest;
    size_t entry_count = 0;
    if (answer->result == STATE_OK) {
        rows.version = take_u64(rest);
        rows.rev = take_u64(rest);
        rows.content_version = take_u64(rest);
        rows.saved_version = take_u64(rest);
        rows.path = take_text(rest, NULL);
        rows.eol = take_eol(rest);
        rows.updated_at = take_u64(rest);
        rows.updated_by = take_u64(rest);
        rows.entries = entries = take_blobs(rest, &entry_count);
        rows.entry_count = entry_count;
        struct reading content = take_list(rest);
        if (call->with_text)
            rows.content = take_content(&content, &rows.content_len);
        rows.seen = seen = take_seen(rest, &rows.seen_count);
    }
    if (!is_sound(answer))
        rows = (struct state_rows){.room = call->room, .request = call->request, .f = call->f};
    rows.result = answer->result;
    rows.problem = answer->problem;
    sink_of(answer)->rows(sink_of(answer)->owner, &rows);
    free_blobs(entries, entry_count);
    free(seen);
}

static void answer_events(struct answer *answer)
{
    struct state_events events = {.room = answer->call->room, .request = answer->call->request};
    struct blob **messages = NULL;
    size_t count = 0;
    if (answer->result == STATE_OK)
        messages = take_blobs(&answer->rest, &count);
    if (is_sound(answer)) {
        events.messages = messages;
        events.count = count;
    }
    events.result = answer->result;
    sink_of(answer)->events(sink_of(answer)->owner, &events);
    free_blobs(messages, count);
}

/* ---- tree ---- */

static void answer_treed(struct answer *answer)
{
    const struct call *call = answer->call;
    struct state_treed treed = {.room = call->room, .request = call->request, .op = call->op};
    struct state_tree_entry *entries = NULL;
    if (answer->result == STATE_OK) {
        treed.e = take_u64(&answer->rest);
        struct reading list = take_list(&answer->rest);
        entries = mem_realloc_array(NULL, list.left / 3, sizeof(*entries));
        for (; list.left >= 3; treed.entry_count++) {
            entries[treed.entry_count].f = take_u64(&list);
            entries[treed.entry_count].rev = take_u64(&list);
            entries[treed.entry_count].path = take_text(&list, NULL);
        }
        treed.entries = entries;
        treed.folder = call->is_folder;
        treed.by = call->by;
    }
    if (!is_sound(answer))
        treed = (struct state_treed){.room = call->room, .request = call->request, .op = call->op};
    treed.result = answer->result;
    treed.problem = answer->problem;
    sink_of(answer)->treed(sink_of(answer)->owner, &treed);
    free(entries);
}

/* ---- poll, checkpoint ---- */

static struct state_mark *take_marks(struct reading *from, size_t *count)
{
    struct reading list = take_list(from);
    struct state_mark *marks = mem_realloc_array(NULL, list.left, sizeof(*marks));
    for (*count = 0; list.left > 0; (*count)++) {
        struct reading one = take_list(&list);
        bool is_gone = one.left == 1;
        marks[*count] = (struct state_mark){.f = take_u64(&one), .version = UINT64_MAX};
        if (!is_gone) {
            marks[*count].version = take_u64(&one);
            marks[*count].saved_version = take_u64(&one);
        }
    }
    return marks;
}

static void answer_polled(struct answer *answer)
{
    const struct call *call = answer->call;
    struct state_polled polled = {.room = call->room, .request = call->request};
    struct state_mark *marks = NULL;
    struct state_person *people = NULL;
    struct reading *rest = &answer->rest;
    if (answer->result == STATE_OK) {
        polled.tick = take_u64(rest);
        polled.e = take_u64(rest);
        polled.people_rev = take_u64(rest);
        polled.marks = marks = take_marks(rest, &polled.mark_count);
        polled.has_people = take_u64(rest) == 1;
        polled.people = people = take_people(rest, &polled.people_count);
    }
    if (!is_sound(answer))
        polled = (struct state_polled){.room = call->room, .request = call->request};
    polled.result = plain(answer);
    sink_of(answer)->polled(sink_of(answer)->owner, &polled);
    free(marks);
    free(people);
}

static void answer_checkpointed(struct answer *answer)
{
    const struct call *call = answer->call;
    failpoint_hit("after_checkpoint");
    sink_of(answer)->checkpointed(sink_of(answer)->owner,
                                  &(struct state_checkpointed){call->room, call->request, call->f,
                                                               plain(answer), call->version});
}

/* ---- load ---- */

static void answer_offered(struct answer *answer)
{
    sink_of(answer)->offered(
        sink_of(answer)->owner,
        &(struct state_offered){answer->call->room, answer->call->request, plain(answer)});
}

static void take_tree(struct reading *from, struct state_offer_tree *tree)
{
    struct reading one = take_list(from);
    tree->epoch_number = take_u64(&one);
    tree->e = take_u64(&one);
    tree->next_file = take_u64(&one);
    tree->name = take_text(&one, NULL);
    tree->template = take_text(&one, NULL);
    struct reading list = take_list(&one);
    struct state_file *files = mem_realloc_array(NULL, list.left / 4, sizeof(*files));
    for (tree->file_count = 0; list.left >= 4; tree->file_count++) {
        struct state_file *file = &files[tree->file_count];
        *file = (struct state_file){.f = take_u64(&list)};
        file->path = take_text(&list, NULL);
        file->eol = take_eol(&list);
        file->version = take_u64(&list);
    }
    tree->files = files;
}

static void take_offer(struct reading *from, struct state_offer_file *file)
{
    struct reading one = take_list(from);
    file->f = take_u64(&one);
    file->epoch_number = take_u64(&one);
    file->version = take_u64(&one);
    file->rev = take_u64(&one);
    file->path = take_text(&one, NULL);
    file->eol = take_eol(&one);
    file->updated_at = take_u64(&one);
    file->updated_by = take_u64(&one);
    file->text = take_content(&one, &file->len);
    file->seen = take_seen(&one, &file->seen_count);
    file->content_version = take_u64(&one);
    file->entries = take_blobs(&one, &file->entry_count);
}

static void free_offers(struct state_offer_tree *trees, size_t tree_count,
                        struct state_offer_file *files, size_t file_count)
{
    for (size_t i = 0; i < tree_count; i++)
        free((void *)trees[i].files);
    for (size_t i = 0; i < file_count; i++) {
        free((void *)files[i].seen);
        free_blobs((struct blob **)files[i].entries, files[i].entry_count);
    }
    free(trees);
    free(files);
}

/* Where one of many cannot be understood none is taken: without it an older text might win. */
static void answer_offers(struct answer *answer)
{
    struct state_offers offers = {.room = answer->call->room, .request = answer->call->request};
    struct state_offer_tree *trees = NULL;
    struct state_offer_file *files = NULL;
    if (answer->result == STATE_OK) {
        offers.epoch_number = take_u64(&answer->rest);
        struct reading list = take_list(&answer->rest);
        trees = mem_realloc_array(NULL, list.left, sizeof(*trees));
        while (list.left > 0)
            take_tree(&list, &trees[offers.tree_count++]);
        list = take_list(&answer->rest);
        files = mem_realloc_array(NULL, list.left, sizeof(*files));
        while (list.left > 0)
            take_offer(&list, &files[offers.file_count++]);
    }
    size_t tree_count = offers.tree_count, file_count = offers.file_count;
    offers.trees = trees;
    offers.files = files;
    if (!is_sound(answer))
        offers = (struct state_offers){.room = offers.room, .request = offers.request};
    offers.result = answer->result;
    sink_of(answer)->offers(sink_of(answer)->owner, &offers);
    free_offers(trees, tree_count, files, file_count);
}

static void answer_populated(struct answer *answer)
{
    sink_of(answer)->populated(
        sink_of(answer)->owner,
        &(struct state_populated){answer->call->room, answer->call->request, plain(answer)});
}

/* ---- flush ---- */

static void answer_claimed(struct answer *answer)
{
    struct state_claimed claimed = {.request = answer->call->request};
    if (answer->result == STATE_OK) {
        claimed.project = take_text(&answer->rest, NULL);
        claimed.lease = take_text(&answer->rest, NULL);
        claimed.tries = (uint32_t)take_u64(&answer->rest);
    }
    is_sound(answer);
    claimed.result = plain(answer);
    sink_of(answer)->claimed(sink_of(answer)->owner, &claimed);
}

static void answer_dirty(struct answer *answer)
{
    struct state_dirty dirty = {.request = answer->call->request};
    struct state_dirty_file *files = NULL;
    struct reading *rest = &answer->rest;
    if (answer->result == STATE_OK) {
        dirty.epoch = take_epoch(rest);
        dirty.members = take_u64(rest);
        dirty.e = take_u64(rest);
        dirty.next_file = take_u64(rest);
        struct reading list = take_list(rest);
        files = mem_realloc_array(NULL, list.left, sizeof(*files));
        for (; list.left > 0; dirty.file_count++) {
            struct reading one = take_list(&list);
            struct state_dirty_file *file = &files[dirty.file_count];
            file->f = take_u64(&one);
            file->rev = take_u64(&one);
            file->version = take_u64(&one);
            file->path = take_text(&one, NULL);
            file->deleted = take_u64(&one) == 1;
        }
        dirty.files = files;
    }
    if (!is_sound(answer))
        dirty = (struct state_dirty){.request = dirty.request};
    dirty.result = answer->result;
    sink_of(answer)->dirty(sink_of(answer)->owner, &dirty);
    free(files);
}

static void answer_saved(struct answer *answer)
{
    struct state_saved saved = {.request = answer->call->request};
    if (answer->result == STATE_OK)
        saved.dirty = take_u64(&answer->rest);
    is_sound(answer);
    saved.result = plain(answer);
    sink_of(answer)->saved(sink_of(answer)->owner, &saved);
}

static void answer_unloaded(struct answer *answer)
{
    struct state_unloaded unloaded = {.request = answer->call->request};
    if (answer->result == STATE_OK) {
        unloaded.token = take_text(&answer->rest, NULL);
        unloaded.e = take_u64(&answer->rest);
        unloaded.next_file = take_u64(&answer->rest);
    }
    is_sound(answer);
    unloaded.result = plain(answer);
    sink_of(answer)->unloaded(sink_of(answer)->owner, &unloaded);
}

/* ---- all of them ---- */

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A Redis that refuses refuses all. */
void call_complain(struct call *call, const char *words)
{
    struct state_redis *state = call->state;
    uint64_t now_ms = uv_hrtime() / 1000000;
    char quoted[256];
    if (state->complained_ms != 0 && now_ms < state->complained_ms + 1000)
        return;
    state->complained_ms = now_ms;
    log_warn("Redis refuses a script name=%s error=%s", state->scripts[call->script]->name,
             log_quote(quoted, sizeof(quoted), words));
}

/* What an error reply means. A script fails before it writes anything, but where a key that it only
 * writes is not what it should be. */
static void read_error(struct answer *answer, const char *words)
{
    answer->result = STATE_BUSY;
    answer->problem = "Redis refuses the command";
    if (begins_with(words, "WRONGTYPE") || begins_with(words, "BROKEN")) {
        answer->result = STATE_BROKEN;
        answer->problem = "what Redis holds of the project cannot be understood";
    } else if (begins_with(words, "OOM")) {
        answer->problem = "Redis is out of memory";
    }
    call_complain(answer->call, words);
}

static void read_result(struct answer *answer)
{
    const char *word = take_text(&answer->rest, NULL);
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (strcmp(results[i].word, word) == 0) {
            answer->result = results[i].result;
            return;
        }
    }
    *answer->rest.is_bad = true;
    answer->result = STATE_BROKEN;
}

void call_answer(struct call *call, struct redisReply *reply)
{
    static void (*const answers[])(struct answer *) = {
#define SCRIPT_ANSWER(id, name, answer) [id] = answer,
        SCRIPT_TABLE(SCRIPT_ANSWER)
#undef SCRIPT_ANSWER
    };
    bool is_bad = false;
    struct answer answer = {.call = call, .result = STATE_BUSY, .rest = {.is_bad = &is_bad}};
    if (!reply) {
        answer.problem = "Redis does not answer";
    } else if (reply->type == REDIS_REPLY_ERROR) {
        read_error(&answer, reply->str);
    } else {
        answer.rest = reading_of(reply, &is_bad);
        read_result(&answer);
    }
    if (answers[call->script] && call->state->port.sink.owner)
        answers[call->script](&answer);
}
