/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_server.h - TLS, server side: a certificate, its key, and whose clients are let in. A connection of it is a struct net_tls like
 * others (tls.h).
 *
 * TLS 1.2 and newer, ALPN http/1.1, no renegotiation, no compression, no resumption: each worker and each reading of the files
 * would have tickets of its own.
 */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include "net/tls.h"

/** Where they stand; all PEM. client_ca NULL: clients need no certificate. */
struct net_server_files {
    const char *cert, *key, *client_ca;
};

struct net_server;

/** NULL, and a sentence in `why`: "server.key: it is not the key of server.pem". */
struct net_server *net_server_new(const struct net_server_files *, char why[NET_WHY_BYTES]);

/** Connections that began with it go on. NULL is fine. */
void net_server_free(struct net_server *);

/** One connection's, whose client begins. NULL: memory is short. */
struct net_tls *net_tls_accept(const struct net_server *, const struct dgm_alloc *);

#endif
