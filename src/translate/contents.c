/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contents.c - the conversation put: systemInstruction, and contents turn by turn.
 *
 * What always holds of contents: the first is a user's; a call turn follows a user's or results; behind it, at
 * once, stand as many results as calls, in their order; the last is the model's only where the model goes on with
 * what it said (google.md 6.2, 9.6; user-pain A4, C3). Messages of one speaker in a row are one content.
 */
#include "translate/images.h"
#include "translate/native_parts.h"
#include "translate/parts.h"
#include "translate/prefix.h"

#include "base/str.h"
#include "translate/carriers.h"
#include "translate/echo.h"

/* What stands for a signature nobody remembers, where Gemini 3 insists on one (google.md 9.1). */
#define NO_SIGNATURE DGM_STR(DGM_SIGNATURE_STAND_IN)

/* The newest generation that goes on with a last turn of its own; a name that tells none may be a newer one. */
#define PREFILL_MAX 36

/* ---- turns and parts ---- */

static void close_turn(struct chat_contents *c)
{
    if (c->open == TURN_NONE)
        return;
    json_close_text(c->w, DGM_STR("]}"), 2);
    c->open = TURN_NONE;
}

static void open_turn(struct chat_contents *c, enum chat_turn turn)
{
    struct dgm_str text = turn == TURN_SYSTEM  ? DGM_STR("{\"parts\":[")
                          : turn == TURN_MODEL ? DGM_STR("{\"role\":\"model\",\"parts\":[")
                                               : DGM_STR("{\"role\":\"user\",\"parts\":[");
    if (c->open == turn)
        return;
    close_turn(c);
    if (turn == TURN_SYSTEM)
        json_put_name(c->w, "systemInstruction");
    json_open_text(c->w, text, 2, 1); /* an array in an object */
    c->open = turn;
    c->begun = true;
}

/* Adds what no client said, and says so. */
static void add_user_turn(struct chat_contents *c, struct dgm_str text, struct dgm_str where)
{
    chat_put_text(c, TURN_USER, text);
    chat_note(c->r, DGM_NOTE_WARNING,
              (const struct dgm_str[4]){DGM_STR("messages: a user's turn was added "), where});
}

void chat_open_part(struct chat_contents *c, enum chat_turn turn)
{
    if (turn == TURN_MODEL && !c->begun)
        add_user_turn(c, DGM_STR("Begin."), DGM_STR("before the first"));
    prefix_go_on(c, turn);
    open_turn(c, turn);
    json_open_obj(c->w);
}

void chat_put_text(struct chat_contents *c, enum chat_turn turn, struct dgm_str text)
{
    if (text.n == 0)
        return;
    chat_open_part(c, turn);
    json_member_lasting(c->w, "text", text); /* a part of the parsed body, as all texts here */
    json_close_obj(c->w);
}

/* ---- what a message says ---- */

/* The last part that is a text: the message's signature is its (google.md 9.1). */
static size_t last_text(const struct json_val *parts)
{
    size_t last = SIZE_MAX;
    struct json_iter it = json_iter(parts);
    while (json_next(&it))
        if (json_get_str(it.value, DGM_STR("text")).n != 0)
            last = it.index;
    return last;
}

static bool has_text(const struct json_val *content)
{
    return json_str(content).n != 0 || last_text(content) != SIZE_MAX;
}

/* What is remembered of a text or an image of the model's goes before what came back with it. */
static struct google_extra recall(struct chat_contents *c, size_t message, size_t element,
                                  const struct google_extra *extra)
{
    struct google_extra ret = *extra;
    const struct dgm_need *need = echo_need(c, message, element);
    if (need && need->signature.p) {
        ret.marks = need->signature;
        ret.signature = (struct dgm_str){0};
    }
    return ret;
}

