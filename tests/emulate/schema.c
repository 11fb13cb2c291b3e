/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - tests of emulate/schema and emulate/facts. */
#include "emulate/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void put_instance(const char *schema, const char *prompt, uint64_t wording,
                         struct dgm_buf *out)
{
    struct dgm_arena arena;
    struct json_error error;
    const struct json_val *root = NULL;
    size_t n = strlen(schema);
    char *text = calloc(1, n + JSON_PADDING);
    assert_non_null(text);
    memcpy(text, schema, n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(json_parse(&arena, text, n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    struct facts facts = emu_facts_find(dgm_str_c(prompt));
    struct json_writer w = json_writer(out);
    emu_schema_put_instance(&w, root, &facts, wording);
    assert_int_equal(out->rc, DGM_OK);
    dgm_arena_dispose(&arena);
    free(text);
}

static void assert_instance(const char *schema, const char *prompt, uint64_t wording,
                            const char *wanted)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    put_instance(schema, prompt, wording, &out);
    if (!dgm_str_eq(dgm_buf_str(&out), dgm_str_c(wanted)))
        fail_msg("%s: %.*s, not %s", schema, (int)out.n, out.p, wanted);
    dgm_buf_dispose(&out);
}

static void instances_conform(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *wanted;
        uint64_t wording;
    } cases[] = {
        {"{}", "\"emulated\"", 0},
        {"{\"type\":\"STRING\"}", "\"emulated\"", 0},
        {"{\"type\":\"string\",\"maxLength\":3}", "\"emu\"", 0},
        {"{\"type\":\"string\",\"minLength\":\"10\"}", "\"emulatedxx\"", 0},
        {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"2026-01-15T09:30:00Z\"", 0},
        {"{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}", "\"b\"", 3},
        {"{\"type\":\"INTEGER\",\"format\":\"enum\",\"enum\":[\"101\",\"201\"]}", "101", 0},
        {"{\"type\":[\"null\",\"boolean\"]}", "true", 0},
        {"{\"type\":\"null\"}", "null", 0},
        {"{\"const\":{\"a\":1}}", "{\"a\":1}", 0},
        {"{\"type\":\"integer\",\"minimum\":5.5}", "6", 0},
        {"{\"type\":\"integer\",\"maximum\":-3}", "-3", 0},
        {"{\"type\":\"integer\",\"minimum\":-10,\"maximum\":-3}", "-10", 0},
        {"{\"type\":\"integer\",\"exclusiveMinimum\":7,\"multipleOf\":5}", "10", 0},
        {"{\"type\":\"number\",\"minimum\":0.2,\"maximum\":0.3}", "0.2", 0},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":3}", "[1,1,1]", 0},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":0}", "[]", 0},
        {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"boolean\"}]}",
         "[1,true]", 0},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", "1", 0},
        {"{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"type\":\"boolean\"}}}", "true", 0},
        {"{\"ref\":\"#/defs/A\",\"defs\":{\"A\":{\"type\":\"BOOLEAN\"}}}", "true", 0},
        {"{\"$ref\":\"#/$defs/none\"}", "\"emulated\"", 0},
        {"{\"$ref\":\"#\"}", "\"emulated\"", 0},
        {"{\"type\":\"object\",\"required\":[\"x\"]}", "{\"x\":\"emulated\"}", 0},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"default\":9},\"b\":{}}}",
         "{\"a\":9,\"b\":\"emulated\"}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_instance(cases[i].schema, "", cases[i].wording, cases[i].wanted);
}

static void facts_fill_fields(void **state)
{
    (void)state;
    const char *event =
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"date\":"
        "{\"type\":\"string\"},\"participants\":{\"type\":\"array\",\"items\":"
        "{\"type\":\"string\"}}}}";
    assert_instance(
        event, "John and Susan are going to an AI conference on Friday.", 0,
        "{\"name\":\"AI conference\",\"date\":\"Friday\",\"participants\":[\"John\",\"Susan\"]}");
    assert_instance(
        event, "nothing of use", 0,
        "{\"name\":\"emulated\",\"date\":\"emulated\",\"participants\":[\"emulated\"]}");
    assert_instance("{\"properties\":{\"location\":{\"type\":\"string\"}}}",
                    "What's the weather like in Chicago today?", 0, "{\"location\":\"Chicago\"}");
}

/* Recursion ends, where it may and where it may not, and width times depth does not explode. */
static void recursion_ends(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"},\"c\":{\"$ref\":\"#\"},"
        "\"d\":{\"$ref\":\"#\"},\"e\":{\"$ref\":\"#\"},\"f\":{\"$ref\":\"#\"}}}",
        "{\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"},\"c\":{\"$ref\":\"#\"}},"
        "\"required\":[\"a\",\"b\",\"c\"]}",
        "{\"type\":\"array\",\"minItems\":60,\"items\":{\"$ref\":\"#\"}}",
    };
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
        put_instance(schemas[i], "", 0, &out);
        struct dgm_arena arena;
        struct json_error error;
        const struct json_val *root = NULL;
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        size_t n = out.n;
        assert_non_null(dgm_buf_reserve(&out, JSON_PADDING));
        assert_int_equal(json_parse(&arena, out.p, n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
        dgm_arena_dispose(&arena);
        dgm_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_conform),
        cmocka_unit_test(facts_fill_fields),
        cmocka_unit_test(recursion_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
