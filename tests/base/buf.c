/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - tests of struct dgm_buf. */
#include "base/buf.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

static void assert_holds(const struct dgm_buf *b, const char *expected)
{
    assert_true(b->n <= b->cap && b->cap <= b->max);
    assert_true(dgm_str_eq(dgm_buf_str(b), dgm_str_c(expected)));
}

static void puts_things(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_buf b;
    alloc_fail_init(&memory, 0);
    dgm_buf_init(&b, &memory.alloc, 1000);
    assert_int_equal(memory.calls, 0);
    assert_null(dgm_buf_str(&b).p);

    dgm_buf_put(&b, (struct dgm_str){0});
    dgm_buf_put_lit(&b, "a ");
    dgm_buf_put_char(&b, 'b');
    dgm_buf_put_char(&b, ' ');
    dgm_buf_put_int(&b, INT64_MIN);
    dgm_buf_put_char(&b, ' ');
    dgm_buf_put_int(&b, INT64_MAX);
    dgm_buf_put_char(&b, ' ');
    dgm_buf_put_int(&b, 0);
    dgm_buf_put_char(&b, ' ');
    dgm_buf_put_hex(&b, 0xdeadbeef, 10);
    dgm_buf_put_char(&b, ' ');
    dgm_buf_put_hex(&b, UINT64_MAX, 16);
    dgm_buf_put_hex(&b, 5, 0);
    assert_holds(&b, "a b -9223372036854775808 9223372036854775807 0 00deadbeef ffffffffffffffff");
    assert_int_equal(b.rc, DGM_OK);

    for (int64_t i = 1, sign = 1; i > 0 && i < INT64_MAX / 7; i = i * 7 + 3, sign = -sign) {
        char text[32];
        dgm_buf_clear(&b);
        dgm_buf_put_int(&b, sign * i);
        snprintf(text, sizeof text, "%lld", (long long)(sign * i));
        assert_holds(&b, text);
    }
    dgm_buf_clear(&b);
    dgm_buf_put_lit(&b, "a ");
    dgm_buf_add_lit(&b, "b -9");

    dgm_buf_drop(&b, 2);
    dgm_buf_drop(&b, 0);
    assert_true(dgm_str_starts(dgm_buf_str(&b), DGM_STR("b -9")));
    dgm_buf_drop(&b, 1000);
    assert_holds(&b, "");
    dgm_buf_dispose(&b);
    dgm_buf_dispose(&b);
    alloc_fail_done(&memory, "dgm_buf");
}

static void grows_with_its_content(void **state)
{
    (void)state;
    struct alloc_fail memory;
    struct dgm_buf b;
    alloc_fail_init(&memory, 0);
    dgm_buf_init(&b, &memory.alloc, 100000);
    for (int i = 0; i < 100000; i++)
        dgm_buf_put_char(&b, (char)('a' + i % 26));
    assert_int_equal(b.rc, DGM_OK);
    assert_int_equal(b.n, 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
    assert_true(memory.calls < 20);
    dgm_buf_dispose(&b);
    alloc_fail_done(&memory, "dgm_buf");
}

static void holds_its_ceiling(void **state)
{
    (void)state;
    struct alloc_fail memory;
    for (size_t max = 0; max <= 600; max += max < 8 ? 1 : 37) {
        struct dgm_buf b;
        alloc_fail_init(&memory, 0);
        dgm_buf_init(&b, &memory.alloc, max);
        for (size_t i = 0; i < max; i++)
            dgm_buf_put_char(&b, 'x');
        assert_int_equal(b.rc, DGM_OK);
        assert_int_equal(b.n, max);
        dgm_buf_put_char(&b, 'y');
        assert_int_equal(b.rc, DGM_E_LIMIT);
        assert_int_equal(b.n, max);
        assert_true(memory.peak_bytes <= 2 * max);
        dgm_buf_dispose(&b);
        alloc_fail_done(&memory, "dgm_buf");
    }
}

static void is_sticky(void **state)
{
    (void)state;
    struct dgm_buf b;
    dgm_buf_init(&b, &dgm_alloc_libc, 4);
    dgm_buf_put_lit(&b, "ab");
    dgm_buf_put_lit(&b, "cde"); /* all or nothing */
    assert_int_equal(b.rc, DGM_E_LIMIT);
    assert_holds(&b, "ab");
    dgm_buf_put_char(&b, 'c'); /* though it would fit */
    assert_null(dgm_buf_reserve(&b, 1));
    assert_holds(&b, "ab");
    dgm_buf_clear(&b);
    assert_int_equal(b.rc, DGM_OK);
    dgm_buf_put_lit(&b, "abcd");
    assert_holds(&b, "abcd");
    assert_null(dgm_buf_reserve(&b, SIZE_MAX));
    assert_int_equal(b.rc, DGM_E_LIMIT);
    dgm_buf_dispose(&b);
}

static void reserves(void **state)
{
    (void)state;
    struct dgm_buf b;
    dgm_buf_init(&b, &dgm_alloc_libc, 1000);
    assert_non_null(dgm_buf_reserve(&b, 0));
    dgm_buf_put_lit(&b, "ab");
    char *to = dgm_buf_reserve(&b, 900);
    assert_ptr_equal(to, b.p + 2);
    memset(to, 'c', 900);
    assert_int_equal(b.n, 2); /* a reservation adds nothing */
    b.n += 900;
    assert_int_equal(b.p[901], 'c');
    dgm_buf_dispose(&b);
}

static void every_allocation_can_fail(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail memory;
        struct dgm_buf b;
        alloc_fail_init(&memory, k);
        dgm_buf_init(&b, &memory.alloc, SIZE_MAX);
        size_t put = 0;
        for (; put < 5000 && b.rc == DGM_OK; put++)
            dgm_buf_put_char(&b, 'x');
        bool failed = alloc_fail_failed(&memory);
        assert_int_equal(b.rc, failed ? DGM_E_NOMEM : DGM_OK);
        assert_int_equal(b.n, failed ? put - 1 : put); /* what was there stays */
        dgm_buf_dispose(&b);
        alloc_fail_done(&memory, "dgm_buf");
        if (!failed)
            return;
    }
}

static void disposes_of_nothing(void **state)
{
    (void)state;
    struct dgm_buf zeroed = {0};
    dgm_buf_dispose(&zeroed);
    assert_null(zeroed.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_things),
        cmocka_unit_test(grows_with_its_content),
        cmocka_unit_test(holds_its_ceiling),
        cmocka_unit_test(is_sticky),
        cmocka_unit_test(reserves),
        cmocka_unit_test(every_allocation_can_fail),
        cmocka_unit_test(disposes_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
