/* SPDX-License-Identifier: Apache-2.0 */
/* suspects.c - the likeliest causes of an upstream's error that names none. */
#include "translate/suspects.h"

#include "base/str.h"

#include <string.h>

#define PARAM_BYTES 256

static const struct row {
    const char *id, *sentence;
    unsigned likely;
    bool (*look)(const struct look *, struct finding *);
} rows[] = {
#define SUSPECT(id, likely, source, sentence) {#id, sentence, likely, look_##id},
#include "translate/suspects.def"
#undef SUSPECT
};

static const char *const bare[] = {
#define BARE(words) words,
#include "translate/suspects.def"
#undef BARE
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool suspects_wanted(struct dgm_str message)
{
    for (size_t i = 0; i < COUNT(bare); i++)
        if (dgm_str_starts(message, dgm_str_c(bare[i])))
            return true;
    return false;
}

/* ---- looking ---- */

/* The body as it was sent, parsed anew: nothing of it but bytes was kept. NULL: it cannot be, or memory is short. */
static const struct json_val *read_native(struct dgm_request *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->segments_n; i++)
        n += r->segments[i].n;
    char *text = dgm_arena_take(&r->arena, n + JSON_PADDING);
    if (!text) {
        chat_no_memory(r);
        return NULL;
    }
    n = 0;
    for (size_t i = 0; i < r->segments_n; i++) {
        if (r->segments[i].n)
            memcpy(text + n, r->segments[i].p, r->segments[i].n);
        n += r->segments[i].n;
    }
    const struct json_val *root = NULL;
    struct json_error e;
    if (json_parse(&r->arena, text, n, JSON_DEPTH_MAX, &root, &e) == DGM_E_NOMEM)
        chat_no_memory(r);
    return root;
}

void finding_what(struct finding *f, struct dgm_str text)
{
    for (size_t i = 0; i < text.n && f->what.n < f->what.max; i++)
        dgm_buf_put_char(&f->what, text.p[i] < ' ' || text.p[i] > '~' ? '?' : text.p[i]);
}

/* Puts one into its place among those that were found; what is behind the last is forgotten. */
static size_t insert(struct suspect ret[SUSPECTS_MAX], size_t n, const struct suspect *s)
{
    size_t at = n;
    while (at > 0 && ret[at - 1].likely < s->likely)
        at--;
    if (at == SUSPECTS_MAX)
        return n;
    size_t kept = n < SUSPECTS_MAX ? n : SUSPECTS_MAX - 1;
    memmove(ret + at + 1, ret + at, (kept - at) * sizeof *ret);
    ret[at] = *s;
    return kept + 1;
}

/* Whether one row finds something; its texts are copied to where they last. */
static bool find(const struct look *look, const struct row *row, struct suspect *ret)
{
    char param[PARAM_BYTES], what[SUSPECT_WHAT_BYTES];
    struct finding f = {
        .likely = row->likely,
        .param = {.p = param, .cap = sizeof param, .max = sizeof param},
        .what = {.p = what, .cap = sizeof what, .max = sizeof what},
    };
    if (!row->look(look, &f) || f.likely == 0)
        return false;
    *ret = (struct suspect){.id = row->id,
                            .sentence = row->sentence,
                            .likely = f.likely,
                            .at = f.at,
                            .native = f.native};
    if (f.param.n != 0 && f.param.rc == DGM_OK)
        ret->param = dgm_arena_copy(&look->r->arena, dgm_buf_str(&f.param));
    ret->what = dgm_arena_copy(&look->r->arena, dgm_buf_str(&f.what));
    if (!ret->what.p || (f.param.n != 0 && f.param.rc == DGM_OK && !ret->param.p))
        chat_no_memory(look->r);
    return true;
}

size_t suspects_find(struct dgm_request *r, struct suspect ret[SUSPECTS_MAX],
                     const struct json_val **ret_native)
{
    struct look look = {.r = r, .native = read_native(r)};
    struct suspect one;
    size_t n = 0;
    *ret_native = look.native;
    if (!look.native)
        return 0;
    look.config = json_get(look.native, DGM_STR("generationConfig"));
    for (size_t i = 0; r->rc == DGM_OK && i < COUNT(rows); i++)
        if (find(&look, &rows[i], &one))
            n = insert(ret, n, &one);
    return r->rc == DGM_OK ? n : 0;
}

bool suspect_is_schema(const struct suspect *s)
{
    struct dgm_str id = dgm_str_c(s->id);
    return dgm_str_starts(id, DGM_STR("schema_")) || dgm_str_starts(id, DGM_STR("enum_")) ||
           dgm_str_eq(id, DGM_STR("tools_many"));
}

/* ---- telling ---- */

void suspect_add_sentence(struct json_writer *w, const struct suspect *s)
{
    struct dgm_str sentence = dgm_str_c(s->sentence), hole = DGM_STR("{0}");
    size_t at = dgm_str_find(sentence, hole);
    json_add_str(w, dgm_str_head(sentence, at));
    if (at < sentence.n) {
        json_add_str(w, s->what);
        json_add_str(w, dgm_str_skip(sentence, at + hole.n));
    }
}

void suspects_put(struct json_writer *w, const struct suspect *suspects, size_t n)
{
    json_open_arr(w);
    for (size_t i = 0; i < n; i++) {
        const struct suspect *s = &suspects[i];
        json_open_obj(w);
        json_member_str(w, "id", dgm_str_c(s->id));
        json_member_str(w, "likelihood",
                        s->likely >= 75   ? DGM_STR("high")
                        : s->likely >= 50 ? DGM_STR("medium")
                                          : DGM_STR("low"));
        json_put_name(w, "param");
        if (s->param.n)
            json_put_str(w, s->param);
        else
            json_put_null(w);
        json_put_name(w, "message");
        json_open_str(w);
        suspect_add_sentence(w, s);
        json_close_str(w);
        if (s->probe != PROBE_NONE)
            json_member_str(w, "probe",
                            s->probe == PROBE_ACCEPTED  ? DGM_STR("accepted")
                            : s->probe == PROBE_REFUSED ? DGM_STR("refused")
                                                        : DGM_STR("unclear"));
        json_close_obj(w);
    }
    json_close_arr(w);
}
