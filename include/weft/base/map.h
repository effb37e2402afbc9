/* Two hash tables with a seeded hash (a stranger cannot make keys collide): whole numbers to
 * pointers, and byte strings to pointers. Caller's storage; values belong to the caller, string
 * keys are copied. Adding while iterating is not allowed; removing the item just visited is. */
#ifndef WEFT_BASE_MAP_H
#define WEFT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry;
struct map {
    struct map_entry **buckets;
    size_t bucket_count;
    size_t count;
};

void map_init(struct map *map);
/* Frees the table, not the values. */
void map_close(struct map *map);

/* NULL where there is nothing. */
void *map_find(const struct map *map, uint64_t key);
/* Adds or replaces; returns the value that was there before, or NULL. value is not NULL. */
void *map_put(struct map *map, uint64_t key, void *value);
void *map_remove(struct map *map, uint64_t key);

void *map_find_text(const struct map *map, const char *key, size_t len);
void *map_put_text(struct map *map, const char *key, size_t len, void *value);
void *map_remove_text(struct map *map, const char *key, size_t len);

/* for (it = {0}; map_next(&map, &it);) … it.key, it.text, it.value. In no particular order. */
struct map_iter {
    size_t bucket;
    struct map_entry *next;
    bool started;
    uint64_t key;
    const char *text; /* NULL for number keys */
    size_t text_len;
    void *value;
};
bool map_next(const struct map *map, struct map_iter *iter);

#endif
