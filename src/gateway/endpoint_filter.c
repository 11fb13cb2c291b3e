/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_filter.c - which endpoints a list is to have. */
#include "gateway/endpoint_filter.h"

#include "base/str.h"

static const struct {
    struct dgm_str name;
    unsigned field;
} fields[] = {
    {{"endpoint", 8}, GW_BY_ENDPOINT},         {{"display_name", 12}, GW_BY_DISPLAY_NAME},
    {{"displayName", 11}, GW_BY_DISPLAY_NAME}, {{"base_model_name", 15}, GW_BY_BASE_MODEL},
    {{"baseModelName", 13}, GW_BY_BASE_MODEL},
};

static void skip_blanks(struct dgm_str *rest)
{
    while (rest->n != 0 && (rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = dgm_str_skip(*rest, 1);
}

static bool take(struct dgm_str *rest, struct dgm_str word)
{
    if (!dgm_str_starts(*rest, word))
        return false;
    *rest = dgm_str_skip(*rest, word.n);
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80 || (c != '\0' && dgm_str_find_char(DGM_STR("_-./@"), c) < 5);
}

static struct dgm_str take_word(struct dgm_str *rest)
{
    size_t n = 0;
    while (n < rest->n && is_word(rest->p[n]))
        n++;
    struct dgm_str word = dgm_str_head(*rest, n);
    *rest = dgm_str_skip(*rest, n);
    return word;
}

/* What stands between quotes, without the backslashes. An absent one has no end, or no memory. */
static struct dgm_str take_quoted(struct dgm_str *rest, struct dgm_arena *arena)
{
    char quote = rest->p[0];
    char *copy = dgm_arena_take(arena, rest->n);
    size_t n = 0, i = 1;
    for (; copy && i < rest->n && rest->p[i] != quote; i++) {
        i += rest->p[i] == '\\' && i + 1 < rest->n;
        copy[n++] = rest->p[i];
    }
    if (!copy || i == rest->n)
        return (struct dgm_str){0};
    *rest = dgm_str_skip(*rest, i + 1);
    return (struct dgm_str){copy, n};
}

static bool read_field(struct dgm_str word, struct gw_condition *c)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (dgm_str_eq(word, fields[i].name)) {
            c->field = fields[i].field;
            return true;
        }
    c->field = GW_BY_LABEL;
    return dgm_str_starts(word, DGM_STR("labels.")) && word.n > 7;
}

static bool read_condition(struct dgm_str *rest, struct dgm_arena *arena, struct gw_condition *c)
{
    *c = (struct gw_condition){0};
    if (!read_field(take_word(rest), c))
        return false;
    skip_blanks(rest);
    if (c->field == GW_BY_LABEL && take(rest, DGM_STR(":"))) {
        skip_blanks(rest);
        return take(rest, DGM_STR("*"));
    }
    c->differs = take(rest, DGM_STR("!="));
    if (!c->differs && !take(rest, DGM_STR("=")))
        return false;
    skip_blanks(rest);
    bool quoted = rest->n != 0 && (rest->p[0] == '"' || rest->p[0] == '\'');
    c->value = quoted ? take_quoted(rest, arena) : take_word(rest);
    return quoted ? c->value.p != NULL : c->value.n != 0;
}

bool gw_endpoint_filter_read(struct dgm_str text, struct dgm_arena *arena,
                             struct gw_endpoint_filter *ret, struct dgm_str *reterr)
{
    struct gw_endpoint_filter f = {.n = 0};
    struct dgm_str rest = text;
    skip_blanks(&rest);
    while (rest.n != 0) {
        struct dgm_str at = rest;
        if (f.n == GW_CONDITIONS_MAX || !read_condition(&rest, arena, &f.at[f.n])) {
            *reterr = at;
            return false;
        }
        f.n++;
        skip_blanks(&rest);
        if (rest.n != 0 && !take(&rest, DGM_STR("AND ")) && !take(&rest, DGM_STR("and "))) {
            *reterr = rest;
            return false;
        }
        skip_blanks(&rest);
    }
    *ret = f;
    return true;
}

static bool holds(const struct gw_condition *c, const struct gw_endpoint_facts *e)
{
    switch (c->field) {
    case GW_BY_ENDPOINT:
        return (dgm_str_eq(c->value, e->id) || dgm_str_eq(c->value, e->name)) != c->differs;
    case GW_BY_DISPLAY_NAME:
        return dgm_str_eq(c->value, e->display_name) != c->differs;
    case GW_BY_BASE_MODEL:
        return dgm_str_eq(c->value, e->base_model_name) != c->differs;
    case GW_BY_LABEL:
        break;
    }
    return c->differs;
}

bool gw_endpoint_filter_takes(const struct gw_endpoint_filter *f, const struct gw_endpoint_facts *e)
{
    for (size_t i = 0; i < f->n; i++)
        if (!holds(&f->at[i], e))
            return false;
    return true;
}
