/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - one process that serves. */
#include "gateway/worker.h"

#include "emulate/signature.h"
#include "gateway/catalog.h"
#include "gateway/conn.h"
#include "gateway/front.h"
#include "gateway/job.h"
#include "gateway/keeper_link.h"
#include "gateway/keys.h"
#include "gateway/log.h"
#include "gateway/memory.h"
#include "gateway/policy.h"
#include "gateway/pool.h"
#include "gateway/recorder.h"
#include "gateway/tokens.h"
#include "gateway/verify.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#define REFUSED_AT_ONCE                                                                            \
    64 /* over the limit, so many may be told so; more are closed without a word */
#define SHORT_TOLD_EVERY_MS 10000
/* From so many bytes on memory is the kernel's own pages, and goes back to it at once. Left to itself glibc learns from
 * the first large body to keep up to 32 MiB a piece, for each thread that ever had one. */
#define PAGES_FROM_BYTES (4 * 1024 * 1024)
#define WAITING_MAX 4096 /* of the kernel's queue, are still taken when draining begins */
#ifdef DGM_SANITIZED
#define STOCK_BYTES 0 /* a sanitizer wants to see every block freed */
#else
#define STOCK_BYTES ((size_t)512 * 1024) /* what some forty requests have in hand at once */
#endif

/* ---- memory ----------------------------------------------------------------------------------------- */

/* The stock's memory, counted, so that "everything was freed" can be seen from outside. */
static void *resize_counted(void *ctx, void *p, size_t old_n, size_t n)
{
    struct gw_worker *w = ctx;
    void *now = dgm_stock_resize(&w->stock, p, old_n, n);
    if (now != NULL || n == 0)
        w->counters->held_bytes += (int64_t)n - (int64_t)(p != NULL ? old_n : 0);
    return now;
}

/* ---- connections ------------------------------------------------------------------------------------ */

static void on_accept(void *owner, int fd)
{
    struct gw_front *f = owner;
    struct gw_worker *w = f->worker;
    const struct net_server *server = gw_front_server(f);
    /* Those that are being refused take no client's place, or asking again would keep everybody out. */
    bool mute = f->listen->tls_cert.p != NULL && server == NULL; /* nothing can be said in TLS */
    if (!mute && w->counters->connections - w->counters->refusing < w->config->limits.connections)
        gw_conn_new(w, fd, server);
    else if (!mute && w->counters->refusing < REFUSED_AT_ONCE && server == NULL)
        gw_conn_new_refused(w, fd);
    else
        close(fd);
}

static void on_short(void *owner, int error)
{
    struct gw_worker *w = ((struct gw_front *)owner)->worker;
    int64_t now = net_loop_now_ms(w->loop);
    if (w->short_told_ms != 0 && now - w->short_told_ms < SHORT_TOLD_EVERY_MS)
        return; /* clients must not decide how fast the log grows */
    w->short_told_ms = now;
    gw_log(GW_LOG_WARN, "accepting pauses: %s; %lld connections are open", strerror(error),
           (long long)w->counters->connections);
}

static const struct net_listener_events listener_events = {.on_accept = on_accept,
                                                           .on_short = on_short};

/* ---- draining --------------------------------------------------------------------------------------- */

void gw_worker_settled(struct gw_worker *w)
{
    if (w->draining && w->conns == NULL && w->counters->jobs == 0 && w->counters->recordings == 0)
        net_loop_stop(w->loop);
}

void gw_worker_closed(struct gw_worker *w)
{
    for (size_t i = 0; i < w->fronts_n; i++)
        net_listener_resume(w->fronts[i].listener);
    gw_worker_settled(w);
}

static void on_drain_timeout(void *owner)
{
    struct gw_worker *w = owner;
    gw_log(GW_LOG_WARN, "%lld connections were cut: they had not ended in time",
           (long long)w->counters->connections);
    for (struct gw_conn *c = w->conns; c != NULL; c = c->next)
        gw_conn_close(c);
}

static void drain(struct gw_worker *w)
{
    if (w->draining)
        return;
    w->draining = true;
    for (size_t i = 0; i < w->fronts_n; i++) {
        net_listener_accept_waiting(w->fronts[i].listener, WAITING_MAX);
        net_listener_close(w->fronts[i].listener);
        net_server_free(w->fronts[i].server);
    }
    w->fronts_n = 0;
    for (struct gw_conn *c = w->conns; c != NULL; c = c->next)
        gw_conn_drain(c);
    net_timer_start(w->loop, &w->drained, w->config->timeouts.drain_ms);
    gw_worker_settled(w);
}

