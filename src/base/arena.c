/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - memory for many things that end together. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

/* With its head 1 KiB, which malloc hands out quickest. Each next block is twice as large, up to BLOCK_BYTES: what grew
 * to megabytes is given back in one turn of somebody's loop, and 8 KiB at a time that was a thousand calls. */
#define FIRST_BYTES (1024 - sizeof(struct dgm_arena_block))
#define BLOCK_BYTES ((size_t)256 * 1024)
#define KEPT_BYTES ((size_t)8 * 1024) /* at most, of a block that a reset keeps */
#define LARGE_BYTES (KEPT_BYTES / 4)

/* Blocks and large pieces are both kept in lists of these; the memory handed out follows the head. */
struct dgm_arena_block {
    alignas(max_align_t) struct dgm_arena_block *next, **link; /* `link` is what points here */
    size_t bytes, used;                                        /* without the head */
};

static size_t aligned(size_t n)
{
    return (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static char *start(struct dgm_arena_block *b)
{
    return (char *)(b + 1);
}

static void give_back(struct dgm_arena *a, struct dgm_arena_block *b)
{
    a->_used_bytes -= b->bytes;
    a->_alloc->resize(a->_alloc->ctx, b, sizeof *b + b->bytes, 0);
}

static void link_in(struct dgm_arena_block **list, struct dgm_arena_block *b)
{
    b->next = *list;
    b->link = list;
    if (b->next)
        b->next->link = &b->next;
    *list = b;
}

static void link_out(struct dgm_arena_block *b)
{
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
}

static struct dgm_arena_block *add_block(struct dgm_arena *a, struct dgm_arena_block **list,
                                         size_t bytes)
{
    struct dgm_arena_block *b = NULL;
    bool fits = bytes <= a->_max_bytes - a->_used_bytes && bytes <= SIZE_MAX - sizeof *b;
    if (fits)
        b = a->_alloc->resize(a->_alloc->ctx, NULL, 0, sizeof *b + bytes);
    if (!b) {
        a->_limited = !fits;
        return NULL;
    }
    a->_used_bytes += bytes;
    b->bytes = bytes;
    b->used = 0;
    link_in(list, b);
    return b;
}

static void free_list(struct dgm_arena *a, struct dgm_arena_block *b)
{
    while (b) {
        struct dgm_arena_block *next = b->next;
        give_back(a, b);
        b = next;
    }
}

void dgm_arena_init(struct dgm_arena *a, const struct dgm_alloc *alloc, size_t max_bytes)
{
    *a = (struct dgm_arena){._alloc = alloc, ._max_bytes = max_bytes};
}

void dgm_arena_dispose(struct dgm_arena *a)
{
    free_list(a, a->_blocks);
    free_list(a, a->_large);
    a->_blocks = a->_large = NULL;
}

void dgm_arena_reset(struct dgm_arena *a)
{
    free_list(a, a->_large);
    a->_large = NULL;
    while (a->_blocks && a->_blocks->bytes > KEPT_BYTES) {
        struct dgm_arena_block *b = a->_blocks;
        link_out(b);
        give_back(a, b);
    }
    if (!a->_blocks)
        return;
    free_list(a, a->_blocks->next);
    a->_blocks->next = NULL;
    a->_blocks->used = 0;
}

void *dgm_arena_take(struct dgm_arena *a, size_t n)
{
    if (n > SIZE_MAX - alignof(max_align_t))
        return NULL;
    n = aligned(n ? n : 1);
    if (n > LARGE_BYTES) {
        struct dgm_arena_block *b = add_block(a, &a->_large, n);
        return b ? start(b) : NULL;
    }
    struct dgm_arena_block *b = a->_blocks;
    if (!b || n > b->bytes - b->used) {
        /* Four arenas stand behind each open stream: most never need more than their small first block. */
        size_t bytes = b ? b->bytes * 2 : FIRST_BYTES;
        while (bytes < n)
            bytes *= 2;
        bytes = least(bytes, least(BLOCK_BYTES, a->_max_bytes - a->_used_bytes));
        b = add_block(a, &a->_blocks, bytes < n ? n : bytes);
    }
    if (!b)
        return NULL;
    void *p = start(b) + b->used;
    b->used += n;
    return p;
}

void *dgm_arena_take0(struct dgm_arena *a, size_t n)
{
    void *p = dgm_arena_take(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct dgm_str dgm_arena_copy(struct dgm_arena *a, struct dgm_str s)
{
    char *p = s.p ? dgm_arena_take(a, s.n) : NULL;
    if (!p)
        return (struct dgm_str){0};
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct dgm_str){p, s.n};
}

/* ---- the arena as an allocator ---- */

static void *resize_large(struct dgm_arena *a, void *p, size_t n)
{
    struct dgm_arena_block *b = (struct dgm_arena_block *)p - 1;
    if (n == 0) {
        link_out(b);
        give_back(a, b);
        return NULL;
    }
    struct dgm_arena_block *moved = NULL;
    size_t old_bytes = b->bytes;
    bool fits = n <= old_bytes || n - old_bytes <= a->_max_bytes - a->_used_bytes;
    if (fits)
        moved = a->_alloc->resize(a->_alloc->ctx, b, sizeof *b + old_bytes, sizeof *b + n);
    if (!moved) {
        a->_limited = !fits;
        return NULL;
    }
    a->_used_bytes = a->_used_bytes - old_bytes + n;
    moved->bytes = n;
    *moved->link = moved;
    if (moved->next)
        moved->next->link = &moved->next;
    return start(moved);
}

/* A piece is known as large by its size alone, so one that shrinks below the border has to move. */
static void *resize_arena(void *ctx, void *p, size_t old_n, size_t n)
{
    struct dgm_arena *a = ctx;
    if (!p)
        return n ? dgm_arena_take(a, n) : NULL;
    if (n > SIZE_MAX - alignof(max_align_t))
        return NULL;
    size_t old_size = aligned(old_n ? old_n : 1), size = aligned(n);
    if (old_size > LARGE_BYTES && (n == 0 || size > LARGE_BYTES))
        return resize_large(a, p, size);
    struct dgm_arena_block *b = a->_blocks;
    bool last = old_size <= LARGE_BYTES && b && (char *)p + old_size == start(b) + b->used;
    if (last && size <= LARGE_BYTES && b->used - old_size + size <= b->bytes) {
        b->used = b->used - old_size + size;
        return n ? p : NULL;
    }
    if (n == 0 || (size <= old_size && old_size <= LARGE_BYTES))
        return n ? p : NULL;
    void *to = dgm_arena_take(a, n);
    if (!to)
        return NULL;
    memcpy(to, p, old_n < n ? old_n : n);
    if (old_size > LARGE_BYTES)
        resize_large(a, p, 0);
    return to;
}

const struct dgm_alloc *dgm_arena_alloc(struct dgm_arena *a)
{
    a->_view = (struct dgm_alloc){.resize = resize_arena, .ctx = a};
    return &a->_view;
}
