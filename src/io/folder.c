/* The lock is flock() on a file, which the kernel gives back however the process ends. The file has
 * the process id of its last holder in it, once there was a database: an empty one therefore says
 * that the folder is new. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "weft.lock"

static int failed(struct error *error, const char *what, const char *path)
{
    error_set(error, ERR_INTERNAL, "%s %.80s: %s", what, path, strerror(errno));
    return -1;
}

static int in_use(int lock, const char *folder, struct error *error)
{
    char holder[24] = "";
    ssize_t len = pread(lock, holder, sizeof(holder) - 1, 0);
    if (len > 0 && strtol(holder, NULL, 10) > 0)
        error_set(error, ERR_INTERNAL, "the data folder %.80s is in use by process %ld", folder,
                  strtol(holder, NULL, 10));
    else
        error_set(error, ERR_INTERNAL, "the data folder %.80s is in use by another process",
                  folder);
    return -1;
}

int folder_lock(const char *folder, struct error *error)
{
    char path[PATH_MAX];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return failed(error, "cannot make the data folder", folder);
    snprintf(path, sizeof(path), "%s/%s", folder, LOCK_NAME);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0)
        return failed(error, "cannot write to the data folder", folder);
    if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        return lock;
    if (errno == EWOULDBLOCK)
        in_use(lock, folder, error);
    else
        failed(error, "cannot lock the data folder", folder);
    close(lock);
    return -1;
}

/* -1: it is not there. */
static long long file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (long long)info.st_size : -1;
}

/* SQLite takes an empty or missing file for a new database, and throws away the write-ahead log
 * that lies beside. */
enum err folder_check(int lock, const char *path, struct error *error)
{
    char wal[PATH_MAX], first;
    snprintf(wal, sizeof(wal), "%s-wal", path);
    if (file_size(path) > 0)
        return ERR_OK;
    if (file_size(wal) > 0)
        return error_set(error, ERR_INTERNAL, "%.90s is missing or empty, but its journal is there",
                         path);
    if (pread(lock, &first, 1, 0) == 1)
        return error_set(error, ERR_INTERNAL, "%.80s is missing; to start anew remove " LOCK_NAME,
                         path);
    return ERR_OK;
}

void folder_remember(int lock, const char *folder)
{
    char holder[24];
    int len = snprintf(holder, sizeof(holder), "%ld\n", (long)getpid());
    /* Whose number it is matters only to people who read it. */
    if (pwrite(lock, holder, (size_t)len, 0) == len && ftruncate(lock, len) == 0)
        fsync(lock);
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return;
    fsync(directory);
    close(directory);
}
