/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results.c - tool results, brought behind the calls they answer.
 *
 * OpenAI takes one message a result, in any order; Gemini wants, right behind the model's turn, one content
 * with as many functionResponse parts as there were calls (google.md 6.2; user-pain C3, C16). A result answers
 * the last turn before it that made a call of its id, and there the first such call that has none yet: ids that
 * come again, in one turn or in many, still find their results (user-pain C6).
 */
#include "translate/names.h"
#include "translate/parts.h"

#include "base/sort.h"
#include "base/str.h"

#include <string.h>

/* One call under what its result answers to: the id, or the function's name. */
struct ref {
    struct dgm_str key;
    bool legacy;
    size_t turn; /* the first message of the turn that made it */
    size_t call; /* in `history` */
    /* in the first of equal keys of a turn: how many of them are known to be answered */
    size_t taken;
};

/* ---- matching ----------------------------------------------------------------------------------------- */

static int compare_keys(const struct ref *x, const struct ref *y)
{
    if (x->legacy != y->legacy)
        return x->legacy ? 1 : -1;
    if (x->key.n != y->key.n)
        return x->key.n < y->key.n ? -1 : 1;
    return x->key.n ? memcmp(x->key.p, y->key.p, x->key.n) : 0;
}

static int compare(const void *a, const void *b)
{
    const struct ref *x = a, *y = b;
    int order = compare_keys(x, y);
    if (order != 0)
        return order;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return x->call < y->call ? -1 : x->call > y->call;
}

