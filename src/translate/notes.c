/* SPDX-License-Identifier: Apache-2.0 */
/* notes.c - what a request says about its body: places, refusals, and notes. */
#include "translate/chat.h"

#include "base/str.h"
#include "base/utf8.h"

#define NAME_BYTES_MAX 100 /* of one ignored name in the header */
#define NOTE_BYTES_MAX 125 /* of any other note: all of a kind stay below 4 KiB */

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

/* With the indexes of elements, or with "[]" for each. */
static void put_place(struct dgm_buf *out, const struct chat_place *place, bool with_index)
{
    if (!place)
        return;
    put_place(out, place->in, with_index);
    if (!place->member.p) {
        dgm_buf_put_lit(out, "[");
        if (with_index)
            dgm_buf_put_int(out, (int64_t)place->index);
        dgm_buf_put_lit(out, "]");
        return;
    }
    if (place->in)
        dgm_buf_put_lit(out, ".");
    dgm_buf_put(out, dgm_utf8_head(place->member, sizeof((struct dgm_fail *)0)->param));
}

void chat_put_place(struct dgm_buf *out, const struct chat_place *place)
{
    put_place(out, place, true);
}

/* ---- refusals ---- */

void chat_fail(struct dgm_request *r, enum dgm_error id, struct dgm_str param,
               const struct dgm_str detail[4])
{
    if (r->rc != DGM_OK)
        return;
    r->fail = dgm_arena_take(&r->arena, sizeof *r->fail);
    if (!r->fail) {
        chat_no_memory(r);
        return;
    }
    r->rc = DGM_E_REFUSED;
    dgm_fail_set(r->fail, id, param, detail);
}

void chat__refuse(struct dgm_request *r, enum dgm_error id, const struct chat_place *place,
                  const char *const pieces[3])
{
    struct text t;
    struct dgm_str detail[4] = {0};
    text_init(&t);
    put_place(&t.buf, place, true);
    for (size_t i = 0; pieces[0] && i < 3; i++)
        detail[i + 1] = dgm_str_c(pieces[i]);
    if (pieces[0])
        detail[0] = dgm_buf_str(&t.buf);
    chat_fail(r, id, dgm_buf_str(&t.buf), detail);
}

void chat_no_memory(struct dgm_request *r)
{
    if (r->rc == DGM_OK)
        r->rc = dgm_arena_rc(&r->arena);
}

void chat_missing(struct dgm_request *r, const struct chat_place *place)
{
    chat_refuse(r, DGM_ERR_MISSING, place, " is missing.");
}

