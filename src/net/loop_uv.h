/* SPDX-License-Identifier: Apache-2.0 */
/* loop_uv.h - what the files of src/net share of a loop; nobody else includes it. */
#ifndef NET_LOOP_UV_H
#define NET_LOOP_UV_H

#include "net/loop.h"

#include <uv.h>

#define NET_READ_BYTES (64 * 1024)

/**
 * Reads of all streams land in one buffer: libuv asks for it and hands it over filled within one call, and
 * the stream's owner takes what it wants before it returns. So an idle connection has no buffer. What TLS makes of
 * those bytes lands in a second one.
 */
struct net_loop {
    uv_loop_t uv;
    uv_timer_t alarm; /* rings when `timers` have something due */
    uv_idle_t soon;   /* the same for what is due already */
    int64_t alarm_ms; /* when; INT64_MAX: both are off */
    struct net_timers timers;
    bool running_timers;
    const struct dgm_alloc *alloc;
    struct net_name *names; /* of hosts, as they were last looked up: list */
    size_t names_n;
    /* names of strangers, one of which is being looked up: list, oldest last */
    struct net_name *guests;
    const struct net_resolver *resolver; /* NULL: the system's */
    char *plain_bytes; /* what TLS has opened; there from the first TLS stream on */
    char read_bytes[NET_READ_BYTES];
};

#endif
