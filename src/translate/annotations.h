/* SPDX-License-Identifier: Apache-2.0 */
/* annotations.h - grounding and citations as OpenAI's url_citation annotations (google.md 4.9, 6.8). */
#ifndef TRANSLATE_ANNOTATIONS_H
#define TRANSLATE_ANNOTATIONS_H

#include "json/write.h"
#include "translate/offsets.h"

/** Whether a candidate has any: a source with an address that a piece of the text rests on. */
bool annotations_any(const struct json_val *candidate);

/**
 * Puts them as an array, in the order of the native ones; a piece of text that rests on several sources has one for
 * each. `text` is the candidate's text so far, whose bytes the native indices count. After `max_bytes` the rest is left
 * out: many pieces may rest on one long address, and the native form says it all in less. In a stream `*index` numbers
 * them over all its events, as clients want it of lists that they put together; NULL in a whole answer.
 */
void annotations_put(struct json_writer *, const struct json_val *candidate,
                     const struct offsets *text, size_t max_bytes, int64_t *index);

#endif
