/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - HTTP/1.1 messages as data, over llhttp. */
#include "http/message.h"

#include "base/buf.h"
#include "base/str.h"
#include "http/media.h"
#include "http/parser.h"

#include <assert.h>

#define HEAD_BYTES ((size_t)64 * 1024)
#define HEAD_BYTES_MAX ((size_t)1024 * 1024)
#define TARGET_BYTES ((size_t)16 * 1024)
#define HEADERS 100
#define LEAD_BYTES                                                                                 \
    4 /* RFC 9112 2.2: at least one empty line before a request is ignored; we take two */
#define INTERIM_MAX 16 /* 1xx answers before the real one */

/* A chunk-size line: 16 digits and CRLF are what a size can need, all else in it is extra. */
#define LINE_BYTES 256
#define LINE_NEEDED 18
#define EXTRA_BYTES (16 * 1024)
#define TRAILER_BYTES (8 * 1024)

/* ---- what llhttp tells ----------------------------------------------------------------------- */

static struct http_parser *parser_of(llhttp_t *l)
{
    return l->data;
}

/*
 * The head's text is kept after llhttp has seen it, so a place in it is an offset, never a pointer.
 */
static uint32_t offset_of(const struct http_parser *p, const char *at)
{
    return (uint32_t)(p->text.n + (size_t)(at - p->base));
}

static int stop_for(struct http_parser *p, enum due due)
{
    p->due = due;
    return HPE_PAUSED;
}

static int stop_with(struct http_parser *p, enum dgm_error error)
{
    p->error = error;
    return HPE_USER;
}

static int on_url(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (p->target_n == 0)
        p->target_at = offset_of(p, at);
    p->target_n += (uint32_t)n;
    return 0;
}

static int on_url_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    p->target_done = true;
    return p->target_n > p->target_max ? stop_with(p, DGM_ERR_TARGET_LONG) : 0;
}

static int on_version_complete(llhttp_t *l)
{
    parser_of(l)->version_done = true;
    return 0;
}

static int on_header_field(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (p->open.name_n == 0)
        p->open.name_at = offset_of(p, at);
    p->open.name_n += (uint32_t)n;
    return 0;
}

static int on_header_value(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    uint32_t offset = offset_of(p, at);
    if (p->open.value_n == 0)
        p->open.value_at = offset;
    p->open.value_n = offset + (uint32_t)n - p->open.value_at;
    return 0;
}

/* Headers are counted here and not at a name's first byte: a cut name would count sooner than a whole one. */
static int on_header_value_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    if (p->place == IN_HEAD && p->fields.n / sizeof(struct field) >= p->headers_max)
        return stop_with(p, DGM_ERR_HEAD_LARGE);
    if (p->place == IN_HEAD) /* trailers are dropped */
        dgm_buf__add(&p->fields, (const char *)&p->open, sizeof p->open);
    p->open = (struct field){0};
    return 0;
}

static int on_headers_complete(llhttp_t *l)
{
    return stop_for(parser_of(l), DUE_HEAD);
}

static int on_chunk_header(llhttp_t *l)
{
    return stop_for(parser_of(l), DUE_CHUNK);
}

static int on_chunk_complete(llhttp_t *l)
{
    struct http_parser *p = parser_of(l);
    return p->place == IN_TRAILERS ? 0 : stop_for(p, DUE_CHUNK_END);
}

static int on_body(llhttp_t *l, const char *at, size_t n)
{
    struct http_parser *p = parser_of(l);
    if (n == 0)
        return 0;
    p->piece = (struct dgm_str){at, n};
    return stop_for(p, DUE_PIECE);
}

