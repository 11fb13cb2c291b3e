/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_rules.h - what vLLM and TGI refuse (dialect.def). */
#ifndef EMULATE_DIALECT_RULES_H
#define EMULATE_DIALECT_RULES_H

#include "emulate/dialect.h"
#include "emulate/rules.h"

/** A row of the table, for documents and tests. */
struct emu_dialect_row {
    enum emu_dialect dialect;
    const char *id;
    int status;
    const char *type;
    enum certainty certainty;
    const char *source, *text;
};
const struct emu_dialect_row *emu_dialect_row_at(size_t index); /* NULL behind the last */

/**
 * Applies the rows of a dialect to a request; `trouble` says why it could not be parsed (NULL: it could). DGM_OK.
 * DGM_E_REFUSED: `*reterr` is the error. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_dialect_check(enum emu_dialect, const struct json_val *root,
                                           const char *trouble, struct dgm_arena *,
                                           struct refusal *reterr);

/** The type of an error that is none of the table's, by its status. */
struct dgm_str emu_dialect_error_type(enum emu_dialect, int status);

#endif
