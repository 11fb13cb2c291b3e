/* SPDX-License-Identifier: Apache-2.0 */
/* chunks.h - what holds for every stream of chunks, whatever the upstream sent (dragoman.h). */
#ifndef SUPPORT_CHUNKS_H
#define SUPPORT_CHUNKS_H

#include <dragoman/types.h>

/** Whose chunks they are: each has habits of its own. */
enum chunks_of {
    CHUNKS_GEMINI,  /* translated: dragoman.h's promises, and calls one after the other */
    CHUNKS_RELAYED, /* a server's of one's own: its calls may take turns */
    CHUNKS_GOOGLE   /* DGM_COMPAT_GOOGLE (compat.def) */
};

/** Looks at a whole stream that a client got. Returns the promise that it breaks, or NULL. */
const char *chunks_broken(enum chunks_of, struct dgm_str sse);

#endif
