/* SPDX-License-Identifier: Apache-2.0 */
/* config_scenario.c - the scenario file: rules of scripted answers, read with line and column (scenario.def). */
#include "gateway/config_near.h"
#include "gateway/config_parse.h"

#include "base/str.h"
#include "emulate/responder.h"
#include "emulate/fault.h"
#include "emulate/scenario.h"
#include "json/write.h"

#define RULES_MAX 256
#define ANSWERS_MAX 256 /* of one rule */
#define COUNT_MAX 1000000000
#define PACE_MS_MAX 600000
#define ARGS_BYTES_MAX ((size_t)64 * 1024)
#define ARENA_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Whose key it is. */
enum place { IN_SCENARIO, IN_RULE, IN_WHEN, IN_CONDITION, IN_RESULT, IN_ANSWER, IN_CALL, IN_USAGE };

static const struct key {
    enum place place;
    struct dgm_str name;
} keys[] = {
#define KEY(place, name, value, about) {IN_##place, {name, sizeof name - 1}},
#include "gateway/scenario.def"
#undef KEY
};

/* ---- values ---- */

/* Tells the keys that do not exist. False: it is no mapping, which is told. */
static bool is_map(struct gw_parse *p, enum place place, const struct gw_node *map,
                   struct dgm_str what)
{
    if (map->kind != GW_NODE_MAP) {
        gw_problem(p, map, what, DGM_STR(": "), gw_node_quoted(p, map),
                   DGM_STR(" where a mapping is expected"));
        return false;
    }
    for (const struct gw_node *at = map->first; at; at = at->next) {
        struct dgm_str here[16];
        size_t n = 0, found = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys && n < 16; i++) {
            if (keys[i].place != place)
                continue;
            here[n++] = keys[i].name;
            found += dgm_str_eq(keys[i].name, at->name->text);
        }
        if (found != 0)
            continue;
        struct dgm_str near = gw_near(at->name->text, here, n);
        if (near.p)
            gw_problem(p, at->name, what, DGM_STR(": unknown key "), gw_node_quoted(p, at->name),
                       DGM_STR("; did you mean \""), near, DGM_STR("\"?"));
        else
            gw_problem(p, at->name, what, DGM_STR(": unknown key "), gw_node_quoted(p, at->name));
    }
    return true;
}

/* A list of 1 to `max`; what is none is told. */
static bool is_list(struct gw_parse *p, const struct gw_node *list, size_t max, struct dgm_str what)
{
    if (list->kind != GW_NODE_LIST || list->n == 0) {
        gw_problem(p, list, what, DGM_STR(": "), gw_node_quoted(p, list),
                   DGM_STR(" where a list with something in it is expected"));
        return false;
    }
    if (list->n > max) {
        gw_problem(p, list, what, DGM_STR(": too many entries"));
        return false;
    }
    return true;
}

static void read_text(struct gw_parse *p, const struct gw_node *map, struct dgm_str key,
                      struct dgm_str *to)
{
    const struct gw_node *node = gw_node_get(map, key);
    if (!node)
        return;
    if (node->kind != GW_NODE_SCALAR || node->null)
        gw_problem(p, node, key, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" where a text is expected"));
    else
        *to = gw_parse_keep(p, node->text);
}

static bool read_count(struct gw_parse *p, const struct gw_node *map, struct dgm_str key,
                       uint64_t min, uint64_t max, uint64_t *to)
{
    const struct gw_node *node = gw_node_get(map, key);
    uint64_t n;
    if (!node)
        return false;
    if (node->kind == GW_NODE_SCALAR && dgm_str_u64(node->text, &n) && n >= min && n <= max) {
        *to = n;
        return true;
    }
    struct dgm_buf range;
    dgm_buf_init(&range, dgm_arena_alloc(&p->scratch), 64);
    dgm_buf_put_int(&range, (int64_t)min);
    dgm_buf_put_lit(&range, " to ");
    dgm_buf_put_int(&range, (int64_t)max);
    gw_problem(p, node, key, DGM_STR(": "), gw_node_quoted(p, node),
               DGM_STR(" is no whole number of "), gw_parse_text(p, &range));
    return false;
}

/* The same for what is -1 when it is not told. */
static int64_t read_number(struct gw_parse *p, const struct gw_node *map, struct dgm_str key,
                           uint64_t max)
{
    uint64_t n;
    return read_count(p, map, key, 0, max, &n) ? (int64_t)n : -1;
}

/* ---- conditions ---- */

