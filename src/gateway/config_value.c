/* SPDX-License-Identifier: Apache-2.0 */
/* config_value.c - texts as typed values, and back. */
#include "gateway/config_near.h"
#include "gateway/config_parse.h"

#include "auth/credentials.h"
#include "base/str.h"
#include "base/utf8.h"

#include <assert.h>

#define MB (1024 * 1024)
#define SHOWN_BYTES 60 /* of a value in a message */
#define LIT(s) {"" s, sizeof(s) - 1}

/* ---- saying what is wrong ---- */

struct dgm_str gw_node_quoted(struct gw_parse *p, const struct gw_node *node)
{
    switch (node->kind) {
    case GW_NODE_LIST:
        return DGM_STR("a list");
    case GW_NODE_MAP:
        return DGM_STR("a mapping");
    default:
        break;
    }
    if (node->null)
        return DGM_STR("nothing");
    if (node->hidden)
        return DGM_STR("the value");
    struct dgm_str shown = dgm_utf8_head(node->text, SHOWN_BYTES);
    return gw_join(p, DGM_STR("\""), shown,
                   shown.n < node->text.n ? DGM_STR("...\"") : DGM_STR("\""));
}

static struct dgm_str number(struct gw_parse *p, int64_t i)
{
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(&p->scratch), 32);
    dgm_buf_put_int(&b, i);
    return gw_parse_text(p, &b);
}

static void put_time(int64_t ms, struct dgm_buf *out)
{
    static const struct {
        int64_t ms;
        struct dgm_str unit;
    } units[] = {{3600000, LIT("h")}, {60000, LIT("m")}, {1000, LIT("s")}, {1, LIT("ms")}};
    size_t i = 0;
    /* A whole number of the largest unit: 75s stays 75s, 120s becomes 2m. */
    while (ms % units[i].ms != 0)
        i++;
    dgm_buf_put_int(out, ms / units[i].ms);
    dgm_buf_put(out, units[i].unit);
}

void gw_limit_put(const struct gw_row *row, int64_t bound, struct dgm_buf *out)
{
    if (row->kind == GW_ROW_TIME)
        put_time(bound, out);
    else
        dgm_buf_put_int(out, bound);
}

static struct dgm_str limit(struct gw_parse *p, const struct gw_row *row, int64_t bound)
{
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(&p->scratch), 32);
    gw_limit_put(row, bound, &b);
    return gw_parse_text(p, &b);
}

/* ---- one text, one value ---- */

/* The index of a text among the row's words; -1 when it is none. */
static int word_index(const struct gw_row *row, struct dgm_str text)
{
    struct dgm_str rest = dgm_str_c(row->words), word;
    for (int i = 0; dgm_str_split(&rest, '|', &word); i++)
        if (dgm_str_eq(word, text))
            return i;
    return -1;
}

static struct dgm_str word_near(const struct gw_row *row, struct dgm_str text)
{
    struct dgm_str words[16], rest = dgm_str_c(row->words);
    size_t n = 0;
    while (n < 16 && dgm_str_split(&rest, '|', &words[n]))
        n++;
    return gw_near(text, words, n);
}

static void read_word(struct gw_parse *p, const struct gw_row *row, int *to,
                      const struct gw_node *node, struct dgm_str label)
{
    int i = word_index(row, node->text);
    if (i >= 0) {
        *to = i;
        return;
    }
    struct dgm_str near = node->hidden ? (struct dgm_str){0} : word_near(row, node->text);
    if (near.p) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR("; did you mean \""), near, DGM_STR("\"?"));
        return;
    }
    struct dgm_buf all;
    dgm_buf_init(&all, dgm_arena_alloc(&p->scratch), 512);
    struct dgm_str rest = dgm_str_c(row->words), word;
    while (dgm_str_split(&rest, '|', &word)) {
        if (all.n)
            dgm_buf_put_lit(&all, ", ");
        dgm_buf_put(&all, word);
    }
    gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node), DGM_STR(" is none of "),
               gw_parse_text(p, &all));
}

