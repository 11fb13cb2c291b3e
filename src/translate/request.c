/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - the life of a request: parse, check every member, put the native body. */
#include "translate/chat.h"

#include "base/str.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

static const struct dgm_limits default_limits = {
    .arena_bytes = (size_t)256 << 20,
    .event_bytes = (size_t)64 << 20,
    .depth = JSON_DEPTH_MAX,
};

/* ---- places, refusals, notes ---- */

/* A text that ends where its room does, for sentences of bounded length. */
struct text {
    char bytes[sizeof((struct dgm_fail *)0)->detail];
    struct dgm_buf buf;
};

static void text_init(struct text *t)
{
    size_t max = sizeof t->bytes - 1;
    t->buf = (struct dgm_buf){.p = t->bytes, .cap = max, .max = max};
}

static const char *text_end(struct text *t)
{
    t->bytes[t->buf.n] = '\0';
    return t->bytes;
}

static void put_place(struct dgm_buf *out, const struct chat_place *place)
{
    if (!place)
        return;
    put_place(out, place->in);
    if (!place->member.p) {
        dgm_buf_put_lit(out, "[");
        dgm_buf_put_int(out, (int64_t)place->index);
        dgm_buf_put_lit(out, "]");
        return;
    }
    if (place->in)
        dgm_buf_put_lit(out, ".");
    dgm_buf_put(out, dgm_utf8_head(place->member, sizeof((struct dgm_fail *)0)->param));
}

void chat__refuse(struct dgm_request *r, enum dgm_error id, const struct chat_place *place,
                  const char *const pieces[3])
{
    struct text t;
    struct dgm_str detail[4] = {0};
    if (r->rc != DGM_OK)
        return;
    text_init(&t);
    put_place(&t.buf, place);
    for (size_t i = 0; pieces[0] && i < 3; i++)
        detail[i + 1] = dgm_str_c(pieces[i]);
    if (pieces[0])
        detail[0] = dgm_buf_str(&t.buf);
    r->rc = DGM_E_REFUSED;
    dgm_fail_set(&r->fail, id, dgm_buf_str(&t.buf), detail);
}

void chat_missing(struct dgm_request *r, const struct chat_place *place)
{
    chat_refuse(r, DGM_ERR_MISSING, place, " is missing.");
}

void chat_no_memory(struct dgm_request *r)
{
    if (r->rc != DGM_OK)
        return;
    r->rc = DGM_E_NOMEM;
    dgm_fail_set(&r->fail, DGM_ERR_NO_MEMORY, DGM_STR(""), (const struct dgm_str[4]){0});
}

void chat_ignore(struct dgm_request *r, struct dgm_str name)
{
    for (size_t i = 0; i < r->ignored_n; i++)
        if (dgm_str_eq(r->ignored[i], name))
            return;
    if (r->ignored_n == IGNORED_MAX)
        r->ignored[IGNORED_MAX - 1] = DGM_STR("...");
    else
        r->ignored[r->ignored_n++] = name;
}

bool chat_expect(struct dgm_request *r, const struct json_val *v, unsigned accepts,
                 const struct chat_place *place)
{
    if (accepts & 1u << json_kind(v))
        return true;
    struct text kinds;
    text_init(&kinds);
    for (enum json_kind k = JSON_BOOL; k <= JSON_OBJ; k++) {
        if (!(accepts & 1u << k))
            continue;
        if (kinds.buf.n)
            dgm_buf_put_lit(&kinds.buf, " or ");
        dgm_buf_put(&kinds.buf, dgm_str_c(json_kind_name(k)));
    }
    dgm_buf_put_lit(&kinds.buf, ", not ");
    dgm_buf_put(&kinds.buf, dgm_str_c(json_kind_name(json_kind(v))));
    chat_refuse(r, DGM_ERR_TYPE, place, " must be ", text_end(&kinds), ".");
    return false;
}

/* A header carries these names: anything but plain ASCII becomes "?", and none is long. */
static void put_ignored(struct dgm_request *r)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), IGNORED_MAX * 70);
    for (size_t i = 0; i < r->ignored_n; i++) {
        if (i)
            dgm_buf_put_lit(&text, ", ");
        struct dgm_str name = dgm_str_head(r->ignored[i], 64);
        for (size_t k = 0; k < name.n; k++) {
            bool plain = name.p[k] > ' ' && name.p[k] < 0x7f && name.p[k] != ',';
            dgm_buf_put_char(&text, plain ? name.p[k] : '?');
        }
    }
    if (text.rc != DGM_OK)
        chat_no_memory(r);
    r->ignored_text = text.p ? dgm_buf_str(&text) : DGM_STR("");
}

/* ---- the body ---- */

