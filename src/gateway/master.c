/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master.c - the first process: sockets, workers, signals.
 *
 * It has no event loop. All signals it cares for are blocked and taken one by one with sigtimedwait, so nothing
 * here runs between two lines of something else. Workers inherit the block: a signal to the whole process group
 * (a terminal's ^C, a service manager) reaches the master alone, and the workers do what it says.
 */
#include "gateway/master.h"

#include "gateway/keeper_process.h"
#include "gateway/log.h"
#include "gateway/quota.h"
#include "gateway/sockets.h"
#include "gateway/tally.h"
#include "gateway/caches.h"
#include "gateway/worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INSTANT_MS 1000      /* a worker that lives no longer died at once */
#define INSTANT_MAX 5        /* such deaths in a row end the daemon */
#define INSTANT_ROW_MS 10000 /* a death so much later begins a new row */
#define FORK_RETRY_MS 1000
#define DESCRIPTORS_BESIDES                                                                        \
    512                    /* listeners, idle connections to upstreams, addresses that are tried */
#define KILL_AFTER_MS 5000 /* beyond timeouts.drain: a worker that does not even end by itself */

/** One slot's process. */
struct worker {
    pid_t pid;  /* 0: there is none at the moment */
    int master; /* our end of its stream socket; closing it tells it to drain; -1: told */
    int64_t since_ms;
    size_t book; /* of what its requests hold of keys' limits, and of its counters */
};

/**
 * The workers of one configuration. Lifetime:
 *   1. The first is made at the start, others by SIGHUP, over the same sockets where addresses stay.
 *   2. The newest replaces its dead. Older ones drain.
 *   3. It is freed when its last worker is gone, with the configuration it owns.
 */
struct generation {
    struct generation *older;
    const struct gw_config *config;
    struct gw_config *owned;       /* the same, when it is ours to free */
    struct gw_sockets sockets;     /* of the newest alone */
    struct gw_tally *script_tally; /* of its scenario's rules; NULL: it has none */
    struct worker *workers;
    size_t n, alive;
    unsigned number;
    int64_t kill_ms; /* when draining: what is left then is killed */
};

struct master {
    const struct gw_master_hooks *hooks;
    struct gw_keeper_process keeper; /* of no generation */
    struct generation *newest;
    struct gw_tally *tally;     /* what all workers of all generations count together */
    struct gw_revoked *revoked; /* tokens, for all processes */
    struct gw_quota *quota;     /* what keys have used, for all processes */
    struct gw_sheets *sheets;   /* what all workers count */
    struct gw_caches *caches;   /* the emulator's, for all workers */
    sigset_t signals;
    bool ending;
    int exit_code;
    unsigned instant_deaths;
    int64_t last_instant_ms;
};

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- workers ---------------------------------------------------------------------------------------- */

/* In the child: closes what belongs to the master and to other workers, above all their ends of the master's
 * sockets, for the end of one of those must say that the master is gone. `g` is NULL in the keeper. */
static void forget_others(const struct master *m, const struct generation *g, size_t slot)
{
    for (const struct generation *each = m->newest; each != NULL; each = each->older) {
        for (size_t i = 0; i < each->n; i++) {
            if (each->workers[i].master >= 0)
                close(each->workers[i].master);
        }
        if (each != g)
            gw_sockets_forget(&each->sockets, SIZE_MAX);
    }
    if (g != NULL)
        gw_sockets_forget(&g->sockets, slot);
}

static _Noreturn void be_worker(const struct master *m, const struct generation *g, size_t slot,
                                int control)
{
    char who[32];
    snprintf(who, sizeof who, g->number > 1 ? "worker %zu.%u" : "worker %zu", slot + 1, g->number);
    gw_log_init(g->config->log.level, who);
    forget_others(m, g, slot);

    size_t n = g->sockets.n;
    int *listening = dgm_alloc_libc.resize(dgm_alloc_libc.ctx, NULL, 0, n * sizeof *listening);
    if (listening == NULL)
        exit(GW_EXIT_REFUSED);
    for (size_t i = 0; i < n; i++)
        listening[i] = g->sockets.at[i].fds[slot];
    const struct gw_worker_start start = {.config = g->config,
                                          .slot = slot + 1,
                                          .listening = listening,
                                          .listening_n = n,
                                          .master = control,
                                          .tally = m->tally,
                                          .revoked = m->revoked,
                                          .quota = m->quota,
                                          .sheets = m->sheets,
                                          .book = g->workers[slot].book,
                                          .caches = m->caches,
                                          .script_tally = g->script_tally,
                                          .store_mark = gw_store_mark(m->keeper.marks, slot + 1),
                                          .door = gw_keeper_process_door(&m->keeper)};
    int code = gw_worker_run(&start);
    dgm_alloc_libc.resize(dgm_alloc_libc.ctx, listening, n * sizeof *listening, 0);
    exit(code);
}

static void open_book(const struct master *m, struct worker *w)
{
    w->book = gw_quota_open_book(m->quota);
    gw_sheets_open(m->sheets, w->book);
}

static void close_book(const struct master *m, const struct worker *w)
{
    gw_sheets_close(m->sheets, w->book); /* before it may be opened for another */
    gw_quota_close_book(m->quota, w->book, wall_ms());
}

/* False: there is no process or descriptor for it now; it will be tried again. */
static bool fork_worker(const struct master *m, struct generation *g, size_t slot)
{
    struct worker *w = &g->workers[slot];
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        gw_log(GW_LOG_ERROR, "worker %zu can not be started: %s", slot + 1, strerror(errno));
        return false;
    }
    open_book(m, w);
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        be_worker(m, g, slot, pair[1]);
    }
    close(pair[1]);
    if (pid < 0) {
        gw_log(GW_LOG_ERROR, "worker %zu can not be started: %s", slot + 1, strerror(errno));
        close(pair[0]);
        close_book(m, w);
        return false;
    }
    *w = (struct worker){.pid = pid, .master = pair[0], .since_ms = now_ms(), .book = w->book};
    g->alive++;
    return true;
}

