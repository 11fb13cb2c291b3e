/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the conversation: OpenAI's messages as systemInstruction and contents. */
#include "translate/chat.h"

#include "base/str.h"

/* What stands for a signature nobody remembers, where Gemini 3 insists on one (google.md 9.1). */
#define NO_SIGNATURE DGM_STR("skip_thought_signature_validator")

static const struct {
    struct dgm_str name;
    enum chat_role role;
} roles[] = {
#define ROLE(name, kind) {{name, sizeof name - 1}, ROLE_##kind},
#include "translate/roles.def"
#undef ROLE
};

#define R_MODEL (1u << ROLE_MODEL)
#define R_TOOL (1u << ROLE_TOOL)
#define R_FUNCTION (1u << ROLE_FUNCTION)
#define R_ANY (~0u)

static const struct {
    struct dgm_str name, ignored_as;
    unsigned accepts, roles;
} message_fields[] = {
#define MESSAGE_FIELD(id, name, accepts, roles)                                                    \
    {{name, sizeof name - 1}, {"messages[]." name, sizeof "messages[]." name - 1}, accepts, roles},
#include "translate/message_fields.def"
#undef MESSAGE_FIELD
};

/* ---- checking ---- */

static void check_member(struct dgm_request *r, size_t message, struct dgm_str name,
                         const struct json_val *v)
{
    for (size_t i = 0; i < sizeof message_fields / sizeof *message_fields; i++) {
        if (!dgm_str_eq(name, message_fields[i].name))
            continue;
        if (json_kind(v) == JSON_NULL)
            return;
        if (message_fields[i].roles & 1u << r->messages[message].role)
            chat_expect(r, v, message_fields[i].accepts, CHAT_MESSAGE_MEMBER(message, name));
        else
            chat_ignore(r, message_fields[i].ignored_as);
        return;
    }
    chat_ignore(r, DGM_STR("messages[].*"));
}

static void check_role(struct dgm_request *r, size_t message, struct chat_message *m)
{
    const struct json_val *role = json_get(m->val, DGM_STR("role"));
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("role"));
    if (!role) {
        chat_missing(r, place);
        return;
    }
    if (!chat_expect(r, role, J_STR, place))
        return;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (dgm_str_eq(json_str(role), roles[i].name)) {
            m->role = roles[i].role;
            return;
        }
    }
    chat_refuse(r, DGM_ERR_VALUE, place,
                " must be one of system, developer, user, assistant, model, tool and function.");
}

/* What a role cannot do without: a text for most, an id to answer to for a tool. */
static void check_needed(struct dgm_request *r, size_t message, const struct chat_message *m)
{
    if (m->role != ROLE_MODEL && !json_get(m->val, DGM_STR("content")))
        chat_missing(r, CHAT_MESSAGE_MEMBER(message, DGM_STR("content")));
    if (m->role != ROLE_TOOL && m->role != ROLE_FUNCTION)
        return;
    struct dgm_str key = m->role == ROLE_TOOL ? DGM_STR("tool_call_id") : DGM_STR("name");
    if (!json_get_str(m->val, key).p)
        chat_missing(r, CHAT_MESSAGE_MEMBER(message, key));
}

static void check_messages(struct dgm_request *r)
{
    struct json_iter it = json_iter(r->field[CHAT_MESSAGES]);
    struct chat_message *m =
        dgm_arena_take0(&r->arena, json_size(r->field[CHAT_MESSAGES]) * sizeof *m);
    if (!m) {
        chat_no_memory(r);
        return;
    }
    r->messages = m;
    for (; r->rc == DGM_OK && json_next(&it); m++, r->messages_n++) {
        m->val = it.value;
        if (!chat_expect(r, it.value, J_OBJ, CHAT_MESSAGE(it.index)))
            return;
        check_role(r, it.index, m);
        struct json_iter members = json_iter(it.value);
        while (json_next(&members))
            check_member(r, it.index, members.name, members.value);
        check_needed(r, it.index, m);
    }
}

/* ---- texts and calls of one message ---- */

struct chat_texts chat_texts(struct dgm_request *r, size_t message)
{
    const struct json_val *content = json_get(r->messages[message].val, DGM_STR("content"));
    return (struct chat_texts){
        ._r = r, ._content = content, ._parts = json_iter(content), ._message = message};
}

