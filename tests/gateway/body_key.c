/* SPDX-License-Identifier: Apache-2.0 */
/* body_key.c - which requests are the same. */
#include "gateway/body_key.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_form(const char *body, bool loose, const char *wanted)
{
    struct dgm_arena arena;
    struct dgm_buf out;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    assert_int_equal(gw_body_put_form(dgm_str_c(body), loose, &arena, &out), DGM_OK);
    dgm_buf_put_char(&out, '\0');
    assert_string_equal(out.p, wanted);
    dgm_buf_dispose(&out);
    dgm_arena_dispose(&arena);
}

static void test_form(void **state)
{
    (void)state;
    assert_form("{ \"b\": [1.0, {\"d\": null, \"c\": true}], \"a\": \"x\" }", false,
                "{\"a\":\"x\",\"b\":[1.0,{\"c\":true,\"d\":null}]}");
    assert_form("no json", false, "no json");
    assert_form("", false, "");
    assert_form("{\"a\":\"Bearer abcdefghij\"}", false, "{\"a\":\"Bearer ***\"}");
}

static void test_what_changes_from_run_to_run(void **state)
{
    (void)state;
    assert_form(
        "{\"contents\":[{\"parts\":[{\"functionCall\":{\"id\":\"x\",\"name\":\"f\",\"args\":{\"id\":\"kept\"}},"
        "\"thoughtSignature\":\"abc\"}]},{\"parts\":[{\"functionResponse\":{\"id\":\"y\"}},"
        "{\"functionResponse\":{\"id\":\"x\"}}]}],\"user\":\"me\"}",
        false,
        "{\"contents\":[{\"parts\":[{\"functionCall\":{\"args\":{\"id\":\"kept\"},\"id\":1,\"name\":\"f\"}}]},"
        "{\"parts\":[{\"functionResponse\":{\"id\":2}},{\"functionResponse\":{\"id\":1}}]}]}");
    assert_form(
        "{\"messages\":[{\"tool_calls\":[{\"id\":\"b\"}]},{\"tool_call_id\":\"b\"}],\"prompt_cache_key\":1,"
        "\"metadata\":{\"user\":\"kept\"}}",
        false,
        "{\"messages\":[{\"tool_calls\":[{\"id\":1}]},{\"tool_call_id\":1}],\"metadata\":{\"user\":\"kept\"}}");
    assert_form(
        "{\"messages\":[{\"tool_calls\":[{\"extra_content\":{\"google\":{\"thought_signature\":"
        "\"a\",\"b\":1}}}]},{\"extra_content\":{\"google\":{\"thought_signature\":\"c\","
        "\"d\":1}}}],\"safety_identifier\":\"e\"}",
        false,
        "{\"messages\":[{\"tool_calls\":[{\"extra_content\":{\"google\":{\"b\":1}}}]},"
        "{\"extra_content\":{\"google\":{\"d\":1}}}]}");
    /* The same names elsewhere mean something else. */
    assert_form("{\"tools\":[{\"user\":1,\"thoughtSignature\":2,\"id\":\"x\"}]}", false,
                "{\"tools\":[{\"id\":\"x\",\"thoughtSignature\":2,\"user\":1}]}");
}

static void test_loose(void **state)
{
    static const char *const rows[][2] = {
        {"Today is 2026-11-21.", "Today is <time>."},
        {"2026-11-21T19:20:31.123Z, 2026-11-21 19:20 and 19:20:31+01:00",
         "<time>, <time> and <time>"},
        {"id=7D444840-9dc0-11d1-b245-5ffdce74fad2!", "id=<id>!"},
        {"1234-5678-90, v2026-11-21, 12:34, 1.2.3", "1234-5678-90, v2026-11-21, 12:34, 1.2.3"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char body[200] = "[\"", wanted[200] = "[\"";
        strncat(strncat(body, rows[i][0], 150), "\"]", 3);
        strncat(strncat(wanted, rows[i][1], 150), "\"]", 3);
        assert_form(body, true, wanted);
        assert_form(body, false, body);
    }
}

static void test_deep_bodies_have_a_form_too(void **state)
{
    char deep[201] = "";
    (void)state;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_form(deep, false, deep);
    assert_form(deep, true, deep);
}

static void test_what_is_asked_for(void **state)
{
    static const char *const rows[][2] = {
        {"/v1/projects/p/locations/l/publishers/google/models/m:generateContent?alt=sse",
         "models/m:generateContent"},
        {"/v1beta/models/m:countTokens", "models/m:countTokens"},
        {"/v1/projects/p/locations/l/endpoints/12/chat/completions",
         "endpoints/12/chat/completions"},
        {"/v1/chat/completions", "chat/completions"},
        {"/else", "/else"},
    };
    struct gw_body_key a, b;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dgm_str what = gw_body_what(dgm_str_c(rows[i][0]));
        assert_true(dgm_str_eq(what, dgm_str_c(rows[i][1])));
    }
    const struct dgm_str body = DGM_STR("{\"a\":1}"), same = DGM_STR("{ \"a\" : 1 }");
    assert_int_equal(gw_body_key(DGM_STR("/v1/models/m:x"), body, &a), DGM_OK);
    assert_int_equal(gw_body_key(DGM_STR("/v1beta1/models/m:x?alt=sse"), same, &b), DGM_OK);
    assert_true(a.exact == b.exact && a.loose == b.loose);
    assert_int_equal(gw_body_key(DGM_STR("/v1/models/n:x"), body, &b), DGM_OK);
    assert_true(a.exact != b.exact && a.loose != b.loose);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_what_changes_from_run_to_run),
        cmocka_unit_test(test_loose),
        cmocka_unit_test(test_deep_bodies_have_a_form_too),
        cmocka_unit_test(test_what_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
