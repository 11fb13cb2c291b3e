/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls.c - net/tls against OpenSSL's own server, both in memory: bytes cut anywhere, records spoilt, sessions, and
 * memory that runs short.
 */
#include "net/tls.h"

#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define OUT_MAX ((size_t)8 << 20)

static SSL_CTX *server_ctx;
static struct net_trust *trust;

/* A server and a client; what each has said and the other has not heard yet. */
struct rig {
    struct alloc_fail memory;
    struct net_tls *client;
    struct net_sessions sessions;
    SSL *server;
    struct dgm_buf to_server;
    struct dgm_buf heard; /* plain, by the client */
    bool greeted, ended;
    size_t piece; /* bytes the client is given at a time */
};

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool done = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* A self-signed certificate, which the client trusts as an authority. */
static int set_up(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"s\xc3\xa9rver\n",
                               -1, -1, 0);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_set_issuer_name(cert, name);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    if (!add_extension(cert, NID_subject_alt_name, "DNS:a.example,IP:10.0.0.1") ||
        X509_sign(cert, key, EVP_sha256()) == 0)
        return 1;
    server_ctx = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate(server_ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(server_ctx, key) != 1)
        return 1;
    SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"t", 1);

    char path[] = "/tmp/dragoman-test-XXXXXX", why[NET_WHY_BYTES];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    trust = net_trust_new(&(struct net_roots){.ca = path}, why);
    unlink(path);
    X509_free(cert);
    EVP_PKEY_free(key);
    return trust == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    net_trust_free(trust);
    SSL_CTX_free(server_ctx);
    return 0;
}

static void rig_open(struct rig *r, const char *host, size_t piece)
{
    alloc_fail_init(&r->memory, 0);
    r->client = net_tls_new(trust, dgm_str_c(host), &r->sessions, &r->memory.alloc);
    assert_non_null(r->client);
    r->server = SSL_new(server_ctx);
    SSL_set_bio(r->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(r->server);
    dgm_buf_init(&r->to_server, &r->memory.alloc, OUT_MAX);
    dgm_buf_init(&r->heard, &r->memory.alloc, OUT_MAX);
    r->greeted = r->ended = false;
    r->piece = piece;
}

static void rig_close(struct rig *r)
{
    net_tls_free(r->client);
    dgm_buf_dispose(&r->to_server);
    dgm_buf_dispose(&r->heard);
    SSL_free(r->server);
    alloc_fail_done(&r->memory, "tls");
}

/* Gives the server what the client said. */
static void flush(struct rig *r)
{
    struct dgm_str said = dgm_buf_str(&r->to_server);
    if (said.n != 0)
        assert_int_equal(BIO_write(SSL_get_rbio(r->server), said.p, (int)said.n), said.n);
    dgm_buf_clear(&r->to_server);
}

/* Gives the client some bytes, cut into pieces. */
static enum dgm_rc hear(struct rig *r, struct dgm_str bytes)
{
    enum dgm_rc rc = DGM_MORE;
    while (bytes.n != 0 && rc == DGM_MORE) {
        struct dgm_str piece = dgm_str_head(bytes, r->piece);
        bytes = dgm_str_skip(bytes, piece.n);
        if (!r->greeted) {
            rc = net_tls_greet(r->client, &piece, &r->to_server);
            r->greeted = rc == DGM_OK;
            if (rc != DGM_OK)
                continue;
        }
        char plain[1000];
        size_t n;
        do {
            rc = net_tls_open(r->client, &piece, plain, sizeof plain, &n, &r->to_server);
            dgm_buf_put(&r->heard, (struct dgm_str){plain, n});
        } while (rc == DGM_FULL);
        assert_true(rc != DGM_MORE || piece.n == 0);
        r->ended |= rc == DGM_DONE;
    }
    return rc;
}

static enum dgm_rc hear_server(struct rig *r)
{
    char *bytes;
    long n = BIO_get_mem_data(SSL_get_wbio(r->server), &bytes);
    enum dgm_rc rc = n > 0 ? hear(r, (struct dgm_str){bytes, (size_t)n}) : DGM_MORE;
    (void)BIO_reset(SSL_get_wbio(r->server));
    return rc;
}

/* The handshake; DGM_MORE when both are content. */
static enum dgm_rc shake(struct rig *r)
{
    struct dgm_str nothing = {0};
    enum dgm_rc rc = net_tls_greet(r->client, &nothing, &r->to_server);
    for (int i = 0; i < 4 && rc == DGM_MORE; i++) {
        flush(r);
        SSL_do_handshake(r->server);
        rc = hear_server(r);
    }
    return rc;
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000, 70000};
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(server_ctx, version);
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            struct rig r = {0};
            rig_open(&r, "a.example", pieces[i]);
            assert_int_equal(shake(&r), DGM_MORE);
            assert_true(r.greeted && SSL_is_init_finished(r.server));

            static char text[40000], got[sizeof text];
            for (size_t j = 0; j < sizeof text; j++)
                text[j] = (char)(j * 7 % 251);
            const struct dgm_str parts[] = {
                {text, 1}, {text + 1, 99}, {NULL, 0}, {text + 100, 20000}, {text + 20100, 19900}};
            assert_int_equal(net_tls_seal(r.client, parts, 5, &r.to_server), DGM_OK);
            flush(&r);
            size_t n = 0;
            for (int got_n; (got_n = SSL_read(r.server, got + n, (int)(sizeof got - n))) > 0;)
                n += (size_t)got_n;
            assert_int_equal(n, sizeof text);
            assert_memory_equal(got, text, sizeof text);

            assert_int_equal(SSL_write(r.server, text, sizeof text), sizeof text);
            assert_int_equal(hear_server(&r), DGM_MORE);
            assert_int_equal(r.heard.n, sizeof text);
            assert_memory_equal(r.heard.p, text, sizeof text);

            assert_int_equal(SSL_shutdown(r.server), 0);
            assert_int_equal(hear_server(&r), DGM_DONE);
            net_tls_end(r.client, &r.to_server);
            flush(&r);
            assert_int_equal(SSL_shutdown(r.server), 1); /* both ends were told in order */
            rig_close(&r);
            net_sessions_dispose(&r.sessions);
        }
    }
}