/* "contains", "exact" or "like" of a mapping: one of them, or none. */
static void read_how(struct gw_parse *p, const struct gw_node *map, struct scenario_text *to)
{
    static const struct {
        struct dgm_str key;
        enum scenario_how how;
    } hows[] = {{{"contains", 8}, SCENARIO_CONTAINS},
                {{"exact", 5}, SCENARIO_EXACT},
                {{"like", 4}, SCENARIO_LIKE}};
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
        const struct gw_node *node = gw_node_get(map, hows[i].key);
        if (!node)
            continue;
        if (to->how != SCENARIO_ANYTHING)
            gw_problem(p, node->name, DGM_STR("one of contains, exact and like is enough"));
        to->how = hows[i].how;
        read_text(p, map, hows[i].key, &to->text);
    }
}

static void read_condition(struct gw_parse *p, const struct gw_node *when, struct dgm_str key,
                           struct scenario_text *to)
{
    const struct gw_node *node = gw_node_get(when, key);
    if (!node)
        return;
    if (node->kind == GW_NODE_SCALAR) {
        to->how = SCENARIO_CONTAINS;
        read_text(p, when, key, &to->text);
        return;
    }
    if (!is_map(p, IN_CONDITION, node, key))
        return;
    read_how(p, node, to);
    if (to->how == SCENARIO_ANYTHING)
        gw_problem(p, node, key, DGM_STR(": expected contains, exact or like"));
}

static void read_result(struct gw_parse *p, const struct gw_node *when, struct scenario_rule *to)
{
    const struct gw_node *node = gw_node_get(when, DGM_STR("tool_result"));
    if (!node || !is_map(p, IN_RESULT, node, DGM_STR("tool_result")))
        return;
    read_how(p, node, &to->tool_result);
    to->tool_name.how = SCENARIO_LIKE;
    to->tool_name.text = DGM_STR("*"); /* of some result, whatever it is */
    if (!gw_node_get(node, DGM_STR("name")))
        return;
    to->tool_name.how = SCENARIO_EXACT;
    read_text(p, node, DGM_STR("name"), &to->tool_name.text);
}

static void read_when(struct gw_parse *p, const struct gw_node *when, struct scenario_rule *to)
{
    if (!is_map(p, IN_WHEN, when, DGM_STR("when")))
        return;
    if (gw_node_get(when, DGM_STR("model"))) {
        to->model.how = SCENARIO_LIKE;
        read_text(p, when, DGM_STR("model"), &to->model.text);
    }
    read_condition(p, when, DGM_STR("prompt"), &to->prompt);
    read_condition(p, when, DGM_STR("system"), &to->system);
    read_result(p, when, to);
    const struct gw_node *stream = gw_node_get(when, DGM_STR("stream"));
    if (stream) {
        bool yes = dgm_str_eq(stream->text, DGM_STR("true"));
        if (!yes && !dgm_str_eq(stream->text, DGM_STR("false")))
            gw_problem(p, stream, DGM_STR("stream: "), gw_node_quoted(p, stream),
                       DGM_STR(" is neither true nor false"));
        to->stream = yes;
    }
    read_count(p, when, DGM_STR("nth"), 1, COUNT_MAX, &to->nth);
}

/* ---- answers ---- */

/* YAML's plain scalars as JSON has them; the rest are texts. */
static void put_scalar(struct json_writer *w, const struct gw_node *node)
{
    double any;
    if (node->null)
        json_put_null(w);
    else if (node->plain &&
             (dgm_str_eq(node->text, DGM_STR("true")) || dgm_str_eq(node->text, DGM_STR("false"))))
        json_put_bool(w, node->text.n == 4);
    else if (node->plain && dgm_str_double(node->text, &any))
        json_put_raw(w, node->text); /* its own digits */
    else
        json_put_str(w, node->text);
}

/* Its depth is that of the file. */
static void put_node(struct json_writer *w, const struct gw_node *node)
{
    if (node->kind == GW_NODE_SCALAR) {
        put_scalar(w, node);
        return;
    }
    bool map = node->kind == GW_NODE_MAP;
    map ? json_open_obj(w) : json_open_arr(w);
    for (const struct gw_node *at = node->first; at; at = at->next) {
        if (map)
            json_put_key(w, at->name->text);
        put_node(w, at);
    }
    map ? json_close_obj(w) : json_close_arr(w);
}

/* The JSON text of an object, as somebody wrote it, made compact. */
static void put_json_text(struct gw_parse *p, struct json_writer *w, const struct gw_node *node)
{
    struct json_error error;
    const struct json_val *root = NULL;
    char *text = gw_parse_scratch(p, node->text.n + JSON_PADDING);
    if (!text)
        return;
    for (size_t i = 0; i < node->text.n; i++)
        text[i] = node->text.p[i];
    enum dgm_rc rc = json_parse(&p->scratch, text, node->text.n, JSON_DEPTH_MAX, &root, &error);
    p->no_memory |= rc == DGM_E_NOMEM;
    if (rc == DGM_OK && json_kind(root) == JSON_OBJ)
        json_put_val(w, root);
    else
        gw_problem(p, node, DGM_STR("args: "), gw_node_quoted(p, node),
                   DGM_STR(" is not the JSON text of an object"));
}

