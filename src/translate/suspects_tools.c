/* SPDX-License-Identifier: Apache-2.0 */
/* suspects_tools.c - what is suspect in functions and schemas (suspects.def). */
#include "translate/google.h"
#include "translate/schema_parts.h"
#include "translate/suspects.h"
#include "translate/tools.h"

#include "base/str.h"

#define MAX_ITEMS_SUM 960 /* python-genai#2170 found it by halving */
#define ENUM_ANY_BYTES                                                                             \
    2000 /* python-genai#2133: 240 values of two words are refused, of one word are not */
#define TOOLS_REFUSED 512 /* gemini-cli#25440 */
#define DEPTH_FINE 8      /* levels that nobody reports */
#define MEMBERS_FINE 400  /* of all schemas */
#define CYCLE_DEPTH 64    /* of $refs that are followed */
#define CYCLE_STEPS ((size_t)100000)

/* ---- schemas, one after the other ---- */

/* One schema of the request, and its place for the client. */
struct spot {
    const struct json_val *schema;
    size_t at; /* of the functions' schemas; their number: it is the answer's */
    struct chat_place top, element, function, member;
};

static size_t functions_n(const struct look *look)
{
    return look->r->tools ? look->r->tools->functions_n : 0;
}

/* The parameters of a function. False: it has none. */
static bool spot_function(const struct look *look, size_t i, struct spot *ret)
{
    static const struct dgm_str sources[] = {
        [FROM_TOOLS] = {"tools", 5},
        [FROM_FUNCTIONS] = {"functions", 9},
        [FROM_GOOGLE] = {"tools", 5},
    };
    const struct tool *t = &look->r->tools->functions[i];
    *ret = (struct spot){.schema = json_get(t->function, DGM_STR("parameters"))};
    ret->top.in = t->source == FROM_GOOGLE ? look->r->google_said->in[GOOGLE_TOOLS] : NULL;
    ret->top.member = sources[t->source];
    ret->element = (struct chat_place){.in = &ret->top, .index = t->index};
    ret->function = (struct chat_place){.in = &ret->element, .member = DGM_STR("function")};
    ret->member =
        (struct chat_place){.in = t->source == FROM_TOOLS ? &ret->function : &ret->element,
                            .member = DGM_STR("parameters")};
    return json_kind(ret->schema) == JSON_OBJ;
}

static bool spot_answer(const struct look *look, struct spot *ret)
{
    const struct json_val *format = look->r->field[CHAT_RESPONSE_FORMAT];
    const struct json_val *inner = json_get(format, DGM_STR("json_schema"));
    *ret = (struct spot){.schema = json_get(inner, DGM_STR("schema"))};
    ret->top.member = DGM_STR("response_format");
    ret->element = (struct chat_place){.in = &ret->top, .member = DGM_STR("json_schema")};
    ret->member = (struct chat_place){.in = &ret->element, .member = DGM_STR("schema")};
    return json_kind(ret->schema) == JSON_OBJ;
}

/* The i-th schema: of the functions, then of the answer. False: there is none behind it. `schema` may be NULL. */
static bool spot_at(const struct look *look, size_t i, struct spot *ret)
{
    size_t n = functions_n(look);
    if (i > n)
        return false;
    if (!(i < n ? spot_function(look, i, ret) : spot_answer(look, ret)))
        ret->schema = NULL;
    ret->at = i;
    return true;
}

/* What schemas add up to. */
struct sum {
    uint64_t max_items, enum_bytes, members, depth;
    uint64_t enum_values; /* of the largest */
    struct dgm_str lost;  /* the first keyword that Google does not list */
};

static void add_enum(struct sum *sum, const struct json_val *values)
{
    struct json_iter it = json_iter(values);
    if (json_size(values) > sum->enum_values)
        sum->enum_values = json_size(values);
    while (json_next(&it))
        sum->enum_bytes += json_str(it.value).n;
}

static void add_schema(struct sum *sum, const struct json_val *v, uint64_t depth);

static void add_inside(struct sum *sum, enum keyword_inside inside, const struct json_val *v,
                       uint64_t depth)
{
    struct json_iter it = json_iter(v);
    bool one = inside == SCHEMA || (inside == EITHER && json_kind(v) == JSON_OBJ);
    if (one)
        add_schema(sum, v, depth + 1);
    while (inside != NOTHING && !one && json_next(&it))
        add_schema(sum, it.value, depth + 1);
}

