/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_policy.c - URLs that lead where clients have no business, in all their spellings (user-pain E4), and those that do not. */
#include "gateway/fetch_policy.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct gw_strs nothing = {0};

static enum dgm_rc read_url(const char *url, const struct gw_strs *allow, struct gw_fetch_url *ret,
                            struct dgm_arena *arena)
{
    struct dgm_str why = {0};
    enum dgm_rc rc = gw_fetch_url_read(dgm_str_c(url), allow, arena, ret, &why);
    if (rc == DGM_E_REFUSED)
        assert_true(why.n != 0);
    return rc;
}

/* ---- bypasses ----------------------------------------------------------------------------------------- */

/* Refused by what they say, before any name is looked up. tests/daemon/test_fetch.py sends them all through a gateway. */
static const char *const bypasses[] = {
#define BYPASS(url) url,
#include "../support/bypasses.def"
#undef BYPASS
};

static void test_bypasses(void **state)
{
    (void)state;
    assert_true(sizeof bypasses / sizeof *bypasses >= 40);
    for (size_t i = 0; i < sizeof bypasses / sizeof *bypasses; i++) {
        struct dgm_arena arena;
        struct gw_fetch_url u;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        if (read_url(bypasses[i], &nothing, &u, &arena) != DGM_E_REFUSED)
            fail_msg("%s is let through", bypasses[i]);
        dgm_arena_dispose(&arena);
    }
}

/* ---- addresses ---------------------------------------------------------------------------------------- */

static union net_address address(const char *text)
{
    union net_address a = {.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1)
        return a;
    a = (union net_address){.v6 = {.sin6_family = AF_INET6}};
    assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    return a;
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool public;
    } rows[] = {
        {"0.0.0.0", false},
        {"0.255.255.255", false},
        {"1.0.0.0", true},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"100.63.255.255", true},
        {"100.64.0.0", false},
        {"100.100.100.200", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"126.255.255.255", true},
        {"127.0.0.1", false},
        {"127.255.255.255", false},
        {"128.0.0.0", true},
        {"168.63.129.15", true},
        {"168.63.129.16", false},
        {"169.253.255.255", true},
        {"169.254.0.0", false},
        {"169.254.169.254", false},
        {"169.254.170.2", false},
        {"169.255.0.0", true},
        {"172.15.255.255", true},
        {"172.16.0.0", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.0.0.192", false},
        {"192.0.1.0", true},
        {"192.0.2.1", false},
        {"192.31.195.255", true},
        {"192.31.196.1", false},
        {"192.52.192.255", true},
        {"192.52.193.1", false},
        {"192.88.99.1", false},
        {"192.168.0.1", false},
        {"192.169.0.0", true},
        {"192.175.47.255", true},
        {"192.175.48.1", false},
        {"198.17.255.255", true},
        {"198.18.0.0", false},
        {"198.19.255.255", false},
        {"198.20.0.0", true},
        {"198.51.100.7", false},
        {"203.0.113.7", false},
        {"223.255.255.255", true},
        {"224.0.0.1", false},
        {"239.255.255.255", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"8.8.8.8", true},
        {"::", false},
        {"::1", false},
        {"::127.0.0.1", false},
        {"::8.8.8.8", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:169.254.169.254", false},
        {"::ffff:8.8.8.8", true},
        {"::ffff:0:127.0.0.1", false},
        {"64:ff9b::8.8.8.8", true},
        {"64:ff9b::10.0.0.1", false},
        {"64:ff9b::169.254.169.254", false},
        {"64:ff9b:1::8.8.8.8", false},
        {"100::1", false},
        {"1fff::1", false},
        {"2001::1", false},
        {"2001:0:7f00:1::", false},
        {"2001:2::1", false},
        {"2001:1ff:ffff::1", false},
        {"2001:200::1", true},
        {"2001:db8::1", false},
        {"2001:4860:4860::8888", true},
        {"2002:7f00:1::", false},
        {"2002:808:808::1", false},
        {"2003::1", true},
        {"2620:4f:7fff::1", true},
        {"2620:4f:8000::1", false},
        {"2a00:1450:4001::200e", true},
        {"3ffe::1", true},
        {"3fff::1", false},
        {"3fff:fff::1", false},
        {"4000::1", false},
        {"5f00::1", false},
        {"fc00::1", false},
        {"fd00:ec2::254", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"fec0::1", false},
        {"feff::1", false},
        {"ff02::1", false},
        {"ffff::1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union net_address a = address(rows[i].address);
        if (gw_address_is_public(&a) != rows[i].public)
            fail_msg("%s counts as %s", rows[i].address, rows[i].public ? "not public" : "public");
    }
    assert_false(gw_address_is_public(&(union net_address){.any = {.sa_family = AF_UNIX}}));
}

/* ---- URLs that are fine ------------------------------------------------------------------------------- */

static void test_reads(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *authority, *target;
        uint16_t port;
        bool tls;
    } rows[] = {
        {"https://Pics.Example.com/a.png?x=1&y=/..#top", "pics.example.com", "pics.example.com",
         "/a.png?x=1&y=/..", 443, true},
        {"http://a.example", "a.example", "a.example", "/", 80, false},
        {"HTTP://a.example.:80?q", "a.example", "a.example", "/?q", 80, false},
        {"http://a.example:443/", "a.example", "a.example:443", "/", 443, false},
        {"https://8.8.8.8/x", "8.8.8.8", "8.8.8.8", "/x", 443, true},
        {"https://134744072/x", "8.8.8.8", "8.8.8.8", "/x", 443, true},
        {"https://[2a00:1450:4001::200E]/x", "2a00:1450:4001::200e", "[2a00:1450:4001::200e]", "/x",
         443, true},
        {"https://xn--bcher-kva.example/\xc3\xa4", "xn--bcher-kva.example", "xn--bcher-kva.example",
         "/\xc3\xa4", 443, true},
        {"https://a.example/@b:c@d", "a.example", "a.example", "/@b:c@d", 443, true},
        {"gs://bucket-1/a b/\xc3\xa4?#%.png", "storage.googleapis.com", "storage.googleapis.com",
         "/bucket-1/a%20b/%C3%A4%3F%23%25.png", 443, true},
        {"GS://bucket/x", "storage.googleapis.com", "storage.googleapis.com", "/bucket/x", 443,
         true},
        {"https://storage.cloud.google.com/bucket/o.png", "storage.googleapis.com",
         "storage.googleapis.com", "/bucket/o.png", 443, true},
        {"https://storage.googleapis.com/bucket/o.png?X-Goog-Signature=a", "storage.googleapis.com",
         "storage.googleapis.com", "/bucket/o.png?X-Goog-Signature=a", 443, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dgm_arena arena;
        struct gw_fetch_url u;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        if (read_url(rows[i].url, &nothing, &u, &arena) != DGM_OK)
            fail_msg("%s is refused", rows[i].url);
        assert_string_equal(u.host, rows[i].host);
        assert_true(dgm_str_eq(u.authority, dgm_str_c(rows[i].authority)));
        assert_true(dgm_str_eq(u.target, dgm_str_c(rows[i].target)));
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.tls, rows[i].tls);
        dgm_arena_dispose(&arena);
    }
}

