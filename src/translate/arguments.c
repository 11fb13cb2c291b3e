/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments.c - the arguments of a call, which may be broken.
 *
 * They are a JSON object in a string; what agents keep of a stream that broke, or of one that was put together
 * wrongly, is not always one, and must not cost the session (user-pain C4).
 */
#include "translate/chat.h"

#include "base/str.h"

static struct dgm_str skip_blanks(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t' || s.p[n] == '\n' || s.p[n] == '\r'))
        n++;
    return dgm_str_skip(s, n);
}

/* Where the object that a text begins with ends, by its brackets alone; 0: nowhere. */
static size_t object_end(struct dgm_str s)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"') {
            quoted = !quoted;
        } else if (quoted) {
            i += c == '\\';
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* Whether a name stands twice in any object of a tree: Google's parsers refuse such a Struct. */
static bool has_twice(struct dgm_request *r, const struct json_val *v)
{
    struct dgm_str name = {0};
    struct json_iter it = json_iter(v);
    if (json_kind(v) == JSON_OBJ && json_twice(v, &r->arena, &name) != DGM_OK)
        chat_no_memory(r);
    bool found = name.p != NULL || r->rc != DGM_OK;
    while (!found && json_next(&it))
        found = has_twice(r, it.value);
    return found;
}

const struct json_val *chat_read_object(struct dgm_request *r, struct dgm_str text)
{
    const struct json_val *root = chat_parse(r, text);
    return json_kind(root) == JSON_OBJ && !has_twice(r, root) ? root : NULL;
}

static void note(struct dgm_request *r, struct dgm_str what)
{
    chat_note(
        r, DGM_NOTE_WARNING,
        (const struct dgm_str[4]){DGM_STR("messages[].tool_calls[].function.arguments: "), what});
}

/* The object within a string: it was quoted twice. */
static const struct json_val *read_quoted(struct dgm_request *r, struct dgm_str text)
{
    const struct json_val *root = chat_parse(r, text);
    struct dgm_str inner = skip_blanks(json_str(root));
    root = inner.n != 0 && inner.p[0] == '{' ? chat_read_object(r, inner) : NULL;
    if (root)
        note(r, DGM_STR("an object was in a string twice"));
    return root;
}

/* The object that a text begins with, or holds; NULL: none. */
static const struct json_val *read_object(struct dgm_request *r, struct dgm_str text)
{
    if (text.p[0] == '"')
        return read_quoted(r, text);
    if (text.p[0] != '{')
        return NULL;
    const struct json_val *root = chat_read_object(r, text);
    if (root)
        return root;
    size_t end = object_end(text);
    if (end == 0 || skip_blanks(dgm_str_skip(text, end)).n == 0)
        return NULL;
    root = chat_read_object(r, dgm_str_head(text, end));
    if (root)
        note(r, DGM_STR("what follows the first object was left out"));
    return root;
}

void chat_put_arguments(struct chat_contents *c, const struct chat_call *call)
{
    struct dgm_str text = skip_blanks(call->arguments);
    bool is_empty = dgm_str_eq(text, DGM_STR("{}"));
    const struct json_val *args = text.n != 0 && !is_empty ? read_object(c->r, text) : NULL;
    json_put_name(c->w, "args");
    if (args) {
        json_put_val(c->w, args);
        return;
    }
    json_open_obj(c->w);
    size_t word = sizeof "null" - 1;
    bool is_null =
        dgm_str_starts(text, DGM_STR("null")) && skip_blanks(dgm_str_skip(text, word)).n == 0;
    if (text.n != 0 && !is_null && !is_empty) {
        json_member_str(c->w, "_raw", call->arguments);
        note(c->r, DGM_STR("what is no JSON object was kept as _raw"));
    }
    json_close_obj(c->w);
}
