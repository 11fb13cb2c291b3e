/* SPDX-License-Identifier: Apache-2.0 */
/* google_tools.c - Google's own tools: extra_body.google.tools and web_search_options. */
#include "translate/schema.h"
#include "translate/tools.h"

#include "base/str.h"

static const struct tool_kind {
    struct dgm_str name;
    bool vertex, gemini;
} tool_kinds[] = {
#define TOOL_KIND(name, vertex, gemini) {{name, sizeof name - 1}, vertex, gemini},
#include "translate/tool_kinds.def"
#undef TOOL_KIND
};

static const struct {
    struct dgm_str name, native;
    unsigned accepts;
    bool vertex;
    enum declared_as { AS_TEXT, AS_WORD, AS_SUBSET, AS_JSON } as;
} declaration_members[] = {
#define DECLARATION_MEMBER(name, native, accepts, vertex, as)                                      \
    {{name, sizeof name - 1}, {native, sizeof native - 1}, accepts, vertex, AS_##as},
#include "translate/declaration_members.def"
#undef DECLARATION_MEMBER
};

#define MEMBERS (sizeof declaration_members / sizeof *declaration_members)

static const struct tool_kind *find_kind(struct dgm_str name)
{
    for (size_t i = 0; i < sizeof tool_kinds / sizeof *tool_kinds; i++)
        if (google_is_name(name, tool_kinds[i].name))
            return &tool_kinds[i];
    return NULL;
}

static bool is_declarations(struct dgm_str name)
{
    return google_is_name(name, DGM_STR("function_declarations"));
}

/* ---- functions among them ---- */

size_t google_tools_declarations(const struct dgm_request *r)
{
    size_t n = 0;
    struct json_iter tools = json_iter(r->google[GOOGLE_TOOLS]);
    while (json_next(&tools)) {
        struct json_iter it = json_iter(tools.value);
        while (json_next(&it))
            if (is_declarations(it.name))
                n += json_size(it.value);
    }
    return n;
}

static void check_member(struct dgm_request *r, size_t member, const struct json_val *declaration,
                         const struct json_iter *it, const struct chat_place *at)
{
    static const char *const behaviors[] = {"UNSPECIFIED", "BLOCKING", "NON_BLOCKING"};
    bool fine = declaration_members[member].as != AS_WORD;
    if (!chat_expect(r, it->value, declaration_members[member].accepts, at))
        return;
    if (google_get(declaration, declaration_members[member].name) != it->value) {
        google_refuse_again(r, at);
        return;
    }
    for (size_t i = 0; i < sizeof behaviors / sizeof *behaviors; i++)
        fine = fine || dgm_str_eq(json_str(it->value), dgm_str_c(behaviors[i]));
    if (!fine)
        chat_refuse(r, DGM_ERR_VALUE, at, " must be \"BLOCKING\" or \"NON_BLOCKING\".");
}

static void check_declaration(struct dgm_request *r, const struct json_val *declaration,
                              const struct chat_place *place)
{
    struct json_iter it = json_iter(declaration);
    while (r->rc == DGM_OK && json_next(&it)) {
        const struct chat_place *at = CHAT_MEMBER(place, it.name);
        bool known = dgm_str_eq(it.name, DGM_STR("name")) || json_kind(it.value) == JSON_NULL;
        for (size_t i = 0; i < MEMBERS && !known; i++) {
            known = google_is_name(it.name, declaration_members[i].name) &&
                    (declaration_members[i].vertex || r->surface == DGM_GEMINI);
            if (known)
                check_member(r, i, declaration, &it, at);
        }
        if (!known)
            chat_refuse(r, DGM_ERR_VALUE, at, " is no member of a function declaration.");
    }
}

static void read_declarations(struct dgm_request *r, const struct json_val *list,
                              const struct chat_place *place, size_t index)
{
    struct json_iter it = json_iter(list);
    if (!chat_expect(r, list, J_ARR, place))
        return;
    while (r->rc == DGM_OK && json_next(&it)) {
        const struct chat_place *at = CHAT_ELEMENT(place, it.index);
        if (chat_expect(r, it.value, J_OBJ, at))
            check_declaration(r, it.value, at);
        tools_add_declaration(r, it.value, at, index, it.index);
    }
}

void google_tools_put_declaration(struct dgm_request *r, struct json_writer *w,
                                  const struct tool *tool)
{
    const struct chat_place *google = CHAT_ELEMENT(GOOGLE_PLACE(r, TOOLS), tool->index);
    const struct chat_place *place =
        CHAT_ELEMENT(CHAT_MEMBER(google, DGM_STR("function_declarations")), tool->inner);
    json_open_obj(w);
    json_member_str(w, "name", tool->name->native);
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct json_val *v = google_get(tool->function, declaration_members[i].name);
        if (!v)
            continue;
        enum declared_as as = declaration_members[i].as;
        const struct chat_place *at = CHAT_MEMBER(place, declaration_members[i].name);
        json_put_key(w, declaration_members[i].native);
        if (as == AS_SUBSET)
            schema_put(r, w, v, SCHEMA_SUBSET, tool->name->client, at);
        else if (as == AS_JSON && json_kind(v) == JSON_OBJ)
            schema_put(r, w, v, SCHEMA_JSON, tool->name->client, at);
        else
            json_put_val(w, schema_is_sound(r, v, SCHEMA_DEPTH_MAX, at) ? v : NULL);
    }
    json_close_obj(w);
}

