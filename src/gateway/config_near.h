/* SPDX-License-Identifier: Apache-2.0 */
/* config_near.h - "did you mean": the word nearest to one that is unknown, or the three nearest. */
#ifndef GATEWAY_CONFIG_NEAR_H
#define GATEWAY_CONFIG_NEAR_H

#include <dragoman/types.h>

/**
 * The nearest of `words`: the fewest letters added, left out, changed or swapped with their neighbour; the
 * first of equals. Absent when none is near: a third of the letters may be wrong, at most 4.
 */
struct dgm_str gw_near(struct dgm_str word, const struct dgm_str *words, size_t n);

/** How many letters are added, left out, changed or swapped with their neighbour from one to the other; both are cut after 64. */
unsigned gw_near_letters(struct dgm_str, struct dgm_str);

#define GW_NEAREST 3
#define GW_NEAREST_BYTES_MAX 128 /* longer words are not told */

/** The nearest of words that come one by one. All zero: there are none yet. */
struct gw_nearest {
    size_t n;
    struct {
        unsigned letters;
        size_t bytes;
        char text[GW_NEAREST_BYTES_MAX];
    } at[GW_NEAREST]; /* the nearest first, of equals the one that came first */
};

/** Another word, which is so many letters away; it is copied. One that is there already counts once. */
void gw_nearest_see(struct gw_nearest *, struct dgm_str word, unsigned letters);

/** Puts `"a", "b" or "c"`; nothing where there is none. */
void gw_nearest_put(const struct gw_nearest *, struct dgm_buf *out);

#endif
