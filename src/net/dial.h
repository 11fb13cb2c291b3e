/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial.h - the whole way to a server: its name, a connection, a tunnel through a proxy, TLS; a stream comes out that
 * is ready for the first request, or a sentence that tells which step failed and why.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "net/connect.h"
#include "net/proxy.h"
#include "net/stream.h"
#include "net/tls.h"

/** Where to. All is borrowed until the attempt's end. */
struct net_target {
    struct dgm_str host; /* a name or a number */
    uint16_t port;
    /* go to these, whatever the host's are now; NULL: look it up. Copied */
    const struct net_addresses *pinned;
    const struct net_trust *trust; /* NULL: no TLS */
    struct net_sessions *sessions; /* may be NULL; must outlive the stream too */
    const struct net_proxy
        *proxy; /* NULL: direct. With TLS a tunnel is asked for; without, requests go to the
                                       proxy itself, whose caller names the server in them */
};

/** How an attempt ends: one of these, once, from the loop. The attempt is gone by then. */
struct net_dial_events {
    /* Connected: the stream is the owner's, who must take it with net_stream_own at once. */
    void (*on_open)(void *owner, struct net_stream *);
    /* `why`: the end of a sentence, "the name x.example could not be resolved: ..."; borrowed for the call. */
    void (*on_failed)(void *owner, enum net_phase phase, struct dgm_str why);
};

struct net_dial;

/** Begins; all of it within `timeout_ms` (0: no limit but the kernel's). NULL: memory is short. */
struct net_dial *net_dial_new(struct net_loop *, const struct net_target *, int64_t timeout_ms,
                              const struct net_dial_events *, void *owner);

/** Gives up: no event comes. NULL is fine; not after an event. */
void net_dial_cancel(struct net_dial *);

#endif
