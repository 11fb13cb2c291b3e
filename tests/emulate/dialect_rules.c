/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_rules.c - tests of emulate/dialect_rules: what vLLM and TGI refuse, and what type an error has. */
#include "emulate/dialect_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/utf8.h"
#include "support/emu_chat.h"

/* For each row a body that breaks it, and one that nearly does. */
static const struct {
    enum emu_dialect dialect;
    const char *row, *broken, *near;
} cases[] = {
    {EMU_VLLM, "JSON", "{" HELLO, "{" HELLO "}"},
    {EMU_VLLM, "MESSAGES", "{\"model\":\"m\"}", "{" HELLO "}"},
    {EMU_VLLM, "TYPE", "{" HELLO ",\"n\":\"1\"}", "{" HELLO ",\"n\":null}"},
    {EMU_VLLM, "STREAM_OPTIONS", "{" HELLO ",\"stream_options\":{\"include_usage\":true}}",
     "{" HELLO ",\"stream_options\":null}"},
    {EMU_VLLM, "TOOL_CHOICE", "{" HELLO ",\"tool_choice\":\"auto\"}",
     "{" HELLO ",\"tool_choice\":\"none\"}"},
    {EMU_VLLM, "TOOL_CHOICE_WORD", "{" WEATHER ",\"tool_choice\":\"validated\"}",
     "{" WEATHER ",\"tool_choice\":\"required\"}"},
    {EMU_VLLM, "TOP_LOGPROBS", "{" HELLO ",\"top_logprobs\":2}",
     "{" HELLO ",\"top_logprobs\":2,\"logprobs\":true}"},
    {EMU_VLLM, "TEMPERATURE", "{" HELLO ",\"temperature\":-0.1}", "{" HELLO ",\"temperature\":0}"},
    {EMU_VLLM, "TOP_P", "{" HELLO ",\"top_p\":0}", "{" HELLO ",\"top_p\":1}"},
    {EMU_VLLM, "PENALTY", "{" HELLO ",\"frequency_penalty\":2.1}",
     "{" HELLO ",\"frequency_penalty\":2}"},
    {EMU_VLLM, "MAX_TOKENS", "{" HELLO ",\"max_tokens\":0}", "{" HELLO ",\"max_tokens\":1}"},
    {EMU_VLLM, "N", "{" HELLO ",\"n\":0}", "{" HELLO ",\"n\":1}"},
    {EMU_VLLM, "N_LIMIT", "{" HELLO ",\"n\":9}", "{" HELLO ",\"n\":8}"},
    {EMU_VLLM, "TEMPLATE", "{\"model\":\"google/gemma-3\"," TURNS("system", "user") "}",
     "{\"model\":\"Qwen/Qwen3-8B\"," TURNS("system", "user") "}"},
    {EMU_TGI, "JSON", "[" HELLO, "{" HELLO "}"},
    {EMU_TGI, "MESSAGES", "{\"model\":\"m\"}", "{" HELLO "}"},
    {EMU_TGI, "TYPE", "{" HELLO ",\"stream\":1}", "{" HELLO ",\"stream\":false}"},
    {EMU_TGI, "NO_MESSAGE", "{\"messages\":[]}", "{" HELLO "}"},
    {EMU_TGI, "FORMAT_VALUE", "{" HELLO ",\"response_format\":{\"type\":\"json_object\"}}",
     "{" HELLO ",\"response_format\":{\"type\":\"json_object\",\"value\":" SCHEMA "}}"},
    {EMU_TGI, "FORMAT_WORD", "{" HELLO ",\"response_format\":{\"type\":\"text\"}}",
     "{" HELLO ",\"response_format\":null}"},
    {EMU_TGI, "STOP", "{" HELLO ",\"stop\":\"x\"}", "{" HELLO ",\"stop\":[\"x\"]}"},
    {EMU_TGI, "LOGIT_BIAS", "{" HELLO ",\"logit_bias\":{\"1\":1}}",
     "{" HELLO ",\"logit_bias\":[1]}"},
    {EMU_TGI, "TOP_P", "{" HELLO ",\"top_p\":1.0}", "{" HELLO ",\"top_p\":0.99}"},
    {EMU_TGI, "TEMPERATURE", "{" HELLO ",\"temperature\":0}", "{" HELLO ",\"temperature\":0.01}"},
    {EMU_TGI, "MAX_TOKENS", "{" HELLO ",\"max_tokens\":0}", "{" HELLO ",\"max_tokens\":1}"},
    {EMU_TGI, "TOP_LOGPROBS", "{" HELLO ",\"top_logprobs\":6}", "{" HELLO ",\"top_logprobs\":5}"},
    {EMU_TGI, "TOOLS_AND_FORMAT",
     "{" WEATHER ",\"response_format\":{\"type\":\"json\",\"value\":" SCHEMA "}}",
     "{" HELLO ",\"tools\":[],\"response_format\":{\"type\":\"json\",\"value\":" SCHEMA "}}"},
    {EMU_TGI, "TEMPLATE", "{\"model\":\"mistral-7b\"," TURNS("user", "user") "}",
     "{\"model\":\"mistral-7b\"," TURNS("system", "user") "}"},
};

