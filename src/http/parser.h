/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser.h - the inside of a reader: private to message.c, which moves it, and head.c, which judges
 * heads.
 */
#ifndef HTTP_PARSER_H
#define HTTP_PARSER_H

#include "http/message.h"

#include <assert.h>

#include <llhttp.h>

/** Where in a message the reader is. Outside BODY no more than `room` bytes are taken. */
enum place { AT_START, IN_HEAD, AFTER_HEAD, IN_BODY, IN_LINE, IN_TRAILERS };

/** What llhttp stopped for. Every callback that matters stops it: its position is then exact. */
enum due { DUE_NOTHING, DUE_HEAD, DUE_PIECE, DUE_CHUNK, DUE_CHUNK_END, DUE_END };

/** A header's place in the head's text. */
struct field {
    uint32_t name_at, name_n, value_at, value_n;
};

/* What a plain client's head needs stands in the parser itself, and all of it in what malloc hands out quickest. */
#define HTTP_TEXT_BYTES 384
#define HTTP_FIELDS 16

struct http_parser {
    llhttp_t llhttp;
    const struct dgm_alloc *alloc;
    struct dgm_alloc
        spill;             /* of `text` and `fields`: moves them out of here once they outgrow it */
    struct dgm_buf text;   /* the head as it came, from the start line to the empty line */
    struct dgm_buf fields; /* struct field, one a header */
    struct field open;     /* the header that is being read */
    uint32_t target_at, target_n;
    bool target_done, version_done;
    enum place place;
    enum due due;
    const char *base;     /* what llhttp is reading: text.n is the offset of its first byte */
    struct dgm_str piece; /* of body, for DUE_PIECE */
    size_t room, extra;
    size_t target_max, headers_max;
    uint64_t body_bytes; /* that came */
    uint64_t told_bytes; /* a size over the limit: what the peer said it would be */
    unsigned interims;
    enum dgm_error error; /* of a callback */
    /* From here on nothing means anything before it is written. */
    char first_text[HTTP_TEXT_BYTES];
    struct field first_fields[HTTP_FIELDS];
};

static_assert(sizeof(struct http_parser) <= 1024, "malloc is quick up to about there");

/** NULL: memory is short. */
struct http_parser *http_parser__new(const struct dgm_alloc *, const struct http_limits *);
void http_parser__free(struct http_parser *);

/**
 * Fails the reader with a row of errors.def. `detail` is a constant sentence; NULL stands for the
 * row's own.
 */
void http_reader__fail(struct http_reader *, enum dgm_error, const char *detail);
void http_reader__fail_syntax(struct http_reader *, const char *detail);

/**
 * Fills reader.head from a head that llhttp has read to its end, and holds it to what message.h
 * promises; fails the reader where it does not.
 */
void http_head__check(struct http_reader *);

#endif
