/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c - a chat completion: translate, ask the upstream, translate back as it answers. */
#include "base/str.h"
#include "gateway/attempt.h"
#include "gateway/caching.h"
#include "gateway/destination.h"
#include "gateway/fetch.h"
#include "gateway/healing.h"
#include "gateway/models.h"
#include "gateway/probing.h"

#include <string.h>

#define URL_BYTES_MAX 4096
#define GUESS_MAX ((size_t)64 * 1024) /* what is put has about the size of what it was made of */

/* ---- work off the loop ------------------------------------------------------------------------------ */

void gw_chat_start_job(struct gw_exchange *x, size_t text_bytes, void (*run)(void *owner),
                       void (*done)(void *owner))
{
    gw_hold_take(&x->hold);
    gw_job_start(&x->chat.job, text_bytes, run, done);
}

bool gw_chat_is_wanted(const struct gw_exchange *x)
{
    return x->conn != NULL && x->stage <= GW_STREAMING;
}

/* ---- what is kept ------------------------------------------------------------------------------------ */

struct gw_memory_of gw_chat_memory_of(const struct gw_exchange *x)
{
    return (struct gw_memory_of){x->subject, gw_upstream_surface(x->chat.made_for)};
}

bool gw_chat_holds(struct gw_exchange *x, bool last)
{
    struct gw_chat *chat = &x->chat;
    if (!chat->keeps)
        return false;
    if (chat->held == GW_HELD_NOT && chat->call != NULL)
        gw_chat_pause(x, true);
    if (chat->held != GW_HELD_LAST)
        chat->held = last ? GW_HELD_LAST : GW_HELD_EVENTS;
    return true;
}

/* The calls of an answer are kept, or nobody can keep them in time. */
static void on_kept(void *owner)
{
    struct gw_exchange *x = owner;
    enum gw_held held = x->chat.held;
    x->chat.wait = NULL;
    x->chat.keeps = false;
    x->chat.held = GW_HELD_NOT;
    if (x->stage > GW_STREAMING)
        return;
    switch (held) {
    case GW_HELD_NOT:
        return;
    case GW_HELD_OBJECT:
        gw_chat_give(x);
        return;
    case GW_HELD_EVENTS:
    case GW_HELD_LAST:
        if (x->chat.call != NULL)
            gw_chat_pause(x, false);
        gw_exchange_stream(x, held == GW_HELD_LAST);
        return;
    }
}

/* Nothing that is put from here on leaves before what dgm_request_kept has is kept. */
static void keep(struct gw_exchange *x)
{
    const struct gw_memory_of of = gw_chat_memory_of(x);
    struct gw_memory_wait *wait = gw_memory_keep(x->worker, &of, x->chat.request, on_kept, x);
    if (wait == NULL)
        return;
    gw_memory_cancel(
        x->chat.wait); /* the keeper keeps them in their order: the last one's word is for all */
    x->chat.wait = wait;
    x->chat.keeps = true;
}

/* ---- the answer ------------------------------------------------------------------------------------- */

static void fail_rc(struct gw_exchange *x, enum dgm_rc rc)
{
    gw_exchange_fail_as(x, rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY : DGM_ERR_UPSTREAM_LARGE);
}

/* When to ask again stands in headers. */
static void take_retry(struct gw_exchange *x, int status)
{
    x->reply.has_retry = status >= 400;
    x->reply.retry =
        x->chat.healing.gives ? x->chat.healing.retry : dgm_request_retry(x->chat.request);
    if (x->reply.retry.after_ms < 0)
        x->reply.retry.after_ms = x->chat.retry_ms;
}

/* When the upstream itself wants to be asked again; negative: it did not say. */
static int64_t retry_ms(const struct gw_exchange *x)
{
    int64_t ms = dgm_request_retry(x->chat.request).after_ms;
    return ms >= 0 ? ms : x->chat.retry_ms;
}