/* What an error says, wherever its dialect puts it: at the beginning of the row's text. */
static void assert_refused(struct emu_run *run, const struct emu_dialect_row *row)
{
    struct dgm_str text = dgm_str_c(row->text), said = dgm_buf_str(&run->body);
    assert_int_equal(run->status, row->status);
    if (row->type[0] == '\0') {
        emu_assert_text(run->type, "text/plain; charset=utf-8");
    } else {
        const struct json_val *root = emu_run_json(run);
        const struct json_val *error = json_get(root, DGM_STR("error"));
        bool vllm = row->dialect == EMU_VLLM;
        emu_assert_text(
            json_get_str(vllm ? error : root, vllm ? DGM_STR("type") : DGM_STR("error_type")),
            row->type);
        said = vllm ? json_get_str(error, DGM_STR("message")) : json_str(error);
    }
    struct dgm_str before = dgm_str_head(text, dgm_str_find(text, DGM_STR("{0}")));
    if (!dgm_str_starts(said, before) || said.n == 0)
        fail_msg("%s: %.*s", row->id, (int)said.n, said.p);
}

static void each_row_has_a_body_that_breaks_it_and_a_near_miss(void **state)
{
    (void)state;
    assert_null(emu_dialect_row_at(sizeof cases / sizeof *cases));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct emu_dialect_row *row = emu_dialect_row_at(i);
        assert_non_null(row);
        assert_int_equal(cases[i].dialect, row->dialect);
        assert_string_equal(cases[i].row, row->id);
        struct emu_run run;
        emu_chat(&run, row->dialect, NULL, cases[i].broken);
        assert_refused(&run, row);
        emu_run_dispose(&run);
        emu_chat(&run, row->dialect, NULL, cases[i].near);
        if (run.status != 200)
            fail_msg("%s: %.*s", row->id, (int)run.body.n, run.body.p);
        emu_run_dispose(&run);
    }
    assert_int_equal(sizeof cases / sizeof *cases, 28);
}

/* What is quoted of a request is cut between characters, and short. */
static void what_is_quoted_is_a_text(void **state)
{
    static const char *const heads[] = {"{" HELLO ",\"stop\":\"",
                                        "{" HELLO ",\"response_format\":{\"type\":\""};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t before = 60; before < 68; before++) {
            struct dgm_buf body;
            struct emu_run run;
            dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
            dgm_buf_put(&body, dgm_str_c(heads[i]));
            for (size_t k = 0; k < before; k++)
                dgm_buf_put_char(&body, 'x');
            for (size_t k = 0; k < 2000; k++)
                dgm_buf_put_lit(&body, "\xf0\x9f\x98\x80");
            dgm_buf_put(&body, i == 0 ? DGM_STR("\"}") : DGM_STR("\"}}"));
            emu_run_post_chat(&run, &dgm_alloc_libc, &emu_options_plain, EMU_TGI,
                              (struct dgm_str){0}, dgm_buf_str(&body));
            assert_int_equal(run.status, 422);
            assert_int_equal(dgm_utf8_bad(dgm_buf_str(&run.body)), run.body.n);
            assert_true(run.body.n < 1024);
            emu_run_dispose(&run);
            dgm_buf_dispose(&body);
        }
}