static void test_small_parts_share_a_record(void **state)
{
    (void)state;
    struct rig r = {0};
    rig_open(&r, "a.example", 70000);
    assert_int_equal(shake(&r), DGM_MORE);
    const struct dgm_str parts[] = {{"POST / HTTP/1.1\r\n\r\n", 19}, {"{", 1}, {"}", 1}};
    assert_int_equal(net_tls_seal(r.client, parts, 3, &r.to_server), DGM_OK);
    assert_in_range(r.to_server.n, 21 + 5, 21 + 64);
    rig_close(&r);
    net_sessions_dispose(&r.sessions);
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host, *why; /* NULL: it is believed */
    } cases[] = {
        {"a.example", NULL},
        {"A.EXAMPLE", NULL},
        {"a.example.", NULL},
        {"10.0.0.1", NULL},
        {"b.example", "is for a.example, not for b.example"},
        {"x.a.example", "not for x.a.example"},
        {"10.0.0.2", "not for 10.0.0.2"},
        {"::1", "not for ::1"},
        {"server", "not for server"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r = {0};
        rig_open(&r, cases[i].host, 70000);
        enum dgm_rc rc = shake(&r);
        struct dgm_str why = net_tls_why(r.client);
        assert_int_equal(rc, cases[i].why == NULL ? DGM_MORE : DGM_E_REFUSED);
        assert_int_equal(why.n == 0, cases[i].why == NULL);
        if (cases[i].why != NULL) {
            assert_true(dgm_str_find(why, dgm_str_c(cases[i].why)) != why.n);
            for (size_t j = 0; j < why.n; j++) /* whatever the server calls itself */
                assert_in_range(why.p[j], ' ', '~');
            assert_true(r.to_server.n != 0); /* it is told why */
        }
        rig_close(&r);
        net_sessions_dispose(&r.sessions);
    }
}

/* One bit of one byte of what the server says, each byte once: never a plain byte that it did not say. */
static void test_spoilt_records(void **state)
{
    (void)state;
    size_t all = 1;
    for (size_t at = 0; at < all; at++) {
        struct rig r = {0};
        rig_open(&r, "a.example", 70000);
        assert_int_equal(shake(&r), DGM_MORE);
        assert_int_equal(SSL_write(r.server, "Hello", 5), 5);
        char *bytes;
        all = (size_t)BIO_get_mem_data(SSL_get_wbio(r.server), &bytes);
        bytes[at] ^= 1;
        enum dgm_rc rc = hear_server(&r);
        assert_true(rc == DGM_E_REFUSED || rc == DGM_MORE); /* a length that grew waits for more */
        assert_int_equal(r.heard.n, 0);
        assert_int_equal(rc == DGM_E_REFUSED, net_tls_why(r.client).n != 0);
        rig_close(&r);
        net_sessions_dispose(&r.sessions);
    }
    assert_true(all > 20);
}

