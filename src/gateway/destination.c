/* SPDX-License-Identifier: Apache-2.0 */
/* destination.c - where a chat completion goes, and its body as that upstream gets it. */
#include "gateway/destination.h"

#include "base/str.h"
#include "gateway/caching.h"
#include "gateway/fetch_policy.h"
#include "gateway/lessons.h"
#include "gateway/origin.h"

#include <assert.h>

#define ENDPOINTS "/endpoints/"
#define OPENAPI "openapi"
#define RESOURCE "/chat/completions"

bool gw_upstream_relays(const struct gw_upstream *u)
{
    if (u->kind == GW_EMULATOR)
        return u->dialect != GW_DIALECT_GEMINI;
    return (u->kind != GW_VERTEX && u->kind != GW_GEMINI) || u->at_endpoint;
}

/* The same for one request: endpoints of Vertex's serve what is deployed there, and endpoints/openapi other publishers'
 * models, which its native calls do not know. */
static bool relays_to(const struct gw_config *c, const struct gw_upstream *u,
                      const struct gw_endpoint *e, struct dgm_str model)
{
    return gw_upstream_relays(u) ||
           (u->kind == GW_VERTEX &&
            (e != NULL ||
             dgm_model_is_others(u->model.n != 0 ? u->model : gw_config_meant(c, model))));
}

enum dgm_surface gw_upstream_surface(const struct gw_upstream *u)
{
    return u->kind == GW_GEMINI ? DGM_GEMINI : DGM_VERTEX;
}

/* ---- which upstream --------------------------------------------------------------------------------- */

static enum dgm_rc check(const struct gw_upstream *u, struct dgm_str model, struct dgm_fail *reterr)
{
    if (u != NULL)
        return DGM_OK;
    dgm_fail_set(reterr, DGM_ERR_MODEL_UNKNOWN, DGM_STR("model"),
                 (struct dgm_str[4]){DGM_STR("No upstream is configured for the model "),
                                     dgm_str_head(model, 150), DGM_STR(".")});
    return DGM_E_REFUSED;
}

const struct gw_choices *gw_destination_look(const struct gw_config *c, struct dgm_str endpoint,
                                             struct dgm_str body, struct dgm_buf *room,
                                             struct dgm_str *model)
{
    const struct gw_endpoint *e = gw_config_endpoint(c, endpoint);
    if (e != NULL)
        return &e->choices;
    if (!c->mixed && !c->lists)
        return NULL;
    dgm_body_put_model(body, room);
    if (room->rc == DGM_OK && room->n != 0)
        *model = dgm_buf_str(room);
    return gw_config_choices(c, *model);
}

/* ---- relayed ---------------------------------------------------------------------------------------- */

static enum dgm_server_kind server_kind(const struct gw_upstream *u)
{
    bool vllm = u->kind == GW_VLLM || (u->kind == GW_EMULATOR && u->dialect == GW_DIALECT_VLLM);
    bool tgi = u->kind == GW_TGI || (u->kind == GW_EMULATOR && u->dialect == GW_DIALECT_TGI);
    return vllm ? DGM_SERVER_VLLM : tgi ? DGM_SERVER_TGI : DGM_SERVER_OPENAI;
}

/* The client's name without the upstream's own before it: "lab/qwen" is lab's "qwen". Absent: it has none. */
static struct dgm_str without_prefix(const struct gw_upstream *u, struct dgm_str model)
{
    bool has =
        model.n > u->name.n + 1 && dgm_str_starts(model, u->name) && model.p[u->name.n] == '/';
    return has ? dgm_str_skip(model, u->name.n + 1) : (struct dgm_str){0};
}

/* An endpoint of one's own serves one model, and is asked for it by any name. */
static bool serves_one(const struct gw_upstream *u, bool by_endpoint)
{
    if (u->model.n != 0)
        return false;
    if (u->at_endpoint)
        return dgm_str_find(u->base_url, DGM_STR(ENDPOINTS OPENAPI)) == u->base_url.n;
    return by_endpoint && (u->kind == GW_VERTEX || server_kind(u) != DGM_SERVER_OPENAI);
}

struct dgm_str gw_destination_model(const struct gw_config *c, const struct gw_upstream *u,
                                    const struct dgm_request *r)
{
    struct dgm_str sent = dgm_request_model_sent(r), meant = gw_config_meant(c, sent);
    return u->model.n != 0 ? u->model : meant.p != sent.p ? meant : (struct dgm_str){0};
}

/* The server's own name of the model; absent: the client's. */
static struct dgm_str model_there(const struct gw_config *c, const struct gw_upstream *u, bool one,
                                  const struct dgm_request *r)
{
    struct dgm_str instead = one ? (struct dgm_str){0} : gw_destination_model(c, u, r);
    if (u->model.n != 0 || instead.n == 0)
        return u->model.n != 0 ? u->model : without_prefix(u, dgm_request_model_sent(r));
    struct dgm_str bare = without_prefix(u, instead);
    return bare.n != 0 ? bare : instead;
}

static enum dgm_rc relay(const struct gw_config *c, const struct gw_upstream *u, bool by_endpoint,
                         struct dgm_request *r, struct dgm_fail *reterr)
{
    bool one = serves_one(u, by_endpoint);
    const struct dgm_server server = {
        .kind = server_kind(u), .model = model_there(c, u, one, r), .serves_one = one};
    return dgm_relay_make(r, &server, reterr);
}

/* ---- URLs ------------------------------------------------------------------------------------------- */

