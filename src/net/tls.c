/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - OpenSSL between two spans of memory. Its BIO reads where libuv put the bytes and writes where the stream
 * queues them, so nothing is copied but what TLS changes anyway; all that came is always read.
 */
#include "net/tls.h"

#include "base/str.h"
#include "net/tls_ssl.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define RECORD_BYTES ((size_t)16 * 1024) /* of plain text in a record, at most */
#define HOST_BYTES_MAX 255
#define SUBJECT_BYTES 120
#define NAMES_SHOWN 3

struct net_trust {
    SSL_CTX *ctx;
};

/**
 * Lifetime: new to free; `in` and `out` are set during a call alone. A session that comes goes to `sessions`.
 */
struct net_tls {
    SSL *ssl;
    struct net_sessions *sessions;
    const struct dgm_alloc *alloc;
    struct dgm_str *in;
    struct dgm_buf *out;
    char host[HOST_BYTES_MAX + 1];
    char why[NET_WHY_BYTES];
};

/* ---- between OpenSSL and memory --------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *to, size_t room, size_t *ret_n)
{
    struct net_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->in == NULL || t->in->n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *ret_n = t->in->n < room ? t->in->n : room;
    memcpy(to, t->in->p, *ret_n);
    *t->in = dgm_str_skip(*t->in, *ret_n);
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t n, size_t *ret_n)
{
    struct net_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->out == NULL)
        return 0;
    dgm_buf_put(t->out, (struct dgm_str){from, n});
    *ret_n = n;
    return t->out->rc == DGM_OK;
}

static long bio_ctrl(BIO *bio, int command, long n, void *p)
{
    (void)bio, (void)n, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* One for the process: connections outlive the trust of a configuration that was replaced. */
static BIO_METHOD *bio_method;

static bool make_bio_method(void)
{
    if (bio_method != NULL)
        return true;
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "spans");
    return bio_method != NULL && BIO_meth_set_read_ex(bio_method, bio_read) &&
           BIO_meth_set_write_ex(bio_method, bio_write) &&
           BIO_meth_set_ctrl(bio_method, bio_ctrl) && BIO_meth_set_create(bio_method, bio_create);
}

/* ---- what went wrong, in words ---------------------------------------------------------------------- */

/* A name as people know it, in ASCII whatever stands in it: RFC 2253 escapes the rest. */
static void put_name(const X509_NAME *name, char *to, size_t room)
{
    BIO *text = BIO_new(BIO_s_mem());
    to[0] = '\0';
    if (text != NULL && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) > 0) {
        int n = BIO_read(text, to, (int)room - 1);
        to[n > 0 ? n : 0] = '\0';
    }
    if (to[0] == '\0')
        (void)snprintf(to, room, "an empty name");
    BIO_free(text);
}

static void put_day(const ASN1_TIME *time, char to[16])
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) == 1)
        (void)snprintf(to, 16, "%04u-%02u-%02u", (unsigned)(tm.tm_year + 1900) % 10000,
                       (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100);
    else
        (void)snprintf(to, 16, "some day");
}

static bool is_plain(const unsigned char *text, int n)
{
    for (int i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return n > 0;
}

/* "a.example, *.b.example": whom a certificate is for; the first few. */
static void put_hosts(const X509 *cert, char *to, size_t room)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    size_t at = 0, shown = 0;
    to[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < NAMES_SHOWN; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        const unsigned char *text = ASN1_STRING_get0_data(name->d.dNSName);
        int n = ASN1_STRING_length(name->d.dNSName);
        if (!is_plain(text, n) || (size_t)n + at + 3 > room)
            continue;
        at += (size_t)snprintf(to + at, room - at, "%s%.*s", shown++ == 0 ? "" : ", ", n,
                               (const char *)text);
    }
    GENERAL_NAMES_free(names);
}

