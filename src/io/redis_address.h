/* What a URL of Redis says, taken apart; see include/weft/io/redis_link.h for the forms. */
#ifndef WEFT_IO_REDIS_ADDRESS_H
#define WEFT_IO_REDIS_ADDRESS_H

#include "weft/io/redis_link.h"

#define REDIS_HOSTS_MAX 16
#define REDIS_HOST_SIZE 256 /* with the NUL */

struct redis_host {
    char name[REDIS_HOST_SIZE]; /* a name or a numeric address, without brackets */
    uint16_t port;
};

struct redis_address {
    struct redis_host hosts[REDIS_HOSTS_MAX]; /* of Redis (one), or of its sentinels */
    size_t host_count;                        /* 0: a unix socket */
    char *path;                               /* of the unix socket, or NULL */
    char *service;                            /* what the sentinels call it; NULL: no sentinels */
    char *user, *password;                    /* NULL: none */
    unsigned db;
    bool is_tls, is_verified;
    char *ca; /* file of certificates to trust instead of the system's, or NULL */
    char *label;
};

#endif
