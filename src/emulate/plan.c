/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - an answer cut into pieces and written as Google writes it (google.md 6.8). */
#include "emulate/plan.h"

#include "base/str.h"
#include "emulate/logprobs.h"
#include "emulate/tokens.h"

#include <string.h>

#define SOUND_CHARS 1024 /* of base64 in one piece: 16 ms */

struct plan_part *emu_plan_add_part(struct plan_candidate *c, struct dgm_arena *arena)
{
    if (c->nparts == c->_room) {
        size_t room = c->_room ? 2 * c->_room : 8;
        struct plan_part *parts = dgm_arena_take0(arena, room * sizeof *parts);
        if (!parts)
            return NULL;
        if (c->nparts != 0)
            memcpy(parts, c->parts, c->nparts * sizeof *parts);
        c->parts = parts;
        c->_room = room;
    }
    return c->parts + c->nparts++;
}

/* ---- pieces ------------------------------------------------------------------------------------------- */

/* A piece ends before a space, as Google's do; a word longer than a piece is cut between characters. */
static size_t piece_end(struct dgm_str text, size_t at, size_t chars)
{
    size_t end = at, blank = at;
    if (chars >= text.n - at)
        return text.n;
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
    while (m->_tokens_at < m->at) {
        size_t end = emu_tokens_end(text, m->_tokens_at);
        if (end > m->at)
            return;
        m->_tokens_at = end;
        m->_tokens[MODALITY_TEXT]++;
    }
}

uint64_t emu_plan_part_tokens(const struct plan_part *p)
{
    switch (p->kind) {
    case PART_THOUGHT: /* a summary: what is billed is the thinking */
        return 0;
    case PART_TEXT:
        return emu_tokens_count(p->text);
    case PART_CALL:
        return emu_tokens_count(p->text) + emu_tokens_count(p->name);
    default:
        return p->tokens;
    }
}

static size_t sound_end(const struct plan_part *p, size_t at, size_t chars)
{
    size_t n = chars == PLAN_WHOLE ? p->text.n
                                   : SOUND_CHARS; /* a multiple of four: no padding in between */
    return n < p->text.n - at ? at + n : p->text.n;
}

bool emu_plan_advance(const struct plan_candidate *c, size_t chars, struct plan_mark *m)
{
    if (m->said)
        return false;
    if (m->part < c->nparts) {
        const struct plan_part *p = c->parts + m->part;
        bool text = p->kind == PART_TEXT || p->kind == PART_THOUGHT;
        if (p->kind == PART_SOUND && m->at == 0)
            m->_tokens[p->modality] += p->tokens;
        m->at = text                    ? piece_end(p->text, m->at, chars)
                : p->kind == PART_SOUND ? sound_end(p, m->at, chars)
                                        : p->text.n;
        if (p->kind == PART_TEXT)
            count_tokens(m, p->text);
        else if (p->kind != PART_SOUND)
            m->_tokens[p->modality] += emu_plan_part_tokens(p);
        if (m->at == p->text.n) {
            m->part++;
            m->at = m->_tokens_at = 0;
        }
    }
    m->said = m->part == c->nparts;
    return true;
}

/* The same, and the end with the last piece or, where it is late, after it. */
static void advance(const struct plan *plan, const struct plan_candidate *c, size_t chars,
                    struct plan_mark *m)
{
    bool late = plan->late_finish && chars != PLAN_WHOLE && !m->said;
    emu_plan_advance(c, chars, m);
    m->ended = m->said && !late;
}

/* Moves the candidates whose turn it is on; `moved` says which. Returns whether all have ended. */
static bool advance_all(const struct plan *plan, size_t chars, struct plan_cursor *cursor,
                        bool moved[PLAN_CANDIDATES_MAX])
{
    bool ended = true, taken = false;
    size_t first = cursor->_turn;
    for (size_t k = 0; k < plan->ncandidates; k++) {
        size_t i = (first + k) % plan->ncandidates;
        struct plan_mark *m = cursor->marks + i;
        moved[i] = !m->ended && !(taken && plan->interleaved && chars != PLAN_WHOLE);
        taken = taken || moved[i];
        if (moved[i]) {
            do
                advance(plan, plan->candidates + i, chars, m);
            while (chars == PLAN_WHOLE && !m->ended);
        }
        if (moved[i] && plan->interleaved)
            cursor->_turn = i + 1;
        ended = ended && m->ended;
    }
    return ended;
}

