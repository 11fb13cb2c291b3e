/* SPDX-License-Identifier: Apache-2.0 */
/* usage.c - Google's token counts in OpenAI's sense. */
#include "translate/usage.h"

#include "base/buf.h"
#include "base/str.h"

#include <string.h>

enum {
    IN_PROMPT,
    IN_CANDIDATES,
    IN_TOTAL,
    IN_THOUGHTS,
    IN_CACHED,
    IN_TOOL_USE,
    IN_PROMPT_DETAILS,
    IN_CANDIDATES_DETAILS,
    IN_TRAFFIC,
    IN_USAGE
};

#define NAME(literal) {literal, sizeof literal - 1}

static const struct dgm_str in_usage[IN_USAGE] = {
    [IN_PROMPT] = NAME("promptTokenCount"),
    [IN_CANDIDATES] = NAME("candidatesTokenCount"),
    [IN_TOTAL] = NAME("totalTokenCount"),
    [IN_THOUGHTS] = NAME("thoughtsTokenCount"),
    [IN_CACHED] = NAME("cachedContentTokenCount"),
    [IN_TOOL_USE] = NAME("toolUsePromptTokenCount"),
    [IN_PROMPT_DETAILS] = NAME("promptTokensDetails"),
    [IN_CANDIDATES_DETAILS] = NAME("candidatesTokensDetails"),
    [IN_TRAFFIC] = NAME("trafficType"),
};

static int64_t count(const struct json_val *v)
{
    int64_t i;
    return json_int(v, &i) && i > 0 && i <= INT32_MAX ? i : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t of_modality(const struct json_val *details, struct dgm_str modality)
{
    struct json_iter it = json_iter(details);
    while (json_next(&it))
        if (dgm_str_eq(json_get_str(it.value, DGM_STR("modality")), modality))
            return count(json_get(it.value, DGM_STR("tokenCount")));
    return 0;
}

struct usage usage_read(const struct json_val *native)
{
    const struct json_val *found[IN_USAGE];
    json_pick(native, in_usage, IN_USAGE, found);
    int64_t candidates = count(found[IN_CANDIDATES]), thoughts = count(found[IN_THOUGHTS]);
    int64_t total = count(found[IN_TOTAL]), tools = count(found[IN_TOOL_USE]);
    const struct json_val *in = found[IN_PROMPT_DETAILS], *out = found[IN_CANDIDATES_DETAILS];
    struct dgm_str traffic = json_str(found[IN_TRAFFIC]);
    struct usage u = {.prompt = count(found[IN_PROMPT]) + tools};
    /* Some models count their thoughts among the candidates' tokens: the total tells (user-pain K1). */
    bool counted = thoughts != 0 && candidates >= thoughts && total == u.prompt + candidates;
    u.completion = counted ? candidates : candidates + thoughts;
    u.reasoning = thoughts;
    u.native_prompt = u.prompt - tools;
    u.native_candidates = candidates;
    u.native_total = total;
    u.cached = least(count(found[IN_CACHED]), u.prompt);
    u.audio_in = least(of_modality(in, DGM_STR("AUDIO")), u.prompt);
    u.audio_out = least(of_modality(out, DGM_STR("AUDIO")), u.completion - u.reasoning);
    u.image_out = least(of_modality(out, DGM_STR("IMAGE")), u.completion - u.reasoning);
    if (traffic.n && traffic.n < sizeof u.traffic)
        memcpy(u.traffic, traffic.p, traffic.n);
    return u;
}

static void put_traffic(struct json_writer *w, const struct usage *u)
{
    if (!u->traffic[0])
        return;
    json_put_name(w, "extra_properties");
    json_open_obj(w);
    json_put_name(w, "google");
    json_open_obj(w);
    json_member_str(w, "traffic_type", dgm_str_c(u->traffic));
    json_close_obj(w);
    json_close_obj(w);
}

void usage_put(struct json_writer *w, const struct usage *u)
{
    struct dgm_buf *out = json_open_raw(w);
    dgm_buf_add_lit(out, "{\"prompt_tokens\":");
    dgm_buf_put_int(out, u->prompt);
    dgm_buf_add_lit(out, ",\"completion_tokens\":");
    dgm_buf_put_int(out, u->completion);
    dgm_buf_add_lit(out, ",\"total_tokens\":");
    dgm_buf_put_int(out, u->prompt + u->completion);
    dgm_buf_add_lit(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    dgm_buf_put_int(out, u->cached);
    if (u->audio_in) {
        dgm_buf_add_lit(out, ",\"audio_tokens\":");
        dgm_buf_put_int(out, u->audio_in);
    }
    dgm_buf_add_lit(out, "},\"completion_tokens_details\":{\"reasoning_tokens\":");
    dgm_buf_put_int(out, u->reasoning);
    if (u->audio_out) {
        dgm_buf_add_lit(out, ",\"audio_tokens\":");
        dgm_buf_put_int(out, u->audio_out);
    }
    if (u->image_out) {
        dgm_buf_add_lit(out, ",\"image_tokens\":");
        dgm_buf_put_int(out, u->image_out);
    }
    dgm_buf_add_lit(out, "}");
    if (u->traffic[0]) {
        struct json_writer value = json_writer(out);
        dgm_buf_add_lit(out, ",\"extra_properties\":{\"google\":{\"traffic_type\":");
        json_put_str(&value, dgm_str_c(u->traffic));
        dgm_buf_add_lit(out, "}}");
    }
    dgm_buf_add_lit(out, "}");
    json_close_raw(w);
}

/* Puts {name: count} as the member `details`, unless the count is 0. */
static void put_detail(struct json_writer *w, struct dgm_str details, struct dgm_str name,
                       int64_t n)
{
    if (n == 0)
        return;
    json_put_key(w, details);
    json_open_obj(w);
    json_put_key(w, name);
    json_put_int(w, n);
    json_close_obj(w);
}

void usage_put_google(struct json_writer *w, const struct usage *u)
{
    int64_t sum = u->native_prompt + u->native_candidates + u->reasoning;
    json_open_obj(w);
    json_member_int(w, "completion_tokens", u->native_candidates);
    put_detail(w, DGM_STR("completion_tokens_details"), DGM_STR("reasoning_tokens"), u->reasoning);
    put_traffic(w, u);
    json_member_int(w, "prompt_tokens", u->native_prompt);
    put_detail(w, DGM_STR("prompt_tokens_details"), DGM_STR("cached_tokens"), u->cached);
    json_member_int(w, "total_tokens", u->native_total ? u->native_total : sum);
    json_close_obj(w);
}
