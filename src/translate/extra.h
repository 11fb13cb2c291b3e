/* SPDX-License-Identifier: Apache-2.0 */
/* extra.h - extra_content.google of a message or a delta: what OpenAI has no place for. Part of answer.h. */
#ifndef TRANSLATE_EXTRA_H
#define TRANSLATE_EXTRA_H

#include "translate/answer.h"

/**
 * Notes in the piece which of `found`, a candidate's members by the rows of carried.def, are carried: those that have a
 * place nowhere else, and those of its end only once it has ended. True when there is one.
 */
bool extra_read(const struct choice *, const struct json_val *const found[CARRIED_N],
                struct answer_piece *);

/** Opens and closes extra_content and the object google in it. */
void extra_open(struct json_writer *);
void extra_close(struct json_writer *);

/** Puts all of it for a piece of a candidate; of a whole one its end too, as answer_put_end does. */
void extra_put(const struct dgm_request *, struct json_writer *, struct choice *,
               const struct answer_piece *, bool whole);

#endif
