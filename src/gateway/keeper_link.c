/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_link.c - a worker's end of its link to the keeper. */
#include "gateway/keeper_link.h"

#include "base/str.h"
#include "net/pass.h"
#include "net/stream.h"

#include <assert.h>
#include <unistd.h>

#define AGAIN_MS 20   /* after a link ended, or the door was full, before the next knock */
#define ASKS_MAX 1024 /* that wait at once */

/**
 * Lifetime: 1. told or asked things stand in `waiting`; 2. a flush knocks, if there is no stream, and writes them;
 * 3. when the stream ends, questions that had left are put into `waiting` again, and a timer knocks anew.
 */
struct gw_keeper_link {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    int door;
    gw_keeper_push_fn *on_push;
    void *owner;
    struct net_stream *stream; /* NULL: there is none */
    struct gw_wire wire;
    struct dgm_buf waiting;  /* whole frames */
    struct net_timer timer;  /* the next flush, or knock */
    int64_t closed_until_ms; /* no knock before */
    struct gw_ask *asks;
    uint32_t last_id;
    size_t asks_n;
    int64_t *dropped;
    int64_t pid;
};

struct gw_ask {
    struct gw_keeper_link *link;
    struct gw_ask *next;
    enum gw_message kind;
    uint32_t id;
    struct dgm_buf payload;
    struct net_timer timer;
    void (*on_reply)(void *owner, const struct gw_frame *);
    void *owner;
    bool sent; /* to the stream there is now */
};

/* ---- what waits ---- */

/* Bytes that were given to the stream, and that the kernel has not taken. */
static size_t queued(const struct gw_keeper_link *l)
{
    return l->stream ? net_stream_queued(l->stream) : 0;
}

/* Adds a whole frame, or nothing: there, and in the stream's queue, is room for so much. */
static bool add_frame(struct gw_keeper_link *l, enum gw_message kind, uint32_t id,
                      struct dgm_str payload)
{
    size_t n = GW_FRAME_HEAD_BYTES + payload.n, held = l->waiting.n + queued(l);
    if (held > l->waiting.max || n > l->waiting.max - held)
        return false;
    if (!dgm_buf_reserve(&l->waiting, n)) {
        l->waiting.rc = DGM_OK; /* what stands there is whole */
        return false;
    }
    gw_frame_put(&l->waiting, &(struct gw_frame){kind, id, payload});
    return true;
}

static void flush_soon(struct gw_keeper_link *l)
{
    if (!net_timer_is_on(&l->timer))
        net_timer_start(l->loop, &l->timer, 0);
}

/* ---- asks ---- */

static void free_ask(struct gw_ask *ask)
{
    struct gw_keeper_link *l = ask->link;
    struct gw_ask **at = &l->asks;
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    l->asks_n--;
    net_timer_stop(&ask->timer);
    dgm_buf_dispose(&ask->payload);
    l->alloc->resize(l->alloc->ctx, ask, sizeof *ask, 0);
}

static void end_ask(struct gw_ask *ask, const struct gw_frame *reply)
{
    void (*on_reply)(void *, const struct gw_frame *) = ask->on_reply;
    void *owner = ask->owner;
    free_ask(ask);
    on_reply(owner, reply);
}

static void on_ask_timer(void *owner)
{
    end_ask(owner, NULL);
}

/* ---- the stream ---- */

static void end_stream(struct gw_keeper_link *l)
{
    net_stream_close(l->stream);
    l->stream = NULL;
    l->pid = 0;
    gw_wire_dispose(&l->wire);
    if (l->on_push)
        l->on_push(l->owner, NULL);
    l->closed_until_ms = net_loop_now_ms(l->loop) + AGAIN_MS;
    for (struct gw_ask *ask = l->asks; ask; ask = ask->next)
        if (ask->sent)
            /* Without room for it the question ends by its timer. */
            ask->sent = !add_frame(l, ask->kind, ask->id, dgm_buf_str(&ask->payload));
    if (l->waiting.n != 0)
        net_timer_start(l->loop, &l->timer, AGAIN_MS);
}

static void on_frame(struct gw_keeper_link *l, const struct gw_frame *frame)
{
    if (gw_message_way(frame->kind) == GW_WAY_REPLY) {
        struct gw_ask *ask = l->asks;
        while (ask && (ask->id != frame->id || !ask->sent))
            ask = ask->next;
        if (ask) /* else it was cancelled, or too late */
            end_ask(ask, frame);
        return;
    }
    if (frame->kind == GW_MSG_HELLO) {
        struct gw_fields fields = {.rest = frame->payload};
        l->pid = (int64_t)gw_field_u64(&fields);
    }
    if (l->on_push)
        l->on_push(l->owner, frame);
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_keeper_link *l = owner;
    struct gw_frame frame;
    enum dgm_rc rc;
    while ((rc = gw_wire_next(&l->wire, &bytes, &frame)) == DGM_EVENT)
        on_frame(l, &frame);
    if (rc != DGM_MORE)
        end_stream(l);
}

