/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the configuration: sources merged, checked, looked up and wiped. */
#include "gateway/config.h"

#include "gateway/config_near.h"
#include "gateway/config_parse.h"
#include "gateway/fetch_policy.h"
#include "gateway/corpus.h"
#include "gateway/lessons.h"
#include "gateway/prefixes.h"
#include "gateway/probed.h"
#include "gateway/origin.h"
#include "gateway/trust.h"

#include "auth/wipe.h"
#include "base/str.h"
#include "base/utf8.h"
#include "gateway/valkey_address.h"
#include "net/proxy.h"

#include <assert.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define NAME_BYTES_MAX 256 /* of a model; longer ones have no long form */

static void *parse_take(struct gw_parse *p, struct dgm_arena *arena, size_t n)
{
    void *at = dgm_arena_take0(arena, n);
    if (!at)
        p->no_memory = true;
    return at;
}

void *gw_parse_scratch(struct gw_parse *p, size_t n)
{
    return parse_take(p, &p->scratch, n);
}

void *gw_parse_take(struct gw_parse *p, size_t n)
{
    return parse_take(p, &p->config->_arena, n);
}

struct dgm_str gw_parse_join(struct gw_parse *p, const struct dgm_str *texts, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].n;
    char *to = gw_parse_scratch(p, bytes + 1);
    if (!to)
        return DGM_STR("");
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (texts[i].n)
            memcpy(to + at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    return (struct dgm_str){to, bytes};
}

struct dgm_str gw_parse_text(struct gw_parse *p, const struct dgm_buf *buf)
{
    p->no_memory |= buf->rc == DGM_E_NOMEM;
    return gw_join(p, dgm_buf_str(buf));
}

struct dgm_str gw_parse_keep(struct gw_parse *p, struct dgm_str text)
{
    char *to = text.p ? gw_parse_take(p, text.n + 1) : NULL;
    if (!to)
        return (struct dgm_str){0};
    if (text.n)
        memcpy(to, text.p, text.n);
    return (struct dgm_str){to, text.n};
}

/* ---- problems ---- */

static bool is_before(const struct gw_problem *a, const struct gw_problem *b)
{
    size_t a_line = a->line ? a->line : SIZE_MAX, b_line = b->line ? b->line : SIZE_MAX;
    return a_line < b_line || (a_line == b_line && a->column < b->column);
}

void gw_parse_problem(struct gw_parse *p, size_t line, size_t column, const struct dgm_str *texts,
                      size_t n)
{
    struct gw_problems *all = &p->problems;
    struct gw_problem new = {.line = line, .column = column};
    for (size_t i = 0; i < all->n; i++)
        if (line && all->at[i].line == line && all->at[i].column == column)
            return;
    struct dgm_str text = gw_parse_join(p, texts, n);
    text = dgm_utf8_head(dgm_str_head(text, dgm_utf8_bad(text)), sizeof new.text - 1);
    if (text.n)
        memcpy(new.text, text.p, text.n);
    /* In the file's order, whatever the order of the checks; when there are too many the last ones go. */
    size_t at = all->n;
    while (at != 0 && is_before(&new, &all->at[at - 1]))
        at--;
    if (all->n == GW_CONFIG_PROBLEMS_MAX)
        all->more++;
    if (at == GW_CONFIG_PROBLEMS_MAX)
        return;
    size_t moved = (all->n < GW_CONFIG_PROBLEMS_MAX ? all->n : GW_CONFIG_PROBLEMS_MAX - 1) - at;
    memmove(&all->at[at + 1], &all->at[at], moved * sizeof new);
    all->at[at] = new;
    if (all->n < GW_CONFIG_PROBLEMS_MAX)
        all->n++;
}

