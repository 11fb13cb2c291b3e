/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - where a call to Google goes, and who it says is asking. */
#include "gateway/place.h"

#include "base/str.h"
#include "gateway/residency.h"

#include <string.h>

#define LOCATION_BYTES_MAX 40
#define GEMINI_HOST "generativelanguage.googleapis.com"

/* ---- who is asking ------------------------------------------------------------------------------------ */

/* Google's API keys, by what they begin with: those of AI Studio, and the newer ones of both. */
static bool is_api_key(struct dgm_str s)
{
    return dgm_str_starts(s, DGM_STR("AIza")) || dgm_str_starts(s, DGM_STR("AQ."));
}

static bool is_google(const struct gw_upstream *u)
{
    return u->kind == GW_VERTEX || u->kind == GW_GEMINI;
}

/* What stands behind "Bearer "; absent when it is no bearer. */
static struct dgm_str bearer_of(struct dgm_str authorization)
{
    struct dgm_str scheme, rest = authorization;
    if (!dgm_str_split(&rest, ' ', &scheme) || !dgm_str_eq_nocase(scheme, DGM_STR("Bearer")))
        return (struct dgm_str){0};
    rest = dgm_str_trim(rest);
    return rest.n != 0 ? rest : (struct dgm_str){0};
}

static bool put_bearer(struct gw_place *p, struct dgm_str token, struct dgm_arena *arena)
{
    struct dgm_buf value;
    dgm_buf_init(&value, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put_lit(&value, "Bearer ");
    dgm_buf_put(&value, token);
    p->headers[p->headers_n++] =
        (struct gw_call_header){DGM_STR("Authorization"), dgm_buf_str(&value)};
    p->_secret = value.p;
    p->_secret_n = value.n;
    return value.rc == DGM_OK;
}

/* The secret that goes along, and whether it is an API key of Google's. Absent: none does. */
static enum dgm_rc find_secret(const struct gw_place_ask *ask, struct dgm_str *ret, bool *ret_key,
                               struct dgm_fail *reterr)
{
    const struct gw_credentials *c = &ask->upstream->credentials;
    *ret = (struct dgm_str){0};
    *ret_key = false;
    switch (c->kind) {
    case GW_CREDENTIALS_API_KEY:
        *ret_key = is_google(ask->upstream);
        *ret = c->value;
        return DGM_OK;
    case GW_CREDENTIALS_BEARER:
        *ret = c->value;
        return DGM_OK;
    case GW_CREDENTIALS_CALLER:
        *ret = bearer_of(ask->authorization);
        *ret_key = is_google(ask->upstream) && is_api_key(*ret);
        if (ret->p)
            return DGM_OK;
        dgm_fail_row(reterr, DGM_ERR_CALLER_UNKNOWN);
        return DGM_E_REFUSED;
    case GW_CREDENTIALS_ADC:
    case GW_CREDENTIALS_FILE:
    case GW_CREDENTIALS_METADATA:
        if (ask->token != NULL)
            *ret = ask->token->token;
        return DGM_OK;
    default:
        return DGM_OK;
    }
}

/* ---- where -------------------------------------------------------------------------------------------- */

/* As Google's locations are named: what makes a host's name must not be able to make another. */
static bool is_location(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              (s.p[i] == '-' && i != 0)))
            return false;
    return s.n != 0 && s.n <= LOCATION_BYTES_MAX;
}

/* "googleapis.com", unless the credentials are of another universe. */
static struct dgm_str universe_of(const struct gw_place_ask *ask)
{
    return ask->token != NULL && ask->token->universe.n != 0 ? ask->token->universe
                                                             : DGM_STR(AUTH_UNIVERSE);
}

static struct dgm_str vertex_host(struct dgm_str location, struct dgm_str universe,
                                  struct dgm_arena *arena)
{
    struct dgm_buf host;
    bool wide = dgm_str_eq(location, DGM_STR("us")) || dgm_str_eq(location, DGM_STR("eu"));
    bool global = dgm_str_eq(location, DGM_STR("global"));
    dgm_buf_init(&host, dgm_arena_alloc(arena), SIZE_MAX);
    if (!wide && !global) {
        dgm_buf_put(&host, location);
        dgm_buf_put_lit(&host, "-");
    }
    dgm_buf_put_lit(&host, "aiplatform.");
    if (wide) {
        dgm_buf_put(&host, location);
        dgm_buf_put_lit(&host, ".rep.");
    }
    dgm_buf_put(&host, universe);
    return host.rc == DGM_OK ? dgm_buf_str(&host) : (struct dgm_str){0};
}

