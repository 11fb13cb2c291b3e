/* SPDX-License-Identifier: Apache-2.0 */
/* quota.c - what keys have used: windows of buckets, and books. */
#include "gateway/quota.h"

#include "base/str.h"
#include "emulate/hash.h"
#include "gateway/keeper_wire.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define BUCKETS 64
#define COUNT_BITS                                                                                 \
    40 /* of a bucket's word: its count, over AUTH_LIMIT_MAX; the rest is its number */
#define COUNT_MAX ((UINT64_C(1) << COUNT_BITS) - 1)
#define NUMBERS (UINT64_C(1) << (64 - COUNT_BITS))
#define NAME_CHANGES 2 /* stands where a place gets another name; names are odd */
#define LOCK_TRIES 1000
#define TRIES 16             /* of two that see each other's last place */
#define READ_WITHIN_MS 10000 /* after that the day begins anew */
#define PARALLEL_AFTER_MS 1000

static_assert(AUTH_LIMIT_MAX < (INT64_C(1) << COUNT_BITS), "a bucket holds a whole limit");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2,
              "processes can share atomics only where these need no lock");

/** How long a bucket is, and how many before the present one still count. */
struct span {
    int64_t bucket_ms, buckets;
};

static const struct span minute = {1000, 60}, day = {INT64_C(3600) * 1000, 24};

struct window {
    _Atomic uint64_t at[BUCKETS];
};

struct place {
    struct window requests, tokens, day;
};

/** What a worker's requests hold of a place. */
struct entry {
    _Atomic int64_t running, reserved;
};

struct gw_quota {
    int64_t made_ms;
    _Atomic bool is_read;
    _Atomic uint64_t changes;
    _Atomic size_t books_n; /* that were ever opened: the others are not looked at */
    _Atomic bool opened[GW_QUOTA_BOOKS];
    _Atomic bool names_locked;
    _Atomic uint64_t names[GW_QUOTA_PLACES]; /* 0: it never had one */
    struct place places[GW_QUOTA_PLACES];
    struct entry books[GW_QUOTA_BOOKS][GW_QUOTA_PLACES];
};

