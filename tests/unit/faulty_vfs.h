/*
 * A disk for SQLite that fails when it is told to, and that forgets what was not synced when the
 * power is cut. It stands before the real file system as SQLite's default VFS. Include it once.
 */
#ifndef FAULTY_VFS_H
#define FAULTY_VFS_H

#include "check.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

/* Set by the test while no request is under way. */
static struct {
    atomic_long left; /* writes and syncs that go well yet; then they fail */
    atomic_bool armed;
    atomic_bool once; /* only one fails */
    atomic_int code;  /* with this */
    atomic_bool only_syncs;
    atomic_long done;  /* writes and syncs so far */
    atomic_bool keeps; /* after each sync, a copy of the file to <name>.synced */
} disk;

struct faulty_file {
    sqlite3_file base;
    char name[512];
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct faulty_file *)file)->real;
}

static bool disk_fails(bool sync)
{
    atomic_fetch_add(&disk.done, 1);
    if (!atomic_load(&disk.armed) || (atomic_load(&disk.only_syncs) && !sync))
        return false;
    if (atomic_fetch_sub(&disk.left, 1) > 0)
        return false;
    if (atomic_load(&disk.once))
        atomic_store(&disk.armed, false);
    return true;
}

static int faulty_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int faulty_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), out, len, at);
}

static int faulty_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    if (!disk_fails(false))
        return real_of(file)->pMethods->xWrite(real_of(file), data, len, at);
    /* As disks do: a part may have been written. */
    real_of(file)->pMethods->xWrite(real_of(file), data, len / 2, at);
    return atomic_load(&disk.code);
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static void keep_synced(const struct faulty_file *file)
{
    char name[600], block[65536];
    snprintf(name, sizeof(name), "%s.synced", file->name);
    FILE *in = fopen(file->name, "rb"), *out = fopen(name, "wb");
    for (size_t len; in && out && (len = fread(block, 1, sizeof(block), in)) > 0;)
        fwrite(block, 1, len, out);
    if (in)
        fclose(in);
    if (out)
        fclose(out);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    if (disk_fails(true))
        return atomic_load(&disk.code);
    if (atomic_load(&disk.keeps))
        keep_synced((struct faulty_file *)file);
    (void)flags; /* the machine of the test stays up */
    return SQLITE_OK;
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int faulty_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int faulty_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int faulty_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int faulty_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int faulty_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int faulty_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods faulty_methods = {
    .iVersion = 1,
    .xClose = faulty_close,
    .xRead = faulty_read,
    .xWrite = faulty_write,
    .xTruncate = faulty_truncate,
    .xSync = faulty_sync,
    .xFileSize = faulty_size,
    .xLock = faulty_lock,
    .xUnlock = faulty_unlock,
    .xCheckReservedLock = faulty_reserved,
    .xFileControl = faulty_control,
    .xSectorSize = faulty_sector,
    .xDeviceCharacteristics = faulty_traits,
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty_vfs;

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct faulty_file *faulty = (struct faulty_file *)file;
    (void)vfs;
    faulty->real = (sqlite3_file *)(faulty + 1);
    snprintf(faulty->name, sizeof(faulty->name), "%s", name ? name : "");
    int code = real_vfs->xOpen(real_vfs, name, faulty->real, flags, out);
    file->pMethods = code == SQLITE_OK ? &faulty_methods : NULL;
    return code;
}

/* From now on every database is on this disk. */
static void faulty_disk_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
    faulty_vfs.xOpen = faulty_open;
    sqlite3_vfs_register(&faulty_vfs, 1);
}

static void disk_fail_after(long left, int code, bool only_syncs, bool once)
{
    atomic_store(&disk.left, left);
    atomic_store(&disk.code, code);
    atomic_store(&disk.only_syncs, only_syncs);
    atomic_store(&disk.once, once);
    atomic_store(&disk.armed, true);
}

static void disk_mend(void)
{
    atomic_store(&disk.armed, false);
}

#endif
