/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - a call's arguments as its schema declares them (user-pain C12).
 *
 * Google keeps all numbers as doubles, so that 5 may come as 5.0; strict clients refuse it where they declared an
 * integer. Everything else leaves as it came, numbers as text.
 */
#ifndef TRANSLATE_ARGS_H
#define TRANSLATE_ARGS_H

#include "json/write.h"

/**
 * Puts `args` as json_put_val_as_str does, with "5.0" and "1e3" as "5" and "1000" where `schema`, a function's
 * declared JSON Schema or Google's subset of it, says "integer" and nowhere "number": through properties,
 * additionalProperties, items, prefixItems, anyOf, oneOf, allOf and $ref. What no double tells exactly (over 2^53),
 * what the schema does not tell, and what it tells at too great length, is put as it came. NULL is a schema that
 * tells nothing.
 */
void args_put_as_str(struct json_writer *, const struct json_val *args,
                     const struct json_val *schema);

#endif
