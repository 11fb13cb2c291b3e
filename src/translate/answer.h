/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - what whole and streamed answers share: reading native members, putting OpenAI's. */
#ifndef TRANSLATE_ANSWER_H
#define TRANSLATE_ANSWER_H

#include "translate/chat.h"

#define CHOICES_MAX 8 /* candidates Gemini gives (google.md 2.1) */

/** OpenAI's finish_reason for a native one, by finish.def. */
struct dgm_str answer_finish(struct dgm_str native);

/**
 * The same for a whole turn: one with calls that just stopped ended for them (user-pain C10): tool_calls, or
 * function_call where the request had `functions` (C17).
 */
struct dgm_str answer_finish_of(const struct dgm_request *, struct dgm_str finish, bool has_calls);

/** A candidate's finishReason; absent while it goes on, also where it says "unspecified" (google.md 4.3). */
struct dgm_str answer_reason(const struct json_val *candidate);

/** A part's functionCall; NULL for any other part. */
const struct json_val *answer_call(const struct json_val *part);

/** What a candidate's parts hold: texts of the answer, and the calls that the client gets to see. */
struct answer_parts {
    const struct json_val *parts;
    const struct json_val
        *answer; /* the call that is the answer itself (tools.h); it counts as a text */
    bool texts, calls;
};

/** Reads a candidate of which the client has seen `calls_n` calls already. */
struct answer_parts answer_parts(const struct dgm_request *, const struct json_val *candidate,
                                 int64_t calls_n);

/** Puts all texts of the parts as one string; where a call is the answer, that alone. */
void answer_put_texts(const struct dgm_request *, struct json_writer *,
                      const struct answer_parts *);

/** A part's text that belongs to the answer: absent for thoughts and for anything but text. */
struct dgm_str answer_text(const struct json_val *part);

/** Why there is no answer, for `refusal`: the upstream's own words, else a sentence with its reason. */
void answer_put_refusal(struct json_writer *, const struct json_val *prompt_feedback);

/**
 * Puts the member tool_calls, or function_call, with the calls that the client gets to see: each with a new id and the
 * client's own name for it; their signatures are noted in `kept`. `calls_n` counts them from one event to the next, and
 * is their index in a stream; NULL in a whole answer, which has none.
 */
void answer_put_calls(struct dgm_request *, struct json_writer *, const struct json_val *parts,
                      int64_t *calls_n);

/** Puts id, object, created and model: what begins every answer and every chunk. */
void answer_put_head(const struct dgm_request *, struct json_writer *, struct dgm_str object);

#endif
