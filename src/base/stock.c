/* SPDX-License-Identifier: Apache-2.0 */
/* stock.c - blocks of memory that were given back, kept for whoever asks next. */
#include "base/stock.h"

#include <assert.h>
#include <string.h>

/* What a block holds while it is kept: its size is that of its list. */
struct dgm_stock_block {
    struct dgm_stock_block *next;
};

static_assert(sizeof(struct dgm_stock_block) <= DGM_STOCK_STEP, "the smallest block holds one");

static bool is_stocked(size_t n)
{
    return n != 0 && n <= DGM_STOCK_BLOCK_MAX;
}

static size_t list_of(size_t n)
{
    return (n - 1) / DGM_STOCK_STEP;
}

/* What was really taken for `n` bytes. */
static size_t rounded(size_t n)
{
    return is_stocked(n) ? (list_of(n) + 1) * DGM_STOCK_STEP : n;
}

static void *take(struct dgm_stock *s, size_t n)
{
    struct dgm_stock_block **kept = is_stocked(n) ? &s->_kept[list_of(n)] : NULL;
    if (!kept || !*kept)
        return s->_source->resize(s->_source->ctx, NULL, 0, rounded(n));
    struct dgm_stock_block *b = *kept;
    *kept = b->next;
    s->_kept_bytes -= rounded(n);
    return b;
}

static void give(struct dgm_stock *s, void *p, size_t n)
{
    if (!is_stocked(n) || rounded(n) > s->_max_bytes - s->_kept_bytes) {
        s->_source->resize(s->_source->ctx, p, rounded(n), 0);
        return;
    }
    struct dgm_stock_block *b = p;
    b->next = s->_kept[list_of(n)];
    s->_kept[list_of(n)] = b;
    s->_kept_bytes += rounded(n);
}

void *dgm_stock_resize(struct dgm_stock *s, void *p, size_t old_n, size_t n)
{
    if (s->_max_bytes == 0)
        return s->_source->resize(s->_source->ctx, p, old_n, n);
    if (!p)
        return n != 0 ? take(s, n) : NULL;
    if (n == 0) {
        give(s, p, old_n);
        return NULL;
    }
    if (rounded(old_n) == rounded(n))
        return p;
    if (!is_stocked(old_n) && !is_stocked(n))
        return s->_source->resize(s->_source->ctx, p, old_n, n);
    void *to = take(s, n);
    if (!to)
        return NULL;
    memcpy(to, p, old_n < n ? old_n : n);
    give(s, p, old_n);
    return to;
}

static void *resize_stocked(void *ctx, void *p, size_t old_n, size_t n)
{
    return dgm_stock_resize(ctx, p, old_n, n);
}

/* Blocks have the same sizes as those of the stock, or it would hand out short ones when it gets them back. */
static void *resize_aside(void *ctx, void *p, size_t old_n, size_t n)
{
    const struct dgm_alloc *source = ctx;
    return source->resize(source->ctx, p, rounded(old_n), rounded(n));
}

void dgm_stock_init(struct dgm_stock *s, const struct dgm_alloc *source, size_t max_bytes)
{
    *s = (struct dgm_stock){._source = source, ._max_bytes = max_bytes};
    s->alloc = s->aside = *source;
    if (max_bytes == 0)
        return;
    s->alloc = (struct dgm_alloc){resize_stocked, s};
    s->aside = (struct dgm_alloc){resize_aside, (void *)(uintptr_t)source};
}

void dgm_stock_dispose(struct dgm_stock *s)
{
    for (size_t i = 0; i < sizeof s->_kept / sizeof *s->_kept; i++) {
        while (s->_kept[i]) {
            struct dgm_stock_block *b = s->_kept[i];
            s->_kept[i] = b->next;
            s->_source->resize(s->_source->ctx, b, (i + 1) * DGM_STOCK_STEP, 0);
        }
    }
    s->_kept_bytes = 0;
}
