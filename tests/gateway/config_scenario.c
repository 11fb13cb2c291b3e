/* SPDX-License-Identifier: Apache-2.0 */
/* config_scenario.c - scenario files as data; what is wrong with them is told by tests/daemon/test_scenario.py. */
#include "gateway/config.h"

#include "base/str.h"
#include "emulate/scenario.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char whole[] =
    "rules:\n"
    "  - when:\n"
    "      prompt: ${not} a variable\n"
    "      tool_result: {name: f}\n"
    "      stream: true\n"
    "    answers:\n"
    "      - text: |\n"
    "          two\n"
    "          lines\n"
    "        calls:\n"
    "          - {name: f, args: {n: 2512292042121000001, s: '5', t: true, u: ~, v: [1.0]}}\n"
    "          - {name: g}\n"
    "          - {name: h, args: '{ \"x\" : 1e5 }'}\n"
    "      - {fault: 503, first_ms: 0}\n"
    "  - {name: last, times: 2, answer: {usage: {thoughts: 0}}}\n";

static struct gw_config *parse(void)
{
    const struct gw_config_source source = {0};
    struct gw_problems problems;
    struct gw_config *c = NULL;
    assert_int_equal(gw_config_parse(&source, &c, &problems), DGM_OK);
    return c;
}

static void expect(struct dgm_str got, const char *wanted)
{
    if (!dgm_str_eq(got, dgm_str_c(wanted)))
        fail_msg("\"%.*s\" is not \"%s\"", (int)got.n, got.p, wanted);
}

static void test_a_whole_file(void **state)
{
    (void)state;
    struct gw_problems problems = {0};
    struct gw_config *c = parse();
    assert_int_equal(gw_config_scenario(c, dgm_str_c(whole), &problems), DGM_OK);
    const struct emu_scenario *s = c->emulator.script;
    assert_int_equal(s->nrules, 2);
    const struct scenario_rule *first = s->rules, *last = s->rules + 1;
    expect(first->name, "rule 1");
    expect(first->prompt.text, "${not} a variable");
    assert_true(first->prompt.how == SCENARIO_CONTAINS && first->tool_name.how == SCENARIO_EXACT &&
                first->tool_result.how == SCENARIO_ANYTHING && first->stream == 1);
    assert_int_equal(first->nanswers, 2);
    expect(first->answers[0].text, "two\nlines\n");
    assert_int_equal(first->answers[0].ncalls, 3);
    expect(first->answers[0].calls[0].args,
           "{\"n\":2512292042121000001,\"s\":\"5\",\"t\":true,\"u\":null,\"v\":[1.0]}");
    expect(first->answers[0].calls[1].args, "{}");
    expect(first->answers[0].calls[2].args, "{\"x\":1e5}");
    assert_true(first->answers[1].first_ms == 0 && first->answers[1].piece_ms == -1);
    expect(last->name, "last");
    assert_true(last->times == 2 && last->stream == -1 && last->answers[0].thoughts_tokens == 0 &&
                last->answers[0].prompt_tokens == -1);
    gw_config_free(c);
}

/* Every key that there is, each with a value of its own. */
static void test_each_key(void **state)
{
    (void)state;
    static const char all[] = "rules:\n"
                              "  - name: one\n"
                              "    times: 7\n"
                              "    when:\n"
                              "      model: gemini-2.5-*\n"
                              "      prompt: {exact: Hello}\n"
                              "      system: {like: be *}\n"
                              "      tool_result: {name: f, contains: rain}\n"
                              "      stream: false\n"
                              "      nth: 3\n"
                              "    answer:\n"
                              "      text: said\n"
                              "      calls: [{name: g, args: '{\"a\":1}'}]\n"
                              "      thinking: thought\n"
                              "      finish: SAFETY\n"
                              "      usage: {prompt: 11, candidates: 12, thoughts: 13}\n"
                              "      fault: cut-event=2\n"
                              "      first_ms: 14\n"
                              "      piece_ms: 15\n"
                              "  - when: {prompt: {contains: sky}, tool_result: {exact: '5'}}\n"
                              "    answers: [{responder: blocked}, {responder: echo}]\n"
                              "  - when: {tool_result: {like: 'a*'}}\n"
                              "    answer: {text: ''}\n";
    struct gw_problems problems = {0};
    struct gw_config *c = parse();
    if (gw_config_scenario(c, dgm_str_c(all), &problems) != DGM_OK)
        fail_msg("%s", problems.at[0].text);
    const struct scenario_rule *one = c->emulator.script->rules, *two = one + 1, *three = one + 2;
    const struct scenario_answer *a = one->answers;
    expect(one->name, "one");
    assert_true(one->times == 7 && one->nth == 3 && one->stream == 0 && one->nanswers == 1);
    assert_true(one->model.how == SCENARIO_LIKE && one->prompt.how == SCENARIO_EXACT &&
                one->system.how == SCENARIO_LIKE && one->tool_result.how == SCENARIO_CONTAINS);
    expect(one->model.text, "gemini-2.5-*");
    expect(one->prompt.text, "Hello");
    expect(one->system.text, "be *");
    expect(one->tool_name.text, "f");
    expect(one->tool_result.text, "rain");
    expect(a->text, "said");
    expect(a->thinking, "thought");
    expect(a->finish, "SAFETY");
    expect(a->fault, "cut-event=2");
    expect(a->calls[0].name, "g");
    expect(a->calls[0].args, "{\"a\":1}");
    assert_true(a->prompt_tokens == 11 && a->candidates_tokens == 12 && a->thoughts_tokens == 13);
    assert_true(a->first_ms == 14 && a->piece_ms == 15);
    assert_true(two->prompt.how == SCENARIO_CONTAINS && two->tool_result.how == SCENARIO_EXACT);
    assert_int_equal(two->nanswers, 2);
    expect(two->answers[0].responder, "blocked");
    expect(two->answers[1].responder, "echo");
    assert_true(three->tool_result.how == SCENARIO_LIKE);
    gw_config_free(c);
}

/* A file that is wrong leaves the one before in force. */
static void test_what_was_read_stays(void **state)
{
    (void)state;
    struct gw_problems problems = {0};
    struct gw_config *c = parse();
    assert_int_equal(gw_config_scenario(c, dgm_str_c(whole), &problems), DGM_OK);
    const struct emu_scenario *before = c->emulator.script;
    assert_int_equal(gw_config_scenario(c, DGM_STR("rules: 5"), &problems), DGM_E_REFUSED);
    assert_true(problems.n == 1 && problems.at[0].line == 1 && problems.at[0].column == 8);
    assert_ptr_equal(c->emulator.script, before);
    gw_config_free(c);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail a;
        alloc_fail_init(&a, k);
        const struct gw_config_source source = {.alloc = &a.alloc};
        struct gw_problems problems = {0};
        struct gw_config *c = NULL;
        enum dgm_rc rc = gw_config_parse(&source, &c, &problems);
        if (rc == DGM_OK)
            rc = gw_config_scenario(c, dgm_str_c(whole), &problems);
        assert_int_equal(rc, alloc_fail_failed(&a) ? DGM_E_NOMEM : DGM_OK);
        gw_config_free(c);
        alloc_fail_done(&a, "a scenario");
        if (!alloc_fail_failed(&a))
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_file),
        cmocka_unit_test(test_each_key),
        cmocka_unit_test(test_what_was_read_stays),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
