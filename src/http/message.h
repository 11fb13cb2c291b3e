/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - HTTP/1.1 messages as data: bytes in, heads and pieces of body out; both directions.
 *
 * One reader serves one connection, message after message. What it accepts is the strict reading of
 * RFC 9112 and a little less: whatever two parsers could read differently (section 11.2, smuggling)
 * is refused, and after a refusal the reader is of no more use and the connection has to be closed.
 * No lenient flag of llhttp is on; where llhttp is laxer than this page, head.c checks for itself
 * and says so there.
 *
 * Refused with HTTP_SYNTAX: Content-Length beside Transfer-Encoding; Content-Length twice, even if
 * equal, or not plain digits; any transfer coding but "chunked" alone and once; Transfer-Encoding
 * on HTTP/1.0; folded lines; a bare CR, a bare LF, NUL or another control character; blanks before
 * a colon; a chunk-size line over 256 bytes, extensions over 16 KiB a message, trailers over 8 KiB;
 * more than two empty lines before a request. Chunk extensions and trailers are checked and
 * dropped. Other refusals of a request: HEAD_LARGE, TARGET_LONG, HTTP_VERSION (0.9, 1.2, 2.0 and
 * its preface), HTTP_HOST (RFC 9112 3.2: none on HTTP/1.1, two, or no host), HTTP_TARGET (a
 * character no target has, or a form that does not fit the method), METHOD (CONNECT; a word that is
 * no method), EXPECTATION, BODY_LARGE. Upgrade is ignored, as RFC 9110 7.8 allows.
 *
 * Trouble in an answer is UPSTREAM_BROKEN, UPSTREAM_LARGE or UPSTREAM_CUT.
 */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <dragoman/types.h>

enum http_kind { HTTP_REQUESTS, HTTP_ANSWERS };

enum http_method {
    HTTP_METHOD_OTHER,
#define METHOD(name, safe, body) HTTP_METHOD_##name,
#include "http/method.def"
#undef METHOD
};

/** How the end of a body is told, RFC 9112 6.3. */
enum http_framing {
    HTTP_BODY_NONE,     /* there is none */
    HTTP_BODY_SIZED,    /* head.length bytes, which may be 0 */
    HTTP_BODY_CHUNKED,  /* in chunks, until one of size 0 */
    HTTP_BODY_TO_CLOSE, /* an answer that ends with its connection */
};

/** Ceilings. Zero means the default. */
struct http_limits {
    size_t head_bytes;   /* start line and headers; default 64 KiB, at most 1 MiB */
    size_t target_bytes; /* default 16 KiB */
    size_t headers;      /* how many; default 100 */
    uint64_t body_bytes; /* decoded; default: none */
};

/** A message's head. Its strings live until the next message begins, or rest, or dispose. */
struct http_head {
    enum http_method method;    /* of a request, or of what an answer answers: http_reader_expect */
    struct dgm_str method_name; /* as it came; absent in an answer */
    struct dgm_str target;      /* "/path?query" or "*", cut down to this from absolute-form */
    struct dgm_str host;   /* of absolute-form, else the Host header; "" if HTTP/1.0 has none */
    bool host_is_loopback; /* it names this machine by its loopback name or address */
    int status;            /* of an answer, 200 to 999; 1xx are swallowed */
    unsigned minor;        /* HTTP/1.minor: 0 or 1 */
    enum http_framing framing;
    uint64_t length;       /* of a HTTP_BODY_SIZED body, else 0 */
    bool keep_alive;       /* the sender means to keep the connection */
    bool expects_continue; /* a request that waits for "100 Continue" before its body */
    size_t headers;        /* how many; http_head_at yields them */
    uint64_t _names;       /* a bit for each name there is; some share theirs */
    const struct http_parser *_parser;
};

enum http_event_kind {
    HTTP_EV_HEAD, /* reader.head is complete */
    HTTP_EV_BODY, /* `body` is the next piece, never empty */
    HTTP_EV_END,  /* the message is complete; head.keep_alive says whether another may follow */
};

struct http_event {
    enum http_event_kind kind;
    struct dgm_str body; /* a part of *in: nothing was copied */
};

/**
 * One connection's reader. Lifetime:
 *   1. init allocates nothing, so an idle connection costs sizeof(struct http_reader).
 *   2. the first byte of a message takes memory, bounded by the limits; bodies are never kept.
 *   3. rest gives it back between messages; dispose always.
 */
