/* SPDX-License-Identifier: Apache-2.0 */
/* relay_messages.c - a message that goes on to a server: as it came, but for what quirks.def says of its history. */
#include "translate/relay.h"

#include "base/str.h"
#include "translate/tries.h"
#include "translate/urls.h"

#define MESSAGES CHAT_MEMBER(NULL, DGM_STR("messages"))

/* What must be known of a message before its members are looked at one by one. */
struct message {
    size_t index;
    struct json_raw val;
    bool calls; /* it has some */
    bool reasoning_content, reasoning;
};

bool relay_is_there(struct json_raw v)
{
    return v.kind != JSON_NONE && v.kind != JSON_NULL;
}

static bool is_empty_array(struct json_raw v)
{
    struct json_raw_iter it = json_raw_iter(v);
    return v.kind == JSON_ARR && !json_raw_next(&it);
}

static bool is_empty_string(struct json_raw v)
{
    return v.kind == JSON_STR && v.text.n == 2;
}

/* ---- texts ---- */

/* Whether a content is a text: a string, or an array of text parts alone. */
bool relay_is_text(struct json_raw content)
{
    struct json_raw_iter it = json_raw_iter(content);
    if (content.kind != JSON_ARR || is_empty_array(content))
        return content.kind == JSON_STR;
    while (json_raw_next(&it))
        if (!json_raw_says(json_raw_get(it.value, DGM_STR("type")).text, DGM_STR("text")) ||
            json_raw_get(it.value, DGM_STR("text")).kind != JSON_STR)
            return false;
    return true;
}

struct dgm_str relay_inside(struct dgm_str quoted)
{
    return dgm_str_skip(dgm_str_head(quoted, quoted.n - 1), 1);
}

/* Puts what stands between the quotes of a text: its parts are lines of it. */
void relay_put_text(struct splice *s, struct json_raw content)
{
    struct json_raw_iter it = json_raw_iter(content);
    if (content.kind == JSON_STR)
        splice_put(s, relay_inside(content.text));
    while (json_raw_next(&it)) {
        if (it.index)
            splice_put_lit(s, "\\n");
        splice_put(s, relay_inside(json_raw_get(it.value, DGM_STR("text")).text));
    }
}

/* ---- extra_content ---- */

static bool is_extra(struct dgm_request *r, const struct json_raw_iter *m,
                     const struct chat_place *place)
{
    const struct dgm_str name = DGM_STR("extra_content");
    if (!relay_has(r, QUIRK_GOOGLE_EXTRAS) || !json_raw_says(m->name, name))
        return false;
    if (relay_is_there(m->value))
        chat_ignore_softly(r, CHAT_MEMBER(place, name));
    return true;
}

/* ---- parts ---- */

/* Puts what was given for a URL, in its place. False, and nothing, where that is none, or nothing was. */
static bool put_given(struct dgm_request *r, struct json_raw url, const struct url_part *part,
                      const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    const struct dgm_url *given = url.kind == JSON_STR ? urls_find_quoted(r, url.text) : NULL;
    if (!given)
        return false;
    struct dgm_str mime = urls_mime(given);
    if (!mime.p && !part->bare)
        chat_refuse(r, DGM_ERR_URL_UNREAD, place,
                    ": neither its bytes nor its host nor its name tell what it is.");
    splice_put(s, part->bare ? DGM_STR("\"") : DGM_STR("\"data:"));
    if (!part->bare) {
        splice_put(s, mime);
        splice_put_lit(s, ";base64,");
    }
    splice_put(s, given->base64);
    splice_put_lit(s, "\"");
    return true;
}

static void put_medium(struct dgm_request *r, struct json_raw medium, const struct url_part *part,
                       const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(medium);
    if (medium.kind != JSON_OBJ) {
        if (!put_given(r, medium, part, place))
            splice_put(s, medium.text);
        return;
    }
    splice_open(s, &l, medium);
    while (json_raw_next(&it)) {
        if (!json_raw_says(it.name, part->source)) {
            splice_keep(s, &l, &it);
            continue;
        }
        splice_begin(s, &l, &it);
        if (!put_given(r, it.value, part, place))
            splice_put(s, it.value.text);
    }
    splice_close(s, &l);
}

