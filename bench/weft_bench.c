/* weft-bench: puts one load on one server that runs already, and prints one line of JSON. Exit
 * codes: 0 measured, 1 something was lost, refused or out of order, 2 wrong usage. The runs of a
 * comparison, and the table, are the script's (bench/run). */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dialect.h"
#include "scenario.h"

struct arguments {
    struct load_options load;
    struct scenario scenario;
};

static const struct option long_options[] = {
    {"server", required_argument, NULL, 's'},    {"dialect", required_argument, NULL, 'd'},
    {"pid", required_argument, NULL, 'p'},       {"tag", required_argument, NULL, 't'},
    {"seconds", required_argument, NULL, 'w'},   {"rate", required_argument, NULL, 'r'},
    {"rooms", required_argument, NULL, 'R'},     {"members", required_argument, NULL, 'M'},
    {"writers", required_argument, NULL, 'W'},   {"core", required_argument, NULL, 'c'},
    {"patience", required_argument, NULL, 'P'},  {"redis", required_argument, NULL, 'e'},
    {"redis-pid", required_argument, NULL, 'E'}, {0},
};

static void help_print(FILE *out)
{
    fputs("weft-bench --server ADDR:PORT[,…] --pid PID[,…] [options] WORKLOAD\n"
          "  --server …       several are one server: the members of a room take turns at them\n"
          "  --dialect NAME   weft (default), relay, socketio, wholefile, yjs, hocuspocus\n"
          "  --redis ADDR:PORT, --redis-pid PID\n"
          "                   what the servers keep their state in, measured for itself\n"
          "  --tag NAME       prefix of the rooms' names; a new one for each run on a server\n"
          "  --core N         run on this core only, and never sleep\n"
          "  --patience S     give up when nothing arrives for so long (10)\n"
          "  --seconds S, --rate R, --rooms N, --members N, --writers N\n"
          "                   instead of the workload's own\n"
          "workloads:\n",
          out);
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
        fprintf(out, "  %-9s %s\n", scenario->name, scenario->text);
}

static int usage(const char *reason)
{
    fprintf(stderr, "weft-bench: %s\n", reason);
    help_print(stderr);
    return 2;
}

static bool address_parse(struct sockaddr_in *address, const char *text)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    unsigned long port = strtoul(colon + 1, NULL, 10);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    return port > 0 && port < 65536 && inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static bool servers_parse(struct load_options *options, const char *text)
{
    char one[INET_ADDRSTRLEN + 8];
    const char *end;
    for (;; text = end + 1) {
        end = strchrnul(text, ',');
        if (options->server_count == LOAD_SERVERS_MAX || (size_t)(end - text) >= sizeof one)
            return false;
        memcpy(one, text, (size_t)(end - text));
        one[end - text] = '\0';
        if (!address_parse(&options->servers[options->server_count++], one))
            return false;
        if (*end == '\0')
            return true;
    }
}

static bool count_parse(uint32_t *count, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *count = (uint32_t)value;
    return *text && !*end && value <= 65535;
}

static bool positive_parse(double *number, const char *text)
{
    char *end;
    *number = strtod(text, &end);
    return *text && !*end && *number > 0;
}

static bool option_take(struct arguments *arguments, int option, const char *value)
{
    struct scenario *scenario = &arguments->scenario;
    switch (option) {
    case 's':
        return servers_parse(&arguments->load, value);
    case 'd':
        return (arguments->load.dialect = dialect_find(value)) != NULL;
    case 'p':
        return process_list_parse(&arguments->load.processes, value);
    case 'e':
        return address_parse(&arguments->load.redis.address, value);
    case 'E':
        return process_list_parse(&arguments->load.redis.processes, value);
    case 't':
        arguments->load.tag = value;
        return strlen(value) < 48;
    case 'c':
        arguments->load.spin = true;
        return process_pin(atoi(value));
    case 'P':
        return positive_parse(&arguments->load.patience_s, value);
    case 'w':
        return positive_parse(&scenario->seconds, value);
    case 'r':
        return positive_parse(&scenario->rate, value);
    case 'R':
        return count_parse(&scenario->rooms, value) && scenario->rooms > 0;
    case 'M':
        return count_parse(&scenario->members, value) && scenario->members > 0;
    case 'W':
        return count_parse(&scenario->writers, value);
    default:
        return false;
    }
}

/* What does not fit together, or NULL. */
static const char *arguments_fault(const struct arguments *arguments)
{
    const struct scenario *scenario = &arguments->scenario;
    const struct load_redis *redis = &arguments->load.redis;
    if (arguments->load.server_count == 0 || arguments->load.processes.count == 0)
        return "--server and --pid are needed";
    if ((redis->address.sin_port == 0) != (redis->processes.count == 0))
        return "--redis and --redis-pid go together";
    if (scenario->weft_only && arguments->load.dialect != &dialect_weft)
        return "this workload is for weft only";
    if (scenario->writers > scenario->members)
        return "more writers than members";
    if (scenario->run == scenario_edits && scenario->writers == 0)
        return "this workload needs writers";
    if ((uint64_t)scenario->rooms * scenario->writers > 65535)
        return "too many writers";
    if ((uint64_t)scenario->rooms * scenario->members + 64 > process_raise_file_limit())
        return "more connections than files may be open (ulimit -Hn)";
    return NULL;
}

static int run(struct arguments *arguments)
{
    const struct scenario *scenario = &arguments->scenario;
    struct load_options *options = &arguments->load;
    struct report report;
    options->rooms = scenario->rooms;
    options->members = scenario->members;
    options->writers = scenario->writers;
    options->text_units = scenario->text_units;
    options->shrink = scenario->writers == 1;

    struct load *load = load_new(options);
    report_init(&report);
    report_text(&report, "workload", scenario->name);
    report_text(&report, "dialect", options->dialect->name);
    report_count(&report, "servers", options->server_count);
    report_count(&report, "connections", load->client_count);
    report_number(&report, "rate", scenario->rate);
    bool done = !load_failed(load) && scenario->run(load, scenario, &report);
    report_count(&report, "lost", load->counts.expected - load->counts.deliveries);
    if (!done) {
        report_text(&report, "failure", load->failure);
        fprintf(stderr, "weft-bench: %s: %s\n", scenario->name, load->failure);
    }
    report_print(&report);
    load_free(load);
    return done ? 0 : 1;
}

/* Finds the workload among the arguments, as its figures are what options change. */
static bool scenario_take(struct arguments *arguments, const char *name)
{
    const struct scenario *scenario = name ? scenario_find(name) : NULL;
    if (scenario)
        arguments->scenario = *scenario;
    return scenario != NULL;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .load = {.dialect = &dialect_weft, .tag = "bench", .patience_s = 10},
    };
    int option;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            help_print(stdout);
            return 0;
        }
    }
    if (argc < 2 || !scenario_take(&arguments, argv[argc - 1]))
        return usage("the last argument is a workload");
    while ((option = getopt_long(argc - 1, argv, "", long_options, NULL)) != -1) {
        if (!option_take(&arguments, option, optarg))
            return usage("that option or its value is wrong");
    }
    const char *fault = arguments_fault(&arguments);
    if (fault || optind != argc - 1)
        return usage(fault ? fault : "one workload, after the options");
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    return run(&arguments);
}
