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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
