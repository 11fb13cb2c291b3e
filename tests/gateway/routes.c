/* SPDX-License-Identifier: Apache-2.0 */
/* routes.c - the table of paths is walked, and paths that are not in it get good advice. */
#include "gateway/routes.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct looked_up {
    enum dgm_rc rc;
    struct gw_target target;
    struct dgm_fail fail;
};

static struct dgm_arena arena;

static struct looked_up look_up_as(const char *path, bool googles)
{
    struct looked_up l = {0};
    struct http_path parsed;
    dgm_arena_reset(&arena);
    assert_int_equal(http_path_parse(dgm_str_c(path), &arena, &parsed, &l.fail), DGM_OK);
    l.rc = gw_route_find(&parsed, googles, &l.target, &l.fail);
    return l;
}

static struct looked_up look_up(const char *path)
{
    return look_up_as(path, false);
}

/* A pattern with each {name} replaced by its name, each {name+} by "name/more". */
static void example(struct dgm_str pattern, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < pattern.n && n + 8 < size; i++) {
        if (pattern.p[i] == '+')
            n += (size_t)snprintf(to + n, size - n, "/more");
        else if (pattern.p[i] != '{' && pattern.p[i] != '}')
            to[n++] = pattern.p[i];
    }
    to[n] = '\0';
}

static void assert_capture(struct dgm_str pattern, const char *name, struct dgm_str got)
{
    char in_pattern[40];
    snprintf(in_pattern, sizeof in_pattern, "{%s}", name);
    if (dgm_str_find(pattern, dgm_str_c(in_pattern)) < pattern.n)
        assert_true(dgm_str_eq(got, dgm_str_c(name)));
    else
        assert_null(got.p);
}

static void test_every_row_is_found(void **state)
{
    (void)state;
    const struct gw_route *routes;
    size_t n = gw_routes(&routes);
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        char path[300];
        struct dgm_str pattern = routes[i].pattern;
        example(pattern, path, sizeof path);
        struct looked_up l = look_up_as(path, routes[i].shared);
        if (l.rc != DGM_OK || l.target.route != &routes[i])
            fail_msg("%s is not found by its own pattern", path);
        assert_capture(pattern, "project", l.target.project);
        assert_capture(pattern, "location", l.target.location);
        assert_capture(pattern, "endpoint", l.target.endpoint);
        assert_capture(pattern, "model", l.target.model);
        bool has_id = dgm_str_ends(pattern, DGM_STR("{id+}"));
        assert_true(dgm_str_eq(l.target.id, has_id ? DGM_STR("id/more") : DGM_STR("")));

        assert_true(gw_route_serves(&routes[i], routes[i].method));
        assert_true(gw_route_serves(&routes[i], HTTP_METHOD_OPTIONS));
        bool googles = routes[i].what == GW_GOOGLE; /* which answers whatever is asked */
        bool get = routes[i].method == HTTP_METHOD_GET || googles;
        assert_int_equal(gw_route_serves(&routes[i], HTTP_METHOD_DELETE),
                         routes[i].also == HTTP_METHOD_DELETE || googles);
        assert_int_equal(gw_route_serves(&routes[i], HTTP_METHOD_PUT), googles);
        assert_int_equal(gw_route_serves(&routes[i], HTTP_METHOD_HEAD), get);
        struct dgm_str allow = gw_route_allow(&routes[i]);
        assert_int_equal(dgm_str_find(allow, DGM_STR("GET")) < allow.n, get);
    }
}