struct http_reader {
    struct http_head head; /* valid from HTTP_EV_HEAD on */
    const struct dgm_alloc *_alloc;
    struct http_limits _limits;
    enum http_kind _kind;
    enum http_method _expect;
    unsigned char _lead;         /* bytes of the empty lines before a request */
    struct http_parser *_parser; /* llhttp, the head's bytes, the place in the message */
    enum dgm_rc _rc;             /* sticky, once negative or DGM_DONE */
    enum dgm_error _error;
    const char *_detail;
};

/** `limits` is copied; NULL means all defaults. */
void http_reader_init(struct http_reader *, enum http_kind, const struct http_limits *limits,
                      const struct dgm_alloc *);
void http_reader_dispose(struct http_reader *); /* fine on a zeroed reader and twice */

/**
 * Between messages: gives the memory back, and reader.head with it. In mid-message it does nothing.
 */
void http_reader_rest(struct http_reader *);

/**
 * Reads up to one event, advancing `*in` past the bytes it used. After HTTP_EV_END of a message
 * what is left of `*in` belongs to the next one (pipelining): answer first, then call again.
 *
 * DGM_EVENT: `*ret` is set; its body is borrowed from `*in`. Call again, also with `*in` empty: an
 * event may be due without another byte. DGM_MORE: `*in` is used up. DGM_DONE: the last message was
 * the last one (keep_alive was false); whatever comes after it is not looked at. DGM_E_SYNTAX,
 * DGM_E_LIMIT (a ceiling), DGM_E_REFUSED (well formed, but not served: EXPECTATION, METHOD,
 * HTTP_VERSION), DGM_E_NOMEM: sticky; http_reader_fail says what to answer. `*ret` is untouched
 * unless DGM_EVENT.
 *
 * A body over limits.body_bytes fails after its HTTP_EV_HEAD, before the first piece where its size
 * is declared.
 */
DGM_MUST_USE enum dgm_rc http_reader_next(struct http_reader *, struct dgm_str *in,
                                          struct http_event *ret);

/**
 * The peer closed its side. DGM_EVENT: HTTP_EV_END of an answer that ends so. DGM_DONE: it closed
 * between messages. Else it closed in the midst of one: DGM_E_SYNTAX, or what had failed before.
 */
DGM_MUST_USE enum dgm_rc http_reader_finish(struct http_reader *, struct http_event *ret);

/** Whether a message has begun and its head is not complete: what a deadline for heads is about. */
bool http_reader_in_head(const struct http_reader *);

/** Whether the head is complete and the body is not. */
bool http_reader_in_body(const struct http_reader *);

/** Bytes of body (decoded) that came with the present message so far. */
uint64_t http_reader_body_bytes(const struct http_reader *);

/** Why it failed: a row of errors.def and a sentence. DGM_ERR_NONE when it has not. */
void http_reader_fail(const struct http_reader *, struct dgm_fail *ret);

/** For answers: what the next one answers. An answer to HEAD has no body whatever it says. */
void http_reader_expect(struct http_reader *, enum http_method);

/*
 * A head is looked up some twenty times, mostly for names that are not there, and the names are literals: so their bits
 * are compared first, where the compiler knows them. Names of the same length and first letter share theirs.
 */
static inline uint64_t http__bit_of(struct dgm_str name)
{
    return UINT64_C(1) << ((name.n + ((unsigned char)name.p[0] | 0x20u)) % 64);
}

static inline bool http_head__may_have(const struct http_head *h, struct dgm_str name)
{
    return (h->_names & http__bit_of(name)) != 0;
}

struct dgm_str http_head__find(const struct http_head *, struct dgm_str name);
size_t http_head__count(const struct http_head *, struct dgm_str name);

/** The value of the first header of that name (any case), without blanks around it; or absent. */
static inline struct dgm_str http_head_get(const struct http_head *h, struct dgm_str name)
{
    return http_head__may_have(h, name) ? http_head__find(h, name) : (struct dgm_str){0};
}

/** How often the name stands there. */
static inline size_t http_head_count(const struct http_head *h, struct dgm_str name)
{
    return http_head__may_have(h, name) ? http_head__count(h, name) : 0;
}

/** Whether one of the headers of that name has the token in its comma-separated list (any case). */
bool http_head_has_token(const struct http_head *, struct dgm_str name, struct dgm_str token);

/** Header `i` of head.headers, in the order they came. False, and nothing set, beyond the last. */
bool http_head_at(const struct http_head *, size_t i, struct dgm_str *ret_name,
                  struct dgm_str *ret_value);

/** A method by its name, case and all; OTHER when the table has no such. And the name of one. */
enum http_method http_method_find(struct dgm_str name);
struct dgm_str http_method_name(enum http_method);

#endif
