/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw.h - JSON texts looked at where they stand: members as spans of bytes, nothing taken apart.
 *
 * For texts that are passed on: what nobody looks at leaves as it came, and a large string costs one search for its
 * end. Walks are total, on texts that json_check found sound and on any other: what is not sound ends them early.
 */
#ifndef JSON_RAW_H
#define JSON_RAW_H

#include "json/read.h"

/** A value as it stands in a text. */
struct json_raw {
    enum json_kind kind; /* by its first character; JSON_NONE: there is none */
    struct dgm_str text; /* all its bytes, quotes and brackets included; no blanks around it */
};

/**
 * Checks a text as json_parse does, with the same errors, and changes no more of it than halves of surrogate pairs.
 * `text` has JSON_PADDING writable bytes behind its `n`. DGM_OK: `*ret` is the root. DGM_E_SYNTAX, DGM_E_LIMIT.
 */
DGM_MUST_USE enum dgm_rc json_check(char *text, size_t n, unsigned depth, struct json_raw *ret,
                                    struct json_error *reterr);

/** The value that a text begins with, behind blanks and a byte order mark, sound or not. */
struct json_raw json_raw_first(struct dgm_str text);

/** A walk over an object's members or an array's elements; over anything else there is nothing to see. */
struct json_raw_iter {
    struct dgm_str name; /* the member's, with its quotes; absent in an array */
    struct json_raw value;
    size_t index;
    struct dgm_str _rest;
    bool _obj, _begun;
};
struct json_raw_iter json_raw_iter(struct json_raw);
bool json_raw_next(struct json_raw_iter *);

/** The value of a member; of kind JSON_NONE when there is none. */
struct json_raw json_raw_get(struct json_raw obj, struct dgm_str name);

/** Whether a string, given with its quotes, says `plain`, however it is escaped. False for what is no string. */
bool json_raw_says(struct dgm_str quoted, struct dgm_str plain);

/** Puts what a string, given with its quotes, says. */
void json_raw_put(struct dgm_str quoted, struct dgm_buf *out);

/** As json_twice; `*ret` is as it is said, without quotes, in `scratch` where it has escapes. */
DGM_MUST_USE enum dgm_rc json_raw_twice(struct json_raw obj, struct dgm_arena *scratch,
                                        struct dgm_str *ret);

#endif
