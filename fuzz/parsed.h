/* SPDX-License-Identifier: Apache-2.0 */
/* parsed.h - a text that a fuzzer looks at, as a tree. */
#ifndef FUZZ_PARSED_H
#define FUZZ_PARSED_H

#include "json/read.h"

#include "property.h"

#include <string.h>

/* Parses a copy of it in the arena. NULL: it is no JSON. */
static inline const struct json_val *parsed(struct dgm_arena *arena, struct dgm_str text)
{
    const struct json_val *root = NULL;
    struct json_error error;
    char *copy = dgm_arena_take(arena, text.n + JSON_PADDING);
    PROPERTY(copy);
    if (text.n != 0)
        memcpy(copy, text.p, text.n);
    return json_parse(arena, copy, text.n, JSON_DEPTH_MAX, &root, &error) == DGM_OK ? root : NULL;
}

/* The same of what must be JSON. */
static inline const struct json_val *parsed_well(struct dgm_arena *arena, struct dgm_str text)
{
    const struct json_val *root = parsed(arena, text);
    PROPERTY(root);
    return root;
}

#endif
