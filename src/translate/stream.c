/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - a native stream as OpenAI chunks: one state a choice, and an end that never lies. */
#include "translate/stream.h"

#include "base/str.h"
#include "translate/compat.h"
#include "translate/echo.h"
#include "translate/failure.h"
#include "translate/google.h"
#include "translate/logprobs.h"
#include "translate/relay.h"
#include "translate/tools.h"

#include <string.h>

#define CHUNK_BYTES_MAX ((size_t)1 << 20) /* that has more than one image */

/* ---- chunks ---- */

/* The state of a choice, made when it is first heard of. NULL: memory is short, and the request has failed. */
static struct choice *choice_at(struct dgm_stream *s, size_t index)
{
    if (!s->choices[index]) {
        s->choices[index] = dgm_arena_take(&s->r->arena, sizeof **s->choices);
        if (s->choices[index])
            choice_init(s->choices[index], s->r);
        else
            chat_no_memory(s->r);
    }
    return s->choices[index];
}

static void open_chunk(struct dgm_stream *s, struct json_writer *w, size_t index)
{
    dgm_buf_put(w->buf, s->head);
    dgm_buf_put_lit(w->buf, "{\"index\":");
    dgm_buf_put_int(w->buf, (int64_t)index);
    dgm_buf_put_lit(w->buf, ",\"delta\":");
    json_open_obj(w);
    if (!s->choices[index]->started)
        json_member_lit(w, "role", "assistant");
    s->choices[index]->started = true;
}

/* The usage of all chunks but the last is null where the client asked for it (OpenAI's stream_options). */
static void close_chunk(struct dgm_stream *s, struct json_writer *w,
                        const struct json_val *candidate, struct dgm_str finish)
{
    json_close_obj(w);
    dgm_buf_put_lit(w->buf, ",\"logprobs\":");
    struct json_writer value = json_writer(w->buf);
    logprobs_put(&value, candidate);
    dgm_buf_put_lit(w->buf, ",\"finish_reason\":");
    value = json_writer(w->buf);
    if (finish.p)
        json_put_str(&value, finish);
    else
        json_put_null(&value);
    dgm_buf_put(w->buf, s->r->usage ? DGM_STR("}],\"usage\":null}\n\n") : DGM_STR("}]}\n\n"));
}

static void put_refusal(struct dgm_stream *s, const struct json_val *feedback, struct dgm_buf *out)
{
    struct choice *c = choice_at(s, 0);
    struct json_writer w = json_writer(out);
    if (!c)
        return;
    open_chunk(s, &w, 0);
    answer_put_blocked(s->r, &w, feedback, false);
    close_chunk(s, &w, NULL, (struct dgm_str){0});
    c->said = true;
    c->finish = DGM_STR("content_filter");
}

static void put_candidate(struct dgm_stream *s, const struct json_val *candidate,
                          struct dgm_buf *out)
{
    int64_t index = 0; /* proto3 leaves a zero out */
    json_int(json_get(candidate, DGM_STR("index")), &index);
    if (index < 0 || index >= CHOICES_MAX)
        return;
    struct choice *c = choice_at(s, (size_t)index);
    if (!c)
        return;
    struct answer_piece piece = answer_read(s->r, c, candidate);
    /* An answer that is none must not begin for what stands beside it: its error has a status then. */
    if (!c->started && c->finish.p && answer_fault(s->r, c) != DGM_ERR_NONE)
        return;
    if (!piece.more)
        candidate = NULL; /* has no logprobs, and nobody looks for them */
    if (piece.said == 0 && json_kind(json_get(candidate, DGM_STR("logprobsResult"))) != JSON_OBJ)
        return;
    /* A chunk that is too large for many clients has one image at most (user-pain E5). */
    size_t chunks = s->event_bytes > CHUNK_BYTES_MAX && piece.images > 1 ? piece.images : 1;
    for (size_t i = 0; i < chunks; i++) {
        struct json_writer w = json_writer(out);
        if (chunks > 1)
            answer_take_image(s->r, c, &piece, i);
        open_chunk(s, &w, (size_t)index);
        answer_put_members(s->r, &w, c, &piece, false);
        close_chunk(s, &w, i == 0 ? candidate : NULL, (struct dgm_str){0});
    }
}