/* An error in the place of a stream's first event: another upstream may do better, or the same one at once. */
static bool fails_over(struct gw_exchange *x)
{
    if (dgm_request_retry(x->chat.request).unsaid)
        return gw_attempt_unsaid(x);
    if (dgm_stream_started(x->chat.stream))
        return false;
    dgm_buf_clear(&x->chat.object);
    int status = dgm_stream_put_error(x->chat.stream, &x->chat.object);
    enum gw_outcome outcome = gw_attempt_judge(x, status, dgm_buf_str(&x->chat.object));
    dgm_buf_clear(&x->chat.object);
    if (gw_caching_refused(x, status))
        return true;
    x->chat.plan.asked = true; /* its head had promised something else */
    return gw_attempt_failed(x, outcome, retry_ms(x));
}

/* Ends a stream after its error event; as a plain answer with a real status where nothing has gone out yet. */
static void end_broken(struct gw_exchange *x)
{
    if (fails_over(x))
        return;
    if (x->stage == GW_WAITING && !dgm_stream_started(x->chat.stream)) {
        dgm_buf_clear(&x->out);
        int status = dgm_stream_put_error(x->chat.stream, &x->out);
        take_retry(x, status);
        gw_exchange_answer(x, status, GW_MEDIA_JSON);
        return;
    }
    gw_exchange_stream(x, true);
}

/* What a feed or finish came to. True: call it again; false: the event is dealt with. */
static bool goes_on(struct gw_exchange *x, enum dgm_rc rc)
{
    switch (rc) {
    case DGM_KEEP:
        keep(x);
        return true;
    case DGM_FULL:
        gw_exchange_stream(x, false);
        return true;
    case DGM_MORE:
        if (x->out.n != 0)
            gw_exchange_stream(x, false);
        return false;
    case DGM_DONE:
        gw_exchange_stream(x, true);
        return false;
    case DGM_E_UPSTREAM:
        end_broken(x);
        return false;
    default:
        if (x->stage == GW_STREAMING)
            gw_conn_break(x->conn); /* the stream can not even be ended with an error */
        else
            fail_rc(x, rc);
        return false;
    }
}

static void on_warning(void *owner, struct dgm_str value)
{
    struct gw_exchange *x = owner;
    if (x->stage == GW_WAITING)
        x->reply.doubts = dgm_arena_copy(&x->arena, value);
}

/* Behind a wrong address there often is a page, which says nothing: then the URL is worth more. */
static void tell_url(struct gw_exchange *x)
{
    struct dgm_buf url;
    dgm_buf_init(&url, dgm_arena_alloc(&x->arena), URL_BYTES_MAX);
    dgm_buf_put(&url, x->chat.asked.tls ? DGM_STR("https://") : DGM_STR("http://"));
    dgm_buf_put(&url, x->chat.asked.authority);
    dgm_buf_put(&url, x->chat.asked.prefix);
    dgm_buf_put(&url, dgm_str_head(x->chat.asked.path, dgm_str_find_char(x->chat.asked.path, '?')));
    if (url.rc == DGM_OK)
        dgm_request_asked_at(x->chat.request, dgm_buf_str(&url));
}

/* Nothing but the upstream knows which models it has; what there is to choose from is known here (user-pain A5). */
static void tell_near(struct gw_exchange *x)
{
    struct dgm_buf names;
    dgm_buf_init(&names, dgm_arena_alloc(&x->arena), URL_BYTES_MAX);
    gw_models_put_near(x, dgm_request_model_sent(x->chat.request), &names);
    if (names.rc == DGM_OK)
        dgm_request_near(x->chat.request, dgm_buf_str(&names));
}

static void on_head(void *owner, int status, struct dgm_str content_type)
{
    struct gw_exchange *x = owner;
    (void)content_type; /* the body is judged by what it is */
    x->chat.status = status;
    if (status < 400) {
        gw_attempt_worked(x);
        gw_heal_worked(x);
        gw_caching_worked(x);
    }
    if (status >= 400 && x->chat.asked.authority.n != 0)
        tell_url(x);
    if (status == 404)
        tell_near(x);
    gw_exchange_heard(x, false);
}

