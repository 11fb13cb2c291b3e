/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c - the URLs of one request: how many at once, how long, how much; fetch_hop.c gets one answer. */
#include "gateway/fetch.h"

#include "base/str.h"
#include "gateway/destination.h"
#include "gateway/fetch_hop.h"
#include "gateway/sniff.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BYTES_MAX ((size_t)8 * 1024 * 1024) /* URLs of all hops of all */

enum state { WAITING, RUNNING, GIVEN };

/** One URL, over all its redirects. */
struct download {
    struct gw_fetch *set;
    size_t index; /* of the request's URLs */
    enum state state;
    struct gw_hop *hop; /* while RUNNING */
    struct gw_fetch_url at;
    unsigned redirects;
    struct dgm_buf base64;
    uint64_t bytes;
    unsigned char carry[2]; /* bytes that do not make three yet */
    size_t carry_n;
    char first[GW_SNIFF_BYTES];
    size_t first_n;
    struct dgm_str told; /* the MIME type that the host told, in the set's arena */
};

struct gw_fetch {
    struct gw_worker *worker;
    const struct gw_upstream *upstream;
    struct dgm_request *request;
    void (*done)(void *owner, const struct dgm_fail *);
    void *owner;
    struct gw_fetch *next,
        **at; /* of the worker's, the oldest first; `at` is NULL when it is over */
    struct dgm_arena arena;
    struct net_timer deadline, end; /* of all; when `done` is to be called */
    const struct dgm_url *urls;
    size_t urls_n, running, left; /* left: not GIVEN */
    int64_t bytes;                /* of all so far */
    bool failed;
    struct dgm_fail fail;
    struct download downloads[];
};

