/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - the buffer's short way, for code that puts a few bytes at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <dragoman/types.h>

#include <string.h>

/** As dgm_buf_reserve, without a call where there is room already. `n` is not 0. */
static inline char *dgm_buf_room(struct dgm_buf *b, size_t n)
{
    return n <= b->cap - b->n && b->rc == DGM_OK ? b->p + b->n : dgm_buf_reserve(b, n);
}

/** dgm_buf_put for a literal, whose length the compiler knows: a store or two. It is not empty. */
static inline void dgm_buf__add(struct dgm_buf *b, const char *p, size_t n)
{
    char *to = dgm_buf_room(b, n);
    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}

#define dgm_buf_add_lit(buf, literal) dgm_buf__add((buf), "" literal, sizeof(literal) - 1)

#endif
