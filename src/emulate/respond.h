/* SPDX-License-Identifier: Apache-2.0 */
/*
 * respond.h - what compose.c asks of those who know what to say: texts (respond_text.c), calls (respond_tools.c), what
 * stands beside a text (respond_more.c), calls in pieces (respond_partial.c).
 */
#ifndef EMULATE_RESPOND_H
#define EMULATE_RESPOND_H

#include "emulate/facts.h"
#include "emulate/plan.h"
#include "emulate/scenario.h"

#define OPENINGS 8 /* a wording is less than twice as many, plus the candidate's number */
#define RESPOND_CALLS_MAX PLAN_CALLS_MAX /* of one step */

/** One answer being composed. */
struct composer {
    const struct ask *ask;
    const struct prompt *prompt;
    const struct responder *responder;
    struct dgm_arena *arena;
    struct facts facts;       /* of what the user says */
    uint64_t seed;            /* 0 when none was sent */
    uint64_t thoughts_tokens; /* of one candidate */
    int64_t max_tokens;       /* of one candidate, thinking included */
    bool words, image, sound; /* what the answer has */
    bool native;              /* Gemini answers, not a server of a dialect */
};

/** The answer's text: prose, JSON or the echo, as the request and the responder say. May be empty. */
void emu_respond_text(const struct composer *, uint64_t wording, struct dgm_buf *out);

/** What an answer with sources says (says CITED). */
void emu_respond_cited(struct dgm_buf *out);

/** A summary of what was thought. */
void emu_respond_thought(const struct composer *, struct dgm_buf *out);

/** A function to be called, and with what. */
struct respond_call {
    struct dgm_str name, args; /* args is a JSON object */
};

/**
 * The calls of the next step; none where a text is due. Names are borrowed from the request, arguments stand in
 * the arena. DGM_OK or DGM_E_NOMEM.
 *
 * The loop: with functions and a mode that lets it, each declared function is called once in a turn (of those
 * that are allowed, RESPOND_TURN_MAX at most), one a step, the best fit first: that which shares most words
 * with what the user says, four times as much for its name as for its description and parameters; of equals
 * the first declared; one whose name begins with "final" comes last and alone. Several a step where the user asks so ("in parallel", "both", "at once"), where two
 * functions have words of their names in a request with "and", or where several places are named ("in Chicago
 * and Paris"): then those that fit (all, where he says so or none fits), and those that take a place once for
 * each. A courtesy ("Hello!") that shares no word with any function is answered by a text. Mode ANY calls
 * even then, and again when all were called; NONE never.
 */
DGM_MUST_USE enum dgm_rc emu_respond_calls(const struct composer *, uint64_t wording,
                                           struct respond_call ret[RESPOND_CALLS_MAX],
                                           size_t *ret_n);

/**
 * Adds the question to Google Search and its answer (toolCall, toolResponse), where the request wants to be told of them
 * and none of its functions has answered in this turn yet.
 */
enum dgm_rc emu_respond_search(const struct composer *, struct dgm_str id, struct plan_candidate *);

/** Adds parts with a program and what came of it, as Google's code execution does. DGM_OK or DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc emu_respond_code(const struct composer *, struct plan_candidate *);

/** Adds the image or the sound that is wanted, if one is. DGM_OK or DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc emu_respond_files(const struct composer *, struct plan_candidate *);

/**
 * Adds the members that say where sentences of emu_respond_cited come from, as the responder wants them; those of
 * sentences that the candidate's text no longer has are left out. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_respond_sources(const struct composer *, struct plan_candidate *);

/**
 * Puts partialArgs in the place of whole calls: a part with the name, one for each value (a long string in pieces), and
 * an empty one (google.md 4.4). Calls whose arguments have an empty object or array stay whole, since partialArgs have
 * no word for these. The signature goes with the name. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_respond_partial(const struct composer *, struct plan_candidate *);

#endif
