/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.c - a folder of recordings, and which of them answers a request. */
#include "gateway/corpus.h"

#include "base/sort.h"
#include "base/str.h"
#include "gateway/body_key.h"
#include "gateway/places.h"

#include <stdatomic.h>
#include <sys/mman.h>

/* Of recordings that are compared with a request that none answers. */
#define NEAR_MAX 4096
#define NEAR_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define PLACES_TOLD 3

struct file {
    struct dgm_str name;
    struct gw_recording recording;
};

/* A call that can answer. */
struct answer {
    const struct gw_recorded_call *call;
    struct dgm_str name;
    struct gw_body_key key;
};

/* An answer by its key. */
struct row {
    uint64_t key;
    size_t at;
};

struct gw_corpus {
    struct dgm_arena arena;
    struct dgm_buf files, answers; /* arrays of the first two above */
    struct row *rows[2];           /* of all answers, by their exact keys, and by the loose ones */
    _Atomic uint64_t *given;       /* two for each answer: by its exact key, and by the loose one */
};

static struct file *files_of(const struct gw_corpus *c)
{
    return (struct file *)(void *)c->files.p;
}

static struct answer *answers_of(const struct gw_corpus *c)
{
    return (struct answer *)(void *)c->answers.p;
}

static size_t answers_n(const struct gw_corpus *c)
{
    return c->answers.n / sizeof(struct answer);
}

/* ---- made ---- */

struct gw_corpus *gw_corpus_new(void)
{
    const struct dgm_alloc *a = &dgm_alloc_libc;
    struct gw_corpus *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct gw_corpus){.given = NULL};
    dgm_arena_init(&c->arena, a, SIZE_MAX);
    dgm_buf_init(&c->files, a, SIZE_MAX);
    dgm_buf_init(&c->answers, a, SIZE_MAX);
    return c;
}

static size_t given_bytes(const struct gw_corpus *c)
{
    return (2 * answers_n(c) + 1) * sizeof *c->given;
}

void gw_corpus_free(struct gw_corpus *c)
{
    if (c == NULL)
        return;
    if (c->given != NULL)
        munmap(c->given, given_bytes(c));
    dgm_buf_dispose(&c->files);
    dgm_buf_dispose(&c->answers);
    dgm_arena_dispose(&c->arena);
    dgm_alloc_libc.resize(dgm_alloc_libc.ctx, c, sizeof *c, 0);
}

static void put_bytes(struct dgm_buf *to, const void *p, size_t n)
{
    dgm_buf_put(to, (struct dgm_str){p, n});
}

/* Whether anything came that can be given again. */
static bool answers_anything(const struct gw_recorded_call *call)
{
    return call->status != 0 || call->end == GW_RECORDED_FAILED;
}

enum dgm_rc gw_corpus_add(struct gw_corpus *c, struct dgm_str name, struct dgm_str text,
                          struct gw_problems *reterr)
{
    struct file file = {.name = dgm_arena_copy(&c->arena, name)};
    enum dgm_rc rc = gw_recording_read(text, &c->arena, &file.recording, reterr);
    if (rc != DGM_OK)
        return rc;
    put_bytes(&c->files, &file, sizeof file);
    for (const struct gw_recorded_call *at = file.recording.calls; at != NULL; at = at->next) {
        struct answer answer = {.call = at, .name = file.name};
        if (!answers_anything(at))
            continue;
        rc = gw_body_key(at->request.target, at->request.body, &answer.key);
        if (rc != DGM_OK)
            return rc;
        put_bytes(&c->answers, &answer, sizeof answer);
    }
    return c->files.rc != DGM_OK || c->answers.rc != DGM_OK || file.name.p == NULL ? DGM_E_NOMEM
                                                                                   : DGM_OK;
}

static uint64_t key_of(const struct answer *a, bool loose)
{
    return loose ? a->key.loose : a->key.exact;
}

/* By their keys; those that share one stay in the order of their files. */
static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
                            : (x->at > y->at) - (x->at < y->at);
}

static bool make_rows(struct gw_corpus *c, bool loose)
{
    size_t n = answers_n(c);
    struct row *rows = dgm_arena_take(&c->arena, (n + 1) * sizeof *rows);
    if (rows == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct row){key_of(&answers_of(c)[i], loose), i};
    dgm_sort(rows, n, sizeof *rows, compare_rows);
    c->rows[loose] = rows;
    return true;
}

