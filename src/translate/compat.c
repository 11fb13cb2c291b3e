/* SPDX-License-Identifier: Apache-2.0 */
/* compat.c - completions and chunks in the shapes of Google's own endpoint. */
#include "translate/compat.h"

#include "base/str.h"

#include <string.h>

static const struct dgm_str dropped[] = {
#define DROPPED(member) {member, sizeof member - 1},
#include "translate/compat.def"
#undef DROPPED
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ID_BYTES_MAX 64 /* of a responseId: Google's have 22 to 24 */

/* ---- values in the alphabet's order ---- */

/* The member that follows `last` in the alphabet (absent: the first). NULL: there is none. Objects of answers are small. */
static const struct json_val *next_by_name(const struct json_val *obj, struct dgm_str last,
                                           struct dgm_str *ret_name)
{
    struct json_iter it = json_iter(obj);
    const struct json_val *best = NULL;
    while (json_next(&it)) {
        if ((last.p && dgm_str_compare(it.name, last) <= 0) ||
            (best && dgm_str_compare(it.name, *ret_name) >= 0))
            continue;
        best = it.value;
        *ret_name = it.name;
    }
    return best;
}

static void put_sorted(struct json_writer *w, const struct json_val *v)
{
    struct json_iter it = json_iter(v);
    struct dgm_str name = {0};
    const struct json_val *member;
    switch (json_kind(v)) {
    case JSON_OBJ:
        json_open_obj(w);
        while ((member = next_by_name(v, name, &name)) != NULL) {
            json_put_key(w, name);
            put_sorted(w, member);
        }
        json_close_obj(w);
        return;
    case JSON_ARR:
        json_open_arr(w);
        while (json_next(&it))
            put_sorted(w, it.value);
        json_close_arr(w);
        return;
    default:
        json_put_val(w, v);
    }
}

static void put_sorted_member(struct json_writer *w, struct dgm_str name, const struct json_val *v)
{
    if (json_kind(v) <= JSON_NULL && json_kind(v) != JSON_NUM)
        return;
    json_put_key(w, name);
    put_sorted(w, v);
}

/* ---- messages and deltas ---- */

/* What the pieces of one choice have in common. */
struct compat_choice {
    bool seen;                         /* OpenAI's clients would have got a chunk of it */
    struct dgm_str call_id, call_name; /* of the call begun last */
    bool holds;                        /* a chunk waits */
    struct dgm_buf delta, logprobs;    /* of that chunk, as JSON */
    struct dgm_str finish;             /* in the request's arena; absent: it goes on */
};

static bool is_dropped(struct dgm_str name)
{
    for (size_t i = 0; i < COUNT(dropped); i++)
        if (dgm_str_eq(dropped[i], name))
            return true;
    return false;
}

static bool has_extra(const struct json_val *google)
{
    struct json_iter it = json_iter(google);
    while (json_next(&it))
        if (!is_dropped(it.name))
            return true;
    return false;
}

/* Native objects in it keep the order in which they came. */
static void put_extra(struct json_writer *w, const struct json_val *message)
{
    const struct json_val *google =
        json_get(json_get(message, DGM_STR("extra_content")), DGM_STR("google"));
    struct dgm_str name = {0};
    const struct json_val *member;
    if (!has_extra(google))
        return;
    json_put_name(w, "extra_content");
    json_open_obj(w);
    json_put_name(w, "google");
    json_open_obj(w);
    while ((member = next_by_name(google, name, &name)) != NULL) {
        if (is_dropped(name))
            continue;
        json_put_key(w, name);
        json_put_val(w, member);
    }
    json_close_obj(w);
    json_close_obj(w);
}

static void put_google_member(struct json_writer *w, struct dgm_str name, struct dgm_str text)
{
    json_put_name(w, "extra_content");
    json_open_obj(w);
    json_put_name(w, "google");
    json_open_obj(w);
    json_put_key(w, name);
    if (text.p)
        json_put_str(w, text);
    else
        json_put_bool(w, true);
    json_close_obj(w);
    json_close_obj(w);
}

/* "data:TYPE;base64,DATA", as answer.c puts images. */
static void put_image(struct json_writer *w, const struct json_val *image)
{
    struct dgm_str url = json_get_str(json_get(image, DGM_STR("image_url")), DGM_STR("url"));
    url = dgm_str_skip(url, DGM_STR("data:").n);
    size_t at = dgm_str_find(url, DGM_STR(";base64,"));
    json_put_name(w, "audio");
    json_open_obj(w);
    json_member_str(w, "data", dgm_str_skip(url, at + DGM_STR(";base64,").n));
    put_google_member(w, DGM_STR("mime_type"), dgm_str_head(url, at));
    json_close_obj(w);
}

/* Puts `audio`: the sound, or the first image. Returns how many images it has taken. */
static size_t put_audio(struct json_writer *w, const struct json_val *message)
{
    const struct json_val *audio = json_get(message, DGM_STR("audio"));
    const struct json_val *image = json_at(json_get(message, DGM_STR("images")), 0);
    if (!audio && image)
        put_image(w, image);
    if (!audio)
        return image != NULL;
    json_put_name(w, "audio");
    json_open_obj(w);
    json_member_val(w, "data", json_get(audio, DGM_STR("data")));
    put_sorted_member(w, DGM_STR("extra_content"), json_get(audio, DGM_STR("extra_content")));
    json_close_obj(w);
    return 0;
}

static void put_images(struct json_writer *w, const struct json_val *images, size_t taken)
{
    struct json_iter it = json_iter(images);
    if (json_size(images) <= taken)
        return;
    json_put_name(w, "images");
    json_open_arr(w);
    while (json_next(&it))
        if (it.index >= taken)
            put_sorted(w, it.value);
    json_close_arr(w);
}

/* A whole message has its thoughts in front of its text (google.md 4.7). */
static void put_content(struct json_writer *w, const struct json_val *message, bool whole)
{
    const struct json_val *content = json_get(message, DGM_STR("content"));
    struct dgm_str thoughts = json_get_str(message, DGM_STR("reasoning_content"));
    bool refused = json_kind(json_get(message, DGM_STR("refusal"))) == JSON_STR;
    if (!whole && (!content || refused))
        return;
    json_put_name(w, "content");
    if (refused || (json_kind(content) != JSON_STR && thoughts.n == 0)) {
        json_put_null(w);
        return;
    }
    json_open_str(w);
    if (whole)
        json_add_str(w, thoughts);
    json_add_str(w, json_str(content));
    json_close_str(w);
}

/* A piece of a call's arguments names its call again. */
static void put_call(struct dgm_request *r, struct json_writer *w, struct compat_choice *c,
                     const struct json_val *call)
{
    const struct json_val *function = json_get(call, DGM_STR("function"));
    struct dgm_str id = json_get_str(call, DGM_STR("id")), arguments;
    if (!c || id.p) {
        put_sorted(w, call);
        if (c) {
            c->call_id = dgm_arena_copy(&r->arena, id);
            c->call_name = dgm_arena_copy(&r->arena, json_get_str(function, DGM_STR("name")));
            if (!c->call_id.p || !c->call_name.p)
                chat_no_memory(r);
        }
        return;
    }
    arguments = json_get_str(function, DGM_STR("arguments"));
    json_open_obj(w);
    json_put_name(w, "function");
    json_open_obj(w);
    json_member_str(w, "arguments", arguments);
    json_member_str(w, "name", c->call_name);
    json_close_obj(w);
    json_member_str(w, "id", c->call_id);
    json_member_val(w, "index", json_get(call, DGM_STR("index")));
    json_member_lit(w, "type", "function");
    json_close_obj(w);
}

static void put_calls(struct dgm_request *r, struct json_writer *w, struct compat_choice *c,
                      const struct json_val *calls)
{
    struct json_iter it = json_iter(calls);
    if (json_size(calls) == 0)
        return;
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    while (json_next(&it))
        put_call(r, w, c, it.value);
    json_close_arr(w);
}

/* Puts a message, or where `c` is given a delta, as an object. */
static void put_message(struct dgm_request *r, struct json_writer *w, struct compat_choice *c,
                        const struct json_val *message)
{
    const struct json_val *annotations = json_get(message, DGM_STR("annotations"));
    json_open_obj(w);
    if (json_size(annotations))
        put_sorted_member(w, DGM_STR("annotations"), annotations);
    size_t images = put_audio(w, message);
    put_content(w, message, !c);
    put_extra(w, message);
    put_sorted_member(w, DGM_STR("function_call"), json_get(message, DGM_STR("function_call")));
    put_images(w, json_get(message, DGM_STR("images")), images);
    put_sorted_member(w, DGM_STR("refusal"), json_get(message, DGM_STR("refusal")));
    json_member_lit(w, "role", "assistant");
    put_calls(r, w, c, json_get(message, DGM_STR("tool_calls")));
    json_close_obj(w);
}

/* What stands behind the choices of a completion and of every chunk. */
static void put_tail(const struct dgm_request *r, struct json_writer *w, struct dgm_str object,
                     const struct usage *usage)
{
    json_member_int(w, "created", r->env.now);
    json_member_str(w, "id", r->response_id.n ? r->response_id : r->env.id);
    json_member_str(w, "model", r->model_sent);
    json_member_str(w, "object", object);
    json_member_lit(w, "system_fingerprint", "");
    if (usage) {
        json_put_name(w, "usage");
        usage_put_google(w, usage);
    }
    json_close_obj(w);
}

/* Reads a text of ours back. NULL: memory is short, and the request has failed. */
static const struct json_val *read_plain(struct dgm_request *r, struct dgm_arena *arena,
                                         struct dgm_str plain)
{
    const struct json_val *root = NULL;
    struct json_error e;
    char *text = dgm_arena_take(arena, plain.n + JSON_PADDING);
    if (text && plain.n)
        memcpy(text, plain.p, plain.n);
    if ((!text || json_parse(arena, text, plain.n, JSON_DEPTH_MAX, &root, &e) != DGM_OK) &&
        r->rc == DGM_OK)
        r->rc = dgm_arena_rc(arena);
    return root;
}

void compat_note_id(struct dgm_request *r, const struct json_val *root)
{
    struct dgm_str id = json_get_str(root, DGM_STR("responseId"));
    if (id.n == 0 || id.n > ID_BYTES_MAX || r->response_id.n != 0)
        return;
    r->response_id = dgm_arena_copy(&r->arena, id);
    if (!r->response_id.p)
        chat_no_memory(r);
}

void compat_put_completion(struct dgm_request *r, struct dgm_str plain, const struct usage *usage,
                           struct dgm_buf *out)
{
    const struct json_val *root = read_plain(r, &r->arena, plain);
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    while (json_next(&it)) {
        json_open_obj(&w);
        json_member_val(&w, "finish_reason", json_get(it.value, DGM_STR("finish_reason")));
        json_member_val(&w, "index", json_get(it.value, DGM_STR("index")));
        json_put_name(&w, "logprobs");
        put_sorted(&w, json_get(it.value, DGM_STR("logprobs")));
        json_put_name(&w, "message");
        put_message(r, &w, NULL, json_get(it.value, DGM_STR("message")));
        json_close_obj(&w);
    }
    json_close_arr(&w);
    put_tail(r, &w, DGM_STR("chat.completion"), usage);
}

/* ---- streams ---- */

/**
 * A stream. Lifetime:
 *   1. plain gets one event's chunks at a time, as OpenAI's clients would get them.
 *   2. Each is read into `scratch`, and its delta put into its choice's `delta`.
 *   3. That leaves at once, or where its choice has its finish reason with what comes next: the end puts the reason on it.
 */
struct compat_stream {
    struct dgm_request *r;
    struct dgm_arena scratch;
    struct dgm_buf plain;
    struct compat_choice choices[CHOICES_MAX];
};

struct compat_stream *compat_stream_new(struct dgm_request *r)
{
    struct compat_stream *s = dgm_arena_take0(&r->arena, sizeof *s);
    const struct dgm_alloc *alloc = dgm_arena_alloc(&r->arena);
    if (!s)
        return NULL;
    s->r = r;
    dgm_arena_init(&s->scratch, r->env.alloc, r->limits.arena_bytes);
    dgm_buf_init(&s->plain, alloc, r->limits.arena_bytes);
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        dgm_buf_init(&s->choices[i].delta, alloc, r->limits.arena_bytes);
        dgm_buf_init(&s->choices[i].logprobs, alloc, r->limits.arena_bytes);
    }
    return s;
}

