/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - the paths that are answered from what the worker knows itself: health, models, counters. */
#include "base/str.h"
#include "emulate/emulate.h"
#include "gateway/exchange.h"
#include "gateway/gate.h"
#include "gateway/keeper_link.h"
#include "gateway/policy.h"
#include "json/write.h"

#include <unistd.h>

#define MODEL_CREATED                                                                              \
    1735689600 /* Google tells no date of its models; clients want a number: 2025-01-01 */

/* ---- models ----------------------------------------------------------------------------------------- */

/** One of the list. What is not known is absent, or 0. */
struct model_facts {
    struct dgm_str id, owned_by, display_name;
    int64_t created, context, output;
    bool thinks;
};

/* "A/B"; absent when it is too long. */
static struct dgm_str join(struct dgm_buf *scratch, struct dgm_str a, struct dgm_str b)
{
    dgm_buf_clear(scratch);
    dgm_buf_put(scratch, a);
    dgm_buf_put_char(scratch, '/');
    dgm_buf_put(scratch, b);
    return scratch->rc == DGM_OK ? dgm_buf_str(scratch) : (struct dgm_str){0};
}

static void put_model(struct json_writer *w, const struct model_facts *m)
{
    json_open_obj(w);
    json_member_str(w, "id", m->id);
    json_member_str(w, "object", DGM_STR("model"));
    json_member_int(w, "created", m->created != 0 ? m->created : MODEL_CREATED);
    json_member_str(w, "owned_by", m->owned_by);
    if (m->display_name.n != 0)
        json_member_str(w, "display_name", m->display_name);
    if (m->context != 0)
        json_member_int(w, "context_length", m->context);
    if (m->output != 0)
        json_member_int(w, "max_output_tokens", m->output);
    if (m->thinks)
        json_member_bool(w, "reasoning", true);
    json_close_obj(w);
}

/* The name as the emulator has it: without what may stand in front: all spellings name one model. */
static struct dgm_str short_name(struct dgm_str id)
{
    static const struct dgm_str prefixes[] = {
        {"publishers/google/models/", 25}, {"google/", 7}, {"models/", 7}};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (dgm_str_starts(id, prefixes[i]))
            return dgm_str_skip(id, prefixes[i].n);
    }
    return id;
}

/* What is known of a model of Google's by its name. */
static void add_googles(struct model_facts *m, struct dgm_str name)
{
    struct emu_model known;
    m->owned_by = DGM_STR("google");
    for (size_t i = 0; emu_model_at(i, &known); i++) {
        if (!dgm_str_eq(known.name, short_name(name)))
            continue;
        m->display_name = known.display_name;
        m->context = known.input_tokens;
        m->output = known.output_tokens;
        m->thinks = known.thinks;
    }
}

/* The first of several members that is a number: servers do not agree on the name. */
static int64_t number(const struct json_val *v, const struct dgm_str *names, size_t n)
{
    int64_t found;
    for (size_t i = 0; i < n; i++)
        if (json_int(json_get(v, names[i]), &found) && found > 0)
            return found;
    return 0;
}

/* One of a server's list. The context's length: vLLM's name, llama.cpp's (in `meta`), and what others say. */
static void add_listed(struct model_facts *m, const struct json_val *v)
{
    static const struct dgm_str lengths[] = {
        {"max_model_len", 13}, {"context_length", 14}, {"context_window", 14}};
    static const struct dgm_str metas[] = {{"n_ctx", 5}, {"n_ctx_train", 11}};
    static const struct dgm_str created[] = {{"created", 7}};
    struct dgm_str owner = json_get_str(v, DGM_STR("owned_by"));
    m->owned_by = owner.n != 0 ? owner : m->owned_by;
    m->created = number(v, created, 1);
    m->context = number(v, lengths, sizeof lengths / sizeof *lengths);
    if (m->context == 0)
        m->context = number(json_get(v, DGM_STR("meta")), metas, sizeof metas / sizeof *metas);
}

static const struct json_val *find_listed(const struct gw_worker *w, const struct gw_upstream *u,
                                          struct dgm_str name)
{
    struct json_iter it = json_iter(gw_catalog_models(w, u));
    while (json_next(&it))
        if (dgm_str_eq(json_get_str(it.value, DGM_STR("id")), name))
            return it.value;
    return NULL;
}

