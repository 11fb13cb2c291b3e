/* SPDX-License-Identifier: Apache-2.0 */
/* usage.h - Google's token counts in OpenAI's sense (google.md 4.5; user-pain K1, K8). */
#ifndef TRANSLATE_USAGE_H
#define TRANSLATE_USAGE_H

#include "json/write.h"

#define TRAFFIC_MAX 40

/**
 * Counts that always agree: the completion includes reasoning, prompt and completion sum to the total, and each
 * detail is at most what it is part of.
 */
struct usage {
    int64_t prompt, completion; /* prompt: with what tools added; cached tokens are part of it */
    int64_t reasoning, cached, audio_in, audio_out, image_out;
    int64_t native_prompt, native_candidates,
        native_total;          /* as Gemini counts; total 0: not said */
    char traffic[TRAFFIC_MAX]; /* "ON_DEMAND"; "" when nobody said */
};

/** Reads usageMetadata. What streams send is cumulative: the last one counts, so nothing is added up. */
struct usage usage_read(const struct json_val *native);

void usage_put(struct json_writer *, const struct usage *);

/** The same as Google's own endpoint counts: thoughts beside the completion, in the alphabet's order (compat.def). */
void usage_put_google(struct json_writer *, const struct usage *);

#endif