void relay_put_part(struct dgm_request *r, struct json_raw part, const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(part);
    if (part.kind != JSON_OBJ) {
        splice_put(s, part.text);
        return;
    }
    splice_open(s, &l, part);
    while (json_raw_next(&it)) {
        const struct url_part *medium = r->urls_n != 0 ? urls_part(it.name) : NULL;
        if (medium) {
            splice_begin(s, &l, &it);
            put_medium(r, it.value, medium, CHAT_MEMBER(place, medium->type));
        } else if (is_extra(r, &it, place)) {
            splice_drop(&l, &it);
        } else {
            splice_keep(s, &l, &it);
        }
    }
    splice_close(s, &l);
}

static void put_parts(struct dgm_request *r, struct json_raw parts, const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(parts);
    splice_open(s, &l, parts);
    while (json_raw_next(&it)) {
        splice_begin(s, &l, &it);
        relay_put_part(r, it.value, CHAT_ELEMENT(place, it.index));
    }
    splice_close(s, &l);
}

/* ---- calls ---- */

static void put_function(struct dgm_request *r, struct json_raw function)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(function);
    bool mends = relay_has(r, QUIRK_ARGUMENTS_EMPTY), argued = false;
    splice_open(s, &l, function);
    while (json_raw_next(&it)) {
        bool is_arguments = json_raw_says(it.name, DGM_STR("arguments"));
        if (mends && is_arguments && (!relay_is_there(it.value) || is_empty_string(it.value))) {
            splice_drop(&l, &it);
            continue;
        }
        argued = argued || is_arguments;
        splice_keep(s, &l, &it);
    }
    if (mends && !argued) {
        splice_add(s, &l);
        splice_put_lit(s, "\"arguments\":\"{}\"");
    }
    splice_close(s, &l);
}

static void put_call(struct dgm_request *r, struct json_raw call, const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(call);
    if (call.kind != JSON_OBJ) {
        splice_put(s, call.text);
        return;
    }
    splice_open(s, &l, call);
    while (json_raw_next(&it)) {
        if (is_extra(r, &it, place)) {
            splice_drop(&l, &it);
        } else if (it.value.kind == JSON_OBJ && json_raw_says(it.name, DGM_STR("function"))) {
            splice_begin(s, &l, &it);
            put_function(r, it.value);
        } else {
            splice_keep(s, &l, &it);
        }
    }
    splice_close(s, &l);
}

static void put_calls(struct dgm_request *r, struct json_raw calls, const struct chat_place *place)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(calls);
    splice_open(s, &l, calls);
    while (json_raw_next(&it)) {
        splice_begin(s, &l, &it);
        put_call(r, it.value, CHAT_ELEMENT(place, it.index));
    }
    splice_close(s, &l);
}

/* ---- one message ---- */

static bool flattens(const struct dgm_request *r)
{
    return relay_has(r, QUIRK_TEXT_PARTS) || tries_has(r, DGM_TRY_FLATTEN);
}

static void put_content(struct dgm_request *r, struct splice_level *l,
                        const struct json_raw_iter *m, const struct message *message)
{
    struct splice *s = &r->relay->body;
    bool idle = m->value.kind == JSON_NULL || is_empty_string(m->value);
    if (message->calls && idle && relay_has(r, QUIRK_CONTENT_BESIDE_CALLS)) {
        splice_drop(l, m);
    } else if (m->value.kind != JSON_ARR) {
        splice_keep(s, l, m);
    } else if (flattens(r) && relay_is_text(m->value)) {
        chat_warn(r, DGM_STR("messages"), DGM_STR("contents of text parts are sent as one text"));
        splice_begin(s, l, m);
        splice_put_lit(s, "\"");
        relay_put_text(s, m->value);
        splice_put_lit(s, "\"");
    } else {
        splice_begin(s, l, m);
        put_parts(r, m->value, CHAT_MESSAGE_MEMBER(message->index, DGM_STR("content")));
    }
}

