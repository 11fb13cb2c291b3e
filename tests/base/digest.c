/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c - tests of base/digest. */
#include "base/digest.h"

#include "base/str.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

/* The second is RFC 7693's own text; all were made by Python's hashlib.blake2b(..., digest_size=32). */
static const struct {
    size_t n;
    const char *letters;
} cases[] = {
    {0, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {3, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
    {127, "59e2f1aba240f20aa591016f5ef429990bc9c2131dcd0d30f0ffd75ed18f317d"},
    {128, "ae2aa48507885c4c950fb809b2076f959cde9f8ea6da260d9a3587df33dac450"},
    {129, "2f64744a6de0d2c0b56e64cf6e29a5aaa255010d415d51c75ccc82f73dccd865"},
    {1280, "82628cbfc9689e234b0923a531f4578fe2e7138a03e2f81ed6cde97517336650"},
};

static struct dgm_str text_of(size_t n, char room[1280])
{
    if (n == 3)
        return DGM_STR("abc");
    for (size_t i = 0; i < n; i++)
        room[i] = n == 1280 ? (char)(unsigned char)i : 'a';
    return (struct dgm_str){room, n};
}

static void is_that_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[1280], letters[DGM_DIGEST_LETTERS];
        struct dgm_str text = text_of(cases[i].n, room);
        for (size_t piece = 1; piece <= text.n + 1; piece += piece < 3 ? 1 : 61) {
            struct dgm_digest d;
            dgm_digest_init(&d);
            for (struct dgm_str rest = text; rest.n != 0; rest = dgm_str_skip(rest, piece))
                dgm_digest_add(&d, dgm_str_head(rest, piece));
            dgm_digest_end(&d, letters);
            assert_memory_equal(letters, cases[i].letters, sizeof letters);
        }
    }
}

static void a_copy_goes_on(void **state)
{
    (void)state;
    struct dgm_digest one, other;
    char a[DGM_DIGEST_LETTERS], b[DGM_DIGEST_LETTERS];
    dgm_digest_init(&one);
    dgm_digest_add(&one, DGM_STR("ab"));
    other = one;
    dgm_digest_add(&one, DGM_STR("d"));
    dgm_digest_add(&other, DGM_STR("c"));
    dgm_digest_end(&one, a);
    dgm_digest_end(&other, b);
    assert_memory_equal(b, cases[1].letters, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_that_of_others),
        cmocka_unit_test(a_copy_goes_on),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
