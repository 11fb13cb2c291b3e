/* SPDX-License-Identifier: Apache-2.0 */
/* tools.c - the tools of a request, read: functions, Google's own, and the choice among them. */
#include "translate/prefix.h"
#include "translate/schema.h"
#include "translate/tools.h"

#include "base/str.h"

#define DECLARATIONS_DOCUMENTED 128 /* of a Tool object (google.md 2.4) */
#define DECLARATIONS_MAX 512 /* what the service was seen to refuse more of (gemini-cli#19083) */

#define P_TOOLS CHAT_MEMBER(NULL, DGM_STR("tools"))
#define P_FUNCTIONS CHAT_MEMBER(NULL, DGM_STR("functions"))
#define P_CHOICE CHAT_MEMBER(NULL, DGM_STR("tool_choice"))
#define P_FUNCTION_CALL CHAT_MEMBER(NULL, DGM_STR("function_call"))
#define P_SEARCH CHAT_MEMBER(NULL, DGM_STR("web_search_options"))
#define P_PARALLEL CHAT_MEMBER(NULL, DGM_STR("parallel_tool_calls"))

static const struct {
    struct dgm_str name;
    unsigned accepts;
    enum field_fate fate;
} tool_members[] = {
#define TOOL_MEMBER(name, accepts, fate) {{name, sizeof name - 1}, accepts, fate},
#include "translate/tool_members.def"
#undef TOOL_MEMBER
};

static const struct {
    struct dgm_str word;
    enum tools_mode mode;
} tool_choices[] = {
#define TOOL_CHOICE(word, mode) {{word, sizeof word - 1}, MODE_##mode},
#include "translate/tool_choices.def"
#undef TOOL_CHOICE
};

/* ---- functions ---- */

static void read_member(struct dgm_request *r, const struct json_iter *it,
                        const struct chat_place *place)
{
    if (json_kind(it->value) == JSON_NULL || prefix_is_mark(r, it->name, it->value))
        return;
    for (size_t i = 0; i < sizeof tool_members / sizeof *tool_members; i++) {
        if (!dgm_str_eq(it->name, tool_members[i].name))
            continue;
        if (chat_expect(r, it->value, tool_members[i].accepts, place) &&
            tool_members[i].fate == IGNORE && json_bool(it->value, false))
            chat_ignore(r, place);
        return;
    }
    chat_ignore(r, place);
}

static void add_function(struct dgm_request *r, const struct json_val *function,
                         const struct chat_place *place, struct tool tool)
{
    struct dgm_str name;
    if (!function || json_kind(function) == JSON_NULL) {
        chat_missing(r, place);
        return;
    }
    if (!chat_expect(r, function, J_OBJ, place) ||
        !chat_need_str(r, function, CHAT_MEMBER(place, DGM_STR("name")), &name))
        return;
    if (!names_returnable(name)) {
        chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(place, DGM_STR("name")),
                    " must be no longer than 256 bytes and without control characters.");
        return;
    }
    struct json_iter it = json_iter(function);
    while (tool.source != FROM_GOOGLE && json_next(&it))
        read_member(r, &it, CHAT_MEMBER(place, it.name));
    prefix_mark_head(r, function);
    tool.function = function;
    r->tools->functions[r->tools->functions_n++] = tool;
}

static void read_tool(struct dgm_request *r, const struct json_val *tool, size_t index)
{
    const struct chat_place *place = CHAT_ELEMENT(P_TOOLS, index);
    const struct chat_place *type_place = CHAT_MEMBER(place, DGM_STR("type"));
    const struct json_val *function = json_get(tool, DGM_STR("function"));
    struct dgm_str type = DGM_STR("function");
    if (!chat_expect(r, tool, J_OBJ, place))
        return;
    /* Some clients leave out what could be nothing else. */
    if ((json_get(tool, DGM_STR("type")) || !function) &&
        !chat_need_str(r, tool, type_place, &type))
        return;
    if (dgm_str_eq(type, DGM_STR("custom"))) {
        chat_refuse(r, DGM_ERR_VALUE, type_place,
                    " is \"custom\"; Gemini calls with JSON arguments alone: declare a ",
                    "\"function\" with one string instead.");
        return;
    }
    if (!dgm_str_eq(type, DGM_STR("function"))) {
        chat_refuse(r, DGM_ERR_VALUE, type_place,
                    " must be \"function\"; Google's own tools go into extra_body.google.tools.");
        return;
    }
    chat_ignore_but(r, tool, place, "type", "function", prefix_known(r, tool));
    prefix_mark_head(r, tool);
    add_function(r, function, CHAT_MEMBER(place, DGM_STR("function")),
                 (struct tool){.source = FROM_TOOLS, .index = index});
}

