/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.c - addresses of proxies, their exceptions, and the head of a CONNECT and its answer. */
#include "net/proxy.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_text(struct dgm_str got, const char *want)
{
    if (!dgm_str_eq(got, dgm_str_c(want)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)got.n, got.p, want);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *userinfo;
        uint16_t port;
    } cases[] = {
        {"http://proxy.corp:3128", "proxy.corp", NULL, 3128},
        {"http://proxy.corp:3128/", "proxy.corp", NULL, 3128},
        {"HTTP://proxy.corp", "proxy.corp", NULL, 80},
        {"proxy.corp:8080", "proxy.corp", NULL, 8080},
        {"10.1.2.3", "10.1.2.3", NULL, 80},
        {"http://[fd00::1]:3128", "fd00::1", NULL, 3128},
        {"http://me:p%40ss@proxy:1", "proxy", "me:p%40ss", 1},
        {"http://me:p@ss@proxy:1", "proxy", "me:p@ss", 1},
        {"http://me@proxy", "proxy", "me", 80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_proxy p;
        assert_null(net_proxy_read(dgm_str_c(cases[i].url), &p));
        assert_text(p.host, cases[i].host);
        assert_int_equal(p.port, cases[i].port);
        assert_int_equal(p.userinfo.p == NULL, cases[i].userinfo == NULL);
        if (cases[i].userinfo != NULL)
            assert_text(p.userinfo, cases[i].userinfo);
    }
}

static void test_addresses_that_are_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "http://",
        "http://:3128",
        "socks5://proxy:1",
        "https://p:1",
        "http://p:0",
        "http://p:65536",
        "http://p:x",
        "http://p:",
        "http://p:1/path",
        "http://a b:1",
        "http://p\n:1",
        "http://[::1",
        "http://[]:1",
        "http://secret@",
        "http://p:1x",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct net_proxy p = {.port = 7};
        const char *why = net_proxy_read(dgm_str_c(cases[i]), &p);
        if (why == NULL || strstr(why, "secret") != NULL)
            fail_msg("\"%s\": %s", cases[i], why != NULL ? why : "taken");
        assert_int_equal(p.port, 7); /* not clobbered */
    }
}

