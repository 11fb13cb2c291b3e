/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - tests of http/target. */
#include "http/target.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"

static struct dgm_arena arena;

static int setup(void **state)
{
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, (size_t)1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dgm_arena_dispose(&arena);
    return 0;
}

static void assert_str(struct dgm_str got, const char *expected)
{
    struct dgm_str e = dgm_str_c(expected);
    assert_int_equal(got.p == NULL, expected == NULL);
    if (!dgm_str_eq(got, e))
        fail_msg("expected \"%s\", got \"%.*s\"", expected, (int)got.n, got.p);
}

/* Parses a copy of exactly its size. */
static enum dgm_rc parse(struct dgm_str target, struct http_path *ret, struct dgm_fail *reterr)
{
    char *copy = malloc(target.n ? target.n : 1);
    assert_non_null(copy);
    memcpy(copy, target.p, target.n);
    enum dgm_rc rc = http_path_parse((struct dgm_str){copy, target.n}, &arena, ret, reterr);
    if (rc == DGM_OK && ret->query.p) /* a part of the target: keep it beyond the copy */
        ret->query = dgm_arena_copy(&arena, ret->query);
    free(copy);
    return rc;
}

static struct http_path fine(const char *target)
{
    struct http_path path;
    struct dgm_fail fail;
    if (parse(dgm_str_c(target), &path, &fail) != DGM_OK)
        fail_msg("%s: %s", target, fail.detail);
    return path;
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *target, *text;
        size_t segments;
        const char *query;
    } rows[] = {
        {"/", "/", 0, NULL},
        {"//", "/", 0, NULL},
        {"/?", "/", 0, ""},
        {"/a", "/a", 1, NULL},
        {"/a/", "/a", 1, NULL},
        {"//a///b//", "/a/b", 2, NULL},
        {"/a?b=/../c?d", "/a", 1, "b=/../c?d"},
        {"/v1/models/google%2Dx", "/v1/models/google-x", 3, NULL},
        {"/a%20b", "/a b", 1, NULL},
        {"/%e2%82%ac", "/\xe2\x82\xac", 1, NULL},
        {"/a:b@c,d;e=f", "/a:b@c,d;e=f", 1, NULL},
        {"/...", "/...", 1, NULL},
        {"/.a/a./..a", "/.a/a./..a", 3, NULL},
        {"/%252f", "/%2f", 1, NULL}, /* decoded once, never twice */
        {"/a%3fb", "/a?b", 1, NULL},
        {"/%25", "/%", 1, NULL},
        {"/a+b", "/a+b", 1, NULL}, /* a blank in a query alone */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_path path = fine(rows[i].target);
        assert_str(path.text, rows[i].text);
        assert_int_equal(path.segments, rows[i].segments);
        assert_str(path.query, rows[i].query);
    }
}

