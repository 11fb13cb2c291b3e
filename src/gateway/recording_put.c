/* SPDX-License-Identifier: Apache-2.0 */
/* recording_put.c - an exchange as the text of a file. */
#include "gateway/recording.h"

#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"
#include "emulate/base64.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#define LAID_OUT_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define BASE64_LINE_BYTES 72

/* ---- lines ---- */

static void put_indent(struct dgm_buf *out, size_t indent)
{
    for (size_t i = 0; i < indent; i++)
        dgm_buf_put_char(out, ' ');
}

static void put_key(struct dgm_buf *out, size_t indent, struct dgm_str key)
{
    put_indent(out, indent);
    dgm_buf_put(out, key);
    dgm_buf_put_char(out, ':');
}

/* A code point that YAML can not hold as it is, or takes for a line break; 0 for any other. `*n`: its bytes. */
static unsigned odd_point(struct dgm_str s, size_t *n)
{
    unsigned char c = (unsigned char)s.p[0];
    *n = 1;
    if (c < 0x20 || c == 0x7f)
        return c == 0 ? 0x100 : c; /* U+0100 stands for NUL */
    struct dgm_str two = dgm_str_head(s, 2), three = dgm_str_head(s, 3);
    *n = 2;
    if (c == 0xc2 && two.n == 2 && (unsigned char)two.p[1] < 0xa0)
        return (unsigned char)two.p[1];
    *n = 3;
    if (dgm_str_eq(three, DGM_STR("\xe2\x80\xa8")))
        return 0x2028;
    if (dgm_str_eq(three, DGM_STR("\xe2\x80\xa9")))
        return 0x2029;
    if (dgm_str_eq(three, DGM_STR("\xef\xbb\xbf")))
        return 0xfeff;
    if (dgm_str_eq(three, DGM_STR("\xef\xbf\xbe")))
        return 0xfffe;
    return dgm_str_eq(three, DGM_STR("\xef\xbf\xbf")) ? 0xffff : 0;
}

static void put_quoted(struct dgm_buf *out, struct dgm_str s)
{
    dgm_buf_put_char(out, '"');
    for (size_t i = 0; i < s.n;) {
        size_t n;
        unsigned odd = odd_point(dgm_str_skip(s, i), &n);
        char c = s.p[i];
        if (odd == '\n' || odd == '\r' || odd == '\t') {
            dgm_buf_put_char(out, '\\');
            dgm_buf_put_char(out, odd == '\n' ? 'n' : odd == '\r' ? 'r' : 't');
        } else if (odd != 0) {
            dgm_buf_put_lit(out, "\\u");
            dgm_buf_put_hex(out, odd == 0x100 ? 0 : odd, 4);
        } else {
            if (c == '"' || c == '\\')
                dgm_buf_put_char(out, '\\');
            dgm_buf_put_char(out, c);
        }
        i += odd != 0 ? n : 1;
    }
    dgm_buf_put_char(out, '"');
}

/* ---- texts of several lines ---- */

/* Whether YAML gives a text back that is written as a block. */
static bool is_block(struct dgm_str s)
{
    bool says = false;
    for (size_t i = 0; i < s.n; i++) {
        size_t n;
        says |= s.p[i] != '\n' && s.p[i] != ' ';
        if (s.p[i] != '\n' && s.p[i] != '\t' && odd_point(dgm_str_skip(s, i), &n) != 0)
            return false;
    }
    return says;
}

static void put_block(struct dgm_buf *out, size_t indent, struct dgm_str s)
{
    bool ends = dgm_str_ends(s, DGM_STR("\n"));
    bool ends_twice = dgm_str_ends(s, DGM_STR("\n\n"));
    dgm_buf_put(out, ends_twice ? DGM_STR(" |2+\n") : ends ? DGM_STR(" |2\n") : DGM_STR(" |2-\n"));
    for (struct dgm_str rest = ends ? dgm_str_head(s, s.n - 1) : s, line;
         dgm_str_split(&rest, '\n', &line);) {
        if (line.n != 0)
            put_indent(out, indent);
        dgm_buf_put(out, line);
        dgm_buf_put_char(out, '\n');
    }
}

/* ---- what bytes are written as ---- */