static void refuse_syntax(struct dgm_request *r, const struct json_error *e)
{
    static const enum dgm_error ids[] = {
        [JSON_EMPTY] = DGM_ERR_BODY_EMPTY,
        [JSON_SYNTAX] = DGM_ERR_BODY_SYNTAX,
        [JSON_UTF8] = DGM_ERR_BODY_SYNTAX,
        [JSON_DEEP] = DGM_ERR_BODY_DEPTH,
    };
    if (e->trouble == JSON_NOMEM) {
        chat_no_memory(r);
        return;
    }
    if (e->trouble == JSON_EMPTY) {
        chat_refuse(r, DGM_ERR_BODY_EMPTY, NULL, NULL);
        return;
    }
    struct text where;
    text_init(&where);
    dgm_buf_put(&where.buf, dgm_str_c(e->what));
    dgm_buf_put_lit(&where.buf, " at byte ");
    dgm_buf_put_int(&where.buf, (int64_t)e->offset);
    chat_refuse(r, ids[e->trouble], NULL, "The body is not valid JSON: ", text_end(&where), ".");
}

/* OpenAI's clients send a name once; where two stand, gateways in a row would each obey another one. */
static bool refuse_twice(struct dgm_request *r, const struct json_val *obj,
                         const struct chat_place *place)
{
    struct dgm_str name;
    if (json_twice(obj, &r->arena, &name) != DGM_OK) {
        chat_no_memory(r);
        return true;
    }
    if (!name.p)
        return false;
    chat_refuse(r, DGM_ERR_BODY_TWICE, CHAT_MEMBER(place, name),
                " stands twice in the same object.");
    return true;
}

static void check_range(struct dgm_request *r, const struct chat_field *f, const struct json_val *v)
{
    double d;
    if (json_kind(v) != JSON_NUM || (f->min == 0 && f->max == 0))
        return;
    if (json_double(v, &d) && d >= f->min && d <= f->max)
        return;
    struct text range;
    text_init(&range);
    dgm_buf_put_int(&range.buf, (int64_t)f->min);
    dgm_buf_put_lit(&range.buf, " to ");
    dgm_buf_put_int(&range.buf, (int64_t)f->max);
    chat_refuse(r, DGM_ERR_RANGE, CHAT_MEMBER(NULL, f->name), " must be in the range ",
                text_end(&range), ".");
}

static void read_member(struct dgm_request *r, struct dgm_str name, const struct json_val *v)
{
    for (size_t i = 0; i < CHAT_FIELDS; i++) {
        const struct chat_field *f = &chat_fields[i];
        if (!dgm_str_eq(name, f->name))
            continue;
        if (json_kind(v) == JSON_NULL)
            return;
        if (f->fate == IGNORE)
            chat_ignore(r, name);
        else if (chat_expect(r, v, f->accepts, CHAT_MEMBER(NULL, name))) {
            check_range(r, f, v);
            r->field[i] = v;
        }
        return;
    }
    chat_ignore(r, name);
}

static void read_model(struct dgm_request *r)
{
    r->model_sent = r->field[CHAT_MODEL] ? json_str(r->field[CHAT_MODEL]) : r->env.model;
    const struct chat_place *place = CHAT_MEMBER(NULL, DGM_STR("model"));
    if (!r->model_sent.p) {
        chat_missing(r, place);
        return;
    }
    switch (model_read(r->model_sent, &r->model)) {
    case DGM_OK:
        return;
    case DGM_E_REFUSED:
        chat_refuse(r, DGM_ERR_MODEL_UNKNOWN, place,
                    " is another publisher's; Google's are served here, ",
                    "as in \"google/gemini-2.5-flash\".");
        return;
    default:
        chat_refuse(r, DGM_ERR_MODEL_NAME, place, " is not well formed; expected something like ",
                    "\"google/gemini-2.5-flash\".");
    }
}

static void read_stream(struct dgm_request *r)
{
    r->stream = json_bool(r->field[CHAT_STREAM], false);
    struct json_iter it = json_iter(r->field[CHAT_STREAM_OPTIONS]);
    while (json_next(&it)) {
        if (!dgm_str_eq(it.name, DGM_STR("include_usage"))) {
            chat_ignore(r, DGM_STR("stream_options.*"));
            continue;
        }
        if (json_kind(it.value) != JSON_NULL &&
            chat_expect(r, it.value, J_BOOL,
                        CHAT_MEMBER(CHAT_MEMBER(NULL, DGM_STR("stream_options")),
                                    DGM_STR("include_usage"))))
            r->usage = json_bool(it.value, false);
    }
}

