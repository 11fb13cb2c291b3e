/* SPDX-License-Identifier: Apache-2.0 */
/* probing.c - a refusal without a reason is looked into: reduced requests tell what the upstream accepts it without. */
#include "gateway/probing.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "gateway/attempt.h"
#include "gateway/healing.h"
#include "gateway/log.h"
#include "gateway/probed.h"

static int64_t now_ms(const struct gw_exchange *x)
{
    return net_loop_now_ms(x->worker->loop);
}

static const char *plural(unsigned n)
{
    return n == 1 ? "" : "s";
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void log_end(const struct gw_exchange *x, unsigned asked, bool accepted)
{
    struct dgm_str id = x->reply.request_id, upstream = x->chat.upstream;
    gw_log(GW_LOG_INFO,
           "id=%.*s upstream=%.*s refused without a reason; %u reduced request%s, %s accepted",
           (int)id.n, id.p, (int)upstream.n, upstream.p, asked, plural(asked),
           accepted ? "the last one" : "none");
}

/* The error is made once more of the refusal, which was kept: the core adds what it has learnt. */
static void tell(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_probing *p = &chat->probing;
    int status;
    enum dgm_rc rc = dgm_chat_response(chat->request, chat->status, dgm_buf_str(&chat->native),
                                       &p->told, &status);
    if (rc != DGM_OK || p->told.rc != DGM_OK)
        return; /* what was made before says less, and nothing wrong */
    struct dgm_buf before = chat->object;
    chat->object = p->told;
    p->told = before;
    chat->object_status = status;
}

/* Gives the client its error. */
static void finish(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    bool accepted;
    unsigned asked = dgm_request_probes(chat->request, &accepted);
    chat->probing.on = false;
    gw_call_free(chat->call);
    chat->call = NULL;
    if (asked != 0) {
        x->worker->counters->probes_accepted_total += accepted;
        log_end(x, asked, accepted);
        tell(x);
    } else {
        (void)gw_heal_give_first(x);
    }
    gw_chat_give(x);
}

/* ---- what a reduced request is answered ------------------------------------------------------------------ */

static void go_on(struct gw_exchange *x);

/* The last one is answered, or was not. */
static void take(struct gw_exchange *x, int status, enum gw_outcome outcome)
{
    struct gw_chat *chat = &x->chat;
    struct gw_probing *p = &chat->probing;
    gw_overhead_ours(x);
    gw_policy_tell(x->worker->policy, &chat->plan, outcome, p->after_ms, now_ms(x));
    if (dgm_request_probed(chat->request, status, dgm_buf_str(&p->answer)) && !p->late)
        go_on(x);
    else
        finish(x);
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    struct gw_exchange *x = owner;
    (void)content_type;
    x->chat.probing.status = status;
    gw_exchange_heard(x, false);
}

/* What does not fit is none of the refusals that name nothing, which are short. */
static void on_data(void *owner, struct dgm_str bytes)
{
    struct gw_exchange *x = owner;
    gw_exchange_heard(x, true);
    if (x->chat.probing.status == 400)
        dgm_buf_put(&x->chat.probing.answer, bytes);
}

static void on_end(void *owner)
{
    struct gw_exchange *x = owner;
    int status = x->chat.probing.status;
    take(x, status,
         status >= 200 && status < 300
             ? GW_WORKED
             : gw_attempt_judge(x, status, dgm_buf_str(&x->chat.probing.answer)));
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    take(owner, 0,
         f->id == DGM_ERR_UPSTREAM_CONNECT ? GW_UNREACHED
         : f->id == DGM_ERR_UPSTREAM_BUSY  ? GW_NO_ROOM
                                           : GW_ODD);
}

static void on_retry(void *owner, int64_t after_ms)
{
    ((struct gw_exchange *)owner)->chat.probing.after_ms = after_ms;
}

static const struct gw_call_events events = {.on_head = on_head,
                                             .on_data = on_data,
                                             .on_end = on_end,
                                             .on_fail = on_fail,
                                             .on_retry = on_retry};

/* ---- asking ---------------------------------------------------------------------------------------------- */

/* Of the body as it was refused, of where it went, and of the model, which stands in the path. */
static uint64_t digest(const struct gw_chat *chat)
{
    const struct dgm_str *segments;
    size_t n = dgm_request_body(chat->request, &segments);
    uint64_t h = emu_hash_mix(emu_hash_str(gw_plan_upstream(&chat->plan)->name));
    h = emu_hash_mix(h ^ emu_hash_str(dgm_request_model(chat->request)));
    for (size_t i = 0; i < n; i++)
        h = emu_hash_mix(h ^ emu_hash_str(segments[i]));
    return h;
}

/* Makes the next reduced body. Maybe in a thread. */
static void run_reduce(void *owner)
{
    struct gw_exchange *x = owner;
    struct gw_chat *chat = &x->chat;
    struct gw_probing *p = &chat->probing;
    dgm_buf_clear(&p->body);
    p->rc = dgm_request_probe(chat->request, &p->body);
    if (p->rc == DGM_OK && !p->claimed &&
        !gw_probed_claim(x->worker->config->probed, digest(chat), x->reply.now))
        p->rc = DGM_DONE;
    p->claimed = true;
    p->segment = dgm_buf_str(&p->body);
}

/* Asks for what was made. False: there was nothing to make, no budget, or no way. */
static bool ask(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_probing *p = &chat->probing;
    bool accepted;
    if (p->rc != DGM_OK || p->late || !gw_policy_again(x->worker->policy, &chat->plan, now_ms(x)))
        return false;
    p->status = 0;
    p->after_ms = -1;
    dgm_buf_clear(&p->answer);
    if (!gw_attempt_aside(x, &p->segment, &events)) {
        gw_policy_tell(x->worker->policy, &chat->plan, GW_LEFT, -1, now_ms(x));
        return false;
    }
    x->worker->counters->probed_total += dgm_request_probes(chat->request, &accepted) == 0;
    x->worker->counters->probes_total++;
    return true;
}

static void on_reduced(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x) && !ask(x))
        finish(x);
    gw_hold_give(&x->hold);
}

