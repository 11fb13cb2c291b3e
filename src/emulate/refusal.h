/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h - Google's errors: what was wrong, and the body that says so (google.md 5). */
#ifndef EMULATE_REFUSAL_H
#define EMULATE_REFUSAL_H

#include "base/arena.h"

#define REFUSAL_VIOLATIONS_MAX 32 /* more are not listed */

/** One thing that is wrong with a payload: where ("" at the top), and Google's sentence. */
struct violation {
    struct dgm_str field, description;
};

/** An error on its way out. A status of 0 is "none". Texts stand in the arena of the call. */
struct refusal {
    int status; /* HTTP; 404 without a message is the frontend's HTML page */
    struct dgm_str message;
    /* told in the details, when there are any */
    struct violation violations[REFUSAL_VIOLATIONS_MAX];
    size_t nviolations;
    /* google.rpc.Code's name; absent: NOT_FOUND for 404, else INVALID_ARGUMENT */
    struct dgm_str google;
    struct dgm_str details; /* JSON, instead of the violations; "" or absent: none */
};

/** Google's words for a body that is too large. DGM_E_REFUSED or DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc emu_refuse_size(size_t max_bytes, struct dgm_arena *,
                                         struct refusal *reterr);

/** Puts `{"error":{"code","message","status","details"}}`, or the HTML page. */
void emu_refusal_put(const struct refusal *, struct dgm_buf *out);

#endif
