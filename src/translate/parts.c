/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c - one part of a message's content. */
#include "translate/parts.h"

#include "base/str.h"
#include "translate/echo.h"
#include "translate/prefix.h"
#include "translate/urls.h"

#include <string.h>

enum kind { TEXT, MEDIA, SCALED };

struct part_kind {
    struct dgm_str type;
    enum kind kind;
    unsigned accepts;
    struct dgm_str source, other, otherwise;
};

#define LITERAL(s) {s, sizeof s - 1}

static const struct part_kind kinds[] = {
#define PART(type, kind, accepts, source, other, otherwise)                                        \
    {LITERAL(type), kind, accepts, LITERAL(source), LITERAL(other), LITERAL(otherwise)},
#include "translate/parts.def"
#undef PART
};

static const struct {
    struct dgm_str word, level;
} details[] = {
#define DETAIL(word, level) {LITERAL(word), LITERAL(level)},
#include "translate/details.def"
#undef DETAIL
};

/* Where the Gemini API keeps uploaded files; a file's name is "files/...". */
#define FILES DGM_STR("https://generativelanguage.googleapis.com/v1beta/")

/* ---- looking at a part -------------------------------------------------------------------------------- */

static const struct part_kind *find_kind(struct dgm_str type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (dgm_str_eq(type, kinds[i].type))
            return &kinds[i];
    return NULL;
}

static void refuse_type(struct dgm_request *r, const struct json_val *part,
                        const struct chat_place *place)
{
    struct dgm_str type;
    if (!chat_expect(r, part, J_OBJ, place) ||
        !chat_need_str(r, part, CHAT_MEMBER(place, DGM_STR("type")), &type))
        return;
    chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(place, DGM_STR("type")),
                " must be one of text, refusal, image_url, input_audio, file and video_url.");
}

struct part part_read(struct dgm_request *r, const struct json_val *val,
                      const struct chat_place *place)
{
    struct part p = {.val = val, .kind = find_kind(json_get_str(val, DGM_STR("type")))};
    if (!p.kind) {
        refuse_type(r, val, place);
        return p;
    }
    const struct chat_place *at = CHAT_MEMBER(place, p.kind->type);
    p.body = json_get(val, at->member);
    if (json_size(val) > 2) { /* most have a type, what it names, and no more */
        p.extra = json_get(val, DGM_STR("extra_content"));
        chat_ignore_but(r, val, place, "type", "extra_content", "index", at->member.p,
                        prefix_known(r, val));
    }
    if (!chat_is_said(p.body))
        chat_missing(r, at);
    else if (chat_expect(r, p.body, p.kind->accepts, at))
        return p;
    p.kind = NULL;
    return p;
}

struct dgm_str part_text(const struct part *p)
{
    return p->kind && p->kind->kind == TEXT ? json_str(p->body) : (struct dgm_str){0};
}

/* ---- media -------------------------------------------------------------------------------------------- */

/* The member that holds the medium, and its place. */
struct source {
    struct dgm_str text;
    struct chat_place place;
    bool is_other;
};

static bool find_source(struct dgm_request *r, const struct part *p, const struct chat_place *body,
                        struct source *ret)
{
    const struct part_kind *k = p->kind;
    *ret = (struct source){.text = json_str(p->body), .place = *body};
    if (ret->text.p)
        return true;
    const struct json_val *other = k->other.n ? json_get(p->body, k->other) : NULL;
    ret->place = (struct chat_place){.in = body, .member = k->source};
    ret->is_other = chat_is_said(other) && !chat_is_said(json_get(p->body, k->source));
    if (ret->is_other)
        ret->place.member = k->other;
    else if (other)
        chat_ignore(r, CHAT_MEMBER(body, k->other));
    return chat_need_str(r, p->body, &ret->place, &ret->text);
}

/* "files/abc" is a file of the Gemini API; any other name is nobody's here. */
static bool read_other(struct dgm_request *r, const struct source *s, struct media *ret)
{
    struct dgm_str files = DGM_STR("files/");
    if (media_read(s->text, ret) == MEDIA_URI)
        return true;
    if (!dgm_str_starts(s->text, files) || s->text.n == files.n) {
        chat_refuse(
            r, DGM_ERR_VALUE, &s->place,
            " must be a URI (gs://..., https://...) or the name of a file of the Gemini API ",
            "(files/...); files are not kept here.");
        return false;
    }
    struct dgm_buf uri;
    dgm_buf_init(&uri, dgm_arena_alloc(&r->arena), FILES.n + s->text.n);
    dgm_buf_put(&uri, FILES);
    dgm_buf_put(&uri, s->text);
    if (uri.rc != DGM_OK)
        chat_no_memory(r);
    *ret = (struct media){.uri = dgm_buf_str(&uri)};
    return uri.rc == DGM_OK;
}