void tools_add_declaration(struct dgm_request *r, const struct json_val *declaration,
                           const struct chat_place *place, size_t index, size_t inner)
{
    add_function(r, declaration, place,
                 (struct tool){.source = FROM_GOOGLE, .index = index, .inner = inner});
}

static void read_functions(struct dgm_request *r)
{
    struct chat_tools *t = r->tools;
    const struct json_val *tools = r->field[CHAT_TOOLS], *functions = r->field[CHAT_FUNCTIONS];
    t->legacy = functions && json_size(tools) == 0;
    if (functions && !t->legacy)
        chat_ignore(r, P_FUNCTIONS);
    struct json_iter it = json_iter(tools);
    while (r->rc == DGM_OK && json_next(&it))
        read_tool(r, it.value, it.index);
    it = json_iter(t->legacy ? functions : NULL);
    while (r->rc == DGM_OK && json_next(&it))
        add_function(r, it.value, CHAT_ELEMENT(P_FUNCTIONS, it.index),
                     (struct tool){.source = FROM_FUNCTIONS, .index = it.index});
}

/* Legal names first: they must stay as they are, whatever the hash of another one reads like. */
static void enter_names(struct dgm_request *r)
{
    struct chat_tools *t = r->tools;
    for (unsigned legal = 2; legal-- != 0;) {
        for (size_t i = 0; r->rc == DGM_OK && i < t->functions_n; i++) {
            struct dgm_str name = json_get_str(t->functions[i].function, DGM_STR("name"));
            if (names_legal(name) != (legal == 1))
                continue;
            t->functions[i].name = names_enter(r, name);
            if (!t->functions[i].name)
                return;
            if (t->functions[i].name->declared)
                chat_note(r, DGM_NOTE_WARNING,
                          (struct dgm_str[4]){DGM_STR("tools: "), name,
                                              DGM_STR(" is declared twice; the last counts")});
            t->declared_n += t->functions[i].name->declared == 0;
            t->functions[i].name->declared = i + 1;
        }
    }
    if (t->declared_n > DECLARATIONS_MAX)
        chat_refuse(r, DGM_ERR_RANGE, t->legacy ? P_FUNCTIONS : P_TOOLS,
                    " may declare 512 functions at most: Gemini takes no more.");
    else if (t->declared_n > DECLARATIONS_DOCUMENTED)
        chat_note(r, DGM_NOTE_WARNING,
                  (struct dgm_str[4]){DGM_STR("tools: Google documents 128 functions at most")});
}

/* ---- the choice ---- */

/* Marks the function of a choice; refuses a name that no tool has. */
static void choose(struct dgm_request *r, const struct json_val *named,
                   const struct chat_place *member, const struct chat_place *choice)
{
    struct dgm_str name;
    if (!chat_need_str(r, named, member, &name))
        return;
    chat_ignore_but(r, named, member->in, "name");
    struct chat_name *known = names_find(r, name);
    if (known && known->declared)
        known->chosen = true;
    else
        chat_refuse(r, DGM_ERR_VALUE, choice, " names a function that is not declared.");
}

static void choose_function(struct dgm_request *r, const struct json_val *tool,
                            const struct chat_place *place)
{
    const struct chat_place *at = CHAT_MEMBER(place, DGM_STR("function"));
    const struct json_val *function = json_get(tool, at->member);
    chat_ignore_but(r, tool, place, "type", "function");
    if (!function || json_kind(function) == JSON_NULL)
        chat_missing(r, at);
    else if (chat_expect(r, function, J_OBJ, at))
        choose(r, function, CHAT_MEMBER(at, DGM_STR("name")), P_CHOICE);
}

