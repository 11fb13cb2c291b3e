/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media.h - reading the values of single headers. All readers are total: what is malformed reads as
 * absent or "other".
 */
#ifndef HTTP_MEDIA_H
#define HTTP_MEDIA_H

#include <dragoman/types.h>

enum http_media {
    HTTP_MEDIA_NONE,   /* the value is absent or empty */
    HTTP_MEDIA_JSON,   /* application/json or "+json", with no charset or that of UTF-8 */
    HTTP_MEDIA_EVENTS, /* text/event-stream */
    HTTP_MEDIA_OTHER,  /* anything else, malformed values included */
};

/**
 * What a Content-Type says (RFC 9110 8.3.1). Parameters are checked for form; only charset means
 * anything.
 */
enum http_media http_media_type(struct dgm_str s);

/** Whether a Content-Encoding leaves the body as it is: absent, empty or only "identity". */
bool http_coding_is_plain(struct dgm_str content_encoding);

enum http_host_kind { HTTP_HOST_NAME, HTTP_HOST_IPV4, HTTP_HOST_IPV6 };

struct http_host {
    enum http_host_kind kind;
    struct dgm_str name; /* without the brackets of an IPv6 literal; part of the value */
    int port;            /* 0 to 65535; -1 when there is none */
    bool loopback; /* localhost, *.localhost (RFC 6761 6.3), 127/8, ::1, ::ffff:127.0.0.0/104 */
};

/** Reads "host", "host:port" or "[v6]:port". False, with `*ret` untouched, when it is not that. */
bool http_host_parse(struct dgm_str value, struct http_host *ret);

/**
 * Reads an Origin such as "http://localhost:5173" (RFC 6454 7). False for "null", lists and what is
 * malformed.
 */
bool http_origin_parse(struct dgm_str value, struct http_host *ret);

/**
 * The token of "Bearer TOKEN" (RFC 6750 2.1; the scheme in any case); absent when it is anything
 * else.
 */
struct dgm_str http_bearer(struct dgm_str s);

/** Whether a comma-separated list holds the token, in any case. */
bool http_list_has(struct dgm_str list, struct dgm_str token);

/**
 * How long an answer may be kept, in seconds: `max-age` of its Cache-Control less its Age (RFC 9111 4.2.1), 0 with no-store or
 * no-cache; -1 where it says nothing of that.
 */
int64_t http_fresh_s(struct dgm_str cache_control, struct dgm_str age);

/** Whether a text can be taken as x-request-id: 1 to 128 of [A-Za-z0-9._-]. */
bool http_request_id_ok(struct dgm_str);

/** Whether a text is a token, RFC 9110 5.6.2: a method, a header's name. */
bool http_token_ok(struct dgm_str);

#endif
