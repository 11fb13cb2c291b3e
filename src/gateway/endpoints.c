/* SPDX-License-Identifier: Apache-2.0 */
/*
 * endpoints.c - self-deployed endpoints as Vertex AI's REST API lists them: GET .../endpoints and /endpoints/{ID}
 * (google.md 8.1). They are those of the configuration; errors have Google's shape, for Google's clients read them.
 *
 * Inferred: when an endpoint was made is not known, so it is a constant; page tokens are ours.
 */
#include "base/str.h"
#include "gateway/endpoint_filter.h"
#include "gateway/exchange.h"
#include "json/write.h"

#define MADE "2025-01-01T00:00:00Z"
#define PAGE_SIZE 100
#define PAGE_SIZE_MAX 1000
#define QUERY_BYTES_MAX 4096
#define TOKEN_PREFIX "from-"

/* The parameters of a list. Texts stand in the exchange's arena. */
struct listing {
    struct gw_endpoint_filter filter;
    struct dgm_str mask; /* "name,displayName"; "" for all */
    uint64_t size, from; /* of a page: how many, behind how many */
    bool by_name, descending;
};

static void fail(struct gw_exchange *x, int status, struct dgm_str google,
                 const struct dgm_str pieces[3])
{
    struct json_writer w = json_writer(&x->out);
    json_open_obj(&w);
    json_put_name(&w, "error");
    json_open_obj(&w);
    json_member_int(&w, "code", status);
    json_put_name(&w, "message");
    json_open_str(&w);
    for (size_t i = 0; i < 3; i++)
        json_add_str(&w, pieces[i]);
    json_close_str(&w);
    json_member_str(&w, "status", google);
    json_close_obj(&w);
    json_close_obj(&w);
    gw_exchange_answer(x, status, GW_MEDIA_JSON);
}

static void fail_argument(struct gw_exchange *x, struct dgm_str name, struct dgm_str value)
{
    fail(x, 400, DGM_STR("INVALID_ARGUMENT"),
         (struct dgm_str[3]){name, DGM_STR(": not understood: "), dgm_str_head(value, 200)});
}

/* ---- an endpoint -------------------------------------------------------------------------------------- */

static struct dgm_str resource_name(struct gw_exchange *x, struct dgm_str id)
{
    struct dgm_buf name;
    dgm_buf_init(&name, dgm_arena_alloc(&x->arena), SIZE_MAX);
    dgm_buf_put_lit(&name, "projects/");
    dgm_buf_put(&name, x->target.project);
    dgm_buf_put_lit(&name, "/locations/");
    dgm_buf_put(&name, x->target.location);
    dgm_buf_put_lit(&name, "/endpoints/");
    dgm_buf_put(&name, id);
    return name.rc == DGM_OK ? dgm_buf_str(&name) : (struct dgm_str){0};
}

static struct gw_endpoint_facts facts_of(struct gw_exchange *x, const struct gw_endpoint *e)
{
    struct dgm_str model = e->upstream->model;
    return (struct gw_endpoint_facts){
        .id = e->id,
        .name = resource_name(x, e->id),
        .display_name = e->display_name.n != 0 ? e->display_name : e->id,
        .base_model_name = model.n != 0 ? model : e->upstream->name,
    };
}

/* Whether a field is asked for; snake case counts too, as everywhere in Google's APIs. */
static bool is_wanted(struct dgm_str mask, struct dgm_str camel, struct dgm_str snake)
{
    struct dgm_str rest = mask, field;
    if (mask.n == 0 || dgm_str_eq(mask, DGM_STR("*")))
        return true;
    while (dgm_str_split(&rest, ',', &field)) {
        field = dgm_str_trim(field);
        field = dgm_str_head(field, dgm_str_find_char(field, '.'));
        if (dgm_str_eq(field, camel) || dgm_str_eq(field, snake))
            return true;
    }
    return false;
}

