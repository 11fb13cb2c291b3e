/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splice.h - a JSON text that leaves as it came, but for what is cut out of it and put in.
 *
 * The result is a chain of segments: parts of the source, and what was put in between. Nothing is copied, so the
 * source and all that is put must outlive it. What is not touched keeps every byte, blanks included.
 */
#ifndef TRANSLATE_SPLICE_H
#define TRANSLATE_SPLICE_H

#include "json/raw.h"

struct splice {
    struct dgm_buf _segments; /* struct dgm_str, one after the other; sticky */
    struct dgm_str _source;
};

/** Begins one over a text; the segments stand in `alloc`, and take no more than `max_bytes`. */
void splice_init(struct splice *, const struct dgm_alloc *, size_t max_bytes,
                 struct dgm_str source);

/** Puts bytes of the source or others. */
void splice_put(struct splice *, struct dgm_str lasting);
#define splice_put_lit(s, literal) splice_put((s), DGM_STR(literal))

/** The segments so far; `*ret_rc` is DGM_OK, or why they are of no use. */
size_t splice_segments(const struct splice *, const struct dgm_str **ret, enum dgm_rc *ret_rc);

/** A walk through an object or array of the source, member by member: each is kept, dropped or given a new value. */
struct splice_level {
    struct json_raw _whole;
    const char *_at; /* behind the source's last byte that was put or dropped */
    bool _any,
        _gap; /* something stands in it already; something was dropped or added just before */
};

void splice_open(struct splice *, struct splice_level *, struct json_raw container);
void splice_keep(struct splice *, struct splice_level *, const struct json_raw_iter *);
void splice_drop(struct splice_level *, const struct json_raw_iter *);

/** Keeps a member's name, or an element's place; the caller puts its value next. */
void splice_begin(struct splice *, struct splice_level *, const struct json_raw_iter *);

/** Puts the comma for something new; the caller puts that next. */
void splice_add(struct splice *, struct splice_level *);

void splice_close(struct splice *, struct splice_level *);

#endif