void gw_problems_put(const struct gw_problems *all, struct dgm_str file_name, struct dgm_buf *out)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct gw_problem *at = &all->at[i];
        if (at->line) {
            dgm_buf_put(out, file_name);
            dgm_buf_put_char(out, ':');
            dgm_buf_put_int(out, (int64_t)at->line);
            dgm_buf_put_char(out, ':');
            dgm_buf_put_int(out, (int64_t)at->column);
            dgm_buf_put_lit(out, ": ");
        }
        dgm_buf_put(out, dgm_str_c(at->text));
        dgm_buf_put_char(out, '\n');
    }
    if (all->more) {
        dgm_buf_put_lit(out, "and ");
        dgm_buf_put_int(out, (int64_t)all->more);
        dgm_buf_put_lit(out, " more\n");
    }
}

/* ---- the sources, the weakest first ---- */

static void note_workers(struct gw_parse *p, const struct gw_row *row)
{
    if (dgm_str_eq(row->key, DGM_STR("workers")))
        p->workers_set = true;
}

/* A text from outside the file: a default, a variable, a --set. */
static void read_text(struct gw_parse *p, const struct gw_row *row, struct dgm_str text,
                      struct dgm_str label)
{
    struct gw_node *node = gw_parse_scratch(p, sizeof *node);
    if (!node)
        return;
    node->text = gw_join(p, text);
    if (p->no_memory)
        return; /* a text that is not there reads as a wrong one */
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f) {
            gw_problem(p, node, label,
                       DGM_STR(": a text with control characters or line breaks in it"));
            return;
        }
    if (dgm_utf8_bad(text) != text.n) {
        gw_problem(p, node, label, DGM_STR(": a text that is not UTF-8"));
        return;
    }
    gw_value_read(p, row, p->config, node, label);
}

static void read_standards(struct gw_parse *p)
{
    for (size_t i = 0; i < gw_rows_n; i++)
        if (gw_rows[i].owner == GW_OF_CONFIG && gw_rows[i].standard)
            read_text(p, &gw_rows[i], dgm_str_c(gw_rows[i].standard), gw_rows[i].key);
    assert(p->problems.n == 0 ||
           p->no_memory); /* the table's own texts are right; a test walks them */
    p->listen = NULL;
}

static void read_file(struct gw_parse *p)
{
    const struct gw_node *root = gw_yaml_read(p);
    if (!root || root->null)
        return;
    gw_map_read(p, GW_OF_CONFIG, p->config, root, (struct dgm_str){0}, DGM_STR(""));
    p->workers_set = gw_node_get(root, DGM_STR("workers")) != NULL;
    p->auth = gw_node_get(root, DGM_STR("auth"));
    const struct gw_node *store = gw_node_get(root, DGM_STR("store"));
    p->valkey = store ? gw_node_get(store, DGM_STR("valkey")) : NULL;
}

static void read_environment(struct gw_parse *p)
{
    for (size_t i = 0; i < gw_rows_n; i++) {
        if (!gw_row_is_scalar(&gw_rows[i]))
            continue;
        struct dgm_buf name;
        dgm_buf_init(&name, dgm_arena_alloc(&p->scratch), 256);
        gw_row_put_env(&gw_rows[i], &name);
        struct dgm_str label = gw_parse_text(p, &name);
        struct dgm_str value = gw_parse_env(p, label);
        if (value.n == 0) /* NAME= is the usual way to unset one in a service file */
            continue;
        read_text(p, &gw_rows[i], value, label);
        note_workers(p, &gw_rows[i]);
    }
}

static void tell_unknown_set(struct gw_parse *p, struct dgm_str key)
{
    static const struct gw_node nowhere = {0};
    struct dgm_str keys[128];
    size_t n = 0;
    const struct gw_row *row = gw_row_find(GW_OF_CONFIG, key);
    for (size_t i = 0; i < gw_rows_n && n < 128; i++)
        if (gw_row_is_scalar(&gw_rows[i]))
            keys[n++] = gw_rows[i].key;
    struct dgm_str near = gw_near(key, keys, n), shown = dgm_str_head(key, 80);
    if (row)
        gw_problem(p, &nowhere, DGM_STR("--set "), shown,
                   DGM_STR(": this one is set in the file alone"));
    else
        gw_problem(p, &nowhere, DGM_STR("--set: unknown key \""), shown, DGM_STR("\""),
                   near.p ? DGM_STR("; did you mean \"") : DGM_STR(""), near,
                   near.p ? DGM_STR("\"?") : DGM_STR(""));
}

