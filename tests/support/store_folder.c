/* SPDX-License-Identifier: Apache-2.0 */
/* store_folder.c - a folder of a store that goes with its test. */
#include "support/store_folder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct store_bounds store_bounds_usual = {
    .file_bytes = 4 * STORE_MIB, .memory_bytes = 4 * STORE_MIB, .age_ms = 3600 * 1000};

#define FOLDERS_MAX 64

static char folders[FOLDERS_MAX][STORE_PATH_MAX];
static size_t folders_n;
static pid_t owner;

static void remove_all(void)
{
    static const char *const names[] = {STORE_FILE, STORE_FILE "-lock", STORE_SET_ASIDE};
    for (size_t i = 0; i < folders_n && getpid() == owner; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            char path[STORE_PATH_MAX + 32];
            snprintf(path, sizeof path, "%.1000s/%s", folders[i], names[k]);
            unlink(path);
        }
        rmdir(folders[i]);
    }
}

const char *store_folder_new(void)
{
    const char *tmp = getenv("TMPDIR");
    assert(folders_n < FOLDERS_MAX);
    if (folders_n == 0) {
        owner = getpid();
        atexit(remove_all);
    }
    char *folder = folders[folders_n++];
    snprintf(folder, STORE_PATH_MAX, "%s/dragoman-test-XXXXXX", tmp ? tmp : "/tmp");
    char *made = mkdtemp(folder);
    assert(made);
    return folder;
}

static FILE *open_file(const char *folder, const char *mode)
{
    char path[STORE_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, STORE_FILE);
    FILE *f = fopen(path, mode);
    assert(f);
    return f;
}

char *store_folder_read(const char *folder, size_t *ret_n)
{
    FILE *f = open_file(folder, "rb");
    struct stat s;
    fstat(fileno(f), &s);
    char *bytes = malloc((size_t)s.st_size);
    assert(bytes);
    size_t n = fread(bytes, 1, (size_t)s.st_size, f);
    assert(n == (size_t)s.st_size);
    fclose(f);
    *ret_n = n;
    return bytes;
}

void store_folder_write(const char *folder, const char *bytes, size_t n)
{
    FILE *f = open_file(folder, "wb");
    size_t written = n != 0 ? fwrite(bytes, 1, n, f) : 0;
    assert(written == n);
    fclose(f);
}

enum store_check store_folder_check(const char *folder)
{
    int fd, pid;
    char byte;
    bool started = store_check_start(folder, &fd, &pid);
    assert(started);
    ssize_t n = read(fd, &byte, 1); /* it ends, and says nothing */
    assert(n == 0);
    close(fd);
    return store_check_end(pid);
}

struct store *store_folder_open(const char *folder, const struct store_bounds *bounds,
                                const struct dgm_alloc *alloc)
{
    char why[STORE_WHY_BYTES];
    struct store *s = store_new(bounds, alloc);
    if (s)
        store_open(s, folder, why);
    return s;
}

struct put {
    int rank; /* negative: nobody has said it yet */
};

static void on_put(void *ctx, enum store_rank rank)
{
    ((struct put *)ctx)->rank = (int)rank;
}

int store_folder_put(struct store *s, enum store_map map, struct dgm_str key, struct dgm_str value,
                     int64_t now_ms)
{
    struct put put = {.rank = -1};
    if (!store_put(s, map, key, value, on_put, &put))
        return -1;
    for (int turns = 0; put.rank < 0; turns++) {
        assert(turns < 100);
        store_turn(s, now_ms);
    }
    return put.rank;
}

struct got {
    struct dgm_buf *out;
    bool found, called;
};

static void on_get(void *ctx, struct dgm_str value)
{
    struct got *got = ctx;
    got->called = true;
    got->found = value.p != NULL;
    if (value.p && got->out)
        dgm_buf_put(got->out, value);
}

bool store_folder_get(struct store *s, enum store_map map, struct dgm_str key, int64_t now_ms,
                      struct dgm_buf *out)
{
    struct got got = {.out = out};
    if (!store_get(s, map, key, on_get, &got))
        return false;
    store_turn(s, now_ms);
    assert(got.called);
    return got.found;
}