/* Where OpenAI's clients, Google's and Azure's ask, and what is ours. */
static void test_what_is_served(void **state)
{
    (void)state;
#define PLACE "/projects/p/locations/l"
    static const char *const bases[] = {"/v1" PLACE "/endpoints/openapi",
                                        "/v1beta1" PLACE "/endpoints/openapi",
                                        "/v1",
                                        "",
                                        "/openai/v1",
                                        "/v1beta/openai",
                                        "/openai/deployments/m"};
    static const struct {
        const char *path;
        enum http_method method;
        enum gw_what what;
    } paths[] = {
        {"/v1" PLACE "/publishers/google/models/m:generateContent", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta1" PLACE "/publishers/google/models/m:countTokens", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1/publishers/google/models/m:generateContent", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta1/publishers/google/models/m", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1/publishers/*/models", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta1/publishers/*/models", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1/publishers/google/models", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta1/publishers/google/models", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1" PLACE "/cachedContents", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1" PLACE "/cachedContents/1", HTTP_METHOD_DELETE, GW_GOOGLE},
        {"/v1beta1" PLACE "/cachedContents", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta1" PLACE "/cachedContents/1", HTTP_METHOD_PATCH, GW_GOOGLE},
        {"/v1beta/cachedContents", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta/cachedContents/a1", HTTP_METHOD_PATCH, GW_GOOGLE},
        {"/v1beta/models", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1beta/models/m:streamGenerateContent", HTTP_METHOD_POST, GW_GOOGLE},
        {"/v1" PLACE "/endpoints", HTTP_METHOD_GET, GW_ENDPOINTS},
        {"/v1" PLACE "/endpoints/1", HTTP_METHOD_GET, GW_ENDPOINT},
        {"/v1beta1" PLACE "/endpoints", HTTP_METHOD_GET, GW_ENDPOINTS},
        {"/v1beta1" PLACE "/endpoints/1", HTTP_METHOD_GET, GW_ENDPOINT},
        {"/healthz", HTTP_METHOD_GET, GW_HEALTH},
        {"/readyz", HTTP_METHOD_GET, GW_READY},
        {"/_dragoman/stats", HTTP_METHOD_GET, GW_STATS},
        {"/_dragoman/emulator", HTTP_METHOD_GET, GW_EMULATED},
        {"/_dragoman/emulator", HTTP_METHOD_DELETE, GW_EMULATED},
        {"/_dragoman/emulator/1/v1/chat/completions", HTTP_METHOD_POST, GW_NATIVE},
        {"/_dragoman/identity", HTTP_METHOD_GET, GW_IDENTITY_PAGE},
        {"/_dragoman/identity", HTTP_METHOD_DELETE, GW_IDENTITY_PAGE},
        {"/_dragoman/identity/revoke", HTTP_METHOD_POST, GW_IDENTITY_REVOKE},
    };
#undef PLACE
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct looked_up l = look_up(paths[i].path);
        if (l.rc != DGM_OK || l.target.route->what != paths[i].what ||
            !gw_route_serves(l.target.route, paths[i].method))
            fail_msg("%s", paths[i].path);
    }
    static const struct {
        const char *path;
        enum gw_what what;
    } behind[] = {
        {"/chat/completions", GW_CHAT}, {"/models", GW_MODELS}, {"/models/google/m", GW_MODEL}};
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            char path[200];
            snprintf(path, sizeof path, "%s%s", bases[b], behind[i].path);
            struct looked_up l = look_up(path);
            if (l.rc != DGM_OK || l.target.route->what != behind[i].what)
                fail_msg("%s", path);
        }
}

/* Paths that both APIs have are Google's only for who asks as Google's clients do. */
static void test_shared_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum gw_what plain, googles;
    } rows[] = {
        {"/v1/models", GW_MODELS, GW_GOOGLE},
        {"/v1/models/gemini-2.5-flash", GW_MODEL, GW_GOOGLE},
        {"/v1/models/google/gemini-2.5-flash", GW_MODEL, GW_MODEL},
        {"/v1beta/models", GW_GOOGLE, GW_GOOGLE},
        {"/v1beta1/publishers/*/models", GW_GOOGLE, GW_GOOGLE},
        {"/v1beta/openai/models", GW_MODELS, GW_MODELS},
        {"/models", GW_MODELS, GW_MODELS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct looked_up l = look_up_as(rows[i].path, false);
        assert_int_equal(l.rc, DGM_OK);
        assert_int_equal(l.target.route->what, rows[i].plain);
        l = look_up_as(rows[i].path, true);
        assert_int_equal(l.rc, DGM_OK);
        assert_int_equal(l.target.route->what, rows[i].googles);
    }
}

static void test_names_must_be_names(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "/v1/projects/a..b/locations/l/endpoints/openapi/chat/completions",
        "/v1/projects/p/locations/.l/endpoints/openapi/models",
        "/v1/projects/p/locations/l/endpoints/a%20b/chat/completions",
        "/openai/deployments/%C3%A4/chat/completions",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct looked_up l = look_up(bad[i]);
        assert_int_equal(l.rc, DGM_E_REFUSED);
        assert_int_equal(l.fail.id, DGM_ERR_HTTP_TARGET);
    }
    assert_int_equal(
        look_up("/v1/projects/example.com:p-1/locations/l/endpoints/openapi/models").rc, DGM_OK);
}

static void test_unserved(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/v1/responses", "POST /v1/chat/completions is."},
        {"/responses", "POST /chat/completions is."},
        {"/v1/responses/resp_1/cancel", "POST /v1/chat/completions is."},
        {"/openai/v1/audio/speech", "POST /openai/v1/chat/completions is."},
        {"/openai/deployments/m/embeddings", "POST /openai/deployments/m/chat/completions is."},
        {"/v1beta1/projects/p/locations/l/endpoints/openapi/completions",
         "POST /v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions is."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct looked_up l = look_up(rows[i][0]);
        assert_int_equal(l.rc, DGM_E_REFUSED);
        assert_int_equal(l.fail.id, DGM_ERR_ENDPOINT_UNSUPPORTED);
        assert_non_null(strstr(l.fail.detail, rows[i][1]));
    }
}

/* All of OpenAI's API that is none of ours. */
static void test_each_that_is_unserved(void **state)
{
    (void)state;
    static const char *const names[] = {
        "assistants",    "audio",   "batches",       "chatkit",      "completions", "containers",
        "conversations", "edits",   "embeddings",    "engines",      "evals",       "files",
        "fine_tuning",   "images",  "moderations",   "organization", "realtime",    "responses",
        "threads",       "uploads", "vector_stores", "videos"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[100];
        snprintf(path, sizeof path, "/v1/%s/1", names[i]);
        struct looked_up l = look_up(path);
        if (l.rc != DGM_E_REFUSED || l.fail.id != DGM_ERR_ENDPOINT_UNSUPPORTED)
            fail_msg("%s", path);
    }
}

static void test_advice(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"/v1/chat/completion", "did you mean /v1/chat/completions?"},
        {"/v1/chat", "did you mean /v1/chat/completions?"},
        {"/v1/v1/chat/completions", "did you mean /v1/chat/completions?"},
        {"/v2/chat/completions", "did you mean /v1/chat/completions?"},
        {"/v1/modles", "did you mean /v1/models?"},
        {"/healthy", "did you mean /healthz?"},
        {"/v1/projects/pp/location/ll/endpoints/openapi/chat/completions",
         "did you mean /v1/projects/pp/locations/ll/endpoints/openapi/chat/completions?"},
        {"/v1/projects/pp/locations/ll/openapi/chat/completions",
         "did you mean /v1/projects/pp/locations/ll/endpoints/openapi/chat/completions?"},
        {"/favicon.ico", NULL},
        {"/wp-admin/setup.php", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct looked_up l = look_up(rows[i][0]);
        assert_int_equal(l.rc, DGM_E_REFUSED);
        assert_int_equal(l.fail.id, DGM_ERR_PATH_UNKNOWN);
        const char *advice = strstr(l.fail.detail, "did you mean");
        if (rows[i][1] == NULL)
            assert_null(advice);
        else if (advice == NULL)
            fail_msg("%s got no advice: %s", rows[i][0], l.fail.detail);
        else
            assert_string_equal(advice, rows[i][1]);
    }
}

/* Long and deep paths get a plain answer, quickly. */
static void test_long_paths(void **state)
{
    (void)state;
    static char path[16000];
    memset(path, 'x', sizeof path - 1);
    for (size_t step = 1; step < 4000; step = step * 3 + 1) {
        for (size_t i = 0; i < sizeof path - 1; i++)
            path[i] = i % (step + 1) == 0 ? '/' : 'x';
        path[sizeof path - 1] = '\0';
        struct looked_up l = look_up(path);
        assert_int_equal(l.rc, DGM_E_REFUSED);
        assert_null(strstr(l.fail.detail, "did you mean"));
    }
}

int main(void)
{
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_found),
        cmocka_unit_test(test_what_is_served),
        cmocka_unit_test(test_shared_paths),
        cmocka_unit_test(test_names_must_be_names),
        cmocka_unit_test(test_unserved),
        cmocka_unit_test(test_each_that_is_unserved),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_long_paths),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dgm_arena_dispose(&arena);
    return failed;
}
