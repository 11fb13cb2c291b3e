/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - tests of http/media. */
#include "http/media.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

static void test_media_types(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum http_media media;
    } rows[] = {
        {NULL, HTTP_MEDIA_NONE},
        {"", HTTP_MEDIA_NONE},
        {" \t", HTTP_MEDIA_NONE},
        {"application/json", HTTP_MEDIA_JSON},
        {" Application/JSON ", HTTP_MEDIA_JSON},
        {"application/json;charset=utf-8", HTTP_MEDIA_JSON},
        {"application/json; charset=utf-8", HTTP_MEDIA_JSON},
        {"application/json ; charset=\"UTF-8\"", HTTP_MEDIA_JSON},
        {"application/json; charset=utf8", HTTP_MEDIA_JSON},
        {"application/json; charset=us-ascii", HTTP_MEDIA_JSON},
        {"application/json;", HTTP_MEDIA_JSON},
        {"application/json; ; x=y", HTTP_MEDIA_JSON},
        {"application/json; x=\"a;\\\"b\"; charset=utf-8", HTTP_MEDIA_JSON},
        {"application/vnd.api+json", HTTP_MEDIA_JSON},
        {"application/problem+JSON; charset=utf-8", HTTP_MEDIA_JSON},
        {"text/event-stream", HTTP_MEDIA_EVENTS},
        {"Text/Event-Stream; charset=utf-8", HTTP_MEDIA_EVENTS},
        {"application/json; charset=latin1", HTTP_MEDIA_OTHER},
        {"application/json; charset=utf-8; charset=utf-16", HTTP_MEDIA_OTHER},
        {"application/json; charset=utf-8; charset=utf-8", HTTP_MEDIA_OTHER},
        {"application/json; charset", HTTP_MEDIA_OTHER},
        {"application/json; charset=", HTTP_MEDIA_OTHER},
        {"application/json; x=\"a", HTTP_MEDIA_OTHER},
        {"application/json; x=\"a\\", HTTP_MEDIA_OTHER},
        {"application/json, text/plain", HTTP_MEDIA_OTHER},
        {"application/json x", HTTP_MEDIA_OTHER},
        {"application/jsonx", HTTP_MEDIA_OTHER},
        {"application /json", HTTP_MEDIA_OTHER},
        {"application/", HTTP_MEDIA_OTHER},
        {"/json", HTTP_MEDIA_OTHER},
        {"json", HTTP_MEDIA_OTHER},
        {"*/*", HTTP_MEDIA_OTHER},
        {"text/json", HTTP_MEDIA_OTHER},
        {"text/plain", HTTP_MEDIA_OTHER},
        {"image/svg+json", HTTP_MEDIA_OTHER},
        {"application/x-www-form-urlencoded", HTTP_MEDIA_OTHER},
        {"multipart/form-data; boundary=application/json", HTTP_MEDIA_OTHER},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_media_type(dgm_str_c(rows[i].value)) != rows[i].media)
            fail_msg("%s", rows[i].value);
}

