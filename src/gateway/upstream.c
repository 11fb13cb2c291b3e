/* SPDX-License-Identifier: Apache-2.0 */
/* upstream.c - which kind of upstream takes a call. */
#include "gateway/upstream.h"

#include "gateway/tape.h"

struct gw_call *gw_call_new(struct gw_worker *w, const struct gw_upstream *u,
                            const struct gw_call_request *request,
                            const struct gw_call_events *events, void *owner)
{
    if (request->tape != NULL)
        return gw_recorded_call(w, u, request, events, owner);
    if (w->config->replay.corpus != NULL)
        return gw_replay_call(w, request, events, owner);
    if (u->kind == GW_EMULATOR)
        return gw_emulator_call(w, u, request, events, owner);
    return gw_http_call(w, u, request, events, owner);
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
