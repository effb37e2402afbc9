/*
 * The life of a run: its folder is made (on a thread of libuv's pool, as all that waits for the
 * disk), its process is spawned, its descriptors are served, it exits, its handles are closed, its
 * folder is removed, and then its end is told.
 *
 * Its descriptors are pipes, not the socket pairs that uv_spawn would make, since a socket cannot
 * be opened as /dev/stdout. When it has exited, what lies in the pipes is read and no more is
 * waited for: a process that it left behind may have them open for ever. Whoever is left in its
 * group is killed.
 *
 * The process first is this program again, which sets the limits (runner_exec.c). A descriptor that
 * closes by exec says whether it became the command.
 */
#define _GNU_SOURCE /* strsignal */
#include "runner_copy.h"
#include "runner_exec.h"
#include "runner_folder.h"
#include "runner_program.h"
#include "weft/base/buf.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/io/runner.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READ_MAX 65536 /* at once */
#define CPU_SPARE_S 1  /* above what it can use up in its time */

/* Our end of one of its descriptors. */
struct stream {
    struct process *process;
    uv_poll_t poll;
    int fd; /* -1: closed */
};
enum { INPUT, OUTPUT, ERRORS, STREAMS };

enum phase { PREPARING, RUNNING, OVER };

struct runner_uv;
struct process {
    TAILQ_ENTRY(process) link;
    struct runner_uv *runner;
    struct run run; /* its own copy, see run_copy */
    uv_work_t work;
    uv_process_t handle;
    uv_timer_t timer;
    struct stream streams[STREAMS];
    int handles; /* that are open */
    int status;  /* our end of EXEC_STATUS_FD, or -1 */
    char *folder, *program;
    struct error unprepared; /* the pool's, until it is prepared */
    size_t written, printed; /* bytes of the input and of what came */
    struct buf output;       /* keep_output */
    enum phase phase;
    bool is_killed;
    enum run_outcome outcome; /* is_killed: why; else as it exited */
    int code;
    struct error problem;
    uint64_t started_ms;
};
TAILQ_HEAD(processes, process);

struct runner_uv {
    struct runner port;
    struct runner_config config;
    uv_loop_t *loop;
    char *folder;
    int lock;
    uint64_t cores;
    bool is_closed;
    struct processes processes;
};

/* ---- the end ---- */

static void process_free(struct process *process)
{
    run_free(&process->run);
    free(process->folder);
    free(process->program);
    buf_close(&process->output);
    free(process);
}

static void free_when_empty(struct runner_uv *runner)
{
    if (!runner->is_closed || !TAILQ_EMPTY(&runner->processes))
        return;
    runner_folder_close(runner->lock, runner->folder);
    free(runner->folder);
    free((char *)runner->config.self);
    free(runner);
}

static void tell_end(struct process *process)
{
    const struct runner_sink *sink = &process->runner->port.sink;
    struct run_end end = {
        .id = process->run.id,
        .outcome = process->outcome,
        .code = process->code,
        .problem = process->problem.text,
        .output = process->output.data,
        .output_len = process->output.len,
        .ms = uv_now(process->runner->loop) - process->started_ms,
    };
    if (sink->owner)
        sink->ended(sink->owner, &end);
}

static void removed(uv_work_t *work, int status)
{
    struct process *process = work->data;
    struct runner_uv *runner = process->runner;
    (void)status;
    TAILQ_REMOVE(&runner->processes, process, link);
    tell_end(process);
    process_free(process);
    free_when_empty(runner);
}

static void remove_folder(uv_work_t *work)
{
    struct process *process = work->data;
    if (process->folder)
        run_folder_remove(process->folder);
}

static void end(struct process *process)
{
    int status = uv_queue_work(process->runner->loop, &process->work, remove_folder, removed);
    assert(status == 0);
    (void)status;
}

static void count_closed(struct process *process)
{
    if (--process->handles == 0)
        end(process);
}

static void handle_closed(uv_handle_t *handle)
{
    count_closed(handle->data);
}

static void poll_closed(uv_handle_t *poll)
{
    struct stream *stream = poll->data;
    count_closed(stream->process);
}

static void stream_close(struct stream *stream)
{
    if (stream->fd < 0)
        return;
    uv_poll_stop(&stream->poll);
    close(stream->fd);
    stream->fd = -1;
}

