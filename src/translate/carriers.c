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

static struct dgm_str in_details(const struct json_val *details, struct dgm_str id, bool first)
{
    struct json_iter it = json_iter(details);
    while (json_next(&it)) {
        struct dgm_str whose = json_get_str(it.value, DGM_STR("id"));
        struct dgm_str format = json_get_str(it.value, DGM_STR("format"));
        if (!dgm_str_eq(json_get_str(it.value, DGM_STR("type")), DGM_STR("reasoning.encrypted")) ||
            (format.n != 0 && !dgm_str_eq(format, DGM_STR(CARRIERS_GEMINI))))
            continue;
        if (whose.n != 0 ? dgm_str_eq(whose, id) : first)
            return if_base64(json_get_str(it.value, DGM_STR("data")));
    }
    return (struct dgm_str){0};
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
    /* Where there are calls, what names none is meant for the first of them. */
    return in_details(json_get(message, DGM_STR("reasoning_details")), (struct dgm_str){0},
                      json_size(calls) == 0);
}

struct dgm_str carriers_read(struct dgm_request *r, const struct json_val *message,
                             const struct json_val *call, bool first)
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
        signature = in_details(json_get(message, DGM_STR("reasoning_details")), id, first);
    if (!signature.p && first && !dgm_str_starts(id, DGM_STR(CLAUDE_ID)))
        signature = in_blocks(json_get(message, DGM_STR("thinking_blocks")));
    return signature;
}