static void put_text(struct dgm_buf *out, size_t indent, struct dgm_str key, struct dgm_str s)
{
    put_key(out, indent, key);
    if (is_block(s)) {
        put_block(out, indent + 2, s);
        return;
    }
    dgm_buf_put_char(out, ' ');
    put_quoted(out, s);
    dgm_buf_put_char(out, '\n');
}

static void put_base64(struct dgm_buf *out, size_t indent, struct dgm_str s)
{
    put_key(out, indent, DGM_STR("base64"));
    if (s.n <= BASE64_LINE_BYTES / 4 * 3) {
        dgm_buf_put_lit(out, " \"");
        emu_base64_put(out, s);
        dgm_buf_put_lit(out, "\"\n");
        return;
    }
    dgm_buf_put_lit(out, " |2-\n");
    for (; s.n != 0; s = dgm_str_skip(s, BASE64_LINE_BYTES / 4 * 3)) {
        put_indent(out, indent + 2);
        emu_base64_put(out, dgm_str_head(s, BASE64_LINE_BYTES / 4 * 3));
        dgm_buf_put_char(out, '\n');
    }
}

/* JSON laid out, where reading gives the same bytes back. False: nothing was put. */
static bool put_json(struct dgm_buf *out, size_t indent, struct dgm_str s)
{
    struct dgm_buf tight, laid;
    bool done = false;
    if (s.n == 0 || (s.p[0] != '{' && s.p[0] != '['))
        return false;
    dgm_buf_init(&tight, &dgm_alloc_libc, LAID_OUT_BYTES_MAX);
    dgm_buf_init(&laid, &dgm_alloc_libc, LAID_OUT_BYTES_MAX);
    for (int spaced = 0; spaced < 2 && !done; spaced++) {
        dgm_buf_clear(&tight);
        gw_layout_take(s, spaced != 0, &tight);
        if (tight.rc != DGM_OK || !dgm_str_eq(dgm_buf_str(&tight), s))
            continue;
        gw_layout_put(s, &laid);
        done = laid.rc == DGM_OK && is_block(dgm_buf_str(&laid));
        if (done)
            put_text(out, indent, spaced ? DGM_STR("spaced") : DGM_STR("json"), dgm_buf_str(&laid));
    }
    dgm_buf_dispose(&tight);
    dgm_buf_dispose(&laid);
    return done;
}

/* Text whose lines all end in CR LF. False: it is none, and nothing was put. */
static bool put_crlf(struct dgm_buf *out, size_t indent, struct dgm_str s)
{
    struct dgm_buf lines;
    size_t crs = 0, lfs = 0, pairs = 0;
    for (size_t i = 0; i < s.n; i++) {
        crs += s.p[i] == '\r';
        lfs += s.p[i] == '\n';
        pairs += s.p[i] == '\n' && i != 0 && s.p[i - 1] == '\r';
    }
    if (pairs == 0 || crs != pairs || lfs != pairs)
        return false;
    dgm_buf_init(&lines, &dgm_alloc_libc, LAID_OUT_BYTES_MAX);
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '\r')
            dgm_buf_put_char(&lines, s.p[i]);
    bool done = lines.rc == DGM_OK && is_block(dgm_buf_str(&lines));
    if (done)
        put_text(out, indent, DGM_STR("crlf"), dgm_buf_str(&lines));
    dgm_buf_dispose(&lines);
    return done;
}

static void put_bytes(struct dgm_buf *out, size_t indent, struct dgm_str s)
{
    if (dgm_utf8_bad(s) != s.n)
        put_base64(out, indent, s);
    else if (!put_json(out, indent, s) && !put_crlf(out, indent, s))
        put_text(out, indent, DGM_STR("text"), s);
}

/* ---- pieces ---- */

