/* SPDX-License-Identifier: Apache-2.0 */
/* store.c - the keeper's store: put and get, bounds, trouble, and what each failing allocation leaves. */
#include "store/store.h"

#include "base/str.h"
#include "support/alloc_fail.h"
#include "support/store_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOUR_MS (3600 * 1000)
#define NOWHERE "/dev/null/store" /* where even root makes no folder */

static const struct dgm_alloc *const libc_alloc = &dgm_alloc_libc;

static bool holds(struct store *s, enum store_map map, struct dgm_str key, struct dgm_str value,
                  int64_t now_ms)
{
    struct dgm_buf out;
    dgm_buf_init(&out, libc_alloc, 1 << 20);
    bool same = store_folder_get(s, map, key, now_ms, &out) && dgm_str_eq(dgm_buf_str(&out), value);
    dgm_buf_dispose(&out);
    return same;
}

static struct dgm_str number(unsigned n, char room[32])
{
    int chars = snprintf(room, 32, "call_%020u", n);
    return (struct dgm_str){room, (size_t)chars};
}

static struct store_state state_of(const struct store *s)
{
    struct store_state state;
    store_tell(s, &state);
    return state;
}

/* ---- what is put is there ---- */

static void test_outlives(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    for (int life = 0; life < 3; life++) {
        struct store *s = store_folder_open(folder, &store_bounds_usual, libc_alloc);
        assert_int_equal(holds(s, STORE_SIGNATURES, DGM_STR("a"), DGM_STR("1"), STORE_NOW_MS),
                         life != 0);
        assert_int_equal(store_folder_put(s, STORE_SIGNATURES, DGM_STR("a"),
                                          life == 0 ? DGM_STR("1") : DGM_STR("2"), STORE_NOW_MS),
                         STORE_DURABLE);
        assert_true(holds(s, STORE_SIGNATURES, DGM_STR("a"),
                          life == 0 ? DGM_STR("1") : DGM_STR("2"), STORE_NOW_MS));
        assert_false(holds(s, STORE_TEXTS, DGM_STR("a"), DGM_STR("1"), STORE_NOW_MS));
        if (life == 1) /* it is put back for the next round's question */
            store_folder_put(s, STORE_SIGNATURES, DGM_STR("a"), DGM_STR("1"), STORE_NOW_MS);
        store_free(s);
    }
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
}

static void test_memory_alone(void **state)
{
    (void)state;
    struct store *s = store_new(&store_bounds_usual, libc_alloc);
    store_open_none(s);
    assert_int_equal(store_folder_put(s, STORE_SIGNATURES, DGM_STR("a"), DGM_STR(""), STORE_NOW_MS),
                     STORE_VOLATILE);
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("a"), DGM_STR(""), STORE_NOW_MS));
    assert_false(holds(s, STORE_SIGNATURES, DGM_STR("b"), DGM_STR(""), STORE_NOW_MS));
    assert_false(state_of(s).durable);
    assert_int_equal(state_of(s).put_volatile, 1);
    store_free(s);
}

struct heard {
    int puts, gets;
    enum store_rank rank;
    bool found;
};

static void on_put(void *owner, enum store_rank rank)
{
    struct heard *h = owner;
    h->puts++;
    h->rank = rank;
}

static void on_get(void *owner, struct dgm_str value)
{
    struct heard *h = owner;
    h->gets++;
    h->found = value.p != NULL;
}

/* Before anybody knows of a file: what is put is there, what is asked for waits, and then finds both. */
static void test_undecided(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    char why[STORE_WHY_BYTES];
    struct heard old = {0}, new = {0}, put = {0};
    struct store *s = store_folder_open(folder, &store_bounds_usual, libc_alloc);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("old"), DGM_STR("1"), STORE_NOW_MS);
    store_free(s);

    s = store_new(&store_bounds_usual, libc_alloc);
    assert_true(store_get(s, STORE_SIGNATURES, DGM_STR("old"), on_get, &old));
    assert_true(store_put(s, STORE_SIGNATURES, DGM_STR("new"), DGM_STR("2"), on_put, &put));
    assert_true(store_get(s, STORE_SIGNATURES, DGM_STR("new"), on_get, &new));
    assert_true(store_waits(s));
    assert_int_equal(old.gets + new.gets + put.puts, 0); /* nothing from inside a call */
    store_turn(s, STORE_NOW_MS);
    assert_int_equal(put.rank, STORE_VOLATILE);
    assert_int_equal(put.puts, 1);
    assert_true(new.gets == 1 && new.found);
    assert_int_equal(old.gets, 0);
    assert_true(store_open(s, folder, why));
    assert_true(store_waits(s));
    store_turn(s, STORE_NOW_MS);
    assert_true(old.gets == 1 && old.found);
    assert_int_equal(state_of(s).memory_bytes_used, 0); /* it has moved */
    assert_true(state_of(s).durable);
    store_free(s);
    s = store_folder_open(folder, &store_bounds_usual, libc_alloc);
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("new"), DGM_STR("2"), STORE_NOW_MS));
    store_free(s);
}

