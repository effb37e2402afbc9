/*
 * People, and programs that come over HTTP, in the world of load_world.h. Include it once.
 */
#ifndef LOAD_TALK_H
#define LOAD_TALK_H

#include "load_world.h"

CHECK_UNUSED static void open_file(struct conn *conn, uint64_t f)
{
    char text[80];
    snprintf(text, sizeof(text), "{\"t\":\"open\",\"f\":%" PRIu64 "}", f);
    say(conn, text);
}

CHECK_UNUSED static void type(struct conn *conn, uint64_t f, const char *text)
{
    char edit[300];
    snprintf(edit, sizeof(edit), "{\"t\":\"edit\",\"f\":%" PRIu64 ",\"at\":0,\"ins\":\"%s\"}", f,
             text);
    say(conn, edit);
}

CHECK_UNUSED static void check_closed(struct conn *conn, int code)
{
    CHECK(!conn->session);
    CHECK_EQ_INT(conn->code, code);
}

/* What somebody who comes to the instance now reads in the file. Lives until the next call. */
CHECK_UNUSED static const char *read_at(struct instance *instance, uint64_t f)
{
    struct conn *conn = join(instance, "Reader");
    pass(5000);
    expect(conn, "welcome");
    open_file(conn, f);
    static char text[4096];
    snprintf(text, sizeof(text), "%s", string(expect(conn, "file"), "text"));
    cut(conn);
    rooms_settle();
    return text;
}

CHECK_UNUSED static void hello(struct conn *conn, const char *template)
{
    char text[200];
    snprintf(text, sizeof(text),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"template\":\"%s\"}", template);
    say(conn, text);
}

/* ---- HTTP ---- */

static CHECK_UNUSED enum err created;
static CHECK_UNUSED int created_count;

CHECK_UNUSED static void on_created(void *owner, enum err result)
{
    (void)owner;
    created = result;
    created_count++;
}

CHECK_UNUSED static void create_at(struct instance *instance)
{
    created_count = 0;
    registry_create_project(instance->registry, "demo", "Demo", "two", NULL, on_created);
    rooms_settle();
}

static CHECK_UNUSED enum err found;
static CHECK_UNUSED char found_text[100], found_epoch[EPOCH_SIZE];
static CHECK_UNUSED int found_count;

CHECK_UNUSED static void on_file(void *owner, const struct query_file *answer)
{
    (void)owner;
    found_count++;
    found = answer->result;
    if (found != ERR_OK)
        return;
    rope_copy(answer->text, found_text);
    found_text[rope_len(answer->text)] = '\0';
    snprintf(found_epoch, sizeof(found_epoch), "%s", answer->ep);
}

CHECK_UNUSED static void ask_file(struct instance *instance, const char *path)
{
    found_count = 0;
    registry_query_file(instance->registry, "demo", path, NULL, on_file);
    rooms_settle();
}

#endif