static void on_retry(void *owner, int64_t after_ms)
{
    ((struct gw_exchange *)owner)->chat.retry_ms = after_ms;
}

static bool is_streamed(const struct gw_exchange *x)
{
    return x->chat.stream != NULL && x->chat.status == 200;
}

static void feed(struct gw_exchange *x, struct dgm_str bytes)
{
    while (goes_on(x, dgm_stream_feed(x->chat.stream, &bytes, &x->out)))
        ;
}

static void finish(struct gw_exchange *x)
{
    while (goes_on(x, dgm_stream_finish(x->chat.stream, &x->out)))
        ;
}

/* ---- a stream that begins with an error --------------------------------------------------------------- */

/* Whether a stream's first bytes are an error's: an event, or Google's array. */
static bool begins_with_error(struct dgm_str bytes)
{
    if (dgm_str_starts(bytes, DGM_STR("data:")))
        bytes = dgm_str_skip(bytes, 5);
    while (bytes.n != 0 && memchr(" \t\r\n[{", bytes.p[0], 7) != NULL)
        bytes = dgm_str_skip(bytes, 1);
    return dgm_str_starts(bytes, DGM_STR("\"error\""));
}

/* Where it gives no reason the whole request is looked at once more: a large one is not held against the others. */
static bool reads_away(const struct gw_exchange *x)
{
    const struct gw_chat *chat = &x->chat;
    return chat->refused && !dgm_stream_started(chat->stream) &&
           !dgm_request_is_relayed(chat->request) && gw_job_wanted(x->worker, x->body.n);
}

static void fail_over(struct gw_exchange *, const struct dgm_fail *);

/* What a job has put is as if it had been put here. */
static bool take_read(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    dgm_buf_put(&x->out, dgm_buf_str(&chat->object));
    dgm_buf_clear(&chat->object);
    return goes_on(x, gw_job_rc(&chat->job, chat->object_rc));
}

static void run_finish(void *owner)
{
    struct gw_chat *chat = &((struct gw_exchange *)owner)->chat;
    chat->object_rc = dgm_stream_finish(chat->stream, &chat->object);
}

static void on_finished(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x) && take_read(x))
        finish(x);
    gw_hold_give(&x->hold);
}

static void end_stream(struct gw_exchange *x)
{
    if (reads_away(x))
        gw_chat_start_job(x, x->body.n, run_finish, on_finished);
    else
        finish(x);
}

static void run_feed(void *owner)
{
    struct gw_chat *chat = &((struct gw_exchange *)owner)->chat;
    struct dgm_str bytes = dgm_buf_str(&chat->native);
    chat->object_rc = dgm_stream_feed(chat->stream, &bytes, &chat->object);
    dgm_buf_drop(&chat->native, chat->native.n - bytes.n);
}

/* Behind what the job has read: the rest of it, and what came meanwhile. */
static void on_fed(void *owner)
{
    struct gw_exchange *x = owner;
    struct gw_chat *chat = &x->chat;
    if (gw_chat_is_wanted(x)) {
        gw_chat_pause(x, false);
        if (take_read(x))
            feed(x, dgm_buf_str(&chat->native));
        dgm_buf_clear(&chat->native);
    }
    if (gw_chat_is_wanted(x) && chat->later.n != 0)
        feed(x, dgm_buf_str(&chat->later));
    dgm_buf_dispose(&chat->later);
    if (gw_chat_is_wanted(x) && chat->ended)
        end_stream(x);
    else if (gw_chat_is_wanted(x) && chat->failed != NULL)
        fail_over(x, chat->failed);
    gw_hold_give(&x->hold);
}

static void feed_away(struct gw_exchange *x, struct dgm_str bytes)
{
    struct gw_chat *chat = &x->chat;
    dgm_buf_put(&chat->native, bytes);
    if (chat->native.rc != DGM_OK) {
        fail_rc(x, chat->native.rc);
        return;
    }
    gw_chat_pause(x, true);
    gw_chat_start_job(x, x->body.n, run_feed, on_fed);
}