/* ---- errors ---- */

/* Ends the stream in the error that stands in s->error. */
enum dgm_rc stream_put_error(struct dgm_stream *s, struct dgm_buf *out)
{
    if (s->google)
        compat_flush(s->google, out);
    dgm_buf_put_lit(out, "data: ");
    dgm_buf_put(out, dgm_buf_str(&s->error));
    dgm_buf_put_lit(out, "\n\n");
    s->state = STREAM_FAILED;
    s->rc = s->error.rc != DGM_OK ? s->error.rc : out->rc != DGM_OK ? out->rc : DGM_E_UPSTREAM;
    return s->rc;
}

static enum dgm_rc fail_as(struct dgm_stream *s, const struct dgm_fail *fail, struct dgm_buf *out)
{
    chat_note_fault(s->r, fail->id);
    chat_put_fail(s->r, fail, &s->error);
    s->error_status = dgm_error_status(fail->id);
    return stream_put_error(s, out);
}

enum dgm_rc stream_fail_with(struct dgm_stream *s, enum dgm_error id, struct dgm_buf *out)
{
    struct dgm_fail fail;
    dgm_fail_row(&fail, id);
    return fail_as(s, &fail, out);
}

enum dgm_rc stream_no_memory(struct dgm_stream *s)
{
    s->state = STREAM_FAILED;
    s->rc = DGM_E_NOMEM;
    return s->rc;
}

static enum dgm_rc fail_blocked(struct dgm_stream *s, const struct json_val *feedback,
                                struct dgm_buf *out)
{
    struct dgm_fail fail;
    answer_fail_blocked(feedback, &fail);
    return fail_as(s, &fail, out);
}

/* ---- events ---- */

/* Handles the event that waits. DGM_OK, or what the stream came to. */
static enum dgm_rc take_event(struct dgm_stream *s, struct dgm_buf *out)
{
    const struct json_val *root = NULL;
    struct json_error e = {0};
    enum dgm_rc rc =
        json_parse(&s->scratch, s->event, s->event_bytes, compat_depth(s->r), &root, &e);
    s->event = NULL;
    if (rc == DGM_E_NOMEM)
        return stream_no_memory(s);
    if (failure_find(root)) {
        s->error_status = failure_put(s->r, &s->error, 0, root, (struct dgm_str){0});
        return stream_put_error(s, out);
    }
    if (e.trouble == JSON_EMPTY) /* an event without data says nothing */
        return DGM_OK;
    if (json_kind(root) != JSON_OBJ)
        return stream_fail_with(s, s->event_cut ? DGM_ERR_UPSTREAM_CUT : DGM_ERR_UPSTREAM_BROKEN,
                                out);
    struct answer_root members = answer_root(root);
    answer_note_version(s->r, members.version);
    if (s->google)
        compat_note_id(s->r, root);
    /* More than one a choice nobody could have asked for; each may put a chunk. */
    struct json_iter it = json_iter(members.candidates);
    while (json_next(&it) && it.index < CHOICES_MAX)
        put_candidate(s, it.value, out);
    if (json_get_str(members.feedback, DGM_STR("blockReason")).n &&
        !(s->choices[0] && s->choices[0]->started)) {
        if (s->r->env.blocked == DGM_BLOCKED_ERROR)
            return fail_blocked(s, members.feedback, out);
        put_refusal(s, members.feedback, out);
    }
    if (json_kind(members.usage) == JSON_OBJ) {
        s->usage = usage_read(members.usage);
        s->usage_told = true;
        chat_note_tokens(s->r, s->usage.prompt, s->usage.completion);
    }
    if (s->r->rc != DGM_OK || out->rc != DGM_OK) {
        s->state = STREAM_FAILED;
        s->rc = s->r->rc != DGM_OK ? s->r->rc : out->rc;
        return s->rc;
    }
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (s->choices[i] && s->choices[i]->broken)
            return stream_fail_with(s, DGM_ERR_CALL_MALFORMED, out);
    return s->r->kept_n ? DGM_KEEP : DGM_OK;
}

