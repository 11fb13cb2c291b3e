/* SPDX-License-Identifier: Apache-2.0 */
/* work.c - uv_queue_work. */
#include "net/work.h"

#include "net/loop_uv.h"

#include <assert.h>
#include <sys/resource.h>

struct net_work {
    uv_work_t uv;
    struct net_loop *loop;
    void (*run)(void *owner), (*done)(void *owner);
    void *owner;
    bool busy;
};

#define NICENESS                                                                                   \
    10 /* where processors are short the loop goes first: its turns are short, and many wait for them */

static void on_run(uv_work_t *uv)
{
    struct net_work *w = uv->data;
    setpriority(PRIO_PROCESS, 0, NICENESS); /* Linux: of this thread alone */
    w->run(w->owner);
}

static void on_done(uv_work_t *uv, int status)
{
    struct net_work *w = uv->data;
    assert(status == 0); /* nobody cancels it */
    w->busy = false;
    w->done(w->owner);
}

struct net_work *net_work_new(struct net_loop *l)
{
    struct net_work *w = l->alloc->resize(l->alloc->ctx, NULL, 0, sizeof *w);
    if (w == NULL)
        return NULL;
    *w = (struct net_work){.loop = l};
    w->uv.data = w;
    return w;
}

void net_work_free(struct net_work *w)
{
    if (w == NULL)
        return;
    assert(!w->busy);
    w->loop->alloc->resize(w->loop->alloc->ctx, w, sizeof *w, 0);
}

void net_work_start(struct net_work *w, void (*run)(void *owner), void (*done)(void *owner),
                    void *owner)
{
    assert(!w->busy);
    w->busy = true;
    w->run = run;
    w->done = done;
    w->owner = owner;
    int rc = uv_queue_work(&w->loop->uv, &w->uv, on_run, on_done);
    assert(rc == 0); /* fails only without a function */
}