/* A parser's hundred levels bound the depth. */
static void add_schema(struct sum *sum, const struct json_val *v, uint64_t depth)
{
    struct json_iter it = json_iter(json_kind(v) == JSON_OBJ ? v : NULL);
    sum->depth = depth > sum->depth ? depth : sum->depth;
    while (json_next(&it)) {
        enum keyword_id id = schema_keyword(it.name);
        int64_t items;
        if (id == KEYWORDS) {
            if (!sum->lost.p && !schema_is_extension(it.name))
                sum->lost = it.name;
            continue;
        }
        if (!sum->lost.p && schema_keywords[id].json == JSON_LOST)
            sum->lost = it.name;
        if (id == KEY_MAX_ITEMS && json_int(it.value, &items) && items > 0 && items < INT32_MAX)
            sum->max_items += (uint64_t)items;
        if (id == KEY_ENUM)
            add_enum(sum, it.value);
        if (id == KEY_PROPERTIES)
            sum->members += json_size(it.value);
        add_inside(sum, schema_keywords[id].inside, it.value, depth);
    }
}

/* The sums of all functions, and the schema that has the most of one of them. */
static uint64_t most(const struct look *look, size_t measure, bool functions_alone,
                     uint64_t *ret_total, struct spot *ret)
{
    uint64_t largest = 0;
    struct spot spot;
    *ret_total = 0;
    for (size_t i = 0; spot_at(look, i, &spot); i++) {
        struct sum sum = {0};
        if (!spot.schema || (functions_alone && i >= functions_n(look)))
            continue;
        add_schema(&sum, spot.schema, 0);
        uint64_t value = *(const uint64_t *)(const void *)((const char *)&sum + measure);
        *ret_total += value;
        if (value <= largest)
            continue;
        largest = value;
        (void)spot_at(look, i, ret); /* anew: its places point into itself */
    }
    return largest;
}

#define MOST(look, member, functions_alone, ret_total, ret)                                        \
    most((look), offsetof(struct sum, member), (functions_alone), (ret_total), (ret))

static void name_spot(struct finding *f, const struct spot *spot)
{
    chat_put_place(&f->param, &spot->member);
    f->at = spot->at;
}

bool look_schema_max_items(const struct look *look, struct finding *f)
{
    struct spot spot;
    uint64_t total, largest = MOST(look, max_items, true, &total, &spot);
    if (total <= MAX_ITEMS_SUM / 2)
        return false;
    if (total <= MAX_ITEMS_SUM)
        f->likely = 40;
    dgm_buf_put_int(&f->what, (int64_t)total);
    if (largest)
        name_spot(f, &spot);
    return true;
}

bool look_enum_any(const struct look *look, struct finding *f)
{
    struct spot spot;
    uint64_t total, largest = MOST(look, enum_bytes, true, &total, &spot);
    bool any = look->r->tools && look->r->tools->mode == MODE_ANY;
    if (!any || total < ENUM_ANY_BYTES)
        return false;
    dgm_buf_put_int(&f->what, (int64_t)total);
    if (largest)
        name_spot(f, &spot);
    return true;
}

bool look_enum_large(const struct look *look, struct finding *f)
{
    struct spot spot;
    uint64_t total, largest = MOST(look, enum_values, false, &total, &spot);
    if (largest < SUSPECT_ENUM_VALUES)
        return false;
    if (largest < 2 * (uint64_t)SUSPECT_ENUM_VALUES)
        f->likely = 55;
    dgm_buf_put_int(&f->what, (int64_t)largest);
    name_spot(f, &spot);
    return true;
}

bool look_schema_depth(const struct look *look, struct finding *f)
{
    struct spot spot;
    uint64_t total, largest = MOST(look, depth, false, &total, &spot);
    if (largest <= DEPTH_FINE)
        return false;
    dgm_buf_put_int(&f->what, (int64_t)largest);
    name_spot(f, &spot);
    return true;
}

bool look_schema_large(const struct look *look, struct finding *f)
{
    struct spot spot;
    uint64_t total, largest = MOST(look, members, false, &total, &spot);
    if (total <= MEMBERS_FINE)
        return false;
    dgm_buf_put_int(&f->what, (int64_t)total);
    if (largest)
        name_spot(f, &spot);
    return true;
}

