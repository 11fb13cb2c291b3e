/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - an answer, decided: what will be sent, before it is cut into pieces and written as JSON. */
#ifndef EMULATE_PLAN_H
#define EMULATE_PLAN_H

#include "emulate/emulate.h"
#include "emulate/prompt.h"
#include "json/write.h"

#define PLAN_CANDIDATES_MAX 8
#define PLAN_PARTS_MAX 2

enum part_kind { PART_THOUGHT, PART_TEXT };

struct plan_part {
    enum part_kind kind;
    struct dgm_str text;
    struct dgm_str signature; /* base64, sent with the last of the part; "" when there is none */
};

struct plan_candidate {
    struct plan_part parts[PLAN_PARTS_MAX];
    size_t nparts; /* none where thinking took all that was allowed */
    struct dgm_str finish;
};

/** All texts stand in the arena of the call. */
struct plan {
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    size_t ncandidates;
    uint64_t prompt_tokens[MODALITIES], prompt_tokens_total, thoughts_tokens;
    struct dgm_str model_version, response_id, create_time;
    bool vertex;
};

/**
 * Decides on the answer: a responder. The shape of its text, the thinking, the limits and the wordings are
 * told in compose.c. What it takes from the request is copied to the arena.
 */
DGM_MUST_USE enum dgm_rc emu_plan_compose(const struct ask *, const struct prompt *,
                                          const struct emu_env *, struct dgm_arena *,
                                          struct plan *ret);

/** How far one candidate has been sent. All zero is the start. */
struct plan_mark {
    size_t part, at; /* so many of its parts, and so many bytes of the next */
    bool ended;      /* its finish reason was sent */
    size_t _tokens_at;
    uint64_t _tokens; /* of the text parts before `_tokens_at` */
};

/** Moves a mark on by one piece of up to `chars` characters, ended at a word where it can be. False at the end. */
bool emu_plan_advance(const struct plan_candidate *, size_t chars, struct plan_mark *);

/** Puts a GenerateContentResponse with what lies between the two marks of each candidate. */
void emu_plan_put(const struct plan *, const struct plan_mark *from, const struct plan_mark *to,
                  struct json_writer *);

#endif
