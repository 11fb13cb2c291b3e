/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.h - JSON texts put into a buffer, compact, in the order of the calls.
 *
 * Sticky: after the first failure of the buffer nothing is added; look at `w.buf->rc` once, at the end.
 * Commas are the writer's business. Asserts that members are named and elements are not.
 */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include "base/buf.h"
#include "json/read.h"

#include <assert.h>
#include <string.h>

#define JSON_WRITER_DEPTH_MAX                                                                      \
    63 /* containers opened by calls; values that are put bring their own */

#define JSON_LENT_BYTES                                                                            \
    ((size_t)32 * 1024) /* a string from which on a copy costs more than a note */

/** Bytes that belong into a text, behind the first `at` of its buffer, and were not copied there. */
struct json_lent {
    size_t at;
    struct dgm_str bytes;
};

struct json_writer {
    struct dgm_buf *buf;
    struct dgm_buf *lent; /* struct json_lent, one after the other; NULL: everything is copied */
    /* a bit for each open container, the innermost lowest: is it an array? Above them a 1 */
    uint64_t _arrs;
    bool _comma, _named; /* a comma comes before the next; a key waits for its value */
};

/** A writer that adds to `buf`; several texts may follow each other in one buffer. */
static inline struct json_writer json_writer(struct dgm_buf *buf)
{
    return (struct json_writer){.buf = buf, ._arrs = 1};
}

void json_open_obj(struct json_writer *);
void json_close_obj(struct json_writer *);
void json_open_arr(struct json_writer *);
void json_close_arr(struct json_writer *);

/**
 * Opens containers in one piece, by a text that does, with all that stands before the innermost one's first member:
 * `{"role":"user","parts":[`. `arrs` has a bit for each, the innermost lowest: is it an array?
 */
void json_open_text(struct json_writer *, struct dgm_str text, unsigned depth, unsigned arrs);

/** Closes `depth` containers by a text that does. */
void json_close_text(struct json_writer *, struct dgm_str text, unsigned depth);

void json_put_key(struct json_writer *, struct dgm_str name);

/**
 * The same for a name with its quotes and colon around it already, as `"name":`, and nothing to escape. It stands
 * here because most names are known when their caller is compiled: they are put in a store or two.
 */
static inline __attribute__((always_inline)) void json_put_quoted_name(struct json_writer *w,
                                                                       struct dgm_str quoted)
{
    assert(!(w->_arrs & 1) && !w->_named);
    w->_named = true;
    size_t n = w->_comma + quoted.n;
    char *to = dgm_buf_room(w->buf, n);
    if (!to)
        return;
    *to = ',';
    memcpy(to + w->_comma, quoted.p, quoted.n);
    w->buf->n += n;
}

/** The same for a literal: it is quoted when this is compiled. */
#define json_put_name(w, name) json_put_quoted_name((w), DGM_STR("\"" name "\":"))

/** A whole member as text, `"name":null`, or some with commas between them; known when its caller is compiled, too. */
static inline __attribute__((always_inline)) void json_put_member_text(struct json_writer *w,
                                                                       struct dgm_str text)
{
    json_put_quoted_name(w, text);
    w->_named = false;
    w->_comma = true;
}

void json_put_str(struct json_writer *, struct dgm_str utf8); /* an absent string is put as "" */
void json_put_int(struct json_writer *, int64_t);
void json_put_bool(struct json_writer *, bool);
void json_put_null(struct json_writer *);
void json_put_raw(struct json_writer *, struct dgm_str json); /* a value that is JSON already */

/** A value as it came: order of members and text of numbers kept. NULL is put as null. */
void json_put_val(struct json_writer *, const struct json_val *);

/** A value's compact JSON text, as a JSON string: what `function.arguments` wants. */
void json_put_val_as_str(struct json_writer *, const struct json_val *);

/** One string put in pieces. A piece may not cut a character. */
void json_open_str(struct json_writer *);
void json_add_str(struct json_writer *, struct dgm_str utf8);
void json_close_str(struct json_writer *);

/** A value that the caller puts as text, between these two, into the buffer that is returned. */
struct dgm_buf *json_open_raw(struct json_writer *);
void json_close_raw(struct json_writer *);

/** Pieces of a string that is JSON text itself: a value's compact text; a string in quotes. */
void json_add_val(struct json_writer *, const struct json_val *);
void json_add_quoted(struct json_writer *, struct dgm_str utf8);

/** A piece that is a literal in which nothing needs an escape. */
#define json_add_lit(w, literal) dgm_buf_add_lit((w)->buf, literal)

/** A piece in which nothing needs an escape, and which outlives the text: a large one is lent. */
void json_add_lasting(struct json_writer *, struct dgm_str plain);

/** A string that outlives the text: a large one in which nothing needs an escape is lent. */
void json_put_lasting(struct json_writer *, struct dgm_str utf8);

/** A member in one line: json_put_name and the value. */
#define json_member_str(w, name, s) (json_put_name((w), name), json_put_str((w), (s)))
/** The same for a literal in which nothing needs an escape. */
#define json_member_lit(w, name, literal)                                                          \
    json_put_member_text((w), DGM_STR("\"" name "\":\"" literal "\""))
#define json_member_lasting(w, name, s) (json_put_name((w), name), json_put_lasting((w), (s)))
#define json_member_int(w, name, i) (json_put_name((w), name), json_put_int((w), (i)))
#define json_member_bool(w, name, b) (json_put_name((w), name), json_put_bool((w), (b)))
#define json_member_null(w, name) json_put_member_text((w), DGM_STR("\"" name "\":null"))
#define json_member_val(w, name, v) (json_put_name((w), name), json_put_val((w), (v)))

#endif
