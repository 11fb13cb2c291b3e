/* SPDX-License-Identifier: Apache-2.0 */
/*
 * once.h - one request over a connection of its own: a server is reached and asked, its answer read, the connection closed.
 *
 * For what is asked seldom, and of servers that have no pool (pool.h): token servers (errand.h), hosts that clients named
 * (fetch_hop.h). Who asks sets the time; here only the way there has a limit.
 */
#ifndef GATEWAY_ONCE_H
#define GATEWAY_ONCE_H

#include "auth/credentials.h"
#include "http/message.h"
#include "net/dial.h"
#include "net/loop.h"

/** What is asked. All is borrowed until on_head, or until it is freed. */
struct gw_once_request {
    struct dgm_str method;
    struct dgm_str base;      /* "http://host", where a proxy is told the whole URL; else absent */
    struct dgm_str target;    /* "/path?query" */
    struct dgm_str authority; /* of the Host header */
    const struct net_proxy *proxy;     /* is told its own password in the head; NULL: nobody is */
    const struct auth_header *headers; /* besides those that every request has */
    size_t headers_n;
    struct dgm_str body; /* of what is no GET; may be empty */
    size_t head_bytes;   /* the ceiling of the head */
};

/** How a failure's text begins. */
enum gw_once_fault {
    GW_ONCE_UNREACHED, /* "the name x.example could not be resolved: ..." */
    GW_ONCE_SPOILT,    /* what the server did: "broke off" */
    GW_ONCE_MEMORY,    /* "memory is short" */
};

/** What is told, from the loop alone. The owner may free it in any of them. */
struct gw_once_events {
    void (*on_head)(void *owner, const struct http_head *); /* borrowed for the call */
    void (*on_body)(void *owner, struct dgm_str);           /* likewise */
    void (*on_whole)(void *owner);                          /* the answer's end; the last, or: */
    void (*on_fail)(void *owner, enum gw_once_fault, struct dgm_str why);
};

struct gw_once;

/**
 * Begins: the connection within `timeout_ms`. `alloc` is copied and has all the bytes; one that wipes is for secrets.
 * `limits` is of the answer. The target is borrowed until the connection is open, as net/dial.h says. NULL: memory is short.
 */
struct gw_once *gw_once_new(struct net_loop *, const struct dgm_alloc *alloc,
                            const struct net_target *, int64_t timeout_ms,
                            const struct gw_once_request *, const struct http_limits *limits,
                            const struct gw_once_events *, void *owner);

/** Ends it at once; nothing is told any more. NULL is fine. */
void gw_once_free(struct gw_once *);

#endif
