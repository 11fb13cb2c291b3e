/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay_turns.c - the messages of a relayed request: which of them become one, for chat templates that take no others
 * (user-pain I3). Without need of that each leaves as relay_messages.c puts it.
 */
#include "translate/relay.h"

#include "base/str.h"
#include "translate/tries.h"

#define NOBODY SIZE_MAX /* of a turn: no message leads it, for the server gets a new one */

enum role { ROLE_OTHER, ROLE_FIRST, ROLE_ASKING, ROLE_ANSWERING };

/* Messages that become one: so many, between these two. */
struct group {
    size_t n, first, last;
};

/* A message, and the one in whose place it is sent: its own, where nothing is to be merged. */
struct turn {
    struct json_raw message, content;
    enum role role;
    bool calls; /* it has calls */
    size_t with;
    struct group led; /* those that are sent in its place, itself included */
};

struct turns {
    struct turn *at;
    size_t n;
    struct group front; /* those in the place of a new first message */
};

/* ---- who is who ---- */

static enum role role_of(struct json_raw message)
{
    struct dgm_str role = json_raw_get(message, DGM_STR("role")).text;
    if (json_raw_says(role, DGM_STR("system")) || json_raw_says(role, DGM_STR("developer")))
        return ROLE_FIRST;
    if (json_raw_says(role, DGM_STR("user")))
        return ROLE_ASKING;
    return json_raw_says(role, DGM_STR("assistant")) ? ROLE_ANSWERING : ROLE_OTHER;
}

/* Contents of other kinds are left to the server. */
static bool is_content(struct json_raw content)
{
    return content.kind == JSON_STR || content.kind == JSON_ARR;
}

static bool is_system(const struct turn *t)
{
    return t->role == ROLE_FIRST && relay_is_text(t->content);
}

static void read_turns(struct json_raw messages, struct turns *turns)
{
    struct json_raw_iter it = json_raw_iter(messages);
    while (json_raw_next(&it)) {
        struct turn *t = &turns->at[turns->n];
        *t = (struct turn){.message = it.value, .with = turns->n++};
        t->content = json_raw_get(it.value, DGM_STR("content"));
        t->role = role_of(it.value);
        t->calls = relay_is_there(json_raw_get(it.value, DGM_STR("tool_calls"))) ||
                   relay_is_there(json_raw_get(it.value, DGM_STR("function_call")));
    }
}

/* ---- what becomes one ---- */

/* System messages that lead; with `all` those in mid-conversation too, which go to the first, or become it. */
static void join_systems(struct turns *turns, bool all)
{
    size_t leading = 0;
    while (leading < turns->n && is_system(&turns->at[leading]))
        leading++;
    for (size_t i = 0; i < turns->n; i++)
        if (is_system(&turns->at[i]) && (all || i < leading))
            turns->at[i].with = leading != 0 ? 0 : NOBODY;
}

/* System messages go to the user's next, or stay, as the user's, where none comes. */
static void join_users(struct turns *turns)
{
    for (size_t i = turns->n, next = NOBODY; i-- > 0;) {
        struct turn *t = &turns->at[i];
        if (t->role == ROLE_ASKING && is_content(t->content))
            next = i;
        else if (t->role == ROLE_ANSWERING || t->role == ROLE_OTHER)
            next = NOBODY;
        else if (is_system(t) && next != NOBODY)
            t->with = next;
    }
}

/* The role it is sent with: a system message that no user's came behind is the user's, where there are to be none. */
static enum role role_sent(const struct turn *t, bool users)
{
    return users && is_system(t) ? ROLE_ASKING : t->role;
}

static bool is_plain(const struct turn *t, bool users)
{
    enum role role = role_sent(t, users);
    return (role == ROLE_ASKING || role == ROLE_ANSWERING) && !t->calls && is_content(t->content);
}

/* Messages of one role in a row, but for those that went elsewhere. */
static void join_rows(struct turns *turns, bool users)
{
    size_t before = NOBODY;
    for (size_t i = 0; i < turns->n; i++) {
        struct turn *t = &turns->at[i];
        if (t->with != i)
            continue;
        bool joins = before != NOBODY && is_plain(t, users) &&
                     is_plain(&turns->at[before], users) &&
                     role_sent(t, users) == role_sent(&turns->at[before], users);
        if (joins)
            t->with = before;
        else
            before = i;
    }
}

/* Whoever goes with one that goes with another goes there too. */
static void make_groups(struct turns *turns)
{
    for (size_t i = 0; i < turns->n; i++) {
        struct turn *t = &turns->at[i];
        if (t->with != NOBODY)
            t->with = turns->at[t->with].with;
        struct group *g = t->with == NOBODY ? &turns->front : &turns->at[t->with].led;
        if (g->n++ == 0)
            g->first = i;
        g->last = i;
    }
}

/* ---- whether that helps ---- */