/* What moves from memory never goes over what was put later. */
static void test_newest_wins(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    char why[STORE_WHY_BYTES];
    struct store *s = store_new(&store_bounds_usual, libc_alloc);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("old"), STORE_NOW_MS);
    assert_true(store_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("new"), NULL, NULL));
    assert_true(store_open(s, folder, why));
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("new"), STORE_NOW_MS));
    store_free(s);
}

static void test_cancel(void **state)
{
    (void)state;
    struct heard gone = {0}, here = {0};
    struct store *s = store_new(&store_bounds_usual, libc_alloc);
    store_open_none(s);
    assert_true(store_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), on_put, &gone));
    assert_true(store_get(s, STORE_SIGNATURES, DGM_STR("k"), on_get, &gone));
    assert_true(store_get(s, STORE_SIGNATURES, DGM_STR("k"), on_get, &here));
    store_cancel(s, &gone);
    store_turn(s, STORE_NOW_MS);
    assert_int_equal(gone.puts + gone.gets, 0);
    assert_true(here.gets == 1 && here.found);
    store_free(s);
}

static void test_free_with_work(void **state)
{
    (void)state;
    struct heard h = {0};
    struct alloc_fail a;
    alloc_fail_init(&a, 0);
    struct store *s = store_new(&store_bounds_usual, &a.alloc);
    assert_true(store_get(s, STORE_SIGNATURES, DGM_STR("held"), on_get, &h));
    store_turn(s, STORE_NOW_MS);
    assert_true(store_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), on_put, &h));
    store_free(s);
    assert_int_equal(h.puts + h.gets, 0);
    alloc_fail_done(&a, "a store freed in the middle of its work");
}

static void test_not_taken(void **state)
{
    (void)state;
    char *large = calloc(1, store_value_max(STORE_ACCOUNTS) + 1);
    char key[STORE_KEY_MAX + 1];
    memset(key, 'k', sizeof key);
    struct store *s = store_new(&store_bounds_usual, libc_alloc);
    assert_false(store_put(s, STORE_ACCOUNTS, DGM_STR("k"),
                           (struct dgm_str){large, store_value_max(STORE_ACCOUNTS) + 1}, NULL,
                           NULL));
    assert_false(
        store_put(s, STORE_ACCOUNTS, (struct dgm_str){key, sizeof key}, DGM_STR("v"), NULL, NULL));
    assert_false(store_put(s, STORE_ACCOUNTS, DGM_STR(""), DGM_STR("v"), NULL, NULL));
    assert_true(store_put(s, STORE_ACCOUNTS, (struct dgm_str){key, STORE_KEY_MAX}, DGM_STR("v"),
                          NULL, NULL));
    assert_int_equal(state_of(s).lost, 3);
    store_free(s);
    free(large);
}

/* ---- bounds ---- */

static void test_age(void **state)
{
    (void)state;
    for (int filed = 0; filed < 2; filed++) {
        struct store *s = store_new(&store_bounds_usual, libc_alloc);
        char why[STORE_WHY_BYTES];
        if (filed)
            assert_true(store_open(s, store_folder_new(), why));
        else
            store_open_none(s);
        store_folder_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS);
        store_folder_put(s, STORE_ACCOUNTS, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS);
        assert_true(
            holds(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS + HOUR_MS - 1000));
        assert_int_equal(state_of(s).expired, 0);
        assert_false(
            holds(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS + HOUR_MS + 1000));
        assert_true(holds(s, STORE_ACCOUNTS, DGM_STR("k"), DGM_STR("v"),
                          STORE_NOW_MS + 1000 * (int64_t)HOUR_MS));
        store_turn(s, STORE_NOW_MS + 2 * HOUR_MS); /* and it goes though nobody puts anything */
        assert_int_equal(state_of(s).expired, 1);
        store_free(s);
    }
}