/* reasoning_content and reasoning: `other` is the one that this is not, and `both` whether it is there too. */
static void put_reasoning(struct dgm_request *r, struct splice_level *l,
                          const struct json_raw_iter *m, size_t index, struct dgm_str name,
                          struct dgm_str other, bool both)
{
    struct splice *s = &r->relay->body;
    if (relay_has(r, QUIRK_REASONING_NONE)) {
        chat_ignore_softly(r, CHAT_MESSAGE_MEMBER(index, name));
        splice_drop(l, m);
        return;
    }
    if (both && relay_has(r, QUIRK_REASONING_ONCE) && dgm_str_eq(name, DGM_STR("reasoning"))) {
        splice_drop(l, m);
        return;
    }
    splice_keep(s, l, m);
    if (both || !relay_has(r, QUIRK_REASONING_BOTH))
        return;
    splice_add(s, l);
    splice_put(s, other);
    splice_put(s, m->value.text);
}

/* True when the member was dealt with, or is to be left out. */
static bool put_special(struct dgm_request *r, struct splice_level *l,
                        const struct json_raw_iter *m, const struct message *message)
{
    struct splice *s = &r->relay->body;
    const struct dgm_str reasoning_content = DGM_STR("reasoning_content"),
                         reasoning = DGM_STR("reasoning");
    const struct chat_place *place = CHAT_ELEMENT(MESSAGES, message->index);
    if (json_raw_says(m->name, DGM_STR("content"))) {
        put_content(r, l, m, message);
    } else if ((m->value.kind == JSON_NULL && relay_has(r, QUIRK_MESSAGE_NULLS)) ||
               is_extra(r, m, place)) {
        splice_drop(l, m);
    } else if (json_raw_says(m->name, DGM_STR("role"))) {
        if (!relay_has(r, QUIRK_DEVELOPER) || !json_raw_says(m->value.text, DGM_STR("developer")))
            return false;
        chat_warn(r, DGM_STR("messages"), DGM_STR("the role developer is sent as system"));
        splice_begin(s, l, m);
        splice_put_lit(s, "\"system\"");
    } else if (json_raw_says(m->name, DGM_STR("tool_calls")) && m->value.kind == JSON_ARR) {
        if (!message->calls && relay_has(r, QUIRK_CALLS_EMPTY)) {
            splice_drop(l, m);
            return true;
        }
        splice_begin(s, l, m);
        put_calls(r, m->value, CHAT_MEMBER(place, DGM_STR("tool_calls")));
    } else if (json_raw_says(m->name, reasoning_content)) {
        put_reasoning(r, l, m, message->index, reasoning_content, DGM_STR("\"reasoning\":"),
                      message->reasoning);
    } else if (json_raw_says(m->name, reasoning)) {
        put_reasoning(r, l, m, message->index, reasoning, DGM_STR("\"reasoning_content\":"),
                      message->reasoning_content);
    } else {
        return false;
    }
    return true;
}

void relay_put_message(struct dgm_request *r, const struct json_raw_iter *element)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw val = element->value, calls = json_raw_get(val, DGM_STR("tool_calls"));
    struct json_raw_iter it = json_raw_iter(val);
    const struct message message = {
        .index = element->index,
        .val = val,
        .calls = calls.kind == JSON_ARR && !is_empty_array(calls),
        .reasoning_content = relay_is_there(json_raw_get(val, DGM_STR("reasoning_content"))),
        .reasoning = relay_is_there(json_raw_get(val, DGM_STR("reasoning"))),
    };
    splice_open(s, &l, val);
    while (json_raw_next(&it))
        if (!put_special(r, &l, &it, &message))
            splice_keep(s, &l, &it);
    splice_close(s, &l);
}
