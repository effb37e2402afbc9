/* `weftd jobs …`: what an operator asks a server that runs, over HTTP, whatever it keeps its queue
 * in. */
#include "commands.h"
#include "weft/base/buf.h"
#include "weft/base/log.h"
#include "weft/io/http_client.h"
#include "weft/protocol/jobs.h"
#include "weft/server/config.h"
#include "weft/text/path.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define URL_SIZE 512
#define API "/api/v1/"

static const char usage[] =
    "weftd jobs list [--failed] [--project P]   the newest 200; with --failed the dead letters\n"
    "weftd jobs show ID                         all of one, with what it printed\n"
    "weftd jobs retry ID                        a dead letter is tried anew\n"
    "weftd jobs drop ID                         a dead letter is forgotten\n"
    "weftd jobs cancel ID                       one that waits or runs\n"
    "\n"
    "  --server URL  of any server (http://127.0.0.1:7070, or as WEFT_HOST and WEFT_PORT say)\n"
    "  --json        as the server has it\n";

struct asked {
    const char *action, *id, *project, *server;
    bool failed, json, help;
};

/* ---- the words ---- */

static const char *const actions[] = {"list", "show", "retry", "drop", "cancel", NULL};

static bool is_action(const char *word)
{
    for (int i = 0; actions[i]; i++) {
        if (strcmp(word, actions[i]) == 0)
            return true;
    }
    return false;
}

static bool is_change(const struct asked *asked)
{
    return strcmp(asked->action, "list") != 0 && strcmp(asked->action, "show") != 0;
}

/* It becomes a part of an address. */
static bool is_id(const char *word)
{
    size_t len = strlen(word);
    return len > 0 && len < JOB_ID_SIZE &&
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

/* Returns how many words it took; 0: it is none of ours. */
static int read_word(struct asked *asked, char **argv)
{
    bool has_value = argv[1] != NULL;
    if (strcmp(argv[0], "--failed") == 0)
        asked->failed = true;
    else if (strcmp(argv[0], "--json") == 0)
        asked->json = true;
    else if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        asked->help = true;
    else if (strcmp(argv[0], "--project") == 0 && has_value)
        return asked->project = argv[1], 2;
    else if (strcmp(argv[0], "--server") == 0 && has_value)
        return asked->server = argv[1], 2;
    else if (!asked->action && is_action(argv[0]))
        asked->action = argv[0];
    else if (asked->action && !asked->id && is_id(argv[0]))
        asked->id = argv[0];
    else
        return 0;
    return 1;
}

static enum err read_words(struct asked *asked, char **argv, struct error *error)
{
    for (int taken; *argv; argv += taken) {
        taken = read_word(asked, argv);
        if (taken == 0)
            return error_set(error, ERR_BAD_MESSAGE, "%.80s is not understood; see --help", *argv);
    }
    if (asked->help)
        return ERR_OK;
    if (!asked->action)
        return error_set(error, ERR_BAD_MESSAGE, "list, show, retry, drop or cancel? See --help");
    bool is_list = strcmp(asked->action, "list") == 0;
    if (is_list != (asked->id == NULL))
        return error_set(error, ERR_BAD_MESSAGE, "%s %s", asked->action,
                         is_list ? "takes no id of a job" : "needs the id of a job");
    if (!is_list && (asked->failed || asked->project))
        return error_set(error, ERR_BAD_MESSAGE, "--failed and --project are for list");
    if (asked->project && !project_id_valid(asked->project, strlen(asked->project)))
        return error_set(error, ERR_BAD_MESSAGE, "%.80s is no id of a project", asked->project);
    return ERR_OK;
}

/* ---- what is printed ---- */

static void print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text);
}

static void print_time(uint64_t ms)
{
    char text[32] = "-";
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms != 0 && gmtime_r(&seconds, &parts))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    printf("%-20s ", text);
}

static void print_row(void *owner, const struct job_words *words)
{
    (void)owner;
    printf("%-17s %-12s %-8s %5" PRIu64 " ", words->job, words->kind, words->state, words->tries);
    print_time(words->queued_at);
    print_text(words->project);
    printf(words->path[0] ? "/" : "");
    print_text(words->path);
    printf(words->problem[0] ? "  " : "");
    print_text(words->problem);
    putchar('\n');
}

