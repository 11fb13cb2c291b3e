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
        {"{\"type\":\"number\",\"minimum\":0.2,\"maximum\":0.3}", "0.25", 0},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":3}", "[1,1,1]", 0},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":0}", "[]", 0},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":3,\"uniqueItems\":true}",
         "[1,2,3]", 0},
        {"{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"b\"]},\"minItems\":2,\"uniqueItems\":true}",
         "[\"a\",\"b\"]", 0},
        {"{\"allOf\":[{\"properties\":{\"a\":{\"minimum\":3}}},{\"properties\":{\"a\":{\"type\":"
         "\"integer\"},\"b\":{\"const\":null}}}],\"required\":[\"c\"]}",
         "{\"a\":3,\"b\":null,\"c\":\"emulated\"}", 0},
        {"{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/a~1b\"}],\"$defs\":{\"a/b\":{\"type\":"
         "\"string\",\"pattern\":\"^[A-Z]{2}$\"}}}",
         "\"AA\"", 0},
        {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}",
         "{\"emulated\":1}", 0},
        {"{\"type\":\"object\",\"minProperties\":2}",
         "{\"emulated\":\"emulated\",\"emulated2\":\"emulated\"}", 0},
        {"{\"type\":\"object\",\"minProperties\":2,\"additionalProperties\":false}", "{}", 0},
        {"{\"patternProperties\":{\"^x-\\\\d$\":{\"type\":\"null\"}}}", "{\"x-1\":null}", 0},
        {"{\"type\":\"object\",\"propertyNames\":{\"enum\":[\"k\"]},\"minProperties\":1}",
         "{\"k\":\"emulated\"}", 0},
        {"{\"properties\":{\"a\":{},\"b\":{}},\"propertyOrdering\":[\"b\",\"x\",\"a\"]}",
         "{\"b\":\"emulated\",\"a\":\"emulated\"}", 0},
        {"{\"properties\":{\"a\":{},\"b\":{}},\"maxProperties\":1,\"required\":[\"b\"]}",
         "{\"b\":\"emulated\"}", 0},
        {"{\"type\":\"array\",\"default\":[],\"items\":{\"type\":\"string\",\"examples\":[\"x\",\"y\"]},"
         "\"minItems\":3}",
         "[\"x\",\"y\",\"x\"]", 0},
        {"{\"type\":\"string\",\"description\":\"A city, e.g. 'Rome' or so\"}", "\"Rome\"", 0},
        {"{\"type\":\"string\",\"default\":7,\"example\":\"seven\"}", "\"seven\"", 0},
        {"{\"type\":\"integer\",\"default\":2.5}", "1", 0},
        {"{\"enum\":[null,\"a\"]}", "\"a\"", 0},
        {"{\"type\":\"integer\",\"minimum\":4,\"exclusiveMinimum\":true}", "5", 0},
        {"{\"minimum\":0.1,\"maximum\":0.2}", "0.15", 0},
        {"{\"type\":\"boolean\",\"default\":false}", "false", 0},
        {"true", "\"emulated\"", 0},
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
    assert_instance("{\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"type\":\"integer\"},"
                    "\"c\":{\"type\":\"integer\",\"maximum\":5},\"d\":{\"type\":\"integer\"}}}",
                    "Add 3.5, -12 and 4 to 007.", 0, "{\"a\":3.5,\"b\":-12,\"c\":4,\"d\":1}");
    assert_instance(
        "{\"properties\":{\"unit\":{\"enum\":[\"celsius\",\"fahrenheit\"]},"
        "\"due_date\":{\"type\":\"string\"},\"day\":{\"type\":\"string\",\"format\":\"date\"},"
        "\"update\":{\"type\":\"string\"},\"toEmail\":{\"type\":\"string\"},"
        "\"link\":{\"type\":\"string\",\"format\":\"uri\"},\"query\":{\"type\":\"string\"}}}",
        "By 2026-03-04 in Fahrenheit to a.b@c.org: \"so\" (https://x.org/y?z=1).", 0,
        "{\"unit\":\"fahrenheit\",\"due_date\":\"2026-03-04\",\"day\":\"2026-03-04\","
        "\"update\":\"emulated\",\"toEmail\":\"a.b@c.org\","
        "\"link\":\"https://x.org/y?z=1\",\"query\":\"so\"}");
    assert_instance("{\"properties\":{\"origin\":{},\"destination\":{},\"city\":{}}}",
                    "A flight from San Francisco to Paris", 0,
                    "{\"origin\":\"San Francisco\",\"destination\":\"Paris\",\"city\":"
                    "\"San Francisco\"}");
}

static void places_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *places;
    } cases[] = {
        {"Weather in Boston, MA and New Delhi?", "Boston, MA|New Delhi|"},
        {"Weather in Paris, London, and New York", "Paris|London|New York|"},
        {"in Z\xc3\xbcrich or in Rome", "Z\xc3\xbcrich|Rome|"},
        {"in March, in English, in a hurry, in", ""},
        {"near Oslo", "Oslo|"},
        {"in Aa and Bb and Cc and Dd and Ee and Ff and Gg", "Aa|Bb|Cc|Dd|Ee|Ff|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct facts f = emu_facts_find(dgm_str_c(cases[i].prompt));
        struct dgm_buf all;
        dgm_buf_init(&all, &dgm_alloc_libc, 1000);
        for (size_t k = 0; k < f.nplaces; k++) {
            dgm_buf_put(&all, f.places[k]);
            dgm_buf_put_char(&all, '|');
        }
        if (!dgm_str_eq(dgm_buf_str(&all), dgm_str_c(cases[i].places)))
            fail_msg("%s: %.*s", cases[i].prompt, (int)all.n, all.p ? all.p : "");
        dgm_buf_dispose(&all);
    }
    assert_true(dgm_str_eq(emu_facts_find(DGM_STR("for Oslo")).place, DGM_STR("Oslo")));
}

/* What is found is sound: an address is one, a number is JSON, whatever the prompt. */
static void facts_are_sound(void **state)
{
    (void)state;
    static const char *const none[] = {"a@b", "@x.org", "a@.org", "a@x..org", ".@x.org", "a@", "@"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (emu_facts_find(dgm_str_c(none[i])).email.p)
            fail_msg("%s", none[i]);
    assert_true(dgm_str_eq(emu_facts_find(DGM_STR("to x@y.org.")).email, DGM_STR("x@y.org")));
    assert_null(emu_facts_find(DGM_STR("https:// and http://")).url.p);
    assert_null(emu_facts_find(DGM_STR("2026-13-01 2026-02-30")).date.p);
    assert_null(emu_facts_find(DGM_STR("one \" alone")).quoted.p);
    struct facts f =
        emu_facts_find(DGM_STR("00 01 -0 1. .5 a1 1e5 -- 12345678901234567890 0.5 7-8"));
    for (size_t i = 0; i < f.nnumbers; i++) {
        double d;
        assert_true(dgm_str_double(f.numbers[i], &d));
    }
    assert_true(f.nnumbers >= 4);
    assert_true(emu_facts_mention(&f, DGM_STR("A1")));
    assert_false(emu_facts_mention(&f, DGM_STR("a")));
    assert_false(emu_facts_mention(&f, DGM_STR("")));
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
        cmocka_unit_test(instances_conform), cmocka_unit_test(facts_fill_fields),
        cmocka_unit_test(places_are_found),  cmocka_unit_test(facts_are_sound),
        cmocka_unit_test(recursion_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
