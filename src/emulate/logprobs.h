/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.h - how likely the tokens of an answer were: made up, and always the same for the same token. */
#ifndef EMULATE_LOGPROBS_H
#define EMULATE_LOGPROBS_H

#include "emulate/plan.h"

/**
 * Puts logprobsResult, with the tokens whose ends lie between two marks of a candidate and of each its `top` best
 * candidates, itself the first; nothing where no token ends. With the last of them avgLogprobs too.
 */
void emu_logprobs_put(const struct plan_candidate *, const struct plan_mark *from,
                      const struct plan_mark *to, uint32_t top, struct json_writer *);

#endif
