/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_read.c - a chat completion request, put as the native request that asks the same. */
#include "emulate/dialect.h"

#include "base/sort.h"
#include "base/str.h"
#include "emulate/ask.h"
#include "emulate/dialect_rules.h"
#include "emulate/hash.h"

#include <string.h>

#define DEFAULT_TGI_MODEL "tgi"
#define DEFAULT_VLLM_MODEL "default"

/* The native request is parsed again, and has schemas a level deeper, objects out of strings up to seven. */
#define BODY_DEPTH (JSON_DEPTH_MAX - 2)
#define OBJECT_DEPTH (JSON_DEPTH_MAX - 8)

static const char *const reasoners[] = {
#define REASONS(word) word,
#include "emulate/dialect.def"
#undef REASONS
};

/* A call of the conversation that has an id. */
struct named_call {
    struct dgm_str id, name;
    size_t order; /* among all: the last one that has an id is meant */
};

/* One request on its way. */
struct reading {
    enum emu_dialect dialect;
    const struct json_val *root, *messages;
    struct dgm_arena *arena;
    struct json_writer w;
    struct named_call *calls; /* by their ids */
    size_t ncalls;
};

#define STR_MEMBER(v, name) json_get_str((v), DGM_STR(name))

static const struct json_val *member(const struct json_val *v, struct dgm_str name)
{
    const struct json_val *m = json_get(v, name);
    return json_kind(m) == JSON_NULL ? NULL : m;
}

#define MEMBER(v, name) member((v), DGM_STR(name))

/* ---- contents ----------------------------------------------------------------------------------------- */

static void put_text(struct json_writer *w, struct dgm_str text)
{
    json_open_obj(w);
    json_member_str(w, "text", text);
    json_close_obj(w);
}

/* "data:image/png;base64,..." as it came; anything else as a file elsewhere. */
static void put_url(struct json_writer *w, struct dgm_str url, struct dgm_str mime_type)
{
    struct dgm_str data = url, head;
    bool inline_data = dgm_str_starts(url, DGM_STR("data:")) && dgm_str_split(&data, ',', &head) &&
                       data.p && dgm_str_ends(head, DGM_STR(";base64"));
    json_open_obj(w);
    json_put_key(w, inline_data ? DGM_STR("inlineData") : DGM_STR("fileData"));
    json_open_obj(w);
    if (inline_data) {
        struct dgm_str type = dgm_str_skip(head, 5);
        json_member_str(w, "mimeType", dgm_str_head(type, dgm_str_find_char(type, ';')));
        json_member_str(w, "data", data);
    } else {
        json_member_str(w, "mimeType", mime_type);
        json_member_str(w, "fileUri", url);
    }
    json_close_obj(w);
    json_close_obj(w);
}

static void put_part(struct json_writer *w, const struct json_val *part)
{
    const struct json_val *image = MEMBER(part, "image_url"), *sound = MEMBER(part, "input_audio");
    struct dgm_str text = STR_MEMBER(part, "text");
    if (image)
        put_url(w, json_kind(image) == JSON_STR ? json_str(image) : STR_MEMBER(image, "url"),
                DGM_STR("image/*"));
    else if (sound)
        put_url(w, DGM_STR("input_audio"), DGM_STR("audio/*"));
    else if (text.n != 0)
        put_text(w, text);
}

static void put_content(struct json_writer *w, const struct json_val *content)
{
    if (json_str(content).n != 0)
        put_text(w, json_str(content));
    for (struct json_iter i = json_iter(content); json_next(&i);)
        put_part(w, i.value);
}

/* A text that is a JSON object, as it is; anything else as the member of one. */
static void put_object(struct reading *r, struct dgm_str text)
{
    const struct json_val *v;
    struct json_error error;
    char *copy = dgm_arena_take(r->arena, text.n + JSON_PADDING);
    if (copy && text.n != 0)
        memcpy(copy, text.p, text.n);
    if (copy && json_parse(r->arena, copy, text.n, OBJECT_DEPTH, &v, &error) == DGM_OK &&
        json_kind(v) == JSON_OBJ) {
        json_put_val(&r->w, v);
        return;
    }
    json_open_obj(&r->w);
    json_member_str(&r->w, "output", text);
    json_close_obj(&r->w);
}