/*
 * Whether every choice there is has met a stop sequence that we look for: nothing more is wanted (user-pain A6). The usage
 * it asked for the client gets: where nobody has told any yet, the stream goes on until somebody does (F9).
 */
static bool is_stopped(const struct dgm_stream *s)
{
    bool any = false;
    if (s->r->usage && !s->usage_told)
        return false;
    for (size_t i = 0; s->r->stops && i < CHOICES_MAX; i++) {
        if (s->choices[i] && !s->choices[i]->scan.hit)
            return false;
        any = any || s->choices[i];
    }
    return any;
}

/*
 * Whether the one call that the client wants at a time is there, whole: what else comes it would not see (user-pain C8).
 * The usage it asked for it gets: where nobody has told any yet, the stream goes on until somebody does.
 */
static bool has_its_call(const struct dgm_stream *s)
{
    const struct choice *c = s->choices[0];
    return c && c->calls != 0 && !c->partial && s->one_call && (!s->r->usage || s->usage_told);
}

/* Makes a copy of an event to wait for its turn. False when memory is short. */
static bool hold_event(struct dgm_stream *s, const struct dgm_sse_event *e)
{
    dgm_arena_reset(&s->scratch);
    s->event = dgm_arena_take(&s->scratch, e->data.n + JSON_PADDING);
    if (!s->event)
        return false;
    if (e->data.n)
        memcpy(s->event, e->data.p, e->data.n);
    s->event_bytes = e->data.n;
    s->event_cut = e->cut;
    return true;
}

bool stream_has_room(const struct dgm_stream *s, const struct dgm_buf *out, size_t event_bytes)
{
    size_t room = out->max - out->n;
    if (s->google)
        event_bytes += compat_held_bytes(s->google);
    if (s->relay)
        event_bytes += s->r->relay->held_bytes;
    return out->n == 0 ||
           (room >= OUT_BESIDES && (room - OUT_BESIDES) / OUT_PER_BYTE >= event_bytes);
}

/* take_event, in Google's shapes. */
static enum dgm_rc take_google(struct dgm_stream *s, struct dgm_buf *out)
{
    bool finished[CHOICES_MAX];
    enum dgm_rc rc = take_event(s, compat_plain(s->google));
    for (size_t i = 0; i < CHOICES_MAX; i++)
        finished[i] = s->choices[i] && s->choices[i]->finish.p;
    compat_put_events(s->google, finished, out);
    enum dgm_rc put = s->r->rc != DGM_OK ? s->r->rc : out->rc;
    if (put == DGM_OK)
        return rc;
    s->state = STREAM_FAILED;
    s->rc = put;
    return put;
}

static void put_end(struct dgm_stream *s, struct dgm_buf *out)
{
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        struct choice *c = s->choices[i];
        if (!c)
            continue;
        struct json_writer w = json_writer(out);
        bool started = c->started;
        open_chunk(s, &w, i);
        c->started = started;
        answer_put_rest(s->r, &w, c);
        echo_end(s->r, c->echo);
        c->started = true;
        answer_put_end(s->r, &w, c);
        close_chunk(s, &w, NULL, answer_finish(s->r, c));
    }
    if (s->r->usage) {
        dgm_buf_put(out, s->head);
        dgm_buf_put_lit(out, "],\"usage\":");
        struct json_writer w = json_writer(out);
        usage_put(&w, &s->usage);
        dgm_buf_put_lit(out, "}\n\n");
    }
    dgm_buf_put_lit(out, "data: [DONE]\n\n");
}

