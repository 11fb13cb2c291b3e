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

/** What a value is. The numbers are those of yyjson's types, whose "raw" is a number as it came. */
enum json_kind {
    JSON_NONE = 0,
    JSON_NUM = 1,
    JSON_NULL = 2,
    JSON_BOOL = 3,
    JSON_STR = 5,
    JSON_ARR = 6,
    JSON_OBJ = 7,
};

/**
 * One value of a parsed text; NULL is "absent". Private, and here only because a request asks for a hundred
 * kinds and sizes: a call for each would cost more than the answers. It is laid out as yyjson's (read.c
 * asserts that): the values of a text stand in one array in the order of the text, a container before what
 * it holds, and know each other by distances, not addresses: a copy of the array is the same tree.
 */
struct json_val {
    /* yyjson's type in three bits, its subtype in the next; from bit 8 on the length */
    uint64_t _tag;
    union {
        const char *text;  /* of a string or a number */
        size_t span_bytes; /* of a container: from its head to what stands behind it */
        uint64_t any;
    } _u;
};

enum json_trouble { JSON_FINE, JSON_EMPTY, JSON_SYNTAX, JSON_UTF8, JSON_DEEP, JSON_NOMEM };

struct json_error {
    enum json_trouble trouble;
    size_t offset;    /* bytes from the text's start */
    const char *what; /* a constant phrase, "unexpected character" */
};

/**
 * Parses a text in place. `text` is changed and borrowed as long as the values are used, and has
 * JSON_PADDING writable bytes behind its `n`. The tree stands in `arena`: 16 bytes a value and a name, or for a text
 * under a KiB what yyjson guesses, which is up to three bytes for each of the text.
 * An escape of half a surrogate pair becomes \ufffd first (user-pain A8); a byte order mark is skipped
 * (RFC 8259, 8.1); offsets are those of the text as it came. `depth` is at most JSON_DEPTH_MAX.
 *
 * DGM_OK: `*ret` is the root. DGM_E_SYNTAX, DGM_E_LIMIT (deeper than `depth`), DGM_E_NOMEM: `*reterr` says
 * what and where; `*ret` is untouched.
 */
DGM_MUST_USE enum dgm_rc json_parse(struct dgm_arena *arena, char *text, size_t n, unsigned depth,
                                    const struct json_val **ret, struct json_error *reterr);

static inline enum json_kind json_kind(const struct json_val *v)
{
    return v ? (enum json_kind)(v->_tag & 7) : JSON_NONE;
}

/** Its name for people: "a string", "an object", "nothing". */
const char *json_kind_name(enum json_kind);

const struct json_val *json_get(const struct json_val *obj, struct dgm_str name);
const struct json_val *json_at(const struct json_val *arr, size_t index); /* walks: O(index) */

/**
 * Looks several names up in one walk: `ret[i]` is what json_get gives for `names[i]`. Returns how many of the
 * object's members have none of the names.
 */
size_t json_pick(const struct json_val *obj, const struct dgm_str *names, size_t n,
                 const struct json_val **ret);

static inline size_t json__length(const struct json_val *v)
{
    return (size_t)(v->_tag >> 8);
}

/** How many members or elements it has; 0 for anything else. */
static inline size_t json_size(const struct json_val *v)
{
    return v && json_kind(v) >= JSON_ARR ? json__length(v) : 0;
}

/** The string's bytes, UTF-8; absent if it is no string. */
static inline struct dgm_str json_str(const struct json_val *v)
{
    return v && json_kind(v) == JSON_STR ? (struct dgm_str){v->_u.text, json__length(v)}
                                         : (struct dgm_str){0};
}

/** The number's text; absent if it is no number. */
static inline struct dgm_str json_num(const struct json_val *v)
{
    return v && json_kind(v) == JSON_NUM ? (struct dgm_str){v->_u.text, json__length(v)}
                                         : (struct dgm_str){0};
}

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
static inline struct json_iter json_iter(const struct json_val *v)
{
    size_t left = json_size(v);
    return (struct json_iter){
        ._next = v && left ? v + 1 : NULL,
        ._left = left,
        ._obj = json_kind(v) == JSON_OBJ,
    };
}

/* What stands behind a value and all it holds. */
static inline const struct json_val *json__behind(const struct json_val *v)
{
    size_t values = (size_t)(v->_u.span_bytes / sizeof *v);
    return (v->_tag & 7) >= JSON_ARR ? v + values : v + 1;
}

static inline bool json_next(struct json_iter *i)
{
    if (i->_left == 0 || !i->_next)
        return false;

    if (i->value)
        i->index++;
    i->value = i->_next;
    if (i->_obj) {
        i->name = (struct dgm_str){i->_next->_u.text, json__length(i->_next)};
        i->value = i->_next + 1; /* a member's value stands behind its name */
    }
    if (--i->_left)
        i->_next = json__behind(i->value);
    return true;
}

/**
 * Looks for a name that stands twice in an object, in O(n log n); `scratch` holds the names of a large one.
 * DGM_OK: `*ret` is the first such name, absent when there is none. DGM_E_NOMEM: it could not be told.
 */
DGM_MUST_USE enum dgm_rc json_twice(const struct json_val *obj, struct dgm_arena *scratch,
                                    struct dgm_str *ret);

#endif
