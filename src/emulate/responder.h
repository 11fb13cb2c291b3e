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

/** What was asked for. */
struct responder {
    enum responder_id id;
    const struct scenario_answer *script; /* what is said instead; NULL: nothing is scripted */
    uint64_t tokens;                      /* of long-thinking */
    struct dgm_str block;                 /* the reason of blocked; a constant */
    bool parallel;                        /* of tools */
};

/** Rows of the table, for documents and tests. NULL behind the last. */
struct responder_row {
    const char *name, *argument, *about;
};
const struct responder_row *emu_responder_at(size_t index);

/**
 * Reads the header's value; absent is the usual one. DGM_OK. DGM_E_REFUSED: there is no such responder, or it
 * does not take that argument: `*reterr` is a 400 that lists what there is. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_responder_read(struct dgm_str value, enum native_surface,
                                            struct dgm_arena *, struct responder *ret,
                                            struct refusal *reterr);

#endif
