/* SPDX-License-Identifier: Apache-2.0 */
/* rules_config.c - the checks of generationConfig, of thinking, and of the size of a request. */
#include "emulate/rules.h"

#include "base/str.h"

/* ---- generationConfig --------------------------------------------------------------------------------- */

/* A number as it was sent. */
static struct dgm_str sent(const struct json_val *v)
{
    return json_kind(v) == JSON_STR ? json_str(v) : json_num(v);
}

/* Refuses a number outside of [min, max]; the range is told with an exclusive end. */
static void check_range(struct rules *r, const struct json_val *v, double min, double max,
                        struct dgm_str from, struct dgm_str below)
{
    double d;
    if (emu_ask_double(v, &d) && (d < min || d > max))
        emu_rules_tell(r, HOLES(sent(v), from, below));
}

void emu_rule_temperature_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "temperature"), 0, 2, DGM_STR("0"),
                DGM_STR("2.0001"));
}

void emu_rule_top_p_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "topP"), 0, 1, DGM_STR("0"), DGM_STR("1.0001"));
}

void emu_rule_max_tokens_range(struct rules *r)
{
    const struct json_val *v = emu_ask_member(r->ask->config, "maxOutputTokens");
    uint32_t max = r->ask->model.family->output_tokens;
    int64_t i;
    if (emu_ask_int(v, &i) && (i < 1 || i > max))
        emu_rules_tell(r, HOLES(sent(v), DGM_STR("1"), emu_rules_number(r, (uint64_t)max + 1),
                                emu_rules_number(r, max)));
}

void emu_rule_stop_sequences_count(struct rules *r)
{
    size_t n = emu_ask_count(emu_ask_member(r->ask->config, "stopSequences"));
    if (n > 5)
        emu_rules_tell(r, HOLES(emu_rules_number(r, n), DGM_STR("1"), DGM_STR("6")));
}

void emu_rule_candidates_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "candidateCount"), 1, 8, DGM_STR("1"),
                DGM_STR("9"));
}

void emu_rule_candidates_single(struct rules *r)
{
    const struct json_val *v = emu_ask_member(r->ask->config, "candidateCount");
    int64_t i;
    if (emu_ask_int(v, &i) && i > 1 && i <= 8 && r->ask->model.family->candidates == 1)
        emu_rules_tell(r, HOLES(sent(v)));
}

void emu_rule_presence_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "presencePenalty"), -2, 2, DGM_STR("-2.0"),
                DGM_STR("2.0001"));
}

void emu_rule_frequency_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "frequencyPenalty"), -2, 2, DGM_STR("-2.0"),
                DGM_STR("2.0001"));
}

void emu_rule_penalty_disabled(struct rules *r)
{
    double presence = 0, frequency = 0;
    emu_ask_double(emu_ask_member(r->ask->config, "presencePenalty"), &presence);
    emu_ask_double(emu_ask_member(r->ask->config, "frequencyPenalty"), &frequency);
    if ((presence != 0 || frequency != 0) &&
        !(r->ask->model.family->penalties & r->ask->target.surface))
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_logprobs_alone(struct rules *r)
{
    if (emu_ask_member(r->ask->config, "logprobs") &&
        !json_bool(emu_ask_member(r->ask->config, "responseLogprobs"), false))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_logprobs_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "logprobs"), 0, 20, DGM_STR("0"), DGM_STR("21"));
}

/* ---- the form of the answer --------------------------------------------------------------------------- */

static struct dgm_str mime_type(const struct rules *r)
{
    return json_str(emu_ask_member(r->ask->config, "responseMimeType"));
}

void emu_rule_mime_unknown(struct rules *r)
{
    static const struct dgm_str known[] = {
        DGM_STR(""),
        DGM_STR("text/plain"),
        DGM_STR("application/json"),
        DGM_STR("text/x.enum"),
        DGM_STR("application/xml"),
        DGM_STR("application/yaml"),
    };
    struct dgm_str type = mime_type(r);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (dgm_str_eq(type, known[i]))
            return;
    emu_rules_tell(r, HOLES(dgm_str_head(type, 100)));
}

/* The two spellings that the Gemini API has for one (google.md 6.6). */
static const struct json_val *json_schema(const struct rules *r)
{
    const struct json_val *v = emu_ask_member(r->ask->config, "responseJsonSchema");
    return v ? v : emu_ask_member(r->ask->config, "_responseJsonSchema");
}

