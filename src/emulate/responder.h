/* SPDX-License-Identifier: Apache-2.0 */
/* responder.h - who answers: what "x-dragoman-emulate" asks for (responders.def). */
#ifndef EMULATE_RESPONDER_H
#define EMULATE_RESPONDER_H

#include "emulate/emulate.h"
#include "emulate/native.h"
#include "emulate/refusal.h"

enum responder_id {
#define RESPONDER(id, ...) RESPONDER_##id,
#include "emulate/responders.def"
#undef RESPONDER
};

struct scenario_answer; /* scenario.h */

/** What usageMetadata looks like. */
enum usage_shape {
    USAGE_USUAL,
#define USAGE_SHAPE(id, ...) USAGE_##id,
#include "emulate/responders.def"
#undef USAGE_SHAPE
};

/** How much of an answer there is when it ends. */
enum finish_said { SAID_ALL, SAID_HALF, SAID_NOTHING };

/** What an answer's words are. */
enum responder_says { SAYS_USUAL, SAYS_TEXT, SAYS_CITED };

/** A row of FINISH_REASON. */
struct finish_reason {
    const char *name;
    unsigned surfaces;
    enum finish_said said;
    const char *message;
};

/** What was asked for. */
struct responder {
    enum responder_id id;
    const struct scenario_answer *script; /* what is said instead; NULL: nothing is scripted */
    enum responder_says says;
    uint64_t tokens;                    /* of long-thinking */
    struct dgm_str block;               /* the reason of blocked; a constant */
    struct dgm_str traffic;             /* absent: the surface's usual; a constant */
    const struct finish_reason *finish; /* of finish; else NULL */
    enum usage_shape usage;
    uint32_t width, height; /* of image, in pixels */
    uint32_t top;           /* of logprobs */
    bool parallel;          /* of tools */
    bool wav;               /* of audio */
};

/** Rows of the table, for documents and tests. NULL behind the last. */
struct responder_row {
    const char *name, *argument;
    enum responder_says says;
    const char *about;
};
const struct responder_row *emu_responder_at(size_t index);

/** Whether a text is a finishReason, letter for letter, of any surface: a row of FINISH_REASON. */
bool emu_finish_known(struct dgm_str);

/**
 * Reads the header's value; absent is the usual one. DGM_OK. DGM_E_REFUSED: there is no such responder, or it
 * does not take that argument: `*reterr` is a 400 that lists what there is, arguments of that responder too.
 * DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_responder_read(struct dgm_str value, enum native_surface,
                                            struct dgm_arena *, struct responder *ret,
                                            struct refusal *reterr);

#endif