static void read_bool(struct gw_parse *p, bool *to, const struct gw_node *node,
                      struct dgm_str label)
{
    static const struct dgm_str words[] = {LIT("false"), LIT("true"), LIT("off"),
                                           LIT("on"),    LIT("no"),   LIT("yes")};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (dgm_str_eq_nocase(words[i], node->text)) {
            *to = i % 2 == 1;
            return;
        }
    gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
               DGM_STR(" is neither true nor false"));
}

/* "5s" in milliseconds. A number alone could mean anything, and is not taken. */
static bool time_value(struct dgm_str text, int64_t *ret)
{
    static const struct {
        struct dgm_str unit;
        int64_t ms;
    } units[] = {{LIT("ms"), 1}, {LIT("s"), 1000}, {LIT("m"), 60000}, {LIT("h"), 3600000}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        uint64_t u;
        if (!dgm_str_ends(text, units[i].unit) ||
            !dgm_str_u64(dgm_str_head(text, text.n - units[i].unit.n), &u))
            continue;
        *ret = u > INT64_MAX / 3600000 ? INT64_MAX : (int64_t)u * units[i].ms;
        return true;
    }
    return false;
}

/* What is far out of range reads as INT64_MAX: it has the right type. */
static bool count_value(struct dgm_str text, int64_t *ret)
{
    struct dgm_str digits = text.n && text.p[0] == '-' ? dgm_str_skip(text, 1) : text;
    uint64_t u;
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9')
            return false;
    if (digits.n == 0)
        return false;
    *ret = dgm_str_u64(digits, &u) && u <= INT64_MAX ? (int64_t)u : INT64_MAX;
    if (digits.n != text.n)
        *ret = -*ret;
    return true;
}

static void read_number(struct gw_parse *p, const struct gw_row *row, int64_t *to,
                        const struct gw_node *node, struct dgm_str label)
{
    struct dgm_str zero = dgm_str_c(row->words);
    if (zero.p && dgm_str_eq(zero, node->text)) {
        *to = 0;
        return;
    }
    bool is_time = row->kind == GW_ROW_TIME;
    struct dgm_str or_word = zero.p ? gw_join(p, DGM_STR(", or "), zero) : DGM_STR("");
    int64_t i;
    if (!(is_time ? time_value : count_value)(node->text, &i)) {
        struct dgm_str wanted =
            is_time ? DGM_STR(" is no duration; write a number and a unit, as 250ms, 5s, 2m or 1h")
                    : DGM_STR(" is not a whole number");
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node), wanted, or_word);
        return;
    }
    if (i < row->min || i > row->max) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" is out of range; "), limit(p, row, row->min), DGM_STR(" to "),
                   limit(p, row, row->max), or_word);
        return;
    }
    *to = row->kind == GW_ROW_MB ? i * MB : i;
}

/* ---- lists and credentials ---- */

/* Several texts: a list, or one text with commas. */
static void read_list(struct gw_parse *p, const struct gw_row *row, struct gw_strs *to,
                      const struct gw_node *node, struct dgm_str label)
{
    if (node->kind == GW_NODE_MAP) {
        gw_problem(p, node, label, DGM_STR(": a mapping where a list is expected"));
        return;
    }
    size_t most = node->n, n = 0;
    if (node->kind == GW_NODE_SCALAR) {
        most = 1;
        for (size_t i = 0; i < node->text.n; i++)
            most += node->text.p[i] == ',';
    }
    if (most > (size_t)row->max) {
        gw_problem(p, node, label, DGM_STR(": more than "), number(p, row->max),
                   DGM_STR(" entries"));
        return;
    }
    struct dgm_str *at = gw_parse_take(p, (most + 1) * sizeof *at);
    if (!at)
        return;
    if (node->kind == GW_NODE_SCALAR) {
        struct dgm_str rest = node->text, item;
        while (dgm_str_split(&rest, ',', &item))
            if (dgm_str_trim(item).n)
                at[n++] = gw_parse_keep(p, dgm_str_trim(item));
    }
    for (const struct gw_node *item = node->first; item; item = item->next) {
        if (item->kind == GW_NODE_SCALAR && !item->null && item->text.n)
            at[n++] = gw_parse_keep(p, item->text);
        else
            gw_problem(p, item, label, DGM_STR(": "), gw_node_quoted(p, item),
                       DGM_STR(" where a text is expected"));
    }
    *to = (struct gw_strs){at, n};
}