static void put_content(struct chat_contents *c, size_t message, enum chat_turn turn,
                        const struct google_extra *extra)
{
    const struct json_val *content = c->r->messages[message].content;
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("content"));
    struct google_extra unsigned_extra = *extra;
    if (json_kind(content) == JSON_STR) {
        const struct google_extra all = recall(c, message, 0, extra);
        part_put_text(c, turn, json_str(content), &all);
        return;
    }
    size_t last = extra->signature.n ? last_text(content) : SIZE_MAX;
    unsigned_extra.signature = (struct dgm_str){0};
    struct json_iter it = json_iter(content);
    while (c->r->rc == DGM_OK && json_next(&it)) {
        const struct google_extra all =
            recall(c, message, it.index, it.index == last ? extra : &unsigned_extra);
        part_put(c, turn, it.value, &all, CHAT_ELEMENT(place, it.index));
        if (turn == TURN_USER)
            prefix_mark_part(c, it.value);
    }
}

/* Puts what an instruction tells, marked where it stands among what a user said. */
static void put_told(struct chat_contents *c, enum chat_turn turn, struct dgm_str text)
{
    if (turn == TURN_SYSTEM || text.n == 0) {
        chat_put_text(c, turn, text);
        return;
    }
    chat_open_part(c, turn);
    json_put_name(c->w, "text");
    json_open_str(c->w);
    json_add_str(c->w, DGM_STR("<system_instruction>\n"));
    json_add_str(c->w, text);
    json_add_str(c->w, DGM_STR("\n</system_instruction>"));
    json_close_str(c->w);
    json_close_obj(c->w);
}

/*
 * An instruction in mid-conversation stays where it was said, as marked user text: hoisted to the front it
 * would change the first bytes of the body and with them every cached token (user-pain A7). Gemini takes text
 * alone for an instruction, wherever it stands.
 */
static void put_instruction(struct chat_contents *c, size_t message, enum chat_turn turn)
{
    const struct json_val *content = c->r->messages[message].content;
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("content"));
    put_told(c, turn, json_str(content));
    struct json_iter it = json_iter(content);
    while (c->r->rc == DGM_OK && json_next(&it)) {
        const struct chat_place *at = CHAT_ELEMENT(place, it.index);
        struct part p = part_read(c->r, it.value, at);
        if (p.extra)
            google_extra(c->r, it.value, at, 0);
        put_told(c, turn, part_text(&p));
        if (p.kind && !part_text(&p).p)
            chat_refuse(c->r, DGM_ERR_VALUE, CHAT_MEMBER(at, DGM_STR("type")),
                        " must be text in a system or developer message; ",
                        "media belong into a user's.");
    }
}

/* Whether a message leaves a trace: a medium, or a text that is not empty. */
static bool says_something(const struct json_val *content)
{
    struct json_iter it = json_iter(content);
    if (json_str(content).n != 0)
        return true;
    while (json_next(&it)) {
        const struct json_val *text = json_get(it.value, json_get_str(it.value, DGM_STR("type")));
        if (json_kind(text) != JSON_STR || json_str(text).n != 0)
            return true;
    }
    return false;
}

/* ---- the model's turns ---- */

/*
 * The signature a call goes back with: the remembered one, which is as Gemini gave it, else the client's, else, where
 * Gemini 3 would refuse without, the documented stand-in: on the first call of a step of the current turn (user-pain D8).
 */
static struct dgm_str find_signature(struct dgm_request *r, const struct chat_call *call,
                                     bool first, bool current)
{
    struct dgm_need *need = call->need;
    if (need && need->signature.n)
        return need->signature;
    if (call->signature.n && !(need && need->signature.p))
        return call->signature;
    if (r->model.generation < GEMINI_3 || !first || !current)
        return (struct dgm_str){0};
    if (need)
        need->stood_in = true;
    return NO_SIGNATURE;
}

void chat_put_native_id(struct chat_contents *c, const struct chat_call *call)
{
    if (call->need && call->need->native_id.n)
        json_member_str(c->w, "id", call->need->native_id);
}

/*
 * Puts one call. It goes without the client's id, which Gemini did not give: Vertex v1 has no place for one, and the
 * Gemini API needs none, for results stand in the order of the calls (google.md 6.2).
 */
static void put_call(struct chat_contents *c, const struct chat_call *call, bool first,
                     bool current)
{
    chat_open_part(c, TURN_MODEL);
    json_put_name(c->w, "functionCall");
    json_open_obj(c->w);
    json_member_str(c->w, "name", call->name);
    chat_put_arguments(c, call);
    chat_put_native_id(c, call);
    json_close_obj(c->w);
    struct dgm_str signature = find_signature(c->r, call, first, current);
    if (signature.p)
        json_member_str(c->w, "thoughtSignature", signature);
    json_close_obj(c->w);
}

