/* SPDX-License-Identifier: Apache-2.0 */
/* respond.c - tests of who answers, and of what calls: responder, respond_tools, compose; see also tests/daemon/test_responders.py. */
#include "emulate/responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/signature.h"
#include "json/write.h"
#include "support/alloc_fail.h"
#include "support/emu_run.h"

#define V1B1 "/v1beta1/projects/p/locations/global/publishers/google/models/"
#define TOOLS                                                                                      \
    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_weather\",\"parameters\":{\"type\":"    \
    "\"OBJECT\",\"properties\":{\"location\":{\"type\":\"STRING\"}}}},{\"name\":\"get_time\"}]}]"
#define ASKED(text)                                                                                \
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}]," TOOLS "}"

static const struct emu_options plain_options;

static const struct json_val *parts_of(struct emu_run *run)
{
    const struct json_val *c = json_at(json_get(emu_run_json(run), DGM_STR("candidates")), 0);
    return json_get(json_get(c, DGM_STR("content")), DGM_STR("parts"));
}

/* ---- signatures --------------------------------------------------------------------------------------- */

/* How the emulator itself judges what it has just signed; "-" is unsigned, "G" good, "?" anything else. */
static void assert_signed(const char *model, const char *body, const char *wanted)
{
    char target[256], found[16] = "";
    struct emu_run run;
    struct ask ask = {.target = {.surface = NATIVE_V1B1}};
    struct signature_reader reader = {0};
    snprintf(target, sizeof target, V1B1 "%s:generateContent", model);
    emu_run_post(&run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), dgm_str_c(body), 0);
    assert_int_equal(run.status, 200);
    assert_true(emu_model_find(dgm_str_c(model), &ask.model));
    const struct json_val *c = json_at(json_get(emu_run_json(&run), DGM_STR("candidates")), 0);
    const struct json_val *content = json_get(c, DGM_STR("content"));
    for (struct json_iter p = json_iter(json_get(content, DGM_STR("parts"))); json_next(&p);) {
        enum signature s = emu_signature_next(&reader, &ask, content, p.value);
        found[p.index] = s == SIGNATURE_MISSING ? '-' : s == SIGNATURE_GOOD ? 'G' : '?';
    }
    if (strcmp(found, wanted) != 0)
        fail_msg("%s: %s: %s, not %s", model, body, found, wanted);
    emu_run_dispose(&run);
}

static void what_is_signed_is_signed_well(void **state)
{
    (void)state;
    static const char *const both = ASKED("Call both in parallel");
    static const char *const hello = ASKED("Hello");
    static const char *const plain = "{\"contents\":[{\"parts\":[{\"text\":\"Hello\"}]}]}";
    static const char *const shown =
        "{\"contents\":[{\"parts\":[{\"text\":\"Call both at once\"}]}]," TOOLS
        ",\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}}";
    static const char *const still =
        "{\"contents\":[{\"parts\":[{\"text\":\"Weather?\"}]}]," TOOLS
        ",\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}}";
    assert_signed("gemini-3.1-pro-preview", both, "G-");
    assert_signed("gemini-3.1-pro-preview", shown, "-G-");
    assert_signed("gemini-3-flash-preview", hello, "G");
    assert_signed("gemini-3-flash-preview", plain, "G");
    assert_signed("gemini-2.5-flash", both, "G-");
    assert_signed("gemini-2.5-flash", shown, "-G-");
    assert_signed("gemini-2.5-flash", hello, "G");
    assert_signed("gemini-2.5-flash", plain, "-");
    assert_signed("gemini-2.5-flash", still, "-");
    assert_signed("gemini-2.0-flash", both, "--");
}

/* ---- the table ---------------------------------------------------------------------------------------- */

/* An argument that is fine, for each responder that wants one. */
static const char *argument_of(const struct responder_row *row)
{
    static const char *const arguments[][2] = {
        {"finish", ":SAFETY"}, {"usage", ":details"}, {"traffic", ":PROVISIONED_THROUGHPUT"}};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
        if (strcmp(arguments[i][0], row->name) == 0)
            return arguments[i][1];
    return "";
}

static void every_responder_answers_and_is_listed(void **state)
{
    (void)state;
    struct emu_run none;
    emu_run_post_as(&none, &dgm_alloc_libc, &plain_options,
                    DGM_STR("n\xff"
                            "one"),
                    DGM_STR(V1B1 "gemini-2.5-flash:generateContent"), DGM_STR(ASKED("Hi")));
    assert_int_equal(none.status, 400);
    struct dgm_str message =
        json_get_str(json_get(emu_run_json(&none), DGM_STR("error")), DGM_STR("message"));
    assert_true(dgm_str_find(message, DGM_STR("no responder \"n\"")) < message.n);
    size_t n = 0;
    for (const struct responder_row *row; (row = emu_responder_at(n)); n++) {
        struct emu_run run;
        char value[64];
        snprintf(value, sizeof value, "%s%s", row->name, argument_of(row));
        assert_true(row->about[0] != '\0');
        assert_true(dgm_str_find(message, dgm_str_c(row->name)) < message.n);
        emu_run_post_as(&run, &dgm_alloc_libc, &plain_options, dgm_str_c(value),
                        DGM_STR(V1B1 "gemini-2.5-flash:generateContent"), DGM_STR(ASKED("Hi")));
        if (run.status != 200)
            fail_msg("%s: %.*s", value, (int)run.body.n, run.body.p);
        assert_int_equal(json_kind(emu_run_json(&run)), JSON_OBJ);
        emu_run_dispose(&run);
    }
    assert_true(n >= 20);
    emu_run_dispose(&none);
}

