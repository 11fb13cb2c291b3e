/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries.h - a request that is sent otherwise than it would be: because its upstream refused it, or others like it.
 *
 * tries.def has the rows. failure.c tells here what an upstream said, dgm_request_try tells the caller what that calls for;
 * what is set (dgm_request_learn, dgm_request_adapt) is looked up where the body is made: config.c, thinking.c,
 * google_members.c, schema.c, relay_messages.c and relay_turns.c.
 */
#ifndef TRANSLATE_TRIES_H
#define TRANSLATE_TRIES_H

#include "translate/chat.h"

/** What a request is made otherwise in. Stands in its arena once there is any. */
struct tries {
    uint32_t set;  /* of 1 << enum dgm_try_id */
    uint32_t vain; /* the same: those that were taken back, for the same refusal came again */
    struct dgm_try at[DGM_TRIES];
    bool wants; /* the last answer calls for: */
    struct dgm_try wanted;
    uint32_t made; /* the last of dgm_request_adapt, in `set`; 0: none, or it was judged */
    uint64_t wanted_for, made_for; /* which message called for them, by a digest */
};

static inline bool tries_has(const struct dgm_request *r, enum dgm_try_id id)
{
    return r->tries && r->tries->set >> id & 1;
}

/**
 * What is put for a member of generationConfig, or of thinkingConfig, by its name in snake case: `v` itself; NULL where it
 * is left out; or a number that was brought into bounds. `said_as` is the member's name for people, in the warning.
 */
const struct json_val *tries_value(struct dgm_request *, struct dgm_str name,
                                   struct dgm_str said_as, const struct json_val *v);

/** Warns that a row of MAKE was done. */
void tries_warn(struct dgm_request *, enum dgm_try_id, struct dgm_str member);

/** The most tokens of an answer: the model's, or what it said itself. */
uint32_t tries_output(const struct dgm_request *);

/** What an answer calls for: none so far. */
void tries_forget(struct dgm_request *);

/**
 * An upstream refused the request with a message. `of_schemas`: which names nothing, and a schema is what it may be.
 * The very message that called for the last try: it did not help, and is taken back.
 */
void tries_note(struct dgm_request *, struct dgm_str message, bool of_schemas);

/* ---- relay_turns.c ---- */

/** Whether a row of RELAYED would change anything of the messages. */
bool relay_try_helps(const struct dgm_request *, enum dgm_try_id);

#endif
