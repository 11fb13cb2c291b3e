/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - which models there are, and what each can do. */
#ifndef EMULATE_MODEL_H
#define EMULATE_MODEL_H

#include "emulate/native.h"

enum thinks { THINKS_NO, THINKS_BUDGET, THINKS_LEVEL };

/** Levels of thinking; a set of them is a sum. */
enum level { LEVEL_NONE = 0, LEVEL_MINIMAL = 1, LEVEL_LOW = 2, LEVEL_MEDIUM = 4, LEVEL_HIGH = 8 };

/** What a model reads and answers with; a set of them is a sum. */
enum medium {
    MEDIUM_TEXT = 1,
    MEDIUM_IMAGE = 2,
    MEDIUM_AUDIO = 4,
    MEDIUM_VIDEO = 8,
    MEDIUM_DOCUMENT = 16
};

/** One row of models.def. */
struct family {
    unsigned from, to;
    const char *word;
    enum thinks thinks;
    bool thinks_by_default, can_stop_thinking;
    int32_t budget_min, budget_max;
    unsigned levels;
    uint32_t input_tokens, output_tokens, candidates;
    unsigned penalties;       /* a set of enum native_surface */
    unsigned inputs, outputs; /* sets of enum medium */
};

struct model {
    struct dgm_str name;
    unsigned generation; /* ten times the version */
    const struct family *family;
};

#define GENERATION_3 30   /* thought signatures are asked for */
#define GENERATION_3_7 37 /* a history may not end with a turn of the model */

/**
 * Reads the name of a model. False: it is none that there is. The name is borrowed; of an alias ("gemini-flash-latest")
 * `ret->name` is the model that it stands for.
 */
bool emu_model_find(struct dgm_str name, struct model *ret);

/** Whether a version of the Gemini API has a name of a model, or an alias: v1 has not all. Vertex has them all. */
bool emu_model_is_on(struct dgm_str name, enum native_surface);

/** Whether Vertex serves it in a location. A location that nobody knows has what most have. */
bool emu_model_is_in(const struct model *, struct dgm_str location);

#endif
