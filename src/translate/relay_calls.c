/* SPDX-License-Identifier: Apache-2.0 */
/* relay_calls.c - the calls of a server's choice: each begun once, numbered in order, with arguments that are text. */
#include "translate/relay.h"

#include "base/str.h"
#include "translate/answer.h"

#include <assert.h>

static const char *const known_of_call[] = {"index", "id", "type", "function", NULL};
static const char *const known_of_function[] = {"name", "arguments", NULL};

/* What one element of tool_calls says. */
struct piece {
    int64_t index; /* negative: none */
    struct dgm_str id, name, text;
    const struct json_val *arguments; /* where they are no string */
};

static struct piece read_piece(const struct json_val *call)
{
    const struct json_val *function = json_get(call, DGM_STR("function"));
    const struct json_val *arguments = json_get(function, DGM_STR("arguments"));
    struct piece p = {.index = -1,
                      .id = json_get_str(call, DGM_STR("id")),
                      .name = json_get_str(function, DGM_STR("name")),
                      .text = json_str(arguments),
                      .arguments = json_kind(arguments) == JSON_OBJ ? arguments : NULL};
    if (!json_int(json_get(call, DGM_STR("index")), &p.index) || p.index < 0)
        p.index = -1;
    return p;
}

/* An id that is a number is the place of a call in its answer: the next answer has it again (user-pain C6). */
static bool is_number(struct dgm_str id)
{
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] < '0' || id.p[i] > '9')
            return false;
    return true;
}

/* ---- which call a piece belongs to ---- */

static struct relay_call *last_with(struct relay_choice *c, const struct piece *p)
{
    for (size_t i = c->calls_n; i-- > 0;) {
        struct relay_call *call = &c->calls[i];
        if (p->index >= 0 ? call->upstream_index == p->index
                          : p->id.n != 0 && dgm_str_eq(call->id, p->id))
            return call;
    }
    return NULL;
}

/* The call that a piece goes on with; NULL: it begins one. */
static struct relay_call *find_call(struct relay_choice *c, const struct piece *p)
{
    struct relay_call *call = last_with(c, p);
    if (!call && p->index < 0 && p->name.n == 0 && c->calls_n != 0)
        return &c->calls[c->calls_n - 1];
    bool is_other = call && p->name.n && p->id.n && call->id.n && !dgm_str_eq(call->id, p->id);
    return is_other ? NULL : call; /* an index that a second call has again (user-pain C1) */
}

static struct relay_call *new_call(struct dgm_request *r, struct relay_choice *c,
                                   const struct piece *p)
{
    if (c->calls_n == RELAY_CALLS_MAX) {
        c->broken = true;
        return NULL;
    }
    if (c->calls_n == c->calls_cap) {
        size_t cap = c->calls_cap ? 2 * c->calls_cap : 4;
        const struct dgm_alloc *alloc = dgm_arena_alloc(&r->arena);
        struct relay_call *calls =
            alloc->resize(alloc->ctx, c->calls, c->calls_cap * sizeof *calls, cap * sizeof *calls);
        if (!calls) {
            chat_no_memory(r);
            return NULL;
        }
        c->calls = calls;
        c->calls_cap = cap;
    }
    assert(c->calls);
    struct relay_call *call = &c->calls[c->calls_n++];
    *call = (struct relay_call){
        .upstream_index = p->index >= 0 ? p->index : (int64_t)c->calls_n - 1, .index = -1};
    dgm_buf_init(&call->held, dgm_arena_alloc(&r->arena), RELAY_HELD_MAX);
    return call;
}

/* ---- putting ---- */

static void put_id(struct dgm_request *r, struct json_writer *w, const struct relay_call *call)
{
    bool own = relay_has(r, QUIRK_CALL_ID) && is_number(call->id); /* an empty one is */
    json_put_name(w, "id");
    if (own)
        json_put_str(w, answer_new_call_id(r));
    else
        json_put_str(w, call->id);
    json_member_lit(w, "type", "function");
}

