/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory for many things that end together. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <dragoman/types.h>

/**
 * An arena. Lifetime:
 *   1. init borrows an allocator and sets the ceiling; nothing is allocated yet.
 *   2. take hands out memory, aligned for anything, until dispose or reset.
 *   3. What is over 2 KiB stands beside the blocks, listed, so that one 20 MiB text does not
 *      make a 20 MiB block.
 *   4. reset forgets all of it and keeps one small block; dispose gives all of it back.
 */
struct dgm_arena {
    const struct dgm_alloc *_alloc;
    struct dgm_arena_block *_blocks, *_large;
    size_t _used_bytes, _max_bytes;
    bool _limited;
    struct dgm_alloc _view;
};

void dgm_arena_init(struct dgm_arena *, const struct dgm_alloc *, size_t max_bytes);
void dgm_arena_dispose(struct dgm_arena *); /* fine on a zeroed arena and twice */
void dgm_arena_reset(struct dgm_arena *);

/** `n` bytes, not cleared; zeroed with `take0`. NULL when the allocator or the ceiling says no. */
void *dgm_arena_take(struct dgm_arena *, size_t n);
void *dgm_arena_take0(struct dgm_arena *, size_t n);

/** Why it last said no: DGM_E_LIMIT for its own ceiling, DGM_E_NOMEM for the allocator. */
static inline enum dgm_rc dgm_arena_rc(const struct dgm_arena *a)
{
    return a->_limited ? DGM_E_LIMIT : DGM_E_NOMEM;
}

/** A copy that lives as long as the arena. Absent when memory is short (and for an absent string). */
struct dgm_str dgm_arena_copy(struct dgm_arena *, struct dgm_str);

/**
 * The arena as an allocator, for code that wants one (a JSON reader, a buffer). What it frees comes back
 * where it was large, or the last thing taken; else at the arena's end.
 */
const struct dgm_alloc *dgm_arena_alloc(struct dgm_arena *);

/** The allocator the arena was given, for what is freed again soon and beside the ceiling. */
static inline const struct dgm_alloc *dgm_arena_source(const struct dgm_arena *a)
{
    return a->_alloc;
}

#endif
