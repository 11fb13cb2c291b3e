/* SPDX-License-Identifier: Apache-2.0 */
/* ask.h - a native request that passed the parser, to be read: members in either spelling, numbers in either form. */
#ifndef EMULATE_ASK_H
#define EMULATE_ASK_H

#include "base/str.h"
#include "emulate/model.h"
#include "emulate/target.h"
#include "json/read.h"

struct ask {
    struct target target;
    struct model model;
    const struct json_val *root;
    const struct json_val *contents, *system, *config, *thinking, *tools; /* NULL when absent */
    uint64_t signature_key; /* of thought signatures (signature.h) */
};

/** Fills in what hangs on `root`; `target` and `model` are the caller's business. */
void emu_ask_init(struct ask *, const struct json_val *root);

static inline bool emu_ask_is_vertex(const struct ask *a)
{
    return (a->target.surface & NATIVE_VERTEX) != 0;
}

/** A member, named as in JSON ("generationConfig") and found in snake case too. NULL when absent or null. */
const struct json_val *emu_ask_get(const struct json_val *obj, struct dgm_str camel);

bool emu_ask__is_snake_of(struct dgm_str snake, struct dgm_str camel);

/** Whether a member's name is one that is given as in JSON, or its snake case. */
static inline bool emu_ask_is(struct dgm_str name, struct dgm_str camel)
{
    if (name.n < camel.n || name.p[0] != camel.p[0])
        return false; /* either spelling is as long at least, and begins with the same letter */
    return name.n == camel.n ? dgm_str_eq(name, camel) : emu_ask__is_snake_of(name, camel);
}

#define emu_ask_member(obj, literal) emu_ask_get((obj), DGM_STR(literal))

/** Numbers, which proto3 JSON also takes as strings. False when it is none. */
bool emu_ask_int(const struct json_val *, int64_t *ret);
bool emu_ask_double(const struct json_val *, double *ret);

/** A walk over a repeated field: the elements of an array, or the one value that stands for it. */
struct ask_list {
    const struct json_val *value;
    size_t index;
    struct json_iter _iter;
    bool _array, _single;
};
struct ask_list emu_ask_list(const struct json_val *);
bool emu_ask_next(struct ask_list *);
size_t emu_ask_count(const struct json_val *);

/** The element with that index; NULL behind the last. */
const struct json_val *emu_ask_at(const struct json_val *, size_t index);

/** Whether what Google's own tools were asked and answered is to be told (toolConfig.includeServerSideToolInvocations). */
bool emu_ask_circulates(const struct ask *);

/** What a content is, by its role and parts. */
struct turn {
    bool model;              /* of the model; else of the user */
    size_t calls, responses; /* parts that are functionCall, functionResponse */
    size_t others;           /* parts that are anything else */
};
struct turn emu_ask_turn(const struct json_val *content);

#endif
