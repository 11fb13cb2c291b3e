/* SPDX-License-Identifier: Apache-2.0 */
/* suspects_config.c - what is suspect in generationConfig and in Google's own members. */
#include "translate/google.h"
#include "translate/suspects.h"

#include "base/str.h"

/* Names the client's member for one of generationConfig: Google's own where it has said it, else OpenAI's. */
static void name_config(const struct look *look, struct finding *f, struct dgm_str native,
                        struct dgm_str openai)
{
    struct google_place place;
    if (google_config(look->r, native, &place))
        chat_put_place(&f->param, &place.member);
    else
        dgm_buf_put(&f->param, openai);
}

bool look_image_config(const struct look *look, struct finding *f)
{
    if (!json_get(look->config, DGM_STR("imageConfig")))
        return false;
    if (look->r->model.words & MODEL_IMAGE)
        f->likely = 45; /* a size or a shape that this one does not make */
    finding_what(f, look->r->model.name);
    name_config(look, f, DGM_STR("imageConfig"), DGM_STR("google.aspect_ratio"));
    return true;
}

bool look_modalities(const struct look *look, struct finding *f)
{
    struct json_iter it = json_iter(json_get(look->config, DGM_STR("responseModalities")));
    const struct model *model = &look->r->model;
    while (json_next(&it)) {
        struct dgm_str word = json_str(it.value);
        bool image = dgm_str_eq_nocase(word, DGM_STR("IMAGE")) && !(model->words & MODEL_IMAGE);
        bool sound = dgm_str_eq_nocase(word, DGM_STR("AUDIO")) &&
                     !(model->words & (MODEL_AUDIO | MODEL_TTS));
        if (!image && !sound)
            continue;
        finding_what(f, image ? DGM_STR("an image") : DGM_STR("speech"));
        name_config(look, f, DGM_STR("responseModalities"), DGM_STR("modalities"));
        return true;
    }
    return false;
}

bool look_thinking_unknown(const struct look *look, struct finding *f)
{
    if (!json_get(look->config, DGM_STR("thinkingConfig")))
        return false;
    if (look->r->model.generation != 0)
        f->likely = 22; /* its table row says that it may */
    finding_what(f, look->r->model.name);
    name_config(look, f, DGM_STR("thinkingConfig"), DGM_STR("reasoning_effort"));
    return true;
}

bool look_cached_content(const struct look *look, struct finding *f)
{
    struct dgm_str name = json_get_str(look->native, DGM_STR("cachedContent"));
    if (name.n == 0)
        return false;
    finding_what(f, name);
    chat_put_place(&f->param, GOOGLE_PLACE(look->r, CACHED_CONTENT));
    return true;
}

bool look_logprobs(const struct look *look, struct finding *f)
{
    if (!json_bool(json_get(look->config, DGM_STR("responseLogprobs")), false))
        return false;
    name_config(look, f, DGM_STR("responseLogprobs"), DGM_STR("logprobs"));
    return true;
}

bool look_candidates(const struct look *look, struct finding *f)
{
    int64_t n = 1;
    if (!json_int(json_get(look->config, DGM_STR("candidateCount")), &n) || n < 2)
        return false;
    dgm_buf_put_int(&f->what, n);
    name_config(look, f, DGM_STR("candidateCount"), DGM_STR("n"));
    return true;
}

bool look_range_edge(const struct look *look, struct finding *f)
{
    static const struct {
        struct dgm_str native, openai;
        double edge;
    } edges[] = {
        {{"temperature", 11}, {"temperature", 11}, 2},
        {{"presencePenalty", 15}, {"presence_penalty", 16}, 2},
        {{"frequencyPenalty", 16}, {"frequency_penalty", 17}, 2},
        {{"logprobs", 8}, {"top_logprobs", 12}, 20},
        {{"topP", 4}, {"top_p", 5}, 0},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        double d;
        if (!json_double(json_get(look->config, edges[i].native), &d) || d < edges[i].edge ||
            d > edges[i].edge)
            continue;
        finding_what(f, edges[i].openai);
        name_config(look, f, edges[i].native, edges[i].openai);
        f->native = edges[i].native;
        return true;
    }
    return false;
}

bool look_safety_settings(const struct look *look, struct finding *f)
{
    static const struct dgm_str usual[] = {{"HARM_CATEGORY_HARASSMENT", 24},
                                           {"HARM_CATEGORY_HATE_SPEECH", 25},
                                           {"HARM_CATEGORY_SEXUALLY_EXPLICIT", 31},
                                           {"HARM_CATEGORY_DANGEROUS_CONTENT", 31}};
    struct json_iter it = json_iter(json_get(look->native, DGM_STR("safetySettings")));
    struct dgm_str odd = {0};
    while (json_next(&it)) {
        struct dgm_str category = json_get_str(it.value, DGM_STR("category"));
        bool known = false;
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            known = known || dgm_str_eq(category, usual[i]);
        odd = known ? odd : category;
    }
    if (json_size(json_get(look->native, DGM_STR("safetySettings"))) == 0)
        return false;
    if (odd.n)
        f->likely = 63;
    finding_what(f, odd.n ? odd : DGM_STR("thresholds of its own"));
    chat_put_place(&f->param, GOOGLE_PLACE(look->r, SAFETY_SETTINGS));
    return true;
}