static void values_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum native_surface surface;
        enum dgm_rc rc;
    } cases[] = {
        {" usual ", NATIVE_V1, DGM_OK},
        {"blocked:jailbreak", NATIVE_V1, DGM_OK},
        {"blocked:JAILBREAK", NATIVE_V1B1, DGM_E_REFUSED},
        {"blocked:IMAGE_SAFETY", NATIVE_G1B, DGM_OK},
        {"blocked:", NATIVE_G1B, DGM_E_REFUSED},
        {"long-thinking:1", NATIVE_V1, DGM_OK},
        {"long-thinking:0", NATIVE_V1, DGM_E_REFUSED},
        {"long-thinking:1000001", NATIVE_V1, DGM_E_REFUSED},
        {"tools:parallel", NATIVE_V1, DGM_OK},
        {"tools:serial", NATIVE_V1, DGM_E_REFUSED},
        {"Usual", NATIVE_V1, DGM_E_REFUSED},
        {"finish", NATIVE_V1, DGM_E_REFUSED},
        {"finish:no_image", NATIVE_V1, DGM_OK},
        {"finish:LANGUAGE", NATIVE_V1, DGM_E_REFUSED},
        {"finish:LANGUAGE", NATIVE_G1, DGM_OK},
        {"finish:MODEL_ARMOR", NATIVE_G1, DGM_E_REFUSED},
        {"usage:details", NATIVE_G1, DGM_OK},
        {"usage:usual", NATIVE_V1, DGM_E_REFUSED},
        {"traffic:ON_DEMAND_FLEX", NATIVE_V1, DGM_OK},
        {"traffic:ON_DEMAND_FLEX", NATIVE_G1, DGM_E_REFUSED},
        {"image:2048x1", NATIVE_V1, DGM_OK},
        {"image:2049x1", NATIVE_V1, DGM_E_REFUSED},
        {"image:1x0", NATIVE_V1, DGM_E_REFUSED},
        {"image:12", NATIVE_V1, DGM_E_REFUSED},
        {"audio:wav", NATIVE_V1, DGM_OK},
        {"audio:mp3", NATIVE_V1, DGM_E_REFUSED},
        {"logprobs:20", NATIVE_V1, DGM_OK},
        {"logprobs:21", NATIVE_V1, DGM_E_REFUSED},
        {"sparse:much", NATIVE_V1, DGM_E_REFUSED},
        {"", NATIVE_V1, DGM_E_REFUSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_arena arena;
        struct responder r;
        struct refusal refusal = {0};
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        assert_int_equal(
            emu_responder_read(dgm_str_c(cases[i].value), cases[i].surface, &arena, &r, &refusal),
            cases[i].rc);
        assert_int_equal(refusal.status, cases[i].rc == DGM_OK ? 0 : 400);
        dgm_arena_dispose(&arena);
    }
}

/* ---- bounds ------------------------------------------------------------------------------------------- */

static size_t count_calls(const char *model, struct dgm_str body)
{
    char target[256];
    struct emu_run run;
    size_t n = 0;
    snprintf(target, sizeof target, V1B1 "%s:generateContent", model);
    emu_run_post(&run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), body, 0);
    if (run.status != 200)
        fail_msg("%.*s", (int)run.body.n, run.body.p);
    for (struct json_iter p = json_iter(parts_of(&run)); json_next(&p);)
        n += json_get(p.value, DGM_STR("functionCall")) != NULL;
    emu_run_dispose(&run);
    return n;
}

/* So many functions at once, and a turn that has had enough results. */
static void loops_and_steps_end(void **state)
{
    (void)state;
    struct dgm_buf body;
    dgm_buf_init(&body, &dgm_alloc_libc, 1 << 20);
    dgm_buf_put_lit(&body,
                    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"All at once\"}]}],"
                    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"}");
    for (int i = 0; i < 100; i++) {
        dgm_buf_put_lit(&body, ",{\"name\":\"f");
        dgm_buf_put_int(&body, i);
        dgm_buf_put_lit(&body, "\",\"description\":\"once once once\"}");
    }
    dgm_buf_put_lit(&body, "]}]}");
    assert_int_equal(count_calls("gemini-2.0-flash", dgm_buf_str(&body)), 16);

    dgm_buf_clear(&body);
    dgm_buf_put_lit(&body, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Weather\"}]}");
    for (int i = 0; i < 64; i++)
        dgm_buf_put_lit(&body,
                        ",{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"x\"}}]},"
                        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"x\","
                        "\"response\":{}}}]}");
    dgm_buf_put_lit(&body, "]," TOOLS "}");
    assert_int_equal(count_calls("gemini-2.0-flash", dgm_buf_str(&body)), 0);
    dgm_buf_dispose(&body);
}

