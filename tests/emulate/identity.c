/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - the token server's checks in their order and words (google.md 7.2), tokens under their seal, and shortages of memory. */
#include "emulate/identity.h"

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "auth/keys.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1700000000
#define ISS "ci@my-project.iam.gserviceaccount.com"
#define AUD "https://oauth2.googleapis.com/token"
#define SOUND "\"iss\":\"" ISS "\",\"scope\":\"" EMU_SCOPE "\",\"aud\":\"" AUD "\""
#define TIMES "\"iat\":1700000000,\"exp\":1700003600"

static struct auth_key *key, *other_key;
static struct dgm_buf public_pem;
static char kid[EMU_KID_CHARS];
static bool all_revoked;

static bool is_revoked(void *ctx, const struct emu_pass *pass)
{
    (void)ctx, (void)pass;
    return all_revoked;
}

static bool revoke(void *ctx, const struct emu_pass *pass)
{
    (void)ctx, (void)pass;
    all_revoked = true;
    return true;
}

static const struct auth_key *signer(void *ctx)
{
    (void)ctx;
    return key;
}

static int set_up(void **state)
{
    (void)state;
    key = auth_key_of_seed((const unsigned char *)"0123456789abcdef0123456789abcdef");
    other_key = auth_key_of_seed((const unsigned char *)"another one 89abcdef0123456789ab");
    dgm_buf_init(&public_pem, &dgm_alloc_libc, AUTH_PEM_MAX);
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
    return 0;
}

/* ---- one request ---- */

static char answer_text[65536];

/* Its status; the body stands in answer_text. */
static int ask_in(struct dgm_arena *arena, const char *target, const char *body, bool known)
{
    const struct emu_identity world = {.seed = DGM_STR("s"),
                                       .life_s = 3599,
                                       .now_ms = (int64_t)NOW * 1000 + 500,
                                       .fresh = 7,
                                       .is_revoked = is_revoked,
                                       .revoke = revoke,
                                       .signer = signer};
    const struct emu_identity_call call = {.method = DGM_STR("POST"),
                                           .target = dgm_str_c(target),
                                           .host = DGM_STR("127.0.0.1:8080"),
                                           .flavor = DGM_STR("Google"),
                                           .body = dgm_str_c(body)};
    struct dgm_buf out;
    struct emu_identity_answer a;
    dgm_buf_init(&out, &dgm_alloc_libc, sizeof answer_text - 1);
    emu_identity_answer(&world, &call, known ? dgm_buf_str(&public_pem) : (struct dgm_str){0},
                        arena, &out, &a);
    if (out.n != 0)
        memcpy(answer_text, out.p, out.n);
    answer_text[out.n] = '\0';
    bool has_token =
        strstr(answer_text, "oken\":\"") != NULL || strncmp(answer_text, "eyJ", 3) == 0;
    assert_int_equal(a.issued, has_token);
    dgm_buf_dispose(&out);
    return a.status;
}

static int ask(const char *target, const char *body, bool known)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    int status = ask_in(&arena, target, body, known);
    dgm_arena_dispose(&arena);
    return status;
}

static const char *grant(const struct auth_key *with, struct dgm_str with_kid, const char *claims)
{
    static char body[65536];
    struct dgm_buf text = {.p = body, .cap = sizeof body - 1, .max = sizeof body - 1};
    dgm_buf_put_lit(&text,
                    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
    assert_true(auth_jwt_put(with, with_kid, dgm_str_c(claims), &text));
    body[text.n] = '\0';
    return body;
}

static void expect_error(int status, const char *error, const char *description)
{
    char wanted[512];
    snprintf(wanted, sizeof wanted, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error,
             description);
    assert_int_equal(status, 400);
    assert_string_equal(answer_text, wanted);
}

/* ---- a service account ---- */

static void test_good(void **state)
{
    (void)state;
    static const char *const claims[] = {
        "{" SOUND "," TIMES "}",
        "{" SOUND ",\"iat\":\"1700000000\",\"exp\":\"1700003600\"}", /* digits in strings */
        "{" SOUND ",\"iat\":1700000300,\"exp\":1700003900}",         /* 300 s ahead */
        "{" SOUND ",\"iat\":1699996400,\"exp\":1700000000}",         /* it ends now */
        "{\"iss\":\"" ISS "\",\"scope\":\"" EMU_SCOPE
        " openid email\",\"aud\":\"http://127.0.0.1:8080/token\"," TIMES "}",
        "{" SOUND "," TIMES ",\"sub\":\"" ISS "\"}",
    };
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        assert_int_equal(
            ask("/token", grant(key, (struct dgm_str){kid, sizeof kid}, claims[i]), true), 200);
        assert_non_null(strstr(answer_text, "\"expires_in\":3599,\"token_type\":\"Bearer\"}"));
        assert_int_equal(ask("/token", grant(key, DGM_STR(""), claims[i]), true),
                         200); /* Node sends no kid */
    }
}

