/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - a file read whole in a child, which a damaged one may kill.
 *
 * LMDB trusts its file: a wrong byte sends it anywhere. The child goes wherever it would be sent, and looks besides at what
 * LMDB itself never compares: how pages are packed, whether keys stand where branches lead to them, whether each page
 * belongs to somebody once (check_pages.h), and whether the two trees say the same. A record with a wrong checksum is no damage here: its reader finds it, and nobody else.
 */
#include "store/check_pages.h"
#include "store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef DGM_SANITIZED
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#endif

#define SECONDS_MIN 20
#define BYTES_A_SECOND ((uint64_t)20 * 1024 * 1024)

enum exit_code { EXIT_SOUND = 64, EXIT_NONE, EXIT_DAMAGED, EXIT_UNREADABLE };

struct look {
    struct store_env env;
    MDB_txn *txn;
    struct store_pages pages;
    size_t aging, ages;
    bool newer; /* there are maps that we do not know */
};

static void set_alarms(const char *path)
{
    struct stat s;
    rlim_t seconds = SECONDS_MIN;
    if (stat(path, &s) == 0)
        seconds += (rlim_t)((uint64_t)s.st_size / BYTES_A_SECOND);
    setrlimit(RLIMIT_CPU,
              &(struct rlimit){seconds, seconds}); /* a tree may lead back into itself */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

static void on_assert(MDB_env *env, const char *text)
{
    (void)env, (void)text;
    _exit(EXIT_DAMAGED);
}

/* ---- pages ---- */

/* The free pages: each entry is how many, and their numbers, the highest first. */
static bool take_free(struct look *l)
{
    MDB_cursor *c;
    MDB_val at, list;
    int rc = mdb_cursor_open(l->txn, STORE_FREE_TREE, &c);
    while (rc == 0 && (rc = mdb_cursor_get(c, &at, &list, MDB_NEXT)) == 0) {
        const char *p = list.mv_data;
        size_t words = list.mv_size / sizeof(size_t), n;
        if (words == 0)
            return false;
        memcpy(&n, p, sizeof n);
        if (n >= words)
            return false;
        for (size_t i = 1, page; i <= n; i++) {
            memcpy(&page, p + i * sizeof page, sizeof page);
            if (!store_pages_take(&l->pages, page, 1))
                return false;
        }
        l->pages.free_n += n;
    }
    return rc == MDB_NOTFOUND;
}

/* No page may be both free and in use; one that is neither is only lost. */
static bool check_count(const struct look *l)
{
    const MDB_dbi trees[] = {STORE_FREE_TREE, STORE_NAME_TREE, l->env.records, l->env.ages};
    size_t used = STORE_FIRST_PAGE + l->pages.free_n;
    MDB_stat s;
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        if (mdb_stat(l->txn, trees[i], &s) != 0)
            return false;
        used += s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages;
    }
    return used <= l->pages.n;
}

/* ---- trees ---- */

static bool check_record(struct look *l, MDB_val key, MDB_val value)
{
    unsigned char map = key.mv_size > 1 ? *(const unsigned char *)key.mv_data : 0;
    enum store_map known = store_map_of(map);
    struct store_record record;
    if (map == 0 || key.mv_size > STORE_TREE_KEY_MAX)
        return false;
    l->aging += known != 0 && store_map_ages(known);
    l->newer = l->newer || known == 0;
    if (known != 0)
        store_record_read(store_val_str(value), known,
                          (struct dgm_str){(const char *)key.mv_data + 1, key.mv_size - 1},
                          &record); /* all of it is touched */
    return true;
}

/* The record it names is there, whatever it says. */
static bool check_age(struct look *l, MDB_val at, MDB_val named)
{
    MDB_val record;
    l->ages++;
    return at.mv_size == STORE_STAMP_BYTES && named.mv_size <= STORE_TREE_KEY_MAX &&
           mdb_get(l->txn, l->env.records, &named, &record) == 0;
}