static void print_pair(const char *name, const char *text)
{
    if (!text[0])
        return;
    printf("%-8s ", name);
    print_text(text);
    putchar('\n');
}

static void print_when(const char *name, uint64_t ms)
{
    if (ms == 0)
        return;
    printf("%-8s ", name);
    print_time(ms);
    putchar('\n');
}

static void print_job(void *owner, const struct job_words *words)
{
    (void)owner;
    print_pair("job", words->job);
    print_pair("kind", words->kind);
    print_pair("project", words->project);
    print_pair("path", words->path);
    print_pair("user", words->user);
    print_pair("state", words->state);
    printf("%-8s %" PRIu64 "\n", "tries", words->tries);
    print_pair("worker", words->worker);
    print_when("queued", words->queued_at);
    print_when("started", words->started_at);
    print_when("ended", words->ended_at);
    if (words->is_over)
        printf("%-8s %" PRId64 "\n", "code", words->code);
    print_pair("problem", words->problem);
    if (words->result_len > 0)
        printf("%-8s %" PRIu64 " bytes\n", "result", words->result_len);
    if (words->output_len > 0)
        printf("\n%s%s", words->output, words->output[words->output_len - 1] == '\n' ? "" : "\n");
}

static enum err print_answer(const struct asked *asked, const struct buf *body, struct error *error)
{
    bool is_list = strcmp(asked->action, "list") == 0;
    if (asked->json) {
        fwrite(body->data, 1, body->len, stdout);
        return ERR_OK;
    }
    if (is_change(asked))
        return ERR_OK;
    if (is_list)
        printf("%-17s %-12s %-8s %5s %-20s %s\n", "JOB", "KIND", "STATE", "TRIES", "QUEUED",
               "PROJECT/PATH  PROBLEM");
    return decode_http_jobs(body->data, body->len, is_list ? print_row : print_job, NULL, error);
}

/* ---- the call ---- */

static void print_url(char *out, const struct config *config, const struct asked *asked)
{
    char server[URL_SIZE / 2], rest[URL_SIZE / 4];
    const char *host = config->host;
    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "localhost";
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(server, sizeof(server), "http://%s%s%s:%d", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             (int)config->port);
    if (asked->server)
        snprintf(server, sizeof(server), "%s", asked->server);
    size_t len = strlen(server);
    if (len > 0 && server[len - 1] == '/')
        server[len - 1] = '\0';
    if (asked->id)
        snprintf(rest, sizeof(rest), "/%s%s%s", asked->id, is_change(asked) ? "/" : "",
                 is_change(asked) ? asked->action : "");
    else
        snprintf(rest, sizeof(rest), "%s", asked->failed ? "/failed" : "");
    snprintf(out, URL_SIZE, "%s" API "%s%s%sjobs%s", server, asked->project ? "projects/" : "",
             asked->project ? asked->project : "", asked->project ? "/" : "", rest);
}

static enum err call(const struct config *config, const struct asked *asked, struct error *error)
{
    char url[URL_SIZE];
    struct buf body;
    int status;
    print_url(url, config, asked);
    enum err err = http_call(is_change(asked) ? "POST" : "GET", url, &status, &body, error);
    if (!err && status != 200)
        err = error_set(error, ERR_INTERNAL, "the server says %d: %.*s", status,
                        (int)(body.len < 100 ? body.len : 100), body.data ? body.data : "");
    if (!err)
        err = print_answer(asked, &body, error);
    buf_close(&body);
    return err;
}

static int run(const struct asked *asked, char *name, struct error *error)
{
    char *no_words[] = {name, NULL};
    struct config config;
    enum config_action action;
    int status = EXIT_SUCCESS;
    if (config_load(&config, no_words, &action, error) != ERR_OK)
        status = EXIT_USAGE;
    else if (call(&config, asked, error) != ERR_OK)
        status = EXIT_FAILURE;
    config_close(&config);
    return status;
}

int command_jobs(char **argv)
{
    struct asked asked = {.action = NULL};
    struct error error = {0};
    int status = EXIT_SUCCESS;
    if (read_words(&asked, argv + 1, &error) != ERR_OK)
        status = EXIT_USAGE;
    else if (asked.help)
        fputs(usage, stdout);
    else
        status = run(&asked, argv[0], &error);
    if (status != EXIT_SUCCESS)
        log_error("%s", error.text);
    return status;
}
