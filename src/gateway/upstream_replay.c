/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_replay.c - recordings in the place of every upstream: what came once comes again, cut where it was cut. */
#include "gateway/upstream.h"

#include "base/str.h"
#include "gateway/corpus.h"
#include "net/loop.h"

#define TARGET_BYTES_MAX ((size_t)64 * 1024)
#define PIECES_A_TURN 16 /* with no delay between them: then others get theirs */

/**
 * Lifetime:
 *   1. new finds the recording, which lives as long as the worker's configuration. A job finds it for a large body, and the
 *      error in its place where there is none, for that compares many.
 *   2. A timer gives piece after piece, at once or when they came then.
 *   3. free drops it; from an event, as soon as the event is over, and while a job runs when that is done.
 */
struct replay_call {
    struct gw_call call;
    struct gw_worker *worker;
    const struct gw_call_events *events;
    void *owner;
    struct gw_job job;
    struct dgm_buf target, body;  /* of the request, while the recording is looked for */
    enum dgm_rc rc;               /* what that came to; DGM_MORE: it goes on */
    struct gw_corpus_found found; /* its call is NULL where `fail` is the answer */
    struct dgm_fail fail;
    const struct gw_recorded_piece *next;
    struct net_timer timer;
    int64_t begun_ms;
    bool told_head, paused, over;
    bool telling, unwanted; /* in an event; freed in it */
};

static void release(struct replay_call *c)
{
    const struct dgm_alloc *a = &c->worker->alloc;
    c->worker->counters->calls--;
    net_timer_stop(&c->timer);
    dgm_buf_dispose(&c->target);
    dgm_buf_dispose(&c->body);
    a->resize(a->ctx, c, sizeof *c, 0);
}

/* An event is over. False: the call was freed in it, and is gone now. */
static bool told(struct replay_call *c)
{
    c->telling = false;
    if (!c->unwanted)
        return true;
    release(c);
    return false;
}

static void tell_head(struct replay_call *c)
{
    const struct gw_recorded_call *from = c->found.call;
    c->told_head = true;
    if (c->events->on_warning != NULL && c->found.loose)
        c->events->on_warning(c->owner,
                              DGM_STR("replay: the recording is of a request that differs in "
                                      "dates, times or UUIDs"));
    else if (c->events->on_warning != NULL && from->warning.n != 0)
        c->events->on_warning(c->owner, from->warning);
    if (c->events->on_retry != NULL && from->retry_ms >= 0)
        c->events->on_retry(c->owner, from->retry_ms);
    c->events->on_head(c->owner, from->status, from->type);
}

/* The answer's end, as it was; what nobody wanted more of then is cut now. */
static void end(struct replay_call *c)
{
    const struct gw_recorded_call *from = c->found.call;
    c->over = true;
    c->telling = true;
    if (from != NULL && from->end == GW_RECORDED_WHOLE) {
        c->events->on_end(c->owner);
    } else {
        if (from != NULL)
            dgm_fail_set(&c->fail,
                         from->end == GW_RECORDED_FAILED ? from->error : DGM_ERR_UPSTREAM_CUT,
                         (struct dgm_str){0}, (const struct dgm_str[4]){from->detail});
        c->events->on_fail(c->owner, &c->fail);
    }
    told(c);
}

/* Milliseconds until a piece is due. */
static int64_t wait_ms(const struct replay_call *c, const struct gw_recorded_piece *piece)
{
    if (c->worker->config->replay.timing == GW_REPLAY_AT_ONCE)
        return 0;
    int64_t left = piece->ms - (net_loop_now_ms(c->worker->loop) - c->begun_ms);
    return left > 0 ? left : 0;
}

/* Gives what is due: the head with the first piece, or alone. False: the call is gone, over, or waits. */
static bool give_next(struct replay_call *c)
{
    const struct gw_recorded_piece *piece = c->next;
    int64_t wait = piece != NULL ? wait_ms(c, piece) : 0;
    if (wait != 0) {
        net_timer_start(c->worker->loop, &c->timer, wait);
        return false;
    }
    if (!c->told_head && c->found.call != NULL && c->found.call->status != 0) {
        c->telling = true;
        tell_head(c);
        return told(c);
    }
    if (piece == NULL) {
        end(c);
        return false;
    }
    c->next = piece->next;
    c->telling = true;
    c->events->on_data(c->owner, piece->bytes);
    return told(c);
}