static const struct gw_fetching *settings(const struct gw_fetch *f)
{
    return &f->worker->config->fetch;
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void start_more(struct gw_worker *);

static void drop_hop(struct download *d)
{
    if (d->hop == NULL)
        return;
    gw_hop_free(d->hop);
    d->hop = NULL;
    d->set->running--;
    d->set->worker->counters->fetches--;
}

/* Out of the worker's list: nothing of it runs any more. */
static void finish(struct gw_fetch *f)
{
    net_timer_stop(&f->deadline);
    net_timer_stop(&f->end);
    for (size_t i = 0; i < f->urls_n; i++)
        drop_hop(&f->downloads[i]);
    if (f->at == NULL)
        return;
    *f->at = f->next;
    if (f->next != NULL)
        f->next->at = f->at;
    f->at = NULL;
    start_more(f->worker);
}

static void on_end(void *owner)
{
    struct gw_fetch *f = owner;
    finish(f);
    f->done(f->owner, f->failed ? &f->fail : NULL);
}

/* Told in the loop's next turn, for it may be found out in a call of the owner's. */
static void end_soon(struct gw_fetch *f)
{
    net_timer_start(f->worker->loop, &f->end, 0);
}

static void fail_with(struct gw_fetch *f, const struct dgm_fail *fail)
{
    if (f->failed)
        return;
    f->failed = true;
    f->fail = *fail;
    end_soon(f);
}

static void fail_memory(struct gw_fetch *f)
{
    struct dgm_fail fail;
    dgm_fail_row(&fail, DGM_ERR_NO_MEMORY);
    fail_with(f, &fail);
}

static void fail_url(struct gw_fetch *f, size_t i, struct dgm_str why, struct dgm_str more)
{
    struct dgm_fail fail;
    dgm_fail_set(
        &fail, DGM_ERR_URL_UNREAD, f->urls[i].param,
        (struct dgm_str[4]){f->urls[i].param, DGM_STR(": the URL was not fetched: "), why, more});
    fail_with(f, &fail);
}

static void fail_mb(struct gw_fetch *f, size_t i, const char *what, int64_t bytes)
{
    char text[120];
    int n = snprintf(text, sizeof text, "%s more than %lld MB", what,
                     (long long)(bytes / (1024 * 1024)));
    fail_url(f, i, (struct dgm_str){text, (size_t)n}, (struct dgm_str){0});
}

static void on_deadline(void *owner)
{
    struct gw_fetch *f = owner;
    char text[100];
    size_t i = 0;
    while (f->downloads[i].state == GIVEN)
        i++;
    int n = snprintf(text, sizeof text, "its host did not send it within %lld ms",
                     (long long)settings(f)->timeout_ms);
    fail_url(f, i, (struct dgm_str){text, (size_t)n}, (struct dgm_str){0});
}

/* ---- base64 ----------------------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_three(char *to, unsigned a, unsigned b, unsigned c)
{
    unsigned all = a << 16 | b << 8 | c;
    to[0] = alphabet[all >> 18];
    to[1] = alphabet[all >> 12 & 63];
    to[2] = alphabet[all >> 6 & 63];
    to[3] = alphabet[all & 63];
}

/* Encodes what comes, in threes; one or two bytes are carried over. */
static void encode(struct download *d, struct dgm_str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p, *end = p + bytes.n;
    char *to = dgm_buf_reserve(&d->base64, (bytes.n + 2) / 3 * 4 + 4);
    if (to == NULL)
        return;
    char *from = to;
    if (d->carry_n == 1 && p < end) {
        d->carry[1] = *p++;
        d->carry_n = 2;
    }
    if (d->carry_n == 2 && p < end) {
        put_three(to, d->carry[0], d->carry[1], *p++);
        to += 4;
        d->carry_n = 0;
    }
    for (; end - p >= 3; p += 3, to += 4)
        put_three(to, p[0], p[1], p[2]);
    if (p < end) {
        d->carry_n = (size_t)(end - p);
        assert(d->carry_n <= sizeof d->carry); /* or it would have made three */
        memcpy(d->carry, p, d->carry_n);
    }
    d->base64.n += (size_t)(to - from);
}

static void encode_end(struct download *d)
{
    char *to = d->carry_n != 0 ? dgm_buf_reserve(&d->base64, 4) : NULL;
    if (to == NULL)
        return;
    put_three(to, d->carry[0], d->carry_n == 2 ? d->carry[1] : 0, 0);
    if (d->carry_n == 1)
        to[2] = '=';
    to[3] = '=';
    d->base64.n += 4;
}

/* ---- what a hop tells ------------------------------------------------------------------------------- */

static bool begin(struct download *, struct dgm_str url);

static void on_redirect(void *owner, struct dgm_str location)
{
    struct download *d = owner;
    struct gw_fetch *f = d->set;
    struct dgm_str url = gw_fetch_redirect(&d->at, location, &f->arena);
    drop_hop(d);
    if (d->redirects++ == GW_FETCH_REDIRECTS_MAX)
        fail_url(f, d->index, DGM_STR("its host redirects more than 3 times"), (struct dgm_str){0});
    else if (url.p == NULL)
        fail_url(f, d->index, DGM_STR("its host redirects to nowhere"), (struct dgm_str){0});
    else if (!gw_fetch_wants(f->upstream->fetch, url))
        fail_url(f, d->index, DGM_STR("it is redirected away from Cloud Storage"),
                 (struct dgm_str){0});
    else
        begin(d, url);
}

/* The MIME type of a Content-Type; absent where it says "bytes". */
static void on_type(void *owner, struct dgm_str type)
{
    struct download *d = owner;
    type = dgm_str_trim(dgm_str_head(type, dgm_str_find_char(type, ';')));
    bool vague = dgm_str_eq_nocase(type, DGM_STR("application/octet-stream")) ||
                 dgm_str_eq_nocase(type, DGM_STR("binary/octet-stream"));
    if (!vague && type.n != 0)
        d->told = dgm_arena_copy(&d->set->arena, type);
}

static void on_bytes(void *owner, struct dgm_str bytes)
{
    struct download *d = owner;
    struct gw_fetch *f = d->set;
    const struct gw_worker *w = f->worker;
    int64_t all =
        GW_FETCH_ALL_BYTES > settings(f)->max_bytes ? GW_FETCH_ALL_BYTES : settings(f)->max_bytes;
    d->bytes += bytes.n;
    f->bytes += (int64_t)bytes.n;
    if (d->bytes > (uint64_t)settings(f)->max_bytes) {
        fail_mb(f, d->index, "it has", settings(f)->max_bytes);
        return;
    }
    if (f->bytes > all) {
        fail_mb(f, d->index, "it and the URLs before it have", all);
        return;
    }
    struct dgm_str rest = dgm_str_head(bytes, sizeof d->first - d->first_n);
    if (rest.n != 0)
        memcpy(d->first + d->first_n, rest.p, rest.n);
    d->first_n += rest.n;
    /* A buffer that grows may hold its text twice for a moment. */
    int64_t room = w->config->limits.memory_bytes - w->counters->held_bytes;
    if (room > 2 * (int64_t)bytes.n)
        encode(d, bytes);
    if (room <= 2 * (int64_t)bytes.n || d->base64.rc != DGM_OK)
        fail_memory(f);
}

/* A page, or a program's answer, is not what an image_url is about: the host shows a login, or an error. */
static bool is_medium(struct dgm_str mime, struct dgm_str part)
{
    const struct dgm_str text = DGM_STR("text/");
    return dgm_str_eq(part, DGM_STR("file")) ||
           !(dgm_str_eq_nocase(dgm_str_head(mime, text.n), text) ||
             dgm_str_eq_nocase(mime, DGM_STR("application/json")) ||
             dgm_str_eq_nocase(mime, DGM_STR("application/xml")) ||
             dgm_str_eq_nocase(mime, DGM_STR("application/xhtml+xml")));
}

static void give(struct download *d)
{
    struct gw_fetch *f = d->set;
    struct dgm_str seen = gw_sniff((struct dgm_str){d->first, d->first_n});
    struct dgm_str mime = seen.p != NULL ? seen : d->told;
    if (d->bytes == 0) {
        fail_url(f, d->index, DGM_STR("it is empty"), (struct dgm_str){0});
        return;
    }
    if (!is_medium(mime, f->urls[d->index].part)) {
        fail_url(f, d->index, DGM_STR("what it leads to is no medium but "), mime);
        return;
    }
    encode_end(d);
    if (d->base64.rc != DGM_OK ||
        !dgm_request_give(f->request, d->index, dgm_buf_str(&d->base64), mime, seen.p != NULL)) {
        fail_memory(f);
        return;
    }
    d->state = GIVEN;
    if (--f->left == 0)
        end_soon(f);
}

static void on_whole(void *owner)
{
    struct download *d = owner;
    drop_hop(d);
    if (!d->set->failed)
        give(d);
    start_more(d->set->worker);
}

static void on_fail(void *owner, struct dgm_str why)
{
    struct download *d = owner;
    drop_hop(d);
    fail_url(d->set, d->index, why, (struct dgm_str){0});
}

static const struct gw_hop_events hop_events = {.on_redirect = on_redirect,
                                                .on_type = on_type,
                                                .on_bytes = on_bytes,
                                                .on_whole = on_whole,
                                                .on_fail = on_fail};

/* ---- beginning -------------------------------------------------------------------------------------- */

/* False: it failed, which is told later. */
static bool begin(struct download *d, struct dgm_str url)
{
    struct gw_fetch *f = d->set;
    struct dgm_str why;
    switch (gw_fetch_url_read(url, &settings(f)->allow, &f->arena, &d->at, &why)) {
    case DGM_OK:
        d->hop = gw_hop_new(f->worker, &d->at, &hop_events, d);
        break;
    case DGM_E_REFUSED:
        fail_url(f, d->index, d->redirects != 0 ? DGM_STR("it is redirected, and there ") : why,
                 d->redirects != 0 ? why : (struct dgm_str){0});
        return false;
    default:
        break;
    }
    if (d->hop == NULL) {
        fail_memory(f);
        return false;
    }
    f->running++;
    f->worker->counters->fetches++;
    return true;
}

static void start_more_of(struct gw_fetch *f)
{
    for (size_t i = 0; i < f->urls_n && !f->failed; i++) {
        struct download *d = &f->downloads[i];
        if (f->running == GW_FETCH_AT_ONCE || f->worker->counters->fetches >= GW_FETCH_WORKER_MAX)
            return;
        if (d->state != WAITING)
            continue;
        d->state = RUNNING;
        begin(d, f->urls[i].url);
    }
}

/* Whoever asked first comes first. */
static void start_more(struct gw_worker *w)
{
    for (struct gw_fetch *f = w->fetching; f != NULL; f = f->next)
        start_more_of(f);
}

static void enter(struct gw_fetch *f)
{
    struct gw_fetch **at = &f->worker->fetching;
    while (*at != NULL)
        at = &(*at)->next;
    f->at = at;
    *at = f;
}

static struct gw_fetch *make(struct gw_worker *w, const struct dgm_url *urls, size_t n)
{
    struct gw_fetch *f =
        w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *f + n * sizeof *f->downloads);
    if (f == NULL)
        return NULL;
    *f = (struct gw_fetch){.worker = w, .urls = urls, .urls_n = n, .left = n};
    dgm_arena_init(&f->arena, &w->alloc, ARENA_BYTES_MAX);
    net_timer_init(&f->deadline, on_deadline, f);
    net_timer_init(&f->end, on_end, f);
    for (size_t i = 0; i < n; i++) {
        struct download *d = &f->downloads[i];
        *d = (struct download){.set = f, .index = i};
        dgm_buf_init(&d->base64, &w->alloc,
                     ((size_t)w->config->fetch.max_bytes + 2) / 3 * 4 +
                         16); /* room that is asked for, and not used */
    }
    return f;
}