static struct dgm_str either(struct dgm_str a, struct dgm_str b, struct dgm_str otherwise)
{
    return a.n != 0 ? a : b.n != 0 ? b : otherwise;
}

static struct gw_origin origin_of(struct dgm_str host)
{
    return (struct gw_origin){
        .authority = host, .host = host, .prefix = DGM_STR(""), .port = 443, .tls = true};
}

/* The location that a base_url is at, as that of an endpoint tells it. Absent: it tells none. */
static struct dgm_str location_of_url(const struct gw_upstream *u)
{
    const struct dgm_str before = DGM_STR("/locations/");
    size_t at = dgm_str_find(u->base_url, before);
    if (at == u->base_url.n)
        return (struct dgm_str){0};
    struct dgm_str rest = dgm_str_skip(u->base_url, at + before.n);
    return dgm_str_head(rest, dgm_str_find_char(rest, '/'));
}

static void name_native(const struct gw_place_ask *ask, bool express, struct gw_place *p)
{
    const struct gw_upstream *u = ask->upstream;
    struct dgm_str configured =
        ask->location < u->locations.n ? u->locations.at[ask->location] : location_of_url(u);
    p->native.surface = DGM_VERTEX;
    if (express)
        return;
    bool named = ask->token != NULL && dgm_name_ok(ask->token->project);
    struct dgm_str theirs = named ? ask->token->project : (struct dgm_str){0};
    p->native.project =
        either(u->project, ask->path_project, either(theirs, DGM_STR("dragoman"), theirs));
    p->native.location = either(configured, ask->path_location, DGM_STR("global"));
}

static enum dgm_rc find_vertex(const struct gw_config *config, const struct gw_place_ask *ask,
                               bool key, struct dgm_arena *arena, struct gw_place *p,
                               struct dgm_fail *reterr)
{
    bool express = key && ask->upstream->project.n == 0 && !ask->relays;
    name_native(ask, express, p);
    struct dgm_str location = express ? DGM_STR("global") : p->native.location;
    if (!gw_residency_allows(config, ask->upstream, location)) {
        dgm_fail_set(reterr, DGM_ERR_RESIDENCY, (struct dgm_str){0},
                     (struct dgm_str[4]){DGM_STR("The location "), location,
                                         DGM_STR(" may not be asked from here: it is none of those "
                                                 "that \"residency\" allows.")});
        return DGM_E_REFUSED;
    }
    if (ask->upstream->origin != NULL) {
        p->origin = *ask->upstream->origin;
        return DGM_OK;
    }
    if (!is_location(location)) {
        dgm_fail_set(reterr, DGM_ERR_UPSTREAM_NONE, (struct dgm_str){0},
                     (struct dgm_str[4]){DGM_STR("The location "), location,
                                         DGM_STR(" is none of Google's.")});
        return DGM_E_REFUSED;
    }
    struct dgm_str host = vertex_host(location, universe_of(ask), arena);
    p->origin = origin_of(host);
    return host.p ? DGM_OK : DGM_E_NOMEM;
}

enum dgm_rc gw_place_find(const struct gw_config *config, const struct gw_place_ask *ask,
                          struct dgm_arena *arena, struct gw_place *ret, struct dgm_fail *reterr)
{
    struct gw_place p = {.native = {.surface = DGM_GEMINI}};
    struct dgm_str secret;
    bool key;
    if (ask->upstream->kind == GW_EMULATOR) {
        name_native(ask, false, &p);
        *ret = p;
        return DGM_OK;
    }
    enum dgm_rc rc = find_secret(ask, &secret, &key, reterr);
    if (rc == DGM_OK && ask->upstream->kind == GW_VERTEX)
        rc = find_vertex(config, ask, key, arena, &p, reterr);
    else if (rc == DGM_OK && ask->upstream->origin != NULL)
        p.origin = *ask->upstream->origin;
    else
        p.origin = origin_of(DGM_STR(GEMINI_HOST));
    if (rc != DGM_OK)
        return rc;
    gw_origin_reach(config, ask->upstream, &p.origin);
    if (key)
        p.headers[p.headers_n++] = (struct gw_call_header){DGM_STR("x-goog-api-key"), secret};
    else if (secret.p && !put_bearer(&p, secret, arena))
        return DGM_E_NOMEM;
    if (ask->token != NULL && ask->token->quota_project.n != 0 && is_google(ask->upstream))
        p.headers[p.headers_n++] =
            (struct gw_call_header){DGM_STR("x-goog-user-project"), ask->token->quota_project};
    *ret = p;
    return DGM_OK;
}

void gw_place_forget(struct gw_place *p)
{
    if (p->_secret != NULL)
        explicit_bzero(p->_secret, p->_secret_n);
    p->headers_n = 0;
}
