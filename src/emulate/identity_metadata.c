/* SPDX-License-Identifier: Apache-2.0 */
/* identity_metadata.c - the metadata server (google.md 7.5): a tree of values, and tokens of the machine's account. */
#include "emulate/identity_parts.h"

#include "base/str.h"

#define NAME_MAX_BYTES 64

enum kind { TEXT, NUMBER, LIST };

static const struct row {
    struct dgm_str path;
    enum kind kind;
    struct dgm_str value;
} rows[] = {
#define META(path, kind, value) {{path, sizeof(path) - 1}, kind, {value, sizeof(value) - 1}},
#include "emulate/metadata.def"
#undef META
};
#define ROWS (sizeof rows / sizeof *rows)

/* ---- the tree: rows [from, to) begin alike, up to `at`, where the next name stands ---- */

static struct dgm_str name_at(const struct row *r, size_t at)
{
    struct dgm_str rest = dgm_str_skip(r->path, at);
    return dgm_str_head(rest, dgm_str_find_char(rest, '/'));
}

/* The end of the rows that have the same name there as `from`. */
static size_t same_name(size_t from, size_t to, size_t at)
{
    size_t end = from + 1;
    while (end < to && dgm_str_eq(name_at(&rows[end], at), name_at(&rows[from], at)))
        end++;
    return end;
}

static bool is_leaf(const struct row *r, size_t at)
{
    return name_at(r, at).n == r->path.n - at;
}

/* Narrows the rows to those of a path without slashes at its ends, which may be empty. False: there are none. */
static bool find(struct dgm_str path, size_t *ret_from, size_t *ret_to, size_t *ret_at)
{
    size_t from = 0, to = ROWS, at = 0;
    struct dgm_str name;
    while (path.n != 0 && dgm_str_split(&path, '/', &name)) {
        while (from < to && !dgm_str_eq(name_at(&rows[from], at), name))
            from = same_name(from, to, at);
        if (from >= to || (path.p != NULL && is_leaf(&rows[from], at)))
            return false;
        to = same_name(from, to, at);
        if (!is_leaf(&rows[from], at))
            at += name.n + 1;
    }
    *ret_from = from, *ret_to = to, *ret_at = at;
    return true;
}

/* ---- as JSON ---- */

static void put_value(struct json_writer *w, const struct row *r)
{
    struct dgm_str rest = r->value, one;
    if (r->kind == NUMBER) {
        json_put_raw(w, r->value);
        return;
    }
    if (r->kind == TEXT) {
        json_put_str(w, r->value);
        return;
    }
    json_open_arr(w);
    while (dgm_str_split(&rest, ' ', &one))
        json_put_str(w, one);
    json_close_arr(w);
}

/* numeric-project-id as numericProjectId; an account's name has its own dashes. */
static void put_camel(struct json_writer *w, struct dgm_str name)
{
    char room[NAME_MAX_BYTES];
    struct dgm_buf camel = {.p = room, .cap = sizeof room, .max = sizeof room};
    bool raise = false, account = dgm_str_find_char(name, '@') < name.n;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool dash = c == '-' && !account;
        if (!dash)
            dgm_buf_put_char(&camel, raise && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
        raise = dash;
    }
    assert(camel.rc == DGM_OK); /* these are our own rows */
    json_put_key(w, dgm_buf_str(&camel));
}

static void put_tree(struct json_writer *w, size_t from, size_t to, size_t at)
{
    json_open_obj(w);
    for (size_t end; from < to; from = end) {
        struct dgm_str name = name_at(&rows[from], at);
        end = same_name(from, to, at);
        put_camel(w, name);
        if (is_leaf(&rows[from], at))
            put_value(w, &rows[from]);
        else
            put_tree(w, from, end, at + name.n + 1);
    }
    json_close_obj(w);
}

/* ---- as text ---- */

/* A folder's names, a line each; folders have a slash behind them. */
static void put_names(struct dgm_buf *out, size_t from, size_t to, size_t at)
{
    for (; from < to; from = same_name(from, to, at)) {
        dgm_buf_put(out, name_at(&rows[from], at));
        dgm_buf_put(out, is_leaf(&rows[from], at) ? DGM_STR("\n") : DGM_STR("/\n"));
    }
}

static void put_lines(struct dgm_buf *out, const struct row *r)
{
    struct dgm_str rest = r->value, one;
    while (r->kind == LIST && dgm_str_split(&rest, ' ', &one)) {
        dgm_buf_put(out, one);
        dgm_buf_put_char(out, '\n');
    }
    if (r->kind != LIST)
        dgm_buf_put(out, r->value);
}

