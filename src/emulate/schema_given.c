/* SPDX-License-Identifier: Apache-2.0 */
/* schema_given.c - values that a schema gives itself: const, enum, examples, the default. */
#include "emulate/schema_put.h"

#include "base/str.h"

#define GIVEN_DEPTH_MAX 32 /* of a const, default or example that is taken over */

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
const struct json_val *emu_schema_example(const struct view *v, struct dgm_str type, size_t index)
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

bool emu_schema_put_fixed(struct faker *f, const struct view *v, struct dgm_str type,
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
