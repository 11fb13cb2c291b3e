/* SPDX-License-Identifier: Apache-2.0 */
/* usage.c - Google's token counts in OpenAI's sense. */
#include "translate/usage.h"

#include "base/str.h"

#include <string.h>

static int64_t count(const struct json_val *usage, struct dgm_str name)
{
    int64_t i;
    return json_int(json_get(usage, name), &i) && i > 0 && i <= INT32_MAX ? i : 0;
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
            return count(it.value, DGM_STR("tokenCount"));
    return 0;
}

struct usage usage_read(const struct json_val *native)
{
    int64_t candidates = count(native, DGM_STR("candidatesTokenCount"));
    int64_t thoughts = count(native, DGM_STR("thoughtsTokenCount"));
    int64_t total = count(native, DGM_STR("totalTokenCount"));
    const struct json_val *in = json_get(native, DGM_STR("promptTokensDetails"));
    const struct json_val *out = json_get(native, DGM_STR("candidatesTokensDetails"));
    struct dgm_str traffic = json_get_str(native, DGM_STR("trafficType"));
    int64_t tools = count(native, DGM_STR("toolUsePromptTokenCount"));
    struct usage u = {.prompt = count(native, DGM_STR("promptTokenCount")) + tools};
    /* Some models count their thoughts among the candidates' tokens: the total tells (user-pain K1). */
    bool counted = thoughts != 0 && candidates >= thoughts && total == u.prompt + candidates;
    u.completion = counted ? candidates : candidates + thoughts;
    u.reasoning = thoughts;
    u.native_prompt = u.prompt - tools;
    u.native_candidates = candidates;
    u.native_total = total;
    u.cached = least(count(native, DGM_STR("cachedContentTokenCount")), u.prompt);
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
    json_open_obj(w);
    json_member_int(w, "prompt_tokens", u->prompt);
    json_member_int(w, "completion_tokens", u->completion);
    json_member_int(w, "total_tokens", u->prompt + u->completion);
    json_put_name(w, "prompt_tokens_details");
    json_open_obj(w);
    json_member_int(w, "cached_tokens", u->cached);
    if (u->audio_in)
        json_member_int(w, "audio_tokens", u->audio_in);
    json_close_obj(w);
    json_put_name(w, "completion_tokens_details");
    json_open_obj(w);
    json_member_int(w, "reasoning_tokens", u->reasoning);
    if (u->audio_out)
        json_member_int(w, "audio_tokens", u->audio_out);
    if (u->image_out)
        json_member_int(w, "image_tokens", u->image_out);
    json_close_obj(w);
    put_traffic(w, u);
    json_close_obj(w);
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
