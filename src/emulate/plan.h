/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - an answer, decided: what will be sent, before it is cut into pieces and written as JSON. */
#ifndef EMULATE_PLAN_H
#define EMULATE_PLAN_H

#include "emulate/emulate.h"
#include "emulate/prompt.h"
#include "emulate/responder.h"
#include "json/write.h"

#define PLAN_CANDIDATES_MAX 8
#define PLAN_PARTS_MAX 20 /* of one candidate */

enum part_kind { PART_THOUGHT, PART_TEXT, PART_CALL };

struct plan_part {
    enum part_kind kind;
    struct dgm_str text;      /* of a call: its arguments, a JSON object */
    struct dgm_str name, id;  /* of a call; no id where the surface has none */
    struct dgm_str signature; /* base64, sent with the last of the part; "" when there is none */
};

struct plan_candidate {
    struct plan_part *parts; /* in the arena; none of their texts is empty */
    size_t nparts;           /* none where thinking took all that was allowed */
    struct dgm_str finish;
};

/** All texts stand in the arena of the call. A blocked prompt has no candidates. */
struct plan {
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    size_t ncandidates;
    uint64_t prompt_tokens[MODALITIES], prompt_tokens_total, thoughts_tokens;
    uint64_t candidates_tokens; /* when candidates_told: at the end, instead of what they come to */
    bool candidates_told;
    struct dgm_str model_version, response_id, create_time;
    struct dgm_str block; /* why the prompt was blocked; absent when it was not */
    bool vertex;
};

/**
 * Decides on the answer. What each responder says, the thinking, the limits and the wordings are told in
 * compose.c. What it takes from the request is copied to the arena. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_plan_compose(const struct ask *, const struct prompt *,
                                          const struct responder *, const struct emu_env *,
                                          struct dgm_arena *, struct plan *ret);

/** How far one candidate has been sent. All zero is the start. */
struct plan_mark {
    size_t part, at; /* so many of its parts, and so many bytes of the next */
    bool ended;      /* its finish reason was sent */
    size_t _tokens_at;
    uint64_t _tokens; /* of the texts and calls before `_tokens_at` */
};

/**
 * Moves a mark on by one piece of up to `chars` characters, ended at a word where it can be; a call is a piece
 * of its own. False at the end.
 */
bool emu_plan_advance(const struct plan_candidate *, size_t chars, struct plan_mark *);

/** What a part comes to in candidatesTokenCount. */
uint64_t emu_plan_part_tokens(const struct plan_part *);

/** Puts a GenerateContentResponse with what lies between the two marks of each candidate. */
void emu_plan_put(const struct plan *, const struct plan_mark *from, const struct plan_mark *to,
                  struct json_writer *);

#endif
