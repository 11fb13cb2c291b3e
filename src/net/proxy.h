/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.h - HTTP proxies as data: addresses read, exceptions matched, CONNECT asked for and its answer read.
 *
 * Meaning of the variables as in Go and curl, where those agree; see net_proxy_excepts for the rest.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <dragoman/types.h>

#define NET_PROXY_HEAD_MAX ((size_t)16 * 1024) /* bytes of a proxy's answer to CONNECT */

/** A proxy's address taken apart; parts of it, not copied. */
struct net_proxy {
    struct dgm_str host; /* without brackets */
    /* "user:password" as written, percent-encoded; a secret; absent: none */
    struct dgm_str userinfo;
    uint16_t port;
};

/**
 * Reads "http://[USER[:PASSWORD]@]HOST[:PORT]", the scheme and a slash at the end optional, the port 80 by default
 * (Go; curl has 1080). NULL, or what is wrong with it, as the end of a sentence: "has no host". Nothing secret
 * stands in that.
 */
const char *net_proxy_read(struct dgm_str url, struct net_proxy *ret);

/**
 * Whether a host is reached without a proxy, by a NO_PROXY list. Its entries are parted by commas or blanks and
 * compared without regard to case:
 *   *                      everything
 *   1.2.3.4, 2001:db8::1   this number; 10.0.0.0/8, fd00::/8: these (host is a number)
 *   example.com            the name and all below it
 *   .example.com           all below it alone; *.example.com is the same
 * Each but * may end in :PORT, and then means that port alone ([2001:db8::1]:443). Loopback (localhost and what is
 * below it, 127.0.0.0/8, ::1) is always reached without a proxy.
 */
bool net_proxy_excepts(struct dgm_str no_proxy, struct dgm_str host, uint16_t port);

/** Puts "Proxy-Authorization: Basic ..." as a header line; nothing for a proxy without a user. */
void net_proxy_put_authorization(const struct net_proxy *, struct dgm_buf *out);

/** Puts the head that asks for a way to host and port. */
void net_proxy_put_connect(const struct net_proxy *, struct dgm_str host, uint16_t port,
                           struct dgm_buf *out);

/**
 * Reads a proxy's answer to CONNECT, all that came so far. DGM_MORE: its head is not complete. DGM_OK: it is;
 * `*ret_status` is its status and `*ret_bytes` its length, what comes behind belongs to the tunnel.
 * DGM_E_SYNTAX: it is no HTTP/1 head. DGM_E_LIMIT: it is longer than NET_PROXY_HEAD_MAX.
 */
DGM_MUST_USE enum dgm_rc net_proxy_answer(struct dgm_str bytes, int *ret_status, size_t *ret_bytes);

#endif
