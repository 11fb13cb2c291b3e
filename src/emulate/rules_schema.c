/* SPDX-License-Identifier: Apache-2.0 */
/* rules_schema.c - the checks of schemas: OpenAPI's subset, and JSON Schema where Google says what it knows. */
#include "emulate/rules.h"

#include "base/str.h"

#define PATH_MAX_BYTES 2048
#define MAX_ITEMS_SUM                                                                              \
    960 /* measured to be somewhere there by vercel/ai#21192 and python-genai#2170 */
#define SCHEMA_TEXT_BYTES                                                                          \
    20000u /* inferred: the names of 239 tools, and 200,000 characters of schema, were refused */
#define NODES_MAX 100000 /* of JSON Schema that are looked at */

/* ---- walking the subset ------------------------------------------------------------------------------- */

typedef void look_fn(struct rules *, const struct schema_at *);

static void walk(struct rules *r, const struct schema_at *at, look_fn *look)
{
    static const struct {
        const char *name, *step;
    } maps[] = {{"properties", "properties"}, {"defs", "defs"}};
    look(r, at);
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++)
        for (struct json_iter i = json_iter(emu_ask_get(at->schema, dgm_str_c(maps[m].name)));
             json_next(&i);) {
            struct schema_at below = {.schema = i.value, .root = at->root, .parent = at};
            below.step = maps[m].step;
            below.name = i.name;
            walk(r, &below, look);
        }
    const struct json_val *items = emu_ask_member(at->schema, "items");
    if (items) {
        struct schema_at below = {.schema = items, .root = at->root, .parent = at};
        below.step = "items";
        walk(r, &below, look);
    }
    for (struct ask_list l = emu_ask_list(emu_ask_member(at->schema, "anyOf")); emu_ask_next(&l);) {
        struct schema_at below = {.schema = l.value, .root = at->root, .parent = at};
        below.step = "any_of";
        below.index = l.index;
        walk(r, &below, look);
    }
}

static void walk_root(struct rules *r, const struct json_val *schema, const char *member,
                      const struct function_walk *w, look_fn *look)
{
    if (!schema)
        return;
    struct schema_at at = {.schema = schema, .root = schema, .member = member};
    if (w) {
        at.function = json_str(emu_ask_member(w->function, "name"));
        at.tool_index = w->tool_index;
        at.function_index = w->function_index;
    }
    walk(r, &at, look);
}

void emu_rules_schemas(struct rules *r, look_fn *look)
{
    for (struct function_walk w = emu_rules_functions(r->ask); emu_rules_next_function(&w);) {
        walk_root(r, emu_ask_member(w.function, "parameters"), "parameters", &w, look);
        walk_root(r, emu_ask_member(w.function, "response"), "response", &w, look);
    }
    walk_root(r, emu_ask_member(r->ask->config, "responseSchema"), "response_schema", NULL, look);
}

/* ---- telling ------------------------------------------------------------------------------------------ */

static void put_index(struct dgm_buf *out, const char *name, size_t index)
{
    dgm_buf_put(out, dgm_str_c(name));
    dgm_buf_put_char(out, '[');
    dgm_buf_put_int(out, (int64_t)index);
    dgm_buf_put_char(out, ']');
}

/* "tools[0].function_declarations[1].parameters.properties[a].items" */
static void put_path(struct dgm_buf *out, const struct schema_at *at)
{
    if (!at->parent) {
        if (!at->function.p) {
            dgm_buf_put_lit(out, "generation_config.response_schema");
            return;
        }
        put_index(out, "tools", at->tool_index);
        dgm_buf_put_char(out, '.');
        put_index(out, "function_declarations", at->function_index);
        dgm_buf_put_char(out, '.');
        dgm_buf_put(out, dgm_str_c(at->member));
        return;
    }
    put_path(out, at->parent);
    dgm_buf_put_char(out, '.');
    if (at->name.p) {
        dgm_buf_put(out, dgm_str_c(at->step));
        dgm_buf_put_char(out, '[');
        dgm_buf_put(out, emu_rules_shown(at->name));
        dgm_buf_put_char(out, ']');
    } else if (dgm_str_eq(dgm_str_c(at->step), DGM_STR("any_of"))) {
        put_index(out, at->step, at->index);
    } else {
        dgm_buf_put(out, dgm_str_c(at->step));
    }
}

