/* SPDX-License-Identifier: Apache-2.0 */
/* quota.c - windows, books and records: what counts, for how long, what a death gives back, and that no limit is ever passed. */
#include "gateway/quota.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define T0 INT64_C(1800000000000)
#define HOUR INT64_C(3600000)

static struct auth_client client(const char *name)
{
    return (struct auth_client){.name = dgm_str_c(name)};
}

static enum dgm_error enter(struct gw_quota *q, size_t book, const struct auth_client *c,
                            int64_t at_ms, struct gw_quota_hold *hold, int64_t *after_ms)
{
    struct gw_quota_refusal why;
    enum dgm_error e = gw_quota_enter(q, book, c, at_ms, hold, &why);
    *after_ms = why.after_ms;
    return e;
}

/* In no 60 seconds more than the limit, wherever they begin; and at the time it was told there is room. */
static void test_any_minute(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client c = client("a");
    struct gw_quota_hold hold;
    int64_t taken[4096], after_ms, at_ms = T0;
    size_t n = 0, book = gw_quota_open_book(q);
    c.limits[AUTH_LIMIT_REQUESTS_MINUTE] = 10;
    for (uint64_t step = 1; n < 200; step = step * 6364136223846793005u + 1) {
        at_ms += (int64_t)(step >> 33) % 9000;
        enum dgm_error e = enter(q, book, &c, at_ms, &hold, &after_ms);
        if (e != DGM_ERR_NONE) {
            assert_int_equal(e, DGM_ERR_KEY_REQUESTS);
            assert_in_range(after_ms, 1, 61000);
            at_ms += after_ms;
            assert_int_equal(enter(q, book, &c, at_ms, &hold, &after_ms), DGM_ERR_NONE);
        }
        gw_quota_leave(q, book, at_ms, 0, &hold);
        taken[n++] = at_ms;
        assert_true(n <= 10 || taken[n - 1] - taken[n - 11] >= 60000);
    }
    gw_quota_free(q);
}

static void test_a_day_counts_by_the_hour(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client c = client("a");
    struct gw_quota_hold hold;
    struct gw_quota_refusal why;
    int64_t after_ms;
    size_t book = gw_quota_open_book(q);
    (void)gw_quota_set_read(q);
    c.limits[AUTH_LIMIT_TOKENS_DAY] = 100;
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 80, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0, 60, &hold);
    assert_int_equal(enter(q, book, &c, T0 + 23 * HOUR, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 23 * HOUR, 41, &hold, &why),
                     DGM_ERR_KEY_DAY);
    assert_in_range(why.after_ms, HOUR, 2 * HOUR);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 23 * HOUR, 101, &hold, &why),
                     DGM_ERR_KEY_DAY);
    assert_true(why.after_ms < 0 && why.limit == 100);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 25 * HOUR, 100, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0 + 25 * HOUR, -1, &hold); /* nobody told what it cost */
    assert_int_equal(enter(q, book, &c, T0 + 26 * HOUR, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 26 * HOUR, 1, &hold, &why),
                     DGM_ERR_KEY_DAY);
    gw_quota_free(q);
}

static void test_more_than_was_reserved(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client c = client("a");
    struct gw_quota_hold hold;
    struct gw_quota_refusal why;
    int64_t after_ms;
    size_t book = gw_quota_open_book(q);
    c.limits[AUTH_LIMIT_TOKENS_MINUTE] = 100;
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 10, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0 + 30000, 95, &hold); /* a long prompt */
    assert_int_equal(enter(q, book, &c, T0 + 61500, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 61500, 16, &hold, &why),
                     DGM_ERR_KEY_TOKENS);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0 + 61500, 15, &hold, &why), DGM_ERR_NONE);
    gw_quota_free(q);
}

