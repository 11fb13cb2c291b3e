/* SPDX-License-Identifier: Apache-2.0 */
/* probes_cut.c - a native body put without what a suspect names (probes.def). */
#include "translate/probes.h"

#include "base/str.h"
#include "base/utf8.h"
#include "translate/google.h"
#include "translate/schema_parts.h"
#include "translate/tools.h"

#define LEFT_OUT DGM_STR("(left out)") /* stands where a part was */
#define TEXT_KEPT 1024                 /* bytes of a long text */
#define TOOLS_KEPT 16                  /* of too many */
#define OPEN_MAX 48 /* containers within which something is looked for: a writer opens 63 at most */

enum cut_id {
    CUT_MEMBER,        /* a member of the body */
    CUT_CONFIG,        /* a member of generationConfig */
    CUT_THAT_CONFIG,   /* the one that the suspect is of */
    CUT_KEYWORD,       /* a keyword of all schemas */
    CUT_THAT_KEYWORD,  /* the one that the suspect names */
    CUT_LARGE_ENUMS,   /* enums of many values */
    CUT_SCHEMA,        /* the schema that the suspect is of */
    CUT_ALL_SCHEMAS,   /* of functions and of the answer */
    CUT_MOST_TOOLS,    /* all functions but the first few */
    CUT_GOOGLES_TOOLS, /* what stands beside functions */
    CUT_CALLS,         /* the calls of a message, and their results */
    CUT_UNDECLARED,    /* calls of functions that are not declared, and their results */
    CUT_ALL_CALLS,     /* all calls and results */
    CUT_BROKEN_FILES,
    CUT_UNREAD_FILES,
    CUT_FILES_AWAY,
    CUT_ALL_FILES,  /* media whose row finds them at fault, or all of them */
    CUT_TEXTS,      /* the model's texts beside calls */
    CUT_SIGNATURES, /* of calls: the stand-in takes their place */
    CUT_LAST_TURN,  /* the model's, where the conversation ends with it */
    CUT_LONG_TEXTS, /* what is behind their first letters */
    CUT_CONTROLS,   /* control characters; blanks take their place */
    CUT_LAST_TEXT,  /* all contents but the last text of the user's */
};

