/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - an answer cut into pieces and written as Google writes it (google.md 6.8). */
#include "emulate/plan.h"

#include "base/str.h"
#include "emulate/tokens.h"

#include <assert.h>

/* ---- pieces ------------------------------------------------------------------------------------------- */

/* A piece ends before a space, as Google's do; a word longer than a piece is cut between characters. */
static size_t piece_end(struct dgm_str text, size_t at, size_t chars)
{
    size_t end = at, blank = at;
    for (; end < text.n; end++) {
        bool starts = ((unsigned char)text.p[end] & 0xc0) != 0x80;
        if (text.p[end] == ' ')
            blank = end;
        if (starts && chars-- == 0)
            return blank > at ? blank : end;
    }
    return end;
}

static void count_tokens(struct plan_mark *m, struct dgm_str text)
{
    while (m->_tokens_at < m->at && emu_tokens_end(text, m->_tokens_at) <= m->at) {
        m->_tokens_at = emu_tokens_end(text, m->_tokens_at);
        m->_tokens++;
    }
}

uint64_t emu_plan_part_tokens(const struct plan_part *p)
{
    if (p->kind == PART_THOUGHT) /* a summary: what is billed is the thinking */
        return 0;
    return emu_tokens_count(p->text) + (p->kind == PART_CALL ? emu_tokens_count(p->name) : 0);
}

bool emu_plan_advance(const struct plan_candidate *c, size_t chars, struct plan_mark *m)
{
    if (m->ended)
        return false;
    if (m->part < c->nparts) {
        const struct plan_part *p = c->parts + m->part;
        m->at = p->kind == PART_CALL ? p->text.n : piece_end(p->text, m->at, chars);
        if (p->kind == PART_TEXT)
            count_tokens(m, p->text);
        else
            m->_tokens += emu_plan_part_tokens(p);
        if (m->at == p->text.n) {
            m->part++;
            m->at = m->_tokens_at = 0;
        }
    }
    m->ended = m->part == c->nparts;
    return true;
}

/* The token that is sent in part counts. */
static uint64_t tokens_sent(const struct plan_candidate *c, const struct plan_mark *m)
{
    assert(c->nparts <= PLAN_PARTS_MAX);
    bool in_text = m->part < c->nparts && c->parts[m->part].kind == PART_TEXT;
    return m->_tokens + (in_text && m->_tokens_at < m->at);
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void put_part(const struct plan_part *p, size_t from, size_t to, struct json_writer *w)
{
    json_open_obj(w);
    if (p->kind == PART_CALL) {
        json_put_key(w, DGM_STR("functionCall"));
        json_open_obj(w);
        json_member_str(w, "name", p->name);
        json_put_key(w, DGM_STR("args"));
        json_put_raw(w, p->text);
        if (p->id.p)
            json_member_str(w, "id", p->id);
        json_close_obj(w);
    } else {
        json_member_str(w, "text", dgm_str_head(dgm_str_skip(p->text, from), to - from));
    }
    if (p->kind == PART_THOUGHT)
        json_member_bool(w, "thought", true);
    if (to == p->text.n && p->signature.n != 0)
        json_member_str(w, "thoughtSignature", p->signature);
    json_close_obj(w);
}

static void put_candidate(const struct plan *plan, size_t number, const struct plan_mark *from,
                          const struct plan_mark *to, struct json_writer *w)
{
    const struct plan_candidate *c = plan->candidates + number;
    json_open_obj(w);
    json_put_key(w, DGM_STR("content"));
    json_open_obj(w);
    json_member_str(w, "role", DGM_STR("model"));
    if (from->part < c->nparts) { /* no part, no member: so it is where thinking took all */
        json_put_key(w, DGM_STR("parts"));
        json_open_arr(w);
        for (size_t i = from->part; i <= to->part && i < c->nparts; i++) {
            size_t start = i == from->part ? from->at : 0;
            size_t end = i == to->part ? to->at : c->parts[i].text.n;
            if (start < end)
                put_part(c->parts + i, start, end, w);
        }
        json_close_arr(w);
    }
    json_close_obj(w);
    if (to->ended)
        json_member_str(w, "finishReason", c->finish);
    if (number != 0)
        json_member_int(w, "index", (int64_t)number);
    json_close_obj(w);
}

/* Proto3 leaves out what is zero. */
static void put_count(struct json_writer *w, struct dgm_str name, uint64_t n)
{
    if (n == 0)
        return;
    json_put_key(w, name);
    json_put_int(w, n < INT32_MAX ? (int64_t)n : INT32_MAX);
}

static void put_details(struct json_writer *w, struct dgm_str name, const uint64_t *tokens,
                        size_t n)
{
    uint64_t any = 0;
    for (size_t m = 0; m < n; m++)
        any |= tokens[m];
    if (any == 0)
        return;
    json_put_key(w, name);
    json_open_arr(w);
    for (size_t m = 0; m < n; m++) {
        if (tokens[m] == 0)
            continue;
        json_open_obj(w);
        json_member_str(w, "modality", emu_prompt_modality_name((enum modality)m));
        put_count(w, DGM_STR("tokenCount"), tokens[m]);
        json_close_obj(w);
    }
    json_close_arr(w);
}

static void put_usage(const struct plan *plan, const struct plan_mark *to, struct json_writer *w)
{
    uint64_t candidates = 0;
    bool ended = true;
    for (size_t i = 0; i < plan->ncandidates; i++) {
        candidates += tokens_sent(plan->candidates + i, to + i);
        ended = ended && to[i].ended;
    }
    if (plan->candidates_told)
        candidates = plan->candidates_tokens;
    json_put_key(w, DGM_STR("usageMetadata"));
    json_open_obj(w);
    put_count(w, DGM_STR("promptTokenCount"), plan->prompt_tokens_total);
    put_count(w, DGM_STR("candidatesTokenCount"), candidates);
    put_count(w, DGM_STR("totalTokenCount"),
              plan->prompt_tokens_total + candidates + plan->thoughts_tokens);
    if (plan->vertex)
        json_member_str(w, "trafficType", DGM_STR("ON_DEMAND"));
    put_details(w, DGM_STR("promptTokensDetails"), plan->prompt_tokens, MODALITIES);
    if (plan->vertex && ended)
        put_details(w, DGM_STR("candidatesTokensDetails"), &candidates, 1);
    put_count(w, DGM_STR("thoughtsTokenCount"), plan->thoughts_tokens);
    json_close_obj(w);
}

static void put_block(const struct plan *plan, struct json_writer *w)
{
    json_put_key(w, DGM_STR("promptFeedback"));
    json_open_obj(w);
    json_member_str(w, "blockReason", plan->block);
    if (plan->vertex)
        json_member_str(w, "blockReasonMessage",
                        DGM_STR("The prompt was blocked, as the request asked the emulator to."));
    json_close_obj(w);
}

void emu_plan_put(const struct plan *plan, const struct plan_mark *from, const struct plan_mark *to,
                  struct json_writer *w)
{
    json_open_obj(w);
    if (plan->block.p) {
        put_block(plan, w);
    } else {
        json_put_key(w, DGM_STR("candidates"));
        json_open_arr(w);
        for (size_t i = 0; i < plan->ncandidates; i++)
            if (!from[i].ended)
                put_candidate(plan, i, from + i, to + i, w);
        json_close_arr(w);
    }
    put_usage(plan, to, w);
    json_member_str(w, "modelVersion", plan->model_version);
    if (plan->vertex)
        json_member_str(w, "createTime", plan->create_time);
    json_member_str(w, "responseId", plan->response_id);
    json_close_obj(w);
}