static void describe(struct net_tls *t, int error, X509 *cert)
{
    char subject[SUBJECT_BYTES] = "nobody", issuer[SUBJECT_BYTES] = "nobody", hosts[100], day[16];
    if (cert != NULL) {
        put_name(X509_get_subject_name(cert), subject, sizeof subject);
        put_name(X509_get_issuer_name(cert), issuer, sizeof issuer);
    }
    const char *of = "the certificate of";
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        put_hosts(cert, hosts, sizeof hosts);
        (void)snprintf(t->why, sizeof t->why, "%s %s is for %s, not for %.100s", of, subject,
                       hosts[0] != '\0' ? hosts : "other hosts", t->host);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        put_day(X509_get0_notAfter(cert), day);
        (void)snprintf(t->why, sizeof t->why, "%s %s expired on %s", of, subject, day);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        put_day(X509_get0_notBefore(cert), day);
        (void)snprintf(t->why, sizeof t->why, "%s %s is not in force before %s", of, subject, day);
        return;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        (void)snprintf(t->why, sizeof t->why, "%s %s is self-signed and not trusted", of, subject);
        return;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        (void)snprintf(t->why, sizeof t->why, "its authority %s is not trusted", subject);
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        (void)snprintf(t->why, sizeof t->why, "%s %s has an unknown issuer, %s", of, subject,
                       issuer);
        return;
    default:
        (void)snprintf(t->why, sizeof t->why, "%s %s: %s", of, subject,
                       X509_verify_cert_error_string(error));
        return;
    }
}

static int on_verify(int sound, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct net_tls *t = SSL_get_app_data(ssl);
    if (!sound && t->why[0] == '\0')
        describe(t, X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store));
    return sound;
}

/* OpenSSL's queue of errors, the first of which is the cause. */
static enum dgm_rc fail(struct net_tls *t)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);
    if (t->why[0] != '\0')
        return DGM_E_REFUSED; /* the certificate's fault is known better */
    switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
        reason = "the server does not speak TLS there";
        break;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        reason = "the server speaks neither TLS 1.2 nor 1.3";
        break;
    default:
        break;
    }
    (void)snprintf(t->why, sizeof t->why, "%s", reason != NULL ? reason : "something went wrong");
    return DGM_E_REFUSED;
}

struct dgm_str net_tls_why(const struct net_tls *t)
{
    return dgm_str_c(t->why);
}

/* ---- whom to trust ---------------------------------------------------------------------------------- */

static bool refuse(char why[NET_WHY_BYTES], const char *path, const char *reason)
{
    (void)snprintf(why, NET_WHY_BYTES, "%.200s: %s", path, reason);
    return false;
}

static bool load_file(X509_STORE *store, const char *path, char why[NET_WHY_BYTES])
{
    if (access(path, R_OK) != 0)
        return refuse(why, path, strerror(errno));
    ERR_clear_error();
    if (X509_STORE_load_file(store, path) == 1)
        return true;
    return refuse(why, path, "no certificates in PEM that could be read");
}

/* Whether a folder has certificates under the names by which OpenSSL looks for them: "0a1b2c3d.0". */
static bool has_hashed(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool found = false;
    while (dir != NULL && !found && (entry = readdir(dir)) != NULL)
        found = strlen(entry->d_name) == 10 && strspn(entry->d_name, "0123456789abcdef") == 8 &&
                entry->d_name[8] == '.';
    if (dir != NULL)
        closedir(dir);
    return found;
}

/* Folders are read when somebody's issuer is looked for, a file at a time: nothing is in memory until then. Images
 * without them have a bundle. */
static bool load_system(X509_STORE *store, char why[NET_WHY_BYTES])
{
    static const char *const dirs[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};
    static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                          "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                          "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    bool hashed = has_hashed(X509_get_default_cert_dir());
    if (access(X509_get_default_cert_file(), R_OK) == 0)
        return load_file(store, X509_get_default_cert_file(), why) &&
               (!hashed || X509_STORE_load_path(store, X509_get_default_cert_dir()) == 1);
    if (hashed)
        return X509_STORE_load_path(store, X509_get_default_cert_dir()) == 1;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        if (has_hashed(dirs[i]))
            return X509_STORE_load_path(store, dirs[i]) == 1;
    }
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++) {
        if (access(bundles[i], R_OK) == 0)
            return load_file(store, bundles[i], why);
    }
    return true; /* whom nobody vouches for is told by name when he is met */
}

