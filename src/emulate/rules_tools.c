/* SPDX-License-Identifier: Apache-2.0 */
/* rules_tools.c - the checks of tools and toolConfig. */
#include "emulate/rules.h"

#include "base/str.h"

#define NAME_MAX_BYTES 64
#define FUNCTIONS_MAX 512 /* of a Tool object */
#define FUNCTIONS_DOCUMENTED 128

/* Of a Tool, the members that are a kind of tool; "mcpServers" and others that are no proto's are none. */
static const char *const kinds[] = {
    "functionDeclarations", "googleSearch",        "googleSearchRetrieval",
    "googleMaps",           "retrieval",           "codeExecution",
    "urlContext",           "enterpriseWebSearch", "parallelAiSearch",
    "exaAiSearch",          "computerUse",         "fileSearch",
};

static size_t kinds_of(const struct json_val *tool)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct json_val *v = emu_ask_get(tool, dgm_str_c(kinds[i]));
        n += v && (i != 0 || emu_ask_count(v) != 0); /* no declaration is no kind */
    }
    return n;
}

static bool has_kind(const struct ask *ask, struct dgm_str kind)
{
    for (struct ask_list t = emu_ask_list(ask->tools); emu_ask_next(&t);)
        if (emu_ask_get(t.value, kind))
            return true;
    return false;
}

static size_t functions(const struct ask *ask)
{
    size_t n = 0;
    for (struct ask_list t = emu_ask_list(ask->tools); emu_ask_next(&t);)
        n += emu_ask_count(emu_ask_member(t.value, "functionDeclarations"));
    return n;
}

static struct dgm_str name_of(const struct json_val *function)
{
    return json_str(emu_ask_member(function, "name"));
}

/* ---- declarations ------------------------------------------------------------------------------------- */

static bool is_function_name(struct dgm_str s, bool colons)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '.' || c == '-' || (c == ':' && colons);
        if (!letter && (i == 0 || !later))
            return false;
    }
    return s.n != 0 && s.n <= NAME_MAX_BYTES;
}

void emu_rule_function_name(struct rules *r)
{
    for (struct function_walk w = emu_rules_functions(r->ask); emu_rules_next_function(&w);)
        if (!is_function_name(name_of(w.function), !emu_ask_is_vertex(r->ask)))
            emu_rules_tell(r, HOLES(emu_rules_shown(name_of(w.function))));
}