static const struct without {
    struct dgm_str suspect;
    enum cut_id cut;
    struct dgm_str what;
} withouts[] = {
#define WITHOUT(suspect, cut, what)                                                                \
    {{#suspect, sizeof #suspect - 1}, CUT_##cut, {what, sizeof what - 1}},
#include "translate/probes.def"
#undef WITHOUT
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* One body at work. */
struct cut {
    struct look look;
    const struct suspect *suspect;
    uint32_t cuts; /* a set of 1 << enum cut_id */
    struct json_writer w;
    size_t n; /* how many things were left out */
    bool in_step,
        files_in_step;   /* calls, or media, of the body are those of the request, one by one */
    size_t call, result; /* how many of them there were so far */
    struct suspect_file file; /* of the request: the last one */
};

static bool cuts(const struct cut *c, enum cut_id id)
{
    return c->cuts >> id & 1;
}

/* Whether a row of the suspect names it. */
static bool is_named(const struct cut *c, enum cut_id id, struct dgm_str name)
{
    struct dgm_str suspect = dgm_str_c(c->suspect->id);
    for (size_t i = 0; cuts(c, id) && i < COUNT(withouts); i++)
        if (withouts[i].cut == id && dgm_str_eq(withouts[i].suspect, suspect) &&
            dgm_str_eq(withouts[i].what, name))
            return true;
    return false;
}

static void put_left_out(struct cut *c)
{
    json_open_obj(&c->w);
    json_member_str(&c->w, "text", LEFT_OUT);
    json_close_obj(&c->w);
    c->n++;
}

/* ---- schemas ---- */

static bool is_keyword_out(const struct cut *c, struct dgm_str name, const struct json_val *v)
{
    if (dgm_str_eq(name, DGM_STR("enum")) && cuts(c, CUT_LARGE_ENUMS))
        return json_size(v) >= SUSPECT_ENUM_VALUES;
    return is_named(c, CUT_KEYWORD, name) ||
           (cuts(c, CUT_THAT_KEYWORD) && dgm_str_eq(name, c->suspect->what));
}

static void put_schema(struct cut *c, const struct json_val *v, unsigned depth);

/* What a keyword holds. */
static void put_inside(struct cut *c, enum keyword_inside inside, const struct json_val *v,
                       unsigned depth)
{
    struct json_iter it = json_iter(v);
    bool list = json_kind(v) == JSON_ARR && (inside == LIST || inside == EITHER);
    bool map = json_kind(v) == JSON_OBJ && inside == MAP;
    if (!list && !map) {
        if (inside == SCHEMA || inside == EITHER)
            put_schema(c, v, depth);
        else
            json_put_val(&c->w, v);
        return;
    }
    (list ? json_open_arr : json_open_obj)(&c->w);
    while (json_next(&it)) {
        if (map)
            json_put_key(&c->w, it.name);
        put_schema(c, it.value, depth + 1);
    }
    (list ? json_close_arr : json_close_obj)(&c->w);
}

static void put_schema(struct cut *c, const struct json_val *v, unsigned depth)
{
    struct json_iter it = json_iter(v);
    if (json_kind(v) != JSON_OBJ || depth > OPEN_MAX) {
        json_put_val(&c->w, v);
        return;
    }
    const struct json_val *values = json_get(v, DGM_STR("enum"));
    bool enum_goes = values && is_keyword_out(c, DGM_STR("enum"), values);
    json_open_obj(&c->w);
    while (json_next(&it)) {
        enum keyword_id id = schema_keyword(it.name);
        bool word = dgm_str_eq(it.name, DGM_STR("format")) &&
                    dgm_str_eq(json_str(it.value), DGM_STR("enum"));
        if (is_keyword_out(c, it.name, it.value)) {
            c->n++;
            continue;
        }
        if (enum_goes && word) /* which wants one */
            continue;
        json_put_key(&c->w, it.name);
        put_inside(c, id == KEYWORDS ? NOTHING : schema_keywords[id].inside, it.value, depth + 1);
    }
    json_close_obj(&c->w);
}

/* Whether a member of a function, or of generationConfig, is a schema. */
static bool is_schema(struct dgm_str name)
{
    static const struct dgm_str names[] = {DGM_STR("parameters"), DGM_STR("parametersJsonSchema"),
                                           DGM_STR("response"), DGM_STR("responseJsonSchema"),
                                           DGM_STR("responseSchema")};
    for (size_t i = 0; i < COUNT(names); i++)
        if (dgm_str_eq(names[i], name))
            return true;
    return false;
}

/* Puts an object's members; its schemas go where `schemas` says so. */
static void put_members(struct cut *c, const struct json_val *v, bool schemas)
{
    struct json_iter it = json_iter(v);
    json_open_obj(&c->w);
    while (json_next(&it)) {
        if (schemas && is_schema(it.name)) {
            c->n++;
            continue;
        }
        json_put_key(&c->w, it.name);
        if (is_schema(it.name))
            put_schema(c, it.value, 8);
        else
            json_put_val(&c->w, it.value);
    }
    json_close_obj(&c->w);
}

/* ---- tools ---- */

/* How many functions are declared up to this one, by a name; 0: it is not declared. The answer's own is the first. */
static size_t place_of(const struct cut *c, struct dgm_str native)
{
    const struct chat_name *name = names_behind(c->look.r, native);
    return tools_is_answer(c->look.r, native) ? 1 : name ? name->declared : 0;
}

/* Whether the suspect is about this function's schema. */
static bool is_its_schema(const struct cut *c, struct dgm_str native)
{
    const struct chat_tools *t = c->look.r->tools;
    if (cuts(c, CUT_ALL_SCHEMAS))
        return true;
    if (!cuts(c, CUT_SCHEMA) || !t)
        return false;
    return c->suspect->at < t->functions_n
               ? dgm_str_eq(t->functions[c->suspect->at].name->native, native)
               : tools_is_answer(c->look.r, native);
}

static void put_functions(struct cut *c, const struct json_val *tool)
{
    struct json_iter members = json_iter(tool);
    json_open_obj(&c->w);
    while (json_next(&members)) {
        json_put_key(&c->w, members.name);
        if (!dgm_str_eq(members.name, DGM_STR("functionDeclarations"))) {
            json_put_val(&c->w, members.value);
            continue;
        }
        struct json_iter it = json_iter(members.value);
        json_open_arr(&c->w);
        while (json_next(&it)) {
            struct dgm_str name = json_get_str(it.value, DGM_STR("name"));
            if (cuts(c, CUT_MOST_TOOLS) && place_of(c, name) > TOOLS_KEPT)
                c->n++;
            else
                put_members(c, it.value, is_its_schema(c, name));
        }
        json_close_arr(&c->w);
    }
    json_close_obj(&c->w);
}

static void put_tools(struct cut *c, const struct json_val *tools)
{
    struct json_iter it = json_iter(tools);
    json_open_arr(&c->w);
    while (json_next(&it)) {
        if (json_get(it.value, DGM_STR("functionDeclarations")))
            put_functions(c, it.value);
        else if (cuts(c, CUT_GOOGLES_TOOLS))
            c->n++;
        else
            json_put_val(&c->w, it.value);
    }
    json_close_arr(&c->w);
}

/* ---- generationConfig ---- */

static bool is_config_out(const struct cut *c, struct dgm_str name)
{
    const struct chat_tools *t = c->look.r->tools;
    bool answers = dgm_str_eq(name, DGM_STR("responseSchema")) ||
                   dgm_str_eq(name, DGM_STR("responseJsonSchema"));
    if (answers && (cuts(c, CUT_ALL_SCHEMAS) ||
                    (cuts(c, CUT_SCHEMA) && c->suspect->at >= (t ? t->functions_n : 0))))
        return true;
    return is_named(c, CUT_CONFIG, name) ||
           (cuts(c, CUT_THAT_CONFIG) && dgm_str_eq(name, c->suspect->native));
}

/* One answer of one token, which is not what anything was left out for. */
static void put_config(struct cut *c, const struct json_val *config)
{
    struct json_iter it = json_iter(config);
    json_open_obj(&c->w);
    while (json_next(&it)) {
        bool out = is_config_out(c, it.name);
        c->n += out;
        if (out || dgm_str_eq(it.name, DGM_STR("candidateCount")) ||
            dgm_str_eq(it.name, DGM_STR("maxOutputTokens")))
            continue;
        json_put_key(&c->w, it.name);
        if (is_schema(it.name))
            put_schema(c, it.value, 4);
        else
            json_put_val(&c->w, it.value);
    }
    json_member_int(&c->w, "maxOutputTokens", 1);
    json_close_obj(&c->w);
}

/* ---- contents ---- */

/* How many parts of all contents have a member. */
static size_t count_parts(const struct json_val *contents, struct dgm_str member)
{
    struct json_iter turns = json_iter(contents);
    size_t n = 0;
    while (json_next(&turns)) {
        struct json_iter it = json_iter(json_get(turns.value, DGM_STR("parts")));
        while (json_next(&it))
            n += json_get(it.value, member) != NULL;
    }
    return n;
}

/* Where the body's calls and media are not those of the request one by one, all of them go in the place of one. */
static void look_ahead(struct cut *c)
{
    const struct json_val *contents = json_get(c->look.native, DGM_STR("contents"));
    size_t n = c->look.r->history_n, files = 0;
    struct suspect_file file = {0};
    c->in_step = count_parts(contents, DGM_STR("functionCall")) == n &&
                 count_parts(contents, DGM_STR("functionResponse")) == n;
    while (suspect_next_file(&c->look, &file))
        files++;
    c->files_in_step =
        count_parts(contents, DGM_STR("inlineData")) + count_parts(contents, DGM_STR("fileData")) ==
        files;
}

/* Whether a call goes, or its result: the i-th of them. */
static bool is_call_out(const struct cut *c, struct dgm_str name, size_t i)
{
    if (cuts(c, CUT_ALL_CALLS))
        return true;
    if (cuts(c, CUT_CALLS))
        return !c->in_step || c->look.r->history[i].message == c->suspect->at;
    return (cuts(c, CUT_UNDECLARED) && place_of(c, name) == 0) ||
           (cuts(c, CUT_MOST_TOOLS) && place_of(c, name) > TOOLS_KEPT);
}

/* Whether the next medium goes. */
static bool is_file_out(struct cut *c)
{
    const struct suspect_file *file = &c->file;
    if (c->files_in_step)
        (void)suspect_next_file(&c->look, &c->file); /* there is one */
    if (cuts(c, CUT_ALL_FILES))
        return true;
    if (!c->files_in_step)
        return cuts(c, CUT_BROKEN_FILES) || cuts(c, CUT_UNREAD_FILES) || cuts(c, CUT_FILES_AWAY);
    return (cuts(c, CUT_BROKEN_FILES) && suspect_file_is_broken(file)) ||
           (cuts(c, CUT_UNREAD_FILES) && suspect_file_is_unread(file)) ||
           (cuts(c, CUT_FILES_AWAY) && suspect_file_is_away(&c->look, file));
}

/* Whether a part goes, and something stands in its place. */
static bool is_part_out(struct cut *c, const struct json_val *part)
{
    const struct json_val *call = json_get(part, DGM_STR("functionCall"));
    const struct json_val *result = json_get(part, DGM_STR("functionResponse"));
    if (call)
        return is_call_out(c, json_get_str(call, DGM_STR("name")), c->call++);
    if (result)
        return is_call_out(c, json_get_str(result, DGM_STR("name")), c->result++);
    return (json_get(part, DGM_STR("inlineData")) || json_get(part, DGM_STR("fileData"))) &&
           is_file_out(c);
}

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

/* A text without what is behind its first letters, or without control characters. */
static void put_text(struct cut *c, struct dgm_str text)
{
    bool is_long = cuts(c, CUT_LONG_TEXTS) && text.n > TEXT_KEPT;
    size_t from = 0;
    if (is_long)
        text = dgm_utf8_head(text, TEXT_KEPT);
    c->n += is_long;
    json_open_str(&c->w);
    for (size_t i = 0; cuts(c, CUT_CONTROLS) && i < text.n; i++) {
        if (!is_control(text.p[i]))
            continue;
        json_add_str(&c->w, dgm_str_head(dgm_str_skip(text, from), i - from));
        json_add_str(&c->w, DGM_STR(" "));
        from = i + 1;
        c->n++;
    }
    json_add_str(&c->w, dgm_str_skip(text, from));
    json_close_str(&c->w);
}

/* A value with all texts in it so; data and signatures are none. */
static void put_texts(struct cut *c, const struct json_val *v, unsigned depth)
{
    struct json_iter it = json_iter(v);
    bool obj = json_kind(v) == JSON_OBJ;
    if (json_kind(v) == JSON_STR) {
        put_text(c, json_str(v));
        return;
    }
    if (json_kind(v) < JSON_ARR || depth > OPEN_MAX) {
        json_put_val(&c->w, v);
        return;
    }
    (obj ? json_open_obj : json_open_arr)(&c->w);
    while (json_next(&it)) {
        bool whole = obj && (dgm_str_eq(it.name, DGM_STR("inlineData")) ||
                             dgm_str_eq(it.name, DGM_STR("fileData")) ||
                             dgm_str_eq(it.name, DGM_STR("thoughtSignature")));
        if (obj)
            json_put_key(&c->w, it.name);
        if (whole)
            json_put_val(&c->w, it.value);
        else
            put_texts(c, it.value, depth + 1);
    }
    (obj ? json_close_obj : json_close_arr)(&c->w);
}

/* A call whose signature is the stand-in for one. */
static void put_unsigned(struct cut *c, const struct json_val *part)
{
    const struct dgm_str name = DGM_STR("thoughtSignature"), none = DGM_STR(DGM_SIGNATURE_STAND_IN);
    struct json_iter it = json_iter(part);
    json_open_obj(&c->w);
    while (json_next(&it)) {
        bool is_it = dgm_str_eq(it.name, name) && !dgm_str_eq(json_str(it.value), none);
        json_put_key(&c->w, it.name);
        if (is_it)
            json_put_str(&c->w, none);
        else
            json_put_val(&c->w, it.value);
        c->n += is_it;
    }
    json_close_obj(&c->w);
}

static void put_parts(struct cut *c, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    bool calls = false;
    while (json_next(&it))
        calls = calls || json_get(it.value, DGM_STR("functionCall"));
    it = json_iter(parts);
    json_open_arr(&c->w);
    while (json_next(&it)) {
        if (is_part_out(c, it.value))
            put_left_out(c);
        else if (cuts(c, CUT_TEXTS) && calls && json_get(it.value, DGM_STR("text")))
            c->n++;
        else if (cuts(c, CUT_SIGNATURES) && json_get(it.value, DGM_STR("functionCall")))
            put_unsigned(c, it.value);
        else if (cuts(c, CUT_LONG_TEXTS) || cuts(c, CUT_CONTROLS))
            put_texts(c, it.value, 8);
        else
            json_put_val(&c->w, it.value);
    }
    json_close_arr(&c->w);
}

static void put_turn(struct cut *c, const struct json_val *turn)
{
    struct json_iter it = json_iter(turn);
    json_open_obj(&c->w);
    while (json_next(&it)) {
        json_put_key(&c->w, it.name);
        if (dgm_str_eq(it.name, DGM_STR("parts")))
            put_parts(c, it.value);
        else
            json_put_val(&c->w, it.value);
    }
    json_close_obj(&c->w);
}

static bool is_of_model(const struct json_val *turn)
{
    return dgm_str_eq(json_get_str(turn, DGM_STR("role")), DGM_STR("model"));
}

/* The last text of the user's alone. */
static void put_last_text(struct cut *c, const struct json_val *contents)
{
    struct json_iter turns = json_iter(contents);
    struct dgm_str last = {0};
    size_t parts = 0;
    while (json_next(&turns)) {
        struct json_iter it = json_iter(json_get(turns.value, DGM_STR("parts")));
        parts += json_size(json_get(turns.value, DGM_STR("parts")));
        while (!is_of_model(turns.value) && json_next(&it)) {
            struct dgm_str text = json_get_str(it.value, DGM_STR("text"));
            last = text.n ? text : last;
        }
    }
    c->n += parts != 1 || !last.p;
    json_open_arr(&c->w);
    json_open_obj(&c->w);
    json_member_lit(&c->w, "role", "user");
    json_put_name(&c->w, "parts");
    json_open_arr(&c->w);
    json_open_obj(&c->w);
    json_member_str(&c->w, "text", last.p ? last : LEFT_OUT);
    json_close_obj(&c->w);
    json_close_arr(&c->w);
    json_close_obj(&c->w);
    json_close_arr(&c->w);
}

static void put_contents(struct cut *c, const struct json_val *contents)
{
    struct json_iter it = json_iter(contents);
    size_t n = json_size(contents);
    if (cuts(c, CUT_LAST_TEXT)) {
        put_last_text(c, contents);
        return;
    }
    if (cuts(c, CUT_LAST_TURN) && n > 1 && is_of_model(json_at(contents, n - 1))) {
        n--;
        c->n++;
    }
    json_open_arr(&c->w);
    while (json_next(&it) && it.index < n)
        put_turn(c, it.value);
    json_close_arr(&c->w);
}

/* ---- the body ---- */

/* With functions a choice of some of them by name may go too. */
static bool is_member_out(const struct cut *c, struct dgm_str name, const struct json_val *v)
{
    const struct json_val *calling = json_get(v, DGM_STR("functionCallingConfig"));
    return is_named(c, CUT_MEMBER, name) ||
           (cuts(c, CUT_MOST_TOOLS) && dgm_str_eq(name, DGM_STR("toolConfig")) &&
            json_get(calling, DGM_STR("allowedFunctionNames")));
}

static void put_member(struct cut *c, struct dgm_str name, const struct json_val *v)
{
    json_put_key(&c->w, name);
    if (dgm_str_eq(name, DGM_STR("generationConfig")))
        put_config(c, v);
    else if (dgm_str_eq(name, DGM_STR("contents")))
        put_contents(c, v);
    else if (dgm_str_eq(name, DGM_STR("tools")))
        put_tools(c, v);
    else if (dgm_str_eq(name, DGM_STR("systemInstruction")) &&
             (cuts(c, CUT_LONG_TEXTS) || cuts(c, CUT_CONTROLS)))
        put_texts(c, v, 2);
    else
        json_put_val(&c->w, v);
}

size_t probes_put(struct dgm_request *r, const struct json_val *native,
                  const struct suspect *suspect, struct dgm_buf *out)
{
    struct cut c = {.look = {.r = r, .native = native}, .suspect = suspect, .w = json_writer(out)};
    struct json_iter it = json_iter(native);
    for (size_t i = 0; i < COUNT(withouts); i++)
        if (dgm_str_eq(withouts[i].suspect, dgm_str_c(suspect->id)))
            c.cuts |= UINT32_C(1) << withouts[i].cut;
    if (c.cuts == 0)
        return 0;
    look_ahead(&c);
    json_open_obj(&c.w);
    if (!json_get(native, DGM_STR("generationConfig"))) {
        json_put_name(&c.w, "generationConfig");
        put_config(&c, NULL);
    }
    while (json_next(&it)) {
        if (is_member_out(&c, it.name, it.value))
            c.n++;
        else
            put_member(&c, it.name, it.value);
    }
    json_close_obj(&c.w);
    return c.n;
}