/* Ends the stream as it should end. */
static enum dgm_rc end_well(struct dgm_stream *s, struct dgm_buf *out)
{
    put_end(s, s->google ? compat_plain(s->google) : out);
    if (s->google)
        compat_put_end(s->google, &s->usage, out);
    enum dgm_rc rc = s->r->rc != DGM_OK ? s->r->rc : out->rc;
    s->state = rc == DGM_OK ? STREAM_DONE : STREAM_FAILED;
    s->rc = rc;
    if (rc == DGM_OK) /* whoever keeps the records asks again */
        return s->r->kept_n ? DGM_KEEP : DGM_DONE;
    return rc;
}

/*
 * Takes events until the decoder has no more: `ended` by asking it for what the end of the stream left, else
 * by feeding it `in`. DGM_OK when it has none; otherwise why it stopped.
 */
static enum dgm_rc take_events(struct dgm_stream *s, struct dgm_str *in, bool ended,
                               struct dgm_buf *out)
{
    for (;;) {
        struct dgm_sse_event e;
        enum dgm_rc rc = DGM_EVENT;
        if (s->relay && relay_stream_over(s->relay))
            return relay_stream_end(s, out);
        if (is_stopped(s) || has_its_call(s))
            return stream_has_room(s, out, 0) ? end_well(s, out) : DGM_FULL;
        if (!s->event) {
            rc = ended ? dgm_sse_finish(&s->sse, &e) : dgm_sse_next(&s->sse, in, &e);
            if (rc == DGM_MORE || rc == DGM_DONE)
                return DGM_OK;
            if (rc == DGM_E_LIMIT)
                return stream_fail_with(s, DGM_ERR_UPSTREAM_LARGE, out);
            if (rc != DGM_EVENT || !hold_event(s, &e))
                return stream_no_memory(s);
        }
        if (!stream_has_room(s, out, s->event_bytes))
            return DGM_FULL;
        rc = s->relay    ? relay_stream_take(s, out)
             : s->google ? take_google(s, out)
                         : take_event(s, out);
        if (rc != DGM_OK)
            return rc;
    }
}

enum dgm_rc dgm_stream_feed(struct dgm_stream *s, struct dgm_str *in, struct dgm_buf *out)
{
    if (s->state == STREAM_FAILED)
        return s->rc;
    if (s->state == STREAM_DONE)
        return DGM_DONE;
    s->r->kept_n = 0;
    enum dgm_rc rc = take_events(s, in, false, out);
    if (rc == DGM_OK &&
        s->r->kept_n ==
            0) /* now, not before the next: it may be silent for long, as thousands are */
        dgm_arena_reset(&s->scratch);
    if (rc == DGM_DONE && s->relay) /* it said so itself: the connection may end in peace */
        *in = (struct dgm_str){0};
    return rc == DGM_OK || (rc == DGM_DONE && s->relay) ? DGM_MORE : rc;
}

/* ---- the end ---- */

/* Whether all that began has ended, and something did. */
static bool is_whole(const struct dgm_stream *s)
{
    bool any = false;
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        if (s->choices[i] && !s->choices[i]->finish.p && !s->choices[i]->scan.hit)
            return false;
        any = any || s->choices[i];
    }
    return any;
}

/* What is wrong with all choices that there are; DGM_ERR_NONE when one of them is an answer. */
static enum dgm_error find_fault(const struct dgm_stream *s)
{
    enum dgm_error first = DGM_ERR_NONE;
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        if (!s->choices[i])
            continue;
        enum dgm_error fault = answer_fault(s->r, s->choices[i]);
        if (fault == DGM_ERR_NONE)
            return fault;
        first = first != DGM_ERR_NONE ? first : fault;
    }
    return first;
}

