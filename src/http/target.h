/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - request targets: path segments, route patterns, query parameters.
 *
 * A path is decoded once, and whatever two readers of a path could see differently is refused: what
 * is left holds no dot segment, no hidden slash and no control character, so a segment can be
 * compared and passed on safely.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/arena.h"

#define HTTP_SEGMENTS_MAX 16
#define HTTP_CAPTURES_MAX 8

struct http_path {
    struct dgm_str text;  /* decoded, single slashes, none at the end: "/v1/models"; or "/" */
    struct dgm_str query; /* raw, behind the "?"; absent when there is none */
    struct dgm_str segment[HTTP_SEGMENTS_MAX]; /* parts of `text` */
    size_t segments; /* how many there are; those beyond HTTP_SEGMENTS_MAX are in `text` alone */
};

/**
 * Splits an origin-form target. Double and trailing slashes are tolerated. `text` and the segments
 * live in the arena, `query` is a part of `target`.
 *
 * DGM_E_REFUSED, with HTTP_TARGET in `*reterr`: no slash in front; "." or ".." as a segment,
 * however encoded; an encoded slash, backslash or control character (%2f %5c %00 ...); a backslash,
 * blank, control character or byte over 0x7e as such; a fragment; a "%" without two hex digits (in
 * the query too); segments that do not decode to UTF-8. DGM_E_NOMEM: `*ret` is untouched, as it is
 * when refused.
 */
DGM_MUST_USE enum dgm_rc http_path_parse(struct dgm_str target, struct dgm_arena *,
                                         struct http_path *ret, struct dgm_fail *reterr);

/**
 * Whether a path fits a pattern such as "/v1/projects/{project}/locations/{location}/models/{id+}".
 * "{name}" takes one segment, "{name+}", which must be last, one or more with the slashes between
 * them. What they took is set in order, the rest of `captured` (when it is not NULL) is set absent.
 * Asserts that the pattern is well formed and has no more than HTTP_CAPTURES_MAX of them.
 */
bool http_path_match(const struct http_path *, struct dgm_str pattern,
                     struct dgm_str captured[HTTP_CAPTURES_MAX]);

/**
 * Puts the decoded value of the first parameter of that name ("+" is a blank) and returns true;
 * false when there is none. "name" and "name=" are both an empty value.
 */
bool http_query_get(struct dgm_str query, struct dgm_str name, struct dgm_buf *out);

#endif