/* "parameters.a.items": properties by their names alone. */
static void put_short_path(struct dgm_buf *out, const struct schema_at *at)
{
    if (!at->parent) {
        dgm_buf_put(out, dgm_str_c(at->member));
        return;
    }
    put_short_path(out, at->parent);
    dgm_buf_put_char(out, '.');
    if (at->name.p)
        dgm_buf_put(out, emu_rules_shown(at->name));
    else if (dgm_str_eq(dgm_str_c(at->step), DGM_STR("any_of")))
        put_index(out, at->step, at->index);
    else
        dgm_buf_put(out, dgm_str_c(at->step));
}

void emu_rules_tell_schema(struct rules *r, const struct schema_at *at, struct dgm_str what)
{
    struct dgm_buf path, owner, brief;
    const struct schema_at *root = at;
    if (!emu_rules_listens(r))
        return;
    while (root->parent)
        root = root->parent;
    dgm_buf_init(&path, dgm_arena_source(r->arena), PATH_MAX_BYTES);
    dgm_buf_init(&owner, dgm_arena_source(r->arena), PATH_MAX_BYTES);
    dgm_buf_init(&brief, dgm_arena_source(r->arena), PATH_MAX_BYTES);
    put_path(&path, at);
    put_short_path(&brief, at);
    if (root->function.p) {
        dgm_buf_put_char(&owner, '`');
        dgm_buf_put(&owner, emu_rules_shown(root->function));
        dgm_buf_put_lit(&owner, "` functionDeclaration");
    } else {
        dgm_buf_put_lit(&owner, "the");
    }
    emu_rules_tell(r, HOLES(dgm_buf_str(&path), dgm_buf_str(&owner), dgm_buf_str(&brief), what));
    r->nomem =
        r->nomem || path.rc == DGM_E_NOMEM || owner.rc == DGM_E_NOMEM || brief.rc == DGM_E_NOMEM;
    dgm_buf_dispose(&path);
    dgm_buf_dispose(&owner);
    dgm_buf_dispose(&brief);
}

static const struct dgm_str nothing = {0};

/* ---- the subset --------------------------------------------------------------------------------------- */

enum type {
    TYPE_NONE,
    TYPE_STRING,
    TYPE_NUMBER,
    TYPE_INTEGER,
    TYPE_BOOLEAN,
    TYPE_ARRAY,
    TYPE_OBJECT
};

static enum type type_of(const struct json_val *schema)
{
    static const char *const names[] = {"TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER",
                                        "BOOLEAN",          "ARRAY",  "OBJECT", "NULL"};
    const struct json_val *v = emu_ask_member(schema, "type");
    int64_t number;
    if (json_int(v, &number))
        return number > TYPE_OBJECT || number < 0 ? TYPE_STRING : (enum type)number;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dgm_str_eq_nocase(json_str(v), dgm_str_c(names[i])))
            return i > TYPE_OBJECT ? TYPE_BOOLEAN
                                   : (enum type)i; /* NULL asks for no more than that */
    return TYPE_NONE;
}