/* The token that is sent in part counts. */
static uint64_t tokens_sent(const struct plan_candidate *c, const struct plan_mark *m,
                            enum modality modality)
{
    bool in_text = m->part < c->nparts && c->parts[m->part].kind == PART_TEXT;
    return m->_tokens[modality] + (modality == MODALITY_TEXT && in_text && m->_tokens_at < m->at);
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static void put_call(const struct plan_part *p, struct json_writer *w)
{
    json_put_name(w, "functionCall");
    json_open_obj(w);
    json_member_str(w, "name", p->name);
    json_put_name(w, "args");
    json_put_raw(w, p->text);
    if (p->id.p)
        json_member_str(w, "id", p->id);
    json_close_obj(w);
}

static void put_part(const struct plan_part *p, size_t from, size_t to, struct json_writer *w)
{
    struct dgm_str text = dgm_str_head(dgm_str_skip(p->text, from), to - from);
    json_open_obj(w);
    switch (p->kind) {
    case PART_CALL:
        put_call(p, w);
        break;
    case PART_SOUND:
        json_put_name(w, "inlineData");
        json_open_obj(w);
        json_member_str(w, "mimeType", p->name);
        json_member_str(w, "data", text);
        json_close_obj(w);
        break;
    case PART_OTHER:
        json_put_key(w, p->name);
        json_put_raw(w, text);
        break;
    default:
        json_member_str(w, "text", text);
    }
    if (p->kind == PART_THOUGHT)
        json_member_bool(w, "thought", true);
    if (to == p->text.n && p->signature.n != 0)
        json_member_str(w, "thoughtSignature", p->signature);
    json_close_obj(w);
}

static void put_content(const struct plan *plan, const struct plan_candidate *c,
                        const struct plan_mark *from, const struct plan_mark *to,
                        struct json_writer *w)
{
    if (plan->bare && c->nparts == 0)
        return;
    json_put_name(w, "content");
    json_open_obj(w);
    json_member_str(w, "role", DGM_STR("model"));
    if (from->part < c->nparts) { /* no part, no member: so it is where thinking took all */
        json_put_name(w, "parts");
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
}

static void put_candidate(const struct plan *plan, size_t number, const struct plan_mark *from,
                          const struct plan_mark *to, struct json_writer *w)
{
    const struct plan_candidate *c = plan->candidates + number;
    json_open_obj(w);
    put_content(plan, c, from, to, w);
    if (to->ended)
        json_member_str(w, "finishReason", c->finish);
    if (number != 0)
        json_member_int(w, "index", (int64_t)number);
    for (size_t i = 0; i < c->nmembers && to->ended; i++) {
        json_put_key(w, c->members[i].name);
        json_put_raw(w, c->members[i].json);
    }
    if (plan->logprobs)
        emu_logprobs_put(c, from, to, plan->top, w);
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

/* What the candidates come to by modality; returns the sum. */
static uint64_t count_candidates(const struct plan *plan, const struct plan_mark *marks,
                                 uint64_t ret[MODALITIES])
{
    uint64_t sum = 0;
    for (size_t m = 0; m < MODALITIES; m++) {
        ret[m] = 0;
        for (size_t i = 0; i < plan->ncandidates; i++)
            ret[m] += tokens_sent(plan->candidates + i, marks + i, (enum modality)m);
        sum += ret[m];
    }
    if (plan->candidates_told) {
        memset(ret, 0, MODALITIES * sizeof *ret);
        sum = ret[MODALITY_TEXT] = plan->candidates_tokens;
    }
    return sum;
}

static uint64_t sum_of(const uint64_t counts[MODALITIES])
{
    uint64_t sum = 0;
    for (size_t m = 0; m < MODALITIES; m++)
        sum += counts[m];
    return sum;
}

/* What stood in a cache; or, where that is asked for, of each modality's tokens the half (as Google: roughly). */
static void put_cached(const struct plan *plan, struct json_writer *w)
{
    uint64_t cached[MODALITIES];
    bool known = sum_of(plan->cached_tokens) != 0;
    for (size_t m = 0; m < MODALITIES; m++)
        cached[m] = known ? plan->cached_tokens[m] : plan->prompt_tokens[m] / 2;
    uint64_t sum = sum_of(cached);
    put_count(w, DGM_STR("cachedContentTokenCount"), sum);
    put_details(w, DGM_STR("cacheTokensDetails"), cached, MODALITIES);
}

static void put_counts(const struct plan *plan, const struct plan_cursor *cursor,
                       struct json_writer *w)
{
    uint64_t by_modality[MODALITIES];
    uint64_t candidates = count_candidates(plan, cursor->marks, by_modality);
    bool inside = plan->usage == USAGE_INSIDE, details = plan->usage == USAGE_DETAILS;
    put_count(w, DGM_STR("promptTokenCount"), plan->prompt_tokens_total);
    put_count(w, DGM_STR("candidatesTokenCount"),
              candidates + (inside ? plan->thoughts_tokens : 0));
    put_count(w, DGM_STR("totalTokenCount"),
              plan->prompt_tokens_total + candidates + plan->thoughts_tokens + plan->tool_tokens);
    if (plan->traffic.p)
        json_member_str(w, "trafficType", plan->traffic);
    put_details(w, DGM_STR("promptTokensDetails"), plan->prompt_tokens, MODALITIES);
    if ((plan->vertex || details) && cursor->_ended)
        put_details(w, DGM_STR("candidatesTokensDetails"), by_modality, MODALITIES);
    put_count(w, DGM_STR("thoughtsTokenCount"), plan->thoughts_tokens);
    if (details || sum_of(plan->cached_tokens) != 0)
        put_cached(plan, w);
    put_count(w, DGM_STR("toolUsePromptTokenCount"), plan->tool_tokens);
    put_details(w, DGM_STR("toolUsePromptTokensDetails"), &plan->tool_tokens, 1);
}

static void put_usage(const struct plan *plan, const struct plan_cursor *cursor,
                      struct json_writer *w)
{
    if (plan->usage == USAGE_NONE)
        return;
    json_put_name(w, "usageMetadata");
    json_open_obj(w);
    if (plan->usage != USAGE_EMPTY)
        put_counts(plan, cursor, w);
    json_close_obj(w);
}

static void put_block(const struct plan *plan, struct json_writer *w)
{
    json_put_name(w, "promptFeedback");
    json_open_obj(w);
    json_member_str(w, "blockReason", plan->block);
    if (plan->vertex)
        json_member_str(w, "blockReasonMessage",
                        DGM_STR("The prompt was blocked, as the request asked the emulator to."));
    json_close_obj(w);
}

static void put_end(const struct plan *plan, struct json_writer *w)
{
    json_member_str(w, "modelVersion", plan->model_version);
    if (plan->vertex)
        json_member_str(w, "createTime", plan->create_time);
    json_member_str(w, "responseId", plan->response_id);
    json_close_obj(w);
}

/* ---- events ------------------------------------------------------------------------------------------- */

/* The events that say nothing, one after the other. */
static void put_sparse(const struct plan *plan, const struct plan_cursor *cursor,
                       struct json_writer *w)
{
    static const struct dgm_str nothings[] = {
        DGM_STR("{}"),
        DGM_STR("{\"candidates\":[]}"),
        DGM_STR("{\"candidates\":[{\"content\":{\"role\":\"model\"}}]}"),
        DGM_STR(
            "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]}}]}"),
        DGM_STR("{\"candidates\":[{\"index\":0}],\"usageMetadata\":{}}"),
    };
    size_t n = sizeof nothings / sizeof *nothings, kind = cursor->_events / 2 % (n + 1);
    if (kind < n) {
        json_put_raw(w, nothings[kind]);
        return;
    }
    json_open_obj(w);
    put_usage(plan, cursor, w);
    put_end(plan, w);
}

static void put_response(const struct plan *plan, const struct plan_mark *from,
                         const bool moved[PLAN_CANDIDATES_MAX], const struct plan_cursor *cursor,
                         struct json_writer *w)
{
    json_open_obj(w);
    if (plan->block.p) {
        put_block(plan, w);
    } else {
        json_put_name(w, "candidates");
        json_open_arr(w);
        for (size_t i = 0; i < plan->ncandidates; i++)
            if (moved[i])
                put_candidate(plan, i, from + i, cursor->marks + i, w);
        json_close_arr(w);
    }
}

bool emu_plan_next(const struct plan *plan, size_t chars, struct plan_cursor *cursor,
                   struct json_writer *w)
{
    struct plan_mark from[PLAN_CANDIDATES_MAX];
    bool moved[PLAN_CANDIDATES_MAX] = {false};
    bool stream = chars != PLAN_WHOLE;
    bool usage_after = stream && (plan->usage == USAGE_ALONE || plan->usage == USAGE_TWICE);
    if (cursor->_ended) { /* then this is the usage behind it */
        json_open_obj(w);
        put_usage(plan, cursor, w);
        put_end(plan, w);
        return true;
    }
    if (stream && plan->sparse && cursor->_events++ % 2 == 0) {
        put_sparse(plan, cursor, w);
        return false;
    }
    memcpy(from, cursor->marks, sizeof from);
    cursor->_ended = advance_all(plan, chars, cursor, moved);
    put_response(plan, from, moved, cursor, w);
    if (!stream || plan->usage != USAGE_ALONE)
        put_usage(plan, cursor, w);
    put_end(plan, w);
    return cursor->_ended && !usage_after;
}
