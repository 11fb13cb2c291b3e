/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what a model's name tells about it. */
#ifndef TRANSLATE_MODEL_H
#define TRANSLATE_MODEL_H

#include <dragoman/types.h>

/** What some models can and others cannot; sets of them are sums. */
enum model_ability {
    CAN_PENALTIES = 1, /* takes presence and frequency penalties, on Vertex */
    CAN_JSON_SCHEMA =
        2, /* takes JSON Schema as it is, in parametersJsonSchema and responseJsonSchema */
    CAN_TOOLS_WITH_JSON = 4, /* functions and a JSON answer in one request */
    CAN_PART_RESOLUTION = 8, /* mediaResolution on each part; else one for the whole request */
    CAN_RESULT_PARTS = 16,   /* media in functionResponse.parts */
    CAN_STREAM_ARGS = 32,    /* streamFunctionCallArguments, on Vertex */
    CAN_SIGNATURES = 64,     /* wants thought signatures back */
    CAN_PENALTIES_GEMINI = 128,
    CAN_SAMPLING = 256, /* takes temperature and topP */
    CAN_LOGPROBS = 512, /* gives log probabilities, on Vertex */
    CAN_LOGPROBS_GEMINI = 1024,
    CAN_AUDIO = 2048, /* answers in audio */
};

/** Words of a name; sets of them are sums. */
enum model_word_index {
#define MODEL_WORD(id, word) MODEL_INDEX_##id,
#include "translate/model_words.def"
#undef MODEL_WORD
};

enum model_word {
    MODEL_ANY = 0,
#define MODEL_WORD(id, word) MODEL_##id = 1 << MODEL_INDEX_##id,
#include "translate/model_words.def"
#undef MODEL_WORD
};

struct model {
    struct dgm_str name; /* as the native URL has it: "gemini-2.5-flash" */
    unsigned generation; /* ten times the version: 25 is Gemini 2.5; 0 when the name says none */
    unsigned words;      /* of its name, a set of enum model_word */
    unsigned can;        /* a set of enum model_ability, by abilities.def */
    uint32_t output, candidates;     /* the most tokens of an answer, the most answers */
    const struct thinking *thinking; /* NULL: it does not think, or its name does not tell */
    bool placed; /* the name came with a project and a location, which are not used */
};

#define GEMINI_3 30 /* from here on: thinking levels, thought signatures enforced */

/**
 * Reads a name as a client writes it: "google/x", "models/x", "gemini/x", "publishers/google/models/x",
 * "projects/P/locations/L/publishers/google/models/x" and "x" are one.
 * A colon is in none: in a path it would begin what is to be done with the model.
 * DGM_OK; DGM_E_SYNTAX: not well formed; DGM_E_REFUSED: well formed, but of another publisher.
 */
DGM_MUST_USE enum dgm_rc model_read(struct dgm_str sent, struct model *ret);

/** How much to think, in OpenAI's words; the order is that of the columns of thinking.def. */
enum effort { EFFORT_NONE, EFFORT_MINIMAL, EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH, EFFORTS };

/** Reads a word, in any case; "xhigh" and "max" are HIGH. False when OpenAI's schema has no such word. */
bool model_effort(struct dgm_str word, enum effort *ret);

/** How a model thinks: a row of thinking.def. */
struct thinking {
    const char *member;         /* of thinkingConfig: "thinkingBudget" or "thinkingLevel" */
    const char *value[EFFORTS]; /* JSON */
    unsigned from, to;
    enum model_word word;
    int32_t min, max, standard;
};

/** Whether it can be asked not to think at all. */
bool model_can_rest(const struct thinking *);

#endif
