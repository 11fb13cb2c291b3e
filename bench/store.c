/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - what the store costs: bench-store FOLDER [VALUES [VALUE_BYTES [FILE_MIB]]], a folder that is empty. Prints a
 * line of JSON for each: putting one at a time and many in a turn, reading, checking a full file, opening it.
 */
#include "store/store.h"

#include "base/str.h"
#include "gen/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NOW_MS INT64_C(1790000000000)
#define SINGLE 20000 /* puts, each a turn of its own */
#define BATCH 32     /* puts of a busy turn */
#define READS 200000

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench/store: %s\n", what);
    exit(1);
}

/** On the wall, and of this process's CPU: other programs take of the one alone. */
struct clocks {
    int64_t wall_ns, cpu_ns;
};

static int64_t ns_of(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct clocks now(void)
{
    return (struct clocks){ns_of(CLOCK_MONOTONIC), ns_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct dgm_str key_of(uint64_t i, char room[40])
{
    int n = snprintf(room, 40, "call_%016llx%014llx", (unsigned long long)(i * 0x9e3779b97f4a7c15u),
                     (unsigned long long)i);
    return (struct dgm_str){room, (size_t)n};
}

static void put(struct store *s, uint64_t i, struct dgm_str value)
{
    char room[40];
    must(store_put(s, STORE_SIGNATURES, key_of(i, room), value, NULL, NULL),
         "a value was not taken");
}

static void turns(struct store *s)
{
    while (store_waits(s))
        store_turn(s, NOW_MS);
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static void tell(const char *name, uint64_t n, struct clocks began)
{
    struct clocks ended = now();
    printf(
        "{\"bench\": \"store\", \"commit\": \"%s\", \"case\": \"%s\", \"n\": %llu, \"cpu_us\": %.2f, "
        "\"wall_us\": %.2f",
        DGM_COMMIT, name, (unsigned long long)n,
        (double)(ended.cpu_ns - began.cpu_ns) / 1000 / (double)n,
        (double)(ended.wall_ns - began.wall_ns) / 1000 / (double)n);
}

static void write_all(struct store *s, uint64_t n, struct dgm_str value)
{
    uint64_t single = n < SINGLE ? n : SINGLE, i = 0;
    struct clocks began = now();
    for (; i < single; i++) {
        put(s, i, value);
        turns(s);
    }
    tell("put, one a turn", single, began);
    printf("}\n");
    began = now();
    for (; i < n; i++) {
        put(s, i, value);
        if (i % BATCH == BATCH - 1)
            turns(s);
    }
    turns(s);
    struct store_state state;
    store_tell(s, &state);
    tell("put, 32 a turn", n - single + 1, began);
    printf(
        ", \"put\": %llu, \"lost\": %llu, \"evicted\": %llu, \"file_used_kib\": %llu, \"rss_peak_kib\": %ld}\n",
        (unsigned long long)state.put, (unsigned long long)(state.lost + state.put_volatile),
        (unsigned long long)state.evicted, (unsigned long long)(state.file_bytes_used / 1024),
        peak_kib());
    began = now();
    store_sync(s);
    tell("sync", 1, began);
    printf("}\n");
}

static void read_all(const char *folder, uint64_t n)
{
    struct store_reader *r = store_reader_open(folder, &dgm_alloc_libc);
    struct dgm_buf out;
    uint64_t found = 0;
    must(r != NULL, "the file can not be read");
    dgm_buf_init(&out, &dgm_alloc_libc, (size_t)1 << 20);
    struct clocks began = now();
    for (uint64_t i = 0; i < READS; i++) {
        char room[40];
        dgm_buf_clear(&out);
        found += store_read(r, STORE_SIGNATURES,
                            key_of(n - 1 - i * 7 % (n < 5000 ? n : 5000), room), 0, &out) == DGM_OK;
    }
    tell("read", READS, began);
    printf(", \"found\": %llu}\n", (unsigned long long)found);
    dgm_buf_dispose(&out);
    store_reader_close(r);
}

static void open_again(const char *folder, const struct store_bounds *bounds)
{
    char why[STORE_WHY_BYTES], path[4096], byte;
    struct stat on_disk;
    int fd, pid;
    struct clocks began = now();
    must(store_check_start(folder, &fd, &pid), "no child");
    must(read(fd, &byte, 1) == 0, "the child spoke");
    must(store_check_end(pid) == STORE_SOUND, "the file is not sound");
    tell("check", 1, began);
    snprintf(path, sizeof path, "%.4000s/" STORE_FILE, folder);
    must(stat(path, &on_disk) == 0, "there is no file");
    printf(", \"file_kib\": %lld}\n", (long long)on_disk.st_size / 1024);
    began = now();
    struct store *s = store_new(bounds, &dgm_alloc_libc);
    must(s && store_open(s, folder, why), "it can not be opened");
    tell("open", 1, began);
    printf("}\n");
    store_free(s);
}

int main(int argc, char **argv)
{
    must(argc > 1, "FOLDER is missing");
    const char *folder = argv[1];
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    size_t value_bytes = argc > 3 ? strtoull(argv[3], NULL, 10) : 4096;
    size_t mib = argc > 4 ? strtoull(argv[4], NULL, 10) : 64;
    const struct store_bounds bounds = {.file_bytes = mib << 20, .memory_bytes = (size_t)64 << 20};
    char *value = calloc(1, value_bytes), why[STORE_WHY_BYTES];
    must(value && n != 0, "no memory, or nothing to do");
    for (size_t i = 0; i < value_bytes; i++)
        value[i] = (char)('A' + i % 26);
    struct store *s = store_new(&bounds, &dgm_alloc_libc);
    must(s && store_open(s, folder, why), "it can not be opened");
    write_all(s, n, (struct dgm_str){value, value_bytes});
    store_free(s);
    read_all(folder, n);
    open_again(folder, &bounds);
    free(value);
    return 0;
}
