/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_key.h - when two requests to an upstream are the same, for answers from recordings.
 *
 * A request is what it asks for (the target's end: "models/gemini-2.5-flash:generateContent", "chat/completions") and its
 * body, brought to one form: members by name, no blanks, numbers in their own digits, secrets scrubbed as in recordings,
 * members of volatile.def left out or numbered. A body that is no JSON is taken as it is.
 *
 * The loose form besides has one word for all dates, times and UUIDs in texts: prompts often say what day it is.
 */
#ifndef GATEWAY_BODY_KEY_H
#define GATEWAY_BODY_KEY_H

#include "json/read.h"

struct gw_body_key {
    uint64_t exact, loose; /* hashes: nobody chooses bodies to make two alike */
};

/** The end of a target that counts; a part of it. */
struct dgm_str gw_body_what(struct dgm_str target);

/** Puts a body in its form. `scratch` takes what is needed meanwhile. DGM_OK, DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc gw_body_put_form(struct dgm_str body, bool loose,
                                          struct dgm_arena *scratch, struct dgm_buf *out);

/** DGM_OK, DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc gw_body_key(struct dgm_str target, struct dgm_str body,
                                     struct gw_body_key *ret);

#endif
