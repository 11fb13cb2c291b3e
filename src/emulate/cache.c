/* SPDX-License-Identifier: Apache-2.0 */
/* cache.c - cachedContents. */
#include "emulate/cache.h"

#include "base/date.h"
#include "base/str.h"
#include "emulate/check.h"
#include "emulate/directory.h"
#include "emulate/duration.h"
#include "emulate/hash.h"
#include "http/target.h"
#include "json/write.h"

#include <assert.h>
#include <string.h>

#define LIFE_MS INT64_C(3600000) /* where nothing is asked for (google's caching guide) */
#define MASK_BYTES_MAX 256
#define VERTEX_LEAST 2048 /* tokens */
#define GEMINI_LEAST 4096
#define GEMINI_FLASH_LEAST 1024
#define ID_DIGITS 19
#define ID_LETTERS 28

static_assert((int)MODALITIES <= EMU_CACHE_KINDS, "one place for each");

static bool is_vertex(const struct target *t)
{
    return (t->surface & NATIVE_VERTEX) != 0;
}

/* ---- errors ------------------------------------------------------------------------------------------- */

enum error {
#define CACHED(id, ...) CACHED_##id,
#include "emulate/cache_errors.def"
};

static const struct {
    int status;
    const char *google, *vertex, *gemini;
} errors[] = {
#define CACHED(id, status_, google_, source, vertex_, gemini_) {status_, google_, vertex_, gemini_},
#include "emulate/cache_errors.def"
};

static enum dgm_rc refuse(const struct target *t, enum error id, struct dgm_str zero,
                          struct dgm_str one, struct dgm_arena *arena, struct refusal *reterr)
{
    bool vertex = is_vertex(t),
         hidden = !vertex && (id == CACHED_NOT_FOUND || id == CACHED_EXPIRED);
    struct dgm_str rest = dgm_str_c(vertex ? errors[id].vertex : errors[id].gemini), before;
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    while (dgm_str_split(&rest, '{', &before)) {
        dgm_buf_put(&message, before);
        if (!rest.p)
            break;
        dgm_buf_put(&message, rest.p[0] == '0' ? zero : one);
        rest = dgm_str_skip(rest, 2);
    }
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){.status = hidden ? 403 : errors[id].status,
                               .google = hidden ? DGM_STR("PERMISSION_DENIED")
                                                : dgm_str_c(errors[id].google),
                               .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}

static struct dgm_str number(char text[24], uint64_t n)
{
    struct dgm_buf out = {.p = text, .cap = 24, .max = 24};
    dgm_buf_put_int(&out, (int64_t)n);
    return dgm_buf_str(&out);
}

/* ---- what is told ------------------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *name, int64_t ms)
{
    char text[64];
    struct dgm_buf b = {.p = text, .cap = sizeof text, .max = sizeof text};
    dgm_date_put_ms(&b, ms);
    json_put_key(w, dgm_str_c(name));
    json_put_str(w, dgm_buf_str(&b));
}

static void put_cache(struct json_writer *w, const struct emu_cache *c)
{
    json_open_obj(w);
    json_member_str(w, "name", dgm_str_c(c->name));
    if (c->title[0] != '\0')
        json_member_str(w, "displayName", dgm_str_c(c->title));
    json_member_str(w, "model", dgm_str_c(c->model));
    put_time(w, "createTime", c->created_ms);
    put_time(w, "updateTime", c->updated_ms);
    put_time(w, "expireTime", c->expires_ms);
    json_put_name(w, "usageMetadata");
    json_open_obj(w);
    json_member_int(w, "totalTokenCount", (int64_t)c->tokens_total);
    json_close_obj(w);
    json_close_obj(w);
}

/* ---- making one --------------------------------------------------------------------------------------- */