void compat_stream_dispose(struct compat_stream *s)
{
    if (s)
        dgm_arena_dispose(&s->scratch);
}

struct dgm_buf *compat_plain(struct compat_stream *s)
{
    dgm_buf_clear(&s->plain);
    return &s->plain;
}

size_t compat_held_bytes(const struct compat_stream *s)
{
    size_t n = 0;
    for (size_t i = 0; s && i < CHOICES_MAX; i++)
        if (s->choices[i].holds)
            n += s->choices[i].delta.n + s->choices[i].logprobs.n;
    return n;
}

static void put_held(struct compat_stream *s, size_t index, const struct usage *usage,
                     struct dgm_buf *out)
{
    struct compat_choice *c = &s->choices[index];
    struct json_writer w = json_writer(out);
    if (s->r->response_id.n ==
        0) /* one that comes later comes too late: all chunks have the same */
        s->r->response_id = s->r->env.id;
    dgm_buf_put_lit(out, "data: ");
    json_open_obj(&w);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    json_open_obj(&w);
    json_put_name(&w, "delta");
    json_put_raw(&w, dgm_buf_str(&c->delta));
    if (c->finish.p)
        json_member_str(&w, "finish_reason", c->finish);
    json_member_int(&w, "index", (int64_t)index);
    json_put_name(&w, "logprobs");
    json_put_raw(&w, dgm_buf_str(&c->logprobs));
    json_close_obj(&w);
    json_close_arr(&w);
    put_tail(s->r, &w, DGM_STR("chat.completion.chunk"), usage);
    dgm_buf_put_lit(out, "\n\n");
    c->holds = false;
}