static void read_sets(struct gw_parse *p)
{
    static const struct gw_node nowhere = {0};
    for (size_t i = 0; i < p->source->sets_n; i++) {
        struct dgm_str set = p->source->sets[i];
        size_t at = dgm_str_find_char(set, '=');
        struct dgm_str key = dgm_str_head(set, at);
        const struct gw_row *row = gw_row_find(GW_OF_CONFIG, key);
        if (at == set.n)
            gw_problem(p, &nowhere, DGM_STR("--set wants key=value, not \""), dgm_str_head(set, 80),
                       DGM_STR("\""));
        else if (!row || !gw_row_is_scalar(row))
            tell_unknown_set(p, key);
        else {
            read_text(p, row, dgm_str_skip(set, at + 1), gw_join(p, DGM_STR("--set "), key));
            note_workers(p, row);
        }
    }
}

static void read_listen_options(struct gw_parse *p)
{
    struct dgm_buf all;
    if (p->source->listen_n == 0)
        return;
    dgm_buf_init(&all, dgm_arena_alloc(&p->scratch), 64 * 1024);
    for (size_t i = 0; i < p->source->listen_n; i++) {
        if (i)
            dgm_buf_put_char(&all, ',');
        dgm_buf_put(&all, p->source->listen[i]);
    }
    read_text(p, gw_row_find(GW_OF_CONFIG, DGM_STR("listen")), gw_parse_text(p, &all),
              DGM_STR("--listen"));
}

/* ---- what follows from all of them ---- */

static void check_fetch(struct gw_parse *p)
{
    static const struct gw_node nowhere = {0};
    const struct gw_strs *allow = &p->config->fetch.allow;
    for (size_t i = 0; i < allow->n; i++) {
        const char *fault = gw_fetch_allow_fault(allow->at[i]);
        if (fault)
            gw_problem(p, &nowhere, DGM_STR("fetch.allow: \""), dgm_str_head(allow->at[i], 80),
                       DGM_STR("\" "), dgm_str_c(fault));
    }
}

/* Not ours alone, so not rows of the table: every program on the machine reads these. The upper case first, as Go. */
static void read_shared_environment(struct gw_parse *p)
{
    struct gw_config *c = p->config;
    const struct {
        struct dgm_str upper, lower, *to;
    } variables[] = {
        {DGM_STR("HTTPS_PROXY"), DGM_STR("https_proxy"), &c->proxies.https},
        {DGM_STR("HTTP_PROXY"), DGM_STR("http_proxy"), &c->proxies.http},
        {DGM_STR("NO_PROXY"), DGM_STR("no_proxy"), &c->proxies.except},
        {DGM_STR("SSL_CERT_FILE"), DGM_STR("SSL_CERT_FILE"), &c->roots.file},
        {DGM_STR("SSL_CERT_DIR"), DGM_STR("SSL_CERT_DIR"), &c->roots.dir},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        struct dgm_str value = gw_parse_env(p, variables[i].upper);
        if (value.n == 0)
            value = gw_parse_env(p, variables[i].lower);
        if (value.n != 0)
            *variables[i].to = gw_parse_keep(p, value);
    }
}

/* Whether the proxies that upstreams would use are any; one that nobody uses may be what it likes. Google's hosts are
 * as many as locations: where one of them might use it, it must be sound. */
