/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the members of generationConfig: the put column of chat_fields.def. */
#include "translate/tools.h"

#include "base/str.h"

#define STOP_MAX 5 /* stop sequences Gemini takes (google.md 6.4) */

/* Numbers go as the text they came in. */
static void put_number(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                       struct json_writer *w)
{
    (void)r;
    json_put_quoted_name(w, f->native);
    json_put_raw(w, json_num(v));
}

static bool read_integer(struct dgm_request *r, const struct chat_field *f,
                         const struct json_val *v, int64_t *ret)
{
    if (json_int(v, ret))
        return true;
    chat_refuse(r, DGM_ERR_TYPE, CHAT_MEMBER(NULL, f->name), " must be an integer.");
    return false;
}

static void put_integer(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                        struct json_writer *w)
{
    int64_t i;
    if (!read_integer(r, f, v, &i))
        return;
    json_put_quoted_name(w, f->native);
    json_put_int(w, i);
}

/* Google calls the two aliases; with both sent the newer name counts. */
static void put_max_tokens(struct dgm_request *r, const struct chat_field *f,
                           const struct json_val *v, struct json_writer *w)
{
    if (r->field[CHAT_MAX_COMPLETION_TOKENS])
        chat_ignore(r, CHAT_MEMBER(NULL, f->name));
    else
        put_integer(r, f, v, w);
}

/* OpenAI's seed is an int64, Gemini's an int32: what does not fit is folded, the same way every time. */
static void put_seed(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                     struct json_writer *w)
{
    int64_t i;
    if (!read_integer(r, f, v, &i))
        return;
    if (i < INT32_MIN || i > INT32_MAX)
        i = (int64_t)((uint64_t)i % ((uint64_t)INT32_MAX + 1));
    json_put_quoted_name(w, f->native);
    json_put_int(w, i);
}

/* How many sequences are worth sending. Refuses what is no string. */
static size_t count_stops(struct dgm_request *r, const struct chat_field *f,
                          const struct json_val *v)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    struct json_iter it = json_iter(v);
    size_t n = json_str(v).n != 0;
    while (json_next(&it))
        if (chat_expect(r, it.value, J_STR, CHAT_ELEMENT(place, it.index)))
            n += json_str(it.value).n != 0;
    return n;
}

/* Empty sequences stop nothing, and Gemini takes five at most; what is left out is named. */
static void put_stop(struct dgm_request *r, const struct chat_field *f, const struct json_val *v,
                     struct json_writer *w)
{
    const struct chat_place *place = CHAT_MEMBER(NULL, f->name);
    size_t n = count_stops(r, f, v), put = 0;
    if (r->rc != DGM_OK)
        return;
    if (n > STOP_MAX)
        chat_ignore(r, CHAT_ELEMENT(place, STOP_MAX));
    if (n == 0) {
        chat_ignore(r, place);
        return;
    }
    struct json_iter it = json_iter(v);
    json_put_quoted_name(w, f->native);
    json_open_arr(w);
    if (json_kind(v) == JSON_STR)
        json_put_str(w, json_str(v));
    while (put < STOP_MAX && json_next(&it)) {
        if (json_str(it.value).n == 0)
            continue;
        json_put_str(w, json_str(it.value));
        put++;
    }
    json_close_arr(w);
}

static void put_response_format(struct dgm_request *r, const struct chat_field *f,
                                const struct json_val *v, struct json_writer *w)
{
    const struct chat_place *format = CHAT_MEMBER(NULL, f->name);
    const struct chat_place *place = CHAT_MEMBER(format, DGM_STR("type"));
    struct dgm_str name, mime;
    if (!chat_need_str(r, v, place, &name))
        return;
    if (dgm_str_eq(name, DGM_STR("json_schema"))) {
        if (!tools_carry_answer(r))
            chat_ignore(r, format);
        return;
    }
    chat_ignore_but(r, v, format, "type");
    mime = name;
    if (dgm_str_eq(name, DGM_STR("text")))
        mime = DGM_STR("text/plain");
    else if (dgm_str_eq(name, DGM_STR("json_object")))
        mime = DGM_STR("application/json");
    else if (dgm_str_find_char(name, '/') ==
             name.n) { /* a MIME type goes as it is, google.md 2.5 */
        chat_refuse(r, DGM_ERR_VALUE, place,
                    " must be text, json_object, json_schema or a MIME type.");
        return;
    }
    if (tools_carry_answer(r) && !dgm_str_eq(mime, DGM_STR("text/plain")))
        return; /* the MIME type would be refused beside functions */
    json_put_quoted_name(w, f->native);
    json_put_str(w, mime);
}

static void put_reasoning_effort(struct dgm_request *r, const struct chat_field *f,
                                 const struct json_val *v, struct json_writer *w)
{
    struct thinking t;
    if (!model_thinking(&r->model, json_str(v), &t)) {
        chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(NULL, f->name),
                    " must be one of none, minimal, low, medium, high, xhigh and max.");
        return;
    }
    if (!t.member) {
        chat_ignore(r, CHAT_MEMBER(NULL, f->name));
        return;
    }
    json_put_quoted_name(w, f->native);
    json_open_obj(w);
    json_put_key(w, dgm_str_c(t.member));
    json_put_raw(w, t.value);
    json_close_obj(w);
}

#define QUOTED_NAME(name) {"\"" name "\":", sizeof "\"" name "\":" - 1}

const struct chat_field chat_fields[CHAT_FIELDS] = {
#define FIELD(id, name, accepts, fate, native, min, max, put)                                      \
    [CHAT_##id] = {{name, sizeof name - 1}, accepts, fate, QUOTED_NAME(native), min, max, put},
#include "translate/chat_fields.def"
#undef FIELD
};

void chat_put_config(struct dgm_request *r, struct json_writer *w)
{
    struct json_writer before = *w;
    size_t bytes = r->body.n;
    json_put_name(w, "generationConfig");
    json_open_obj(w);
    size_t empty_bytes = r->body.n;
    for (size_t i = 0; i < r->fields_n; i++) {
        if (!r->field[i] || chat_fields[i].fate != CONFIG)
            continue;
        chat_fields[i].put(r, &chat_fields[i], r->field[i], w);
        if (r->rc != DGM_OK) /* the body is of no use any more */
            return;
    }
    if (r->media_resolution.n)
        json_member_str(w, "mediaResolution", r->media_resolution);
    if (r->body.n == empty_bytes) { /* nothing was put: no object either */
        r->body.n = bytes;
        *w = before;
        return;
    }
    json_close_obj(w);
}