static void read_call(struct gw_parse *p, const struct gw_node *node, struct scenario_call *to)
{
    if (!is_map(p, IN_CALL, node, DGM_STR("calls")))
        return;
    read_text(p, node, DGM_STR("name"), &to->name);
    if (!gw_node_get(node, DGM_STR("name")))
        gw_problem(p, node, DGM_STR("calls: an entry without a name"));
    const struct gw_node *args = gw_node_get(node, DGM_STR("args"));
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(&p->scratch), ARGS_BYTES_MAX);
    struct json_writer w = json_writer(&out);
    if (!args || args->null)
        dgm_buf_put_lit(&out, "{}");
    else if (args->kind == GW_NODE_MAP)
        put_node(&w, args);
    else if (args->kind == GW_NODE_SCALAR)
        put_json_text(p, &w, args);
    else
        gw_problem(p, args, DGM_STR("args: a list where a mapping is expected"));
    if (args && out.rc == DGM_E_LIMIT)
        gw_problem(p, args, DGM_STR("args: more than 64 KiB"));
    to->args = gw_parse_keep(p, gw_parse_text(p, &out));
}

static void read_calls(struct gw_parse *p, const struct gw_node *node, struct scenario_answer *to)
{
    if (!node || !is_list(p, node, SCENARIO_CALLS_MAX, DGM_STR("calls")))
        return;
    struct scenario_call *calls = gw_parse_take(p, node->n * sizeof *calls);
    if (!calls)
        return;
    for (const struct gw_node *at = node->first; at; at = at->next)
        read_call(p, at, &calls[to->ncalls++]);
    to->calls = calls;
}

/* Names that the emulator would refuse are refused now; a reason may be one of another surface. */
static void check_names(struct gw_parse *p, const struct gw_node *map,
                        const struct scenario_answer *a)
{
    if (a->finish.p && !emu_finish_known(a->finish))
        gw_problem(p, gw_node_get(map, DGM_STR("finish")), DGM_STR("finish: "),
                   gw_node_quoted(p, gw_node_get(map, DGM_STR("finish"))),
                   DGM_STR(" is no finishReason; docs/EMULATOR.md lists them"));
    if (a->fault.p && !emu_faults_known(a->fault))
        gw_problem(p, gw_node_get(map, DGM_STR("fault")), DGM_STR("fault: there is no "),
                   gw_node_quoted(p, gw_node_get(map, DGM_STR("fault"))));
    if (!a->responder.p)
        return;
    enum dgm_rc rc = DGM_E_REFUSED;
    struct refusal refusal = {0};
    for (unsigned surface = NATIVE_V1; rc == DGM_E_REFUSED && surface <= NATIVE_G1; surface *= 2) {
        struct responder responder;
        rc = emu_responder_read(a->responder, (enum native_surface)surface, &p->scratch, &responder,
                                &refusal);
    }
    p->no_memory |= rc == DGM_E_NOMEM;
    if (rc == DGM_E_REFUSED)
        gw_problem(p, gw_node_get(map, DGM_STR("responder")), DGM_STR("responder: there is no "),
                   gw_node_quoted(p, gw_node_get(map, DGM_STR("responder"))));
}

static void read_answer(struct gw_parse *p, const struct gw_node *node, struct scenario_answer *to)
{
    *to = (struct scenario_answer){.prompt_tokens = -1,
                                   .candidates_tokens = -1,
                                   .thoughts_tokens = -1,
                                   .first_ms = -1,
                                   .piece_ms = -1};
    if (!is_map(p, IN_ANSWER, node, DGM_STR("answer")))
        return;
    if (node->n == 0)
        gw_problem(p, node, DGM_STR("answer: there is nothing in it"));
    read_text(p, node, DGM_STR("text"), &to->text);
    read_text(p, node, DGM_STR("thinking"), &to->thinking);
    read_text(p, node, DGM_STR("responder"), &to->responder);
    read_text(p, node, DGM_STR("fault"), &to->fault);
    read_calls(p, gw_node_get(node, DGM_STR("calls")), to);
    read_text(p, node, DGM_STR("finish"), &to->finish);
    to->first_ms = read_number(p, node, DGM_STR("first_ms"), PACE_MS_MAX);
    to->piece_ms = read_number(p, node, DGM_STR("piece_ms"), PACE_MS_MAX);
    const struct gw_node *usage = gw_node_get(node, DGM_STR("usage"));
    if (usage && is_map(p, IN_USAGE, usage, DGM_STR("usage"))) {
        to->prompt_tokens = read_number(p, usage, DGM_STR("prompt"), COUNT_MAX);
        to->candidates_tokens = read_number(p, usage, DGM_STR("candidates"), COUNT_MAX);
        to->thoughts_tokens = read_number(p, usage, DGM_STR("thoughts"), COUNT_MAX);
    }
    check_names(p, node, to);
    if (to->responder.p && emu_scenario_says(to))
        gw_problem(p, gw_node_get(node, DGM_STR("responder"))->name,
                   DGM_STR("responder: it does not stand beside text, calls, thinking, finish "
                           "and usage"));
}

