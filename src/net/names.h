/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - names of hosts become addresses: looked up off the loop, kept for a while, asked for once.
 *
 * A loop keeps what it has learnt. An answer is good for NET_NAME_KEEP_MS. After that it is asked for anew, and
 * whoever wants it waits for the new answer; but where that fails, or takes longer than NET_NAME_PATIENCE_MS, the
 * old one serves on: a resolver that is down for a while does not take the upstreams with it. However many ask
 * for a name at the same time, one lookup is under way.
 */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include "net/loop.h"

#include <netinet/in.h>

#define NET_HOST_MAX 255    /* bytes of a host's name */
#define NET_ADDRESSES_MAX 8 /* of a name's addresses, as many are kept */
#define NET_NAMES_MAX 64    /* that a loop keeps; the one that is oldest makes room */
#define NET_NAME_KEEP_MS 30000
#define NET_NAME_PATIENCE_MS 1000
#define NET_NAME_RETRY_MS                                                                          \
    5000 /* after a lookup that failed, an old answer serves so long unasked */

union net_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct net_addresses {
    union net_address at[NET_ADDRESSES_MAX];
    size_t n;
};

/** Adds an address of either family; others, and those without room, are left out. */
void net_addresses_add(struct net_addresses *, const struct sockaddr *);

/**
 * The order in which addresses are tried: families take turns, the resolver's first choice (RFC 6724) begins, and
 * each family keeps its own order (RFC 8305 4).
 */
void net_addresses_interleave(struct net_addresses *);

/** Somebody who waits for a name. Embedded in what waits; all zero is "not waiting". */
struct net_lookup {
    /* From the loop, once: addresses, or none and an error of libuv's. `found` is borrowed for the call. */
    void (*on_found)(void *owner, const struct net_addresses *found, int error);
    void *owner;
    struct net_name *_name;
    struct net_lookup *_next, **_at;
    struct net_timer _patience;
    int _error;
};

/**
 * Asks for a name, zero-terminated and at most NET_HOST_MAX long; on_found and owner are set. DGM_OK: `*ret` is the
 * answer, nothing is told later. DGM_MORE: on_found follows. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc net_lookup_start(struct net_loop *, struct net_lookup *, const char *host,
                                          struct net_addresses *ret);

/**
 * The same for a name that a stranger chose. Nothing is kept of it, and it takes no other name's place or turn: of all
 * such names one is looked up at a time, and the rest wait. Never DGM_OK; waits on until it is told or cancelled.
 */
DGM_MUST_USE enum dgm_rc net_lookup_guest(struct net_loop *, struct net_lookup *, const char *host);

/** Stops waiting: nothing is told. Fine when it does not wait. */
void net_lookup_cancel(struct net_lookup *);

/** None of a name's addresses could be reached: the next to ask for it gets a new answer, if there is one. */
void net_names_doubt(struct net_loop *, const char *host);

/* ---- for the loop and for tests -------------------------------------------------------------------------- */

struct net_query;

/** Who looks names up, instead of the system. */
struct net_resolver {
    /* Begins; answers once with net_query_answer, later, from the loop. An error of libuv's: it could not begin. */
    int (*look_up)(void *ctx, struct net_query *, const char *host);
    void *ctx;
    int64_t keep_ms, patience_ms;
};

/** Uses another resolver, from the next lookup on; it is borrowed. */
void net_names_use(struct net_loop *, const struct net_resolver *);
void net_query_answer(struct net_query *, const struct net_addresses *found, int error);

/** Forgets all names, for which nobody waits; lookups under way end by themselves. */
void net_names_close(struct net_loop *);

#endif
