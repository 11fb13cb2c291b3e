/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - an answer, decided: what will be sent, before it is cut into pieces and written as JSON. */
#ifndef EMULATE_PLAN_H
#define EMULATE_PLAN_H

#include "emulate/emulate.h"
#include "emulate/prompt.h"
#include "emulate/responder.h"
#include "json/write.h"

#define PLAN_CANDIDATES_MAX 8
#define PLAN_CALLS_MAX 16  /* of one candidate */
#define PLAN_MEMBERS_MAX 6 /* of one candidate, besides content, finishReason and index */

enum part_kind {
    PART_THOUGHT,
    PART_TEXT,
    PART_CALL,
    PART_SOUND, /* raw samples: may be sent in pieces */
    PART_OTHER, /* sent in one */
};

struct plan_part {
    enum part_kind kind;
    /* of a call: its arguments, a JSON object; of a sound: base64; of PART_OTHER: its member's value */
    struct dgm_str text;
    struct dgm_str name;      /* of a call; of a sound: its MIME type; of PART_OTHER: its member */
    struct dgm_str id;        /* of a call; no id where the surface has none */
    struct dgm_str signature; /* base64, sent with the last of the part; "" when there is none */
    uint64_t tokens;          /* of PART_SOUND and PART_OTHER; those of the others are counted */
    enum modality modality;   /* of these tokens */
};

/** A member of a candidate, sent with its finishReason. */
struct plan_member {
    struct dgm_str name, json;
};

struct plan_candidate {
    struct plan_part *parts; /* in the arena; none of their texts is empty */
    size_t nparts;           /* none where thinking took all that was allowed */
    struct plan_member members[PLAN_MEMBERS_MAX];
    size_t nmembers;
    struct dgm_str finish;
    size_t _room; /* for parts */
};

/** All texts stand in the arena of the call. A blocked prompt has no candidates. */
struct plan {
    struct plan_candidate candidates[PLAN_CANDIDATES_MAX];
    size_t ncandidates;
    uint64_t prompt_tokens[MODALITIES], prompt_tokens_total, thoughts_tokens, tool_tokens;
    uint64_t cached_tokens[MODALITIES]; /* of the prompt, those that stood in a cache */
    uint64_t candidates_tokens; /* when candidates_told: at the end, instead of what they come to */
    bool candidates_told;
    struct dgm_str model_version, response_id, create_time;
    struct dgm_str block;   /* why the prompt was blocked; absent when it was not */
    struct dgm_str traffic; /* trafficType; absent for none */
    enum usage_shape usage;
    uint32_t top;     /* logprobs: candidates of a token, itself not counted */
    bool logprobs;    /* logprobsResult */
    bool interleaved; /* one candidate an event */
    bool late_finish; /* finishReason in an event of its own */
    bool sparse;      /* empty events between the others */
    bool bare;        /* no content where there is none, not even a role */
    bool vertex;
};

/**
 * Decides on the answer. What each responder says, the thinking, the limits and the wordings are told in
 * compose.c. What it takes from the request is copied to the arena. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_plan_compose(const struct ask *, const struct prompt *,
                                          const struct responder *, const struct emu_env *,
                                          struct dgm_arena *, struct plan *ret);

/** A part more for a candidate, zeroed; NULL when memory is short. It stays where it is until the next is asked for. */
struct plan_part *emu_plan_add_part(struct plan_candidate *, struct dgm_arena *);

/** What a part comes to in candidatesTokenCount. */
uint64_t emu_plan_part_tokens(const struct plan_part *);

/** How far one candidate has been sent. */
struct plan_mark {
    size_t part, at; /* so many of its parts, and so many bytes of the next */
    bool said;       /* all of its parts were sent */
    bool ended;      /* its finish reason was sent */
    size_t _tokens_at;
    uint64_t _tokens[MODALITIES]; /* of the parts, and of the text before `_tokens_at` */
};

/**
 * Moves a mark on by one piece of up to `chars` characters, ended at a word where it can be; a call is a piece
 * of its own. False when nothing is left to be said.
 */
bool emu_plan_advance(const struct plan_candidate *, size_t chars, struct plan_mark *);

/** How far an answer has been sent. All zero is the start. */
struct plan_cursor {
    struct plan_mark marks[PLAN_CANDIDATES_MAX];
    size_t _turn;   /* the candidate that comes next, where they take turns */
    size_t _events; /* put so far */
    bool _ended;    /* all candidates have */
};

#define PLAN_WHOLE SIZE_MAX

/**
 * Puts the next GenerateContentResponse: of up to so many characters of each candidate, ended at a word where it can be,
 * a call being a piece of its own; or PLAN_WHOLE. True when it is the last.
 */
bool emu_plan_next(const struct plan *, size_t chars, struct plan_cursor *, struct json_writer *);

#endif