static void read_members(struct dgm_request *r, const struct json_val *root)
{
    if (json_kind(root) != JSON_OBJ) {
        chat_refuse(r, DGM_ERR_BODY_NOT_OBJECT, NULL, NULL);
        return;
    }
    if (refuse_twice(r, root, NULL))
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
        refuse_twice(r, it.value, CHAT_MESSAGE(it.index));
}

/* ---- public ---- */

/* The body is put in two steps: all before `contents`, then, with every need answered, the contents. */
static void put_head(struct dgm_request *r, struct dgm_buf *openai)
{
    const struct json_val *root = NULL;
    struct json_error e;
    if (!dgm_buf_reserve(openai, JSON_PADDING)) {
        chat_no_memory(r);
        return;
    }
    if (json_parse(&r->arena, openai->p, openai->n, r->limits.depth, &root, &e) != DGM_OK) {
        refuse_syntax(r, &e);
        return;
    }
    read_members(r, root);
    if (r->rc != DGM_OK)
        return;
    json_open_obj(&r->writer);
    chat_put_system(r, &r->writer);
    chat_put_config(r, &r->writer);
}

static enum dgm_rc finish(struct dgm_request *r, struct dgm_fail *reterr)
{
    if (r->rc == DGM_OK) {
        chat_put_contents(r, &r->writer);
        json_close_obj(&r->writer);
    }
    put_ignored(r);
    if (r->rc == DGM_OK && r->body.rc != DGM_OK)
        chat_no_memory(r);
    if (r->rc != DGM_OK)
        *reterr = r->fail;
    r->segment = dgm_buf_str(&r->body);
    return r->rc;
}

static struct dgm_request *request_new(const struct dgm_env *env)
{
    const struct dgm_alloc *alloc = env->alloc ? env->alloc : &dgm_alloc_libc;
    struct dgm_request *r = alloc->resize(alloc->ctx, NULL, 0, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct dgm_request){.env = *env, .limits = default_limits, .choices = 1};
    r->env.alloc = alloc;
    if (env->limits && env->limits->arena_bytes)
        r->limits.arena_bytes = env->limits->arena_bytes;
    if (env->limits && env->limits->event_bytes)
        r->limits.event_bytes = env->limits->event_bytes;
    if (env->limits && env->limits->depth && env->limits->depth < JSON_DEPTH_MAX)
        r->limits.depth = env->limits->depth;
    dgm_arena_init(&r->arena, alloc, r->limits.arena_bytes);
    dgm_buf_init(&r->body, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    r->writer = json_writer(&r->body);
    return r;
}

enum dgm_rc dgm_chat_request(const struct dgm_env *env, struct dgm_buf *openai,
                             struct dgm_request **ret, struct dgm_fail *reterr)
{
    assert(env->id.n != 0 && env->id.n <= 64);
    struct dgm_request *r = request_new(env);
    if (!r) {
        dgm_fail_set(reterr, DGM_ERR_NO_MEMORY, DGM_STR(""), (const struct dgm_str[4]){0});
        return DGM_E_NOMEM;
    }
    put_head(r, openai);
    if (r->rc == DGM_OK && r->needs_n != 0) {
        *ret = r;
        return DGM_NEED;
    }
    enum dgm_rc rc = finish(r, reterr);
    if (rc == DGM_OK)
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
    r->needs[i].signature = dgm_arena_copy(&r->arena, signature);
    return !signature.p || r->needs[i].signature.p;
}

size_t dgm_request_body(const struct dgm_request *r, const struct dgm_str **ret)
{
    *ret = &r->segment;
    return 1;
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

bool dgm_request_wants_usage(const struct dgm_request *r)
{
    return r->usage;
}

struct dgm_str dgm_request_ignored(const struct dgm_request *r)
{
    return r->ignored_text;
}

size_t dgm_request_kept(const struct dgm_request *r, const struct dgm_kept **ret)
{
    *ret = r->kept;
    return r->kept_n;
}

void dgm_request_put_path(const struct dgm_request *r, const struct dgm_place *place,
                          struct dgm_buf *out)
{
    if (place->surface == DGM_VERTEX) {
        assert(dgm_name_ok(place->project) && dgm_name_ok(place->location));
        dgm_buf_put_lit(out, "/v1/projects/");
        dgm_buf_put(out, place->project);
        dgm_buf_put_lit(out, "/locations/");
        dgm_buf_put(out, place->location);
        dgm_buf_put_lit(out, "/publishers/google/models/");
    } else {
        dgm_buf_put_lit(out, "/v1beta/models/");
    }
    dgm_buf_put(out, r->model.name);
    if (r->stream)
        dgm_buf_put_lit(out, ":streamGenerateContent?alt=sse");
    else
        dgm_buf_put_lit(out, ":generateContent");
}