/* Each breaks one thing, and everything that is looked at later. */
static void test_checks_in_their_order(void **state)
{
    (void)state;
    static const char window[] =
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
        "Check your iat and exp values in the JWT claim.";
    static const struct {
        const char *claims, *error, *description;
    } cases[] = {
        {"{\"iss\":\"" ISS "\"}", "invalid_grant", "Invalid JWT: iat (issued at) is not set."},
        {"{\"iss\":\"" ISS "\",\"iat\":1700000000}", "invalid_grant",
         "Invalid JWT: exp (expiration time) is not set."},
        {"{\"iss\":\"" ISS "\",\"iat\":1700000000,\"exp\":1700003601}", "invalid_grant", window},
        {"{\"iss\":\"" ISS "\",\"iat\":1700000301,\"exp\":1700003600}", "invalid_grant", window},
        {"{\"iss\":\"" ISS "\",\"iat\":1699992800,\"exp\":1699996400}", "invalid_grant", window},
        {"{\"iss\":\"" ISS "\",\"iat\":1e99,\"exp\":1e99}", "invalid_grant",
         "Invalid JWT: iat (issued at) is not set."},
        {"{\"iss\":\"" ISS "\"," TIMES "}", "invalid_scope",
         "Invalid OAuth scope or ID token audience provided."},
        {"{\"iss\":\"" ISS "\"," TIMES ",\"scope\":\"\"}", "invalid_scope",
         "Invalid OAuth scope or ID token audience provided."},
        {"{\"iss\":\"" ISS "\"," TIMES ",\"scope\":\"x\"}", "invalid_grant",
         "Invalid JWT: Failed audience check."},
        {"{\"iss\":\"" ISS "\"," TIMES ",\"scope\":\"x\",\"aud\":\"http://127.0.0.1:8081/token\"}",
         "invalid_grant", "Invalid JWT: Failed audience check."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = ask("/token", grant(key, DGM_STR(""), cases[i].claims), true);
        expect_error(status, cases[i].error, cases[i].description);
        /* Signed by somebody else, or for a key that is not the account's, it is that which is told first. */
        status = ask("/token", grant(other_key, DGM_STR(""), cases[i].claims), true);
        expect_error(status, "invalid_grant", "Invalid JWT Signature.");
        status = ask("/token", grant(key, DGM_STR("0123"), cases[i].claims), true);
        expect_error(status, "invalid_grant", "Invalid JWT Signature.");
        status = ask("/token", grant(key, DGM_STR(""), cases[i].claims), false);
        expect_error(status, "invalid_grant", "Invalid grant: account not found");
    }
    assert_int_equal(
        ask("/token", grant(key, DGM_STR(""), "{" SOUND "," TIMES ",\"sub\":\"jane@example.com\"}"),
            true),
        401);
    assert_non_null(strstr(answer_text, "unauthorized_client"));
}

static void test_other_algorithms(void **state)
{
    (void)state;
    struct auth_key *p256 = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    expect_error(ask("/token", grant(p256, DGM_STR(""), "{" SOUND "," TIMES "}"), true),
                 "invalid_grant", "Invalid JWT Signature.");
    auth_key_free(p256);
    char body[1024];
    struct dgm_buf none = {.p = body, .cap = sizeof body - 1, .max = sizeof body - 1};
    dgm_buf_put_lit(&none, "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=");
    auth_base64url_put(&none, DGM_STR("{\"alg\":\"none\"}"));
    dgm_buf_put_char(&none, '.');
    auth_base64url_put(&none, DGM_STR("{" SOUND "," TIMES "}"));
    dgm_buf_put_char(&none, '.');
    body[none.n] = '\0';
    expect_error(ask("/token", body, true), "invalid_grant", "Invalid JWT Signature.");
}

static void test_undecodable(void **state)
{
    (void)state;
    static const char *const assertions[] = {"",   "a", "a.b.c", "e30.e30", "e30.e30.Zg%3D%3D",
                                             "%00"};
    for (size_t i = 0; i < sizeof assertions / sizeof *assertions; i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=%s",
                 assertions[i]);
        expect_error(ask("/token", body, true), "invalid_request", "Bad Request");
    }
    static char huge[40000] = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=";
    memset(huge + strlen(huge), 'A', 30000);
    expect_error(ask("/token", huge, true), "invalid_request", "Bad Request");
    expect_error(ask("/token", "grant_type=password", true), "unsupported_grant_type",
                 "Invalid grant_type: password");
    expect_error(ask("/token", "grant_type=a%ee", true), "unsupported_grant_type",
                 "Invalid grant_type: ");
}

