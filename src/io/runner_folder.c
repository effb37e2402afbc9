/*
 * A process that is killed removes nothing. So each has a folder weft-run-XXXXXX whose lock
 * (flock, which ends with the process) says whether it lives, and the next one that starts removes
 * those without, if they have the mark of one. Between making a folder and locking it another
 * process may take it for a dead one: then it is gone when it is locked, and another is made.
 *
 * Files are opened step by step, from the folder on, and never through a link.
 */
#define _GNU_SOURCE /* nftw, asprintf */
#include "runner_folder.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "weft-run-"
#define MARK ".weft-run"     /* a file in it: nobody else makes such folders */
#define DESCRIPTORS 16       /* of a walk */
#define ENTRIES_MAX 1000000u /* of a folder; more than that stays */
#define ROUNDS 8             /* of a removal: each opens the locked folders one step deeper */

static char *join(const char *folder, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        abort();
    return path;
}

/* ---- removing ---- */

static _Thread_local unsigned entries;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    remove(path); /* what cannot be removed is seen by its folder, which then cannot be either */
    return ++entries > ENTRIES_MAX;
}

static int unlock_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)at;
    if (type == FTW_D || type == FTW_DNR)
        chmod(path, 0700); /* not a link: FTW_PHYS */
    return ++entries > ENTRIES_MAX;
}

void run_folder_remove(const char *path)
{
    char quoted[300];
    entries = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int status = nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
        if (access(path, F_OK) != 0)
            return;
        if (status != 0 || nftw(path, unlock_entry, DESCRIPTORS, FTW_PHYS) != 0)
            break;
    }
    log_warn("a folder of a job stays, for it cannot be removed folder=%s",
             log_quote(quoted, sizeof(quoted), path));
}

/* ---- of the process ---- */

static void remove_if_dead(const char *path)
{
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (lock < 0)
        return;
    if (faccessat(lock, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && fstat(lock, &info) == 0 &&
        info.st_uid == geteuid() && flock(lock, LOCK_EX | LOCK_NB) == 0)
        run_folder_remove(path);
    close(lock);
}

static void remove_dead(const char *folder)
{
    DIR *all = opendir(folder);
    if (!all)
        return;
    for (struct dirent *entry; (entry = readdir(all));) {
        if (strncmp(entry->d_name, NAME, strlen(NAME)) != 0)
            continue;
        char *path = join(folder, entry->d_name);
        remove_if_dead(path);
        free(path);
    }
    closedir(all);
}

/* -1 where another process has taken it for a dead one. */
static int lock_folder(const char *path)
{
    struct stat info;
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0)
        return -1;
    int mark = openat(lock, MARK, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (mark >= 0)
        close(mark);
    if (mark >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && fstat(lock, &info) == 0 &&
        info.st_nlink > 0)
        return lock;
    close(lock);
    return -1;
}

int runner_folder_open(const char *folder, char **path, struct error *error)
{
    remove_dead(folder);
    for (;;) {
        *path = join(folder, NAME "XXXXXX");
        if (!mkdtemp(*path)) {
            error_set(error, ERR_INTERNAL, "no folder for jobs can be made in %.80s: %s", folder,
                      strerror(errno));
            free(*path);
            return -1;
        }
        int lock = lock_folder(*path);
        if (lock >= 0)
            return lock;
        bool is_taken = errno == ENOENT || errno == EWOULDBLOCK || access(*path, F_OK) != 0;
        free(*path);
        if (!is_taken) {
            error_set(error, ERR_INTERNAL, "a folder for jobs in %.80s cannot be locked: %s",
                      folder, strerror(errno));
            return -1;
        }
    }
}

void runner_folder_close(int lock, const char *path)
{
    run_folder_remove(path);
    close(lock);
}

/* ---- of a run ---- */

static int open_below(int folder, const char *name)
{
    if (mkdirat(folder, name, 0777) != 0 && errno != EEXIST)
        return -1;
    return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Returns the descriptor of the new file, or -1. */
static int create(const char *base, const char *path)
{
    char segments[PATH_LEN_MAX + 1], *rest = NULL;
    snprintf(segments, sizeof(segments), "%s", path);
    int folder = open(base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char *name = strtok_r(segments, "/", &rest);
    for (char *next; folder >= 0 && (next = strtok_r(NULL, "/", &rest)); name = next) {
        int below = open_below(folder, name);
        close(folder);
        folder = below;
    }
    if (folder < 0)
        return -1;
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int reason = errno;
    close(folder);
    errno = reason;
    return file;
}

static bool write_all(int file, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(file, data, len);
        if (written < 0 && errno != EINTR)
            return false;
        size_t done = written < 0 ? 0 : (size_t)written;
        data += done;
        len -= done;
    }
    return true;
}

static enum err put(const char *base, const struct run_file *from, struct error *error)
{
    enum err err = path_check(from->path, strlen(from->path), error);
    if (err)
        return err;
    int file = create(base, from->path);
    bool is_written = file >= 0 && write_all(file, from->text, from->len);
    if (!is_written)
        err = error_set(error, ERR_INTERNAL, "%.80s cannot be written: %s", from->path,
                        strerror(errno));
    if (file >= 0)
        close(file);
    return err;
}

enum err run_folder_make(const char *base, const struct run_file *files, size_t count, char **path,
                         struct error *error)
{
    char *made = join(base, "XXXXXX");
    enum err err = ERR_OK;
    *path = NULL;
    if (!mkdtemp(made)) {
        err = error_set(error, ERR_INTERNAL, "no folder can be made: %s", strerror(errno));
        free(made);
        return err;
    }
    *path = made;
    for (size_t i = 0; !err && i < count; i++)
        err = put(made, &files[i], error);
    return err;
}
