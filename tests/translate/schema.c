/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - schemas that are large, or made to be: refused or sent, in time (user-pain B7). */
#include "base/str.h"
#include "translate/schema_parts.h"

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
/* What an alternative is must be found out even where it is left out: one that takes null alone, among its many words. */
static void alternatives_that_are_left_out_are_paid_for(void **state)
{
    struct dgm_fail fail;
    struct dgm_buf body;
    (void)state;
    begin(&body);
    dgm_buf_put_lit(&body,
                    "{\"type\":\"object\",\"$defs\":{\"m\":{\"anyOf\":[{\"type\":\"string\"},{");
    for (int64_t i = 0; i < 2 * LARGE; i++)
        put_numbered(&body, "\"x-", i, "\":1,");
    dgm_buf_put_lit(&body, "\"type\":\"null\"}]}},\"properties\":{\"p\":{}");
    for (int64_t i = 0; i < 5000; i++)
        put_numbered(&body, ",\"p", i, "\":{\"$ref\":\"#/$defs/m\"}");
    dgm_buf_put_lit(&body, "}}");
    enum dgm_rc rc = translate(&body, OLD, &fail);
    assert_true(rc == DGM_OK || rc == DGM_E_REFUSED);
}

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

/* ---- what schemas may cost: user-pain B7, J11 ---- */

#define WORK_PER_BYTE 300 /* members looked at; a node for each byte, and what it begins with */

/* Two members in each definition, both the next one: twice as many with each. */
static void put_growing(struct dgm_buf *out, int64_t definitions)
{
    dgm_buf_put_lit(out, "{\"$ref\":\"#/$defs/a0\",\"$defs\":{\"z\":{}");
    for (int64_t i = 0; i < definitions; i++) {
        put_numbered(out, ",\"a", i, "\":{\"properties\":{");
        put_numbered(out, "\"x\":{\"$ref\":\"#/$defs/a", i + 1, "\"},");
        put_numbered(out, "\"y\":{\"$ref\":\"#/$defs/a", i + 1, "\"}}}");
    }
    put_numbered(out, ",\"a", definitions, "\":{\"type\":\"string\"}}}");
}

/* Eight choices of three, all to be made: three times as many with each. */
static void put_choices(struct dgm_buf *out, int64_t choices)
{
    dgm_buf_put_lit(out, "{\"properties\":{\"a\":{\"allOf\":[{}");
    for (int64_t i = 0; i < choices; i++)
        dgm_buf_put_lit(out,
                        ",{\"anyOf\":[{\"title\":\"x\"},{\"title\":\"y\"},{\"title\":\"z\"}]}");
    dgm_buf_put_lit(out, "]}}}");
}

static void put_repeated(struct dgm_buf *out, const char *before, const char *each, int64_t times,
                         const char *after)
{
    dgm_buf_put(out, dgm_str_c(before));
    for (int64_t i = 0; i < times; i++)
        dgm_buf_put(out, dgm_str_c(each));
    dgm_buf_put(out, dgm_str_c(after));
}

static void put_trees(struct dgm_buf *out, int64_t branches)
{
    dgm_buf_put_lit(out, "{\"properties\":{\"v\":{}");
    for (int64_t i = 0; i < branches; i++)
        put_numbered(out, ",\"b", i, "\":{\"$ref\":\"#\"}");
    dgm_buf_put_lit(out, "}}");
}

static void put_types(struct dgm_buf *out, int64_t n)
{
    put_repeated(
        out, "{\"properties\":{\"a\":{\"anyOf\":[{}", ",{\"type\":[\"string\",\"array\"]}", n,
        "],\"type\":[\"string\",\"array\"],\"items\":{\"anyOf\":[{\"type\":\"string\"},{}]}}}}");
}

static void put_unlikely(struct dgm_buf *out, int64_t n)
{
    dgm_buf_put_lit(out, "{\"properties\":{\"a\":{\"anyOf\":[{\"title\":\"x\"},{\"title\":\"y\"}");
    for (int64_t i = 0; i < n; i++)
        put_numbered(out, ",{\"title\":\"z", i, "\"}");
    dgm_buf_put_lit(out, "],\"description\":\"");
    put_repeated(out, "", "d", n * 20, "\"}}}");
}

