#include "weft/server/metrics.h"
#include "weft/base/err.h"
#include "weft/base/log.h"
#include "weft/core/registry.h"
#include "weft/io/redis.h"
#include "weft/io/repository_mongo.h"
#include "weft/io/storage.h"
#include "weft/server/backend.h"
#include "weft/server/lag.h"

#include <inttypes.h>
#include <uv.h>

static void print(struct buf *out, const char *name, const char *type, uint64_t value,
                  const char *help)
{
    buf_printf(out, "# HELP weft_%s %s\n# TYPE weft_%s %s\nweft_%s %" PRIu64 "\n", name, help, name,
               type, name, value);
}

static void print_core(struct buf *out, const struct registry_counts *counts)
{
    print(out, "sessions", "gauge", counts->sessions, "Connections with a session.");
    print(out, "rooms", "gauge", counts->rooms, "Projects held in memory.");
    print(out, "edits_total", "counter", counts->edits, "Edits taken.");
    print(out, "deliveries_total", "counter", counts->deliveries, "Edits sent to a client.");
    print(out, "acks_total", "counter", counts->acks, "Edits acknowledged.");
    print(out, "batches_total", "counter", counts->batches, "Appends to a log.");
    print(out, "conflicts_total", "counter", counts->conflicts, "Appends that came too late.");
    print(out, "duplicates_total", "counter", counts->duplicates, "Edits that came again.");
    print(out, "frames_in_total", "counter", counts->frames_in, "Messages read.");
    print(out, "frames_out_total", "counter", counts->frames_out, "Messages written.");
    print(out, "resyncs_total", "counter", counts->resyncs,
          "Files whose edits were dropped for a slow reader.");
    print(out, "presence_dropped_total", "counter", counts->presence_dropped,
          "Cursors and peers dropped for a slow reader.");
    print(out, "slow_closed_total", "counter", counts->slow_closed, "Readers too slow to keep.");
    print(out, "saves_total", "counter", counts->saves, "Files saved.");
    print(out, "save_failures_total", "counter", counts->save_failures, "Saves that failed.");
    print(out, "saves_stuck_total", "counter", counts->saves_stuck,
          "Projects whose saves failed many times in a row.");
    print(out, "projects_failing", "gauge", counts->stuck, "Those whose saves still do.");
}

static void print_jobs(struct buf *out, const struct registry_counts *counts)
{
    print(out, "jobs_added_total", "counter", counts->jobs_added,
          "Jobs of people, asked for here.");
    print(out, "jobs_refused_total", "counter", counts->jobs_refused, "Requests for one refused.");
    print(out, "jobs_begun_total", "counter", counts->jobs_begun, "Tries of jobs begun here.");
    print(out, "jobs_running", "gauge", counts->jobs_running, "Jobs that run here.");
    print(out, "jobs_done_total", "counter", counts->jobs_done, "Jobs that went well here.");
    print(out, "jobs_retried_total", "counter", counts->jobs_retried, "Tries that failed.");
    print(out, "jobs_failed_total", "counter", counts->jobs_failed, "Jobs not tried any more.");
    print(out, "jobs_canceled_total", "counter", counts->jobs_canceled, "Jobs stopped by people.");
    print(out, "jobs_lost_total", "counter", counts->jobs_lost, "Jobs whose lease was lost here.");
    print(out, "job_edits_total", "counter", counts->job_edits, "Texts that jobs changed.");
}