static void test_exceptions(void **state)
{
    (void)state;
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool excepted;
    } cases[] = {
        {"", "api.example", 443, false},
        {"*", "api.example", 443, true},
        {"example.com", "example.com", 443, true},
        {"example.com", "EXAMPLE.com", 443, true},
        {"Example.COM", "a.b.example.com", 443, true},
        {"example.com", "badexample.com", 443, false},
        {"example.com", "example.com.evil", 443, false},
        {"example.com", "example.com.", 443, true},
        {"example.com.", "example.com", 443, true},
        {".example.com", "example.com", 443, false},
        {".example.com", "a.example.com", 443, true},
        {"*.example.com", "a.example.com", 443, true},
        {"*.example.com", "example.com", 443, false},
        {"a.example, b.example", "b.example", 443, true},
        {"a.example b.example", "b.example", 443, true},
        {",,a.example,", "a.example", 443, true},
        {"example.com:443", "example.com", 443, true},
        {"example.com:443", "example.com", 8443, false},
        {"example.com:x", "example.com", 443, false},
        {"10.0.0.1", "10.0.0.1", 80, true},
        {"10.0.0.1", "10.0.0.11", 80, false},
        {"10.0.0.1:80", "10.0.0.1", 80, true},
        {"10.0.0.1:81", "10.0.0.1", 80, false},
        {"10.0.0.0/8", "10.200.3.4", 80, true},
        {"10.0.0.0/8", "11.0.0.1", 80, false},
        {"10.0.0.0/8", "10.example", 80, false},
        {"192.168.4.0/22", "192.168.7.255", 80, true},
        {"192.168.4.0/22", "192.168.8.0", 80, false},
        {"10.0.0.0/33", "10.0.0.0", 80, false},
        {"10.0.0.0/", "10.0.0.0", 80, false},
        {"10.0.0.0/x", "10.0.0.0", 80, false},
        {"1.2.3.4/0", "10.0.0.0", 80, true},
        {"fd00::/8", "fd12::1", 80, true},
        {"fd00::/8", "fe80::1", 80, false},
        {"2001:db8::1", "2001:db8::1", 80, true},
        {"2001:db8::1", "2001:db8:0::1", 80, true},
        {"[2001:db8::1]:443", "2001:db8::1", 443, true},
        {"[2001:db8::1]:443", "2001:db8::1", 80, false},
        {"0.0.0.0/0", "2001:db8::1", 80, false},
        {".4", "1.2.3.4", 80, false},
        {"3.4", "1.2.3.4", 80, false},
        {".", "example.com", 80, false},
        {"[", "example.com", 80, false},
        {"", "localhost", 80, true},
        {"", "a.LOCALHOST", 80, true},
        {"", "127.3.4.5", 80, true},
        {"", "::1", 80, true},
        {"", "128.0.0.1", 80, false},
        {"", "notlocalhost", 80, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (net_proxy_excepts(dgm_str_c(cases[i].list), dgm_str_c(cases[i].host), cases[i].port) !=
            cases[i].excepted)
            fail_msg("case %zu: \"%s\" for %s:%u", i, cases[i].list, cases[i].host, cases[i].port);
}

static void test_connect(void **state)
{
    (void)state;
    static const struct {
        const char *userinfo, *host, *want;
    } cases[] = {
        {NULL, "api.example", "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n"},
        {NULL, "2001:db8::1", "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"},
        /* RFC 7617's own example, and what has to be decoded first */
        {"Aladdin:open%20sesame", "h", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
        {"me:p%40s%3as%2", "h", "Basic bWU6cEBzOnMlMg==\r\n\r\n"},
        {"me", "h", "Basic bWU6\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct net_proxy p = {.userinfo = dgm_str_c(cases[i].userinfo)};
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 4096);
        net_proxy_put_connect(&p, dgm_str_c(cases[i].host), 443, &out);
        assert_int_equal(out.rc, DGM_OK);
        struct dgm_str head = dgm_buf_str(&out), want = dgm_str_c(cases[i].want);
        if (dgm_str_find(head, want) == head.n)
            fail_msg("%.*s", (int)head.n, head.p);
        assert_true(dgm_str_ends(head, DGM_STR("\r\n\r\n")));
        dgm_buf_dispose(&out);
    }
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum dgm_rc rc;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 Connection established\r\n\r\n", DGM_OK, 200},
        {"HTTP/1.0 200\r\nVia: x\r\n\r\n", DGM_OK, 200},
        {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\n", DGM_OK, 407},
        {"HTTP/1.1 2000 x\r\n\r\n", DGM_E_SYNTAX, 0},
        {"HTTP/1.1 20x OK\r\n\r\n", DGM_E_SYNTAX, 0},
        {"HTTP/1.1 99 OK\r\n\r\n", DGM_E_SYNTAX, 0},
        {"HTTP/2 200\r\n\r\n", DGM_E_SYNTAX, 0},
        {"SSH-2.0-x\r\n", DGM_E_SYNTAX, 0},
        {"\x15\x03\x01", DGM_E_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_str all = dgm_str_c(cases[i].head);
        int status = 0;
        size_t n = 0;
        assert_int_equal(net_proxy_answer(all, &status, &n), cases[i].rc);
        assert_int_equal(status, cases[i].status);
        if (cases[i].rc != DGM_OK)
            continue;
        assert_int_equal(n, all.n);
        for (size_t cut = 0; cut < all.n; cut++) /* a head is whole or it is not */
            assert_int_equal(net_proxy_answer(dgm_str_head(all, cut), &status, &n), DGM_MORE);
    }
    char long_head[NET_PROXY_HEAD_MAX + 100];
    memset(long_head, 'x', sizeof long_head);
    memcpy(long_head, "HTTP/1.1 200 ", 13);
    int status;
    size_t n;
    assert_int_equal(net_proxy_answer((struct dgm_str){long_head, 5000}, &status, &n), DGM_MORE);
    assert_int_equal(net_proxy_answer((struct dgm_str){long_head, sizeof long_head}, &status, &n),
                     DGM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),  cmocka_unit_test(test_addresses_that_are_none),
        cmocka_unit_test(test_exceptions), cmocka_unit_test(test_connect),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