static void drain_worker(struct worker *w)
{
    if (w->master >= 0)
        close(w->master);
    w->master = -1;
}

static void kill_workers(struct generation *g)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->workers[i].pid > 0)
            kill(g->workers[i].pid, SIGKILL);
    }
}

/* In the keeper: none of the workers' things is its own. */
static void forget_all(void *ctx)
{
    const struct master *m = ctx;
    gw_log_init(m->newest->config->log.level, "keeper");
    forget_others(m, NULL, 0);
}

/* Workers do without it for as long as it takes. */
static void start_keeper(struct master *m)
{
    if (!m->ending)
        gw_keeper_process_start(&m->keeper, now_ms(), forget_all, m);
}

/* ---- generations ------------------------------------------------------------------------------------ */

static struct generation *generation_new(const struct gw_config *config,
                                         const struct generation *older)
{
    struct generation *g = dgm_alloc_libc.resize(dgm_alloc_libc.ctx, NULL, 0, sizeof *g);
    size_t n = (size_t)config->workers;
    struct worker *workers =
        dgm_alloc_libc.resize(dgm_alloc_libc.ctx, NULL, 0, n * sizeof *workers);
    if (g == NULL || workers == NULL) {
        dgm_alloc_libc.resize(dgm_alloc_libc.ctx, g, sizeof *g, 0);
        dgm_alloc_libc.resize(dgm_alloc_libc.ctx, workers, n * sizeof *workers, 0);
        return NULL;
    }
    *g = (struct generation){.config = config, .workers = workers, .n = n, .kill_ms = INT64_MAX};
    if (config->emulator.script != NULL)
        g->script_tally = gw_tally_new(); /* without it rules count nothing */
    g->number = older != NULL ? older->number + 1 : 1;
    for (size_t i = 0; i < n; i++)
        workers[i] = (struct worker){.master = -1};
    return g;
}

