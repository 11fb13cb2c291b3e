/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.c - RFC 4648's examples, every byte there and back, and what is no base64url. */
#include "auth/base64url.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX 4096

static struct dgm_buf made(void)
{
    struct dgm_buf b;
    dgm_buf_init(&b, &dgm_alloc_libc, MAX);
    return b;
}

static void test_examples(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } examples[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "-_8"}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct dgm_buf text = made(), bytes = made();
        auth_base64url_put(&text, dgm_str_c(examples[i].bytes));
        assert_true(dgm_str_eq(dgm_buf_str(&text), dgm_str_c(examples[i].text)));
        assert_true(auth_base64url_read(dgm_buf_str(&text), &bytes));
        assert_true(dgm_str_eq(dgm_buf_str(&bytes), dgm_str_c(examples[i].bytes)));
        dgm_buf_dispose(&text);
        dgm_buf_dispose(&bytes);
    }
}

static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    char bytes[5];
    for (size_t n = 1; n <= sizeof bytes; n++)
        for (unsigned value = 0; value < 256; value++) {
            struct dgm_buf text = made(), again = made();
            for (size_t i = 0; i < n; i++)
                bytes[i] = (char)(value + i * 37);
            auth_base64url_put(&text, (struct dgm_str){bytes, n});
            assert_int_equal(text.n, (n * 8 + 5) / 6);
            assert_true(auth_base64url_read(dgm_buf_str(&text), &again));
            assert_int_equal(again.n, n);
            assert_memory_equal(again.p, bytes, n);
            dgm_buf_dispose(&text);
            dgm_buf_dispose(&again);
        }
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg==",       "Zg=",    "Zm9vY", "Zm+v",
                                      "Zm/v", "Zm v",       "Zm9v\n", "Zh",    "Zm9",
                                      "Zm9=", "\xc3\xa4Zm", "Zg.g"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dgm_buf out = made();
        assert_false(auth_base64url_read(dgm_str_c(bad[i]), &out));
        assert_int_equal(out.n, 0);
        assert_int_equal(out.rc, DGM_OK);
        dgm_buf_dispose(&out);
    }
    struct dgm_buf out = made();
    assert_false(auth_base64url_read((struct dgm_str){"Zm\0v", 4}, &out));
    dgm_buf_dispose(&out);
}

static void test_no_room(void **state)
{
    (void)state;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 2);
    assert_false(auth_base64url_read(DGM_STR("Zm9v"), &out));
    assert_int_equal(out.rc, DGM_E_LIMIT);
    dgm_buf_dispose(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
