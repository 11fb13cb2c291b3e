/* SPDX-License-Identifier: Apache-2.0 */
/* splice.c - a JSON text that leaves as it came, but for what is cut out of it and put in. */
#include "translate/splice.h"

#include "base/str.h"

#include <string.h>

void splice_init(struct splice *s, const struct dgm_alloc *alloc, size_t max_bytes,
                 struct dgm_str source)
{
    dgm_buf_init(&s->_segments, alloc, max_bytes);
    s->_source = source;
}

static bool is_of(struct dgm_str whole, const char *p)
{
    return (uintptr_t)p >= (uintptr_t)whole.p && (uintptr_t)p <= (uintptr_t)(whole.p + whole.n);
}

void splice_put(struct splice *s, struct dgm_str lasting)
{
    struct dgm_str last;
    size_t n = s->_segments.n;
    if (lasting.n == 0)
        return;
    if (n != 0) {
        memcpy(&last, s->_segments.p + n - sizeof last, sizeof last);
        bool goes_on = last.p + last.n == lasting.p && is_of(s->_source, last.p) &&
                       is_of(s->_source, lasting.p + lasting.n);
        if (goes_on) {
            last.n += lasting.n;
            memcpy(s->_segments.p + n - sizeof last, &last, sizeof last);
            return;
        }
    }
    dgm_buf_put(&s->_segments, (struct dgm_str){(const char *)&lasting, sizeof lasting});
}

size_t splice_segments(const struct splice *s, const struct dgm_str **ret, enum dgm_rc *ret_rc)
{
    const void *segments = s->_segments.p;
    *ret = segments;
    *ret_rc = s->_segments.rc;
    return s->_segments.n / sizeof **ret;
}

/* ---- levels ---- */

static struct dgm_str between(const char *from, const char *to)
{
    return (struct dgm_str){from, (size_t)(to - from)};
}

static const char *start_of(const struct json_raw_iter *member)
{
    return member->name.p ? member->name.p : member->value.text.p;
}

static const char *end_of(struct json_raw v)
{
    return v.text.p + v.text.n;
}

void splice_open(struct splice *s, struct splice_level *l, struct json_raw container)
{
    *l = (struct splice_level){._whole = container, ._at = container.text.p + 1};
    splice_put(s, dgm_str_head(container.text, 1));
}

/* What stands before a member: the source's own comma and blanks, or a comma of ours over a gap. */
static void put_border(struct splice *s, struct splice_level *l, const char *next)
{
    if (!l->_gap)
        splice_put(s, between(l->_at, next));
    else if (l->_any)
        splice_put_lit(s, ",");
    l->_any = true;
    l->_gap = false;
}

void splice_keep(struct splice *s, struct splice_level *l, const struct json_raw_iter *member)
{
    const char *start = start_of(member);
    put_border(s, l, start);
    l->_at = end_of(member->value);
    splice_put(s, between(start, l->_at));
}

void splice_drop(struct splice_level *l, const struct json_raw_iter *member)
{
    l->_at = end_of(member->value);
    l->_gap = true;
}

void splice_begin(struct splice *s, struct splice_level *l, const struct json_raw_iter *member)
{
    const char *start = start_of(member);
    put_border(s, l, start);
    splice_put(s, between(start, member->value.text.p));
    l->_at = end_of(member->value);
}

void splice_add(struct splice *s, struct splice_level *l)
{
    if (l->_any)
        splice_put_lit(s, ",");
    l->_any = true;
    l->_gap = true;
}

void splice_close(struct splice *s, struct splice_level *l)
{
    const char *end = end_of(l->_whole);
    splice_put(s, between(l->_gap ? end - 1 : l->_at, end));
}
