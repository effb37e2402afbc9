/* Chains in a table of a power of two of buckets, doubled when there is an entry a bucket. It never
 * shrinks, so that removing what an iteration just visited moves nothing. The hash of texts is
 * SipHash-1-3 under a key that this process drew: names of files and projects come from strangers,
 * and a hash that they can compute would let them put all in one chain. */
#include "weft/base/map.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BUCKETS 8u
#define NUMBER_KEY SIZE_MAX

struct map_entry {
    struct map_entry *next;
    uint64_t hash;
    uint64_t key;
    void *value;
    size_t text_len; /* NUMBER_KEY where key is the key, else text is */
    char text[];
};

/* What is looked for: a number, or len bytes of text. */
struct sought {
    uint64_t hash;
    uint64_t key;
    const char *text;
    size_t len;
};

static uint64_t seed[2];
static pthread_once_t seed_drawn = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    random_fill(seed, sizeof(seed));
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

static uint64_t hash_bytes(const char *text, size_t len)
{
    pthread_once(&seed_drawn, draw_seed);
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof(word));
        sip_word(v, word);
    }
    uint64_t last = 0;
    if (i < len)
        memcpy(&last, text + i, len - i);
    sip_word(v, last | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Numbers are drawn or counted by this server; a stranger can ask for one, but not put it in. The
 * finaliser of splitmix64 under the seed scatters them well enough. */
static uint64_t hash_number(uint64_t key)
{
    pthread_once(&seed_drawn, draw_seed);
    key ^= seed[0];
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return key ^ (key >> 31);
}

static struct sought number(uint64_t key)
{
    return (struct sought){hash_number(key), key, NULL, NUMBER_KEY};
}

static struct sought text(const char *key, size_t len)
{
    assert(len < NUMBER_KEY);
    return (struct sought){hash_bytes(key, len), 0, key, len};
}

static bool entry_is(const struct map_entry *entry, const struct sought *sought)
{
    if (entry->hash != sought->hash || entry->text_len != sought->len)
        return false;
    if (sought->len == NUMBER_KEY)
        return entry->key == sought->key;
    return sought->len == 0 || memcmp(entry->text, sought->text, sought->len) == 0;
}

/* Returns where the pointer to the entry stands, or to the NULL that ends its chain; the table is
 * not empty. */
static struct map_entry **slot(const struct map *map, const struct sought *sought)
{
    struct map_entry **at = &map->buckets[sought->hash & (map->bucket_count - 1)];
    while (*at && !entry_is(*at, sought))
        at = &(*at)->next;
    return at;
}

static void grow(struct map *map)
{
    size_t count = map->bucket_count ? map->bucket_count * 2 : LEAST_BUCKETS;
    struct map_entry **buckets = mem_zalloc(count * sizeof(struct map_entry *));
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_entry *entry = map->buckets[i];
        while (entry) {
            struct map_entry *next = entry->next;
            struct map_entry **head = &buckets[entry->hash & (count - 1)];
            entry->next = *head;
            *head = entry;
            entry = next;
        }
    }
    free(map->buckets);
    map->buckets = buckets;
    map->bucket_count = count;
}

static struct map_entry *entry_new(const struct sought *sought, void *value)
{
    size_t len = sought->len == NUMBER_KEY ? 0 : sought->len;
    struct map_entry *entry = mem_alloc(sizeof(*entry) + len);
    entry->next = NULL;
    entry->hash = sought->hash;
    entry->key = sought->key;
    entry->value = value;
    entry->text_len = sought->len;
    if (len > 0)
        memcpy(entry->text, sought->text, len);
    return entry;
}

static void *find(const struct map *map, const struct sought *sought)
{
    if (map->count == 0)
        return NULL;
    struct map_entry *entry = *slot(map, sought);
    return entry ? entry->value : NULL;
}

static void *put(struct map *map, const struct sought *sought, void *value)
{
    assert(value != NULL);
    if (map->count >= map->bucket_count)
        grow(map);
    struct map_entry **at = slot(map, sought);
    if (*at) {
        void *old = (*at)->value;
        (*at)->value = value;
        return old;
    }
    *at = entry_new(sought, value);
    map->count++;
    return NULL;
}

static void *take(struct map *map, const struct sought *sought)
{
    if (map->count == 0)
        return NULL;
    struct map_entry **at = slot(map, sought);
    struct map_entry *entry = *at;
    if (!entry)
        return NULL;
    void *value = entry->value;
    *at = entry->next;
    free(entry);
    map->count--;
    return value;
}

void map_init(struct map *map)
{
    *map = (struct map){NULL, 0, 0};
}

void map_close(struct map *map)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        while (map->buckets[i]) {
            struct map_entry *next = map->buckets[i]->next;
            free(map->buckets[i]);
            map->buckets[i] = next;
        }
    }
    free(map->buckets);
    map_init(map);
}

void *map_find(const struct map *map, uint64_t key)
{
    struct sought sought = number(key);
    return find(map, &sought);
}

void *map_put(struct map *map, uint64_t key, void *value)
{
    struct sought sought = number(key);
    return put(map, &sought, value);
}

void *map_remove(struct map *map, uint64_t key)
{
    struct sought sought = number(key);
    return take(map, &sought);
}

void *map_find_text(const struct map *map, const char *key, size_t len)
{
    struct sought sought = text(key, len);
    return find(map, &sought);
}

void *map_put_text(struct map *map, const char *key, size_t len, void *value)
{
    struct sought sought = text(key, len);
    return put(map, &sought, value);
}

void *map_remove_text(struct map *map, const char *key, size_t len)
{
    struct sought sought = text(key, len);
    return take(map, &sought);
}

bool map_next(const struct map *map, struct map_iter *iter)
{
    if (!iter->started) {
        *iter = (struct map_iter){.started = true};
        iter->next = map->bucket_count ? map->buckets[0] : NULL;
    }
    while (!iter->next) {
        if (iter->bucket + 1 >= map->bucket_count)
            return false;
        iter->next = map->buckets[++iter->bucket];
    }
    const struct map_entry *entry = iter->next;
    iter->next = entry->next;
    iter->key = entry->key;
    iter->text = entry->text_len == NUMBER_KEY ? NULL : entry->text;
    iter->text_len = entry->text_len == NUMBER_KEY ? 0 : entry->text_len;
    iter->value = entry->value;
    return true;
}
