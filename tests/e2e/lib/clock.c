/* Preloaded into a redis-server, whose clock then jumps by as many seconds as the file WEFT_CLOCK
 * says. (libfaketime and Redis' allocator wait for each other.) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    static int (*real)(struct timeval *, void *);
    long offset = 0;
    if (!real)
        real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    FILE *file = fopen(getenv("WEFT_CLOCK"), "r");
    if (file) {
        if (fscanf(file, "%ld", &offset) != 1)
            offset = 0;
        fclose(file);
    }
    int result = real(time, zone);
    time->tv_sec += offset;
    return result;
}
