/* SPDX-License-Identifier: Apache-2.0 */
/* count.h - countTokens: how many tokens a request is. */
#ifndef EMULATE_COUNT_H
#define EMULATE_COUNT_H

#include "emulate/ask.h"
#include "emulate/refusal.h"

/**
 * Puts the answer to a body that passed the parser; `ask` has target and model, its rest is filled in here. On the Gemini API
 * the lines of rules.def hold for it too, as lines of CountTokensRequest; nothing else that a request is refused for is
 * known to be looked at.
 *
 * DGM_OK. DGM_E_REFUSED: `*reterr` is a 400. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_count_put(struct ask *, const struct json_val *root,
                                       struct dgm_arena *, struct dgm_buf *out,
                                       struct refusal *reterr);

#endif
