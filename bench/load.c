#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "dialect.h"
#include "redis.h"
#include "weft/base/mem.h"

/* As many connections may be on their way to `joined` at once. */
#define CONNECTING_MAX 256
#define EVENTS_MAX 512
#define SCRATCH_SIZE ((size_t)256 * 1024)

uint64_t clock_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void client_init(struct load *load, uint32_t index)
{
    const struct load_options *options = &load->options;
    load->clients[index] = (struct client){
        .load = load,
        .fd = -1,
        .index = index,
        .room = index / options->members,
        .member = index % options->members,
        .seen = load->seen + (size_t)index * options->writers,
    };
    if (options->dialect->state_size > 0)
        load->clients[index].dialect = mem_zalloc(options->dialect->state_size);
}

struct load *load_new(const struct load_options *options)
{
    struct load *load = mem_zalloc(sizeof *load);
    load->options = *options;
    load->born_ns = load->awake_ns = clock_ns();
    load->client_count = options->rooms * options->members;
    load->clients = mem_zalloc(load->client_count * sizeof *load->clients);
    load->dirty = mem_zalloc(load->client_count * sizeof(struct client *));
    load->seen = mem_zalloc(((size_t)load->client_count * options->writers + 1) * sizeof(uint32_t));
    load->scratch = mem_alloc(SCRATCH_SIZE);
    for (uint32_t i = 0; i < load->client_count; i++)
        client_init(load, i);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (load->epoll_fd < 0)
        load_fail(load, "epoll_create1: %s", strerror(errno));
    return load;
}

void load_free(struct load *load)
{
    for (uint32_t i = 0; i < load->client_count; i++)
        client_close(&load->clients[i]);
    if (load->epoll_fd >= 0)
        close(load->epoll_fd);
    free(load->clients);
    free(load->dirty);
    free(load->seen);
    free(load->scratch);
    free(load);
}

