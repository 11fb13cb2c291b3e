/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - the paths that are answered from what the worker knows itself: health, models, counters. */
#include "base/str.h"
#include "emulate/emulate.h"
#include "gateway/exchange.h"
#include "gateway/gate.h"
#include "gateway/keeper_link.h"
#include "gateway/models.h"
#include "gateway/policy.h"
#include "gateway/revoked.h"
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

/* What is known of a model of Google's by its name. */
static void add_googles(struct model_facts *m, struct dgm_str name)
{
    struct emu_model known;
    m->owned_by = DGM_STR("google");
    for (size_t i = 0; emu_model_at(i, &known); i++) {
        if (!dgm_str_eq(known.name, gw_model_short(name)))
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

/* What is known of a name that leads to an upstream, by what it stands for there. */
static struct model_facts facts_of(const struct gw_worker *w, const struct gw_upstream *u,
                                   struct dgm_str id)
{
    struct model_facts m = {.id = id, .owned_by = u->name};
    struct dgm_str name = u->model.n != 0 ? u->model : gw_config_meant(w->config, id);
    const struct json_val *listed = gw_model_listed(w, u, name);
    if (listed != NULL)
        add_listed(&m, listed);
    else if (gw_model_is_googles(u) && !dgm_model_is_others(name))
        add_googles(&m, name);
    return m;
}

/** A list that is being put. */
struct model_list {
    const struct gw_exchange *x;
    struct json_writer w;
};

static void put_one(void *ctx, const struct gw_upstream *u, struct dgm_str id)
{
    struct model_list *list = ctx;
    if (!gw_gate_shows(list->x, id))
        return; /* in the list stands what may be asked for */
    struct model_facts m = facts_of(list->x->worker, u, id);
    put_model(&list->w, &m);
}

static void answer_models(struct gw_exchange *x)
{
    struct model_list list = {x, json_writer(&x->out)};
    json_open_obj(&list.w);
    json_member_str(&list.w, "object", DGM_STR("list"));
    json_put_key(&list.w, DGM_STR("data"));
    json_open_arr(&list.w);
    gw_models_walk(x->worker, put_one, &list);
    json_close_arr(&list.w);
    json_close_obj(&list.w);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

static void answer_model(struct gw_exchange *x)
{
    struct dgm_str id = x->target.id;
    const struct gw_upstream *u = gw_config_model(x->worker->config, id);
    if (!gw_model_exists(x->worker, id, u) || !gw_gate_shows(x, id)) {
        struct dgm_fail f;
        dgm_fail_set(&f, DGM_ERR_MODEL_UNKNOWN, DGM_STR("model"),
                     (struct dgm_str[4]){DGM_STR("The model "), dgm_str_head(id, 200),
                                         DGM_STR(" does not exist here.")});
        gw_models_tell_near(x, id, &f);
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
    const struct gw_worker *worker = x->worker;
    struct gw_counters all;
    int64_t now_ms = net_loop_now_ms(worker->loop);
    gw_policy_count_resting(worker->policy, now_ms, worker->counters);
    size_t workers = gw_sheets_sum(worker->sheets, now_ms, &all);
    struct json_writer w = json_writer(&x->out);
    json_open_obj(&w);
    json_member_int(&w, "worker", (int64_t)worker->slot);
    json_member_int(&w, "pid", getpid());
    json_member_bool(&w, "draining", worker->draining);
    if (worker->keeper != NULL)
        json_member_int(&w, "keeper_pid", gw_keeper_pid(worker->keeper));
    json_member_int(&w, "workers", (int64_t)workers);
#define COUNTER(name, help) json_member_int(&w, #name, all.name);
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
        else if (x->worker->keys != NULL &&
                 !gw_quota_is_known(x->worker->quota, net_loop_wall_ms(x->worker->loop)))
            gw_exchange_fail_as(x, DGM_ERR_COUNTS_UNREAD);
        else if (x->worker->config->auth.google == GW_GOOGLE_EMULATED &&
                 !gw_revoked_is_known(x->worker->revoked, net_loop_wall_ms(x->worker->loop)))
            gw_exchange_fail_as(x, DGM_ERR_IDENTITY_UNREAD);
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