/* A scope that Google does not know is taken for an audience: check 8. */
static void test_id_tokens(void **state)
{
    (void)state;
    static const char *const claims[] = {"{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\"," TIMES
                                         ",\"scope\":\"https://app.example\"}",
                                         "{\"iss\":\"" ISS "\",\"aud\":\"" AUD "\"," TIMES
                                         ",\"target_audience\":\"https://app.example\"}"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ask("/token", grant(key, DGM_STR(""), claims[i]), true), 200);
        assert_true(strncmp(answer_text, "{\"id_token\":\"ey", 15) == 0 &&
                    !strstr(answer_text, "access_token"));
        struct dgm_arena arena;
        struct auth_jwt jwt;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        struct dgm_str text = dgm_str_skip(dgm_str_c(answer_text), 13);
        assert_int_equal(auth_jwt_read(dgm_str_head(text, text.n - 2), &arena, &jwt), DGM_OK);
        assert_true(auth_jwt_is_signed(&jwt, key) &&
                    auth_jwt_is_for(jwt.claims, DGM_STR("https://app.example")));
        dgm_arena_dispose(&arena);
    }
}

/* ---- a federated token ---- */

#define POOL "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/ci"
#define EXCHANGE                                                                                   \
    "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&scope=" EMU_SCOPE                  \
    "&audience=" POOL "&subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token="

static int exchange(const struct auth_key *with, const char *claims)
{
    char body[8192];
    struct dgm_buf text = {.p = body, .cap = sizeof body - 1, .max = sizeof body - 1};
    dgm_buf_put_lit(&text, EXCHANGE);
    assert_true(auth_jwt_put(with, DGM_STR("k"), dgm_str_c(claims), &text));
    body[text.n] = '\0';
    return ask("/v1/token", body, false);
}

/* Only what the emulator signs itself can it verify; the others it takes, whoever signed. */
static void test_whose_signature_is_verified(void **state)
{
    (void)state;
    static const char ours[] =
        "{\"iss\":\"https://accounts.google.com\",\"sub\":\"me\",\"aud\":\"" POOL "\"," TIMES "}",
                      theirs[] = "{\"iss\":\"https://ci.example\",\"sub\":\"me\",\"aud\":\"" POOL
                                 "\"," TIMES "}";
    struct auth_key *p256 = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    assert_int_equal(exchange(key, ours), 200);
    expect_error(exchange(other_key, ours), "invalid_grant",
                 "The signature of the subject token is not its issuer's.");
    expect_error(exchange(p256, ours), "invalid_grant",
                 "The signature of the subject token is not its issuer's.");
    assert_int_equal(exchange(other_key, theirs), 200);
    assert_int_equal(exchange(p256, theirs), 200);
    auth_key_free(p256);
}

/* On both sides of each bound. */
static void test_times_of_a_subject_token(void **state)
{
    (void)state;
    static const char times[] =
        "The subject token must be issued in the past, and end less than 48 hours after that: iat, exp";
    static const struct {
        int64_t iat, exp;
        const char *refused;
    } cases[] = {{NOW, NOW + 1, NULL},
                 {NOW, NOW, "The subject token is expired."},
                 {NOW + 300, NOW + 400, NULL},
                 {NOW + 301, NOW + 400, times},
                 {NOW - 100, NOW - 100 + 48 * 3600 - 1, NULL},
                 {NOW - 100, NOW - 100 + 48 * 3600, times},
                 {NOW + 200, NOW + 200, times},
                 {INT64_MIN, INT64_MAX, times},
                 {NOW, INT64_MAX, times}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char claims[512];
        snprintf(claims, sizeof claims,
                 "{\"iss\":\"https://ci.example\",\"sub\":\"me\",\"aud\":\"" POOL
                 "\",\"iat\":%lld,\"exp\":%lld}",
                 (long long)cases[i].iat, (long long)cases[i].exp);
        int status = exchange(other_key, claims);
        if (cases[i].refused)
            expect_error(status, "invalid_grant", cases[i].refused);
        else
            assert_int_equal(status, 200);
    }
}

