/* SPDX-License-Identifier: Apache-2.0 */
/* counters.c - sheets of counters, one a worker process, and their sum. */
#include "gateway/counters.h"

#include "base/str.h"
#include "gateway/quota.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define LINE_BYTES 128 /* workers on two processors do not take a line of memory from each other */
#define TRIES 64       /* of a sum, while workers end */

struct sheet {
    alignas(LINE_BYTES) struct gw_counters counters;
    _Atomic bool is_open;
};

/**
 * `turn` is odd while the master moves what a worker counted to `gone`: a sum that began before or meanwhile begins again.
 */
struct gw_sheets {
    _Atomic unsigned turn;
    _Atomic size_t n; /* that were ever opened: the others are not looked at */
    struct gw_counters gone;
    struct sheet at[GW_QUOTA_BOOKS];
};

struct gw_sheets *gw_sheets_new(void)
{
    void *p = mmap(NULL, sizeof(struct gw_sheets), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gw_sheets_free(struct gw_sheets *s)
{
    if (s != NULL)
        munmap(s, sizeof *s);
}

/* A word that its worker may be writing: whole, as every aligned word of 64 bits is where workers run. */
static int64_t look(const int64_t *at)
{
    return *(const volatile int64_t *)at;
}

static void add(struct gw_counters *to, const struct gw_counters *from, int64_t now_ms)
{
    int64_t resting = to->resting;
#define COUNTER(name, help) to->name += look(&from->name);
#include "gateway/counters.def"
#undef COUNTER
    if (look(&from->rests_until_ms) <= now_ms)
        to->resting = resting;
}

/* What only goes up: by its name. */
static void add_for_good(struct gw_counters *to, const struct gw_counters *from)
{
#define COUNTER(name, help)                                                                        \
    if (dgm_str_ends(DGM_STR(#name), DGM_STR("_total")))                                           \
        to->name += look(&from->name);
#include "gateway/counters.def"
#undef COUNTER
}

struct gw_counters *gw_sheet(struct gw_sheets *s, size_t book)
{
    return s != NULL && book < GW_QUOTA_BOOKS ? &s->at[book].counters : NULL;
}

void gw_sheets_open(struct gw_sheets *s, size_t book)
{
    if (gw_sheet(s, book) == NULL)
        return;
    s->at[book].counters = (struct gw_counters){0};
    if (book >= atomic_load(&s->n))
        atomic_store(&s->n, book + 1);
    atomic_store(&s->at[book].is_open, true);
}

void gw_sheets_close(struct gw_sheets *s, size_t book)
{
    if (gw_sheet(s, book) == NULL)
        return;
    atomic_fetch_add(&s->turn, 1);
    add_for_good(&s->gone, &s->at[book].counters);
    atomic_store(&s->at[book].is_open, false);
    atomic_fetch_add(&s->turn, 1);
}

size_t gw_sheets_sum(const struct gw_sheets *s, int64_t now_ms, struct gw_counters *ret)
{
    size_t workers = 0;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        unsigned turn = atomic_load(&s->turn);
        *ret = (struct gw_counters){0};
        workers = 0;
        add(ret, &s->gone, now_ms);
        for (size_t i = 0; i < atomic_load(&s->n); i++) {
            if (!atomic_load(&s->at[i].is_open))
                continue;
            add(ret, &s->at[i].counters, now_ms);
            workers++;
        }
        if (turn % 2 == 0 && turn == atomic_load(&s->turn))
            break;
    }
    return workers;
}
