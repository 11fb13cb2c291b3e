/* SPDX-License-Identifier: Apache-2.0 */
/* drive.h - one run of a case through the core, in one of the ways that must not matter. */
#ifndef GOLDEN_DRIVE_H
#define GOLDEN_DRIVE_H

#include "case.h"

/** How a stream is fed: a first piece, then pieces of `step` bytes, into an output of `out_bytes`. */
struct way {
    size_t first, step, out_bytes;
};

/** What a run came to. Texts that the run did not make are absent. */
struct outcome {
    enum dgm_rc
        rc; /* of the call that ended it: DGM_OK, DGM_DONE, DGM_E_REFUSED, DGM_E_UPSTREAM or worse */
    const char *broken;   /* a promise of dragoman.h that was not kept; else NULL */
    int status;           /* the client's; 0 when it is the usual one */
    struct dgm_buf body;  /* native JSON, the client's JSON, or the client's SSE */
    struct dgm_buf error; /* a refusal, or the error that a stream not yet begun becomes */
    struct dgm_buf ignored, schema, warning, headers, target, kept, retry, urls, probes;
    struct dgm_buf cache, cached; /* the body that has the prefix kept; that of the request then */
};

void outcome_dispose(struct outcome *);

/**
 * Runs the case. All the core's memory comes from `memory`, whose `fail_at` counts from the core's first
 * allocation; all of it is given back, or the run is broken. `*ret` is set in any case; dispose of it.
 */
struct alloc_fail;
void drive(const struct golden_case *, struct alloc_fail *memory, const struct way *,
           struct outcome *ret);

#endif