#define WANTED(camel, snake) is_wanted(mask, DGM_STR(camel), DGM_STR(snake))

static void put_deployed(struct json_writer *w, const struct gw_endpoint_facts *e)
{
    json_put_name(w, "deployedModels");
    json_open_arr(w);
    json_open_obj(w);
    json_member_str(w, "id", DGM_STR("1"));
    json_member_str(w, "displayName", e->base_model_name);
    json_member_str(w, "modelVersionId", DGM_STR("1"));
    json_member_str(w, "createTime", DGM_STR(MADE));
    json_close_obj(w);
    json_close_arr(w);
}

static void put_endpoint(struct json_writer *w, const struct gw_endpoint_facts *e,
                         struct dgm_str mask)
{
    json_open_obj(w);
    if (WANTED("name", "name"))
        json_member_str(w, "name", e->name);
    if (WANTED("displayName", "display_name"))
        json_member_str(w, "displayName", e->display_name);
    if (WANTED("deployedModels", "deployed_models"))
        put_deployed(w, e);
    if (WANTED("trafficSplit", "traffic_split")) {
        json_put_name(w, "trafficSplit");
        json_open_obj(w);
        json_member_int(w, "1", 100);
        json_close_obj(w);
    }
    if (WANTED("createTime", "create_time"))
        json_member_str(w, "createTime", DGM_STR(MADE));
    if (WANTED("updateTime", "update_time"))
        json_member_str(w, "updateTime", DGM_STR(MADE));
    json_close_obj(w);
}

void gw_endpoint_answer(struct gw_exchange *x)
{
    const struct gw_endpoint *e = gw_config_endpoint(x->worker->config, x->target.endpoint);
    if (e == NULL) {
        fail(x, 404, DGM_STR("NOT_FOUND"),
             (struct dgm_str[3]){DGM_STR("Endpoint `"), resource_name(x, x->target.endpoint),
                                 DGM_STR("` is not configured here.")});
        return;
    }
    struct gw_endpoint_facts facts = facts_of(x, e);
    facts.name = resource_name(x, x->target.endpoint); /* the emulator's answer for any id */
    struct json_writer w = json_writer(&x->out);
    put_endpoint(&w, &facts, (struct dgm_str){0});
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}

/* ---- a list ------------------------------------------------------------------------------------------- */

/* A parameter of the query, in either spelling; "" when it is not there. */
static struct dgm_str parameter(struct gw_exchange *x, struct dgm_str camel, struct dgm_str snake)
{
    struct dgm_str query = x->head->target, path;
    struct dgm_buf value;
    dgm_str_split(&query, '?', &path);
    dgm_buf_init(&value, dgm_arena_alloc(&x->arena), QUERY_BYTES_MAX);
    bool found = http_query_get(query, camel, &value) || http_query_get(query, snake, &value);
    return found && value.rc == DGM_OK ? dgm_buf_str(&value) : DGM_STR("");
}

static bool read_order(struct dgm_str text, struct listing *l)
{
    struct dgm_str field, rest = text;
    dgm_str_split(&rest, ' ', &field);
    struct dgm_str direction = dgm_str_trim(rest);
    l->by_name =
        dgm_str_eq(field, DGM_STR("display_name")) || dgm_str_eq(field, DGM_STR("displayName"));
    l->descending = dgm_str_eq_nocase(direction, DGM_STR("desc"));
    bool by_time =
        dgm_str_eq(field, DGM_STR("create_time")) || dgm_str_eq(field, DGM_STR("createTime")) ||
        dgm_str_eq(field, DGM_STR("update_time")) || dgm_str_eq(field, DGM_STR("updateTime"));
    return text.n == 0 ||
           ((l->by_name || by_time) &&
            (direction.n == 0 || l->descending || dgm_str_eq_nocase(direction, DGM_STR("asc"))));
}

