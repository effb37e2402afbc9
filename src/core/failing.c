#include "failing.h"
#include "weft/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MOST 10000u /* projects that are counted; one beyond is at its first failure for ever */
#define FORGET_MS 150000u /* twice the longest wait between two tries, and more */
#define SWEEP_MS 10000u

struct failure {
    uint32_t tries;
    uint64_t at_ms;
};

void failing_init(struct failing *failing, uint32_t alarm_tries)
{
    *failing = (struct failing){.alarm_tries = alarm_tries};
    map_init(&failing->by_project);
}

void failing_close(struct failing *failing)
{
    for (struct map_iter iter = {0}; map_next(&failing->by_project, &iter);)
        free(iter.value);
    map_close(&failing->by_project);
}

void failing_note(struct failing *failing, const char *project, uint32_t tries, uint64_t now_ms)
{
    size_t len = strlen(project);
    struct failure *failure = map_find_text(&failing->by_project, project, len);
    if (!failure && failing->by_project.count >= MOST)
        return;
    if (!failure) {
        failure = mem_zalloc(sizeof *failure);
        map_put_text(&failing->by_project, project, len, failure);
    }
    failing->stuck -= failure->tries >= failing->alarm_tries;
    failing->stuck += tries >= failing->alarm_tries;
    *failure = (struct failure){tries, now_ms};
}

static void forget(struct failing *failing, const char *project, size_t len)
{
    struct failure *failure = map_remove_text(&failing->by_project, project, len);
    if (!failure)
        return;
    failing->stuck -= failure->tries >= failing->alarm_tries;
    free(failure);
}

void failing_remove(struct failing *failing, const char *project)
{
    forget(failing, project, strlen(project));
}

/* The first one that is old; false: there is none. */
static bool find_old(const struct failing *failing, uint64_t now_ms, struct map_iter *at)
{
    for (*at = (struct map_iter){0}; map_next(&failing->by_project, at);)
        if (now_ms - ((struct failure *)at->value)->at_ms >= FORGET_MS)
            return true;
    return false;
}

void failing_sweep(struct failing *failing, uint64_t now_ms)
{
    struct map_iter at;
    if (now_ms - failing->swept_ms < SWEEP_MS)
        return;
    failing->swept_ms = now_ms;
    while (find_old(failing, now_ms, &at))
        forget(failing, at.text, at.text_len);
}
