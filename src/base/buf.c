/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - a growing run of bytes with a ceiling. */
#include "base/buf.h"

#include <assert.h>
#include <string.h>

#define FIRST_BYTES 256

/* The digits of 0 to 99: a number is put two at a time. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

void dgm_buf_init(struct dgm_buf *b, const struct dgm_alloc *alloc, size_t max)
{
    *b = (struct dgm_buf){.max = max, ._alloc = alloc};
}

void dgm_buf_dispose(struct dgm_buf *b)
{
    if (b->p)
        b->_alloc->resize(b->_alloc->ctx, b->p, b->cap, 0);
    *b = (struct dgm_buf){.max = b->max, ._alloc = b->_alloc};
}

void dgm_buf_clear(struct dgm_buf *b)
{
    b->n = 0;
    b->rc = DGM_OK;
}

static bool grow(struct dgm_buf *b, size_t need)
{
    size_t cap = b->cap < FIRST_BYTES ? FIRST_BYTES : b->cap;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max)
        cap = b->max;
    char *p = b->_alloc->resize(b->_alloc->ctx, b->p, b->cap, cap);
    if (!p) {
        b->rc = DGM_E_NOMEM;
        return false;
    }
    b->p = p;
    b->cap = cap;
    return true;
}

char *dgm_buf_reserve(struct dgm_buf *b, size_t n)
{
    if (b->rc != DGM_OK)
        return NULL;
    if (n > b->max - b->n) {
        b->rc = DGM_E_LIMIT;
        return NULL;
    }
    /* A reservation of nothing still wants a place to point at. */
    if ((n > b->cap - b->n || !b->p) && !grow(b, b->n + n))
        return NULL;
    return b->p + b->n;
}

void dgm_buf_put(struct dgm_buf *b, struct dgm_str s)
{
    if (s.n == 0)
        return;
    char *to = dgm_buf_room(b, s.n);
    if (!to)
        return;
    memcpy(to, s.p, s.n);
    b->n += s.n;
}

void dgm_buf_put_char(struct dgm_buf *b, char c)
{
    char *to = dgm_buf_room(b, 1);
    if (!to)
        return;
    *to = c;
    b->n++;
}

static size_t digits_of(uint64_t u)
{
    size_t n = 1;
    for (uint64_t most = 9; u > most && n < 20; most = most * 10 + 9)
        n++;
    return n;
}

void dgm_buf_put_int(struct dgm_buf *b, int64_t i)
{
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    size_t n = digits_of(u) + (i < 0);
    char *to = dgm_buf_room(b, n);
    if (!to)
        return;
    b->n += n;
    if (i < 0)
        *to = '-';
    for (to += n; u >= 100; u /= 100) {
        to -= 2;
        memcpy(to, pairs + 2 * (u % 100), 2);
    }
    if (u >= 10)
        memcpy(to - 2, pairs + 2 * u, 2);
    else
        to[-1] = (char)('0' + u);
}

void dgm_buf_put_hex(struct dgm_buf *b, uint64_t u, unsigned digits)
{
    assert(digits <= 16);
    for (unsigned i = digits; i-- > 0;)
        dgm_buf_put_char(b, "0123456789abcdef"[u >> (4 * i) & 15]);
}

void dgm_buf_drop(struct dgm_buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}
