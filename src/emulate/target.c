/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - where a native request goes. */
#include "emulate/target.h"

#include "base/str.h"

static const struct {
    struct dgm_str method, version, resource;
    enum native_surface surface;
    enum target_verb verb; /* unless the path's end says another */
} paths[] = {
#define TEXT(literal) {literal, sizeof(literal) - 1}
#define PATH(method_, version_, surface_, resource_, about_)                                       \
    {TEXT(method_), TEXT(version_), TEXT(resource_), NATIVE_##surface_, TARGET_LIST},
#define CACHE(method_, version_, surface_, resource_, verb_, about_)                               \
    {TEXT(method_), TEXT(version_), TEXT(resource_), NATIVE_##surface_, TARGET_CACHE_##verb_},
#include "emulate/targets.def"
};

static const struct {
    struct dgm_str name;
    enum target_verb verb;
} verbs[] = {
#define VERB(name_, verb_) {TEXT(name_), TARGET_##verb_},
#include "emulate/targets.def"
};

/* Takes "model:verb" apart; the verb begins at the last colon. */
static bool read_call(struct dgm_str segment, struct target *t)
{
    size_t at = segment.n;
    while (at != 0 && segment.p[at - 1] != ':')
        at--;
    if (at < 2)
        return false;
    t->method = dgm_str_skip(segment, at);
    t->model = dgm_str_head(segment, at - 1);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        t->verb = verbs[i].verb;
        if (dgm_str_eq(t->method, verbs[i].name))
            return true;
    }
    return false;
}

/* One segment against what the row wants there. */
static bool take(struct dgm_str segment, struct dgm_str wanted, struct target *t)
{
    if (segment.n == 0)
        return false;
    switch (wanted.p[0]) {
    case '*':
        return true;
    case '?':
        t->publisher = segment;
        return true;
    case '!':
        return read_call(segment, t);
    case '$':
        t->model = segment;
        t->verb = TARGET_GET;
        return true;
    case '%':
        t->cache = segment;
        return true;
    default:
        return dgm_str_eq(segment, wanted);
    }
}

static bool match(struct dgm_str path, struct dgm_str shape, struct target *t)
{
    struct dgm_str segment, wanted;
    while (dgm_str_split(&shape, '/', &wanted))
        if (!dgm_str_split(&path, '/', &segment) || !take(segment, wanted, t))
            return false;
    return !path.p;
}

bool emu_target_read(struct dgm_str method, struct dgm_str target, struct target *ret)
{
    if (target.n == 0 || target.p[0] != '/')
        return false;
    struct dgm_str path, version, query = target, pair;
    dgm_str_split(&query, '?', &path);
    path = dgm_str_skip(path, 1);
    if (!dgm_str_split(&path, '/', &version) || !path.p)
        return false;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct target t = {.surface = paths[i].surface, .verb = paths[i].verb, .query = query};
        if (!dgm_str_eq(method, paths[i].method) || !dgm_str_eq(version, paths[i].version) ||
            !match(path, paths[i].resource, &t))
            continue;
        size_t before_verb = t.model.p ? (size_t)(t.model.p - path.p) + t.model.n : path.n;
        t.resource = dgm_str_head(path, before_verb);
        while (dgm_str_split(&query, '&', &pair))
            t.sse = t.sse || dgm_str_eq(pair, DGM_STR("alt=sse")) ||
                    dgm_str_eq(pair, DGM_STR("$alt=sse"));
        *ret = t;
        return true;
    }
    return false;
}
