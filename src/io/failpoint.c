#include "failpoint.h"

#ifdef WEFT_FAILPOINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void failpoint_hit(const char *name)
{
    static atomic_ulong hits;
    const char *wanted = getenv("WEFT_FAILPOINT");
    size_t len = strlen(name);
    if (!wanted || strncmp(wanted, name, len) != 0 || strncmp(wanted + len, ":kill:", 6) != 0)
        return;
    if (atomic_fetch_add(&hits, 1) + 1 == strtoul(wanted + len + 6, NULL, 10))
        raise(SIGKILL);
}

#endif