/* However much a refused request wanted, what was used stays used. */
static void test_a_refusal_takes_nothing_away(void **state)
{
    (void)state;
    const int64_t wants[] = {1001, INT64_C(10000000000), INT64_C(1) << 40, INT64_MAX};
    const enum auth_limit limits[] = {AUTH_LIMIT_TOKENS_DAY, AUTH_LIMIT_TOKENS_MINUTE};
    for (size_t i = 0; i < 2; i++) {
        struct gw_quota *q = gw_quota_new(T0);
        struct auth_client c = client("a");
        struct gw_quota_hold hold;
        struct gw_quota_refusal why;
        int64_t after_ms;
        size_t book = gw_quota_open_book(q);
        enum dgm_error refused = i == 0 ? DGM_ERR_KEY_DAY : DGM_ERR_KEY_TOKENS;
        (void)gw_quota_set_read(q);
        c.limits[limits[i]] = 1000;
        assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
        assert_int_equal(gw_quota_reserve(q, book, &c, T0, 100, &hold, &why), DGM_ERR_NONE);
        gw_quota_leave(q, book, T0, 800, &hold);
        assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
        for (size_t n = 0; n < sizeof wants / sizeof *wants; n++) {
            assert_int_equal(gw_quota_reserve(q, book, &c, T0, wants[n], &hold, &why), refused);
            assert_true(why.after_ms < 0 && why.limit == 1000);
            assert_int_equal(gw_quota_reserve(q, book, &c, T0, 201, &hold, &why), refused);
            assert_true(why.after_ms > 0);
        }
        assert_int_equal(gw_quota_reserve(q, book, &c, T0, 200, &hold, &why), DGM_ERR_NONE);
        gw_quota_free(q);
    }
}

/* A bucket that an upstream's numbers have filled: a refusal gives back no more than it added. */
static void test_a_full_bucket_stays_full(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client c = client("a");
    struct gw_quota_hold hold;
    struct gw_quota_refusal why;
    int64_t after_ms;
    size_t book = gw_quota_open_book(q);
    (void)gw_quota_set_read(q);
    c.limits[AUTH_LIMIT_TOKENS_DAY] = AUTH_LIMIT_MAX;
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 1, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0, INT64_MAX, &hold);
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(gw_quota_reserve(q, book, &c, T0, AUTH_LIMIT_MAX, &hold, &why),
                         DGM_ERR_KEY_DAY);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 1, &hold, &why), DGM_ERR_KEY_DAY);
    gw_quota_free(q);
}

static void test_a_closed_book_gives_back(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client c = client("a");
    struct gw_quota_hold a, b;
    struct gw_quota_refusal why;
    int64_t after_ms;
    size_t dead = gw_quota_open_book(q), alive = gw_quota_open_book(q);
    (void)gw_quota_set_read(q);
    c.limits[AUTH_LIMIT_PARALLEL] = 1;
    c.limits[AUTH_LIMIT_TOKENS_DAY] = 100;
    assert_int_equal(enter(q, dead, &c, T0, &a, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, dead, &c, T0, 90, &a, &why), DGM_ERR_NONE);
    assert_int_equal(enter(q, alive, &c, T0, &b, &after_ms), DGM_ERR_KEY_PARALLEL);
    gw_quota_close_book(q, dead, T0 + HOUR);
    assert_int_equal(enter(q, alive, &c, T0, &b, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, alive, &c, T0 + HOUR, 100, &b, &why), DGM_ERR_NONE);
    assert_int_equal(gw_quota_open_book(q), dead);
    gw_quota_free(q);
}

