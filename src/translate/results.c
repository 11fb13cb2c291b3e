/* SPDX-License-Identifier: Apache-2.0 */
/*
 * results.c - tool results, brought behind the calls they answer.
 *
 * OpenAI takes one message a result, in any order; Gemini wants, right behind the model's turn, one content
 * with as many functionResponse parts as there were calls (google.md 6.2; user-pain C3, C16).
 */
#include "translate/chat.h"

#include "base/sort.h"
#include "base/str.h"

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
    struct chat_texts texts = chat_texts(c->r, message);
    struct dgm_str text = {0}, more;
    if (!chat_next_text(&texts, &text) || chat_next_text(&texts, &more))
        return NULL;
    if (dgm_str_find_char(text, '{') == text.n) /* spares most texts the copy */
        return NULL;
    const struct json_val *root = chat_parse(c->r, text);
    return json_kind(root) == JSON_OBJ ? root : NULL;
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
    const struct json_val *object = message != SIZE_MAX ? read_object(c, message) : NULL;
    json_put_name(c->w, "response");
    if (object) {
        json_put_val(c->w, object);
        return;
    }
    json_open_obj(c->w);
    if (message == SIZE_MAX) {
        json_member_str(c->w, "error", DGM_STR("no result"));
    } else {
        json_put_name(c->w, "output");
        json_open_str(c->w);
        add_texts(c, message);
        json_close_str(c->w);
    }
    json_close_obj(c->w);
}

/* A result nobody asked for in this conversation: the model may still read it. */
static void put_orphan(struct chat_contents *c, size_t message)
{
    chat_open_part(c, TURN_USER);
    json_put_name(c->w, "text");
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
    dgm_sort(sorted, n, sizeof *sorted, compare);
    return sorted;
}

/* Marks the results nobody took: of equal keys, all behind those that the first of them counts. */
static void find_orphans(const struct result *sorted, size_t n, size_t first, bool *ret_orphan)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || !same_key(&sorted[i - 1], sorted[i].role, sorted[i].key))
            left = sorted[i].taken;
        ret_orphan[sorted[i].message - first] = left == 0;
        left -= left != 0;
    }
}

/* Puts a functionResponse for each call of a message, taking the results from `sorted`. */
static void put_responses(struct chat_contents *c, size_t message, struct result *sorted, size_t n)
{
    struct chat_calls calls = chat_calls(c->r, message);
    struct chat_call call;
    while (chat_next_call(&calls, &call)) {
        chat_open_part(c, TURN_RESULTS);
        json_put_name(c->w, "functionResponse");
        json_open_obj(c->w);
        json_member_str(c->w, "name", call.name);
        put_response(c, take_result(sorted, n, &call));
        json_close_obj(c->w);
        json_close_obj(c->w);
    }
}

size_t chat_put_results(struct chat_contents *c, size_t first, size_t results)
{
    struct dgm_request *r = c->r;
    size_t end = results;
    while (end < r->messages_n && is_result(&r->messages[end]))
        end++;
    struct result *sorted = sort_results(r, results, end - results);
    bool *orphan = dgm_arena_take0(&r->arena, end - results);
    if (!sorted || !orphan) {
        chat_no_memory(r);
        return end;
    }
    for (size_t i = first; i < results; i++)
        put_responses(c, i, sorted, end - results);
    find_orphans(sorted, end - results, results, orphan);
    for (size_t i = results; i < end; i++)
        if (orphan[i - results])
            put_orphan(c, i);
    return end;
}
