/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.c - how likely the tokens of an answer were. */
#include "emulate/logprobs.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "emulate/tokens.h"

#define UNIT 1000 /* logarithms are counted in thousandths */

/* A walk over the tokens of a candidate's texts, between two marks. */
struct walk {
    const struct plan_candidate *c;
    size_t part, at;         /* where the next token begins */
    size_t end_part, end_at; /* where the last one ends */
    struct dgm_str token;
};

static bool next(struct walk *w)
{
    for (; w->part < w->c->nparts && w->part <= w->end_part; w->part++, w->at = 0) {
        const struct plan_part *p = w->c->parts + w->part;
        size_t end = w->part < w->end_part ? p->text.n : w->end_at;
        if (p->kind != PART_TEXT || w->at >= end)
            continue;
        size_t token_end = emu_tokens_end(p->text, w->at);
        if (token_end > end)
            continue;
        w->token = dgm_str_head(dgm_str_skip(p->text, w->at), token_end - w->at);
        w->at = token_end;
        return true;
    }
    return false;
}

/* 0 to 1.2 below certain; the n-th candidate is less likely than the one before it. */
static uint64_t unlikely(struct dgm_str token, uint32_t place)
{
    return emu_hash_mix(emu_hash_str(token)) % 1200 + (uint64_t)place * 1250;
}

static void put_log(struct json_writer *w, uint64_t thousandths)
{
    char text[32];
    size_t n = sizeof text;
    for (unsigned digit = 0; digit < 4 || thousandths != 0; digit++) {
        if (digit == 3)
            text[--n] = '.';
        text[--n] = (char)('0' + thousandths % 10);
        thousandths /= 10;
    }
    text[--n] = '-';
    json_put_raw(w, (struct dgm_str){text + n, sizeof text - n});
}

/* The candidates after the token itself are its variants. */
static void put_token(struct json_writer *w, struct dgm_str token, uint32_t place)
{
    json_open_obj(w);
    json_put_name(w, "token");
    json_open_str(w);
    json_add_str(w, token);
    for (uint32_t i = 0; i < place; i++)
        json_add_str(w, DGM_STR("~"));
    json_close_str(w);
    json_member_int(w, "tokenId", (int64_t)((emu_hash_str(token) + place) % 256000));
    json_put_name(w, "logProbability");
    put_log(w, unlikely(token, place));
    json_close_obj(w);
}

static void put_average(const struct plan_candidate *c, struct json_writer *w)
{
    struct walk walk = {.c = c, .end_part = c->nparts};
    uint64_t sum = 0, n = 0;
    for (; next(&walk); n++)
        sum += unlikely(walk.token, 0);
    if (n == 0)
        return;
    json_put_name(w, "avgLogprobs");
    put_log(w, sum / n);
}

void emu_logprobs_put(const struct plan_candidate *c, const struct plan_mark *from,
                      const struct plan_mark *to, uint32_t top, struct json_writer *w)
{
    const struct walk start = {.c = c,
                               .part = from->part,
                               .at = from->_tokens_at,
                               .end_part = to->part,
                               .end_at = to->_tokens_at};
    struct walk walk = start;
    if (to->ended)
        put_average(c, w);
    if (!next(&walk))
        return;
    json_put_name(w, "logprobsResult");
    json_open_obj(w);
    if (top != 0) {
        json_put_name(w, "topCandidates");
        json_open_arr(w);
        for (walk = start; next(&walk);) {
            json_open_obj(w);
            json_put_name(w, "candidates");
            json_open_arr(w);
            for (uint32_t i = 0; i < top; i++)
                put_token(w, walk.token, i);
            json_close_arr(w);
            json_close_obj(w);
        }
        json_close_arr(w);
    }
    json_put_name(w, "chosenCandidates");
    json_open_arr(w);
    for (walk = start; next(&walk);)
        put_token(w, walk.token, 0);
    json_close_arr(w);
    json_close_obj(w);
}
