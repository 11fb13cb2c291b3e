/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - base URLs taken apart, and what this version can call. */
#include "gateway/origin.h"

#include "base/str.h"
#include "support/config_source.h"

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

static void test_parts(void **state)
{
    (void)state;
    static const struct {
        const char *url, *authority, *host, *prefix;
        uint16_t port;
        bool tls;
    } cases[] = {
        {"http://127.0.0.1:8000", "127.0.0.1:8000", "127.0.0.1", "", 8000, false},
        {"http://lab", "lab", "lab", "", 80, false},
        {"https://lab", "lab", "lab", "", 443, true},
        {"http://lab/", "lab", "lab", "", 80, false},
        {"http://lab:65535/a/b//", "lab:65535", "lab", "/a/b", 65535, false},
        {"http://[::1]:90/v1", "[::1]:90", "::1", "/v1", 90, false},
        {"http://[2001:db8::1]", "[2001:db8::1]", "2001:db8::1", "", 80, false},
        {"https://[::1]/x", "[::1]", "::1", "/x", 443, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_origin o;
        gw_origin_read(dgm_str_c(cases[i].url), &o);
        assert_text(o.authority, cases[i].authority);
        assert_text(o.host, cases[i].host);
        assert_text(o.prefix, cases[i].prefix);
        assert_int_equal(o.port, cases[i].port);
        assert_int_equal(o.tls, cases[i].tls);
    }
}

/* What is in force is not named as idle, and what can not be called is. */
static void test_what_can_be_called(void **state)
{
    (void)state;
    static const struct {
        const char *upstream, *idle;
    } cases[] = {
        {"{kind: emulator}", NULL},
        {"{kind: vertex, base_url: \"http://h\", credentials: none, project: p}", NULL},
        {"{kind: gemini, base_url: \"http://h\", credentials: none}", NULL},
        {"{kind: vertex, base_url: \"http://h\", credentials: none, model: m}", NULL},
        {"{kind: vertex, base_url: \"http://h\"}", "upstreams.a (kind vertex)"},
        {"{kind: vertex, base_url: \"https://h\", credentials: none, ca: c, proxy: none}", NULL},
        {"{kind: vertex, credentials: none, proxy: none}", NULL},
        {"{kind: vertex, credentials: {bearer: t}, proxy: none}", NULL},
        {"{kind: vertex, credentials: {file: f}}", "upstreams.a (kind vertex)"},
        {"{kind: gemini, credentials: caller, proxy: none}", NULL},
        {"{kind: vllm, base_url: \"http://h\"}", NULL},
        {"{kind: tgi, base_url: \"http://h\", credentials: none, model: m}", NULL},
        {"{kind: openai, base_url: \"http://h\", credentials: {api_key: k}}", NULL},
        {"{kind: openai, base_url: \"http://h\", credentials: caller}", NULL},
        {"{kind: openai, base_url: \"http://h\", credentials: adc}", "upstreams.a (kind openai)"},
        {"{kind: emulator, dialect: tgi, model: m}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[200];
        struct gw_config *c;
        struct gw_problems problems;
        snprintf(yaml, sizeof yaml, "upstreams: {a: %s}\n", cases[i].upstream);
        struct gw_config_source source = config_source(yaml);
        assert_int_equal(gw_config_parse(&source, &c, &problems), DGM_OK);
        assert_int_equal(c->idle.n, cases[i].idle != NULL);
        if (cases[i].idle != NULL)
            assert_text(c->idle.at[0], cases[i].idle);
        bool callable = cases[i].idle == NULL;
        struct dgm_str lack = gw_upstream_lacks(&c->upstreams[0]);
        assert_int_equal(lack.n == 0, callable);
        assert_true(callable || (lack.p[0] == ' ' && lack.p[lack.n - 1] == '.'));
        gw_config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_what_can_be_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
