/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results.c - tool results, brought behind the calls they answer.
 *
 * OpenAI takes one message a result, in any order; Gemini wants, right behind the model's turn, one content
 * with as many functionResponse parts as there were calls (google.md 6.2; user-pain C3, C16).
 */
#include "translate/chat.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* One result message under what it answers to: the call's id, or the function's name. */
struct result {
    struct dgm_str key;
    enum chat_role role;
    size_t message;
    size_t taken; /* in the first of equal keys: how many of them have been used */
};

static int compare(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    size_t n = x->key.n < y->key.n ? x->key.n : y->key.n;
    int order = n ? memcmp(x->key.p, y->key.p, n) : 0;
    if (order != 0)
        return order;
    if (x->key.n != y->key.n)
        return x->key.n < y->key.n ? -1 : 1;
    return x->message < y->message ? -1 : x->message > y->message;
}

static bool same_key(const struct result *a, enum chat_role role, struct dgm_str key)
{
    return a->role == role && dgm_str_eq(a->key, key);
}

/* The next unused result for a call: SIZE_MAX when there is none. `sorted` is ordered by compare. */
static size_t take_result(struct result *sorted, size_t n, const struct chat_call *call)
{
    enum chat_role role = call->id.p ? ROLE_TOOL : ROLE_FUNCTION;
    struct result wanted = {.key = call->id.p ? call->id : call->name, .role = role};
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&sorted[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n || !same_key(&sorted[low], role, wanted.key))
        return SIZE_MAX;
    size_t at = low + sorted[low].taken;
    if (at >= n || !same_key(&sorted[at], role, wanted.key))
        return SIZE_MAX;
    sorted[low].taken++;
    return sorted[at].message;
}

/* A lone text that is a JSON object goes as it is; anything else is {"output": text}. */
static const struct json_val *read_object(struct chat_contents *c, size_t message)
{
    struct dgm_request *r = c->r;
    struct chat_texts texts = chat_texts(r, message);
    struct dgm_str text = {0}, more;
    if (!chat_next_text(&texts, &text) || chat_next_text(&texts, &more) ||
        !dgm_str_starts(dgm_str_trim(text), DGM_STR("{")))
        return NULL;
    char *copy = dgm_arena_take(&r->arena, text.n + JSON_PADDING);
    if (!copy) {
        chat_no_memory(r);
        return NULL;
    }
    memcpy(copy, text.p, text.n);
    const struct json_val *object = NULL;
    struct json_error e;
    if (json_parse(&r->arena, copy, text.n, r->limits.depth, &object, &e) == DGM_E_NOMEM)
        chat_no_memory(r);
    return json_kind(object) == JSON_OBJ ? object : NULL;
}

static void add_texts(struct chat_contents *c, size_t message)
{
    struct chat_texts texts = chat_texts(c->r, message);
    struct dgm_str text;
    while (chat_next_text(&texts, &text))
        json_add_str(c->w, text);
}

static void put_response(struct chat_contents *c, size_t message)
{
    json_put_key(c->w, DGM_STR("response"));
    if (message == SIZE_MAX) {
        json_open_obj(c->w);
        json_member_str(c->w, "error", DGM_STR("no result"));
        json_close_obj(c->w);
        return;
    }
    const struct json_val *object = read_object(c, message);
    if (object) {
        json_put_val(c->w, object);
        return;
    }
    json_open_obj(c->w);
    json_put_key(c->w, DGM_STR("output"));
    json_open_str(c->w);
    add_texts(c, message);
    json_close_str(c->w);
    json_close_obj(c->w);
}

/* A result nobody asked for in this conversation: the model may still read it. */
static void put_orphan(struct chat_contents *c, size_t message)
{
    chat_open_part(c, TURN_USER);
    json_put_key(c->w, DGM_STR("text"));
    json_open_str(c->w);
    json_add_str(c->w, DGM_STR("<tool_result>\n"));
    add_texts(c, message);
    json_add_str(c->w, DGM_STR("\n</tool_result>"));
    json_close_str(c->w);
    json_close_obj(c->w);
}

static bool is_result(const struct chat_message *m)
{
    return m->role == ROLE_TOOL || m->role == ROLE_FUNCTION;
}

static struct result *sort_results(struct dgm_request *r, size_t first, size_t n)
{
    struct result *sorted = dgm_arena_take0(&r->arena, n * sizeof *sorted);
    if (!sorted)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct chat_message *m = &r->messages[first + i];
        struct dgm_str member = m->role == ROLE_TOOL ? DGM_STR("tool_call_id") : DGM_STR("name");
        sorted[i] = (struct result){json_get_str(m->val, member), m->role, first + i, 0};
    }
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, compare);
    return sorted;
}

size_t chat_put_results(struct chat_contents *c, size_t model, size_t first)
{
    struct dgm_request *r = c->r;
    size_t end = first;
    while (end < r->messages_n && is_result(&r->messages[end]))
        end++;
    size_t n = end - first;
    struct result *sorted = sort_results(r, first, n);
    bool *used = dgm_arena_take0(&r->arena, n);
    if (!sorted || !used) {
        chat_no_memory(r);
        return end;
    }
    if (model != SIZE_MAX) {
        struct chat_calls calls = chat_calls(r, model);
        struct chat_call call;
        while (chat_next_call(&calls, &call)) {
            size_t message = take_result(sorted, n, &call);
            if (message != SIZE_MAX)
                used[message - first] = true;
            chat_open_part(c, TURN_RESULTS);
            json_put_key(c->w, DGM_STR("functionResponse"));
            json_open_obj(c->w);
            json_member_str(c->w, "name", call.name);
            put_response(c, message);
            json_close_obj(c->w);
            json_close_obj(c->w);
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!used[i])
            put_orphan(c, first + i);
    return end;
}
