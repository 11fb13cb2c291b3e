/* SPDX-License-Identifier: Apache-2.0 */
/* account_jwt.c - JWTs that accounts sign themselves, as bearers: whose, for what, and when (google.md 7.3). */
#include "emulate/account_jwt.h"

#include "auth/keys.h"
#include "base/str.h"
#include "emulate/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000)
#define WHO "\"iss\":\"ci@x\",\"sub\":\"ci@x\""
#define TIMES "\"iat\":1700000000,\"exp\":1700003600"
#define AUD "\"aud\":\"https://aiplatform.googleapis.com/\""

static struct auth_key *key, *other_key;
static struct dgm_buf public_pem;
static char kid[EMU_KID_CHARS];
static struct dgm_arena arena;

static int set_up(void **state)
{
    (void)state;
    key = auth_key_of_seed((const unsigned char *)"0123456789abcdef0123456789abcdef");
    other_key = auth_key_of_seed((const unsigned char *)"another one 89abcdef0123456789ab");
    dgm_buf_init(&public_pem, &dgm_alloc_libc, AUTH_PEM_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    return key && other_key && auth_key_put(key, AUTH_PUBLIC, &public_pem) &&
                   emu_kid(dgm_buf_str(&public_pem), kid)
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    auth_key_free(key);
    auth_key_free(other_key);
    dgm_buf_dispose(&public_pem);
    dgm_arena_dispose(&arena);
    return 0;
}

static bool is_let_in(const struct auth_key *with, struct dgm_str with_kid, const char *claims,
                      struct emu_pass *ret)
{
    struct dgm_buf text;
    struct auth_jwt jwt;
    dgm_buf_init(&text, dgm_arena_alloc(&arena), AUTH_JWT_MAX);
    assert_true(auth_jwt_put(with, with_kid, dgm_str_c(claims), &text));
    assert_int_equal(auth_jwt_read(dgm_buf_str(&text), &arena, &jwt), DGM_OK);
    return emu_account_bearer(&jwt, dgm_buf_str(&public_pem), DGM_STR("127.0.0.1:8080"),
                              NOW * 1000 + 500, ret);
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        bool has_scope;
    } cases[] = {
        {"{" WHO "," TIMES "," AUD "}", true},
        {"{" WHO "," TIMES ",\"aud\":\"https://europe-west4-aiplatform.googleapis.com/\"}", true},
        {"{" WHO "," TIMES ",\"aud\":\"https://aiplatform.us.rep.googleapis.com\"}", true},
        {"{" WHO "," TIMES
         ",\"aud\":\"https://aiplatform.googleapis.com/google.cloud.aiplatform.v1.PredictionService\"}",
         true},
        {"{" WHO "," TIMES ",\"aud\":\"https://generativelanguage.googleapis.com/\"}", true},
        {"{" WHO "," TIMES ",\"aud\":\"http://127.0.0.1:8080/\"}", true},
        {"{" WHO "," TIMES ",\"aud\":\"https://127.0.0.1:8080\"}", true},
        {"{" WHO "," TIMES ",\"scope\":\"openid " EMU_SCOPE "\"}", true},
        {"{" WHO "," TIMES ",\"scope\":\"https://www.googleapis.com/auth/drive\"}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emu_pass pass;
        assert_true(is_let_in(key, DGM_STR(""), cases[i].claims, &pass));
        assert_true(is_let_in(key, (struct dgm_str){kid, sizeof kid}, cases[i].claims, &pass));
        assert_true(dgm_str_eq(pass.who, DGM_STR("ci@x")) && pass.kind == EMU_PASS_ACCESS);
        assert_true(pass.issued_ms == NOW * 1000 && pass.ends_ms == (NOW + 3600) * 1000);
        assert_int_equal(emu_pass_has_scope(&pass, DGM_STR(EMU_SCOPE)), cases[i].has_scope);
        assert_false(is_let_in(other_key, DGM_STR(""), cases[i].claims, &pass));
        assert_false(is_let_in(key, DGM_STR("0123"), cases[i].claims, &pass));
    }
}

static void test_for_somebody_else(void **state)
{
    (void)state;
    static const char *const claims[] = {
        "{" WHO "," TIMES "}",
        "{" WHO "," TIMES ",\"scope\":\"\"}",
        "{" WHO "," TIMES ",\"aud\":\"https://oauth2.googleapis.com/token\",\"scope\":\"" EMU_SCOPE
        "\"}",
        "{" WHO "," TIMES ",\"aud\":\"https://pubsub.googleapis.com/\"}",
        "{" WHO "," TIMES ",\"aud\":\"http://aiplatform.googleapis.com/\"}",
        "{" WHO "," TIMES ",\"aud\":\"https://aiplatform.googleapis.com.example/\"}",
        "{" WHO "," TIMES ",\"aud\":\"https://x.example/-aiplatform.googleapis.com\"}",
        "{" WHO "," TIMES ",\"aud\":\"http://127.0.0.1:80801/\"}",
        "{" WHO "," TIMES ",\"aud\":\"\"}",
        "{" WHO "," TIMES ",\"aud\":[\"https://aiplatform.googleapis.com/\"],\"scope\":\"" EMU_SCOPE
        "\"}",
        "{\"iss\":\"ci@x\"," TIMES "," AUD "}",
        "{\"iss\":\"ci@x\",\"sub\":\"jane@x\"," TIMES "," AUD "}",
        "{\"iss\":\"\",\"sub\":\"\"," TIMES "," AUD "}",
    };
    struct emu_pass pass;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        assert_false(is_let_in(key, DGM_STR(""), claims[i], &pass));
}

/* On both sides of each bound; one that has ended is told from one that was never good. */
static void test_times(void **state)
{
    (void)state;
    static const struct {
        int64_t iat, exp;
        bool good;
    } cases[] = {{NOW, NOW + 3600, true},
                 {NOW, NOW + 3601, false},
                 {NOW + 300, NOW + 400, true},
                 {NOW + 301, NOW + 400, false},
                 {NOW - 100, NOW - 101, false},
                 {NOW - 9000, NOW - 6000, true},
                 {INT64_MIN, INT64_MAX, false},
                 {INT64_MAX, INT64_MAX, false},
                 {INT64_MIN, INT64_MIN, false},
                 {-1, 5, false},
                 {0, 3600, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char claims[512];
        struct emu_pass pass;
        snprintf(claims, sizeof claims, "{" WHO "," AUD ",\"iat\":%lld,\"exp\":%lld}",
                 (long long)cases[i].iat, (long long)cases[i].exp);
        assert_int_equal(is_let_in(key, DGM_STR(""), claims, &pass), cases[i].good);
        if (cases[i].good)
            assert_int_equal(emu_pass_has_ended(&pass, NOW * 1000), cases[i].exp <= NOW);
    }
    struct emu_pass pass;
    assert_false(is_let_in(key, DGM_STR(""), "{" WHO "," AUD ",\"exp\":1700003600}", &pass));
    assert_false(is_let_in(key, DGM_STR(""), "{" WHO "," AUD ",\"iat\":1700000000}", &pass));
}

static void test_other_algorithms(void **state)
{
    (void)state;
    struct emu_pass pass;
    struct auth_key *p256 = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    assert_false(is_let_in(p256, DGM_STR(""), "{" WHO "," TIMES "," AUD "}", &pass));
    auth_key_free(p256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_for_somebody_else),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_other_algorithms),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