static void check_proxies(struct gw_parse *p)
{
    static const struct gw_node nowhere = {0};
    const struct gw_config *c = p->config;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        struct gw_origin origin = {.tls = true, .proxy = c->proxies.https};
        struct net_proxy proxy;
        if (u->kind == GW_EMULATOR || u->proxy.n != 0)
            continue;
        if (u->origin != NULL) {
            origin = *u->origin;
            gw_origin_reach(c, u, &origin);
        }
        const char *fault = origin.proxy.n != 0 ? net_proxy_read(origin.proxy, &proxy) : NULL;
        if (fault)
            gw_problem(p, &nowhere, DGM_STR("the environment variable "),
                       origin.tls ? DGM_STR("HTTPS_PROXY ") : DGM_STR("HTTP_PROXY "),
                       dgm_str_c(fault));
    }
}

static void check_valkey(struct gw_parse *p)
{
    static const struct gw_node nowhere = {0};
    const struct dgm_str url = p->config->store.valkey;
    struct gw_valkey_address address;
    const char *fault = url.n != 0 ? gw_valkey_read(url, &address) : NULL;
    bool is_files = p->valkey && dgm_str_eq(p->valkey->text, url); /* and not --set's, say */
    /* A file that says it twice is wrong already, and says where. */
    if (fault && (is_files || p->problems.n == 0))
        gw_problem(p, is_files ? p->valkey : &nowhere, DGM_STR("store.valkey "), dgm_str_c(fault));
}

/* Recordings answer: nobody is asked, so nobody's secrets are wanted. */
static void forget_credentials(struct gw_parse *p)
{
    struct gw_config *c = p->config;
    struct gw_upstream *copy = gw_parse_take(p, c->upstreams_n * sizeof *copy);
    if (copy == NULL)
        return;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        copy[i] = c->upstreams[i];
        copy[i].credentials = (struct gw_credentials){.kind = GW_CREDENTIALS_NONE};
    }
    c->upstreams = copy;
}

static void finish(struct gw_parse *p)
{
    struct gw_config *c = p->config;
    if (p->source->upstream) {
        gw_upstreams_single(p, p->source->upstream);
    } else if (c->upstreams_n == 0) {
        c->fallback = true;
        gw_upstreams_single(p, NULL);
    }
    if (c->replay.dir.p != NULL && !p->no_memory)
        forget_credentials(p);
    if (p->no_memory)
        return;
    gw_models_make(p);
    gw_endpoints_make(p);
    gw_residency_check(p);
    gw_mixture_find(p);
    gw_listen_check(p);
    check_valkey(p);
    gw_verify_check(p);
    read_shared_environment(p);
    if (p->problems.n == 0)
        check_proxies(p);
    check_fetch(p);
    if (c->fallback && !p->workers_set)
        c->workers = 1;
    if (c->workers == 0)
        c->workers = p->source->cpus < 1 ? 1 : p->source->cpus;
    if (c->workers > gw_row_find(GW_OF_CONFIG, DGM_STR("workers"))->max)
        c->workers = gw_row_find(GW_OF_CONFIG, DGM_STR("workers"))->max;
}

static void parse_all(struct gw_parse *p)
{
    void (*const steps[])(struct gw_parse *) = {
        read_standards, read_file, read_environment, read_sets, read_listen_options, finish,
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !p->no_memory; i++)
        steps[i](p);
}

enum dgm_rc gw_config_parse(const struct gw_config_source *source, struct gw_config **ret,
                            struct gw_problems *reterr)
{
    const struct dgm_alloc *alloc = source->alloc ? source->alloc : &dgm_alloc_libc;
    struct gw_config *c = alloc->resize(alloc->ctx, NULL, 0, sizeof *c);
    if (!c)
        return DGM_E_NOMEM;
    *c = (struct gw_config){._alloc = alloc, ._wiping = auth_wiping(alloc)};
    dgm_arena_init(&c->_arena, &c->_wiping, ARENA_BYTES_MAX);
    struct gw_parse p = {.source = source, .config = c};
    dgm_arena_init(&p.scratch, &c->_wiping, ARENA_BYTES_MAX);

