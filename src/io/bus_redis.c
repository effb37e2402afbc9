/* The link of subscriptions keeps what is wanted over reconnects and confirms each channel again,
 * and each confirmation is a `joined`: something may have been missed before it. Here is only the
 * count of the joins.
 *
 * A message is never formatted and a name is never a pattern: SUBSCRIBE with the exact channel. */
#include "bus_redis.h"
#include "weft/base/map.h"
#include "weft/base/mem.h"
#include "weft/core/hint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL_PREFIX "weft:{"
#define CHANNEL_SIZE 128
#define HINT_WORDS_MAX 256u /* the first line of a hint and more */

struct joined {
    size_t joins;
    char project[];
};

struct bus_redis {
    struct bus bus;
    struct redis_link *commands, *subscriptions;
    struct redis_counts *counts;
    struct map projects; /* name → struct joined */
};

/* Ids of projects have at most 64 characters: it always fits. */
static const char *print_channel(char out[CHANNEL_SIZE], const char *project)
{
    snprintf(out, CHANNEL_SIZE, CHANNEL_PREFIX "%s}", project);
    return out;
}

/* NULL where the channel is none of a project that is joined. */
static struct joined *find(const struct bus_redis *bus, const char *channel, size_t len)
{
    const size_t prefix = sizeof(CHANNEL_PREFIX) - 1;
    if (len <= prefix + 1 || memcmp(channel, CHANNEL_PREFIX, prefix) != 0 ||
        channel[len - 1] != '}')
        return NULL;
    return map_find_text(&bus->projects, channel + prefix, len - prefix - 1);
}

/* Every join asks for the channel, also where it is active already: the confirmation tells this
 * joiner, too, from when on it hears everything. */
static void join(struct bus *port, const char *project)
{
    struct bus_redis *bus = (struct bus_redis *)port;
    char channel[CHANNEL_SIZE];
    size_t len = strlen(project);
    struct joined *joined = map_find_text(&bus->projects, project, len);
    if (!joined) {
        joined = mem_zalloc(sizeof(*joined) + len + 1);
        memcpy(joined->project, project, len);
        map_put_text(&bus->projects, project, len, joined);
    }
    joined->joins++;
    redis_link_subscribe(bus->subscriptions, print_channel(channel, project));
}

static void leave(struct bus *port, const char *project)
{
    struct bus_redis *bus = (struct bus_redis *)port;
    char channel[CHANNEL_SIZE];
    size_t len = strlen(project);
    struct joined *joined = map_find_text(&bus->projects, project, len);
    if (!joined || --joined->joins > 0)
        return;
    map_remove_text(&bus->projects, project, len);
    free(joined);
    redis_link_unsubscribe(bus->subscriptions, print_channel(channel, project));
}

/* What is too large goes without its body: who needs it reads it from the state. */
static void publish(struct bus *port, const char *project, const char *data, size_t len)
{
    struct bus_redis *bus = (struct bus_redis *)port;
    char channel[CHANNEL_SIZE];
    const char *body = memchr(data, '\n', len);
    if (len > HINT_BODY_MAX + HINT_WORDS_MAX && body) {
        bus->counts->hints_too_big++;
        len = (size_t)(body - data);
    }
    print_channel(channel, project);
    struct redis_arg args[] = {{"PUBLISH", 7}, {channel, strlen(channel)}, {data, len}};
    redis_link_send(bus->commands, args, 3, NULL, NULL);
}

static const struct bus_ops ops = {.join = join, .leave = leave, .publish = publish};

struct bus_redis *bus_redis_new(struct redis_link *commands, struct redis_link *subscriptions,
                                struct redis_counts *counts)
{
    struct bus_redis *bus = mem_zalloc(sizeof(*bus));
    bus->bus.ops = &ops;
    bus->commands = commands;
    bus->subscriptions = subscriptions;
    bus->counts = counts;
    map_init(&bus->projects);
    return bus;
}

void bus_redis_free(struct bus_redis *bus)
{
    for (struct map_iter it = {0}; map_next(&bus->projects, &it);)
        free(it.value);
    map_close(&bus->projects);
    free(bus);
}

struct bus *bus_redis_port(struct bus_redis *bus)
{
    return &bus->bus;
}

/* The project of a channel, copied: whoever is told of it may leave it at once. */
static const char *find_project(const struct bus_redis *bus, const char *channel, size_t len,
                                char out[CHANNEL_SIZE])
{
    const struct joined *joined = find(bus, channel, len);
    if (!joined)
        return NULL;
    snprintf(out, CHANNEL_SIZE, "%s", joined->project);
    return out;
}

void bus_redis_pushed(struct bus_redis *bus, const char *channel, size_t channel_len,
                      const char *data, size_t len)
{
    char name[CHANNEL_SIZE];
    const char *project = find_project(bus, channel, channel_len, name);
    if (project && bus->bus.sink.received)
        bus->bus.sink.received(bus->bus.sink.owner, project, data, len);
}

void bus_redis_subscribed(struct bus_redis *bus, const char *channel, size_t channel_len,
                          bool is_on)
{
    char name[CHANNEL_SIZE];
    const char *project = find_project(bus, channel, channel_len, name);
    if (is_on && project && bus->bus.sink.joined)
        bus->bus.sink.joined(bus->bus.sink.owner, project);
}
