/* SPDX-License-Identifier: Apache-2.0 */
/* logprobs.c - a candidate's logprobsResult as OpenAI's logprobs. */
#include "translate/logprobs.h"

/* Puts token, logprob and bytes, members of an open object. */
static void put_token(struct json_writer *w, const struct json_val *native)
{
    struct dgm_str token = json_get_str(native, DGM_STR("token"));
    struct dgm_str number = json_num(json_get(native, DGM_STR("logProbability")));
    json_member_str(w, "token", token);
    json_put_name(w, "logprob");
    json_put_raw(w, number.n
                        ? number
                        : DGM_STR("0.0")); /* proto3 leaves a zero out: the token was certain */
    json_put_name(w, "bytes");
    json_open_arr(w);
    for (size_t i = 0; i < token.n; i++)
        json_put_int(w, (unsigned char)token.p[i]);
    json_close_arr(w);
}

void logprobs_put(struct json_writer *w, const struct json_val *candidate)
{
    const struct json_val *result = json_get(candidate, DGM_STR("logprobsResult"));
    if (json_kind(result) != JSON_OBJ) {
        json_put_null(w);
        return;
    }
    struct json_iter chosen = json_iter(json_get(result, DGM_STR("chosenCandidates")));
    struct json_iter tops = json_iter(json_get(result, DGM_STR("topCandidates")));
    json_open_obj(w);
    json_put_name(w, "content");
    json_open_arr(w);
    while (json_next(&chosen)) {
        json_open_obj(w);
        put_token(w, chosen.value);
        json_put_name(w, "top_logprobs");
        json_open_arr(w);
        const struct json_val *top =
            json_next(&tops) ? tops.value : NULL; /* the two lists go side by side */
        struct json_iter it = json_iter(json_get(top, DGM_STR("candidates")));
        while (json_next(&it)) {
            json_open_obj(w);
            put_token(w, it.value);
            json_close_obj(w);
        }
        json_close_arr(w);
        json_close_obj(w);
    }
    json_close_arr(w);
    json_member_null(w, "refusal");
    json_close_obj(w);
}
