/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.c - which kind of upstream takes a call. */
#include "gateway/upstream.h"

#include <assert.h>

bool gw_call_can(enum gw_upstream_kind kind)
{
    return kind == GW_EMULATOR;
}

struct gw_call *gw_call_new(struct gw_worker *w, const struct gw_upstream *u,
                            const struct gw_call_request *request,
                            const struct gw_call_events *events, void *owner)
{
    assert(gw_call_can((enum gw_upstream_kind)u->kind));
    return gw_emulator_call(w, request, events, owner);
}

void gw_call_free(struct gw_call *c)
{
    if (c != NULL)
        c->ops->free(c);
}

void gw_call_pause(struct gw_call *c, bool paused)
{
    if (c != NULL)
        c->ops->pause(c, paused);
}
