/* SPDX-License-Identifier: Apache-2.0 */
/* directory.c - tests of emulate/directory: the lists of models of both APIs, one of them, and none. */
#include "emulate/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/emulate.h"
#include "json/read.h"

static struct dgm_arena arena;
static struct refusal refusal;

/* What a GET of a target puts, parsed; NULL: it is refused. */
static const struct json_val *get(const char *target)
{
    struct target t;
    struct dgm_buf out;
    const struct json_val *root = NULL;
    struct json_error error;
    assert_true(emu_target_read(DGM_STR("GET"), dgm_str_c(target), &t));
    dgm_buf_init(&out, dgm_arena_alloc(&arena), SIZE_MAX);
    refusal = (struct refusal){0};
    enum dgm_rc rc = emu_directory_put(&t, &arena, &out, &refusal);
    if (rc == DGM_E_REFUSED)
        return NULL;
    assert_int_equal(rc, DGM_OK);
    assert_non_null(dgm_buf_reserve(&out, JSON_PADDING));
    assert_int_equal(json_parse(&arena, out.p, out.n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    return root;
}

static size_t served(void)
{
    struct emu_model m;
    size_t n = 0;
    while (emu_model_at(n, &m))
        n++;
    return n;
}

static bool lists(const struct json_val *models, const char *name)
{
    for (struct json_iter i = json_iter(models); json_next(&i);)
        if (dgm_str_eq(json_get_str(i.value, DGM_STR("name")), dgm_str_c(name)))
            return true;
    return false;
}

static void all_models_on_both_apis(void **state)
{
    (void)state;
    const struct json_val *gemini = json_get(get("/v1beta/models"), DGM_STR("models"));
    const struct json_val *vertex =
        json_get(get("/v1beta1/publishers/*/models"), DGM_STR("publisherModels"));
    assert_int_equal(json_size(gemini), served());
    assert_int_equal(json_size(vertex), served());
    assert_true(lists(gemini, "models/gemini-2.5-flash"));
    assert_true(lists(vertex, "publishers/google/models/gemini-2.5-flash"));
    assert_int_equal(json_size(get("/v1beta1/publishers/xai/models")), 0);
}

static void the_stable_version_has_less(void **state)
{
    (void)state;
    const struct json_val *models = json_get(get("/v1/models"), DGM_STR("models"));
    assert_true(lists(models, "models/gemini-3.8-flash"));
    assert_false(lists(models, "models/gemini-3-flash-preview"));
    assert_null(get("/v1/models/gemini-3-flash-preview"));
    assert_non_null(get("/v1beta/models/gemini-3-flash-preview"));
}

/* Pages of every size have each model once, in the same order. */
static void pages_make_the_whole(void **state)
{
    (void)state;
    const struct json_val *whole = json_get(get("/v1beta/models"), DGM_STR("models"));
    for (size_t size = 1; size <= served() + 1; size++) {
        char target[128];
        size_t n = 0;
        struct dgm_str token = DGM_STR("");
        do {
            snprintf(target, sizeof target, "/v1beta/models?pageSize=%zu&pageToken=%.*s", size,
                     (int)token.n, token.p);
            const struct json_val *page = get(target);
            for (struct json_iter i = json_iter(json_get(page, DGM_STR("models"))); json_next(&i);
                 n++)
                assert_true(dgm_str_eq(json_get_str(i.value, DGM_STR("name")),
                                       json_get_str(json_at(whole, n), DGM_STR("name"))));
            token = json_get_str(page, DGM_STR("nextPageToken"));
        } while (token.n != 0);
        assert_int_equal(n, served());
    }
}

static void pages_that_can_not_be(void **state)
{
    (void)state;
    static const char *const queries[] = {"pageSize=x", "pageSize=-1", "pageToken=5",
                                          "pageToken=from-x"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char target[128];
        snprintf(target, sizeof target, "/v1beta/models?%s", queries[i]);
        assert_null(get(target));
        assert_int_equal(refusal.status, 400);
    }
    assert_int_equal(json_size(get("/v1beta/models?pageToken=from-1000")), 0);
    assert_int_equal(json_size(json_get(get("/v1beta/models?pageSize=0"), DGM_STR("models"))),
                     served());
}

static void one_model(void **state)
{
    (void)state;
    int64_t limit = 0;
    const struct json_val *m = get("/v1beta/models/gemini-2.5-flash?key=k");
    assert_true(dgm_str_eq(json_get_str(m, DGM_STR("displayName")), DGM_STR("Gemini 2.5 Flash")));
    assert_true(json_int(json_get(m, DGM_STR("inputTokenLimit")), &limit));
    assert_int_equal(limit, 1048576);
    assert_true(json_bool(json_get(m, DGM_STR("thinking")), false));
    assert_null(json_get(get("/v1beta/models/gemini-2.0-flash"), DGM_STR("thinking")));
    m = get("/v1beta/models/gemini-2.5-flash-lite"); /* served, though it is not listed */
    assert_true(
        dgm_str_eq(json_get_str(m, DGM_STR("name")), DGM_STR("models/gemini-2.5-flash-lite")));
    m = get("/v1/publishers/google/models/gemini-2.5-pro");
    assert_true(dgm_str_eq(json_get_str(m, DGM_STR("launchStage")), DGM_STR("GA")));
    assert_null(get("/v1/publishers/google/models/none"));
    assert_int_equal(refusal.status, 404);
    assert_null(get("/v1beta/models/none"));
    assert_true(dgm_str_starts(refusal.message,
                               DGM_STR("models/none is not found for API version v1beta")));
}

static int setup(void **state)
{
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dgm_arena_dispose(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_models_on_both_apis),
        cmocka_unit_test(the_stable_version_has_less),
        cmocka_unit_test(pages_make_the_whole),
        cmocka_unit_test(pages_that_can_not_be),
        cmocka_unit_test(one_model),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
