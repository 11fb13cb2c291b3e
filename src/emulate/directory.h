/* SPDX-License-Identifier: Apache-2.0 */
/* directory.h - which models there are, as the two APIs tell it: all of them, one, and that there is none (google.md 1.4, 5.4). */
#ifndef EMULATE_DIRECTORY_H
#define EMULATE_DIRECTORY_H

#include "emulate/refusal.h"
#include "emulate/target.h"

/**
 * Puts the answer to a TARGET_LIST, pageSize and pageToken of its query followed, or to a TARGET_GET. Google's filter is not
 * known, so it filters nothing.
 *
 * DGM_OK. DGM_E_REFUSED: `*reterr` says what is wrong with the query, or that there is no such model. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_directory_put(const struct target *, struct dgm_arena *,
                                           struct dgm_buf *out, struct refusal *reterr);

/** The 404 of a call to a model that there is not. DGM_E_REFUSED or DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc emu_directory_refuse(const struct target *, struct dgm_arena *,
                                              struct refusal *reterr);

/** A method that Google has and the emulator has not: 501, in words that are ours. DGM_E_REFUSED or DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc emu_directory_refuse_method(const struct target *, struct dgm_arena *,
                                                     struct refusal *reterr);

#endif
