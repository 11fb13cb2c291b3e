/* SPDX-License-Identifier: Apache-2.0 */
/* caches.c - the emulator's caches, in memory that processes share. */
#include "gateway/caches.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct emu_cache cache(unsigned number, int64_t expires_ms)
{
    struct emu_cache c = {.expires_ms = expires_ms, .tokens_total = number};
    (void)snprintf(c.name, sizeof c.name, "cachedContents/%u", number);
    return c;
}

static void test_made_changed_and_forgotten(void **state)
{
    (void)state;
    struct gw_caches *all = gw_caches_new();
    const struct emu_caches caches = gw_caches_of(all);
    struct emu_cache c = cache(7, 100), got;
    assert_non_null(all);
    assert_false(caches.get(caches.ctx, dgm_str_c(c.name), &got));
    assert_false(caches.drop(caches.ctx, dgm_str_c(c.name)));
    assert_true(caches.put(caches.ctx, &c, 0));
    assert_true(caches.get(caches.ctx, dgm_str_c(c.name), &got));
    assert_memory_equal(&got, &c, sizeof c);
    c.expires_ms = 200;
    assert_true(caches.put(caches.ctx, &c, 150)); /* in its own place, though its time was over */
    assert_true(caches.get(caches.ctx, dgm_str_c(c.name), &got));
    assert_int_equal(got.expires_ms, 200);
    assert_true(caches.at(caches.ctx, 0, &got));
    assert_string_equal(got.name, c.name);
    assert_true(caches.at(caches.ctx, 1, &got));
    assert_string_equal(got.name, "");
    assert_false(caches.at(caches.ctx, GW_CACHES_MAX, &got));
    assert_true(caches.drop(caches.ctx, dgm_str_c(c.name)));
    assert_false(caches.get(caches.ctx, dgm_str_c(c.name), &got));
    gw_caches_free(all);
}

static void test_room(void **state)
{
    (void)state;
    struct gw_caches *all = gw_caches_new();
    const struct emu_caches caches = gw_caches_of(all);
    struct emu_cache c, got;
    for (unsigned i = 0; i < GW_CACHES_MAX; i++) {
        c = cache(i, 100 + i);
        assert_true(caches.put(caches.ctx, &c, 0));
    }
    c = cache(GW_CACHES_MAX, 1000);
    assert_false(caches.put(caches.ctx, &c, 99));
    assert_true(caches.put(caches.ctx, &c, 100)); /* the first one's time is over */
    assert_false(caches.get(caches.ctx, DGM_STR("cachedContents/0"), &got));
    assert_true(caches.get(caches.ctx, DGM_STR("cachedContents/1"), &got));
    gw_caches_free(all);
}

static void test_none(void **state)
{
    (void)state;
    const struct emu_caches caches = gw_caches_of(NULL);
    struct emu_cache c = cache(1, 100);
    assert_false(caches.put(caches.ctx, &c, 0));
    assert_false(caches.get(caches.ctx, dgm_str_c(c.name), &c));
    assert_false(caches.drop(caches.ctx, dgm_str_c(c.name)));
    assert_false(caches.at(caches.ctx, 0, &c));
    gw_caches_free(NULL);
}

#define WRITERS 4
#define ROUNDS 3000

/* Rewrites one cache again and again, each time all of it. */
static void write_on(const struct emu_caches *caches, unsigned self)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct emu_cache c = cache(1, 1000);
        c.tokens_total = self * ROUNDS + i;
        for (size_t k = 0; k < EMU_CACHE_KINDS; k++)
            c.tokens[k] = c.tokens_total;
        while (!caches->put(caches->ctx, &c, 0))
            ; /* another one writes, and waits for a processor on a busy machine */
    }
    _exit(0);
}

/* Several processes write at once: who reads gets what one of them wrote, and they are one cache. */
static void test_all_or_none(void **state)
{
    (void)state;
    struct gw_caches *all = gw_caches_new();
    const struct emu_caches caches = gw_caches_of(all);
    struct emu_cache got = cache(1, 1000);
    int status = 0, left = WRITERS;
    assert_true(caches.put(caches.ctx, &got, 0));
    for (unsigned i = 0; i < WRITERS; i++) {
        pid_t pid = fork();
        assert_int_not_equal(pid, -1);
        if (pid == 0)
            write_on(&caches, i);
    }
    while (left > 0) {
        if (caches.get(caches.ctx, DGM_STR("cachedContents/1"), &got) && got.tokens[0] != 0)
            for (size_t k = 0; k < EMU_CACHE_KINDS; k++)
                assert_int_equal(got.tokens[k], got.tokens_total);
        if (waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            left--;
        }
    }
    size_t n = 0;
    for (size_t i = 0; caches.at(caches.ctx, i, &got); i++)
        n += got.name[0] != '\0';
    assert_int_equal(n, 1);
    gw_caches_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_changed_and_forgotten),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