/* What a room does to stay in step with the other instances. */
static void print_shared(struct buf *out, const struct registry_counts *counts)
{
    print(out, "hints_total", "counter", counts->hints, "What other instances told of rooms here.");
    print(out, "hints_doubted_total", "counter", counts->hints_doubted,
          "Hints that were not taken at their word.");
    print(out, "polls_total", "counter", counts->polls, "Times a room asked what it had missed.");
    print(out, "catchups_total", "counter", counts->catchups, "Times a file read what it lacked.");
    print(out, "checkpoints_total", "counter", counts->checkpoints,
          "Texts written behind their edits.");
    print(out, "retries_total", "counter", counts->retries, "Calls whose outcome nobody knew.");
    print(out, "degraded_total", "counter", counts->degraded,
          "Times that clients were told that Redis is away.");
    print(out, "degraded_closed_total", "counter", counts->degraded_closed,
          "Sessions sent elsewhere, as Redis stayed away.");
    print(out, "loads_total", "counter", counts->loads, "Projects that this instance loaded.");
    print(out, "load_failures_total", "counter", counts->load_failures, "Loads that failed.");
    print(out, "recoveries_total", "counter", counts->recoveries,
          "Loads after a loss, under a new epoch.");
    print(out, "rooms_let_go_total", "counter", counts->let_go,
          "Rooms with unsaved edits that a load did not hear of in time.");
    print(out, "unloads_total", "counter", counts->unloads, "Projects saved and unloaded.");
    print(out, "flushes_total", "counter", counts->flushes,
          "Jobs of saving a project that were begun here.");
    print(out, "flush_failures_total", "counter", counts->flush_failures, "Those that failed.");
}

static void print_refusals(struct buf *out, const struct registry_counts *counts)
{
    buf_add_text(out, "# HELP weft_refused_total Messages refused, by the code of the answer.\n"
                      "# TYPE weft_refused_total counter\n");
    for (enum err code = ERR_OK + 1; code <= ERR_INTERNAL; code++)
        buf_printf(out, "weft_refused_total{code=\"%s\"} %" PRIu64 "\n", err_name(code),
                   counts->errors[code]);
}

