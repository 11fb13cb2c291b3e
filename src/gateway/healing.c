/* SPDX-License-Identifier: Apache-2.0 */
/* healing.c - a refusal that can be healed: the request is asked once more, otherwise. */
#include "gateway/healing.h"

#include "base/str.h"
#include "gateway/attempt.h"
#include "gateway/lessons.h"
#include "gateway/memory.h"

/* ---- the first error ----------------------------------------------------------------------------------- */

static void keep_first(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_healing *h = &chat->healing;
    if (h->tries_n != 0)
        return;
    struct dgm_buf empty = h->first;
    h->first = chat->object;
    chat->object = empty;
    h->status = chat->object_status;
    h->retry = dgm_request_retry(chat->request);
    for (size_t i = 0; i < GW_REPLY_NOTES; i++)
        h->notes[i] = x->reply.notes[i];
}

bool gw_heal_give_first(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_healing *h = &chat->healing;
    if (h->first.n == 0)
        return false;
    struct dgm_buf last = chat->object;
    chat->object = h->first;
    h->first = last;
    dgm_buf_clear(&h->first);
    chat->object_status = h->status;
    chat->object_rc = DGM_OK;
    chat->retry_ms = -1; /* the last answer's */
    h->gives = true;
    for (size_t i = 0; i < GW_REPLY_NOTES; i++)
        x->reply.notes[i] = h->notes[i];
    return true;
}

void gw_heal_forget(struct gw_exchange *x)
{
    dgm_buf_clear(&x->chat.healing.first);
    x->chat.healing.pending = false;
}

void gw_heal_dispose(struct gw_exchange *x)
{
    dgm_buf_dispose(&x->chat.healing.first);
}

/* ---- what helped --------------------------------------------------------------------------------------- */

void gw_heal_worked(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_healing *h = &chat->healing;
    const struct dgm_try *tries;
    dgm_buf_clear(&h->first);
    if (!h->pending)
        return;
    uint32_t made = dgm_request_tries(chat->request, &tries) & h->made; /* without those in vain */
    h->pending = false;
    if (made == 0)
        return;
    x->worker->counters->adapted_worked_total++;
    for (enum dgm_try_id id = 0; id < DGM_TRIES; id++) {
        if (made >> id & 1) {
            const struct gw_pupil pupil = gw_lessons_pupil(chat->made_for, chat->request, id);
            gw_lessons_keep(x->worker->config->lessons, &pupil, &tries[id], x->reply.now);
        }
    }
}

/* ---- trying -------------------------------------------------------------------------------------------- */

/* Whether an upstream's error is about a thought signature (google.md 9.1). */
static bool tells_of_signature(struct dgm_str body)
{
    return dgm_str_has_nocase(body, DGM_STR("thought_signature")) ||
           dgm_str_has_nocase(body, DGM_STR("thought signature")) ||
           dgm_str_has_nocase(body, DGM_STR("thoughtSignature"));
}

/* Maybe in a thread. */
static void run_adapt(void *owner)
{
    struct gw_chat *chat = &((struct gw_exchange *)owner)->chat;
    struct gw_healing *h = &chat->healing;
    struct dgm_fail unused; /* the first error says more */
    h->rc = h->signatures ? dgm_request_remake(chat->request, &unused)
                          : dgm_request_adapt(chat->request, &h->wanted, &unused);
}

/* What the first error was told by is of no use where nothing can be asked. */
static void ask_adapted(struct gw_exchange *x)
{
    gw_chat_take_notes(x);
    if (x->chat.healing.rc == DGM_OK && gw_attempt_otherwise(x))
        return;
    if (gw_heal_give_first(x))
        gw_chat_give(x);
    else
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

static void on_adapted(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x))
        ask_adapted(x);
    gw_hold_give(&x->hold);
}

static void count(struct gw_exchange *x)
{
    struct gw_counters *c = x->worker->counters;
    const struct gw_healing *h = &x->chat.healing;
    if (h->signatures)
        c->signatures_healed_total++;
    else if (dgm_try_is_relayed(h->wanted.id))
        c->adapted_messages_total++;
    else if (dgm_try_is_of_schemas(h->wanted.id))
        c->adapted_schemas_total++;
    else
        c->adapted_members_total++;
}

/* What to try: signatures first, then what the core says. False: nothing. */
static bool choose(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    struct gw_healing *h = &chat->healing;
    if (chat->status == 400 && !h->doubted && !dgm_request_is_relayed(chat->request) &&
        tells_of_signature(dgm_buf_str(&chat->native)) && gw_memory_doubt(chat->request)) {
        h->doubted = h->signatures = true;
        return true;
    }
    h->signatures = false;
    if (!x->worker->config->adapt || !dgm_request_try(chat->request, &h->wanted) ||
        !gw_lessons_allow(chat->made_for, h->wanted.id))
        return false;
    h->made |= UINT32_C(1) << h->wanted.id;
    h->pending = true;
    return true;
}

bool gw_heal(struct gw_exchange *x)
{
    struct gw_healing *h = &x->chat.healing;
    if (h->gives || h->tries_n == GW_TRIES_MAX || x->chat.object.n == 0 || !choose(x))
        return false;
    keep_first(x);
    h->tries_n++;
    count(x);
    if (gw_job_wanted(x->worker, x->body.n)) {
        gw_exchange_wait(x);
        gw_chat_start_job(x, x->body.n, run_adapt, on_adapted);
        return true;
    }
    run_adapt(x);
    ask_adapted(x);
    return true;
}