/* DGM_NEED where the upstream's `fetch` is about any of the request's URLs. */
static enum dgm_rc look_for_urls(const struct gw_upstream *u, struct dgm_request *r,
                                 struct dgm_fail *reterr)
{
    const struct dgm_url *urls;
    size_t n = 0;
    enum dgm_rc rc = u->fetch == GW_FETCH_OFF
                         ? DGM_OK
                         : dgm_request_urls(r, gw_upstream_surface(u), &urls, &n, reterr);
    for (size_t i = 0; rc == DGM_OK && i < n; i++)
        if (gw_fetch_wants(u->fetch, urls[i].url))
            rc = DGM_NEED;
    return rc;
}

/* ---- both ------------------------------------------------------------------------------------------- */

enum dgm_rc gw_destination_finish(const struct gw_config *c, const struct dgm_env *env,
                                  const struct gw_upstream *u, bool by_endpoint,
                                  struct dgm_request *r, struct dgm_fail *reterr)
{
    bool relays = dgm_request_is_relayed(r);
    struct dgm_str instead = relays ? (struct dgm_str){0} : gw_destination_model(c, u, r);
    enum dgm_rc rc = instead.n != 0 ? dgm_request_use_model(r, instead, reterr) : DGM_OK;
    if (rc != DGM_OK)
        return rc;
    if (!gw_lessons_apply(c, u, r, env->now) || (!relays && !gw_caching_apply(c, u, r))) {
        dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
        return DGM_E_NOMEM;
    }
    return relays ? relay(c, u, by_endpoint, r, reterr)
                  : dgm_request_translate(r, gw_upstream_surface(u), reterr);
}

enum dgm_rc gw_destination_make(const struct gw_config *config, const struct dgm_env *env,
                                struct dgm_str endpoint, const struct gw_upstream *upstream,
                                struct dgm_buf *body, struct dgm_request **ret,
                                const struct gw_choices **ret_choices, struct dgm_fail *reterr)
{
    struct dgm_request *r = NULL;
    const struct gw_endpoint *e = gw_config_endpoint(config, endpoint);
    char name[GW_MODEL_BYTES_MAX];
    struct dgm_buf room = {.p = name, .cap = sizeof name, .max = sizeof name};
    struct dgm_str model = env->model;
    const struct gw_choices *choices =
        gw_destination_look(config, endpoint, dgm_buf_str(body), &room, &model);
    const struct gw_upstream *u = upstream != NULL  ? upstream
                                  : choices != NULL ? choices->at[0].upstream
                                                    : NULL;
    /* Where the body must tell what is wrong with it, a relay's way changes least of it. */
    bool relays = u != NULL ? relays_to(config, u, e, model)
                            : config->mixed || gw_upstream_relays(&config->upstreams[0]);
    enum dgm_rc rc =
        relays ? dgm_relay_open(env, body, &r, reterr) : dgm_request_open(env, body, &r, reterr);
    if (rc != DGM_OK)
        return rc;
    if (u == NULL) {
        choices = gw_config_choices(config, dgm_request_model_sent(r));
        u = choices != NULL ? choices->at[0].upstream : NULL;
    }
    rc = check(u, dgm_request_model_sent(r), reterr);
    if (rc == DGM_OK && relays_to(config, u, e, dgm_request_model_sent(r)) != relays)
        rc = check(NULL, dgm_request_model_sent(r), reterr);
    if (rc == DGM_OK)
        rc = look_for_urls(u, r, reterr);
    if (rc == DGM_OK)
        rc = gw_destination_finish(config, env, u, e != NULL, r, reterr);
    *ret = r;
    *ret_choices = choices;
    return rc;
}

/* Whether a segment of the path is a version of an API: "v1", "v1beta1". */
static bool has_version(struct dgm_str path)
{
    struct dgm_str rest = path, segment;
    while (rest.n != 0 && dgm_str_split(&rest, '/', &segment))
        if (segment.n > 1 && segment.p[0] == 'v' && segment.p[1] >= '0' && segment.p[1] <= '9')
            return true;
    return false;
}

static void put_endpoint(const struct dgm_place *at, struct dgm_str id, struct dgm_buf *out)
{
    assert(dgm_name_ok(at->project) && dgm_name_ok(at->location));
    dgm_buf_put_lit(out, "/v1/projects/");
    dgm_buf_put(out, at->project);
    dgm_buf_put_lit(out, "/locations/");
    dgm_buf_put(out, at->location);
    dgm_buf_put_lit(out, ENDPOINTS);
    dgm_buf_put(out, id.n != 0 ? id : DGM_STR(OPENAPI));
}

void gw_relay_put_models_target(struct gw_origin *o, struct dgm_buf *out)
{
    size_t n = dgm_str_ends(o->prefix, DGM_STR(RESOURCE)) ? sizeof RESOURCE - 1 : 0;
    o->prefix.n -= n;
    o->url.n -= n;
    if (!has_version(o->prefix))
        dgm_buf_put_lit(out, "/v1");
    dgm_buf_put_lit(out, "/models");
}

void gw_relay_put_target(const struct gw_upstream *u, const struct dgm_place *at,
                         struct dgm_str endpoint, struct dgm_buf *out)
{
    struct dgm_str prefix = u->origin != NULL ? u->origin->prefix : (struct dgm_str){0};
    if (dgm_str_ends(prefix, DGM_STR(RESOURCE)))
        return; /* somebody was thorough */
    if (u->kind == GW_VERTEX && !u->at_endpoint)
        put_endpoint(at, endpoint, out);
    else if (!has_version(prefix))
        dgm_buf_put_lit(out, "/v1");
    dgm_buf_put_lit(out, RESOURCE);
}
