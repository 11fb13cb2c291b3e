/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - a plausible instance of a schema: numbers, arrays, and what a value is at all. */
#include "emulate/schema.h"

#include "base/str.h"
#include "emulate/number.h"
#include "emulate/schema_put.h"

#define FORBIDDEN_MAX 16 /* numbers in a row that a `not` may refuse */

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
    const struct json_val *given = at->unique ? NULL : emu_schema_example(v, type, at->index);
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

/* ---- arrays ------------------------------------------------------------------------------------------- */

/* So many items: those with a schema of their own, or as many as the prompt has people or places, or one. */
static size_t count_items(const struct faker *f, const struct view *v, const struct spot *at,
                          size_t nfirst)
{
    size_t min = emu_view_at_least(v, DGM_STR("minItems"), SCHEMA_ITEMS_MAX);
    size_t max = emu_view_at_most(v, DGM_STR("maxItems"), SCHEMA_ITEMS_MAX), n = nfirst;
    if (n == 0 && emu_name_has_word(at->name, NAMES_OF_PEOPLE " name"))
        n = f->facts->npeople;
    if (n == 0 && emu_name_has_word(at->name, "location city place"))
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
    const struct json_val *given = emu_schema_example(v, DGM_STR("array"), at->index);
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
                        : emu_view_at_least(v, DGM_STR("minContains"), SCHEMA_ITEMS_MAX);
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
        emu_schema_put_value(f, &item, spot);
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

void emu_schema_put_value(struct faker *f, const struct view *v, struct spot at)
{
    if (at.depth < SCHEMA_DEPTH_ALL && recurs(v, at.up))
        at.depth = SCHEMA_DEPTH_ALL;
    at.view = v;
    struct dgm_str type = emu_view_type(v);
    f->work += 16;
    if (emu_schema_put_fixed(f, v, type, &at))
        return;
    bool container = emu_type_is(type, "object") || emu_type_is(type, "array");
    if (emu_type_is(type, "null") ||
        (container && emu_view_may_be_null(v) && emu_view_is_deep(f, at.depth)))
        json_put_null(f->w);
    else if (emu_type_is(type, "object"))
        emu_schema_put_object(f, v, &at);
    else if (emu_type_is(type, "array"))
        put_array(f, v, &at);
    else if (emu_type_is(type, "boolean"))
        json_put_bool(f->w, json_bool(emu_schema_example(v, type, at.index),
                                      !at.unique || at.index % 2 == 0));
    else if (emu_type_is(type, "integer") || emu_type_is(type, "number"))
        put_number(f, v, type, &at);
    else
        emu_schema_put_string(f, v, &at);
}

void emu_schema_put_instance(struct json_writer *w, const struct json_val *schema,
                             const struct facts *facts, uint64_t wording)
{
    struct faker f = {.w = w, .root = schema, .facts = facts, .wording = wording};
    struct view v = emu_view_of(&f, schema, false);
    emu_schema_put_value(&f, &v, (struct spot){.depth = 0});
}
