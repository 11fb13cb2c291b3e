/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_fail.h - an allocator for tests: it counts, checks what it is told, and fails when asked to. */
#ifndef SUPPORT_ALLOC_FAIL_H
#define SUPPORT_ALLOC_FAIL_H

#include <dragoman/types.h>

/**
 * The allocator. Use `&a.alloc`. New memory is filled with 0xa5 and freed memory with 0xdd; a size that is
 * not the block's, a block that is not ours and a write in front of one abort the test with a line that
 * says so (a write behind one is AddressSanitizer's).
 */
struct alloc_fail {
    struct dgm_alloc alloc;
    /* the number, from 1, of the first call that fails; all later ones fail too; 0: none */
    size_t fail_at;
    size_t calls;       /* calls that asked for memory, so far */
    size_t live_blocks; /* blocks not freed yet */
    size_t live_bytes, peak_bytes;
};

/** Makes one whose `fail_at`-th call and all after it fail; 0 for one that never fails. */
void alloc_fail_init(struct alloc_fail *, size_t fail_at);

/** Whether it came to the failing call. */
bool alloc_fail_failed(const struct alloc_fail *);

/** Aborts with `what` when something was not given back. */
void alloc_fail_done(const struct alloc_fail *, const char *what);

#endif
