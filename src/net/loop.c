/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c - libuv's loop with our timers on one of its alarms. */
#include "net/loop_uv.h"
#include "net/names.h"

#include <assert.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

struct net_watch {
    uv_poll_t uv;
    const struct dgm_alloc *alloc;
    void (*on_event)(void *owner);
    void *owner;
    int fd, events;
};

/* ---- the loop --------------------------------------------------------------------------------------- */

static void on_alarm(uv_timer_t *);
static void on_soon(uv_idle_t *);

/* Rings in time for the earliest timer. An alarm that is early costs one empty turn, so it is never moved later. */
static void set_alarm(struct net_loop *l)
{
    int64_t next = net_timers_next(&l->timers), now = net_loop_now_ms(l);
    if (next >= l->alarm_ms)
        return;
    l->alarm_ms = next;
    /* Not a uv timer of 0 ms: libuv 1.44 runs one that is started in a timer's callback in the same turn again,
     * and would never come to its sockets. */
    int rc = next > now ? uv_timer_start(&l->alarm, on_alarm, (uint64_t)(next - now), 0)
                        : uv_idle_start(&l->soon, on_soon);
    assert(rc == 0); /* fails only without a callback or when closing */
}

static void run_timers(struct net_loop *l)
{
    l->alarm_ms = INT64_MAX;
    l->running_timers = true;
    net_timers_run(&l->timers, net_loop_now_ms(l));
    l->running_timers = false;
    set_alarm(l);
}

static void on_alarm(uv_timer_t *alarm)
{
    run_timers(alarm->data);
}

static void on_soon(uv_idle_t *soon)
{
    uv_idle_stop(soon);
    run_timers(soon->data);
}

struct net_loop *net_loop_new(const struct dgm_alloc *alloc)
{
    struct net_loop *l = alloc->resize(alloc->ctx, NULL, 0, sizeof *l);
    if (l == NULL)
        return NULL;
    l->timers = (struct net_timers){0};
    l->names = NULL;
    l->guests = NULL;
    l->names_n = 0;
    l->resolver = NULL;
    l->plain_bytes = NULL;
    l->running_timers = false;
    l->alarm_ms = INT64_MAX;
    l->alloc = alloc;
    if (uv_loop_init(&l->uv) != 0) {
        alloc->resize(alloc->ctx, l, sizeof *l, 0);
        return NULL;
    }
    uv_timer_init(&l->uv, &l->alarm);
    uv_idle_init(&l->uv, &l->soon);
    l->alarm.data = l->soon.data = l;
    return l;
}

static void on_late(uv_timer_t *alarm)
{
    uv_stop(alarm->loop);
}

/* Runs until nothing is under way but the alarm. False: it takes too long. */
static bool run_out(struct net_loop *l)
{
    int rc = uv_timer_start(&l->alarm, on_late, NET_FREE_MS, 0);
    assert(rc == 0);
    uv_unref((uv_handle_t *)&l->alarm);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    return !uv_loop_alive(&l->uv);
}

bool net_loop_free(struct net_loop *l)
{
    if (l == NULL)
        return true;
    net_names_close(l);
    if (!uv_is_closing((uv_handle_t *)&l->soon))
        uv_close((uv_handle_t *)&l->soon, NULL);
    if (!run_out(l))
        return false;
    uv_close((uv_handle_t *)&l->alarm, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT); /* closes end in the next turn */
    int rc = uv_loop_close(&l->uv);
    assert(rc == 0); /* something was not closed */
    l->alloc->resize(l->alloc->ctx, l->plain_bytes, NET_READ_BYTES, 0);
    l->alloc->resize(l->alloc->ctx, l, sizeof *l, 0);
    return true;
}

void net_loop_run(struct net_loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void net_loop_stop(struct net_loop *l)
{
    uv_stop(&l->uv);
}

int64_t net_loop_now_ms(const struct net_loop *l)
{
    return (int64_t)uv_now(&l->uv);
}

int64_t net_loop_clock_ns(const struct net_loop *l)
{
    (void)l;
    return (int64_t)uv_hrtime();
}

int64_t net_loop_wall_ms(const struct net_loop *l)
{
    (void)l;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME_COARSE, &ts); /* from the vDSO: cheaper than keeping it */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t net_loop_wall_s(const struct net_loop *l)
{
    return net_loop_wall_ms(l) / 1000;
}

const struct dgm_alloc *net_loop_alloc(const struct net_loop *l)
{
    return l->alloc;
}

void net_timer_start(struct net_loop *l, struct net_timer *t, int64_t delay_ms)
{
    int64_t now = net_loop_now_ms(l);
    net_timers_set(&l->timers, t, delay_ms < INT64_MAX - now ? now + delay_ms : INT64_MAX);
    if (!l->running_timers)
        set_alarm(l);
}

/* ---- watching a descriptor -------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *uv, int status, int events)
{
    (void)status, (void)events; /* an error is found by whoever reads */
    struct net_watch *w = uv->data;
    w->on_event(w->owner);
}

static struct net_watch *watch(struct net_loop *l, int fd, int events,
                               void (*on_event)(void *owner), void *owner)
{
    struct net_watch *w = l->alloc->resize(l->alloc->ctx, NULL, 0, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct net_watch){
        .alloc = l->alloc, .on_event = on_event, .owner = owner, .fd = fd, .events = events};
    if (uv_poll_init(&l->uv, &w->uv, fd) != 0) {
        w->alloc->resize(w->alloc->ctx, w, sizeof *w, 0);
        return NULL;
    }
    w->uv.data = w;
    net_watch_pause(w, false);
    return w;
}

struct net_watch *net_watch_new(struct net_loop *l, int fd, void (*on_readable)(void *owner),
                                void *owner)
{
    return watch(l, fd, UV_READABLE, on_readable, owner);
}

struct net_watch *net_watch_new_gone(struct net_loop *l, int fd, void (*on_gone)(void *owner),
                                     void *owner)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    /* Errors and hang-ups come unasked, but libuv wants to be asked for something. */
    struct net_watch *w = own >= 0 ? watch(l, own, UV_PRIORITIZED, on_gone, owner) : NULL;
    if (w == NULL && own >= 0)
        close(own);
    return w;
}

void net_watch_pause(struct net_watch *w, bool paused)
{
    int rc = paused ? uv_poll_stop(&w->uv) : uv_poll_start(&w->uv, w->events, on_poll);
    assert(rc == 0); /* fails only when closing */
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct net_watch *w = handle->data;
    close(w->fd);
    w->alloc->resize(w->alloc->ctx, w, sizeof *w, 0);
}

void net_watch_close(struct net_watch *w)
{
    if (w != NULL)
        uv_close((uv_handle_t *)&w->uv, on_watch_closed);
}
