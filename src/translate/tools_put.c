/* SPDX-License-Identifier: Apache-2.0 */
/* tools_put.c - the tools of a request, put: functionDeclarations, Google's own kinds, and toolConfig. */
#include "translate/schema.h"
#include "translate/tools.h"

#include "base/str.h"

#define ANSWER_DESCRIPTION                                                                         \
    DGM_STR("Call this function to give your final answer, once no other function is needed. "     \
            "Its arguments are the answer.")

static bool is_declared(const struct chat_tools *t, size_t i)
{
    const struct tool *f = &t->functions[i];
    return f->name->declared == i + 1 &&
           (!t->chosen_only || t->mode != MODE_AUTO || f->name->chosen);
}

/* ---- declarations ---- */

static void put_schema(struct dgm_request *r, struct json_writer *w, const struct json_val *schema,
                       struct dgm_str label, const struct chat_place *place)
{
    enum schema_form form = schema_form(r, schema);
    json_put_key(w, form == SCHEMA_JSON ? DGM_STR("parametersJsonSchema") : DGM_STR("parameters"));
    schema_put_parameters(r, w, schema, form, label, place);
}

static void put_function(struct dgm_request *r, struct json_writer *w, const struct tool *tool,
                         const struct chat_place *place)
{
    struct dgm_str description = json_get_str(tool->function, DGM_STR("description"));
    const struct json_val *parameters = json_get(tool->function, DGM_STR("parameters"));
    json_open_obj(w);
    json_member_str(w, "name", tool->name->native);
    if (description.n)
        json_member_str(w, "description", description);
    if (json_kind(parameters) == JSON_OBJ && !schema_is_empty(parameters))
        put_schema(r, w, parameters, tool->name->client, CHAT_MEMBER(place, DGM_STR("parameters")));
    json_close_obj(w);
}

static void put_tool(struct dgm_request *r, struct json_writer *w, const struct tool *tool)
{
    const struct chat_place *tools = CHAT_MEMBER(NULL, DGM_STR("tools"));
    switch (tool->source) {
    case FROM_TOOLS:
        put_function(r, w, tool,
                     CHAT_MEMBER(CHAT_ELEMENT(tools, tool->index), DGM_STR("function")));
        return;
    case FROM_FUNCTIONS:
        put_function(r, w, tool,
                     CHAT_ELEMENT(CHAT_MEMBER(NULL, DGM_STR("functions")), tool->index));
        return;
    case FROM_GOOGLE:
    default:
        google_tools_put_declaration(r, w, tool);
        return;
    }
}

/* The function whose arguments are the answer. */
static void put_answer(struct dgm_request *r, struct json_writer *w)
{
    const struct chat_tools *t = r->tools;
    const struct chat_place *format = CHAT_MEMBER(NULL, DGM_STR("response_format"));
    const struct json_val *said = json_get(r->field[CHAT_RESPONSE_FORMAT], DGM_STR("json_schema"));
    const struct json_val *schema = json_get(said, DGM_STR("schema"));
    const struct chat_place *place =
        CHAT_MEMBER(CHAT_MEMBER(format, DGM_STR("json_schema")), DGM_STR("schema"));
    struct dgm_str label = DGM_STR("response_format");
    struct dgm_str description = json_get_str(said, DGM_STR("description"));
    json_open_obj(w);
    json_member_str(w, "name", t->answer_name->native);
    json_put_name(w, "description");
    json_open_str(w);
    json_add_str(w, ANSWER_DESCRIPTION);
    if (description.n)
        json_add_str(w, DGM_STR(" "));
    json_add_str(w, description);
    json_close_str(w);
    if (t->answer == ANSWER_ARGS) {
        put_schema(r, w, schema, label, place);
        json_close_obj(w);
        return;
    }
    json_put_name(w, "parameters");
    json_open_obj(w);
    json_member_lit(w, "type", "OBJECT");
    json_put_name(w, "properties");
    json_open_obj(w);
    json_put_name(w, "answer");
    if (t->answer == ANSWER_MEMBER) {
        schema_put(r, w, schema, SCHEMA_SUBSET, label, place);
    } else {
        json_open_obj(w);
        json_member_lit(w, "type", "STRING");
        json_member_lit(w, "description", "The answer: a JSON object as text.");
        json_close_obj(w);
    }
    json_close_obj(w);
    json_put_name(w, "required");
    json_open_arr(w);
    json_put_str(w, DGM_STR("answer"));
    json_close_arr(w);
    json_close_obj(w);
    json_close_obj(w);
}

