/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partial_args.h - a call's arguments that are streamed as places and values, put together as one JSON text
 * (google.md 4.4, 6.2; user-pain C7).
 *
 * Native events bring {name, willContinue: true}, then {partialArgs: [{jsonPath: "$.a.b[0]", stringValue: "x",
 * willContinue: true}, ...], willContinue: true} any number of times, and at the end {}, or partialArgs without
 * willContinue. Of each comes a piece of the `arguments` that OpenAI's clients join: all pieces together are the
 * compact text of the object that was meant, members in the order they came, numbers as the text they were.
 *
 * A text that has left cannot be changed, so each path must go on where the text stands: into what is open (what it
 * leaves is closed), to a member that its object does not have yet, to the next element of an array. Anything else,
 * such as a second value for a place, or a way through a scalar, fails: models do send wrong paths, and an honest error
 * beats arguments that nobody meant. What was put by then is the beginning of a JSON text and stays one.
 */
#ifndef TRANSLATE_PARTIAL_ARGS_H
#define TRANSLATE_PARTIAL_ARGS_H

#include "json/write.h"

#define PARTIAL_ARGS_DEPTH_MAX 64 /* steps of a path, which are the containers open at once */
#define PARTIAL_ARGS_PATH_BYTES_MAX 4096   /* of a path as it comes */
#define PARTIAL_ARGS_NAMES_BYTES_MAX 32768 /* names of all open objects, two bytes more for each */

/** An open object or array. */
struct partial_container {
    uint32_t children;
    uint32_t names_at; /* where the names of an object's members begin */
    uint32_t name_at;  /* and the last of them */
    bool is_arr;
};

/**
 * One call's arguments. Lifetime:
 *   1. partial_args_init, when a call comes with willContinue or partialArgs.
 *   2. partial_args_feed for each of its parts; each adds a piece.
 *   3. DGM_DONE, of the last part or partial_args_finish, or an error; then it only repeats that.
 */
struct partial_args {
    struct dgm_buf _names; /* of the members of the open objects: that none comes twice */
    struct dgm_buf _path;  /* names of the path at hand, their escapes undone */
    struct partial_container _open[PARTIAL_ARGS_DEPTH_MAX];
    unsigned _depth; /* of `_open`; the first is the arguments' object itself */
    bool _begun;     /* its brace is put */
    bool _in_str;    /* the last child of the innermost is a string to be continued */
    enum dgm_rc _rc;
};

/** Allocates nothing yet; it will hold less than 40 KiB. */
void partial_args_init(struct partial_args *, const struct dgm_alloc *);

void partial_args_dispose(struct partial_args *); /* fine on a zeroed or failed one, and twice */

/**
 * Reads a native functionCall (an object; anything else says nothing), and adds what it brings to `out`; that may be
 * nothing. Without `willContinue: true` it is the last, and everything is closed. `args`, `name` and `id` are the
 * caller's business.
 *
 * Paths are RFC 9535's: "$", then .name (which may be anything without '.' and '['), ['name'], ["name"] or [0]. A
 * string that may continue stays open until it ends or another path comes. A path without any value says nothing
 * where something stands, or with willContinue; else it is null, as writers that leave nulls out put it.
 *
 * DGM_MORE: parts are to come. DGM_DONE: the text is whole. Sticky errors: DGM_E_SYNTAX, a path that cannot be read or
 * has no place, a value of the wrong kind; DGM_E_LIMIT, one of the bounds above, or `out`'s; DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc partial_args_feed(struct partial_args *, const struct json_val *call,
                                           struct dgm_buf *out);

/**
 * No more parts come: closes what is open, which makes the text whole even where a string was to continue. To be used
 * when the upstream said that it is done; what broke off must not look whole. DGM_DONE, or errors as above.
 */
DGM_MUST_USE enum dgm_rc partial_args_finish(struct partial_args *, struct dgm_buf *out);

#endif
