/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - what an upstream answered instead of an answer, as OpenAI's error object.
 *
 * Taken: {"error": {...}} as an object, in Google's array of one, or framed as an event; vLLM's and TGI's own shapes,
 * FastAPI's {"detail": ...}; a page of HTML, a plain text, nothing (google.md 5, 8; user-pain G1 to G7).
 */
#ifndef TRANSLATE_FAILURE_H
#define TRANSLATE_FAILURE_H

#include "translate/chat.h"

/** The error object in a JSON root; NULL when it is none. */
const struct json_val *failure_find(const struct json_val *root);

/** Whether an answer of a server that speaks OpenAI's protocol is an error, in any of the shapes above. */
bool failure_is(const struct json_val *root);

/**
 * Puts OpenAI's error object for an upstream's answer with that status (0: as the error itself says), notes in the
 * request what its headers should advise, and returns the client's status. `root` is the answer's JSON, NULL where it
 * was none; `text` is its bytes as they came, absent where only the JSON is left.
 */
int failure_put(struct dgm_request *, struct dgm_buf *out, int status, const struct json_val *root,
                struct dgm_str text);

#endif