/* Pages are the system's only when they are touched: most of it never is. */
struct gw_quota *gw_quota_new(int64_t now_ms)
{
    struct gw_quota *q = mmap(NULL, sizeof *q, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (q == MAP_FAILED)
        return NULL;
    q->made_ms = now_ms;
    return q;
}

void gw_quota_free(struct gw_quota *q)
{
    if (q != NULL)
        munmap(q, sizeof *q);
}

/* ---- windows ----------------------------------------------------------------------------------------- */

static int64_t number_at(const struct span *s, int64_t now_ms)
{
    return now_ms / s->bucket_ms;
}

static uint64_t word_of(int64_t number, uint64_t count)
{
    return ((uint64_t)number % NUMBERS) << COUNT_BITS | count;
}

/* How old a bucket is, in buckets; the clock may have been put back a little. */
static int64_t age_of(uint64_t word, int64_t number)
{
    int64_t age = (int64_t)(((uint64_t)number - (word >> COUNT_BITS)) % NUMBERS);
    return age < (int64_t)NUMBERS / 2 ? age : 0;
}

static int64_t count_at(const struct span *s, const struct window *w, size_t i, int64_t number)
{
    uint64_t word = atomic_load(&w->at[i]);
    return age_of(word, number) <= s->buckets ? (int64_t)(word & COUNT_MAX) : 0;
}

static int64_t sum(const struct span *s, const struct window *w, int64_t number)
{
    int64_t n = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        n += count_at(s, w, i, number);
    return n;
}

/* Adds as much of `n` as a bucket holds, and returns that. Whatever stood there of an older number is over. */
static int64_t add(struct window *w, int64_t number, int64_t n)
{
    _Atomic uint64_t *at = &w->at[(uint64_t)number % BUCKETS];
    uint64_t was = atomic_load(at), count, more;
    do {
        count = was >> COUNT_BITS == (uint64_t)number % NUMBERS ? was & COUNT_MAX : 0;
        more = (uint64_t)n < COUNT_MAX - count ? (uint64_t)n : COUNT_MAX - count;
    } while (!atomic_compare_exchange_weak(at, &was, word_of(number, count + more)));
    return (int64_t)more;
}

/* As much of `n` as a bucket has. */
static int64_t take(struct window *w, int64_t number, int64_t n)
{
    _Atomic uint64_t *at = &w->at[(uint64_t)number % BUCKETS];
    uint64_t was = atomic_load(at), least;
    do {
        if (was >> COUNT_BITS != (uint64_t)number % NUMBERS)
            return 0;
        least = (was & COUNT_MAX) < (uint64_t)n ? was & COUNT_MAX : (uint64_t)n;
    } while (!atomic_compare_exchange_weak(at, &was, was - least));
    return (int64_t)least;
}

/* When so much more will find room under a limit. */
static int64_t room_in_ms(const struct span *s, const struct window *w, int64_t now_ms, int64_t n,
                          int64_t limit)
{
    int64_t number = number_at(s, now_ms), left = sum(s, w, number) + n;
    for (int64_t b = number - s->buckets; b <= number; b++) {
        left -= count_at(s, w, (uint64_t)b % BUCKETS, number);
        if (left <= limit)
            return (b + s->buckets + 1) * s->bucket_ms - now_ms;
    }
    return (s->buckets + 1) * s->bucket_ms;
}

/* Adds under a limit (0: there is none), which `n` is not over. False: there is no room, and nothing was added. */
static bool add_under(const struct span *s, struct window *w, int64_t number, int64_t n,
                      int64_t limit)
{
    for (unsigned tries = 0; tries < TRIES; tries++) {
        int64_t added = add(w, number, n);
        if (limit == 0 || (added == n && sum(s, w, number) <= limit))
            return true;
        (void)take(w, number, added); /* what others have used is not ours to take */
        if (sum(s, w, number) + n > limit)
            return false;
    }
    return false;
}

static void changed(struct gw_quota *q)
{
    atomic_fetch_add(&q->changes, 1);
}

/* ---- books ------------------------------------------------------------------------------------------- */

size_t gw_quota_open_book(struct gw_quota *q)
{
    for (size_t i = 0; i < GW_QUOTA_BOOKS; i++) {
        bool taken = false;
        if (!atomic_compare_exchange_strong(&q->opened[i], &taken, true))
            continue;
        if (i >= atomic_load(&q->books_n)) /* the master alone opens */
            atomic_store(&q->books_n, i + 1);
        return i;
    }
    return GW_QUOTA_BOOKS;
}

/* A day's reservation that nobody will settle any more; a minute's is over soon by itself. */
static void give_back(struct window *w, int64_t now_ms, int64_t n)
{
    int64_t number = number_at(&day, now_ms);
    for (int64_t b = number; n > 0 && b >= number - day.buckets; b--)
        n -= take(w, b, n);
}

void gw_quota_close_book(struct gw_quota *q, size_t book, int64_t now_ms)
{
    if (book >= GW_QUOTA_BOOKS)
        return;
    for (size_t i = 0; i < GW_QUOTA_PLACES; i++) {
        if (atomic_load(&q->names[i]) == 0)
            continue;
        struct entry *e = &q->books[book][i];
        give_back(&q->places[i].day, now_ms, atomic_exchange(&e->reserved, 0));
        atomic_store(&e->running, 0);
    }
    changed(q);
    atomic_store(&q->opened[book], false);
}

/** What all books have of a place. */
struct held {
    int64_t running, reserved;
};

static struct held held(const struct gw_quota *q, size_t place)
{
    struct held all = {0};
    for (size_t i = 0; i < atomic_load(&q->books_n); i++) {
        all.running += atomic_load(&q->books[i][place].running);
        all.reserved += atomic_load(&q->books[i][place].reserved);
    }
    return all;
}

static bool run_under(struct gw_quota *q, size_t book, size_t place, int64_t limit)
{
    _Atomic int64_t *mine = &q->books[book][place].running;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        atomic_fetch_add(mine, 1);
        if (limit == 0 || held(q, place).running <= limit)
            return true;
        atomic_fetch_sub(mine, 1);
        if (held(q, place).running >= limit)
            return false;
    }
    return false;
}

/* ---- places ------------------------------------------------------------------------------------------ */

static uint64_t name_of(const struct auth_client *c)
{
    return emu_hash_mix(emu_hash_str(c->name) ^ UINT64_C(0x71756f7461)) | 1;
}

