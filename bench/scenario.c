#include "scenario.h"

#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "weft/base/mem.h"

#define SECOND_NS 1e9
/* Before anything is measured the caches, the allocator and the journal get used to the load. */
#define WARM_UP_S 0.5
#define P99_LIMIT_NS 50000000U
/* The ramp ends here: beyond it the generator is what is measured. */
#define RAMP_MAX_PER_S 4e6

const struct scenario scenarios[] = {
    {"w1", "20 rooms of 25, one writer each at 40 edits/s", 20, 25, 1, 40, 3, 4000, scenario_edits,
     false},
    {"w1x3", "W1 at 57,600 deliveries/s", 20, 25, 1, 120, 3, 4000, scenario_edits, false},
    {"w2", "400 rooms of 3, all write 5 edits/s", 400, 3, 3, 5, 3, 4000, scenario_edits, false},
    {"w3", "8,000 idle connections in rooms of 25", 320, 25, 0, 0, 2, 4000, scenario_idle, false},
    {"w3pairs", "8,000 idle connections in rooms of 2", 4000, 2, 0, 0, 2, 4000, scenario_idle,
     false},
    {"w4", "5 rooms of 4, one writer each at 10 edits/s", 5, 4, 1, 10, 3, 4000, scenario_edits,
     false},
    {"ramp", "W1, the rate rising until p99 > 50 ms", 20, 25, 1, 100, 1, 4000, scenario_ramp,
     false},
    {"presence", "1,500 people in one file, cursors at 1 Hz", 1, 1500, 0, 1, 5, 4000,
     scenario_presence, true},
    {"storm", "150 people open a file of 4 MB at once", 1, 151, 1, 0, 0, 1000000, scenario_storm,
     true},
    {0},
};

const struct scenario *scenario_find(const char *name)
{
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++) {
        if (strcmp(scenario->name, name) == 0)
            return scenario;
    }
    return NULL;
}

static uint64_t after_s(double seconds)
{
    return clock_ns() + (uint64_t)(seconds * SECOND_NS);
}

static bool everybody_in(struct load *load)
{
    return load_connect(load, 0, load->client_count) && load_create(load) &&
           load_open(load, 0, load->client_count);
}

bool scenario_edits(struct load *load, const struct scenario *scenario, struct report *report)
{
    struct client **senders = mem_alloc(load->client_count * sizeof(struct client *));
    struct load_pace pace;
    struct load_window window;
    bool done = everybody_in(load);
    if (done) {
        load_pace_edits(load, &pace, senders, scenario->rate);
        done = load_drive(load, &pace, after_s(WARM_UP_S));
        load_window_begin(load, &window);
        done = done && load_drive(load, &pace, after_s(scenario->seconds));
        load_window_end(load, &window);
        report_window(report, load, &window);
        done = done && load_settle(load);
    }
    free(senders);
    return done;
}

/* One rate of the ramp. Sets `kept` if the server kept up with it. */
static bool ramp_step(struct load *load, const struct scenario *scenario, double rate, bool *kept,
                      struct load_window *window)
{
    struct client **senders = mem_alloc(load->client_count * sizeof(struct client *));
    struct load_pace pace;
    load_pace_edits(load, &pace, senders, rate);
    bool done = load_drive(load, &pace, after_s(WARM_UP_S / 2));
    load_window_begin(load, window);
    done = done && load_drive(load, &pace, after_s(scenario->seconds));
    load_window_end(load, window);
    double wanted = 1e9 / pace.period_ns * (load->options.members - 1) * (double)window->ns / 1e9;
    *kept = done && histogram_quantile(&load->latency, 0.99) <= P99_LIMIT_NS &&
            (double)window->counts.deliveries >= 0.9 * wanted;
    free(senders);
    return done;
}

static void ramp_report(struct report *report, struct load *load, double rate, bool kept,
                        const struct load_window *window)
{
    report_open(report, NULL, '{');
    report_number(report, "rate", rate);
    report_count(report, "kept", kept);
    report_window(report, load, window);
    report_shut(report, '}');
}

/* Where a ramp has got to. */
struct ramp {
    double rate, good, bad; /* now; the highest that was kept, the lowest that was not */
    bool again;             /* the rate failed once: a hiccup of the machine is no limit */
    int refinements;
};

/* Doubled until the server does not keep up twice, then half way between, twice. */
static void ramp_move(struct ramp *ramp, bool kept)
{
    if (!kept && !ramp->again) {
        ramp->again = true;
        return;
    }
    ramp->again = false;
    *(kept ? &ramp->good : &ramp->bad) = ramp->rate;
    ramp->refinements += ramp->bad > 0;
    ramp->rate = ramp->bad == 0 ? ramp->rate * 2 : (ramp->good + ramp->bad) / 2;
}

