/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - the key file read and put again, what is wrong with one, and whose a key is. */
#include "auth/keyring.h"

#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* SHA-256 of "test" and of "a". */
#define OF_TEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define OF_A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

static enum dgm_rc read_text(const char *text, struct dgm_arena *arena, struct auth_keyring *ret,
                             struct auth_keyring_fault *fault)
{
    dgm_arena_init(arena, &dgm_alloc_libc, 1 << 20);
    return auth_keyring_read(dgm_str_c(text), arena, ret, fault);
}

static void test_there_and_back(void **state)
{
    (void)state;
    static const char text[] =
        "ci " OF_TEST " models=google/*,lab/* endpoints=openapi,4815* "
        "requests-per-minute=60 tokens-per-minute=1000 tokens-per-day=1000000000000 "
        "parallel=4\n"
        "a.b_c@d-e " OF_A "\n";
    struct dgm_arena arena;
    struct auth_keyring k;
    struct auth_keyring_fault fault;
    struct dgm_buf out;
    assert_int_equal(read_text(text, &arena, &k, &fault), DGM_OK);
    assert_int_equal(k.n, 2);
    dgm_buf_init(&out, &dgm_alloc_libc, 4096);
    for (size_t i = 0; i < k.n; i++)
        auth_client_put(&k.at[i], &out);
    assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_c(text)));
    assert_true(auth_client_is_limited(&k.at[0]) && !auth_client_is_limited(&k.at[1]));
    assert_int_equal(k.at[0].limits[AUTH_LIMIT_REQUESTS_MINUTE], 60);
    assert_int_equal(k.at[0].limits[AUTH_LIMIT_TOKENS_DAY], AUTH_LIMIT_MAX);
    assert_ptr_equal(auth_keyring_find(&k, DGM_STR("test")), &k.at[0]);
    assert_ptr_equal(auth_keyring_find(&k, DGM_STR("a")), &k.at[1]);
    assert_null(auth_keyring_find(&k, DGM_STR("b")));
    assert_null(auth_keyring_find(&k, DGM_STR("")));
    dgm_buf_dispose(&out);
    dgm_arena_dispose(&arena);
}

static void test_blanks_comments_and_ends(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "\n\n", "# nothing", "  # x " OF_A "\n", "\r\n",
    };
    struct dgm_arena arena;
    struct auth_keyring k;
    struct auth_keyring_fault fault;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_text(texts[i], &arena, &k, &fault), DGM_OK);
        assert_int_equal(k.n, 0);
        dgm_arena_dispose(&arena);
    }
    assert_int_equal(
        read_text("# c\n\n \tx\t " OF_A "  parallel=1 \r\ny " OF_TEST, &arena, &k, &fault), DGM_OK);
    assert_int_equal(k.n, 2);
    assert_int_equal(k.at[0].line, 3);
    assert_int_equal(k.at[0].limits[AUTH_LIMIT_PARALLEL], 1);
    assert_int_equal(k.at[1].line, 4);
    dgm_arena_dispose(&arena);
}

static void test_faults(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x",
        "x " OF_A "0",
        "x CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB",
        "-x " OF_A,
        "x/y " OF_A,
        "x\x01 " OF_A,
        "x " OF_A " y",
        "x " OF_A " models=",
        "x " OF_A " models=a,,b",
        "x " OF_A " models=a models=b",
        "x " OF_A " parallel=0",
        "x " OF_A " parallel=-1",
        "x " OF_A " parallel=1000000000001",
        "x " OF_A " parallel=1 parallel=1",
        "x " OF_A " PARALLEL=1",
        "x " OF_A " endpoints=\xc3\xa4",
    };
    struct dgm_arena arena;
    struct auth_keyring k;
    struct auth_keyring_fault fault;
    char text[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "ok " OF_TEST "\n%s\n", bad[i]);
        assert_int_equal(read_text(text, &arena, &k, &fault), DGM_E_REFUSED);
        assert_int_equal(fault.line, 2);
        dgm_arena_dispose(&arena);
    }
    assert_int_equal(read_text("x " OF_A "\n\ny " OF_A, &arena, &k, &fault), DGM_E_REFUSED);
    assert_int_equal(fault.line, 3);
    dgm_arena_dispose(&arena);
}

static void test_what_for(void **state)
{
    (void)state;
    struct auth_client any = {0}, models = {.models = DGM_STR("a*")},
                       own = {.endpoints = DGM_STR("4815*,7")};
    assert_true(auth_client_may_use(&any, DGM_STR("openapi")) &&
                auth_client_may_use(&any, DGM_STR("7")));
    assert_true(auth_client_may_use(&models, DGM_STR("openapi")) &&
                !auth_client_may_use(&models, DGM_STR("7")));
    assert_true(auth_client_may_use(&own, DGM_STR("48150")) &&
                auth_client_may_use(&own, DGM_STR("7")) &&
                !auth_client_may_use(&own, DGM_STR("77")) &&
                !auth_client_may_use(&own, DGM_STR("openapi")));
}

static void test_keys_are_made(void **state)
{
    (void)state;
    unsigned char random[AUTH_KEY_BYTES] = {0xff};
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 100);
    auth_client_key_put(random, &out);
    assert_int_equal(out.n, AUTH_KEY_CHARS);
    assert_true(dgm_str_eq(dgm_buf_str(&out),
                           DGM_STR("sk-dgm-_wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
    dgm_buf_dispose(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct auth_keyring k;
    struct auth_keyring_fault fault;
    for (size_t at = 1;; at++) {
        struct alloc_fail a;
        struct dgm_arena arena;
        alloc_fail_init(&a, at);
        dgm_arena_init(&arena, &a.alloc, 1 << 20);
        enum dgm_rc rc = auth_keyring_read(DGM_STR("x " OF_A "\n"), &arena, &k, &fault);
        dgm_arena_dispose(&arena);
        alloc_fail_done(&a, "keyring");
        assert_true(rc == DGM_OK || rc == DGM_E_NOMEM);
        if (rc == DGM_OK)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_blanks_comments_and_ends),
        cmocka_unit_test(test_faults),         cmocka_unit_test(test_what_for),
        cmocka_unit_test(test_keys_are_made),  cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