static void read_allowed(struct dgm_request *r, const struct json_val *choice)
{
    const struct chat_place *place = CHAT_MEMBER(P_CHOICE, DGM_STR("allowed_tools"));
    const struct chat_place *mode_place = CHAT_MEMBER(place, DGM_STR("mode"));
    const struct chat_place *tools_place = CHAT_MEMBER(place, DGM_STR("tools"));
    const struct json_val *allowed = json_get(choice, place->member);
    const struct json_val *tools = json_get(allowed, tools_place->member);
    struct dgm_str mode;
    if (!allowed || json_kind(allowed) == JSON_NULL) {
        chat_missing(r, place);
        return;
    }
    if (!chat_expect(r, allowed, J_OBJ, place) || !chat_need_str(r, allowed, mode_place, &mode))
        return;
    bool required = dgm_str_eq(mode, DGM_STR("required"));
    if (!required && !dgm_str_eq(mode, DGM_STR("auto"))) {
        chat_refuse(r, DGM_ERR_VALUE, mode_place, " must be auto or required.");
        return;
    }
    if (json_size(tools) == 0) {
        chat_refuse(r, DGM_ERR_VALUE, tools_place, " must name at least one tool.");
        return;
    }
    chat_ignore_but(r, choice, P_CHOICE, "type", "allowed_tools");
    chat_ignore_but(r, allowed, place, "mode", "tools");
    r->tools->mode = required ? MODE_ANY : MODE_AUTO;
    r->tools->chosen_only = true;
    struct json_iter it = json_iter(tools);
    while (r->rc == DGM_OK && json_next(&it))
        if (chat_expect(r, it.value, J_OBJ, CHAT_ELEMENT(tools_place, it.index)))
            choose_function(r, it.value, CHAT_ELEMENT(tools_place, it.index));
}

static void read_word(struct dgm_request *r, struct dgm_str word, const struct chat_place *place)
{
    for (size_t i = 0; i < sizeof tool_choices / sizeof *tool_choices; i++)
        if (dgm_str_eq(word, tool_choices[i].word)) {
            r->tools->mode = tool_choices[i].mode;
            return;
        }
    chat_refuse(r, DGM_ERR_VALUE, place,
                " must be auto, none, required, validated, or an object that names tools.");
}

static void read_choice_object(struct dgm_request *r, const struct json_val *choice)
{
    const struct chat_place *type_place = CHAT_MEMBER(P_CHOICE, DGM_STR("type"));
    struct dgm_str type;
    if (!chat_need_str(r, choice, type_place, &type))
        return;
    if (dgm_str_eq(type, DGM_STR("allowed_tools"))) {
        read_allowed(r, choice);
    } else if (dgm_str_eq(type, DGM_STR("function"))) {
        r->tools->mode = MODE_ANY;
        r->tools->chosen_only = true;
        choose_function(r, choice, P_CHOICE);
    } else if (dgm_str_eq(type, DGM_STR("custom"))) {
        chat_refuse(r, DGM_ERR_VALUE, P_CHOICE, " names a custom tool; there are functions alone.");
    } else {
        chat_refuse(r, DGM_ERR_VALUE, type_place, " must be function or allowed_tools.");
    }
}

static void read_choice(struct dgm_request *r)
{
    struct chat_tools *t = r->tools;
    const struct json_val *choice = r->field[CHAT_TOOL_CHOICE];
    const struct json_val *call = r->field[CHAT_FUNCTION_CALL];
    bool any = t->functions_n != 0;
    if (choice && !any)
        chat_ignore(r, P_CHOICE);
    if (call && (!any || choice))
        chat_ignore(r, P_FUNCTION_CALL);
    if (!any)
        return;
    if (json_kind(choice) == JSON_STR) {
        read_word(r, json_str(choice), P_CHOICE);
    } else if (choice) {
        read_choice_object(r, choice);
    } else if (json_kind(call) == JSON_STR) {
        read_word(r, json_str(call), P_FUNCTION_CALL);
    } else if (call) {
        t->mode = MODE_ANY;
        t->chosen_only = true;
        choose(r, call, CHAT_MEMBER(P_FUNCTION_CALL, DGM_STR("name")), P_FUNCTION_CALL);
    }
}

/* ---- a JSON answer beside functions ---- */

static const struct json_val *answer_schema(const struct dgm_request *r)
{
    const struct json_val *format = r->field[CHAT_RESPONSE_FORMAT];
    const struct json_val *schema =
        json_get(json_get(format, DGM_STR("json_schema")), DGM_STR("schema"));
    return json_kind(schema) == JSON_OBJ ? schema : NULL;
}

static bool wants_json(const struct dgm_request *r)
{
    struct dgm_str type = json_get_str(r->field[CHAT_RESPONSE_FORMAT], DGM_STR("type"));
    return dgm_str_eq(type, DGM_STR("json_schema")) || dgm_str_eq(type, DGM_STR("json_object")) ||
           dgm_str_eq(type, DGM_STR("application/json"));
}

