#define _GNU_SOURCE /* asprintf */
#include "runner_program.h"
#include "weft/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_program(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    errno = EACCES;
    return S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* The command runs in another folder than this process. A link stays one: programs look at the name
 * that they were called by. */
static char *absolute(const char *folder, int len, const char *name)
{
    char *path, here[PATH_MAX] = "/";
    if (len == 0 || *folder != '/') {
        if (!getcwd(here, sizeof(here)))
            return NULL;
        strncat(here, "/", sizeof(here) - strlen(here) - 1);
    }
    if (asprintf(&path, "%s%.*s/%s", *folder == '/' && len > 0 ? "" : here, len, folder, name) < 0)
        abort();
    return path;
}

static char *keep_program(char *path)
{
    if (path && is_program(path))
        return path;
    int reason = errno;
    free(path);
    errno = reason;
    return NULL;
}

char *program_find(const char *name)
{
    const char *slash = strrchr(name, '/');
    if (slash == name)
        return keep_program(mem_strdup(name));
    if (slash)
        return keep_program(absolute(name, (int)(slash - name), slash + 1));
    int reason = ENOENT;
    for (const char *at = getenv("PATH"), *end; at; at = *end ? end + 1 : NULL) {
        end = strchrnul(at, ':');
        char *path = keep_program(absolute(at, (int)(end - at), name));
        if (path)
            return path;
        if (errno == EACCES)
            reason = EACCES;
    }
    errno = reason;
    return NULL;
}