/* A function without a schema, or with one of no object, gets an object all the same. */
static void arguments_are_objects(void **state)
{
    (void)state;
    static const char *const schemas[] = {"", ",\"parametersJsonSchema\":{\"type\":\"string\"}",
                                          ",\"parametersJsonSchema\":{\"const\":null}",
                                          ",\"parametersJsonSchema\":true"};
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        char body[512];
        struct emu_run run;
        snprintf(body, sizeof body,
                 "{\"contents\":[{\"parts\":[{\"text\":\"Go\"}]}],\"tools\":[{"
                 "\"functionDeclarations\":[{\"name\":\"f\"%s}]}]}",
                 schemas[i]);
        emu_run_post(&run, &dgm_alloc_libc, &plain_options,
                     DGM_STR(V1B1 "gemini-2.0-flash:generateContent"), dgm_str_c(body), 0);
        const struct json_val *call = json_get(json_at(parts_of(&run), 0), DGM_STR("functionCall"));
        assert_int_equal(json_kind(json_get(call, DGM_STR("args"))), JSON_OBJ);
        emu_run_dispose(&run);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static void each_allocation_may_fail(void **state)
{
    (void)state;
    static const struct {
        struct dgm_str responder;
        const char *body;
    } cases[] = {
        {{0}, ASKED("Call both at once")},
        {{0},
         "{\"contents\":[{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"},{\"inlineData\":{\"mimeType\":"
         "\"image/gif\",\"data\":\"R0lGODlhAQABAA==\"}}]},{\"role\":\"model\",\"parts\":[{"
         "\"functionCall\":{\"name\":\"get_time\"},\"thoughtSignature\":"
         "\"skip_thought_signature_validator\"}]},{\"role\":\"user\",\"parts\":[{"
         "\"functionResponse\":{\"name\":\"get_time\",\"response\":{\"a\":1}}}]}],\"toolConfig\":{"
         "\"functionCallingConfig\":{\"mode\":\"NONE\"}}," TOOLS "}"},
        {{"blocked", 7}, ASKED("Hi")},
        {{"long-thinking", 13},
         "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generationConfig\":{"
         "\"thinkingConfig\":{\"includeThoughts\":true}}}"},
        {{"nobody", 6}, ASKED("Hi")},
        {{"finish:SAFETY", 13}, ASKED("Hi")},
        {{"finish:NO_IMAGE", 15}, ASKED("Hi")},
        {{"url-context", 11}, ASKED("Hi")},
        {{"citations", 9}, ASKED("Hi")},
        {{"code", 4}, ASKED("Hi")},
        {{"image:9x9", 9}, ASKED("Hi")},
        {{"audio", 5}, ASKED("Hi")},
        {{"audio:wav", 9}, ASKED("Hi")},
        {{"logprobs", 8}, ASKED("Hi")},
        {{"partial-args", 12}, ASKED("The weather in New York and Chicago?")},
        {{"sparse", 6}, ASKED("Hi")},
        {{"usage:twice", 11}, ASKED("Hi")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emu_run good;
        const struct dgm_str target =
            DGM_STR(V1B1 "gemini-3-flash-preview:streamGenerateContent?alt=sse");
        emu_run_post_as(&good, &dgm_alloc_libc, &plain_options, cases[i].responder, target,
                        dgm_str_c(cases[i].body));
        assert_int_equal(good.status, i == 4 ? 400 : 200);
        bool failed = true;
        for (size_t k = 1; failed; k++) {
            struct emu_run run;
            struct alloc_fail memory;
            alloc_fail_init(&memory, k);
            emu_run_post_as(&run, &memory.alloc, &plain_options, cases[i].responder, target,
                            dgm_str_c(cases[i].body));
            failed = alloc_fail_failed(&memory);
            if (run.status == 0 || run.rc == DGM_E_NOMEM)
                assert_true(failed);
            else
                assert_true(dgm_str_eq(dgm_buf_str(&run.body), dgm_buf_str(&good.body)));
            emu_run_dispose(&run);
            alloc_fail_done(&memory, cases[i].body);
            assert_true(k < 1000);
        }
        emu_run_dispose(&good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_is_signed_well),
        cmocka_unit_test(every_responder_answers_and_is_listed),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(loops_and_steps_end),
        cmocka_unit_test(arguments_are_objects),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