/* What a plain text is by its looks: a key, a token, the path of a file. Anything else is NONE. */
static enum gw_credentials_kind kind_of_secret(struct dgm_str text)
{
    switch (auth_secret_of(text)) {
    case AUTH_SECRET_API_KEY:
        return GW_CREDENTIALS_API_KEY;
    case AUTH_SECRET_ACCESS_TOKEN:
        return GW_CREDENTIALS_BEARER;
    case AUTH_SECRET_UNKNOWN:
        return dgm_str_starts(text, DGM_STR("/")) || dgm_str_ends(text, DGM_STR(".json"))
                   ? GW_CREDENTIALS_FILE
                   : GW_CREDENTIALS_NONE;
    default:
        return GW_CREDENTIALS_NONE;
    }
}

static void read_credentials(struct gw_parse *p, struct gw_credentials *to,
                             const struct gw_node *node, struct dgm_str label)
{
    static const struct {
        struct dgm_str word;
        enum gw_credentials_kind kind;
    } words[] = {{LIT("none"), GW_CREDENTIALS_NONE},
                 {LIT("adc"), GW_CREDENTIALS_ADC},
                 {LIT("metadata"), GW_CREDENTIALS_METADATA},
                 {LIT("caller"), GW_CREDENTIALS_CALLER}};
    for (size_t i = 0; node->kind == GW_NODE_SCALAR && i < sizeof words / sizeof *words; i++)
        if (dgm_str_eq(node->text, words[i].word)) {
            *to = (struct gw_credentials){.kind = words[i].kind};
            return;
        }
    if (node->kind == GW_NODE_SCALAR && kind_of_secret(node->text) != GW_CREDENTIALS_NONE) {
        *to = (struct gw_credentials){kind_of_secret(node->text), gw_parse_keep(p, node->text)};
        return;
    }
    static const struct {
        struct dgm_str name;
        enum gw_credentials_kind kind;
    } members[] = {{LIT("file"), GW_CREDENTIALS_FILE},
                   {LIT("api_key"), GW_CREDENTIALS_API_KEY},
                   {LIT("bearer"), GW_CREDENTIALS_BEARER}};
    const struct gw_node *value = NULL;
    enum gw_credentials_kind kind = GW_CREDENTIALS_NONE;
    for (size_t i = 0; !value && i < sizeof members / sizeof *members; i++) {
        value = gw_node_get(node, members[i].name);
        kind = members[i].kind;
    }
    if (node->kind != GW_NODE_MAP || node->n != 1 || !value) {
        /* Never with the value: it may be a key in the wrong place. */
        gw_problem(
            p, node, label,
            DGM_STR(": expected adc, metadata, caller, none, {file: PATH}, {api_key: KEY} or "
                    "{bearer: TOKEN}"));
        return;
    }
    if (value->kind != GW_NODE_SCALAR || value->null || value->text.n == 0) {
        gw_problem(p, value, label, DGM_STR("."), value->name->text,
                   DGM_STR(": a text is expected"));
        return;
    }
    to->kind = kind;
    to->value = gw_parse_keep(p, value->text);
}

/* ---- one row ---- */

