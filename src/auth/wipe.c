/* SPDX-License-Identifier: Apache-2.0 */
/* wipe.c - memory that is overwritten before it is given back. */
#include "auth/wipe.h"

#include <openssl/crypto.h>
#include <string.h>

static void *resize_wiping(void *ctx, void *p, size_t old_n, size_t n)
{
    const struct dgm_alloc *under = ctx;
    void *to = n ? under->resize(under->ctx, NULL, 0, n) : NULL;
    if (n && !to)
        return NULL;
    if (p && to)
        memcpy(to, p, old_n < n ? old_n : n);
    if (p) {
        OPENSSL_cleanse(p, old_n);
        under->resize(under->ctx, p, old_n, 0);
    }
    return to;
}

struct dgm_alloc auth_wiping(const struct dgm_alloc *under)
{
    union { /* resize gets its context back as const: it is only ever read */
        const struct dgm_alloc *in;
        void *out;
    } ctx = {.in = under};
    return (struct dgm_alloc){.resize = resize_wiping, .ctx = ctx.out};
}