static void test_segments(void **state)
{
    (void)state;
    struct http_path path = fine("/a//b%62/c%20/");
    assert_int_equal(path.segments, 3);
    assert_str(path.segment[0], "a");
    assert_str(path.segment[1], "bb");
    assert_str(path.segment[2], "c ");
    path = fine("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18");
    assert_int_equal(path.segments, 18);
    assert_str(path.segment[15], "16");
    assert_false(http_path_match(&path, DGM_STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), NULL));
    assert_false(
        http_path_match(&path, DGM_STR("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/{x}"), NULL));
    assert_true(http_path_match(&path, DGM_STR("/1/{x+}"), NULL));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct dgm_str rows[] = {
        {"", 0},
        {"a", 1},
        {"*", 1},
        {"http://a/b", 10},
        {"/a\0b", 4},
        {"/a b", 4},
        {"/a\tb", 4},
        {"/a\x7f", 3},
        {"/\xc3\xa4", 3},
        {"/a#b", 4},
        {"/a?b#c", 6},
        {"/a\\b", 4},
        {"/a?b\\c", 6},
        {"/a?b c", 6},
        {"/.", 2},
        {"/..", 3},
        {"/a/./b", 6},
        {"/a/../b", 7},
        {"/a/..?b", 7},
        {"/%2e", 4},
        {"/%2E%2e", 7},
        {"/.%2e/a", 7},
        {"/a%2fb", 6},
        {"/a%2Fb", 6},
        {"/a%5cb", 6},
        {"/a%5C", 5},
        {"/a%00", 5},
        {"/a%0a", 5},
        {"/a%0D", 5},
        {"/a%1f", 5},
        {"/a%7f", 5},
        {"/a%", 3},
        {"/a%2", 4},
        {"/a%g0", 5},
        {"/a%0g", 5},
        {"/a%%20", 6},
        {"/a?b=%zz", 8},
        {"/a%ff", 5},
        {"/a%c0%af", 8},     /* an overlong slash */
        {"/a%ed%a0%80", 11}, /* a surrogate */
        {"/a%e2%82/%ac", 12} /* a character over a slash */,
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_path path = {.segments = 99};
        struct dgm_fail fail = {.id = DGM_ERR_NONE};
        if (parse(rows[i], &path, &fail) != DGM_E_REFUSED)
            fail_msg("was not refused: %.*s", (int)rows[i].n, rows[i].p);
        assert_int_equal(fail.id, DGM_ERR_HTTP_TARGET);
        assert_true(fail.detail[0] != 0);
        assert_int_equal(path.segments, 99);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct alloc_fail alloc;
    struct dgm_arena a;
    struct http_path path = {.segments = 99};
    struct dgm_fail fail;
    alloc_fail_init(&alloc, 1);
    dgm_arena_init(&a, &alloc.alloc, 4096);
    assert_int_equal(http_path_parse(DGM_STR("/a"), &a, &path, &fail), DGM_E_NOMEM);
    assert_int_equal(path.segments, 99);
    dgm_arena_dispose(&a);
    alloc_fail_done(&alloc, "path");
}

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *path, *pattern;
        bool matches;
        const char *captured[3];
    } rows[] = {
        {"/", "/", true, {0}},
        {"/a", "/", false, {0}},
        {"/", "/a", false, {0}},
        {"/a/b", "/a/b", true, {0}},
        {"//a//b/", "/a/b", true, {0}},
        {"/A/b", "/a/b", false, {0}},
        {"/a", "/a/b", false, {0}},
        {"/a/b/c", "/a/b", false, {0}},
        {"/a/b", "/{x}/b", true, {"a"}},
        {"/a/b", "/{x}/{y}", true, {"a", "b"}},
        {"/a/b", "/{x}", false, {0}},
        {"/a/b/c", "/a/{x+}", true, {"b/c"}},
        {"/a//b/c/", "/a/{x+}", true, {"b/c"}},
        {"/a/b%20c/d", "/{x}/{y+}", true, {"a", "b c/d"}},
        {"/a", "/a/{x+}", false, {0}},
        {"/v1/projects/p1/locations/us/endpoints/openapi/chat/completions",
         "/v1/projects/{project}/locations/{location}/endpoints/openapi/chat/completions",
         true,
         {"p1", "us"}},
        {"/v1/models/google/gemini-2.5-flash",
         "/v1/models/{id+}",
         true,
         {"google/gemini-2.5-flash"}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct http_path path = fine(rows[i].path);
        struct dgm_str captured[HTTP_CAPTURES_MAX];
        for (size_t k = 0; k < HTTP_CAPTURES_MAX; k++)
            captured[k] = DGM_STR("untouched");
        bool matches = http_path_match(&path, dgm_str_c(rows[i].pattern), captured);
        if (matches != rows[i].matches)
            fail_msg("%s, %s", rows[i].path, rows[i].pattern);
        for (size_t k = 0; k < HTTP_CAPTURES_MAX; k++)
            assert_str(captured[k], matches ? (k < 3 ? rows[i].captured[k] : NULL) : "untouched");
        assert_int_equal(http_path_match(&path, dgm_str_c(rows[i].pattern), NULL), matches);
    }
}

static void test_query(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name, *value; /* NULL: not there */
    } rows[] = {
        {NULL, "a", NULL},
        {"", "a", NULL},
        {"a", "a", ""},
        {"a=", "a", ""},
        {"a=b", "a", "b"},
        {"a=b=c", "a", "b=c"},
        {"b=c&a=d", "a", "d"},
        {"a=1&a=2", "a", "1"},
        {"&&a=b", "a", "b"},
        {"ab=c", "a", NULL},
        {"a=b", "ab", NULL},
        {"A=b", "a", NULL},
        {"a=b+c%20d%26e", "a", "b c d&e"},
        {"%61lt=sse", "alt", "sse"},
        {"a=%zz%", "a", "%zz%"},
        {"=b", "a", NULL},
        {"api-version=2024-10-21&alt=sse", "alt", "sse"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 100);
        bool found = http_query_get(dgm_str_c(rows[i].query), dgm_str_c(rows[i].name), &out);
        assert_int_equal(found, rows[i].value != NULL);
        assert_int_equal(out.rc, DGM_OK);
        if (found)
            assert_true(dgm_str_eq(dgm_buf_str(&out), dgm_str_c(rows[i].value)));
        else
            assert_int_equal(out.n, 0);
        dgm_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test_setup_teardown(test_match, setup, teardown),
        cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
