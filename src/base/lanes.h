/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lanes.h - sixteen bytes looked at together.
 *
 * Vectors of the compiler's own, so the same lines serve every machine; the place of the first hit alone wants
 * an instruction by name where there is one. Comparing two gives 0xff where they agree and 0 elsewhere.
 */
#ifndef BASE_LANES_H
#define BASE_LANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DGM_LANES = 16 };

typedef uint8_t dgm_lanes __attribute__((vector_size(DGM_LANES)));

static inline dgm_lanes dgm_lanes_load(const char *p)
{
    dgm_lanes x;
    memcpy(&x, p, sizeof x);
    return x;
}

/** Where a lane first is not 0, of a vector that came of comparing; DGM_LANES when nowhere. */
static inline unsigned dgm_lanes_first(dgm_lanes x)
{
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(DGM_LANES)));
    return (unsigned)__builtin_ctz((unsigned)__builtin_ia32_pmovmskb128((bytes)x) |
                                   1u << DGM_LANES);
#else
    uint64_t halves[2];
    memcpy(halves, &x, sizeof x);
    if ((halves[0] | halves[1]) == 0)
        return DGM_LANES;
    unsigned i = 0;
    while (!x[i])
        i++;
    return i;
#endif
}

/** All lanes added up. */
static inline unsigned dgm_lanes_sum(dgm_lanes x)
{
    const uint64_t bytes = 0x00ff00ff00ff00ff, ones = 0x0001000100010001;
    uint64_t halves[2], pairs = 0;
    memcpy(halves, &x, sizeof x);
    for (size_t i = 0; i < 2; i++)
        pairs += (halves[i] & bytes) + (halves[i] >> 8 & bytes);
    return (unsigned)(pairs * ones >> 48);
}

/** A bit for each lane, the first lowest, of a vector that came of comparing. */
static inline unsigned dgm_lanes_mask(dgm_lanes x)
{
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(DGM_LANES)));
    return (unsigned)__builtin_ia32_pmovmskb128((bytes)x);
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < DGM_LANES; i++)
        mask |= (unsigned)(x[i] != 0) << i;
    return mask;
#endif
}

#endif
