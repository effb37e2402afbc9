/* Nanoseconds of the text layer, by hand: build/release/tests/bench_text. Not a test. */
#include "trace.h"
#include "weft/text/change.h"
#include "weft/text/document.h"
#include "weft/text/rope.h"

#include <time.h>

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double started;

static void start(void)
{
    started = now_ns();
}

static void stop(const char *what, size_t count)
{
    printf("%-52s %9.1f ns\n", what, (now_ns() - started) / (double)count);
}

enum { ROUNDS = 5000000, EDITS = 1000000 };

static void changes(void)
{
    struct change *a = change_splice(48074, 25824, 0, "u", 1);
    struct change *b = change_splice(48074, 1033, 0, "v", 1);
    start();
    for (int i = 0; i < ROUNDS; i++)
        change_unref(change_map(a, b, false));
    stop("map of two typed letters", ROUNDS);
    start();
    for (int i = 0; i < ROUNDS; i++)
        change_unref(change_map(b, a, true));
    stop("map, the other way", ROUNDS);
    struct change *next = change_splice(48075, 25825, 0, "v", 1);
    start();
    for (int i = 0; i < ROUNDS; i++)
        change_unref(change_compose(a, next));
    stop("compose of two typed letters", ROUNDS);
    struct buf out = BUF_EMPTY;
    start();
    for (int i = 0; i < ROUNDS; i++) {
        buf_reset(&out);
        change_print(a, &out);
    }
    stop("print of a typed letter", ROUNDS);
    size_t sum = 0;
    start();
    for (int i = 0; i < ROUNDS; i++)
        sum += change_map_pos(a, (size_t)i % 48074, 1);
    stop("position through a typed letter", ROUNDS);
    CHECK(sum > 0);
    buf_close(&out);
    change_unref(a);
    change_unref(b);
    change_unref(next);
}

static struct rope *rope_of(const char *piece, size_t bytes)
{
    size_t step = strlen(piece), len = bytes / step * step;
    char *text = malloc(len);
    for (size_t at = 0; at < len; at += step)
        memcpy(text + at, piece, step);
    start();
    struct rope *rope = rope_new(text, len);
    stop("  load, for a KiB", len / 1024);
    free(text);
    return rope;
}

static void ropes(const char *name, const char *piece, size_t bytes)
{
    printf("%s\n", name);
    struct rope *rope = rope_of(piece, bytes);
    size_t at = rope_utf16_len(rope) / 2;
    start();
    for (int i = 0; i < EDITS; i++)
        rope_replace(rope, at++, 0, "x", 1);
    stop("  type on at one place", EDITS);
    start();
    for (int i = 0; i < EDITS; i++)
        rope_replace(rope, --at, 1, "", 0);
    stop("  delete backwards", EDITS);
    uint64_t random = 1;
    size_t units = rope_utf16_len(rope);
    start();
    for (int i = 0; i < EDITS; i++) {
        at = check_random(&random) % units;
        rope_replace(rope, at - rope_splits_pair(rope, at), 0, "x", 1);
    }
    stop("  put in anywhere", EDITS);
    start();
    uint32_t crc = 0;
    for (int i = 0; i < 10; i++)
        crc |= rope_crc(rope);
    stop("  checksum, for a KiB", 10 * rope_len(rope) / 1024);
    CHECK(crc > 0);
    rope_free(rope);
}

static void play_rope(void *user, const struct trace_patch *patch)
{
    rope_replace(user, patch->at, patch->del, patch->ins, patch->ins_len);
}

static void play_document(void *user, const struct trace_patch *patch)
{
    struct document *document = user;
    size_t len = rope_utf16_len(document_rope(document));
    struct change *change = change_splice(len, patch->at, patch->del, patch->ins, patch->ins_len);
    document_push(document, change, 1, document_version(document) + 1, NULL);
    change_unref(change);
}

static void traces(void)
{
    for (size_t i = 0; i < sizeof(trace_names) / sizeof(trace_names[0]); i++) {
        json_t *trace = trace_load(trace_names[i]);
        printf("trace %s\n", trace_names[i]);
        struct rope *rope = rope_new("", 0);
        start();
        size_t count = trace_play(trace, play_rope, rope);
        stop("  an edit of the rope, JSON walk included", count);
        rope_free(rope);
        struct document *document =
            document_new(rope_new("", 0), 0, (struct document_limits){5000, 1 << 20});
        start();
        trace_play(trace, play_document, document);
        stop("  an edit of the document, as a change", count);
        document_free(document);
        json_decref(trace);
    }
}

static void text_layer(void)
{
    changes();
    ropes("4 MiB of ASCII lines", "the quick brown fox jumps over the lazy dog\n", 4 << 20);
    ropes("4 MiB of one line with CJK and emoji", "ab\u6f22\u5b57\U0001f600", 4 << 20);
    ropes("50 KiB of ASCII lines", "the quick brown fox jumps over the lazy dog\n", 50 << 10);
    traces();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(text_layer);
    return check_finish();
}