/* How many bytes of a character that began before stand at the head of a piece. */
static size_t tail_bytes(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && n < 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* The piece in up to three parts: the end of a character, text, and the begin of a character. */
static size_t cut(struct dgm_str s, struct dgm_str parts[3])
{
    size_t head = tail_bytes(s), n = 0;
    struct dgm_str rest = dgm_str_skip(s, head);
    size_t sound = dgm_utf8_bad(rest);
    if (sound == 0 || rest.n - sound > 3) {
        parts[0] = s;
        return 1;
    }
    if (head != 0)
        parts[n++] = dgm_str_head(s, head);
    parts[n++] = dgm_str_head(rest, sound);
    if (sound != rest.n)
        parts[n++] = dgm_str_skip(rest, sound);
    return n;
}

static void put_piece(struct dgm_buf *out, size_t indent, const struct gw_recorded_piece *piece)
{
    struct dgm_str parts[3];
    size_t n = cut(piece->bytes, parts);
    for (size_t i = 0; i < n; i++) {
        put_indent(out, indent);
        dgm_buf_put_lit(out, "-");
        if (i == 0) {
            dgm_buf_put_lit(out, " ms: ");
            dgm_buf_put_int(out, piece->ms);
        }
        dgm_buf_put_char(out, '\n');
        put_bytes(out, indent + 2, parts[i]);
    }
}

/* ---- values ---- */

static void put_str(struct dgm_buf *out, size_t indent, struct dgm_str key, struct dgm_str s)
{
    if (s.p == NULL)
        return;
    put_key(out, indent, key);
    dgm_buf_put_char(out, ' ');
    put_quoted(out, dgm_str_head(s, dgm_utf8_bad(s)));
    dgm_buf_put_char(out, '\n');
}

static void put_plain(struct dgm_buf *out, size_t indent, struct dgm_str key, struct dgm_str word)
{
    put_key(out, indent, key);
    dgm_buf_put_char(out, ' ');
    dgm_buf_put(out, word);
    dgm_buf_put_char(out, '\n');
}

/* One of a few words, by its place among them. */
static void put_word(struct dgm_buf *out, size_t indent, struct dgm_str key,
                     const struct gw_recorded_words *words, int i)
{
    assert(i >= 0 && (size_t)i < words->n);
    put_plain(out, indent, key, words->at[i]);
}

static void put_int(struct dgm_buf *out, size_t indent, struct dgm_str key, int64_t i)
{
    put_key(out, indent, key);
    dgm_buf_put_char(out, ' ');
    dgm_buf_put_int(out, i);
    dgm_buf_put_char(out, '\n');
}

static void put_bool(struct dgm_buf *out, size_t indent, struct dgm_str key, bool b)
{
    put_plain(out, indent, key, b ? DGM_STR("true") : DGM_STR("false"));
}

static void open_map(struct dgm_buf *out, size_t indent, struct dgm_str key)
{
    put_key(out, indent, key);
    dgm_buf_put_char(out, '\n');
}

static void put_message(struct dgm_buf *out, size_t indent, const struct gw_recorded_message *m)
{
    put_str(out, indent, DGM_STR("method"), m->method);
    put_str(out, indent, DGM_STR("target"), m->target);
    if (m->headers_n != 0)
        open_map(out, indent, DGM_STR("headers"));
    for (size_t i = 0; i < m->headers_n; i++)
        put_str(out, indent + 2, m->headers[i].name, m->headers[i].value);
    put_bytes(out, indent, m->body);
}

static void put_answer(struct dgm_buf *out, size_t indent, const struct gw_recorded_call *c)
{
    put_int(out, indent, DGM_STR("status"), c->status);
    put_str(out, indent, DGM_STR("type"), c->type);
    put_str(out, indent, DGM_STR("warning"), c->warning);
    if (c->retry_ms >= 0)
        put_int(out, indent, DGM_STR("retry_ms"), c->retry_ms);
    if (c->pieces != NULL)
        open_map(out, indent, DGM_STR("pieces"));
    for (const struct gw_recorded_piece *at = c->pieces; at != NULL; at = at->next)
        put_piece(out, indent, at);
    put_word(out, indent, DGM_STR("end"), &gw_recorded_ends, (int)c->end);
    if (c->end != GW_RECORDED_FAILED)
        return;
    put_plain(out, indent, DGM_STR("error"), gw_recorded_error(c->error));
    put_str(out, indent, DGM_STR("detail"), c->detail);
}

/* base64 stays what it is, in lines. */
static void put_fetched(struct dgm_buf *out, const struct gw_recorded_url *u)
{
    dgm_buf_put_lit(out, "-");
    put_str(out, 1, DGM_STR("url"), u->url);
    put_str(out, 2, DGM_STR("type"), u->mime);
    put_bool(out, 2, DGM_STR("sure"), u->sure);
    dgm_buf_put_lit(out, "  data: |2-\n");
    for (struct dgm_str rest = u->base64; rest.n != 0;
         rest = dgm_str_skip(rest, BASE64_LINE_BYTES)) {
        put_indent(out, 4);
        dgm_buf_put(out, dgm_str_head(rest, BASE64_LINE_BYTES));
        dgm_buf_put_char(out, '\n');
    }
}

static void put_call(struct dgm_buf *out, const struct gw_recorded_call *c)
{
    const struct gw_upstream *u = &c->upstream;
    dgm_buf_put_lit(out, "- upstream:\n");
    put_str(out, 4, DGM_STR("name"), u->name);
    put_plain(out, 4, DGM_STR("kind"), gw_upstream_kind_name(u->kind));
    if (u->kind == GW_EMULATOR)
        put_word(out, 4, DGM_STR("dialect"), &gw_recorded_dialects, u->dialect);
    put_str(out, 4, DGM_STR("model"), u->model);
    put_str(out, 4, DGM_STR("base_url"), u->base_url);
    open_map(out, 2, DGM_STR("request"));
    put_message(out, 4, &c->request);
    open_map(out, 2, DGM_STR("answer"));
    put_answer(out, 4, c);
}

/* "2026-11-21T19:20:31.123Z" */
static void put_time(struct dgm_buf *out, int64_t ms)
{
    char text[40] = "";
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL) {
        size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        (void)snprintf(text + n, sizeof text - n, ".%03dZ", (int)(ms % 1000));
    }
    put_str(out, 0, DGM_STR("time"), dgm_str_c(text));
}

