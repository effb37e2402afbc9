/* The authors of a file stand in the order of when they wrote last, or were last in the room, so
 * that only those are looked at whose time has come. */
#include "authors.h"
#include "people.h"
#include "root.h"
#include "weft/base/mem.h"
#include <stdlib.h>

#define SLACK_MS 60000u /* clocks of instances differ */
#define AT_ONCE 1000u

static void move_last(struct file *file, struct author *author)
{
    TAILQ_REMOVE(&file->authors_by_time, author, link);
    TAILQ_INSERT_TAIL(&file->authors_by_time, author, link);
    author->seen_ms = file->room->registry->now_ms;
}

struct author *authors_get(struct file *file, uint64_t cid)
{
    struct author *author = map_find(&file->authors, cid);
    if (!author) {
        author = mem_zalloc(sizeof *author);
        author->cid = cid;
        map_put(&file->authors, cid, author);
        TAILQ_INSERT_TAIL(&file->authors_by_time, author, link);
    }
    move_last(file, author);
    return author;
}

void authors_left(struct room *room, uint64_t cid)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        struct file *file = iter.value;
        struct author *author = map_find(&file->authors, cid);
        if (author)
            move_last(file, author);
    }
}

static void forget(struct file *file, struct author *author)
{
    TAILQ_REMOVE(&file->authors_by_time, author, link);
    map_remove(&file->authors, author->cid);
    free(author);
}

/* Who is here, or has something that is still looked at: waiting edits, or entries that others are
 * mapped over. */
static bool is_needed(const struct file *file, const struct author *author)
{
    return people_find(file->room, author->cid) || author->n_taken > author->n || author->shorts ||
           author->version > document_oldest(file->document);
}

void authors_tick(struct file *file, uint64_t now_ms)
{
    uint64_t after_ms = file->room->registry->config.resume_ms + SLACK_MS;
    for (unsigned i = 0; i < AT_ONCE && !TAILQ_EMPTY(&file->authors_by_time); i++) {
        struct author *author = TAILQ_FIRST(&file->authors_by_time);
        if (file->phase != FILE_OPEN || now_ms - author->seen_ms < after_ms)
            return;
        if (is_needed(file, author))
            move_last(file, author);
        else
            forget(file, author);
    }
}

void authors_clear(struct file *file)
{
    struct author *author;
    while ((author = TAILQ_FIRST(&file->authors_by_time)))
        forget(file, author);
}
