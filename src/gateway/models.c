/* SPDX-License-Identifier: Apache-2.0 */
/* models.c - which models there are, by name. */
#include "gateway/models.h"

#include "base/str.h"
#include "emulate/emulate.h"
#include "gateway/config_near.h"
#include "gateway/exchange.h"
#include "gateway/gate.h"

#include <dragoman/dragoman.h>

#define NAME_BYTES_MAX 1024

struct dgm_str gw_model_short(struct dgm_str id)
{
    static const struct dgm_str prefixes[] = {
        {"publishers/google/models/", 25}, {"google/", 7}, {"models/", 7}};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (dgm_str_starts(id, prefixes[i]))
            return dgm_str_skip(id, prefixes[i].n);
    }
    return id;
}

bool gw_model_is_googles(const struct gw_upstream *u)
{
    return u->kind == GW_VERTEX || u->kind == GW_GEMINI ||
           (u->kind == GW_EMULATOR && u->dialect == GW_DIALECT_GEMINI);
}

/* The name without the upstream's before it; absent: that does not stand there. */
static struct dgm_str below(const struct gw_upstream *u, struct dgm_str name)
{
    bool has = name.n > u->name.n + 1 && dgm_str_starts(name, u->name) && name.p[u->name.n] == '/';
    return has ? dgm_str_skip(name, u->name.n + 1) : (struct dgm_str){0};
}