static void test_sessions_are_few_and_used_once(void **state)
{
    (void)state;
    struct rig r = {0};
    for (int i = 0; i < 5; i++) {
        rig_open(&r, "a.example", 70000);
        assert_int_equal(shake(&r), DGM_MORE);
        assert_int_equal(SSL_session_reused(r.server), i != 0);
        assert_in_range(r.sessions.n, 1, NET_SESSIONS_MAX);
        rig_close(&r);
    }
    net_sessions_dispose(&r.sessions);
    assert_int_equal(r.sessions.n, 0);
}

static void test_renegotiation_is_refused(void **state)
{
    (void)state;
    struct rig r = {0};
    SSL_CTX_set_max_proto_version(server_ctx, TLS1_2_VERSION);
    rig_open(&r, "a.example", 70000);
    assert_int_equal(shake(&r), DGM_MORE);
    SSL_renegotiate(r.server);
    SSL_do_handshake(r.server);
    assert_int_equal(hear_server(&r), DGM_MORE);
    flush(&r);
    char byte;
    assert_true(SSL_read(r.server, &byte, 1) <= 0);
    assert_int_equal(SSL_num_renegotiations(r.server), 1); /* it has asked, and that was all */
    assert_false(SSL_is_init_finished(r.server));
    rig_close(&r);
    net_sessions_dispose(&r.sessions);
    SSL_CTX_set_max_proto_version(server_ctx, TLS1_3_VERSION);
}

static void test_short_of_memory(void **state)
{
    (void)state;
    struct alloc_fail memory;
    alloc_fail_init(&memory, 1);
    assert_null(net_tls_new(trust, DGM_STR("a.example"), NULL, &memory.alloc));
    alloc_fail_init(&memory, 0);
    assert_null(net_tls_new(trust, DGM_STR("."), NULL, &memory.alloc)); /* would match any name */
    net_tls_free(NULL);
    net_trust_free(NULL);
    alloc_fail_done(&memory, "tls");

    struct rig r = {0};
    struct dgm_buf tiny;
    rig_open(&r, "a.example", 70000);
    assert_int_equal(shake(&r), DGM_MORE);
    dgm_buf_init(&tiny, &r.memory.alloc, 10);
    const struct dgm_str part = DGM_STR("more than fits");
    assert_int_equal(net_tls_seal(r.client, &part, 1, &tiny), DGM_E_REFUSED);
    assert_int_equal(tiny.rc, DGM_E_LIMIT);
    dgm_buf_dispose(&tiny);
    rig_close(&r);
    net_sessions_dispose(&r.sessions);
}

/* OpenSSL's memory, counted: a block's size stands before it. */
static size_t held_bytes;
#define HEAD 16

static void *counted_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    char *block = p == NULL ? NULL : (char *)p - HEAD;
    size_t old_n = 0;
    if (block != NULL)
        memcpy(&old_n, block, sizeof old_n);
    size_t new_n = n == 0 ? 0 : n + HEAD;
    char *now =
        dgm_alloc_libc.resize(dgm_alloc_libc.ctx, block, old_n == 0 ? 0 : old_n + HEAD, new_n);
    if (n != 0 && now == NULL)
        return NULL;
    held_bytes += n - old_n;
    if (n == 0)
        return NULL;
    memcpy(now, &n, sizeof n);
    return now + HEAD;
}

static void *counted_malloc(size_t n, const char *file, int line)
{
    return n == 0 ? NULL : counted_realloc(NULL, n, file, line);
}

static void counted_free(void *p, const char *file, int line)
{
    if (p != NULL)
        counted_realloc(p, 0, file, line);
}

/* What a connection holds between two answers: no buffers, for there are many such. */
static void test_an_idle_connection_is_small(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* what the first of its kind takes stays */
        struct rig r = {0};
        size_t before = held_bytes;
        static char text[20000];
        rig_open(&r, "a.example", 70000);
        assert_int_equal(shake(&r), DGM_MORE);
        assert_int_equal(SSL_write(r.server, text, sizeof text), sizeof text);
        assert_int_equal(hear_server(&r), DGM_MORE);
        SSL_free(r.server);
        r.server = NULL;
        if (i == 1)
            assert_in_range(held_bytes - before, 1000, 40 * 1024);
        rig_close(&r);
        net_sessions_dispose(&r.sessions);
    }
}

int main(void)
{
    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_small_parts_share_a_record),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_spoilt_records),
        cmocka_unit_test(test_sessions_are_few_and_used_once),
        cmocka_unit_test(test_renegotiation_is_refused),
        cmocka_unit_test(test_an_idle_connection_is_small),
        cmocka_unit_test(test_short_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
