/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - what whole and streamed answers share: a candidate's pieces as members of a message or a delta. */
#include "translate/answer.h"
#include "translate/annotations.h"
#include "translate/compat.h"
#include "translate/details.h"
#include "translate/echo.h"
#include "translate/extra.h"
#include "translate/images.h"
#include "translate/tools.h"

#include "base/str.h"

#define OFFSETS_BYTES_MAX                                                                          \
    ((size_t)1 << 20)          /* for sources in texts of up to 8 MiB that are not ASCII */
#define SOURCES_BYTES_MAX 4096 /* of annotations, besides twice what the piece's parts take */

static const struct {
    struct dgm_str native, openai;
    bool failed;
} finishes[] = {
#define FINISH(native, openai, failed)                                                             \
    {{native, sizeof native - 1}, {openai, sizeof openai - 1}, failed},
#include "translate/finish.def"
#undef FINISH
};

/* What is looked for in a candidate, all at once: most have the first few alone. */
enum {
    IN_CONTENT = 0,
    IN_FINISH = 1,
    IN_INDEX = 2,
    IN_CARRIED = 3,
    IN_CANDIDATE = IN_CARRIED + CARRIED_N
};

static const struct dgm_str in_candidate[IN_CANDIDATE] = {
    [IN_CONTENT] = {"content", 7},
    [IN_FINISH] = {"finishReason", 12},
    [IN_INDEX] = {"index", 5},
#define CARRIED(native, name, when) {native, sizeof native - 1},
#include "translate/carried.def"
#undef CARRIED
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct answer_root answer_root(const struct json_val *root)
{
    static const struct dgm_str names[] = {
        {"candidates", 10}, {"promptFeedback", 14}, {"usageMetadata", 13}, {"modelVersion", 12}};
    const struct json_val *found[COUNT(names)];
    json_pick(root, names, COUNT(names), found);
    return (struct answer_root){found[0], found[1], found[2], found[3]};
}

void choice_init(struct choice *c, struct dgm_request *r)
{
    *c = (struct choice){0};
    if (r->stops && stop_scan_init(&c->scan, r->stops, dgm_arena_alloc(&r->arena)) != DGM_OK)
        chat_no_memory(r);
    dgm_buf_init(&c->shown, dgm_arena_alloc(&r->arena), r->limits.event_bytes);
    dgm_buf_init(&c->places, dgm_arena_alloc(&r->arena), r->limits.event_bytes);
    offsets_init(&c->text, dgm_arena_alloc(&r->arena), OFFSETS_BYTES_MAX);
    c->echo = echo_new(r);
}

/* ---- parts ---- */

static struct dgm_str mime_of(const struct json_val *part)
{
    return json_get_str(json_get(part, DGM_STR("inlineData")), DGM_STR("mimeType"));
}

enum answer_part answer_part(const struct json_val *part)
{
    struct dgm_str text = json_get_str(part, DGM_STR("text"));
    if (text.p) {
        bool thought = json_bool(json_get(part, DGM_STR("thought")), false);
        return text.n == 0 ? SAYS_NOTHING : thought ? SAYS_THOUGHT : SAYS_TEXT;
    }
    if (answer_call(part))
        return SAYS_CALL;
    if (dgm_str_starts(mime_of(part), DGM_STR("image/")))
        return SAYS_IMAGE;
    if (dgm_str_starts(mime_of(part), DGM_STR("audio/")))
        return SAYS_SOUND;
    /* A part that is a signature alone, or nothing, has no content of its own. */
    struct json_iter it = json_iter(part);
    while (json_next(&it))
        if (json_kind(it.value) == JSON_OBJ)
            return SAYS_OTHER;
    return SAYS_NOTHING;
}

struct dgm_str answer_signature(const struct json_val *part)
{
    struct dgm_str signature = json_get_str(part, DGM_STR("thoughtSignature"));
    if (signature.n == 0)
        return signature;
    enum answer_part kind = answer_part(part);
    return kind == SAYS_CALL || kind == SAYS_OTHER ? (struct dgm_str){0} : signature;
}

void part_at_pass(struct part_at *at, const struct json_val *part, enum answer_part kind)
{
    if (kind == SAYS_CALL) /* not the rest of a streamed one */
        at->calls += json_get_str(answer_call(part), DGM_STR("name")).n != 0;
}

static bool is_tagged(const struct dgm_request *r)
{
    return chat_thought_marker(r).n != 0;
}

/*
 * Whether a part ends a thought that is open in the content: what stands in it as Markdown, or goes back by its place there,
 * which must not be within a thought's tags.
 */
static bool ends_thought(const struct dgm_request *r, enum answer_part kind)
{
    return kind == SAYS_OTHER ||
           (kind == SAYS_IMAGE &&
            (r->env.image_output == DGM_IMAGES_IN_TEXT || r->env.image_output == DGM_IMAGES_EXTRA));
}

/* ---- reading ---- */

static unsigned said_by(const struct dgm_request *r, const struct choice *c,
                        const struct json_val *part, enum answer_part kind,
                        const struct json_val **ret_answer)
{
    unsigned signature = answer_signature(part).n ? SAID_SIGNATURE : 0;
    if (c->thinking && ends_thought(r, kind)) /* a tag that closes is of the content */
        signature |= SAID_TEXT;
    switch (kind) {
    case SAYS_TEXT:
        return signature | SAID_TEXT;
    case SAYS_THOUGHT:
        return signature | (is_tagged(r) ? SAID_TEXT : SAID_THOUGHTS);
    case SAYS_CALL:
        if (answer_is_answer(r, part)) {
            *ret_answer = *ret_answer ? *ret_answer : answer_call(part);
            return SAID_TEXT;
        }
        return (uint64_t)c->calls < tools_calls_max(r) || c->partial ? SAID_CALLS : 0;
    case SAYS_IMAGE: /* its signature stands with it, but in Google's shape */
        return images_said(r, part) | (signature & (compat_is_google(r) ? ~0U : SAID_TEXT));
    case SAYS_SOUND:
        return signature | SAID_SOUND;
    case SAYS_OTHER:
        return signature | SAID_PARTS;
    case SAYS_NOTHING:
        break;
    }
    return signature;
}

static void read_finish(struct dgm_request *r, struct choice *c, struct dgm_str native)
{
    if (native.n == 0 ||
        dgm_str_eq(native, DGM_STR("FINISH_REASON_UNSPECIFIED"))) /* google.md 4.3 */
        return;
    c->native = dgm_arena_copy(&r->arena, native);
    if (!c->native.p)
        chat_no_memory(r);
    c->finish = DGM_STR("content_filter");
    c->failed = false;
    for (size_t i = 0; i < COUNT(finishes); i++) {
        if (!dgm_str_eq(native, finishes[i].native))
            continue;
        c->finish = finishes[i].openai;
        c->failed = finishes[i].failed;
    }
}

/* What those of its parts say that are to be put now. */
static unsigned said_by_parts(const struct dgm_request *r, const struct choice *c,
                              struct answer_piece *p)
{
    struct json_iter it = json_iter(p->parts);
    unsigned said = 0, all = 0;
    size_t images = 0;
    while (json_next(&it)) {
        enum answer_part kind = answer_part(it.value);
        unsigned own = said_by(r, c, it.value, kind, &p->answer);
        if (own & all & SAID_SOUND) /* a second sound is a part like any unknown */
            own = SAID_PARTS;
        all |= own;
        if (answer_takes(p, kind, &images))
            said |= own;
    }
    return said;
}

void answer_take_image(const struct dgm_request *r, const struct choice *c, struct answer_piece *p,
                       size_t i)
{
    unsigned sliced = SAID_TEXT | SAID_IMAGES | SAID_PARTS | SAID_MARKS;
    p->image_from = i;
    p->image_end = i + 1;
    unsigned said = said_by_parts(r, c, p);
    if (p->answer) /* it is the content, whatever stands beside it */
        said = i == 0 ? said | SAID_TEXT : said & ~(unsigned)SAID_TEXT;
    p->said = (i == 0 ? p->said & ~sliced : 0) | (said & sliced);
}

struct answer_piece answer_read(struct dgm_request *r, struct choice *c,
                                const struct json_val *candidate)
{
    const struct json_val *found[IN_CANDIDATE];
    size_t others = json_pick(candidate, in_candidate, IN_CANDIDATE, found);
    struct answer_piece p = {.candidate = candidate,
                             .parts = json_get(found[IN_CONTENT], DGM_STR("parts"))};
    p.at = c->at;
    p.first_image = c->images;
    p.image_end = SIZE_MAX;
    if (c->scan.hit) /* what stands behind a stop sequence was never said */
        p.parts = NULL;
    p.said = said_by_parts(r, c, &p);
    for (struct json_iter it = json_iter(p.parts); json_next(&it);) {
        enum answer_part kind = answer_part(it.value);
        part_at_pass(&c->at, it.value, kind);
        p.images += kind == SAYS_IMAGE;
    }
    read_finish(r, c, json_str(found[IN_FINISH]));
    bool is_carried = extra_read(c, found + IN_CARRIED, &p);
    p.more = others != 0 || is_carried;
    if (is_carried)
        p.said |= SAID_CARRIED;
    if (is_carried && annotations_any(candidate))
        p.said |= SAID_SOURCES;
    if (r->env.reasoning == DGM_REASONING_OFF && !r->thought_marker.n)
        p.said &= ~(unsigned)SAID_THOUGHTS;
    c->images += (int64_t)p.images;
    c->said = c->said || p.images != 0 ||
              (p.said & (SAID_TEXT | SAID_CALLS | SAID_IMAGES | SAID_SOUND)) != 0;
    c->other = c->other || (p.said & SAID_PARTS) != 0;
    return p;
}

/* ---- text ---- */

static void add_tag(const struct dgm_request *r, struct json_writer *w, struct choice *c,
                    bool thinking)
{
    if (c->thinking == thinking)
        return;
    const struct dgm_str pieces[] = {thinking ? DGM_STR("<") : DGM_STR("</"),
                                     chat_thought_marker(r), DGM_STR(">")};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        json_add_str(w, pieces[i]);
        echo_add(c->echo, pieces[i]);
        c->at.bytes += (int64_t)pieces[i].n;
    }
    c->thinking = thinking;
}