static void close_handles(struct process *process)
{
    for (int i = 0; i < STREAMS; i++) {
        stream_close(&process->streams[i]);
        if (process->streams[i].process)
            uv_close((uv_handle_t *)&process->streams[i].poll, poll_closed);
    }
    uv_close((uv_handle_t *)&process->timer, handle_closed);
    uv_close((uv_handle_t *)&process->handle, handle_closed);
}

/* ---- while it runs ---- */

/* Its process is its group's leader; there may be others in it when it is gone. */
static void kill_group(const struct process *process)
{
    kill(-process->handle.pid, SIGKILL);
}

static void give_up(struct process *process, enum run_outcome why, const char *problem)
{
    if (process->is_killed || process->phase == OVER)
        return;
    process->is_killed = true;
    process->outcome = why;
    error_set(&process->problem, ERR_INTERNAL, "%s", problem);
    if (process->phase == RUNNING)
        kill_group(process);
}

static void timed_out(uv_timer_t *timer)
{
    struct process *process = timer->data;
    char problem[80];
    snprintf(problem, sizeof(problem), "not done after %llu ms",
             (unsigned long long)process->run.time_ms);
    give_up(process, RUN_TIMED_OUT, problem);
}

static void take_output(struct process *process, int which, const char *data, size_t len)
{
    const struct run *run = &process->run;
    const struct runner_sink *sink = &process->runner->port.sink;
    size_t room = process->printed < run->output_max ? run->output_max - process->printed : 0;
    process->printed += len;
    if (len > room) {
        char problem[80];
        snprintf(problem, sizeof(problem), "printed more than %llu bytes",
                 (unsigned long long)run->output_max);
        give_up(process, RUN_TOO_MUCH, problem);
        len = room;
    }
    if (which == OUTPUT && run->keep_output)
        buf_add(&process->output, data, len);
    else if (len > 0 && sink->owner)
        sink->output(sink->owner, run->id, data, len);
}

/* Returns what was read; 0 where there is nothing at this moment or the stream has ended. */
static size_t read_some(struct process *process, int which, size_t most)
{
    static char data[READ_MAX]; /* the loop's alone */
    struct stream *stream = &process->streams[which];
    ssize_t len = read(stream->fd, data, most < READ_MAX ? most : READ_MAX);
    if (len > 0) {
        take_output(process, which, data, (size_t)len);
        return (size_t)len;
    }
    if (len == 0 || (errno != EAGAIN && errno != EINTR))
        stream_close(stream);
    return 0;
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct stream *stream = poll->data;
    (void)status, (void)events;
    read_some(stream->process, (int)(stream - stream->process->streams), READ_MAX);
}

/* A command may leave its input unread. */
static void writable(uv_poll_t *poll, int status, int events)
{
    struct stream *stream = poll->data;
    struct process *process = stream->process;
    size_t left = process->run.input_len - process->written;
    (void)status, (void)events;
    ssize_t len = left > 0 ? write(stream->fd, process->run.input + process->written, left) : 0;
    if (len > 0)
        process->written += (size_t)len;
    bool must_wait = len < 0 && (errno == EAGAIN || errno == EINTR);
    if (!must_wait && (len < 0 || process->written == process->run.input_len))
        stream_close(stream);
}

/* ---- it has exited ---- */

static void read_rest(struct process *process, int which)
{
    struct stream *stream = &process->streams[which];
    int waiting = 0;
    if (stream->fd < 0 || ioctl(stream->fd, FIONREAD, &waiting) != 0)
        return;
    for (size_t left = (size_t)waiting, got; left > 0 && stream->fd >= 0; left -= got) {
        got = read_some(process, which, left);
        if (got == 0)
            return;
    }
}

static void say_not_run(const struct process *process, struct error *problem, int reason)
{
    error_clear(problem);
    error_set(problem, ERR_INTERNAL, "%.80s cannot be run: %s", process->run.argv[0],
              strerror(reason));
}

static void not_started(struct process *process, int reason)
{
    process->outcome = RUN_NOT_STARTED;
    say_not_run(process, &process->problem, reason);
}

