/* SPDX-License-Identifier: Apache-2.0 */
/* connect.h - one outgoing TCP connection: a name or number becomes a connected descriptor, or a reason why not. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include "net/loop.h"
#include "net/names.h"

#define NET_CONNECT_STAGGER_MS                                                                     \
    250 /* RFC 8305 5: the next address is tried beside one that takes longer */

/** How far an attempt came, for people: what was under way when it failed. */
enum net_phase { NET_PHASE_NAME, NET_PHASE_CONNECT, NET_PHASE_PROXY, NET_PHASE_TLS };

/** How an attempt ends: one of these, once, from the loop. The attempt is gone by then. */
struct net_connect_events {
    /* Connected: `fd` is the owner's now, nonblocking, for net_stream_new. */
    void (*on_connected)(void *owner, int fd);
    /* No address, or none took us in time. `why` is a constant, for people: "connection refused". */
    void (*on_failed)(void *owner, enum net_phase phase, struct dgm_str why);
};

/** An attempt under way. */
struct net_connect;

/**
 * Connects to `host` (an IPv4 or IPv6 number without brackets, or a name) within `timeout_ms` (0: no limit but
 * the kernel's). A name's addresses race (RFC 8305): families take turns, each address gets NET_CONNECT_STAGGER_MS
 * before the next is tried too, or less where it fails, and the first that connects ends the others. Names are
 * looked up by net/names.h.
 *
 * NULL: memory is short. Everything else, a host that is too long too, is told by on_failed.
 */
struct net_connect *net_connect_new(struct net_loop *, struct dgm_str host, uint16_t port,
                                    int64_t timeout_ms, const struct net_connect_events *,
                                    void *owner);

/** The same to addresses that somebody has looked up, and looked at: no name is asked for. At least one; copied. */
struct net_connect *net_connect_pinned(struct net_loop *, const struct net_addresses *,
                                       uint16_t port, int64_t timeout_ms,
                                       const struct net_connect_events *, void *owner);

/** Gives up: no event comes. NULL is fine; not after an event. */
void net_connect_cancel(struct net_connect *);

#endif