static bool keep_text(char *to, size_t max, struct dgm_str text)
{
    if (text.n > max)
        return false;
    if (text.n != 0)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

/* "PARENT/cachedContents/ID": digits on Vertex, of which the first is not 0, small letters and digits on the Gemini API. */
static bool make_name(const struct target *t, struct dgm_str seed, struct emu_cache *c)
{
    static const struct dgm_str all = DGM_STR("0123456789abcdefghijklmnopqrstuvwxyz");
    struct dgm_buf name = {.p = c->name, .cap = EMU_CACHE_NAME_MAX, .max = EMU_CACHE_NAME_MAX};
    bool vertex = is_vertex(t);
    size_t chars = vertex ? ID_DIGITS : ID_LETTERS;
    uint64_t bits = emu_hash_str(seed);
    dgm_buf_put(&name, t->resource);
    dgm_buf_put_char(&name, '/');
    for (size_t i = 0; i < chars; i++, bits = emu_hash_mix(bits + 1))
        dgm_buf_put_char(&name, i == 0 && vertex ? all.p[1 + bits % 9]
                                                 : all.p[bits % (vertex ? 10 : all.n)]);
    c->name[name.rc == DGM_OK ? name.n : 0] = '\0';
    return name.rc == DGM_OK;
}

/* The model's own name in "models/M" and in a name of Vertex's; absent: it is neither. */
static struct dgm_str model_in(const struct target *t, struct dgm_str full)
{
    struct dgm_str prefix = DGM_STR("models/"), publisher = DGM_STR("publishers/google/models/");
    size_t at = is_vertex(t) ? dgm_str_find(full, publisher) : 0;
    prefix = is_vertex(t) ? publisher : prefix;
    struct dgm_str name = dgm_str_skip(full, at + prefix.n);
    bool ok = dgm_str_starts(dgm_str_skip(full, at), prefix) && name.n != 0 &&
              dgm_str_find_char(name, '/') == name.n && (at == 0 || full.p[at - 1] == '/');
    return ok ? name : (struct dgm_str){0};
}

static uint64_t least_tokens(const struct ask *ask)
{
    bool flash = dgm_str_find(ask->model.name, DGM_STR("flash")) < ask->model.name.n;
    return emu_ask_is_vertex(ask) ? VERTEX_LEAST : flash ? GEMINI_FLASH_LEAST : GEMINI_LEAST;
}

/* When it shall expire. False: the body does not say; the parser has seen to the forms, and that it says it once. */
static bool read_expiry(const struct json_val *root, int64_t now_ms, int64_t *ret_ms)
{
    struct dgm_str ttl = json_str(emu_ask_member(root, "ttl"));
    struct dgm_str until = json_str(emu_ask_member(root, "expireTime"));
    int64_t ms = 0;
    if (!ttl.p && !until.p)
        return false;
    if (ttl.p ? emu_duration_read(ttl, &ms) : dgm_date_read_ms(until, ret_ms))
        *ret_ms = ttl.p ? now_ms + ms : *ret_ms;
    else
        *ret_ms = 0; /* no time that anybody lives to see */
    return true;
}

static enum dgm_rc put_one(const struct target *t, const struct emu_env *env,
                           const struct emu_cache *c, struct dgm_arena *arena, struct dgm_buf *out,
                           struct refusal *reterr)
{
    struct json_writer w = json_writer(out);
    if (c->expires_ms <= env->now_ms)
        return refuse(t, CACHED_PAST, DGM_STR(""), DGM_STR(""), arena, reterr);
    if (!env->caches || !env->caches->put(env->caches->ctx, c, env->now_ms))
        return refuse(t, CACHED_FULL, DGM_STR(""), DGM_STR(""), arena, reterr);
    put_cache(&w, c);
    return out->rc;
}

static enum dgm_rc create(const struct target *t, const struct emu_env *env,
                          const struct json_val *root, struct dgm_arena *arena, struct dgm_buf *out,
                          struct refusal *reterr)
{
    struct ask ask = {.target = *t, .root = root};
    struct emu_cache c = {.created_ms = env->now_ms, .updated_ms = env->now_ms};
    struct prompt prompt;
    char counted[24], least[24];
    struct dgm_str model = json_str(emu_ask_member(root, "model"));
    struct dgm_str title = json_str(emu_ask_member(root, "displayName"));
    ask.target.verb = TARGET_GENERATE;
    ask.target.resource = model;
    ask.target.model = model_in(t, model);
    if (!ask.target.model.p || !keep_text(c.model, EMU_CACHE_NAME_MAX, model) ||
        !keep_text(c.title, EMU_CACHE_TITLE_MAX, title) || !make_name(t, env->id, &c))
        return refuse(t, CACHED_MODEL_FORM, dgm_str_head(model, EMU_CACHE_TITLE_MAX), DGM_STR(""),
                      arena, reterr);
    if (!emu_model_find(ask.target.model, &ask.model))
        return emu_directory_refuse(&ask.target, arena, reterr);
    emu_ask_init(&ask, root);
    if (emu_prompt_read(&ask, arena, &prompt) != DGM_OK)
        return DGM_E_NOMEM;
    if (prompt.tokens_total < least_tokens(&ask))
        return refuse(t, CACHED_SMALL, number(counted, prompt.tokens_total),
                      number(least, least_tokens(&ask)), arena, reterr);
    c.tokens_total = prompt.tokens_total;
    memcpy(c.tokens, prompt.tokens, sizeof prompt.tokens);
    if (!read_expiry(root, env->now_ms, &c.expires_ms))
        c.expires_ms = env->now_ms + LIFE_MS;
    return put_one(t, env, &c, arena, out, reterr);
}

/* ---- those that there are ----------------------------------------------------------------------------- */

/* One that is not over. */
static enum dgm_rc find(const struct target *t, const struct emu_env *env, struct dgm_str name,
                        struct dgm_str id, struct dgm_arena *arena, struct emu_cache *ret,
                        struct refusal *reterr)
{
    if (!env->caches || !env->caches->get(env->caches->ctx, name, ret))
        return refuse(t, CACHED_NOT_FOUND, id, DGM_STR(""), arena, reterr);
    if (ret->expires_ms <= env->now_ms)
        return refuse(t, CACHED_EXPIRED, id, DGM_STR(""), arena, reterr);
    return DGM_OK;
}

static enum dgm_rc list(const struct target *t, const struct emu_env *env, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    struct emu_cache c;
    bool open = false;
    json_open_obj(&w);
    for (size_t i = 0; env->caches && env->caches->at(env->caches->ctx, i, &c); i++) {
        struct dgm_str name = dgm_str_c(c.name);
        if (!dgm_str_starts(name, t->resource) || c.expires_ms <= env->now_ms ||
            dgm_str_find_char(dgm_str_skip(name, t->resource.n + 1), '/') !=
                name.n - t->resource.n - 1)
            continue;
        if (!open) {
            json_put_name(&w, "cachedContents");
            json_open_arr(&w);
            open = true;
        }
        put_cache(&w, &c);
    }
    if (open)
        json_close_arr(&w);
    json_close_obj(&w);
    return out->rc;
}

/* The members that updateMask names, in either spelling; without one those of the body. */
static bool updates_expiry_alone(const struct target *t, const struct json_val *root,
                                 struct dgm_arena *arena, struct dgm_str *ret_other)
{
    static const struct dgm_str known[] = {DGM_STR("ttl"), DGM_STR("expireTime"),
                                           DGM_STR("expire_time"), DGM_STR("name")};
    struct dgm_buf mask;
    struct dgm_str rest, name;
    dgm_buf_init(&mask, dgm_arena_alloc(arena), MASK_BYTES_MAX);
    if (http_query_get(t->query, DGM_STR("updateMask"), &mask)) {
        rest = dgm_buf_str(&mask);
        while (rest.n != 0 && dgm_str_split(&rest, ',', &name))
            if (dgm_str_index(name, known, 3) == 3) {
                *ret_other = name;
                return false;
            }
        return mask.rc == DGM_OK;
    }
    for (struct json_iter i = json_iter(root); json_next(&i);)
        if (dgm_str_index(i.name, known, 4) == 4) {
            *ret_other = i.name;
            return false;
        }
    return true;
}

static enum dgm_rc patch(const struct target *t, const struct emu_env *env,
                         const struct json_val *root, struct dgm_arena *arena, struct dgm_buf *out,
                         struct refusal *reterr)
{
    struct emu_cache c = {.expires_ms = 0};
    struct dgm_str other = {0};
    enum dgm_rc rc = find(t, env, t->resource, t->cache, arena, &c, reterr);
    if (rc != DGM_OK)
        return rc;
    if (!updates_expiry_alone(t, root, arena, &other))
        return refuse(t, CACHED_MASK, dgm_str_head(other, MASK_BYTES_MAX), DGM_STR(""), arena,
                      reterr);
    if (read_expiry(root, env->now_ms, &c.expires_ms))
        c.updated_ms = env->now_ms;
    return put_one(t, env, &c, arena, out, reterr);
}

enum dgm_rc emu_cache_answer(const struct target *t, const struct emu_env *env, char *text,
                             size_t n, struct dgm_arena *arena, struct dgm_buf *out,
                             struct refusal *reterr)
{
    const struct json_val *root = NULL;
    struct json_writer w = json_writer(out);
    struct emu_cache c;
    enum dgm_rc rc = DGM_OK;
    if (t->verb == TARGET_CACHE_CREATE || t->verb == TARGET_CACHE_PATCH)
        rc = emu_check_body(arena, text, n, NATIVE_CACHED_CONTENT, t->surface, &root, reterr);
    if (rc != DGM_OK)
        return rc;
    switch (t->verb) {
    case TARGET_CACHE_CREATE:
        return create(t, env, root, arena, out, reterr);
    case TARGET_CACHE_PATCH:
        return patch(t, env, root, arena, out, reterr);
    case TARGET_CACHE_LIST:
        return list(t, env, out);
    default:
        rc = find(t, env, t->resource, t->cache, arena, &c, reterr);
        if (rc != DGM_OK)
            return rc;
        if (t->verb == TARGET_CACHE_GET) {
            put_cache(&w, &c);
        } else {
            (void)env->caches->drop(env->caches->ctx, t->resource); /* whoever did so before */
            dgm_buf_put_lit(out, "{}");
        }
        return out->rc;
    }
}

/* ---- using one ---------------------------------------------------------------------------------------- */

enum dgm_rc emu_cache_use(const struct ask *ask, const struct emu_env *env, struct prompt *prompt,
                          struct dgm_arena *arena, uint64_t ret[MODALITIES], struct refusal *reterr)
{
    struct dgm_str name = json_str(emu_ask_member(ask->root, "cachedContent")), id = name;
    struct emu_cache c;
    struct model model;
    if (name.n == 0 || !env->caches)
        return DGM_OK;
    while (dgm_str_find_char(id, '/') < id.n)
        id = dgm_str_skip(id, dgm_str_find_char(id, '/') + 1);
    enum dgm_rc rc = find(&ask->target, env, name, id, arena, &c, reterr);
    if (rc != DGM_OK)
        return rc;
    if (!emu_model_find(model_in(&ask->target, dgm_str_c(c.model)), &model) ||
        !dgm_str_eq(model.name, ask->model.name))
        return refuse(&ask->target, CACHED_MODEL, ask->target.resource, dgm_str_c(c.model), arena,
                      reterr);
    for (size_t m = 0; m < MODALITIES; m++) {
        ret[m] = c.tokens[m];
        prompt->tokens[m] += c.tokens[m];
    }
    prompt->tokens_total += c.tokens_total;
    return DGM_OK;
}
