/* SPDX-License-Identifier: Apache-2.0 */
/* emulator_page.c - GET and DELETE /_dragoman/emulator: the keeper is asked, and its word goes out. */
#include "gateway/exchange.h"
#include "gateway/keeper_link.h"
#include "gateway/tally.h"
#include "gateway/upstream.h"

/** The question, in the place where an exchange has its call: it ends with the exchange. */
struct page_call {
    struct gw_call call;
    struct gw_exchange *exchange;
    struct gw_ask *ask; /* NULL: answered */
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
    if (reply == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_KEEPER_GONE);
        return;
    }
    if (reply->kind == GW_MSG_DONE) {
        gw_exchange_answer(x, 204, (struct dgm_str){0});
        return;
    }
    dgm_buf_put(&x->out, reply->payload);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

void gw_emulator_page(struct gw_exchange *x)
{
    struct gw_worker *w = x->worker;
    const struct dgm_alloc *a = &w->alloc;
    bool reset = x->head->method == HTTP_METHOD_DELETE;
    if (net_stream_peer(x->conn->stream) == NET_PEER_OTHER) {
        gw_exchange_fail_as(x, DGM_ERR_HOST_FORBIDDEN);
        return;
    }
    if (w->keeper == NULL || !w->config->emulator.read_back) {
        gw_exchange_fail_as(x, DGM_ERR_READ_BACK_OFF);
        return;
    }
    struct page_call *p = a->resize(a->ctx, NULL, 0, sizeof *p);
    if (p != NULL)
        *p = (struct page_call){.call = {&page_ops}, .exchange = x};
    x->chat.call = p != NULL ? &p->call : NULL;
    if (p != NULL)
        p->ask = gw_keeper_ask(w->keeper, reset ? GW_MSG_EMULATOR_RESET : GW_MSG_EMULATOR_READ,
                               DGM_STR(""), on_reply, p);
    if (p == NULL || p->ask == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return;
    }
    if (reset) { /* the next "429*2" begins anew; requests under way may still count in either */
        gw_tally_reset(w->tally);
        gw_tally_reset(w->script_tally);
    }
    x->stage = GW_WAITING;
}
