/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_view.h - what a schema says of one value, for schema_put.h: keywords looked up in all that it includes.
 *
 * What a value must be is a view: the schema itself and all that it includes by reference or alternative, as
 * layers. A keyword is looked up in the layers from the first on; limits are the strictest of all.
 */
#ifndef EMULATE_SCHEMA_VIEW_H
#define EMULATE_SCHEMA_VIEW_H

#include "emulate/ask.h"
#include "emulate/facts.h"
#include "json/write.h"

#define SCHEMA_DEPTH_ALL 6 /* from here on a value is deep */
#define SCHEMA_LAYERS_MAX 12
#define SCHEMA_OPTIONS_MAX 256 /* of one enum or list of names that are looked at */

/** One instance being written. */
struct faker {
    struct json_writer *w;
    const struct json_val *root;
    const struct facts *facts;
    uint64_t wording;
    unsigned work;       /* looks at names so far */
    size_t numbers_used; /* of the prompt */
};

struct view {
    const struct json_val *layers[SCHEMA_LAYERS_MAX];
    size_t n;
};

/** Deep: only what must be is put, so that recursion ends where it may. Over: nothing is. */
bool emu_view_is_deep(const struct faker *, unsigned depth);
bool emu_view_is_over(const struct faker *, unsigned depth);

/** Adds a schema with all that it includes; of alternatives, for a deep value, null or a plain one. NULL adds nothing. */
void emu_view_add(struct faker *, struct view *, const struct json_val *schema, bool deep);
struct view emu_view_of(struct faker *, const struct json_val *schema, bool deep);

/** A keyword, from the first layer that has it. NULL: none has. */
const struct json_val *emu_view_get(const struct view *, struct dgm_str camel);

#define emu_view_member(view, literal) emu_view_get((view), DGM_STR(literal))

/** The type: of several the first that is not null; without any, what the keywords speak of. */
struct dgm_str emu_view_type(const struct view *);
bool emu_type_is(struct dgm_str type, const char *name);
bool emu_view_may_be_null(const struct view *);

/**
 * Whether a `not` refuses a value: the const, or one of the enum, within it. Of a name: it must not be there, being the
 * first that a `not` requires.
 */
bool emu_view_forbids(const struct view *, const struct json_val *value);
bool emu_view_forbids_str(const struct view *, struct dgm_str text);
bool emu_view_forbids_number(const struct view *, struct dgm_str text);
bool emu_view_forbids_name(const struct view *, struct dgm_str name);

/** The largest of the lower limits of that name, the least of the upper ones; neither over the ceiling. */
size_t emu_view_at_least(const struct view *, struct dgm_str name, size_t ceiling);
size_t emu_view_at_most(const struct view *, struct dgm_str name, size_t ceiling);

#endif