/* ---- the kinds ---- */

static void read_kind(struct dgm_request *r, const struct json_val *value,
                      const struct chat_place *place)
{
    const struct tool_kind *kind = find_kind(place->member);
    if (!kind)
        chat_refuse(r, DGM_ERR_VALUE, place, " is no kind of tool that Google has.");
    else if (r->surface == DGM_VERTEX && !kind->vertex)
        chat_refuse(r, DGM_ERR_VALUE, place, " is a tool of the Gemini API; Vertex AI has none.");
    else if (r->surface == DGM_GEMINI && !kind->gemini)
        chat_refuse(r, DGM_ERR_VALUE, place, " is a tool of Vertex AI; the Gemini API has none.");
    else if (chat_expect(r, value, J_OBJ, place))
        google_check_tool(r, value, place);
}

/* Whether a member stood before under the same name, or under its other spelling. */
static bool stands_again(const struct json_val *tool, const struct json_iter *at)
{
    const struct tool_kind *kind = find_kind(at->name);
    struct dgm_str snake = is_declarations(at->name) ? DGM_STR("function_declarations")
                           : kind                    ? kind->name
                                                     : at->name;
    return google_get(tool, snake) != at->value;
}

void google_tools_read(struct dgm_request *r)
{
    struct json_iter tools = json_iter(r->google[GOOGLE_TOOLS]);
    while (r->rc == DGM_OK && json_next(&tools)) {
        const struct chat_place *place = CHAT_ELEMENT(GOOGLE_PLACE(r, TOOLS), tools.index);
        struct json_iter it = json_iter(tools.value);
        if (!chat_expect(r, tools.value, J_OBJ, place))
            return;
        while (r->rc == DGM_OK && json_next(&it)) {
            const struct chat_place *at = CHAT_MEMBER(place, it.name);
            if (json_kind(it.value) == JSON_NULL)
                continue;
            if (stands_again(tools.value, &it))
                google_refuse_again(r, at);
            else if (is_declarations(it.name))
                read_declarations(r, it.value, at, tools.index);
            else
                read_kind(r, it.value, at);
        }
    }
}

/* Before Gemini 3 functions stand alone: the client's own code answers to them, so they are what stays. */
void google_tools_leave_out(struct dgm_request *r)
{
    struct json_iter tools = json_iter(r->google[GOOGLE_TOOLS]);
    if (r->tools->functions_n == 0 || r->model.generation >= GEMINI_3)
        return;
    r->tools->functions_alone = true;
    if (r->tools->google_search)
        chat_ignore(r, CHAT_MEMBER(NULL, DGM_STR("web_search_options")));
    r->tools->google_search = false;
    while (json_next(&tools)) {
        struct json_iter it = json_iter(tools.value);
        while (json_next(&it))
            if (find_kind(it.name) && json_kind(it.value) == JSON_OBJ)
                chat_ignore(
                    r, CHAT_MEMBER(CHAT_ELEMENT(GOOGLE_PLACE(r, TOOLS), tools.index), it.name));
    }
}

bool google_tools_any(const struct dgm_request *r)
{
    struct json_iter tools = json_iter(r->google[GOOGLE_TOOLS]);
    while (json_next(&tools)) {
        struct json_iter it = json_iter(tools.value);
        while (json_next(&it))
            if (find_kind(it.name) && json_kind(it.value) == JSON_OBJ)
                return true;
    }
    return false;
}

void google_tools_put(struct dgm_request *r, struct json_writer *w)
{
    bool search = r->tools->google_search; /* web_search_options ask for no more than there is */
    struct json_iter tools = json_iter(r->tools->functions_alone ? NULL : r->google[GOOGLE_TOOLS]);
    while (json_next(&tools)) {
        struct json_iter it = json_iter(tools.value);
        while (json_next(&it)) {
            const struct tool_kind *kind = find_kind(it.name);
            if (!kind || json_kind(it.value) != JSON_OBJ)
                continue;
            search = search && !dgm_str_eq(kind->name, DGM_STR("google_search"));
            google_put_tool(r, w, kind->name, it.value);
        }
    }
    if (search)
        google_put_tool(r, w, DGM_STR("google_search"), NULL);
}
