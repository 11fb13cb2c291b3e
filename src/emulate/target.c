/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - where a native request goes. */
#include "emulate/target.h"

#include "base/str.h"

#include <assert.h>

/* One row a path; "*" is one segment, "?" the publisher's, "!" the model with its verb. */
static const struct {
    enum native_surface surface;
    const char *version, *resource;
} paths[] = {
    {NATIVE_V1, "v1", "projects/*/locations/*/publishers/?/models/!"},
    {NATIVE_V1, "v1", "publishers/?/models/!"}, /* express mode */
    {NATIVE_V1B1, "v1beta1", "projects/*/locations/*/publishers/?/models/!"},
    {NATIVE_V1B1, "v1beta1", "publishers/?/models/!"},
    {NATIVE_G1B, "v1beta", "models/!"},
    {NATIVE_G1, "v1", "models/!"},
};

/* Takes "model:verb" apart; the verb begins at the last colon. */
static bool read_model(struct dgm_str segment, struct target *t)
{
    size_t at = segment.n;
    while (at != 0 && segment.p[at - 1] != ':')
        at--;
    if (at < 2)
        return false;
    struct dgm_str verb = dgm_str_skip(segment, at);
    t->model = dgm_str_head(segment, at - 1);
    t->verb = dgm_str_eq(verb, DGM_STR("streamGenerateContent")) ? TARGET_STREAM : TARGET_GENERATE;
    return t->verb == TARGET_STREAM || dgm_str_eq(verb, DGM_STR("generateContent"));
}

static bool match(struct dgm_str path, struct dgm_str shape, struct target *t)
{
    struct dgm_str segment, wanted;
    while (dgm_str_split(&shape, '/', &wanted)) {
        if (!dgm_str_split(&path, '/', &segment) || segment.n == 0)
            return false;
        if (dgm_str_eq(wanted, DGM_STR("!")) && !read_model(segment, t))
            return false;
        if (dgm_str_eq(wanted, DGM_STR("?")))
            t->publisher = segment;
        if (dgm_str_find_char(DGM_STR("*?!"), wanted.p[0]) == 3 && !dgm_str_eq(segment, wanted))
            return false;
    }
    return !path.p;
}

bool emu_target_read(struct dgm_str method, struct dgm_str target, struct target *ret)
{
    if (!dgm_str_eq(method, DGM_STR("POST")) || target.n == 0 || target.p[0] != '/')
        return false;
    struct dgm_str path, version, query = target, pair;
    dgm_str_split(&query, '?', &path);
    path = dgm_str_skip(path, 1);
    if (!dgm_str_split(&path, '/', &version) || !path.p)
        return false;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct target t = {.surface = paths[i].surface};
        if (!dgm_str_eq(version, dgm_str_c(paths[i].version)) ||
            !match(path, dgm_str_c(paths[i].resource), &t))
            continue;
        assert(t.model.p); /* each path has one */
        size_t before_verb = (size_t)(t.model.p - path.p) + t.model.n;
        t.resource = dgm_str_head(path, before_verb);
        while (dgm_str_split(&query, '&', &pair))
            t.sse = t.sse || dgm_str_eq(pair, DGM_STR("alt=sse")) ||
                    dgm_str_eq(pair, DGM_STR("$alt=sse"));
        *ret = t;
        return true;
    }
    return false;
}
