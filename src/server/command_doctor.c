/* `weftd doctor`: what a start with these settings would stand on, looked at and said in words, a
 * line for each thing. Nothing is changed by it, and it may run beside servers. */
#include "commands.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/io/doctor.h"
#include "weft/server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FILES_BESIDE 64u /* descriptors that are no connections */
#define SPACE_LEAST (256ull << 20)

struct doctor {
    bool is_json;
    unsigned counts[FINDING_BAD + 1];
};

static const char *const names[] = {"ok", "warn", "bad"};

static void print_json_text(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

/* One JSON object a line: it can be read while the doctor looks. */
static void add(void *owner, enum finding finding, const char *about, const char *words)
{
    struct doctor *doctor = owner;
    doctor->counts[finding]++;
    if (doctor->is_json) {
        printf("{\"finding\":\"%s\",\"about\":\"%s\",\"words\":", names[finding], about);
        print_json_text(words);
        puts("}");
    } else {
        printf("%-4s  %-16s  %s\n", names[finding], about, words);
    }
    fflush(stdout);
}

/* ---- this machine ---- */

static void look_at_files(const struct findings *findings, const struct config *config)
{
    struct rlimit limit;
    unsigned long wanted = config->limits.sessions + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    bool is_enough = limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted;
    findings_say(findings, is_enough ? FINDING_OK : FINDING_WARN, "machine.files",
                 is_enough ? "%lu open files are allowed, %lu are enough for limits.sessions"
                           : "%lu open files are allowed, limits.sessions needs %lu; raise ulimit "
                             "-n (LimitNOFILE= of systemd), or lower limits.sessions",
                 (unsigned long)limit.rlim_max, wanted);
}

static int try_port(const struct addrinfo *address)
{
    int one = 1, fd = socket(address->ai_family, SOCK_STREAM, 0), number = 0;
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0)
        number = errno;
    close(fd);
    return number;
}

static void look_at_port(const struct findings *findings, const struct config *config)
{
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    snprintf(port, sizeof port, "%u", (unsigned)config->port);
    if (getaddrinfo(config->host, port, &hints, &found) != 0) {
        findings_say(findings, FINDING_BAD, "machine.port", "there is no address %.60s; see --host",
                     config->host);
        return;
    }
    int number = try_port(found);
    freeaddrinfo(found);
    if (number == 0)
        findings_say(findings, FINDING_OK, "machine.port", "%s:%s is free", config->host, port);
    else if (number == EADDRINUSE)
        findings_say(findings, FINDING_WARN, "machine.port",
                     "somebody listens on %s:%s already; if that is no weftd, take another --port",
                     config->host, port);
    else
        findings_say(findings, FINDING_BAD, "machine.port", "%s:%s cannot be had: %s", config->host,
                     port, strerror(number));
}

/* The folder, or, where weftd would make it, the one that it stands in. */
static void look_at_folder(const struct findings *findings, const struct config *config)
{
    char *folder = mem_strdup(config->data);
    struct statvfs space;
    if (access(folder, F_OK) != 0) {
        char *slash = strrchr(folder, '/');
        strcpy(folder, slash == folder ? "/" : "."); /* "" is no setting */
        if (slash && slash != folder)
            snprintf(folder, (size_t)(slash - folder) + 1, "%s", config->data);
    }
    if (access(folder, W_OK | X_OK) != 0 || statvfs(folder, &space) != 0) {
        findings_say(findings, FINDING_BAD, "data.folder",
                     "%.200s cannot be written: %s; give it to the user of weftd, or set --data",
                     folder, strerror(errno));
    } else {
        unsigned long long room = (unsigned long long)space.f_bavail * space.f_frsize;
        findings_say(findings, room < SPACE_LEAST ? FINDING_WARN : FINDING_OK, "data.folder",
                     "%.200s can be written, with %llu MiB of room%s", config->data, room >> 20,
                     room < SPACE_LEAST ? "; edits are refused when it is full" : "");
    }
    free(folder);
}

/* ---- all of it ---- */

static void look(const struct findings *findings, const struct config *config)
{
    findings_say(findings, FINDING_OK, "settings", "they can be read");
    if (config->redis_url[0])
        doctor_redis(findings, config->redis_url, config->redis_timeout_ms,
                     (enum redis_durability)config->durability_require);
    else
        look_at_folder(findings, config);
    if (config->mongodb_uri[0])
        doctor_mongo(findings, config->mongodb_uri);
    else if (config->redis_url[0])
        findings_say(findings, FINDING_WARN, "mongodb",
                     "there is no MONGODB_URI: Redis is the only store, and nothing is unloaded "
                     "from it");
    if (config->mongodb_uri[0] && !config->redis_url[0])
        findings_say(findings, FINDING_OK, "mongodb",
                     "projects of the data folder are saved to it; its database is this one "
                     "server's alone");
    look_at_files(findings, config);
    look_at_port(findings, config);
}

/* Takes --json out of the words. */
static bool take_json(char **argv)
{
    bool is_json = false;
    char **to = argv;
    for (char **at = argv; *at; at++) {
        if (strcmp(*at, "--json") == 0)
            is_json = true;
        else
            *to++ = *at;
    }
    *to = NULL;
    return is_json;
}

int command_doctor(char **argv)
{
    struct doctor doctor = {.is_json = take_json(argv)};
    struct findings findings = {&doctor, add};
    struct config config;
    struct error error = {0};
    enum config_action action;
    log_setup(LOG_ERROR, false);
    if (config_load(&config, argv, &action, &error) != ERR_OK)
        findings_say(&findings, FINDING_BAD, "settings", "%s", error.text);
    else if (action == CONFIG_HELP)
        puts("weftd doctor [--json] [the flags of weftd]\n\nLooks at what a weftd with these "
             "settings stands on. Exit status: 0 where nothing is bad, else 1.");
    else
        look(&findings, &config);
    config_close(&config);
    return doctor.counts[FINDING_BAD] > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