static void answer_tree(struct identity *x, struct dgm_str path)
{
    size_t from, to, at;
    if (!find(path, &from, &to, &at)) {
        identity_say(x, 404, DGM_STR("Not Found\n"));
        return;
    }
    bool leaf = to - from == 1 && rows[from].path.n == path.n;
    bool json =
        dgm_str_eq(identity_form(x, DGM_STR("alt")), DGM_STR("json")) ||
        (!leaf && dgm_str_eq_nocase(identity_form(x, DGM_STR("recursive")), DGM_STR("true")));
    struct json_writer w = json_writer(x->out);
    if (json && leaf)
        put_value(&w, &rows[from]);
    else if (json)
        put_tree(&w, from, to, at);
    if (json) {
        x->answer->media = DGM_STR("application/json"); /* as google-auth compares it */
        return;
    }
    identity_say(x, 200, DGM_STR(""));
    if (leaf)
        put_lines(x->out, &rows[from]);
    else
        put_names(x->out, from, to, at);
}

/* ---- what is made ---- */

/* "a,b" as "a b". */
static struct dgm_str read_scopes(struct identity *x)
{
    struct dgm_str list = identity_form(x, DGM_STR("scopes"));
    char *to = dgm_arena_take(x->arena, list.n + 1);
    x->starved |= to == NULL;
    if (list.n == 0 || to == NULL)
        return DGM_STR(EMU_SCOPE);
    for (size_t i = 0; i < list.n; i++)
        to[i] = list.p[i] == ',' ? ' ' : list.p[i];
    return (struct dgm_str){to, list.n};
}

static void answer_token(struct identity *x)
{
    struct dgm_str who = DGM_STR(EMU_DEFAULT_ACCOUNT);
    struct dgm_str token = identity_new_pass(x, who, read_scopes(x), who, x->world->life_s);
    struct json_writer w = json_writer(x->out);
    if (token.p == NULL)
        return;
    x->answer->media = DGM_STR("application/json");
    json_open_obj(&w);
    json_member_str(&w, "access_token", token);
    json_member_int(&w, "expires_in", x->world->life_s);
    json_member_str(&w, "token_type", DGM_STR("Bearer"));
    json_close_obj(&w);
}

static void answer_identity(struct identity *x)
{
    struct dgm_str audience = identity_form(x, DGM_STR("audience"));
    if (audience.n == 0) {
        identity_say(x, 400, DGM_STR("non-empty audience parameter required\n"));
        return;
    }
    struct dgm_str token = identity_new_id_token(x, DGM_STR(EMU_DEFAULT_ACCOUNT), audience);
    if (token.p != NULL)
        identity_say(x, 200, token);
}

/* The name of what is made of the machine's account: "token", "identity"; absent for all other paths. */
static struct dgm_str made_name(struct dgm_str path)
{
    static const struct dgm_str accounts[] = {
        {"instance/service-accounts/default/", 34},
        {"instance/service-accounts/" EMU_DEFAULT_ACCOUNT "/",
         sizeof("instance/service-accounts/" EMU_DEFAULT_ACCOUNT "/") - 1}};
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++)
        if (dgm_str_starts(path, accounts[i]))
            return dgm_str_skip(path, accounts[i].n);
    return (struct dgm_str){0};
}

void identity_metadata(struct identity *x)
{
    bool ping = x->answer->server == EMU_SERVER_PING;
    struct dgm_str path = x->answer->server == EMU_SERVER_METADATA ? x->captured : DGM_STR("");
    struct dgm_str made = made_name(path);
    x->answer->flavored = true;
    if (x->call->forwarded.n != 0)
        identity_say(x, 403, DGM_STR("X-Forwarded-For is not allowed here.\n"));
    else if (ping) /* asked without the header too, by who wants to know where he is */
        identity_say(x, 200, DGM_STR("0.1/\ncomputeMetadata/\n"));
    else if (!dgm_str_eq_nocase(x->call->flavor, DGM_STR("Google")))
        identity_say(x, 403, DGM_STR("Missing required header \"Metadata-Flavor\": \"Google\"\n"));
    else if (dgm_str_eq(made, DGM_STR("token")))
        answer_token(x);
    else if (dgm_str_eq(made, DGM_STR("identity")))
        answer_identity(x);
    else
        answer_tree(x, path);
}