static void test_account_is_asked_for(void **state)
{
    (void)state;
    struct dgm_arena arena;
    struct emu_identity_call call = {.method = DGM_STR("POST"),
                                     .target = DGM_STR("/token"),
                                     .body = dgm_str_c(grant(key, DGM_STR(""), "{" SOUND "}"))};
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    assert_true(dgm_str_eq(emu_identity_account(&call, &arena), DGM_STR(ISS)));
    call.target = DGM_STR("/v1/token");
    assert_null(emu_identity_account(&call, &arena).p);
    call = (struct emu_identity_call){.target = DGM_STR("/token"),
                                      .body = DGM_STR("grant_type=refresh_token")};
    assert_null(emu_identity_account(&call, &arena).p);
    dgm_arena_dispose(&arena);
}

/* ---- tokens ---- */

static void test_passes(void **state)
{
    (void)state;
    unsigned char one[EMU_KEY_BYTES], other[EMU_KEY_BYTES];
    struct dgm_arena arena;
    struct dgm_buf text;
    struct emu_pass read;
    const struct emu_pass pass = {.kind = EMU_PASS_ACCESS,
                                  .id = UINT64_MAX - 1,
                                  .issued_ms = 5,
                                  .ends_ms = 10,
                                  .who = DGM_STR("me"),
                                  .scope = DGM_STR("a b"),
                                  .client = DGM_STR("c")};
    assert_true(emu_key_of_seed(DGM_STR("one"), one) && emu_key_of_seed(DGM_STR("other"), other));
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    dgm_buf_init(&text, &dgm_alloc_libc, EMU_PASS_MAX);
    emu_pass_put(&pass, one, &text);
    assert_true(emu_pass_read(dgm_buf_str(&text), one, &arena, &read));
    assert_true(read.kind == pass.kind && read.id == pass.id && read.issued_ms == 5 &&
                read.ends_ms == 10);
    assert_true(dgm_str_eq(read.who, pass.who) && dgm_str_eq(read.scope, pass.scope) &&
                dgm_str_eq(read.client, pass.client));
    assert_true(emu_pass_has_scope(&read, DGM_STR("b")) &&
                !emu_pass_has_scope(&read, DGM_STR("a b")));
    assert_true(!emu_pass_has_ended(&read, 9) && emu_pass_has_ended(&read, 10));
    assert_false(emu_pass_read(dgm_buf_str(&text), other, &arena, &read));
    for (size_t i = 0; i < text.n; i++) {
        text.p[i] ^= 1;
        assert_false(emu_pass_read(dgm_buf_str(&text), one, &arena, &read));
        text.p[i] ^= 1;
        assert_false(emu_pass_read(dgm_str_head(dgm_buf_str(&text), i), one, &arena, &read));
    }
    dgm_buf_dispose(&text);
    dgm_arena_dispose(&arena);
}

/* However little memory there is, what is said is whole, or nothing with a 503. */
static void test_no_memory(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/token", "/oauth2/v3/certs", "/computeMetadata/v1?recursive=true",
        "/computeMetadata/v1/instance/service-accounts/default/token?scopes=a,b",
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience=a"};
    const char *body = grant(key, DGM_STR(""), "{" SOUND "," TIMES "}");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        int status = 0;
        for (size_t bytes = 0; bytes < 200000 && status != 200; bytes += 512) {
            struct dgm_arena arena;
            dgm_arena_init(&arena, &dgm_alloc_libc, bytes);
            status = ask_in(&arena, targets[i], body, true);
            dgm_arena_dispose(&arena);
            size_t n = strlen(answer_text);
            assert_true(status != 503 || n == 0);
            assert_true(status == 200 || status == 503);
        }
        assert_int_equal(status, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_checks_in_their_order),
        cmocka_unit_test(test_other_algorithms),
        cmocka_unit_test(test_undecodable),
        cmocka_unit_test(test_id_tokens),
        cmocka_unit_test(test_whose_signature_is_verified),
        cmocka_unit_test(test_times_of_a_subject_token),
        cmocka_unit_test(test_account_is_asked_for),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
