/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_put.h - the pieces of an instance, and where each stands. schema.c puts values, and numbers and arrays among
 * them; schema_given.c what a schema gives itself; schema_string.c and schema_object.c the rest.
 */
#ifndef EMULATE_SCHEMA_PUT_H
#define EMULATE_SCHEMA_PUT_H

#include "emulate/schema_view.h"

#define SCHEMA_ITEMS_MAX 256 /* of an array, and members of an object that count alone asks for */

/** Where a value stands. */
struct spot {
    struct dgm_str name; /* of its member; of an item, the array's */
    unsigned depth;
    size_t index;            /* of an item */
    bool unique;             /* items differ */
    const struct view *view; /* of the value itself */
    const struct spot *up;   /* what it stands in; NULL for the root */
};

void emu_schema_put_value(struct faker *, const struct view *, struct spot);

/** Puts the const, or one of the enum. Returns whether there was one that could be put. */
bool emu_schema_put_fixed(struct faker *, const struct view *, struct dgm_str type,
                          const struct spot *);

/** An example, or the default, that is of the type and not forbidden. NULL: there is none. */
const struct json_val *emu_schema_example(const struct view *, struct dgm_str type, size_t index);

void emu_schema_put_string(struct faker *, const struct view *, const struct spot *);
void emu_schema_put_object(struct faker *, const struct view *, const struct spot *);

/** What members are called that have people's names. */
#define NAMES_OF_PEOPLE "participant people person attendee guest member user author"

/** Whether a name has one of the words, as a word: "dueDate" and "due_dates" have "date", "update" has not. */
bool emu_name_has_word(struct dgm_str name, const char *words);

#endif
