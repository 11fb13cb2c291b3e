/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - JSON texts put into a buffer. */
#include "json/write.h"

#include "base/buf.h"
#include "base/lanes.h"

#include <assert.h>
#include <string.h>

/* What stands behind the backslash for a character that cannot stand for itself; 'u' is \u00XX, 0 none. */
static const char escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
    ['\t'] = 't', [0x00] = 'u',  [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u',
    [0x05] = 'u', [0x06] = 'u',  [0x07] = 'u', [0x0b] = 'u', [0x0e] = 'u', [0x0f] = 'u',
    [0x10] = 'u', [0x11] = 'u',  [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u',
    [0x16] = 'u', [0x17] = 'u',  [0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u',
    [0x1c] = 'u', [0x1d] = 'u',  [0x1e] = 'u', [0x1f] = 'u',
};

/* How a text is put: as it is, or as it stands inside of a string. */
enum quoting { PLAIN, WITHIN_STR };

#define SHORT_BYTES 64 /* a string worth a look as a whole before it is put */

/* ---- strings ------------------------------------------------------------------------------------------ */

/* Whether one of eight bytes needs an escape: '"', '\\' or below 0x20. */
static bool has_escape(uint64_t x)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t quote = x ^ ones * '"', backslash = x ^ ones * '\\';
    return (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           highs;
}

/* Which of sixteen do. */
static dgm_lanes escape_lanes(const char *p)
{
    dgm_lanes x = dgm_lanes_load(p);
    return (dgm_lanes)((x < 0x20) | (x == '"') | (x == '\\'));
}

/* How many bytes at the front of `s`, from its `i`-th on, stand for themselves; one by one. */
static size_t plain_run_slowly(struct dgm_str s, size_t i)
{
    while (i < s.n && !escapes[(unsigned char)s.p[i]])
        i++;
    return i;
}

/* Whether all bytes of a string shorter than sixteen do: some are looked at twice, which costs less than one by one. */
static bool is_plain_word(struct dgm_str s)
{
    uint64_t x, y;
    uint32_t half, other;
    if (s.n >= sizeof x) {
        memcpy(&x, s.p, sizeof x);
        memcpy(&y, s.p + s.n - sizeof y, sizeof y);
        return !has_escape(x) && !has_escape(y);
    }
    if (s.n >= sizeof half) {
        memcpy(&half, s.p, sizeof half);
        memcpy(&other, s.p + s.n - sizeof other, sizeof other);
        return !has_escape((uint64_t)half << 32 | other);
    }
    return plain_run_slowly(s, 0) == s.n;
}

/* How many bytes at the front of `s` stand for themselves. The last sixteen may have been looked at in part. */
static size_t plain_run(struct dgm_str s)
{
    size_t i = 0;
    if (s.n < DGM_LANES)
        return is_plain_word(s) ? s.n : plain_run_slowly(s, 0);
    while (s.n - i >= DGM_LANES && dgm_lanes_mask(escape_lanes(s.p + i)) == 0)
        i += DGM_LANES;
    if (s.n - i < DGM_LANES)
        i = s.n - DGM_LANES;
    return i + dgm_lanes_first(escape_lanes(s.p + i));
}

/* Within a string the backslash is escaped too, and so is what stands behind it where it must be. */
static void put_escape(struct dgm_buf *out, unsigned char c, enum quoting quoting)
{
    char letter = escapes[c];
    dgm_buf_put_char(out, '\\');
    if (quoting == WITHIN_STR) {
        dgm_buf_put_char(out, '\\');
        if (letter == '"' || letter == '\\')
            dgm_buf_put_char(out, '\\');
    }
    dgm_buf_put_char(out, letter);
    if (letter == 'u')
        dgm_buf_put_hex(out, c, 4);
}

/* dgm_buf_put_char, where it is worth no call. */
static inline void put_byte(struct dgm_buf *out, char c)
{
    char *to = dgm_buf_room(out, 1);
    if (!to)
        return;
    *to = c;
    out->n++;
}

static void put_escaped(struct dgm_buf *out, struct dgm_str s, enum quoting quoting)
{
    while (s.n != 0) {
        size_t run = plain_run(s);
        dgm_buf_put(out, (struct dgm_str){s.p, run});
        if (run == s.n)
            return;
        put_escape(out, (unsigned char)s.p[run], quoting);
        s.p += run + 1;
        s.n -= run + 1;
    }
}

static void put_quote(struct dgm_buf *out, enum quoting quoting)
{
    if (quoting == WITHIN_STR)
        put_byte(out, '\\');
    put_byte(out, '"');
}

/*
 * Puts `"s"`, with a comma before and a colon behind where they are wanted, in one piece if nothing is escaped:
 * names and most short texts. Returns false, and puts nothing, where something is.
 */
static bool put_plain(struct dgm_buf *out, struct dgm_str s, bool comma, bool colon)
{
    if (plain_run(s) != s.n)
        return false;
    size_t n = comma + 2 + s.n + colon;
    char *to = dgm_buf_room(out, n);
    if (!to)
        return true;
    out->n += n;
    if (comma)
        *to++ = ',';
    *to++ = '"';
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '"';
    if (colon)
        to[s.n + 1] = ':';
    return true;
}

static void put_quoted(struct dgm_buf *out, struct dgm_str s, enum quoting quoting)
{
    if (quoting == PLAIN && s.n <= SHORT_BYTES && put_plain(out, s, false, false))
        return;
    put_quote(out, quoting);
    put_escaped(out, s, quoting);
    put_quote(out, quoting);
}

/* ---- trees -------------------------------------------------------------------------------------------- */

static void put_tree(struct dgm_buf *out, const struct json_val *v, enum quoting quoting);

static void put_container(struct dgm_buf *out, const struct json_val *v, enum quoting quoting)
{
    bool is_obj = json_kind(v) == JSON_OBJ;
    put_byte(out, is_obj ? '{' : '[');
    for (struct json_iter i = json_iter(v); json_next(&i);) {
        if (i.index)
            put_byte(out, ',');
        if (is_obj) {
            put_quoted(out, i.name, quoting);
            put_byte(out, ':');
        }
        put_tree(out, i.value, quoting);
    }
    put_byte(out, is_obj ? '}' : ']');
}

/* Recurses as deep as the tree is, which json_parse held to JSON_DEPTH_MAX. */
static void put_tree(struct dgm_buf *out, const struct json_val *v, enum quoting quoting)
{
    switch (json_kind(v)) {
    case JSON_BOOL:
        dgm_buf_put(out, json_bool(v, false) ? DGM_STR("true") : DGM_STR("false"));
        break;
    case JSON_NUM:
        dgm_buf_put(out, json_num(v));
        break;
    case JSON_STR:
        put_quoted(out, json_str(v), quoting);
        break;
    case JSON_ARR:
    case JSON_OBJ:
        put_container(out, v, quoting);
        break;
    case JSON_NULL:
    case JSON_NONE:
    default:
        dgm_buf_put_lit(out, "null");
        break;
    }
}

/* ---- the writer --------------------------------------------------------------------------------------- */

static bool in_obj(const struct json_writer *w)
{
    return !(w->_arrs & 1);
}

static void put_comma(struct json_writer *w)
{
    if (w->_comma)
        put_byte(w->buf, ',');
}

/* Before each value: a member's has its name already, an element may need a comma. Returns whether it does. */
static inline bool begin(struct json_writer *w)
{
    assert(w->_named == in_obj(w));
    bool comma = !w->_named && w->_comma;
    w->_named = false;
    return comma;
}

static inline void begin_value(struct json_writer *w)
{
    if (begin(w))
        put_byte(w->buf, ',');
}

/* The same, with the first byte of the value. */
static inline void begin_with(struct json_writer *w, char c)
{
    bool comma = begin(w);
    char *to = dgm_buf_room(w->buf, 1u + comma);
    if (!to)
        return;
    to[0] = ',';
    to[comma] = c;
    w->buf->n += 1u + comma;
}

/* After each value. On the top level texts follow each other without commas. */
static void end_value(struct json_writer *w)
{
    w->_comma = w->_arrs != 1;
}

static void open_container(struct json_writer *w, bool is_obj)
{
    begin_with(w, is_obj ? '{' : '[');
    assert(!(w->_arrs >> JSON_WRITER_DEPTH_MAX));
    w->_arrs = w->_arrs << 1 | !is_obj;
    w->_comma = false;
}

static void close_container(struct json_writer *w, bool is_obj)
{
    assert(w->_arrs != 1 && in_obj(w) == is_obj && !w->_named);
    w->_arrs >>= 1;
    put_byte(w->buf, is_obj ? '}' : ']');
    end_value(w);
}

void json_open_obj(struct json_writer *w)
{
    open_container(w, true);
}

void json_close_obj(struct json_writer *w)
{
    close_container(w, true);
}

void json_open_arr(struct json_writer *w)
{
    open_container(w, false);
}

void json_close_arr(struct json_writer *w)
{
    close_container(w, false);
}

void json_open_text(struct json_writer *w, struct dgm_str text, unsigned depth, unsigned arrs)
{
    begin_value(w);
    assert(arrs >> depth == 0 && !(w->_arrs >> (JSON_WRITER_DEPTH_MAX + 1 - depth)));
    w->_arrs = w->_arrs << depth | arrs;
    w->_comma = false;
    dgm_buf_put(w->buf, text);
}

void json_close_text(struct json_writer *w, struct dgm_str text, unsigned depth)
{
    assert(w->_arrs >> depth != 0 && !w->_named);
    w->_arrs >>= depth;
    dgm_buf_put(w->buf, text);
    end_value(w);
}

void json_put_key(struct json_writer *w, struct dgm_str name)
{
    assert(in_obj(w) && !w->_named);
    if (!put_plain(w->buf, name, w->_comma, true)) {
        put_comma(w);
        put_quoted(w->buf, name, PLAIN);
        put_byte(w->buf, ':');
    }
    w->_named = true;
}

void json_put_str(struct json_writer *w, struct dgm_str utf8)
{
    bool comma = begin(w);
    if (utf8.n > SHORT_BYTES || !put_plain(w->buf, utf8, comma, false)) {
        if (comma)
            put_byte(w->buf, ',');
        put_quote(w->buf, PLAIN);
        put_escaped(w->buf, utf8, PLAIN);
        put_quote(w->buf, PLAIN);
    }
    end_value(w);
}

void json_put_int(struct json_writer *w, int64_t i)
{
    begin_value(w);
    dgm_buf_put_int(w->buf, i);
    end_value(w);
}

void json_put_bool(struct json_writer *w, bool b)
{
    json_put_raw(w, b ? DGM_STR("true") : DGM_STR("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, DGM_STR("null"));
}

void json_put_raw(struct json_writer *w, struct dgm_str json)
{
    begin_value(w);
    dgm_buf_put(w->buf, json);
    end_value(w);
}

void json_put_val(struct json_writer *w, const struct json_val *v)
{
    begin_value(w);
    put_tree(w->buf, v, PLAIN);
    end_value(w);
}

void json_put_val_as_str(struct json_writer *w, const struct json_val *v)
{
    begin_with(w, '"');
    put_tree(w->buf, v, WITHIN_STR);
    put_byte(w->buf, '"');
    end_value(w);
}

void json_open_str(struct json_writer *w)
{
    begin_with(w, '"');
}

struct dgm_buf *json_open_raw(struct json_writer *w)
{
    begin_value(w);
    return w->buf;
}

void json_close_raw(struct json_writer *w)
{
    end_value(w);
}

void json_add_str(struct json_writer *w, struct dgm_str utf8)
{
    put_escaped(w->buf, utf8, PLAIN);
}

void json_add_val(struct json_writer *w, const struct json_val *v)
{
    put_tree(w->buf, v, WITHIN_STR);
}

void json_add_quoted(struct json_writer *w, struct dgm_str utf8)
{
    put_quoted(w->buf, utf8, WITHIN_STR);
}

void json_add_lasting(struct json_writer *w, struct dgm_str plain)
{
    const struct json_lent lent = {w->buf->n, plain};
    if (w->lent != NULL && plain.n >= JSON_LENT_BYTES)
        dgm_buf_put(w->lent, (struct dgm_str){(const char *)&lent, sizeof lent});
    else
        dgm_buf_put(w->buf, plain);
}

void json_put_lasting(struct json_writer *w, struct dgm_str utf8)
{
    if (utf8.n < JSON_LENT_BYTES || plain_run(utf8) < utf8.n) {
        json_put_str(w, utf8);
        return;
    }
    json_open_str(w);
    json_add_lasting(w, utf8);
    json_close_str(w);
}

void json_close_str(struct json_writer *w)
{
    put_byte(w->buf, '"');
    end_value(w);
}
