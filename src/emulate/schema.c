/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - a plausible instance of a schema. */
#include "emulate/schema.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/ask.h"

#define DEPTH_ALL 6 /* below, an object has only what it must have: recursion ends where it may */
#define DEPTH_MAX                                                                                  \
    24 /* below, nothing does: what is asked for has no finite instance, or a silly one */
#define NODES_MAX 4096 /* beyond twice as many, only what must be; beyond four times, nothing */
#define ITEMS_MAX 64
#define LENGTH_MAX 4096

struct faker {
    struct json_writer *w;
    const struct json_val *root;
    const struct facts *facts;
    uint64_t wording;
    unsigned nodes;
};

static void put(struct faker *, const struct json_val *schema, struct dgm_str name, unsigned depth);

/* ---- reading ------------------------------------------------------------------------------------------ */

/* "#/$defs/Pet" and Vertex's "#/defs/Pet"; JSON pointers without escapes. */
static const struct json_val *resolve(const struct faker *f, struct dgm_str ref)
{
    const struct json_val *v = f->root;
    struct dgm_str piece;
    if (!dgm_str_split(&ref, '/', &piece) || !dgm_str_eq(piece, DGM_STR("#")))
        return NULL;
    while (dgm_str_split(&ref, '/', &piece))
        v = json_get(v, piece);
    return v;
}

static const struct json_val *first_of(const struct json_val *schema)
{
    static const struct dgm_str names[] = {DGM_STR("anyOf"), DGM_STR("oneOf"), DGM_STR("allOf")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (struct ask_list l = emu_ask_list(emu_ask_get(schema, names[i])); emu_ask_next(&l);)
            if (!dgm_str_eq_nocase(json_get_str(l.value, DGM_STR("type")), DGM_STR("null")))
                return l.value;
    return NULL;
}

/* Follows references and alternatives to a schema that says something itself. */
static const struct json_val *plain(const struct faker *f, const struct json_val *schema)
{
    for (unsigned i = 0; i < DEPTH_MAX; i++) {
        struct dgm_str ref = json_get_str(schema, DGM_STR("$ref"));
        if (!ref.p)
            ref = json_get_str(schema, DGM_STR("ref"));
        const struct json_val *next = ref.p ? resolve(f, ref) : NULL;
        if (!next && !emu_ask_member(schema, "type") && !emu_ask_member(schema, "properties"))
            next = first_of(schema);
        if (!next)
            break;
        schema = next;
    }
    return schema;
}

static struct dgm_str type_of(const struct json_val *schema)
{
    const struct json_val *type = json_get(schema, DGM_STR("type"));
    for (struct ask_list l = emu_ask_list(type); emu_ask_next(&l);)
        if (!dgm_str_eq_nocase(json_str(l.value), DGM_STR("null")))
            return json_str(l.value);
    if (type)
        return DGM_STR("null");
    if (emu_ask_member(schema, "properties"))
        return DGM_STR("object");
    return emu_ask_member(schema, "items") ? DGM_STR("array") : DGM_STR("string");
}

static size_t limit(const struct json_val *schema, struct dgm_str name, size_t otherwise,
                    size_t max)
{
    int64_t i;
    if (!emu_ask_int(emu_ask_get(schema, name), &i) || i < 0)
        return otherwise;
    return (uint64_t)i < max ? (size_t)i : max;
}

static bool contains(struct dgm_str name, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dgm_str_find(name, dgm_str_c(words[i])) < name.n)
            return true;
    return false;
}

