/* SPDX-License-Identifier: Apache-2.0 */
/* native_parts.c - parts of Gemini's own in a message of the model: read, and put back where they stood. */
#include "translate/native_parts.h"

#include "base/str.h"
#include "translate/media.h"

/* Members of ours, and those that stand beside a part's own. */
enum { AT_INDEX, AT_BYTES, AT_CALLS, AT_SIGNATURE, AT_THOUGHT, BESIDES };

static const struct dgm_str besides[BESIDES] = {
    [AT_INDEX] = {"index", 5},        [AT_BYTES] = {"after_bytes", 11},
    [AT_CALLS] = {"after_calls", 11}, [AT_SIGNATURE] = {"thought_signature", 17},
    [AT_THOUGHT] = {"thought", 7},
};

static size_t find_beside(struct dgm_str name)
{
    size_t i = 0;
    while (i < BESIDES && !google_is_name(name, besides[i]))
        i++;
    return i;
}

/* Only Gemini 3 and newer on the Gemini API know of parts for tools of Google's own. */
static bool is_known_to(const struct dgm_request *r, struct dgm_str name)
{
    bool is_tool = google_is_name(name, DGM_STR("tool_call")) ||
                   google_is_name(name, DGM_STR("tool_response"));
    return !is_tool || (r->surface == DGM_GEMINI && r->model.generation >= GEMINI_3);
}

/* A medium is none without its bytes and its type. */
static bool is_whole(const struct native_parts *p)
{
    return !google_is_name(p->name, DGM_STR("inline_data")) ||
           (json_str(google_get(p->value, DGM_STR("mime_type"))).n != 0 &&
            json_str(google_get(p->value, DGM_STR("data"))).n != 0);
}

static void read_beside(struct native_parts *p, size_t which, const struct json_val *v)
{
    bool blanks;
    if (which == AT_BYTES)
        json_int(v, &p->at.bytes);
    else if (which == AT_CALLS)
        json_int(v, &p->at.calls);
    else if (which == AT_SIGNATURE && json_str(v).n && media_is_base64(json_str(v), &blanks) &&
             !blanks)
        p->signature = json_str(v);
}

/* Reads one part. False: it is none that can be sent, and is named. */
static bool read_part(struct native_parts *p, const struct json_val *part,
                      const struct chat_place *place)
{
    struct json_iter it = json_iter(part);
    bool sound = json_kind(part) == JSON_OBJ, usable = true;
    p->name = p->signature = (struct dgm_str){0};
    p->at = (struct part_at){0};
    while (json_next(&it)) {
        size_t which = find_beside(it.name);
        if (json_kind(it.value) == JSON_NULL)
            continue;
        if (which < BESIDES) {
            read_beside(p, which, it.value);
            continue;
        }
        sound = sound && !p->name.p && google_is_part(it.name);
        usable = usable && is_known_to(p->r, it.name);
        p->name = it.name;
        p->value = it.value;
    }
    if (sound && usable && p->name.p &&
        google_check_part(p->r, p->value, CHAT_MEMBER(place, p->name)) && is_whole(p))
        return true;
    p->name = (struct dgm_str){0};
    if (sound) /* as a model made it, elsewhere */
        chat_ignore_softly(p->r, place);
    else
        chat_ignore(p->r, place);
    return false;
}

static void move_on(struct native_parts *p)
{
    const struct chat_place *google = CHAT_MEMBER(
        CHAT_MEMBER(CHAT_MESSAGE(p->message), DGM_STR("extra_content")), DGM_STR("google"));
    const struct chat_place *parts = CHAT_MEMBER(google, DGM_STR("parts"));
    p->name = (struct dgm_str){0};
    while (p->r->rc == DGM_OK && json_next(&p->it))
        if (read_part(p, p->it.value, CHAT_ELEMENT(parts, p->it.index)))
            return;
}

struct native_parts native_parts(struct dgm_request *r, const struct json_val *parts,
                                 size_t message)
{
    struct native_parts p = {.r = r, .message = message, .it = json_iter(parts)};
    if (parts) /* few messages have any */
        move_on(&p);
    return p;
}

void native_parts_put(struct native_parts *p, struct chat_contents *c)
{
    chat_open_part(c, TURN_MODEL);
    google_put_part(c->r, c->w, p->name, p->value);
    if (p->signature.n)
        json_member_str(c->w, "thoughtSignature", p->signature);
    json_close_obj(c->w);
    move_on(p);
}

size_t native_parts_within(const struct native_parts *p, struct dgm_str text, size_t from)
{
    if (!p->name.p || p->at.calls > 0 || p->at.bytes >= (int64_t)text.n)
        return text.n;
    size_t at = p->at.bytes > (int64_t)from ? (size_t)p->at.bytes : from;
    bool between = at == text.n || ((unsigned char)text.p[at] & 0xc0) != 0x80;
    return between ? at : text.n;
}
