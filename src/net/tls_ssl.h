/* SPDX-License-Identifier: Apache-2.0 */
/* tls_ssl.h - between tls.c and tls_server.c: OpenSSL's own. */
#ifndef NET_TLS_SSL_H
#define NET_TLS_SSL_H

#include "net/tls.h"

#include <openssl/ssl.h>

/** What both sides keep to. False: it can not be set up. */
bool net_tls_set_up(SSL_CTX *);

/** A connection of a context, which it holds. NULL: memory is short. */
struct net_tls *net_tls_of(SSL_CTX *, const struct dgm_alloc *);

/** It waits for the other side to begin. */
void net_tls_wait(struct net_tls *);

#endif
