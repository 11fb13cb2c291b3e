/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.h - the listening sockets: one for each address and worker slot, opened by the master alone.
 *
 * Each slot has its own queue in the kernel (SO_REUSEPORT), which outlives the worker that serves it. A unix
 * socket cannot have that: its slots share one queue.
 */
#ifndef GATEWAY_SOCKETS_H
#define GATEWAY_SOCKETS_H

#include "gateway/config.h"

#define GW_ADDRESS_MAX 160 /* characters of an address for people */

/** One address and its sockets. */
struct gw_address {
    char text[GW_ADDRESS_MAX];  /* as configured */
    char bound[GW_ADDRESS_MAX]; /* with the port it really has */
    struct sockaddr_storage addr;
    socklen_t addr_bytes;
    int *fds; /* one a slot, nonblocking */
};

/** All zero is a set of none. */
struct gw_sockets {
    struct gw_address *at;
    size_t n, slots;
};

/**
 * Opens what a configuration wants. Addresses that `old` (NULL is fine) has too go on with the same sockets, so
 * that no waiting connection is lost. False: `reterr`, of `reterr_n` bytes, names the address and the reason.
 */
bool gw_sockets_open(struct gw_sockets *ret, const struct gw_config *, const struct gw_sockets *old,
                     char *reterr, size_t reterr_n);

/** Closes all; paths of unix sockets that `still` (NULL is fine) does not have are removed. */
void gw_sockets_close(struct gw_sockets *, const struct gw_sockets *still);

/** Closes all, and removes no path: in a process that only inherited them. `but_slot`'s stay open. */
void gw_sockets_forget(const struct gw_sockets *, size_t but_slot);

#endif
