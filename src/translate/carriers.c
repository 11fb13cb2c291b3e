/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carriers.c - a call's thought signature, as other gateways hand it out.
 *
 *   provider_specific_fields.thought_signature, on the call or its function     LiteLLM
 *   function.thought_signature, or on the call itself                           llm proxies that name it so
 *   reasoning_details[]: {type: reasoning.encrypted, id, data, format}          OpenRouter, on the message
 *   thinking_blocks[]: {type: thinking, signature}                              LiteLLM, Envoy, on the message
 *   id: ...__thought__SIGNATURE, ..._ts_SIGNATURE                               LiteLLM; Bifrost, in base64url
 *
 * Claude's come in the same places: its ids and formats tell them, and they are left alone (user-pain D7).
 */
#include "translate/carriers.h"

#include "base/sort.h"
#include "base/str.h"
#include "translate/media.h"

#define CLAUDE_ID "toolu_"

static struct dgm_str if_base64(struct dgm_str s)
{
    bool blanks;
    return s.n != 0 && media_is_base64(s, &blanks) && !blanks ? s : (struct dgm_str){0};
}

static struct dgm_str named(const struct json_val *obj)
{
    return if_base64(json_get_str(obj, DGM_STR("thought_signature")));
}

/* base64url without padding becomes base64, in the arena. */
static struct dgm_str plain_base64(struct dgm_request *r, struct dgm_str s)
{
    char *p = s.n != 0 ? dgm_arena_take(&r->arena, s.n + 3) : NULL;
    size_t n = 0;
    if (!p)
        return (struct dgm_str){0};
    for (; n < s.n; n++)
        p[n] = s.p[n] == '-' ? '+' : (s.p[n] == '_' ? '/' : s.p[n]);
    while (n % 4 != 0)
        p[n++] = '=';
    return if_base64((struct dgm_str){p, n});
}

static struct dgm_str in_id(struct dgm_request *r, struct dgm_str id)
{
    const struct dgm_str thought = DGM_STR("__thought__"), ts = DGM_STR("_ts_");
    size_t at = dgm_str_find(id, thought);
    if (at < id.n)
        return if_base64(dgm_str_skip(id, at + thought.n));
    at = dgm_str_find(id, ts);
    return at < id.n ? plain_base64(r, dgm_str_skip(id, at + ts.n)) : (struct dgm_str){0};
}

/* By id, and as they stood. */
static int compare_details(const void *a, const void *b)
{
    const struct carried_detail *x = a, *y = b;
    int order = dgm_str_compare(x->id, y->id);
    return order != 0 ? order : x->place < y->place ? -1 : x->place > y->place;
}

/* Whether one is Gemini's. */
static bool is_ours(const struct json_val *detail)
{
    struct dgm_str format = json_get_str(detail, DGM_STR("format"));
    return dgm_str_eq(json_get_str(detail, DGM_STR("type")), DGM_STR("reasoning.encrypted")) &&
           (format.n == 0 || dgm_str_eq(format, DGM_STR(CARRIERS_GEMINI)));
}

/* The first that names nobody; NULL when none does. */
static const struct json_val *nameless(const struct json_val *details, size_t *ret_place)
{
    struct json_iter it = json_iter(details);
    while (json_next(&it)) {
        *ret_place = it.index;
        if (is_ours(it.value) && json_get_str(it.value, DGM_STR("id")).n == 0)
            return it.value;
    }
    return NULL;
}

/* Those that name a call, sorted; false when memory is short. */
static bool sort_details(struct dgm_request *r, struct carriers *c)
{
    struct json_iter it = json_iter(c->details);
    bool sorted = true;
    c->named = dgm_arena_take(&r->arena, json_size(c->details) * sizeof *c->named);
    if (!c->named) {
        chat_no_memory(r);
        return false;
    }
    while (json_next(&it)) {
        struct carried_detail d = {json_get_str(it.value, DGM_STR("id")), it.index, it.value};
        if (d.id.n == 0 || !is_ours(it.value))
            continue;
        sorted = sorted && (c->named_n == 0 || compare_details(&c->named[c->named_n - 1], &d) < 0);
        c->named[c->named_n++] = d;
    }
    if (!sorted)
        dgm_sort(c->named, c->named_n, sizeof *c->named, compare_details);
    return true;
}

/* The first that names an id; NULL when none does. */
static const struct carried_detail *find_detail(const struct carriers *c, struct dgm_str id)
{
    size_t low = 0, high = c->named_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dgm_str_compare(c->named[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->named_n && dgm_str_eq(c->named[low].id, id) ? &c->named[low] : NULL;
}

/* What stands first counts, whether it names the call or nobody. */
static struct dgm_str in_details(struct dgm_request *r, struct carriers *c, struct dgm_str id,
                                 bool first)
{
    size_t place = 0;
    if (json_size(c->details) == 0 || (!c->named && !sort_details(r, c)))
        return (struct dgm_str){0};
    const struct carried_detail *own = find_detail(c, id);
    const struct json_val *any = first ? nameless(c->details, &place) : NULL;
    const struct json_val *found = any && (!own || place < own->place) ? any
                                   : own                               ? own->val
                                                                       : NULL;
    return if_base64(json_get_str(found, DGM_STR("data")));
}

static struct dgm_str in_blocks(const struct json_val *blocks)
{
    struct json_iter it = json_iter(blocks);
    struct dgm_str signature = {0};
    while (!signature.p && json_next(&it))
        signature = if_base64(json_get_str(it.value, DGM_STR("signature")));
    return signature;
}

struct dgm_str carriers_read_text(const struct json_val *message)
{
    const struct json_val *calls = json_get(message, DGM_STR("tool_calls"));
    size_t place;
    /* Where there are calls, what names none is meant for the first of them. */
    if (json_size(calls) != 0)
        return (struct dgm_str){0};
    const struct json_val *detail =
        nameless(json_get(message, DGM_STR("reasoning_details")), &place);
    return if_base64(json_get_str(detail, DGM_STR("data")));
}

struct carriers carriers(const struct json_val *message)
{
    return (struct carriers){.details = json_get(message, DGM_STR("reasoning_details")),
                             .blocks = json_get(message, DGM_STR("thinking_blocks"))};
}

struct dgm_str carriers_read(struct dgm_request *r, struct carriers *c, const struct json_val *call,
                             bool first)
{
    const struct json_val *function = json_get(call, DGM_STR("function"));
    const struct json_val *const places[] = {
        json_get(call, DGM_STR("provider_specific_fields")),
        json_get(function, DGM_STR("provider_specific_fields")), function, call};
    struct dgm_str id = json_get_str(call, DGM_STR("id")), signature = {0};
    for (size_t i = 0; !signature.p && i < sizeof places / sizeof *places; i++)
        signature = named(places[i]);
    if (!signature.p)
        signature = in_id(r, id);
    if (!signature.p)
        signature = in_details(r, c, id, first);
    if (!signature.p && first && !dgm_str_starts(id, DGM_STR(CLAUDE_ID)))
        signature = in_blocks(c->blocks);
    return signature;
}
