/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.c - which rule answers, how it is counted, and what the answer is, with every allocation failing. */
#include "emulate/scenario.h"

#include "base/str.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TARGET "/v1beta1/projects/p/locations/global/publishers/google/models/gemini-3-pro-preview:"
#define SAYS(text) "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}]}"
#define RESULT                                                                                                                 \
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"go\"}]},{\"role\":\"model\",\"parts\":[{"                        \
    "\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=\"}]},{" \
    "\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{\"sky\":"                                \
    "\"Sunny\"}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}"

#define PLAIN(words)                                                                               \
    .text = {words, sizeof words - 1}, .prompt_tokens = -1, .candidates_tokens = -1,               \
    .thoughts_tokens = -1, .first_ms = -1, .piece_ms = -1

static uint64_t counted[8];

static uint64_t next(void *ctx, size_t rule)
{
    (void)ctx;
    return counted[rule]++;
}

/* The answer to one request; absent when memory was short. `wanted` must stand in it. */
static bool ask(const struct emu_scenario *s, const struct dgm_alloc *alloc, const char *verb,
                struct dgm_str body, const char *wanted)
{
    char target[160];
    struct dgm_buf out;
    uint32_t wait_ms;
    enum dgm_rc rc = DGM_EVENT;
    snprintf(target, sizeof target, "%s%s", TARGET, verb);
    const struct emu_env env = {
        .alloc = alloc, .id = DGM_STR("s"), .scenario = s, .counter = {next, NULL}};
    const struct emu_options options = {0};
    const struct emu_request request = {
        .method = DGM_STR("POST"), .target = dgm_str_c(target), .segs = &body, .nsegs = 1};
    struct emu_call *call = emu_call_new(&env, &options, &request);
    if (!call)
        return false;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    while (rc == DGM_EVENT)
        rc = emu_call_next(call, &out, &wait_ms);
    bool done = rc == DGM_DONE;
    if (done && dgm_str_find(dgm_buf_str(&out), dgm_str_c(wanted)) == out.n)
        fail_msg("no %s in %.*s", wanted, (int)out.n, out.p);
    dgm_buf_dispose(&out);
    emu_call_free(call);
    return done;
}

static void expect(const struct emu_scenario *s, struct dgm_str body, const char *wanted)
{
    assert_true(ask(s, NULL, "generateContent", body, wanted));
}

static void test_what_rules_want(void **state)
{
    (void)state;
    static const struct scenario_answer answers[] = {
        {PLAIN("tool said so")}, {PLAIN("exactly")}, {PLAIN("a stream")}, {PLAIN("another")}};
    static const struct scenario_rule rules[] = {
        {.name = {"tool", 4},
         .stream = -1,
         .tool_name = {SCENARIO_EXACT, {"f", 1}},
         .tool_result = {SCENARIO_CONTAINS, {"\"sky\":\"sunny\"", 13}},
         .answers = answers,
         .nanswers = 1},
        {.name = {"exact", 5},
         .stream = 0,
         .prompt = {SCENARIO_EXACT, {"Hi", 2}},
         .answers = answers + 1,
         .nanswers = 1},
        {.name = {"stream", 6},
         .stream = 1,
         .model = {SCENARIO_LIKE, {"gemini-3*", 9}},
         .answers = answers + 2,
         .nanswers = 1},
        {.name = {"other", 5},
         .stream = -1,
         .model = {SCENARIO_LIKE, {"gemini-2*", 9}},
         .answers = answers + 3,
         .nanswers = 1},
    };
    static const struct emu_scenario s = {rules, 4};
    memset(counted, 0, sizeof counted);
    expect(&s, DGM_STR(RESULT), "tool said so");
    expect(&s, DGM_STR(SAYS("Hi")), "exactly");
    expect(&s, DGM_STR(SAYS("hi")), "An emulated answer");
    assert_true(ask(&s, NULL, "streamGenerateContent", DGM_STR(SAYS("Hi")), "a stream"));
    assert_true(counted[0] == 1 && counted[1] == 1 && counted[2] == 1 && counted[3] == 0);
    expect(&s, DGM_STR("{\"contents\":[]}"), "contents"); /* refused, and counted for nobody */
    assert_true(counted[0] + counted[1] + counted[2] == 3);
}

static void test_counts(void **state)
{
    (void)state;
    static const struct scenario_answer answers[] = {
        {PLAIN("third")}, {PLAIN("first")}, {PLAIN("then")}};
    static const struct scenario_rule rules[] = {
        {.name = {"n", 1}, .stream = -1, .nth = 3, .answers = answers, .nanswers = 1},
        {.name = {"t", 1}, .stream = -1, .times = 3, .answers = answers + 1, .nanswers = 2},
    };
    static const struct emu_scenario s = {rules, 2};
    static const char *const said[] = {"first", "then", "third", "then", "An emulated answer"};
    memset(counted, 0, sizeof counted);
    for (size_t i = 0; i < 5; i++)
        expect(&s, DGM_STR(SAYS("x")), said[i]);
    assert_true(counted[0] == 5 && counted[1] == 4);
}

static void test_what_is_said(void **state)
{
    (void)state;
    static const struct scenario_call calls[] = {{{"f", 1}, {"{\"a\":1}", 7}},
                                                 {{"g", 1}, {"{}", 2}}};
    static const struct scenario_answer answers[] = {
        {PLAIN("before"), .calls = calls, .ncalls = 2},
        {.text = {"all of it", 9},
         .finish = {"SAFETY", 6},
         .prompt_tokens = 7,
         .candidates_tokens = 5,
         .thoughts_tokens = 0,
         .first_ms = -1,
         .piece_ms = -1},
        {PLAIN(""), .fault = {"429-retry=9", 11}},
        {.responder = {"echo", 4},
         .prompt_tokens = -1,
         .candidates_tokens = -1,
         .thoughts_tokens = -1,
         .first_ms = -1,
         .piece_ms = -1},
    };
    static const struct scenario_rule rule = {
        .name = {"n", 1}, .stream = -1, .answers = answers, .nanswers = 4};
    static const struct emu_scenario s = {&rule, 1};
    static const char *const said[] = {
        "[{\"text\":\"before\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1},\"id\":\"",
        "\"finishReason\":\"SAFETY\"",
        "\"retryDelay\":\"9s\"",
        "{\"text\":\"say this\"",
    };
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 1;; k++) {
            struct alloc_fail a;
            alloc_fail_init(&a, k);
            counted[0] = i;
            bool done = ask(&s, &a.alloc, "generateContent", DGM_STR(SAYS("say this")), said[i]);
            alloc_fail_done(&a, "a scripted call");
            assert_true(done || alloc_fail_failed(&a));
            if (!alloc_fail_failed(&a))
                break;
        }
    }
    counted[0] = 1;
    expect(&s, DGM_STR(SAYS("x")),
           "\"promptTokenCount\":7,\"candidatesTokenCount\":5,\"totalTokenCount\":12");
    counted[0] = 0; /* the first call is signed, as any first call of a step */
    expect(&s, DGM_STR(SAYS("x")), "\"thoughtSignature\":\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_rules_want),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_what_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
