/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.h - TLS, client side: bytes in, bytes out. net/stream.h puts it over a connection; here is no socket.
 *
 * TLS 1.2 and newer, ALPN http/1.1, no renegotiation, no compression. The server's certificate must be issued by a
 * trusted authority, be in force, and be for the host: its subject alternative names alone count (RFC 9525), names
 * for names and numbers for numbers.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <dragoman/types.h>

#define NET_SESSIONS_MAX 4 /* kept of an origin: TLS 1.3 uses each once (RFC 8446 C.4) */
#define NET_WHY_BYTES 400  /* of a sentence that tells why, its zero included */

/** Whom to trust. All absent: the system's authorities, where OpenSSL or Debian keep them. */
struct net_roots {
    const char *ca;   /* path of a PEM file: these alone */
    const char *file; /* SSL_CERT_FILE: instead of the system's file */
    /* SSL_CERT_DIR: instead of the system's folders; several are parted by colons */
    const char *dir;
};

/** Authorities ready for use. Made before a fork, so that the processes share its memory; not changed by use. */
struct net_trust;

/** NULL, and a sentence in `why`: "internal-ca.pem: No such file or directory". */
struct net_trust *net_trust_new(const struct net_roots *, char why[NET_WHY_BYTES]);
void net_trust_free(struct net_trust *); /* NULL is fine */

struct ssl_session_st;

/** Sessions with one origin, newest last, to begin the next connection with. All zero is none. */
struct net_sessions {
    struct ssl_session_st *_at[NET_SESSIONS_MAX];
    size_t n;
};

void net_sessions_dispose(struct net_sessions *);

/** One connection's TLS. */
struct net_tls;

/**
 * Begins with a server; `host` is a name or a number, at most 255 bytes. `sessions` (may be NULL) must outlive it.
 * NULL: memory is short.
 */
struct net_tls *net_tls_new(const struct net_trust *, struct dgm_str host, struct net_sessions *,
                            const struct dgm_alloc *);
void net_tls_free(struct net_tls *); /* NULL is fine */

/**
 * Goes on with the handshake: takes what came (at first nothing), puts what has to be sent. DGM_OK: it is complete;
 * what is left of `*in` is for net_tls_open. DGM_MORE: more is needed. DGM_E_REFUSED: it failed, see net_tls_why;
 * what was put tells the server so.
 */
DGM_MUST_USE enum dgm_rc net_tls_greet(struct net_tls *, struct dgm_str *in, struct dgm_buf *out);

/**
 * Opens what came: up to `room` plain bytes go to `to`. `out` may get bytes that have to be sent. DGM_FULL: there is
 * more, call again. DGM_MORE: `*in` is used up. DGM_DONE: the server ended its side in order (close_notify).
 * DGM_E_REFUSED: something is wrong, see net_tls_why. `*ret_n` is set in all cases.
 */
DGM_MUST_USE enum dgm_rc net_tls_open(struct net_tls *, struct dgm_str *in, char *to, size_t room,
                                      size_t *ret_n, struct dgm_buf *out);

/** Seals plain bytes, small parts joined in one record. Look at out->rc; DGM_E_REFUSED: the connection is broken. */
DGM_MUST_USE enum dgm_rc net_tls_seal(struct net_tls *, const struct dgm_str *parts, size_t n,
                                      struct dgm_buf *out);

/** Ends our side in order: puts a close_notify. */
void net_tls_end(struct net_tls *, struct dgm_buf *out);

/** Why it failed, for people: "the certificate of CN=x expired on 2026-01-31". "" when it has not. */
struct dgm_str net_tls_why(const struct net_tls *);

#endif