static bool read_source(struct dgm_request *r, const struct source *s, struct media *ret)
{
    if (s->is_other)
        return read_other(r, s, ret);
    switch (media_read(s->text, ret)) {
    case MEDIA_DATA:
    case MEDIA_URI:
        return true;
    case MEDIA_NOT_DATA:
        chat_refuse(r, DGM_ERR_VALUE, &s->place,
                    " must have its bytes in base64: \"data:image/png;base64,...\".");
        return false;
    case MEDIA_NOT_BASE64:
    default:
        chat_refuse(r, DGM_ERR_VALUE, &s->place,
                    " is neither a URI (https://..., gs://..., data:...) nor base64.");
        return false;
    }
}

/* What the client said of the type, in either of the two members that clients use: a MIME type, or an extension. */
static bool read_format(struct dgm_request *r, const struct json_val *body,
                        const struct chat_place *place, struct dgm_str *ret)
{
    static const struct dgm_str names[] = {LITERAL("format"), LITERAL("mime_type")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct chat_place *at = CHAT_MEMBER(place, names[i]);
        const struct json_val *v = json_get(body, names[i]);
        if (!chat_is_said(v))
            continue;
        if (!chat_expect(r, v, J_STR, at))
            return false;
        struct dgm_str said = dgm_str_trim(json_str(v));
        if (said.n == 0)
            continue;
        *ret = dgm_str_find_char(said, '/') < said.n ? said : media_mime_of_extension(said);
        if (ret->p)
            return true;
        chat_refuse(r, DGM_ERR_VALUE, at, " must be a MIME type, as in \"audio/wav\", ",
                    "or a known extension, as in \"wav\".");
        return false;
    }
    return true;
}

/* From the field, the data: URL, the extension, the documented default: else the client is asked (user-pain E6). */
static bool find_mime(struct dgm_request *r, const struct part *p, const struct chat_place *place,
                      struct dgm_str filename, struct media *m)
{
    struct dgm_str said = {0};
    if (!read_format(r, p->body, place, &said))
        return false;
    if (said.p && !m->sure)
        m->mime = said;
    if (!m->mime.p)
        m->mime = media_mime_of_name(filename);
    if (!m->mime.p && m->uri.p)
        m->mime = media_mime_of_name(m->uri);
    if (!m->mime.p && media_is_youtube(m->uri))
        m->mime = DGM_STR("video/mp4");
    /* The Gemini API knows the types of its own files. */
    if (m->mime.p || (r->surface == DGM_GEMINI && media_is_file(m->uri)))
        return true;
    if (m->uri.p && !m->data.p && p->kind->otherwise.n) {
        m->mime = p->kind->otherwise;
        return true;
    }
    chat_refuse(r, DGM_ERR_VALUE, place, " does not tell its MIME type; give it as \"format\", ",
                "as in \"image/png\" or \"application/pdf\".");
    return false;
}

struct dgm_str part_uri(const struct json_val *part, struct dgm_str *ret_type)
{
    const struct part_kind *k = find_kind(json_get_str(part, DGM_STR("type")));
    if (!k || k->kind == TEXT)
        return (struct dgm_str){0};
    const struct json_val *body = json_get(part, k->type);
    struct dgm_str text = json_str(body);
    if (!text.p && k->other.n && !chat_is_said(json_get(body, k->source)))
        text = json_get_str(body, k->other);
    else if (!text.p)
        text = json_get_str(body, k->source);
    *ret_type = k->type;
    return media_is_uri(text) ? text : (struct dgm_str){0};
}

/* What a URI leads to, where that was given; the URI stays beside it for what its name tells. */
static void take_given(const struct dgm_request *r, struct media *m)
{
    const struct dgm_url *given = m->uri.p && r->urls_n != 0 ? urls_find(r, m->uri) : NULL;
    if (!given)
        return;
    m->data = given->base64;
    m->mime = given->mime;
    m->sure = given->sure;
}

