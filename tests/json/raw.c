/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - texts looked at where they stand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/raw.h"

static void assert_said(struct dgm_str got, const char *expected)
{
    assert_int_equal(got.n, strlen(expected));
    assert_memory_equal(got.p, expected, got.n);
}

/* What json_check makes of a text that stands in just as much memory as it needs. */
static enum dgm_rc check(const char *json, unsigned depth, struct json_raw *ret,
                         struct json_error *reterr, char **ret_text)
{
    size_t n = strlen(json);
    *ret_text = malloc(n + JSON_PADDING);
    assert_non_null(*ret_text);
    memcpy(*ret_text, json, n);
    return json_check(*ret_text, n, depth, ret, reterr);
}

/* Every text is judged as json_parse judges it: sound or not, and by the kind of its trouble. */
static void test_judges_as_the_parser_does(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        " [ 1 , -0.5e+3 , true , false , null , \"x\" ] ",
        "{\"a\":{\"b\":[{}]}}",
        "0",
        "-0",
        "1E5",
        "\"\"",
        "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\xef\xbb\xbf{}",
        "",
        "  ",
        "\xef\xbb\xbf",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "[1 2]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "tru",
        "nul",
        "truex",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12",
        "\"\t\"",
        "\"\x01\"",
        "{}x",
        "{}{}",
        "[}",
        "{]",
        "]",
        "\"\xff\"",
        "\xff",
        "[\"\xc3\"]",
        "\"\xed\xa0\x80\"",
        "[[[[]]]]",
        "[[[[[]]]]]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}",
        "\"[[[[[[[[[[[[\"",
        "nan",
        "\"a\0b\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_raw root = {0};
        struct json_error raw = {0}, tree = {0};
        struct dgm_arena arena;
        const struct json_val *v = NULL;
        char *text, *copy = malloc(strlen(texts[i]) + JSON_PADDING);
        assert_non_null(copy);
        memcpy(copy, texts[i], strlen(texts[i]));
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        enum dgm_rc a = check(texts[i], 4, &root, &raw, &text);
        enum dgm_rc b = json_parse(&arena, copy, strlen(texts[i]), 4, &v, &tree);
        if (a != b)
            fail_msg("%s: %d, the parser says %d (%s)", texts[i], (int)a, (int)b,
                     a ? raw.what : "");
        assert_int_equal(raw.trouble, tree.trouble);
        if (a == DGM_OK)
            assert_int_equal(root.kind, json_kind(v));
        dgm_arena_dispose(&arena);
        free(text);
        free(copy);
    }
}

static void test_changes_half_pairs_alone(void **state)
{
    (void)state;
    struct json_raw root;
    struct json_error e;
    char *text;
    assert_int_equal(check("[\"\\ud83d\\ude00\\ud800x\\udc00\\u00e9\", 1.50]", 9, &root, &e, &text),
                     DGM_OK);
    assert_said(root.text, "[\"\\ud83d\\ude00\\ufffdx\\ufffd\\u00e9\", 1.50]");
    free(text);
}

static void test_walks(void **state)
{
    (void)state;
    struct json_raw_iter i = json_raw_iter(json_raw_first(
        DGM_STR(" {\"a\" : [1, {\"b\":\"}\\\"]\"}] ,\"c\\u0064\":-1e5\n, \"e\":null}")));
    assert_true(json_raw_next(&i));
    assert_said(i.name, "\"a\"");
    assert_said(i.value.text, "[1, {\"b\":\"}\\\"]\"}]");
    assert_int_equal(i.index, 0);
    assert_true(json_raw_next(&i));
    assert_true(json_raw_says(i.name, DGM_STR("cd")));
    assert_said(i.value.text, "-1e5");
    assert_true(json_raw_next(&i));
    assert_int_equal(i.value.kind, JSON_NULL);
    assert_int_equal(i.index, 2);
    assert_false(json_raw_next(&i));
}

/* Any head of a text ends a walk early, and never reads behind it. */
static void test_walks_are_total(void **state)
{
    (void)state;
    const char whole[] = "{\"a\":[{\"b\\\"\":\"c\\u0041\"},1],\"model\":\"m\"}";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *text = malloc(n ? n : 1);
        assert_non_null(text);
        memcpy(text, whole, n);
        struct json_raw model =
            json_raw_get(json_raw_first((struct dgm_str){text, n}), DGM_STR("model"));
        assert_int_equal(model.kind, n < sizeof whole - 2 ? JSON_NONE : JSON_STR);
        free(text);
    }
}

static void test_what_strings_say(void **state)
{
    (void)state;
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 100);
    json_raw_put(DGM_STR("\"a\\n\\u00e9\\ud83d\\ude00\\/\\u0000\\ud800\""), &out);
    assert_int_equal(out.n, 13);
    assert_memory_equal(out.p, "a\n\xc3\xa9\xf0\x9f\x98\x80/\0\xef\xbf\xbd", 13);
    dgm_buf_dispose(&out);
    assert_true(json_raw_says(DGM_STR("\"m\\u006fdel\""), DGM_STR("model")));
    assert_false(json_raw_says(DGM_STR("\"m\\u006fde\""), DGM_STR("model")));
    assert_false(json_raw_says(DGM_STR("\"models\""), DGM_STR("model")));
    assert_false(json_raw_says(DGM_STR("model"), DGM_STR("model")));
    assert_false(json_raw_says((struct dgm_str){0}, DGM_STR("")));
    assert_true(json_raw_says(DGM_STR("\"\""), DGM_STR("")));
}

static void test_doubled_names(void **state)
{
    (void)state;
    char many[4096];
    struct dgm_arena arena;
    struct dgm_str name;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    size_t n = (size_t)snprintf(many, sizeof many, "{");
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "\"n%d\":%d,", i, i);
    snprintf(many + n, sizeof many - n, "\"n\\u00357\":0}");
    const struct {
        const char *json, *twice;
    } cases[] = {
        {"{\"a\":1,\"b\":2,\"a\":3}", "a"},
        {"{\"a\":1,\"\\u0061\":2}", "a"},
        {"{\"a\":1,\"A\":2}", NULL},
        {"{}", NULL},
        {"[1,1]", NULL},
        {many, "n57"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(json_raw_twice(json_raw_first(dgm_str_c(cases[i].json)), &arena, &name),
                         DGM_OK);
        assert_int_equal(name.p != NULL, cases[i].twice != NULL);
        if (cases[i].twice)
            assert_said(name, cases[i].twice);
    }
    dgm_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judges_as_the_parser_does),
        cmocka_unit_test(test_changes_half_pairs_alone),
        cmocka_unit_test(test_walks),
        cmocka_unit_test(test_walks_are_total),
        cmocka_unit_test(test_what_strings_say),
        cmocka_unit_test(test_doubled_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
