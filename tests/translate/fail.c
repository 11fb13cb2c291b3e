/* SPDX-License-Identifier: Apache-2.0 */
/* fail.c - errors in Google's form: the code's name, the array, and what an event has of it. */
#include "translate/compat.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_codes(void **state)
{
    static const struct {
        int status;
        const char *name;
    } codes[] = {
        {400, "INVALID_ARGUMENT"}, {401, "UNAUTHENTICATED"},    {403, "PERMISSION_DENIED"},
        {404, "NOT_FOUND"},        {408, "DEADLINE_EXCEEDED"},  {409, "ABORTED"},
        {415, "INVALID_ARGUMENT"}, {429, "RESOURCE_EXHAUSTED"}, {499, "CANCELLED"},
        {500, "INTERNAL"},         {501, "UNIMPLEMENTED"},      {502, "UNAVAILABLE"},
        {503, "UNAVAILABLE"},      {504, "DEADLINE_EXCEEDED"},  {505, "INTERNAL"},
        {302, "UNKNOWN"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char expected[64] = "\"status\":\"";
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
        compat_put_error(&out, codes[i].status, DGM_STR("x"), (struct dgm_str){0}, NULL);
        memcpy(expected + strlen(expected), codes[i].name, strlen(codes[i].name));
        assert_true(dgm_str_find(dgm_buf_str(&out), dgm_str_c(expected)) < out.n);
        dgm_buf_dispose(&out);
    }
}

static void put(enum dgm_compat compat, struct dgm_buf *out)
{
    struct dgm_fail fail;
    dgm_fail_set(&fail, DGM_ERR_VALUE, DGM_STR("n"), (struct dgm_str[4]){DGM_STR("n is odd.")});
    dgm_buf_init(out, &dgm_alloc_libc, SIZE_MAX);
    dgm_fail_put_as(&fail, compat, out);
}

static void test_forms(void **state)
{
    struct dgm_buf out;
    (void)state;
    put(DGM_COMPAT_OPENAI, &out);
    assert_true(
        dgm_str_starts(dgm_buf_str(&out), DGM_STR("{\"error\":{\"message\":\"n is odd.\"")));
    assert_true(dgm_str_eq(dgm_fail_event(dgm_buf_str(&out)), dgm_buf_str(&out)));
    dgm_buf_dispose(&out);

    put(DGM_COMPAT_GOOGLE, &out);
    assert_true(dgm_str_starts(dgm_buf_str(&out), DGM_STR("[{\"error\":{\"code\":400,")));
    struct dgm_str event = dgm_fail_event(dgm_buf_str(&out));
    assert_true(dgm_str_starts(event, DGM_STR("{\"error\":")) &&
                dgm_str_ends(event, DGM_STR("}}")));
    dgm_buf_dispose(&out);
    assert_int_equal(dgm_fail_event(DGM_STR("")).n, 0);
    assert_int_equal(dgm_fail_event(DGM_STR("[")).n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
