/* SPDX-License-Identifier: Apache-2.0 */
/* contents.c - the conversation put: systemInstruction, and contents turn by turn. */
#include "translate/chat.h"

#include "base/str.h"

/* What stands for a signature nobody remembers, where Gemini 3 insists on one (google.md 9.1). */
#define NO_SIGNATURE DGM_STR("skip_thought_signature_validator")

/* ---- turns and parts ---- */

static void close_turn(struct chat_contents *c)
{
    if (c->open == TURN_NONE)
        return;
    json_close_arr(c->w);
    json_close_obj(c->w);
    c->open = TURN_NONE;
}

static void open_turn(struct chat_contents *c, enum chat_turn turn)
{
    if (c->open == turn)
        return;
    close_turn(c);
    if (turn == TURN_SYSTEM)
        json_put_name(c->w, "systemInstruction");
    json_open_obj(c->w);
    if (turn != TURN_SYSTEM)
        json_member_str(c->w, "role", turn == TURN_MODEL ? DGM_STR("model") : DGM_STR("user"));
    json_put_name(c->w, "parts");
    json_open_arr(c->w);
    c->open = turn;
}

void chat_open_part(struct chat_contents *c, enum chat_turn turn)
{
    open_turn(c, turn);
    json_open_obj(c->w);
}

/* Gemini refuses empty parts: an empty text leaves nothing behind (user-pain A12). */
static void put_text(struct chat_contents *c, enum chat_turn turn, struct dgm_str text)
{
    if (text.n == 0)
        return;
    chat_open_part(c, turn);
    json_member_lasting(c->w, "text", text); /* a part of the parsed body, as all texts here */
    json_close_obj(c->w);
}

static void put_texts(struct chat_contents *c, size_t message, enum chat_turn turn)
{
    struct chat_texts texts = chat_texts(c->r, message);
    struct dgm_str text;
    while (chat_next_text(&texts, &text))
        put_text(c, turn, text);
}

/*
 * An instruction in mid-conversation stays where it was said, as marked user text: hoisted to the front it
 * would change the first bytes of the body and with them every cached token (user-pain A7).
 */
static void put_instruction(struct chat_contents *c, size_t message)
{
    struct chat_texts texts = chat_texts(c->r, message);
    struct dgm_str text;
    while (chat_next_text(&texts, &text)) {
        if (text.n == 0)
            continue;
        chat_open_part(c, TURN_USER);
        json_put_name(c->w, "text");
        json_open_str(c->w);
        json_add_str(c->w, DGM_STR("<system_instruction>\n"));
        json_add_str(c->w, text);
        json_add_str(c->w, DGM_STR("\n</system_instruction>"));
        json_close_str(c->w);
        json_close_obj(c->w);
    }
}

/* ---- the model's turns ---- */

/* Arguments are a JSON object in a string; what is none is kept where the model can see it (user-pain C4). */
static void put_arguments(struct chat_contents *c, struct dgm_str text)
{
    const struct json_val *args = chat_parse(c->r, text);
    json_put_name(c->w, "args");
    if (json_kind(args) == JSON_OBJ) {
        json_put_val(c->w, args);
        return;
    }
    json_open_obj(c->w);
    if (dgm_str_trim(text).n != 0)
        json_member_str(c->w, "_raw", text);
    json_close_obj(c->w);
}

/*
 * The signature a call goes back with: the client's, else the remembered one, else, where Gemini 3 would
 * refuse without, the documented stand-in: on the first call of a step of the current turn (user-pain D8).
 */
static struct dgm_str find_signature(struct dgm_request *r, const struct chat_call *call,
                                     bool first, bool current)
{
    if (call->signature.n)
        return call->signature;
    if (r->model.generation < GEMINI_3 || !first)
        return (struct dgm_str){0};
    struct dgm_str known = {0};
    if (call->id.p && r->needs_used < r->needs_n)
        known = r->needs[r->needs_used++].signature;
    if (known.p || !current)
        return known;
    return NO_SIGNATURE;
}

/* Puts the calls of one message behind `*calls_n` earlier ones of its turn. */
static void put_calls(struct chat_contents *c, size_t message, bool current, size_t *calls_n)
{
    struct chat_calls calls = chat_calls(c->r, message);
    struct chat_call call;
    for (; chat_next_call(&calls, &call); ++*calls_n) {
        chat_open_part(c, TURN_MODEL);
        json_put_name(c->w, "functionCall");
        json_open_obj(c->w);
        json_member_str(c->w, "name", call.name);
        put_arguments(c, call.arguments);
        json_close_obj(c->w);
        struct dgm_str signature = find_signature(c->r, &call, *calls_n == 0, current);
        if (signature.p)
            json_member_str(c->w, "thoughtSignature", signature);
        json_close_obj(c->w);
    }
}

/* Puts all messages of the model in a row, which are one turn, and the results that answer its calls. */
static size_t put_model_turn(struct chat_contents *c, size_t first, bool current)
{
    size_t end = chat_turn_end(c->r, first), calls_n = 0;
    for (size_t i = first; i < end; i++) {
        put_texts(c, i, TURN_MODEL);
        put_text(c, TURN_MODEL, json_get_str(c->r->messages[i].val, DGM_STR("refusal")));
        put_calls(c, i, current, &calls_n);
    }
    return calls_n ? chat_put_results(c, first, end) : end;
}

/* ---- the conversation ---- */

/* Puts message `i` and what belongs to it; returns the index of the next. */
static size_t put_message(struct chat_contents *c, size_t i, bool current)
{
    switch (c->r->messages[i].role) {
    case ROLE_SYSTEM:
        put_instruction(c, i);
        return i + 1;
    case ROLE_USER:
        put_texts(c, i, TURN_USER);
        return i + 1;
    case ROLE_MODEL:
        return put_model_turn(c, i, current);
    case ROLE_TOOL:
    case ROLE_FUNCTION:
        break;
    }
    return chat_put_results(c, i, i);
}

/* How many system messages lead; none when there is nothing else, for then they are the conversation. */
static size_t leading(const struct dgm_request *r)
{
    size_t n = 0;
    while (n < r->messages_n && r->messages[n].role == ROLE_SYSTEM)
        n++;
    return n < r->messages_n ? n : 0;
}

/* The message that began the current turn: the last of a user (google.md 9.1). */
static size_t current_turn(const struct dgm_request *r)
{
    size_t i = r->messages_n;
    while (i != 0 && r->messages[i - 1].role != ROLE_USER)
        i--;
    return i;
}

void chat_put_system(struct dgm_request *r, struct json_writer *w)
{
    struct chat_contents c = {.r = r, .w = w};
    for (size_t i = 0, end = leading(r); i < end; i++)
        put_texts(&c, i, TURN_SYSTEM);
    close_turn(&c);
}

void chat_put_contents(struct dgm_request *r, struct json_writer *w)
{
    json_put_name(w, "contents");
    json_open_arr(w);
    struct chat_contents c = {.r = r, .w = w};
    size_t start = r->body.n, current = current_turn(r);
    for (size_t i = leading(r); r->rc == DGM_OK && i < r->messages_n;)
        i = put_message(&c, i, i >= current);
    if (r->rc != DGM_OK) /* the body is of no use any more */
        return;
    /* Nobody said anything: the least that Gemini takes as something said. */
    if (r->body.n == start)
        put_text(&c, TURN_USER, DGM_STR(" "));
    close_turn(&c);
    json_close_arr(w);
}