static void read_scalar(struct gw_parse *p, const struct gw_row *row, void *to,
                        const struct gw_node *node, struct dgm_str label)
{
    if (node->kind != GW_NODE_SCALAR || node->null) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node), DGM_STR(" where "),
                   row->kind == GW_ROW_INT || row->kind == GW_ROW_MB ? DGM_STR("a number")
                   : row->kind == GW_ROW_TIME                        ? DGM_STR("a duration")
                                                                     : DGM_STR("a text"),
                   DGM_STR(" is expected"));
        return;
    }
    switch (row->kind) {
    case GW_ROW_WORD:
        read_word(p, row, to, node, label);
        return;
    case GW_ROW_BOOL:
        read_bool(p, to, node, label);
        return;
    case GW_ROW_INT:
    case GW_ROW_TIME:
    case GW_ROW_MB:
        read_number(p, row, to, node, label);
        return;
    default:
        *(struct dgm_str *)to = node->text.n ? gw_parse_keep(p, node->text) : (struct dgm_str){0};
        return;
    }
}

void gw_value_read(struct gw_parse *p, const struct gw_row *row, void *base,
                   const struct gw_node *node, struct dgm_str label)
{
    void *to = (char *)base + row->offset;
    switch (row->kind) {
    case GW_ROW_LIST:
        read_list(p, row, to, node, label);
        return;
    case GW_ROW_CREDENTIALS:
        read_credentials(p, to, node, label);
        return;
    case GW_ROW_LISTEN:
        gw_listen_read(p, node, label);
        return;
    case GW_ROW_UPSTREAMS:
        gw_upstreams_read(p, node, label);
        return;
    case GW_ROW_ALIASES:
        gw_aliases_read(p, node, label);
        return;
    case GW_ROW_MODELS: /* these two name upstreams, which may stand further down: see gw_models_make */
        p->models = node;
        return;
    case GW_ROW_ENDPOINTS:
        p->endpoints = node;
        return;
    case GW_ROW_CHOICES:
        *(const struct gw_node **)to = node;
        return;
    default:
        read_scalar(p, row, to, node, label);
        return;
    }
}

/* ---- a map of rows ---- */

static struct dgm_str segment(struct dgm_str key, struct dgm_str prefix)
{
    struct dgm_str rest = dgm_str_skip(key, prefix.n);
    return dgm_str_head(rest, dgm_str_find_char(rest, '.'));
}

static void tell_unknown(struct gw_parse *p, enum gw_row_owner owner, const struct gw_node *name,
                         struct dgm_str label, struct dgm_str prefix)
{
    struct dgm_str here[128], near = {0};
    size_t n = 0;
    for (size_t i = 0; i < gw_rows_n && n < 128; i++)
        if (gw_rows[i].owner == owner && dgm_str_starts(gw_rows[i].key, prefix))
            here[n++] = segment(gw_rows[i].key, prefix);
    near = gw_near(name->text, here, n);
    /* Right, but in the wrong place: `body_mb` without its `limits:`. */
    for (size_t i = 0; i < gw_rows_n && !near.p; i++)
        if (gw_rows[i].owner == owner &&
            dgm_str_ends(gw_rows[i].key, gw_join(p, DGM_STR("."), name->text)))
            near = gw_rows[i].key;
    struct dgm_str in = label.n ? gw_join(p, DGM_STR(" in \""), label, DGM_STR("\"")) : DGM_STR("");
    if (near.p)
        gw_problem(p, name, DGM_STR("unknown key "), gw_node_quoted(p, name), in,
                   DGM_STR("; did you mean \""), near, DGM_STR("\"?"));
    else
        gw_problem(p, name, DGM_STR("unknown key "), gw_node_quoted(p, name), in);
}

static bool is_group(enum gw_row_owner owner, struct dgm_str prefix)
{
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_rows[i].owner == owner && dgm_str_starts(gw_rows[i].key, prefix))
            return true;
    return false;
}

