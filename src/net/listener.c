/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c - accept by hand on a watched descriptor. Not uv_listen: when descriptors run out libuv accepts
 * and closes everything that waits, and we would rather let it wait.
 */
#include "net/listener.h"

#include <errno.h>
#include <sys/socket.h>

#define ACCEPTS_A_TURN 64 /* then others get their turn: the descriptor stays readable */
#define RETRY_MS 100

struct net_listener {
    struct net_loop *loop;
    struct net_watch *watch;
    const struct net_listener_events *events;
    void *owner;
    int fd;
    bool paused;
    struct net_timer retry;
};

static bool is_short(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void net_listener_accept_waiting(struct net_listener *l, size_t n)
{
    while (n-- > 0) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->events->on_accept(l->owner, fd);
            continue;
        }
        if (is_short(errno)) {
            int error = errno;
            l->paused = true;
            net_watch_pause(l->watch, true);
            net_timer_start(l->loop, &l->retry, RETRY_MS);
            l->events->on_short(l->owner, error);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        /* accept(2): what went wrong with one connection (ECONNABORTED, ...) says nothing about the next. */
    }
}

static void on_readable(void *owner)
{
    struct net_listener *l = owner;
    net_listener_accept_waiting(l, ACCEPTS_A_TURN);
}

void net_listener_resume(struct net_listener *l)
{
    if (!l->paused)
        return;
    l->paused = false;
    net_timer_stop(&l->retry);
    net_watch_pause(l->watch, false);
}

static void on_retry(void *owner)
{
    net_listener_resume(owner);
}

struct net_listener *net_listener_new(struct net_loop *loop, int fd,
                                      const struct net_listener_events *events, void *owner)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct net_listener *l = a->resize(a->ctx, NULL, 0, sizeof *l);
    if (l == NULL)
        return NULL;
    *l = (struct net_listener){.loop = loop, .events = events, .owner = owner, .fd = fd};
    net_timer_init(&l->retry, on_retry, l);
    l->watch = net_watch_new(loop, fd, on_readable, l);
    if (l->watch == NULL) {
        a->resize(a->ctx, l, sizeof *l, 0);
        return NULL;
    }
    return l;
}

void net_listener_close(struct net_listener *l)
{
    if (l == NULL)
        return;
    const struct dgm_alloc *a = net_loop_alloc(l->loop);
    net_timer_stop(&l->retry);
    net_watch_close(l->watch);
    a->resize(a->ctx, l, sizeof *l, 0);
}
