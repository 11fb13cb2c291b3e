/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - the life of a request: parse, check every member, put the native body. */
#include "translate/google.h"
#include "translate/prefix.h"
#include "translate/relay.h"
#include "translate/tools.h"

#include "base/str.h"

#include <assert.h>
#include <string.h>

static const struct dgm_limits default_limits = {
    .arena_bytes = (size_t)256 << 20,
    .event_bytes = (size_t)64 << 20,
    .depth = JSON_DEPTH_MAX,
};

/* Of the rows of chat_fields.def, side by side: a member is looked for by its name alone. */
static const struct dgm_str names[CHAT_FIELDS] = {
#define FIELD(id, name, ...) [CHAT_##id] = {name, sizeof name - 1},
#include "translate/chat_fields.def"
#undef FIELD
};

/* Where `args` and `response` stand in the native body, which Google reads to the same depth as we do. */
#define NESTED_AT 6

/* ---- the body ---- */

void chat_refuse_syntax(struct dgm_request *r, const struct json_error *e)
{
    static const enum dgm_error ids[] = {
        [JSON_EMPTY] = DGM_ERR_BODY_EMPTY,
        [JSON_SYNTAX] = DGM_ERR_BODY_SYNTAX,
        [JSON_UTF8] = DGM_ERR_BODY_SYNTAX,
        [JSON_DEEP] = DGM_ERR_BODY_DEPTH,
    };
    char text[21]; /* the digits of any offset, and the period */
    struct dgm_buf digits = {.p = text, .cap = sizeof text, .max = sizeof text};
    if (e->trouble == JSON_NOMEM) {
        chat_no_memory(r);
        return;
    }
    if (e->trouble == JSON_EMPTY) {
        chat_refuse(r, DGM_ERR_BODY_EMPTY, NULL, NULL);
        return;
    }
    dgm_buf_put_int(&digits, (int64_t)e->offset);
    dgm_buf_put_lit(&digits, ".");
    struct dgm_str detail[4] = {DGM_STR("The body is not valid JSON: "), dgm_str_c(e->what),
                                DGM_STR(" at byte "), dgm_buf_str(&digits)};
    chat_fail(r, ids[e->trouble], DGM_STR(""), detail);
}

static void read_member(struct dgm_request *r, struct dgm_str name, const struct json_val *v)
{
    if (json_kind(v) == JSON_NULL)
        return;
    size_t i = dgm_str_index(name, names, CHAT_FIELDS);
    const struct chat_field *f = &chat_fields[i];
    if (i == CHAT_FIELDS || f->fate == IGNORE) {
        chat_ignore(r, CHAT_MEMBER(NULL, name));
        return;
    }
    if (!chat_expect(r, v, f->accepts, CHAT_MEMBER(NULL, name)))
        return;
    if (f->min != f->max) /* most rows have no range */
        chat_in_range(r, v, f->min, f->max, CHAT_MEMBER(NULL, name));
    r->field[i] = v;
    r->said |= UINT64_C(1) << i;
}

static void read_model(struct dgm_request *r)
{
    r->model_sent = r->field[CHAT_MODEL] ? json_str(r->field[CHAT_MODEL]) : r->env.model;
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("model"));
    if (!r->model_sent.p) {
        chat_missing(r, place);
        return;
    }
    r->model_rc = model_read(r->model_sent, &r->model);
    if (r->model_rc == DGM_OK && r->model.placed)
        chat_warn(r, place->member, DGM_STR("its project and location are those of the upstream"));
}

/* Only now: dgm_request_use_model may have put another in the place of a name that can not be asked for. */
static void check_model(struct dgm_request *r)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("model"));
    if (r->model_rc == DGM_E_REFUSED)
        chat_refuse(r, DGM_ERR_MODEL_UNKNOWN, place,
                    " is another publisher's; Google's are served here, ",
                    "as in \"google/gemini-2.5-flash\".");
    else if (r->model_rc != DGM_OK)
        chat_refuse(r, DGM_ERR_MODEL_NAME, place, " is not well formed; expected something like ",
                    "\"google/gemini-2.5-flash\".");
}

