/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - Google's strict parser: a JSON body against the tables of native.def. */
#ifndef EMULATE_CHECK_H
#define EMULATE_CHECK_H

#include "emulate/native.h"
#include "emulate/refusal.h"
#include "json/read.h"

/**
 * Parses the body of a request, a message of that id, in place (as json_parse) and checks each member of it as Google's proto3 JSON parser
 * does: names in either spelling, types, enums, base64, lists, oneofs; null reads as absent, numbers may be
 * strings, and one element may stand for a list of one. All violations are told together.
 *
 * DGM_OK: `*ret` is the root. DGM_E_REFUSED: `*reterr` is a 400. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_check_body(struct dgm_arena *, char *text, size_t n,
                                        enum native_message_id, enum native_surface,
                                        const struct json_val **ret, struct refusal *reterr);

#endif