static void put_translation(struct dgm_buf *out, const struct gw_recording *r)
{
    open_map(out, 0, DGM_STR("translation"));
    put_str(out, 2, DGM_STR("seed"), r->seed);
    put_int(out, 2, DGM_STR("now"), r->now);
    put_str(out, 2, DGM_STR("endpoint"), r->endpoint);
    put_str(out, 2, DGM_STR("model"), r->model);
    put_word(out, 2, DGM_STR("compat"), &gw_recorded_compats, r->compat);
    put_word(out, 2, DGM_STR("reasoning"), &gw_recorded_reasonings, r->reasoning);
    if (r->reasoning_details)
        put_bool(out, 2, DGM_STR("reasoning_details"), true);
    put_bool(out, 2, DGM_STR("strict"), r->strict);
    put_bool(out, 2, DGM_STR("max_tokens_includes_thinking"), r->max_tokens_includes_thinking);
    put_bool(out, 2, DGM_STR("always_usage"), r->always_usage);
    put_word(out, 2, DGM_STR("blocked"), &gw_recorded_blocked, r->blocked);
    put_word(out, 2, DGM_STR("image_output"), &gw_recorded_images, r->image_output);
}

void gw_recording_put(const struct gw_recording *r, struct dgm_buf *out)
{
    put_int(out, 0, DGM_STR("recording"), GW_RECORDING_VERSION);
    put_time(out, r->time_ms);
    put_str(out, 0, DGM_STR("id"), r->id);
    if (r->seed.p != NULL)
        put_translation(out, r);
    open_map(out, 0, DGM_STR("client"));
    put_message(out, 2, &r->client);
    if (r->fetched != NULL)
        open_map(out, 0, DGM_STR("fetched"));
    for (const struct gw_recorded_url *at = r->fetched; at != NULL; at = at->next)
        put_fetched(out, at);
    if (r->calls != NULL)
        open_map(out, 0, DGM_STR("calls"));
    for (const struct gw_recorded_call *at = r->calls; at != NULL; at = at->next)
        put_call(out, at);
    if (r->status == 0)
        return;
    open_map(out, 0, DGM_STR("reply"));
    put_int(out, 2, DGM_STR("status"), r->status);
    put_str(out, 2, DGM_STR("type"), r->type);
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    struct dgm_str bytes = gw_recorded_bytes(r->reply, &arena);
    if (bytes.p != NULL)
        put_bytes(out, 2, bytes);
    else
        out->rc = DGM_E_NOMEM;
    dgm_arena_dispose(&arena);
}
