/* SPDX-License-Identifier: Apache-2.0 */
/* messages.c - the conversation, checked and read message by message. */
#include "translate/carriers.h"
#include "translate/echo.h"
#include "translate/names.h"
#include "translate/parts.h"
#include "translate/prefix.h"

#include "base/str.h"

static const struct dgm_str role_names[] = {
#define ROLE(name, kind) {name, sizeof name - 1},
#include "translate/roles.def"
#undef ROLE
};

static const enum chat_role roles[] = {
#define ROLE(name, kind) ROLE_##kind,
#include "translate/roles.def"
#undef ROLE
};

#define ROLES (sizeof roles / sizeof *roles)

/* Calls that are asked for for their ids' sake: nobody's, but of one who would have the store read without end. */
#define IDS_MAX 4096

#define R_MODEL (1u << ROLE_MODEL)
#define R_TOOL (1u << ROLE_TOOL)
#define R_FUNCTION (1u << ROLE_FUNCTION)
#define R_ANY (~0u)

enum message_field_id {
#define MESSAGE_FIELD(id, ...) MESSAGE_##id,
#include "translate/message_fields.def"
#undef MESSAGE_FIELD
    MESSAGE_FIELDS
};

static const struct dgm_str field_names[MESSAGE_FIELDS] = {
#define MESSAGE_FIELD(id, name, accepts, roles) {name, sizeof name - 1},
#include "translate/message_fields.def"
#undef MESSAGE_FIELD
};

static const struct {
    unsigned accepts, roles;
} message_fields[MESSAGE_FIELDS] = {
#define MESSAGE_FIELD(id, name, accepts, roles) {accepts, roles},
#include "translate/message_fields.def"
#undef MESSAGE_FIELD
};

/* ---- members ---- */

/* Remembers what is asked for often, and counts the calls. */
static void keep_member(struct dgm_request *r, struct chat_message *m, enum message_field_id id,
                        const struct json_val *v)
{
    if (id == MESSAGE_CONTENT)
        m->content = v;
    else if (id == MESSAGE_TOOL_CALLS)
        r->history_n += json_size(v);
    else if (id == MESSAGE_FUNCTION_CALL)
        r->history_n++;
}

static void check_member(struct dgm_request *r, size_t message, struct dgm_str name,
                         const struct json_val *v)
{
    struct chat_message *m = &r->messages[message];
    if (json_kind(v) == JSON_NULL)
        return;
    size_t i = dgm_str_index(name, field_names, MESSAGE_FIELDS);
    if (prefix_is_mark(r, name, v))
        return;
    if (i == MESSAGE_FIELDS || !(message_fields[i].roles & 1u << m->role))
        chat_ignore(r, CHAT_MESSAGE_MEMBER(message, name));
    else if (chat_expect(r, v, message_fields[i].accepts, CHAT_MESSAGE_MEMBER(message, name)))
        keep_member(r, m, (enum message_field_id)i, v);
}

