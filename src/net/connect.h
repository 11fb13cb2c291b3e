/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h - one outgoing TCP connection: a name or number becomes a connected descriptor, or a reason why not. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "net/loop.h"

#define NET_HOST_MAX 255    /* bytes of a host's name */
#define NET_ADDRESSES_MAX 8 /* of a name's addresses, as many are tried */

/** How an attempt ends: one of these, once, from the loop. The attempt is gone by then. */
struct net_connect_events {
    /* Connected: `fd` is the owner's now, nonblocking, for net_stream_new. */
    void (*on_connected)(void *owner, int fd);
    /* No address took us in time. `why` is a constant, for people: "connection refused". */
    void (*on_failed)(void *owner, struct dgm_str why);
};

/** An attempt under way. */
struct net_connect;

/**
 * Connects to `host` (an IPv4 or IPv6 number without brackets, or a name) within `timeout_ms` (0: no limit but
 * the kernel's). A name's addresses are tried one after the other in the resolver's order (RFC 6724), each for its
 * share of the time that is left, so that a dead one does not use up all of it. A name is looked up anew each time,
 * in a thread of libuv's: pools make that rare, and the system's resolver knows how long an answer holds.
 *
 * NULL: memory is short. Everything else, a host that is too long too, is told by on_failed.
 */
struct net_connect *net_connect_new(struct net_loop *, struct dgm_str host, uint16_t port,
                                    int64_t timeout_ms, const struct net_connect_events *,
                                    void *owner);

/** Gives up: no event comes. NULL is fine; not after an event. */
void net_connect_cancel(struct net_connect *);

#endif
