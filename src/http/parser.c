/* SPDX-License-Identifier: Apache-2.0 */
/* parser.c - the memory of a reader's inside: one piece for a plain message, more for a long head. */
#include "http/parser.h"

#include <string.h>

/* Heads have keys and tokens in them: nothing of one is left in memory that goes back, or is not used any more. */
static void *resize_spilling(void *ctx, void *p, size_t old_n, size_t n)
{
    struct http_parser *parser = ctx;
    const struct dgm_alloc *a = parser->alloc;
    bool own = p == parser->first_text || p == parser->first_fields;
    void *to = n != 0 ? a->resize(a->ctx, NULL, 0, n) : NULL;
    if (n != 0 && !to)
        return NULL;
    if (n != 0)
        memcpy(to, p, old_n < n ? old_n : n);
    if (p == parser->text.p)
        memset(p, 0, old_n); /* the allocator is an unknown function: this is not left out */
    if (!own)
        a->resize(a->ctx, p, old_n, 0);
    return to;
}

/* A buffer that begins in `first`. */
static void buf_init_at(struct dgm_buf *b, const struct dgm_alloc *spill, void *first, size_t n,
                        size_t max)
{
    dgm_buf_init(b, spill, max);
    b->p = first;
    b->cap = n < max ? n : max;
}

struct http_parser *http_parser__new(const struct dgm_alloc *a, const struct http_limits *limits)
{
    struct http_parser *p = a->resize(a->ctx, NULL, 0, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct http_parser){.alloc = a,
                              .spill = {resize_spilling, p},
                              .target_max = limits->target_bytes,
                              .headers_max = limits->headers};
    buf_init_at(&p->text, &p->spill, p->first_text, sizeof p->first_text, limits->head_bytes);
    buf_init_at(&p->fields, &p->spill, p->first_fields, sizeof p->first_fields,
                limits->headers * sizeof(struct field));
    return p;
}

void http_parser__free(struct http_parser *p)
{
    dgm_buf_dispose(&p->text);
    dgm_buf_dispose(&p->fields);
    p->alloc->resize(p->alloc->ctx, p, sizeof *p, 0);
}
