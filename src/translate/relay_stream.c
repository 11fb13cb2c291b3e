/* SPDX-License-Identifier: Apache-2.0 */
/* relay_stream.c - a server's stream of chunks, event by event, as OpenAI promises it. */
#include "translate/relay.h"

#include "base/str.h"
#include "translate/failure.h"

#include <string.h>

#define RELAY_CHOICES_MAX 128 /* OpenAI's most */

/**
 * What a relayed stream has besides. Lifetime: the request's; it stands in its arena.
 *   1. The first event with something in it makes `head`.
 *   2. Each event becomes one chunk with those of its choices that say something; `usage` keeps the last one told.
 *   3. "[DONE]" or the end of the body puts what is owed: one chunk a choice, usage, [DONE].
 */
struct relay_stream {
    struct dgm_str head; /* up to the model, and no comma */
    bool started, over;
    struct relay_choice *choices[RELAY_CHOICES_MAX]; /* NULL until the server names it */
    size_t choices_n;                                /* none stands behind so many */
    size_t ended_n;                                  /* of them have got their last chunk */
    bool judged;                                     /* they are found to be whole */
    struct dgm_buf usage;
    /* strange members of the last event that put no chunk, for one that will be */
    struct dgm_buf others;
};

struct relay_stream *relay_stream_new(struct dgm_request *r)
{
    struct relay_stream *rs = dgm_arena_take0(&r->arena, sizeof *rs);
    if (!rs)
        return NULL;
    dgm_buf_init(&rs->usage, dgm_arena_alloc(&r->arena), r->limits.event_bytes);
    dgm_buf_init(&rs->others, dgm_arena_alloc(&r->arena), r->limits.event_bytes);
    return rs;
}

bool relay_stream_started(const struct relay_stream *rs)
{
    return rs->started;
}

bool relay_stream_over(const struct relay_stream *rs)
{
    return rs->over;
}

/* ---- chunks ---- */

static void make_head(struct dgm_stream *s, const struct json_val *chunk)
{
    struct dgm_buf head;
    dgm_buf_init(&head, dgm_arena_alloc(&s->r->arena), s->r->limits.arena_bytes);
    struct json_writer w = json_writer(&head);
    dgm_buf_put_lit(&head, "data: ");
    json_open_obj(&w);
    relay_put_head(s->r, &w, chunk, DGM_STR("chat.completion.chunk"));
    s->relay->head = dgm_buf_str(&head);
    if (head.rc != DGM_OK)
        chat_no_memory(s->r);
}

/* A writer for what stands behind the head: as if the head's members had been put by it. */
static struct json_writer open_chunk(struct dgm_stream *s, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    out->n -= out->rc == DGM_OK; /* the head has the bracket */
    dgm_buf_put(out, s->relay->head);
    w._comma = true;
    return w;
}

static void close_chunk(struct dgm_stream *s, struct json_writer *w)
{
    json_close_arr(w);
    if (s->r->usage)
        json_member_null(w, "usage");
    json_close_obj(w);
    dgm_buf_put_lit(w->buf, "\n\n");
}

/* The choice with an index, made when it is first heard of. NULL: memory is short, or there is no such index. */
static struct relay_choice *choice_at(struct dgm_stream *s, int64_t index)
{
    struct relay_stream *rs = s->relay;
    if (index < 0 || index >= RELAY_CHOICES_MAX)
        return NULL;
    struct relay_choice **c = &rs->choices[index];
    if (*c)
        return *c;
    *c = dgm_arena_take0(&s->r->arena, sizeof **c);
    if (!*c) {
        chat_no_memory(s->r);
        return NULL;
    }
    dgm_buf_init(&(*c)->last, dgm_arena_alloc(&s->r->arena), s->r->limits.event_bytes);
    rs->choices_n = (size_t)index < rs->choices_n ? rs->choices_n : (size_t)index + 1;
    return *c;
}

/* Keeps what came with a finish_reason and nothing else, for the chunk that will tell it. */
static void keep_last(struct dgm_stream *s, struct relay_choice *c, const struct json_val *choice)
{
    struct json_writer w = json_writer(&c->last);
    dgm_buf_clear(&c->last);
    json_open_obj(&w);
    relay_put_others(&w, choice, relay_known_of_choice);
    json_member_val(&w, "logprobs", json_get(choice, DGM_STR("logprobs")));
    if (c->last.rc != DGM_OK)
        chat_no_memory(s->r);
}