bool chat__unexpected(struct dgm_request *r, const struct json_val *v, unsigned accepts,
                      const struct chat_place *place)
{
    struct text kinds;
    text_init(&kinds);
    for (enum json_kind k = JSON_NUM; k <= JSON_OBJ; k++) {
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

bool chat_need_str(struct dgm_request *r, const struct json_val *obj,
                   const struct chat_place *place, struct dgm_str *ret)
{
    const struct json_val *v = json_get(obj, place->member);
    if (!v || json_kind(v) == JSON_NULL) {
        chat_missing(r, place);
        return false;
    }
    *ret = json_str(v);
    return chat_expect(r, v, J_STR, place);
}

CHAT_COLD static void refuse_range(struct dgm_request *r, double min, double max,
                                   const struct chat_place *place)
{
    struct text range;
    text_init(&range);
    dgm_buf_put_int(&range.buf, (int64_t)min);
    dgm_buf_put_lit(&range.buf, " to ");
    dgm_buf_put_int(&range.buf, (int64_t)max);
    chat_refuse(r, DGM_ERR_RANGE, place, " must be in the range ", text_end(&range), ".");
}

bool chat_in_range(struct dgm_request *r, const struct json_val *v, double min, double max,
                   const struct chat_place *place)
{
    double d;
    if ((min == 0 && max == 0) || (json_double(v, &d) && d >= min && d <= max))
        return true;
    refuse_range(r, min, max, place);
    return false;
}

bool chat_need_int(struct dgm_request *r, const struct json_val *v, const struct chat_place *place,
                   int64_t *ret)
{
    if (json_int(v, ret))
        return true;
    chat_refuse(r, DGM_ERR_TYPE, place, " must be an integer.");
    return false;
}

bool chat_names_differ(struct dgm_request *r, const struct json_val *obj,
                       const struct chat_place *place)
{
    struct dgm_str name;
    if (json_twice(obj, &r->arena, &name) != DGM_OK) {
        chat_no_memory(r);
        return false;
    }
    if (!name.p)
        return true;
    chat_refuse(r, DGM_ERR_BODY_TWICE, CHAT_MEMBER(place, name),
                " stands twice in the same object.");
    return false;
}

/* ---- notes ---- */

/* A header will carry the note: anything but printable ASCII becomes "?", and none is long or empty. */
static struct dgm_str showable(struct text *t)
{
    for (size_t i = 0; i < t->buf.n; i++)
        if (t->bytes[i] < ' ' || t->bytes[i] >= 0x7f || t->bytes[i] == ',')
            t->bytes[i] = '?';
    return t->buf.n ? dgm_buf_str(&t->buf) : DGM_STR("?");
}

struct chat_notes *chat_notes(struct dgm_request *r, enum dgm_note kind)
{
    if (!r->notes)
        r->notes = dgm_arena_take0(&r->arena, NOTE_KINDS * sizeof *r->notes);
    if (!r->notes)
        chat_no_memory(r);
    return r->notes ? &r->notes[kind] : NULL;
}

static void add_note(struct dgm_request *r, enum dgm_note kind, struct text *t)
{
    struct chat_notes *notes = chat_notes(r, kind);
    struct dgm_str note = showable(t);
    if (!notes)
        return;
    for (size_t i = 0; i < notes->n; i++)
        if (dgm_str_eq(notes->notes[i], note))
            return;
    if (notes->n == NOTES_MAX)
        return;
    if (!notes->notes)
        notes->notes = dgm_arena_take(&r->arena, NOTES_MAX * sizeof *notes->notes);
    if (!notes->notes) {
        chat_no_memory(r);
        return;
    }
    /* The last place says that there are more. */
    if (notes->n == NOTES_MAX - 1)
        note = DGM_STR("...");
    note = dgm_arena_copy(&r->arena, note);
    if (note.p)
        notes->notes[notes->n++] = note;
    else
        chat_no_memory(r);
}

void chat_note(struct dgm_request *r, enum dgm_note kind, const struct dgm_str pieces[4])
{
    struct text t;
    text_init(&t);
    for (size_t i = 0; i < 4; i++)
        dgm_buf_put(&t.buf, dgm_str_head(pieces[i], sizeof t.bytes - 1 - t.buf.n));
    t.buf.n = t.buf.n < NOTE_BYTES_MAX ? t.buf.n : NOTE_BYTES_MAX;
    add_note(r, kind, &t);
}

void chat_warn(struct dgm_request *r, struct dgm_str member, struct dgm_str sentence)
{
    chat_note(r, DGM_NOTE_WARNING, (const struct dgm_str[4]){member, DGM_STR(": "), sentence});
}

void chat_ignore_softly(struct dgm_request *r, const struct chat_place *place)
{
    struct text t;
    text_init(&t);
    put_place(&t.buf, place, false);
    t.buf.n = t.buf.n < NAME_BYTES_MAX ? t.buf.n : NAME_BYTES_MAX;
    for (size_t i = 0; i < t.buf.n; i++)
        if (t.bytes[i] == ' ') /* a blank in a name would read as the end of a list's item */
            t.bytes[i] = '?';
    add_note(r, DGM_NOTE_IGNORED, &t);
}

void chat_ignore(struct dgm_request *r, const struct chat_place *place)
{
    if (r->env.strict)
        chat_refuse(r, DGM_ERR_UNSUPPORTED, place,
                    " has no effect here, and the strict setting refuses such members.");
    else
        chat_ignore_softly(r, place);
}

void chat__ignore_but(struct dgm_request *r, const struct json_val *obj,
                      const struct chat_place *place, const char *const names[])
{
    struct json_iter it = json_iter(obj);
    while (json_next(&it)) {
        bool known = json_kind(it.value) == JSON_NULL;
        for (size_t i = 0; names[i] && !known; i++)
            known = dgm_str_eq(it.name, dgm_str_c(names[i]));
        if (!known)
            chat_ignore(r, CHAT_MEMBER(place, it.name));
    }
}

void chat_keep_notes(struct dgm_request *r)
{
    for (size_t i = 0; r->notes && i < NOTE_KINDS; i++)
        r->notes[i].kept = r->notes[i].n;
}

void chat_drop_notes(struct dgm_request *r)
{
    for (size_t i = 0; r->notes && i < NOTE_KINDS; i++)
        r->notes[i].n = r->notes[i].kept;
}

static void end_notes(struct dgm_request *r, struct chat_notes *notes)
{
    struct dgm_buf text;
    notes->text = DGM_STR("");
    if (notes->n == 0)
        return;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), NOTES_MAX * (NOTE_BYTES_MAX + 2));
    for (size_t i = 0; i < notes->n; i++) {
        if (i)
            dgm_buf_put_lit(&text, ", ");
        dgm_buf_put(&text, notes->notes[i]);
    }
    if (text.rc != DGM_OK)
        chat_no_memory(r);
    notes->text = dgm_buf_str(&text);
}

void chat_end_notes(struct dgm_request *r)
{
    for (size_t i = 0; r->notes && i < NOTE_KINDS; i++)
        end_notes(r, &r->notes[i]);
}
