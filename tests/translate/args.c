/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - tests of translate/args: integers where the schema says so, everything else as it came (user-pain C12). */
#include "translate/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

static const struct json_val *parse(struct dgm_arena *arena, struct dgm_str json)
{
    char *text = dgm_arena_take(arena, json.n + JSON_PADDING);
    const struct json_val *root = NULL;
    struct json_error e;
    assert_non_null(text);
    memcpy(text, json.p, json.n);
    assert_int_equal(json_parse(arena, text, json.n, JSON_DEPTH_MAX, &root, &e), DGM_OK);
    return root;
}

/* Puts `args` by `schema` (NULL: none), reads the string back, and compares it. */
static void check_texts(struct dgm_str schema, struct dgm_str args, struct dgm_str expected)
{
    struct alloc_fail memory;
    struct dgm_arena arena;
    struct dgm_buf out;
    alloc_fail_init(&memory, 0);
    dgm_arena_init(&arena, &memory.alloc, SIZE_MAX);
    dgm_buf_init(&out, &memory.alloc, SIZE_MAX);
    struct json_writer w = json_writer(&out);
    json_open_obj(&w);
    json_put_name(&w, "arguments");
    args_put_as_str(&w, parse(&arena, args), schema.p ? parse(&arena, schema) : NULL);
    json_member_int(&w, "behind", 1);
    json_close_obj(&w);
    assert_int_equal(out.rc, DGM_OK);

    const struct json_val *root = parse(&arena, dgm_buf_str(&out));
    struct dgm_str got = json_get_str(root, DGM_STR("arguments"));
    if (!dgm_str_eq(got, expected))
        print_error("got %.*s\n", (int)got.n, got.p);
    assert_true(dgm_str_eq(got, expected) && json_get(root, DGM_STR("behind")));
    dgm_buf_dispose(&out);
    dgm_arena_dispose(&arena);
    alloc_fail_done(&memory, "args");
}

static void check(const char *schema, const char *args, const char *expected)
{
    check_texts(dgm_str_c(schema), dgm_str_c(args), dgm_str_c(expected));
}

static void c12_integers(void **state)
{
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"},"
        "\"f\":{\"type\":\"number\"},\"s\":{\"type\":\"string\"},\"any\":{}}}";
    (void)state;
    check(schema, "{\"n\":5.0}", "{\"n\":5}");
    check(schema, "{\"n\":1e3,\"f\":5.0}", "{\"n\":1000,\"f\":5.0}");
    check(schema, "{\"n\":-2.50E1}", "{\"n\":-25}");
    check(schema, "{\"n\":-0.0}", "{\"n\":0}");
    check(schema, "{\"n\":5.5}", "{\"n\":5.5}");
    check(schema, "{\"any\":5.0,\"other\":5.0}", "{\"any\":5.0,\"other\":5.0}");
    check(schema, "{\"n\":\"5.0\",\"s\":5.0}", "{\"n\":\"5.0\",\"s\":5.0}");
    check(schema, "{ \"n\" : 5 , \"f\" : 1e1 }", "{\"n\":5,\"f\":1e1}");
    check(NULL, "{\"n\":5.0}", "{\"n\":5.0}");
    check("{}", "{\"n\":5.0}", "{\"n\":5.0}");
    check("true", "{\"n\":5.0}", "{\"n\":5.0}");
    check(schema, "{}", "{}");
}

/* What no double tells exactly stays the text it was. */
static void large_numbers(void **state)
{
    static const char schema[] = "{\"properties\":{\"n\":{\"type\":\"integer\"}}}";
    (void)state;
    check(schema, "{\"n\":9007199254740992.0}", "{\"n\":9007199254740992}");
    check(schema, "{\"n\":9007199254740993.0e1}", "{\"n\":9007199254740993.0e1}");
    check(schema, "{\"n\":1e300}", "{\"n\":1e300}");
    check(schema, "{\"n\":2512292042121000001,\"x\":0.5}", "{\"n\":2512292042121000001,\"x\":0.5}");
    check(schema, "{\"n\":99999999999999999999999,\"x\":0.5}",
          "{\"n\":99999999999999999999999,\"x\":0.5}");
}

static void nested(void **state)
{
    (void)state;
    check("{\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}}}",
          "{\"a\":[1.0,2.0,2.5,[3.0]]}", "{\"a\":[1,2,2.5,[3.0]]}");
    check("{\"properties\":{\"a\":{\"items\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}}}",
          "{\"a\":[1.0,2.0,3.0]}", "{\"a\":[1,2.0,3.0]}");
    check("{\"properties\":{\"a\":{\"prefixItems\":[{\"type\":\"number\"}],"
          "\"items\":{\"type\":\"integer\"}}}}",
          "{\"a\":[1.0,2.0,3.0]}", "{\"a\":[1.0,2,3]}");
    check("{\"additionalProperties\":{\"properties\":{\"n\":{\"type\":\"integer\"}}}}",
          "{\"q\":{\"n\":7.0,\"m\":7.0}}", "{\"q\":{\"n\":7,\"m\":7.0}}");
    check("{\"properties\":{\"n\":{\"type\":\"integer\"}},\"additionalProperties\":true}",
          "{\"n\":7.0,\"m\":7.0}", "{\"n\":7,\"m\":7.0}");
    check("{\"type\":\"OBJECT\",\"properties\":{\"n\":{\"type\":\"INTEGER\",\"nullable\":true}}}",
          "{\"n\":7.0}", "{\"n\":7}");
}

