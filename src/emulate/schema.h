/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - a plausible instance of a schema: OpenAPI's subset (responseSchema, parameters) or JSON Schema.
 *
 * A value is, in this order: const; of an enum what the prompt mentions, or the one that `wording` chooses; a
 * fact of the prompt that the property's name asks for; an example; the default; what the format or pattern
 * wants; an example of the description ("e.g. Chicago"); "emulated", 1 or true. Limits of lengths, items,
 * members and numbers hold.
 *
 * $ref (and Vertex's ref), allOf and the chosen one of anyOf or oneOf are read as one with what stands beside
 * them. Members come in the order of properties, or of propertyOrdering. Optional members are filled in to a
 * depth of six; below, where a schema includes itself, and where it is huge, there is only what is required:
 * recursion ends where it may. What an `if` asks for is made to hold, and what follows from it; what comes with a
 * member (dependentRequired, dependentSchemas) comes; items that `contains` asks for are there. Of `not` these are heeded:
 * const, enum, type and required (the first name is left out). Others, maxContains, unevaluated members and what no
 * value can satisfy at once may get what they refuse.
 */
#ifndef EMULATE_SCHEMA_H
#define EMULATE_SCHEMA_H

#include "emulate/facts.h"
#include "json/write.h"

/** Puts one instance. What it does is bounded, whatever the schema. */
void emu_schema_put_instance(struct json_writer *, const struct json_val *schema,
                             const struct facts *, uint64_t wording);

#endif