/* Whether nothing is counted in it any more. */
static bool is_empty(const struct place *p, int64_t now_ms)
{
    int64_t second = number_at(&minute, now_ms);
    return sum(&minute, &p->requests, second) == 0 && sum(&minute, &p->tokens, second) == 0 &&
           sum(&day, &p->day, number_at(&day, now_ms)) == 0;
}

/* Whether nobody holds it either. */
static bool is_idle(const struct gw_quota *q, size_t place, int64_t now_ms)
{
    const struct held h = held(q, place);
    return is_empty(&q->places[place], now_ms) && h.running == 0 && h.reserved == 0;
}

/* Where a name stands. GW_QUOTA_PLACES: nowhere; `*ret_free` is the first place that never had one, or the same. */
static size_t find_name(const struct gw_quota *q, uint64_t name, size_t *ret_free)
{
    *ret_free = GW_QUOTA_PLACES;
    for (size_t i = 0; i < GW_QUOTA_PLACES; i++) {
        size_t at = (name + i) % GW_QUOTA_PLACES;
        uint64_t found = atomic_load(&q->names[at]);
        if (found == name)
            return at;
        if (found == 0) {
            *ret_free = at;
            break;
        }
    }
    return GW_QUOTA_PLACES;
}

/* A place whose name is of no use any more. While it is looked at it has none: who enters there meanwhile finds that, and asks
 * for his place again. */
static size_t reuse(struct gw_quota *q, uint64_t name, int64_t now_ms)
{
    for (size_t i = 0; i < GW_QUOTA_PLACES; i++) {
        size_t at = (name + i) % GW_QUOTA_PLACES;
        if (!is_idle(q, at, now_ms))
            continue;
        uint64_t was = atomic_exchange(&q->names[at], NAME_CHANGES);
        bool idle = is_idle(q, at, now_ms);
        atomic_store(&q->names[at], idle ? name : was);
        if (idle)
            return at;
    }
    return GW_QUOTA_PLACES;
}

/* One process at a time gives places to names. One that was killed over it is not waited for long: should it live after all,
 * a name has two places for as long as the second one counts. */
static void lock_names(struct gw_quota *q)
{
    for (unsigned tries = 0; tries < LOCK_TRIES && atomic_exchange(&q->names_locked, true); tries++)
        sched_yield();
}

/* The place of a name, which gets one if it has none. GW_QUOTA_PLACES: all have names that count. */
static size_t place_of(struct gw_quota *q, uint64_t name, int64_t now_ms)
{
    size_t unused, at = find_name(q, name, &unused);
    if (at != GW_QUOTA_PLACES)
        return at;
    lock_names(q);
    at = find_name(q, name, &unused);
    if (at == GW_QUOTA_PLACES && unused != GW_QUOTA_PLACES)
        atomic_store(&q->names[at = unused], name);
    else if (at == GW_QUOTA_PLACES)
        at = reuse(q, name, now_ms);
    atomic_store(&q->names_locked, false);
    return at;
}

/* ---- requests ---------------------------------------------------------------------------------------- */

bool gw_quota_is_known(const struct gw_quota *q, int64_t now_ms)
{
    return atomic_load(&q->is_read) || now_ms - q->made_ms >= READ_WITHIN_MS;
}

/* Finds the name's place and runs there. It may be given to another name in between: then it is looked for again. */
static bool enter_place(struct gw_quota *q, size_t book, uint64_t name, int64_t limit,
                        int64_t now_ms, size_t *ret_place, bool *ret_runs)
{
    for (unsigned tries = 0; book < GW_QUOTA_BOOKS && tries < TRIES; tries++) {
        size_t place = place_of(q, name, now_ms);
        if (place == GW_QUOTA_PLACES)
            return false;
        *ret_place = place;
        *ret_runs = run_under(q, book, place, limit);
        if (!*ret_runs || atomic_load(&q->names[place]) == name)
            return true;
        atomic_fetch_sub(&q->books[book][place].running, 1);
    }
    return false;
}