static bool is_googles(const struct gw_upstream *u)
{
    return u->kind == GW_VERTEX || u->kind == GW_GEMINI ||
           (u->kind == GW_EMULATOR && u->dialect == GW_DIALECT_GEMINI);
}

/* A name that leads to an upstream, with what is known of what it stands for there. */
static struct model_facts facts_of(const struct gw_worker *w, const struct gw_upstream *u,
                                   struct dgm_str id)
{
    struct model_facts m = {.id = id, .owned_by = u->name};
    struct dgm_str name = u->model.n != 0 ? u->model : id;
    const struct json_val *listed = find_listed(w, u, name);
    if (listed == NULL && u->model.n == 0 && id.n > u->name.n + 1 && dgm_str_starts(id, u->name) &&
        id.p[u->name.n] == '/')
        listed = find_listed(w, u, dgm_str_skip(id, u->name.n + 1));
    if (listed != NULL)
        add_listed(&m, listed);
    else if (is_googles(u) && !dgm_model_is_others(name))
        add_googles(&m, name);
    return m;
}

static bool is_pattern(struct dgm_str match)
{
    return dgm_str_find_char(match, '*') != match.n;
}

/* The row of the configuration that is a name and means this one; NULL. */
static const struct gw_model *find_row(const struct gw_config *c, struct dgm_str id)
{
    for (size_t i = 0; i < c->models_n; i++)
        if (!is_pattern(c->models[i].match) && dgm_str_eq(c->models[i].match, id))
            return &c->models[i];
    return NULL;
}

/* As a client can ask an upstream for a model of its list: by the name alone, or by the upstream's before it. Absent: the
 * configuration leads neither there. */
static struct dgm_str callable(const struct gw_config *c, const struct gw_upstream *u,
                               struct dgm_str name, struct dgm_buf *scratch)
{
    if (gw_config_model(c, name) == u)
        return name;
    struct dgm_str full = join(scratch, u->name, name);
    return full.n != 0 && gw_config_model(c, full) == u ? full : (struct dgm_str){0};
}

/* In the list stands what may be asked for. */
static void put_shown(const struct gw_exchange *x, struct json_writer *w,
                      const struct model_facts *m)
{
    if (gw_gate_shows(x, m->id))
        put_model(w, m);
}

static void put_configured(struct gw_exchange *x, struct json_writer *w)
{
    const struct gw_config *c = x->worker->config;
    for (size_t i = 0; i < c->models_n; i++) {
        struct dgm_str id = c->models[i].match;
        if (is_pattern(id) || find_row(c, id) != &c->models[i])
            continue;
        struct model_facts m = facts_of(x->worker, c->models[i].upstream, id);
        put_shown(x, w, &m);
    }
}

static void put_listed(struct gw_exchange *x, struct json_writer *w, struct dgm_buf *scratch)
{
    const struct gw_config *c = x->worker->config;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        struct json_iter it = json_iter(gw_catalog_models(x->worker, u));
        while (u->model.n == 0 && json_next(&it)) {
            struct dgm_str name = json_get_str(it.value, DGM_STR("id"));
            struct dgm_str id = name.n != 0 ? callable(c, u, name, scratch) : name;
            if (id.n == 0 || find_row(c, id) != NULL)
                continue;
            struct model_facts m = {.id = id, .owned_by = u->name};
            add_listed(&m, it.value);
            put_shown(x, w, &m);
        }
    }
}

static void put_emulated(struct gw_exchange *x, struct json_writer *w, struct dgm_buf *scratch)
{
    const struct gw_config *c = x->worker->config;
    struct emu_model m;
    for (size_t i = 0; emu_model_at(i, &m); i++) {
        /* As they are called on endpoints/openapi (google.md 1.3). */
        struct dgm_str id = join(scratch, DGM_STR("google"), m.name);
        const struct gw_upstream *u = gw_config_model(c, id);
        if (id.n == 0 || u == NULL || u->kind != GW_EMULATOR || find_row(c, id) != NULL)
            continue;
        struct model_facts facts = {.id = id};
        add_googles(&facts, m.name);
        put_shown(x, w, &facts);
    }
}

