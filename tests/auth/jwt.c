/* SPDX-License-Identifier: Apache-2.0 */
/* jwt.c - tokens put and read again, forged ones, and texts that are none. */
#include "auth/jwt.h"

#include "auth/base64url.h"
#include "auth/keys.h"
#include "auth/mac.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLAIMS "{\"iss\":\"me\",\"iat\":1700000000,\"exp\":\"1700003600\",\"aud\":[\"a\",\"b\"]}"

struct fixture {
    struct auth_key *key;
    struct dgm_arena arena;
    struct dgm_buf text; /* a token of CLAIMS */
};

static int set_up(void **state)
{
    struct fixture *f = test_malloc(sizeof *f);
    f->key = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    dgm_arena_init(&f->arena, &dgm_alloc_libc, 1 << 20);
    dgm_buf_init(&f->text, &dgm_alloc_libc, 1 << 20);
    *state = f;
    return f->key != NULL && auth_jwt_put(f->key, DGM_STR("kid-1"), DGM_STR(CLAIMS), &f->text) ? 0
                                                                                               : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    auth_key_free(f->key);
    dgm_arena_dispose(&f->arena);
    dgm_buf_dispose(&f->text);
    test_free(f);
    return 0;
}

/* "HEADER.CLAIMS.SIGNATURE" of three texts, into f->text. */
static struct dgm_str join(struct fixture *f, const char *header, const char *claims,
                           struct dgm_str signature)
{
    dgm_buf_clear(&f->text);
    auth_base64url_put(&f->text, dgm_str_c(header));
    dgm_buf_put_char(&f->text, '.');
    auth_base64url_put(&f->text, dgm_str_c(claims));
    dgm_buf_put_char(&f->text, '.');
    auth_base64url_put(&f->text, signature);
    return dgm_buf_str(&f->text);
}

static enum dgm_rc read_one(struct fixture *f, struct dgm_str text)
{
    struct auth_jwt jwt;
    dgm_arena_reset(&f->arena);
    return auth_jwt_read(text, &f->arena, &jwt);
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    struct auth_jwt jwt;
    assert_int_equal(auth_jwt_read(dgm_buf_str(&f->text), &f->arena, &jwt), DGM_OK);
    assert_true(dgm_str_eq(jwt.alg, DGM_STR("ES256")) && dgm_str_eq(jwt.kid, DGM_STR("kid-1")));
    assert_true(dgm_str_eq(json_get_str(jwt.claims, DGM_STR("iss")), DGM_STR("me")));
    assert_true(auth_jwt_is_signed(&jwt, f->key));
}

static void test_claims(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *claims;
        int64_t time; /* -1: none */
    } cases[] = {{"{\"t\":17}", 17},
                 {"{\"t\":\"17\"}", 17},
                 {"{\"t\":17.9}", 17},
                 {"{\"t\":1.7e1}", 17},
                 {"{\"t\":-3}", -3},
                 {"{\"t\":\"-3\"}", -1},
                 {"{\"t\":\"17.5\"}", -1},
                 {"{\"t\":\"\"}", -1},
                 {"{\"t\":1e300}", -1},
                 {"{\"t\":null}", -1},
                 {"{\"t\":true}", -1},
                 {"{}", -1},
                 {"{\"t\":[17]}", -1},
                 {"{\"t\":99999999999999999999}", -1},
                 {"{\"t\":\"99999999999999999999\"}", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth_jwt jwt;
        int64_t t = -1;
        dgm_arena_reset(&f->arena);
        struct dgm_str text = join(f, "{\"alg\":\"none\"}", cases[i].claims, DGM_STR(""));
        assert_int_equal(auth_jwt_read(text, &f->arena, &jwt), DGM_OK);
        assert_int_equal(auth_jwt_time(jwt.claims, DGM_STR("t"), &t), cases[i].time != -1);
        assert_int_equal(t, cases[i].time);
    }
    struct auth_jwt jwt;
    assert_int_equal(auth_jwt_read(join(f, "{}", CLAIMS, DGM_STR("")), &f->arena, &jwt), DGM_OK);
    assert_true(auth_jwt_is_for(jwt.claims, DGM_STR("b")));
    assert_false(auth_jwt_is_for(jwt.claims, DGM_STR("c")) ||
                 auth_jwt_is_for(jwt.claims, DGM_STR("")));
}

