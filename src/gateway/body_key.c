/* SPDX-License-Identifier: Apache-2.0 */
/* body_key.c - requests in one form, and the hashes of it. */
#include "gateway/body_key.h"

#include "base/sort.h"
#include "base/str.h"
#include "gateway/scrub.h"
#include "json/write.h"

#include <string.h>

#define LIT(s) {"" s, sizeof(s) - 1}
#define STEPS_MAX 8 /* of a path of volatile.def */
#define IDS_MAX 1024
#define FORM_DEPTH_MAX 48 /* what is deeper stays as it is */

/* ---- what changes from run to run ---- */

enum fate { KEPT, LEFT_OUT, NUMBERED };

static const struct {
    struct dgm_str path;
    enum fate fate;
} volatiles[] = {
#define VOLATILE(path, fate, about) {LIT(path), fate},
#include "gateway/volatile.def"
#undef VOLATILE
};
#define VOLATILES (sizeof volatiles / sizeof *volatiles)

/* One body on its way to its form. */
struct former {
    struct json_writer writer;
    struct dgm_arena *scratch;
    bool loose, failed;
    struct dgm_str ids[IDS_MAX];
    size_t ids_n;
};

/* Step `depth` of a path; absent behind its last. */
static struct dgm_str path_step(struct dgm_str path, size_t depth)
{
    struct dgm_str rest = dgm_str_skip(path, 1), name;
    for (size_t i = 0; dgm_str_split(&rest, '/', &name); i++)
        if (i == depth)
            return name;
    return (struct dgm_str){0};
}

/* Of the paths that lead here (a bit each), those that go on by this name. */
static uint32_t follow(uint32_t paths, size_t depth, struct dgm_str name)
{
    for (size_t i = 0; i < VOLATILES; i++) {
        struct dgm_str wanted = path_step(volatiles[i].path, depth);
        if (!dgm_str_eq(wanted, name) && !dgm_str_eq(wanted, DGM_STR("*")))
            paths &= ~(UINT32_C(1) << i);
    }
    return paths;
}

static enum fate fate_of(uint32_t paths, size_t depth)
{
    for (size_t i = 0; i < VOLATILES; i++)
        if (paths & UINT32_C(1) << i && path_step(volatiles[i].path, depth).p == NULL)
            return volatiles[i].fate;
    return KEPT;
}

static void put_number_of(struct former *f, struct dgm_str id)
{
    size_t i = dgm_str_index(id, f->ids, f->ids_n);
    if (i == f->ids_n && f->ids_n < IDS_MAX)
        f->ids[f->ids_n++] = id;
    json_put_int(&f->writer, (int64_t)i + 1);
}

/* ---- dates, times, UUIDs ---- */

