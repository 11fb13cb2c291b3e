/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold.h - what an answer says, however it came: as one text to compare.
 *
 * A stream's deltas are added up as clients do; a completion is taken as it is. Of each choice: content, thoughts, refusal,
 * calls with their ids, annotations, finish_reason; then the usage, or the error.
 */
#ifndef SUPPORT_FOLD_H
#define SUPPORT_FOLD_H

#include <dragoman/types.h>

/** Adds up a client's stream. */
void fold_stream(struct dgm_str sse, struct dgm_buf *out);

/** The same of a completion or of an error, in either form. */
void fold_answer(struct dgm_str json, struct dgm_buf *out);

#endif