static bool check_tree(struct look *l, MDB_dbi tree, bool (*check)(struct look *, MDB_val, MDB_val))
{
    MDB_cursor *c;
    MDB_stat s = {0};
    MDB_val key, value;
    size_t n = 0;
    int rc = mdb_cursor_open(l->txn, tree, &c);
    if (rc == 0)
        rc = mdb_stat(l->txn, tree, &s);
    for (; rc == 0 && (rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0; n++) {
        if (!check(l, key, value))
            return false;
    }
    return rc == MDB_NOTFOUND && n == s.ms_entries;
}

static bool check_all(struct look *l)
{
    MDB_envinfo info;
    MDB_stat s;
    if (mdb_env_info(l->env.env, &info) != 0 || mdb_env_stat(l->env.env, &s) != 0 ||
        mdb_txn_begin(l->env.env, NULL, MDB_RDONLY, &l->txn) != 0)
        return false;
    l->pages = (struct store_pages){.n = info.me_last_pgno + 1, .page_bytes = s.ms_psize};
    l->pages.taken =
        mmap(NULL, l->pages.n / 8 + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return l->pages.taken != MAP_FAILED && take_free(l) && check_count(l) &&
           store_pages_walk(&l->pages, l->txn) && check_tree(l, l->env.records, check_record) &&
           check_tree(l, l->env.ages, check_age) && (l->newer || l->aging == l->ages);
}

/* ---- the child ---- */

static enum exit_code check(const char *folder)
{
    struct look l = {0};
    struct stat s;
    char path[STORE_PATH_MAX];
    if (!store_path(folder, STORE_FILE, path))
        return EXIT_UNREADABLE;
    if (stat(path, &s) != 0)
        return errno == ENOENT || errno == ENOTDIR ? EXIT_NONE : EXIT_UNREADABLE;
    if (s.st_size == 0)
        return EXIT_NONE; /* whoever made it got no further */
    set_alarms(path);
    int rc = store_env_open(&l.env, folder, MDB_RDONLY, 0);
    switch (rc) {
    case 0:
        mdb_env_set_assert(l.env.env, on_assert);
        if (!check_all(&l))
            return EXIT_DAMAGED;
        mdb_txn_abort(l.txn); /* or its place among the readers would stay taken */
        store_env_close(&l.env);
        return EXIT_SOUND;
    case EACCES:
    case EPERM:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
        return EXIT_UNREADABLE;
    default:
        return EXIT_DAMAGED;
    }
}

/* What it may die of is no finding of a sanitizer, but what it is there for. */
static void die_quietly(void)
{
#ifdef DGM_SANITIZED
    __sanitizer_set_report_fd((void *)(uintptr_t)open("/dev/null", O_WRONLY | O_CLOEXEC));
#endif
}

bool store_check_start(const char *folder, int *ret_fd, int *ret_pid)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ends[1] > 3) /* what else our maker has open must not stay open because of us */
            close_range(3, (unsigned)ends[1] - 1, 0);
        close_range((unsigned)ends[1] + 1, ~0u, 0);
        die_quietly();
        _exit((int)check(folder));
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return false;
    }
    *ret_fd = ends[0];
    *ret_pid = (int)pid;
    return true;
}

enum store_check store_check_end(int pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return STORE_DAMAGED;
    if (!WIFEXITED(status))
        return STORE_DAMAGED;
    switch (WEXITSTATUS(status)) {
    case EXIT_SOUND:
        return STORE_SOUND;
    case EXIT_NONE:
        return STORE_NONE;
    case EXIT_UNREADABLE:
        return STORE_UNREADABLE;
    default:
        return STORE_DAMAGED;
    }
}

bool store_set_aside(const char *folder)
{
    char from[STORE_PATH_MAX], to[STORE_PATH_MAX], lock[STORE_PATH_MAX];
    if (!store_path(folder, STORE_FILE, from) || !store_path(folder, STORE_SET_ASIDE, to) ||
        !store_path(folder, STORE_FILE "-lock", lock) || rename(from, to) != 0)
        return false;
    unlink(lock); /* it counts the transactions of the other file */
    return true;
}
