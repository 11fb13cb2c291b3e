/* SPDX-License-Identifier: Apache-2.0 */
/* extra.c - extra_content.google of a message or a delta: what OpenAI has no place for. */
#include "translate/extra.h"
#include "translate/compat.h"
#include "translate/images.h"

#include "base/str.h"

#include <string.h>

enum carried_when { ALWAYS, AT_END };

static const struct {
    struct dgm_str name;
    enum carried_when when;
} carried[CARRIED_N] = {
#define CARRIED(native, name, when) {{name, sizeof name - 1}, when},
#include "translate/carried.def"
#undef CARRIED
};

bool extra_read(const struct choice *c, const struct json_val *const found[CARRIED_N],
                struct answer_piece *p)
{
    bool any = false;
    for (size_t i = 0; i < CARRIED_N; i++) {
        bool wanted = chat_is_said(found[i]) && (carried[i].when == ALWAYS || c->finish.p);
        p->carried[i] = wanted ? found[i] : NULL;
        any = any || wanted;
    }
    return any;
}

void extra_open(struct json_writer *w)
{
    json_put_name(w, "extra_content");
    json_open_text(w, DGM_STR("{\"google\":{"), 2, 0);
}

void extra_close(struct json_writer *w)
{
    json_close_text(w, DGM_STR("}}"), 2);
}

/*
 * The last signature of a part that has no other place for it: it goes back on the message's last text (google.md 3.4,
 * 9.1). In Google's shape that is an image's place, too.
 */
static struct dgm_str last_signature(const struct dgm_request *r, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    struct dgm_str last = {0};
    while (json_next(&it))
        if (answer_signature(it.value).n &&
            (answer_part(it.value) != SAYS_IMAGE || compat_is_google(r)))
            last = answer_signature(it.value);
    return last;
}

/*
 * A part as it came, with what tells where it stood: behind how many bytes of the content and how many calls, where there
 * are any (native_parts.c reads it). One of a stream gets an index: what clients put lists together by, and
 * openai-python fails without (C1).
 */
static void put_part(struct json_writer *w, struct choice *c, const struct json_val *part,
                     const struct part_at *at, bool whole)
{
    static const struct dgm_str ours[] = {DGM_STR("index"), DGM_STR("after_bytes"),
                                          DGM_STR("after_calls")};
    struct json_iter it = json_iter(part);
    json_open_obj(w);
    if (!whole)
        json_member_int(w, "index", c->others++);
    if (at->bytes != 0)
        json_member_int(w, "after_bytes", at->bytes);
    if (at->calls != 0)
        json_member_int(w, "after_calls", at->calls);
    while (json_next(&it)) {
        if (dgm_str_index(it.name, ours, sizeof ours / sizeof *ours) < sizeof ours / sizeof *ours)
            continue;
        json_put_key(w, it.name);
        json_put_val(w, it.value);
    }
    json_close_obj(w);
}

/* Parts that no member of OpenAI's shows, as they came: code and its result, a second sound, what is new. */
static void put_parts(struct json_writer *w, struct choice *c, const struct answer_piece *p,
                      bool carries_images, bool whole)
{
    struct json_iter it = json_iter(p->parts);
    struct part_at at = p->at;
    struct dgm_str places = dgm_buf_str(&c->places);
    bool any = false, sounded = false;
    size_t images = 0;
    while (json_next(&it)) {
        enum answer_part kind = answer_part(it.value);
        struct part_at here = {.bytes = c->at.bytes, .calls = at.calls};
        part_at_pass(&at, it.value, kind);
        bool shown = kind != SAYS_OTHER && (kind != SAYS_SOUND || !sounded) &&
                     (kind != SAYS_IMAGE || !carries_images);
        sounded = sounded || kind == SAYS_SOUND;
        if (!answer_takes(p, kind, &images))
            continue;
        if (answer_has_place(kind) &&
            places.n != 0) { /* none: all of it stands behind the content */
            memcpy(&here.bytes, places.p, sizeof here.bytes);
            places = dgm_str_skip(places, sizeof here.bytes);
        }
        if (shown)
            continue;
        if (!any) {
            json_put_name(w, "parts");
            json_open_arr(w);
        }
        any = true;
        put_part(w, c, it.value, &here, whole);
    }
    if (any)
        json_close_arr(w);
}

static void put_finish(const struct dgm_request *r, struct json_writer *w, const struct choice *c)
{
    if (c->native.n)
        json_member_str(w, "finish_reason", c->native);
    if (r->version.n)
        json_member_str(w, "model_version", r->version);
}

static void put_rows(struct json_writer *w, const struct answer_piece *p, unsigned rows)
{
    for (size_t i = 0; i < CARRIED_N; i++) {
        if (!(rows >> i & 1))
            continue;
        json_put_key(w, carried[i].name);
        json_put_val(w, p->carried[i]);
    }
}

static void put_carried(struct json_writer *w, struct choice *c, const struct answer_piece *p)
{
    unsigned rows = 0;
    for (size_t i = 0; i < CARRIED_N; i++)
        rows |= p->carried[i] ? 1U << i : 0;
    const unsigned again = rows & c->carried;
    put_rows(w, p, rows & ~again);
    c->carried |= rows;
    if (again == 0)
        return;
    json_put_name(w, "more");
    json_open_arr(w);
    json_open_obj(w);
    json_member_int(w, "index", c->more++);
    put_rows(w, p, again);
    json_close_obj(w);
    json_close_arr(w);
}

void extra_put(const struct dgm_request *r, struct json_writer *w, struct choice *c,
               const struct answer_piece *p, bool whole)
{
    extra_open(w);
    if (p->said & SAID_SIGNATURE)
        json_member_str(w, "thought_signature", last_signature(r, p->parts));
    if (whole)
        put_finish(r, w, c);
    if (p->said & SAID_CARRIED)
        put_carried(w, c, p);
    if (p->said & SAID_PARTS)
        put_parts(w, c, p, r->env.image_output == DGM_IMAGES_EXTRA, whole);
    if (p->said & SAID_MARKS)
        images_put_marks(w, p);
    extra_close(w);
}

void answer_put_end(const struct dgm_request *r, struct json_writer *w, const struct choice *c)
{
    if (c->native.n == 0 && r->version.n == 0)
        return;
    extra_open(w);
    put_finish(r, w, c);
    extra_close(w);
}