bool chat_next_text(struct chat_texts *t, struct dgm_str *ret)
{
    if (json_kind(t->_content) == JSON_STR) {
        if (t->_whole)
            return false;
        t->_whole = true;
        *ret = json_str(t->_content);
        return true;
    }
    if (t->_r->rc != DGM_OK || !json_next(&t->_parts))
        return false;
    const struct chat_place *part =
        CHAT_ELEMENT(CHAT_MESSAGE_MEMBER(t->_message, DGM_STR("content")), t->_parts.index);
    struct dgm_str type = json_get_str(t->_parts.value, DGM_STR("type"));
    bool refusal = dgm_str_eq(type, DGM_STR("refusal"));
    if (!refusal && !dgm_str_eq(type, DGM_STR("text"))) {
        chat_refuse(t->_r, DGM_ERR_VALUE, CHAT_MEMBER(part, DGM_STR("type")),
                    " must be \"text\"; no other part is served yet.");
        return false;
    }
    const struct json_val *text = json_get(t->_parts.value, type); /* the type names its member */
    if (!chat_expect(t->_r, text, J_STR, CHAT_MEMBER(part, type)))
        return false;
    *ret = json_str(text);
    return true;
}

struct chat_calls chat_calls(struct dgm_request *r, size_t message)
{
    const struct json_val *m = r->messages[message].val;
    return (struct chat_calls){
        ._r = r,
        ._calls = json_iter(json_get(m, DGM_STR("tool_calls"))),
        ._legacy = json_get(m, DGM_STR("function_call")),
        ._message = message,
    };
}

/* Reads {name, arguments}, which tool_calls[].function and function_call share. */
static bool read_function(struct dgm_request *r, const struct json_val *f,
                          const struct chat_place *place, struct chat_call *ret)
{
    ret->name = json_get_str(f, DGM_STR("name"));
    if (ret->name.n == 0) {
        chat_missing(r, CHAT_MEMBER(place, DGM_STR("name")));
        return false;
    }
    const struct json_val *arguments = json_get(f, DGM_STR("arguments"));
    if (arguments && json_kind(arguments) != JSON_NULL &&
        !chat_expect(r, arguments, J_STR, CHAT_MEMBER(place, DGM_STR("arguments"))))
        return false;
    ret->arguments = json_str(arguments);
    return true;
}

bool chat_next_call(struct chat_calls *c, struct chat_call *ret)
{
    *ret = (struct chat_call){0};
    if (c->_r->rc != DGM_OK)
        return false;
    if (!json_next(&c->_calls)) {
        const struct json_val *legacy = c->_legacy;
        c->_legacy = NULL;
        return json_kind(legacy) == JSON_OBJ &&
               read_function(c->_r, legacy,
                             CHAT_MESSAGE_MEMBER(c->_message, DGM_STR("function_call")), ret);
    }
    const struct json_val *call = c->_calls.value;
    const struct chat_place *place =
        CHAT_ELEMENT(CHAT_MESSAGE_MEMBER(c->_message, DGM_STR("tool_calls")), c->_calls.index);
    const struct json_val *id = json_get(call, DGM_STR("id"));
    if (!chat_expect(c->_r, id, J_STR, CHAT_MEMBER(place, DGM_STR("id"))))
        return false;
    ret->id = json_str(id);
    const struct json_val *google =
        json_get(json_get(call, DGM_STR("extra_content")), DGM_STR("google"));
    ret->signature = json_get_str(google, DGM_STR("thought_signature"));
    return read_function(c->_r, json_get(call, DGM_STR("function")),
                         CHAT_MEMBER(place, DGM_STR("function")), ret);
}

/* ---- contents ---- */

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
        json_put_key(c->w, DGM_STR("systemInstruction"));
    json_open_obj(c->w);
    if (turn != TURN_SYSTEM)
        json_member_str(c->w, "role", turn == TURN_MODEL ? DGM_STR("model") : DGM_STR("user"));
    json_put_key(c->w, DGM_STR("parts"));
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
    json_member_str(c->w, "text", text);
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
        json_put_key(c->w, DGM_STR("text"));
        json_open_str(c->w);
        json_add_str(c->w, DGM_STR("<system_instruction>\n"));
        json_add_str(c->w, text);
        json_add_str(c->w, DGM_STR("\n</system_instruction>"));
        json_close_str(c->w);
        json_close_obj(c->w);
    }
}

