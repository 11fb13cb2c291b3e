/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what a model's name tells about it. */
#ifndef TRANSLATE_MODEL_H
#define TRANSLATE_MODEL_H

#include <dragoman/types.h>

struct model {
    struct dgm_str name; /* as the native URL has it: "gemini-2.5-flash" */
    unsigned generation; /* ten times the version: 25 is Gemini 2.5; 0 when the name says none */
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
