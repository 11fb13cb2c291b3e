/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - tests of base/arena. */
#include "base/arena.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdalign.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

/* Random enough, the same every time. */
static size_t next_number(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(*seed >> 33);
}

static void takes_and_keeps(void **state)
{
    (void)state;
    enum { PIECES = 400 };
    static struct {
        unsigned char *p;
        size_t n;
    } pieces[PIECES];
    struct alloc_fail memory;
    struct dgm_arena a;
    uint64_t seed = 1;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, SIZE_MAX);
    assert_int_equal(memory.calls, 0);

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            size_t n = next_number(&seed) % (i % 10 ? 200 : 20000);
            pieces[i].p = dgm_arena_take(&a, n);
            pieces[i].n = n;
            assert_non_null(pieces[i].p);
            assert_int_equal((uintptr_t)pieces[i].p % alignof(max_align_t), 0);
            memset(pieces[i].p, (int)(i % 251), n);
        }
        for (size_t i = 0; i < PIECES; i++)
            for (size_t k = 0; k < pieces[i].n; k++)
                assert_int_equal(pieces[i].p[k], i % 251);
        dgm_arena_reset(&a);
        assert_true(memory.live_blocks <= 1);
    }
    dgm_arena_dispose(&a);
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");

    struct dgm_arena zeroed = {0};
    dgm_arena_dispose(&zeroed);
}

static void clears_and_copies(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, SIZE_MAX);
    const unsigned char *zero = dgm_arena_take0(&a, 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(zero[i], 0);

    char text[] = "abc";
    struct dgm_str copy = dgm_arena_copy(&a, (struct dgm_str){text, 3});
    memset(text, 'x', 3);
    assert_true(dgm_str_eq(copy, DGM_STR("abc")));
    assert_null(dgm_arena_copy(&a, (struct dgm_str){0}).p);
    assert_non_null(dgm_arena_copy(&a, DGM_STR("")).p);
    assert_null(dgm_arena_take(&a, SIZE_MAX));
    assert_null(dgm_arena_take(&a, SIZE_MAX - 40));
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

static void holds_its_ceiling(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, 100000);
    size_t got = 0;
    while (dgm_arena_take(&a, 500))
        got += 500;
    assert_true(got > 80000 && got <= 100000);
    assert_null(dgm_arena_take(&a, 50000));
    assert_true(memory.peak_bytes <= 100000 + 100 * sizeof(void *));
    dgm_arena_reset(&a);
    assert_non_null(dgm_arena_take(&a, 90000)); /* what is given back counts no more */
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

/* A stream's arena must not stay as large as its largest event made it; one for a large body must not be a thousand
 * blocks, for they are given back at once. */
static void grows_in_large_blocks_and_keeps_a_small_one(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, SIZE_MAX);
    for (size_t got = 0; got < (size_t)4 << 20; got += 500)
        assert_non_null(dgm_arena_take(&a, 500));
    assert_true(memory.live_blocks < 40);
    dgm_arena_reset(&a);
    assert_true(memory.live_blocks == 1 && memory.live_bytes < 10000);
    assert_non_null(dgm_arena_take(&a, 500));
    assert_int_equal(memory.live_blocks, 1);
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

/* A walk of sizes through the allocator, with every byte checked. */
static void allocates(void **state)
{
    (void)state;
    enum { PIECES = 20 };
    struct {
        unsigned char *p;
        size_t n;
    } pieces[PIECES] = {{0}};
    struct alloc_fail memory;
    struct dgm_arena a;
    uint64_t seed = 2;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, SIZE_MAX);
    const struct dgm_alloc *alloc = dgm_arena_alloc(&a);
    for (int step = 0; step < 20000; step++) {
        size_t i = next_number(&seed) % PIECES, old_n = pieces[i].n;
        size_t kind = next_number(&seed) % 8;
        size_t n = kind == 0 ? 0 : next_number(&seed) % (kind < 6 ? 300 : 9000);
        unsigned char *p = alloc->resize(alloc->ctx, pieces[i].p, old_n, n);
        assert_int_equal(p != NULL, n != 0);
        for (size_t k = 0; p && k < (old_n < n ? old_n : n); k++)
            assert_int_equal(p[k], i);
        if (p)
            memset(p, (int)i, n);
        pieces[i].p = p;
        pieces[i].n = n;
        for (size_t k = 0; k < PIECES; k++) /* nobody wrote into another's */
            if (pieces[k].n)
                assert_true(pieces[k].p[0] == k && pieces[k].p[pieces[k].n - 1] == k);
    }
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

static void gives_back_what_is_large_or_last(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, 1000000);
    const struct dgm_alloc *alloc = dgm_arena_alloc(&a);
    for (int i = 0; i < 100; i++) { /* a hundred times the ceiling in all */
        void *p = alloc->resize(alloc->ctx, NULL, 0, 400000);
        assert_non_null(p);
        p = alloc->resize(alloc->ctx, p, 400000, 900000);
        assert_non_null(p);
        assert_null(alloc->resize(alloc->ctx, p, 900000, 1100000));
        assert_null(alloc->resize(alloc->ctx, p, 900000, 0));
    }
    assert_int_equal(memory.live_blocks, 0);

    for (int i = 0; i < 10000; i++) {
        void *p = alloc->resize(alloc->ctx, NULL, 0, 1000);
        assert_non_null(p);
        assert_null(alloc->resize(alloc->ctx, p, 1000, 0));
    }
    assert_int_equal(memory.live_blocks, 1);
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail memory;
        struct dgm_arena a;
        alloc_fail_init(&memory, k);
        dgm_arena_init(&a, &memory.alloc, SIZE_MAX);
        bool got_all = true;
        for (int i = 0; i < 50; i++) {
            size_t n = i % 5 ? 900 : 5000;
            unsigned char *p = dgm_arena_take0(&a, n);
            got_all = got_all && p;
        }
        struct dgm_str copy = dgm_arena_copy(&a, DGM_STR("abc"));
        const struct dgm_alloc *alloc = dgm_arena_alloc(&a);
        unsigned char *large = alloc->resize(alloc->ctx, NULL, 0, 5000);
        if (large) {
            memset(large, 1, 5000);
            unsigned char *larger = alloc->resize(alloc->ctx, large, 5000, 50000);
            got_all = got_all && larger;
            assert_int_equal((larger ? larger : large)[4999],
                             1); /* a failure leaves it as it was */
        }
        assert_int_equal(got_all && copy.p && large, !alloc_fail_failed(&memory));
        dgm_arena_dispose(&a);
        alloc_fail_done(&memory, "dgm_arena");
        if (!alloc_fail_failed(&memory))
            return;
    }
}

