/* SPDX-License-Identifier: Apache-2.0 */
/* http_case.h - the cases of tests/http/corpus, as its README.md describes them. */
#ifndef SUPPORT_HTTP_CASE_H
#define SUPPORT_HTTP_CASE_H

#include <dragoman/types.h>

/**
 * One line of the index with its bytes, pauses left out. The strings live until http_cases_free.
 */
struct http_case {
    const char *name;
    const char *answers;
    const char *then;
    unsigned complete;   /* messages the reader completes */
    const char *outcome; /* "ok", "more", "done" or the row of errors.def it stops with */
    struct dgm_str bytes;
};

struct http_cases {
    struct http_case *at;
    size_t n;
    char *_index;
};

/** Reads all of it; ends the test program with a line on stderr where the corpus is malformed. */
struct http_cases http_cases_load(void);
void http_cases_free(struct http_cases *);

#endif
