/* SPDX-License-Identifier: Apache-2.0 */
/* corpus.c - which recording answers: by its key, in the order of the files, whatever stands between them. */
#include "gateway/corpus.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TARGET "/v1beta/models/m:generateContent"

/* A file whose request has this body, and whose answer is its own name. */
static void add(struct gw_corpus *c, const char *name, const char *body)
{
    char text[512];
    struct gw_problems problems;
    (void)snprintf(
        text, sizeof text,
        "recording: 1\nclient: {target: /}\nfetched:\n- {url: 'https://h/%s', data: 'YQ=='}\n"
        "calls:\n- upstream: {name: a, kind: gemini}\n"
        "  request: {target: '" TARGET "', text: '%s'}\n  answer: {status: 200, end: whole}\n",
        name, body);
    assert_int_equal(gw_corpus_add(c, dgm_str_c(name), dgm_str_c(text), &problems), DGM_OK);
}

static struct gw_corpus *corpus(void)
{
    struct gw_corpus *c = gw_corpus_new();
    assert_non_null(c);
    return c;
}

/* NULL: no recording answers. */
static const char *find(const struct gw_corpus *c, const char *body, bool *loose)
{
    static char name[32];
    struct gw_corpus_found found;
    enum dgm_rc rc = gw_corpus_find(c, DGM_STR(TARGET), dgm_str_c(body), &found);
    if (rc == DGM_E_REFUSED)
        return NULL;
    assert_int_equal(rc, DGM_OK);
    *loose = found.loose;
    (void)snprintf(name, sizeof name, "%.*s", (int)found.name.n, found.name.p);
    return name;
}

static void expect(const struct gw_corpus *c, const char *body, const char *name, bool loose)
{
    bool is_loose = false;
    const char *got = find(c, body, &is_loose);
    if (name == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, name);
    assert_int_equal(is_loose, loose);
}

static void test_in_the_order_of_the_files(void **state)
{
    struct gw_corpus *c = corpus();
    (void)state;
    for (int i = 0; i < 300; i++) {
        char name[16], body[64];
        (void)snprintf(name, sizeof name, "%03d", i);
        (void)snprintf(body, sizeof body, "{\"n\":%d,\"day\":\"2026-11-%02d\"}", i % 7,
                       i / 7 % 2 + 10);
        add(c, name, body);
    }
    assert_true(gw_corpus_close(c));
    expect(c, "{\"day\":\"2026-11-10\",\"n\":3}", "003", false); /* members in any order */
    expect(c, "{\"n\":3,\"day\":\"2026-11-11\"}", "010", false);
    expect(c, "{\"n\":3,\"day\":\"2026-11-10\"}", "017", false);
    expect(c, "{\"n\":4,\"day\":\"2026-11-10\"}", "004", false);
    expect(c, "{\"n\":4,\"day\":\"2026-11-12\"}", "004",
           true); /* another day: the loose ones are counted apart */
    expect(c, "{\"n\":4,\"day\":\"2026-12-12\"}", "011", true);
    for (int i = 0; i < 100; i++)
        (void)find(c, "{\"n\":6,\"day\":\"2026-11-10\"}", &(bool){false});
    expect(c, "{\"n\":6,\"day\":\"2026-11-10\"}", "286", false); /* the last one stays */
    expect(c, "{\"n\":7,\"day\":\"2026-11-10\"}", NULL, false);
    expect(c, "", NULL, false);
    gw_corpus_free(c);
}

static void test_an_empty_one(void **state)
{
    struct gw_corpus *c = corpus();
    struct dgm_fail f;
    (void)state;
    assert_true(gw_corpus_close(c));
    expect(c, "{}", NULL, false);
    gw_corpus_tell_miss(c, DGM_STR(TARGET), DGM_STR("{}"), &f);
    assert_int_equal(f.id, DGM_ERR_REPLAY_MISS);
    assert_null(gw_corpus_url(c, DGM_STR("https://h/a")));
    gw_corpus_free(c);
}

static void test_urls_of_all_files(void **state)
{
    struct gw_corpus *c = corpus();
    (void)state;
    add(c, "a", "{}");
    add(c, "b", "{}");
    assert_true(gw_corpus_close(c));
    const struct gw_recorded_url *url = gw_corpus_url(c, DGM_STR("https://h/b"));
    assert_non_null(url);
    assert_true(dgm_str_eq(url->base64, DGM_STR("YQ==")));
    assert_null(gw_corpus_url(c, DGM_STR("https://h/c")));
    gw_corpus_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_order_of_the_files),
        cmocka_unit_test(test_an_empty_one),
        cmocka_unit_test(test_urls_of_all_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