void emu_rule_tools_with_json(struct rules *r)
{
    struct dgm_str type = json_str(emu_ask_member(r->ask->config, "responseMimeType"));
    if (dgm_str_eq(type, DGM_STR("application/json")) && functions(r->ask) != 0)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_functions_version(struct rules *r)
{
    if (r->ask->target.surface == NATIVE_G1 && functions(r->ask) != 0)
        emu_rules_tell(r, HOLES(emu_rules_shown(r->ask->target.model)));
}

/* Models that answer with more than text, and the first that saw, call nothing. */
void emu_rule_functions_disabled(struct rules *r)
{
    const struct family *f = r->ask->model.family;
    bool sees = r->ask->model.generation == 10 && f->inputs != MEDIUM_TEXT;
    if ((f->candidates == 1 && (sees || f->outputs != MEDIUM_TEXT)) && functions(r->ask) != 0)
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_functions_many(struct rules *r)
{
    for (struct ask_list t = emu_ask_list(r->ask->tools); emu_ask_next(&t);)
        if (emu_ask_count(emu_ask_member(t.value, "functionDeclarations")) > FUNCTIONS_MAX)
            emu_rules_tell(r, HOLES(emu_rules_number(r, t.index)));
}

void emu_rule_functions_documented(struct rules *r)
{
    if (functions(r->ask) > FUNCTIONS_DOCUMENTED)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_function_twice(struct rules *r)
{
    struct dgm_str names[FUNCTIONS_MAX]; /* more are functions_many's */
    size_t n = 0;
    for (struct function_walk w = emu_rules_functions(r->ask);
         emu_rules_next_function(&w) && n < FUNCTIONS_MAX;) {
        names[n] = name_of(w.function);
        for (size_t i = 0; i < n; i++)
            if (dgm_str_eq(names[i], names[n]))
                emu_rules_tell(r, HOLES(emu_rules_shown(names[n])));
        n++;
    }
}

void emu_rule_parameters_twice(struct rules *r)
{
    for (struct function_walk w = emu_rules_functions(r->ask); emu_rules_next_function(&w);)
        if (emu_ask_member(w.function, "parameters") &&
            emu_ask_member(w.function, "parametersJsonSchema"))
            emu_rules_tell(r, HOLES(name_of(w.function)));
}

void emu_rule_returns_twice(struct rules *r)
{
    for (struct function_walk w = emu_rules_functions(r->ask); emu_rules_next_function(&w);)
        if (emu_ask_member(w.function, "response") &&
            emu_ask_member(w.function, "responseJsonSchema"))
            emu_rules_tell(r, HOLES(name_of(w.function)));
}

void emu_rule_parameters_object(struct rules *r)
{
    for (struct function_walk w = emu_rules_functions(r->ask); emu_rules_next_function(&w);) {
        const struct json_val *type =
            emu_ask_member(emu_ask_member(w.function, "parameters"), "type");
        int64_t number;
        bool object = dgm_str_eq_nocase(json_str(type), DGM_STR("OBJECT")) ||
                      (json_int(type, &number) && number == 6);
        if (type && !object)
            emu_rules_tell(r, HOLES(name_of(w.function)));
    }
}

/* ---- kinds of tools ----------------------------------------------------------------------------------- */

void emu_rule_tool_empty(struct rules *r)
{
    for (struct ask_list t = emu_ask_list(r->ask->tools); emu_ask_next(&t);)
        if (kinds_of(t.value) == 0)
            emu_rules_tell(r, HOLES(emu_rules_number(r, t.index)));
}

static void check_kinds(struct rules *r)
{
    for (struct ask_list t = emu_ask_list(r->ask->tools); emu_ask_next(&t);)
        if (kinds_of(t.value) > 1)
            emu_rules_tell(r, HOLES(emu_rules_number(r, t.index)));
}

void emu_rule_tool_kinds(struct rules *r)
{
    check_kinds(r);
}

void emu_rule_tool_kinds_together(struct rules *r)
{
    check_kinds(r);
}

/* Whether there are functions, and tools of Google's own beside them. */
static bool is_mixed(const struct ask *ask)
{
    bool others = false;
    for (size_t i = 1; i < sizeof kinds / sizeof *kinds; i++)
        others = others || has_kind(ask, dgm_str_c(kinds[i]));
    return others && functions(ask) != 0;
}

void emu_rule_tools_mixed(struct rules *r)
{
    if (is_mixed(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_tools_combined(struct rules *r)
{
    if (is_mixed(r->ask) && !emu_ask_circulates(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_tools_circulated_old(struct rules *r)
{
    if (emu_ask_circulates(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_search_retrieval_new(struct rules *r)
{
    if (has_kind(r->ask, DGM_STR("googleSearchRetrieval")))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_search_old(struct rules *r)
{
    if (has_kind(r->ask, DGM_STR("googleSearch")))
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

void emu_rule_url_context_old(struct rules *r)
{
    if (has_kind(r->ask, DGM_STR("urlContext")))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_code_execution_old(struct rules *r)
{
    if (has_kind(r->ask, DGM_STR("codeExecution")))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_computer_use_old(struct rules *r)
{
    if (has_kind(r->ask, DGM_STR("computerUse")))
        emu_rules_tell(r, HOLES({0}));
}

/* ---- toolConfig --------------------------------------------------------------------------------------- */

static const struct json_val *calling(const struct ask *ask)
{
    return emu_ask_member(emu_ask_member(ask->root, "toolConfig"), "functionCallingConfig");
}

/* With a cache the declarations stand there; that is cached_conflict's. */
void emu_rule_calling_config_alone(struct rules *r)
{
    if (json_size(calling(r->ask)) != 0 && functions(r->ask) == 0 &&
        !emu_ask_member(r->ask->root, "cachedContent"))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_allowed_names_mode(struct rules *r)
{
    const struct json_val *mode = emu_ask_member(calling(r->ask), "mode");
    bool fits = dgm_str_eq_nocase(json_str(mode), DGM_STR("ANY")) ||
                dgm_str_eq_nocase(json_str(mode), DGM_STR("VALIDATED")) ||
                json_kind(mode) == JSON_NUM; /* an enum as its number */
    if (emu_ask_count(emu_ask_member(calling(r->ask), "allowedFunctionNames")) != 0 && !fits)
        emu_rules_tell(r, HOLES({0}));
}

static bool is_declared(const struct ask *ask, struct dgm_str name)
{
    for (struct function_walk w = emu_rules_functions(ask); emu_rules_next_function(&w);)
        if (dgm_str_eq(name_of(w.function), name))
            return true;
    return false;
}

void emu_rule_allowed_names_known(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(emu_ask_member(calling(r->ask), "allowedFunctionNames"));
         emu_ask_next(&l);) {
        if (is_declared(r->ask, json_str(l.value)))
            continue;
        emu_rules_tell(r, HOLES(emu_rules_shown(json_str(l.value))));
        return;
    }
}

static bool streams_args(const struct ask *ask)
{
    return json_bool(emu_ask_member(calling(ask), "streamFunctionCallArguments"), false);
}

void emu_rule_stream_args_old(struct rules *r)
{
    if (streams_args(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_stream_args_whole(struct rules *r)
{
    if (streams_args(r->ask) && r->ask->target.verb != TARGET_STREAM)
        emu_rules_tell(r, HOLES({0}));
}

/* A history may be longer than what it calls; only requests that declare something are looked at. */
void emu_rule_call_undeclared(struct rules *r)
{
    size_t n = functions(r->ask), looked = 0;
    if (n == 0)
        return;
    for (struct part_walk w = emu_rules_parts(r, HOLDS_CALL);
         emu_rules_next_part(&w) && looked < FUNCTIONS_MAX;) {
        const struct json_val *call = emu_ask_member(w.part, "functionCall");
        if (!call)
            continue;
        looked++;
        if (!is_declared(r->ask, name_of(call)))
            emu_rules_tell(r, HOLES(emu_rules_shown(name_of(call))));
    }
}
