/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what a model's name tells about it. */
#ifndef TRANSLATE_MODEL_H
#define TRANSLATE_MODEL_H

#include <dragoman/types.h>

/** What some models can and others cannot; sets of them are sums. */
enum model_ability {
    CAN_PENALTIES = 1, /* takes presence and frequency penalties */
    CAN_JSON_SCHEMA =
        2, /* takes JSON Schema as it is, in parametersJsonSchema and responseJsonSchema */
    CAN_TOOLS_WITH_JSON = 4, /* functions and a JSON answer in one request */
    CAN_PART_RESOLUTION = 8, /* mediaResolution on each part; else one for the whole request */
    CAN_RESULT_PARTS = 16,   /* media in functionResponse.parts */
    CAN_STREAM_ARGS = 32,    /* streamFunctionCallArguments, on Vertex */
    CAN_SIGNATURES = 64,     /* wants thought signatures back */
};

struct model {
    struct dgm_str name; /* as the native URL has it: "gemini-2.5-flash" */
    unsigned generation; /* ten times the version: 25 is Gemini 2.5; 0 when the name says none */
    unsigned can;        /* a set of enum model_ability, by abilities.def */
    uint32_t output, candidates; /* the most tokens of an answer, the most answers */
};

#define GEMINI_3 30 /* from here on: thinking levels, thought signatures enforced */

/**
 * Reads a name as a client writes it: "google/x", "models/x", "publishers/google/models/x" and "x" are one.
 * DGM_OK; DGM_E_SYNTAX: not well formed; DGM_E_REFUSED: well formed, but of another publisher.
 */
DGM_MUST_USE enum dgm_rc model_read(struct dgm_str sent, struct model *ret);

/** What `reasoning_effort` means to a model. */
struct thinking {
    const char *member;   /* of thinkingConfig; NULL: this model does not think */
    struct dgm_str value; /* JSON */
};

/** False when `effort` is no word that OpenAI's schema has. */
bool model_thinking(const struct model *, struct dgm_str effort, struct thinking *ret);

#endif
