#include "weft/protocol/jobs.h"

#include <inttypes.h>
#include <string.h>

static void add_text(struct buf *out, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    buf_add_text(out, key);
    buf_add_json(out, text, strlen(text));
}

static void add_number(struct buf *out, const char *key, uint64_t number)
{
    if (number == 0)
        return;
    buf_add_text(out, key);
    buf_add_u64(out, number);
}

static void add_words(struct buf *out, const struct job_words *words)
{
    add_text(out, "\"job\":", words->job);
    add_text(out, ",\"kind\":", words->kind);
    add_number(out, ",\"by\":", words->by);
    add_text(out, ",\"user\":", words->user);
    add_number(out, ",\"f\":", words->f);
    add_text(out, ",\"path\":", words->path);
    add_text(out, ",\"state\":", words->state);
    add_number(out, ",\"tries\":", words->tries);
    add_text(out, ",\"worker\":", words->worker);
    if (words->is_over)
        buf_printf(out, ",\"code\":%" PRId64, words->code);
    add_number(out, ",\"ms\":", words->ms);
    add_text(out, ",\"problem\":", words->problem);
    add_number(out, ",\"again_ms\":", words->again_ms);
}

void encode_job_event(struct buf *out, const struct job_words *words)
{
    buf_add_text(out, "{\"t\":\"job\",");
    if (words->e)
        buf_printf(out, "\"e\":%" PRIu64 ",", words->e);
    add_words(out, words);
    buf_add_char(out, '}');
}

void encode_job_output(struct buf *out, const char *job, uint64_t i, const char *data, size_t len)
{
    add_text(out, "{\"t\":\"job\",\"job\":", job);
    buf_printf(out, ",\"i\":%" PRIu64 ",\"out\":", i);
    buf_add_json(out, data, len);
    buf_add_char(out, '}');
}

void encode_job_ok(struct buf *out, const struct request_id *q, const char *job)
{
    buf_add_text(out, "{\"t\":\"ok\"");
    if (q && q->json[0]) {
        buf_add_text(out, ",\"q\":");
        buf_add_text(out, q->json);
    }
    add_text(out, ",\"job\":", job);
    buf_add_char(out, '}');
}

void encode_job_kinds(struct buf *out, const struct job_kind_words *kinds, size_t count)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        add_text(out, i ? ",{\"kind\":" : "{\"kind\":", kinds[i].kind);
        add_text(out, ",\"title\":", kinds[i].title);
        add_text(out, ",\"input\":", kinds[i].input);
        add_text(out, ",\"output\":", kinds[i].output);
        add_text(out, ",\"paths\":", kinds[i].paths);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_http_job(struct buf *out, const struct job_words *words)
{
    buf_add_char(out, '{');
    add_words(out, words);
    add_text(out, ",\"project\":", words->project);
    add_number(out, ",\"queued_at\":", words->queued_at);
    add_number(out, ",\"started_at\":", words->started_at);
    add_number(out, ",\"ended_at\":", words->ended_at);
    add_number(out, ",\"result_bytes\":", words->result_len);
    if (words->output) {
        buf_add_text(out, ",\"output\":");
        buf_add_json(out, words->output, words->output_len);
    }
    buf_add_char(out, '}');
}

void encode_http_job(struct buf *out, const struct job_words *words)
{
    add_http_job(out, words);
    buf_add_char(out, '\n');
}

void encode_http_jobs(struct buf *out, const struct job_words *list, size_t count)
{
    buf_add_text(out, "{\"jobs\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_http_job(out, &list[i]);
    }
    buf_add_text(out, "]}\n");
}
