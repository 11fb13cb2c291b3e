/* SPDX-License-Identifier: Apache-2.0 */
/* job.c - a queue of jobs, two places to run them in, and an account for each of the memory it takes. */
#include "gateway/job.h"

#include "net/work.h"

#include <assert.h>

#define JOBS_AT_ONCE 2 /* half of the pool: names are looked up in the other half (net/work.h) */
#define LARGE_BYTES                                                                                \
    ((size_t)4 * 1024 * 1024) /* of these one at once: the other place is for the quick */
/* What a job takes at most: for each byte of its text (an array of digits: the tree twice, for a moment), until the
 * limits of the core are met (dragoman.h). Chats take 3 to 9. */
#define TAKES_FACTOR 20
#define TAKES_MOST ((int64_t)512 * 1024 * 1024)
#define TAKES_BESIDES ((int64_t)1024 * 1024)
#define LEAVES_PART 8 /* of what is left: those who ask meanwhile have bodies too */
#define PASSED_MAX 16 /* that may begin before one for which there is no memory yet */

struct place {
    struct gw_jobs *jobs;
    struct net_work *work;
    struct gw_job *job; /* that runs in it */
};

struct gw_jobs {
    struct gw_worker *worker;
    struct place places[JOBS_AT_ONCE];
    struct gw_job *first, **end; /* of those that wait; where the next is put */
};

/* ---- memory ----------------------------------------------------------------------------------------- */

/* Called in the job's thread: of all counts it touches the job's own alone. */
static void *resize_away(void *ctx, void *p, size_t old_n, size_t n)
{
    struct gw_job *j = ctx;
    int64_t more = (int64_t)n - (int64_t)(p != NULL ? old_n : 0);
    if (n != 0 && more > j->left_bytes) {
        j->limited = j->has_all;
        return NULL;
    }
    const struct dgm_alloc *aside = &j->worker->stock.aside; /* which never changes */
    void *now = aside->resize(aside->ctx, p, old_n, n);
    if (now != NULL || n == 0)
        j->left_bytes -= more;
    return now;
}

static int64_t takes(const struct gw_job *j)
{
    int64_t text = (int64_t)j->text_bytes, most = 3 * text + TAKES_MOST;
    return (text * TAKES_FACTOR < most ? text * TAKES_FACTOR : most) + TAKES_BESIDES;
}

static int64_t available(const struct gw_worker *w)
{
    int64_t left = w->config->limits.memory_bytes - w->counters->held_bytes;
    return left > 0 ? left : 0;
}

/* ---- running ---------------------------------------------------------------------------------------- */

static void start_waiting(struct gw_jobs *);

static void on_run(void *owner)
{
    struct place *p = owner;
    p->job->run(p->job->owner);
}

static void on_done(void *owner)
{
    struct place *p = owner;
    struct gw_job *j = p->job;
    struct gw_worker *w = j->worker;
    p->job = NULL;
    j->alloc = w->alloc;
    w->counters->held_bytes -= j->left_bytes;
    w->counters->jobs--;
    j->state = GW_JOB_IDLE;
    start_waiting(p->jobs);
    j->done(j->owner);
    gw_worker_settled(w);
}

/* What is set aside counts as held. Where there is less than a job may take, it has to do with that. */
static void begin(struct place *p, struct gw_job *j)
{
    int64_t left = available(j->worker);
    left -= left / LEAVES_PART;
    j->has_all = takes(j) <= left;
    j->limited = false;
    j->left_bytes = j->has_all ? takes(j) : left;
    j->worker->counters->held_bytes += j->left_bytes;
    j->alloc = (struct dgm_alloc){resize_away, j};
    j->state = GW_JOB_RUNNING;
    p->job = j;
    net_work_start(p->work, on_run, on_done, p);
}