static void test_a_record_there_and_back(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0), *again = gw_quota_new(T0 + 2000);
    struct auth_client c = client("a");
    struct gw_quota_hold hold, open;
    struct gw_quota_refusal why;
    struct dgm_buf out;
    int64_t after_ms;
    size_t book = gw_quota_open_book(q), its = gw_quota_open_book(again);
    (void)gw_quota_set_read(q);
    c.limits[AUTH_LIMIT_TOKENS_DAY] = 100;
    c.limits[AUTH_LIMIT_REQUESTS_MINUTE] = 3;
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 50, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0, 70, &hold);
    assert_int_equal(enter(q, book, &c, T0, &open, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &c, T0, 20, &open, &why), DGM_ERR_NONE);
    dgm_buf_init(&out, &dgm_alloc_libc, 32 * 1024);
    for (size_t i = 0; i < GW_QUOTA_PLACES / GW_QUOTA_CHUNK; i++)
        gw_quota_put(q, i, T0 + 1000, &out);
    assert_true(out.rc == DGM_OK && out.n != 0);
    assert_int_equal(enter(again, its, &c, T0 + 2000, &hold, &after_ms), DGM_ERR_COUNTS_UNREAD);
    assert_false(gw_quota_is_known(again, T0 + 2000));
    for (size_t n = 0; n < out.n; n += 7) { /* a torn one does no harm */
        struct gw_quota *torn = gw_quota_new(T0);
        gw_quota_read(torn, dgm_str_head(dgm_buf_str(&out), n), T0 + 2000);
        gw_quota_free(torn);
    }
    gw_quota_read(again, dgm_buf_str(&out), T0 + 2000);
    assert_false(gw_quota_set_read(again));
    assert_int_equal(enter(again, its, &c, T0 + 2000, &hold, &after_ms), DGM_ERR_NONE);
    /* 70 are used; what was only reserved when all ended is not. */
    assert_int_equal(gw_quota_reserve(again, its, &c, T0 + 2000, 31, &hold, &why), DGM_ERR_KEY_DAY);
    assert_int_equal(gw_quota_reserve(again, its, &c, T0 + 2000, 30, &hold, &why), DGM_ERR_NONE);
    assert_int_equal(enter(again, its, &c, T0 + 2000, &open, &after_ms), DGM_ERR_KEY_REQUESTS);
    dgm_buf_dispose(&out);
    gw_quota_free(q);
    gw_quota_free(again);
}

/* Every place gets a name, and each of these one request. */
static void fill(struct gw_quota *q, size_t book, int64_t at_ms)
{
    for (int i = 0; i < GW_QUOTA_PLACES; i++) {
        char name[16];
        struct gw_quota_hold hold;
        int64_t after_ms;
        snprintf(name, sizeof name, "k%d", i);
        struct auth_client c = client(name);
        assert_int_equal(enter(q, book, &c, at_ms, &hold, &after_ms), DGM_ERR_NONE);
        gw_quota_leave(q, book, at_ms, 0, &hold);
    }
}

/* Names of which nothing counts any more make room: in a daemon that lives, and over a restart. */
static void test_names_are_forgotten(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0), *again = gw_quota_new(T0 + 48 * HOUR);
    struct auth_client c = client("new"), other = client("newer");
    struct gw_quota_hold hold;
    struct dgm_buf out;
    int64_t after_ms;
    size_t book = gw_quota_open_book(q), its = gw_quota_open_book(again);
    fill(q, book, T0);
    assert_int_equal(enter(q, book, &c, T0, &hold, &after_ms), DGM_ERR_NO_MEMORY);
    dgm_buf_init(&out, &dgm_alloc_libc, 4096 * 1024);
    for (size_t i = 0; i < GW_QUOTA_PLACES / GW_QUOTA_CHUNK; i++)
        gw_quota_put(q, i, T0, &out);
    assert_true(out.rc == DGM_OK && out.n != 0);
    gw_quota_read(again, dgm_buf_str(&out), T0 + 48 * HOUR);
    assert_int_equal(enter(again, its, &c, T0 + 48 * HOUR, &hold, &after_ms), DGM_ERR_NONE);
    dgm_buf_clear(&out);
    for (size_t i = 0; i < GW_QUOTA_PLACES / GW_QUOTA_CHUNK; i++)
        gw_quota_put(q, i, T0 + 48 * HOUR, &out);
    assert_int_equal(out.n, 0);

    assert_int_equal(enter(q, book, &c, T0 + 48 * HOUR, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(enter(q, book, &other, T0 + 48 * HOUR, &hold, &after_ms), DGM_ERR_NONE);
    dgm_buf_dispose(&out);
    gw_quota_free(q);
    gw_quota_free(again);
}

/* Who runs, who was reserved for, and whose day counts keeps his place. */
static void test_names_that_count_are_kept(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    struct auth_client runs = client("k1"), counts = client("k2");
    struct gw_quota_hold running, hold;
    struct gw_quota_refusal why;
    int64_t after_ms, later = T0 + 2 * HOUR;
    size_t book = gw_quota_open_book(q);
    (void)gw_quota_set_read(q);
    fill(q, book, T0);
    runs.limits[AUTH_LIMIT_PARALLEL] = 1;
    counts.limits[AUTH_LIMIT_TOKENS_DAY] = 100;
    assert_int_equal(enter(q, book, &runs, T0, &running, &after_ms), DGM_ERR_NONE);
    assert_int_equal(enter(q, book, &counts, T0, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &counts, T0, 100, &hold, &why), DGM_ERR_NONE);
    gw_quota_leave(q, book, T0, 100, &hold);
    for (int i = 0; i < GW_QUOTA_PLACES - 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "new%d", i);
        struct auth_client c = client(name);
        assert_int_equal(enter(q, book, &c, later, &hold, &after_ms), DGM_ERR_NONE);
    }
    struct auth_client last = client("last");
    assert_int_equal(enter(q, book, &last, later, &hold, &after_ms), DGM_ERR_NO_MEMORY);
    assert_int_equal(enter(q, book, &runs, later, &hold, &after_ms), DGM_ERR_KEY_PARALLEL);
    assert_int_equal(enter(q, book, &counts, later, &hold, &after_ms), DGM_ERR_NONE);
    assert_int_equal(gw_quota_reserve(q, book, &counts, later, 1, &hold, &why), DGM_ERR_KEY_DAY);
    gw_quota_leave(q, book, later, 0, &running);
    gw_quota_free(q);
}