#define CONTAINS(name, ...)                                                                        \
    contains(name, (const char *const[]){__VA_ARGS__},                                             \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* ---- strings ------------------------------------------------------------------------------------------ */

static struct dgm_str formatted(struct dgm_str format)
{
    static const struct {
        const char *format, *text;
    } formats[] = {
        {"date-time", "2026-01-15T09:30:00Z"},
        {"date", "2026-01-15"},
        {"time", "09:30:00Z"},
        {"duration", "PT1H"},
        {"email", "someone@example.com"},
        {"uri", "https://example.com/"},
        {"uuid", "00000000-0000-4000-8000-000000000000"},
        {"ipv4", "192.0.2.1"},
        {"ipv6", "2001:db8::1"},
        {"hostname", "example.com"},
        {"byte", "ZW11bGF0ZWQ="},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (dgm_str_eq(format, dgm_str_c(formats[i].format)))
            return dgm_str_c(formats[i].text);
    return (struct dgm_str){0};
}

static struct dgm_str from_facts(const struct facts *facts, struct dgm_str name, size_t index)
{
    if (CONTAINS(name, "date", "day", "when"))
        return facts->day;
    if (CONTAINS(name, "location", "city", "place", "where"))
        return facts->place;
    if (CONTAINS(name, "participant", "people", "person", "attendee", "guest"))
        return index < facts->npeople ? facts->people[index] : (struct dgm_str){0};
    if (CONTAINS(name, "name", "title", "event", "summary"))
        return facts->event.p ? facts->event : facts->people[0];
    return (struct dgm_str){0};
}

static void put_string(struct faker *f, const struct json_val *schema, struct dgm_str name,
                       size_t index)
{
    struct dgm_str text = formatted(json_get_str(schema, DGM_STR("format")));
    if (!text.p)
        text = from_facts(f->facts, name, index);
    if (!text.p)
        text = DGM_STR("emulated");
    size_t min = limit(schema, DGM_STR("minLength"), 0, LENGTH_MAX);
    size_t max = limit(schema, DGM_STR("maxLength"), LENGTH_MAX, LENGTH_MAX);
    text = dgm_utf8_head(text, max); /* bytes where characters are meant: never too long */
    json_open_str(f->w);
    json_add_str(f->w, text);
    for (size_t n = dgm_utf8_count(text); n < min; n++)
        json_add_str(f->w, DGM_STR("x"));
    json_close_str(f->w);
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

static void put_number(struct faker *f, const struct json_val *schema)
{
    double min = 1, max = 9e15, bound, step = 1;
    if (emu_ask_double(emu_ask_member(schema, "maximum"), &bound) && bound < max)
        max = bound;
    if (emu_ask_double(emu_ask_member(schema, "exclusiveMaximum"), &bound) && bound - 1 < max)
        max = bound - 1;
    if (max < min)
        min = max > 0 ? 0 : max;
    if (emu_ask_double(emu_ask_member(schema, "minimum"), &bound) && (bound > min || min < 1))
        min = bound;
    if (emu_ask_double(emu_ask_member(schema, "exclusiveMinimum"), &bound) && bound >= min)
        min = bound + 1;
    min = min < -9e15 ? -9e15 : min > 9e15 ? 9e15 : min;
    int64_t i = (int64_t)min;
    if ((double)i < min)
        i++; /* up to the next integer; a number may be one too */
    if (emu_ask_double(emu_ask_member(schema, "multipleOf"), &step) && step >= 1 && step < 1e9) {
        int64_t by = (int64_t)step, over = i % by;
        if ((double)by == step && over != 0)
            i += over > 0 ? by - over : -over;
    }
    if ((double)i <= max) {
        json_put_int(f->w, i);
        return;
    }
    const struct json_val *exact =
        emu_ask_member(schema, "minimum"); /* between two integers: the bound itself */
    struct dgm_str text = json_num(exact);
    if (!text.p)
        text = json_num(emu_ask_member(schema, "maximum"));
    json_put_raw(f->w, text.p ? text : DGM_STR("0"));
}

/* ---- containers --------------------------------------------------------------------------------------- */

static bool is_required(const struct json_val *schema, struct dgm_str name)
{
    for (struct ask_list l = emu_ask_list(emu_ask_member(schema, "required")); emu_ask_next(&l);)
        if (dgm_str_eq(json_str(l.value), name))
            return true;
    return false;
}

static void put_object(struct faker *f, const struct json_val *schema, unsigned depth)
{
    const struct json_val *properties = emu_ask_member(schema, "properties");
    const struct json_val *required = emu_ask_member(schema, "required");
    if (depth == DEPTH_MAX || f->nodes >= 4 * NODES_MAX)
        properties = required = NULL;
    f->nodes += (unsigned)(json_size(properties) % NODES_MAX);
    json_open_obj(f->w);
    for (struct json_iter i = json_iter(properties); json_next(&i);) {
        bool all = depth < DEPTH_ALL && f->nodes < 2 * NODES_MAX;
        if (!all && !is_required(schema, i.name))
            continue;
        json_put_key(f->w, i.name);
        put(f, i.value, i.name, depth + 1);
    }
    for (struct ask_list l = emu_ask_list(required); emu_ask_next(&l);) {
        if (!json_str(l.value).p || json_get(properties, json_str(l.value)))
            continue;
        json_put_key(f->w, json_str(l.value));
        json_put_str(f->w, DGM_STR("emulated"));
    }
    json_close_obj(f->w);
}

static void put_array(struct faker *f, const struct json_val *schema, struct dgm_str name,
                      unsigned depth)
{
    const struct json_val *items = emu_ask_member(schema, "items");
    const struct json_val *prefix = emu_ask_member(schema, "prefixItems");
    size_t min = limit(schema, DGM_STR("minItems"), 0, ITEMS_MAX);
    size_t max = limit(schema, DGM_STR("maxItems"), ITEMS_MAX, ITEMS_MAX);
    size_t n = json_size(prefix);
    if (n == 0 && CONTAINS(name, "participant", "people", "person", "attendee", "guest", "name"))
        n = f->facts->npeople;
    n = n == 0 ? 1 : n;
    n = n < min ? min : n > max ? max : n;
    bool shallow =
        depth == DEPTH_MAX || f->nodes >= 2 * NODES_MAX || (depth >= DEPTH_ALL && min == 0);
    json_open_arr(f->w);
    for (size_t i = 0; i < n && !shallow; i++) {
        const struct json_val *item = i < json_size(prefix) ? json_at(prefix, i) : items;
        const struct json_val *said = plain(f, item);
        if (dgm_str_eq_nocase(type_of(said), DGM_STR("string")) && !emu_ask_member(said, "enum"))
            put_string(f, said, name, i);
        else
            put(f, item, name, depth + 1);
    }
    json_close_arr(f->w);
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* A value that the schema names itself. OpenAPI's enums are strings, of integers too. */
static bool put_given(struct faker *f, const struct json_val *schema, struct dgm_str type)
{
    static const struct dgm_str names[] = {DGM_STR("const"), DGM_STR("default"),
                                           DGM_STR("example")};
    const struct json_val *options = emu_ask_member(schema, "enum"), *v = NULL;
    size_t n = emu_ask_count(options);
    if (n != 0)
        v = emu_ask_at(options, f->wording % n);
    for (size_t i = 0; i < sizeof names / sizeof *names && !v; i++)
        v = json_get(schema, names[i]);
    if (!v)
        return false;
    int64_t integer;
    bool numeric =
        dgm_str_eq_nocase(type, DGM_STR("integer")) || dgm_str_eq_nocase(type, DGM_STR("number"));
    if (numeric && json_kind(v) == JSON_STR && dgm_str_i64(json_str(v), &integer))
        json_put_int(f->w, integer);
    else
        json_put_val(f->w, v);
    return true;
}

static void put(struct faker *f, const struct json_val *schema, struct dgm_str name, unsigned depth)
{
    f->nodes++;
    schema = plain(f, schema);
    struct dgm_str type = type_of(schema);
    if (put_given(f, schema, type))
        return;
    if (dgm_str_eq_nocase(type, DGM_STR("object")))
        put_object(f, schema, depth);
    else if (dgm_str_eq_nocase(type, DGM_STR("array")))
        put_array(f, schema, name, depth);
    else if (dgm_str_eq_nocase(type, DGM_STR("boolean")))
        json_put_bool(f->w, true);
    else if (dgm_str_eq_nocase(type, DGM_STR("null")))
        json_put_null(f->w);
    else if (dgm_str_eq_nocase(type, DGM_STR("integer")) ||
             dgm_str_eq_nocase(type, DGM_STR("number")))
        put_number(f, schema);
    else
        put_string(f, schema, name, 0);
}

void emu_schema_put_instance(struct json_writer *w, const struct json_val *schema,
                             const struct facts *facts, uint64_t wording)
{
    struct faker f = {.w = w, .root = schema, .facts = facts, .wording = wording};
    put(&f, schema, DGM_STR(""), 0);
}
