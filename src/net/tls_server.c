/* SPDX-License-Identifier: Apache-2.0 */
/* tls_server.c - certificates of our own. */
#include "net/tls_server.h"

#include "net/tls_ssl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

struct net_server {
    SSL_CTX *ctx;
};

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *ctx)
{
    static const unsigned char http1[] = "\x08http/1.1";
    unsigned char *chosen;
    (void)ssl, (void)ctx;
    if (SSL_select_next_proto(&chosen, out_n, http1, sizeof http1 - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2: who speaks HTTP/2 alone is told so */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool refuse(char why[NET_WHY_BYTES], const char *path, const char *reason)
{
    (void)snprintf(why, NET_WHY_BYTES, "%.200s: %s", path, reason);
    return false;
}

static bool is_readable(const char *path, char why[NET_WHY_BYTES])
{
    return access(path, R_OK) == 0 || refuse(why, path, strerror(errno));
}

/* A key with a passphrase is none: nobody is there to be asked for it. */
static int no_passphrase(char *to, int room, int writing, void *ctx)
{
    (void)writing, (void)ctx;
    if (room > 0)
        to[0] = '\0';
    return -1;
}

static bool load_own(SSL_CTX *ctx, const struct net_server_files *f, char why[NET_WHY_BYTES])
{
    if (!is_readable(f->cert, why) || !is_readable(f->key, why))
        return false;
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, f->cert) != 1)
        return refuse(why, f->cert, "no certificate in PEM that could be read");
    if (SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) == 1)
        return true;
    bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                 ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
    return refuse(why, f->key,
                  other ? "it is not the key of the certificate"
                        : "no private key in PEM, without a passphrase, that could be read");
}

static bool load_clients(SSL_CTX *ctx, const char *ca, char why[NET_WHY_BYTES])
{
    if (ca == NULL)
        return true;
    if (!is_readable(ca, why))
        return false;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
    if (names == NULL || SSL_CTX_load_verify_file(ctx, ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse(why, ca, "no certificates in PEM that could be read");
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return true;
}

static bool set_up(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return net_tls_set_up(ctx) && SSL_CTX_set_num_tickets(ctx, 0) == 1;
}

struct net_server *net_server_new(const struct net_server_files *files, char why[NET_WHY_BYTES])
{
    (void)snprintf(why, NET_WHY_BYTES, "TLS can not be set up");
    struct net_server *s = OPENSSL_zalloc(sizeof *s);
    if (s == NULL)
        return NULL;
    ERR_clear_error();
    s->ctx = SSL_CTX_new(TLS_server_method());
    if (s->ctx != NULL && set_up(s->ctx) && load_own(s->ctx, files, why) &&
        load_clients(s->ctx, files->client_ca, why))
        return s;
    net_server_free(s);
    ERR_clear_error();
    return NULL;
}

void net_server_free(struct net_server *s)
{
    if (s == NULL)
        return;
    SSL_CTX_free(s->ctx);
    OPENSSL_free(s);
}

struct net_tls *net_tls_accept(const struct net_server *s, const struct dgm_alloc *alloc)
{
    struct net_tls *t = net_tls_of(s->ctx, alloc);
    if (t != NULL)
        net_tls_wait(t);
    return t;
}