bool load_fail(struct load *load, const char *format, ...)
{
    if (load->failure[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(load->failure, sizeof load->failure, format, args);
        va_end(args);
    }
    return false;
}

bool load_failed(const struct load *load)
{
    return load->failure[0] != '\0';
}

/* Everything that one turn wrote for a client leaves by one send. */
static void flush_dirty(struct load *load)
{
    for (uint32_t i = 0; i < load->dirty_count; i++) {
        load->dirty[i]->dirty = false;
        client_flush(load->dirty[i]);
    }
    load->dirty_count = 0;
}

/* Waits for events until the moment at the latest; moves `now` to when the waiting ended. A
 * spinning generator asks without pause: one that sleeps has to be woken, and the interrupt to its
 * core is then paid by the server, within its send(): 10 µs per edit in a virtual machine. */
static int events_wait(struct load *load, struct epoll_event *events, uint64_t until_ns,
                       uint64_t *now)
{
    int count;
    do {
        uint64_t wait = until_ns > *now && !load->options.spin ? until_ns - *now : 0;
        struct timespec timeout = {(time_t)(wait / 1000000000U), (long)(wait % 1000000000U)};
        count = epoll_pwait2(load->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
        *now = clock_ns();
    } while (count <= 0 && *now < until_ns);
    return count;
}

void load_poll(struct load *load, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    flush_dirty(load);
    uint64_t now = clock_ns();
    load->busy_ns += now - load->awake_ns;
    int count = events_wait(load, events, until_ns, &now);
    load->awake_ns = now;
    for (int i = 0; i < count; i++)
        client_event(events[i].data.ptr, events[i].events, load->scratch, SCRATCH_SIZE);
    flush_dirty(load);
}

bool load_rest(struct load *load, uint64_t until_ns)
{
    while (!load_failed(load) && clock_ns() < until_ns)
        load_poll(load, until_ns);
    return !load_failed(load);
}

static uint64_t deadline_from_now(const struct load *load)
{
    return clock_ns() + (uint64_t)(load->options.patience_s * 1e9);
}

bool load_await(struct load *load, const uint64_t *counter, uint64_t wanted, const char *what)
{
    uint64_t seen = load->counts.bytes_in;
    uint64_t deadline = deadline_from_now(load);
    while (*counter < wanted && !load_failed(load)) {
        load_poll(load, deadline);
        if (load->counts.bytes_in != seen) {
            seen = load->counts.bytes_in;
            deadline = deadline_from_now(load);
        } else if (clock_ns() >= deadline) {
            return load_fail(load, "%s: %llu of %llu, and nothing comes any more", what,
                             (unsigned long long)*counter, (unsigned long long)wanted);
        }
    }
    return !load_failed(load);
}

bool load_connect(struct load *load, uint32_t first, uint32_t count)
{
    uint64_t wanted = load->joined + count;
    for (uint32_t i = first; i < first + count; i++) {
        client_connect(&load->clients[i]);
        if (load_failed(load))
            return false;
        if (i % 16 == 0)
            load_poll(load, 0);
        if (load->connecting >= CONNECTING_MAX &&
            !load_await(load, &load->joined, wanted - (first + count - i), "joined"))
            return false;
    }
    return load_await(load, &load->joined, wanted, "joined");
}

bool load_create(struct load *load)
{
    if (!load->options.dialect->create)
        return true;
    for (uint32_t room = 0; room < load->options.rooms; room++)
        load->options.dialect->create(&load->clients[room * load->options.members]);
    return load_await(load, &load->told, load->joined, "members told of their file");
}

bool load_open(struct load *load, uint32_t first, uint32_t count)
{
    if (!load->options.dialect->open)
        return true;
    load->opened = 0;
    for (uint32_t i = first; i < first + count; i++)
        load->options.dialect->open(&load->clients[i]);
    return load_await(load, &load->opened, count, "files opened");
}

/* The server's own view of every file, and an ack for every edit. */
static bool verify(struct load *load)
{
    const struct load_options *options = &load->options;
    if (!options->dialect->verify || options->writers == 0)
        return true;
    if (!load_await(load, &load->counts.acks, load->counts.edits, "LOST: acks"))
        return false;
    load->opened = 0;
    for (uint32_t room = 0; room < options->rooms; room++)
        options->dialect->verify(&load->clients[room * options->members]);
    return load_await(load, &load->opened, options->rooms, "files verified");
}

bool load_settle(struct load *load)
{
    const struct load_counts *counts = &load->counts;
    uint64_t seen = counts->bytes_in;
    uint64_t deadline = deadline_from_now(load);
    while (!load_failed(load) && (load->waiting > 0 || counts->deliveries < counts->expected)) {
        load_poll(load, deadline);
        if (counts->bytes_in != seen) {
            seen = counts->bytes_in;
            deadline = deadline_from_now(load);
        } else if (clock_ns() >= deadline) {
            return load_fail(load, "LOST: %llu of %llu deliveries never came, %llu edits unsent",
                             (unsigned long long)(counts->expected - counts->deliveries),
                             (unsigned long long)counts->expected,
                             (unsigned long long)load->waiting);
        }
    }
    return !load_failed(load) && verify(load);
}

static void edit_due(struct client *client, uint64_t due_ns)
{
    client->load->options.dialect->edit(client, due_ns);
}

void load_pace_edits(struct load *load, struct load_pace *pace, struct client **senders,
                     double rate)
{
    const struct load_options *options = &load->options;
    uint32_t count = 0;
    /* Round by round over the rooms, so that a room's writers are not due one after the other. */
    for (uint32_t writer = 0; writer < options->writers; writer++)
        for (uint32_t room = 0; room < options->rooms; room++)
            senders[count++] = &load->clients[room * options->members + writer];
    *pace = (struct load_pace){.senders = senders,
                               .sender_count = count,
                               .period_ns = 1e9 / (rate * count),
                               .start_ns = clock_ns(),
                               .send = edit_due};
}

bool load_drive(struct load *load, struct load_pace *pace, uint64_t until_ns)
{
    for (uint64_t now = clock_ns(); now < until_ns && !load_failed(load); now = clock_ns()) {
        uint64_t due;
        for (;;) {
            due = pace->start_ns + (uint64_t)((double)pace->done * pace->period_ns);
            if (due > now || due >= until_ns)
                break;
            pace->send(pace->senders[pace->done++ % pace->sender_count], due);
        }
        load_poll(load, due < until_ns ? due : until_ns);
    }
    return !load_failed(load);
}

static uint64_t redis_scripts(struct load *load)
{
    const struct load_redis *redis = &load->options.redis;
    uint64_t calls = 0;
    if (redis->processes.count > 0 && !redis_scripts_ask(&redis->address, &calls))
        load_fail(load, "Redis does not tell its statistics: %s", strerror(errno));
    return calls;
}

/* Redis is asked outside of the window: that takes a fraction of a millisecond. */
void load_window_begin(struct load *load, struct load_window *window)
{
    window->redis_scripts = redis_scripts(load);
    histogram_reset(&load->latency);
    histogram_reset(&load->ack_latency);
    window->counts = load->counts;
    window->busy_ns = load->busy_ns;
    window->own_cpu_ns = process_own_cpu_ns();
    window->redis_cpu_ns = process_cpu_ns(&load->options.redis.processes);
    window->server_cpu_ns = process_cpu_ns(&load->options.processes);
    window->ns = clock_ns();
}

void load_window_end(struct load *load, struct load_window *window)
{
    /* All counts are uint64_t, so the struct is an array of them. */
    uint64_t *then = (uint64_t *)&window->counts;
    const uint64_t *now = (const uint64_t *)&load->counts;
    window->ns = clock_ns() - window->ns;
    window->server_cpu_ns = process_cpu_ns(&load->options.processes) - window->server_cpu_ns;
    window->redis_cpu_ns = process_cpu_ns(&load->options.redis.processes) - window->redis_cpu_ns;
    window->busy_ns = load->busy_ns - window->busy_ns;
    window->own_cpu_ns = process_own_cpu_ns() - window->own_cpu_ns;
    for (size_t i = 0; i < sizeof load->counts / sizeof *now; i++)
        then[i] = now[i] - then[i];
    window->redis_scripts = redis_scripts(load) - window->redis_scripts;
}
