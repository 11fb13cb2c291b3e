/* SPDX-License-Identifier: Apache-2.0 */
/* parts.h - one part of a message's content: text, refusal, image, audio, file, video (google.md 2.3). */
#ifndef TRANSLATE_PARTS_H
#define TRANSLATE_PARTS_H

#include "translate/google.h"

/**
 * Puts one content part as a part of `turn`: text, or inlineData or fileData with its MIME type. Base64 goes on as it
 * came, and nothing is fetched. An empty text leaves no trace; an unknown type, or a medium whose MIME type nobody
 * told, is refused.
 */
void part_put(struct chat_contents *, enum chat_turn, const struct json_val *part,
              const struct chat_place *);

/** Whether a part is text (or a refusal), and which. Absent: it is something else. */
struct dgm_str part_text(const struct json_val *part);

/**
 * Puts a medium as what stands in functionResponse.parts: {"inlineData"} or {"fileData"}, an element of an open
 * array. Refuses what is no medium.
 */
void part_put_result(struct chat_contents *, const struct json_val *part,
                     const struct chat_place *);

#endif
