/* SPDX-License-Identifier: Apache-2.0 */
/* schema_parts.h - between schema.c (JSON Schema as it is) and schema_subset.c (OpenAPI's subset). */
#ifndef TRANSLATE_SCHEMA_PARTS_H
#define TRANSLATE_SCHEMA_PARTS_H

#include "translate/schema.h"

/*
 * What schemas cost is counted in members looked at, over and over, and a request may spend on all its schemas together
 * what they are worth: so much to begin with, so much for each object in them, never more than the most. It depends on
 * the schemas alone: with one more message the same tools become the same text. A $ref that it is too late to follow is
 * left to Google, a schema that it is too late to rewrite is refused.
 */
#define SCHEMA_WORK_FLOOR ((size_t)2000 * SCHEMA_WORK_NODE)
#define SCHEMA_WORK_OBJECT ((size_t)8 * SCHEMA_WORK_NODE)
#define SCHEMA_WORK_MAX ((size_t)100000 * SCHEMA_WORK_NODE)
#define SCHEMA_WORK_NODE 256 /* a schema put in the subset */
#define SCHEMA_WORK_BYTES 8  /* bytes that cost as much as a member */

/** Types, as bits. */
enum {
    K_STRING = 1,
    K_NUMBER = 2,
    K_INTEGER = 4,
    K_BOOLEAN = 8,
    K_ARRAY = 16,
    K_OBJECT = 32,
    K_NULL = 64,
    K_ANY = 127,
};

enum keyword_inside { NOTHING, SCHEMA, LIST, MAP, EITHER };

enum keyword_json { TAKEN, JSON_MUTE, JSON_LOST };

enum keyword_subset {
    SUBSET_TYPE,
    SUBSET_FORMAT,
    SUBSET_DESCRIPTION,
    SUBSET_NULLABLE,
    SUBSET_ENUM,
    SUBSET_ITEMS,
    SUBSET_PROPERTIES,
    SUBSET_EXTRA,
    SUBSET_VALUE,
    SUBSET_TEXT,
    SUBSET_NUMBER,
    SUBSET_COUNT,
    SUBSET_LAYER,
    SUBSET_CHOICE,
    SUBSET_HELP,
    SUBSET_FOLD,
    SUBSET_LOST,
    SUBSET_MUTE,
};

enum keyword_id {
#define KEYWORD(id, ...) KEY_##id,
#include "translate/schema.def"
#undef KEYWORD
    KEYWORDS
};

struct keyword {
    struct dgm_str name;
    enum keyword_inside inside;
    enum keyword_json json;
    enum keyword_subset subset;
    unsigned kinds;
};

extern const struct keyword schema_keywords[KEYWORDS];

/** The row of a name; KEYWORDS when it has none. */
enum keyword_id schema_keyword(struct dgm_str name);

/** Whether a name is an extension, which says nothing to others: "x-order". */
bool schema_is_extension(struct dgm_str name);

/** The bit of a type's name in any case, Python's words for it included; 0: there is no such type. */
unsigned schema_kind(struct dgm_str type);

/** A place inside of a schema, as a chain: a member, or an element where `name` is absent. */
struct schema_at {
    const struct schema_at *up; /* NULL: the root */
    struct dgm_str name;
    size_t index;
};

#define AT_MEMBER(at, n) (&(struct schema_at){.up = (at), .name = (n)})
#define AT_ELEMENT(at, i) (&(struct schema_at){.up = (at), .index = (i)})

/** One schema at work. `r`: absent where it is but read. */
struct schema_job {
    struct dgm_request *r;
    const struct json_val *root;
    struct dgm_str label;
    const struct chat_place *place;
    size_t work, work_max; /* members looked at, and how many may be */
    bool quiet;            /* notes are not made */
    /* bounds, lengths, formats, patterns and long enums are told in descriptions (tries.def) */
    bool plain;
};

/** Counts what a schema costs, in members looked at. */
static inline void schema_spend(struct schema_job *job, size_t members)
{
    job->work += members;
}

static inline bool schema_is_spent(const struct schema_job *job)
{
    return job->work > job->work_max;
}

/** Notes what was lost at a place: "get_weather: pattern at /properties/city". */
void schema_note(struct schema_job *, struct dgm_str what, const struct schema_at *);

/** What a $ref points at, inside of the schema; NULL when that is nowhere. */
const struct json_val *schema_resolve(struct schema_job *, struct dgm_str ref);

/** Refuses a $ref that leads nowhere, with its pointer. */
void schema_refuse_ref(struct schema_job *, struct dgm_str ref, const struct schema_at *);

/** Whether a keyword of a plain schema is told in its description, where its kind has it. */
bool schema_is_told(const struct schema_job *, enum keyword_id, const struct json_val *);

/** Puts a schema in the subset. `object`: it is the parameters of a function. */
void schema_put_subset(struct schema_job *, struct json_writer *, bool object);

#endif