/* What of a text the stop sequences let through. */
static struct dgm_str shown_of(struct dgm_request *r, struct choice *c, struct dgm_str text)
{
    if (!r->stops)
        return text;
    dgm_buf_clear(&c->shown);
    if (stop_feed(&c->scan, text, &c->shown) < 0)
        chat_no_memory(r);
    return dgm_buf_str(&c->shown);
}

/* The text that was held back, for at the end it is no stop sequence. */
static struct dgm_str held_of(struct dgm_request *r, struct choice *c)
{
    if (!r->stops)
        return DGM_STR("");
    dgm_buf_clear(&c->shown);
    if (stop_end(&c->scan, &c->shown) < 0)
        chat_no_memory(r);
    return dgm_buf_str(&c->shown);
}

/* Remembers what a part came with; the client got `n` bytes of text with it. */
static void note_signature(struct dgm_request *r, struct choice *c, const struct json_val *part,
                           enum answer_part kind, size_t n)
{
    struct dgm_str signature = c->echo ? answer_signature(part) : (struct dgm_str){0};
    if (signature.n == 0)
        return;
    if (kind == SAYS_IMAGE)
        echo_keep_image(r, json_get_str(json_get(part, DGM_STR("inlineData")), DGM_STR("data")),
                        signature);
    else if (kind == SAYS_TEXT ||
             (kind == SAYS_NOTHING && !json_bool(json_get(part, DGM_STR("thought")), false)))
        echo_sign(c->echo, n, signature);
}

