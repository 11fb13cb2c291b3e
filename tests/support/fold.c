/* SPDX-License-Identifier: Apache-2.0 */
/* fold.c - what an answer says, however it came. */
#include "support/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/sse.h"
#include "base/str.h"
#include "json/write.h"

enum { CHOICES = 8, CALLS = 512 };

enum text { CONTENT, REASONING, REASONING_TOO, REFUSAL, ANNOTATIONS, TEXTS };

struct call {
    struct dgm_buf id, name, arguments;
};

struct choice {
    bool seen;
    struct dgm_buf texts[TEXTS], finish;
    struct call *calls; /* CALLS of them, once there is one */
};

struct fold {
    struct choice choices[CHOICES];
    struct dgm_buf usage, error;
};

static void put_member(struct dgm_buf *to, const struct json_val *obj, struct dgm_str name)
{
    dgm_buf_put(to, json_get_str(obj, name));
}

static struct call *call_at(struct choice *c, const struct json_val *call, size_t otherwise)
{
    int64_t index = (int64_t)otherwise;
    json_int(json_get(call, DGM_STR("index")), &index);
    if (index < 0 || index >= CALLS)
        return NULL;
    if (!c->calls && !(c->calls = calloc(CALLS, sizeof *c->calls)))
        abort();
    struct call *at = &c->calls[index];
    struct dgm_buf *bufs[] = {&at->id, &at->name, &at->arguments};
    for (size_t i = 0; i < 3; i++)
        if (!bufs[i]->_alloc)
            dgm_buf_init(bufs[i], &dgm_alloc_libc, SIZE_MAX);
    return at;
}

/* Google's endpoint tells id and name in every piece. */
static void put_once(struct dgm_buf *to, struct dgm_str text)
{
    if (to->n == 0)
        dgm_buf_put(to, text);
}

static void add_call(struct choice *c, const struct json_val *call, size_t otherwise)
{
    const struct json_val *function = json_get(call, DGM_STR("function"));
    struct call *at = call_at(c, call, otherwise);
    if (!at)
        return;
    put_once(&at->id, json_get_str(call, DGM_STR("id")));
    put_once(&at->name, json_get_str(function, DGM_STR("name")));
    put_member(&at->arguments, function, DGM_STR("arguments"));
}

static void add_values(struct dgm_buf *to, const struct json_val *values)
{
    struct json_iter it = json_iter(values);
    while (json_next(&it)) {
        struct json_writer w = json_writer(to);
        json_put_val(&w, it.value);
    }
}

static void add_message(struct choice *c, const struct json_val *m)
{
    struct json_iter it = json_iter(json_get(m, DGM_STR("tool_calls")));
    const struct json_val *function = json_get(m, DGM_STR("function_call"));
    put_member(&c->texts[CONTENT], m, DGM_STR("content"));
    put_member(&c->texts[REASONING], m, DGM_STR("reasoning_content"));
    put_member(&c->texts[REASONING_TOO], m, DGM_STR("reasoning"));
    put_member(&c->texts[REFUSAL], m, DGM_STR("refusal"));
    add_values(&c->texts[ANNOTATIONS], json_get(m, DGM_STR("annotations")));
    while (json_next(&it))
        add_call(c, it.value, it.index);
    if (function) {
        struct call *at = call_at(c, function, 0);
        put_member(&at->name, function, DGM_STR("name"));
        put_member(&at->arguments, function, DGM_STR("arguments"));
    }
}

static void add_choice(struct fold *f, const struct json_val *choice)
{
    int64_t index = -1;
    json_int(json_get(choice, DGM_STR("index")), &index);
    if (index < 0 || index >= CHOICES)
        return;
    struct choice *c = &f->choices[index];
    c->seen = true;
    add_message(c, json_get(choice, DGM_STR("delta")));
    add_message(c, json_get(choice, DGM_STR("message")));
    put_member(&c->finish, choice, DGM_STR("finish_reason"));
}