static void put_calls(struct reading *r, const struct json_val *calls)
{
    for (struct json_iter i = json_iter(calls); json_next(&i);) {
        const struct json_val *function = MEMBER(i.value, "function");
        const struct json_val *arguments = MEMBER(function, "arguments");
        json_open_obj(&r->w);
        json_put_name(&r->w, "functionCall");
        json_open_obj(&r->w);
        json_member_str(&r->w, "name", STR_MEMBER(function, "name"));
        json_put_name(&r->w, "args");
        if (json_kind(arguments) == JSON_OBJ)
            json_put_val(&r->w, arguments);
        else
            put_object(r, json_str(arguments));
        json_close_obj(&r->w);
        json_close_obj(&r->w);
    }
}

static int compare_calls(const void *a, const void *b)
{
    const struct named_call *x = a, *y = b;
    int order = dgm_str_compare(x->id, y->id);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Sorts the calls by their ids: there may be many, and as many results that look for theirs. */
static enum dgm_rc index_calls(struct reading *r)
{
    size_t most = 0;
    for (struct json_iter i = json_iter(r->messages); json_next(&i);)
        most += json_size(MEMBER(i.value, "tool_calls"));
    if (most == 0)
        return DGM_OK;
    r->calls = dgm_arena_take(r->arena, most * sizeof *r->calls);
    if (!r->calls)
        return DGM_E_NOMEM;
    for (struct json_iter i = json_iter(r->messages); json_next(&i);)
        for (struct json_iter j = json_iter(MEMBER(i.value, "tool_calls")); json_next(&j);) {
            struct dgm_str id = STR_MEMBER(j.value, "id");
            if (id.n != 0)
                r->calls[r->ncalls] = (struct named_call){
                    id, STR_MEMBER(MEMBER(j.value, "function"), "name"), r->ncalls};
            r->ncalls += id.n != 0;
        }
    dgm_sort(r->calls, r->ncalls, sizeof *r->calls, compare_calls);
    return DGM_OK;
}

/* The name of the call that a result is of; the client's own word for it where no call has that id. */
static struct dgm_str name_of_call(const struct reading *r, const struct json_val *result)
{
    struct dgm_str id = STR_MEMBER(result, "tool_call_id"), name = STR_MEMBER(result, "name");
    size_t low = 0, high = r->ncalls;
    while (low < high) { /* to behind the last that is not greater */
        size_t mid = low + (high - low) / 2;
        if (dgm_str_compare(r->calls[mid].id, id) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (low != 0 && id.n != 0 && dgm_str_eq(r->calls[low - 1].id, id))
        name = r->calls[low - 1].name;
    return name.n != 0 ? name : DGM_STR("unknown");
}

static void put_result(struct reading *r, const struct json_val *message)
{
    const struct json_val *content = MEMBER(message, "content");
    struct dgm_str text = json_str(content);
    if (json_kind(content) == JSON_ARR)
        text = STR_MEMBER(json_at(content, 0), "text");
    json_open_obj(&r->w);
    json_put_name(&r->w, "functionResponse");
    json_open_obj(&r->w);
    json_member_str(&r->w, "name", name_of_call(r, message));
    json_put_name(&r->w, "response");
    put_object(r, text);
    json_close_obj(&r->w);
    json_close_obj(&r->w);
}

static bool is_system(struct dgm_str role)
{
    return dgm_str_eq(role, DGM_STR("system")) || dgm_str_eq(role, DGM_STR("developer"));
}

static void put_messages(struct reading *r, bool system)
{
    for (struct json_iter i = json_iter(r->messages); json_next(&i);) {
        struct dgm_str role = STR_MEMBER(i.value, "role");
        bool model = dgm_str_eq(role, DGM_STR("assistant"));
        if (is_system(role) != system)
            continue;
        if (!system) {
            json_open_obj(&r->w);
            json_member_str(&r->w, "role", model ? DGM_STR("model") : DGM_STR("user"));
            json_put_name(&r->w, "parts");
            json_open_arr(&r->w);
        }
        if (dgm_str_eq(role, DGM_STR("tool")))
            put_result(r, i.value);
        else
            put_content(&r->w, MEMBER(i.value, "content"));
        put_calls(r, model ? MEMBER(i.value, "tool_calls") : NULL);
        if (!system) {
            json_close_arr(&r->w);
            json_close_obj(&r->w);
        }
    }
}

/* ---- what else stands beside them ----------------------------------------------------------------------- */

static void put_tools(struct reading *r)
{
    const struct json_val *tools = MEMBER(r->root, "tools");
    if (json_size(tools) == 0)
        return;
    json_put_name(&r->w, "tools");
    json_open_arr(&r->w);
    json_open_obj(&r->w);
    json_put_name(&r->w, "functionDeclarations");
    json_open_arr(&r->w);
    for (struct json_iter i = json_iter(tools); json_next(&i);) {
        const struct json_val *function = MEMBER(i.value, "function");
        json_open_obj(&r->w);
        json_member_str(&r->w, "name", STR_MEMBER(function, "name"));
        json_member_str(&r->w, "description", STR_MEMBER(function, "description"));
        if (MEMBER(function, "parameters"))
            json_member_val(&r->w, "parametersJsonSchema", MEMBER(function, "parameters"));
        json_close_obj(&r->w);
    }
    json_close_arr(&r->w);
    json_close_obj(&r->w);
    json_close_arr(&r->w);
}

/* The function that must be called: an object of OpenAI's, or for TGI its bare name. */
static struct dgm_str named_function(const struct reading *r)
{
    const struct json_val *choice = MEMBER(r->root, "tool_choice");
    struct dgm_str word = json_str(choice);
    bool bare = r->dialect == EMU_TGI && word.n != 0 && !dgm_str_eq(word, DGM_STR("auto")) &&
                !dgm_str_eq(word, DGM_STR("none")) && !dgm_str_eq(word, DGM_STR("required"));
    return bare ? word : STR_MEMBER(MEMBER(choice, "function"), "name");
}

static void put_choice(struct reading *r)
{
    struct dgm_str word = STR_MEMBER(r->root, "tool_choice"), name = named_function(r);
    bool none = dgm_str_eq(word, DGM_STR("none"));
    bool any = name.n != 0 || dgm_str_eq(word, DGM_STR("required"));
    json_put_name(&r->w, "toolConfig");
    json_open_obj(&r->w);
    json_put_name(&r->w, "functionCallingConfig");
    json_open_obj(&r->w);
    json_member_str(&r->w, "mode", none ? DGM_STR("NONE") : any ? DGM_STR("ANY") : DGM_STR("AUTO"));
    if (name.n != 0) {
        json_put_name(&r->w, "allowedFunctionNames");
        json_open_arr(&r->w);
        json_put_str(&r->w, name);
        json_close_arr(&r->w);
    }
    json_close_obj(&r->w);
    json_close_obj(&r->w);
}

/* The schema that an answer must have: each server's own members. `*json`: JSON is asked for at all. */
static const struct json_val *schema_of(const struct reading *r, bool *json)
{
    const struct json_val *format = MEMBER(r->root, "response_format"), *schema;
    struct dgm_str type = STR_MEMBER(format, "type");
    *json = dgm_str_starts(type, DGM_STR("json"));
    if (r->dialect == EMU_TGI) {
        const struct json_val *value = MEMBER(format, "value");
        return dgm_str_eq(type, DGM_STR("json_schema")) ? MEMBER(value, "schema") : value;
    }
    schema = MEMBER(MEMBER(format, "json_schema"), "schema");
    if (!schema)
        schema = MEMBER(MEMBER(r->root, "structured_outputs"), "json");
    if (!schema)
        schema = MEMBER(r->root, "guided_json");
    *json = *json || json_kind(schema) == JSON_OBJ;
    return schema;
}

static void put_int_of(struct reading *r, struct dgm_str from, struct dgm_str to)
{
    int64_t n;
    if (!json_int(member(r->root, from), &n))
        return;
    json_put_key(&r->w, to);
    json_put_int(&r->w, n);
}

static void put_config(struct reading *r, const struct dialect_ask *ask)
{
    bool json, newer = MEMBER(r->root, "max_completion_tokens") != NULL;
    const struct json_val *schema = schema_of(r, &json);
    json_put_name(&r->w, "generationConfig");
    json_open_obj(&r->w);
    put_int_of(r, newer ? DGM_STR("max_completion_tokens") : DGM_STR("max_tokens"),
               DGM_STR("maxOutputTokens"));
    put_int_of(r, DGM_STR("seed"), DGM_STR("seed"));
    if (r->dialect == EMU_VLLM)
        put_int_of(r, DGM_STR("n"), DGM_STR("candidateCount"));
    if (json)
        json_member_str(&r->w, "responseMimeType", DGM_STR("application/json"));
    if (json && json_kind(schema) == JSON_OBJ)
        json_member_val(&r->w, "responseJsonSchema", schema);
    if (ask->reasons) {
        json_put_name(&r->w, "thinkingConfig");
        json_open_obj(&r->w);
        json_member_bool(&r->w, "includeThoughts", true);
        json_close_obj(&r->w);
    }
    json_close_obj(&r->w);
}

static void put_native(struct reading *r, const struct dialect_ask *ask)
{
    json_open_obj(&r->w);
    json_put_name(&r->w, "systemInstruction");
    json_open_obj(&r->w);
    json_put_name(&r->w, "parts");
    json_open_arr(&r->w);
    put_messages(r, true);
    json_close_arr(&r->w);
    json_close_obj(&r->w);
    put_tools(r);
    put_choice(r);
    put_config(r, ask);
    json_put_name(&r->w, "contents");
    json_open_arr(&r->w);
    put_messages(r, false);
    json_close_arr(&r->w);
    json_close_obj(&r->w);
}

/* ---- the request -------------------------------------------------------------------------------------- */

/* By the model's name, unless the chat template is told not to (google.md 8.4). */
static bool thinks(const struct json_val *root, struct dgm_str model)
{
    bool by_name = false;
    for (size_t i = 0; i < sizeof reasoners / sizeof *reasoners; i++)
        by_name = by_name || dgm_str_has_nocase(model, dgm_str_c(reasoners[i]));
    const struct json_val *arguments = MEMBER(root, "chat_template_kwargs");
    return json_bool(MEMBER(arguments, "enable_thinking"), by_name) &&
           json_bool(MEMBER(root, "include_reasoning"), true);
}

static void read_stops(const struct json_val *root, struct dialect_ask *ask)
{
    const struct json_val *stop = MEMBER(root, "stop");
    for (struct ask_list l = emu_ask_list(stop);
         emu_ask_next(&l) && ask->nstops < DIALECT_STOPS_MAX;)
        if (json_str(l.value).n != 0)
            ask->stops[ask->nstops++] = json_str(l.value);
}

enum dgm_rc emu_dialect_read(enum emu_dialect dialect, char *body, size_t n,
                             struct dgm_arena *arena, struct dialect_ask *ret,
                             struct dgm_buf *native, struct refusal *reterr)
{
    const struct json_val *root = NULL;
    struct json_error error = {0};
    enum dgm_rc rc = json_parse(arena, body, n, BODY_DEPTH, &root, &error);
    if (rc == DGM_E_NOMEM)
        return rc;
    rc = emu_dialect_check(dialect, root, rc != DGM_OK ? error.what : NULL, arena, reterr);
    if (rc != DGM_OK)
        return rc;

    struct reading r = {.dialect = dialect,
                        .root = root,
                        .messages = MEMBER(root, "messages"),
                        .arena = arena,
                        .w = json_writer(native)};
    struct dgm_str model = STR_MEMBER(root, "model");
    *ret = (struct dialect_ask){
        .dialect = dialect,
        .model = model.n != 0          ? model
                 : dialect == EMU_VLLM ? DGM_STR(DEFAULT_VLLM_MODEL)
                                       : DGM_STR(DEFAULT_TGI_MODEL),
        .stream = json_bool(MEMBER(root, "stream"), false),
        .usage = json_bool(MEMBER(MEMBER(root, "stream_options"), "include_usage"), false),
        .reasons = dialect == EMU_VLLM && thinks(root, model),
        .named = named_function(&r).n != 0,
    };
    if (index_calls(&r) != DGM_OK)
        return DGM_E_NOMEM;
    read_stops(root, ret);
    put_native(&r, ret);
    return native->rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}
