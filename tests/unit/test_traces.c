/* What people really typed, played through documents, has to end in the text that they had. */
#include "trace.h"
#include "weft/text/change.h"
#include "weft/text/document.h"
#include "weft/text/rope.h"

static void push(void *user, const struct trace_patch *patch)
{
    struct document *document = user;
    size_t len = rope_utf16_len(document_rope(document));
    struct change *change = change_splice(len, patch->at, patch->del, patch->ins, patch->ins_len);
    document_push(document, change, 1, document_version(document) + 1, NULL);
    change_unref(change);
}

static void play(const char *name)
{
    json_t *trace = trace_load(name);
    const json_t *start = json_object_get(trace, "startContent");
    struct rope *rope = rope_new(json_string_value(start), json_string_length(start));
    struct document *document = document_new(rope, 0, (struct document_limits){5000, 1 << 20});
    size_t edits = trace_play(trace, push, document);
    CHECK(edits > 10000);
    CHECK_EQ_INT(document_version(document), edits);
    const json_t *end = json_object_get(trace, "endContent");
    size_t len = rope_len(rope);
    CHECK_EQ_INT(len, json_string_length(end));
    char *text = malloc(len + 1);
    rope_copy(rope, text);
    text[len] = '\0';
    CHECK(strcmp(text, json_string_value(end)) == 0);
    free(text);
    document_free(document);
    json_decref(trace);
}

static void rustcode_ends_as_it_did(void)
{
    play("rustcode");
}

static void sveltecomponent_ends_as_it_did(void)
{
    play("sveltecomponent");
}

static void json_crdt_patch_ends_as_it_did(void)
{
    play("json-crdt-patch");
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(rustcode_ends_as_it_did);
    RUN(sveltecomponent_ends_as_it_did);
    RUN(json_crdt_patch_ends_as_it_did);
    return check_finish();
}