static void note_signatures(struct dgm_request *r, struct choice *c, const struct answer_piece *p)
{
    struct json_iter it = json_iter(p->parts);
    size_t images = 0;
    while (c->echo && json_next(&it)) {
        enum answer_part kind = answer_part(it.value);
        if (answer_takes(p, kind, &images))
            note_signature(r, c, it.value, kind, 0);
    }
}

/* Notes where in the content a part stands that is not of it, behind the thought that it ends. */
static void note_place(struct dgm_request *r, struct json_writer *w, struct choice *c,
                       enum answer_part kind)
{
    if (!answer_has_place(kind))
        return;
    if (ends_thought(r, kind))
        add_tag(r, w, c, false);
    dgm_buf_put(&c->places, (struct dgm_str){(const char *)&c->at.bytes, sizeof c->at.bytes});
    if (c->places.rc == DGM_E_NOMEM)
        chat_no_memory(r);
}

/* Whether a part is of the content. */
static bool is_content(const struct dgm_request *r, enum answer_part kind)
{
    return kind == SAYS_TEXT || (kind == SAYS_THOUGHT && is_tagged(r));
}

/* Adds a text, or a tagged thought, to an open string; `counts`: sources may refer to it. */
static void add_text(struct dgm_request *r, struct json_writer *w, struct choice *c,
                     const struct json_val *part, enum answer_part kind, bool counts)
{
    bool thought = kind == SAYS_THOUGHT;
    struct dgm_str text = json_get_str(part, DGM_STR("text"));
    c->at.bytes += (int64_t)text.n; /* what of it is held back comes before what stands behind it */
    if (!thought)
        text = shown_of(r, c, text);
    images_add_gap(w, c, text);
    add_tag(r, w, c, thought);
    json_add_str(w, text);
    echo_add(c->echo, text);
    note_signature(r, c, part, kind, text.n);
    if (counts)
        offsets_add(&c->text, text);
}

