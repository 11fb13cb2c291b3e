/* SPDX-License-Identifier: Apache-2.0 */
/* differ.c - where two JSON texts differ: a walk over both at once. */
#include "json/differ.h"

#include "base/str.h"

struct walk {
    struct dgm_buf *pointer;
    void (*tell)(void *ctx, const struct json_difference *);
    void *ctx;
    size_t told;
};

static bool is_same(const struct json_val *a, const struct json_val *b)
{
    if (json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_STR:
        return dgm_str_eq(json_str(a), json_str(b));
    case JSON_NUM:
        return dgm_str_eq(json_num(a), json_num(b));
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    default:
        return true;
    }
}

/* One step down: a member's name, with RFC 6901's escapes, or a place in an array. Returns where it began. */
static size_t step(struct walk *w, const struct json_iter *i)
{
    size_t begin = w->pointer->n;
    dgm_buf_put_char(w->pointer, '/');
    if (i->name.p == NULL)
        dgm_buf_put_int(w->pointer, (int64_t)i->index);
    for (size_t k = 0; k < i->name.n; k++) {
        char c = i->name.p[k];
        if (c == '~' || c == '/')
            dgm_buf_put(w->pointer, c == '~' ? DGM_STR("~0") : DGM_STR("~1"));
        else
            dgm_buf_put_char(w->pointer, c);
    }
    return begin;
}

static void tell(struct walk *w, const struct json_val *a, const struct json_val *b)
{
    const struct json_difference d = {dgm_buf_str(w->pointer), a, b};
    w->told++;
    w->tell(w->ctx, &d);
}

/* The value that the other one has in the same place. */
static const struct json_val *other(const struct json_val *container, const struct json_iter *i)
{
    return i->name.p != NULL ? json_get(container, i->name) : json_at(container, i->index);
}

/* As deep as a text may be: JSON_DEPTH_MAX. */
static void differ(struct walk *w, const struct json_val *a, const struct json_val *b)
{
    if (!is_same(a, b)) {
        tell(w, a, b);
        return;
    }
    if (json_kind(a) < JSON_ARR)
        return;
    for (struct json_iter i = json_iter(a); json_next(&i);) {
        size_t begin = step(w, &i);
        differ(w, i.value, other(b, &i));
        w->pointer->n = begin;
    }
    for (struct json_iter i = json_iter(b); json_next(&i);) {
        if (other(a, &i) != NULL)
            continue;
        size_t begin = step(w, &i);
        tell(w, NULL, i.value);
        w->pointer->n = begin;
    }
}

size_t json_differ(const struct json_val *a, const struct json_val *b, struct dgm_buf *pointer,
                   void (*told)(void *ctx, const struct json_difference *), void *ctx)
{
    struct walk w = {.pointer = pointer, .tell = told, .ctx = ctx};
    differ(&w, a, b);
    return w.told;
}