void emu_rule_schema_twice(struct rules *r)
{
    if (emu_ask_member(r->ask->config, "responseSchema") && json_schema(r))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_schema_without_json(struct rules *r)
{
    struct dgm_str type = mime_type(r);
    bool fits =
        dgm_str_eq(type, DGM_STR("application/json")) || dgm_str_eq(type, DGM_STR("text/x.enum"));
    if ((emu_ask_member(r->ask->config, "responseSchema") || json_schema(r)) && !fits)
        emu_rules_tell(r, HOLES({0}));
}

/* ---- ranges and fashions of models ------------------------------------------------------------------ */

void emu_rule_top_k_range(struct rules *r)
{
    check_range(r, emu_ask_member(r->ask->config, "topK"), 1, 40, DGM_STR("1"), DGM_STR("41"));
}

void emu_rule_top_k_fixed(struct rules *r)
{
    const struct json_val *v = emu_ask_member(r->ask->config, "topK");
    double k;
    if (emu_ask_double(v, &k) && k != 64)
        emu_rules_tell(r, HOLES(sent(v)));
}

void emu_rule_sampling_dropped(struct rules *r)
{
    static const char *const names[] = {"temperature", "topP", "topK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (emu_ask_get(r->ask->config, dgm_str_c(names[i])))
            emu_rules_tell(r, HOLES(dgm_str_c(names[i])));
}

static bool wants_logprobs(const struct rules *r)
{
    return json_bool(emu_ask_member(r->ask->config, "responseLogprobs"), false);
}

void emu_rule_logprobs_disabled(struct rules *r)
{
    if (wants_logprobs(r))
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_logprobs_of_3(struct rules *r)
{
    if (wants_logprobs(r))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_stop_sequence_empty(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(emu_ask_member(r->ask->config, "stopSequences"));
         emu_ask_next(&l);)
        if (json_str(l.value).n == 0)
            emu_rules_tell(r, HOLES({0}));
}

void emu_rule_enum_without_schema(struct rules *r)
{
    const struct json_val *schema = emu_ask_member(r->ask->config, "responseSchema");
    if (!schema)
        schema = json_schema(r);
    if (dgm_str_eq(mime_type(r), DGM_STR("text/x.enum")) &&
        emu_ask_count(emu_ask_member(schema, "enum")) == 0)
        emu_rules_tell(r, HOLES({0}));
}

/* Models of the first generation, and those of one purpose before the third. */
void emu_rule_json_mode_disabled(struct rules *r)
{
    const struct model *m = &r->ask->model;
    bool cannot = m->generation == 10 || !(m->family->outputs & MEDIUM_TEXT) ||
                  (m->generation < GENERATION_3 && m->family->outputs & MEDIUM_IMAGE &&
                   m->family->candidates == 1);
    if (cannot && dgm_str_eq(mime_type(r), DGM_STR("application/json")))
        emu_rules_tell(r, HOLES(m->name));
}

/* ---- what an answer is made of ------------------------------------------------------------------------ */

static const struct {
    struct dgm_str name, shown;
    enum medium medium;
} modalities[] = {
    {DGM_STR("TEXT"), DGM_STR("text"), MEDIUM_TEXT},
    {DGM_STR("IMAGE"), DGM_STR("image"), MEDIUM_IMAGE},
    {DGM_STR("AUDIO"), DGM_STR("audio"), MEDIUM_AUDIO},
};

/* The modalities that are asked for, as a set; 0 when nothing is said. */
static unsigned asked(const struct rules *r)
{
    unsigned set = 0;
    for (struct ask_list l = emu_ask_list(emu_ask_member(r->ask->config, "responseModalities"));
         emu_ask_next(&l);)
        for (size_t i = 0; i < sizeof modalities / sizeof *modalities; i++)
            if (dgm_str_eq_nocase(json_str(l.value), modalities[i].name))
                set |= modalities[i].medium;
    return set;
}

void emu_rule_modality_unsupported(struct rules *r)
{
    unsigned outputs = r->ask->model.family->outputs;
    if (!(asked(r) & ~outputs) || !(outputs & MEDIUM_TEXT))
        return; /* a model that cannot answer in text is emu_rule_modality_needed's */
    struct dgm_buf names;
    dgm_buf_init(&names, dgm_arena_source(r->arena), 64);
    for (size_t i = 0; i < sizeof modalities / sizeof *modalities; i++) {
        if (!(asked(r) & modalities[i].medium))
            continue;
        if (names.n != 0)
            dgm_buf_put_char(&names, ',');
        dgm_buf_put(&names, modalities[i].shown);
    }
    emu_rules_tell(r, HOLES(dgm_buf_str(&names)));
    r->nomem = r->nomem || names.rc == DGM_E_NOMEM;
    dgm_buf_dispose(&names);
}

void emu_rule_modality_needed(struct rules *r)
{
    unsigned outputs = r->ask->model.family->outputs;
    if (!(outputs & MEDIUM_TEXT) && asked(r) != outputs)
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

static const struct json_val *speech(const struct rules *r)
{
    return emu_ask_member(r->ask->config, "speechConfig");
}

void emu_rule_speech_without_audio(struct rules *r)
{
    if (speech(r) && !(asked(r) & MEDIUM_AUDIO))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_voices_twice(struct rules *r)
{
    if (emu_ask_member(speech(r), "voiceConfig") &&
        emu_ask_member(speech(r), "multiSpeakerVoiceConfig"))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_speakers_two(struct rules *r)
{
    const struct json_val *speakers = emu_ask_member(speech(r), "multiSpeakerVoiceConfig");
    size_t n = emu_ask_count(emu_ask_member(speakers, "speakerVoiceConfigs"));
    if (speakers && n != 2)
        emu_rules_tell(r, HOLES(emu_rules_number(r, n)));
}

static struct dgm_str image_member(const struct rules *r, struct dgm_str name)
{
    return json_str(emu_ask_get(emu_ask_member(r->ask->config, "imageConfig"), name));
}

void emu_rule_aspect_ratio_model(struct rules *r)
{
    if (image_member(r, DGM_STR("aspectRatio")).n != 0 &&
        !(r->ask->model.family->outputs & MEDIUM_IMAGE))
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_aspect_ratio_unknown(struct rules *r)
{
    struct dgm_str ratio = image_member(r, DGM_STR("aspectRatio"));
    if (ratio.n != 0 &&
        !ONE_OF(ratio, "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"))
        emu_rules_tell(r, HOLES(emu_rules_shown(ratio)));
}

void emu_rule_image_size_unknown(struct rules *r)
{
    struct dgm_str size = image_member(r, DGM_STR("imageSize"));
    if (size.n != 0 && !ONE_OF(size, "1K", "2K", "4K"))
        emu_rules_tell(r, HOLES(emu_rules_shown(size)));
}

/* ---- thinking ----------------------------------------------------------------------------------------- */

/* A level as its bit; LEVEL_NONE for none, the unspecified one and a number. */
static enum level read_level(struct dgm_str s)
{
    static const struct {
        struct dgm_str name;
        enum level level;
    } levels[] = {
        {DGM_STR("MINIMAL"), LEVEL_MINIMAL},
        {DGM_STR("LOW"), LEVEL_LOW},
        {DGM_STR("MEDIUM"), LEVEL_MEDIUM},
        {DGM_STR("HIGH"), LEVEL_HIGH},
    };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (dgm_str_eq_nocase(s, levels[i].name))
            return levels[i].level;
    return LEVEL_NONE;
}

void emu_rule_thinking_disabled(struct rules *r)
{
    if (r->ask->model.family->thinks == THINKS_NO && json_size(r->ask->thinking) != 0)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_thinking_twice(struct rules *r)
{
    if (emu_ask_member(r->ask->thinking, "thinkingLevel") &&
        emu_ask_member(r->ask->thinking, "thinkingBudget"))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_level_unsupported(struct rules *r)
{
    if (r->ask->model.family->thinks == THINKS_BUDGET &&
        emu_ask_member(r->ask->thinking, "thinkingLevel"))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_level_of_model(struct rules *r)
{
    struct dgm_str text = json_str(emu_ask_member(r->ask->thinking, "thinkingLevel"));
    enum level level = read_level(text);
    if (r->ask->model.family->thinks == THINKS_LEVEL && level != LEVEL_NONE &&
        !(r->ask->model.family->levels & level))
        emu_rules_tell(r, HOLES(text));
}

void emu_rule_budget_zero(struct rules *r)
{
    int64_t budget;
    if (emu_ask_int(emu_ask_member(r->ask->thinking, "thinkingBudget"), &budget) && budget == 0 &&
        !r->ask->model.family->can_stop_thinking)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_budget_range(struct rules *r)
{
    const struct family *f = r->ask->model.family;
    const struct json_val *v = emu_ask_member(r->ask->thinking, "thinkingBudget");
    int64_t budget;
    if (!emu_ask_int(v, &budget) || budget == -1 || budget == 0 || f->thinks == THINKS_NO)
        return; /* -1 is dynamic; 0 is emu_rule_budget_zero's */
    if (budget < f->budget_min || budget > f->budget_max)
        emu_rules_tell(r, HOLES(sent(v), emu_rules_number(r, (uint64_t)f->budget_min),
                                emu_rules_number(r, (uint64_t)f->budget_max)));
}

/* ---- size --------------------------------------------------------------------------------------------- */

void emu_rule_input_tokens(struct rules *r)
{
    uint32_t max = r->ask->model.family->input_tokens;
    if (r->prompt_tokens > max)
        emu_rules_tell(r, HOLES(emu_rules_number(r, r->prompt_tokens), emu_rules_number(r, max)));
}