/* Puts what an event says of one choice. True when it says anything; else nothing was put. */
static bool put_choice(struct dgm_stream *s, struct json_writer *w, const struct json_val *choice)
{
    int64_t index = 0;
    json_int(json_get(choice, DGM_STR("index")), &index);
    struct relay_choice *c = choice_at(s, index);
    if (!c)
        return false;
    const struct json_val *delta = json_get(choice, DGM_STR("delta"));
    const struct json_val *logprobs = json_get(choice, DGM_STR("logprobs"));
    if (json_kind(delta) != JSON_OBJ) /* a server that does not stream sends a message at once */
        delta = json_get(choice, DGM_STR("message"));
    bool ends = json_get_str(choice, DGM_STR("finish_reason")).n != 0;
    struct json_writer before = *w;
    size_t n = w->buf->n;

    json_open_obj(w);
    json_member_int(w, "index", index);
    json_put_name(w, "delta");
    json_open_obj(w);
    bool said = relay_put_piece(s->r, w, c, delta, false);
    json_close_obj(w);
    bool more =
        relay_put_others(w, choice, relay_known_of_choice) || json_kind(logprobs) > JSON_NULL;
    json_member_val(w, "logprobs", logprobs);
    json_member_null(w, "finish_reason");
    json_close_obj(w);
    relay_read_finish(c, choice);
    if (ends && !said)
        keep_last(s, c, choice);
    if (said || (more && !ends)) {
        c->started = true;
        return true;
    }
    *w = before;
    w->buf->n = n < w->buf->n ? n : w->buf->n;
    return false;
}

/* Keeps what an event says of the answer as a whole, where it says nothing of its choices: llama.cpp's timings. */
static void keep_others(struct dgm_stream *s, const struct json_val *root)
{
    struct json_writer w = json_writer(&s->relay->others);
    dgm_buf_clear(&s->relay->others);
    json_open_obj(&w);
    relay_put_others(&w, root, relay_known_of_answer);
    if (s->relay->others.rc != DGM_OK)
        chat_no_memory(s->r);
}

/* Puts one chunk of all that an event says, if it says anything. */
static void put_chunk(struct dgm_stream *s, const struct json_val *root, struct dgm_buf *out)
{
    const struct json_val *choices = json_get(root, DGM_STR("choices"));
    struct json_iter it = json_iter(json_kind(choices) == JSON_ARR ? choices : NULL);
    size_t n = out->n;
    bool any = false;
    struct json_writer w = open_chunk(s, out);
    bool others = relay_put_others(&w, root, relay_known_of_answer);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    while (json_next(&it))
        any = put_choice(s, &w, it.value) || any;
    close_chunk(s, &w);
    s->relay->started = s->relay->started || any;
    if (any)
        return;
    out->n = n < out->n ? n : out->n;
    if (others)
        keep_others(s, root);
}

static void keep_usage(struct dgm_stream *s, const struct json_val *usage)
{
    struct json_writer w = json_writer(&s->relay->usage);
    if (json_kind(usage) != JSON_OBJ)
        return;
    dgm_buf_clear(&s->relay->usage);
    relay_put_usage(s->r, &w, usage);
    if (s->relay->usage.rc != DGM_OK)
        chat_no_memory(s->r);
}

/* ---- events ---- */

static enum dgm_rc trouble(struct dgm_stream *s, const struct dgm_buf *out)
{
    if (s->r->rc == DGM_OK && out->rc == DGM_OK)
        return DGM_OK;
    s->state = STREAM_FAILED;
    s->rc = s->r->rc != DGM_OK ? s->r->rc : out->rc;
    return s->rc;
}

/* Whether all that an event names can be told apart here: no choice may get lost in silence. */
static bool has_strange_choice(const struct json_val *root)
{
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    if (json_size(json_get(root, DGM_STR("choices"))) > RELAY_CHOICES_MAX)
        return true;
    while (json_next(&it)) {
        int64_t index = 0;
        json_int(json_get(it.value, DGM_STR("index")), &index);
        if (index < 0 || index >= RELAY_CHOICES_MAX)
            return true;
    }
    return false;
}

enum dgm_rc relay_stream_take(struct dgm_stream *s, struct dgm_buf *out)
{
    const struct json_val *root = NULL;
    struct json_error e = {0};
    char *event = s->event;
    s->event = NULL;
    if (dgm_str_eq(dgm_str_trim((struct dgm_str){event, s->event_bytes}), DGM_STR("[DONE]"))) {
        s->relay->over = true;
        return DGM_OK;
    }
    enum dgm_rc rc = json_parse(&s->scratch, event, s->event_bytes, s->r->limits.depth, &root, &e);
    if (rc == DGM_E_NOMEM)
        return stream_no_memory(s);
    if (failure_is(root)) {
        s->error_status = failure_put(s->r, &s->error, 0, root, (struct dgm_str){0});
        return stream_put_error(s, out);
    }
    if (e.trouble == JSON_EMPTY)
        return DGM_OK;
    if (json_kind(root) != JSON_OBJ || has_strange_choice(root))
        return stream_fail_with(s, s->event_cut ? DGM_ERR_UPSTREAM_CUT : DGM_ERR_UPSTREAM_BROKEN,
                                out);
    if (!s->relay->head.p)
        make_head(s, root);
    put_chunk(s, root, out);
    keep_usage(s, json_get(root, DGM_STR("usage")));
    return trouble(s, out);
}

