/* SPDX-License-Identifier: Apache-2.0 */
/* prefixes.c - what is known of beginnings that upstreams keep, in memory that processes share. */
#include "gateway/prefixes.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct gw_prefix_key key(unsigned n)
{
    struct gw_prefix_key k;
    char text[sizeof k.letters + 1];
    (void)snprintf(text, sizeof text, "%016x%048x", n * 2654435761u, n);
    memcpy(k.letters, text, sizeof k.letters);
    return k;
}

static struct gw_prefix kept(unsigned n)
{
    struct gw_prefix p = {.key = key(n), .state = GW_PREFIX_KEPT};
    (void)snprintf(p.name, sizeof p.name, "cachedContents/%u", n);
    return p;
}

static void test_claimed_once_and_told(void **state)
{
    (void)state;
    struct gw_prefixes *all = gw_prefixes_new();
    struct gw_prefix got, p = kept(7);
    const struct gw_prefix_key k = key(7), other = key(8);
    assert_non_null(all);
    assert_int_equal(gw_prefixes_look(all, &k, 0, &got), GW_PREFIX_UNKNOWN);
    assert_int_equal(gw_prefixes_claim(all, &k, 0, 100, &got), GW_PREFIX_UNKNOWN);
    assert_int_equal(gw_prefixes_claim(all, &k, 50, 150, &got), GW_PREFIX_MAKING);
    assert_int_equal(gw_prefixes_look(all, &other, 50, &got), GW_PREFIX_UNKNOWN);
    /* Who claimed it died: after its time another may. */
    assert_int_equal(gw_prefixes_claim(all, &k, 100, 200, &got), GW_PREFIX_UNKNOWN);
    gw_prefixes_tell(all, &p, 120, 1000);
    assert_int_equal(gw_prefixes_claim(all, &k, 300, 400, &got), GW_PREFIX_KEPT);
    assert_string_equal(got.name, "cachedContents/7");
    assert_memory_equal(&got.key, &k, sizeof k);
    assert_int_equal(gw_prefixes_look(all, &k, 1000, &got), GW_PREFIX_UNKNOWN);
    assert_int_equal(gw_prefixes_look(all, &k, INT64_MIN, &got), GW_PREFIX_KEPT);
    p.state = GW_PREFIX_VAIN;
    gw_prefixes_tell(all, &p, 1000, 2000);
    assert_int_equal(gw_prefixes_claim(all, &k, 1500, 3000, &got), GW_PREFIX_VAIN);
    p.state = GW_PREFIX_UNKNOWN;
    gw_prefixes_tell(all, &p, 1500, 0);
    assert_int_equal(gw_prefixes_claim(all, &k, 1500, 3000, &got), GW_PREFIX_UNKNOWN);
    gw_prefixes_free(all);
}

/* More than there is room for: the newest is always there, and nothing is taken for another. */
static void test_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct gw_prefixes *all = gw_prefixes_new();
    struct gw_prefix got;
    unsigned there = 0;
    for (unsigned i = 0; i < 3 * GW_PREFIXES_MAX; i++) {
        const struct gw_prefix p = kept(i);
        gw_prefixes_tell(all, &p, 0, 1000 + i);
        assert_int_equal(gw_prefixes_look(all, &p.key, 0, &got), GW_PREFIX_KEPT);
        assert_string_equal(got.name, p.name);
    }
    for (unsigned i = 0; i < 3 * GW_PREFIXES_MAX; i++) {
        const struct gw_prefix p = kept(i);
        if (gw_prefixes_look(all, &p.key, 0, &got) != GW_PREFIX_KEPT)
            continue;
        assert_string_equal(got.name, p.name);
        there++;
    }
    assert_in_range(there, GW_PREFIXES_MAX / 2, GW_PREFIXES_MAX);
    gw_prefixes_free(all);
}

#define PROCESSES 4
#define ROUNDS 400

/* Of all processes one claims each; what stands there is never torn. */
static void race(struct gw_prefixes *all, unsigned *claimed)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct gw_prefix got, p = kept(i);
        switch (gw_prefixes_claim(all, &p.key, 0, 1000, &got)) {
        case GW_PREFIX_UNKNOWN:
            __atomic_add_fetch(&claimed[i], 1, __ATOMIC_SEQ_CST);
            gw_prefixes_tell(all, &p, 0, 1000);
            break;
        case GW_PREFIX_KEPT:
            if (strcmp(got.name, p.name) != 0)
                _exit(1);
            break;
        default:
            break;
        }
    }
}

static void test_processes_claim_each_once(void **state)
{
    (void)state;
    struct gw_prefixes *all = gw_prefixes_new();
    unsigned *claimed = mmap(NULL, ROUNDS * sizeof *claimed, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(claimed != MAP_FAILED);
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            race(all, claimed);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    unsigned more = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_true(claimed[i] >= 1);
        more += claimed[i] - 1;
    }
    /* Two may be sooner than each other where their slots move; that costs a cache, and nothing else. */
    assert_in_range(more, 0, ROUNDS / 20);
    munmap(claimed, ROUNDS * sizeof *claimed);
    gw_prefixes_free(all);
}

static void test_without_memory(void **state)
{
    (void)state;
    const struct gw_prefix p = kept(1);
    struct gw_prefix got;
    assert_int_equal(gw_prefixes_look(NULL, &p.key, 0, &got), GW_PREFIX_UNKNOWN);
    assert_int_equal(gw_prefixes_claim(NULL, &p.key, 0, 9, &got), GW_PREFIX_VAIN);
    gw_prefixes_tell(NULL, &p, 0, 9);
    gw_prefixes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claimed_once_and_told),
        cmocka_unit_test(test_more_than_there_is_room_for),
        cmocka_unit_test(test_processes_claim_each_once),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
