/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directory.c - which models there are.
 *
 * Members are those of Google's protos (Model; PublisherModel, which has neither a title nor limits). Inferred: versions,
 * page tokens, the sentences about a page that can not be, and about a publisher's model that there is not.
 */
#include "emulate/directory.h"

#include "base/str.h"
#include "emulate/emulate.h"
#include "emulate/model.h"
#include "http/target.h"
#include "json/write.h"

#define PAGE_SIZE 50 /* proto: ListModelsRequest.page_size */
#define PAGE_SIZE_MAX 1000
#define TOKEN_PREFIX "from-"
#define VALUE_BYTES_MAX 64

static bool is_vertex(const struct target *t)
{
    return (t->surface & NATIVE_VERTEX) != 0;
}

/* ---- one ---------------------------------------------------------------------------------------------- */

/* The limits and defaults that Google tells of a model. Sampling's are those of all newer ones. */
static void put_facts(struct json_writer *w, const struct emu_model *m)
{
    json_member_int(w, "inputTokenLimit", m->input_tokens);
    json_member_int(w, "outputTokenLimit", m->output_tokens);
    json_put_name(w, "supportedGenerationMethods");
    json_put_raw(w, DGM_STR("[\"generateContent\",\"countTokens\"]"));
    json_member_int(w, "temperature", 1);
    json_put_name(w, "topP");
    json_put_raw(w, DGM_STR("0.95"));
    json_member_int(w, "topK", 64);
    json_member_int(w, "maxTemperature", 2);
    if (m->thinks)
        json_member_bool(w, "thinking", true);
}

/* A text that ends in the model's name. */
static void put_named(struct json_writer *w, struct dgm_str before, struct dgm_str name)
{
    json_open_str(w);
    json_add_str(w, before);
    json_add_str(w, name);
    json_close_str(w);
}

static void put_published(struct json_writer *w, const struct emu_model *m)
{
    bool preview = dgm_str_find(m->name, DGM_STR("preview")) < m->name.n;
    json_put_name(w, "name");
    put_named(w, DGM_STR("publishers/google/models/"), m->name);
    json_member_str(w, "versionId", DGM_STR("default"));
    json_member_str(w, "openSourceCategory", DGM_STR("PROPRIETARY"));
    json_member_str(w, "launchStage", preview ? DGM_STR("PUBLIC_PREVIEW") : DGM_STR("GA"));
    json_put_name(w, "publisherModelTemplate");
    put_named(w, DGM_STR("projects/{user-project}/locations/{location}/publishers/google/models/"),
              m->name);
}

static void put_model(struct json_writer *w, const struct target *t, const struct emu_model *m)
{
    json_open_obj(w);
    if (is_vertex(t)) {
        put_published(w, m);
    } else {
        json_put_name(w, "name");
        put_named(w, DGM_STR("models/"), m->name);
        json_member_str(w, "version", DGM_STR("001"));
        json_member_str(w, "displayName", m->display_name);
        json_put_name(w, "description");
        put_named(w, DGM_STR("An emulated "), m->display_name);
        put_facts(w, m);
    }
    json_close_obj(w);
}

