/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - fuzzes json/read and json/write: what was read is written and read again to the same. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "json/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A text that ends right behind its padding. */
static char *copy_of(struct dgm_str s)
{
    char *p = malloc(s.n + JSON_PADDING);
    assert(p);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

static void check_error(const struct json_error *e, enum dgm_rc rc, struct dgm_str text)
{
    assert(e->trouble != JSON_FINE && e->trouble != JSON_NOMEM);
    assert(rc == (e->trouble == JSON_DEEP ? DGM_E_LIMIT : DGM_E_SYNTAX));
    assert(e->offset <= text.n && e->what);
    if (e->trouble == JSON_DEEP)
        assert(text.p[e->offset] == '[' || text.p[e->offset] == '{');
    if (e->trouble == JSON_UTF8)
        assert(dgm_utf8_bad(dgm_str_skip(text, e->offset)) == 0 && e->offset < text.n);
}

/* Each with each, in the order of the text. */
static struct dgm_str twice_by_reference(const struct json_val *obj)
{
    for (struct json_iter later = json_iter(obj); json_next(&later);)
        for (struct json_iter i = json_iter(obj); json_next(&i) && i.index < later.index;)
            if (dgm_str_eq(i.name, later.name))
                return later.name;
    return (struct dgm_str){0};
}

static void check_obj(const struct json_val *obj, struct dgm_arena *arena)
{
    struct dgm_str twice;
    if (json_size(obj) > 500)
        return;
    assert(json_twice(obj, arena, &twice) == DGM_OK);
    struct dgm_str expected = twice_by_reference(obj);
    assert(dgm_str_eq(twice, expected) && (twice.p == NULL) == (expected.p == NULL));
}

/* Looks at every value; the readers that do not fit must see nothing. */
static size_t check_tree(const struct json_val *v, struct dgm_arena *arena, unsigned depth)
{
    enum json_kind kind = json_kind(v);
    int64_t i;
    double d;
    assert(kind != JSON_NONE && depth <= JSON_DEPTH_MAX);
    assert((json_str(v).p != NULL) == (kind == JSON_STR));
    assert((json_num(v).p != NULL) == (kind == JSON_NUM));
    assert(dgm_utf8_bad(json_str(v)) == json_str(v).n);
    if (json_int(v, &i))
        assert(kind == JSON_NUM && json_double(v, &d));
    if (kind == JSON_OBJ)
        check_obj(v, arena);

    size_t values = 1, n = 0;
    for (struct json_iter it = json_iter(v); json_next(&it); n++) {
        assert(it.index == n && (it.name.p != NULL) == (kind == JSON_OBJ));
        if (kind == JSON_OBJ)
            assert(json_get(v, it.name));
        values += check_tree(it.value, arena, depth + 1);
    }
    assert(n == json_size(v));
    return values;
}

static const struct json_val *parse_again(struct dgm_arena *arena, char *text, size_t n)
{
    const struct json_val *v;
    struct json_error e;
    enum dgm_rc rc = json_parse(arena, text, n, JSON_DEPTH_MAX, &v, &e);
    assert(rc == DGM_OK);
    return v;
}

/* Written and read again it writes the same; as a string it is that same text. */
static void check_writing(const struct json_val *v, struct dgm_arena *arena, size_t text_bytes)
{
    struct dgm_buf once, again, quoted;
    dgm_buf_init(&once, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&quoted, &dgm_alloc_libc, SIZE_MAX);

    struct json_writer w = json_writer(&once);
    json_put_val(&w, v);
    assert(once.rc == DGM_OK &&
           once.n <= text_bytes); /* \u001f and the like are never longer than they came */

    char *text = copy_of(dgm_buf_str(&once));
    w = json_writer(&again);
    json_put_val(&w, parse_again(arena, text, once.n));
    assert(dgm_str_eq(dgm_buf_str(&once), dgm_buf_str(&again)));
    free(text);

    w = json_writer(&quoted);
    json_open_arr(&w);
    json_put_val_as_str(&w, v);
    json_put_str(&w, dgm_buf_str(&once));
    json_close_arr(&w);
    text = copy_of(dgm_buf_str(&quoted));
    const struct json_val *arr = parse_again(arena, text, quoted.n);
    assert(dgm_str_eq(json_str(json_at(arr, 0)), dgm_buf_str(&once)));
    assert(dgm_str_eq(json_str(json_at(arr, 1)), dgm_buf_str(&once)));
    free(text);

    dgm_buf_dispose(&once);
    dgm_buf_dispose(&again);
    dgm_buf_dispose(&quoted);
}

/* The last byte chooses the depth that is allowed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned depth = data[size - 1] % JSON_DEPTH_MAX + 1;
    struct dgm_str text = {(const char *)data, size - 1};

    struct dgm_arena arena;
    const struct json_val *v = NULL;
    struct json_error e = {0};
    char *copy = copy_of(text);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = json_parse(&arena, copy, text.n, depth, &v, &e);
    assert((rc == DGM_OK) == (v != NULL));
    if (rc == DGM_OK) {
        assert(check_tree(v, &arena, 1) <= text.n);
        check_writing(v, &arena, text.n);
    } else {
        check_error(&e, rc, text);
    }
    dgm_arena_dispose(&arena);
    free(copy);
    return 0;
}