/* How many of the sorted refs come before one. */
static size_t before(const struct ref *sorted, size_t n, const struct ref *wanted)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&sorted[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The call that a result, which is no call's yet, answers; CHAT_NO_RESULT when there is none. */
static size_t take_call(const struct dgm_request *r, struct ref *sorted, struct ref wanted)
{
    size_t n = r->history_n;
    size_t behind = before(sorted, n, &wanted);
    if (behind == 0 || compare_keys(&sorted[behind - 1], &wanted) != 0)
        return CHAT_NO_RESULT;
    wanted.turn = sorted[behind - 1].turn;
    wanted.call = 0;
    size_t first = before(sorted, n, &wanted);
    size_t next = first + sorted[first].taken;
    while (next < behind && r->history[sorted[next].call].result != CHAT_NO_RESULT)
        next++;
    sorted[first].taken = next - first;
    return next < behind ? sorted[next].call : CHAT_NO_RESULT;
}

static struct ref *sort_calls(struct dgm_request *r)
{
    struct ref *sorted = dgm_arena_take(&r->arena, (r->history_n + 1) * sizeof *sorted);
    size_t turn = 0, end = 0;
    if (!sorted) {
        chat_no_memory(r);
        return NULL;
    }
    for (size_t i = 0; i < r->history_n; i++) {
        const struct chat_call *call = &r->history[i];
        if (call->message >= end) {
            turn = call->message;
            end = chat_turn_end(r, turn);
        }
        struct dgm_str key = call->id.p ? call->id : call->name;
        sorted[i] = (struct ref){.key = key, .legacy = !call->id.p, .turn = turn, .call = i};
    }
    dgm_sort(sorted, r->history_n, sizeof *sorted, compare);
    return sorted;
}

static bool is_result(const struct chat_message *m)
{
    return m->role == ROLE_TOOL || m->role == ROLE_FUNCTION;
}

/* What a result answers to, as a call would be found under it. */
static struct ref wanted_of(struct dgm_request *r, size_t message)
{
    const struct json_val *val = r->messages[message].val;
    struct ref wanted = {.turn = message};
    wanted.legacy = r->messages[message].role == ROLE_FUNCTION;
    wanted.key = json_get_str(val, wanted.legacy ? DGM_STR("name") : DGM_STR("tool_call_id"));
    if (wanted.legacy)
        wanted.key = names_native(r, wanted.key);
    return wanted;
}

static bool answers(const struct ref *wanted, const struct chat_call *call)
{
    return wanted->legacy == !call->id.p &&
           dgm_str_eq(wanted->key, call->id.p ? call->id : call->name);
}

/*
 * Most results stand behind their calls and in their order, so the first call of the last turn that has none yet is
 * looked at before anything is sorted.
 */
void chat_match_results(struct dgm_request *r)
{
    struct ref *sorted = NULL;
    for (size_t i = 0, next = 0; r->history_n != 0 && r->rc == DGM_OK && i < r->messages_n; i++) {
        struct chat_message *m = &r->messages[i];
        if (m->role == ROLE_MODEL && (i == 0 || m[-1].role != ROLE_MODEL))
            next = m->first_call;
        if (!is_result(m))
            continue;
        struct ref wanted = wanted_of(r, i);
        while (next < m->first_call && r->history[next].result != CHAT_NO_RESULT)
            next++;
        size_t call = next;
        if (next == m->first_call || !answers(&wanted, &r->history[next])) {
            sorted = sorted ? sorted : sort_calls(r);
            call = sorted ? take_call(r, sorted, wanted) : CHAT_NO_RESULT;
        }
        if (call == CHAT_NO_RESULT)
            continue;
        r->history[call].result = i;
        m->taken = true;
    }
}

/* ---- what a result says ------------------------------------------------------------------------------- */

/* A walk over the texts of a result. */
struct texts {
    struct dgm_request *r;
    size_t message;
    const struct json_val *whole;
    struct json_iter parts;
};

static struct texts texts(struct dgm_request *r, size_t message)
{
    const struct json_val *content = r->messages[message].content;
    return (struct texts){r, message, json_kind(content) == JSON_STR ? content : NULL,
                          json_iter(content)};
}

static bool next_text(struct texts *t, struct dgm_str *ret)
{
    *ret = json_str(t->whole);
    t->whole = NULL;
    while (!ret->p && t->r->rc == DGM_OK && json_next(&t->parts)) {
        const struct chat_place *content = CHAT_MESSAGE_MEMBER(t->message, DGM_STR("content"));
        const struct chat_place *place = CHAT_ELEMENT(content, t->parts.index);
        struct part p = part_read(t->r, t->parts.value, place);
        if (p.kind && p.extra && part_text(&p).p)
            google_extra(t->r, t->parts.value, place, 0);
        *ret = part_text(&p);
    }
    return ret->p != NULL;
}

static void add_texts(struct chat_contents *c, size_t message)
{
    struct texts walk = texts(c->r, message);
    struct dgm_str text;
    while (next_text(&walk, &text))
        json_add_str(c->w, text);
}

/* A lone text that is a JSON object goes as it is; anything else is {"output": text}. */
static const struct json_val *read_object(struct chat_contents *c, size_t message)
{
    struct texts walk = texts(c->r, message);
    struct dgm_str text, more;
    if (!next_text(&walk, &text) || next_text(&walk, &more))
        return NULL;
    size_t n = 0;
    while (n < text.n && strchr(" \t\r\n", text.p[n]) && text.p[n] != '\0')
        n++;
    if (n == text.n || text.p[n] != '{') /* spares most texts the copy */
        return NULL;
    return chat_read_object(c->r, text);
}

/* ---- the media of a result ---------------------------------------------------------------------------- */

/* A walk over them: those among its parts, then those of extra_content.google.parts. */
struct walk {
    struct dgm_request *r;
    size_t message;
    struct json_iter parts, extras;
};

static struct walk walk_media(struct dgm_request *r, size_t message)
{
    const struct json_val *val = r->messages[message].val, *extras = NULL;
    if (json_get(val, DGM_STR("extra_content")))
        extras = google_extra(r, val, CHAT_MESSAGE(message), EXTRA_PARTS).parts;
    return (struct walk){r, message, json_iter(r->messages[message].content), json_iter(extras)};
}

/* Names the members that are none of four values. */
static void ignore_others(struct dgm_request *r, const struct json_val *obj,
                          const struct chat_place *place, const struct json_val *const known[4])
{
    struct json_iter it = json_iter(obj);
    while (json_next(&it)) {
        bool is_known = json_kind(it.value) == JSON_NULL;
        for (size_t i = 0; i < 4; i++)
            is_known = is_known || it.value == known[i];
        if (!is_known)
            chat_ignore(r, CHAT_MEMBER(place, it.name));
    }
}

/* One of Google's own FunctionResponsePart objects, in either spelling. */
static bool read_extra_part(struct dgm_request *r, const struct json_val *val,
                            const struct chat_place *place, struct media *ret)
{
    const struct json_val *blob = google_get(val, DGM_STR("inline_data"));
    const struct json_val *file = blob ? NULL : google_get(val, DGM_STR("file_data"));
    const struct json_val *obj = blob ? blob : file;
    struct dgm_str source = blob ? DGM_STR("data") : DGM_STR("file_uri");
    const struct chat_place *at =
        CHAT_MEMBER(place, blob ? DGM_STR("inline_data") : DGM_STR("file_data"));
    const struct json_val *mime = google_get(obj, DGM_STR("mime_type"));
    const struct json_val *text = google_get(obj, source);
    const struct json_val *name = google_get(obj, DGM_STR("display_name"));
    if (!chat_expect(r, val, J_OBJ, place) || !chat_expect(r, obj, J_OBJ, at) ||
        !chat_expect(r, mime, J_STR, CHAT_MEMBER(at, DGM_STR("mime_type"))) ||
        !chat_expect(r, text, J_STR, CHAT_MEMBER(at, source)))
        return false;
    ignore_others(r, val, place, (const struct json_val *const[4]){obj});
    ignore_others(r, obj, at, (const struct json_val *const[4]){mime, text, name});
    if (name && r->surface != DGM_VERTEX)
        chat_ignore(r, CHAT_MEMBER(at, DGM_STR("display_name")));
    *ret = (struct media){.mime = json_str(mime), .name = json_str(name)};
    *(blob ? &ret->data : &ret->uri) = json_str(text);
    if (file || media_is_base64(ret->data, &ret->blanks))
        return true;
    chat_refuse(r, DGM_ERR_VALUE, CHAT_MEMBER(at, source), " is not base64.");
    return false;
}

static bool next_medium(struct walk *w, struct media *ret)
{
    const struct chat_place *message = CHAT_MESSAGE(w->message);
    const struct chat_place *content = CHAT_MEMBER(message, DGM_STR("content"));
    const struct chat_place *google =
        CHAT_MEMBER(CHAT_MEMBER(message, DGM_STR("extra_content")), DGM_STR("google"));
    while (w->r->rc == DGM_OK && json_next(&w->parts)) {
        const struct chat_place *place = CHAT_ELEMENT(content, w->parts.index);
        struct part p = part_read(w->r, w->parts.value, place);
        if (part_media(w->r, &p, place, ret))
            return true;
    }
    if (w->r->rc != DGM_OK || !json_next(&w->extras))
        return false;
    return read_extra_part(w->r, w->extras.value,
                           CHAT_ELEMENT(CHAT_MEMBER(google, DGM_STR("parts")), w->extras.index),
                           ret);
}

/* Whether a medium can stand in the result itself: the Gemini API takes bytes alone there (google.md 6.9). */
static bool fits(const struct dgm_request *r, const struct media *m)
{
    return (r->model.can & CAN_RESULT_PARTS) && (r->surface == DGM_VERTEX || m->data.p);
}

/* Puts `parts`, where there are any. True when media are left that cannot stand there. */
static bool put_parts(struct chat_contents *c, size_t message)
{
    struct walk walk = walk_media(c->r, message);
    struct media m;
    bool open = false, left = false;
    while (next_medium(&walk, &m)) {
        if (!fits(c->r, &m)) {
            left = true;
            continue;
        }
        if (!open) {
            json_put_name(c->w, "parts");
            json_open_arr(c->w);
            open = true;
        }
        json_open_obj(c->w);
        media_put(c->w, c->r->surface, &m);
        json_close_obj(c->w);
    }
    if (open)
        json_close_arr(c->w);
    return left;
}

static bool has_rest(struct dgm_request *r, size_t message)
{
    struct walk walk = walk_media(r, message);
    struct media m;
    while (next_medium(&walk, &m))
        if (!fits(r, &m))
            return true;
    return false;
}

/* Puts the media that cannot stand in the result into the user's turn behind it, marked as what they are. */
static void put_rest(struct chat_contents *c, const struct chat_call *call)
{
    struct walk walk = walk_media(c->r, call->result);
    struct media m;
    chat_open_part(c, TURN_USER);
    json_put_name(c->w, "text");
    json_open_str(c->w);
    json_add_str(c->w, DGM_STR("<tool_result_media function=\""));
    json_add_str(c->w, call->name);
    json_add_str(c->w, DGM_STR("\">"));
    json_close_str(c->w);
    json_close_obj(c->w);
    while (next_medium(&walk, &m)) {
        if (fits(c->r, &m))
            continue;
        chat_open_part(c, TURN_USER);
        media_put(c->w, c->r->surface, &m);
        json_close_obj(c->w);
    }
    chat_put_text(c, TURN_USER, DGM_STR("</tool_result_media>"));
}

/* ---- putting ------------------------------------------------------------------------------------------ */

static void warn(struct dgm_request *r, struct dgm_str what)
{
    chat_note(r, DGM_NOTE_WARNING, (const struct dgm_str[4]){DGM_STR("messages: "), what});
}

/* The texts of a result as one; a lone one may be large, and is a piece of the parsed body. */
static void put_output(struct chat_contents *c, size_t message)
{
    struct dgm_str whole = json_str(c->r->messages[message].content);
    json_put_name(c->w, "output");
    if (whole.p) {
        json_put_lasting(c->w, whole);
        return;
    }
    json_open_str(c->w);
    add_texts(c, message);
    json_close_str(c->w);
}

static void put_response(struct chat_contents *c, size_t message)
{
    const struct json_val *object = message != CHAT_NO_RESULT ? read_object(c, message) : NULL;
    json_put_name(c->w, "response");
    if (object) {
        json_put_val(c->w, object);
        return;
    }
    json_open_obj(c->w);
    if (message == CHAT_NO_RESULT) {
        json_member_lit(c->w, "error", "no result");
        warn(c->r, DGM_STR("a call without a result got one"));
    } else {
        put_output(c, message);
    }
    json_close_obj(c->w);
}

void chat_put_results(struct chat_contents *c, size_t first, size_t end)
{
    struct dgm_request *r = c->r;
    size_t left = SIZE_MAX; /* the first call whose media wait */
    for (size_t i = first; r->rc == DGM_OK && i < end; i++) {
        const struct chat_call *call = &r->history[i];
        chat_open_part(c, TURN_RESULTS);
        json_put_name(c->w, "functionResponse");
        json_open_obj(c->w);
        json_member_str(c->w, "name", call->name);
        put_response(c, call->result);
        if (call->result != CHAT_NO_RESULT && put_parts(c, call->result) && left == SIZE_MAX)
            left = i;
        chat_put_native_id(c, call);
        json_close_obj(c->w);
        json_close_obj(c->w);
    }
    for (size_t i = left; r->rc == DGM_OK && i < end; i++)
        if (r->history[i].result != CHAT_NO_RESULT && has_rest(r, r->history[i].result))
            put_rest(c, &r->history[i]);
}

void chat_put_orphan(struct chat_contents *c, size_t message)
{
    struct walk walk = walk_media(c->r, message);
    struct media m;
    chat_open_part(c, TURN_USER);
    json_put_name(c->w, "text");
    json_open_str(c->w);
    json_add_str(c->w, DGM_STR("<tool_result>\n"));
    add_texts(c, message);
    json_add_str(c->w, DGM_STR("\n</tool_result>"));
    json_close_str(c->w);
    json_close_obj(c->w);
    while (next_medium(&walk, &m)) {
        chat_open_part(c, TURN_USER);
        media_put(c->w, c->r->surface, &m);
        json_close_obj(c->w);
    }
    warn(c->r, DGM_STR("a result without a call became text"));
}
