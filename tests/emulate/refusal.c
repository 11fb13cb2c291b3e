/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c - tests of emulate/refusal: what is refused by no rule, and how much is told of what is wrong. */
#include "emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/emu_run.h"

#define VERTEX "/v1/projects/p/locations/global/publishers/google/models/"
#define HELLO "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello!\"}]}]}"

static const struct emu_options plain_options;

static void post(struct emu_run *run, const char *target, const char *body)
{
    emu_run_post(run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), dgm_str_c(body), 0);
    if (run->status != 200)
        fail_msg("%s: %d: %.*s", body, run->status, (int)run->body.n, run->body.p);
    assert_int_equal(run->rc, DGM_DONE);
}

static void assert_refused(const char *target, const char *body, int status, const char *type,
                           const char *wanted)
{
    struct emu_run run;
    emu_run_post(&run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), dgm_str_c(body), 0);
    if (run.status != status || !dgm_str_starts(run.type, dgm_str_c(type)) ||
        dgm_str_find(dgm_buf_str(&run.body), dgm_str_c(wanted)) == run.body.n)
        fail_msg("%s: %d %.*s: %.*s", target, run.status, (int)run.type.n, run.type.p,
                 (int)run.body.n, run.body.p);
    emu_run_dispose(&run);
}

static void paths_and_models_that_are_none(void **state)
{
    (void)state;
    assert_refused("/v1/nothing", HELLO, 404, "text/html", "<title>Error 404");
    assert_refused(VERTEX "gemini-2.5-flash:generate", HELLO, 404, "text/html", "404");
    assert_refused(VERTEX "gemini-2.5-flash:predict", HELLO, 501, "application/json",
                   "\"status\":\"UNIMPLEMENTED\"");
    assert_refused(
        VERTEX "gemini-9-flash:generateContent", HELLO, 404, "application/json",
        "Publisher Model `projects/p/locations/global/publishers/google/models/gemini-9-flash`");
    assert_refused("/v1/publishers/xai/models/gemini-2.5-flash:generateContent", HELLO, 404,
                   "application/json", "Publisher Model `publishers/xai/models/");
    assert_refused("/v1beta/models/x:generateContent", HELLO, 404, "application/json",
                   "models/x is not found for API version v1beta, or is not supported");
    assert_refused("/v1beta/models/x:streamGenerateContent", HELLO, 404, "application/json",
                   "[{\"error\"");
    assert_refused("/v1beta/models/x:streamGenerateContent?alt=sse&key=k", HELLO, 404,
                   "application/json", "{\"error\"");
}

/* user-pain A5: a name without a version is answered, and modelVersion names the model that did. */
static void names_without_a_version_are_resolved(void **state)
{
    static const char *const rows[][2] = {{"gemini-pro-latest", "gemini-3.1-pro-preview"},
                                          {"gemini-flash-latest", "gemini-3.8-flash"},
                                          {"gemini-flash-lite-latest", "gemini-3.5-flash-lite"}};
    static const char *const paths[] = {VERTEX, "/v1beta/models/"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t k = 0; k < sizeof paths / sizeof *paths; k++) {
            struct emu_run run;
            char target[256];
            snprintf(target, sizeof target, "%s%s:generateContent", paths[k], rows[i][0]);
            post(&run, target, HELLO);
            assert_true(dgm_str_eq(json_get_str(emu_run_last(&run), DGM_STR("modelVersion")),
                                   dgm_str_c(rows[i][1])));
            emu_run_dispose(&run);
        }
    }
    assert_refused("/v1/models/gemini-pro-latest:generateContent", HELLO, 404, "application/json",
                   "models/gemini-pro-latest is not found for API version v1,");
    assert_refused("/v1/models/gemini-3-flash-preview:generateContent", HELLO, 404,
                   "application/json", "is not found for API version v1,");
    assert_refused("/v1/models/gemini-2.5-flash-tts:generateContent", HELLO, 404,
                   "application/json", "is not found for API version v1,");
    assert_refused("/v1beta/models/gemini-newest-latest:generateContent", HELLO, 404,
                   "application/json", "models/gemini-newest-latest is not found");
}

/* A body can make any number of mistakes; the answer to it stays small. */
static void only_so_many_mistakes_are_told(void **state)
{
    (void)state;
    struct dgm_buf unknown, empty;
    dgm_buf_init(&unknown, &dgm_alloc_libc, 1 << 20);
    dgm_buf_init(&empty, &dgm_alloc_libc, 1 << 20);
    dgm_buf_put_lit(&unknown, "{\"a\":1");
    dgm_buf_put_lit(&empty, "{\"contents\":[{}");
    for (size_t i = 0; i < 20000; i++) {
        dgm_buf_put_lit(&unknown, ",\"a\":1");
        dgm_buf_put_lit(&empty, ",{}");
    }
    dgm_buf_put_lit(&unknown, "}");
    dgm_buf_put_lit(&empty, "]}");
    struct emu_run run;
    emu_run_post(&run, &dgm_alloc_libc, &plain_options,
                 DGM_STR(VERTEX "gemini-2.0-flash:generateContent"), dgm_buf_str(&unknown), 0);
    const struct json_val *error = json_get(emu_run_json(&run), DGM_STR("error"));
    const struct json_val *detail = json_at(json_get(error, DGM_STR("details")), 0);
    assert_int_equal(json_size(json_get(detail, DGM_STR("fieldViolations"))), 32);
    emu_run_dispose(&run);
    emu_run_post(&run, &dgm_alloc_libc, &plain_options,
                 DGM_STR("/v1beta/models/gemini-2.0-flash:generateContent"), dgm_buf_str(&empty),
                 0);
    assert_int_equal(run.status, 400);
    assert_true(run.body.n < 20000);
    emu_run_dispose(&run);
    dgm_buf_dispose(&unknown);
    dgm_buf_dispose(&empty);
}

static void bodies_over_the_limit(void **state)
{
    (void)state;
    const struct emu_options options = {.body_max_bytes = sizeof HELLO - 2};
    struct emu_run run;
    emu_run_post(&run, &dgm_alloc_libc, &options,
                 DGM_STR(VERTEX "gemini-2.0-flash:generateContent"), DGM_STR(HELLO), 0);
    assert_int_equal(run.status, 400);
    assert_true(dgm_str_find(dgm_buf_str(&run.body), DGM_STR("exceeds the limit")) < run.body.n);
    emu_run_dispose(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_models_that_are_none),
        cmocka_unit_test(names_without_a_version_are_resolved),
        cmocka_unit_test(only_so_many_mistakes_are_told),
        cmocka_unit_test(bodies_over_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