static void test_codings(void **state)
{
    (void)state;
    static const char *const plain[] = {
        NULL, "", " ", "identity", "Identity , ", "identity,identity"};
    static const char *const coded[] = {"gzip", "identity, gzip", "br", "x", "identity;q=1"};
    for (size_t i = 0; i < COUNT(plain); i++)
        assert_true(http_coding_is_plain(dgm_str_c(plain[i])));
    for (size_t i = 0; i < COUNT(coded); i++)
        assert_false(http_coding_is_plain(dgm_str_c(coded[i])));
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum http_host_kind kind;
        const char *name;
        int port;
        bool loopback;
    } rows[] = {
        {"localhost", HTTP_HOST_NAME, "localhost", -1, true},
        {"LocalHost:8080", HTTP_HOST_NAME, "LocalHost", 8080, true},
        {"localhost.", HTTP_HOST_NAME, "localhost.", -1, true},
        {"a.b.localhost:0", HTTP_HOST_NAME, "a.b.localhost", 0, true},
        {"localhost:", HTTP_HOST_NAME, "localhost", -1, true},
        {"127.0.0.1", HTTP_HOST_IPV4, "127.0.0.1", -1, true},
        {"127.255.3.4:65535", HTTP_HOST_IPV4, "127.255.3.4", 65535, true},
        {"[::1]", HTTP_HOST_IPV6, "::1", -1, true},
        {"[::1]:8080", HTTP_HOST_IPV6, "::1", 8080, true},
        {"[0:0:0:0:0:0:0:1]", HTTP_HOST_IPV6, "0:0:0:0:0:0:0:1", -1, true},
        {"[0000::0.0.0.1]", HTTP_HOST_IPV6, "0000::0.0.0.1", -1, true},
        {"[::ffff:127.0.0.1]", HTTP_HOST_IPV6, "::ffff:127.0.0.1", -1, true},
        {"[::FFFF:7f01:203]", HTTP_HOST_IPV6, "::FFFF:7f01:203", -1, true},
        {"notlocalhost", HTTP_HOST_NAME, "notlocalhost", -1, false},
        {"localhost.example", HTTP_HOST_NAME, "localhost.example", -1, false},
        {"localhost.evil.com:80", HTTP_HOST_NAME, "localhost.evil.com", 80, false},
        {"127.0.0.1.evil.com", HTTP_HOST_NAME, "127.0.0.1.evil.com", -1, false},
        {"127.0.0.1.nip.io", HTTP_HOST_NAME, "127.0.0.1.nip.io", -1, false},
        {"127.1", HTTP_HOST_NAME, "127.1", -1, false},
        {"0127.0.0.1", HTTP_HOST_NAME, "0127.0.0.1", -1, false},
        {"127.0.0.256", HTTP_HOST_NAME, "127.0.0.256", -1, false},
        {"128.0.0.1", HTTP_HOST_IPV4, "128.0.0.1", -1, false},
        {"0.0.0.0", HTTP_HOST_IPV4, "0.0.0.0", -1, false},
        {"10.0.0.1:1", HTTP_HOST_IPV4, "10.0.0.1", 1, false},
        {"my_container:80", HTTP_HOST_NAME, "my_container", 80, false},
        {"[::]", HTTP_HOST_IPV6, "::", -1, false},
        {"[::2]", HTTP_HOST_IPV6, "::2", -1, false},
        {"[1::]", HTTP_HOST_IPV6, "1::", -1, false},
        {"[1::1]", HTTP_HOST_IPV6, "1::1", -1, false},
        {"[2001:db8::7:1]:443", HTTP_HOST_IPV6, "2001:db8::7:1", 443, false},
        {"[::ffff:128.0.0.1]", HTTP_HOST_IPV6, "::ffff:128.0.0.1", -1, false},
        {"[1:2:3:4:5:6:7:8]", HTTP_HOST_IPV6, "1:2:3:4:5:6:7:8", -1, false},
        {"[1:2:3:4:5:6:7::]", HTTP_HOST_IPV6, "1:2:3:4:5:6:7::", -1, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_host h;
        if (!http_host_parse(dgm_str_c(rows[i].value), &h))
            fail_msg("%s was refused", rows[i].value);
        if (h.kind != rows[i].kind || h.port != rows[i].port || h.loopback != rows[i].loopback ||
            !dgm_str_eq(h.name, dgm_str_c(rows[i].name)))
            fail_msg("%s", rows[i].value);
    }
}

static void test_hosts_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        NULL,
        "",
        ":80",
        "a:b",
        "a:1:2",
        "a:65536",
        "a:-1",
        "a:+1",
        "a: 1",
        "a b",
        "a,b",
        "a/b",
        "u@a",
        "a?",
        "a#",
        "a\\b",
        ".a",
        "a..b",
        "..",
        ".",
        "[::1",
        "::1",
        "[]",
        "[::1]x",
        "[::1]80",
        "[1]",
        "[:1]",
        "[1:]",
        "[:::]",
        "[1::2::3]",
        "[12345::]",
        "[g::]",
        "[1:2:3:4:5:6:7:8:9]",
        "[1:2:3:4:5:6:7]",
        "[::1%25lo]",
        "[::1.2.3]",
        "[1:2:3:4:5:6:7:1.2.3.4]",
        "[1:2:3:4:5:6:7:8::]",
        "[::1:]",
        "localhost\xc3\xa4",
        "[127.0.0.1]",
        "a%41",
        "a:000080",
    };
    struct http_host untouched, h;
    memset(&untouched, 0x5a, sizeof(untouched));
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(&h, &untouched, sizeof(h));
        if (http_host_parse(dgm_str_c(rows[i]), &h))
            fail_msg("%s was not refused", rows[i]);
        assert_memory_equal(&h, &untouched, sizeof(h));
    }
    assert_false(http_host_parse(DGM_STR("a\0b"), &h));
    char longest[257];
    memset(longest, 'a', sizeof(longest));
    assert_true(http_host_parse((struct dgm_str){longest, 255}, &h));
    assert_false(http_host_parse((struct dgm_str){longest, 256}, &h));
}