    parse_all(&p);
    dgm_arena_dispose(&p.scratch);
    if (!p.no_memory && p.problems.n == 0) {
        *ret = c;
        return DGM_OK;
    }
    gw_config_free(c);
    if (p.no_memory)
        return DGM_E_NOMEM;
    *reterr = p.problems;
    return DGM_E_REFUSED;
}

void gw_config_free(struct gw_config *c)
{
    if (!c)
        return;
    const struct dgm_alloc *alloc = c->_alloc;
    gw_trust_close(c);
    gw_lessons_free(c->lessons);
    gw_probed_free(c->probed);
    gw_prefixes_free(c->prefixes);
    gw_corpus_free(c->replay.corpus);
    dgm_arena_dispose(&c->_arena);
    explicit_bzero(c, sizeof *c);
    alloc->resize(alloc->ctx, c, sizeof *c, 0);
}

/* ---- looking things up ---- */

/* The part behind "publishers/google/models/", "models/" or "google/"; absent when the name is another's. */
static struct dgm_str bare_name(struct dgm_str model)
{
    static const char *const prefixes[] = {"publishers/google/models/", "models/", "google/", ""};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct dgm_str prefix = dgm_str_c(prefixes[i]), bare = dgm_str_skip(model, prefix.n);
        if (dgm_str_starts(model, prefix) && dgm_str_find_char(bare, '/') == bare.n)
            return bare;
    }
    return (struct dgm_str){0};
}

/** A name in both of the forms that patterns are tried on. */
struct spelt {
    struct dgm_str name, full;
    char text[7 + NAME_BYTES_MAX];
};

static void spell(struct spelt *s, struct dgm_str model)
{
    struct dgm_str bare = bare_name(model);
    s->name = s->full = model;
    if (!bare.p || bare.n > NAME_BYTES_MAX)
        return;
    memcpy(s->text, "google/", 7);
    memcpy(s->text + 7, bare.p, bare.n);
    s->full = (struct dgm_str){s->text, 7 + bare.n};
}

static bool is_like(struct dgm_str pattern, const struct spelt *s)
{
    return dgm_str_like(pattern, s->name, false) || dgm_str_like(pattern, s->full, false);
}

struct dgm_str gw_config_meant(const struct gw_config *c, struct dgm_str model)
{
    struct spelt s;
    if (c->aliases_n == 0)
        return model;
    spell(&s, model);
    for (size_t i = 0; i < c->aliases_n; i++)
        if (is_like(c->aliases[i].match, &s))
            return c->aliases[i].model;
    return model;
}

bool gw_model_is_like(struct dgm_str pattern, struct dgm_str model)
{
    struct spelt s;
    spell(&s, model);
    return is_like(pattern, &s);
}

const struct gw_choices *gw_config_choices(const struct gw_config *c, struct dgm_str model)
{
    struct spelt s;
    spell(&s, gw_config_meant(c, model));
    for (size_t i = 0; i < c->models_n; i++)
        if (is_like(c->models[i].match, &s))
            return &c->models[i].choices;
    return NULL;
}

bool gw_config_asks(const struct gw_config *c)
{
    return c->auth.keys.p != NULL || c->auth.google == GW_GOOGLE_VERIFY;
}

const struct gw_upstream *gw_config_model(const struct gw_config *c, struct dgm_str model)
{
    const struct gw_choices *choices = gw_config_choices(c, model);
    return choices != NULL ? choices->at[0].upstream : NULL;
}

const struct gw_endpoint *gw_config_endpoint(const struct gw_config *c, struct dgm_str id)
{
    for (size_t i = 0; i < c->endpoints_n; i++)
        if (dgm_str_eq(c->endpoints[i].id, id))
            return &c->endpoints[i];
    if (!c->any_endpoint || id.n == 0 || dgm_str_eq(id, DGM_STR("openapi")))
        return NULL;
    return &c->endpoints[dgm_str_starts(id, DGM_STR("tgi-"))];
}
