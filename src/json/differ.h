/* SPDX-License-Identifier: Apache-2.0 */
/* differ.h - where two JSON texts differ, as JSON pointers (RFC 6901). */
#ifndef JSON_DIFFER_H
#define JSON_DIFFER_H

#include "json/read.h"

/** One place. What is missing is NULL; where both are there, they are of different kinds, or no containers. */
struct json_difference {
    struct dgm_str pointer; /* borrowed for the call; "" is the whole text */
    const struct json_val *a, *b;
};

/**
 * Tells each place where `b` is not `a`, in the order of `a`, then what `b` has besides. The order of members does not
 * count, the text of numbers does: 1 is not 1.0. `pointer` is an empty buffer to work in; where it fails, pointers are
 * cut. Returns how many places were told.
 */
size_t json_differ(const struct json_val *a, const struct json_val *b, struct dgm_buf *pointer,
                   void (*tell)(void *ctx, const struct json_difference *), void *ctx);

#endif
