/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - a plausible instance of a schema. */
#include "emulate/schema.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/number.h"
#include "emulate/pattern.h"
#include "emulate/schema_view.h"

#define GIVEN_DEPTH_MAX 32 /* of a const, default or example that is taken over */
#define ITEMS_MAX 256
#define LENGTH_MAX 4096
#define FORBIDDEN_MAX 16 /* numbers in a row that a `not` may refuse */

/* Where a value stands. */
struct spot {
    struct dgm_str name; /* of its member; of an item, the array's */
    unsigned depth;
    size_t index;            /* of an item */
    bool unique;             /* items differ */
    const struct view *view; /* of the value itself */
    const struct spot *up;   /* what it stands in; NULL for the root */
};

static void put(struct faker *, const struct view *, struct spot);

/* ---- what a schema gives itself ----------------------------------------------------------------------- */

static bool is_shallow(const struct json_val *v, unsigned depth)
{
    if (depth > GIVEN_DEPTH_MAX)
        return false;
    for (struct json_iter i = json_iter(v); json_next(&i);)
        if (!is_shallow(i.value, depth + 1))
            return false;
    return true;
}

static bool is_of_type(const struct json_val *v, struct dgm_str type)
{
    int64_t i;
    switch (json_kind(v)) {
    case JSON_STR:
        return emu_type_is(type, "string");
    case JSON_NUM:
        return emu_type_is(type, "number") || (emu_type_is(type, "integer") && json_int(v, &i));
    case JSON_BOOL:
        return emu_type_is(type, "boolean");
    case JSON_ARR:
        return emu_type_is(type, "array") && json_size(v) != 0; /* an empty default says little */
    case JSON_OBJ:
        return emu_type_is(type, "object") && json_size(v) != 0;
    default:
        return emu_type_is(type, "null");
    }
}

static const struct json_val *option_of(const struct faker *f, const struct view *v,
                                        const struct spot *at)
{
    const struct json_val *options = emu_view_member(v, "enum"), *option = NULL;
    size_t n = emu_ask_count(options);
    for (struct ask_list l = emu_ask_list(options);
         !at->unique && emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
        if (emu_facts_mention(f->facts, json_str(l.value)) && !emu_view_forbids(v, l.value))
            return l.value;
    for (size_t i = 0; i < n && i < SCHEMA_OPTIONS_MAX &&
                       (!option || json_kind(option) == JSON_NULL || emu_view_forbids(v, option));
         i++)
        option = emu_ask_at(options, (f->wording + at->index + i) % n);
    return option;
}

/* An example or the default. */
static const struct json_val *example_of(const struct view *v, struct dgm_str type, size_t index)
{
    const struct json_val *examples = emu_view_member(v, "examples");
    size_t n = json_kind(examples) == JSON_ARR ? json_size(examples) : 0;
    const struct json_val *given[] = {n != 0 ? json_at(examples, index % n) : NULL,
                                      emu_view_member(v, "example"), emu_view_member(v, "default")};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i] && is_of_type(given[i], type) && is_shallow(given[i], 0) &&
            !emu_view_forbids(v, given[i]))
            return given[i];
    return NULL;
}

/* OpenAPI's enums are strings, of integers too. */
static void put_given(struct faker *f, const struct json_val *v, struct dgm_str type)
{
    int64_t integer;
    bool numeric = emu_type_is(type, "integer") || emu_type_is(type, "number");
    if (numeric && json_kind(v) == JSON_STR && dgm_str_i64(json_str(v), &integer))
        json_put_int(f->w, integer);
    else
        json_put_val(f->w, v);
}

static bool put_fixed(struct faker *f, const struct view *v, struct dgm_str type,
                      const struct spot *at)
{
    const struct json_val *given = NULL;
    for (size_t i = 0; i < v->n && !given; i++)
        given = json_get(v->layers[i], DGM_STR("const")); /* which may be null */
    if (!given)
        given = option_of(f, v, at);
    if (!given || !is_shallow(given, 0))
        return false;
    put_given(f, given, type);
    return true;
}

/* ---- strings ------------------------------------------------------------------------------------------ */