static bool load(X509_STORE *store, const struct net_roots *roots, char why[NET_WHY_BYTES])
{
    if (roots->ca != NULL)
        return load_file(store, roots->ca, why);
    if (roots->file == NULL && roots->dir == NULL)
        return load_system(store, why);
    if (roots->file != NULL && !load_file(store, roots->file, why))
        return false;
    if (roots->dir != NULL && X509_STORE_load_path(store, roots->dir) != 1)
        return refuse(why, roots->dir, "it can not be used");
    return true;
}

static void drop_session(struct net_sessions *s, size_t i)
{
    SSL_SESSION_free(s->_at[i]);
    s->n--;
    memmove(s->_at + i, s->_at + i + 1, (s->n - i) * sizeof *s->_at);
    s->_at[s->n] = NULL;
}

void net_sessions_dispose(struct net_sessions *s)
{
    while (s->n != 0)
        drop_session(s, s->n - 1);
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct net_tls *t = SSL_get_app_data(ssl);
    struct net_sessions *s = t->sessions;
    if (s == NULL || !SSL_SESSION_is_resumable(session))
        return 0;
    if (s->n == NET_SESSIONS_MAX)
        drop_session(s, 0);
    s->_at[s->n++] = session;
    return 1; /* ours now */
}

bool net_tls_set_up(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection keeps none */
    return make_bio_method() && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
}

static bool set_up(SSL_CTX *ctx)
{
    static const unsigned char http1[] = "\x08http/1.1";
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    return net_tls_set_up(ctx) && SSL_CTX_set_alpn_protos(ctx, http1, sizeof http1 - 1) == 0;
}

struct net_trust *net_trust_new(const struct net_roots *roots, char why[NET_WHY_BYTES])
{
    (void)snprintf(why, NET_WHY_BYTES, "TLS can not be set up");
    struct net_trust *trust = OPENSSL_zalloc(sizeof *trust);
    if (trust == NULL)
        return NULL;
    trust->ctx = SSL_CTX_new(TLS_client_method());
    if (trust->ctx != NULL && set_up(trust->ctx) &&
        load(SSL_CTX_get_cert_store(trust->ctx), roots, why))
        return trust;
    net_trust_free(trust);
    ERR_clear_error();
    return NULL;
}

void net_trust_free(struct net_trust *trust)
{
    if (trust == NULL)
        return;
    SSL_CTX_free(trust->ctx);
    OPENSSL_free(trust);
}

/* ---- one connection --------------------------------------------------------------------------------- */

static bool set_host(struct net_tls *t)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, t->host) == 1)
        return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(param, t->host, 0) == 1 &&
           SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
}

/* Begins where the last connection ended. A ticket of TLS 1.3 shows to whoever listens that two are of one client,
 * so each is used once. */
static void resume(struct net_tls *t)
{
    struct net_sessions *s = t->sessions;
    if (s == NULL || s->n == 0)
        return;
    SSL_SESSION *session = s->_at[s->n - 1];
    SSL_set_session(t->ssl, session);
    if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        drop_session(s, s->n - 1);
}

static bool set_bio(struct net_tls *t)
{
    BIO *bio = BIO_new(bio_method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, t);
    SSL_set_bio(t->ssl, bio, bio);
    return true;
}

struct net_tls *net_tls_of(SSL_CTX *ctx, const struct dgm_alloc *alloc)
{
    struct net_tls *t = alloc->resize(alloc->ctx, NULL, 0, sizeof *t);
    if (t == NULL)
        return NULL;
    *t = (struct net_tls){.alloc = alloc, .ssl = SSL_new(ctx)};
    if (t->ssl != NULL && SSL_set_app_data(t->ssl, t) == 1 && set_bio(t))
        return t;
    net_tls_free(t);
    return NULL;
}

void net_tls_wait(struct net_tls *t)
{
    SSL_set_accept_state(t->ssl);
}

