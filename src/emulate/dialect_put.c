/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_put.c - a plan as the completion of vLLM or of TGI, whole and in chunks (google.md 8.3, 8.4). */
#include "emulate/dialect.h"

#include "base/str.h"
#include "emulate/hash.h"

#define TGI_FINGERPRINT "3.3.6-emulated"
#define STOP_SEQUENCE "STOP_SEQUENCE"
#define TGI_CALLS_MAX 1 /* chat.rs: one an answer */

/* ---- cutting ------------------------------------------------------------------------------------------ */

void emu_dialect_cut(const struct dialect_ask *ask, struct plan *plan)
{
    for (size_t i = 0; i < plan->ncandidates; i++) {
        struct plan_candidate *c = plan->candidates + i;
        for (size_t p = 0; p < c->nparts; p++) {
            struct dgm_str *text = &c->parts[p].text;
            size_t end = text->n;
            for (size_t s = 0; s < ask->nstops && c->parts[p].kind == PART_TEXT; s++) {
                size_t at = dgm_str_find(*text, ask->stops[s]);
                end = at < end ? at : end;
            }
            if (end == text->n)
                continue;
            *text = dgm_str_head(*text, end);
            c->nparts = p + (end != 0);
            c->finish = DGM_STR(STOP_SEQUENCE);
        }
    }
}

/* ---- pieces of both forms ------------------------------------------------------------------------------- */

static bool is_vllm(const struct dialect_ask *ask)
{
    return ask->dialect == EMU_VLLM;
}

static void put_hex_id(struct json_writer *w, struct dgm_str prefix, uint64_t seed)
{
    char digits[32];
    for (size_t i = 0; i < sizeof digits; i++)
        digits[i] = "0123456789abcdef"[emu_hash_mix(seed + i) & 15];
    json_open_str(w);
    json_add_str(w, prefix);
    json_add_str(w, (struct dgm_str){digits, sizeof digits});
    json_close_str(w);
}

static void put_call_id(const struct dialect_ask *ask, size_t candidate, size_t number,
                        struct json_writer *w)
{
    json_put_name(w, "id");
    if (is_vllm(ask))
        put_hex_id(w, DGM_STR("chatcmpl-tool-"),
                   emu_hash_mix(ask->seed + candidate * PLAN_CALLS_MAX + number));
    else
        json_put_str(w, DGM_STR("0"));
}

/* What both objects begin with. */
static void put_head(const struct dialect_ask *ask, struct dgm_str object, struct json_writer *w)
{
    json_put_name(w, "id");
    if (is_vllm(ask))
        put_hex_id(w, DGM_STR("chatcmpl-"), ask->seed);
    else
        json_put_str(w, DGM_STR(""));
    json_member_str(w, "object", object);
    json_member_int(w, "created", ask->created);
    json_member_str(w, "model", ask->model);
    if (!is_vllm(ask))
        json_member_str(w, "system_fingerprint", DGM_STR(TGI_FINGERPRINT));
}

static size_t calls_of(const struct dialect_ask *ask, const struct plan_candidate *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->nparts; i++)
        n += c->parts[i].kind == PART_CALL;
    return n > TGI_CALLS_MAX && !is_vllm(ask) ? TGI_CALLS_MAX : n;
}

/* TGI ends a call with "stop"; so does vLLM where the request named the function. */
static struct dgm_str finish_of(const struct dialect_ask *ask, const struct plan_candidate *c)
{
    if (dgm_str_eq(c->finish, DGM_STR("MAX_TOKENS")))
        return DGM_STR("length");
    if (dgm_str_eq(c->finish, DGM_STR(STOP_SEQUENCE)))
        return is_vllm(ask) ? DGM_STR("stop") : DGM_STR("stop_sequence");
    bool calls = is_vllm(ask) && !ask->named && calls_of(ask, c) != 0;
    return calls ? DGM_STR("tool_calls") : DGM_STR("stop");
}