/* d: a digit, h: a hexadecimal one; anything else is itself. Longer ones first. */
static const struct {
    struct dgm_str shape, word;
} shapes[] = {{LIT("hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"), LIT("<id>")},
              {LIT("dddd-dd-ddTdd:dd:dd"), LIT("<time>")},
              {LIT("dddd-dd-dd dd:dd:dd"), LIT("<time>")},
              {LIT("dddd-dd-dd dd:dd"), LIT("<time>")},
              {LIT("dddd-dd-dd"), LIT("<time>")},
              {LIT("dd:dd:dd"), LIT("<time>")}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool has_shape(struct dgm_str s, struct dgm_str shape)
{
    for (size_t i = 0; i < shape.n; i++) {
        char c = i < s.n ? s.p[i] : '\0', want = shape.p[i];
        bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (want == 'd' ? !is_digit(c) : want == 'h' ? !hex : c != want)
            return false;
    }
    return true;
}

/* A fraction of a second and a zone, behind a time. */
static size_t time_end(struct dgm_str s)
{
    size_t n = 0;
    if (s.n > 1 && s.p[0] == '.' && is_digit(s.p[1]))
        for (n = 1; n < s.n && is_digit(s.p[n]);)
            n++;
    struct dgm_str zone = dgm_str_skip(s, n);
    if (dgm_str_starts(zone, DGM_STR("Z")))
        return n + 1;
    if (zone.n != 0 && (*zone.p == '+' || *zone.p == '-') &&
        has_shape(dgm_str_skip(zone, 1), DGM_STR("dd:dd")))
        return n + 6;
    return n;
}

static void put_loose(struct dgm_str s, struct dgm_buf *out)
{
    for (size_t i = 0; i < s.n;) {
        struct dgm_str rest = dgm_str_skip(s, i);
        size_t k = 0, n = 1;
        bool border = i == 0 || !is_alnum(s.p[i - 1]);
        while (border && k < sizeof shapes / sizeof *shapes && !has_shape(rest, shapes[k].shape))
            k++;
        if (!border || k == sizeof shapes / sizeof *shapes) {
            dgm_buf_put_char(out, *rest.p);
        } else {
            n = shapes[k].shape.n;
            n += k == 0 ? 0 : time_end(dgm_str_skip(rest, n));
            dgm_buf_put(out, shapes[k].word);
        }
        i += n;
    }
}

/* ---- values ---- */

static void put_text(struct former *f, struct dgm_str s)
{
    struct dgm_buf scrubbed, loose;
    dgm_buf_init(&scrubbed, dgm_arena_alloc(f->scratch), SIZE_MAX);
    dgm_buf_init(&loose, dgm_arena_alloc(f->scratch), SIZE_MAX);
    gw_scrub_put(s, NULL, &scrubbed);
    if (f->loose)
        put_loose(dgm_buf_str(&scrubbed), &loose);
    struct dgm_buf *put = f->loose ? &loose : &scrubbed;
    json_put_str(&f->writer, dgm_buf_str(put));
    f->failed |= put->rc != DGM_OK;
    dgm_buf_dispose(&loose);
    dgm_buf_dispose(&scrubbed);
}

struct member {
    struct dgm_str name;
    const struct json_val *value;
};

static int compare(const void *a, const void *b)
{
    return dgm_str_compare(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static void put(struct former *f, const struct json_val *v, uint32_t paths, size_t depth);

static void put_members(struct former *f, const struct json_val *obj, uint32_t paths, size_t depth)
{
    struct member *members = dgm_arena_take(f->scratch, (json_size(obj) + 1) * sizeof *members);
    size_t n = 0;
    f->failed |= members == NULL;
    for (struct json_iter i = json_iter(obj); members != NULL && json_next(&i);)
        members[n++] = (struct member){i.name, i.value};
    if (n > 1)
        dgm_sort(members, n, sizeof *members, compare);
    json_open_obj(&f->writer);
    for (size_t i = 0; i < n; i++) {
        uint32_t on = depth < STEPS_MAX ? follow(paths, depth, members[i].name) : 0;
        enum fate fate = on != 0 ? fate_of(on, depth + 1) : KEPT;
        if (fate == LEFT_OUT)
            continue;
        json_put_key(&f->writer, members[i].name);
        if (fate == NUMBERED && json_kind(members[i].value) == JSON_STR)
            put_number_of(f, json_str(members[i].value));
        else
            put(f, members[i].value, on, depth + 1);
    }
    json_close_obj(&f->writer);
}

static void put(struct former *f, const struct json_val *v, uint32_t paths, size_t depth)
{
    if (depth == FORM_DEPTH_MAX) {
        json_put_val(&f->writer, v);
        return;
    }
    switch (json_kind(v)) {
    case JSON_OBJ:
        put_members(f, v, paths, depth);
        return;
    case JSON_ARR:
        json_open_arr(&f->writer);
        for (struct json_iter i = json_iter(v); json_next(&i);)
            put(f, i.value, depth < STEPS_MAX ? follow(paths, depth, DGM_STR("*")) : 0, depth + 1);
        json_close_arr(&f->writer);
        return;
    case JSON_STR:
        put_text(f, json_str(v));
        return;
    default:
        json_put_val(&f->writer, v);
    }
}

/* ---- whole requests ---- */

struct dgm_str gw_body_what(struct dgm_str target)
{
    static const struct dgm_str begins[] = {LIT("/models/"), LIT("/endpoints/"),
                                            LIT("/chat/completions")};
    struct dgm_str path = dgm_str_head(target, dgm_str_find_char(target, '?'));
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t at = dgm_str_find(path, begins[i]);
        if (at < path.n)
            return dgm_str_skip(path, at + 1);
    }
    return path;
}

/* A copy that a parser may change; absent when memory is short. */
static char *copy(struct dgm_str body, struct dgm_arena *scratch)
{
    char *text = dgm_arena_take0(scratch, body.n + JSON_PADDING);
    if (text != NULL && body.n != 0)
        memcpy(text, body.p, body.n);
    return text;
}

enum dgm_rc gw_body_put_form(struct dgm_str body, bool loose, struct dgm_arena *scratch,
                             struct dgm_buf *out)
{
    struct former *f = dgm_arena_take0(scratch, sizeof *f);
    char *text = copy(body, scratch);
    const struct json_val *root;
    struct json_error error;
    if (f == NULL || text == NULL)
        return DGM_E_NOMEM;
    enum dgm_rc rc = json_parse(scratch, text, body.n, JSON_DEPTH_MAX, &root, &error);
    if (rc == DGM_E_NOMEM)
        return rc;
    f->writer = json_writer(out);
    f->scratch = scratch;
    f->loose = loose;
    if (rc == DGM_OK)
        put(f, root, UINT32_MAX, 0);
    else
        dgm_buf_put(out, body);
    return f->failed || out->rc != DGM_OK ? DGM_E_NOMEM : DGM_OK;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3;
    return h;
}

enum dgm_rc gw_body_key(struct dgm_str target, struct dgm_str body, struct gw_body_key *ret)
{
    uint64_t begin = hash(hash(0xcbf29ce484222325, gw_body_what(target)), DGM_STR(" "));
    enum dgm_rc rc = DGM_OK;
    for (int loose = 0; loose < 2 && rc == DGM_OK; loose++) {
        struct dgm_arena scratch;
        struct dgm_buf form;
        dgm_arena_init(&scratch, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&form, &dgm_alloc_libc, SIZE_MAX);
        rc = gw_body_put_form(body, loose != 0, &scratch, &form);
        if (rc == DGM_OK)
            *(loose ? &ret->loose : &ret->exact) = hash(begin, dgm_buf_str(&form));
        dgm_buf_dispose(&form);
        dgm_arena_dispose(&scratch);
    }
    return rc;
}
