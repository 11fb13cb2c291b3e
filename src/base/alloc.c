/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c - the one place that calls malloc. */
#include <dragoman/types.h>

#include <stdlib.h>

static void *resize_libc(void *ctx, void *p, size_t old_n, size_t n)
{
    (void)ctx;
    (void)old_n;
    if (n == 0) {
        free(p);
        return NULL;
    }
    return realloc(p, n);
}

const struct dgm_alloc dgm_alloc_libc = {.resize = resize_libc};
