/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put.h - HTTP/1.1 heads and chunks put into a buffer.
 *
 * Sticky, as dgm_buf is: put all, then look at `rc` once. Whatever a value holds, a head keeps its
 * lines: no CR, LF or NUL of a value ever leaves (RFC 9110 5.5). The order of a head: status or
 * request line, headers, http_put_head_end.
 */
#ifndef HTTP_PUT_H
#define HTTP_PUT_H

#include "base/buf.h"

/* What every status line begins with: it may leave before the status is known. */
#define HTTP_STATUS_BEGIN "HTTP/1.1 "

/**
 * "HTTP/1.1 200 OK". A status without a row in status.def gets an empty reason. Asserts 100 to 999.
 */
void http_put_status(struct dgm_buf *, int status);

/** The reason phrase of a status; "" when status.def has none. */
struct dgm_str http_status_reason(int status);

/**
 * "POST /path HTTP/1.1", the path in two pieces: what a server's own base is, which may be absent, and what
 * is asked of it. What may not stand in a target is put percent-encoded. Asserts that `method` is a token.
 */
void http_put_request(struct dgm_buf *, struct dgm_str method, struct dgm_str base,
                      struct dgm_str target);

/**
 * One header. Control characters but tabs in the value are put as "?", blanks around it are
 * dropped. Asserts that the name is a token: names are ours.
 */
void http_put_header(struct dgm_buf *, struct dgm_str name, struct dgm_str value);
void http_put_header_int(struct dgm_buf *, struct dgm_str name, int64_t value);

/** The same, where the name is a literal. */
#define http_put_header_of(buf, name, value) http__put_value((buf), DGM_STR(name ": "), (value))
void http__put_value(struct dgm_buf *, struct dgm_str name_and_colon, struct dgm_str value);

/** A header whose name and value are literals: put as they are. */
#define http_put_header_lit(buf, name, value) dgm_buf_add_lit((buf), name ": " value "\r\n")

/**
 * "Date: Sun, 06 Nov 1994 08:49:37 GMT" from seconds since 1970; years 1970 to 9999, others are
 * clamped.
 */
void http_put_date(struct dgm_buf *, int64_t now);

/**
 * How the body is framed: one of these in a head, or neither where there can be no body (1xx, 204,
 * 304).
 */
void http_put_length(struct dgm_buf *, uint64_t body_bytes);
void http_put_chunked(struct dgm_buf *);

/**
 * "Connection: close" when the connection ends after this answer; "keep-alive" when it stays and
 * the request was HTTP/1.0 (minor 0); nothing otherwise.
 */
void http_put_connection(struct dgm_buf *, bool keep_alive, unsigned request_minor);

void http_put_head_end(struct dgm_buf *);

/** "HTTP/1.1 100 Continue", a whole head of so many bytes. */
void http_put_continue(struct dgm_buf *);
#define HTTP_CONTINUE_BYTES 25

/** A chunk, whole. An empty one is not put: it would end the body. */
void http_put_chunk(struct dgm_buf *, struct dgm_str data);

/** A chunk whose `n` > 0 bytes the caller adds, or sends from elsewhere, between the two. */
void http_put_chunk_open(struct dgm_buf *, size_t n);
void http_put_chunk_close(struct dgm_buf *);

/** The last chunk, without trailers. */
void http_put_last_chunk(struct dgm_buf *);

/* What they put at most: http_put_chunk_open; http_put_chunk_close and the last chunk behind it. */
#define HTTP_CHUNK_OPEN_MAX 18
#define HTTP_CHUNK_END_MAX 7

#endif