static void look_type(struct rules *r, const struct schema_at *at)
{
    if (type_of(at->schema) == TYPE_NONE && !emu_ask_member(at->schema, "anyOf") &&
        !emu_ask_member(at->schema, "ref"))
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_type_missing(struct rules *r)
{
    emu_rules_schemas(r, look_type);
}

static void look_items(struct rules *r, const struct schema_at *at)
{
    if (type_of(at->schema) == TYPE_ARRAY && !emu_ask_member(at->schema, "items"))
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_items_missing(struct rules *r)
{
    emu_rules_schemas(r, look_items);
}

static void look_items_type(struct rules *r, const struct schema_at *at)
{
    if (type_of(at->schema) != TYPE_ARRAY && emu_ask_member(at->schema, "items"))
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_items_type(struct rules *r)
{
    emu_rules_schemas(r, look_items_type);
}

static void look_no_properties(struct rules *r, const struct schema_at *at)
{
    if (type_of(at->schema) == TYPE_OBJECT &&
        json_size(emu_ask_member(at->schema, "properties")) == 0)
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_no_properties(struct rules *r)
{
    emu_rules_schemas(r, look_no_properties);
}

static void look_properties_type(struct rules *r, const struct schema_at *at)
{
    if (type_of(at->schema) != TYPE_OBJECT &&
        json_size(emu_ask_member(at->schema, "properties")) != 0)
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_properties_type(struct rules *r)
{
    emu_rules_schemas(r, look_properties_type);
}

/* Google's protos have enums of integers, marked as such by their format. */
static void look_enum_type(struct rules *r, const struct schema_at *at)
{
    enum type type = type_of(at->schema);
    struct dgm_str format = json_str(emu_ask_member(at->schema, "format"));
    bool container = type == TYPE_ARRAY || type == TYPE_OBJECT;
    bool wrong = emu_ask_is_vertex(r->ask)
                     ? container
                     : type != TYPE_STRING && !dgm_str_eq(format, DGM_STR("enum"));
    if (wrong && type != TYPE_NONE && emu_ask_count(emu_ask_member(at->schema, "enum")) != 0)
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_enum_type(struct rules *r)
{
    emu_rules_schemas(r, look_enum_type);
}

static void look_enum_empty(struct rules *r, const struct schema_at *at)
{
    for (struct ask_list l = emu_ask_list(emu_ask_member(at->schema, "enum")); emu_ask_next(&l);)
        if (json_str(l.value).n == 0)
            emu_rules_tell_schema(r, at, emu_rules_number(r, l.index));
}

void emu_rule_schema_enum_empty(struct rules *r)
{
    emu_rules_schemas(r, look_enum_empty);
}

static void look_format(struct rules *r, const struct schema_at *at)
{
    struct dgm_str format = json_str(emu_ask_member(at->schema, "format"));
    if (type_of(at->schema) == TYPE_STRING && format.n != 0 && !ONE_OF(format, "enum", "date-time"))
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_format(struct rules *r)
{
    emu_rules_schemas(r, look_format);
}

static void look_required(struct rules *r, const struct schema_at *at)
{
    const struct json_val *properties = emu_ask_member(at->schema, "properties");
    for (struct ask_list l = emu_ask_list(emu_ask_member(at->schema, "required"));
         emu_ask_next(&l);)
        if (!json_get(properties, json_str(l.value)))
            emu_rules_tell_schema(r, at, emu_rules_number(r, l.index));
}

void emu_rule_schema_required(struct rules *r)
{
    emu_rules_schemas(r, look_required);
}

static void look_any_of(struct rules *r, const struct schema_at *at)
{
    if (emu_ask_member(at->schema, "anyOf") && json_size(at->schema) != 1)
        emu_rules_tell_schema(r, at, nothing);
}

void emu_rule_schema_any_of_alone(struct rules *r)
{
    emu_rules_schemas(r, look_any_of);
}

static void look_ref(struct rules *r, const struct schema_at *at)
{
    struct dgm_str ref = json_str(emu_ask_member(at->schema, "ref")), prefix = DGM_STR("#/defs/");
    if (ref.n == 0)
        return;
    bool found = dgm_str_starts(ref, prefix) &&
                 json_get(emu_ask_member(at->root, "defs"), dgm_str_skip(ref, prefix.n));
    if (!found)
        emu_rules_tell_schema(r, at, emu_rules_shown(ref));
}

void emu_rule_schema_ref(struct rules *r)
{
    emu_rules_schemas(r, look_ref);
}

/* ---- JSON Schema -------------------------------------------------------------------------------------- */

typedef void look_json_fn(struct rules *, struct dgm_str where, const struct json_val *schema,
                          const struct json_val *root);

struct json_walk {
    struct rules *rules;
    struct dgm_str where; /* whose schema it is */
    const struct json_val *root;
    look_json_fn *look;
    size_t nodes;
};

/* Names of members whose values are schemas, lists of them, or maps of them. */
static const char *const one_schema[] = {"items", "additionalProperties", "not"};
static const char *const schema_lists[] = {"prefixItems", "anyOf", "oneOf", "allOf", "items"};
static const char *const schema_maps[] = {"properties", "$defs", "definitions",
                                          "patternProperties"};

#define IN(list, name) emu_rules_one_of(name, list, sizeof(list) / sizeof *(list))

static void walk_json(struct json_walk *w, const struct json_val *schema)
{
    if (json_kind(schema) != JSON_OBJ || w->nodes++ > NODES_MAX)
        return;
    w->look(w->rules, w->where, schema, w->root);
    for (struct json_iter i = json_iter(schema); json_next(&i);) {
        bool list = json_kind(i.value) == JSON_ARR && IN(schema_lists, i.name);
        bool map = json_kind(i.value) == JSON_OBJ && IN(schema_maps, i.name);
        if (IN(one_schema, i.name))
            walk_json(w, i.value);
        for (struct json_iter k = json_iter(list || map ? i.value : NULL); json_next(&k);)
            walk_json(w, k.value);
    }
}

static void json_schemas(struct rules *r, look_json_fn *look)
{
    struct json_walk w = {.rules = r, .look = look};
    for (struct function_walk f = emu_rules_functions(r->ask); emu_rules_next_function(&f);) {
        static const char *const members[] = {"parametersJsonSchema", "responseJsonSchema"};
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            w.root = emu_ask_get(f.function, dgm_str_c(members[i]));
            w.where = dgm_str_c(members[i]);
            walk_json(&w, w.root);
        }
    }
    w.root = emu_ask_member(r->ask->config, "responseJsonSchema");
    w.where = DGM_STR("responseJsonSchema");
    walk_json(&w, w.root);
}

static void check_shape(struct rules *r, const struct json_val *schema, const char *name)
{
    enum json_kind kind = json_kind(schema);
    if (kind != JSON_OBJ && kind != JSON_NONE && kind != JSON_NULL)
        emu_rules_tell(r, HOLES(dgm_str_c(name)));
}

void emu_rule_json_schema_shape(struct rules *r)
{
    for (struct function_walk f = emu_rules_functions(r->ask); emu_rules_next_function(&f);)
        check_shape(r, emu_ask_member(f.function, "parametersJsonSchema"), "parametersJsonSchema");
    check_shape(r, emu_ask_member(r->ask->config, "responseJsonSchema"), "responseJsonSchema");
}

static void look_keyword(struct rules *r, struct dgm_str where, const struct json_val *schema,
                         const struct json_val *root)
{
    (void)root;
    for (struct json_iter i = json_iter(schema); json_next(&i);)
        if (!ONE_OF(i.name, "$id", "$defs", "$ref", "$anchor", "type", "format", "title",
                    "description", "enum", "items", "prefixItems", "minItems", "maxItems",
                    "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties",
                    "required", "propertyOrdering"))
            emu_rules_tell(r, HOLES(where, emu_rules_shown(i.name)));
}

void emu_rule_json_schema_keyword(struct rules *r)
{
    json_schemas(r, look_keyword);
}

static void look_siblings(struct rules *r, struct dgm_str where, const struct json_val *schema,
                          const struct json_val *root)
{
    if (schema == root || !json_get_str(schema, DGM_STR("$ref")).p)
        return; /* the sentence speaks of sub-schemas */
    for (struct json_iter i = json_iter(schema); json_next(&i);)
        if (!dgm_str_starts(i.name, DGM_STR("$")))
            emu_rules_tell(r, HOLES(where, emu_rules_shown(i.name)));
}

void emu_rule_json_schema_siblings(struct rules *r)
{
    json_schemas(r, look_siblings);
}

/* "#/$defs/a~1b": a JSON pointer (RFC 6901); anchors and other documents are let pass. */
static bool points(const struct json_val *v, struct dgm_str pointer)
{
    struct dgm_str piece;
    char name[256];
    while (v && dgm_str_split(&pointer, '/', &piece)) {
        size_t n = 0;
        uint64_t index;
        for (size_t i = 0; i < piece.n && n < sizeof name; i++) {
            bool escape = piece.p[i] == '~' && i + 1 < piece.n;
            name[n++] = !escape ? piece.p[i] : piece.p[++i] == '1' ? '/' : '~';
        }
        struct dgm_str key = {name, n};
        v = json_kind(v) == JSON_ARR && dgm_str_u64(key, &index) ? json_at(v, (size_t)index)
                                                                 : json_get(v, key);
    }
    return v != NULL;
}

static void look_dangling(struct rules *r, struct dgm_str where, const struct json_val *schema,
                          const struct json_val *root)
{
    struct dgm_str ref = json_get_str(schema, DGM_STR("$ref"));
    if (dgm_str_starts(ref, DGM_STR("#/")) && !points(root, dgm_str_skip(ref, 2)))
        emu_rules_tell(r, HOLES(where, emu_rules_shown(ref)));
}

void emu_rule_json_schema_dangling(struct rules *r)
{
    json_schemas(r, look_dangling);
}

/* ---- budgets, of all schemas together ------------------------------------------------------------------ */

static void add_max_items(struct rules *r, struct dgm_str where, const struct json_val *schema,
                          const struct json_val *root)
{
    int64_t n;
    uint64_t text;
    const struct json_val *v = json_get(schema, DGM_STR("maxItems"));
    (void)where, (void)root;
    if (!v) /* of the subset, which proto3's JSON may spell so */
        v = json_get(schema, DGM_STR("max_items"));
    if (json_int(v, &n) && n > 0)
        r->sum += (uint64_t)n;
    else if (dgm_str_u64(json_str(v), &text))
        r->sum += text;
}

/* The names of properties and the texts of enums. */
static void add_text(struct rules *r, struct dgm_str where, const struct json_val *schema,
                     const struct json_val *root)
{
    (void)where, (void)root;
    for (struct json_iter i = json_iter(json_get(schema, DGM_STR("properties"))); json_next(&i);)
        r->sum += i.name.n;
    for (struct json_iter i = json_iter(json_get(schema, DGM_STR("enum"))); json_next(&i);)
        r->sum += json_str(i.value).n;
}

static void add_max_items_of(struct rules *r, const struct schema_at *at)
{
    add_max_items(r, (struct dgm_str){0}, at->schema, NULL);
}

static void add_text_of(struct rules *r, const struct schema_at *at)
{
    add_text(r, (struct dgm_str){0}, at->schema, NULL);
}

static uint64_t add_up(struct rules *r, look_fn *subset, look_json_fn *json)
{
    r->sum = 0;
    emu_rules_schemas(r, subset);
    json_schemas(r, json);
    return r->sum;
}

void emu_rule_schema_max_items(struct rules *r)
{
    if (add_up(r, add_max_items_of, add_max_items) > MAX_ITEMS_SUM)
        emu_rules_tell(r, HOLES(nothing));
}

void emu_rule_schema_states(struct rules *r)
{
    if (add_up(r, add_text_of, add_text) > SCHEMA_TEXT_BYTES)
        emu_rules_tell(r, HOLES(nothing));
}