static void read_stream(struct dgm_request *r)
{
    const struct json_val *options = r->field[CHAT_STREAM_OPTIONS];
    r->stream = json_bool(r->field[CHAT_STREAM], false);
    r->usage = r->stream && r->env.always_usage;
    if (!options)
        return;
    const struct json_val *usage = json_get(options, DGM_STR("include_usage"));
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("stream_options"));
    if (!r->stream)
        chat_ignore(r, place);
    else
        chat_ignore_but(r, options, place, "include_usage");
    if (usage && json_kind(usage) != JSON_NULL)
        (void)chat_expect(r, usage, J_BOOL, CHAT_MEMBER(place, DGM_STR("include_usage")));
    r->usage = json_bool(usage, r->usage);
}

static void read_members(struct dgm_request *r, const struct json_val *root)
{
    if (json_kind(root) != JSON_OBJ) {
        chat_refuse(r, DGM_ERR_BODY_NOT_OBJECT, NULL, NULL);
        return;
    }
    /* OpenAI's clients send a name once; where two stand, gateways in a row would each obey another one. */
    if (!chat_names_differ(r, root, NULL))
        return;
    struct json_iter it = json_iter(root);
    while (json_next(&it))
        read_member(r, it.name, it.value);
    read_model(r);
    read_stream(r);
    const struct json_val *messages = r->field[CHAT_MESSAGES];
    if (!messages)
        chat_missing(r, CHAT_MEMBER(NULL, DGM_STR("messages")));
    else if (json_size(messages) == 0)
        chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(NULL, DGM_STR("messages")),
                    " must have at least one message.");
    it = json_iter(messages);
    while (r->rc == DGM_OK && json_next(&it))
        chat_names_differ(r, it.value, CHAT_MESSAGE(it.index));
}

const struct json_val *chat_parse(struct dgm_request *r, struct dgm_str text)
{
    const struct json_val *root = NULL;
    struct json_error e;
    unsigned most = JSON_DEPTH_MAX - NESTED_AT;
    unsigned depth = r->limits.depth < most ? r->limits.depth : most;
    char *copy = dgm_arena_take(&r->arena, text.n + JSON_PADDING);
    if (!copy) {
        chat_no_memory(r);
        return NULL;
    }
    if (text.n)
        memcpy(copy, text.p, text.n);
    if (json_parse(&r->arena, copy, text.n, depth, &root, &e) != DGM_OK && e.trouble == JSON_NOMEM)
        chat_no_memory(r);
    return root;
}

/* ---- public ---- */

static void open_body(struct dgm_request *r, struct dgm_buf *openai)
{
    const struct json_val *root = NULL;
    struct json_error e;
    if (!dgm_buf_reserve(openai, JSON_PADDING)) {
        r->rc = openai->rc;
        return;
    }
    if (json_parse(&r->arena, openai->p, openai->n, r->limits.depth, &root, &e) != DGM_OK) {
        chat_refuse_syntax(r, &e);
        return;
    }
    read_members(r, root);
    google_read(r);
}

/* What the body is made of; it is put in two steps: all before `contents`, then, with every need answered, the contents. */
static void check(struct dgm_request *r)
{
    check_model(r);
    google_check(r);
    tools_read(r);
    chat_check_messages(r);
    chat_collect_needs(r);
}

static void put_head(struct dgm_request *r)
{
    if (r->rc != DGM_OK)
        return;
    json_open_obj(&r->writer);
    prefix_put_head(r);
    if (r->rc != DGM_OK)
        return;
    google_put(r, &r->writer);
    chat_put_tier(r, &r->writer);
    chat_put_config(r, &r->writer);
}

void chat_report(const struct dgm_request *r, struct dgm_fail *reterr)
{
    struct dgm_str large =
        DGM_STR("The body needs more memory to be read than one request may have.");
    if (r->rc == DGM_E_REFUSED)
        *reterr = *r->fail;
    else if (r->rc == DGM_E_LIMIT)
        dgm_fail_set(reterr, DGM_ERR_BODY_LARGE, DGM_STR(""), (const struct dgm_str[4]){large});
    else
        dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
}