/* Nothing: memory is short. Its bytes are told for who gives them back. */
static struct turns take_turns(const struct dgm_alloc *a, struct json_raw messages,
                               size_t *ret_bytes)
{
    struct turns turns = {0};
    struct json_raw_iter it = json_raw_iter(messages);
    size_t n = 1;
    while (json_raw_next(&it))
        n++;
    *ret_bytes = n * sizeof *turns.at;
    turns.at = a->resize(a->ctx, NULL, 0, *ret_bytes);
    if (turns.at)
        read_turns(messages, &turns);
    return turns;
}

/* What becomes one by the rows that are done, and by `more`, which may be DGM_TRIES. */
static void join(const struct dgm_request *r, struct turns *turns, enum dgm_try_id more)
{
    bool rows = tries_has(r, DGM_TRY_ALTERNATE) || more == DGM_TRY_ALTERNATE;
    bool all = rows || tries_has(r, DGM_TRY_MERGE_SYSTEM) || more == DGM_TRY_MERGE_SYSTEM;
    bool users = tries_has(r, DGM_TRY_SYSTEM_USER) || more == DGM_TRY_SYSTEM_USER;
    if (users)
        join_users(turns);
    else if (all || relay_has(r, QUIRK_SYSTEM_FIRST))
        join_systems(turns, all);
    if (rows)
        join_rows(turns, users);
    make_groups(turns);
}

static bool has_system(const struct turns *turns)
{
    for (size_t i = 0; i < turns->n; i++)
        if (is_system(&turns->at[i]))
            return true;
    return false;
}

static bool has_parts(const struct turns *turns)
{
    for (size_t i = 0; i < turns->n; i++)
        if (turns->at[i].content.kind == JSON_ARR && relay_is_text(turns->at[i].content))
            return true;
    return false;
}

/* Whether other messages would become one than do so already. */
static bool joins_more(const struct dgm_request *r, struct turns *turns, enum dgm_try_id id)
{
    const struct dgm_alloc *a = r->env.alloc;
    size_t bytes;
    struct turns now = take_turns(a, r->relay->messages, &bytes);
    bool more = false;
    if (!now.at)
        return false;
    join(r, &now, DGM_TRIES);
    join(r, turns, id);
    for (size_t i = 0; i < now.n; i++)
        more = more || now.at[i].with != turns->at[i].with;
    a->resize(a->ctx, now.at, bytes, 0);
    return more;
}

bool relay_try_helps(const struct dgm_request *r, enum dgm_try_id id)
{
    const struct dgm_alloc *a = r->env.alloc;
    size_t bytes;
    struct turns turns = take_turns(a, r->relay->messages, &bytes);
    bool helps = false;
    if (!turns.at)
        return false;
    switch (id) {
    case DGM_TRY_MERGE_SYSTEM:
    case DGM_TRY_ALTERNATE:
        helps = joins_more(r, &turns, id);
        break;
    case DGM_TRY_SYSTEM_USER:
        helps = has_system(&turns);
        break;
    case DGM_TRY_FLATTEN:
        helps = !relay_has(r, QUIRK_TEXT_PARTS) && has_parts(&turns);
        break;
    default:
        break;
    }
    a->resize(a->ctx, turns.at, bytes, 0);
    return helps;
}

/* ---- putting ---- */

/* A merged message keeps its content alone. */
static void note_lost(struct dgm_request *r, size_t index, struct json_raw message)
{
    struct json_raw_iter it = json_raw_iter(message);
    while (json_raw_next(&it))
        if (relay_is_there(it.value) && !json_raw_says(it.name, DGM_STR("role")) &&
            !json_raw_says(it.name, DGM_STR("content")))
            chat_ignore_softly(r, CHAT_MESSAGE_MEMBER(index, relay_inside(it.name)));
}

static bool are_texts(const struct turns *turns, const struct group *g, size_t with)
{
    for (size_t i = g->first; i <= g->last; i++)
        if (turns->at[i].with == with && !relay_is_text(turns->at[i].content))
            return false;
    return true;
}

/* Puts a content as elements of the array that is open. */
static void put_parts(struct dgm_request *r, struct json_raw content, size_t index, bool *any)
{
    struct splice *s = &r->relay->body;
    struct json_raw_iter it = json_raw_iter(content);
    if (content.kind == JSON_STR) {
        if (*any)
            splice_put_lit(s, ",");
        *any = true;
        splice_put_lit(s, "{\"type\":\"text\",\"text\":");
        splice_put(s, content.text);
        splice_put_lit(s, "}");
        return;
    }
    while (json_raw_next(&it)) {
        if (*any)
            splice_put_lit(s, ",");
        *any = true;
        relay_put_part(r, it.value,
                       CHAT_ELEMENT(CHAT_MESSAGE_MEMBER(index, DGM_STR("content")), it.index));
    }
}

