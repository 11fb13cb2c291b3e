/* SPDX-License-Identifier: Apache-2.0 */
/* place.c - tests of gateway/place: hosts, paths' names and headers, by kind, location and credentials. */
#include "gateway/place.h"

#include "base/str.h"
#include "support/alloc_fail.h"
#include "support/config_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A configuration of one upstream, and the place it gives. */
struct found {
    struct gw_config *config;
    struct dgm_arena arena;
    struct gw_place place;
    struct dgm_fail fail;
    enum dgm_rc rc;
};

static void find(struct found *f, const char *upstream, struct gw_place_ask ask)
{
    char yaml[400];
    struct gw_problems problems;
    snprintf(yaml, sizeof yaml, "upstreams: {a: %s}\n", upstream);
    struct gw_config_source source = config_source(yaml);
    if (gw_config_parse(&source, &f->config, &problems) != DGM_OK)
        fail_msg("%s: %s", upstream, problems.at[0].text);
    dgm_arena_init(&f->arena, &dgm_alloc_libc, SIZE_MAX);
    ask.upstream = &f->config->upstreams[0];
    f->rc = gw_place_find(f->config, &ask, &f->arena, &f->place, &f->fail);
}

static void done(struct found *f)
{
    dgm_arena_dispose(&f->arena);
    gw_config_free(f->config);
}

static void assert_text(struct dgm_str got, const char *want)
{
    if (!dgm_str_eq(got, dgm_str_c(want)))
        fail_msg("\"%.*s\" instead of \"%s\"", (int)got.n, got.p, want);
}

