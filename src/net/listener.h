/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h - accepting connections from a listening socket that somebody else opened. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/loop.h"

struct net_listener_events {
    /* A connection: `fd` is the owner's now, nonblocking. */
    void (*on_accept)(void *owner, int fd);
    /* No descriptor or memory is left: accepting pauses, connections wait in the kernel's queue. `error` is an errno. */
    void (*on_short)(void *owner, int error);
};

struct net_listener;

/** Takes over `fd`, a nonblocking listening socket. NULL when memory is short: then `fd` is still the caller's. */
struct net_listener *net_listener_new(struct net_loop *, int fd, const struct net_listener_events *,
                                      void *owner);

/** A descriptor was given back: a listener that paused for want of one goes on. (It also tries every 100 ms.) */
void net_listener_resume(struct net_listener *);

/** Accepts all that waits in the kernel's queue (at most `n` connections), so that a close resets nobody. */
void net_listener_accept_waiting(struct net_listener *, size_t n);

/** NULL is fine. */
void net_listener_close(struct net_listener *);

#endif