/* A clock that goes back neither loses the order nor fails. */
static void test_clock_goes_back(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    struct store *s = store_folder_open(folder, &store_bounds_usual, libc_alloc);
    char key[32];
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(store_folder_put(s, STORE_SIGNATURES, number(i, key), DGM_STR("v"),
                                          STORE_NOW_MS - 1000 * (int64_t)i),
                         STORE_DURABLE);
    store_free(s);
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
}

/* user-pain D11. Many times the bytes that there are: the newest are there, the file keeps to its bound, a tenth of it is free. */
static void fill_over(size_t file_bytes, size_t value_bytes, unsigned n, unsigned batch)
{
    const char *folder = store_folder_new();
    struct store_bounds bounds = store_bounds_usual;
    bounds.file_bytes = file_bytes;
    struct store *s = store_folder_open(folder, &bounds, libc_alloc);
    char key[32], *value = malloc(value_bytes), path[STORE_PATH_MAX + 32];
    memset(value, 'x', value_bytes);
    for (unsigned i = 0; i < n; i++) {
        assert_true(store_put(s, STORE_SIGNATURES, number(i * 2654435761u, key),
                              (struct dgm_str){value, value_bytes}, NULL, NULL));
        while (i % batch == batch - 1 && store_waits(s))
            store_turn(s, STORE_NOW_MS);
    }
    while (store_waits(s))
        store_turn(s, STORE_NOW_MS);
    struct store_state now = state_of(s);
    struct stat on_disk;
    assert_string_equal(now.why, "");
    assert_int_equal(now.put, n);
    assert_int_equal(now.lost + now.put_volatile, 0);
    assert_true(now.evicted > n / 4);
    assert_true(now.file_bytes_used <= file_bytes * 92 / 100);
    assert_true(now.file_bytes_used >= file_bytes * 6 / 10);
    snprintf(path, sizeof path, "%s/%s", folder, STORE_FILE);
    assert_int_equal(stat(path, &on_disk), 0);
    assert_true((size_t)on_disk.st_size <= file_bytes);
    for (unsigned i = n - n / 10; i < n; i++)
        assert_true(holds(s, STORE_SIGNATURES, number(i * 2654435761u, key),
                          (struct dgm_str){value, value_bytes}, STORE_NOW_MS) ||
                    (uint64_t)(n - i) * (value_bytes + 4096) > file_bytes / 2);
    store_free(s);
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
    free(value);
}

static void test_full(void **state)
{
    (void)state;
    fill_over(STORE_MIB, 100, 20000, 50);
    fill_over(STORE_MIB, 4096, 1000, 1);
    fill_over(4 * STORE_MIB, 4096, 3000, 64);
    fill_over(4 * STORE_MIB, 60000, 400, 3);
    fill_over(16 * STORE_MIB, 1500, 30000, 1000);
}

static void test_stays(void **state)
{
    (void)state;
    struct store *s = store_folder_open(store_folder_new(), &store_bounds_usual, libc_alloc);
    char key[32];
    for (unsigned i = 0; i < 1024; i++) {
        assert_true(store_put(s, STORE_ACCOUNTS, number(i, key), DGM_STR("v"), NULL, NULL));
        while (store_waits(s))
            store_turn(s, STORE_NOW_MS);
    }
    assert_int_equal(state_of(s).put, 1024);
    assert_int_equal(
        store_folder_put(s, STORE_ACCOUNTS, DGM_STR("one more"), DGM_STR("v"), STORE_NOW_MS),
        STORE_LOST);
    assert_int_equal(
        store_folder_put(s, STORE_ACCOUNTS, number(7, key), DGM_STR("new"), STORE_NOW_MS),
        STORE_DURABLE);
    assert_true(holds(s, STORE_ACCOUNTS, number(7, key), DGM_STR("new"), STORE_NOW_MS));
    store_free(s);
}

/* ---- trouble ---- */