static void put_arguments(struct dgm_request *r, struct json_writer *w, struct relay_call *call,
                          const struct piece *p, bool whole)
{
    struct dgm_str held = dgm_buf_str(&call->held);
    call->argued = call->argued || held.n || p->text.n || p->arguments;
    json_put_name(w, "arguments");
    json_open_str(w);
    json_add_str(w, held);
    json_add_str(w, p->text);
    if (p->arguments)
        json_add_val(w, p->arguments);
    if (whole && !call->argued)
        json_add_str(w, DGM_STR("{}"));
    json_close_str(w);
    r->relay->held_bytes -= held.n;
    dgm_buf_clear(&call->held);
}

/* Holds what came before the call's name, which is next to nothing, or the call is none. */
static void hold(struct dgm_request *r, struct relay_choice *c, struct relay_call *call,
                 const struct piece *p)
{
    size_t before = call->held.n;
    if (p->arguments) {
        struct dgm_buf *held = &call->held;
        struct json_writer w = json_writer(held);
        json_put_val(&w, p->arguments);
    }
    dgm_buf_put(&call->held, p->text);
    r->relay->held_bytes += call->held.n - before;
    if (call->held.rc == DGM_E_LIMIT || r->relay->held_bytes > RELAY_HELD_MAX)
        c->broken = true;
    else if (call->held.rc != DGM_OK)
        chat_no_memory(r);
}

static bool put_call(struct dgm_request *r, struct json_writer *w, struct relay_choice *c,
                     const struct json_val *val, bool whole)
{
    struct piece p = read_piece(val);
    struct relay_call *call = find_call(c, &p);
    if (!call || whole)
        call = new_call(r, c, &p);
    if (!call)
        return false;
    bool begins = call->index < 0;
    if (begins && p.id.n && !call->id.p) {
        call->id = dgm_arena_copy(&r->arena, p.id);
        if (!call->id.p)
            chat_no_memory(r);
    }
    if (begins && p.name.n == 0) {
        if (!c->broken)
            hold(r, c, call, &p);
        return false;
    }
    if (!begins && p.text.n == 0 && !p.arguments)
        return false;
    json_open_obj(w);
    if (begins)
        call->index = c->begun_n++;
    if (!whole)
        json_member_int(w, "index", call->index);
    if (begins)
        put_id(r, w, call);
    json_put_name(w, "function");
    json_open_obj(w);
    if (begins)
        json_member_str(w, "name", p.name);
    put_arguments(r, w, call, &p, whole);
    relay_put_others(w, json_get(val, DGM_STR("function")), known_of_function);
    json_close_obj(w);
    relay_put_others(w, val, known_of_call);
    json_close_obj(w);
    return true;
}

bool relay_put_calls(struct dgm_request *r, struct json_writer *w, struct relay_choice *c,
                     const struct json_val *calls, bool whole)
{
    struct json_writer before = *w;
    size_t n = w->buf->n;
    bool any = false;
    struct json_iter it = json_iter(calls);
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    if (json_kind(calls) == JSON_OBJ && relay_has(r, QUIRK_CALLS_OBJECT))
        any = put_call(r, w, c, calls, whole);
    while (json_kind(calls) == JSON_ARR && json_next(&it))
        any = put_call(r, w, c, it.value, whole) || any;
    json_close_arr(w);
    if (any)
        return true;
    *w = before;
    w->buf->n = n < w->buf->n ? n : w->buf->n;
    return false;
}

size_t relay_owed_calls(const struct relay_choice *c)
{
    size_t n = 0;
    if (dgm_str_eq(c->finish, DGM_STR("length"))) /* what a limit cut off stays cut */
        return 0;
    for (size_t i = 0; i < c->calls_n; i++)
        n += !c->calls[i].argued;
    return n;
}

void relay_put_owed_calls(struct json_writer *w, struct relay_choice *c, size_t most)
{
    if (relay_owed_calls(c) == 0)
        return;
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    for (size_t i = 0; i < c->calls_n && most != 0; i++) {
        if (c->calls[i].argued)
            continue;
        c->calls[i].argued = true;
        most--;
        json_open_obj(w);
        json_member_int(w, "index", c->calls[i].index);
        json_put_name(w, "function");
        json_open_obj(w);
        json_member_lit(w, "arguments", "{}");
        json_close_obj(w);
        json_close_obj(w);
    }
    json_close_arr(w);
}