bool look_schema_keyword(const struct look *look, struct finding *f)
{
    struct spot spot;
    for (size_t i = 0; spot_at(look, i, &spot); i++) {
        struct sum sum = {0};
        if (!spot.schema)
            continue;
        add_schema(&sum, spot.schema, 0);
        if (!sum.lost.p)
            continue;
        finding_what(f, sum.lost);
        name_spot(f, &spot);
        return true;
    }
    return false;
}

/* ---- cycles ---- */

/* The schemas that one stands in, or was reached from. */
struct chain {
    const struct chain *up;
    const struct json_val *schema;
    unsigned length;
};

struct cycle {
    struct schema_job job;
    size_t steps;       /* of all schemas together */
    struct dgm_str ref; /* the one that leads back */
};

static bool is_above(const struct chain *chain, const struct json_val *v)
{
    for (; chain; chain = chain->up)
        if (chain->schema == v)
            return true;
    return false;
}

/* Whether something in a value leads back to what it stands in. */
static bool finds_cycle(struct cycle *c, const struct json_val *v, const struct chain *up)
{
    const struct chain here = {up, v, up ? up->length + 1 : 0};
    struct dgm_str ref = json_get_str(v, DGM_STR("$ref"));
    struct json_iter it = json_iter(v);
    if (here.length > CYCLE_DEPTH + JSON_DEPTH_MAX || c->steps++ > CYCLE_STEPS)
        return false;
    if (ref.p && !schema_is_spent(&c->job)) {
        const struct json_val *target = schema_resolve(&c->job, ref);
        c->ref = ref;
        if (target && (is_above(&here, target) || finds_cycle(c, target, &here)))
            return true;
    }
    while (json_next(&it))
        if (finds_cycle(c, it.value, &here))
            return true;
    return false;
}

bool look_schema_cycle(const struct look *look, struct finding *f)
{
    struct spot spot;
    struct cycle c = {.job = {.r = look->r, .quiet = true, .work_max = SCHEMA_WORK_MAX}};
    for (size_t i = 0; spot_at(look, i, &spot); i++) {
        c.job.root = spot.schema;
        if (!spot.schema || !finds_cycle(&c, spot.schema, NULL))
            continue;
        finding_what(f, c.ref);
        name_spot(f, &spot);
        return true;
    }
    return false;
}

/* ---- tools ---- */

bool look_tools_many(const struct look *look, struct finding *f)
{
    size_t n = functions_n(look);
    if (n <= SUSPECT_TOOLS_FEW)
        return false;
    f->likely = n > TOOLS_REFUSED ? 95 : n >= 200 ? f->likely : 55;
    dgm_buf_put_int(&f->what, (int64_t)n);
    dgm_buf_put_lit(&f->param, "tools");
    return true;
}

/* How many elements of the native tools are functions, and how many something else. */
static void count_kinds(const struct look *look, size_t *ret_functions, size_t *ret_others)
{
    struct json_iter it = json_iter(json_get(look->native, DGM_STR("tools")));
    *ret_functions = *ret_others = 0;
    while (json_next(&it))
        ++*(json_get(it.value, DGM_STR("functionDeclarations")) ? ret_functions : ret_others);
}

bool look_tools_mixed(const struct look *look, struct finding *f)
{
    size_t functions, others;
    count_kinds(look, &functions, &others);
    if (functions == 0 || others == 0)
        return false;
    if (look->r->model.generation >= GEMINI_3)
        f->likely = 48;
    if (look->r->google[GOOGLE_TOOLS])
        chat_put_place(&f->param, GOOGLE_PLACE(look->r, TOOLS));
    else
        dgm_buf_put_lit(&f->param, "web_search_options");
    return true;
}

bool look_tools_with_json(const struct look *look, struct finding *f)
{
    size_t functions, others;
    struct dgm_str mime = json_get_str(look->config, DGM_STR("responseMimeType"));
    count_kinds(look, &functions, &others);
    if (functions + others == 0 || !dgm_str_eq(mime, DGM_STR("application/json")))
        return false;
    if (look->r->model.generation >= GEMINI_3)
        f->likely = 43;
    dgm_buf_put_lit(&f->param, "response_format");
    return true;
}