/* Begins a new chunk of a choice; the one that waited leaves. */
static struct json_writer begin_held(struct compat_stream *s, size_t index,
                                     const struct json_val *logprobs, struct dgm_buf *out)
{
    struct compat_choice *c = &s->choices[index];
    if (c->holds)
        put_held(s, index, NULL, out);
    dgm_buf_clear(&c->delta);
    dgm_buf_clear(&c->logprobs);
    struct json_writer w = json_writer(&c->logprobs);
    put_sorted(&w, logprobs);
    c->holds = true;
    return json_writer(&c->delta);
}

/* Whether a delta says anything that Google's has. */
static bool says(const struct json_val *delta)
{
    struct json_iter it = json_iter(delta);
    while (json_next(&it)) {
        bool extra = dgm_str_eq(it.name, DGM_STR("extra_content"));
        if (extra && has_extra(json_get(it.value, DGM_STR("google"))))
            return true;
        if (!extra && !dgm_str_eq(it.name, DGM_STR("role")) &&
            !dgm_str_eq(it.name, DGM_STR("reasoning_content")))
            return true;
    }
    return false;
}

/* Thoughts are a chunk of their own: their text has a mark. */
static void put_thoughts(struct compat_stream *s, size_t index, struct dgm_str thoughts,
                         struct dgm_buf *out)
{
    struct json_writer w = begin_held(s, index, NULL, out);
    json_open_obj(&w);
    json_member_str(&w, "content", thoughts);
    put_google_member(&w, DGM_STR("thought"), (struct dgm_str){0});
    json_member_lit(&w, "role", "assistant");
    json_close_obj(&w);
}