const struct json_val *gw_model_listed(const struct gw_worker *w, const struct gw_upstream *u,
                                       struct dgm_str name)
{
    struct dgm_str rest = u->model.n == 0 ? below(u, name) : (struct dgm_str){0};
    const struct json_val *found = NULL;
    struct json_iter it = json_iter(gw_catalog_models(w, u));
    while (json_next(&it)) {
        struct dgm_str id = json_get_str(it.value, DGM_STR("id"));
        if (dgm_str_eq(id, name))
            return it.value;
        if (rest.n != 0 && found == NULL && dgm_str_eq(id, rest))
            found = it.value;
    }
    return found;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

/** Who sees them. `room` is for names that are put together. */
struct walk {
    const struct gw_worker *worker;
    const struct gw_config *config;
    void (*see)(void *ctx, const struct gw_upstream *, struct dgm_str id);
    void *ctx;
    struct dgm_buf room;
    char text[NAME_BYTES_MAX];
};

/* "A/B"; absent when it is too long. */
static struct dgm_str join(struct walk *to, struct dgm_str a, struct dgm_str b)
{
    to->room = (struct dgm_buf){.p = to->text, .cap = sizeof to->text, .max = sizeof to->text};
    dgm_buf_put(&to->room, a);
    dgm_buf_put_char(&to->room, '/');
    dgm_buf_put(&to->room, b);
    return to->room.rc == DGM_OK ? dgm_buf_str(&to->room) : (struct dgm_str){0};
}

static bool is_pattern(struct dgm_str match)
{
    return dgm_str_find_char(match, '*') != match.n;
}

static bool is_alias(const struct gw_config *c, struct dgm_str id)
{
    for (size_t i = 0; i < c->aliases_n; i++)
        if (!is_pattern(c->aliases[i].match) && dgm_str_eq(c->aliases[i].match, id))
            return true;
    return false;
}

/* The row of the configuration that is a name and means this one; NULL. */
static const struct gw_model *find_row(const struct gw_config *c, struct dgm_str id)
{
    for (size_t i = 0; i < c->models_n; i++)
        if (!is_pattern(c->models[i].match) && dgm_str_eq(c->models[i].match, id))
            return &c->models[i];
    return NULL;
}

static bool is_named(const struct gw_config *c, struct dgm_str id)
{
    return find_row(c, id) != NULL || is_alias(c, id);
}

static void walk_configured(struct walk *to)
{
    const struct gw_config *c = to->config;
    for (size_t i = 0; i < c->aliases_n; i++) {
        struct dgm_str id = c->aliases[i].match;
        const struct gw_upstream *u = gw_config_model(c, id);
        if (!is_pattern(id) && u != NULL && gw_model_exists(to->worker, id, u))
            to->see(to->ctx, u, id);
    }
    for (size_t i = 0; i < c->models_n; i++) {
        struct dgm_str id = c->models[i].match;
        if (!is_pattern(id) && find_row(c, id) == &c->models[i] && !is_alias(c, id))
            to->see(to->ctx, c->models[i].upstream, id);
    }
}

/* As a client can ask an upstream for a model of its list: by the name alone, or by the upstream's before it. Absent: the
 * configuration leads neither there. */
static struct dgm_str callable(struct walk *to, const struct gw_upstream *u, struct dgm_str name)
{
    if (gw_config_model(to->config, name) == u)
        return name;
    struct dgm_str full = join(to, u->name, name);
    return full.n != 0 && gw_config_model(to->config, full) == u ? full : (struct dgm_str){0};
}

static void walk_listed(struct walk *to)
{
    for (size_t i = 0; i < to->config->upstreams_n; i++) {
        const struct gw_upstream *u = &to->config->upstreams[i];
        struct json_iter it = json_iter(gw_catalog_models(to->worker, u));
        while (u->model.n == 0 && json_next(&it)) {
            struct dgm_str name = json_get_str(it.value, DGM_STR("id"));
            struct dgm_str id = name.n != 0 ? callable(to, u, name) : name;
            if (id.n != 0 && !is_named(to->config, id))
                to->see(to->ctx, u, id);
        }
    }
}

/* As they are called on endpoints/openapi (google.md 1.3). `others`: where Google is asked too, which nobody asks for a list. */
static void walk_googles(struct walk *to, bool others)
{
    struct emu_model m;
    for (size_t i = 0; emu_model_at(i, &m); i++) {
        struct dgm_str id = join(to, DGM_STR("google"), m.name);
        const struct gw_upstream *u = gw_config_model(to->config, id);
        bool there = u != NULL && (u->kind == GW_EMULATOR || (others && gw_model_is_googles(u)));
        if (id.n != 0 && there && !is_named(to->config, id))
            to->see(to->ctx, u, id);
    }
}

static void walk(struct walk *to, bool others)
{
    walk_configured(to);
    walk_listed(to);
    walk_googles(to, others);
}

void gw_models_walk(const struct gw_worker *w,
                    void (*see)(void *ctx, const struct gw_upstream *, struct dgm_str id),
                    void *ctx)
{
    struct walk to = {.worker = w, .config = w->config, .see = see, .ctx = ctx};
    walk(&to, false);
}

bool gw_model_exists(const struct gw_worker *w, struct dgm_str id, const struct gw_upstream *u)
{
    struct dgm_str meant = gw_config_meant(w->config, id), name = gw_model_short(meant);
    if (u == NULL || find_row(w->config, meant) != NULL)
        return u != NULL;
    if (u->kind == GW_EMULATOR)
        return dgm_name_ok(name) && emu_model_known(name);
    /* Google's are not listed: an alias is the configuration's word for it. */
    return gw_model_listed(w, u, meant) != NULL || is_alias(w->config, id);
}

/* ---- the nearest ------------------------------------------------------------------------------------ */

struct near {
    const struct gw_exchange *x;
    struct dgm_str model;
    struct gw_nearest nearest;
};

static void compare(void *ctx, const struct gw_upstream *u, struct dgm_str id)
{
    struct near *to = ctx;
    (void)u;
    if (!gw_gate_shows(to->x, id))
        return;
    unsigned whole = gw_near_letters(to->model, id);
    unsigned bare = gw_near_letters(gw_model_short(to->model), gw_model_short(id));
    gw_nearest_see(&to->nearest, id, whole < bare ? whole : bare);
}

void gw_models_put_near(const struct gw_exchange *x, struct dgm_str model, struct dgm_buf *out)
{
    struct near near = {.x = x, .model = model};
    struct walk to = {
        .worker = x->worker, .config = x->worker->config, .see = compare, .ctx = &near};
    walk(&to, true);
    gw_nearest_put(&near.nearest, out);
}

void gw_models_tell_near(const struct gw_exchange *x, struct dgm_str model, struct dgm_fail *f)
{
    char text[GW_NEAREST * (GW_NEAREST_BYTES_MAX + 8)];
    struct dgm_buf names = {.p = text, .cap = sizeof text, .max = sizeof text};
    const struct dgm_fail as_it_was = *f;
    if (f->id != DGM_ERR_MODEL_UNKNOWN)
        return;
    gw_models_put_near(x, model, &names);
    if (names.rc == DGM_OK && names.n != 0)
        dgm_fail_set(f, as_it_was.id, dgm_str_c(as_it_was.param),
                     (struct dgm_str[4]){dgm_str_c(as_it_was.detail),
                                         DGM_STR(" The nearest names here: "), dgm_buf_str(&names),
                                         DGM_STR(".")});
}
