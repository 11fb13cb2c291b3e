/* SPDX-License-Identifier: Apache-2.0 */
/* chunks.c - what holds for every stream of chunks. */
#include "support/chunks.h"

#include <stdlib.h>
#include <string.h>

#include "base/sse.h"
#include "base/str.h"
#include "json/read.h"

enum { CHOICES_MAX = 128 }; /* the most that a relayed stream may have */

struct choice {
    bool role, finished;
    size_t calls;  /* begun so far */
    char call[64]; /* the id of the last */
};

struct look {
    char id[128], model[256];
    int64_t created;
    size_t chunks;
    enum chunks_of of;
    bool done, failed, usage;
    struct choice choices[CHOICES_MAX];
};

/* The first chunk's text is kept in `place`, the others are compared with it. */
static bool same_text(char *place, size_t size, struct dgm_str s, bool is_first)
{
    if (!s.p || s.n >= size)
        return false;
    if (is_first)
        memcpy(place, s.p, s.n); /* the rest is zero */
    return dgm_str_eq(dgm_str_c(place), s);
}

static bool is_google(const struct look *look)
{
    return look->of == CHUNKS_GOOGLE;
}

/* Google's endpoint names a call in each of its pieces. */
static const char *look_at_google_call(struct choice *c, const struct json_val *call)
{
    int64_t index;
    struct dgm_str id = json_get_str(call, DGM_STR("id"));
    if (!json_int(json_get(call, DGM_STR("index")), &index) || index < 0)
        return "a call has an index";
    if (!id.n || id.n >= sizeof c->call || !json_get(call, DGM_STR("type")) ||
        !json_get(json_get(call, DGM_STR("function")), DGM_STR("name")))
        return "a call's id, type and name stand in each of its pieces";
    if (!dgm_str_eq(dgm_str_c(c->call), id)) {
        memset(c->call, 0, sizeof c->call);
        memcpy(c->call, id.p, id.n);
        c->calls++;
    }
    return (size_t)index + 1 == c->calls ? NULL : "indexes of calls ascend from 0 without gaps";
}

static const char *look_at_call(const struct look *look, struct choice *c,
                                const struct json_val *call)
{
    int64_t index;
    if (!json_int(json_get(call, DGM_STR("index")), &index) || index < 0)
        return "a call has an index";
    const struct json_val *function = json_get(call, DGM_STR("function"));
    bool begins = json_get(call, DGM_STR("id"));
    if (begins != (json_get(call, DGM_STR("type")) != NULL) ||
        begins != (json_get(function, DGM_STR("name")) != NULL))
        return "a call's id, type and name come once, together";
    if (begins)
        return (size_t)index == c->calls++ ? NULL : "indexes of calls ascend from 0 without gaps";
    if (look->of == CHUNKS_RELAYED)
        return (size_t)index < c->calls ? NULL : "arguments belong to a call that has begun";
    return (size_t)index + 1 == c->calls ? NULL : "arguments belong to the call begun last";
}

static const char *look_at_choice(struct look *look, const struct json_val *choice)
{
    int64_t index;
    if (!json_int(json_get(choice, DGM_STR("index")), &index) || index < 0 || index >= CHOICES_MAX)
        return "a choice has an index";
    struct choice *c = &look->choices[index];
    if (c->finished)
        return "nothing follows a choice's finish_reason";
    const struct json_val *delta = json_get(choice, DGM_STR("delta"));
    if (json_kind(delta) != JSON_OBJ)
        return "a choice has a delta";
    if ((json_get(delta, DGM_STR("role")) != NULL) == (c->role && !is_google(look)))
        return "the role stands in a choice's first chunk, and only there; in Google's in each";
    if (is_google(look) && json_kind(json_get(choice, DGM_STR("finish_reason"))) == JSON_NULL)
        return "a finish_reason is absent or told";
    c->role = true;
    for (struct json_iter i = json_iter(json_get(delta, DGM_STR("tool_calls"))); json_next(&i);) {
        const char *broken =
            is_google(look) ? look_at_google_call(c, i.value) : look_at_call(look, c, i.value);
        if (broken)
            return broken;
    }
    c->finished = json_str(json_get(choice, DGM_STR("finish_reason"))).p;
    return NULL;
}

static const char *look_at_chunk(struct look *look, const struct json_val *chunk)
{
    int64_t created;
    bool is_first = look->chunks++ == 0;
    if (!json_int(json_get(chunk, DGM_STR("created")), &created))
        return "a chunk has a time";
    if (is_first)
        look->created = created;
    if (created != look->created ||
        !same_text(look->id, sizeof look->id, json_get_str(chunk, DGM_STR("id")), is_first) ||
        !same_text(look->model, sizeof look->model, json_get_str(chunk, DGM_STR("model")),
                   is_first))
        return "id, created and model are the same in all chunks";
    if (look->usage)
        return "usage comes last";

    const struct json_val *choices = json_get(chunk, DGM_STR("choices"));
    look->usage = json_kind(json_get(chunk, DGM_STR("usage"))) == JSON_OBJ;
    if (is_google(look) && json_size(choices) != 1)
        return "a chunk has one choice";
    if (!is_google(look) &&
        (json_kind(choices) != JSON_ARR || look->usage != (json_size(choices) == 0)))
        return "usage comes with empty choices, and every other chunk has some";
    for (struct json_iter i = json_iter(choices); json_next(&i);) {
        const char *broken = look_at_choice(look, i.value);
        if (broken)
            return broken;
    }
    return NULL;
}

static const char *look_at_event(struct look *look, const struct dgm_sse_event *e)
{
    if (e->raw || e->cut)
        return "every event is whole and stands in data: lines";
    if (look->done || look->failed)
        return "nothing follows [DONE] or an error";
    if (dgm_str_eq(e->data, DGM_STR("[DONE]"))) {
        look->done = true;
        return NULL;
    }

    struct dgm_arena arena;
    const struct json_val *chunk;
    struct json_error error;
    const char *broken = "every event is JSON";
    char *text = malloc(e->data.n + JSON_PADDING);
    if (!text)
        abort();
    memcpy(text, e->data.p, e->data.n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    if (json_parse(&arena, text, e->data.n, JSON_DEPTH_MAX, &chunk, &error) == DGM_OK) {
        look->failed = json_kind(json_get(chunk, DGM_STR("error"))) == JSON_OBJ;
        broken = look->failed ? NULL : look_at_chunk(look, chunk);
    }
    dgm_arena_dispose(&arena);
    free(text);
    return broken;
}

static const char *look_at_end(const struct look *look)
{
    if (look->done == look->failed)
        return "a stream ends in [DONE] or in an error";
    if (is_google(look) && look->done && !look->usage)
        return "a stream that is done tells its usage";
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (look->done && look->choices[i].role && !look->choices[i].finished)
            return "a stream that is done has one finish_reason a choice";
    return NULL;
}

const char *chunks_broken(enum chunks_of of, struct dgm_str sse)
{
    struct look look = {.of = of};
    struct dgm_sse decoder;
    struct dgm_sse_event event;
    const char *broken = NULL;
    dgm_sse_init(&decoder, &dgm_alloc_libc, SIZE_MAX / 2);
    while (!broken && dgm_sse_next(&decoder, &sse, &event) == DGM_EVENT)
        broken = look_at_event(&look, &event);
    if (!broken && dgm_sse_finish(&decoder, &event) != DGM_DONE)
        broken = "the last event ends in a blank line";
    dgm_sse_dispose(&decoder);
    return broken ? broken : look_at_end(&look);
}
