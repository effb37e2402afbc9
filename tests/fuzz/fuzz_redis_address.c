/* URLs of Redis: any text is taken apart or refused with a reason, what is taken is within its
 * bounds, and its label is a URL of the same place. */
#include "io/redis_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_bounds(const struct redis_address *address)
{
    MUST(!address->path == (address->host_count > 0));
    MUST(address->host_count <= REDIS_HOSTS_MAX);
    MUST(address->host_count <= 1 || address->service);
    for (size_t i = 0; i < address->host_count; i++)
        MUST(address->hosts[i].name[0] != '\0' && address->hosts[i].port != 0);
    MUST(!address->path || (address->path[0] == '/' && strlen(address->path) < 108));
    MUST(!address->service || address->service[0] != '\0');
    MUST(!address->user || address->password);
    MUST(address->is_tls || (!address->is_verified && !address->ca));
    MUST(address->db <= 65535);
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The label is one word, with neither a password nor what is said of certificates. */
static void check_label(const struct redis_address *address)
{
    const char *label = redis_address_label(address);
    for (const char *c = label; *c; c++)
        MUST(*c > ' ' && *c < 0x7f);
    struct redis_address *again = redis_address_parse(label, NULL);
    MUST(again && is_same(redis_address_label(again), label) && !again->password);
    MUST(is_same(again->path, address->path) && is_same(again->service, address->service));
    MUST(again->db == address->db || address->path);
    MUST(again->is_tls == address->is_tls && again->host_count == address->host_count);
    MUST(memcmp(again->hosts, address->hosts, sizeof(address->hosts)) == 0);
    redis_address_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *url = malloc(size + 1);
    struct error error = {0};
    if (!url)
        abort();
    if (size > 0)
        memcpy(url, data, size);
    url[size] = '\0';
    struct redis_address *address = redis_address_parse(url, &error);
    MUST((address == NULL) == (error.text[0] != '\0'));
    if (address) {
        check_bounds(address);
        check_label(address);
    }
    redis_address_free(address);
    free(url);
    return 0;
}
