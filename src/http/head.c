/* SPDX-License-Identifier: Apache-2.0 */
/* head.c - heads of messages: what llhttp let pass is judged here, and looked up. */
#include "base/str.h"
#include "http/media.h"
#include "http/parser.h"

#include <assert.h>

/* ---- judging --------------------------------------------------------------------------------- */

static struct dgm_str text_at(const struct http_parser *p, size_t at, size_t n)
{
    assert(at <= p->text.n && n <= p->text.n - at);
    return (struct dgm_str){p->text.p + at, n};
}

/*
 * llhttp takes "GET  /", "GET / RTSP/1.0" and a line without a version as well. RFC 9112 3 has one
 * form, so the line is held to it byte for byte.
 */
static void check_request_line(struct http_reader *r)
{
    struct http_parser *p = r->_parser;
    struct http_head *h = &r->head;
    struct dgm_str line = dgm_buf_str(&p->text);
    h->method_name = dgm_str_head(line, dgm_str_find_char(line, ' '));
    h->method = http_method_find(h->method_name);
    h->target = text_at(p, p->target_at, p->target_n);
    bool one_blank = p->target_at == h->method_name.n + 1;
    struct dgm_str version = dgm_str_skip(line, p->target_at + p->target_n);
    if (!one_blank || !dgm_str_starts(version, DGM_STR(" HTTP/1."))) {
        http_reader__fail_syntax(
            r, "The request line is not METHOD TARGET VERSION with single blanks.");
        return;
    }
    if (p->llhttp.method == HTTP_CONNECT)
        http_reader__fail(r, DGM_ERR_METHOD, "CONNECT is not served; this is no proxy.");
}

/*
 * Which of the forms of RFC 9112 3.2 the target has. Absolute-form is cut down to path and query,
 * and its host stands for the Host header (3.2.2).
 */
static void check_target(struct http_reader *r)
{
    struct http_head *h = &r->head;
    if (h->target.n != 0 && h->target.p[0] == '/')
        return;
    if (dgm_str_eq(h->target, DGM_STR("*"))) {
        if (h->method != HTTP_METHOD_OPTIONS)
            http_reader__fail(r, DGM_ERR_HTTP_TARGET, "Only OPTIONS may ask for \"*\".");
        return;
    }
    size_t colon = dgm_str_find(h->target, DGM_STR("://"));
    struct dgm_str scheme = dgm_str_head(h->target, colon);
    struct dgm_str rest = dgm_str_skip(h->target, colon + 3);
    if (!dgm_str_eq_nocase(scheme, DGM_STR("http")) &&
        !dgm_str_eq_nocase(scheme, DGM_STR("https"))) {
        http_reader__fail(r, DGM_ERR_HTTP_TARGET, "The target is neither a path nor an http URL.");
        return;
    }
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
        end++;
    struct http_host host;
    if (!http_host_parse(dgm_str_head(rest, end), &host)) {
        http_reader__fail(r, DGM_ERR_HTTP_HOST, "The host in the target is not well formed.");
        return;
    }
    h->host = dgm_str_head(rest, end);
    h->host_is_loopback = host.loopback;
    h->target = end == rest.n ? DGM_STR("/") : dgm_str_skip(rest, end);
    if (h->target.p[0] !=
        '/') /* "http://host?query" would need a slash we have no room for; nobody sends it */
        http_reader__fail(r, DGM_ERR_HTTP_TARGET, "The target's URL has no path.");
}

static void check_host(struct http_reader *r)
{
    struct http_head *h = &r->head;
    struct http_host host;
    size_t count = http_head_count(h, DGM_STR("host"));
    if (count > 1) {
        http_reader__fail(r, DGM_ERR_HTTP_HOST, "The Host header stands twice.");
        return;
    }
    if (count == 0) {
        if (h->minor == 1)
            http_reader__fail(r, DGM_ERR_HTTP_HOST, "The Host header is missing.");
        return;
    }
    struct dgm_str value = http_head_get(h, DGM_STR("host"));
    if (!http_host_parse(value, &host)) {
        http_reader__fail(r, DGM_ERR_HTTP_HOST, "The Host header is not well formed.");
        return;
    }
    if (h->host.n == 0) {
        h->host = value;
        h->host_is_loopback = host.loopback;
    }
}