/* False: it was answered, for it can not be understood. */
static bool read_listing(struct gw_exchange *x, struct listing *ret)
{
    struct listing l = {.size = PAGE_SIZE};
    struct dgm_str bad, filter = parameter(x, DGM_STR("filter"), DGM_STR("filter"));
    struct dgm_str order = parameter(x, DGM_STR("orderBy"), DGM_STR("order_by"));
    struct dgm_str size = parameter(x, DGM_STR("pageSize"), DGM_STR("page_size"));
    struct dgm_str token = parameter(x, DGM_STR("pageToken"), DGM_STR("page_token"));
    struct dgm_str prefix = DGM_STR(TOKEN_PREFIX);
    l.mask = parameter(x, DGM_STR("readMask"), DGM_STR("read_mask"));
    if (!gw_endpoint_filter_read(filter, &x->arena, &l.filter, &bad))
        fail_argument(x, DGM_STR("filter"), bad);
    else if (!read_order(order, &l))
        fail_argument(x, DGM_STR("orderBy"), order);
    else if (size.n != 0 && !dgm_str_u64(size, &l.size))
        fail_argument(x, DGM_STR("pageSize"), size);
    else if (token.n != 0 && (!dgm_str_starts(token, prefix) ||
                              !dgm_str_u64(dgm_str_skip(token, prefix.n), &l.from)))
        fail_argument(x, DGM_STR("pageToken"), token);
    else {
        l.size = l.size == 0 ? PAGE_SIZE : l.size < PAGE_SIZE_MAX ? l.size : PAGE_SIZE_MAX;
        *ret = l;
        return true;
    }
    return false;
}

/* Sorts by display name where that is asked for; equals keep the configuration's order. Few are configured. */
static void sort(struct gw_endpoint_facts *at, size_t n, const struct listing *l)
{
    for (size_t i = 1; l->by_name && i < n; i++) {
        struct gw_endpoint_facts e = at[i];
        size_t to = i;
        for (; to != 0; to--) {
            int c = dgm_str_compare(at[to - 1].display_name, e.display_name);
            if (l->descending ? c >= 0 : c <= 0)
                break;
            at[to] = at[to - 1];
        }
        at[to] = e;
    }
}

void gw_endpoints_answer(struct gw_exchange *x)
{
    const struct gw_config *config = x->worker->config;
    struct listing l;
    size_t n = 0;
    if (!read_listing(x, &l))
        return;
    struct gw_endpoint_facts *at =
        dgm_arena_take(&x->arena, (config->endpoints_n + 1) * sizeof *at);
    if (at == NULL) {
        gw_exchange_fail_as(x, DGM_ERR_NO_MEMORY);
        return;
    }
    for (size_t i = 0; i < config->endpoints_n; i++) {
        at[n] = facts_of(x, &config->endpoints[i]);
        n += gw_endpoint_filter_takes(&l.filter, &at[n]);
    }
    sort(at, n, &l);

    struct json_writer w = json_writer(&x->out);
    size_t end = l.from < n && l.size < n - l.from ? l.from + l.size : n;
    json_open_obj(&w);
    if (l.from < end) { /* an empty list has no member, as in all of proto3's JSON */
        json_put_name(&w, "endpoints");
        json_open_arr(&w);
        for (size_t i = l.from; i < end; i++)
            put_endpoint(&w, &at[i], l.mask);
        json_close_arr(&w);
    }
    if (end < n) {
        json_put_name(&w, "nextPageToken");
        json_open_str(&w);
        json_add_str(&w, DGM_STR(TOKEN_PREFIX));
        struct dgm_buf number;
        dgm_buf_init(&number, dgm_arena_alloc(&x->arena), 32);
        dgm_buf_put_int(&number, (int64_t)end);
        json_add_str(&w, dgm_buf_str(&number));
        json_close_str(&w);
    }
    json_close_obj(&w);
    gw_exchange_answer(x, 200, GW_MEDIA_JSON);
}