/* ---- the end ---- */

static enum dgm_error find_fault(const struct relay_stream *rs)
{
    bool any = false;
    for (size_t i = 0; i < rs->choices_n; i++) {
        enum dgm_error fault = rs->choices[i] ? relay_fault(rs->choices[i]) : DGM_ERR_NONE;
        if (fault != DGM_ERR_NONE)
            return fault;
        any = any || rs->choices[i];
    }
    return any ? DGM_ERR_NONE : DGM_ERR_UPSTREAM_CUT;
}

/* The last chunk of a choice. */
static void put_last(struct dgm_stream *s, struct relay_choice *c, size_t index,
                     struct dgm_buf *out)
{
    struct json_writer w = open_chunk(s, out);
    struct dgm_buf *others = &s->relay->others;
    if (others->n > 1) { /* {"a":1 without its end */
        dgm_buf_put_lit(out, ",");
        dgm_buf_put(out, dgm_str_skip(dgm_buf_str(others), 1));
        dgm_buf_clear(others);
    }
    json_put_name(&w, "choices");
    json_open_arr(&w);
    json_open_obj(&w);
    json_member_int(&w, "index", (int64_t)index);
    json_put_name(&w, "delta");
    json_open_obj(&w);
    relay_put_rest(&w, c);
    json_close_obj(&w);
    if (c->last.n > 1) { /* so too */
        dgm_buf_put_lit(out, ",");
        dgm_buf_put(out, dgm_str_skip(dgm_buf_str(&c->last), 1));
    } else {
        json_member_null(&w, "logprobs");
    }
    json_member_str(&w, "finish_reason", relay_finish(c));
    json_close_obj(&w);
    close_chunk(s, &w);
    c->started = true;
    s->relay->started = true;
}

/* Puts a chunk of calls that are owed their arguments, where they are more than the last chunk has room for. */
static void put_owed(struct dgm_stream *s, struct relay_choice *c, size_t index,
                     struct dgm_buf *out)
{
    struct json_writer w = open_chunk(s, out);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    json_open_obj(&w);
    json_member_int(&w, "index", (int64_t)index);
    json_put_name(&w, "delta");
    json_open_obj(&w);
    relay_put_owed_calls(&w, c, RELAY_OWED_MAX);
    json_close_obj(&w);
    json_member_null(&w, "logprobs");
    json_member_null(&w, "finish_reason");
    json_close_obj(&w);
    close_chunk(s, &w);
}

/* Ends one choice. False: there is no room for the rest of it. */
static bool end_choice(struct dgm_stream *s, struct relay_choice *c, size_t index,
                       struct dgm_buf *out)
{
    while (relay_owed_calls(c) > RELAY_OWED_MAX) {
        if (!stream_has_room(s, out, 0))
            return false;
        put_owed(s, c, index, out);
    }
    if (!stream_has_room(s, out, s->relay->others.n + c->last.n))
        return false;
    put_last(s, c, index, out);
    return true;
}

static void put_usage(struct dgm_stream *s, struct dgm_buf *out)
{
    if (!s->r->usage || s->relay->usage.n == 0)
        return;
    struct json_writer w = open_chunk(s, out);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    json_close_arr(&w);
    json_put_name(&w, "usage");
    json_put_raw(&w, dgm_buf_str(&s->relay->usage));
    json_close_obj(&w);
    dgm_buf_put_lit(out, "\n\n");
}

enum dgm_rc relay_stream_end(struct dgm_stream *s, struct dgm_buf *out)
{
    struct relay_stream *rs = s->relay;
    if (!stream_has_room(s, out, 0))
        return DGM_FULL;
    if (!rs->judged && find_fault(rs) != DGM_ERR_NONE)
        return stream_fail_with(s, find_fault(rs), out);
    rs->judged = true;
    for (; rs->ended_n < rs->choices_n; rs->ended_n++) {
        struct relay_choice *c = rs->choices[rs->ended_n];
        if (c && !end_choice(s, c, rs->ended_n, out))
            return DGM_FULL;
    }
    if (!stream_has_room(s, out, rs->usage.n))
        return DGM_FULL;
    put_usage(s, out);
    dgm_buf_put_lit(out, "data: [DONE]\n\n");
    enum dgm_rc rc = trouble(s, out);
    if (rc != DGM_OK)
        return rc;
    s->state = STREAM_DONE;
    s->rc = DGM_OK;
    return DGM_DONE;
}
