/* SPDX-License-Identifier: Apache-2.0 */
/* ask.c - a native request that passed the parser. */
#include "emulate/ask.h"

/* Whether a name in snake case is one in camel case. */
bool emu_ask__is_snake_of(struct dgm_str snake, struct dgm_str camel)
{
    size_t at = 0;
    for (size_t i = 0; i < camel.n; i++, at++) {
        char c = camel.p[i];
        bool upper = c >= 'A' && c <= 'Z';
        if (upper) {
            if (at == snake.n || snake.p[at] != '_')
                return false;
            at++;
            c = (char)(c + ('a' - 'A'));
        }
        if (at == snake.n || snake.p[at] != c)
            return false;
    }
    return at == snake.n;
}

/* A request is asked for some two hundred members, most of which it has not. */
const struct json_val *emu_ask_get(const struct json_val *obj, struct dgm_str camel)
{
    const struct json_val *found = NULL;
    for (struct json_iter i = json_iter(json_kind(obj) == JSON_OBJ ? obj : NULL); json_next(&i);) {
        if ((found && i.name.n != camel.n) || !emu_ask_is(i.name, camel))
            continue;
        found = i.value;
        if (i.name.n == camel.n) /* as in JSON, which goes before the other */
            break;
    }
    return json_kind(found) == JSON_NULL ? NULL : found;
}

void emu_ask_init(struct ask *a, const struct json_val *root)
{
    a->root = root;
    a->contents = emu_ask_member(root, "contents");
    a->system = emu_ask_member(root, "systemInstruction");
    a->config = emu_ask_member(root, "generationConfig");
    a->thinking = emu_ask_member(a->config, "thinkingConfig");
    a->tools = emu_ask_member(root, "tools");
}

static struct dgm_str number(const struct json_val *v)
{
    return json_kind(v) == JSON_STR ? json_str(v) : json_num(v);
}

bool emu_ask_int(const struct json_val *v, int64_t *ret)
{
    return dgm_str_i64(number(v), ret);
}

bool emu_ask_double(const struct json_val *v, double *ret)
{
    return dgm_str_double(number(v), ret);
}

struct ask_list emu_ask_list(const struct json_val *v)
{
    bool array = json_kind(v) == JSON_ARR;
    return (struct ask_list){
        .value = array ? NULL : v,
        ._iter = json_iter(array ? v : NULL),
        ._array = array,
        ._single = !array && v,
    };
}

bool emu_ask_next(struct ask_list *l)
{
    if (!l->_array) {
        bool more = l->_single;
        l->_single = false;
        return more;
    }
    if (!json_next(&l->_iter))
        return false;
    l->value = l->_iter.value;
    l->index = l->_iter.index;
    return true;
}

size_t emu_ask_count(const struct json_val *v)
{
    return json_kind(v) == JSON_ARR ? json_size(v) : v != NULL;
}

const struct json_val *emu_ask_at(const struct json_val *v, size_t index)
{
    if (json_kind(v) == JSON_ARR)
        return json_at(v, index);
    return index == 0 ? v : NULL;
}

bool emu_ask_circulates(const struct ask *ask)
{
    return json_bool(
        emu_ask_member(emu_ask_member(ask->root, "toolConfig"), "includeServerSideToolInvocations"),
        false);
}

struct turn emu_ask_turn(const struct json_val *content)
{
    struct turn t = {.model = dgm_str_eq(json_get_str(content, DGM_STR("role")), DGM_STR("model"))};
    for (struct ask_list l = emu_ask_list(emu_ask_member(content, "parts")); emu_ask_next(&l);) {
        if (emu_ask_member(l.value, "functionCall"))
            t.calls++;
        else if (emu_ask_member(l.value, "functionResponse"))
            t.responses++;
        else
            t.others++;
    }
    return t;
}