static void generation_free(struct generation *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->n; i++)
        drain_worker(&g->workers[i]);
    gw_tally_free(g->script_tally);
    gw_config_free(g->owned);
    dgm_alloc_libc.resize(dgm_alloc_libc.ctx, g->workers, g->n * sizeof *g->workers, 0);
    dgm_alloc_libc.resize(dgm_alloc_libc.ctx, g, sizeof *g, 0);
}

static void generation_drain(struct generation *g)
{
    g->kill_ms = now_ms() + g->config->timeouts.drain_ms + KILL_AFTER_MS;
    for (size_t i = 0; i < g->n; i++)
        drain_worker(&g->workers[i]);
}

static void start_missing(const struct master *m)
{
    struct generation *g = m->newest;
    for (size_t i = 0; i < g->n; i++) {
        if (g->workers[i].pid == 0 && !fork_worker(m, g, i))
            return;
    }
}

/* Frees the old generations that have no worker left. */
static void free_ended(struct master *m)
{
    struct generation **link = &m->newest->older;
    while (*link != NULL) {
        struct generation *g = *link;
        if (g->alive != 0) {
            link = &g->older;
            continue;
        }
        *link = g->older;
        gw_log(GW_LOG_INFO, "generation %u has ended", g->number);
        generation_free(g);
    }
}

/* ---- ending ----------------------------------------------------------------------------------------- */

static void begin_end(struct master *m)
{
    m->ending = true;
    /* The workers have the sockets still and empty their queues: ours go first, or what comes between a
     * worker's last look and our close would be accepted by nobody. */
    gw_sockets_close(&m->newest->sockets, NULL);
    for (struct generation *g = m->newest; g != NULL; g = g->older)
        generation_drain(g);
}

static void end_now(struct master *m)
{
    if (!m->ending)
        begin_end(m);
    for (struct generation *g = m->newest; g != NULL; g = g->older)
        kill_workers(g);
}

static void on_term(struct master *m)
{
    if (m->ending) {
        gw_log(GW_LOG_WARN, "asked again: ending now");
        end_now(m);
        return;
    }
    gw_log(GW_LOG_INFO, "draining");
    begin_end(m);
}

/* ---- deaths ----------------------------------------------------------------------------------------- */

static void describe(int status, char *ret, size_t n)
{
    if (WIFSIGNALED(status))
        snprintf(ret, n, "died of signal %d", WTERMSIG(status));
    else
        snprintf(ret, n, "exited with status %d", WEXITSTATUS(status));
}

/* Whether deaths have become a habit that replacing does not cure. A SIGKILL comes from outside. */
static bool is_hopeless(struct master *m, const struct worker *w, int status)
{
    int64_t now = now_ms();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    if (now - w->since_ms > INSTANT_MS || now - m->last_instant_ms > INSTANT_ROW_MS)
        m->instant_deaths = 0;
    if (now - w->since_ms > INSTANT_MS)
        return false;
    m->last_instant_ms = now;
    return ++m->instant_deaths >= INSTANT_MAX;
}

