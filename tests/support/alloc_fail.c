/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_fail.c - an allocator for tests. */
#include "support/alloc_fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIVE UINT64_C(0x6c6976656c697665)
#define FREED UINT64_C(0x6465616464656164)

enum { FILL_NEW = 0xa5, FILL_FREED = 0xdd };

/* In front of each block. The mark comes last, where an underrun hits it first. */
union head {
    struct {
        size_t bytes;
        uint64_t mark;
    } of;
    max_align_t align;
};

static _Noreturn void give_up(const char *what, size_t a, size_t b)
{
    fprintf(stderr, "alloc_fail: %s (%zu, %zu)\n", what, a, b);
    abort();
}

static union head *head_of(void *p, size_t old_bytes)
{
    union head *h = (union head *)p - 1;
    if (h->of.mark != LIVE)
        give_up("not a live block, or something wrote in front of it", old_bytes, 0);
    if (h->of.bytes != old_bytes)
        give_up("the size told is not the block's", old_bytes, h->of.bytes);
    return h;
}

static void free_block(struct alloc_fail *a, union head *h)
{
    a->live_blocks--;
    a->live_bytes -= h->of.bytes;
    h->of.mark = FREED;
    memset(h + 1, FILL_FREED, h->of.bytes);
    free(h);
}

/* Always moves, so that a pointer into the old place is found out. */
static void *resize(void *ctx, void *p, size_t old_bytes, size_t bytes)
{
    struct alloc_fail *a = ctx;
    union head *old = p ? head_of(p, old_bytes) : NULL;
    if (bytes == 0) {
        if (old)
            free_block(a, old);
        return NULL;
    }

    a->calls++;
    if (alloc_fail_failed(a))
        return NULL;
    if (bytes > SIZE_MAX - sizeof *old)
        return NULL;
    union head *h = malloc(sizeof *h + bytes);
    if (!h)
        return NULL;
    h->of.bytes = bytes;
    h->of.mark = LIVE;
    memset(h + 1, FILL_NEW, bytes);
    a->live_blocks++;
    a->live_bytes += bytes;
    if (a->live_bytes > a->peak_bytes)
        a->peak_bytes = a->live_bytes;
    if (old) {
        memcpy(h + 1, p, old_bytes < bytes ? old_bytes : bytes);
        free_block(a, old);
    }
    return h + 1;
}

void alloc_fail_init(struct alloc_fail *a, size_t fail_at)
{
    *a = (struct alloc_fail){.fail_at = fail_at};
    a->alloc = (struct dgm_alloc){resize, a};
}

bool alloc_fail_failed(const struct alloc_fail *a)
{
    return a->fail_at != 0 && a->calls >= a->fail_at;
}

void alloc_fail_done(const struct alloc_fail *a, const char *what)
{
    if (a->live_blocks == 0)
        return;
    fprintf(stderr, "alloc_fail: %s: ", what);
    give_up("not given back: blocks, bytes", a->live_blocks, a->live_bytes);
}
