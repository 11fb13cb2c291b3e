/* SPDX-License-Identifier: Apache-2.0 */
/* places.h - where two JSON texts differ, for people: "/contents/0/parts/0/text: "blue" there, "green" here". */
#ifndef GATEWAY_PLACES_H
#define GATEWAY_PLACES_H

#include "json/differ.h"

/** How it is said. */
struct gw_places {
    struct dgm_str before;                 /* the first place */
    struct dgm_str between;                /* two of them, and before "and N more" */
    struct dgm_str a, b;                   /* behind the values of both: " there, ", " here" */
    size_t most;                           /* places that are told */
    bool (*skips)(struct dgm_str pointer); /* what does not count; may be NULL */
};

/** Puts them, values cut to some 50 bytes; `out` NULL: they are only counted. Returns how many there are. */
size_t gw_places_put(const struct gw_places *, const struct json_val *a, const struct json_val *b,
                     struct dgm_buf *out);

#endif