static struct dgm_str formatted(const struct facts *facts, struct dgm_str format)
{
    const struct {
        const char *format, *text;
        struct dgm_str fact;
    } formats[] = {
        {"date-time", "2026-01-15T09:30:00Z", {0}},
        {"date", "2026-01-15", facts->date},
        {"time", "09:30:00Z", {0}},
        {"duration", "PT1H", {0}},
        {"email", "someone@example.com", facts->email},
        {"idn-email", "someone@example.com", facts->email},
        {"uri", "https://example.com/", facts->url},
        {"url", "https://example.com/", facts->url},
        {"iri", "https://example.com/", facts->url},
        {"uri-reference", "/emulated", facts->url},
        {"uuid", "00000000-0000-4000-8000-000000000000", {0}},
        {"ipv4", "192.0.2.1", {0}},
        {"ipv6", "2001:db8::1", {0}},
        {"hostname", "example.com", {0}},
        {"json-pointer", "/emulated", {0}},
        {"regex", "emulated", {0}},
        {"byte", "ZW11bGF0ZWQ=", {0}},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (dgm_str_eq(format, dgm_str_c(formats[i].format)))
            return formats[i].fact.p ? formats[i].fact : dgm_str_c(formats[i].text);
    return (struct dgm_str){0};
}

/* Whether a name has one of the words, as a word: "dueDate" and "due_dates" have "date", "update" has not. */
static bool has_word(struct dgm_str name, const char *words)
{
    for (size_t from = 0, to; from < name.n; from = to) {
        for (to = from + 1; to < name.n; to++) {
            bool lower = name.p[to] >= 'a' && name.p[to] <= 'z';
            bool was_lower = name.p[to - 1] >= 'a' && name.p[to - 1] <= 'z';
            bool upper = name.p[to] >= 'A' && name.p[to] <= 'Z';
            if ((!lower && !upper) || (upper && was_lower))
                break;
        }
        struct dgm_str word = {name.p + from, to - from}, rest = dgm_str_c(words), one;
        if (word.n > 1 && (word.p[0] == '_' || word.p[0] == '-' || word.p[0] == ' '))
            word = dgm_str_skip(word, 1);
        while (dgm_str_split(&rest, ' ', &one))
            if (dgm_str_eq_nocase(word, one) ||
                (dgm_str_ends(word, DGM_STR("s")) &&
                 dgm_str_eq_nocase(dgm_str_head(word, word.n - 1), one)))
                return true;
    }
    return false;
}

#define PEOPLE "participant people person attendee guest member user author"

static struct dgm_str from_facts(const struct facts *f, const struct spot *at)
{
    struct dgm_str name = at->name;
    if (has_word(name, "date day when"))
        return f->date.p ? f->date : f->day;
    if (has_word(name, "origin departure from"))
        return f->origin;
    if (has_word(name, "destination arrival"))
        return f->destination.p ? f->destination : f->place;
    if (has_word(name, "location city place where town region address"))
        return at->index != 0 && at->index < f->nplaces ? f->places[at->index] : f->place;
    if (has_word(name, "email mail recipient"))
        return f->email;
    if (has_word(name, "url uri link website"))
        return f->url;
    if (has_word(name, PEOPLE))
        return at->index < f->npeople ? f->people[at->index] : (struct dgm_str){0};
    if (has_word(name, "query question prompt text message input content search q expression"))
        return f->quoted.p ? f->quoted : f->prompt.n != 0 ? f->prompt : (struct dgm_str){0};
    if (has_word(name, "name title event summary subject topic"))
        return f->event.p ? f->event : f->quoted.p ? f->quoted : f->people[0];
    return (struct dgm_str){0};
}

/* "Chicago, IL" of "The city and state, e.g. Chicago, IL". */
static struct dgm_str from_description(const struct view *v)
{
    static const struct dgm_str before[] = {DGM_STR("e.g. "), DGM_STR("e.g., "),
                                            DGM_STR("for example "), DGM_STR("such as ")};
    static const struct dgm_str quotes = DGM_STR("\"'`");
    struct dgm_str d = dgm_utf8_head(json_str(emu_view_member(v, "description")), LENGTH_MAX),
                   found = {0};
    for (size_t i = 0; i < sizeof before / sizeof *before && found.n == 0; i++)
        found = dgm_str_skip(d, dgm_str_find(d, before[i]) + before[i].n);
    if (found.p && found.n != 0 && dgm_str_find_char(quotes, found.p[0]) < quotes.n) {
        char quote = found.p[0];
        found = dgm_str_skip(found, 1);
        return dgm_str_head(found, dgm_str_find_char(found, quote));
    }
    size_t n = 0;
    while (n < found.n && dgm_str_find_char(DGM_STR(".;)\n("), found.p[n]) == 5)
        n++;
    return dgm_str_head(found, n);
}

static void put_text(struct faker *f, const struct spot *at, struct dgm_str text, size_t min,
                     size_t max)
{
    struct dgm_str head = dgm_utf8_head(text, max); /* bytes for characters: never too long */
    size_t n = dgm_utf8_count(head);
    json_open_str(f->w);
    json_add_str(f->w, head);
    for (; n < min; n++)
        json_add_str(f->w, DGM_STR("x"));
    for (size_t i = at->unique ? at->index : 0; i != 0 && n < max; i--, n++)
        json_add_str(f->w, DGM_STR("x"));
    json_close_str(f->w);
}

static void put_string(struct faker *f, const struct view *v, const struct spot *at)
{
    struct dgm_str format = json_str(emu_view_member(v, "format")),
                   pattern = json_str(emu_view_member(v, "pattern"));
    size_t min = emu_view_at_least(v, DGM_STR("minLength"), LENGTH_MAX);
    size_t max = emu_view_at_most(v, DGM_STR("maxLength"), LENGTH_MAX);
    struct dgm_str text = {0}, wanted = formatted(f->facts, format);
    if (!wanted.p && !pattern.p)
        text = from_facts(f->facts, at);
    if (!text.p && !at->unique) {
        const struct json_val *given = example_of(v, DGM_STR("string"), at->index);
        if (given) {
            json_put_val(f->w, given);
            return;
        }
    }
    if (!text.p)
        text = wanted;
    char room[PATTERN_MAX_BYTES];
    struct dgm_str made = {0};
    if (!text.p && pattern.p)
        made = emu_pattern_make(room, pattern, min);
    if (made.p) {
        json_put_str(f->w, made);
        return;
    }
    if (!text.p)
        text = from_description(v);
    static const struct dgm_str texts[] = {DGM_STR("emulated"), DGM_STR("another"),
                                           DGM_STR("third")};
    for (size_t i = 0;
         i < sizeof texts / sizeof *texts && (text.n == 0 || emu_view_forbids_str(v, text)); i++)
        text = texts[i];
    put_text(f, at, text, min, max);
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

/* The strictest limits. OpenAPI 3.0 says true where JSON Schema has a number. */
static struct number limits_of(const struct view *v, struct dgm_str type)
{
    struct number n = {
        .min = -NUMBER_MAX, .max = NUMBER_MAX, .integer = emu_type_is(type, "integer")};
    double d;
    for (size_t i = 0; i < v->n; i++) {
        const struct json_val *s = v->layers[i], *step = emu_ask_member(s, "multipleOf");
        const struct json_val *above = emu_ask_member(s, "exclusiveMinimum");
        const struct json_val *below = emu_ask_member(s, "exclusiveMaximum");
        if (emu_ask_double(emu_ask_member(s, "minimum"), &d) && d > n.min) {
            n.min = d;
            n.above_min = json_bool(above, false);
        }
        if (emu_ask_double(above, &d) && d >= n.min) {
            n.min = d;
            n.above_min = true;
        }
        if (emu_ask_double(emu_ask_member(s, "maximum"), &d) && d < n.max) {
            n.max = d;
            n.below_max = json_bool(below, false);
        }
        if (emu_ask_double(below, &d) && d <= n.max) {
            n.max = d;
            n.below_max = true;
        }
        if (step)
            n.step = json_num(step);
    }
    return n;
}

static void put_number(struct faker *f, const struct view *v, struct dgm_str type,
                       const struct spot *at)
{
    struct number n = limits_of(v, type);
    const struct json_val *given = at->unique ? NULL : example_of(v, type, at->index);
    if (given) {
        json_put_val(f->w, given);
        return;
    }
    for (size_t i = f->numbers_used; i < f->facts->nnumbers && !n.step.p && !at->unique; i++)
        if (emu_number_fits(&n, f->facts->numbers[i]) &&
            !emu_view_forbids_number(v, f->facts->numbers[i])) {
            f->numbers_used = i + 1;
            json_put_raw(f->w, f->facts->numbers[i]);
            return;
        }
    char room[NUMBER_MAX_BYTES];
    size_t index = at->unique ? at->index : 0;
    struct dgm_str made = emu_number_make(room, &n, index);
    for (size_t i = 0; i < FORBIDDEN_MAX && emu_view_forbids_number(v, made); i++)
        made = emu_number_make(room, &n, ++index);
    json_put_raw(f->w, made);
}

/* ---- objects ------------------------------------------------------------------------------------------ */

/* The lists of names that one schema requires: its own, and those that come with a member. `*at` is where the walk is. */
struct required_walk {
    size_t n;
    struct json_iter dependent;
};

#define LOOKUPS_A_STEP                                                                             \
    16 /* members passed over by a lookup that cost as much as a look at a name */

static const struct json_val *next_required(struct faker *f, const struct json_val *schema,
                                            struct required_walk *at)
{
    f->work++;
    if (emu_view_is_over(f, 0))
        return NULL;
    if (at->n++ == 0) {
        f->work += (unsigned)(json_size(schema) / LOOKUPS_A_STEP);
        const struct json_val *map = json_get(schema, DGM_STR("dependentRequired"));
        at->dependent = json_iter(map ? map : json_get(schema, DGM_STR("dependencies")));
        const struct json_val *own = emu_ask_member(schema, "required");
        if (own)
            return own;
    }
    for (; json_next(&at->dependent); f->work++)
        if (json_kind(at->dependent.value) == JSON_ARR)
            return at->dependent.value;
    return NULL;
}

static bool is_required(struct faker *f, const struct view *v, struct dgm_str name)
{
    const struct json_val *names;
    for (size_t i = 0; i < v->n; i++)
        for (struct required_walk at = {0}; (names = next_required(f, v->layers[i], &at)) != NULL;)
            for (struct ask_list l = emu_ask_list(names);
                 emu_ask_next(&l) && !emu_view_is_over(f, 0); f->work++)
                if (dgm_str_eq(json_str(l.value), name))
                    return true;
    return false;
}

/* Whether another layer, or another list of the same one, required a name before. */
static bool was_required(struct faker *f, const struct view *v, size_t layer,
                         const struct json_val *list, struct dgm_str name)
{
    const struct json_val *names;
    for (size_t i = 0; i <= layer; i++)
        for (struct required_walk at = {0};
             (names = next_required(f, v->layers[i], &at)) != NULL;) {
            if (i == layer && names == list)
                return false;
            for (struct ask_list l = emu_ask_list(names);
                 emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
                if (dgm_str_eq(json_str(l.value), name))
                    return true;
        }
    return false;
}

/* Whether one of the first `n` layers has a property of that name. */
static bool has_property(struct faker *f, const struct view *v, size_t n, struct dgm_str name)
{
    for (size_t i = 0; i < n; i++) {
        const struct json_val *all = emu_ask_member(v->layers[i], "properties");
        f->work += (unsigned)json_size(all);
        if (json_get(all, name))
            return true;
    }
    return false;
}

/* `schema` is what the layer before `next` says of it; later ones may say more. */
static void put_member(struct faker *f, const struct view *v, size_t next, struct dgm_str name,
                       const struct json_val *schema, const struct spot *at)
{
    bool deep = emu_view_is_deep(f, at->depth + 1);
    struct view property = emu_view_of(f, schema, deep);
    for (size_t i = next; i < v->n; i++) {
        const struct json_val *all = emu_ask_member(v->layers[i], "properties");
        f->work += (unsigned)json_size(all);
        emu_view_add(f, &property, json_get(all, name), deep);
    }
    json_put_key(f->w, name);
    put(f, &property, (struct spot){.name = name, .depth = at->depth + 1, .up = at});
}

static bool is_listed(const struct json_val *names, struct dgm_str name)
{
    for (struct ask_list l = emu_ask_list(names); emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;)
        if (dgm_str_eq(json_str(l.value), name))
            return true;
    return false;
}

/* The members that the schema names. Returns how many. */
static size_t put_named(struct faker *f, const struct view *v, const struct spot *at)
{
    unsigned depth = at->depth;
    const struct json_val *order = emu_view_member(v, "propertyOrdering");
    bool all = !emu_view_is_deep(f, depth) && !emu_view_member(v, "maxProperties");
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(order);
         emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX;) {
        struct dgm_str name = json_str(l.value);
        if (!has_property(f, v, v->n, name) || (!all && !is_required(f, v, name)))
            continue;
        put_member(f, v, 0, name, NULL, at);
        n++;
    }
    for (size_t k = 0; k < v->n; k++) {
        struct json_iter i = json_iter(emu_ask_member(v->layers[k], "properties"));
        while (json_next(&i) && !emu_view_is_over(f, depth)) {
            bool wanted =
                (all && !emu_view_is_deep(f, depth) && !emu_view_forbids_name(v, i.name)) ||
                is_required(f, v, i.name);
            if (!wanted || is_listed(order, i.name) || has_property(f, v, k, i.name))
                continue;
            put_member(f, v, k + 1, i.name, i.value, at);
            n++;
        }
    }
    return n;
}

/* A name that is not among the properties: what the schema says of such, else "emulated", "emulated2", ... */
static void put_key(struct faker *f, const struct view *v, size_t number)
{
    char room[PATTERN_MAX_BYTES];
    struct dgm_str name = {0};
    struct json_iter patterns = json_iter(emu_view_member(v, "patternProperties"));
    const struct json_val *names = emu_view_member(v, "propertyNames");
    if (number == 0 && json_next(&patterns))
        name = emu_pattern_make(room, patterns.name, 1);
    if (!name.p && emu_ask_member(names, "enum"))
        name = json_str(emu_ask_at(emu_ask_member(names, "enum"), number));
    if (!name.p && json_get_str(names, DGM_STR("pattern")).p)
        name = emu_pattern_make(room, json_get_str(names, DGM_STR("pattern")), 1 + number);
    if (name.p) {
        json_put_key(f->w, name);
        return;
    }
    char text[16] = "emulated";
    size_t n = 8, unit = 1000;
    for (; number != 0 && unit != 0; unit /= 10)
        if (number + 1 >= unit && n < sizeof text)
            text[n++] = (char)('0' + (number + 1) / unit % 10);
    json_put_key(f->w, (struct dgm_str){text, n});
}

/* Those of a list that are no properties, and that nobody required before. Returns how many. */
static size_t put_required(struct faker *f, const struct view *v, size_t layer,
                           const struct json_val *names, const struct json_val *schema,
                           const struct spot *at)
{
    unsigned depth = at->depth;
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(names);
         emu_ask_next(&l) && l.index < SCHEMA_OPTIONS_MAX && !emu_view_is_over(f, depth);) {
        struct dgm_str name = json_str(l.value);
        if (!name.p || has_property(f, v, v->n, name) || was_required(f, v, layer, names, name))
            continue;
        struct view other = emu_view_of(f, schema, emu_view_is_deep(f, depth + 1));
        json_put_key(f->w, name);
        put(f, &other, (struct spot){.name = name, .depth = depth + 1, .up = at});
        n++;
    }
    return n;
}

/* Members beyond those of `properties`: what is required, what makes up the number, one to show a map. */
static void put_others(struct faker *f, const struct view *v, size_t n, const struct spot *at)
{
    unsigned depth = at->depth;
    const struct json_val *others = emu_view_member(v, "additionalProperties");
    struct json_iter patterns = json_iter(emu_view_member(v, "patternProperties"));
    size_t min = emu_view_at_least(v, DGM_STR("minProperties"), ITEMS_MAX);
    bool closed = json_kind(others) == JSON_BOOL && !json_bool(others, true);
    if (json_next(&patterns))
        others = patterns.value;
    bool map = json_kind(others) == JSON_OBJ;
    for (size_t k = 0; k < v->n; k++) {
        const struct json_val *names;
        for (struct required_walk lists = {0};
             (names = next_required(f, v->layers[k], &lists)) != NULL;)
            n += put_required(f, v, k, names, map ? others : NULL, at);
    }
    if (n == 0 && min == 0 && map && !emu_view_is_deep(f, depth) &&
        emu_view_at_most(v, DGM_STR("maxProperties"), ITEMS_MAX) != 0)
        min = 1;
    if (closed && !map)
        return;
    for (size_t i = 0; n < min && !emu_view_is_over(f, depth); i++, n++) {
        struct view other = emu_view_of(f, map ? others : NULL, emu_view_is_deep(f, depth + 1));
        put_key(f, v, i);
        put(f, &other, (struct spot){.depth = depth + 1, .up = at});
    }
}

static void put_object(struct faker *f, const struct view *v, const struct spot *at)
{
    const struct json_val *given = example_of(v, DGM_STR("object"), at->index);
    if (given) {
        json_put_val(f->w, given);
        return;
    }
    json_open_obj(f->w);
    if (!emu_view_is_over(f, at->depth))
        put_others(f, v, put_named(f, v, at), at);
    json_close_obj(f->w);
}

/* ---- arrays ------------------------------------------------------------------------------------------- */

/* So many items: those with a schema of their own, or as many as the prompt has people or places, or one. */
static size_t count_items(const struct faker *f, const struct view *v, const struct spot *at,
                          size_t nfirst)
{
    size_t min = emu_view_at_least(v, DGM_STR("minItems"), ITEMS_MAX);
    size_t max = emu_view_at_most(v, DGM_STR("maxItems"), ITEMS_MAX), n = nfirst;
    if (n == 0 && has_word(at->name, PEOPLE " name"))
        n = f->facts->npeople;
    if (n == 0 && has_word(at->name, "location city place"))
        n = f->facts->nplaces;
    if (n == 0 && emu_view_is_deep(f, at->depth))
        return min < max ? min : max;
    n = n == 0 ? 1 : n;
    return n < min ? min : n > max ? max : n;
}

static void put_array(struct faker *f, const struct view *v, const struct spot *at)
{
    const struct json_val *first = emu_view_member(v, "prefixItems"),
                          *items = emu_view_member(v, "items");
    const struct json_val *given = example_of(v, DGM_STR("array"), at->index);
    if (given) {
        json_put_val(f->w, given);
        return;
    }
    if (json_kind(items) == JSON_ARR) { /* drafts before 2020-12 */
        first = items;
        items = emu_view_member(v, "additionalItems");
    }
    const struct json_val *contained = emu_view_member(v, "contains");
    size_t nfirst = json_size(first), n = count_items(f, v, at, nfirst);
    size_t wanted = contained && !emu_view_member(v, "minContains")
                        ? 1
                        : emu_view_at_least(v, DGM_STR("minContains"), ITEMS_MAX);
    size_t rest =
        contained ? wanted : 0; /* of those that `contains` asks for, behind the first ones */
    if (contained && n < nfirst + rest)
        n = nfirst + rest;
    struct spot spot = {.name = at->name,
                        .depth = at->depth + 1,
                        .up = at,
                        .unique = json_bool(emu_view_member(v, "uniqueItems"), false)};
    json_open_arr(f->w);
    for (; spot.index < n && !emu_view_is_over(f, at->depth); spot.index++) {
        const struct json_val *schema = spot.index < nfirst ? json_at(first, spot.index) : items;
        struct view item = emu_view_of(f, schema, emu_view_is_deep(f, spot.depth));
        if (rest != 0 && spot.index >= nfirst) {
            emu_view_add(f, &item, contained, emu_view_is_deep(f, spot.depth));
            rest--;
        }
        put(f, &item, spot);
    }
    json_close_arr(f->w);
}

/* ---- values ------------------------------------------------------------------------------------------- */

/* Whether a value says what one around it says: a schema that includes itself. */
static bool recurs(const struct view *v, const struct spot *up)
{
    for (; up; up = up->up)
        for (size_t i = 0; i < up->view->n; i++)
            for (size_t k = 0; k < v->n; k++)
                if (up->view->layers[i] == v->layers[k])
                    return true;
    return false;
}

static void put(struct faker *f, const struct view *v, struct spot at)
{
    if (at.depth < SCHEMA_DEPTH_ALL && recurs(v, at.up))
        at.depth = SCHEMA_DEPTH_ALL;
    at.view = v;
    struct dgm_str type = emu_view_type(v);
    f->work += 16;
    if (put_fixed(f, v, type, &at))
        return;
    bool container = emu_type_is(type, "object") || emu_type_is(type, "array");
    if (emu_type_is(type, "null") ||
        (container && emu_view_may_be_null(v) && emu_view_is_deep(f, at.depth)))
        json_put_null(f->w);
    else if (emu_type_is(type, "object"))
        put_object(f, v, &at);
    else if (emu_type_is(type, "array"))
        put_array(f, v, &at);
    else if (emu_type_is(type, "boolean"))
        json_put_bool(f->w,
                      json_bool(example_of(v, type, at.index), !at.unique || at.index % 2 == 0));
    else if (emu_type_is(type, "integer") || emu_type_is(type, "number"))
        put_number(f, v, type, &at);
    else
        put_string(f, v, &at);
}

void emu_schema_put_instance(struct json_writer *w, const struct json_val *schema,
                             const struct facts *facts, uint64_t wording)
{
    struct faker f = {.w = w, .root = schema, .facts = facts, .wording = wording};
    struct view v = emu_view_of(&f, schema, false);
    put(&f, &v, (struct spot){.depth = 0});
}