/* RFC 9110 10.1.1: HTTP/1.0 cannot expect anything; without a body there is nothing to wait for. */
static void check_expect(struct http_reader *r)
{
    struct http_head *h = &r->head;
    size_t count = http_head_count(h, DGM_STR("expect"));
    if (count == 0 || h->minor == 0)
        return;
    if (count > 1 ||
        !dgm_str_eq_nocase(http_head_get(h, DGM_STR("expect")), DGM_STR("100-continue"))) {
        http_reader__fail(r, DGM_ERR_EXPECTATION, NULL);
        return;
    }
    h->expects_continue = h->framing == HTTP_BODY_CHUNKED || h->length != 0;
}

/*
 * RFC 9112 6.3, rule 1: these have no body whatever their headers say. llhttp reads one of
 * Content-Length bytes behind a 1xx that it has no name for, so it has to be told.
 */
static bool has_no_body(const struct http_reader *r)
{
    if (r->_kind == HTTP_REQUESTS)
        return false;
    return r->head.method == HTTP_METHOD_HEAD || r->head.status < 200 || r->head.status == 204 ||
           r->head.status == 304;
}

/*
 * RFC 9112 6.1 and 6.3. llhttp refuses Content-Length twice, malformed, or beside
 * Transfer-Encoding. It takes an empty Transfer-Encoding as none (even beside Content-Length), and
 * other codings, empty list members and HTTP/1.0 as fine as long as "chunked" comes last, so there
 * is just one value that passes here.
 */
static void check_framing(struct http_reader *r)
{
    struct http_head *h = &r->head;
    const llhttp_t *l = &r->_parser->llhttp;
    size_t codings = http_head_count(h, DGM_STR("transfer-encoding"));
    size_t lengths = http_head_count(h, DGM_STR("content-length"));
    if (codings > 1 || lengths > 1 || (codings == 1 && lengths == 1)) {
        http_reader__fail_syntax(r, "The message tells its length twice.");
        return;
    }
    if (codings == 1) {
        struct dgm_str coding = http_head_get(h, DGM_STR("transfer-encoding"));
        if (!dgm_str_eq_nocase(coding, DGM_STR("chunked"))) {
            http_reader__fail_syntax(r, "The only transfer coding served is \"chunked\".");
            return;
        }
        if (h->minor == 0) {
            http_reader__fail_syntax(r, "HTTP/1.0 has no Transfer-Encoding.");
            return;
        }
    }
    /* Ours and llhttp's reading of the same header have to be the same. */
    if ((codings == 1) != ((l->flags & F_CHUNKED) != 0) ||
        (lengths == 1) != ((l->flags & F_CONTENT_LENGTH) != 0)) {
        http_reader__fail_syntax(r, "The message's length is not told clearly.");
        return;
    }
    if (has_no_body(r))
        return;
    if (codings == 1) {
        h->framing = HTTP_BODY_CHUNKED;
    } else if (lengths == 1) {
        h->framing = HTTP_BODY_SIZED;
        h->length = l->content_length;
    } else if (r->_kind == HTTP_ANSWERS) {
        h->framing = HTTP_BODY_TO_CLOSE;
    }
}

static void check_keep_alive(struct http_reader *r)
{
    struct http_head *h = &r->head;
    bool close = http_head_has_token(h, DGM_STR("connection"), DGM_STR("close"));
    bool keep = http_head_has_token(h, DGM_STR("connection"), DGM_STR("keep-alive"));
    h->keep_alive = !close && (h->minor == 1 || keep) && h->framing != HTTP_BODY_TO_CLOSE;
}

static void check_status(struct http_reader *r)
{
    if (r->head.status < 100) /* llhttp takes 000 */
        http_reader__fail_syntax(r, "The status line is malformed.");
    else if (r->head.status == 101)
        http_reader__fail_syntax(r, "The server changed the protocol, unasked.");
}