static void take_choice(struct compat_stream *s, const struct json_val *choice, struct dgm_buf *out)
{
    const struct json_val *delta = json_get(choice, DGM_STR("delta"));
    const struct json_val *logprobs = json_get(choice, DGM_STR("logprobs"));
    struct dgm_str thoughts = json_get_str(delta, DGM_STR("reasoning_content"));
    struct dgm_str finish = json_get_str(choice, DGM_STR("finish_reason"));
    int64_t index = 0;
    json_int(json_get(choice, DGM_STR("index")), &index);
    struct compat_choice *c = &s->choices[index];
    c->seen = true;
    if (thoughts.n)
        put_thoughts(s, (size_t)index, thoughts, out);
    if (says(delta) || json_kind(logprobs) == JSON_OBJ) {
        struct json_writer w = begin_held(s, (size_t)index, logprobs, out);
        put_message(s->r, &w, c, delta);
    }
    if (!finish.p)
        return;
    c->finish = dgm_arena_copy(&s->r->arena, finish);
    if (!c->finish.p)
        chat_no_memory(s->r);
}

void compat_flush(struct compat_stream *s, struct dgm_buf *out)
{
    for (size_t i = 0; out != &s->plain && i < CHOICES_MAX; i++)
        if (s->choices[i].holds)
            put_held(s, i, NULL, out);
}

