/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.h - work on a large text, off the loop, so that it holds nobody else's.
 *
 * The core is sans-IO: what it touches is what it was given. So a job needs no lock; it needs to be given things that
 * nobody else touches until it is done:
 *   - memory: what it makes comes from its own `alloc`, which while it runs counts for itself, up to what was set
 *     aside for it, and is settled with the worker's count when it is done;
 *   - texts: they must stay as they are until `done`. Whoever owns them is held (struct gw_hold), so that a client that
 *     leaves takes nothing away: its exchange then waits for the job, as nobody's, and goes when it is done;
 *   - configuration: never changes; ids and the time: arguments, as ever;
 *   - what it decides is acted on in `done`, on the loop.
 * The core has no state besides (scripts/check-symbols, and no variable of its own that changes).
 */
#ifndef GATEWAY_JOB_H
#define GATEWAY_JOB_H

#include "gateway/worker.h"

/* From so many bytes of text on it is worth a thread: a tenth of a millisecond of work where it is quick, half of one
 * where it is slow, beside some 20 microseconds to hand it over. */
#define GW_JOB_BYTES ((size_t)64 * 1024)

/** Counts who still needs a thing that is freed by the last who gives it back. On the loop alone. */
struct gw_hold {
    unsigned n;
    void (*release)(struct gw_hold *);
};

static inline struct gw_hold *gw_hold_take(struct gw_hold *h)
{
    h->n++;
    return h;
}

static inline void gw_hold_give(struct gw_hold *h)
{
    if (--h->n == 0)
        h->release(h);
}

enum gw_job_state { GW_JOB_IDLE, GW_JOB_WAITING, GW_JOB_RUNNING };

/**
 * One piece of work at a time, embedded in what it is done for. Lifetime:
 *   1. init; `alloc` is the worker's, under this address, for everything that jobs are to work on.
 *   2. start queues it: at most two run at once in a worker, one of them at most on a text over 4 MiB, and none
 *      begins that the worker's memory has no room for while others run. Smaller ones go before it then, but not for
 *      ever.
 *   3. `run` is called in a thread, `done` on the loop. It can be started again then.
 */
struct gw_job {
    struct gw_worker *worker;
    struct dgm_alloc alloc;
    int64_t left_bytes; /* running: what it may still take */
    bool has_all;       /* what was set aside is all that a text of its size may take */
    bool limited;       /* it had that, and wanted more */
    size_t text_bytes;
    void (*run)(void *owner), (*done)(void *owner);
    void *owner;
    struct gw_job *next; /* of those that wait */
    unsigned passed_n;   /* waiting: how often there was no memory for it */
    enum gw_job_state state;
};

void gw_job_init(struct gw_job *, struct gw_worker *, void *owner);

/** Whether a text of so many bytes is to be worked on by a job. */
bool gw_job_wanted(const struct gw_worker *, size_t text_bytes);

/** Queues it. `done` will be called, never from in here, unless it is cancelled. */
void gw_job_start(struct gw_job *, size_t text_bytes, void (*run)(void *owner),
                  void (*done)(void *owner));

/** Takes it out of the queue. True: it stood there, and `done` will not come; of one that runs it still will. */
bool gw_job_cancel(struct gw_job *);

/**
 * What memory that ran short in a job means: DGM_E_LIMIT instead of DGM_E_NOMEM where the job had all that any text of
 * its size may take, for then waiting does not help. Any other `rc` as it is.
 */
enum dgm_rc gw_job_rc(const struct gw_job *, enum dgm_rc);

/** A worker's jobs. False: memory is short. Closed when none is left. */
bool gw_jobs_open(struct gw_worker *);
void gw_jobs_close(struct gw_worker *);

#endif
