/* SPDX-License-Identifier: Apache-2.0 */
/*
 * details.h - reasoning_details: thoughts and signatures where OpenRouter's clients look for them, and send them back
 * (user-pain D3, D10). carriers.c reads what comes back.
 *
 *   {type: reasoning.text, text, format, index}               the thoughts; a stream's pieces share an index
 *   {type: reasoning.encrypted, data, id, format, index}      the signature of the call with that id
 *   {type: reasoning.encrypted, data, format, index}          that of a text or an image
 *
 * Where thoughts go by other settings, and the signatures in extra_content, stays as it is.
 */
#ifndef TRANSLATE_DETAILS_H
#define TRANSLATE_DETAILS_H

#include "translate/answer.h"

/**
 * Puts the member reasoning_details for a piece of a candidate, where the request wants it and there is something.
 * `kept` is how many records there were before the piece's calls were put.
 */
void details_put(const struct dgm_request *, struct json_writer *, struct choice *,
                 const struct answer_piece *, size_t kept);

#endif