/* True: a body is made in a thread, and on_reduced comes. */
static bool reduce_away(struct gw_exchange *x)
{
    if (!gw_job_wanted(x->worker, x->body.n)) {
        run_reduce(x);
        return false;
    }
    gw_exchange_wait(x);
    gw_chat_start_job(x, x->body.n, run_reduce, on_reduced);
    return true;
}

static void go_on(struct gw_exchange *x)
{
    gw_call_free(x->chat.call); /* it reads the body that is made anew */
    x->chat.call = NULL;
    if (!reduce_away(x) && !ask(x))
        finish(x);
}

bool gw_probe(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_probing *p = &chat->probing;
    if (p->done || gw_plan_upstream(&chat->plan)->diagnose != GW_DIAGNOSE_PROBE ||
        x->stage != GW_WAITING || dgm_request_is_relayed(chat->request) ||
        x->worker->config->replay.corpus != NULL)
        return false;
    p->done = p->on = true;
    p->until_ms = now_ms(x) + GW_PROBING_MS;
    p->on = reduce_away(x) || ask(x);
    return p->on;
}

bool gw_probe_late(struct gw_exchange *x)
{
    struct gw_probing *p = &x->chat.probing;
    if (!p->on)
        return false;
    p->late = true;
    if (x->chat.job.state == GW_JOB_IDLE) /* else on_reduced comes at once, and gives it */
        take(x, 0, GW_LEFT);
    return true;
}

void gw_probe_dispose(struct gw_exchange *x)
{
    dgm_buf_dispose(&x->chat.probing.body);
    dgm_buf_dispose(&x->chat.probing.answer);
    dgm_buf_dispose(&x->chat.probing.told);
}
