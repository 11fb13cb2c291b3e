/* SPDX-License-Identifier: Apache-2.0 */
/* google.c - Google's own members of a request, read wherever clients put them. */
#include "translate/google.h"

#include "base/str.h"
#define NAME_BYTES_MAX 64 /* of the names in our tables */

static const unsigned accepts[GOOGLE_FIELDS] = {
#define GOOGLE(id, name, accepts, ...) [GOOGLE_##id] = accepts,
#include "translate/google_fields.def"
#undef GOOGLE
};

const struct dgm_str google_names[GOOGLE_FIELDS] = {
#define GOOGLE(id, name, ...) [GOOGLE_##id] = {name, sizeof name - 1},
#include "translate/google_fields.def"
#undef GOOGLE
};

const struct json_val *const google_none[GOOGLE_FIELDS] = {0};

/* ---- names ---- */

bool google_is_name(struct dgm_str name, struct dgm_str snake)
{
    size_t at = 0;
    bool camel = false;
    if (dgm_str_eq(name, snake))
        return true;
    for (size_t i = 0; i < snake.n; i++) {
        char c = snake.p[i];
        if (c == '_') {
            camel = true;
            continue;
        }
        if (camel && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        camel = false;
        if (at == name.n || name.p[at] != c)
            return false;
        at++;
    }
    return at == name.n;
}

void google_put_key(struct json_writer *w, struct dgm_str snake)
{
    char text[NAME_BYTES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < snake.n && n < sizeof text; i++) {
        bool hump = i != 0 && snake.p[i - 1] == '_' && snake.p[i] >= 'a' && snake.p[i] <= 'z';
        if (snake.p[i] != '_')
            text[n++] = (char)(hump ? snake.p[i] - 'a' + 'A' : snake.p[i]);
    }
    json_put_key(w, (struct dgm_str){text, n});
}

const struct json_val *google_get(const struct json_val *obj, struct dgm_str snake)
{
    struct json_iter it = json_iter(obj);
    while (json_next(&it))
        if (json_kind(it.value) != JSON_NULL && google_is_name(it.name, snake))
            return it.value;
    return NULL;
}

void google_refuse_unknown(struct dgm_request *r, const struct chat_place *place)
{
    chat_refuse(r, DGM_ERR_UNKNOWN, place, " is not among Google's members that are known here.");
}

void google_refuse_again(struct dgm_request *r, const struct chat_place *place)
{
    chat_refuse(r, DGM_ERR_BODY_TWICE, place,
                " stands twice in the same object, in one spelling or in two.");
}

/* ---- reading ---- */

/* Notes a member found in an object; `at` is its place, in the client's spelling. The last one counts. */
static void note_said(struct dgm_request *r, enum google_field_id id, const struct json_val *v,
                      const struct chat_place *in, const struct chat_place *at)
{
    if (!r->google_said)
        r->google_said = dgm_arena_take0(&r->arena, sizeof *r->google_said);
    struct google_said *said = r->google_said;
    if (!said) {
        chat_no_memory(r);
        return;
    }
    r->google = said->value;
    if (said->value[id] && said->in[id] == in)
        google_refuse_again(r, at);
    else if (said->value[id])
        chat_ignore(r, GOOGLE_MEMBER(r, id));
    said->value[id] = v;
    said->in[id] = in;
}

static void read_google(struct dgm_request *r, const struct json_val *google,
                        const struct chat_place *place)
{
    struct json_iter it = json_iter(google);
    if (json_kind(google) == JSON_NONE || json_kind(google) == JSON_NULL ||
        !chat_expect(r, google, J_OBJ, place))
        return;
    while (r->rc == DGM_OK && json_next(&it)) {
        const struct chat_place *at = CHAT_MEMBER(place, it.name);
        size_t id = 0;
        while (id < GOOGLE_FIELDS && !google_is_name(it.name, google_names[id]))
            id++;
        if (json_kind(it.value) == JSON_NULL)
            continue;
        if (id == GOOGLE_FIELDS) {
            google_refuse_unknown(r, at);
            return;
        }
        if (!chat_expect(r, it.value, accepts[id], at))
            return;
        note_said(r, (enum google_field_id)id, it.value, place, at);
    }
}

void google_read(struct dgm_request *r)
{
    static const struct chat_place top = {.member = {"google", 6}};
    static const struct chat_place body = {.member = {"extra_body", 10}};
    static const struct chat_place body_google = {.in = &body, .member = {"google", 6}};
    static const struct chat_place again = {.in = &body, .member = {"extra_body", 10}};
    static const struct chat_place again_google = {.in = &again, .member = {"google", 6}};
    const struct json_val *extra = r->field[CHAT_EXTRA_BODY];
    if (!extra && !r->field[CHAT_GOOGLE])
        return;
    const struct json_val *inner = json_get(extra, again.member);
    read_google(r, r->field[CHAT_GOOGLE], &top);
    if (r->rc != DGM_OK || !chat_names_differ(r, extra, &body))
        return;
    read_google(r, json_get(extra, top.member), &body_google);
    chat_ignore_but(r, extra, &body, "google", "extra_body");
    if (inner && json_kind(inner) != JSON_NULL && chat_expect(r, inner, J_OBJ, &again) &&
        chat_names_differ(r, inner, &again)) {
        read_google(r, json_get(inner, top.member), &again_google);
        chat_ignore_but(r, inner, &again, "google");
    }
    struct dgm_str marker = json_str(r->google[GOOGLE_THOUGHT_TAG_MARKER]);
    if (marker.n)
        r->thought_marker = marker;
    else if (marker.p)
        chat_ignore(r, GOOGLE_PLACE(r, THOUGHT_TAG_MARKER));
}

/* ---- extra_content ---- */

static bool put_first(const struct json_val **place, const struct json_val *v)
{
    if (*place)
        return false;
    *place = v;
    return true;
}

/* Reads one member into its place, if this place takes it and it is not said yet. True when it did. */
static bool read_extra(struct dgm_request *r, struct google_extra *ret, const struct json_iter *it,
                       const struct chat_place *place, unsigned takes)
{
    if (takes & EXTRA_THOUGHT && google_is_name(it->name, DGM_STR("thought"))) {
        if (ret->thought_said)
            return false;
        ret->thought_said = chat_expect(r, it->value, J_BOOL, place);
        ret->thought = json_bool(it->value, false);
        return true;
    }
    if (takes & EXTRA_SIGNATURE && google_is_name(it->name, DGM_STR("thought_signature"))) {
        if (ret->signature.p)
            return false;
        if (chat_expect(r, it->value, J_STR, place))
            ret->signature = json_str(it->value);
        return true;
    }
    if (takes & EXTRA_PARTS && google_is_name(it->name, DGM_STR("parts")))
        return chat_expect(r, it->value, J_ARR, place) && put_first(&ret->parts, it->value);
    if (takes & EXTRA_IMAGES && google_is_name(it->name, DGM_STR("images")))
        return chat_expect(r, it->value, J_ARR, place) && put_first(&ret->images, it->value);
    if (takes & EXTRA_VIDEO_METADATA && google_is_name(it->name, DGM_STR("video_metadata")))
        return chat_expect(r, it->value, J_OBJ, place) &&
               put_first(&ret->video_metadata, it->value);
    if (takes & EXTRA_MEDIA_RESOLUTION && google_is_name(it->name, DGM_STR("media_resolution")))
        return chat_expect(r, it->value, J_STR | J_OBJ, place) &&
               put_first(&ret->media_resolution, it->value);
    return false;
}

struct google_extra google_extra(struct dgm_request *r, const struct json_val *obj,
                                 const struct chat_place *place, unsigned takes)
{
    static const struct dgm_str names[] = {{"google", 6}, {"vertex", 6}};
    struct google_extra ret = {0};
    const struct json_val *content = json_get(obj, DGM_STR("extra_content"));
    const struct chat_place *extra = CHAT_MEMBER(place, DGM_STR("extra_content"));
    if (!content || json_kind(content) == JSON_NULL)
        return ret;
    if (json_kind(content) != JSON_OBJ)
        chat_ignore(r, extra);
    chat_ignore_but(r, content, extra, "google", "vertex");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct chat_place *in = CHAT_MEMBER(extra, names[i]);
        const struct json_val *says = json_get(content, names[i]);
        struct json_iter it = json_iter(says);
        if (says && json_kind(says) != JSON_OBJ && json_kind(says) != JSON_NULL)
            chat_ignore(r, in);
        while (json_kind(says) == JSON_OBJ && json_next(&it)) {
            const struct chat_place *member = CHAT_MEMBER(in, it.name);
            if (json_kind(it.value) == JSON_NULL || read_extra(r, &ret, &it, member, takes))
                continue;
            if (takes & EXTRA_PARTS) /* an answer's, as we gave it */
                chat_ignore_softly(r, member);
            else
                chat_ignore(r, member);
        }
    }
    return ret;
}