/* The end of the stream is the only word: the master closed it to ask, or the kernel did because it is gone. */
static void on_master(void *owner)
{
    struct gw_worker *w = owner;
    net_watch_close(w->master);
    w->master = NULL;
    drain(w);
}

/* What the keeper says of its own accord. */
static void on_keeper(void *owner, const struct gw_frame *frame)
{
    struct gw_worker *w = owner;
    gw_memory_hear(w->memory, frame);
    gw_tokens_hear(w->tokens, frame);
}

/* ---- running ---------------------------------------------------------------------------------------- */

static bool open_all(struct gw_worker *w, const struct gw_worker_start *start)
{
    w->loop = net_loop_new(&w->alloc);
    if (w->loop == NULL)
        return false;
    w->policy = gw_policy_new(w->config, &w->alloc);
    if (w->policy == NULL)
        return false;
    net_timer_init(&w->drained, on_drain_timeout, w);
    w->master = net_watch_new(w->loop, start->master, on_master, w);
    if (start->door >= 0) {
        w->memory = gw_memory_new(w, start->store_mark);
        w->tokens = gw_tokens_new(w);
        if (w->memory != NULL && w->tokens != NULL)
            w->keeper = gw_keeper_link_new(w->loop, start->door, on_keeper, w,
                                           &w->counters->reports_dropped_total);
        if (w->keeper == NULL)
            return false;
        gw_tokens_begin(w->tokens);
        if (w->config->auth.google == GW_GOOGLE_EMULATED)
            gw_keeper_knock(w->keeper); /* the gate wants to know where the accounts are */
    }
    const char *keys = w->config->auth.keys.p;
    if (keys != NULL && (w->keys = gw_keys_new(keys, &w->alloc)) == NULL)
        return false;
    if (w->config->auth.google == GW_GOOGLE_VERIFY && (w->verify = gw_verify_new(w)) == NULL)
        return false;
    if (w->config->record.dir.p != NULL && (w->recorder = gw_recorder_new(w)) == NULL)
        return false;
    w->fronts = w->alloc.resize(w->alloc.ctx, NULL, 0, start->listening_n * sizeof *w->fronts);
    if (w->master == NULL || w->fronts == NULL || !gw_jobs_open(w) ||
        !emu_key_of_seed(w->config->emulator.seed, w->pass_key))
        return false;
    w->signature_key = emu_signature_key(w->pass_key);
    for (size_t i = 0; i < start->listening_n; i++) {
        struct gw_front *f = &w->fronts[i];
        *f = (struct gw_front){.worker = w, .listen = &w->config->listen[i]};
        (void)gw_front_server(f); /* read before the first client waits for it */
        f->listener = net_listener_new(w->loop, start->listening[i], &listener_events, f);
        if (f->listener == NULL)
            return false;
        w->fronts_n++;
    }
    return true;
}

int gw_worker_run(const struct gw_worker_start *start)
{
    struct gw_counters alone = {0}; /* of one without a sheet */
    struct gw_counters *sheet = gw_sheet(start->sheets, start->book);
    struct gw_worker w = {.config = start->config,
                          .counters = sheet != NULL ? sheet : &alone,
                          .sheets = start->sheets,
                          .slot = start->slot,
                          .tally = start->tally,
                          .revoked = start->revoked,
                          .quota = start->quota,
                          .quota_book = start->book,
                          .caches = start->caches,
                          .script_tally = start->script_tally};
    dgm_stock_init(&w.stock, &dgm_alloc_libc, STOCK_BYTES);
    w.alloc = (struct dgm_alloc){resize_counted, &w};
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, PAGES_FROM_BYTES);
#endif

    if (!open_all(&w, start)) {
        gw_log(GW_LOG_ERROR, "can not start: out of memory or descriptors");
        return 1; /* the process ends: nothing needs to be taken apart */
    }
    gw_log(GW_LOG_DEBUG, "serving");
    net_loop_run(w.loop);

    net_timer_stop(&w.drained);
    net_watch_close(w.master);
    gw_catalog_close(&w);
    gw_pools_close(&w);
    gw_policy_free(w.policy);
    gw_keeper_link_free(w.keeper);
    gw_recorder_free(w.recorder);
    gw_memory_free(w.memory);
    gw_tokens_free(w.tokens);
    gw_verify_free(w.verify);
    gw_jobs_close(&w);
    gw_keys_free(w.keys);
    w.alloc.resize(w.alloc.ctx, w.fronts, start->listening_n * sizeof *w.fronts, 0);
    if (!net_loop_free(w.loop))
        _exit(0); /* all is served: nobody waits for a name server */
    dgm_stock_dispose(&w.stock);
    gw_log(GW_LOG_DEBUG, "drained");
    return 0;
}
