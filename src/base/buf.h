/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - the buffer's short way, for code that puts a few bytes at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <dragoman/types.h>

/** As dgm_buf_reserve, without a call where there is room already. `n` is not 0. */
static inline char *dgm_buf_room(struct dgm_buf *b, size_t n)
{
    return n <= b->cap - b->n && b->rc == DGM_OK ? b->p + b->n : dgm_buf_reserve(b, n);
}

#endif
