/* SPDX-License-Identifier: Apache-2.0 */
/* count.c - tests of emulate/count: countTokens on both APIs. */
#include "emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/emu_run.h"

#define VERTEX "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:"
#define GEMINI "/v1beta/models/gemini-2.5-flash:"
#define HELLO "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello, world\"}]}]"

static const struct emu_options plain_options;

static void post(struct emu_run *run, const char *target, const char *body)
{
    emu_run_post(run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), dgm_str_c(body), 0);
    assert_int_equal(run->rc, DGM_DONE);
    assert_true(dgm_str_eq(run->type, DGM_STR("application/json; charset=UTF-8")));
}

/* A number of the answer; -1 where it is not there. */
static int64_t number(const char *target, const char *body, const char *name)
{
    struct emu_run run;
    int64_t n = -1;
    post(&run, target, body);
    assert_int_equal(run.status, 200);
    json_int(json_get(emu_run_json(&run), dgm_str_c(name)), &n);
    emu_run_dispose(&run);
    return n;
}

static void assert_message(const char *target, const char *body, const char *wanted)
{
    struct emu_run run;
    post(&run, target, body);
    struct dgm_str message =
        json_get_str(json_get(emu_run_json(&run), DGM_STR("error")), DGM_STR("message"));
    if (run.status != 400 || !dgm_str_eq(message, dgm_str_c(wanted)))
        fail_msg("%d: %.*s", run.status, (int)message.n, message.p);
    emu_run_dispose(&run);
}

/* What countTokens says is what an answer's usage says. */
static void a_count_is_the_usage(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" HELLO "}",
        "{" HELLO ",\"systemInstruction\":{\"parts\":[{\"text\":\"Be kind.\"}]}}",
        ("{" HELLO
         ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"d\"}]}]}"),
        ("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"fileData\":{\"mimeType\":\"image/png\","
         "\"fileUri\":\"gs://b/a.png\"}},{\"text\":\"What is it?\"}]}]}"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct emu_run run;
        int64_t prompt = 0;
        post(&run, VERTEX "generateContent", bodies[i]);
        assert_true(json_int(json_get(json_get(emu_run_json(&run), DGM_STR("usageMetadata")),
                                      DGM_STR("promptTokenCount")),
                             &prompt));
        emu_run_dispose(&run);
        assert_true(prompt > 0);
        assert_int_equal(number(VERTEX "countTokens", bodies[i], "totalTokens"), prompt);
    }
}

static void what_is_counted_is_told_by_modality(void **state)
{
    (void)state;
    struct emu_run run;
    int64_t total = 0, sum = 0, one;
    post(
        &run, GEMINI "countTokens",
        "{\"contents\":[{\"parts\":[{\"text\":\"a b\"},{\"inlineData\":{\"mimeType\":\"image/png\","
        "\"data\":\"iVBORw0KGgo=\"}}]}]}");
    assert_true(json_int(json_get(emu_run_json(&run), DGM_STR("totalTokens")), &total));
    for (struct json_iter i =
             json_iter(json_get(emu_run_json(&run), DGM_STR("promptTokensDetails")));
         json_next(&i); sum += one)
        assert_true(json_int(json_get(i.value, DGM_STR("tokenCount")), &one));
    assert_true(total > 0);
    assert_int_equal(sum, total);
    emu_run_dispose(&run);
}

static void only_vertex_bills_characters(void **state)
{
    (void)state;
    assert_int_equal(number(VERTEX "countTokens", "{" HELLO "}", "totalBillableCharacters"), 11);
    assert_int_equal(number(VERTEX "countTokens",
                            "{\"contents\":{\"parts\":{\"text\":\"\xc3\xa4 \xe2\x82\xac\\n\"}}}",
                            "totalBillableCharacters"),
                     2);
    assert_int_equal(number(GEMINI "countTokens", "{" HELLO "}", "totalBillableCharacters"), -1);
    assert_int_equal(number(VERTEX "countTokens", "{}", "totalTokens"), -1);
}

static void the_gemini_api_counts_a_whole_request(void **state)
{
    (void)state;
    int64_t plain = number(GEMINI "countTokens", "{" HELLO "}", "totalTokens");
    assert_int_equal(
        number(GEMINI "countTokens", "{\"generateContentRequest\":{" HELLO "}}", "totalTokens"),
        plain);
    assert_true(number(GEMINI "countTokens",
                       "{\"generateContentRequest\":{\"model\":\"models/m\"," HELLO
                       ",\"systemInstruction\":{\"parts\":[{\"text\":\"Be kind.\"}]}}}",
                       "totalTokens") > plain);
}

static void what_is_refused(void **state)
{
    (void)state;
    assert_message(GEMINI "countTokens", "{}",
                   "CountTokens requires generate_content_request or contents to be set.");
    assert_message(GEMINI "countTokens", "{" HELLO ",\"generateContentRequest\":{}}",
                   "CountTokens takes generate_content_request or contents, not both.");
    assert_message(GEMINI "countTokens", "{\"contents\":[{\"parts\":[{}]}]}",
                   "* CountTokensRequest.contents[0].parts[0].data: required oneof field 'data' "
                   "must have one initialized field\n");
    assert_message(
        GEMINI "countTokens",
        "{\"generateContentRequest\":{\"contents\":[{\"parts\":[]},{\"parts\":[]}]}}",
        "* CountTokensRequest.generate_content_request.contents[0].parts: contents.parts "
        "must not be empty.\n"
        "* CountTokensRequest.generate_content_request.contents[1].parts: contents.parts "
        "must not be empty.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_count_is_the_usage),
        cmocka_unit_test(what_is_counted_is_told_by_modality),
        cmocka_unit_test(only_vertex_bills_characters),
        cmocka_unit_test(the_gemini_api_counts_a_whole_request),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