/* The body and what was lent to it, one after the other. */
static void cut_segments(struct dgm_request *r)
{
    const void *items = r->lent.p;
    const struct json_lent *lent = items;
    size_t lent_n = r->lent.n / sizeof *lent, from = 0;
    struct dgm_str *segments = dgm_arena_take(&r->arena, (2 * lent_n + 1) * sizeof *segments);
    if (!segments) {
        chat_no_memory(r);
        return;
    }
    for (size_t i = 0; i < lent_n; i++) {
        segments[2 * i] = (struct dgm_str){r->body.p + from, lent[i].at - from};
        segments[2 * i + 1] = lent[i].bytes;
        from = lent[i].at;
    }
    segments[2 * lent_n] = dgm_str_skip(dgm_buf_str(&r->body), from);
    r->segments = segments;
    r->segments_n = 2 * lent_n + 1;
}

static enum dgm_rc finish(struct dgm_request *r, struct dgm_fail *reterr)
{
    if (!r->complete && r->rc == DGM_OK) {
        r->head = (struct chat_head){r->body.n, r->lent.n, r->writer};
        chat_put_contents(r, &r->writer);
        if (r->rc == DGM_OK)
            json_close_obj(&r->writer);
        prefix_end(r);
        chat_end_notes(r);
        if (r->body.rc != DGM_OK || r->lent.rc != DGM_OK)
            chat_no_memory(r);
        cut_segments(r);
    }
    r->complete = true;
    if (r->rc != DGM_OK)
        chat_report(r, reterr);
    return r->rc;
}

/* What stands behind the head goes, whatever the head is. */
static enum dgm_rc put_contents_again(struct dgm_request *r, struct dgm_fail *reterr)
{
    for (size_t i = 0; i < r->needs_n; i++)
        r->needs[i].stood_in = false;
    return finish(r, reterr);
}

enum dgm_rc dgm_request_remake(struct dgm_request *r, struct dgm_fail *reterr)
{
    assert(!r->relay && r->complete && r->rc == DGM_OK);
    r->complete = false;
    r->body.n = r->head.body_n;
    r->lent.n = r->head.lent_n;
    r->writer = r->head.writer;
    return put_contents_again(r, reterr);
}

static void begin_body(struct dgm_request *r)
{
    r->body.n = 0;
    r->lent.n = 0;
    r->writer = json_writer(&r->body);
    r->writer.lent = &r->lent;
}

enum dgm_rc chat_rebuild(struct dgm_request *r, struct dgm_fail *reterr)
{
    r->complete = false;
    r->headers_n = 0;
    r->schema_objects = r->schema_spent = 0;
    chat_drop_notes(r);
    begin_body(r);
    put_head(r);
    return put_contents_again(r, reterr);
}

