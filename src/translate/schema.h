/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - JSON Schemas as Gemini takes them (google.md 6.5, 6.6).
 *
 * Models that take JSON Schema get the client's text untouched, key order and numbers included; what Google does not
 * list is noted. Others, and schemas in OpenAPI's words ("STRING", nullable), get OpenAPI's subset; what that cannot
 * say goes into descriptions where it helps, and into a note (DGM_NOTE_SCHEMA) always. schema.def tells for each
 * keyword. The subset holds by construction what Gemini insists on: a type everywhere, nothing beside anyOf, items for
 * arrays, texts alone in enum, nothing required that is no property.
 */
#ifndef TRANSLATE_SCHEMA_H
#define TRANSLATE_SCHEMA_H

#include "translate/chat.h"

enum schema_form {
    SCHEMA_JSON,   /* as it came: parametersJsonSchema, responseJsonSchema */
    SCHEMA_SUBSET, /* OpenAPI's subset: parameters, responseSchema */
};

/** The form in which a schema goes: what the request's model takes, and what the schema is written in. */
enum schema_form schema_form(const struct dgm_request *, const struct json_val *schema);

/**
 * Puts a schema as a value. `label` is whose it is, for the notes: a tool's name, or "response_format". Refuses, with
 * its place and pointer, one that cannot be sent at all: no object, a $ref that leads nowhere.
 */
void schema_put(struct dgm_request *, struct json_writer *, const struct json_val *schema,
                enum schema_form, struct dgm_str label, const struct chat_place *);

/** The same for a function's parameters, which are an object's schema: alternatives at its root become one object. */
void schema_put_parameters(struct dgm_request *, struct json_writer *,
                           const struct json_val *schema, enum schema_form, struct dgm_str label,
                           const struct chat_place *);

/**
 * Refuses JSON that cannot go as it came: a name twice in one object, nesting deeper than `levels` (Google's parser
 * goes so far: SCHEMA_DEPTH_MAX is what is left for parameters). Counts its objects: see schema_parts.h.
 */
#define SCHEMA_DEPTH_MAX 95 /* around parameters Gemini has a level more than OpenAI */
bool schema_is_sound(struct dgm_request *, const struct json_val *, unsigned levels,
                     const struct chat_place *);

/** Whether all it takes are objects, as the parameters of a function are. */
bool schema_is_object(const struct json_val *schema);

/** Whether it says anything of an object with members: Gemini wants no parameters at all for a function without any
 * (user-pain B10). */
bool schema_is_empty(const struct json_val *schema);

#endif
