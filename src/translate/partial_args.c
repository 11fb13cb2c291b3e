/* SPDX-License-Identifier: Apache-2.0 */
/* partial_args.c - a call's arguments that are streamed as places and values, put together as one JSON text. */
#include "translate/partial_args.h"

#include "base/str.h"

#include <assert.h>

/* One step of a path: a member, or an element where `name` is absent. */
struct step {
    struct dgm_str name;
    uint32_t index;
};

struct path {
    struct step steps[PARTIAL_ARGS_DEPTH_MAX];
    unsigned n;
};

enum value_kind { VALUE_NONE, VALUE_STR, VALUE_JSON };

/* One element of partialArgs. */
struct partial {
    struct dgm_str path;
    enum value_kind kind;
    struct dgm_str text; /* of a string as it is meant; else JSON */
    bool continues;
};

/* ---- paths (RFC 9535, 2.3.1 and 2.5.1: what names one place) ---- */

static struct dgm_str skip_blanks(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t' || s.p[n] == '\n' || s.p[n] == '\r'))
        n++;
    return dgm_str_skip(s, n);
}

static bool take_char(struct dgm_str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c)
        return false;
    *rest = dgm_str_skip(*rest, 1);
    return true;
}

/* `dot` stands where ".name" begins. */
static bool read_dotted(struct dgm_str *rest, struct step *ret)
{
    struct dgm_str behind = dgm_str_skip(*rest, 1);
    ret->name = dgm_str_head(behind, dgm_str_find_either(behind, '.', '['));
    *rest = dgm_str_skip(behind, ret->name.n);
    return ret->name.n != 0;
}

static bool read_hex4(struct dgm_str *rest, uint32_t *ret)
{
    uint32_t u = 0;
    if (rest->n < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = rest->p[i];
        bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'f',
             upper = c >= 'A' && c <= 'F';
        if (!digit && !lower && !upper)
            return false;
        u = u << 4 | (uint32_t)(digit ? c - '0' : lower ? c - 'a' + 10 : c - 'A' + 10);
    }
    *rest = dgm_str_skip(*rest, 4);
    *ret = u;
    return true;
}

static void put_utf8(struct dgm_buf *out, uint32_t u)
{
    unsigned tails = u < 0x80 ? 0 : u < 0x800 ? 1 : u < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    dgm_buf_put_char(out, (char)(leads[tails] | u >> (6 * tails)));
    while (tails-- != 0)
        dgm_buf_put_char(out, (char)(0x80 | (u >> (6 * tails) & 0x3f)));
}

