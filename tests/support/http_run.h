/* SPDX-License-Identifier: Apache-2.0 */
/* http_run.h - one connection read by http/message, whole, cut everywhere and short of memory. */
#ifndef SUPPORT_HTTP_RUN_H
#define SUPPORT_HTTP_RUN_H

#include "http/message.h"

/* One connection that is read, and all that came out of it as text. */
struct http_run {
    struct http_reader reader;
    struct dgm_buf log;
    enum dgm_rc rc;
    enum dgm_error error;
    unsigned complete;
    bool in_body;
};

/* What is read, and how. */
struct http_setup {
    enum http_kind kind;
    struct http_limits limits;
    enum http_method expect;
    bool close; /* the peer closes at the end */
};

struct http_run http_run_begin(const struct http_setup *, const struct dgm_alloc *);

/**
 * Feeds a piece in a block of exactly its size, gone right after: nothing may look beyond or
 * behind.
 */
void http_run_feed(struct http_run *, struct dgm_str piece);

/**
 * Ends the connection. The log then ends in the name of an error, "done", "more" (in the midst of a
 * message) or "ok"; it is the caller's to dispose.
 */
void http_run_end(struct http_run *, const struct http_setup *);

/**
 * Reads `bytes` whole (which is returned), in pieces of several sizes, and at every single cut: the
 * same.
 */
struct http_run http_run_all(const char *what, const struct http_setup *, struct dgm_str bytes);

/**
 * Reads it with the k-th allocation failing, for every k: it ends in NO_MEMORY and leaks nothing.
 */
void http_run_failing(const struct http_setup *, struct dgm_str bytes,
                      const struct http_run *whole);

#endif