static void judge(struct process *process, int code, int number)
{
    int reason;
    if (read(process->status, &reason, sizeof(reason)) == sizeof(reason)) {
        not_started(process, reason);
    } else if (process->is_killed) {
        return;
    } else if (number != 0) {
        process->outcome = RUN_SIGNALED;
        process->code = number;
        error_set(&process->problem, ERR_INTERNAL, "ended by signal %d (%s)", number,
                  strsignal(number));
    } else {
        process->outcome = RUN_EXITED;
        process->code = code;
        if (code != 0)
            error_set(&process->problem, ERR_INTERNAL, "ended with exit code %d", code);
    }
}

static void exited(uv_process_t *handle, int64_t code, int number)
{
    struct process *process = handle->data;
    kill_group(process);
    read_rest(process, OUTPUT);
    read_rest(process, ERRORS);
    process->phase = OVER;
    judge(process, (int)code, number);
    close(process->status);
    close_handles(process);
}

/* ---- it begins ---- */

struct pipes {
    int ours[STREAMS + 1], theirs[STREAMS + 1]; /* -1: none */
};

static void close_all(int *fds)
{
    for (int i = 0; i <= STREAMS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int pipes_open(struct pipes *pipes, bool has_input)
{
    int status = 0;
    for (int i = 0; i <= STREAMS; i++)
        pipes->ours[i] = pipes->theirs[i] = -1;
    for (int i = has_input ? INPUT : OUTPUT; status == 0 && i <= STREAMS; i++) {
        uv_file fds[2];
        bool is_to_it = i == INPUT;
        status = uv_pipe(fds, is_to_it ? 0 : UV_NONBLOCK_PIPE, is_to_it ? UV_NONBLOCK_PIPE : 0);
        if (status != 0)
            continue;
        pipes->ours[i] = fds[is_to_it];
        pipes->theirs[i] = fds[!is_to_it];
    }
    if (status != 0) {
        close_all(pipes->ours);
        close_all(pipes->theirs);
    }
    return status;
}

static void serve(struct process *process, const struct pipes *pipes)
{
    uv_loop_t *loop = process->runner->loop;
    for (int i = 0; i < STREAMS; i++) {
        struct stream *stream = &process->streams[i];
        stream->fd = pipes->ours[i];
        if (stream->fd < 0)
            continue;
        stream->process = process;
        uv_poll_init(loop, &stream->poll, stream->fd);
        stream->poll.data = stream;
        process->handles++;
        uv_poll_start(&stream->poll, i == INPUT ? UV_WRITABLE : UV_READABLE,
                      i == INPUT ? writable : readable);
    }
    process->status = pipes->ours[STREAMS];
    uv_timer_init(loop, &process->timer);
    process->timer.data = process;
    process->handles++;
    uv_timer_start(&process->timer, timed_out, process->run.time_ms, 0);
}

static void print_limits(const struct process *process, char *out)
{
    const struct runner_uv *runner = process->runner;
    struct exec_limits limits = {
        .parent = getpid(),
        .memory = process->run.memory,
        .cpu_s = process->run.time_ms * runner->cores / 1000 + CPU_SPARE_S,
        .file_max = runner->config.file_max,
        .descriptors = runner->config.descriptors,
    };
    exec_limits_print(&limits, out);
}

/* Returns what uv_spawn takes as args; the caller frees it. */
static char **make_argv(const struct process *process, char *limits)
{
    size_t count = 0;
    while (process->run.argv[count])
        count++;
    char **argv = mem_zalloc((EXEC_ARGV_FIRST + count + 1) * sizeof(*argv));
    argv[0] = (char *)process->runner->config.self;
    argv[1] = RUNNER_EXEC;
    argv[2] = limits;
    argv[3] = process->program;
    for (size_t i = 0; i < count; i++)
        argv[EXEC_ARGV_FIRST + i] = (char *)process->run.argv[i];
    return argv;
}

static int spawn(struct process *process, const struct pipes *pipes)
{
    /* libmongoc would make shared memory when it is loaded, which exec then leaves behind. */
    char limits[EXEC_LIMITS_SIZE], *environment[] = {"MONGOC_DISABLE_SHM=1", NULL};
    uv_stdio_container_t stdio[STREAMS + 1];
    for (int i = 0; i <= STREAMS; i++) {
        stdio[i].flags = pipes->theirs[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = pipes->theirs[i];
    }
    print_limits(process, limits);
    char **argv = make_argv(process, limits);
    uv_process_options_t options = {
        .exit_cb = exited,
        .file = process->runner->config.self,
        .args = argv,
        .env = environment,
        .cwd = process->folder,
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = STREAMS + 1,
        .stdio = stdio,
    };
    process->handle.data = process;
    process->handles++;
    int status = uv_spawn(process->runner->loop, &process->handle, &options);
    free(argv);
    return status;
}

static void begin(struct process *process)
{
    struct pipes pipes;
    int status = pipes_open(&pipes, process->run.input != NULL);
    if (status != 0) {
        process->phase = OVER;
        not_started(process, -status);
        end(process);
        return;
    }
    status = spawn(process, &pipes);
    close_all(pipes.theirs);
    if (status != 0) {
        process->phase = OVER;
        not_started(process, -status);
        close_all(pipes.ours);
        uv_close((uv_handle_t *)&process->handle, handle_closed);
        return;
    }
    process->phase = RUNNING;
    serve(process, &pipes);
}

static void prepared(uv_work_t *work, int status)
{
    struct process *process = work->data;
    (void)status;
    run_free_files(&process->run);
    if (!process->is_killed && process->unprepared.code == ERR_OK) {
        begin(process);
        return;
    }
    process->phase = OVER;
    if (!process->is_killed) {
        process->outcome = RUN_NOT_STARTED;
        process->problem = process->unprepared;
    }
    end(process);
}

static void prepare(uv_work_t *work)
{
    struct process *process = work->data;
    const struct run *run = &process->run;
    process->program = program_find(run->argv[0]);
    if (!process->program) {
        say_not_run(process, &process->unprepared, errno);
        return;
    }
    enum err err = run_folder_make(process->runner->folder, run->files, run->file_count,
                                   &process->folder, &process->unprepared);
    (void)err; /* it is in unprepared */
}

/* ---- the port ---- */

static void runner_start(struct runner *port, const struct run *run)
{
    struct runner_uv *runner = (struct runner_uv *)port;
    struct process *process = mem_zalloc(sizeof(*process));
    process->runner = runner;
    process->work.data = process;
    process->started_ms = uv_now(runner->loop);
    run_copy(&process->run, run);
    buf_init(&process->output);
    for (int i = 0; i < STREAMS; i++)
        process->streams[i].fd = -1;
    TAILQ_INSERT_TAIL(&runner->processes, process, link);
    int status = uv_queue_work(runner->loop, &process->work, prepare, prepared);
    assert(status == 0);
    (void)status;
}

static void runner_stop(struct runner *port, uint64_t id)
{
    struct runner_uv *runner = (struct runner_uv *)port;
    struct process *process;
    TAILQ_FOREACH(process, &runner->processes, link)
    {
        if (process->run.id == id)
            give_up(process, RUN_STOPPED, "stopped");
    }
}

static const struct runner_ops ops = {.start = runner_start, .stop = runner_stop};

struct runner_config runner_config_default(void)
{
    return (struct runner_config){
        .self = "/proc/self/exe", .folder = "/tmp", .file_max = 256u << 20, .descriptors = 256};
}

struct runner *runner_new(const struct runner_config *config, uv_loop_t *loop, struct error *error)
{
    char *folder;
    int lock = runner_folder_open(config->folder, &folder, error);
    if (lock < 0)
        return NULL;
    struct runner_uv *runner = mem_zalloc(sizeof(*runner));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    runner->port.ops = &ops;
    runner->config = *config;
    runner->config.self = mem_strdup(config->self);
    runner->config.folder = NULL;
    runner->loop = loop;
    runner->folder = folder;
    runner->lock = lock;
    runner->cores = cores > 0 ? (uint64_t)cores : 1;
    TAILQ_INIT(&runner->processes);
    return &runner->port;
}

void runner_free(struct runner *port)
{
    struct runner_uv *runner = (struct runner_uv *)port;
    struct process *process;
    port->sink = (struct runner_sink){0};
    runner->is_closed = true;
    TAILQ_FOREACH(process, &runner->processes, link)
    give_up(process, RUN_STOPPED, "stopped");
    free_when_empty(runner);
}
