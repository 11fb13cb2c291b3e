/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.h - a candidate's logprobsResult as OpenAI's logprobs. */
#ifndef TRANSLATE_LOGPROBS_H
#define TRANSLATE_LOGPROBS_H

#include "json/write.h"

/** Puts {"content": [...], "refusal": null}, or null where the candidate has no logprobsResult. */
void logprobs_put(struct json_writer *, const struct json_val *candidate);

#endif