enum dgm_rc gw_fetch_new(struct gw_worker *w, const struct gw_upstream *u, struct dgm_request *r,
                         void (*done)(void *owner, const struct dgm_fail *), void *owner,
                         struct gw_fetch **ret, struct dgm_fail *reterr)
{
    const struct dgm_url *urls;
    size_t n = 0, wanted = 0;
    enum dgm_rc rc = u->fetch == GW_FETCH_OFF
                         ? DGM_OK
                         : dgm_request_urls(r, gw_upstream_surface(u), &urls, &n, reterr);
    if (rc != DGM_OK)
        return rc;
    for (size_t i = 0; i < n; i++)
        wanted += gw_fetch_wants(u->fetch, urls[i].url);
    if (wanted == 0)
        return DGM_DONE;
    struct gw_fetch *f = make(w, urls, n);
    if (f == NULL) {
        dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
        return DGM_E_NOMEM;
    }
    f->upstream = u;
    f->request = r;
    f->done = done;
    f->owner = owner;
    f->left = wanted;
    for (size_t i = 0; i < n; i++)
        if (!gw_fetch_wants(u->fetch, urls[i].url))
            f->downloads[i].state = GIVEN; /* it goes on as it is */
    w->counters->fetches_total += (int64_t)wanted;
    net_timer_start(w->loop, &f->deadline, settings(f)->timeout_ms);
    enter(f);
    start_more(w);
    *ret = f;
    return DGM_OK;
}

const struct dgm_url *gw_fetch_urls(const struct gw_fetch *f, size_t *ret_n)
{
    *ret_n = f->urls_n;
    return f->urls;
}

void gw_fetch_cancel(struct gw_fetch *f)
{
    if (f != NULL)
        finish(f);
}

void gw_fetch_free(struct gw_fetch *f)
{
    if (f == NULL)
        return;
    const struct dgm_alloc *a = &f->worker->alloc;
    finish(f);
    for (size_t i = 0; i < f->urls_n; i++)
        dgm_buf_dispose(&f->downloads[i].base64);
    dgm_arena_dispose(&f->arena);
    a->resize(a->ctx, f, sizeof *f + f->urls_n * sizeof *f->downloads, 0);
}