bool part_media(struct dgm_request *r, const struct part *p, const struct chat_place *place,
                struct media *ret)
{
    if (!p->kind || p->kind->kind == TEXT)
        return false;
    const struct part_kind *k = p->kind;
    const struct chat_place *body = CHAT_MEMBER(place, k->type);
    const struct chat_place *named = CHAT_MEMBER(body, DGM_STR("filename"));
    const struct json_val *filename = k->other.n ? json_get(p->body, named->member) : NULL;
    struct source source;
    if (!find_source(r, p, body, &source) || !read_source(r, &source, ret))
        return false;
    if (chat_is_said(filename) && !chat_expect(r, filename, J_STR, named))
        return false;
    take_given(r, ret);
    if (!find_mime(r, p, body, json_str(filename), ret))
        return false;
    if (ret->data.p)
        ret->uri = (struct dgm_str){0};
    ret->name = json_str(filename);
    if (ret->name.n && r->surface != DGM_VERTEX)
        chat_ignore(r, named);
    chat_ignore_but(r, p->body, body, "format", "mime_type", k->source.p, k->other.p,
                    k->other.n ? "filename" : "", k->kind == SCALED ? "detail" : "");
    return true;
}

/* ---- resolution --------------------------------------------------------------------------------------- */

/* The level that a part's `detail` stands for: "" is auto, absent is nothing said. */
static struct dgm_str read_detail(struct dgm_request *r, const struct part *p,
                                  const struct chat_place *place)
{
    const struct json_val *v =
        p->kind->kind == SCALED ? json_get(p->body, DGM_STR("detail")) : NULL;
    const struct chat_place *at = CHAT_MEMBER(CHAT_MEMBER(place, p->kind->type), DGM_STR("detail"));
    if (!chat_is_said(v) || !chat_expect(r, v, J_STR, at))
        return (struct dgm_str){0};
    for (size_t i = 0; i < sizeof details / sizeof *details; i++)
        if (dgm_str_eq(json_str(v), details[i].word))
            return details[i].level;
    chat_refuse(r, DGM_ERR_VALUE, at, " must be one of auto, low, medium and high.");
    return (struct dgm_str){0};
}

/* A level, alone or as Google's object has it. */
static struct dgm_str read_level(const struct json_val *media_resolution)
{
    const struct json_val *level = google_get(media_resolution, DGM_STR("level"));
    return json_str(level ? level : media_resolution);
}

void part_read_resolution(struct dgm_request *r, const struct json_val *part,
                          const struct chat_place *place)
{
    struct dgm_str type = json_get_str(part, DGM_STR("type"));
    const struct part_kind *kind = find_kind(type);
    if (!kind || kind->kind == TEXT)
        return;
    struct part p = part_read(r, part, place);
    if (!p.kind)
        return;
    struct dgm_str asked = read_detail(r, &p, place);
    struct google_extra extra =
        google_extra(r, part, place, EXTRA_VIDEO_METADATA | EXTRA_MEDIA_RESOLUTION);
    if (read_level(extra.media_resolution).p)
        asked = read_level(extra.media_resolution);
    if (!asked.p)
        return;
    if (r->media_resolution.p && !dgm_str_eq(r->media_resolution, asked))
        chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(place, type),
                    " asks for another resolution than a part before it; ",
                    "this model takes one for the whole request.");
    r->media_resolution = asked;
}

static void put_resolution(struct chat_contents *c, const struct part *p,
                           const struct google_extra *extra, const struct chat_place *place)
{
    struct dgm_str level = read_detail(c->r, p, place);
    if (!(c->r->model.can & CAN_PART_RESOLUTION))
        return;
    if (read_level(extra->media_resolution).p)
        level = read_level(extra->media_resolution);
    if (level.n == 0)
        return;
    json_put_name(c->w, "mediaResolution");
    json_open_obj(c->w);
    json_member_str(c->w, "level", level);
    json_close_obj(c->w);
}

/* ---- putting ------------------------------------------------------------------------------------------ */

static void put_thought(struct chat_contents *c, bool thought, struct dgm_str signature)
{
    if (thought)
        json_member_bool(c->w, "thought", true);
    if (signature.n)
        json_member_str(c->w, "thoughtSignature", signature);
}

static void put_piece(struct chat_contents *c, enum chat_turn turn, struct dgm_str text,
                      bool thought, struct dgm_str signature)
{
    if (text.n == 0)
        return;
    chat_open_part(c, turn);
    json_member_lasting(c->w, "text", text); /* a piece of the parsed body, as all texts here */
    put_thought(c, thought, signature);
    json_close_obj(c->w);
}

/* Where "<marker>" or "</marker>" begins, at `from` or behind it; the text's length when nowhere. */
static size_t find_tag(struct dgm_str text, size_t from, struct dgm_str open, struct dgm_str marker)
{
    while (from < text.n) {
        struct dgm_str rest = dgm_str_skip(text, from);
        size_t at = dgm_str_find(rest, open);
        struct dgm_str behind = dgm_str_skip(rest, at + open.n);
        if (behind.n > marker.n && dgm_str_starts(behind, marker) && behind.p[marker.n] == '>')
            return from + at;
        from += at + (at < rest.n);
    }
    return text.n;
}

