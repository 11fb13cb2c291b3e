/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the conversation, checked and read message by message. */
#include "translate/google.h"

#include "base/str.h"

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
    struct dgm_str name;
    unsigned accepts, roles;
} message_fields[] = {
#define MESSAGE_FIELD(id, name, accepts, roles) {{name, sizeof name - 1}, accepts, roles},
#include "translate/message_fields.def"
#undef MESSAGE_FIELD
};

/* ---- checking ---- */

static void check_member(struct dgm_request *r, size_t message, struct dgm_str name,
                         const struct json_val *v)
{
    if (json_kind(v) == JSON_NULL)
        return;
    for (size_t i = 0; i < sizeof message_fields / sizeof *message_fields; i++) {
        if (!dgm_str_eq(name, message_fields[i].name))
            continue;
        if (!(message_fields[i].roles & 1u << r->messages[message].role))
            break;
        (void)chat_expect(r, v, message_fields[i].accepts, CHAT_MESSAGE_MEMBER(message, name));
        return;
    }
    chat_ignore(r, CHAT_MESSAGE_MEMBER(message, name));
}

static void check_role(struct dgm_request *r, size_t message, struct chat_message *m)
{
    struct dgm_str role = json_get_str(m->val, DGM_STR("role"));
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (dgm_str_eq(role, roles[i].name)) {
            m->role = roles[i].role;
            return;
        }
    }
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("role"));
    if (chat_need_str(r, m->val, place, &role))
        chat_refuse(
            r, DGM_ERR_VALUE, place,
            " must be one of system, developer, user, assistant, model, tool and function.");
}

/* What a role cannot do without: a content for all but the model, something to answer to for a tool. */
static void check_needed(struct dgm_request *r, size_t message, const struct chat_message *m)
{
    struct dgm_str key;
    if (m->role != ROLE_MODEL && !json_get(m->val, DGM_STR("content")))
        chat_missing(r, CHAT_MESSAGE_MEMBER(message, DGM_STR("content")));
    if (m->role == ROLE_TOOL)
        chat_need_str(r, m->val, CHAT_MESSAGE_MEMBER(message, DGM_STR("tool_call_id")), &key);
    if (m->role == ROLE_FUNCTION)
        chat_need_str(r, m->val, CHAT_MESSAGE_MEMBER(message, DGM_STR("name")), &key);
}

void chat_check_messages(struct dgm_request *r)
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
    const struct chat_place *text = CHAT_MEMBER(part, type); /* the type names its member */
    chat_ignore_but(t->_r, t->_parts.value, part, "type", refusal ? "refusal" : "text");
    return chat_need_str(t->_r, t->_parts.value, text, ret);
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
    const struct chat_place *at = CHAT_MEMBER(place, DGM_STR("arguments"));
    const struct json_val *arguments = json_get(f, at->member);
    if (!chat_need_str(r, f, CHAT_MEMBER(place, DGM_STR("name")), &ret->name))
        return false;
    if (arguments && json_kind(arguments) != JSON_NULL && !chat_expect(r, arguments, J_STR, at))
        return false;
    ret->arguments = json_str(arguments);
    chat_ignore_but(r, f, place, "name", "arguments");
    return true;
}

bool chat_next_call(struct chat_calls *c, struct chat_call *ret)
{
    struct dgm_request *r = c->_r;
    *ret = (struct chat_call){0};
    if (r->rc != DGM_OK)
        return false;
    if (!json_next(&c->_calls)) {
        const struct json_val *legacy = c->_legacy;
        c->_legacy = NULL;
        return json_kind(legacy) == JSON_OBJ &&
               read_function(r, legacy, CHAT_MESSAGE_MEMBER(c->_message, DGM_STR("function_call")),
                             ret);
    }
    const struct json_val *call = c->_calls.value;
    const struct chat_place *place =
        CHAT_ELEMENT(CHAT_MESSAGE_MEMBER(c->_message, DGM_STR("tool_calls")), c->_calls.index);
    if (!chat_need_str(r, call, CHAT_MEMBER(place, DGM_STR("id")), &ret->id))
        return false;
    ret->signature = google_extra(r, call, place, EXTRA_SIGNATURE).signature;
    chat_ignore_but(r, call, place, "id", "type", "index", "function", "extra_content");
    return read_function(r, json_get(call, DGM_STR("function")),
                         CHAT_MEMBER(place, DGM_STR("function")), ret);
}

/* ---- turns and needs ---- */

size_t chat_turn_end(const struct dgm_request *r, size_t first)
{
    while (first < r->messages_n && r->messages[first].role == ROLE_MODEL)
        first++;
    return first;
}

/* The first call of a turn of the model; false when it made none. */
static bool first_call(struct dgm_request *r, size_t first, size_t end, struct chat_call *ret)
{
    for (size_t i = first; i < end; i++) {
        struct chat_calls calls = chat_calls(r, i);
        if (chat_next_call(&calls, ret))
            return true;
    }
    return false;
}

/* A step's first call alone carries a signature (google.md 9.1). */
void chat_collect_needs(struct dgm_request *r)
{
    size_t cap = 0;
    if (r->rc != DGM_OK || r->model.generation < GEMINI_3)
        return;
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
    for (size_t i = 0, end; i<r->messages_n; i = end> i ? end : i + 1) {
        struct chat_call call;
        end = chat_turn_end(r, i);
        if (first_call(r, i, end, &call) && call.id.p && !call.signature.n)
            r->needs[r->needs_n++].call_id = call.id;
    }
}