static void read_stream(struct gw_exchange *x, struct dgm_str bytes)
{
    if (!dgm_stream_started(x->chat.stream))
        x->chat.refused = x->chat.refused || begins_with_error(bytes);
    if (reads_away(x))
        feed_away(x, bytes);
    else
        feed(x, bytes);
}

/* ---- what an upstream says ---------------------------------------------------------------------------- */

static void on_data(void *owner, struct dgm_str bytes)
{
    struct gw_exchange *x = owner;
    struct dgm_buf *to = x->chat.job.state == GW_JOB_IDLE ? &x->chat.native : &x->chat.later;
    if (x->stage > GW_STREAMING)
        return;
    gw_exchange_heard(x, true);
    if (is_streamed(x) && x->chat.job.state == GW_JOB_IDLE) {
        if (x->stage == GW_WAITING)
            gw_overhead_ours(x);
        read_stream(x, bytes);
        return;
    }
    dgm_buf_put(to, bytes);
    if (to->rc != DGM_OK)
        fail_rc(x, to->rc);
}

/* An error as the last event of a stream whose head has gone: it is one line already. */
static void stream_error(struct gw_exchange *x, struct dgm_buf *object)
{
    dgm_buf_put_lit(&x->out, "data: ");
    dgm_buf_put(&x->out, dgm_fail_event(dgm_buf_str(object)));
    dgm_buf_put_lit(&x->out, "\n\n");
    gw_exchange_stream(x, true);
}

void gw_chat_take_notes(struct gw_exchange *x)
{
    for (size_t i = 0; i < GW_REPLY_NOTES; i++)
        x->reply.notes[i] =
            dgm_arena_copy(&x->arena, dgm_request_notes(x->chat.request, (enum dgm_note)i));
}

/* What arrived becomes what is sent. Maybe in a thread: touches nothing of the exchange but these. */
static void make_object(void *owner)
{
    struct gw_chat *chat = &((struct gw_exchange *)owner)->chat;
    struct dgm_str native = dgm_buf_str(&chat->native);
    dgm_buf_reserve(&chat->object, native.n < GUESS_MAX ? native.n : GUESS_MAX);
    chat->object_rc =
        dgm_chat_response(chat->request, chat->status, native, &chat->object, &chat->object_status);
}

void gw_chat_give(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    if (x->stage == GW_STREAMING) {
        stream_error(x, &chat->object);
        return;
    }
    struct dgm_buf empty = x->out;
    x->out = chat->object;
    chat->object = empty;
    take_retry(x, chat->object_status);
    gw_exchange_answer(x, chat->object_status, GW_MEDIA_JSON);
}

static void give_object(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    if (chat->object_rc == DGM_KEEP)
        keep(x);
    gw_chat_take_notes(x); /* the answer may have added to them */
    if (chat->object_rc >= 0 && dgm_request_retry(chat->request).unsaid && gw_attempt_unsaid(x))
        return;
    if (chat->object_rc >= 0 && chat->status >= 400 &&
        (gw_caching_refused(x, chat->status) || gw_heal(x) ||
         gw_attempt_failed(x, gw_attempt_judge(x, chat->status, dgm_buf_str(&chat->native)),
                           retry_ms(x))))
        return;
    if (chat->object_rc >= 0 && chat->status == 400 && gw_probe(x))
        return;
    if (chat->object_rc < 0 || chat->status >= 400)
        (void)gw_heal_give_first(x);
    if (chat->object_rc < 0)
        fail_rc(x, gw_job_rc(&chat->job, chat->object_rc));
    else if (chat->keeps)
        chat->held = GW_HELD_OBJECT;
    else
        gw_chat_give(x);
}

static void on_object(void *owner)
{
    struct gw_exchange *x = owner;
    if (gw_chat_is_wanted(x))
        give_object(x);
    gw_hold_give(&x->hold);
}

/* How much text the making of the answer looks at: for a refusal that gives no reason the whole request, once more. */
static size_t answer_bytes(const struct gw_exchange *x)
{
    size_t native = x->chat.native.n, request = x->chat.status == 400 ? x->body.n : 0;
    return native > request ? native : request;
}

