/* Presence is not a log: a server may leave out positions that a newer one has replaced, so what
 * is lost cannot be told by counting. What is promised is the newest: a position never goes back,
 * and when all rest, everybody sees where everybody stopped. That is checked for every pair; how
 * much was left out on the way is a figure. The position is the number of the sender's move. */
#include <stdlib.h>

#include "dialect.h"
#include "scenario.h"
#include "weft/base/map.h"
#include "weft/base/mem.h"

#define MOVES_KEPT 32 /* moves whose moment is remembered, per sender */

struct presence {
    uint32_t people;
    struct map by_id;
    uint16_t *moves;  /* per sender: how many it has sent */
    uint64_t *due_ns; /* MOVES_KEPT per sender */
    uint16_t *seen;   /* per receiver and sender: the newest move */
    struct client **senders;
};

static void move_due(struct client *client, uint64_t due_ns)
{
    struct presence *presence = client->load->scenario;
    uint16_t move = ++presence->moves[client->index];
    presence->due_ns[client->index * MOVES_KEPT + move % MOVES_KEPT] = due_ns;
    weft_send_cursor(client, move);
}

static void move_received(struct client *client, uint64_t by, uint64_t position)
{
    struct load *load = client->load;
    struct presence *presence = load->scenario;
    const struct client *sender = map_find(&presence->by_id, by);
    if (!sender || sender == client || position > presence->moves[sender->index]) {
        load_fail(load, "client %u: a cursor of %llu at %llu", client->index,
                  (unsigned long long)by, (unsigned long long)position);
        return;
    }
    uint16_t *seen = &presence->seen[client->index * presence->people + sender->index];
    if (position < *seen) {
        load_fail(load, "client %u: the cursor of %llu went back", client->index,
                  (unsigned long long)by);
        return;
    }
    load->counts.cursors++;
    if (position > *seen && presence->moves[sender->index] - position < MOVES_KEPT)
        histogram_add(&load->latency,
                      load->read_ns -
                          presence->due_ns[sender->index * MOVES_KEPT + position % MOVES_KEPT]);
    *seen = (uint16_t)position;
}

static uint64_t pairs_behind(const struct presence *presence)
{
    uint64_t behind = 0;
    for (uint32_t to = 0; to < presence->people; to++)
        for (uint32_t from = 0; from < presence->people; from++)
            behind +=
                to != from && presence->seen[to * presence->people + from] != presence->moves[from];
    return behind;
}

static bool rest_seen(struct load *load)
{
    const struct presence *presence = load->scenario;
    uint64_t behind = 1;
    for (uint64_t until = clock_ns() + 10000000000U; behind > 0 && clock_ns() < until;) {
        if (!load_rest(load, clock_ns() + 50000000U))
            return false;
        behind = pairs_behind(presence);
    }
    if (behind > 0)
        return load_fail(load, "LOST: of %u people's cursors %llu of %llu were never seen at rest",
                         presence->people, (unsigned long long)behind,
                         (unsigned long long)presence->people * (presence->people - 1));
    return true;
}

static void presence_init(struct presence *presence, struct load *load)
{
    uint32_t people = load->client_count;
    presence->people = people;
    map_init(&presence->by_id);
    presence->moves = mem_zalloc(people * sizeof *presence->moves);
    presence->due_ns = mem_zalloc((size_t)people * MOVES_KEPT * sizeof *presence->due_ns);
    presence->seen = mem_zalloc((size_t)people * people * sizeof *presence->seen);
    presence->senders = mem_alloc(people * sizeof(struct client *));
    for (uint32_t i = 0; i < people; i++)
        presence->senders[i] = &load->clients[i];
    load->scenario = presence;
    load->cursor_received = move_received;
}

static void presence_close(struct presence *presence)
{
    map_close(&presence->by_id);
    free(presence->moves);
    free(presence->due_ns);
    free(presence->seen);
    free(presence->senders);
}

static bool presence_run(struct load *load, const struct scenario *scenario, struct report *report)
{
    struct presence *presence = load->scenario;
    struct load_window window;
    struct load_pace pace = {.senders = presence->senders,
                             .sender_count = presence->people,
                             .period_ns = 1e9 / (scenario->rate * presence->people),
                             .send = move_due};
    if (!load_connect(load, 0, load->client_count) || !load_create(load) ||
        !load_open(load, 0, load->client_count))
        return false;
    for (uint32_t i = 0; i < load->client_count; i++)
        map_put(&presence->by_id, load->clients[i].id, &load->clients[i]);
    pace.start_ns = clock_ns();
    if (!load_drive(load, &pace, clock_ns() + 2000000000U))
        return false;
    load_window_begin(load, &window);
    bool done = load_drive(load, &pace, clock_ns() + (uint64_t)(scenario->seconds * 1e9));
    load_window_end(load, &window);
    report_window(report, load, &window);
    report_count(report, "cursors_sent", window.counts.cursors_sent);
    report_count(report, "cursors_received", window.counts.cursors);
    report_number(report, "cursors_received_share",
                  (double)window.counts.cursors / (double)window.counts.cursors_sent /
                      (presence->people - 1));
    return done && rest_seen(load);
}

bool scenario_presence(struct load *load, const struct scenario *scenario, struct report *report)
{
    struct presence presence;
    presence_init(&presence, load);
    bool done = presence_run(load, scenario, report);
    load->cursor_received = NULL;
    presence_close(&presence);
    return done;
}