/* The listed model of that name, or what is known of one that is served and not listed. */
static bool find(const struct target *t, struct emu_model *ret)
{
    struct model m;
    if (!emu_model_find(t->model, &m) || !emu_model_is_on(t->model, t->surface))
        return false;
    for (size_t i = 0; emu_model_at(i, ret); i++)
        if (dgm_str_eq(ret->name, t->model))
            return true;
    *ret = (struct emu_model){.name = t->model,
                              .display_name = t->model,
                              .input_tokens = m.family->input_tokens,
                              .output_tokens = m.family->output_tokens,
                              .thinks = m.family->thinks != THINKS_NO};
    return true;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

/* Refuses with the pieces of a sentence. */
static enum dgm_rc refuse(int status, const struct dgm_str pieces[4], struct dgm_arena *arena,
                          struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    for (size_t i = 0; i < 4; i++)
        dgm_buf_put(&message, pieces[i]);
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){.status = status, .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}

/* A number of the query, behind `prefix`; where it is not there, or is "", `*ret` stays as it is. False: it is none. */
static bool read_number(struct dgm_str query, struct dgm_str name, struct dgm_str prefix,
                        struct dgm_arena *arena, uint64_t *ret)
{
    struct dgm_buf value;
    dgm_buf_init(&value, dgm_arena_alloc(arena), VALUE_BYTES_MAX);
    if (!http_query_get(query, name, &value))
        return true;
    struct dgm_str text = dgm_buf_str(&value);
    return value.rc == DGM_OK && (text.n == 0 || (dgm_str_starts(text, prefix) &&
                                                  dgm_str_u64(dgm_str_skip(text, prefix.n), ret)));
}

/* Behind the models of the page, where there are more. */
static void put_next(struct json_writer *w, uint64_t next)
{
    char digits[24];
    struct dgm_buf number = {.p = digits, .cap = sizeof digits, .max = sizeof digits};
    dgm_buf_put_int(&number, (int64_t)next);
    json_put_name(w, "nextPageToken");
    put_named(w, DGM_STR(TOKEN_PREFIX), dgm_buf_str(&number));
}

static enum dgm_rc put_list(const struct target *t, struct dgm_arena *arena, struct dgm_buf *out,
                            struct refusal *reterr)
{
    uint64_t size = PAGE_SIZE, from = 0, number = 0;
    if (!read_number(t->query, DGM_STR("pageSize"), DGM_STR(""), arena, &size))
        return refuse(400,
                      (struct dgm_str[4]){DGM_STR("Invalid value at 'page_size' (TYPE_INT32)")},
                      arena, reterr);
    if (!read_number(t->query, DGM_STR("pageToken"), DGM_STR(TOKEN_PREFIX), arena, &from))
        return refuse(400, (struct dgm_str[4]){DGM_STR("Page token is invalid.")}, arena, reterr);
    size = size == 0 ? PAGE_SIZE : size > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : size;

    bool ours = !t->publisher.p || dgm_str_eq(t->publisher, DGM_STR("google")) ||
                dgm_str_eq(t->publisher, DGM_STR("*"));
    bool open = false, more = false;
    struct json_writer w = json_writer(out);
    struct emu_model m;
    json_open_obj(&w);
    for (size_t i = 0; ours && !more && emu_model_at(i, &m); i++) {
        if (!emu_model_is_on(m.name, t->surface) || number++ < from)
            continue;
        more = number > from + size;
        if (!open && !more) { /* an empty list has no member, as in all of proto3's JSON */
            json_put_key(&w, is_vertex(t) ? DGM_STR("publisherModels") : DGM_STR("models"));
            json_open_arr(&w);
            open = true;
        }
        if (!more)
            put_model(&w, t, &m);
    }
    if (open)
        json_close_arr(&w);
    if (more)
        put_next(&w, from + size);
    json_close_obj(&w);
    return out->rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

/* ---- for the call ------------------------------------------------------------------------------------- */

enum dgm_rc emu_directory_put(const struct target *t, struct dgm_arena *arena, struct dgm_buf *out,
                              struct refusal *reterr)
{
    struct emu_model m;
    if (t->verb == TARGET_LIST)
        return put_list(t, arena, out, reterr);
    if (!find(t, &m))
        return emu_directory_refuse(t, arena, reterr);
    struct json_writer w = json_writer(out);
    put_model(&w, t, &m);
    return out->rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

enum dgm_rc emu_directory_refuse(const struct target *t, struct dgm_arena *arena,
                                 struct refusal *reterr)
{
    static const struct dgm_str advice =
        DGM_STR("` was not found or your project does not have access to it. Please ensure "
                "you are using a valid model version. For more information, see: "
                "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions");
    if (is_vertex(t))
        return refuse(404, (struct dgm_str[4]){DGM_STR("Publisher Model `"), t->resource, advice},
                      arena, reterr);
    struct dgm_str version = t->surface == NATIVE_G1 ? DGM_STR("v1") : DGM_STR("v1beta");
    struct dgm_buf rest;
    dgm_buf_init(&rest, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put_lit(&rest, ", or is not supported for ");
    dgm_buf_put(&rest, t->verb == TARGET_COUNT ? DGM_STR("countTokens")
                       : t->verb == TARGET_GET ? DGM_STR("GetModel")
                                               : DGM_STR("generateContent"));
    dgm_buf_put_lit(&rest, ". Call ListModels to see the list of available models and their "
                           "supported methods.");
    if (rest.rc != DGM_OK)
        return DGM_E_NOMEM;
    return refuse(404,
                  (struct dgm_str[4]){t->resource, DGM_STR(" is not found for API version "),
                                      version, dgm_buf_str(&rest)},
                  arena, reterr);
}

enum dgm_rc emu_directory_refuse_method(const struct target *t, struct dgm_arena *arena,
                                        struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put(&message, t->method);
    dgm_buf_put_lit(&message, " is not emulated; generateContent, streamGenerateContent and "
                              "countTokens are.");
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){
        .status = 501, .google = DGM_STR("UNIMPLEMENTED"), .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}