static void on_end(void *owner)
{
    struct gw_exchange *x = owner;
    if (x->stage > GW_STREAMING)
        return;
    if (x->chat.job.state != GW_JOB_IDLE) {
        x->chat.ended = true;
        return;
    }
    if (x->stage == GW_WAITING)
        gw_overhead_ours(x);
    if (is_streamed(x)) {
        end_stream(x);
        return;
    }
    if (x->chat.status == 401 && gw_attempt_renew(x))
        return;
    if (gw_job_wanted(x->worker, answer_bytes(x))) {
        gw_chat_start_job(x, answer_bytes(x), make_object, on_object);
        return;
    }
    make_object(x);
    give_object(x);
}

static void fail_over(struct gw_exchange *x, const struct dgm_fail *f)
{
    enum gw_outcome outcome = f->id == DGM_ERR_UPSTREAM_CONNECT ? GW_UNREACHED
                              : f->id == DGM_ERR_UPSTREAM_BUSY  ? GW_NO_ROOM
                                                                : GW_ODD;
    gw_overhead_ours(x);
    if (x->stage > GW_STREAMING || gw_attempt_failed(x, outcome, -1))
        return;
    if (gw_heal_give_first(x))
        gw_chat_give(x);
    else
        gw_exchange_fail(x, f);
}

static void on_fail(void *owner, const struct dgm_fail *f)
{
    struct gw_exchange *x = owner;
    struct gw_chat *chat = &x->chat;
    if (x->stage > GW_STREAMING)
        return;
    if (chat->job.state == GW_JOB_IDLE) {
        fail_over(x, f);
        return;
    }
    /* The stream is the job's until it has read what came before. */
    chat->failed = dgm_arena_take(&x->arena, sizeof *f);
    if (chat->failed != NULL)
        *chat->failed = *f;
    else
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
}

void gw_chat_fail(struct gw_exchange *x, const struct dgm_fail *f)
{
    gw_chat_cancel(x);
    x->worker->counters->refused_total++;
    /* Native events have no place for an error of ours, and what a job works on must not be touched. */
    if (x->chat.stream == NULL || x->chat.job.state != GW_JOB_IDLE) {
        gw_conn_break(x->conn);
        return;
    }
    dgm_stream_fail(x->chat.stream, f, &x->out);
    gw_exchange_stream(x, true);
}

void gw_chat_pause(struct gw_exchange *x, bool paused)
{
    gw_call_pause(x->chat.call, paused);
}

void gw_chat_cancel(struct gw_exchange *x)
{
    gw_attempt_end(x);
    gw_call_free(x->chat.call);
    x->chat.call = NULL;
    x->chat.probing.on = false;
    gw_fetch_cancel(x->chat.fetch);
    gw_caching_cancel(x);
    gw_memory_cancel(x->chat.wait);
    x->chat.wait = NULL;
    x->chat.keeps = false;
    x->chat.held = GW_HELD_NOT;
    if (gw_job_cancel(&x->chat.job))
        gw_hold_give(&x->hold);
}

void gw_chat_dispose(struct gw_exchange *x)
{
    struct gw_chat *chat = &x->chat;
    dgm_stream_free(chat->stream);
    dgm_request_free(chat->request);
    gw_fetch_free(chat->fetch);
    dgm_buf_dispose(&chat->kept);
    dgm_buf_dispose(&chat->again);
    dgm_buf_dispose(&chat->native);
    dgm_buf_dispose(&chat->later);
    dgm_buf_dispose(&chat->object);
    gw_heal_dispose(x);
    gw_probe_dispose(x);
}

/* ---- the request ------------------------------------------------------------------------------------ */

const struct gw_call_events gw_chat_events = {.on_head = on_head,
                                              .on_data = on_data,
                                              .on_end = on_end,
                                              .on_fail = on_fail,
                                              .on_warning = on_warning,
                                              .on_retry = on_retry};

void gw_chat_run(struct gw_exchange *x)
{
    gw_attempt_begin(x);
}
