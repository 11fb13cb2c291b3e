/* SPDX-License-Identifier: Apache-2.0 */
/* recording_clean.c - a recording without the secrets in it. */
#include "gateway/recording.h"
#include "gateway/scrub.h"

#include "base/str.h"

struct cleaning {
    struct dgm_arena *arena;
    const struct gw_strs *known;
    bool failed;
};

static void clean_with(struct cleaning *c, struct dgm_str *s,
                       void (*put)(struct dgm_str, const struct gw_strs *, struct dgm_buf *))
{
    struct dgm_buf out;
    if (s->n == 0)
        return;
    dgm_buf_init(&out, dgm_arena_alloc(c->arena), SIZE_MAX);
    dgm_buf_reserve(&out, s->n);
    put(*s, c->known, &out);
    c->failed |= out.rc != DGM_OK;
    *s = dgm_buf_str(&out);
}

static void clean(struct cleaning *c, struct dgm_str *s)
{
    clean_with(c, s, gw_scrub_put);
}

static void put_url(struct dgm_str url, const struct gw_strs *known, struct dgm_buf *out)
{
    (void)known;
    gw_scrub_put_url(url, out);
}

static void clean_message(struct cleaning *c, struct gw_recorded_message *m)
{
    clean_with(c, &m->target, gw_scrub_put_target);
    for (size_t i = 0; i < m->headers_n; i++)
        clean(c, &m->headers[i].value);
    clean(c, &m->body);
}

static void clean_pieces(struct cleaning *c, struct gw_recorded_piece *first)
{
    struct dgm_str whole = gw_recorded_bytes(first, c->arena);
    for (struct gw_recorded_piece *at = first; at != NULL; at = at->next)
        clean(c, &at->bytes);
    struct dgm_str parts = gw_recorded_bytes(first, c->arena);
    c->failed |= whole.p == NULL || parts.p == NULL;
    clean(c, &whole);
    if (first != NULL && !dgm_str_eq(whole, parts)) /* a secret lay across two of them */
        *first = (struct gw_recorded_piece){first->ms, whole, NULL};
}

bool gw_recording_clean(struct gw_recording *r, const struct gw_strs *known,
                        struct dgm_arena *arena)
{
    struct cleaning c = {.arena = arena, .known = known};
    clean(&c, &r->id);
    clean_message(&c, &r->client);
    for (struct gw_recorded_url *at = r->fetched; at != NULL; at = at->next)
        clean(&c, &at->url);
    for (struct gw_recorded_call *at = r->calls; at != NULL; at = at->next) {
        clean_with(&c, &at->upstream.base_url, put_url);
        clean_message(&c, &at->request);
        clean(&c, &at->warning);
        clean(&c, &at->detail);
        clean_pieces(&c, at->pieces);
    }
    clean_pieces(&c, r->reply);
    return !c.failed;
}