static void on_timer(void *owner)
{
    struct replay_call *c = owner;
    for (unsigned i = 0; i < PIECES_A_TURN; i++)
        if (c->paused || !give_next(c))
            return;
    net_timer_start(c->worker->loop, &c->timer, 0);
}

static void replay_pause(struct gw_call *call, bool paused)
{
    struct replay_call *c = (struct replay_call *)call;
    if (c->paused && !paused && !c->over && c->rc != DGM_MORE && !net_timer_is_on(&c->timer))
        net_timer_start(c->worker->loop, &c->timer, 0);
    c->paused = paused;
}

static void replay_free(struct gw_call *call)
{
    struct replay_call *c = (struct replay_call *)call;
    c->unwanted = true;
    gw_job_cancel(&c->job);
    if (!c->telling && c->job.state == GW_JOB_IDLE)
        release(c);
}

static const struct gw_call_ops replay_ops = {.pause = replay_pause, .free = replay_free};

/* ---- the recording ---- */

static const struct gw_corpus *corpus_of(const struct replay_call *c)
{
    return c->worker->config->replay.corpus;
}

static void find(struct replay_call *c)
{
    c->rc = gw_corpus_find(corpus_of(c), dgm_buf_str(&c->target), dgm_buf_str(&c->body), &c->found);
}

static void tell_miss(struct replay_call *c)
{
    gw_corpus_tell_miss(corpus_of(c), dgm_buf_str(&c->target), dgm_buf_str(&c->body), &c->fail);
}

/* What was looked for is found, or there is an error in its place. */
static void begin(struct replay_call *c)
{
    if (c->rc == DGM_E_NOMEM)
        dgm_fail_row(&c->fail, DGM_ERR_NO_MEMORY);
    if (c->rc == DGM_OK)
        c->next = c->found.call->pieces;
    dgm_buf_dispose(&c->target);
    dgm_buf_dispose(&c->body);
    c->begun_ms = net_loop_now_ms(c->worker->loop);
    net_timer_start(c->worker->loop, &c->timer, 0);
}

static void run_looking(void *owner)
{
    struct replay_call *c = owner;
    if (c->rc == DGM_MORE)
        find(c);
    if (c->rc == DGM_E_REFUSED)
        tell_miss(c);
}

static void on_looked(void *owner)
{
    struct replay_call *c = owner;
    if (c->unwanted)
        release(c);
    else
        begin(c);
}

/* Off the loop where it may take long: for a large body, and where there is none to be found. */
static void look(struct replay_call *c)
{
    bool away = gw_job_wanted(c->worker, c->body.n);
    c->rc = DGM_MORE;
    if (!away) {
        find(c);
        away = c->rc == DGM_E_REFUSED && gw_job_wanted(c->worker, SIZE_MAX);
    }
    if (away) {
        gw_job_start(&c->job, c->body.n, run_looking, on_looked);
        return;
    }
    if (c->rc == DGM_E_REFUSED)
        tell_miss(c);
    begin(c);
}

struct gw_call *gw_replay_call(struct gw_worker *w, const struct gw_call_request *request,
                               const struct gw_call_events *events, void *owner)
{
    const struct dgm_alloc *a = &w->alloc;
    struct replay_call *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct replay_call){.call = {&replay_ops}, .worker = w, .events = events, .owner = owner};
    w->counters->calls++;
    net_timer_init(&c->timer, on_timer, c);
    gw_job_init(&c->job, w, c);
    dgm_buf_init(&c->target, a, TARGET_BYTES_MAX);
    dgm_buf_init(&c->body, a, SIZE_MAX);
    dgm_buf_put(&c->target, request->target);
    for (size_t i = 0; i < request->segments_n; i++)
        dgm_buf_put(&c->body, request->segments[i]);
    if (c->target.rc != DGM_OK || c->body.rc != DGM_OK) {
        release(c);
        return NULL;
    }
    look(c);
    return &c->call;
}