static void test_no_folder(void **state)
{
    (void)state;
    char why[STORE_WHY_BYTES] = "";
    struct store *s = store_new(&store_bounds_usual, libc_alloc);
    assert_false(store_open(s, NOWHERE, why));
    assert_non_null(strstr(why, NOWHERE));
    assert_int_equal(
        store_folder_put(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS),
        STORE_VOLATILE);
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS));
    assert_string_equal(state_of(s).why, why);
    assert_true(store_open(s, store_folder_new(), why));
    store_turn(s, STORE_NOW_MS);
    assert_true(state_of(s).durable);
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("k"), DGM_STR("v"), STORE_NOW_MS));
    store_free(s);
}

/* A disk that is full: RLIMIT_FSIZE stands for it. What is put stands in memory, and moves when there is room again. */
static void test_full_disk(void **state)
{
    (void)state;
    const char *folder = store_folder_new();
    char key[32], value[4096] = "v";
    struct rlimit before;
    struct store *s = store_folder_open(folder, &store_bounds_usual, libc_alloc);
    store_folder_put(s, STORE_SIGNATURES, DGM_STR("before"), DGM_STR("v"), STORE_NOW_MS);
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){256 * 1024, before.rlim_max}), 0);
    int rank = STORE_DURABLE;
    unsigned n = 0;
    for (; n < 500 && rank == STORE_DURABLE; n++)
        rank = store_folder_put(s, STORE_SIGNATURES, number(n, key),
                                (struct dgm_str){value, sizeof value}, STORE_NOW_MS);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rank, STORE_VOLATILE);
    assert_false(state_of(s).durable);
    assert_true(state_of(s).why[0] != '\0');
    assert_int_equal(state_of(s).lost, 0);
    assert_int_equal(
        store_folder_put(s, STORE_SIGNATURES, DGM_STR("soon"), DGM_STR("v"), STORE_NOW_MS + 9000),
        STORE_VOLATILE);
    assert_int_equal(
        store_folder_put(s, STORE_SIGNATURES, DGM_STR("later"), DGM_STR("v"), STORE_NOW_MS + 11000),
        STORE_DURABLE);
    while (store_waits(s))
        store_turn(s, STORE_NOW_MS + 11000);
    assert_int_equal(state_of(s).memory_bytes_used, 0);
    for (unsigned i = 0; i < n; i++)
        assert_true(holds(s, STORE_SIGNATURES, number(i, key),
                          (struct dgm_str){value, sizeof value}, STORE_NOW_MS + 11000));
    assert_true(holds(s, STORE_SIGNATURES, DGM_STR("before"), DGM_STR("v"), STORE_NOW_MS + 11000));
    store_free(s);
    assert_int_equal(store_folder_check(folder), STORE_SOUND);
}

/* With every allocation failing in turn: nothing leaks, nothing wrong is given, and what was acknowledged is there. */
static void test_every_allocation(void **state)
{
    (void)state;
    bool all = false;
    for (size_t k = 1; !all; k++) {
        struct alloc_fail a;
        struct dgm_buf out;
        char key[32], value[32];
        int rank[8];
        alloc_fail_init(&a, k);
        struct store *s = store_folder_open(store_folder_new(), &store_bounds_usual, &a.alloc);
        for (unsigned i = 0; s && i < 8; i++)
            rank[i] = store_folder_put(s, i == 3 ? STORE_ACCOUNTS : STORE_SIGNATURES,
                                       number(i, key), number(i + 100, value), STORE_NOW_MS);
        all = !alloc_fail_failed(&a);
        a.fail_at = 0;
        for (unsigned i = 0; s && i < 8; i++) {
            dgm_buf_init(&out, libc_alloc, 1 << 20);
            bool found = store_folder_get(s, i == 3 ? STORE_ACCOUNTS : STORE_SIGNATURES,
                                          number(i, key), STORE_NOW_MS, &out);
            assert_int_equal(found, rank[i] > STORE_LOST);
            assert_true(!found || dgm_str_eq(dgm_buf_str(&out), number(i + 100, value)));
            dgm_buf_dispose(&out);
        }
        store_free(s);
        alloc_fail_done(&a, "a store with a failing allocation");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outlives),        cmocka_unit_test(test_memory_alone),
        cmocka_unit_test(test_undecided),       cmocka_unit_test(test_newest_wins),
        cmocka_unit_test(test_cancel),          cmocka_unit_test(test_free_with_work),
        cmocka_unit_test(test_not_taken),       cmocka_unit_test(test_age),
        cmocka_unit_test(test_clock_goes_back), cmocka_unit_test(test_full),
        cmocka_unit_test(test_stays),           cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_full_disk),       cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
