/* SPDX-License-Identifier: Apache-2.0 */
/* schema_describe.c - descriptions in the subset: the schemas' own, and what can be said nowhere else. */
#include "translate/schema_subset.h"

#include "base/str.h"

#define FOLD_BYTES_MAX 256 /* of a value that is told in a description */
#define VALUES_MAX 64      /* of an enum told there */

/* Whether a value is short enough to be read by people; spends `*left`. */
static bool is_short(const struct json_val *v, size_t *left)
{
    struct json_iter it = json_iter(v);
    size_t cost = 2 + json_str(v).n + json_num(v).n;
    if (cost > *left)
        return false;
    *left -= cost;
    while (json_next(&it)) {
        if (it.name.n > *left)
            return false;
        *left -= it.name.n;
        if (!is_short(it.value, left))
            return false;
    }
    return true;
}

static void add_value(struct subset *s, const struct json_val *v)
{
    struct json_writer w = json_writer(&s->text);
    json_put_val(&w, v);
}

/* Begins a note in the description: in brackets behind the text, apart from the last. */
static void begin_fold(struct subset *s, bool *open)
{
    if (*open)
        dgm_buf_put_lit(&s->text, "; ");
    else
        dgm_buf_put(&s->text, s->text.n ? DGM_STR(" (") : DGM_STR("("));
    *open = true;
}

static void fold(struct subset *s, enum keyword_id id, const struct json_val *v, bool *open)
{
    size_t left = FOLD_BYTES_MAX;
    if (!is_short(v, &left))
        return;
    begin_fold(s, open);
    dgm_buf_put(&s->text, schema_keywords[id].name);
    dgm_buf_put_lit(&s->text, ": ");
    add_value(s, v);
}

/* Tells the values of an enum that the subset cannot have. */
static void fold_values(struct subset *s, const struct node *n, unsigned kind, bool *open)
{
    struct json_iter it = json_iter(n->found[KEY_ENUM]);
    size_t told = 0;
    bool told_too = schema_is_told(s->job, KEY_ENUM, n->found[KEY_ENUM]);
    if (n->found[KEY_CONST] && subset_kind_of(n->found[KEY_CONST]) != K_STRING) {
        fold(s, KEY_CONST, n->found[KEY_CONST], open);
        return;
    }
    while (json_next(&it)) {
        size_t left = FOLD_BYTES_MAX;
        if (json_kind(it.value) == JSON_NULL ||
            (kind == K_STRING && json_kind(it.value) == JSON_STR && !told_too) ||
            !is_short(it.value, &left))
            continue;
        if (told == VALUES_MAX) {
            dgm_buf_put_lit(&s->text, ", ...");
            return;
        }
        if (told++ == 0) {
            begin_fold(s, open);
            dgm_buf_put_lit(&s->text, "one of ");
        } else {
            dgm_buf_put_lit(&s->text, ", ");
        }
        add_value(s, it.value);
    }
}

bool subset_is_format(struct dgm_str format, unsigned kind)
{
    static const struct {
        unsigned kind;
        struct dgm_str format;
    } formats[] = {{K_STRING, DGM_STR("enum")},   {K_STRING, DGM_STR("date-time")},
                   {K_NUMBER, DGM_STR("float")},  {K_NUMBER, DGM_STR("double")},
                   {K_INTEGER, DGM_STR("int32")}, {K_INTEGER, DGM_STR("int64")}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (formats[i].kind == kind && dgm_str_eq(formats[i].format, format))
            return true;
    return false;
}

static struct dgm_str described(const struct node *n, size_t first, size_t end)
{
    struct dgm_str text = {0};
    for (size_t i = first; i < end && text.n == 0; i++)
        text = json_get_str(n->layer[i], DGM_STR("description"));
    return text;
}

void subset_put_description(struct subset *s, const struct node *n, unsigned kind)
{
    struct dgm_str own = described(n, 0, n->own), outer = described(n, n->own, n->n);
    struct dgm_str format = json_str(n->found[KEY_FORMAT]);
    bool open = false;
    if (own.n == 0)
        own = json_get_str(n->cut, DGM_STR("description"));
    dgm_buf_clear(&s->text);
    dgm_buf_put(&s->text, outer);
    if (own.n && outer.n)
        dgm_buf_put_char(&s->text, ' ');
    dgm_buf_put(&s->text, own);
    if (format.n && schema_keywords[KEY_FORMAT].kinds & kind && !subset_is_format(format, kind) &&
        !s->job->plain)
        fold(s, KEY_FORMAT, n->found[KEY_FORMAT], &open);
    for (enum keyword_id i = 0; i < KEYWORDS; i++)
        if (n->found[i] && schema_keywords[i].kinds & kind &&
            (schema_keywords[i].subset == SUBSET_FOLD ||
             (i != KEY_ENUM && schema_is_told(s->job, i, n->found[i]))))
            fold(s, i, n->found[i], &open);
    fold_values(s, n, kind, &open);
    if (open)
        dgm_buf_put_char(&s->text, ')');
    if (s->text.n)
        json_member_str(&s->w, "description", dgm_buf_str(&s->text));
}