/* The images in Markdown that one message has: their signatures, and how many were put. */
struct pictures {
    struct image_marks marks;
    int64_t n;
    bool last; /* an image was put last: a gap is behind it */
};

/* Puts a text with the images that stand in it as Markdown. */
static void put_pictured(struct chat_contents *c, struct dgm_str text,
                         const struct google_extra *extra, struct pictures *images)
{
    const struct google_extra unsigned_extra = {.thought_said = extra->thought_said,
                                                .thought = extra->thought};
    struct dgm_str before, next;
    struct media m, image;
    if (images->last)
        text = images_skip_gap(text);
    for (bool more = images_next(&text, &next, &m); more;) {
        before = next;
        image = m;
        more = images_next(&text, &next, &m);
        bool is_last = !more && text.n == 0; /* of the texts, whose signature it is */
        part_put_text(c, TURN_MODEL, before, is_last ? extra : &unsigned_extra);
        part_put_image(c, &image, images_mark(&images->marks, images->n++));
        images->last = true;
    }
    images->last = images->last && text.n == 0;
    part_put_text(c, TURN_MODEL, text, extra);
}

/* Puts what stands in the member `images`. */
static void put_images(struct chat_contents *c, size_t message)
{
    static const struct google_extra nothing = {0};
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("images"));
    struct json_iter it = json_iter(json_get(c->r->messages[message].val, place->member));
    while (c->r->rc == DGM_OK && json_next(&it))
        part_put(c, TURN_MODEL, it.value, &nothing, CHAT_ELEMENT(place, it.index));
}

/* Puts what the model's message says, and what of Gemini's own parts stood before, within or right behind it. */
static void put_model_content(struct chat_contents *c, size_t message,
                              const struct google_extra *extra, struct native_parts *parts)
{
    const struct google_extra unsigned_extra = {.thought_said = extra->thought_said,
                                                .thought = extra->thought};
    struct pictures images = {.marks = images_marks(c->r, extra->images)};
    const struct json_val *content = c->r->messages[message].content;
    struct dgm_str text = json_str(content);
    size_t at = 0;
    while (parts->name.p && parts->at.calls <= 0 && (at < text.n || parts->at.bytes <= 0)) {
        size_t end = native_parts_within(parts, text, at);
        if (end == text.n && parts->at.bytes > 0)
            break;
        put_pictured(c, dgm_str_head(dgm_str_skip(text, at), end - at), &unsigned_extra, &images);
        at = end;
        native_parts_put(parts, c);
    }
    struct dgm_str rest = text, before;
    struct media m;
    if (at != 0 || images_next(&rest, &before, &m))
        put_pictured(c, dgm_str_skip(text, at), extra, &images);
    else
        put_content(c, message, TURN_MODEL, extra);
}

/* What a message of the model says besides its calls. */
static struct native_parts put_said(struct chat_contents *c, size_t message)
{
    const struct json_val *val = c->r->messages[message].val;
    const struct chat_place *place = CHAT_MESSAGE(message);
    struct google_extra extra = {0};
    /* A role and a content, as most of them: there is nothing else to look for. */
    bool is_plain = json_size(val) == 2 && c->r->messages[message].content;
    if (!is_plain && json_get(val, DGM_STR("extra_content")))
        extra = google_extra(c->r, val, place,
                             EXTRA_THOUGHT | EXTRA_SIGNATURE | EXTRA_PARTS | EXTRA_IMAGES);
    struct native_parts parts = native_parts(c->r, extra.parts, message);
    extra.signature = chat_signature(c->r, extra.signature, place);
    struct dgm_str said = extra.signature;
    if (!is_plain && !extra.signature.p)
        extra.signature = carriers_read_text(val);
    put_model_content(c, message, &extra, &parts);
    if (is_plain)
        return parts;
    put_images(c, message);
    if (said.n && !has_text(c->r->messages[message].content)) {
        const struct chat_place *google =
            CHAT_MEMBER(CHAT_MEMBER(place, DGM_STR("extra_content")), DGM_STR("google"));
        chat_ignore(c->r, CHAT_MEMBER(google, DGM_STR("thought_signature")));
    }
    chat_put_text(c, TURN_MODEL, json_get_str(val, DGM_STR("refusal")));
    return parts;
}