/* What succeeds between a refusal and the question does not change the answer. */
static void tells_why_it_last_said_no(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 3);
    dgm_arena_init(&a, &memory.alloc, 20000);
    assert_non_null(dgm_arena_take(&a, 3000));
    assert_null(dgm_arena_take(&a, 30000));
    assert_non_null(dgm_arena_take(&a, 3000));
    assert_int_equal(dgm_arena_rc(&a), DGM_E_LIMIT);
    assert_null(dgm_arena_take(&a, 3000));
    assert_int_equal(dgm_arena_rc(&a), DGM_E_NOMEM);
    dgm_arena_dispose(&a);

    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, 20000);
    const struct dgm_alloc *alloc = dgm_arena_alloc(&a);
    char *large = alloc->resize(alloc->ctx, NULL, 0, 3000);
    assert_null(alloc->resize(alloc->ctx, large, 3000, 30000));
    large = alloc->resize(alloc->ctx, large, 3000, 4000);
    assert_non_null(large);
    assert_int_equal(dgm_arena_rc(&a), DGM_E_LIMIT);
    dgm_arena_dispose(&a);
    alloc_fail_done(&memory, "dgm_arena");
}

static void knows_where_its_memory_comes_from(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_arena a;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&a, &memory.alloc, 10);
    assert_ptr_equal(dgm_arena_source(&a), &memory.alloc);
    dgm_arena_dispose(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_keeps),
        cmocka_unit_test(clears_and_copies),
        cmocka_unit_test(holds_its_ceiling),
        cmocka_unit_test(grows_in_large_blocks_and_keeps_a_small_one),
        cmocka_unit_test(allocates),
        cmocka_unit_test(gives_back_what_is_large_or_last),
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(tells_why_it_last_said_no),
        cmocka_unit_test(knows_where_its_memory_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
