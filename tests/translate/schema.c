/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - schemas that are large, or made to be: refused or sent, in time (user-pain B7). */
#include "base/str.h"

#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LINEAR_SECONDS 20 /* under sanitizers, with room; quadratic work takes minutes */
#define LARGE 100000      /* members: 4 MB and more */
#define SENT_BYTES_MAX ((size_t)8 << 20)
#define OLD "gemini-2.0-flash"
#define NEW "gemini-2.5-flash"

static void begin(struct dgm_buf *body)
{
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{"
                          "\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":");
}

static enum dgm_rc translate(struct dgm_buf *body, const char *model, struct dgm_fail *fail)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("id"), .model = dgm_str_c(model)};
    struct dgm_request *r = NULL;
    dgm_buf_put_lit(body, "}}]}");
    assert_int_equal(body->rc, DGM_OK);
    alarm(LINEAR_SECONDS);
    enum dgm_rc rc = dgm_chat_request(&env, body, &r, fail);
    alarm(0);
    const struct dgm_str *segments;
    size_t bytes = 0;
    for (size_t i = 0, n = rc == DGM_OK ? dgm_request_body(r, &segments) : 0; i < n; i++)
        bytes += segments[i].n;
    assert_true(bytes <= SENT_BYTES_MAX);
    dgm_request_free(r);
    dgm_buf_dispose(body);
    return rc;
}

static void put_numbered(struct dgm_buf *out, const char *before, int64_t i, const char *after)
{
    dgm_buf_put(out, dgm_str_c(before));
    dgm_buf_put_int(out, i);
    dgm_buf_put(out, dgm_str_c(after));
}

static void ten_thousand_levels_are_refused(void **state)
{
    struct dgm_fail fail;
    struct dgm_buf body;
    (void)state;
    begin(&body);
    for (int i = 0; i < 10000; i++)
        dgm_buf_put_lit(&body, "{\"not\":");
    dgm_buf_put_lit(&body, "{}");
    for (int i = 0; i < 10000; i++)
        dgm_buf_put_lit(&body, "}");
    assert_int_equal(translate(&body, NEW, &fail), DGM_E_REFUSED);
    assert_int_equal(fail.id, DGM_ERR_BODY_DEPTH);
}

static void put_many_properties(struct dgm_buf *body)
{
    begin(body);
    dgm_buf_put_lit(body, "{\"type\":\"object\",\"properties\":{\"x\":{}");
    for (int i = 0; i < LARGE; i++)
        put_numbered(body, ",\"p", i, "\":{\"type\":\"string\",\"pattern\":\"x\",\"const\":\"y\"}");
    dgm_buf_put_lit(body, "},\"required\":[\"x\"");
    for (int i = 0; i < LARGE; i++)
        put_numbered(body, ",\"p", i, "\"");
    dgm_buf_put_lit(body, "]}");
}

static void a_large_schema_is_sent_or_refused_in_time(void **state)
{
    struct dgm_fail fail;
    struct dgm_buf body;
    (void)state;
    put_many_properties(&body);
    assert_int_equal(translate(&body, NEW, &fail), DGM_OK);
    put_many_properties(&body);
    assert_int_equal(translate(&body, OLD, &fail), DGM_E_REFUSED);
    assert_string_equal(fail.param, "tools[0].function.parameters");
}

static void put_many_refs(struct dgm_buf *body)
{
    begin(body);
    dgm_buf_put_lit(body, "{\"type\":\"object\",\"properties\":{\"x\":{}");
    for (int i = 0; i < LARGE; i++)
        put_numbered(body, ",\"p", i, "\":{\"$ref\":\"#/$defs/last\"}");
    dgm_buf_put_lit(body, "},\"$defs\":{\"x\":{}");
    for (int i = 0; i < LARGE; i++)
        put_numbered(body, ",\"d", i, "\":{\"type\":\"string\"}");
    dgm_buf_put_lit(body, ",\"last\":{\"type\":\"string\"}}}");
}

static void refs_among_many_definitions_take_no_square(void **state)
{
    struct dgm_fail fail;
    struct dgm_buf body;
    (void)state;
    put_many_refs(&body);
    assert_int_equal(translate(&body, NEW, &fail), DGM_OK);
    put_many_refs(&body);
    assert_int_equal(translate(&body, OLD, &fail), DGM_E_REFUSED);
}

/* Each definition holds the next one many times over, in every way there is to hold one. */
static void what_holds_itself_in_every_way_stays_small(void **state)
{
    static const char *const holds[] = {
        "{\"allOf\":[{\"$ref\":\"#/$defs/d", "\"},{\"properties\":{\"a\":{\"$ref\":\"#/$defs/d",
        "\"},\"b\":{\"$ref\":\"#/$defs/d",   "\"}}}],\"anyOf\":[{\"items\":{\"$ref\":\"#/$defs/d",
        "\"}},{\"$ref\":\"#/$defs/d",        "\"}]}"};
    struct dgm_fail fail;
    struct dgm_buf body;
    (void)state;
    begin(&body);
    dgm_buf_put_lit(&body, "{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/d0\"}},"
                           "\"$defs\":{\"y\":{}");
    for (int i = 0; i < 40; i++) {
        put_numbered(&body, ",\"d", i, "\":");
        for (size_t k = 0; k + 1 < sizeof holds / sizeof *holds; k++)
            put_numbered(&body, holds[k], (i + 1) % 40, "");
        dgm_buf_put(&body, dgm_str_c(holds[sizeof holds / sizeof *holds - 1]));
    }
    dgm_buf_put_lit(&body, "}}");
    assert_int_equal(translate(&body, OLD, &fail), DGM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_levels_are_refused),
        cmocka_unit_test(a_large_schema_is_sent_or_refused_in_time),
        cmocka_unit_test(refs_among_many_definitions_take_no_square),
        cmocka_unit_test(what_holds_itself_in_every_way_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
