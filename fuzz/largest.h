/* SPDX-License-Identifier: Apache-2.0 */
/* largest.h - for fuzzers of streams: how large an answer's events are. */
#ifndef FUZZ_LARGEST_H
#define FUZZ_LARGEST_H

#include "base/sse.h"

/* The bytes of the largest event, by which dragoman.h bounds the output. */
static inline size_t largest_event(const uint8_t *data, size_t n)
{
    struct dgm_sse sse;
    struct dgm_sse_event e;
    struct dgm_str in = {(const char *)data, n};
    size_t most = 0;
    dgm_sse_init(&sse, &dgm_alloc_libc, SIZE_MAX);
    while (dgm_sse_next(&sse, &in, &e) == DGM_EVENT)
        most = e.data.n > most ? e.data.n : most;
    while (dgm_sse_finish(&sse, &e) == DGM_EVENT)
        most = e.data.n > most ? e.data.n : most;
    dgm_sse_dispose(&sse);
    return most;
}

#endif
