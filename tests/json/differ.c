/* SPDX-License-Identifier: Apache-2.0 */
/* differ.c - places where two texts differ. */
#include "json/differ.h"

#include "base/str.h"
#include "json/write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct json_val *parse(struct dgm_arena *arena, const char *text)
{
    const struct json_val *root = NULL;
    struct json_error error;
    size_t n = strlen(text);
    char *copy = dgm_arena_take0(arena, n + JSON_PADDING);
    memcpy(copy, text, n);
    return json_parse(arena, copy, n, JSON_DEPTH_MAX, &root, &error) == DGM_OK ? root : NULL;
}

static void put(void *ctx, const struct json_difference *d)
{
    struct dgm_buf *out = ctx;
    struct json_writer w = json_writer(out);
    dgm_buf_put(out, d->pointer);
    dgm_buf_put_char(out, ' ');
    if (d->a)
        json_put_val(&w, d->a);
    dgm_buf_put_char(out, '|');
    w = json_writer(out);
    if (d->b)
        json_put_val(&w, d->b);
    dgm_buf_put_char(out, '\n');
}

static void assert_places(const char *a, const char *b, const char *wanted)
{
    struct dgm_arena arena;
    struct dgm_buf out, pointer;
    size_t lines = 0;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, 4096);
    dgm_buf_init(&pointer, &dgm_alloc_libc, 4096);
    size_t n = json_differ(parse(&arena, a), parse(&arena, b), &pointer, put, &out);
    for (const char *at = wanted; *at; at++)
        lines += *at == '\n';
    dgm_buf_put_char(&out, '\0');
    assert_string_equal(out.p, wanted);
    assert_int_equal(n, lines);
    dgm_buf_dispose(&pointer);
    dgm_buf_dispose(&out);
    dgm_arena_dispose(&arena);
}

static void test_same(void **state)
{
    (void)state;
    assert_places("{\"a\":[1,{\"b\":null}],\"c\":true}",
                  "{ \"c\": true, \"a\": [1, {\"b\": null}] }", "");
    assert_places("not json", "nor this", "");
}

static void test_places(void **state)
{
    (void)state;
    assert_places("{\"a\":1,\"b\":[1,2],\"c\":\"x\"}", "{\"a\":1.0,\"b\":[1],\"d\":{}}",
                  "/a 1|1.0\n/b/1 2|\n/c \"x\"|\n/d |{}\n");
    assert_places("{\"a/b\":{\"c~\":true}}", "{\"a/b\":{\"c~\":false}}", "/a~1b/c~0 true|false\n");
    assert_places("[1]", "{}", " [1]|{}\n");
    assert_places("[[1],[2]]", "[[1],[3],4]", "/1/0 2|3\n/2 |4\n");
    assert_places("null", "", " null|\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same), cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
