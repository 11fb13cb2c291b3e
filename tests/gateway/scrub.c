/* SPDX-License-Identifier: Apache-2.0 */
/* scrub.c - what is a secret, and what only looks a little like one. */
#include "gateway/scrub.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KEY "AIzaSyA1234567890abcdefghijklmnopqrstuv" /* 39 bytes, nobody's */

static const struct dgm_str known_texts[] = {{"hunter2hunter2", 14}, {"short", 5}};
static const struct gw_strs known = {known_texts, 2};

static void assert_put(void (*put)(struct dgm_str, const struct gw_strs *, struct dgm_buf *),
                       const char *text, const char *wanted)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 4096);
    put(dgm_str_c(text), &known, &out);
    dgm_buf_put_char(&out, '\0');
    assert_string_equal(out.p, wanted);
    dgm_buf_dispose(&out);
}

static void test_texts(void **state)
{
    static const char *const same[] = {
        "",
        "Bearer",
        "a bearer of news",
        "skeleton sk-short",
        "AIza",
        "xx" KEY "xx",
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
        "-----BEGIN CERTIFICATE-----abc-----END CERTIFICATE-----",
        "short"};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_put(gw_scrub_put, same[i], same[i]);
    assert_put(gw_scrub_put, "{\"key\":\"" KEY "\"}", "{\"key\":\"***\"}");
    assert_put(gw_scrub_put, "Authorization: Bearer abcdefgh, and on",
               "Authorization: Bearer ***, and on");
    assert_put(gw_scrub_put, "bearer  ya29.x ya29.a0AfH6SMBx-y_z0123456789", "bearer  ya29.x ***");
    assert_put(gw_scrub_put, "my hunter2hunter2!", "my ***!");
    assert_put(gw_scrub_put, "hunter2hunter2hunter2hunter2", "******");
    assert_put(gw_scrub_put,
               "x eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlIGJ5dGVz y",
               "x *** y");
    assert_put(
        gw_scrub_put,
        "{\"private_key\":\"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n\",\"a\":1}",
        "{\"private_key\":\"***\\n\",\"a\":1}");
    assert_put(gw_scrub_put, "-----BEGIN RSA PRIVATE KEY-----\\nMIIE", "***");
}

/* Each kind by how it begins; one byte less is none. They are put together here: scanners of sources need no alarm. */
static void test_each_kind_of_secret(void **state)
{
    static const struct {
        const char *begin;
        size_t bytes;
    } kinds[] = {
        {"ya29.", 24}, {"AIza", 39}, {"AQ.", 32},  {"1//", 32},   {"GOCSPX-", 24},
        {"sk-", 24},   {"hf_", 24},  {"ghp_", 24}, {"xoxb-", 24},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char text[64];
        int n = snprintf(text, sizeof text, "%s", kinds[i].begin);
        for (; (size_t)n < kinds[i].bytes; n++)
            text[n] = "a1B"[n % 3];
        text[n] = '\0';
        assert_put(gw_scrub_put, text, "***");
        text[n - 1] = '\0';
        assert_put(gw_scrub_put, text, text);
    }
}

static void test_targets(void **state)
{
    (void)state;
    assert_put(gw_scrub_put_target, "/v1/models/m:streamGenerateContent?alt=sse&key=abc&x",
               "/v1/models/m:streamGenerateContent?alt=sse&key=***&x");
    assert_put(gw_scrub_put_target, "/v1?access_token=abc", "/v1?access_token=***");
    assert_put(gw_scrub_put_target, "/" KEY "/x", "/" KEY "/x"); /* a word of a path goes on */
    assert_put(gw_scrub_put_target, "/v1", "/v1");
}

static void test_urls(void **state)
{
    static const char *const urls[][2] = {
        {"https://me:pw@host:8000/v1?key=x", "https://host:8000/v1?key=***"},
        {"http://host", "http://host"},
        {"http://host/a@b", "http://host/a@b"}};
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 4096);
        gw_scrub_put_url(dgm_str_c(urls[i][0]), &out);
        dgm_buf_put_char(&out, '\0');
        assert_string_equal(out.p, urls[i][1]);
        dgm_buf_dispose(&out);
    }
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const kept[] = {"Content-Type",
                                       "accept",
                                       "user-agent",
                                       "x-request-id",
                                       "x-stainless-lang",
                                       "x-stainless-package-version",
                                       "x-stainless-retry-count",
                                       "x-goog-api-client",
                                       "x-dragoman-compat",
                                       "x-dragoman-emulate",
                                       "x-dragoman-fault",
                                       "x-vertex-ai-llm-request-type",
                                       "X-Vertex-AI-LLM-Shared-Request-Type"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(gw_scrub_keeps(dgm_str_c(kept[i])));
    static const char *const secret[] = {"Authorization", "x-goog-api-key", "api-key", "cookie",
                                         "x-anything"};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        assert_false(gw_scrub_keeps(dgm_str_c(secret[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_each_kind_of_secret),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_urls),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