static struct dgm_request *new_request(const struct dgm_env *env)
{
    const struct dgm_alloc *alloc = env->alloc ? env->alloc : &dgm_alloc_libc;
    struct dgm_request *r = alloc->resize(alloc->ctx, NULL, 0, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct dgm_request){.env = *env,
                              .limits = default_limits,
                              .google = google_none,
                              .retry = {.after_ms = -1},
                              .tokens_used = -1};
    r->env.alloc = alloc;
    if (env->compat == DGM_COMPAT_GOOGLE) { /* from where compat.c takes them */
        r->env.reasoning = DGM_REASONING_CONTENT;
        r->env.image_output = DGM_IMAGES;
    }
    if (env->limits && env->limits->arena_bytes)
        r->limits.arena_bytes = env->limits->arena_bytes;
    if (env->limits && env->limits->event_bytes)
        r->limits.event_bytes = env->limits->event_bytes;
    if (env->limits && env->limits->depth && env->limits->depth < JSON_DEPTH_MAX)
        r->limits.depth = env->limits->depth;
    dgm_arena_init(&r->arena, alloc, r->limits.arena_bytes);
    dgm_buf_init(&r->body, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    dgm_buf_init(&r->lent, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    begin_body(r);
    return r;
}

enum dgm_rc chat_open(const struct dgm_env *env, struct dgm_buf *openai,
                      void (*read)(struct dgm_request *, struct dgm_buf *),
                      struct dgm_request **ret, struct dgm_fail *reterr)
{
    assert(env->id.n != 0 && env->id.n <= 64);
    struct dgm_request *r = new_request(env);
    if (!r) {
        dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
        return DGM_E_NOMEM;
    }
    read(r, openai);
    enum dgm_rc rc = r->rc;
    if (rc == DGM_OK) {
        *ret = r;
        return DGM_OK;
    }
    chat_report(r, reterr);
    dgm_request_free(r);
    return rc;
}

enum dgm_rc dgm_request_open(const struct dgm_env *env, struct dgm_buf *openai,
                             struct dgm_request **ret, struct dgm_fail *reterr)
{
    return chat_open(env, openai, open_body, ret, reterr);
}

enum dgm_rc dgm_request_use_model(struct dgm_request *r, struct dgm_str model,
                                  struct dgm_fail *reterr)
{
    assert(!r->relay && !r->complete && r->body.n == 0);
    r->model_rc = model_read(model, &r->model);
    if (r->model_rc == DGM_OK)
        return DGM_OK;
    chat_refuse(r, DGM_ERR_MODEL_UNKNOWN, CHAT_MEMBER(NULL, DGM_STR("model")),
                " is configured to be one that is not Google's.");
    chat_report(r, reterr);
    return r->rc;
}

enum dgm_rc dgm_request_translate(struct dgm_request *r, enum dgm_surface surface,
                                  struct dgm_fail *reterr)
{
    assert(!r->relay && !r->complete && r->body.n == 0);
    r->surface = surface;
    check(r);
    chat_keep_notes(r);
    put_head(r);
    return r->rc == DGM_OK && r->needs_n != 0 ? DGM_NEED : finish(r, reterr);
}

enum dgm_rc dgm_chat_request(const struct dgm_env *env, struct dgm_buf *openai,
                             struct dgm_request **ret, struct dgm_fail *reterr)
{
    struct dgm_request *r;
    enum dgm_rc rc = dgm_request_open(env, openai, &r, reterr);
    if (rc != DGM_OK)
        return rc;
    rc = dgm_request_translate(r, env->surface, reterr);
    if (rc == DGM_OK || rc == DGM_NEED)
        *ret = r;
    else
        dgm_request_free(r);
    return rc;
}

enum dgm_rc dgm_request_resume(struct dgm_request *r, struct dgm_fail *reterr)
{
    return finish(r, reterr);
}

void dgm_request_free(struct dgm_request *r)
{
    if (!r)
        return;
    const struct dgm_alloc *alloc = r->env.alloc;
    dgm_arena_dispose(&r->arena);
    alloc->resize(alloc->ctx, r, sizeof *r, 0);
}

size_t dgm_request_needs(const struct dgm_request *r, const struct dgm_need **ret)
{
    *ret = r->needs;
    return r->needs_n;
}

bool dgm_request_supply(struct dgm_request *r, size_t i, struct dgm_str signature)
{
    assert(i < r->needs_n);
    r->needs[i].signature =
        signature.p && signature.n == 0 ? signature : dgm_arena_copy(&r->arena, signature);
    return !signature.p || r->needs[i].signature.p;
}

bool dgm_request_supply_id(struct dgm_request *r, size_t i, struct dgm_str native_id)
{
    assert(i < r->needs_n);
    r->needs[i].native_id =
        native_id.n ? dgm_arena_copy(&r->arena, native_id) : (struct dgm_str){0};
    return native_id.n == 0 || r->needs[i].native_id.p;
}

size_t dgm_request_body(const struct dgm_request *r, const struct dgm_str **ret)
{
    *ret = r->segments;
    return r->segments_n;
}

struct dgm_str dgm_request_model(const struct dgm_request *r)
{
    return r->model.name;
}

struct dgm_str dgm_request_model_sent(const struct dgm_request *r)
{
    return r->model_sent;
}

bool dgm_request_wants_stream(const struct dgm_request *r)
{
    return r->stream;
}

/*
 * A number of the body; 0: there is none. Google's own member, by its native name, counts before OpenAI's, as it does where
 * the body is put. It is looked up when somebody asks, as few do.
 */
static int64_t number_of(const struct dgm_request *r, enum chat_field_id id, struct dgm_str native)
{
    struct google_place place;
    const struct json_val *v = NULL;
    struct json_raw raw = {0};
    int64_t n = 0;
    if (r->relay)
        raw = json_raw_get(r->relay->root, names[id]);
    else if ((v = google_config(r, native, &place)) == NULL)
        v = r->field[id];
    bool said = r->relay ? raw.kind == JSON_NUM && dgm_str_i64(raw.text, &n) : json_int(v, &n);
    return said && n > 0 ? n : 0;
}

int64_t dgm_request_tokens_wanted(const struct dgm_request *r)
{
    const struct dgm_str tokens = DGM_STR("maxOutputTokens");
    int64_t most = number_of(r, CHAT_MAX_COMPLETION_TOKENS, tokens);
    int64_t n = number_of(r, CHAT_N, DGM_STR("candidateCount"));
    if (most == 0)
        most = number_of(r, CHAT_MAX_TOKENS, tokens);
    n = n == 0 ? 1 : n;
    return most <= INT32_MAX && n <= INT32_MAX ? most * n : INT64_MAX;
}

int64_t dgm_request_tokens_used(const struct dgm_request *r)
{
    return r->tokens_used;
}

bool dgm_request_wants_usage(const struct dgm_request *r)
{
    return r->usage;
}

struct dgm_str dgm_request_notes(const struct dgm_request *r, enum dgm_note kind)
{
    return r->notes ? r->notes[kind].text : (struct dgm_str){0};
}

size_t dgm_request_headers(const struct dgm_request *r, const struct dgm_header **ret)
{
    *ret = r->headers;
    return r->headers_n;
}

struct dgm_retry dgm_request_retry(const struct dgm_request *r)
{
    return r->retry;
}

size_t dgm_request_kept(const struct dgm_request *r, const struct dgm_kept **ret)
{
    *ret = r->kept;
    return r->kept_n;
}

void dgm_request_asked_at(struct dgm_request *r, struct dgm_str url)
{
    r->asked_at = url;
}

void dgm_request_near(struct dgm_request *r, struct dgm_str near)
{
    r->near = near;
}

static void put_path(const struct dgm_request *r, const struct dgm_place *place, bool stream,
                     struct dgm_buf *out)
{
    if (place->surface == DGM_VERTEX && !place->project.p) {
        dgm_buf_add_lit(out, "/v1/publishers/google/models/");
    } else if (place->surface == DGM_VERTEX) {
        assert(dgm_name_ok(place->project) && dgm_name_ok(place->location));
        dgm_buf_add_lit(out, "/v1/projects/");
        dgm_buf_put(out, place->project);
        dgm_buf_add_lit(out, "/locations/");
        dgm_buf_put(out, place->location);
        dgm_buf_add_lit(out, "/publishers/google/models/");
    } else {
        dgm_buf_add_lit(out, "/v1beta/models/");
    }
    dgm_buf_put(out, r->model.name);
    if (stream)
        dgm_buf_add_lit(out, ":streamGenerateContent?alt=sse");
    else
        dgm_buf_add_lit(out, ":generateContent");
}

void dgm_request_put_path(const struct dgm_request *r, const struct dgm_place *place,
                          struct dgm_buf *out)
{
    put_path(r, place, r->stream, out);
}

void dgm_request_put_whole_path(const struct dgm_request *r, const struct dgm_place *place,
                                struct dgm_buf *out)
{
    put_path(r, place, false, out);
}