enum dgm_error gw_quota_enter(struct gw_quota *q, size_t book, const struct auth_client *c,
                              int64_t now_ms, struct gw_quota_hold *hold,
                              struct gw_quota_refusal *reterr)
{
    const int64_t *limits = c->limits;
    bool runs = false;
    *hold = (struct gw_quota_hold){.place = GW_QUOTA_PLACES};
    *reterr = (struct gw_quota_refusal){.after_ms = PARALLEL_AFTER_MS};
    if (limits[AUTH_LIMIT_TOKENS_DAY] != 0 && !gw_quota_is_known(q, now_ms))
        return DGM_ERR_COUNTS_UNREAD;
    if (!enter_place(q, book, name_of(c), limits[AUTH_LIMIT_PARALLEL], now_ms, &hold->place, &runs))
        return DGM_ERR_NO_MEMORY;
    if (!runs) {
        reterr->limit = limits[AUTH_LIMIT_PARALLEL];
        return DGM_ERR_KEY_PARALLEL;
    }
    struct window *w = &q->places[hold->place].requests;
    int64_t limit = limits[AUTH_LIMIT_REQUESTS_MINUTE];
    hold->minute = number_at(&minute, now_ms);
    if (!add_under(&minute, w, hold->minute, 1, limit)) {
        atomic_fetch_sub(&q->books[book][hold->place].running, 1);
        *reterr = (struct gw_quota_refusal){room_in_ms(&minute, w, now_ms, 1, limit), limit};
        return DGM_ERR_KEY_REQUESTS;
    }
    hold->entered = true;
    changed(q);
    return DGM_ERR_NONE;
}

static struct gw_quota_refusal refusal(const struct span *s, const struct window *w, int64_t now_ms,
                                       int64_t n, int64_t limit)
{
    return (struct gw_quota_refusal){n > limit ? -1 : room_in_ms(s, w, now_ms, n, limit), limit};
}

enum dgm_error gw_quota_reserve(struct gw_quota *q, size_t book, const struct auth_client *c,
                                int64_t now_ms, int64_t tokens, struct gw_quota_hold *hold,
                                struct gw_quota_refusal *reterr)
{
    struct place *p = &q->places[hold->place];
    int64_t of_minute = c->limits[AUTH_LIMIT_TOKENS_MINUTE],
            of_day = c->limits[AUTH_LIMIT_TOKENS_DAY];
    assert(hold->entered && hold->tokens == 0);
    if (of_minute == 0 && of_day == 0)
        return DGM_ERR_NONE;
    int64_t second = number_at(&minute, now_ms), hour = number_at(&day, now_ms);
    /* What never can be touches no count: it may be more than a bucket holds. */
    if (of_day != 0 && tokens > of_day) {
        *reterr = refusal(&day, &p->day, now_ms, tokens, of_day);
        return DGM_ERR_KEY_DAY;
    }
    if (of_minute != 0 && tokens > of_minute) {
        *reterr = refusal(&minute, &p->tokens, now_ms, tokens, of_minute);
        return DGM_ERR_KEY_TOKENS;
    }
    if (!add_under(&day, &p->day, hour, tokens, of_day)) {
        *reterr = refusal(&day, &p->day, now_ms, tokens, of_day);
        return DGM_ERR_KEY_DAY;
    }
    if (!add_under(&minute, &p->tokens, second, tokens, of_minute)) {
        (void)take(&p->day, hour, tokens);
        *reterr = refusal(&minute, &p->tokens, now_ms, tokens, of_minute);
        return DGM_ERR_KEY_TOKENS;
    }
    atomic_fetch_add(&q->books[book][hold->place].reserved, tokens);
    hold->tokens = tokens;
    hold->minute = second;
    hold->hour = hour;
    changed(q);
    return DGM_ERR_NONE;
}

/* What was reserved becomes what was used: less where it was reserved, if that still counts; more now. */
static void settle(const struct span *s, struct window *w, int64_t number, int64_t now_ms,
                   int64_t more)
{
    if (more < 0)
        (void)take(w, number, -more);
    else if (more > 0)
        (void)add(w, number_at(s, now_ms), more);
}