void gw_map_read(struct gw_parse *p, enum gw_row_owner owner, void *base, const struct gw_node *map,
                 struct dgm_str label, struct dgm_str prefix)
{
    if (map->kind != GW_NODE_MAP) {
        if (!map->null ||
            owner != GW_OF_CONFIG) /* `limits:` with all below it commented out is fine */
            gw_problem(p, map, label, label.n ? DGM_STR(": ") : DGM_STR(""), gw_node_quoted(p, map),
                       DGM_STR(" where a mapping of names to values is expected"));
        return;
    }
    for (const struct gw_node *at = map->first; at; at = at->next) {
        struct dgm_str key = gw_join(p, prefix, at->name->text);
        struct dgm_str at_label =
            label.n ? gw_join(p, label, DGM_STR("."), at->name->text) : at->name->text;
        struct dgm_str group = gw_join(p, key, DGM_STR("."));
        const struct gw_row *row = gw_row_find(owner, key);
        size_t dot = dgm_str_find_char(at->name->text, '.');
        if (row &&
            dot != at->name->text.n) /* it would also hide from the search for doubled names */
            gw_problem(p, at->name, gw_node_quoted(p, at->name),
                       DGM_STR(" is written with a mapping: "), dgm_str_head(at->name->text, dot),
                       DGM_STR(": {"), dgm_str_skip(at->name->text, dot + 1), DGM_STR(": ...}"));
        else if (row)
            gw_value_read(p, row, base, at, at_label);
        else if (at->name->text.n && is_group(owner, group) && !p->no_memory)
            gw_map_read(p, owner, base, at, at_label, group);
        else
            tell_unknown(p, owner, at->name, label, prefix);
    }
}

/* ---- back to text ---- */

static void put_strs(const struct gw_strs *list, struct dgm_buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            dgm_buf_put_char(out, ',');
        dgm_buf_put(out, list->at[i]);
    }
}

static void put_word(const struct gw_row *row, int index, struct dgm_buf *out)
{
    struct dgm_str rest = dgm_str_c(row->words), word = {0};
    for (int i = 0; i <= index; i++)
        dgm_str_split(&rest, '|', &word);
    dgm_buf_put(out, word);
}

static void put_credentials(const struct gw_credentials *c, struct dgm_buf *out)
{
    static const char *const texts[] = {
        "none", "adc", "caller", "{file: ", "{api_key: ***}", "{bearer: ***}", "metadata"};
    dgm_buf_put(out, dgm_str_c(texts[c->kind]));
    if (c->kind != GW_CREDENTIALS_FILE)
        return;
    dgm_buf_put(out, c->value);
    dgm_buf_put_char(out, '}');
}

void gw_value_put(const struct gw_row *row, const void *base, struct dgm_buf *out)
{
    const void *from = (const char *)base + row->offset;
    int64_t i = row->kind == GW_ROW_INT || row->kind == GW_ROW_TIME || row->kind == GW_ROW_MB
                    ? *(const int64_t *)from
                    : 0;
    switch (row->kind) {
    case GW_ROW_TEXT:
        dgm_buf_put(out, *(const struct dgm_str *)from);
        return;
    case GW_ROW_SECRET:
        if (((const struct dgm_str *)from)->n)
            dgm_buf_put_lit(out, "***");
        return;
    case GW_ROW_BOOL:
        dgm_buf_put(out, *(const bool *)from ? DGM_STR("true") : DGM_STR("false"));
        return;
    case GW_ROW_INT:
        if (i == 0 && row->words != NULL)
            dgm_buf_put(out, dgm_str_c(row->words));
        else
            dgm_buf_put_int(out, i);
        return;
    case GW_ROW_TIME:
        if (i == 0)
            dgm_buf_put_lit(out, "off");
        else
            put_time(i, out);
        return;
    case GW_ROW_MB:
        dgm_buf_put_int(out, i / MB);
        return;
    case GW_ROW_WORD:
        put_word(row, *(const int *)from, out);
        return;
    case GW_ROW_LIST:
        put_strs(from, out);
        return;
    case GW_ROW_CREDENTIALS:
        put_credentials(from, out);
        return;
    default: /* the structured ones: gw_config_put walks them */
        return;
    }
}
