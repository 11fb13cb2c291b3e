/* SPDX-License-Identifier: Apache-2.0 */
/* google.c - Google's own members of a request, wherever clients put them. */
#include "translate/google.h"

#include "base/str.h"

bool google_is_name(struct dgm_str name, struct dgm_str snake)
{
    size_t at = 0;
    bool camel = false;
    if (dgm_str_eq(name, snake))
        return true;
    for (size_t i = 0; i < snake.n; i++) {
        char c = snake.p[i];
        if (c == '_') {
            camel = true;
            continue;
        }
        if (camel && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        camel = false;
        if (at == name.n || name.p[at++] != c)
            return false;
    }
    return at == name.n;
}

const struct json_val *google_get(const struct json_val *obj, struct dgm_str snake)
{
    struct json_iter it = json_iter(obj);
    while (json_next(&it))
        if (json_kind(it.value) != JSON_NULL && google_is_name(it.name, snake))
            return it.value;
    return NULL;
}

void google_read(struct dgm_request *r)
{
    (void)r;
}

/* Reads one member into its place, if this place takes it. True when it did. */
static bool read_member(struct dgm_request *r, struct google_extra *ret, const struct json_iter *it,
                        const struct chat_place *place, unsigned takes)
{
    if (takes & EXTRA_SIGNATURE && google_is_name(it->name, DGM_STR("thought_signature"))) {
        if (chat_expect(r, it->value, J_STR, place))
            ret->signature = json_str(it->value);
        return true;
    }
    return false;
}

struct google_extra google_extra(struct dgm_request *r, const struct json_val *obj,
                                 const struct chat_place *place, unsigned takes)
{
    struct google_extra ret = {0};
    const struct json_val *content = json_get(obj, DGM_STR("extra_content"));
    const struct chat_place *extra = CHAT_MEMBER(place, DGM_STR("extra_content"));
    const struct chat_place *google = CHAT_MEMBER(extra, DGM_STR("google"));
    struct json_iter it = json_iter(json_get(content, DGM_STR("google")));
    chat_ignore_but(r, content, extra, "google");
    while (json_next(&it)) {
        if (json_kind(it.value) == JSON_NULL)
            continue;
        const struct chat_place *member = CHAT_MEMBER(google, it.name);
        if (!read_member(r, &ret, &it, member, takes))
            chat_ignore(r, member);
    }
    return ret;
}
