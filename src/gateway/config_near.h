/* SPDX-License-Identifier: Apache-2.0 */
/* config_near.h - "did you mean": the word nearest to one that is unknown. */
#ifndef GATEWAY_CONFIG_NEAR_H
#define GATEWAY_CONFIG_NEAR_H

#include <dragoman/types.h>

/**
 * The nearest of `words`: the fewest letters added, left out, changed or swapped with their neighbour; the
 * first of equals. Absent when none is near: a third of the letters may be wrong, at most 4.
 */
struct dgm_str gw_near(struct dgm_str word, const struct dgm_str *words, size_t n);

#endif