static void on_death(struct master *m, struct generation *g, size_t slot, int status)
{
    struct worker was = g->workers[slot];
    drain_worker(&g->workers[slot]);
    g->workers[slot].pid = 0;
    g->alive--;
    close_book(m, &was);
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char how[64];
    describe(status, how, sizeof how);
    gw_keeper_process_look(&m->keeper, now_ms(), slot + 1, status);

    if (m->ending || g != m->newest) {
        if (!clean)
            gw_log(GW_LOG_WARN, "worker %zu (pid %d) %s while draining", slot + 1, (int)was.pid,
                   how);
        return;
    }
    if (is_hopeless(m, &was, status)) {
        gw_log(GW_LOG_ERROR,
               "worker %zu (pid %d) %s; %d workers in a row lived less than a second: giving up",
               slot + 1, (int)was.pid, how, INSTANT_MAX);
        m->exit_code = GW_EXIT_REFUSED;
        end_now(m);
        return;
    }
    bool replaced = fork_worker(m, g, slot);
    gw_log(GW_LOG_WARN, "worker %zu (pid %d) %s; %s", slot + 1, (int)was.pid, how,
           replaced ? "replaced" : "not replaced yet");
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == m->keeper.pid) {
            char how[64];
            describe(status, how, sizeof how);
            gw_keeper_process_died(&m->keeper, now_ms(), status, how);
            start_keeper(m);
            continue;
        }
        for (struct generation *g = m->newest; g != NULL; g = g->older) {
            for (size_t i = 0; i < g->n; i++) {
                if (g->workers[i].pid == pid) {
                    on_death(m, g, i, status);
                    goto next; /* a pid stands once */
                }
            }
        }
    next:;
    }
    free_ended(m);
}

/* ---- reloading -------------------------------------------------------------------------------------- */

/* A connection is a descriptor, and another where its request is with an upstream: the usual limit of 1024 is meant for
 * programs that use select. */