static void alternatives(void **state)
{
    (void)state;
    check("{\"properties\":{\"n\":{\"type\":[\"integer\",\"null\"]}}}", "{\"n\":5.0}", "{\"n\":5}");
    check("{\"properties\":{\"n\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}]}}}",
          "{\"n\":5.0}", "{\"n\":5}");
    check("{\"properties\":{\"n\":{\"type\":[\"integer\",\"number\"]}}}", "{\"n\":5.0}",
          "{\"n\":5.0}");
    check("{\"properties\":{\"n\":{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}}}",
          "{\"n\":5.0}", "{\"n\":5.0}");
    check("{\"anyOf\":[{\"properties\":{\"n\":{\"type\":\"integer\"}}},"
          "{\"properties\":{\"m\":{\"type\":\"integer\"}}}]}",
          "{\"n\":5.0,\"m\":6.0}", "{\"n\":5,\"m\":6}");
    check("{\"anyOf\":[{\"properties\":{\"n\":{\"type\":\"integer\"}}},"
          "{\"properties\":{\"n\":{\"type\":\"number\"}}}]}",
          "{\"n\":5.0}", "{\"n\":5.0}");
    check("{\"properties\":{\"n\":{\"anyOf\":[{\"type\":\"integer\"},true]}}}", "{\"n\":5.0}",
          "{\"n\":5.0}");
}

static void references(void **state)
{
    (void)state;
    check("{\"$defs\":{\"node\":{\"properties\":{\"n\":{\"type\":\"integer\"},"
          "\"next\":{\"$ref\":\"#/$defs/node\"}}}},\"$ref\":\"#/$defs/node\"}",
          "{\"n\":1.0,\"next\":{\"n\":2.0,\"next\":{\"n\":3.0}}}",
          "{\"n\":1,\"next\":{\"n\":2,\"next\":{\"n\":3}}}");
    /* Around in a circle, and nowhere: nothing is known. */
    check("{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}},"
          "\"$ref\":\"#/$defs/a\",\"properties\":{\"n\":{\"type\":\"integer\"}}}",
          "{\"n\":1.0}", "{\"n\":1.0}");
    check("{\"properties\":{\"n\":{\"$ref\":\"#/nowhere\",\"type\":\"integer\"}}}", "{\"n\":1.0}",
          "{\"n\":1.0}");
}

static void escapes_twice(void **state)
{
    (void)state;
    check("{\"properties\":{\"a\\\"\\\\b\":{\"type\":\"integer\"}}}",
          "{\"a\\\"\\\\b\":5.0,\"t\":\"\\u0001\\n\\\"\\\\\xf0\x9f\x98\x80\",\"x\":[true,null,{}]}",
          "{\"a\\\"\\\\b\":5,\"t\":\"\\u0001\\n\\\"\\\\\xf0\x9f\x98\x80\",\"x\":[true,null,{}]}");
}

/* As deep as a text may be, with a schema that describes every level. */
static void deep(void **state)
{
    struct dgm_buf args, expected;
    (void)state;
    dgm_buf_init(&args, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&expected, &dgm_alloc_libc, SIZE_MAX);
    for (int i = 1; i < JSON_DEPTH_MAX; i++)
        dgm_buf_put_lit(&args, "{\"a\":");
    dgm_buf_put(&expected, dgm_buf_str(&args));
    dgm_buf_put_lit(&args, "{\"n\":1.0}");
    dgm_buf_put_lit(&expected, "{\"n\":1}");
    for (int i = 1; i < JSON_DEPTH_MAX; i++) {
        dgm_buf_put_char(&args, '}');
        dgm_buf_put_char(&expected, '}');
    }
    check_texts(DGM_STR("{\"properties\":{\"a\":{\"$ref\":\"#\"},\"n\":{\"type\":\"integer\"}}}"),
                dgm_buf_str(&args), dgm_buf_str(&expected));
    dgm_buf_dispose(&args);
    dgm_buf_dispose(&expected);
}

/* More alternatives than are looked at, and more names than are worth the time: as it came, and soon. */
static void bounded(void **state)
{
    struct dgm_buf schema, args;
    (void)state;
    dgm_buf_init(&schema, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&args, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&schema, "{\"anyOf\":[{}");
    for (int i = 0; i < 100; i++)
        dgm_buf_put_lit(&schema, ",{\"properties\":{\"n\":{\"type\":\"integer\"}}}");
    dgm_buf_put_lit(&schema, "]}");
    check_texts(dgm_buf_str(&schema), DGM_STR("{\"n\":5.0}"), DGM_STR("{\"n\":5.0}"));

    dgm_buf_clear(&schema);
    dgm_buf_put_lit(&schema, "{\"properties\":{\"n\":{}");
    dgm_buf_put_lit(&args, "{\"n\":0.5");
    for (int i = 0; i < 20000; i++) {
        dgm_buf_put_lit(&schema, ",\"p");
        dgm_buf_put_int(&schema, i);
        dgm_buf_put_lit(&schema, "\":{}");
        dgm_buf_put_lit(&args, ",\"x");
        dgm_buf_put_int(&args, i);
        dgm_buf_put_lit(&args, "\":0.5");
    }
    dgm_buf_put_lit(&schema, "}}");
    dgm_buf_put_lit(&args, "}");
    check_texts(dgm_buf_str(&schema), dgm_buf_str(&args), dgm_buf_str(&args));
    dgm_buf_dispose(&schema);
    dgm_buf_dispose(&args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c12_integers), cmocka_unit_test(large_numbers),
        cmocka_unit_test(nested),       cmocka_unit_test(alternatives),
        cmocka_unit_test(references),   cmocka_unit_test(escapes_twice),
        cmocka_unit_test(deep),         cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
