/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c - the paths that are answered from what the worker knows itself: health, models, counters. */
#include "base/str.h"
#include "emulate/emulate.h"
#include "gateway/exchange.h"
#include "gateway/keeper_link.h"
#include "json/write.h"

#include <unistd.h>

#define MODEL_CREATED                                                                              \
    1735689600 /* Google tells no date of its models; clients want a number: 2025-01-01 */

/* Whether a name goes where the built-in list of models is served. */
static bool is_emulated(const struct gw_config *config, struct dgm_str name)
{
    const struct gw_upstream *u = gw_config_model(config, name);
    return u != NULL && u->kind == GW_EMULATOR;
}

/* "google/NAME", as the models are called on endpoints/openapi (google.md 1.3). */
static struct dgm_str long_name(struct dgm_buf *scratch, struct dgm_str name)
{
    dgm_buf_clear(scratch);
    dgm_buf_put_lit(scratch, "google/");
    dgm_buf_put(scratch, name);
    return dgm_buf_str(scratch);
}

static void put_model(struct json_writer *w, struct dgm_str id, const struct emu_model *m)
{
    json_open_obj(w);
    json_member_str(w, "id", id);
    json_member_str(w, "object", DGM_STR("model"));
    json_member_int(w, "created", MODEL_CREATED);
    json_member_str(w, "owned_by", DGM_STR("google"));
    if (m != NULL)
        json_member_str(w, "display_name", m->display_name);
    json_close_obj(w);
}

static void answer_models(struct gw_exchange *x)
{
    struct json_writer w = json_writer(&x->out);
    struct dgm_buf scratch;
    struct emu_model m;
    dgm_buf_init(&scratch, &x->worker->alloc, 1024);

    json_open_obj(&w);
    json_member_str(&w, "object", DGM_STR("list"));
    json_put_key(&w, DGM_STR("data"));
    json_open_arr(&w);
    for (size_t i = 0; emu_model_at(i, &m); i++) {
        struct dgm_str id = long_name(&scratch, m.name);
        if (scratch.rc == DGM_OK && is_emulated(x->worker->config, id))
            put_model(&w, id, &m);
    }
    json_close_arr(&w);
    json_close_obj(&w);
    dgm_buf_dispose(&scratch);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
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

static void answer_model(struct gw_exchange *x)
{
    struct dgm_str id = x->target.id, name = short_name(id);
    if (!dgm_name_ok(name) || !emu_model_known(name) || !is_emulated(x->worker->config, id)) {
        struct dgm_fail f;
        dgm_fail_set(&f, DGM_ERR_MODEL_UNKNOWN, DGM_STR("model"),
                     (struct dgm_str[4]){DGM_STR("The model "), dgm_str_head(id, 200),
                                         DGM_STR(" does not exist here.")});
        gw_exchange_fail(x, &f);
        return;
    }
    struct emu_model m;
    const struct emu_model *listed = NULL;
    for (size_t i = 0; listed == NULL && emu_model_at(i, &m); i++) {
        if (dgm_str_eq(m.name, name))
            listed = &m;
    }
    struct json_writer w = json_writer(&x->out);
    put_model(&w, id, listed);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

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
    const struct gw_worker *worker = x->worker;
    struct json_writer w = json_writer(&x->out);
    json_open_obj(&w);
    json_member_int(&w, "worker", (int64_t)worker->slot);
    json_member_int(&w, "pid", getpid());
    json_member_bool(&w, "draining", worker->draining);
    if (worker->keeper != NULL) {
        json_member_int(&w, "keeper_pid", gw_keeper_pid(worker->keeper));
        json_member_int(&w, "reports_dropped", (int64_t)gw_keeper_dropped(worker->keeper));
    }
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
        answer_models(x);
        return;
    case GW_MODEL:
        answer_model(x);
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
