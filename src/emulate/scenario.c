/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.c - which rule of a scenario answers a request. */
#include "emulate/scenario.h"

#include "base/str.h"
#include "json/write.h"

/* ---- texts ---- */

static bool fits(const struct scenario_text *wanted, struct dgm_str text)
{
    switch (wanted->how) {
    case SCENARIO_CONTAINS:
        return dgm_str_has_nocase(text, wanted->text);
    case SCENARIO_EXACT:
        return dgm_str_eq(text, wanted->text);
    case SCENARIO_LIKE:
        return dgm_str_like(wanted->text, text, true);
    default:
        return true;
    }
}

/* ---- requests ---- */

/* One request, with what was made of it for the rules that look at it. */
struct sight {
    const struct ask *ask;
    const struct prompt *prompt;
    struct dgm_arena *scratch;
    struct dgm_str results[PROMPT_RESULTS_MAX]; /* JSON texts; absent: not made yet */
    bool nomem;
};

static struct dgm_str result_text(struct sight *s, size_t index)
{
    if (!s->results[index].p) {
        struct dgm_buf out;
        dgm_buf_init(&out, dgm_arena_alloc(s->scratch), SIZE_MAX);
        struct json_writer w = json_writer(&out);
        json_put_val(&w, s->prompt->results[index].response);
        s->nomem = s->nomem || out.rc != DGM_OK;
        s->results[index] = out.rc == DGM_OK ? dgm_buf_str(&out) : DGM_STR("");
    }
    return s->results[index];
}

static bool fits_a_result(struct sight *s, const struct scenario_rule *rule)
{
    if (rule->tool_name.how == SCENARIO_ANYTHING && rule->tool_result.how == SCENARIO_ANYTHING)
        return true;
    for (size_t i = 0; i < s->prompt->nresults && i < PROMPT_RESULTS_MAX; i++)
        if (fits(&rule->tool_name, s->prompt->results[i].name) &&
            (rule->tool_result.how == SCENARIO_ANYTHING ||
             fits(&rule->tool_result, result_text(s, i))))
            return true;
    return false;
}

static bool fits_request(struct sight *s, const struct scenario_rule *rule)
{
    bool stream = s->ask->target.verb == TARGET_STREAM;
    return (rule->stream < 0 || stream == (rule->stream == 1)) &&
           fits(&rule->model, s->ask->target.model) && fits(&rule->prompt, s->prompt->text) &&
           fits(&rule->system, s->prompt->system) && fits_a_result(s, rule);
}

bool emu_scenario_says(const struct scenario_answer *a)
{
    return a->text.p || a->thinking.p || a->ncalls != 0 || a->finish.p || a->prompt_tokens >= 0 ||
           a->candidates_tokens >= 0 || a->thoughts_tokens >= 0;
}

enum dgm_rc emu_scenario_find(const struct emu_scenario *scenario, const struct ask *ask,
                              const struct prompt *prompt, const struct emu_counter *counter,
                              struct dgm_arena *scratch, struct scenario_found *ret)
{
    struct sight s = {.ask = ask, .prompt = prompt, .scratch = scratch};
    *ret = (struct scenario_found){0};
    for (size_t i = 0; i < scenario->nrules; i++) {
        const struct scenario_rule *rule = scenario->rules + i;
        bool fit = fits_request(&s, rule);
        if (s.nomem)
            return DGM_E_NOMEM;
        if (!fit)
            continue;
        uint64_t before = counter->next ? counter->next(counter->ctx, i) : 0;
        if (rule->nth != 0 ? before + 1 != rule->nth : rule->times != 0 && before >= rule->times)
            continue;
        size_t turn = rule->nth != 0                ? 0
                      : before < rule->nanswers - 1 ? (size_t)before
                                                    : rule->nanswers - 1;
        *ret = (struct scenario_found){rule, rule->answers + turn, before};
        return DGM_OK;
    }
    return DGM_OK;
}
