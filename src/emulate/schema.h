/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - a plausible instance of a schema: OpenAPI's subset (responseSchema) or JSON Schema.
 *
 * It knows type, properties, required, items, prefixItems, enum, const, default, example, anyOf, oneOf, allOf
 * (of these the first), $ref and ref into $defs and defs, nullable, format, and the limits of lengths, items
 * and numbers. It does not read `pattern`.
 */
#ifndef EMULATE_SCHEMA_H
#define EMULATE_SCHEMA_H

#include "emulate/facts.h"
#include "json/write.h"

/** Puts one instance, with values from the facts where a name fits; `wording` varies it where it can. */
void emu_schema_put_instance(struct json_writer *, const struct json_val *schema,
                             const struct facts *, uint64_t wording);

#endif