bool gw_corpus_close(struct gw_corpus *c)
{
    if (!make_rows(c, false) || !make_rows(c, true))
        return false;
    void *p = mmap(NULL, given_bytes(c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    c->given = p;
    return true;
}

const struct gw_recording *gw_corpus_at(const struct gw_corpus *c, size_t i,
                                        struct dgm_str *ret_name)
{
    if (i >= c->files.n / sizeof(struct file))
        return NULL;
    *ret_name = files_of(c)[i].name;
    return &files_of(c)[i].recording;
}

const struct gw_recorded_url *gw_corpus_url(const void *ctx, struct dgm_str url)
{
    const struct gw_corpus *c = ctx;
    const struct gw_recorded_url *found = NULL;
    for (size_t i = 0; i < c->files.n / sizeof(struct file) && found == NULL; i++)
        found = gw_recorded_url_find(files_of(c)[i].recording.fetched, url);
    return found;
}

/* ---- the same request ---- */

/* The first row whose key is not below this one. */
static size_t lower(const struct row *rows, size_t n, uint64_t key)
{
    size_t from = 0;
    while (from < n) {
        size_t middle = from + (n - from) / 2;
        if (rows[middle].key < key)
            from = middle + 1;
        else
            n = middle;
    }
    return from;
}

/* The answers with a key, of which the next one is given. NULL: there is none. */
static const struct answer *take_next(const struct gw_corpus *c, uint64_t key, bool loose)
{
    const struct row *rows = c->rows[loose];
    size_t all = answers_n(c), first = lower(rows, all, key);
    size_t n = (key != UINT64_MAX ? lower(rows, all, key + 1) : all) - first;
    if (n == 0)
        return NULL;
    uint64_t before = atomic_fetch_add(&c->given[2 * rows[first].at + loose], 1);
    return &answers_of(c)[rows[first + (before < n ? (size_t)before : n - 1)].at];
}

/* ---- the nearest one ---- */

/* A body in its form, taken apart. NULL: memory is short, or it is no JSON. */
static const struct json_val *parse_form(struct dgm_str body, struct dgm_arena *arena)
{
    struct dgm_buf form;
    const struct json_val *root;
    struct json_error error;
    dgm_buf_init(&form, dgm_arena_alloc(arena), SIZE_MAX);
    if (gw_body_put_form(body, false, arena, &form) != DGM_OK ||
        dgm_buf_reserve(&form, JSON_PADDING) == NULL ||
        json_parse(arena, form.p, form.n, JSON_DEPTH_MAX, &root, &error) != DGM_OK)
        return NULL;
    return root;
}

static size_t compare(const struct answer *a, const struct json_val *here, struct dgm_buf *out)
{
    static const struct gw_places places = {.before = {" ", 1},
                                            .between = {"; ", 2},
                                            .a = {" there, ", 8},
                                            .b = {" here", 5},
                                            .most = PLACES_TOLD};
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    size_t n = gw_places_put(&places, parse_form(a->call->request.body, &arena), here, out);
    dgm_arena_dispose(&arena);
    return n;
}

/* The one with the fewest differences, of those that ask for the same, if there are such. NULL: the corpus is empty. */
static const struct answer *find_nearest(const struct gw_corpus *c, struct dgm_str what,
                                         const struct json_val *here, bool *ret_same)
{
    const struct answer *all = answers_of(c), *nearest = NULL;
    size_t least = SIZE_MAX, bytes = 0;
    *ret_same = false;
    for (size_t i = 0; i < answers_n(c); i++)
        *ret_same |= dgm_str_eq(gw_body_what(all[i].call->request.target), what);
    for (size_t i = 0, seen = 0; i < answers_n(c) && seen < NEAR_MAX && bytes < NEAR_BYTES_MAX;
         i++) {
        if (*ret_same && !dgm_str_eq(gw_body_what(all[i].call->request.target), what))
            continue;
        size_t n = compare(&all[i], here, NULL);
        seen++;
        bytes += all[i].call->request.body.n;
        if (n >= least)
            continue;
        least = n;
        nearest = &all[i];
    }
    return nearest;
}

/* "No recording answers models/m:generateContent. The nearest, FILE, differs at /a: 1 there, 2 here." */
void gw_corpus_tell_miss(const struct gw_corpus *c, struct dgm_str target, struct dgm_str body,
                         struct dgm_fail *reterr)
{
    struct dgm_arena arena;
    struct dgm_buf text;
    bool same;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&text, dgm_arena_alloc(&arena), SIZE_MAX);
    struct dgm_str what = gw_body_what(target);
    const struct json_val *here = parse_form(body, &arena);
    const struct answer *nearest = find_nearest(c, what, here, &same);
    dgm_buf_put_lit(&text, "No recording answers this request (");
    dgm_buf_put(&text, dgm_str_head(what, 100));
    dgm_buf_put_lit(&text, ").");
    if (nearest != NULL) {
        dgm_buf_put_lit(&text, " The nearest, ");
        dgm_buf_put(&text, nearest->name);
        if (!same) {
            dgm_buf_put_lit(&text, ", is one of ");
            dgm_buf_put(&text, dgm_str_head(gw_body_what(nearest->call->request.target), 100));
            dgm_buf_put_lit(&text, " and");
        } else {
            dgm_buf_put_lit(&text, ",");
        }
        dgm_buf_put_lit(&text, " differs at");
        compare(nearest, here, &text);
        dgm_buf_put_lit(&text, ".");
    } else {
        dgm_buf_put_lit(&text, " There are none in the folder.");
    }
    dgm_fail_set(reterr, DGM_ERR_REPLAY_MISS, (struct dgm_str){0},
                 (const struct dgm_str[4]){dgm_buf_str(&text)});
    dgm_arena_dispose(&arena);
}

enum dgm_rc gw_corpus_find(const struct gw_corpus *c, struct dgm_str target, struct dgm_str body,
                           struct gw_corpus_found *ret)
{
    struct gw_body_key key;
    enum dgm_rc rc = gw_body_key(target, body, &key);
    if (rc != DGM_OK)
        return rc;
    const struct answer *found = take_next(c, key.exact, false);
    bool loose = found == NULL;
    if (loose)
        found = take_next(c, key.loose, true);
    if (found == NULL)
        return DGM_E_REFUSED;
    *ret = (struct gw_corpus_found){found->call, found->name, loose};
    return DGM_OK;
}