static void raise_descriptors(const struct gw_config *config)
{
    struct rlimit limit;
    rlim_t wanted = 2 * (rlim_t)config->limits.connections + DESCRIPTORS_BESIDES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void on_hup(struct master *m)
{
    if (m->ending || m->hooks == NULL || m->hooks->reload == NULL)
        return;
    struct gw_config *config = m->hooks->reload(m->hooks->ctx);
    if (config == NULL) {
        gw_log(GW_LOG_ERROR, "the configuration was not reloaded: going on with the old one");
        return;
    }
    struct generation *old = m->newest, *g = generation_new(config, old);
    char why[256] = "out of memory";
    bool sound = g != NULL && gw_keeper_process_open(&m->keeper, config);
    if (!sound || !gw_sockets_open(&g->sockets, config, &old->sockets, why, sizeof why)) {
        gw_log(GW_LOG_ERROR, "the configuration was not reloaded: %s", why);
        generation_free(g);
        gw_config_free(config);
        return;
    }
    g->owned = config;
    g->older = old;
    m->newest = g;
    m->instant_deaths = 0;
    gw_log_init(config->log.level, "master");
    raise_descriptors(config);
    start_missing(m);
    start_keeper(m);
    generation_drain(old);
    gw_sockets_close(&old->sockets, &g->sockets);
    gw_log(GW_LOG_INFO, "configuration reloaded: generation %u serves", g->number);
    free_ended(m);
}

/* Keys, tokens and what people ask stand in our memory: it goes into no file and to no debugger. Children are as we are. */
static void seal_memory(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef DGM_SANITIZED /* whose search for leaks looks at its process from outside */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* or a core_pattern with a pipe would still get it */
#endif
}

/* ---- running ---------------------------------------------------------------------------------------- */

static size_t alive(const struct master *m)
{
    size_t n = 0;
    for (const struct generation *g = m->newest; g != NULL; g = g->older)
        n += g->alive;
    return n;
}

/* What is due without a signal. */
static void on_tick(struct master *m)
{
    int64_t now = now_ms();
    reap(m);                   /* two deaths may come as one signal */
    assert(m->newest != NULL); /* the newest generation is never freed */
    for (struct generation *g = m->newest; g != NULL; g = g->older) {
        if (now < g->kill_ms)
            continue;
        gw_log(GW_LOG_WARN, "generation %u did not end in time: killed", g->number);
        kill_workers(g);
        g->kill_ms = INT64_MAX;
    }
    if (!m->ending && m->newest->alive < m->newest->n)
        start_missing(m);
    start_keeper(m);
}

/* Whether somebody waits for on_tick: a worker that could not be started, a generation that drains. */
static bool needs_ticks(const struct master *m)
{
    return m->ending || m->newest->older != NULL || m->newest->alive < m->newest->n ||
           gw_keeper_process_missing(&m->keeper);
}

static void serve(struct master *m)
{
    while (!m->ending || alive(m) > 0 || !gw_keeper_process_end(&m->keeper, now_ms())) {
        const struct timespec tick = {.tv_sec = FORK_RETRY_MS / 1000};
        int sig = needs_ticks(m) ? sigtimedwait(&m->signals, NULL, &tick)
                                 : sigwaitinfo(&m->signals, NULL);
        switch (sig) {
        case SIGCHLD:
            reap(m);
            break;
        case SIGTERM:
        case SIGINT:
            on_term(m);
            break;
        case SIGHUP:
            on_hup(m);
            break;
        default: /* time passed, or a signal that nobody waits for interrupted it */
            break;
        }
        on_tick(m);
    }
}

static void tell_listening(const struct master *m)
{
    const struct gw_sockets *s = &m->newest->sockets;
    struct dgm_str *at = dgm_alloc_libc.resize(dgm_alloc_libc.ctx, NULL, 0, s->n * sizeof *at);
    if (at == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        at[i] = (struct dgm_str){s->at[i].bound, strlen(s->at[i].bound)};
        gw_log(GW_LOG_INFO, "listening on %s with %zu worker%s", s->at[i].bound, s->slots,
               s->slots == 1 ? "" : "s");
    }
    if (m->hooks != NULL && m->hooks->on_listening != NULL)
        m->hooks->on_listening(m->hooks->ctx, m->newest->config, at, s->n);
    dgm_alloc_libc.resize(dgm_alloc_libc.ctx, at, s->n * sizeof *at, 0);
}

int gw_master_run(const struct gw_config *config, const struct gw_master_hooks *hooks)
{
    struct master m = {.hooks = hooks,
                       .tally = gw_tally_new(),
                       .revoked = gw_revoked_new(wall_ms()),
                       .quota = gw_quota_new(wall_ms()),
                       .sheets = gw_sheets_new(),
                       .caches = gw_caches_new(),
                       .keeper = {.door = {-1, -1}},
                       .last_instant_ms = INT64_MIN / 2};
    m.keeper.revoked = m.revoked;
    m.keeper.quota = m.quota;
    gw_log_init(config->log.level, "master");
    m.newest = generation_new(config, NULL);
    if (m.newest == NULL || m.tally == NULL || m.revoked == NULL || m.quota == NULL ||
        m.sheets == NULL || m.caches == NULL || !gw_keeper_process_open(&m.keeper, config)) {
        gw_log(GW_LOG_ERROR, "out of memory or descriptors");
        return GW_EXIT_REFUSED;
    }
    char why[256];
    if (!gw_sockets_open(&m.newest->sockets, config, NULL, why, sizeof why)) {
        gw_log(GW_LOG_ERROR, "%s", why);
        generation_free(m.newest);
        return GW_EXIT_LISTEN;
    }

    sigset_t before;
    sigemptyset(&m.signals);
    const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaddset(&m.signals, signals[i]);
        signal(signals[i],
               SIG_DFL); /* whoever started us may ignore some, and ignored ones never come */
    }
    sigprocmask(SIG_BLOCK, &m.signals, &before);
    signal(SIGPIPE,
           SIG_IGN); /* a client, or a reader of the log, that is gone is an error of the write */
    signal(SIGXFSZ, SIG_IGN); /* so is a store that may not grow */
    raise_descriptors(config);
    seal_memory();

    start_missing(&m);
    start_keeper(&m);
    tell_listening(&m);
    serve(&m);

    gw_log(GW_LOG_INFO, "ended");
    gw_tally_free(m.tally);
    gw_revoked_free(m.revoked);
    gw_quota_free(m.quota);
    gw_sheets_free(m.sheets);
    gw_caches_free(m.caches);
    generation_free(m.newest);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return m.exit_code;
}
