/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempt.h - a chat completion's attempts: whom it asks, as what, and whether it asks again.
 *
 * policy.h decides; this makes the request that an upstream gets, calls it, and waits where waiting is the answer. Until
 * the client has a byte of an answer another upstream or location may be asked; comments of a stream are none.
 */
#ifndef GATEWAY_ATTEMPT_H
#define GATEWAY_ATTEMPT_H

#include "gateway/exchange.h"
#include "gateway/memory.h"
#include "gateway/policy.h"
#include "gateway/upstream.h"

/** The request is complete: translates it and asks. */
void gw_attempt_begin(struct gw_exchange *);

/** What was waited for may be there: looks again. It may be over, and freed, after this. */
void gw_attempt_resume(struct gw_exchange *);

/** The answer is one, or begins to be. */
void gw_attempt_worked(struct gw_exchange *);

/** What a status means, with the body behind it. */
enum gw_outcome gw_attempt_judge(const struct gw_exchange *, int status, struct dgm_str body);

/**
 * The upstream failed. True: the exchange goes on without this answer, or is over. False: the answer is to be given.
 * `after_ms`: when it wants to be asked again; negative when it did not say.
 */
bool gw_attempt_failed(struct gw_exchange *, enum gw_outcome, int64_t after_ms);

/**
 * The model answered without a word, or with a call that can not be read. True: it is asked once more, where `ask_again` says
 * so and the client has nothing of the answer (user-pain C2, F6). False: the error is to be given.
 */
bool gw_attempt_unsaid(struct gw_exchange *);

/**
 * The upstream refused, and the request was made otherwise. True: it is asked again, as far as the retry budget goes, and its
 * last answer is forgotten. False: the error is to be given.
 */
bool gw_attempt_otherwise(struct gw_exchange *);

/** The request is asked where it was, at once and out of no budget: its last answer, which is forgotten, was our fault. */
void gw_attempt_anew(struct gw_exchange *);

/**
 * The upstream answered 401. True: the token was the keeper's, and the request is asked again with a new one, once; the client
 * has nothing of the answer.
 */
bool gw_attempt_renew(struct gw_exchange *);

/**
 * Asks the place that was asked last for something else of the same request, a body in one segment, whole and not streamed
 * (probing.h): `events` hear of it, the tape does not. The call is the exchange's. False: it can not be asked.
 */
bool gw_attempt_aside(struct gw_exchange *, const struct dgm_str *body,
                      const struct gw_call_events *events);

/** The client left, or the exchange is over. */
void gw_attempt_end(struct gw_exchange *);

/* ---- shared with translation.c ---------------------------------------------------------------------- */

/**
 * Makes the request that the plan's upstream gets, in a thread where it is large, with what its URLs lead to where
 * `fetch` says so: of `again`, where there was a request before, else of the body; then comes gw_attempt_made. Or it
 * answers why not.
 */
void gw_translation_begin(struct gw_exchange *);

/** The request is made: asks, or waits until it may. */
void gw_attempt_made(struct gw_exchange *);

/* ---- shared with caching.c -------------------------------------------------------------------------- */

/** What was to be there before the request is asked is there, or never will be: asks. */
void gw_attempt_ask(struct gw_exchange *);

/* ---- shared with chat.c ----------------------------------------------------------------------------- */

/** What a call's events do. */
extern const struct gw_call_events gw_chat_events;

/** Works off the loop. The exchange is held until `done` gives it back. */
void gw_chat_start_job(struct gw_exchange *, size_t text_bytes, void (*run)(void *owner),
                       void (*done)(void *owner));

/** Whose memory is recalled and kept for. */
struct gw_memory_of gw_chat_memory_of(const struct gw_exchange *);

/** Whether anybody still waits for what a job has made. */
bool gw_chat_is_wanted(const struct gw_exchange *);

/** Sends `chat.object`, which is whole, as the answer. */
void gw_chat_give(struct gw_exchange *);

/** What the translation has to say goes out as headers, which outlive the request. */
void gw_chat_take_notes(struct gw_exchange *);

#endif