static void put_content(struct dgm_request *r, struct json_writer *w, struct choice *c,
                        const struct answer_piece *p, bool whole)
{
    struct json_iter it = json_iter(p->parts);
    size_t images = 0;
    if (p->answer) {
        tools_put_answer(r, w, json_get(p->answer, DGM_STR("args")));
        return;
    }
    if (c->listed)
        echo_part(r, c->echo);
    c->listed = false;
    json_open_str(w);
    while (json_next(&it)) {
        enum answer_part kind = answer_part(it.value);
        if (!answer_takes(p, kind, &images))
            continue;
        note_place(r, w, c, kind);
        if (kind == SAYS_IMAGE && r->env.image_output == DGM_IMAGES_IN_TEXT)
            images_add(w, c, it.value);
        else if (is_content(r, kind))
            add_text(r, w, c, it.value, kind, !whole || p->said & SAID_SOURCES);
        else
            note_signature(r, c, it.value, kind, 0);
    }
    if (whole) {
        add_tag(r, w, c, false);
        json_add_str(w, held_of(r, c));
    }
    json_close_str(w);
}

/* Puts a text, or a tagged thought, as a part of a content that is a list. */
static void put_text_part(struct dgm_request *r, struct json_writer *w, struct choice *c,
                          const struct json_val *part, bool counts)
{
    json_open_obj(w);
    json_member_lit(w, "type", "text");
    json_put_name(w, "text");
    json_open_str(w);
    if (part)
        add_text(r, w, c, part, answer_part(part), counts);
    else /* the end */
        json_add_str(w, held_of(r, c));
    add_tag(r, w, c, false); /* each is read by itself when it comes back */
    json_close_str(w);
    json_close_obj(w);
}

/* The content as a list, where there are images (image_output: content_parts). */
static void put_content_list(struct dgm_request *r, struct json_writer *w, struct choice *c,
                             const struct answer_piece *p, bool whole)
{
    struct json_iter it = json_iter(p->parts);
    size_t images = 0;
    json_open_arr(w);
    while (json_next(&it)) {
        enum answer_part kind = answer_part(it.value);
        if (!answer_takes(p, kind, &images))
            continue;
        if (kind == SAYS_IMAGE || is_content(r, kind))
            echo_part(r, c->echo);
        if (kind == SAYS_IMAGE)
            images_put_part(w, it.value);
        if (is_content(r, kind))
            put_text_part(r, w, c, it.value, !whole || p->said & SAID_SOURCES);
        else
            note_signature(r, c, it.value, kind, 0);
    }
    if (whole && r->stops)
        put_text_part(r, w, c, NULL, false);
    json_close_arr(w);
    c->listed = true;
}

static void put_thoughts(struct json_writer *w, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    json_open_str(w);
    while (json_next(&it))
        if (answer_part(it.value) == SAYS_THOUGHT)
            json_add_str(w, json_get_str(it.value, DGM_STR("text")));
    json_close_str(w);
}

static void put_reasoning(const struct dgm_request *r, struct json_writer *w,
                          const struct answer_piece *p)
{
    if (r->env.reasoning != DGM_REASONING) {
        json_put_name(w, "reasoning_content");
        put_thoughts(w, p->parts);
    }
    if (r->env.reasoning != DGM_REASONING_CONTENT) {
        json_put_name(w, "reasoning");
        put_thoughts(w, p->parts);
    }
}

void answer_put_rest(struct dgm_request *r, struct json_writer *w, struct choice *c)
{
    struct dgm_str held = held_of(r, c);
    /* An answer without a word is still an answer, and has a content: streamed as whole. */
    if (held.n || c->thinking || !c->said) {
        json_put_name(w, "content");
        json_open_str(w);
        add_tag(r, w, c, false);
        json_add_str(w, held);
        json_close_str(w);
    }
    /* Arguments that a limit cut off stay cut: nobody shall take them for whole. */
    if (c->partial && dgm_str_eq(c->finish, DGM_STR("stop"))) {
        json_put_name(w, "tool_calls");
        json_open_arr(w);
        answer_end_partial(r, w, c);
        json_close_arr(w);
    }
}

/* ---- sound ---- */

/* What a stream says of its sound once: clients add the texts of deltas up. */
static void put_sound_head(const struct dgm_request *r, struct json_writer *w, struct dgm_str mime)
{
    json_put_name(w, "id");
    json_open_str(w);
    json_add_lit(w, "audio_");
    json_add_str(w, r->env.id);
    json_close_str(w);
    json_member_int(w, "expires_at",
                    r->env.now + 3600); /* OpenAI says an hour; nobody keeps it here */
    json_member_lit(w, "transcript", "");
    json_put_name(w, "extra_content");
    json_open_obj(w);
    json_put_name(w, "google");
    json_open_obj(w);
    json_member_str(w, "mime_type", mime);
    json_close_obj(w);
    json_close_obj(w);
}