static void test_modes(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool gcs;
    } rows[] = {
        {"gs://bucket/o", true},
        {"gs://", true}, /* and refused */
        {"https://storage.googleapis.com/b/o", true},
        {"HTTPS://Storage.Cloud.Google.com/b/o", true},
        {"http://storage.googleapis.com/b/o", false},
        {"https://storage.googleapis.com:444/b/o", false},
        {"https://storage.googleapis.com.evil.example/b/o", false},
        {"https://evil.example/storage.googleapis.com/", false},
        {"https://x@storage.googleapis.com/b/o", false},
        {"https://a.example/o", false},
        {"ftp://a.example/o", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(gw_fetch_wants(GW_FETCH_GCS, dgm_str_c(rows[i].url)), rows[i].gcs);
        assert_true(gw_fetch_wants(GW_FETCH_PUBLIC, dgm_str_c(rows[i].url)));
        assert_false(gw_fetch_wants(GW_FETCH_OFF, dgm_str_c(rows[i].url)));
    }
}

/* ---- what is allowed besides -------------------------------------------------------------------------- */

static void test_allow(void **state)
{
    (void)state;
    static const struct {
        const char *entry, *url, *address;
        bool fine;
    } rows[] = {
        {"127.0.0.1", "http://127.0.0.1/", "127.0.0.1", true},
        {"127.0.0.1", "http://127.0.0.1:8080/", NULL, false},
        {"127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1", true},
        {"127.0.0.1:8080", "http://127.0.0.1/", NULL, false},
        {"127.0.0.1:*", "http://127.0.0.1:8080/", "127.0.0.1", true},
        {"127.0.0.1:*", "http://127.0.0.2:8080/", NULL, false},
        {"127.0.0.0/8:*", "http://0x7f.2:8080/", "127.0.0.2", true},
        {"10.0.0.0/8", "http://intra.example/", "10.1.2.3", true},
        {"10.0.0.0/8", "http://intra.example/", "11.1.2.3", true}, /* public */
        {"10.0.0.0/8", "http://intra.example/", "192.168.0.1", false},
        {"10.0.0.0/8", "http://intra.example/", "::ffff:10.0.0.1", true},
        {"10.0.0.0/8", "http://10.0.0.1:22/", NULL, false},
        {"10.0.0.0/8:*", "http://intra.example:8080/", "8.8.8.8", false},
        {"::1", "http://[::1]/", "::1", true},
        {"[::1]:8080", "http://[::1]:8080/", "::1", true},
        {"[fd00::]/8:*", "http://[fd00::7]:99/", "fd00::7", true},
        {"fd00::/8", "http://[fd00::7]/", "fd00::7", true},
        {"fd00::/8", "http://[fe80::7]/", NULL, false},
        {"pics.internal", "http://pics.internal/", "10.0.0.1", true},
        {"pics.internal", "http://PICS.internal./", "10.0.0.1", true},
        {"pics.internal", "http://other.internal/", NULL, false},
        {"pics.internal:81", "http://pics.internal:81/", "10.0.0.1", true},
        {"*.corp", "http://a.b.corp/", "10.0.0.1", true},
        {"*.corp", "http://corp/", NULL, false},
        {"localhost:*", "http://localhost:1234/", "127.0.0.1", true},
        {"0.0.0.0/0", "http://127.0.0.1/", "127.0.0.1", true},
        {"0.0.0.0/0", "http://[::1]/", NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dgm_arena arena;
        struct gw_fetch_url u;
        const struct dgm_str entry = dgm_str_c(rows[i].entry);
        const struct gw_strs allow = {&entry, 1};
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        assert_null(gw_fetch_allow_fault(entry));
        enum dgm_rc rc = read_url(rows[i].url, &allow, &u, &arena);
        union net_address to = address(rows[i].address ? rows[i].address : "0.0.0.0");
        bool fine = rc == DGM_OK && rows[i].address && gw_fetch_address_ok(&allow, &u, &to);
        if (fine != rows[i].fine)
            fail_msg("%s, %s at %s", rows[i].entry, rows[i].url, rows[i].address);
        dgm_arena_dispose(&arena);
    }
    static const char *const odd[] = {
        "",          "a b",         "10.0.0.0/33", "::/129", "10.0.0.1:0", "x:70000",
        "[::1",      "[::1]x",      "[x]",         "*",      "a..b",       "http://a.example",
        "10.0.0.0/", "10.0.0.0/8x", "user@host"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (!gw_fetch_allow_fault(dgm_str_c(odd[i])))
            fail_msg("\"%s\" is taken", odd[i]);
}

/* ---- redirects ---------------------------------------------------------------------------------------- */

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location, *url;
    } rows[] = {
        {"https://b.example/y", "https://b.example/y"},
        {"http://127.0.0.1/", "http://127.0.0.1/"}, /* and refused there */
        {"//b.example/y", "https://b.example/y"},
        {"/y?z", "https://a.example/y?z"},
        {"y", "https://a.example/p/q/y"},
        {"../y", "https://a.example/p/q/../y"},
        {"?z", "https://a.example/p/q/x.png?z"},
        {"file:///etc/passwd", "file:///etc/passwd"}, /* so too */
        {"y:z/..", "y:z/.."},
        {"./y:z", "https://a.example/p/q/./y:z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dgm_arena arena;
        struct gw_fetch_url u;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        assert_int_equal(read_url("https://a.example/p/q/x.png?k=/v", &nothing, &u, &arena),
                         DGM_OK);
        struct dgm_str to = gw_fetch_redirect(&u, dgm_str_c(rows[i].location), &arena);
        if (!dgm_str_eq(to, dgm_str_c(rows[i].url)))
            fail_msg("%s leads to %.*s", rows[i].location, (int)to.n, to.p);
        assert_null(gw_fetch_redirect(&u, DGM_STR(""), &arena).p);
        dgm_arena_dispose(&arena);
    }
}

static void test_memory(void **state)
{
    (void)state;
    struct dgm_arena arena;
    struct gw_fetch_url u;
    dgm_arena_init(&arena, &dgm_alloc_libc, 1);
    assert_int_equal(read_url("https://a.example/x", &nothing, &u, &arena), DGM_E_NOMEM);
    dgm_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bypasses), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_reads),    cmocka_unit_test(test_modes),
        cmocka_unit_test(test_allow),    cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