#define PROCESSES 4
#define ASKED 3000

/* How many of one process's requests may go on: its exit code. */
static int compete(struct gw_quota *q, size_t book, const struct auth_client *c)
{
    int got = 0;
    for (int i = 0; i < ASKED; i++) {
        struct gw_quota_hold hold;
        int64_t after_ms;
        got += enter(q, book, c, T0, &hold, &after_ms) == DGM_ERR_NONE;
    }
    return got;
}

static void test_four_processes_pass_no_limit(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct gw_quota *q = gw_quota_new(T0);
        struct auth_client c = client("a");
        size_t books[PROCESSES];
        pid_t pids[PROCESSES];
        int all = 0;
        c.limits[which == 0 ? AUTH_LIMIT_REQUESTS_MINUTE : AUTH_LIMIT_PARALLEL] = 200;
        for (size_t i = 0; i < PROCESSES; i++)
            books[i] = gw_quota_open_book(q);
        for (size_t i = 0; i < PROCESSES; i++) {
            pids[i] = fork();
            if (pids[i] == 0)
                _exit(compete(q, books[i], &c));
        }
        for (size_t i = 0; i < PROCESSES; i++) {
            int status = -1;
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFEXITED(status));
            all += WEXITSTATUS(status);
        }
        assert_int_equal(all, 200);
        gw_quota_free(q);
    }
}

#define NAMES 10
#define EACH 20

/* Four that come with the same new names at once give each of them one place. */
static void test_four_processes_forget_together(void **state)
{
    (void)state;
    struct gw_quota *q = gw_quota_new(T0);
    size_t books[PROCESSES];
    pid_t pids[PROCESSES];
    int all = 0;
    for (size_t i = 0; i < PROCESSES; i++)
        books[i] = gw_quota_open_book(q);
    fill(q, books[0], T0);
    for (size_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] != 0)
            continue;
        int got = 0;
        for (int n = 0; n < NAMES * EACH; n++) {
            char name[16];
            struct gw_quota_hold hold;
            int64_t after_ms;
            snprintf(name, sizeof name, "new%d", n / EACH);
            struct auth_client c = client(name);
            c.limits[AUTH_LIMIT_REQUESTS_MINUTE] = EACH;
            got += enter(q, books[i], &c, T0 + HOUR, &hold, &after_ms) == DGM_ERR_NONE;
        }
        _exit(got);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        all += WEXITSTATUS(status);
    }
    assert_int_equal(all, NAMES * EACH);
    gw_quota_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_minute),
        cmocka_unit_test(test_a_day_counts_by_the_hour),
        cmocka_unit_test(test_more_than_was_reserved),
        cmocka_unit_test(test_a_refusal_takes_nothing_away),
        cmocka_unit_test(test_a_full_bucket_stays_full),
        cmocka_unit_test(test_a_closed_book_gives_back),
        cmocka_unit_test(test_a_record_there_and_back),
        cmocka_unit_test(test_names_are_forgotten),
        cmocka_unit_test(test_names_that_count_are_kept),
        cmocka_unit_test(test_four_processes_pass_no_limit),
        cmocka_unit_test(test_four_processes_forget_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