/*
 * Thoughts that the client was given between tags come back as thoughts (google.md 3.2). A tag that nobody closes is
 * text: it may have been said.
 */
static void put_tagged(struct chat_contents *c, struct dgm_str text, struct dgm_str signature)
{
    struct dgm_str marker = chat_thought_marker(c->r);
    for (size_t at = 0; marker.n != 0 && at < text.n;) {
        size_t begin = find_tag(text, 0, DGM_STR("<"), marker), inner = begin + marker.n + 2;
        size_t end = begin < text.n ? find_tag(text, inner, DGM_STR("</"), marker) : text.n;
        if (end == text.n)
            break;
        put_piece(c, TURN_MODEL, dgm_str_head(text, begin), false, (struct dgm_str){0});
        struct dgm_str thought = dgm_str_head(dgm_str_skip(text, inner), end - inner);
        text = dgm_str_skip(text, end + marker.n + 3);
        put_piece(c, TURN_MODEL, thought, true, text.n ? (struct dgm_str){0} : signature);
    }
    put_piece(c, TURN_MODEL, text, false, signature);
}

/* Puts each part that was signed as it was, an empty one too, and what stands between them. */
static void put_marked(struct chat_contents *c, struct dgm_str text, struct dgm_str marks)
{
    struct echo_mark mark;
    size_t done = 0;
    for (; echo_next(&marks, text, done, &mark); done = mark.at + mark.n) {
        put_tagged(c, dgm_str_head(dgm_str_skip(text, done), mark.at - done), (struct dgm_str){0});
        chat_open_part(c, TURN_MODEL);
        json_member_lasting(c->w, "text", dgm_str_head(dgm_str_skip(text, mark.at), mark.n));
        put_thought(c, false, mark.signature);
        json_close_obj(c->w);
    }
    put_tagged(c, dgm_str_skip(text, done), (struct dgm_str){0});
}

void part_put_text(struct chat_contents *c, enum chat_turn turn, struct dgm_str text,
                   const struct google_extra *extra)
{
    if (turn == TURN_MODEL && extra->marks.n && !extra->thought_said)
        put_marked(c, text, extra->marks);
    else if (turn == TURN_MODEL && !extra->thought_said)
        put_tagged(c, text, extra->signature);
    else
        put_piece(c, turn, text, extra->thought, extra->signature);
}

void part_put_image(struct chat_contents *c, const struct media *m, struct dgm_str signature)
{
    chat_open_part(c, TURN_MODEL);
    media_put(c->w, c->r->surface, m);
    put_thought(c, false, signature);
    json_close_obj(c->w);
}

/* What a part says of itself goes before what its message says of all. */
static struct google_extra read_extra(struct chat_contents *c, enum chat_turn turn,
                                      const struct part *p, const struct google_extra *message,
                                      const struct chat_place *place)
{
    unsigned takes = turn == TURN_MODEL ? EXTRA_THOUGHT | EXTRA_SIGNATURE : 0;
    struct google_extra all = *message;
    if (p->kind->kind != TEXT) {
        takes |= EXTRA_VIDEO_METADATA | EXTRA_MEDIA_RESOLUTION;
        all.signature = (struct dgm_str){0};
    }
    if (!p->extra)
        return all;
    struct google_extra own = google_extra(c->r, p->val, place, takes);
    own.signature = chat_signature(c->r, own.signature, place);
    if (!own.thought_said) {
        own.thought_said = all.thought_said;
        own.thought = all.thought;
    }
    own.marks = all.marks;
    if (!own.signature.p || all.marks.p)
        own.signature = all.signature;
    return own;
}

void part_put(struct chat_contents *c, enum chat_turn turn, const struct json_val *part,
              const struct google_extra *extra, const struct chat_place *place)
{
    struct part p = part_read(c->r, part, place);
    struct media m;
    if (!p.kind)
        return;
    struct google_extra own = read_extra(c, turn, &p, extra, place);
    if (p.kind->kind == TEXT) {
        part_put_text(c, turn, json_str(p.body), &own);
        return;
    }
    if (!part_media(c->r, &p, place, &m))
        return;
    chat_open_part(c, turn);
    media_put(c->w, c->r->surface, &m);
    if (own.video_metadata)
        json_member_val(c->w, "videoMetadata", own.video_metadata);
    put_resolution(c, &p, &own, place);
    struct echo_mark mark;
    if (m.data.p && echo_next(&own.marks, m.data, 0, &mark))
        own.signature = mark.signature;
    put_thought(c, own.thought, own.signature);
    json_close_obj(c->w);
}