static void put_usage(const struct dialect_ask *ask, const struct plan *plan, struct json_writer *w)
{
    uint64_t completion = plan->thoughts_tokens;
    for (size_t i = 0; i < plan->ncandidates; i++)
        for (size_t p = 0; p < plan->candidates[i].nparts; p++)
            completion += emu_plan_part_tokens(plan->candidates[i].parts + p);
    json_put_name(w, "usage");
    json_open_obj(w);
    json_member_int(w, "prompt_tokens", (int64_t)plan->prompt_tokens_total);
    if (is_vllm(ask))
        json_member_int(w, "total_tokens", (int64_t)(plan->prompt_tokens_total + completion));
    json_member_int(w, "completion_tokens", (int64_t)completion);
    if (is_vllm(ask))
        json_member_null(w, "prompt_tokens_details");
    else
        json_member_int(w, "total_tokens", (int64_t)(plan->prompt_tokens_total + completion));
    json_close_obj(w);
}

/* ---- whole -------------------------------------------------------------------------------------------- */

static void put_texts(const struct plan_candidate *c, enum part_kind kind, struct json_writer *w)
{
    json_open_str(w);
    for (size_t i = 0; i < c->nparts; i++)
        if (c->parts[i].kind == kind)
            json_add_str(w, c->parts[i].text);
    json_close_str(w);
}

static bool has(const struct plan_candidate *c, enum part_kind kind)
{
    for (size_t i = 0; i < c->nparts; i++)
        if (c->parts[i].kind == kind)
            return true;
    return false;
}

static void put_calls(const struct dialect_ask *ask, const struct plan_candidate *c, size_t number,
                      struct json_writer *w)
{
    size_t calls = calls_of(ask, c), n = 0;
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    for (size_t i = 0; i < c->nparts && n < calls; i++) {
        const struct plan_part *p = c->parts + i;
        if (p->kind != PART_CALL)
            continue;
        json_open_obj(w);
        put_call_id(ask, number, n++, w);
        json_member_str(w, "type", DGM_STR("function"));
        json_put_name(w, "function");
        json_open_obj(w);
        if (!is_vllm(ask))
            json_member_null(w, "description");
        json_member_str(w, "name", p->name);
        json_member_str(w, "arguments", p->text);
        json_close_obj(w);
        json_close_obj(w);
    }
    json_close_arr(w);
}

/* vLLM puts every member it knows, null or empty; TGI has either a content or calls. */
static void put_message(const struct dialect_ask *ask, const struct plan_candidate *c,
                        size_t number, struct json_writer *w)
{
    bool calls = calls_of(ask, c) != 0;
    json_put_name(w, "message");
    json_open_obj(w);
    json_member_str(w, "role", DGM_STR("assistant"));
    if (is_vllm(ask) || !calls) {
        json_put_name(w, "content");
        if (calls && !ask->named && !has(c, PART_TEXT))
            json_put_null(w);
        else
            put_texts(c, PART_TEXT, w);
    }
    if (is_vllm(ask)) {
        json_member_null(w, "refusal");
        json_member_null(w, "annotations");
        json_member_null(w, "audio");
        json_member_null(w, "function_call");
    }
    if (is_vllm(ask) || calls)
        put_calls(ask, c, number, w);
    if (is_vllm(ask)) {
        json_put_name(w, "reasoning");
        if (has(c, PART_THOUGHT))
            put_texts(c, PART_THOUGHT, w);
        else
            json_put_null(w);
    }
    json_close_obj(w);
}

void emu_dialect_put(const struct dialect_ask *ask, const struct plan *plan, struct dgm_buf *out)
{
    struct json_writer writer = json_writer(out), *w = &writer;
    json_open_obj(w);
    put_head(ask, DGM_STR("chat.completion"), w);
    json_put_name(w, "choices");
    json_open_arr(w);
    for (size_t i = 0; i < plan->ncandidates; i++) {
        json_open_obj(w);
        json_member_int(w, "index", (int64_t)i);
        put_message(ask, plan->candidates + i, i, w);
        json_member_null(w, "logprobs");
        json_member_str(w, "finish_reason", finish_of(ask, plan->candidates + i));
        if (is_vllm(ask)) {
            json_member_null(w, "stop_reason");
            json_member_null(w, "token_ids");
        }
        json_close_obj(w);
    }
    json_close_arr(w);
    if (is_vllm(ask)) {
        json_member_null(w, "service_tier");
        json_member_null(w, "system_fingerprint");
    }
    put_usage(ask, plan, w);
    if (is_vllm(ask)) {
        json_member_null(w, "prompt_logprobs");
        json_member_null(w, "prompt_token_ids");
        json_member_null(w, "kv_transfer_params");
    }
    json_close_obj(w);
}

