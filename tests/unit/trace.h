/* The editing traces of the shared test data (josephg/editing-traces), one person each. */
#ifndef TRACE_H
#define TRACE_H

#include "check.h"

#include <jansson.h>
#include <zlib.h>

/* Returns the parsed trace, or leaves the test as skipped where there is none. */
CHECK_UNUSED static json_t *trace_load(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "traces/%s.json.gz", name);
    FILE *file = check_open_shared(path);
    gzFile zip = gzdopen(dup(fileno(file)), "rb");
    fclose(file);
    REQUIRE(zip != NULL);
    size_t len = 0, room = 1 << 24;
    char *text = malloc(room);
    for (int got; (got = gzread(zip, text + len, 1 << 20)) > 0 && len + (2 << 20) < room;)
        len += (size_t)got;
    gzclose(zip);
    json_t *trace = json_loadb(text, len, 0, NULL);
    free(text);
    REQUIRE(trace != NULL);
    return trace;
}

struct trace_patch {
    size_t at;
    size_t del;
    const char *ins;
    size_t ins_len;
};

/* Calls with every patch in order. Returns how many there were. */
CHECK_UNUSED static size_t trace_play(const json_t *trace,
                                      void (*patch)(void *user, const struct trace_patch *patch),
                                      void *user)
{
    size_t i, k, count = 0;
    json_t *txn, *item;
    json_array_foreach(json_object_get(trace, "txns"), i, txn)
    {
        json_array_foreach(json_object_get(txn, "patches"), k, item)
        {
            const json_t *ins = json_array_get(item, 2);
            patch(user, &(struct trace_patch){
                            .at = (size_t)json_integer_value(json_array_get(item, 0)),
                            .del = (size_t)json_integer_value(json_array_get(item, 1)),
                            .ins = json_string_value(ins),
                            .ins_len = json_string_length(ins),
                        });
            count++;
        }
    }
    return count;
}

CHECK_UNUSED static const char *const trace_names[] = {"rustcode", "sveltecomponent",
                                                       "json-crdt-patch"};

#endif