static void put_functions(struct dgm_request *r, struct json_writer *w)
{
    const struct chat_tools *t = r->tools;
    json_open_obj(w);
    json_put_name(w, "functionDeclarations");
    json_open_arr(w);
    for (size_t i = 0; r->rc == DGM_OK && i < t->functions_n; i++)
        if (is_declared(t, i))
            put_tool(r, w, &t->functions[i]);
    if (r->rc == DGM_OK && t->answer != ANSWER_NONE)
        put_answer(r, w);
    json_close_arr(w);
    json_close_obj(w);
}

/* ---- toolConfig ---- */

/* Beside a function for the answer the model must call: a function, or that one. */
static enum tools_mode native_mode(const struct chat_tools *t)
{
    if (t->answer != ANSWER_NONE)
        return MODE_ANY;
    return t->mode == MODE_UNSAID && t->stream_args ? MODE_AUTO : t->mode;
}

static void put_allowed(const struct chat_tools *t, struct json_writer *w)
{
    bool answer_only = t->answer != ANSWER_NONE && t->mode == MODE_NONE;
    if (!answer_only && !(t->chosen_only && t->mode == MODE_ANY))
        return;
    json_put_name(w, "allowedFunctionNames");
    json_open_arr(w);
    for (size_t i = 0; !answer_only && i < t->functions_n; i++)
        if (is_declared(t, i) && t->functions[i].name->chosen)
            json_put_str(w, t->functions[i].name->native);
    if (answer_only)
        json_put_str(w, t->answer_name->native);
    json_close_arr(w);
}

/*
 * Whether Google's own tools stand beside functions. From Gemini 3 on that is allowed, and the Gemini API wants to be told
 * that the client takes toolCall and toolResponse parts for it (langchainjs#10675); Vertex AI knows neither.
 */
static bool is_combined(const struct dgm_request *r)
{
    const struct chat_tools *t = r->tools;
    return r->surface == DGM_GEMINI && r->model.generation >= GEMINI_3 && t->functions_n != 0 &&
           !t->functions_alone && (t->google_search || google_tools_any(r));
}

static void put_calling_config(const struct chat_tools *t, struct json_writer *w)
{
    static const char *const modes[] = {
        [MODE_AUTO] = "AUTO",
        [MODE_ANY] = "ANY",
        [MODE_NONE] = "NONE",
        [MODE_VALIDATED] = "VALIDATED",
    };
    enum tools_mode mode = native_mode(t);
    json_put_name(w, "functionCallingConfig");
    json_open_obj(w);
    json_member_str(w, "mode", dgm_str_c(modes[mode]));
    put_allowed(t, w);
    if (t->stream_args)
        json_member_bool(w, "streamFunctionCallArguments", true);
    json_close_obj(w);
}

static void put_config(const struct dgm_request *r, struct json_writer *w)
{
    bool has_mode = native_mode(r->tools) != MODE_UNSAID, combined = is_combined(r);
    if (!has_mode && !combined)
        return;
    json_put_name(w, "toolConfig");
    json_open_obj(w);
    if (has_mode)
        put_calling_config(r->tools, w);
    if (combined)
        json_member_bool(w, "includeServerSideToolInvocations", true);
    json_close_obj(w);
}

void tools_put(struct dgm_request *r, struct json_writer *w)
{
    const struct chat_tools *t = r->tools;
    if (r->rc != DGM_OK || !t || (t->functions_n == 0 && !t->google_search && !google_tools_any(r)))
        return;
    json_put_name(w, "tools");
    json_open_arr(w);
    if (t->functions_n != 0)
        put_functions(r, w);
    google_tools_put(r, w);
    json_close_arr(w);
    if (t->functions_n != 0)
        put_config(r, w);
}
