/* SPDX-License-Identifier: Apache-2.0 */
/* holder.c - whose a token is, and who may come in with it: each rule alone and with the others. */
#include "auth/holder.h"

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

#define INFO                                                                                       \
    "{\"azp\":\"c\",\"aud\":\"c\",\"sub\":\"7\",\"scope\":\"openid " SCOPE                         \
    "\",\"exp\":\"1800000000\",\"expires_in\":\"3599\",\"email\":\"Jane@Example.com\","            \
    "\"email_verified\":\"true\"}"
#define SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define GOOGLE "https://accounts.google.com"
#define LIST(...)                                                                                  \
    (const struct dgm_str[])                                                                       \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void expect_name(const struct auth_holder *h, const char *name)
{
    char room[AUTH_HOLDER_NAME_MAX];
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    auth_holder_put_name(h, &out);
    assert_int_equal(out.rc, DGM_OK);
    if (!dgm_str_eq(dgm_buf_str(&out), dgm_str_c(name)))
        fail_msg("%.*s, not %s", (int)out.n, out.p, name);
}

static void test_info(void **state)
{
    struct dgm_arena arena;
    struct auth_holder h;
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    assert_int_equal(auth_holder_of_info(DGM_STR(INFO), &arena, &h), DGM_OK);
    assert_true(dgm_str_eq(h.email, DGM_STR("Jane@Example.com")) && h.ends_s == 1800000000);
    assert_true(dgm_str_eq(h.audience, DGM_STR("c")) && h.issuer.p == NULL);
    assert_true(auth_holder_has_scope(&h));
    expect_name(&h, "jane@example.com");
    static const char *const unverified[] = {"", ",\"email_verified\":\"false\"",
                                             ",\"email_verified\":false", ",\"email_verified\":1",
                                             ",\"email_verified\":\"TRUE\""};
    for (size_t i = 0; i < sizeof unverified / sizeof *unverified; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{\"aud\":\"c\",\"azp\":\"77\",\"exp\":9,\"email\":\"a@b.c\",\"scope\":\"x%s"
                       "\"%s}",
                       SCOPE, unverified[i]);
        assert_int_equal(auth_holder_of_info(dgm_str_c(text), &arena, &h), DGM_OK);
        assert_true(h.email.n == 0 && !auth_holder_has_scope(&h));
        expect_name(&h, GOOGLE "#77");
    }
    static const char *const none[] = {
        "",
        "[]",
        "\"x\"",
        "{}",
        "{\"aud\":\"c\"}",
        "{\"exp\":\"9\"}",
        "{\"aud\":\"\",\"exp\":\"9\"}",
        "{\"aud\":[\"c\"],\"exp\":\"9\"}",
        "{\"aud\":\"c\",\"exp\":\"never\"}",
        "{\"aud\":\"c\",\"exp\":\"9\",\"error\":\"invalid_token\"}",
        "{\"aud\":\"c\",\"exp\":\"9\",\"aud\":\"d\"}",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (auth_holder_of_info(dgm_str_c(none[i]), &arena, &h) != DGM_E_SYNTAX)
            fail_msg("%s", none[i]);
    dgm_arena_dispose(&arena);
}

static void test_of_id(void **state)
{
    struct dgm_arena arena;
    struct auth_jwt jwt;
    struct auth_holder h;
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    assert_int_equal(auth_jwt_read(DGM_STR(PYJWT_RS256), &arena, &jwt), DGM_OK);
    auth_holder_of_id(&jwt, &h);
    assert_true(dgm_str_eq(h.issuer, DGM_STR(GOOGLE)) && h.ends_s == PYJWT_NOW + 3590);
    assert_true(auth_holder_has_scope(&h)); /* it has none, and needs none */
    expect_name(&h, "jane@example.com");
    assert_int_equal(auth_jwt_read(DGM_STR(PYJWT_UNVERIFIED), &arena, &jwt), DGM_OK);
    auth_holder_of_id(&jwt, &h);
    expect_name(&h, GOOGLE "#1234567890");
    dgm_arena_dispose(&arena);
}

static void test_names(void **state)
{
    (void)state;
    expect_name(&(struct auth_holder){.email = DGM_STR("a b@c.d"), .sub = DGM_STR("7")}, "");
    expect_name(&(struct auth_holder){.email = DGM_STR("a\n@c.d")}, "");
    expect_name(&(struct auth_holder){.sub = DGM_STR("7 who=root")}, "");
    expect_name(&(struct auth_holder){.issuer = DGM_STR("https://i"), .party = DGM_STR("p")}, "");
    expect_name(&(struct auth_holder){0}, "");
    char longest[AUTH_HOLDER_NAME_MAX];
    memset(longest, 'a', sizeof longest);
    expect_name(&(struct auth_holder){.sub = {longest, sizeof longest}}, "");
    const struct auth_holder most = {.issuer = {longest, AUTH_HOLDER_NAME_MAX / 2 - 1},
                                     .sub = {longest, AUTH_HOLDER_NAME_MAX / 2 - 1}};
    char room[AUTH_HOLDER_NAME_MAX];
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    auth_holder_put_name(&most, &out);
    assert_true(out.rc == DGM_OK && out.n == AUTH_HOLDER_NAME_MAX - 1);
}

static const struct auth_holder access_token = {.email = {"jane@example.com", 16},
                                                .sub = {"7", 1},
                                                .audience = {"client", 6},
                                                .party = {"client", 6}};

static struct auth_holder id_token(void)
{
    return (struct auth_holder){.issuer = DGM_STR(GOOGLE),
                                .email = DGM_STR("jane@example.com"),
                                .hosted = DGM_STR("example.com"),
                                .sub = DGM_STR("7"),
                                .party = DGM_STR("client")};
}

static void test_nobody_without_rules(void **state)
{
    const struct auth_rules none = {0};
    const struct auth_holder id = id_token(), empty = {0};
    (void)state;
    assert_false(auth_holder_may(&access_token, &none));
    assert_false(auth_holder_may(&id, &none));
    assert_false(auth_holder_may(&empty, &none));
}

static void test_rules(void **state)
{
    const struct dgm_str *jane = LIST(DGM_STR("x@y.z"), DGM_STR("JANE@example.com")),
                         *home = LIST(DGM_STR("Example.com")), *client = LIST(DGM_STR("client")),
                         *other = LIST(DGM_STR("Client")), *nothing = LIST(DGM_STR(""));
    struct auth_holder id = id_token(), a = access_token, nobody = {0};
    (void)state;
    const struct auth_rules by_email = {.emails = jane, .emails_n = 2},
                            by_domain = {.domains = home, .domains_n = 1},
                            by_client = {.audiences = client, .audiences_n = 1},
                            by_other = {.audiences = other, .audiences_n = 1},
                            both = {other, jane, NULL, 1, 2, 0},
                            empty = {nothing, nothing, nothing, 1, 1, 1};
    assert_true(auth_holder_may(&a, &by_email) && auth_holder_may(&id, &by_email));
    assert_true(auth_holder_may(&a, &by_domain) && auth_holder_may(&id, &by_domain));
    assert_true(auth_holder_may(&a, &by_client) && auth_holder_may(&id, &by_client));
    assert_false(auth_holder_may(&a, &by_other) || auth_holder_may(&id, &by_other));
    assert_false(auth_holder_may(&a, &both)); /* an access token of another client */
    assert_true(auth_holder_may(&id, &both)); /* whose audience was judged before */
    assert_false(auth_holder_may(&nobody, &empty) || auth_holder_may(&a, &empty));
    nobody.issuer = DGM_STR(GOOGLE);
    assert_false(auth_holder_may(&nobody, &empty) || auth_holder_may(&nobody, &by_client));

    a.email = id.email = (struct dgm_str){0};
    assert_false(auth_holder_may(&a, &by_email) || auth_holder_may(&id, &by_email));
    assert_false(auth_holder_may(&a, &by_domain) || auth_holder_may(&id, &by_domain));
    id.party = (struct dgm_str){0};
    assert_false(auth_holder_may(&id, &by_client));
}

static void test_domains(void **state)
{
    static const struct {
        const char *issuer, *email, *hosted;
        bool may;
    } rows[] = {
        {GOOGLE, "a@example.com", "example.com", true},
        {GOOGLE, "a@example.com", NULL, false},
        {"accounts.google.com", "a@example.com", NULL, false},
        {"https://idp.example", "a@example.com", NULL, true},
        {NULL, "a@example.com", NULL, true},
        {GOOGLE, "a@gmail.com", NULL, true},
        {GOOGLE, "r@p.iam.gserviceaccount.com", NULL, true},
        {GOOGLE, "a@sub.example.com", "example.com", false},
        {GOOGLE, "a@example.com@evil.test", "example.com", false},
        {GOOGLE, "a@evil.test@example.com", "example.com", true},
        {GOOGLE, "example.com", "example.com", false},
        {GOOGLE, "a@", "example.com", false},
        {GOOGLE, "a@notexample.com", "example.com", false},
    };
    const struct auth_rules rules = {.domains = LIST(DGM_STR("example.com"), DGM_STR("gmail.com"),
                                                     DGM_STR("p.iam.gserviceaccount.com")),
                                     .domains_n = 3};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct auth_holder h = {.issuer = dgm_str_c(rows[i].issuer),
                                      .email = dgm_str_c(rows[i].email),
                                      .hosted = dgm_str_c(rows[i].hosted)};
        if (auth_holder_may(&h, &rules) != rows[i].may)
            fail_msg("%zu", i);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        struct alloc_fail f;
        struct dgm_arena arena;
        struct auth_holder h;
        alloc_fail_init(&f, k + 1);
        dgm_arena_init(&arena, &f.alloc, 1 << 20);
        enum dgm_rc rc = auth_holder_of_info(DGM_STR(INFO), &arena, &h);
        dgm_arena_dispose(&arena);
        alloc_fail_done(&f, "holder");
        assert_int_equal(rc, alloc_fail_failed(&f) ? DGM_E_NOMEM : DGM_OK);
        if (rc == DGM_OK)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),   cmocka_unit_test(test_of_id),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_nobody_without_rules),
        cmocka_unit_test(test_rules),  cmocka_unit_test(test_domains),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
