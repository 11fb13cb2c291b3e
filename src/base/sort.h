/* SPDX-License-Identifier: Apache-2.0 */
/* sort.h - sorting in place, without memory of its own. */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>

/**
 * Sorts `n` elements of `size` bytes (at most 64), as qsort does, but in O(n log n) whatever they are and
 * without allocating: qsort may do so, behind the back of our allocators. Not stable.
 */
void dgm_sort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

#endif