/* What is well formed and not signed by the key, however it says it is (RFC 8725 2.1). */
static void test_forged(void **state)
{
    struct fixture *f = *state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",  "{\"alg\":\"None\"}",  "{\"alg\":\"\"}",      "{}",
        "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"es256\"}", "{\"alg\":\"ES256\"}"};
    struct dgm_buf pem;
    dgm_buf_init(&pem, &dgm_alloc_libc, AUTH_PEM_MAX);
    assert_true(auth_key_put(f->key, AUTH_PUBLIC, &pem));
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        unsigned char mac[AUTH_MAC_BYTES];
        struct auth_jwt jwt;
        /* Sealed with the public key as if it were a secret: what confuses a library that lets tokens choose. */
        struct dgm_str plain = join(f, headers[i], CLAIMS, DGM_STR(""));
        assert_true(auth_mac(dgm_buf_str(&pem), dgm_str_head(plain, plain.n - 1), mac));
        const struct dgm_str signatures[] = {
            DGM_STR(""), {(const char *)mac, sizeof mac}, DGM_STR("abcd")};
        for (size_t k = 0; k < 3; k++) {
            dgm_arena_reset(&f->arena);
            assert_int_equal(
                auth_jwt_read(join(f, headers[i], CLAIMS, signatures[k]), &f->arena, &jwt), DGM_OK);
            assert_false(auth_jwt_is_signed(&jwt, f->key));
        }
    }
    dgm_buf_dispose(&pem);
}

static void test_every_change_is_seen(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->text.n; i++) {
        struct auth_jwt jwt;
        char was = f->text.p[i];
        f->text.p[i] = was == 'A' ? 'B' : 'A';
        dgm_arena_reset(&f->arena);
        enum dgm_rc rc = auth_jwt_read(dgm_buf_str(&f->text), &f->arena, &jwt);
        assert_true(rc == DGM_E_SYNTAX || (rc == DGM_OK && !auth_jwt_is_signed(&jwt, f->key)));
        f->text.p[i] = was;
    }
}

static void test_none(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"",
                                        ".",
                                        "..",
                                        "...",
                                        "e30",
                                        "e30.e30",
                                        "e30.e30.e30.e30",
                                        "e30.e30.e30.",
                                        "e30=.e30.",
                                        "e30.e30=.",
                                        "e31.e30.",
                                        "e30 .e30.",
                                        "e30.e30.A",
                                        "bnVsbA.e30.",
                                        "e30.W10.",
                                        "ey.ey.ey",
                                        "e30.e30.Zg=="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(read_one(f, dgm_str_c(texts[i])), DGM_E_SYNTAX);
    assert_int_equal(read_one(f, DGM_STR("e30.e30.")), DGM_OK);

    static const char *const headers[] = {
        "{\"alg\":1}",          "{\"kid\":null}",  "{\"alg\":\"a\",\"alg\":\"b\"}",
        "{\"crit\":[\"exp\"]}", "{\"b64\":false}", "{\"a\":{\"x\":1,\"x\":2}}",
        "{\"alg\":\"\xff\"}",   "{\"alg\":\"x\"",  "[[[[[[[[[[]]]]]]]]]]"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_int_equal(read_one(f, join(f, headers[i], "{}", DGM_STR(""))), DGM_E_SYNTAX);
    assert_int_equal(read_one(f, join(f, "{}", "{\"iss\":\"a\",\"iss\":\"b\"}", DGM_STR(""))),
                     DGM_E_SYNTAX);
    assert_int_equal(read_one(f, join(f, "{}", "{\"a\":[[[[[[[[1]]]]]]]]}", DGM_STR(""))),
                     DGM_E_SYNTAX);
}

static void test_large(void **state)
{
    struct fixture *f = *state;
    static char claims[AUTH_JWT_MAX + 64];
    memset(claims, 'x', sizeof claims - 1);
    memcpy(claims, "{\"a\":\"", 6);
    claims[sizeof claims - 3] = '"';
    claims[sizeof claims - 2] = '}';
    assert_int_equal(read_one(f, join(f, "{}", claims, DGM_STR(""))), DGM_E_LIMIT);
}

/* The largest takes a bounded amount of memory, and every shortage is told. */
static void test_no_memory(void **state)
{
    struct fixture *f = *state;
    struct auth_jwt jwt;
    size_t tried = 0;
    for (enum dgm_rc rc = DGM_E_LIMIT; rc != DGM_OK; tried += 64) {
        struct dgm_arena tight;
        dgm_arena_init(&tight, &dgm_alloc_libc, tried);
        rc = auth_jwt_read(dgm_buf_str(&f->text), &tight, &jwt);
        assert_true(rc == DGM_OK || rc == DGM_E_NOMEM);
        dgm_arena_dispose(&tight);
    }
    assert_in_range(tried, 64, 64 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claims, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_change_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
