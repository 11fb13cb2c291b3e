/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema_subset.h - between the files that make OpenAPI's subset of a JSON Schema: schema_subset.c (nodes, choices,
 * items), schema_layers.c (what is said of one value, and in how many places), schema_object.c, schema_describe.c.
 *
 * One value may be spoken of in several places: at a $ref and where it leads, in each schema of an allOf, and in one of
 * anyOf besides what stands beside it. Each such schema is a layer of one node; the first that has a keyword counts.
 */
#ifndef TRANSLATE_SCHEMA_SUBSET_H
#define TRANSLATE_SCHEMA_SUBSET_H

#include "translate/schema_parts.h"

#define LAYERS_MAX 16
#define CHOICES_DONE_MAX 8

/* The $refs that lead to a node, and to those around it. */
struct trail {
    const struct trail *up;
    const struct json_val *target;
};

struct node {
    const struct json_val *layer[LAYERS_MAX];
    size_t n;
    size_t own;   /* layers behind these stand around the alternative that this is */
    size_t loose; /* layers behind these are alternatives made one: they require nothing */
    const struct json_val *done[CHOICES_DONE_MAX]; /* choices that need no more care */
    size_t done_n;
    struct trail trail[LAYERS_MAX];
    size_t trail_n;
    const struct trail *up;
    const struct json_val *cut; /* what is not followed any more */
    unsigned kind;              /* one type of several; 0: as it says */
    bool nullable, never, object;
    const struct json_val *found[KEYWORDS];
};

struct subset {
    struct schema_job *job;
    struct json_writer w;
    struct dgm_buf out, text; /* what is put; a description on its way */
    unsigned recursion;       /* times that a schema may stand within itself */
    size_t nodes, nodes_max, cuts;
    size_t told; /* bytes of `out` that are paid for */
};

/** Whether there is no budget left, or no memory: what is put from here on is thrown away. */
bool subset_is_over(const struct subset *);

/** A member; what looking it up costs is counted. */
const struct json_val *subset_get(struct subset *, const struct json_val *, struct dgm_str name);

/* ---- layers ---- */

/** A node of one schema. `up`: the $refs that lead to it. */
void subset_start(struct subset *, struct node *, const struct trail *up, const struct json_val *,
                  const struct schema_at *);

/** Adds a schema and all that it says to be the same: where its $ref leads, the schemas of its allOf. */
void subset_gather(struct subset *, struct node *, const struct json_val *,
                   const struct schema_at *);

/** Fills `found` with the first layer's word for each keyword. */
void subset_scan(struct subset *, struct node *, const struct schema_at *);

/* ---- choices and types ---- */

/** Whether a schema takes null and nothing else. */
bool subset_is_null(const struct json_val *);

/** Whether no alternative says what the value is, as in anyOf: [{"required": ["a"]}, {"required": ["b"]}]. */
bool subset_is_minor(const struct json_val *choice);

/** The next anyOf or oneOf that is not `done`; its name to `*ret`. NULL: there is none. */
const struct json_val *subset_next_choice(struct subset *, const struct node *,
                                          struct dgm_str *ret);

/** The types that all layers of a node say, but for null; where two have none in common the first counts. */
unsigned subset_kinds_said(struct subset *, struct node *, const struct schema_at *);

/** What a schema without a type must be of, by what it says; 0: it says nothing. */
unsigned subset_infer_kind(const struct node *);

/** The type of a value. */
unsigned subset_kind_of(const struct json_val *);

/* ---- putting ---- */

/** Puts a node: `level` nodes stand around it. */
void subset_put_node(struct subset *, struct node *, const struct schema_at *, unsigned level);

/** Puts a schema inside of a node. */
void subset_put_child(struct subset *, const struct node *, const struct json_val *,
                      const struct schema_at *, unsigned level);

/** Puts `description`, with what the subset cannot say in brackets behind it, if there is anything to be said. */
void subset_put_description(struct subset *, const struct node *, unsigned kind);

/** Whether the subset has a format for a type. */
bool subset_is_format(struct dgm_str format, unsigned kind);

/** Puts `properties`, `required` and `propertyOrdering`. */
void subset_put_properties(struct subset *, const struct node *, const struct schema_at *,
                           unsigned level);

/** Puts `additionalProperties`, or notes that they cannot be told. */
void subset_put_extra(struct subset *, const struct node *, const struct json_val *,
                      const struct schema_at *, unsigned level);

#endif