/* Arguments are a JSON object in a string; what is none is kept where the model can see it (user-pain C4). */
static void put_arguments(struct chat_contents *c, struct dgm_str text)
{
    struct dgm_request *r = c->r;
    const struct json_val *args = NULL;
    struct json_error e = {0};
    json_put_key(c->w, DGM_STR("args"));
    if (text.n != 0) {
        char *copy = dgm_arena_take(&r->arena, text.n + JSON_PADDING);
        if (!copy) {
            chat_no_memory(r);
            return;
        }
        for (size_t i = 0; i < text.n; i++)
            copy[i] = text.p[i];
        if (json_parse(&r->arena, copy, text.n, r->limits.depth, &args, &e) == DGM_E_NOMEM)
            chat_no_memory(r);
    }
    if (json_kind(args) == JSON_OBJ) {
        json_put_val(c->w, args);
        return;
    }
    json_open_obj(c->w);
    if (text.n != 0 && e.trouble != JSON_EMPTY)
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
    if (call->signature.p)
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

/* Returns whether there were calls. */
static bool put_calls(struct chat_contents *c, size_t message, bool current)
{
    struct chat_calls calls = chat_calls(c->r, message);
    struct chat_call call;
    bool first = true;
    for (; chat_next_call(&calls, &call); first = false) {
        chat_open_part(c, TURN_MODEL);
        json_put_key(c->w, DGM_STR("functionCall"));
        json_open_obj(c->w);
        json_member_str(c->w, "name", call.name);
        put_arguments(c, call.arguments);
        json_close_obj(c->w);
        struct dgm_str signature = find_signature(c->r, &call, first, current);
        if (signature.p)
            json_member_str(c->w, "thoughtSignature", signature);
        json_close_obj(c->w);
    }
    return !first;
}

/* Puts message `i` and what belongs to it; returns the index of the next. */
static size_t put_message(struct chat_contents *c, size_t i, bool current)
{
    const struct chat_message *m = &c->r->messages[i];
    switch (m->role) {
    case ROLE_SYSTEM:
        put_instruction(c, i);
        return i + 1;
    case ROLE_USER:
        put_texts(c, i, TURN_USER);
        return i + 1;
    case ROLE_MODEL:
        put_texts(c, i, TURN_MODEL);
        put_text(c, TURN_MODEL, json_get_str(m->val, DGM_STR("refusal")));
        return put_calls(c, i, current) ? chat_put_results(c, i, i + 1) : i + 1;
    case ROLE_TOOL:
    case ROLE_FUNCTION:
        break;
    }
    return chat_put_results(c, SIZE_MAX, i);
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

/* Asks for the signature of each step's first call, which alone carries one. */
static void collect_needs(struct dgm_request *r)
{
    if (r->model.generation < GEMINI_3)
        return;
    size_t cap = 0;
    for (size_t i = 0; i < r->messages_n; i++)
        cap += r->messages[i].role == ROLE_MODEL &&
               json_get(r->messages[i].val, DGM_STR("tool_calls"));
    if (cap == 0)
        return;
    r->needs = dgm_arena_take0(&r->arena, cap * sizeof *r->needs);
    if (!r->needs) {
        chat_no_memory(r);
        return;
    }
    for (size_t i = 0; i < r->messages_n; i++) {
        if (r->messages[i].role != ROLE_MODEL)
            continue;
        struct chat_calls calls = chat_calls(r, i);
        struct chat_call call;
        if (chat_next_call(&calls, &call) && call.id.p && !call.signature.p)
            r->needs[r->needs_n++].call_id = call.id;
    }
}

void chat_put_system(struct dgm_request *r, struct json_writer *w)
{
    check_messages(r);
    if (r->rc != DGM_OK)
        return;
    struct chat_contents c = {.r = r, .w = w};
    for (size_t i = 0, end = leading(r); i < end; i++)
        put_texts(&c, i, TURN_SYSTEM);
    close_turn(&c);
    collect_needs(r);
}

void chat_put_contents(struct dgm_request *r, struct json_writer *w)
{
    json_put_key(w, DGM_STR("contents"));
    json_open_arr(w);
    struct chat_contents c = {.r = r, .w = w};
    size_t start = r->body.n, current = current_turn(r);
    for (size_t i = leading(r); r->rc == DGM_OK && i < r->messages_n;)
        i = put_message(&c, i, i >= current);
    close_turn(&c);
    /* Nobody said anything: the least that Gemini takes as something said. */
    if (r->body.n == start)
        put_text(&c, TURN_USER, DGM_STR(" "));
    close_turn(&c);
    json_close_arr(w);
}
