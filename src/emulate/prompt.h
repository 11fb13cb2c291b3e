/* SPDX-License-Identifier: Apache-2.0 */
/* prompt.h - what a request asks, and how many tokens it is. */
#ifndef EMULATE_PROMPT_H
#define EMULATE_PROMPT_H

#include "base/arena.h"
#include "emulate/ask.h"

enum modality {
    MODALITY_TEXT,
    MODALITY_IMAGE,
    MODALITY_VIDEO,
    MODALITY_AUDIO,
    MODALITY_DOCUMENT,
    MODALITIES
};

#define PROMPT_MEDIA_MAX 8

/** A file in the last turn. */
struct prompt_media {
    struct dgm_str mime_type, uri; /* the uri is absent for inline data */
    size_t bytes;
};

/** Texts are views of the body, or stand in the arena. */
struct prompt {
    struct dgm_str text;        /* of the last turn of the user; "" when it has none */
    struct dgm_str system;      /* the first part of the system instruction */
    struct dgm_str result_name; /* of the last turn's first function response; absent when none */
    const struct json_val *result; /* and what it returned */
    struct prompt_media media[PROMPT_MEDIA_MAX];
    size_t nmedia; /* files in the last turn, of which PROMPT_MEDIA_MAX are kept */
    size_t nturns, nfunctions;
    uint64_t tokens[MODALITIES], tokens_total;
};

/**
 * Reads it. Tokens: texts by tokens.h, 4 more a turn; an image is 258, audio and video one for 500 bytes, a
 * document 258 for each 100 KiB, a file elsewhere 258. DGM_OK or DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_prompt_read(const struct ask *, struct dgm_arena *,
                                         struct prompt *ret);

/** A modality as usageMetadata names it: "TEXT". */
struct dgm_str emu_prompt_modality_name(enum modality);

#endif