/* Puts the first sound of a piece: OpenAI's message has one place for it. Others are parts like any unknown. */
static void put_sound(const struct dgm_request *r, struct json_writer *w, struct choice *c,
                      const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    while (json_next(&it) && answer_part(it.value) != SAYS_SOUND)
        continue;
    json_put_name(w, "audio");
    json_open_obj(w);
    json_member_str(w, "data",
                    json_get_str(json_get(it.value, DGM_STR("inlineData")), DGM_STR("data")));
    if (!c->sounded)
        put_sound_head(r, w, mime_of(it.value));
    json_close_obj(w);
    c->sounded = true;
}

/* ---- all of it ---- */

void answer_note_version(struct dgm_request *r, const struct json_val *said)
{
    struct dgm_str version = json_str(said);
    if (version.n == 0 || r->version.n != 0)
        return;
    r->version = dgm_arena_copy(&r->arena, version);
    if (!r->version.p)
        chat_no_memory(r);
}

void answer_put_members(struct dgm_request *r, struct json_writer *w, struct choice *c,
                        const struct answer_piece *p, bool whole)
{
    bool is_null = !(p->said & SAID_TEXT) && p->said & (SAID_CALLS | SAID_IMAGES | SAID_SOUND);
    bool has_content = p->said & SAID_TEXT || (whole && !is_null);
    dgm_buf_clear(&c->places);
    if (has_content || whole)
        json_put_name(w, "content");
    if (has_content && r->env.image_output == DGM_IMAGES_PARTS && p->said & SAID_IMAGES)
        put_content_list(r, w, c, p, whole);
    else if (has_content)
        put_content(r, w, c, p, whole);
    else if (whole)
        json_put_null(w);
    if (!has_content)
        note_signatures(r, c, p);
    if (whole)
        json_member_null(w, "refusal");
    if (p->said & SAID_THOUGHTS)
        put_reasoning(r, w, p);
    if (c->scan.hit) /* what stands behind was never said */
        return;
    size_t kept = r->kept_n;
    if (!whole && answer_is_partial(c, p->parts))
        answer_put_partial(r, w, c, p->parts);
    else if (p->said & SAID_CALLS)
        answer_put_calls(r, w, p->parts, &c->calls, !whole);
    details_put(r, w, c, p, kept);
    if (p->said & SAID_SOURCES) {
        json_put_name(w, "annotations");
        annotations_put(w, p->candidate, &c->text, SOURCES_BYTES_MAX, whole ? NULL : &c->sources);
    }
    if (p->said & SAID_IMAGES && r->env.image_output == DGM_IMAGES)
        images_put(w, p, whole);
    if (p->said & SAID_SOUND)
        put_sound(r, w, c, p->parts);
    if (p->said & (SAID_CARRIED | SAID_SIGNATURE | SAID_PARTS | SAID_MARKS) || whole)
        extra_put(r, w, c, p, whole);
}

struct dgm_str answer_finish(const struct dgm_request *r, const struct choice *c)
{
    if (c->scan.hit)
        return DGM_STR("stop");
    if (c->calls == 0 || (c->finish.p && !dgm_str_eq(c->finish, DGM_STR("stop"))))
        return c->finish;
    /* One with calls that just stopped ended for them (user-pain C10, C17), or we ended it at the only one (C8). */
    return tools_legacy(r) ? DGM_STR("function_call") : DGM_STR("tool_calls");
}

enum dgm_error answer_fault(const struct dgm_request *r, const struct choice *c)
{
    if (c->said || c->other || compat_is_google(r)) /* whose endpoint takes it for an answer */
        return DGM_ERR_NONE;
    if (c->failed)
        return DGM_ERR_CALL_MALFORMED;
    /* A stop sequence may come first: then an empty answer is what was asked for (user-pain F6). */
    bool stopped = dgm_str_eq(c->finish, DGM_STR("stop")) && !r->field[CHAT_STOP];
    return stopped ? DGM_ERR_ANSWER_EMPTY : DGM_ERR_NONE;
}

void answer_put_head(const struct dgm_request *r, struct json_writer *w, struct dgm_str object)
{
    json_put_name(w, "id");
    json_open_str(w);
    json_add_lit(w, "chatcmpl-");
    json_add_str(w, r->env.id);
    json_close_str(w);
    json_member_str(w, "object", object);
    json_member_int(w, "created", r->env.now);
    json_member_str(w, "model", r->model_sent);
}
