/* SPDX-License-Identifier: Apache-2.0 */
/* thinking.c - how much to think: reasoning_effort, Google's own thinking_config, and the room it takes. */
#include "translate/google.h"

#include "base/str.h"
#include "translate/tries.h"

#define EFFORT DGM_STR("reasoning_effort")
#define CONFIG_MEMBER DGM_STR("thinking_config")
#define LEVEL DGM_STR("thinking_level")
#define BUDGET DGM_STR("thinking_budget")

/* What thinking_config says, checked and kept in what the model takes. */
struct plan {
    struct google_place place;
    const struct json_val *config; /* NULL: there is none */
    struct dgm_str level;          /* absent: none */
    bool budget_said;
    int64_t budget;
};

static int64_t number(const char *json)
{
    int64_t i = 0;
    return dgm_str_i64(dgm_str_c(json), &i) ? i : 0;
}

static bool takes_levels(const struct thinking *t)
{
    return t->value[EFFORT_HIGH][0] == '"';
}

static struct plan read_plan(const struct dgm_request *r)
{
    struct plan p = {0};
    p.config = google_config(r, DGM_STR("thinkingConfig"), &p.place);
    const struct json_val *level = google_get(p.config, LEVEL);
    enum effort any;
    if (model_effort(json_str(level), &any)) /* the word for "unspecified" is none */
        p.level = json_str(level);
    p.budget_said = json_int(google_get(p.config, BUDGET), &p.budget);
    return p;
}

/* ---- the room ---- */

static int64_t clamp(const struct thinking *t, int64_t budget)
{
    return budget < t->min ? t->min : budget > t->max ? t->max : budget;
}

/* A level is a wish and no bound: thoughts may take all that the model lets them. */
static int64_t room_of(const struct thinking *t, enum effort effort)
{
    return takes_levels(t) ? t->max : number(t->value[effort]);
}

int64_t chat_thinking_room(const struct dgm_request *r)
{
    const struct thinking *t = r->model.thinking;
    enum effort effort;
    if (!t)
        return 0;
    if (!r->google_said && !r->field[CHAT_REASONING_EFFORT])
        return t->standard;
    struct plan p = read_plan(r);
    if (model_effort(json_str(r->field[CHAT_REASONING_EFFORT]), &effort) ||
        model_effort(p.level, &effort))
        return room_of(t, effort);
    if (!p.budget_said)
        return t->standard;
    if (p.budget == 0)
        return room_of(t, EFFORT_NONE);
    return p.budget < 0 ? t->max : clamp(t, p.budget);
}

/* ---- putting ---- */

/* `member` is what the client said it by. */
static void put_value(struct dgm_request *r, struct json_writer *w, const struct thinking *t,
                      enum effort effort, struct dgm_str member)
{
    struct dgm_str value = dgm_str_c(t->value[effort]);
    const struct json_val *v =
        r->tries ? tries_value(r, takes_levels(t) ? LEVEL : BUDGET, member, chat_parse(r, value))
                 : NULL;
    if (r->tries && !v)
        return;
    json_put_key(w, dgm_str_c(t->member));
    if (v)
        json_put_val(w, v);
    else
        json_put_raw(w, value);
}

static void warn_of_least(struct dgm_request *r, const struct thinking *t, struct dgm_str member)
{
    if (!model_can_rest(t))
        chat_warn(r, member, DGM_STR("thinking cannot be switched off; the least was asked for"));
}

static void put_effort(struct dgm_request *r, struct json_writer *w, const struct thinking *t)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, EFFORT);
    enum effort effort;
    if (!model_effort(json_str(r->field[CHAT_REASONING_EFFORT]), &effort)) {
        chat_refuse(r, DGM_ERR_VALUE, place,
                    " must be one of none, minimal, low, medium, high, xhigh and max.");
        return;
    }
    if (!t) {
        chat_ignore(r, place);
        return;
    }
    if (!tries_value(r, CONFIG_MEMBER, EFFORT, r->field[CHAT_REASONING_EFFORT]))
        return;
    if (effort == EFFORT_NONE)
        warn_of_least(r, t, EFFORT);
    json_put_name(w, "thinkingConfig");
    json_open_obj(w);
    put_value(r, w, t, effort, EFFORT);
    json_close_obj(w);
}