static void add_object(struct fold *f, const struct json_val *root)
{
    if (json_kind(root) == JSON_ARR)
        root = json_at(root, 0);
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    const struct json_val *error = json_get(root, DGM_STR("error"));
    while (json_next(&it))
        add_choice(f, it.value);
    if (json_kind(usage) == JSON_OBJ) {
        struct json_writer w = json_writer(&f->usage);
        json_put_val(&w, usage);
    }
    if (error) {
        struct json_writer w = json_writer(&f->error);
        json_put_val(&w, error);
    }
}

static void add_text(struct fold *f, struct dgm_str json)
{
    struct dgm_arena arena;
    const struct json_val *root = NULL;
    struct json_error e;
    char *text = malloc(json.n + JSON_PADDING);
    if (!text)
        abort();
    if (json.n)
        memcpy(text, json.p, json.n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    if (json_parse(&arena, text, json.n, JSON_DEPTH_MAX, &root, &e) == DGM_OK)
        add_object(f, root);
    dgm_arena_dispose(&arena);
    free(text);
}

static struct fold *fold_new(void)
{
    struct fold *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    for (size_t i = 0; i < CHOICES; i++) {
        for (size_t k = 0; k < TEXTS; k++)
            dgm_buf_init(&f->choices[i].texts[k], &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&f->choices[i].finish, &dgm_alloc_libc, SIZE_MAX);
    }
    dgm_buf_init(&f->usage, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&f->error, &dgm_alloc_libc, SIZE_MAX);
    return f;
}

static void put_line(struct dgm_buf *out, const char *name, struct dgm_buf *text)
{
    if (text->n) {
        dgm_buf_put(out, dgm_str_c(name));
        dgm_buf_put(out, dgm_buf_str(text));
        dgm_buf_put_char(out, '\n');
    }
    dgm_buf_dispose(text);
}

/* An error stands alone: of what came before it in a stream a whole answer knows nothing. */
static void put_fold(struct fold *f, struct dgm_buf *out)
{
    static const char *const names[TEXTS] = {"content ", "reasoning_content ", "reasoning ",
                                             "refusal ", "annotations "};
    struct dgm_buf nowhere;
    dgm_buf_init(&nowhere, &dgm_alloc_libc, SIZE_MAX);
    struct dgm_buf *to = f->error.n ? &nowhere : out;
    for (size_t i = 0; i < CHOICES; i++) {
        struct choice *c = &f->choices[i];
        if (c->seen) {
            dgm_buf_put_lit(to, "choice ");
            dgm_buf_put_int(to, (int64_t)i);
            dgm_buf_put_char(to, '\n');
        }
        for (size_t k = 0; k < TEXTS; k++)
            put_line(to, names[k], &c->texts[k]);
        for (size_t k = 0; c->calls && k < CALLS; k++) {
            put_line(to, "call ", &c->calls[k].id);
            put_line(to, "name ", &c->calls[k].name);
            put_line(to, "arguments ", &c->calls[k].arguments);
        }
        free(c->calls);
        put_line(to, "finish_reason ", &c->finish);
    }
    put_line(to, "usage ", &f->usage);
    put_line(out, "error ", &f->error);
    dgm_buf_dispose(&nowhere);
    free(f);
}

void fold_stream(struct dgm_str sse, struct dgm_buf *out)
{
    struct fold *f = fold_new();
    struct dgm_sse decoder;
    struct dgm_sse_event event;
    dgm_sse_init(&decoder, &dgm_alloc_libc, SIZE_MAX / 2);
    while (dgm_sse_next(&decoder, &sse, &event) == DGM_EVENT)
        if (!dgm_str_eq(event.data, DGM_STR("[DONE]")))
            add_text(f, event.data);
    dgm_sse_dispose(&decoder);
    put_fold(f, out);
}

void fold_answer(struct dgm_str json, struct dgm_buf *out)
{
    struct fold *f = fold_new();
    add_text(f, json);
    put_fold(f, out);
}