static void test_origins(void **state)
{
    (void)state;
    struct http_host h;
    assert_true(http_origin_parse(DGM_STR("http://localhost:5173"), &h));
    assert_true(h.loopback && h.port == 5173);
    assert_true(http_origin_parse(DGM_STR("vscode-webview://abc"), &h));
    assert_false(h.loopback);
    assert_true(http_origin_parse(DGM_STR("https://[::1]"), &h));
    assert_true(h.loopback);
    static const char *const refused[] = {NULL,         "",           "null",
                                          "localhost",  "http:/a",    "://a",
                                          "http://",    "http://a/",  "http://a http://b",
                                          "http://a/b", "http://u@a", "http://a?b",
                                          "file://",    "http//a"};
    for (size_t i = 0; i < COUNT(refused); i++)
        if (http_origin_parse(dgm_str_c(refused[i]), &h))
            fail_msg("%s was not refused", refused[i]);
}

static void test_bearer(void **state)
{
    (void)state;
    static const struct {
        const char *value, *token;
    } rows[] = {
        {"Bearer sk-abc", "sk-abc"},
        {"bearer  a.b~c+d/e==  ", "a.b~c+d/e=="},
        {"BEARER\tx", "x"},
        {" Bearer x", "x"},
        {NULL, NULL},
        {"", NULL},
        {"Bearer", NULL},
        {"Bearer ", NULL},
        {"Bearerx", NULL},
        {"Basic abc", NULL},
        {"Bearer a b", NULL},
        {"Bearer a\x01", NULL},
        {"Bearer \xc3\xa4", NULL},
        {"Bear x", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dgm_str token = http_bearer(dgm_str_c(rows[i].value));
        if (!dgm_str_eq(token, dgm_str_c(rows[i].token)) || (token.p == NULL) != !rows[i].token)
            fail_msg("%s", rows[i].value);
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool has;
    } rows[] = {
        {"close", true},      {"CLOSE", true},           {" close ", true},  {"a,close", true},
        {"close,a", true},    {"a ,\tClose\t, b", true}, {",,close", true},  {NULL, false},
        {"", false},          {"closed", false},         {"a close", false}, {"clos", false},
        {"\"close\"", false}, {"close;q=1", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_list_has(dgm_str_c(rows[i].list), DGM_STR("close")) != rows[i].has)
            fail_msg("%s", rows[i].list);
}

static void test_freshness(void **state)
{
    (void)state;
    static const struct {
        const char *cache, *age;
        int64_t fresh_s;
    } rows[] = {
        {NULL, NULL, -1},
        {"", "5", -1},
        {"public", NULL, -1},
        {"max-age=x", NULL, -1},
        {"max-age=-1", NULL, -1},
        {"s-max-age=60", NULL, -1},
        {"max-age=0", NULL, 0},
        {"public, max-age=24472, must-revalidate, no-transform", NULL, 24472},
        {"public,Max-Age=100", " 40 ", 60},
        {"max-age=100", "100", 0},
        {"max-age=100", "99999999999", 0},
        {"max-age=100", "-5", 100},
        {"max-age=100, no-store", NULL, 0},
        {"No-Cache", NULL, 0},
        {"max-age=99999999999999", NULL, INT32_MAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (http_fresh_s(dgm_str_c(rows[i].cache), dgm_str_c(rows[i].age)) != rows[i].fresh_s)
            fail_msg("%zu", i);
}

static void test_ids_and_tokens(void **state)
{
    (void)state;
    char text[129];
    memset(text, 'a', sizeof(text));
    assert_true(http_request_id_ok((struct dgm_str){text, 128}));
    assert_false(http_request_id_ok((struct dgm_str){text, 129}));
    assert_false(http_request_id_ok((struct dgm_str){0}));
    for (int c = 0; c < 256; c++) {
        char one = (char)c;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool id = alnum || (c && strchr("._-", c));
        bool token = alnum || (c && strchr("!#$%&'*+-.^_`|~", c));
        assert_int_equal(http_request_id_ok((struct dgm_str){&one, 1}), id);
        assert_int_equal(http_token_ok((struct dgm_str){&one, 1}), token);
    }
    assert_false(http_token_ok(DGM_STR("")));
    assert_false(http_token_ok(DGM_STR("a b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_types),    cmocka_unit_test(test_codings),
        cmocka_unit_test(test_hosts),          cmocka_unit_test(test_hosts_refused),
        cmocka_unit_test(test_origins),        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_lists),          cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_ids_and_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