static uint64_t bits_of(const struct http_parser *p, size_t n)
{
    const void *fields = p->fields.p;
    uint64_t bits = 0;
    for (const struct field *f = fields; n-- > 0; f++)
        bits |= http__bit_of((struct dgm_str){p->text.p + f->name_at, f->name_n});
    return bits;
}

void http_head__check(struct http_reader *r)
{
    struct http_parser *p = r->_parser;
    bool request = r->_kind == HTTP_REQUESTS;
    r->head = (struct http_head){
        .method = request ? HTTP_METHOD_OTHER : r->_expect,
        .status = request ? 0 : p->llhttp.status_code,
        .minor = p->llhttp.http_minor,
        .headers = p->fields.n / sizeof(struct field),
        .host = DGM_STR(""),
        ._parser = p,
    };
    r->head._names = bits_of(p, r->head.headers);
    static void (*const request_checks[])(struct http_reader *) = {
        check_request_line, check_target, check_host, check_framing, check_expect, check_keep_alive,
    };
    static void (*const answer_checks[])(struct http_reader *) = {check_status, check_framing,
                                                                  check_keep_alive};
    size_t n = request ? sizeof(request_checks) / sizeof(*request_checks)
                       : sizeof(answer_checks) / sizeof(*answer_checks);
    for (size_t i = 0; i < n && r->_rc == DGM_OK; i++)
        (request ? request_checks : answer_checks)[i](r);
    p->llhttp.upgrade = 0; /* ignored: RFC 9110 7.8 */
    if (has_no_body(r))
        p->llhttp.flags |= F_SKIPBODY;
}

/* ---- looking up ------------------------------------------------------------------------------ */

static const struct field *field_at(const struct http_head *h, size_t i)
{
    const void *fields = h->_parser->fields.p;
    return (const struct field *)fields + i;
}

bool http_head_at(const struct http_head *h, size_t i, struct dgm_str *ret_name,
                  struct dgm_str *ret_value)
{
    if (i >= h->headers)
        return false;
    const struct field *f = field_at(h, i);
    *ret_name = text_at(h->_parser, f->name_at, f->name_n);
    *ret_value = dgm_str_trim(text_at(h->_parser, f->value_at, f->value_n));
    return true;
}

/* Where the name stands from header `i` on; head.headers when nowhere. */
static size_t find(const struct http_head *h, size_t i, struct dgm_str name)
{
    for (; i < h->headers; i++) {
        const struct field *f = field_at(h, i);
        if (f->name_n == name.n &&
            dgm_str_eq_nocase(text_at(h->_parser, f->name_at, f->name_n), name))
            break;
    }
    return i;
}

struct dgm_str http_head__find(const struct http_head *h, struct dgm_str name)
{
    struct dgm_str value = {0};
    http_head_at(h, find(h, 0, name), &name, &value);
    return value;
}

size_t http_head__count(const struct http_head *h, struct dgm_str name)
{
    size_t count = 0;
    for (size_t i = find(h, 0, name); i < h->headers; i = find(h, i + 1, name))
        count++;
    return count;
}

bool http_head_has_token(const struct http_head *h, struct dgm_str name, struct dgm_str token)
{
    struct dgm_str n, value;
    if (!http_head__may_have(h, name))
        return false;
    for (size_t i = find(h, 0, name); http_head_at(h, i, &n, &value); i = find(h, i + 1, name))
        if (http_list_has(value, token))
            return true;
    return false;
}

static const struct dgm_str method_names[] = {
    [HTTP_METHOD_OTHER] = {"", 0},
#define METHOD(name, safe, body) [HTTP_METHOD_##name] = {#name, sizeof(#name) - 1},
#include "http/method.def"
#undef METHOD
};

enum http_method http_method_find(struct dgm_str name)
{
    for (size_t i = 1; i < sizeof(method_names) / sizeof(*method_names); i++)
        if (dgm_str_eq(method_names[i], name))
            return (enum http_method)i;
    return HTTP_METHOD_OTHER;
}

struct dgm_str http_method_name(enum http_method method)
{
    return method_names[method];
}