/* TGI's by router/src/infer/mod.rs; vLLM's class names, and one for all that has none. */
static void faults_have_the_servers_shape(void **state)
{
    (void)state;
    static const struct {
        enum emu_dialect dialect;
        const char *fault, *type;
    } faults[] = {
        {EMU_VLLM, "400", "BadRequestError"},
        {EMU_VLLM, "401", "AuthenticationError"},
        {EMU_VLLM, "429", "InternalServerError"},
        {EMU_VLLM, "500", "InternalServerError"},
        {EMU_TGI, "400", "validation"},
        {EMU_TGI, "429", "overloaded"},
        {EMU_TGI, "500", "incomplete_generation"},
        {EMU_TGI, "503", "unhealthy"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct emu_run run;
        emu_chat(&run, faults[i].dialect, faults[i].fault, "{" HELLO "}");
        const struct json_val *root = emu_run_json(&run);
        assert_int_equal(run.status, atoi(faults[i].fault));
        if (faults[i].dialect == EMU_TGI)
            emu_assert_text(json_get_str(root, DGM_STR("error_type")), faults[i].type);
        else
            emu_assert_text(json_get_str(json_get(root, DGM_STR("error")), DGM_STR("type")),
                            faults[i].type);
        emu_run_dispose(&run);
    }
}

/* user-pain I3: which template says what to which turns. */
static void templates_are_their_models(void **state)
{
    (void)state;
    static const struct {
        const char *model, *first;
        int status;
    } turns[] = {
        {"google/gemma-3", "system", 400}, {"mistral-7b", "system", 200},
        {"mistral-7b", "user", 400},       {"meta/llama-2-7b", "system", 200},
        {"meta/llama-2-7b", "user", 400},  {"Qwen/Qwen3-8B", "user", 200},
    };
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        char body[256];
        struct emu_run run;
        snprintf(body, sizeof body, "{\"model\":\"%s\"," TURNS("%s", "user") "}", turns[i].model,
                 turns[i].first);
        emu_chat(&run, EMU_VLLM, NULL, body);
        if (run.status != turns[i].status)
            fail_msg("%s, %s: %d", turns[i].model, turns[i].first, run.status);
        emu_run_dispose(&run);
    }
}

/* What a header asks for and the emulator has not: its own words, the server's type. */
static void the_emulators_own_errors_have_the_servers_type(void **state)
{
    (void)state;
    static const struct emu_options small = {.body_max_bytes = 8};
    static const struct emu_env envs[] = {
        {.responder = DGM_STR("no-such")}, {.fault = DGM_STR("no-such")}, {.now_ms = 1}};
    for (size_t i = 0; i < 2 * sizeof envs / sizeof *envs; i++) {
        struct emu_run run;
        struct emu_env env = envs[i / 2];
        env.dialect = i % 2 ? EMU_TGI : EMU_VLLM;
        emu_run_post_env(&run, &dgm_alloc_libc, env.now_ms ? &small : &emu_options_plain, env,
                         DGM_STR("/v1/chat/completions"), DGM_STR("{" HELLO "}"));
        const struct json_val *root = emu_run_json(&run);
        assert_int_equal(run.status, 400);
        if (env.dialect == EMU_TGI)
            emu_assert_text(json_get_str(root, DGM_STR("error_type")), "validation");
        else
            emu_assert_text(json_get_str(json_get(root, DGM_STR("error")), DGM_STR("type")),
                            "BadRequestError");
        emu_run_dispose(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_a_body_that_breaks_it_and_a_near_miss),
        cmocka_unit_test(what_is_quoted_is_a_text),
        cmocka_unit_test(faults_have_the_servers_shape),
        cmocka_unit_test(templates_are_their_models),
        cmocka_unit_test(the_emulators_own_errors_have_the_servers_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