void gw_quota_leave(struct gw_quota *q, size_t book, int64_t now_ms, int64_t tokens_used,
                    struct gw_quota_hold *hold)
{
    if (!hold->entered)
        return;
    struct place *p = &q->places[hold->place];
    struct entry *e = &q->books[book][hold->place];
    if (hold->tokens != 0) {
        int64_t more = tokens_used < 0 ? 0 : tokens_used - hold->tokens;
        settle(&minute, &p->tokens, hold->minute, now_ms, more);
        settle(&day, &p->day, hold->hour, now_ms, more);
        atomic_fetch_sub(&e->reserved, hold->tokens);
    }
    atomic_fetch_sub(&e->running, 1);
    *hold = (struct gw_quota_hold){0};
    changed(q);
}

/* ---- for the keeper ---------------------------------------------------------------------------------- */

uint64_t gw_quota_changes(const struct gw_quota *q)
{
    return atomic_load(&q->changes);
}

static void put_place(const struct gw_quota *q, size_t place, int64_t now_ms, struct dgm_buf *out)
{
    const struct place *p = &q->places[place];
    int64_t second = number_at(&minute, now_ms), hour = number_at(&day, now_ms);
    int64_t pending = held(q, place).reserved;
    gw_field_put_u64(out, atomic_load(&q->names[place]));
    gw_field_put_u64(out, (uint64_t)second);
    gw_field_put_u64(out, (uint64_t)sum(&minute, &p->requests, second));
    gw_field_put_u64(out, (uint64_t)sum(&minute, &p->tokens, second));
    gw_field_put_u64(out, (uint64_t)day.buckets + 1);
    for (int64_t b = hour; b >= hour - day.buckets; b--) {
        int64_t used = count_at(&day, &p->day, (uint64_t)b % BUCKETS, hour);
        int64_t less = pending < used ? pending : used;
        pending -= less;
        gw_field_put_u64(out, (uint64_t)b);
        gw_field_put_u64(out, (uint64_t)(used - less));
    }
}

void gw_quota_put(const struct gw_quota *q, size_t i, int64_t now_ms, struct dgm_buf *out)
{
    for (size_t at = i * GW_QUOTA_CHUNK; at < (i + 1) * GW_QUOTA_CHUNK; at++)
        if ((atomic_load(&q->names[at]) & 1) != 0 && !is_empty(&q->places[at], now_ms))
            put_place(q, at, now_ms, out);
}

/* Whether a record's bucket counts still: then it is added, where there is a place for it. */
static bool restore(const struct span *s, struct window *w, uint64_t number, int64_t now_ms,
                    uint64_t n)
{
    int64_t now = number_at(s, now_ms);
    bool counts = n != 0 && n <= COUNT_MAX && number <= (uint64_t)now &&
                  (uint64_t)now - number <= (uint64_t)s->buckets;
    if (counts && w != NULL)
        (void)add(w, (int64_t)number, (int64_t)n);
    return counts;
}

/* Reads one name's part of a record, into a place if there is one. Whether anything of it counts still; its name. */
static bool read_place(struct gw_fields *f, struct place *p, int64_t now_ms, uint64_t *ret_name)
{
    uint64_t name = gw_field_u64(f), second = gw_field_u64(f), requests = gw_field_u64(f),
             tokens = gw_field_u64(f), n = gw_field_u64(f);
    bool any = restore(&minute, p != NULL ? &p->requests : NULL, second, now_ms, requests);
    any |= restore(&minute, p != NULL ? &p->tokens : NULL, second, now_ms, tokens);
    while (n-- > 0 && !f->bad) {
        uint64_t hour = gw_field_u64(f), used = gw_field_u64(f);
        any |= restore(&day, p != NULL ? &p->day : NULL, hour, now_ms, used);
    }
    *ret_name = name;
    return any && !f->bad;
}

void gw_quota_read(struct gw_quota *q, struct dgm_str record, int64_t now_ms)
{
    struct gw_fields f = {.rest = record};
    while (f.rest.n != 0 && !f.bad) {
        struct gw_fields again = f;
        uint64_t name;
        if (!read_place(&f, NULL, now_ms, &name) || (name & 1) == 0)
            continue;
        size_t place = place_of(q, name, now_ms);
        if (place == GW_QUOTA_PLACES)
            return;
        (void)read_place(&again, &q->places[place], now_ms, &name);
    }
    changed(q);
}

bool gw_quota_set_read(struct gw_quota *q)
{
    return atomic_exchange(&q->is_read, true);
}

bool gw_quota_is_read(const struct gw_quota *q)
{
    return atomic_load(&q->is_read);
}