/* ---- in chunks ---------------------------------------------------------------------------------------- */

/* Opens a chunk up to its one choice's delta. */
static void open_chunk(const struct dialect_ask *ask, size_t candidate, struct json_writer *w)
{
    dgm_buf_put_lit(w->buf, "data: ");
    json_open_obj(w);
    put_head(ask, DGM_STR("chat.completion.chunk"), w);
    json_put_name(w, "choices");
    json_open_arr(w);
    json_open_obj(w);
    json_member_int(w, "index", (int64_t)candidate);
    json_put_name(w, "delta");
    json_open_obj(w);
    if (!is_vllm(ask))
        json_member_str(w, "role", DGM_STR("assistant"));
}

static void close_chunk(const struct dialect_ask *ask, struct dgm_str finish, struct json_writer *w)
{
    json_close_obj(w);
    json_member_null(w, "logprobs");
    json_put_name(w, "finish_reason");
    if (finish.n != 0)
        json_put_str(w, finish);
    else
        json_put_null(w);
    if (is_vllm(ask) && finish.n != 0)
        json_member_null(w, "stop_reason");
    json_close_obj(w);
    json_close_arr(w);
    if (!is_vllm(ask))
        json_member_null(w, "usage");
    json_close_obj(w);
    dgm_buf_put_lit(w->buf, "\n\n");
}

static void put_roles(const struct dialect_ask *ask, size_t candidate, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    open_chunk(ask, candidate, &w);
    json_member_str(&w, "role", DGM_STR("assistant"));
    json_member_str(&w, "content", DGM_STR(""));
    close_chunk(ask, (struct dgm_str){0}, &w);
}

/* One chunk of a call: its name, its arguments, or both. */
static void put_call_chunk(const struct dialect_ask *ask, const struct plan_part *p,
                           size_t candidate, size_t number, bool name, bool arguments,
                           struct dgm_buf *out)
{
    struct json_writer writer = json_writer(out), *w = &writer;
    open_chunk(ask, candidate, w);
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    json_open_obj(w);
    if (name) {
        put_call_id(ask, candidate, number, w);
        json_member_str(w, "type", DGM_STR("function"));
    }
    json_member_int(w, "index", (int64_t)number);
    json_put_name(w, "function");
    json_open_obj(w);
    if (name)
        json_member_str(w, "name", p->name);
    if (arguments)
        json_member_str(w, "arguments", p->text);
    json_close_obj(w);
    json_close_obj(w);
    json_close_arr(w);
    close_chunk(ask, (struct dgm_str){0}, w);
}

static void put_text_chunk(const struct dialect_ask *ask, bool thought, struct dgm_str text,
                           size_t candidate, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    open_chunk(ask, candidate, &w);
    json_put_key(&w, thought ? DGM_STR("reasoning") : DGM_STR("content"));
    json_put_str(&w, text);
    close_chunk(ask, (struct dgm_str){0}, &w);
}

/* What lies between two marks. vLLM tells a call's name before its arguments. */
static void put_delta(const struct dialect_ask *ask, const struct plan_candidate *c,
                      const struct plan_mark *from, const struct plan_mark *to,
                      struct dialect_mark *m, struct dgm_buf *out)
{
    const struct plan_part *p = c->parts + from->part;
    size_t end = to->part > from->part ? p->text.n : to->at;
    if (p->kind == PART_TEXT && !is_vllm(ask) && calls_of(ask, c) != 0)
        return; /* either a content or calls */
    if (p->kind == PART_TEXT || p->kind == PART_THOUGHT) {
        put_text_chunk(ask, p->kind == PART_THOUGHT,
                       dgm_str_head(dgm_str_skip(p->text, from->at), end - from->at), m->candidate,
                       out);
        return;
    }
    if (p->kind != PART_CALL || m->calls[m->candidate] == calls_of(ask, c))
        return;
    size_t number = m->calls[m->candidate]++;
    if (is_vllm(ask))
        put_call_chunk(ask, p, m->candidate, number, true, false, out);
    put_call_chunk(ask, p, m->candidate, number, !is_vllm(ask), true, out);
}