enum dgm_rc dgm_stream_finish(struct dgm_stream *s, struct dgm_buf *out)
{
    if (s->state == STREAM_FAILED)
        return s->rc;
    if (s->state == STREAM_DONE)
        return DGM_DONE;
    s->r->kept_n = 0;
    enum dgm_rc rc = take_events(s, NULL, true, out);
    if (rc != DGM_OK)
        return rc;
    if (s->relay)
        return relay_stream_end(s, out);
    if (!stream_has_room(s, out, 0))
        return DGM_FULL;
    if (!is_whole(s))
        return stream_fail_with(s, DGM_ERR_UPSTREAM_CUT, out);
    if (find_fault(s) != DGM_ERR_NONE)
        return stream_fail_with(s, find_fault(s), out);
    return end_well(s, out);
}

void dgm_stream_fail(struct dgm_stream *s, const struct dgm_fail *fail, struct dgm_buf *out)
{
    if (s->state == STREAM_FAILED || s->state == STREAM_DONE)
        return;
    (void)fail_as(s, fail, out);
}

bool dgm_stream_started(const struct dgm_stream *s)
{
    if (s->relay)
        return relay_stream_started(s->relay);
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (s->choices[i] && s->choices[i]->started)
            return true;
    return false;
}

int dgm_stream_put_error(const struct dgm_stream *s, struct dgm_buf *out)
{
    if (s->google)
        dgm_buf_put_char(out, '[');
    dgm_buf_put(out, dgm_buf_str(&s->error));
    if (s->google)
        dgm_buf_put_char(out, ']');
    return s->error_status;
}

/* ---- its life ---- */

static bool put_head(struct dgm_stream *s)
{
    struct dgm_buf head;
    dgm_buf_init(&head, dgm_arena_alloc(&s->r->arena), 4096);
    struct json_writer w = json_writer(&head);
    dgm_buf_put_lit(&head, "data: ");
    json_open_obj(&w);
    answer_put_head(s->r, &w, DGM_STR("chat.completion.chunk"));
    json_put_name(&w, "choices");
    json_open_arr(&w);
    s->head = dgm_buf_str(&head);
    return head.rc == DGM_OK;
}

static bool wants_one_answer(const struct dgm_request *r)
{
    struct google_place place;
    int64_t n = 1, google = 1;
    json_int(r->field[CHAT_N], &n);
    json_int(google_config(r, DGM_STR("candidate_count"), &place), &google);
    return n == 1 && google == 1;
}

struct dgm_stream *dgm_stream_new(struct dgm_request *r)
{
    const struct dgm_alloc *alloc = r->env.alloc;
    struct dgm_stream *s = alloc->resize(alloc->ctx, NULL, 0, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct dgm_stream){.r = r,
                             .one_call = r->tools && r->tools->single && wants_one_answer(r)};
    dgm_sse_init(&s->sse, alloc, r->limits.event_bytes);
    dgm_arena_init(&s->scratch, alloc, r->limits.arena_bytes);
    /* An upstream's message is as long as its event, and a little more as JSON of ours. */
    dgm_buf_init(&s->error, alloc, OUT_PER_BYTE * r->limits.event_bytes + OUT_BESIDES);
    if (r->relay)
        s->relay = relay_stream_new(r);
    if (compat_is_google(r))
        s->google = compat_stream_new(r);
    bool made = r->relay              ? s->relay != NULL
                : compat_is_google(r) ? s->google && put_head(s)
                                      : put_head(s);
    if (made)
        return s;
    dgm_stream_free(s);
    return NULL;
}

void dgm_stream_free(struct dgm_stream *s)
{
    if (!s)
        return;
    const struct dgm_alloc *alloc = s->r->env.alloc;
    compat_stream_dispose(s->google);
    dgm_sse_dispose(&s->sse);
    dgm_arena_dispose(&s->scratch);
    dgm_buf_dispose(&s->error);
    alloc->resize(alloc->ctx, s, sizeof *s, 0);
}