static void on_end(void *owner)
{
    end_stream(owner);
}

static void on_drain(void *owner)
{
    flush_soon(owner);
}

static void on_closed(void *owner)
{
    (void)owner;
}

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_end,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_end,
                                                       .on_closed = on_closed};

/* Makes a link. False: not now. */
static bool knock(struct gw_keeper_link *l)
{
    int pair[2];
    if (net_loop_now_ms(l->loop) < l->closed_until_ms || !net_stream_pair(pair))
        return false;
    bool given = net_pass_give(l->door, pair[1]);
    close(pair[1]);
    if (!given)
        close(pair[0]);
    else
        l->stream = net_stream_new(l->loop, pair[0], &stream_events, l);
    if (!l->stream) {
        l->closed_until_ms = net_loop_now_ms(l->loop) + AGAIN_MS;
        return false;
    }
    gw_wire_init(&l->wire, l->alloc, GW_FROM_KEEPER);
    return true;
}

bool gw_keeper_flush(struct gw_keeper_link *l)
{
    if (l->waiting.n != 0 && !l->stream && !knock(l)) {
        net_timer_start(l->loop, &l->timer, AGAIN_MS);
        return false;
    }
    if (l->waiting.n != 0 && queued(l) == 0) { /* else on_drain comes */
        struct dgm_str all = dgm_buf_str(&l->waiting);
        /* DGM_E_NOMEM: a torn frame is all that the keeper would see, so the link ends and asks are put again. */
        enum dgm_rc rc = net_stream_write(l->stream, &all, 1);
        dgm_buf_dispose(&l->waiting); /* a burst of reports is no reason to keep its memory */
        for (struct gw_ask *ask = l->asks; ask; ask = ask->next)
            ask->sent = true;
        if (rc == DGM_E_NOMEM) {
            end_stream(l);
            return false;
        }
    }
    return l->waiting.n == 0 && queued(l) == 0;
}

static void on_timer(void *owner)
{
    gw_keeper_flush(owner);
}

/* ---- public ---- */

struct gw_keeper_link *gw_keeper_link_new(struct net_loop *loop, int door,
                                          gw_keeper_push_fn *on_push, void *owner, int64_t *dropped)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_keeper_link *l = a->resize(a->ctx, NULL, 0, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct gw_keeper_link){
        .loop = loop, .alloc = a, .door = door, .on_push = on_push, .owner = owner};
    l->dropped = dropped;
    dgm_buf_init(&l->waiting, a, GW_LINK_WAITING_MAX);
    net_timer_init(&l->timer, on_timer, l);
    return l;
}

void gw_keeper_link_free(struct gw_keeper_link *l)
{
    if (!l)
        return;
    while (l->asks)
        free_ask(l->asks);
    net_timer_stop(&l->timer);
    if (l->stream)
        net_stream_close(l->stream);
    gw_wire_dispose(&l->wire);
    dgm_buf_dispose(&l->waiting);
    l->alloc->resize(l->alloc->ctx, l, sizeof *l, 0);
}

void gw_keeper_knock(struct gw_keeper_link *l)
{
    if (!l->stream)
        (void)knock(l);
}

bool gw_keeper_tell(struct gw_keeper_link *l, enum gw_message kind, struct dgm_str payload)
{
    assert(gw_message_way(kind) == GW_WAY_TELL);
    bool added = add_frame(l, kind, 0, payload);
    *l->dropped += !added;
    flush_soon(l);
    return added;
}

int64_t gw_keeper_pid(const struct gw_keeper_link *l)
{
    return l->pid;
}

struct gw_ask *gw_keeper_ask(struct gw_keeper_link *l, enum gw_message kind, struct dgm_str payload,
                             void (*on_reply)(void *owner, const struct gw_frame *), void *owner)
{
    assert(gw_message_way(kind) == GW_WAY_ASK);
    struct gw_ask *ask =
        l->asks_n < ASKS_MAX ? l->alloc->resize(l->alloc->ctx, NULL, 0, sizeof *ask) : NULL;
    if (!ask)
        return NULL;
    l->last_id = l->last_id == UINT32_MAX ? 1 : l->last_id + 1;
    *ask = (struct gw_ask){.link = l,
                           .next = l->asks,
                           .kind = kind,
                           .id = l->last_id,
                           .on_reply = on_reply,
                           .owner = owner};
    net_timer_init(&ask->timer, on_ask_timer, ask);
    dgm_buf_init(&ask->payload, l->alloc, gw_message_max_bytes(kind));
    dgm_buf_put(&ask->payload, payload);
    l->asks = ask;
    l->asks_n++;
    if (ask->payload.rc != DGM_OK || !add_frame(l, kind, ask->id, payload)) {
        free_ask(ask);
        return NULL;
    }
    net_timer_start(l->loop, &ask->timer, GW_ASK_TIMEOUT_MS);
    flush_soon(l);
    return ask;
}

void gw_keeper_cancel(struct gw_ask *ask)
{
    if (ask)
        free_ask(ask);
}