/* Where functions must be called anyway there is no answer yet, and nothing to declare for it. */
static void read_answer(struct dgm_request *r)
{
    struct chat_tools *t = r->tools;
    const struct json_val *schema = answer_schema(r);
    t->carries_answer =
        t->functions_n != 0 && wants_json(r) && !(r->model.can & CAN_TOOLS_WITH_JSON);
    if (!t->carries_answer || t->mode == MODE_ANY)
        return;
    if (!schema)
        t->answer = ANSWER_TEXT;
    else if (schema_is_object(schema))
        t->answer = ANSWER_ARGS;
    else
        t->answer = ANSWER_MEMBER;
    t->answer_name = names_invent(r, DGM_STR("final_answer"));
}

bool tools_carry_answer(const struct dgm_request *r)
{
    return r->tools && r->tools->carries_answer;
}

const struct json_val *tools_schema(const struct dgm_request *r, struct dgm_str native_name)
{
    const struct chat_name *name = r->tools ? names_behind(r, native_name) : NULL;
    if (!name || name->declared == 0)
        return NULL;
    const struct json_val *function = r->tools->functions[name->declared - 1].function;
    const struct json_val *schema = google_get(function, DGM_STR("parameters"));
    return schema ? schema : google_get(function, DGM_STR("parameters_json_schema"));
}

bool tools_is_answer(const struct dgm_request *r, struct dgm_str native_name)
{
    return r->tools && r->tools->answer != ANSWER_NONE &&
           dgm_str_eq(native_name, r->tools->answer_name->native);
}

void tools_put_answer(const struct dgm_request *r, struct json_writer *w,
                      const struct json_val *args)
{
    const struct json_val *member = json_get(args, DGM_STR("answer"));
    if (r->tools->answer == ANSWER_TEXT && json_kind(member) == JSON_STR)
        json_put_str(w, json_str(member));
    else if (r->tools->answer != ANSWER_ARGS && member)
        json_put_val_as_str(w, member);
    else if (json_kind(args) == JSON_OBJ)
        json_put_val_as_str(w, args);
    else
        json_put_str(w, DGM_STR("{}"));
}

/* ---- all of it ---- */

static void read_rest(struct dgm_request *r)
{
    struct chat_tools *t = r->tools;
    const struct json_val *parallel = r->field[CHAT_PARALLEL_TOOL_CALLS];
    const struct json_val *stream_args = r->google[GOOGLE_STREAM_FUNCTION_CALL_ARGUMENTS];
    t->single = !json_bool(parallel, true);
    if (t->single && t->functions_n == 0)
        chat_ignore(r, P_PARALLEL);
    if (r->field[CHAT_WEB_SEARCH_OPTIONS]) {
        t->google_search = true;
        chat_ignore_but(r, r->field[CHAT_WEB_SEARCH_OPTIONS], P_SEARCH, NULL);
    }
    google_tools_leave_out(r);
    if (!json_bool(stream_args, false))
        return;
    t->stream_args = r->surface == DGM_VERTEX && r->model.can & CAN_STREAM_ARGS && r->stream &&
                     t->functions_n != 0;
    if (!t->stream_args)
        chat_ignore(r, GOOGLE_PLACE(r, STREAM_FUNCTION_CALL_ARGUMENTS));
}

/* Whether a request says anything of tools; most of all requests do not. */
static bool asks(const struct dgm_request *r)
{
    static const enum chat_field_id fields[] = {
        CHAT_TOOLS,         CHAT_TOOL_CHOICE,         CHAT_FUNCTIONS,
        CHAT_FUNCTION_CALL, CHAT_PARALLEL_TOOL_CALLS, CHAT_WEB_SEARCH_OPTIONS};
    bool any = r->google_said != NULL;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        any = any || r->field[fields[i]];
    return any;
}

void tools_read(struct dgm_request *r)
{
    if (!asks(r))
        return;
    struct chat_tools *t = dgm_arena_take0(&r->arena, sizeof *t);
    size_t most = json_size(r->field[CHAT_TOOLS]) + json_size(r->field[CHAT_FUNCTIONS]) +
                  google_tools_declarations(r);
    if (t)
        t->functions = dgm_arena_take0(&r->arena, (most + 1) * sizeof *t->functions);
    if (!t || !t->functions) {
        chat_no_memory(r);
        return;
    }
    r->tools = t;
    read_functions(r);
    google_tools_read(r);
    enter_names(r);
    if (r->rc != DGM_OK)
        return;
    read_choice(r);
    read_rest(r);
    if (r->rc == DGM_OK)
        read_answer(r);
}

size_t tools_calls_max(const struct dgm_request *r)
{
    return r->tools && (r->tools->single || r->tools->legacy) ? 1 : SIZE_MAX;
}

bool tools_legacy(const struct dgm_request *r)
{
    return r->tools && r->tools->legacy;
}
