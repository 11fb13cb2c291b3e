/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_page.c - a request that the keeper answers. */
#include "gateway/keeper_page.h"

#include "gateway/upstream.h"

#include <assert.h>

/** The question, in the place where an exchange has its call: it ends with the exchange. */
struct page_call {
    struct gw_call call;
    struct gw_exchange *exchange;
    struct gw_ask *ask; /* NULL: answered */
    void (*answer)(struct gw_exchange *, const struct gw_frame *);
};

static void page_pause(struct gw_call *call, bool paused)
{
    (void)call, (void)paused; /* one text comes, and it is bounded */
}

static void page_free(struct gw_call *call)
{
    struct page_call *p = (struct page_call *)call;
    const struct dgm_alloc *a = &p->exchange->worker->alloc;
    gw_keeper_cancel(p->ask);
    a->resize(a->ctx, p, sizeof *p, 0);
}

static const struct gw_call_ops page_ops = {.pause = page_pause, .free = page_free};

static void on_reply(void *owner, const struct gw_frame *reply)
{
    struct page_call *p = owner;
    struct gw_exchange *x = p->exchange;
    p->ask = NULL;
    if (x->stage > GW_WAITING)
        return;
    if (reply == NULL)
        gw_exchange_fail_as(x, DGM_ERR_KEEPER_GONE);
    else
        p->answer(x, reply);
}

void gw_keeper_page(struct gw_exchange *x, enum gw_message kind, struct dgm_str payload,
                    void (*answer)(struct gw_exchange *, const struct gw_frame *))
{
    const struct dgm_alloc *a = &x->worker->alloc;
    struct page_call *p = a->resize(a->ctx, NULL, 0, sizeof *p);
    assert(x->worker->keeper != NULL);
    if (p != NULL)
        *p = (struct page_call){.call = {&page_ops}, .exchange = x, .answer = answer};
    x->chat.call = p != NULL ? &p->call : NULL;
    if (p != NULL)
        p->ask = gw_keeper_ask(x->worker->keeper, kind, payload, on_reply, p);
    if (p == NULL || p->ask == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return;
    }
    x->stage = GW_WAITING;
}

void gw_keeper_page_answer(struct gw_exchange *x, const struct gw_frame *reply)
{
    if (reply->kind == GW_MSG_DONE) {
        gw_exchange_answer(x, 204, (struct dgm_str){0});
        return;
    }
    dgm_buf_put(&x->out, reply->payload);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}