/* Puts one message of all that go with one. */
static void put_merged(struct dgm_request *r, const struct turns *turns, size_t with,
                       struct dgm_str role)
{
    struct splice *s = &r->relay->body;
    const struct group *g = with == NOBODY ? &turns->front : &turns->at[with].led;
    bool texts = are_texts(turns, g, with), any = false;
    splice_put_lit(s, "{\"role\":\"");
    splice_put(s, role);
    splice_put(s, texts ? DGM_STR("\",\"content\":\"") : DGM_STR("\",\"content\":["));
    for (size_t i = g->first; i <= g->last; i++) {
        const struct turn *t = &turns->at[i];
        if (t->with != with)
            continue;
        if (!texts) {
            put_parts(r, t->content, i, &any);
        } else {
            if (any)
                splice_put_lit(s, "\\n\\n");
            any = true;
            relay_put_text(s, t->content);
        }
        note_lost(r, i, t->message);
    }
    splice_put(s, texts ? DGM_STR("\"}") : DGM_STR("]}"));
}

/* Warns of what `join` did, once for each way. */
static void warn(struct dgm_request *r, const struct turns *turns)
{
    const struct dgm_str messages = DGM_STR("messages");
    bool users = tries_has(r, DGM_TRY_SYSTEM_USER), systems = false, rows = false;
    size_t leading = 0;
    for (size_t i = 0; i < turns->n; i++) {
        const struct turn *t = &turns->at[i];
        bool system = is_system(t);
        leading += system && leading == i;
        systems = systems || (system && (t->with == NOBODY || (t->with == 0 && leading <= i)));
        rows = rows || (!system && t->with != i);
        if (system && users) /* with the user's next, or, where none comes, in the user's place */
            tries_warn(r, DGM_TRY_SYSTEM_USER, messages);
    }
    if (systems && !users)
        tries_warn(r, DGM_TRY_MERGE_SYSTEM, messages);
    else if (leading > 1 && turns->at[1].with == 0)
        chat_warn(r, messages, DGM_STR("leading system messages are sent as one"));
    if (rows)
        tries_warn(r, DGM_TRY_ALTERNATE, messages);
}

static void put_turn(struct dgm_request *r, const struct turns *turns,
                     const struct json_raw_iter *it)
{
    const struct turn *t = &turns->at[it->index];
    bool user = t->role == ROLE_ASKING ||
                (is_system(t) && tries_has(r, DGM_TRY_SYSTEM_USER)); /* nobody's came behind it */
    if (t->led.n > 1 || (user && t->role == ROLE_FIRST))
        put_merged(r, turns, it->index,
                   user                        ? DGM_STR("user")
                   : t->role == ROLE_ANSWERING ? DGM_STR("assistant")
                                               : DGM_STR("system"));
    else
        relay_put_message(r, it);
}

/* Whether two messages may become one at all: most requests are not looked at any closer. */
static bool may_join(const struct dgm_request *r, struct json_raw messages)
{
    struct json_raw_iter it = json_raw_iter(messages);
    size_t systems = 0;
    if (tries_has(r, DGM_TRY_MERGE_SYSTEM) || tries_has(r, DGM_TRY_SYSTEM_USER) ||
        tries_has(r, DGM_TRY_ALTERNATE))
        return true;
    while (relay_has(r, QUIRK_SYSTEM_FIRST) && systems < 2 && json_raw_next(&it) &&
           role_of(it.value) == ROLE_FIRST)
        systems++;
    return systems == 2;
}

static void put_joined(struct dgm_request *r, struct json_raw messages, struct splice_level *l)
{
    struct splice *s = &r->relay->body;
    struct json_raw_iter it = json_raw_iter(messages);
    size_t bytes;
    struct turns turns = take_turns(dgm_arena_alloc(&r->arena), messages, &bytes);
    if (!turns.at) {
        chat_no_memory(r);
        return;
    }
    join(r, &turns, DGM_TRIES);
    warn(r, &turns);
    if (turns.front.n != 0) {
        splice_add(s, l);
        put_merged(r, &turns, NOBODY, DGM_STR("system"));
    }
    while (json_raw_next(&it)) {
        if (turns.at[it.index].with != it.index) {
            splice_drop(l, &it);
            continue;
        }
        splice_begin(s, l, &it);
        put_turn(r, &turns, &it);
    }
}

void relay_put_messages(struct dgm_request *r, struct json_raw messages)
{
    struct splice *s = &r->relay->body;
    struct splice_level l;
    struct json_raw_iter it = json_raw_iter(messages);
    splice_open(s, &l, messages);
    if (may_join(r, messages)) {
        put_joined(r, messages, &l);
    } else {
        while (json_raw_next(&it)) {
            splice_begin(s, &l, &it);
            relay_put_message(r, &it);
        }
    }
    splice_close(s, &l);
}