static void print_commits(struct buf *out, const struct storage_counts *counts)
{
    uint64_t sum = 0;
    buf_add_text(out, "# HELP weft_commit_seconds Time of a commit to the journal.\n"
                      "# TYPE weft_commit_seconds histogram\n");
    for (int i = 0; i < STORAGE_BUCKETS; i++) {
        sum += counts->commit_times[i];
        if (i < STORAGE_BUCKETS - 1)
            buf_printf(out, "weft_commit_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                       (double)(32u << i) / 1e6, sum);
    }
    buf_printf(out, "weft_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
    buf_printf(out, "weft_commit_seconds_sum %g\n", (double)counts->commit_us / 1e6);
    buf_printf(out, "weft_commit_seconds_count %" PRIu64 "\n", sum);
}

static void print_storage(struct buf *out, struct storage *storage)
{
    struct storage_counts stored = storage_counts(storage), *counts = &stored;
    print(out, "journal_entries_total", "counter", counts->entries, "Edits in the journal.");
    print(out, "journal_failures_total", "counter", counts->failures, "Commits that failed.");
    print(out, "journal_waiting", "gauge", counts->waiting, "Requests that wait for the journal.");
    print(out, "journal_trims_total", "counter", counts->trims, "Times the journal was trimmed.");
    print(out, "store_broken", "gauge", counts->broken,
          "Files and projects that could not be understood at start.");
    print(out, "store_failing", "gauge", counts->failing, "1 while writes are refused.");
    print_commits(out, counts);
}

static void print_redis_health(struct buf *out, const struct redis *redis)
{
    struct redis_health health;
    redis_health(redis, &health);
    print(out, "redis_up", "gauge", health.commands_up, "1 while Redis takes commands.");
    print(out, "redis_subscribed", "gauge", health.subscriptions_up,
          "1 while the connection for subscriptions is up.");
    print(out, "redis_heard", "gauge", health.is_heard,
          "1 while what this server tells itself through Redis comes back.");
    buf_add_text(out, "# HELP weft_redis_durability What survives, as Redis is set up now.\n"
                      "# TYPE weft_redis_durability gauge\n");
    for (enum redis_durability promise = REDIS_NONE; promise <= REDIS_POWER_CUT; promise++)
        buf_printf(out, "weft_redis_durability{promise=\"%s\"} %d\n",
                   redis_durability_name(promise),
                   health.commands_up && health.durability == promise);
}

static void print_redis(struct buf *out, const struct redis *redis)
{
    const struct redis_counts *counts = redis_counts(redis);
    print(out, "redis_calls_total", "counter", counts->calls, "Scripts called.");
    print(out, "redis_errors_total", "counter", counts->errors, "Error replies.");
    print(out, "redis_timeouts_total", "counter", counts->timeouts, "Commands without an answer.");
    print(out, "redis_reconnects_total", "counter", counts->reconnects, "Connections made anew.");
    print(out, "redis_resubscriptions_total", "counter", counts->resubscriptions,
          "Channels subscribed to anew.");
    print(out, "redis_probes_total", "counter", counts->probes, "Probes sent to itself.");
    print(out, "redis_messages_in_total", "counter", counts->messages_in, "Messages of channels.");
    print(out, "redis_bytes_in_total", "counter", counts->bytes_in, "Their bytes.");
    print(out, "redis_script_loads_total", "counter", counts->script_loads, "Scripts loaded.");
    print(out, "redis_hints_too_big_total", "counter", counts->hints_too_big,
          "Messages that went without their content.");
    print_redis_health(out, redis);
}

static void print_mongo(struct buf *out, struct mongo *mongo)
{
    struct mongo_counts counts = mongo_counts(mongo);
    print(out, "mongodb_calls_total", "counter", counts.calls, "Calls to MongoDB that ended.");
    print(out, "mongodb_failures_total", "counter", counts.failures,
          "Calls that MongoDB did not answer as it should.");
    print(out, "mongodb_waiting", "gauge", counts.waiting, "Calls that wait for a thread.");
    print(out, "mongodb_failing", "gauge", counts.is_failing,
          "1 from a call that failed to one that did not.");
}

static void print_turns(struct buf *out, const struct lag *lag)
{
    uint64_t sum = 0;
    buf_add_text(out, "# HELP weft_turn_seconds How long the loop was busy at a time.\n"
                      "# TYPE weft_turn_seconds histogram\n");
    for (int i = 0; i < LAG_BUCKETS; i++) {
        sum += lag->turns[i];
        if (i < LAG_BUCKETS - 1)
            buf_printf(out, "weft_turn_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
                       (double)(250u << i) / 1e6, sum);
    }
    buf_printf(out, "weft_turn_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", sum);
    buf_printf(out, "weft_turn_seconds_sum %g\n", (double)lag->turns_us / 1e6);
    buf_printf(out, "weft_turn_seconds_count %" PRIu64 "\n", sum);
}

static void print_process(struct buf *out, const struct lag *lag)
{
    uv_rusage_t usage;
    size_t rss = 0;
    uv_getrusage(&usage);
    uv_resident_set_memory(&rss);
    double seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    print(out, "resident_bytes", "gauge", rss, "Memory of the process.");
    buf_printf(out,
               "# HELP weft_cpu_seconds_total Time on a processor.\n"
               "# TYPE weft_cpu_seconds_total counter\nweft_cpu_seconds_total %.6f\n",
               seconds);
    buf_printf(out,
               "# HELP weft_loop_lag_seconds How late the loop was, at worst, in the last 5 s.\n"
               "# TYPE weft_loop_lag_seconds gauge\nweft_loop_lag_seconds %g\n",
               (double)lag_worst_ms(lag) / 1e3);
    print_turns(out, lag);
    print(out, "log_lost_total", "counter", log_lost(), "Log lines that found no room.");
}

void metrics_print(struct buf *out, const struct registry *registry, const struct backend *backend,
                   const struct lag *lag)
{
    const struct registry_counts *counts = registry_counts(registry);
    print_core(out, counts);
    print_jobs(out, counts);
    print_refusals(out, counts);
    if (backend->storage)
        print_storage(out, backend->storage);
    if (backend->redis) {
        print_shared(out, counts);
        print_redis(out, backend->redis);
    }
    if (backend->mongo)
        print_mongo(out, backend->mongo);
    print_process(out, lag);
}
