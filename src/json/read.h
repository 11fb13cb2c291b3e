/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.h - JSON texts as trees of borrowed values.
 *
 * Readers are total: NULL, or a value of another kind, reads as "absent", so a chain of gets needs one look
 * at its end. Numbers stay the text they arrived as (2512292042121000001 and 5.0 leave as they came);
 * members keep their order.
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include "base/arena.h"

#define JSON_PADDING 4 /* bytes behind a text that json_parse may overwrite */
#define JSON_DEPTH_MAX 100

struct json_val; /* one value of a parsed text; NULL is "absent" */

enum json_kind { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUM, JSON_STR, JSON_ARR, JSON_OBJ };

enum json_trouble { JSON_FINE, JSON_EMPTY, JSON_SYNTAX, JSON_UTF8, JSON_DEEP, JSON_NOMEM };

struct json_error {
    enum json_trouble trouble;
    size_t offset;    /* bytes from the text's start */
    const char *what; /* a constant phrase, "unexpected character" */
};

/**
 * Parses a text in place. `text` is changed and borrowed as long as the values are used, and has
 * JSON_PADDING writable bytes behind its `n`. The tree stands in `arena`, 16 bytes a value and a name.
 * An escape of half a surrogate pair becomes \ufffd first (user-pain A8); a byte order mark is skipped
 * (RFC 8259, 8.1); offsets are those of the text as it came. `depth` is at most JSON_DEPTH_MAX.
 *
 * DGM_OK: `*ret` is the root. DGM_E_SYNTAX, DGM_E_LIMIT (deeper than `depth`), DGM_E_NOMEM: `*reterr` says
 * what and where; `*ret` is untouched.
 */
DGM_MUST_USE enum dgm_rc json_parse(struct dgm_arena *arena, char *text, size_t n, unsigned depth,
                                    const struct json_val **ret, struct json_error *reterr);

enum json_kind json_kind(const struct json_val *);

/** Its name for people: "a string", "an object", "nothing". */
const char *json_kind_name(enum json_kind);

const struct json_val *json_get(const struct json_val *obj, struct dgm_str name);
const struct json_val *json_at(const struct json_val *arr, size_t index); /* walks: O(index) */
size_t json_size(const struct json_val *); /* members, elements; else 0 */

struct dgm_str
json_str(const struct json_val *); /* the string's bytes, UTF-8; absent if no string */
struct dgm_str json_num(const struct json_val *); /* the number's text; absent if no number */
bool json_bool(const struct json_val *, bool otherwise);
bool json_int(const struct json_val *, int64_t *ret); /* an integral number in int64; else false */
bool json_double(const struct json_val *, double *ret);

/** `json_get` and the reader above in one. */
struct dgm_str json_get_str(const struct json_val *obj, struct dgm_str name);

/** A walk over an object's members or an array's elements; over anything else there is nothing to see. */
struct json_iter {
    struct dgm_str name; /* the member's; absent in an array */
    const struct json_val *value;
    size_t index;
    const struct json_val *_next; /* private */
    size_t _left;
    bool _obj;
};
struct json_iter json_iter(const struct json_val *);
bool json_next(struct json_iter *);

/**
 * Looks for a name that stands twice in an object, in O(n log n); `scratch` holds the names of a large one.
 * DGM_OK: `*ret` is the first such name, absent when there is none. DGM_E_NOMEM: it could not be told.
 */
DGM_MUST_USE enum dgm_rc json_twice(const struct json_val *obj, struct dgm_arena *scratch,
                                    struct dgm_str *ret);

#endif