static void answer_models(struct gw_exchange *x)
{
    struct json_writer w = json_writer(&x->out);
    struct dgm_buf scratch;
    dgm_buf_init(&scratch, &x->worker->alloc, 1024);

    json_open_obj(&w);
    json_member_str(&w, "object", DGM_STR("list"));
    json_put_key(&w, DGM_STR("data"));
    json_open_arr(&w);
    put_configured(x, &w);
    put_listed(x, &w, &scratch);
    put_emulated(x, &w, &scratch);
    json_close_arr(&w);
    json_close_obj(&w);
    dgm_buf_dispose(&scratch);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

/* Whether a name that no list has is one all the same: the emulator takes more than it lists. */
static bool exists(const struct gw_worker *w, struct dgm_str id, const struct gw_upstream *u)
{
    if (u == NULL || find_row(w->config, id) != NULL)
        return u != NULL;
    if (u->kind == GW_EMULATOR)
        return dgm_name_ok(short_name(id)) && emu_model_known(short_name(id));
    struct dgm_str rest = id, name;
    return find_listed(w, u, id) != NULL ||
           (dgm_str_split(&rest, '/', &name) && dgm_str_eq(name, u->name) &&
            find_listed(w, u, rest) != NULL);
}

static void answer_model(struct gw_exchange *x)
{
    struct dgm_str id = x->target.id;
    const struct gw_upstream *u = gw_config_model(x->worker->config, id);
    if (!exists(x->worker, id, u) || !gw_gate_shows(x, id)) {
        struct dgm_fail f;
        dgm_fail_set(&f, DGM_ERR_MODEL_UNKNOWN, DGM_STR("model"),
                     (struct dgm_str[4]){DGM_STR("The model "), dgm_str_head(id, 200),
                                         DGM_STR(" does not exist here.")});
        gw_exchange_fail(x, &f);
        return;
    }
    struct json_writer w = json_writer(&x->out);
    struct model_facts m = facts_of(x->worker, u, id);
    put_model(&w, &m);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

static void on_models_ready(void *owner)
{
    struct gw_exchange *x = owner;
    if (x->stage != GW_WAITING)
        return; /* a deadline was sooner */
    if (x->target.route->what == GW_MODEL)
        answer_model(x);
    else
        answer_models(x);
}

/* Servers of one's own are asked what they have, where that is not known. */
static void ask_models(struct gw_exchange *x)
{
    gw_exchange_wait(x);
    if (gw_catalog_ask(x->worker, &x->models, on_models_ready, x))
        on_models_ready(x);
}

/* ---- others ----------------------------------------------------------------------------------------- */

static void answer_status(struct gw_exchange *x, struct dgm_str status)
{
    struct json_writer w = json_writer(&x->out);
    json_open_obj(&w);
    json_member_str(&w, "status", status);
    json_close_obj(&w);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

static void answer_stats(struct gw_exchange *x)
{
    if (net_stream_peer(x->conn->stream) == NET_PEER_OTHER) {
        gw_exchange_fail_as(x, DGM_ERR_HOST_FORBIDDEN);
        return;
    }
    struct gw_worker *worker = x->worker;
    struct json_writer w = json_writer(&x->out);
    json_open_obj(&w);
    json_member_int(&w, "worker", (int64_t)worker->slot);
    json_member_int(&w, "pid", getpid());
    json_member_bool(&w, "draining", worker->draining);
    if (worker->keeper != NULL) {
        json_member_int(&w, "keeper_pid", gw_keeper_pid(worker->keeper));
        json_member_int(&w, "reports_dropped", (int64_t)gw_keeper_dropped(worker->keeper));
    }
    worker->counters.resting = gw_policy_resting(worker->policy, net_loop_now_ms(worker->loop));
#define COUNTER(name) json_member_int(&w, #name, worker->counters.name);
#include "gateway/counters.def"
#undef COUNTER
    json_close_obj(&w);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

void gw_pages_answer(struct gw_exchange *x)
{
    switch (x->target.route->what) {
    case GW_MODELS:
    case GW_MODEL:
        ask_models(x);
        return;
    case GW_ENDPOINTS:
        gw_endpoints_answer(x);
        return;
    case GW_ENDPOINT:
        gw_endpoint_answer(x);
        return;
    case GW_READY:
        if (x->worker->draining)
            gw_exchange_fail_as(x, DGM_ERR_DRAINING);
        else
            answer_status(x, DGM_STR("ready"));
        return;
    case GW_STATS:
        answer_stats(x);
        return;
    default:
        answer_status(x, DGM_STR("ok"));
        return;
    }
}