/* What stands behind "\u": a character, or half a pair with the other half behind it. */
static bool read_unicode(struct dgm_str *rest, struct dgm_buf *out)
{
    uint32_t u, low;
    if (!read_hex4(rest, &u) || (u >= 0xdc00 && u < 0xe000))
        return false;
    if (u >= 0xd800 && u < 0xdc00) {
        if (!take_char(rest, '\\') || !take_char(rest, 'u') || !read_hex4(rest, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return false;
        u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(out, u);
    return true;
}

static bool read_escape(struct dgm_str *rest, struct dgm_buf *out)
{
    static const char letters[] = "bfnrt/\\'\"", meant[] = "\b\f\n\r\t/\\'\"";
    if (take_char(rest, 'u'))
        return read_unicode(rest, out);
    const char *letter = rest->n && rest->p[0] ? strchr(letters, rest->p[0]) : NULL;
    if (!letter)
        return false;
    dgm_buf_put_char(out, meant[letter - letters]);
    *rest = dgm_str_skip(*rest, 1);
    return true;
}

/* Behind the opening quote. The name goes into `out`, which has room for all of the path. */
static bool read_quoted(struct dgm_str *rest, char quote, struct dgm_buf *out, struct dgm_str *ret)
{
    size_t from = out->n;
    while (rest->n != 0 && rest->p[0] != quote) {
        char c = rest->p[0];
        *rest = dgm_str_skip(*rest, 1);
        if (c != '\\')
            dgm_buf_put_char(out, c);
        else if (!read_escape(rest, out))
            return false;
    }
    assert(out->rc == DGM_OK);
    *ret = (struct dgm_str){out->p + from, out->n - from};
    return take_char(rest, quote);
}

static bool read_index(struct dgm_str *rest, uint32_t *ret)
{
    size_t n = 0;
    uint64_t u;
    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    if (!dgm_str_u64(dgm_str_head(*rest, n), &u) || u >= UINT32_MAX)
        return false;
    *rest = dgm_str_skip(*rest, n);
    *ret = (uint32_t)u;
    return true;
}

static bool read_bracketed(struct dgm_str *rest, struct dgm_buf *names, struct step *ret)
{
    bool ok;
    *rest = skip_blanks(dgm_str_skip(*rest, 1));
    if (take_char(rest, '\''))
        ok = read_quoted(rest, '\'', names, &ret->name);
    else if (take_char(rest, '"'))
        ok = read_quoted(rest, '"', names, &ret->name);
    else
        ok = read_index(rest, &ret->index);
    *rest = skip_blanks(*rest);
    return ok && take_char(rest, ']');
}

static enum dgm_rc read_path(struct partial_args *p, struct dgm_str text, struct path *ret)
{
    ret->n = 0;
    if (text.n > PARTIAL_ARGS_PATH_BYTES_MAX)
        return DGM_E_LIMIT;
    if (!take_char(&text, '$'))
        return DGM_E_SYNTAX;
    dgm_buf_clear(&p->_path);
    if (!dgm_buf_reserve(&p->_path, text.n))
        return p->_path.rc;
    while (text.n != 0) {
        struct step step = {0};
        bool dotted = text.p[0] == '.', bracketed = text.p[0] == '[';
        if (ret->n == PARTIAL_ARGS_DEPTH_MAX)
            return DGM_E_LIMIT;
        if (!(dotted && read_dotted(&text, &step)) &&
            !(bracketed && read_bracketed(&text, &p->_path, &step)))
            return DGM_E_SYNTAX;
        ret->steps[ret->n++] = step;
    }
    return DGM_OK;
}

/* ---- one element of partialArgs ---- */

/* Whether a member is a value, or nothing to us; null is "absent" to Google's parsers but for nullValue. */
static bool read_member(struct partial *a, struct dgm_str name, const struct json_val *v)
{
    enum json_kind kind = json_kind(v);
    struct partial value = {.kind = VALUE_JSON};
    if (kind == JSON_NULL)
        return true;
    if (dgm_str_eq(name, DGM_STR("stringValue")) && kind == JSON_STR) {
        value.kind = VALUE_STR;
        value.text = json_str(v);
    } else if (dgm_str_eq(name, DGM_STR("numberValue")) && kind == JSON_NUM) {
        value.text = json_num(v);
    } else if (dgm_str_eq(name, DGM_STR("boolValue")) && kind == JSON_BOOL) {
        value.text = json_bool(v, false) ? DGM_STR("true") : DGM_STR("false");
    } else if (dgm_str_eq(name, DGM_STR("nullValue"))) {
        return true; /* see below */
    } else {
        return false;
    }
    if (a->kind != VALUE_NONE)
        return false;
    a->kind = value.kind;
    a->text = value.text;
    return true;
}

/* False: it is not what an element of partialArgs is. What is unknown may be a value, and is never passed over. */
static bool read_partial(const struct json_val *v, struct partial *ret, bool *ret_null)
{
    *ret = (struct partial){0};
    *ret_null = false;
    if (json_kind(v) != JSON_OBJ)
        return false;
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (dgm_str_eq(it.name, DGM_STR("jsonPath")))
            ret->path = json_str(it.value);
        else if (dgm_str_eq(it.name, DGM_STR("willContinue")))
            ret->continues = json_bool(it.value, false);
        else if (!read_member(ret, it.name, it.value))
            return false;
        *ret_null = *ret_null || dgm_str_eq(it.name, DGM_STR("nullValue"));
    }
    return true;
}

/* ---- what is open ---- */

/* The name that stands at `*at` among the names; moves behind it. */
static struct dgm_str next_name(const struct partial_args *p, size_t *at)
{
    uint16_t n;
    memcpy(&n, p->_names.p + *at, sizeof n);
    struct dgm_str name = {p->_names.p + *at + sizeof n, n};
    *at += sizeof n + n;
    return name;
}

/* Whether a step leads to the last child of a container. */
static bool is_last(const struct partial_args *p, const struct partial_container *c,
                    const struct step *step)
{
    size_t at = c->name_at;
    if (c->children == 0 || c->is_arr != !step->name.p)
        return false;
    return c->is_arr ? step->index == c->children - 1 : dgm_str_eq(next_name(p, &at), step->name);
}

/* Whether it leads to a child that can come next. An object inside of it has its names behind the last of its own. */
static bool is_next(const struct partial_args *p, unsigned depth, const struct step *step)
{
    const struct partial_container *c = &p->_open[depth];
    if (c->is_arr != !step->name.p)
        return false;
    if (c->is_arr)
        return step->index == c->children;
    size_t end = depth + 1 < p->_depth ? p->_open[depth + 1].names_at : p->_names.n;
    for (size_t at = c->names_at; at < end;)
        if (dgm_str_eq(next_name(p, &at), step->name))
            return false;
    return true;
}

static void close_str(struct partial_args *p, struct dgm_buf *out)
{
    if (p->_in_str)
        dgm_buf_put_char(out, '"');
    p->_in_str = false;
}

/* Closes the innermost until `depth` are open. */
static void close_down(struct partial_args *p, unsigned depth, struct dgm_buf *out)
{
    close_str(p, out);
    while (p->_depth > depth) {
        const struct partial_container *c = &p->_open[--p->_depth];
        dgm_buf_put_char(out, c->is_arr ? ']' : '}');
        if (p->_names.n > c->names_at)
            p->_names.n = c->names_at;
    }
}

static void begin(struct partial_args *p, struct dgm_buf *out)
{
    if (!p->_begun)
        dgm_buf_put_char(out, '{');
    p->_begun = true;
}

/* Begins the child that a step leads to, in the innermost container. */
static void begin_child(struct partial_args *p, const struct step *step, struct dgm_buf *out)
{
    struct partial_container *c = &p->_open[p->_depth - 1];
    struct json_writer w = json_writer(out);
    if (c->children++ != 0)
        dgm_buf_put_char(out, ',');
    if (c->is_arr)
        return;
    uint16_t n = (uint16_t)step->name.n;
    c->name_at = (uint32_t)p->_names.n;
    dgm_buf_put(&p->_names, (struct dgm_str){(const char *)&n, sizeof n});
    dgm_buf_put(&p->_names, step->name);
    json_put_str(&w, step->name);
    dgm_buf_put_char(out, ':');
}

static void open_container(struct partial_args *p, bool is_arr, struct dgm_buf *out)
{
    assert(p->_depth < PARTIAL_ARGS_DEPTH_MAX);
    p->_open[p->_depth++] =
        (struct partial_container){.names_at = (uint32_t)p->_names.n, .is_arr = is_arr};
    dgm_buf_put_char(out, is_arr ? '[' : '{');
}

/* ---- putting ---- */

static void put_str(struct partial_args *p, const struct partial *a, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    if (!p->_in_str)
        dgm_buf_put_char(out, '"');
    json_add_str(&w, a->text);
    p->_in_str = true;
    if (!a->continues)
        close_str(p, out);
}

/* A piece for the place where the text stands: more of an open string, or nothing. */
static enum dgm_rc put_here(struct partial_args *p, const struct path *path,
                            const struct partial *a, struct dgm_buf *out)
{
    bool in_str = p->_in_str && path->n == p->_depth;
    if (a->kind != VALUE_NONE && !(a->kind == VALUE_STR && in_str))
        return DGM_E_SYNTAX;
    if (in_str)
        put_str(p, a, out);
    return DGM_OK;
}

/* A value for a new place, whose path leaves what is open behind its first `same` steps. */
static enum dgm_rc put_new(struct partial_args *p, const struct path *path, unsigned same,
                           const struct partial *a, struct dgm_buf *out)
{
    if (same == p->_depth || !is_next(p, same, &path->steps[same]))
        return DGM_E_SYNTAX;
    for (unsigned i = same + 1; i < path->n; i++)
        if (path->steps[i].index != 0)
            return DGM_E_SYNTAX;
    if (a->kind == VALUE_NONE)
        return DGM_OK;

    begin(p, out);
    close_down(p, same + 1, out);
    for (unsigned i = same; i < path->n; i++) {
        begin_child(p, &path->steps[i], out);
        if (i + 1 < path->n)
            open_container(p, !path->steps[i + 1].name.p, out);
    }
    if (a->kind == VALUE_STR)
        put_str(p, a, out);
    else
        dgm_buf_put(out, a->text);
    return p->_names.rc;
}

static enum dgm_rc put_partial(struct partial_args *p, const struct json_val *v,
                               struct dgm_buf *out)
{
    struct partial a;
    struct path path;
    bool null;
    unsigned same = 0;
    if (!read_partial(v, &a, &null))
        return DGM_E_SYNTAX;
    if (!a.path.p && a.kind == VALUE_NONE && !null)
        return DGM_OK;
    enum dgm_rc rc = read_path(p, a.path, &path);
    if (rc != DGM_OK)
        return rc;

    while (same < path.n && same < p->_depth && is_last(p, &p->_open[same], &path.steps[same]))
        same++;
    if (same == path.n)
        return put_here(p, &path, &a, out);
    if (a.kind == VALUE_NONE && (null || !a.continues)) {
        a.kind = VALUE_JSON;
        a.text = DGM_STR("null");
    }
    return put_new(p, &path, same, &a, out);
}

/* ---- calls ---- */

void partial_args_init(struct partial_args *p, const struct dgm_alloc *alloc)
{
    *p = (struct partial_args){._depth = 1, ._rc = DGM_MORE};
    dgm_buf_init(&p->_names, alloc, PARTIAL_ARGS_NAMES_BYTES_MAX);
    dgm_buf_init(&p->_path, alloc, PARTIAL_ARGS_PATH_BYTES_MAX);
}

void partial_args_dispose(struct partial_args *p)
{
    dgm_buf_dispose(&p->_names);
    dgm_buf_dispose(&p->_path);
}

enum dgm_rc partial_args_feed(struct partial_args *p, const struct json_val *call,
                              struct dgm_buf *out)
{
    const struct json_val *partials = json_get(call, DGM_STR("partialArgs"));
    struct json_iter it = json_iter(json_kind(partials) == JSON_ARR ? partials : NULL);
    if (p->_rc == DGM_DONE && json_size(partials) != 0)
        p->_rc = DGM_E_SYNTAX;
    while (p->_rc == DGM_MORE && json_next(&it)) {
        enum dgm_rc rc = put_partial(p, it.value, out);
        if (rc != DGM_OK)
            p->_rc = rc;
        else if (out->rc != DGM_OK)
            p->_rc = out->rc;
    }
    if (p->_rc != DGM_MORE || json_bool(json_get(call, DGM_STR("willContinue")), false))
        return p->_rc;
    return partial_args_finish(p, out);
}

enum dgm_rc partial_args_finish(struct partial_args *p, struct dgm_buf *out)
{
    if (p->_rc != DGM_MORE)
        return p->_rc;
    begin(p, out);
    close_down(p, 0, out);
    p->_rc = out->rc == DGM_OK ? DGM_DONE : out->rc;
    return p->_rc;
}