/* Whatever the path says, and whoever made the configuration: the place is where it may be (user-pain J6). */
static void test_residency(void **state)
{
    (void)state;
    static const struct {
        const char *list, *location;
        bool allowed;
    } cases[] = {
        {"[eu]", "eu", true},
        {"[eu]", "europe-west4", true},
        {"[eu]", "europe-west2", false}, /* London */
        {"[eu]", "europe-west6", false}, /* Zurich */
        {"[eu, europe-west2]", "europe-west2", true},
        {"[europe]", "europe-west2", true},
        {"[europe]", "eu", false},
        {"[europe-west4]", "europe-west4", true},
        {"[europe-west4]", "europe-west1", false},
        {"[europe-west1]", "europe-west10", false},
        {"[us]", "us", true},
        {"[us]", "us-east5", true},
        {"[us]", "us-", false},
        {"[us]", "usa-east1", false},
        {"[us]", NULL, false}, /* which is global */
        {"[global]", NULL, true},
        {"[us, eu]", "global", false},
        {"[us, eu]", "asia-southeast1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct found f;
        char upstream[120];
        snprintf(upstream, sizeof upstream, "{kind: vertex, credentials: none, residency: %s}",
                 cases[i].list);
        find(&f, upstream,
             (struct gw_place_ask){.path_location = cases[i].location ? dgm_str_c(cases[i].location)
                                                                      : (struct dgm_str){0}});
        if ((f.rc == DGM_OK) != cases[i].allowed)
            fail_msg("%s with %s", cases[i].location, cases[i].list);
        if (f.rc != DGM_OK)
            assert_int_equal(f.fail.id, DGM_ERR_RESIDENCY);
        done(&f);
    }
}

/* An API key without a project knows no location but the global one. */
static void test_express_mode_is_global(void **state)
{
    struct found f;
    (void)state;
    find(&f, "{kind: vertex, credentials: {api_key: AQ.x}, residency: [eu]}",
         (struct gw_place_ask){.path_location = DGM_STR("eu")});
    assert_int_equal(f.rc, DGM_E_REFUSED);
    assert_int_equal(f.fail.id, DGM_ERR_RESIDENCY);
    done(&f);
}

/* An endpoint whose address is written out is where that says, not where the client's path does. */
static void test_a_base_url_tells_its_location(void **state)
{
    (void)state;
    static const char *const lists[] = {"[us]", "[eu]"};
    for (size_t i = 0; i < 2; i++) {
        struct found f;
        char upstream[200];
        snprintf(upstream, sizeof upstream,
                 "{kind: vertex, base_url: \"https://9.prediction.vertexai.goog/v1/projects/1/"
                 "locations/us-central1/endpoints/9\", credentials: none, residency: %s}",
                 lists[i]);
        find(&f, upstream, (struct gw_place_ask){.path_location = DGM_STR("eu"), .relays = true});
        assert_int_equal(f.rc, i == 0 ? DGM_OK : DGM_E_REFUSED);
        if (i == 0)
            assert_text(f.place.native.location, "us-central1");
        else
            assert_int_equal(f.fail.id, DGM_ERR_RESIDENCY);
        done(&f);
    }
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *upstream, *path_location, *host, *project, *location;
        size_t index;
    } cases[] = {
        {"{kind: vertex, project: p, locations: [us-central1]}", "x",
         "us-central1-aiplatform.googleapis.com", "p", "us-central1", 0},
        {"{kind: vertex, project: p, locations: [global, us-central1]}", "x",
         "aiplatform.googleapis.com", "p", "global", 0},
        {"{kind: vertex, project: p, locations: [global, us-central1]}", "x",
         "us-central1-aiplatform.googleapis.com", "p", "us-central1", 1},
        {"{kind: vertex, project: p, locations: [us]}", "x", "aiplatform.us.rep.googleapis.com",
         "p", "us", 0},
        {"{kind: vertex, project: p, locations: [eu]}", "x", "aiplatform.eu.rep.googleapis.com",
         "p", "eu", 0},
        {"{kind: vertex}", "europe-west4", "europe-west4-aiplatform.googleapis.com", "path-project",
         "europe-west4", 0},
        {"{kind: vertex}", NULL, "aiplatform.googleapis.com", "path-project", "global", 0},
        {"{kind: vertex, credentials: {api_key: AQ.x}}", "europe-west4",
         "aiplatform.googleapis.com", NULL, NULL, 0},
        {"{kind: vertex, project: p, credentials: {api_key: AQ.x}}", "europe-west4",
         "europe-west4-aiplatform.googleapis.com", "p", "europe-west4", 0},
        {"{kind: vertex, base_url: \"https://proxy.internal/v\"}", "l", "proxy.internal",
         "path-project", "l", 0},
        {"{kind: gemini, credentials: {api_key: k}}", "l", "generativelanguage.googleapis.com",
         NULL, NULL, 0},
        {"{kind: vllm, base_url: \"http://lab:8000\"}", "l", "lab", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct found f;
        find(&f, cases[i].upstream,
             (struct gw_place_ask){.location = cases[i].index,
                                   .path_project = DGM_STR("path-project"),
                                   .path_location = dgm_str_c(cases[i].path_location)});
        assert_int_equal(f.rc, DGM_OK);
        assert_text(f.place.origin.host, cases[i].host);
        assert_text(f.place.native.project, cases[i].project);
        assert_text(f.place.native.location, cases[i].location);
        done(&f);
    }
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *upstream, *authorization, *name, *value;
    } cases[] = {
        {"{kind: vertex, credentials: {bearer: ya29.t}}", "Bearer c", "Authorization",
         "Bearer ya29.t"},
        {"{kind: vertex, credentials: {api_key: AQ.k}}", "Bearer c", "x-goog-api-key", "AQ.k"},
        {"{kind: gemini, credentials: {api_key: AIzaK}}", "Bearer c", "x-goog-api-key", "AIzaK"},
        {"{kind: vertex, credentials: caller}", "Bearer ya29.c", "Authorization", "Bearer ya29.c"},
        {"{kind: vertex, credentials: caller}", "bearer  AQ.c ", "x-goog-api-key", "AQ.c"},
        {"{kind: gemini, credentials: caller}", "Bearer AIzaC", "x-goog-api-key", "AIzaC"},
        {"{kind: gemini, credentials: caller}", "Bearer ya29.c", "Authorization", "Bearer ya29.c"},
        {"{kind: vllm, base_url: \"http://h\", credentials: {api_key: k}}", NULL, "Authorization",
         "Bearer k"},
        {"{kind: vllm, base_url: \"http://h\", credentials: caller}", "Bearer AIzaC",
         "Authorization", "Bearer AIzaC"},
        {"{kind: vllm, base_url: \"http://h\"}", "Bearer c", NULL, NULL},
        {"{kind: vertex, credentials: none}", "Bearer c", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct found f;
        find(&f, cases[i].upstream,
             (struct gw_place_ask){.path_project = DGM_STR("p"),
                                   .path_location = DGM_STR("l"),
                                   .authorization = dgm_str_c(cases[i].authorization)});
        assert_int_equal(f.rc, DGM_OK);
        assert_int_equal(f.place.headers_n, cases[i].name != NULL);
        if (cases[i].name) {
            assert_text(f.place.headers[0].name, cases[i].name);
            assert_text(f.place.headers[0].value, cases[i].value);
        }
        done(&f);
    }
}

/* What a token says of itself: its universe's hosts, whose quota, whose project where nobody else names one (user-pain H1). */
static void test_what_tokens_say(void **state)
{
    static const struct {
        const char *upstream, *universe, *host, *project, *quota;
    } cases[] = {
        {"{kind: vertex, locations: [eu], credentials: adc}", "",
         "aiplatform.eu.rep.googleapis.com", "theirs", "payer"},
        {"{kind: vertex, locations: [global], credentials: adc}", "example.cloud",
         "aiplatform.example.cloud", "theirs", "payer"},
        {"{kind: vertex, locations: [u-1], project: mine, credentials: {file: f}}", "example.cloud",
         "u-1-aiplatform.example.cloud", "mine", "payer"},
        {"{kind: gemini, credentials: metadata}", "", "generativelanguage.googleapis.com", NULL,
         "payer"},
        {"{kind: openai, base_url: \"http://h\", credentials: adc}", "", "h", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct gw_token_said token = {.token = DGM_STR("ya29.t"),
                                            .universe = dgm_str_c(cases[i].universe),
                                            .project = DGM_STR("theirs"),
                                            .quota_project = DGM_STR("payer")};
        struct found f;
        find(&f, cases[i].upstream, (struct gw_place_ask){.token = &token});
        assert_int_equal(f.rc, DGM_OK);
        assert_text(f.place.origin.host, cases[i].host);
        assert_text(f.place.headers[0].value, "Bearer ya29.t");
        assert_int_equal(f.place.headers_n, cases[i].quota != NULL ? 2 : 1);
        if (cases[i].quota != NULL)
            assert_text(f.place.headers[1].value, cases[i].quota);
        if (cases[i].project != NULL)
            assert_text(f.place.native.project, cases[i].project);
        gw_place_forget(&f.place);
        done(&f);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *upstream, *location, *authorization;
        enum dgm_error error;
    } cases[] = {
        {"{kind: vertex, credentials: caller}", "l", NULL, DGM_ERR_CALLER_UNKNOWN},
        {"{kind: vertex, credentials: caller}", "l", "Basic eDp5", DGM_ERR_CALLER_UNKNOWN},
        {"{kind: vertex, credentials: caller}", "l", "Bearer ", DGM_ERR_CALLER_UNKNOWN},
        {"{kind: vertex, credentials: none}", "evil.example", NULL, DGM_ERR_UPSTREAM_NONE},
        {"{kind: vertex, credentials: none}", "evil:443@x", NULL, DGM_ERR_UPSTREAM_NONE},
        {"{kind: vertex, credentials: none}", "-x", NULL, DGM_ERR_UPSTREAM_NONE},
        {"{kind: vertex, credentials: none}", "US", NULL, DGM_ERR_UPSTREAM_NONE},
        {"{kind: vertex, credentials: none}", "a123456789a123456789a123456789a1234567890", NULL,
         DGM_ERR_UPSTREAM_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct found f;
        find(&f, cases[i].upstream,
             (struct gw_place_ask){.path_project = DGM_STR("p"),
                                   .path_location = dgm_str_c(cases[i].location),
                                   .authorization = dgm_str_c(cases[i].authorization)});
        assert_int_equal(f.rc, DGM_E_REFUSED);
        assert_int_equal(f.fail.id, cases[i].error);
        done(&f);
    }
}

static void test_short_memory(void **state)
{
    (void)state;
    struct found f;
    find(&f, "{kind: vertex, project: p, locations: [us], credentials: {bearer: t}}",
         (struct gw_place_ask){0});
    const struct gw_place_ask ask = {.upstream = &f.config->upstreams[0]};
    bool failed = true;
    for (size_t k = 1; failed; k++) {
        struct alloc_fail memory;
        struct dgm_arena arena;
        struct gw_place place;
        struct dgm_fail why;
        alloc_fail_init(&memory, k);
        dgm_arena_init(&arena, &memory.alloc, SIZE_MAX);
        enum dgm_rc rc = gw_place_find(f.config, &ask, &arena, &place, &why);
        failed = alloc_fail_failed(&memory);
        assert_int_equal(rc, failed ? DGM_E_NOMEM : DGM_OK);
        dgm_arena_dispose(&arena);
        alloc_fail_done(&memory, "place");
    }
    done(&f);
}

/* An endpoint's path has a project even where a key alone would be express mode. */
static void test_a_key_at_an_endpoint(void **state)
{
    (void)state;
    struct found f;
    find(&f, "{kind: vertex, credentials: {api_key: AQ.x}}",
         (struct gw_place_ask){
             .path_project = DGM_STR("p"), .path_location = DGM_STR("eu"), .relays = true});
    assert_int_equal(f.rc, DGM_OK);
    assert_text(f.place.origin.host, "aiplatform.eu.rep.googleapis.com");
    assert_text(f.place.native.project, "p");
    assert_text(f.place.headers[0].name, "x-goog-api-key");
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_base_url_tells_its_location),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_residency),
        cmocka_unit_test(test_express_mode_is_global),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_a_key_at_an_endpoint),
        cmocka_unit_test(test_what_tokens_say),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