static void check_role(struct dgm_request *r, size_t message, struct chat_message *m)
{
    struct dgm_str role = json_get_str(m->val, DGM_STR("role"));
    size_t i = dgm_str_index(role, role_names, ROLES);
    if (i < ROLES) {
        m->role = roles[i];
        return;
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
    if (m->role != ROLE_MODEL && !m->content && !json_get(m->val, DGM_STR("content")))
        chat_missing(r, CHAT_MESSAGE_MEMBER(message, DGM_STR("content")));
    if (m->role == ROLE_TOOL)
        chat_need_str(r, m->val, CHAT_MESSAGE_MEMBER(message, DGM_STR("tool_call_id")), &key);
    if (m->role == ROLE_FUNCTION)
        chat_need_str(r, m->val, CHAT_MESSAGE_MEMBER(message, DGM_STR("name")), &key);
}

/* A model that takes one resolution for all media hears of it before it hears the messages. */
static void read_resolutions(struct dgm_request *r, size_t message)
{
    const struct chat_place *place = CHAT_MESSAGE_MEMBER(message, DGM_STR("content"));
    struct json_iter it = json_iter(r->messages[message].content);
    if (r->model.can & CAN_PART_RESOLUTION)
        return;
    while (r->rc == DGM_OK && json_next(&it))
        part_read_resolution(r, it.value, CHAT_ELEMENT(place, it.index));
}

static void check_message(struct dgm_request *r, size_t i, const struct json_val *val)
{
    struct chat_message *m = &r->messages[i];
    m->val = val;
    if (!chat_expect(r, val, J_OBJ, CHAT_MESSAGE(i)))
        return;
    check_role(r, i, m);
    struct json_iter members = json_iter(val);
    while (r->rc == DGM_OK && json_next(&members))
        check_member(r, i, members.name, members.value);
    check_needed(r, i, m);
    if (json_kind(m->content) == JSON_ARR)
        read_resolutions(r, i);
}

/* ---- calls ---- */

struct dgm_str chat_signature(struct dgm_request *r, struct dgm_str signature,
                              const struct chat_place *place)
{
    bool blanks;
    if (signature.n == 0)
        return (struct dgm_str){0};
    if (media_is_base64(signature, &blanks) && !blanks)
        return signature;
    const struct chat_place *google =
        CHAT_MEMBER(CHAT_MEMBER(place, DGM_STR("extra_content")), DGM_STR("google"));
    chat_ignore(r, CHAT_MEMBER(google, DGM_STR("thought_signature")));
    return (struct dgm_str){0};
}

/* Reads {name, arguments}, which tool_calls[].function and function_call share. */
static void read_function(struct dgm_request *r, const struct json_val *f,
                          const struct chat_place *place, struct chat_call *ret)
{
    const struct chat_place *at = CHAT_MEMBER(place, DGM_STR("arguments"));
    const struct json_val *arguments = json_get(f, at->member);
    struct dgm_str name;
    if (!chat_need_str(r, f, CHAT_MEMBER(place, DGM_STR("name")), &name))
        return;
    if (chat_is_said(arguments) && !chat_expect(r, arguments, J_STR, at))
        return;
    ret->name = names_native(r, name);
    ret->arguments = json_str(arguments);
    if (json_size(f) > 2)
        chat_ignore_but(r, f, place, "name", "arguments", "thought_signature",
                        "provider_specific_fields");
}

static void read_call(struct dgm_request *r, const struct json_val *call,
                      const struct chat_place *place, struct carriers *carried,
                      struct chat_call *ret)
{
    if (!chat_expect(r, call, J_OBJ, place) ||
        !chat_need_str(r, call, CHAT_MEMBER(place, DGM_STR("id")), &ret->id))
        return;
    struct dgm_str signature = google_extra(r, call, place, EXTRA_SIGNATURE).signature;
    ret->signature = chat_signature(r, signature, place);
    if (!ret->signature.p)
        ret->signature = carriers_read(r, carried, call,
                                       ret == &r->history[r->messages[ret->message].first_call]);
    chat_ignore_but(r, call, place, "id", "type", "index", "function", "extra_content",
                    "thought_signature", "provider_specific_fields");
    read_function(r, json_get(call, DGM_STR("function")), CHAT_MEMBER(place, DGM_STR("function")),
                  ret);
}

/* Adds the calls of one message: tool_calls, then function_call. */
static void read_calls(struct dgm_request *r, size_t message)
{
    const struct json_val *val = r->messages[message].val;
    const struct json_val *legacy = json_get(val, DGM_STR("function_call"));
    const struct chat_place *calls = CHAT_MESSAGE_MEMBER(message, DGM_STR("tool_calls"));
    const struct chat_call fresh = {.message = message, .result = CHAT_NO_RESULT};
    const struct json_val *all = json_get(val, calls->member);
    struct carriers carried = carriers(json_size(all) != 0 ? val : NULL);
    struct json_iter it = json_iter(all);
    while (r->rc == DGM_OK && json_next(&it)) {
        r->history[r->history_n] = fresh;
        read_call(r, it.value, CHAT_ELEMENT(calls, it.index), &carried,
                  &r->history[r->history_n++]);
    }
    if (r->rc != DGM_OK || json_kind(legacy) != JSON_OBJ)
        return;
    r->history[r->history_n] = fresh;
    read_function(r, legacy, CHAT_MESSAGE_MEMBER(message, DGM_STR("function_call")),
                  &r->history[r->history_n++]);
}

static void read_history(struct dgm_request *r)
{
    size_t n = r->history_n;
    r->history = dgm_arena_take(&r->arena, (n ? n : 1) * sizeof *r->history);
    r->history_n = 0;
    if (!r->history) {
        chat_no_memory(r);
        return;
    }
    for (size_t i = 0; r->rc == DGM_OK && i < r->messages_n; i++) {
        r->messages[i].first_call = r->history_n;
        if (n != 0 && r->messages[i].role == ROLE_MODEL)
            read_calls(r, i);
    }
    if (r->rc == DGM_OK)
        chat_match_results(r);
}

void chat_check_messages(struct dgm_request *r)
{
    const struct json_val *messages = r->field[CHAT_MESSAGES];
    struct json_iter it = json_iter(messages);
    r->messages = dgm_arena_take0(&r->arena, json_size(messages) * sizeof *r->messages);
    if (!r->messages) {
        chat_no_memory(r);
        return;
    }
    for (; r->rc == DGM_OK && json_next(&it); r->messages_n++)
        check_message(r, it.index, it.value);
    if (r->rc == DGM_OK)
        read_history(r);
}

/* ---- turns and needs ---- */

size_t chat_turn_end(const struct dgm_request *r, size_t first)
{
    while (first < r->messages_n && r->messages[first].role == ROLE_MODEL)
        first++;
    return first;
}

/*
 * Whether what is remembered of a call matters: an id that the upstream gave goes back to it (user-pain C6), to so many
 * calls; Gemini 3 wants the signature of a step's first call back, and no model takes another's (google.md 9.1).
 */
static bool is_needed(const struct dgm_request *r, size_t i, size_t step)
{
    const struct chat_call *call = &r->history[i];
    bool is_signed = i == step && (r->model.generation >= GEMINI_3 || call->signature.n != 0);
    return call->id.p && (i < IDS_MAX || is_signed);
}

void chat_collect_needs(struct dgm_request *r)
{
    size_t most = r->rc == DGM_OK ? r->history_n + echo_count(r) : 0;
    if (most == 0)
        return;
    r->needs = dgm_arena_take0(&r->arena, most * sizeof *r->needs);
    if (!r->needs) {
        chat_no_memory(r);
        return;
    }
    for (size_t i = 0, step = 0, end = 0; i < r->history_n; i++) {
        struct chat_call *call = &r->history[i];
        if (call->message >= end) {
            step = i;
            end = chat_turn_end(r, call->message);
        }
        if (!is_needed(r, i, step))
            continue;
        call->need = &r->needs[r->needs_n++];
        *call->need = (struct dgm_need){.call_id = call->id, .sent = call->signature};
    }
    echo_collect(r);
}
