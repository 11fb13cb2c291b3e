/* SPDX-License-Identifier: Apache-2.0 */
/* config_verify.c - `auth.google: verify` in the configuration; what is refused of it stands in config_errors.c. */
#include "gateway/config.h"
#include "support/config_source.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct gw_config *good(const char *yaml)
{
    struct gw_config_source source = config_source(yaml);
    struct gw_config *c = NULL;
    struct gw_problems problems = {0};
    if (gw_config_parse(&source, &c, &problems) != DGM_OK)
        fail_msg("refused: %s", problems.n ? problems.at[0].text : "out of memory");
    return c;
}

static void assert_text(struct dgm_str got, const char *wanted)
{
    if (!dgm_str_eq(got, dgm_str_c(wanted)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.n, got.p ? got.p : "", wanted);
}

/* Who asks for tokens of Google's may be reached from other machines. */
static void test_verifying(void **state)
{
    (void)state;
    struct gw_config *c =
        good("listen: 0.0.0.0:8080\n"
             "auth:\n  google: verify\n"
             "  verify: {emails: [a@b.c, d@e.f], requests_per_minute: 5, parallel: off}\n");
    const struct gw_verifying *v = &c->auth.verify;
    assert_int_equal(c->auth.google, GW_GOOGLE_VERIFY);
    assert_true(gw_config_asks(c));
    assert_int_equal(v->emails.n, 2);
    assert_text(v->emails.at[1], "d@e.f");
    assert_int_equal(v->issuers.n, 2);
    assert_text(v->issuers.at[0], "https://accounts.google.com");
    assert_text(v->jwks_url, "https://www.googleapis.com/oauth2/v3/certs");
    assert_text(v->tokeninfo_url, "https://oauth2.googleapis.com/tokeninfo");
    assert_int_equal(v->limits[AUTH_LIMIT_REQUESTS_MINUTE], 5);
    assert_int_equal(v->limits[AUTH_LIMIT_PARALLEL], 0);
    gw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verifying)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