/* A level for a model that takes budgets, or lacks that level, becomes what the same effort would. */
static void put_level(struct dgm_request *r, struct json_writer *w, const struct thinking *t,
                      struct dgm_str level)
{
    enum effort effort = EFFORT_NONE;
    model_effort(level, &effort);
    put_value(r, w, t, effort, LEVEL);
    struct dgm_str value = dgm_str_c(t->value[effort]);
    if (takes_levels(t) &&
        dgm_str_eq_nocase(level, dgm_str_head(dgm_str_skip(value, 1), value.n - 2)))
        return;
    struct dgm_str pieces[4] = {DGM_STR("thinking_level: "), r->model.name,
                                DGM_STR(" does not take it; it got "), value};
    chat_note(r, DGM_NOTE_WARNING, pieces);
}

static void put_budget(struct dgm_request *r, struct json_writer *w, const struct thinking *t,
                       int64_t budget)
{
    if (budget == 0) {
        warn_of_least(r, t, BUDGET);
        put_value(r, w, t, EFFORT_NONE, BUDGET);
        return;
    }
    int64_t kept = budget < 0 ? budget : clamp(t, budget);
    if (kept != budget)
        chat_warn(r, BUDGET, DGM_STR("it was brought into the model's range"));
    json_member_int(w, "thinkingBudget", kept);
}

/* `t` is NULL for a model whose name does not tell: it gets what was said. */
static void put_config(struct dgm_request *r, struct json_writer *w, const struct thinking *t,
                       const struct plan *p)
{
    const struct json_val *include = google_get(p->config, DGM_STR("include_thoughts"));
    if (!t && r->model.generation) {
        chat_ignore(r, &p->place.member);
        return;
    }
    json_put_name(w, "thinkingConfig");
    json_open_obj(w);
    if (include)
        json_member_val(w, "includeThoughts", include);
    if (p->budget_said && t)
        put_budget(r, w, t, p->budget);
    else if (p->budget_said)
        json_member_int(w, "thinkingBudget", p->budget);
    if (p->level.p && t) {
        put_level(r, w, t, p->level);
    } else if (p->level.p) {
        enum effort effort = EFFORT_HIGH;
        static const char *const words[EFFORTS] = {"", "MINIMAL", "LOW", "MEDIUM", "HIGH"};
        model_effort(p->level, &effort);
        json_member_str(w, "thinkingLevel", dgm_str_c(words[effort]));
    }
    json_close_obj(w);
}

/* What the model refused before is not said again. */
static void heed_tries(struct dgm_request *r, struct plan *p)
{
    const struct json_val *budget = google_get(p->config, BUDGET);
    if (!r->tries)
        return;
    if (p->config)
        p->config = tries_value(r, CONFIG_MEMBER, CONFIG_MEMBER, p->config);
    if (!p->config)
        return;
    if (p->level.p && !tries_value(r, LEVEL, LEVEL, google_get(p->config, LEVEL)))
        p->level = (struct dgm_str){0};
    if (p->budget_said)
        p->budget_said = json_int(tries_value(r, BUDGET, BUDGET, budget), &p->budget);
}

void chat_put_thinking(struct dgm_request *r, struct json_writer *w)
{
    if (!r->google_said && !r->field[CHAT_REASONING_EFFORT])
        return;
    const struct thinking *t = r->model.thinking;
    struct plan p = read_plan(r);
    if (p.config && r->field[CHAT_REASONING_EFFORT])
        chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(NULL, EFFORT),
                    " cannot be sent with thinking_config: both say how much to think.");
    else if (p.budget_said && p.level.p)
        chat_refuse(r, DGM_ERR_VALUE, &p.place.member,
                    " cannot have both thinking_level and thinking_budget.");
    else if (r->field[CHAT_REASONING_EFFORT])
        put_effort(r, w, t);
    else
        heed_tries(r, &p);
    if (r->rc == DGM_OK && !r->field[CHAT_REASONING_EFFORT] && p.config)
        put_config(r, w, t, &p);
}
