/* SPDX-License-Identifier: Apache-2.0 */
/* jwks.c - key sets and ID tokens by PyJWT: the good ones are taken, forged and foreign ones are not, each for its own reason. */
#include "auth/jwks.h"

#include "auth/pyjwt.h"
#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dgm_str issuers[] = {{"accounts.google.com", 19},
                                         {"https://accounts.google.com", 27}};
static const struct dgm_str audiences[] = {{"another", 7}, {"my-gateway", 10}};
static const struct auth_id_wanted wanted = {issuers, audiences, 2, 2, PYJWT_NOW};

struct fixture {
    struct dgm_arena arena;
    struct auth_jwks keys;
};

static int set_up(void **state)
{
    static struct fixture f;
    dgm_arena_init(&f.arena, &dgm_alloc_libc, 1 << 20);
    *state = &f;
    return auth_jwks_read(DGM_STR(PYJWT_JWKS), &f.arena, &f.keys) == DGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    auth_jwks_dispose(&f->keys);
    auth_jwks_dispose(&f->keys);
    dgm_arena_dispose(&f->arena);
    return 0;
}

static enum auth_id_verdict judge(struct fixture *f, const char *text, struct auth_jwt *jwt)
{
    assert_int_equal(auth_jwt_read(dgm_str_c(text), &f->arena, jwt), DGM_OK);
    return auth_id_judge(jwt, &f->keys, &wanted);
}

static void test_good(void **state)
{
    static const char *const good[] = {PYJWT_RS256, PYJWT_ES256, PYJWT_LIST, PYJWT_JUST,
                                       PYJWT_TEXT};
    struct auth_jwt jwt;
    assert_int_equal(((struct fixture *)*state)->keys.n, 2);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(judge(*state, good[i], &jwt), AUTH_ID_GOOD);
        assert_true(dgm_str_eq(auth_id_email(&jwt), DGM_STR("jane@example.com")));
    }
    assert_int_equal(judge(*state, PYJWT_UNVERIFIED, &jwt), AUTH_ID_GOOD);
    assert_null(auth_id_email(&jwt).p);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text;
        enum auth_id_verdict verdict;
    } bad[] = {
        {PYJWT_NONE, AUTH_ID_UNSIGNED},        {PYJWT_CONFUSED, AUTH_ID_UNSIGNED},
        {PYJWT_PS256, AUTH_ID_UNSIGNED},       {PYJWT_FORGED, AUTH_ID_UNSIGNED},
        {PYJWT_SWAPPED, AUTH_ID_UNSIGNED},     {PYJWT_STRANGER, AUTH_ID_UNKNOWN_KEY},
        {PYJWT_ISSUER, AUTH_ID_ISSUER},        {PYJWT_AUDIENCE, AUTH_ID_AUDIENCE},
        {PYJWT_NO_AUDIENCE, AUTH_ID_AUDIENCE}, {PYJWT_EXPIRED, AUTH_ID_EXPIRED},
        {PYJWT_NO_END, AUTH_ID_EXPIRED},       {PYJWT_NEGATIVE, AUTH_ID_EXPIRED},
        {PYJWT_HUGE, AUTH_ID_EXPIRED},         {PYJWT_EARLY, AUTH_ID_EARLY},
        {PYJWT_FUTURE, AUTH_ID_EARLY},         {PYJWT_NOBODY, AUTH_ID_NOBODY},
    };
    struct auth_jwt jwt;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(judge(*state, bad[i].text, &jwt), bad[i].verdict);
}

/* A good token with padding, with another spelling of its signature, or of too many bytes, is none. */
static void test_spellings(void **state)
{
    struct fixture *f = *state;
    struct auth_jwt jwt;
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, 1 << 20);
    dgm_buf_put_lit(&text, PYJWT_RS256 "=");
    assert_int_equal(auth_jwt_read(dgm_buf_str(&text), &f->arena, &jwt), DGM_E_SYNTAX);
    dgm_buf_clear(&text);
    for (size_t i = 0; i <= AUTH_JWT_MAX; i++)
        dgm_buf_put_char(&text, 'A');
    assert_int_equal(auth_jwt_read(dgm_buf_str(&text), &f->arena, &jwt), DGM_E_LIMIT);
    dgm_buf_dispose(&text);
}

static void test_sets(void **state)
{
    struct fixture *f = *state;
    static const char *const none[] = {
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", /* too short */
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        /* Two numbers that are no point of the curve. */
        ("{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\","
         "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}"),
        "{\"keys\":[1,null,\"x\",[]]}",
    };
    static const char *const wrong[] = {"", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[}", "null"};
    struct auth_jwks set = {0};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(auth_jwks_read(dgm_str_c(none[i]), &f->arena, &set), DGM_OK);
        assert_int_equal(set.n, 0);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(auth_jwks_read(dgm_str_c(wrong[i]), &f->arena, &set), DGM_E_SYNTAX);
    assert_int_equal(
        auth_jwks_read((struct dgm_str){PYJWT_JWKS, AUTH_JWKS_MAX + 1}, &f->arena, &set),
        DGM_E_LIMIT);
    assert_null(auth_jwks_find(&f->keys, DGM_STR("")));
}

static void test_no_memory(void **state)
{
    (void)state;
    struct auth_jwks set;
    for (size_t at = 1;; at++) {
        struct alloc_fail a;
        struct dgm_arena arena;
        alloc_fail_init(&a, at);
        dgm_arena_init(&arena, &a.alloc, 1 << 20);
        enum dgm_rc rc = auth_jwks_read(DGM_STR(PYJWT_JWKS), &arena, &set);
        if (rc == DGM_OK)
            auth_jwks_dispose(&set);
        dgm_arena_dispose(&arena);
        alloc_fail_done(&a, "jwks");
        assert_true(rc == DGM_OK || rc == DGM_E_NOMEM);
        if (rc == DGM_OK)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_spellings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sets, set_up, tear_down),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