struct net_tls *net_tls_new(const struct net_trust *trust, struct dgm_str host,
                            struct net_sessions *sessions, const struct dgm_alloc *alloc)
{
    struct net_tls *t = net_tls_of(trust->ctx, alloc);
    if (t == NULL)
        return NULL;
    t->sessions = sessions;
    assert(host.n <= HOST_BYTES_MAX);
    memcpy(t->host, host.p, host.n);
    if (dgm_str_ends(host, DGM_STR("."))) /* the root's dot is for resolvers alone */
        t->host[host.n - 1] = '\0';
    if (!set_host(t)) {
        net_tls_free(t);
        return NULL;
    }
    resume(t);
    SSL_set_connect_state(t->ssl);
    return t;
}

void net_tls_free(struct net_tls *t)
{
    if (t == NULL)
        return;
    if (t->ssl != NULL)
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN); /* else its session would count as spoilt */
    SSL_free(t->ssl);
    ERR_clear_error();
    t->alloc->resize(t->alloc->ctx, t, sizeof *t, 0);
}

/* ---- bytes ------------------------------------------------------------------------------------------ */

static void enter(struct net_tls *t, struct dgm_str *in, struct dgm_buf *out)
{
    ERR_clear_error(); /* SSL_get_error looks at what others left there */
    t->in = in;
    t->out = out;
}

static void leave(struct net_tls *t)
{
    t->in = NULL;
    t->out = NULL;
}

enum dgm_rc net_tls_greet(struct net_tls *t, struct dgm_str *in, struct dgm_buf *out)
{
    enter(t, in, out);
    int rc = SSL_do_handshake(t->ssl);
    int error = SSL_get_error(t->ssl, rc);
    leave(t);
    if (rc == 1)
        return DGM_OK;
    return error == SSL_ERROR_WANT_READ ? DGM_MORE : fail(t);
}

enum dgm_rc net_tls_open(struct net_tls *t, struct dgm_str *in, char *to, size_t room,
                         size_t *ret_n, struct dgm_buf *out)
{
    enum dgm_rc rc = DGM_FULL;
    *ret_n = 0;
    enter(t, in, out);
    while (rc == DGM_FULL && *ret_n < room) {
        size_t n;
        int done = SSL_read_ex(t->ssl, to + *ret_n, room - *ret_n, &n);
        if (done == 1) {
            *ret_n += n;
            continue;
        }
        int error = SSL_get_error(t->ssl, done);
        rc = error == SSL_ERROR_WANT_READ     ? DGM_MORE
             : error == SSL_ERROR_ZERO_RETURN ? DGM_DONE
                                              : fail(t);
    }
    leave(t);
    return rc;
}

static enum dgm_rc seal(struct net_tls *t, struct dgm_str plain)
{
    size_t n;
    if (plain.n == 0 || SSL_write_ex(t->ssl, plain.p, plain.n, &n) == 1)
        return DGM_OK;
    return fail(t);
}

enum dgm_rc net_tls_seal(struct net_tls *t, const struct dgm_str *parts, size_t n,
                         struct dgm_buf *out)
{
    char joined[RECORD_BYTES];
    size_t joined_n = 0;
    enum dgm_rc rc = DGM_OK;
    enter(t, NULL, out);
    for (size_t i = 0; i < n && rc == DGM_OK; i++) {
        struct dgm_str part = parts[i];
        while (part.n != 0 && rc == DGM_OK) {
            if (joined_n == 0 &&
                part.n >= RECORD_BYTES) { /* whole records leave from where they are */
                size_t whole = part.n - part.n % RECORD_BYTES;
                rc = seal(t, dgm_str_head(part, whole));
                part = dgm_str_skip(part, whole);
                continue;
            }
            struct dgm_str some = dgm_str_head(part, RECORD_BYTES - joined_n);
            memcpy(joined + joined_n, some.p, some.n);
            joined_n += some.n;
            part = dgm_str_skip(part, some.n);
            if (joined_n == RECORD_BYTES) {
                rc = seal(t, (struct dgm_str){joined, joined_n});
                joined_n = 0;
            }
        }
    }
    if (rc == DGM_OK)
        rc = seal(t, (struct dgm_str){joined, joined_n});
    leave(t);
    return rc;
}

void net_tls_end(struct net_tls *t, struct dgm_buf *out)
{
    enter(t, NULL, out);
    (void)SSL_shutdown(t->ssl); /* one half: the other is the server's to send */
    leave(t);
    ERR_clear_error();
}
