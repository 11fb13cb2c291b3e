/* SPDX-License-Identifier: Apache-2.0 */
/* sort.c - sorting in place: against a slow, plain reference, for every size and many orders. */
#include "base/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST 40

static int compare(const void *a, const void *b)
{
    const unsigned char *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

static void sorts_as_insertion_does(void **state)
{
    uint32_t seed = 1;
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        for (unsigned round = 0; round < 50; round++) {
            unsigned char got[MOST][3], expected[MOST];
            for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525 + 1013904223;
                got[i][0] = (unsigned char)((seed >> 24) % (round + 1));
                got[i][1] = got[i][0] ^ 0x5a; /* an element moves as a whole */
                got[i][2] = got[i][0] ^ 0xa5;
                size_t at = i;
                for (; at > 0 && expected[at - 1] > got[i][0]; at--)
                    expected[at] = expected[at - 1];
                expected[at] = got[i][0];
            }
            dgm_sort(got, n, sizeof *got, compare);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(got[i][0], expected[i]);
                assert_int_equal(got[i][1], expected[i] ^ 0x5a);
                assert_int_equal(got[i][2], expected[i] ^ 0xa5);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_as_insertion_does)};
    return cmocka_run_group_tests_name("base/sort", tests, NULL, NULL);
}
