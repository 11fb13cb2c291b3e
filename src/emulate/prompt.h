/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.h - what a request asks, and how many tokens it is. */
#ifndef EMULATE_PROMPT_H
#define EMULATE_PROMPT_H

#include "base/arena.h"
#include "emulate/ask.h"
#include "emulate/media.h"

enum modality {
    MODALITY_TEXT,
    MODALITY_IMAGE,
    MODALITY_VIDEO,
    MODALITY_AUDIO,
    MODALITY_DOCUMENT,
    MODALITIES
};

#define PROMPT_MEDIA_MAX 8
#define PROMPT_RESULTS_MAX 64

/** A file. */
struct prompt_media {
    struct dgm_str mime_type, uri; /* the uri is absent for inline data */
    size_t bytes;
    struct media seen; /* what inline data says of itself */
};

/** What a function returned. */
struct prompt_result {
    struct dgm_str name;
    const struct json_val *response;
};

/**
 * Texts are views of the body, or stand in the arena. The turn is the current one: it begins with the last
 * content of the user that has something else than results of functions (google.md 9.1).
 */
struct prompt {
    struct dgm_str text;   /* what the user says in the turn; "" when nothing */
    struct dgm_str system; /* the first part of the system instruction */
    size_t opening;        /* the index of the content that the turn begins with */
    struct prompt_result results[PROMPT_RESULTS_MAX]; /* of the turn, in their order */
    size_t nresults;                                  /* of which PROMPT_RESULTS_MAX are kept */
    struct prompt_media media[PROMPT_MEDIA_MAX];      /* files of the turn, those in results too */
    size_t nmedia;                                    /* of which PROMPT_MEDIA_MAX are kept */
    size_t nturns, nfunctions;
    bool answered; /* the last content is not the user's */
    uint64_t tokens[MODALITIES], tokens_total;
};

/**
 * Reads it. Tokens: texts by tokens.h, 4 more a turn. An image: before Gemini 3 258 for each tile (one where
 * no side is over 384 pixels; else tiles of two thirds of the short side, 256 to 768 pixels), 64 at low
 * resolution; from Gemini 3 on 280, 560, 1120 (where none is asked for) or 2240 by resolution. Audio 32 a
 * second, where its length is known, else one for 500 bytes, as video; a document 258 for each 100 KiB; a file
 * elsewhere 258. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_prompt_read(const struct ask *, struct dgm_arena *,
                                         struct prompt *ret);

/** A modality as usageMetadata names it: "TEXT". */
struct dgm_str emu_prompt_modality_name(enum modality);

#endif