bool scenario_ramp(struct load *load, const struct scenario *scenario, struct report *report)
{
    struct ramp ramp = {.rate = scenario->rate};
    double best = 0;
    if (!everybody_in(load))
        return false;
    report_open(report, "steps", '[');
    while (ramp.refinements < 3 && best < RAMP_MAX_PER_S) {
        struct load_window window;
        bool kept;
        bool alive = ramp_step(load, scenario, ramp.rate, &kept, &window);
        double per_s = (double)window.counts.deliveries / (double)window.ns * 1e9;
        ramp_report(report, load, ramp.rate, kept, &window);
        if (!alive || !load_settle(load))
            break;
        best = kept && per_s > best ? per_s : best;
        ramp_move(&ramp, kept);
    }
    report_shut(report, ']');
    report_number(report, "max_deliveries_per_s", best);
    if (load->overloaded)
        report_text(report, "stopped_by", load->failure);
    if (best <= 0)
        load_fail(load, "not even the lowest rate was kept");
    return best > 0 && (load->overloaded || !load_failed(load));
}

static void idle_step(struct report *report, const struct load *load, const char *name,
                      const struct load_window *window, uint64_t rss_before)
{
    double count = load->client_count;
    uint64_t rss = process_rss(&load->options.processes);
    report_open(report, name, '{');
    report_number(report, "cpu_us", (double)window->server_cpu_ns / 1e3 / count);
    report_number(report, "rss_bytes", ((double)rss - (double)rss_before) / count);
    report_number(report, "seconds", (double)window->ns / 1e9);
    report_cpu(report, window);
    report_shut(report, '}');
}

/* Both steps count from the memory before the first connection. */
bool scenario_idle(struct load *load, const struct scenario *scenario, struct report *report)
{
    struct load_window window;
    uint64_t rss = process_rss(&load->options.processes);
    load_window_begin(load, &window);
    if (!load_connect(load, 0, load->client_count) || !load_rest(load, after_s(WARM_UP_S)))
        return false;
    load_window_end(load, &window);
    idle_step(report, load, "per_connection", &window, rss);
    if (!load_create(load))
        return false;
    load_window_begin(load, &window);
    if (!load_open(load, 0, load->client_count) || !load_rest(load, after_s(WARM_UP_S)))
        return false;
    load_window_end(load, &window);
    if (load->options.dialect->open)
        idle_step(report, load, "per_opened_file", &window, rss);
    load_window_begin(load, &window);
    bool done = load_rest(load, after_s(scenario->seconds));
    load_window_end(load, &window);
    report_number(report, "idle_cpu_percent",
                  100.0 * (double)window.server_cpu_ns / (double)window.ns);
    return done;
}

static bool large_file_make(struct load *load)
{
    struct client *author = &load->clients[0];
    if (!load_connect(load, 0, 1) || !load_create(load) || !load_open(load, 0, 1))
        return false;
    for (uint64_t i = 1; i <= 3; i++) {
        weft_send_append(author, load->options.text_units);
        if (!load_await(load, &load->counts.acks, i, "large inserts acknowledged"))
            return false;
    }
    /* Saving in the background is not the storm's: let it finish, if it comes. */
    for (uint64_t until = after_s(8); load->saved == 0 && clock_ns() < until;)
        load_poll(load, until);
    return load_rest(load, after_s(WARM_UP_S));
}

static bool storm_arrived(struct load *load, uint64_t start_ns)
{
    histogram_reset(&load->latency);
    for (uint32_t i = 1; i < load->client_count; i++) {
        const struct client *client = &load->clients[i];
        if (client->opened_bytes < 4 * (uint64_t)load->options.text_units)
            return load_fail(load, "LOST: client %u got a file of %llu bytes", i,
                             (unsigned long long)client->opened_bytes);
        histogram_add(&load->latency, client->opened_ns - start_ns);
    }
    return true;
}

bool scenario_storm(struct load *load, const struct scenario *scenario, struct report *report)
{
    const struct process_list *server = &load->options.processes;
    struct load_window window;
    uint32_t joiners = load->client_count - 1;
    (void)scenario;
    if (!large_file_make(load))
        return false;
    bool reset = process_reset_peak(server);
    uint64_t rss = process_rss(server);
    load_window_begin(load, &window);
    uint64_t start_ns = clock_ns();
    load->opened = 0;
    load->open_on_join = true;
    if (!load_connect(load, 1, joiners) ||
        !load_await(load, &load->opened, joiners, "large files opened") ||
        !storm_arrived(load, start_ns))
        return false;
    load_window_end(load, &window);
    report_latency(report, "join_ms", &load->latency);
    report_count(report, "file_bytes", load->clients[1].opened_bytes);
    report_count(report, "rss_before", rss);
    report_number(report, "rss_growth", (double)process_peak_rss(server) - (double)rss);
    report_count(report, "rss_peak_is_of_the_storm", reset);
    report_number(report, "seconds", (double)window.ns / 1e9);
    report_number(report, "server_cpu_ms", (double)window.server_cpu_ns / 1e6);
    report_cpu(report, &window);
    return true;
}
