/* SPDX-License-Identifier: Apache-2.0 */
/* chunks.h - what holds for every stream of chunks, whatever the upstream sent (dragoman.h). */
#ifndef SUPPORT_CHUNKS_H
#define SUPPORT_CHUNKS_H

#include <dragoman/types.h>

/** Looks at a whole stream that a client got. Returns the promise that it breaks, or NULL. */
const char *chunks_broken(struct dgm_str sse);

/** The same for DGM_COMPAT_GOOGLE, whose chunks have other habits (compat.def). */
const char *chunks_google_broken(struct dgm_str sse);

#endif
