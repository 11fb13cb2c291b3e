/* SPDX-License-Identifier: Apache-2.0 */
/* sort.c - a heap sort. */
#include "base/sort.h"

#include <assert.h>
#include <string.h>

#define SIZE_MAX_BYTES 64

static void swap(char *a, char *b, size_t size)
{
    char kept[SIZE_MAX_BYTES];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

static void sift_down(char *heap, size_t n, size_t size, size_t i,
                      int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(heap + child * size, heap + (child + 1) * size) < 0)
            child++;
        if (compare(heap + i * size, heap + child * size) >= 0)
            return;
        swap(heap + i * size, heap + child * size, size);
    }
}

void dgm_sort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *))
{
    char *heap = base;
    assert(size != 0 && size <= SIZE_MAX_BYTES);
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, n, size, i, compare);
    for (size_t left = n; left-- > 1;) {
        swap(heap, heap + left * size, size);
        sift_down(heap, left, size, 0, compare);
    }
}
