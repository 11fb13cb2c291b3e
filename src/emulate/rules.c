/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - the table of rules.def applied, and the checks of generationConfig. */
#include "emulate/rules.h"

#include "base/str.h"

#include <string.h>

static const struct rule rules[] = {
#define RULE(id, certainty, source, vertex, gemini)                                                \
    {#id, CERTAINTY_##certainty, source, vertex, gemini, emu_rule_##id},
#include "emulate/rules.def"
#undef RULE
};

#define TEXT_MAX_BYTES ((size_t)256 << 10)
#define LINES_MAX_BYTES ((size_t)16 << 10) /* of a list; a body can break a rule a million times */

const struct rule *emu_rules_at(size_t index)
{
    return index < sizeof rules / sizeof *rules ? rules + index : NULL;
}

static const char *text_of(const struct rules *r)
{
    return emu_ask_is_vertex(r->ask) ? r->row->vertex : r->row->gemini;
}

static bool is_line(const char *text)
{
    return strncmp(text, "* ", 2) == 0;
}

void emu_rules_refuse(struct rules *r, const struct dgm_str holes[RULE_HOLES])
{
    const char *text = text_of(r);
    if (!text || (r->_refused && !is_line(text)) || r->_message.n > LINES_MAX_BYTES)
        return;
    r->_refused = true;
    struct dgm_str rest = dgm_str_c(text), before;
    while (dgm_str_split(&rest, '{', &before)) {
        dgm_buf_put(&r->_message, before);
        if (!rest.p)
            break;
        size_t hole = (size_t)(rest.p[0] - '0');
        if (hole < RULE_HOLES)
            dgm_buf_put(&r->_message, holes[hole]);
        rest = dgm_str_skip(rest, 2); /* the digit and the brace behind it */
    }
}

struct dgm_str emu_rules_number(struct rules *r, uint64_t n)
{
    char *end = r->_numbers[r->_number++ % RULE_HOLES] + sizeof *r->_numbers, *at = end;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (struct dgm_str){at, (size_t)(end - at)};
}

enum dgm_rc emu_rules_check(const struct ask *ask, uint64_t prompt_tokens, struct dgm_arena *arena,
                            struct refusal *reterr)
{
    struct rules r = {.ask = ask, .prompt_tokens = prompt_tokens};
    dgm_buf_init(&r._message, dgm_arena_source(arena), TEXT_MAX_BYTES);
    for (r.row = rules; r.row < rules + sizeof rules / sizeof *rules; r.row++) {
        const char *text = text_of(&r);
        if (text && !(r._refused && !is_line(text)))
            r.row->check(&r);
    }
    struct dgm_str message = {0};
    if (r._refused)
        message = dgm_arena_copy(arena, dgm_buf_str(&r._message));
    bool nomem = r._message.rc == DGM_E_NOMEM || (r._refused && !message.p);
    dgm_buf_dispose(&r._message);

    if (nomem)
        return DGM_E_NOMEM;
    if (!r._refused)
        return DGM_OK;
    *reterr = (struct refusal){.status = 400, .message = message};
    return DGM_E_REFUSED;
}

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
        emu_rules_refuse(r, HOLES(sent(v), from, below));
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
        emu_rules_refuse(r, HOLES(sent(v), DGM_STR("1"), emu_rules_number(r, (uint64_t)max + 1),
                                  emu_rules_number(r, max)));
}

void emu_rule_stop_sequences_count(struct rules *r)
{
    size_t n = emu_ask_count(emu_ask_member(r->ask->config, "stopSequences"));
    if (n > 5)
        emu_rules_refuse(r, HOLES(emu_rules_number(r, n), DGM_STR("1"), DGM_STR("6")));
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
        emu_rules_refuse(r, HOLES(sent(v)));
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
        emu_rules_refuse(r, HOLES(r->ask->model.name));
}

void emu_rule_logprobs_alone(struct rules *r)
{
    if (emu_ask_member(r->ask->config, "logprobs") &&
        !json_bool(emu_ask_member(r->ask->config, "responseLogprobs"), false))
        emu_rules_refuse(r, HOLES({0}));
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
    emu_rules_refuse(r, HOLES(dgm_str_head(type, 100)));
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
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_schema_without_json(struct rules *r)
{
    struct dgm_str type = mime_type(r);
    bool fits =
        dgm_str_eq(type, DGM_STR("application/json")) || dgm_str_eq(type, DGM_STR("text/x.enum"));
    if ((emu_ask_member(r->ask->config, "responseSchema") || json_schema(r)) && !fits)
        emu_rules_refuse(r, HOLES({0}));
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
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_thinking_twice(struct rules *r)
{
    if (emu_ask_member(r->ask->thinking, "thinkingLevel") &&
        emu_ask_member(r->ask->thinking, "thinkingBudget"))
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_level_unsupported(struct rules *r)
{
    if (r->ask->model.family->thinks == THINKS_BUDGET &&
        emu_ask_member(r->ask->thinking, "thinkingLevel"))
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_level_of_model(struct rules *r)
{
    struct dgm_str text = json_str(emu_ask_member(r->ask->thinking, "thinkingLevel"));
    enum level level = read_level(text);
    if (r->ask->model.family->thinks == THINKS_LEVEL && level != LEVEL_NONE &&
        !(r->ask->model.family->levels & level))
        emu_rules_refuse(r, HOLES(text));
}

void emu_rule_budget_zero(struct rules *r)
{
    int64_t budget;
    if (emu_ask_int(emu_ask_member(r->ask->thinking, "thinkingBudget"), &budget) && budget == 0 &&
        !r->ask->model.family->can_stop_thinking)
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_budget_range(struct rules *r)
{
    const struct family *f = r->ask->model.family;
    const struct json_val *v = emu_ask_member(r->ask->thinking, "thinkingBudget");
    int64_t budget;
    if (!emu_ask_int(v, &budget) || budget == -1 || budget == 0 || f->thinks == THINKS_NO)
        return; /* -1 is dynamic; 0 is emu_rule_budget_zero's */
    if (budget < f->budget_min || budget > f->budget_max)
        emu_rules_refuse(r, HOLES(sent(v), emu_rules_number(r, (uint64_t)f->budget_min),
                                  emu_rules_number(r, (uint64_t)f->budget_max)));
}

/* ---- size --------------------------------------------------------------------------------------------- */

void emu_rule_input_tokens(struct rules *r)
{
    uint32_t max = r->ask->model.family->input_tokens;
    if (r->prompt_tokens > max)
        emu_rules_refuse(r, HOLES(emu_rules_number(r, r->prompt_tokens), emu_rules_number(r, max)));
}