static void read_answers(struct gw_parse *p, const struct gw_node *rule, struct scenario_rule *to)
{
    const struct gw_node *one = gw_node_get(rule, DGM_STR("answer")),
                         *many = gw_node_get(rule, DGM_STR("answers"));
    if (!one == !many) {
        gw_problem(p, rule, DGM_STR("a rule has an answer, or answers: one of the two"));
        return;
    }
    if (many && !is_list(p, many, ANSWERS_MAX, DGM_STR("answers")))
        return;
    size_t n = many ? many->n : 1;
    struct scenario_answer *answers = gw_parse_take(p, n * sizeof *answers);
    if (!answers)
        return;
    for (const struct gw_node *at = many ? many->first : one; at; at = many ? at->next : NULL)
        read_answer(p, at, &answers[to->nanswers++]);
    to->answers = answers;
    if (many && to->nth != 0)
        gw_problem(p, many->name, DGM_STR("answers: nth is one request, and has one answer"));
}

static void read_rule(struct gw_parse *p, const struct gw_node *node, size_t number,
                      struct scenario_rule *to)
{
    struct dgm_buf name;
    *to = (struct scenario_rule){.stream = -1};
    if (!is_map(p, IN_RULE, node, DGM_STR("rules")))
        return;
    dgm_buf_init(&name, dgm_arena_alloc(&p->scratch), 64);
    dgm_buf_put_lit(&name, "rule ");
    dgm_buf_put_int(&name, (int64_t)number);
    to->name = gw_parse_keep(p, gw_parse_text(p, &name));
    read_text(p, node, DGM_STR("name"), &to->name);
    const struct gw_node *when = gw_node_get(node, DGM_STR("when"));
    if (when)
        read_when(p, when, to);
    read_count(p, node, DGM_STR("times"), 1, COUNT_MAX, &to->times);
    read_answers(p, node, to);
}

/* ---- the file ---- */

static const struct emu_scenario *read_scenario(struct gw_parse *p, const struct gw_node *root)
{
    static const struct gw_node empty = {
        .kind = GW_NODE_SCALAR, .line = 1, .column = 1, .null = true};
    root = root ? root : &empty;
    if (!is_map(p, IN_SCENARIO, root, DGM_STR("a scenario")))
        return NULL;
    const struct gw_node *list = gw_node_get(root, DGM_STR("rules"));
    if (!list) {
        gw_problem(p, root, DGM_STR("a scenario: there are no \"rules\""));
        return NULL;
    }
    if (!is_list(p, list, RULES_MAX, DGM_STR("rules")))
        return NULL;
    struct emu_scenario *s = gw_parse_take(p, sizeof *s);
    struct scenario_rule *rules = gw_parse_take(p, list->n * sizeof *rules);
    if (!s || !rules)
        return NULL;
    for (const struct gw_node *at = list->first; at; at = at->next, s->nrules++)
        read_rule(p, at, s->nrules + 1, &rules[s->nrules]);
    s->rules = rules;
    return s;
}

enum dgm_rc gw_config_scenario(struct gw_config *c, struct dgm_str text, struct gw_problems *reterr)
{
    const struct gw_config_source source = {.alloc = c->_alloc, .file = text};
    struct gw_parse p = {.source = &source, .config = c, .verbatim = true};
    dgm_arena_init(&p.scratch, c->_alloc, ARENA_BYTES_MAX);
    const struct gw_node *root = gw_yaml_read(&p);
    const struct emu_scenario *s = NULL;
    if (!p.no_memory && p.problems.n == 0)
        s = read_scenario(&p, root);
    dgm_arena_dispose(&p.scratch);
    if (p.no_memory)
        return DGM_E_NOMEM;
    if (p.problems.n == 0) {
        c->emulator.script = s;
        return DGM_OK;
    }
    *reterr = p.problems;
    return DGM_E_REFUSED;
}