static struct gw_job *unlink_at(struct gw_jobs *jobs, struct gw_job **at)
{
    struct gw_job *j = *at;
    *at = j->next;
    if (jobs->end == &j->next)
        jobs->end = at;
    return j;
}

/* Unlinks the first that may begin now. NULL: none. Who was passed by often enough is not any more: what runs ends, and
 * leaves its memory to him. */
static struct gw_job *take_next(struct gw_jobs *jobs)
{
    bool others = false, large = false;
    for (size_t i = 0; i < JOBS_AT_ONCE; i++) {
        const struct gw_job *j = jobs->places[i].job;
        others |= j != NULL;
        large |= j != NULL && j->text_bytes > LARGE_BYTES;
    }
    for (struct gw_job **at = &jobs->first; *at != NULL; at = &(*at)->next) {
        struct gw_job *j = *at;
        if (large && j->text_bytes > LARGE_BYTES)
            continue;
        if (!others || takes(j) <= available(jobs->worker))
            return unlink_at(jobs, at);
        if (++j->passed_n > PASSED_MAX)
            return NULL;
    }
    return NULL;
}

static void start_waiting(struct gw_jobs *jobs)
{
    for (size_t i = 0; i < JOBS_AT_ONCE; i++) {
        struct gw_job *j = jobs->places[i].job == NULL ? take_next(jobs) : NULL;
        if (j != NULL)
            begin(&jobs->places[i], j);
    }
}

/* ---- for the owner ---------------------------------------------------------------------------------- */

void gw_job_init(struct gw_job *j, struct gw_worker *w, void *owner)
{
    *j = (struct gw_job){.worker = w, .alloc = w->alloc, .owner = owner};
}

bool gw_job_wanted(const struct gw_worker *w, size_t text_bytes)
{
    return text_bytes >= GW_JOB_BYTES && w->jobs != NULL;
}

void gw_job_start(struct gw_job *j, size_t text_bytes, void (*run)(void *owner),
                  void (*done)(void *owner))
{
    struct gw_jobs *jobs = j->worker->jobs;
    assert(j->state == GW_JOB_IDLE);
    j->run = run;
    j->done = done;
    j->text_bytes = text_bytes;
    j->next = NULL;
    j->passed_n = 0;
    j->state = GW_JOB_WAITING;
    j->worker->counters->jobs++;
    j->worker->counters->jobs_total++;
    *jobs->end = j;
    jobs->end = &j->next;
    start_waiting(jobs);
}

bool gw_job_cancel(struct gw_job *j)
{
    if (j->state != GW_JOB_WAITING)
        return false;
    struct gw_job **at = &j->worker->jobs->first;
    while (*at != j)
        at = &(*at)->next;
    unlink_at(j->worker->jobs, at);
    j->worker->counters->jobs--;
    j->state = GW_JOB_IDLE;
    return true;
}

enum dgm_rc gw_job_rc(const struct gw_job *j, enum dgm_rc rc)
{
    return rc == DGM_E_NOMEM && j->limited ? DGM_E_LIMIT : rc;
}

bool gw_jobs_open(struct gw_worker *w)
{
    struct gw_jobs *jobs = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *jobs);
    if (jobs == NULL)
        return false;
    *jobs = (struct gw_jobs){.worker = w, .end = &jobs->first};
    w->jobs = jobs;
    for (size_t i = 0; i < JOBS_AT_ONCE; i++) {
        jobs->places[i] = (struct place){.jobs = jobs, .work = net_work_new(w->loop)};
        if (jobs->places[i].work == NULL)
            return false; /* the worker ends */
    }
    return true;
}

void gw_jobs_close(struct gw_worker *w)
{
    if (w->jobs == NULL)
        return;
    for (size_t i = 0; i < JOBS_AT_ONCE; i++)
        net_work_free(w->jobs->places[i].work);
    w->alloc.resize(w->alloc.ctx, w->jobs, sizeof *w->jobs, 0);
    w->jobs = NULL;
}