/* One event: a chunk, or an error, which is in Google's form already. */
static void take_event(struct compat_stream *s, struct dgm_str data, struct dgm_buf *out)
{
    dgm_arena_reset(&s->scratch);
    const struct json_val *root = read_plain(s->r, &s->scratch, data);
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    while (s->r->rc == DGM_OK && json_next(&it))
        take_choice(s, it.value, out);
    if (!json_get(root, DGM_STR("error")))
        return;
    compat_flush(s, out);
    dgm_buf_put_lit(out, "data: ");
    dgm_buf_put(out, data);
    dgm_buf_put_lit(out, "\n\n");
}

/* Every event of ours is one line, "data: ", and an empty one. */
static void take_events(struct compat_stream *s, struct dgm_buf *out)
{
    struct dgm_str rest = dgm_buf_str(&s->plain), line;
    if (s->plain.rc != DGM_OK && s->r->rc == DGM_OK)
        s->r->rc = s->plain.rc;
    while (s->r->rc == DGM_OK && rest.n && dgm_str_split(&rest, '\n', &line)) {
        struct dgm_str data = dgm_str_skip(line, DGM_STR("data: ").n);
        if (line.n && !dgm_str_eq(data, DGM_STR("[DONE]")))
            take_event(s, data, out);
    }
}

static void note_short(struct compat_stream *s)
{
    for (size_t i = 0; i < CHOICES_MAX && s->r->rc == DGM_OK; i++)
        if (s->choices[i].delta.rc != DGM_OK || s->choices[i].logprobs.rc != DGM_OK)
            chat_no_memory(s->r);
}

void compat_put_events(struct compat_stream *s, const bool finished[CHOICES_MAX],
                       struct dgm_buf *out)
{
    take_events(s, out);
    note_short(s);
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (s->choices[i].holds && !finished[i])
            put_held(s, i, NULL, out);
}

void compat_put_end(struct compat_stream *s, const struct usage *usage, struct dgm_buf *out)
{
    size_t last = 0;
    take_events(s, out);
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        struct compat_choice *c = &s->choices[i];
        if (!c->seen)
            continue;
        last = i;
        if (c->holds)
            continue;
        struct json_writer w = begin_held(s, i, NULL, out);
        json_open_obj(&w);
        json_member_lit(&w, "role", "assistant");
        json_close_obj(&w);
    }
    note_short(s);
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (s->choices[i].holds)
            put_held(s, i, i == last ? usage : NULL, out);
    dgm_buf_put_lit(out, "data: [DONE]\n\n");
}
