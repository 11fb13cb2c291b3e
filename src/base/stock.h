/* SPDX-License-Identifier: Apache-2.0 */
/* stock.h - blocks of memory that were given back, kept for whoever asks next. */
#ifndef BASE_STOCK_H
#define BASE_STOCK_H

#include <dragoman/types.h>

#define DGM_STOCK_BLOCK_MAX ((size_t)4096) /* larger ones go by */
#define DGM_STOCK_STEP ((size_t)64)        /* blocks are rounded up to whole steps */

/**
 * An allocator before another one. A request takes a dozen blocks and gives all of them back; the next request wants the
 * same again, and gets them in a few instructions while they are still in the cache. Lifetime:
 *   1. init borrows the other allocator; `alloc` is what to ask from then on.
 *   2. What is given back is kept, by its size, as long as all that is kept is within a ceiling.
 *   3. dispose gives back what is kept; blocks that are still in use stay good, and are freed by `alloc` as before.
 * A stock is one thread's. Another asks `aside`, which goes by what is kept: blocks of the one may be resized and freed
 * by the other.
 */
struct dgm_stock {
    struct dgm_alloc alloc, aside;
    const struct dgm_alloc *_source;
    struct dgm_stock_block *_kept[DGM_STOCK_BLOCK_MAX / DGM_STOCK_STEP]; /* lists, by size */
    size_t _kept_bytes, _max_bytes;
};

/** `max_bytes` is the ceiling of what is kept; with 0 every call goes to `source` as it is. */
void dgm_stock_init(struct dgm_stock *, const struct dgm_alloc *source, size_t max_bytes);

/** What `alloc` does, for a caller that knows it is a stock. */
void *dgm_stock_resize(struct dgm_stock *, void *p, size_t old_n, size_t n);

void dgm_stock_dispose(struct dgm_stock *); /* fine twice */

#endif