/* As the parameters of as many tools; what it cost. The same schema each time: that makes it no cheaper. */
static size_t spend(void (*put)(struct dgm_buf *, int64_t), int64_t n, size_t tools, size_t *bytes)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("id"), .model = DGM_STR(OLD)};
    const struct json_val *schema = NULL;
    struct dgm_request *r = NULL;
    struct dgm_buf body, text;
    struct json_error error;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_int_equal(dgm_chat_request(&env, &body, &r, &(struct dgm_fail){0}), DGM_OK);
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    put(&text, n);
    *bytes = text.n * tools;
    assert_true(dgm_buf_reserve(&text, JSON_PADDING));
    assert_int_equal(json_parse(&r->arena, text.p, text.n, JSON_DEPTH_MAX, &schema, &error),
                     DGM_OK);
    for (size_t i = 0; i < tools && r->rc == DGM_OK; i++) {
        struct dgm_buf out;
        struct json_writer w;
        dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
        w = json_writer(&out);
        schema_put_parameters(r, &w, schema, SCHEMA_SUBSET, DGM_STR("f"), NULL);
        dgm_buf_dispose(&out);
    }
    size_t spent = r->schema_spent;
    dgm_request_free(r);
    dgm_buf_dispose(&text);
    dgm_buf_dispose(&body);
    return spent;
}

static void a_schema_costs_in_proportion_whatever_it_says(void **state)
{
    static const struct {
        void (*put)(struct dgm_buf *, int64_t);
        int64_t n;
        size_t tools;
    } cases[] = {{put_growing, 120, 1},  {put_growing, 20, 1},   {put_growing, 9, 100},
                 {put_growing, 2000, 1}, {put_choices, 8, 1},    {put_choices, 100, 10},
                 {put_trees, 5, 1},      {put_trees, 5, 1000},   {put_trees, 300, 1},
                 {put_types, 40, 1},     {put_types, 1000, 1},   {put_unlikely, 1000, 1},
                 {put_unlikely, 10, 50}, {put_growing, 3, 1000}, {put_choices, 2, 300}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t bytes, spent = spend(cases[i].put, cases[i].n, cases[i].tools, &bytes);
        assert_true(spent != 0);
        assert_in_range(spent, 1, SCHEMA_WORK_FLOOR + WORK_PER_BYTE * bytes);
        assert_in_range(spent, 1, SCHEMA_WORK_MAX + WORK_PER_BYTE * bytes / 10);
    }
}

/* What schemas are worth depends on them alone: with a longer history the same tools are the same text (K3). */
static void a_history_makes_no_schema_deeper(void **state)
{
    struct dgm_buf tools[2];
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        const struct dgm_env env = {.now = 1, .id = DGM_STR("id"), .model = DGM_STR(OLD)};
        struct dgm_request *r = NULL;
        struct dgm_buf body;
        const struct dgm_str *segments;
        begin(&body);
        put_trees(&body, 4);
        for (int i = 0; i < 99; i++) {
            put_numbered(&body, "}},{\"type\":\"function\",\"function\":{\"name\":\"f", i,
                         "\",\"parameters\":");
            put_trees(&body, 4);
        }
        dgm_buf_put_lit(&body, "}}],\"user\":\"");
        put_repeated(&body, "", "u", k ? 200000 : 1, "\"}");
        assert_int_equal(dgm_chat_request(&env, &body, &r, &(struct dgm_fail){0}), DGM_OK);
        dgm_buf_init(&tools[k], &dgm_alloc_libc, SIZE_MAX);
        for (size_t i = 0, n = dgm_request_body(r, &segments); i < n; i++)
            dgm_buf_put(&tools[k], segments[i]);
        dgm_request_free(r);
        dgm_buf_dispose(&body);
    }
    assert_true(dgm_str_eq(dgm_buf_str(&tools[0]), dgm_buf_str(&tools[1])));
    dgm_buf_dispose(&tools[0]);
    dgm_buf_dispose(&tools[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_levels_are_refused),
        cmocka_unit_test(a_large_schema_is_sent_or_refused_in_time),
        cmocka_unit_test(refs_among_many_definitions_take_no_square),
        cmocka_unit_test(alternatives_that_are_left_out_are_paid_for),
        cmocka_unit_test(what_holds_itself_in_every_way_stays_small),
        cmocka_unit_test(a_schema_costs_in_proportion_whatever_it_says),
        cmocka_unit_test(a_history_makes_no_schema_deeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
