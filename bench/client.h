/* The socket of one client of a load. Only load.c uses this. */
#ifndef WEFT_BENCH_CLIENT_H
#define WEFT_BENCH_CLIENT_H

#include "load.h"

void client_connect(struct client *client);
/* Handles epoll's events, reading into scratch. */
void client_event(struct client *client, uint32_t events, char *scratch, size_t scratch_size);
/* Sends what there is; what the socket does not take waits for EPOLLOUT. */
void client_flush(struct client *client);
/* Closes the socket and frees what the client holds. */
void client_close(struct client *client);

#endif