static int on_message_complete(llhttp_t *l)
{
    return stop_for(parser_of(l), DUE_END);
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_version_complete = on_version_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- failing --------------------------------------------------------------------------------- */

static enum dgm_rc rc_of(enum dgm_error error)
{
    switch (error) {
    case DGM_ERR_HEAD_LARGE:
    case DGM_ERR_TARGET_LONG:
    case DGM_ERR_BODY_LARGE:
        return DGM_E_LIMIT;
    case DGM_ERR_METHOD:
    case DGM_ERR_HTTP_VERSION:
    case DGM_ERR_EXPECTATION:
        return DGM_E_REFUSED;
    case DGM_ERR_NO_MEMORY:
        return DGM_E_NOMEM;
    default:
        return DGM_E_SYNTAX;
    }
}

/* The first failure stays. `detail` is a constant sentence; NULL stands for the row's own. */
void http_reader__fail(struct http_reader *r, enum dgm_error error, const char *detail)
{
    r->_rc = rc_of(error);
    r->_detail = detail;
    r->_error = error;
    if (r->_kind == HTTP_REQUESTS || error == DGM_ERR_NO_MEMORY)
        return;
    r->_error = r->_rc == DGM_E_LIMIT ? DGM_ERR_UPSTREAM_LARGE : DGM_ERR_UPSTREAM_BROKEN;
    if (r->_rc == DGM_E_REFUSED)
        r->_rc = DGM_E_SYNTAX;
}

void http_reader__fail_syntax(struct http_reader *r, const char *detail)
{
    http_reader__fail(r, DGM_ERR_HTTP_SYNTAX, detail);
}

/* llhttp's word for it, in ours. `at` is where it stopped, inside what it was given. */
static void fail_llhttp(struct http_reader *r, llhttp_errno_t e, struct dgm_str at)
{
    switch (e) {
    case HPE_INVALID_METHOD:
        /* A letter that fits no method makes a strange method; anything else is not even HTTP. */
        if (http_token_ok(dgm_str_head(at, 1))) {
            http_reader__fail(r, DGM_ERR_METHOD, "The method is not known here.");
            return;
        }
        http_reader__fail_syntax(r, "The request line does not start with a method.");
        return;
    case HPE_INVALID_URL:
        http_reader__fail(r, DGM_ERR_HTTP_TARGET,
                          "The request's target holds a character that no target has.");
        return;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        http_reader__fail_syntax(
            r, "Content-Length has to stand once, without Transfer-Encoding, in plain digits.");
        return;
    case HPE_INVALID_TRANSFER_ENCODING:
        http_reader__fail_syntax(
            r, "Transfer-Encoding has to be \"chunked\" alone, once, without Content-Length.");
        return;
    case HPE_INVALID_HEADER_TOKEN:
    case HPE_UNEXPECTED_SPACE:
        http_reader__fail_syntax(r, "A header line is malformed.");
        return;
    case HPE_CR_EXPECTED:
    case HPE_LF_EXPECTED:
        http_reader__fail_syntax(r, "A line does not end in CR LF.");
        return;
    case HPE_INVALID_CHUNK_SIZE:
        http_reader__fail_syntax(r, "A chunk's size is not a plain hexadecimal number.");
        return;
    case HPE_INVALID_STATUS:
        http_reader__fail_syntax(r, "The status line is malformed.");
        return;
    default:
        http_reader__fail_syntax(r, r->_parser->place == IN_HEAD
                                        ? "The message's head is malformed."
                                        : "The message's chunks are malformed.");
    }
}

/* ---- stepping -------------------------------------------------------------------------------- */

/*
 * Drops the empty lines a request may have before it; an answer may have none. Returns whether a
 * message begins at `*in`.
 */
static bool skip_lead(struct http_reader *r, struct dgm_str *in)
{
    unsigned max = r->_kind == HTTP_REQUESTS ? LEAD_BYTES : 0;
    while (in->n != 0) {
        bool half = r->_lead % 2 != 0;
        if (!half && in->p[0] != '\r' && in->p[0] != '\n')
            break;
        if (in->p[0] != (half ? '\n' : '\r') || r->_lead == max) {
            http_reader__fail_syntax(r, "The message does not start with its first line.");
            return false;
        }
        *in = dgm_str_skip(*in, 1);
        r->_lead++;
    }
    return in->n != 0;
}

static void begin(struct http_reader *r)
{
    struct http_parser *p = r->_parser;
    if (!p)
        p = r->_parser = http_parser__new(r->_alloc, &r->_limits);
    if (!p) {
        http_reader__fail(r, DGM_ERR_NO_MEMORY, NULL);
        return;
    }
    llhttp_init(&p->llhttp, r->_kind == HTTP_REQUESTS ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
    p->llhttp.data = p;
    dgm_buf_clear(&p->text);
    dgm_buf_clear(&p->fields);
    p->open = (struct field){0};
    p->target_at = p->target_n = 0;
    p->target_done = p->version_done = false;
    p->place = IN_HEAD;
    p->room = r->_limits.head_bytes;
    p->extra = 0;
    p->body_bytes = 0;
    r->_lead = 0;
    r->head = (struct http_head){0};
}

static void fail_body_large(struct http_reader *r, uint64_t told_bytes)
{
    http_reader__fail(r, DGM_ERR_BODY_LARGE, NULL);
    r->_parser->told_bytes = told_bytes;
}

/* The ceiling of the present place was reached. */
static void fail_room(struct http_reader *r)
{
    switch (r->_parser->place) {
    case IN_HEAD:
        if (r->_kind == HTTP_REQUESTS && !r->_parser->target_done)
            http_reader__fail(r, DGM_ERR_TARGET_LONG, NULL);
        else
            http_reader__fail(r, DGM_ERR_HEAD_LARGE, NULL);
        return;
    case IN_LINE:
        http_reader__fail_syntax(r, "A chunk's size line or the extensions in it are too long.");
        return;
    case IN_TRAILERS:
        http_reader__fail_syntax(r, "The trailers are too long.");
        return;
    default:
        fail_body_large(r, r->_parser->body_bytes);
    }
}

static void enter(struct http_parser *p, enum place place, size_t room)
{
    p->place = place;
    p->room = room;
}

static void enter_line(struct http_parser *p)
{
    size_t left = LINE_NEEDED + EXTRA_BYTES - p->extra;
    enter(p, IN_LINE, left < LINE_BYTES ? left : LINE_BYTES);
}

/* llhttp read a chunk's size. */
static void enter_chunk(struct http_reader *r)
{
    struct http_parser *p = r->_parser;
    size_t left = LINE_NEEDED + EXTRA_BYTES - p->extra;
    size_t line = (left < LINE_BYTES ? left : LINE_BYTES) - p->room;
    p->extra += line > LINE_NEEDED ? line - LINE_NEEDED : 0;
    uint64_t size = p->llhttp.content_length;
    if (size == 0)
        enter(p, IN_TRAILERS, TRAILER_BYTES);
    else if (size > INT64_MAX)
        http_reader__fail_syntax(r, "A chunk's size is beyond all measure.");
    else if (size > r->_limits.body_bytes - p->body_bytes)
        fail_body_large(r, p->body_bytes + size);
    else
        enter(p, IN_BODY, 0);
}

/* The head is out; on to the body, if it may come at all. */
static void enter_body(struct http_reader *r)
{
    struct http_parser *p = r->_parser;
    if (r->head.framing == HTTP_BODY_SIZED && r->head.length > r->_limits.body_bytes)
        fail_body_large(r, r->head.length);
    else if (r->head.framing == HTTP_BODY_CHUNKED)
        enter_line(p);
    else
        enter(p, IN_BODY, 0);
}

/*
 * llhttp speaks 0.9 and 2.0 too. It learns that a request line ended without a version from the
 * byte behind it, for which a client of HTTP/0.9 will not wait.
 */
static bool version_is_ours(const struct http_parser *p)
{
    if (p->llhttp.http_major > 1 || p->llhttp.http_minor > 1)
        return false;
    return p->version_done || dgm_str_find_char(dgm_buf_str(&p->text), '\n') == p->text.n;
}

/*
 * How many bytes of `*in` may be read in the present place. Cutting at the ceiling makes what fails
 * the same however the input was cut: what stands before the ceiling is judged first.
 */
static size_t room_for(const struct http_reader *r, size_t n)
{
    const struct http_parser *p = r->_parser;
    if (p->place != IN_BODY)
        return n < p->room ? n : p->room;
    uint64_t left = r->_limits.body_bytes - p->body_bytes;
    return r->head.framing == HTTP_BODY_TO_CLOSE && n > left ? (size_t)left : n;
}

/* Runs llhttp until it stops for something (p->due), fails, or has used up `*in` or the room. */
static void step(struct http_reader *r, struct dgm_str *in)
{
    struct http_parser *p = r->_parser;
    size_t n = room_for(r, in->n);
    p->base = in->n != 0 ? in->p : "";
    p->due = DUE_NOTHING;
    p->error = DGM_ERR_NONE;
    llhttp_errno_t e = llhttp_execute(&p->llhttp, p->base, n);

    size_t used = e == HPE_OK ? n : (size_t)(llhttp_get_error_pos(&p->llhttp) - p->base);
    assert(used <= n);
    struct dgm_str seen = dgm_str_head(*in, used);
    *in = dgm_str_skip(*in, used);
    if (p->place == IN_HEAD)
        dgm_buf_put(&p->text, seen);
    if (p->place != IN_BODY)
        p->room -= used;

    if (p->text.rc != DGM_OK || p->fields.rc != DGM_OK)
        http_reader__fail(r, DGM_ERR_NO_MEMORY, NULL); /* the ceilings were kept above */
    else if (p->place == IN_HEAD && !version_is_ours(p))
        http_reader__fail(r, DGM_ERR_HTTP_VERSION, NULL);
    else if (p->error != DGM_ERR_NONE)
        http_reader__fail(r, p->error, NULL);
    else if (e == HPE_PAUSED)
        llhttp_resume(&p->llhttp);
    else if (e != HPE_OK)
        fail_llhttp(r, e, *in);
    else if (p->place == IN_BODY ? n == 0 && in->n != 0 : p->room == 0)
        fail_room(r);
}

static enum dgm_rc give(struct http_event *ret, enum http_event_kind kind, struct dgm_str body)
{
    *ret = (struct http_event){.kind = kind, .body = body};
    return DGM_EVENT;
}

static bool is_interim(const struct http_reader *r)
{
    return r->_kind == HTTP_ANSWERS && r->head.status < 200;
}

static enum dgm_rc end(struct http_reader *r, struct http_event *ret)
{
    enter(r->_parser, AT_START, 0);
    if (!r->head.keep_alive)
        r->_rc = DGM_DONE;
    r->_parser->interims = 0;
    return give(ret, HTTP_EV_END, (struct dgm_str){0});
}

/* What llhttp stopped for: an event of ours, or DGM_OK to go on. */
static enum dgm_rc take_due(struct http_reader *r, struct http_event *ret)
{
    struct http_parser *p = r->_parser;
    switch (p->due) {
    case DUE_HEAD:
        http_head__check(r);
        if (r->_rc != DGM_OK)
            return r->_rc;
        p->place = AFTER_HEAD;
        return is_interim(r) ? DGM_OK : give(ret, HTTP_EV_HEAD, (struct dgm_str){0});
    case DUE_CHUNK:
        enter_chunk(r);
        return r->_rc;
    case DUE_CHUNK_END:
        enter_line(p);
        return DGM_OK;
    case DUE_PIECE:
        p->body_bytes += p->piece.n;
        return give(ret, HTTP_EV_BODY, p->piece);
    case DUE_END:
        if (!is_interim(r))
            return end(r, ret);
        enter(p, AT_START, 0);
        if (++p->interims > INTERIM_MAX)
            http_reader__fail_syntax(r, "The server sends one interim answer after the other.");
        return r->_rc;
    default:
        return DGM_MORE;
    }
}

/* ---- public ---------------------------------------------------------------------------------- */

void http_reader_init(struct http_reader *r, enum http_kind kind, const struct http_limits *limits,
                      const struct dgm_alloc *alloc)
{
    struct http_limits l = limits ? *limits : (struct http_limits){0};
    l.head_bytes = l.head_bytes ? l.head_bytes : HEAD_BYTES;
    l.head_bytes = l.head_bytes < HEAD_BYTES_MAX ? l.head_bytes : HEAD_BYTES_MAX;
    l.target_bytes = l.target_bytes ? l.target_bytes : TARGET_BYTES;
    l.headers = l.headers ? l.headers : HEADERS;
    l.body_bytes = l.body_bytes ? l.body_bytes : UINT64_MAX;
    *r = (struct http_reader){._alloc = alloc, ._limits = l, ._kind = kind};
}

static void drop_parser(struct http_reader *r)
{
    if (!r->_parser)
        return;
    http_parser__free(r->_parser);
    r->_parser = NULL;
    r->head = (struct http_head){0};
}

void http_reader_dispose(struct http_reader *r)
{
    drop_parser(r);
    *r = (struct http_reader){0};
}

void http_reader_rest(struct http_reader *r)
{
    if (r->_parser && r->_parser->place == AT_START)
        drop_parser(r);
}

enum dgm_rc http_reader_next(struct http_reader *r, struct dgm_str *in, struct http_event *ret)
{
    while (r->_rc == DGM_OK) {
        if (!r->_parser || r->_parser->place == AT_START) {
            if (!skip_lead(r, in))
                break;
            begin(r);
        } else if (r->_parser->place == AFTER_HEAD) {
            enter_body(r);
        }
        if (r->_rc != DGM_OK)
            break;
        step(r, in);
        if (r->_rc != DGM_OK)
            break;
        enum dgm_rc rc = take_due(r, ret);
        if (rc != DGM_OK)
            return rc;
    }
    return r->_rc == DGM_OK ? DGM_MORE : r->_rc;
}

enum dgm_rc http_reader_finish(struct http_reader *r, struct http_event *ret)
{
    if (r->_rc != DGM_OK)
        return r->_rc;
    const struct http_parser *p = r->_parser;
    bool between = !p || (p->place == AT_START && p->interims == 0);
    if (between) {
        r->_rc = DGM_DONE;
        return r->_rc;
    }
    if ((p->place == AFTER_HEAD || p->place == IN_BODY) && r->head.framing == HTTP_BODY_TO_CLOSE)
        return end(r, ret);
    http_reader__fail_syntax(r, "The connection was closed before the message was complete.");
    if (r->_kind == HTTP_ANSWERS)
        r->_error = DGM_ERR_UPSTREAM_CUT;
    return r->_rc;
}

bool http_reader_in_head(const struct http_reader *r)
{
    return r->_parser && r->_parser->place == IN_HEAD;
}

bool http_reader_in_body(const struct http_reader *r)
{
    return r->_parser && r->_parser->place > IN_HEAD;
}

uint64_t http_reader_body_bytes(const struct http_reader *r)
{
    return r->_parser ? r->_parser->body_bytes : 0;
}

static struct dgm_str decimal(uint64_t n, char out[20])
{
    size_t at = 20;
    do {
        out[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (struct dgm_str){out + at, 20 - at};
}

void http_reader_fail(const struct http_reader *r, struct dgm_fail *ret)
{
    struct dgm_str detail[4] = {dgm_str_c(r->_detail)};
    char size[20], limit[20];
    if (r->_error == DGM_ERR_BODY_LARGE) {
        bool sized = r->head.framing == HTTP_BODY_SIZED;
        detail[0] = sized ? DGM_STR("The body has ") : DGM_STR("The body has at least ");
        detail[1] = decimal(r->_parser->told_bytes, size);
        detail[2] = DGM_STR(" bytes; the limit in bytes is ");
        detail[3] = decimal(r->_limits.body_bytes, limit);
    }
    dgm_fail_set(ret, r->_error, (struct dgm_str){0}, detail);
}

void http_reader_expect(struct http_reader *r, enum http_method method)
{
    r->_expect = method;
}