/* Puts those of Gemini's own parts that stood behind so many of the message's calls, or before. */
static void put_parts(struct chat_contents *c, struct native_parts *parts, size_t calls)
{
    while (c->r->rc == DGM_OK && parts->name.p && parts->at.calls <= (int64_t)calls)
        native_parts_put(parts, c);
}

/* Puts all messages of the model in a row, which are one turn, and the results that answer its calls. */
static size_t put_model_turn(struct chat_contents *c, size_t first, bool current)
{
    struct dgm_request *r = c->r;
    size_t end = chat_turn_end(r, first), calls = r->messages[first].first_call;
    for (size_t i = first; r->rc == DGM_OK && i < end; i++) {
        struct native_parts parts = put_said(c, i);
        size_t own = r->messages[i].first_call;
        for (size_t k = own; k < chat_calls_end(r, i); k++) {
            put_parts(c, &parts, k - own);
            put_call(c, &r->history[k], k == calls, current);
        }
        put_parts(c, &parts, SIZE_MAX / 2);
    }
    chat_put_results(c, calls, chat_calls_end(r, end - 1));
    return end;
}

/* ---- the conversation ---- */

/* Puts message `i` and what belongs to it; returns the index of the next. */
static size_t put_message(struct chat_contents *c, size_t i, bool current)
{
    static const struct google_extra nothing = {0};
    switch (c->r->messages[i].role) {
    case ROLE_SYSTEM:
        put_instruction(c, i, TURN_USER);
        return i + 1;
    case ROLE_USER:
        put_content(c, i, TURN_USER, &nothing);
        return i + 1;
    case ROLE_MODEL:
        return put_model_turn(c, i, current);
    case ROLE_TOOL:
    case ROLE_FUNCTION:
        break;
    }
    if (!c->r->messages[i].taken)
        chat_put_orphan(c, i);
    return i + 1;
}

/* How many system messages lead; none when there is nothing else, for then they are the conversation. */
static size_t leading(const struct dgm_request *r)
{
    size_t n = 0;
    while (n < r->messages_n && r->messages[n].role == ROLE_SYSTEM)
        n++;
    return n < r->messages_n ? n : 0;
}

/* The message that began the current turn: the last of a user that is put (google.md 9.1). */
static size_t current_turn(const struct dgm_request *r)
{
    size_t i = r->messages_n;
    while (i != 0 &&
           (r->messages[i - 1].role != ROLE_USER || !says_something(r->messages[i - 1].content)))
        i--;
    return i;
}

void chat_put_system(struct dgm_request *r, struct json_writer *w)
{
    struct chat_contents c = {.r = r, .w = w};
    for (size_t i = 0, end = leading(r); r->rc == DGM_OK && i < end; i++) {
        put_instruction(&c, i, TURN_SYSTEM);
        prefix_mark_system(r, i);
    }
    close_turn(&c);
}

void chat_put_contents(struct dgm_request *r, struct json_writer *w)
{
    json_put_name(w, "contents");
    json_open_arr(w);
    prefix_begin_contents(r);
    struct chat_contents c = {.r = r, .w = w};
    size_t current = current_turn(r);
    for (size_t i = leading(r), end; r->rc == DGM_OK && i < r->messages_n; i = end) {
        end = put_message(&c, i, i >= current);
        prefix_mark_messages(&c, i, end);
    }
    if (r->rc != DGM_OK) /* the body is of no use any more */
        return;
    unsigned generation = r->model.generation;
    if (c.open == TURN_MODEL && (generation == 0 || generation > PREFILL_MAX))
        add_user_turn(&c, DGM_STR("Continue."), DGM_STR("behind the last"));
    /* Nobody said anything: the least that Gemini takes as something said. */
    if (!c.begun)
        chat_put_text(&c, TURN_USER, DGM_STR(" "));
    close_turn(&c);
    json_close_arr(w);
}