static void put_finish(const struct dialect_ask *ask, const struct plan_candidate *c,
                       size_t candidate, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    open_chunk(ask, candidate, &w);
    json_member_str(&w, "content", DGM_STR(""));
    close_chunk(ask, finish_of(ask, c), &w);
}

static void put_usage_chunk(const struct dialect_ask *ask, const struct plan *plan,
                            struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    dgm_buf_put_lit(out, "data: ");
    json_open_obj(&w);
    put_head(ask, DGM_STR("chat.completion.chunk"), &w);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    json_close_arr(&w);
    put_usage(ask, plan, &w);
    json_close_obj(&w);
    dgm_buf_put_lit(out, "\n\n");
}

/* Goes to the next candidate, and behind the last to the next step. */
static void next_candidate(const struct plan *plan, struct dialect_mark *m)
{
    if (++m->candidate < plan->ncandidates)
        return;
    m->candidate = 0;
    m->step++;
}

bool emu_dialect_put_next(const struct dialect_ask *ask, const struct plan *plan, size_t chars,
                          struct dialect_mark *m, struct dgm_buf *out)
{
    size_t before = out->n;
    if (m->step == DIALECT_ROLES && !is_vllm(ask))
        m->step = DIALECT_PARTS;
    while (out->n == before && out->rc == DGM_OK) {
        const struct plan_candidate *c = plan->candidates + m->candidate;
        struct plan_mark *mark = m->marks + m->candidate, from = *mark;
        switch (m->step) {
        case DIALECT_ROLES:
            put_roles(ask, m->candidate, out);
            next_candidate(plan, m);
            break;
        case DIALECT_PARTS:
            if (from.part < c->nparts && emu_plan_advance(c, chars, mark))
                put_delta(ask, c, &from, mark, m, out);
            else
                next_candidate(plan, m);
            break;
        case DIALECT_FINISHES:
            put_finish(ask, c, m->candidate, out);
            next_candidate(plan, m);
            break;
        case DIALECT_USAGE:
            if (ask->usage)
                put_usage_chunk(ask, plan, out);
            m->step = DIALECT_DONE;
            break;
        case DIALECT_DONE:
            dgm_buf_put_lit(out, "data: [DONE]\n\n");
            return true;
        }
    }
    return false;
}

/* ---- errors ------------------------------------------------------------------------------------------- */

/* vLLM's object; TGI's, or the plain text of its frontend, which has no type. */
void emu_dialect_put_refusal(enum emu_dialect dialect, const struct refusal *r, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    if (dialect == EMU_TGI && r->google.n == 0) {
        dgm_buf_put(out, r->message);
        return;
    }
    json_open_obj(&w);
    if (dialect == EMU_TGI) {
        json_member_str(&w, "error", r->message);
        json_member_str(&w, "error_type", r->google);
    } else {
        json_put_name(&w, "error");
        json_open_obj(&w);
        json_member_str(&w, "message", r->message);
        json_member_str(&w, "type", r->google.n != 0 ? r->google : DGM_STR("InternalServerError"));
        json_member_null(&w, "param");
        json_member_int(&w, "code", r->status);
        json_close_obj(&w);
    }
    json_close_obj(&w);
}

void emu_dialect_put_event(enum emu_dialect dialect, const struct refusal *r, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    dgm_buf_put_lit(out, "data: ");
    if (dialect == EMU_VLLM) {
        emu_dialect_put_refusal(dialect, r, out);
        dgm_buf_put_lit(out, "\n\ndata: [DONE]\n\n");
        return;
    }
    json_open_obj(&w);
    json_put_name(&w, "error");
    json_open_obj(&w);
    json_member_str(&w, "message", r->message);
    json_member_int(&w, "http_status_code", r->status);
    json_close_obj(&w);
    json_close_obj(&w);
    dgm_buf_put_lit(out, "\n\n");
}
