/* SPDX-License-Identifier: Apache-2.0 */
/* stock.c - tests of base/stock. */
#include "base/stock.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/alloc_fail.h"

static void *take(struct dgm_stock *s, size_t n)
{
    return s->alloc.resize(s->alloc.ctx, NULL, 0, n);
}

static void give(struct dgm_stock *s, void *p, size_t n)
{
    assert_null(s->alloc.resize(s->alloc.ctx, p, n, 0));
}

static void hands_out_what_came_back(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_stock s;
    alloc_fail_init(&memory, 0);
    dgm_stock_init(&s, &memory.alloc, 8192);
    assert_int_equal(memory.calls, 0);

    void *a = take(&s, 1000), *b = take(&s, 1000), *small = take(&s, 1);
    give(&s, a, 1000);
    give(&s, b, 1000);
    give(&s, small, 1);
    size_t calls = memory.calls;
    assert_ptr_equal(take(&s, 1024), b); /* the last first, and up to the step it was rounded to */
    assert_ptr_equal(take(&s, 961), a);
    assert_ptr_equal(take(&s, 64), small);
    assert_int_equal(memory.calls, calls);
    give(&s, a, 961);
    give(&s, b, 1024);
    give(&s, small, 64);

    void *other = take(&s, 1025); /* another size */
    assert_true(memory.calls > calls);
    give(&s, NULL, 0); /* nothing, as free(NULL) */
    dgm_stock_dispose(&s);
    assert_int_equal(memory.live_blocks, 1); /* the one in use */
    give(&s, other, 1025);
    dgm_stock_dispose(&s);
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock");
}

static void keeps_to_its_ceiling(void **state)
{
    (void)state;
    enum { BLOCKS = 10 };
    struct alloc_fail memory;
    struct dgm_stock s;
    void *blocks[BLOCKS];
    alloc_fail_init(&memory, 0);
    dgm_stock_init(&s, &memory.alloc, 3 * 1024 + 1000);
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = take(&s, 1024);
    for (size_t i = 0; i < BLOCKS; i++)
        give(&s, blocks[i], 1024);
    assert_int_equal(memory.live_blocks, 3);
    void *large = take(&s, DGM_STOCK_BLOCK_MAX + 1);
    give(&s, large, DGM_STOCK_BLOCK_MAX + 1); /* never kept */
    assert_int_equal(memory.live_blocks, 3);
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock with a ceiling");

    alloc_fail_init(&memory, 0);
    dgm_stock_init(&s, &memory.alloc, 0); /* keeps nothing at all */
    give(&s, take(&s, 100), 100);
    assert_int_equal(memory.live_blocks, 0);
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock of nothing");
}

/* Through every pair of sizes that are kept, on a border, or go by: what was written is still there. */
static void grows_and_shrinks(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 63, 64, 65, 1000, 4095, 4096, 4097, 9000};
    enum { N = sizeof sizes / sizeof *sizes };
    struct alloc_fail memory;
    struct dgm_stock s;
    alloc_fail_init(&memory, 0);
    dgm_stock_init(&s, &memory.alloc, SIZE_MAX);
    for (size_t i = 0; i < N * N; i++) {
        size_t from = sizes[i / N], to = sizes[i % N], common = from < to ? from : to;
        unsigned char *p = take(&s, from);
        memset(p, (int)(i + 1), from);
        p = s.alloc.resize(s.alloc.ctx, p, from, to);
        for (size_t k = 0; k < common; k++)
            assert_int_equal(p[k], (unsigned char)(i + 1));
        memset(p, 0, to);
        give(&s, p, to);
    }
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock that resizes");
}

/* A block that was made aside and comes to the stock is as long as it says. */
static void takes_what_was_made_aside(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_stock s;
    alloc_fail_init(&memory, 0);
    dgm_stock_init(&s, &memory.alloc, SIZE_MAX);
    char *p = s.aside.resize(s.aside.ctx, NULL, 0, 70);
    assert_int_equal(memory.live_bytes, 128);
    p = s.aside.resize(s.aside.ctx, p, 70, 10);
    p = s.aside.resize(s.aside.ctx, p, 10, 100);
    give(&s, p, 100);
    char *again = take(&s, 128);
    assert_ptr_equal(again, p);
    memset(again, 1, 128);
    assert_null(s.aside.resize(s.aside.ctx, again, 128, 0)); /* and the other way round */
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock and what is aside");
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_stock s;
    alloc_fail_init(&memory, 2);
    dgm_stock_init(&s, &memory.alloc, SIZE_MAX);
    char *p = take(&s, 5);
    assert_non_null(p);
    memcpy(p, "kept", 5);
    assert_null(s.alloc.resize(s.alloc.ctx, p, 5, 500)); /* and leaves it as it was */
    assert_string_equal(p, "kept");
    give(&s, p, 5);
    dgm_stock_dispose(&s);
    alloc_fail_done(&memory, "a stock without memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_what_came_back), cmocka_unit_test(keeps_to_its_ceiling),
        cmocka_unit_test(grows_and_shrinks),        cmocka_unit_test(takes_what_was_made_aside),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
