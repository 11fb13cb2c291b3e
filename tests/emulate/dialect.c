/* SPDX-License-Identifier: Apache-2.0 */
/* dialect.c - tests of emulate/dialect: what vLLM and TGI refuse, and how they answer. */
#include "emulate/dialect_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/sse.h"
#include "base/str.h"
#include "base/utf8.h"
#include "emulate/scenario.h"
#include "support/alloc_fail.h"
#include "support/emu_run.h"

#define SAYS(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define HELLO SAYS("Hello!")
#define WEATHER_TOOL                                                                               \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{"    \
    "\"type\":\"object\",\"properties\":{\"location\":{\"type\":\"string\"}},"                     \
    "\"required\":[\"location\"]}}}]"
#define WEATHER SAYS("What is the weather in Chicago?") "," WEATHER_TOOL
#define BOTH SAYS("What is the weather in Chicago and Paris?") "," WEATHER_TOOL
#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"]}"
#define TURNS(a, b)                                                                                \
    "\"messages\":[{\"role\":\"" a "\",\"content\":\"a\"},{\"role\":\"" b "\",\"content\":\"b\"}]"

static const struct emu_options plain_options;

static void ask(struct emu_run *run, enum emu_dialect dialect, const char *fault, const char *body)
{
    emu_run_post_chat(run, &dgm_alloc_libc, &plain_options, dialect, dgm_str_c(fault),
                      dgm_str_c(body));
}

static void assert_text(struct dgm_str is, const char *wanted)
{
    if (!dgm_str_eq(is, dgm_str_c(wanted)))
        fail_msg("\"%.*s\", not \"%s\"", (int)is.n, is.p, wanted);
}

/* ---- refusals ----------------------------------------------------------------------------------------- */

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
        assert_text(run->type, "text/plain; charset=utf-8");
    } else {
        const struct json_val *root = emu_run_json(run);
        const struct json_val *error = json_get(root, DGM_STR("error"));
        bool vllm = row->dialect == EMU_VLLM;
        assert_text(
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
    const struct emu_dialect_row *row;
    for (size_t i = 0; (row = emu_dialect_row_at(i)); i++) {
        assert_true(i < sizeof cases / sizeof *cases);
        assert_int_equal(cases[i].dialect, row->dialect);
        assert_string_equal(cases[i].row, row->id);
        struct emu_run run;
        ask(&run, row->dialect, NULL, cases[i].broken);
        assert_refused(&run, row);
        emu_run_dispose(&run);
        ask(&run, row->dialect, NULL, cases[i].near);
        if (run.status != 200)
            fail_msg("%s: %.*s", row->id, (int)run.body.n, run.body.p);
        emu_run_dispose(&run);
    }
    assert_int_equal(sizeof cases / sizeof *cases, 28);
}

/* ---- whole answers ------------------------------------------------------------------------------------ */

static const struct json_val *message_of(struct emu_run *run)
{
    const struct json_val *choice = json_at(json_get(emu_run_json(run), DGM_STR("choices")), 0);
    return json_get(choice, DGM_STR("message"));
}

static struct dgm_str finish_of(struct emu_run *run)
{
    const struct json_val *choice = json_at(json_get(emu_run_json(run), DGM_STR("choices")), 0);
    return json_get_str(choice, DGM_STR("finish_reason"));
}

static void vllm_answers_with_every_member_it_knows(void **state)
{
    (void)state;
    struct emu_run run;
    ask(&run, EMU_VLLM, NULL, "{\"model\":\"\"," HELLO "}");
    const struct json_val *root = emu_run_json(&run), *message = message_of(&run);
    assert_true(dgm_str_starts(json_get_str(root, DGM_STR("id")), DGM_STR("chatcmpl-")));
    assert_text(json_get_str(root, DGM_STR("model")), "default");
    assert_true(json_get_str(message, DGM_STR("content")).n != 0);
    assert_int_equal(json_kind(json_get(message, DGM_STR("tool_calls"))), JSON_ARR);
    assert_int_equal(json_kind(json_get(message, DGM_STR("reasoning"))), JSON_NULL);
    assert_text(finish_of(&run), "stop");
    emu_run_dispose(&run);
}

static void tgi_has_no_id_and_the_name_that_was_asked_for(void **state)
{
    (void)state;
    struct emu_run run;
    ask(&run, EMU_TGI, NULL, "{" HELLO "}");
    const struct json_val *root = emu_run_json(&run);
    assert_text(json_get_str(root, DGM_STR("id")), "");
    assert_true(json_get(root, DGM_STR("id")) != NULL);
    assert_text(json_get_str(root, DGM_STR("model")), "tgi");
    assert_true(json_get_str(message_of(&run), DGM_STR("content")).n != 0);
    emu_run_dispose(&run);
}

static const struct json_val *call_at(struct emu_run *run, size_t i)
{
    return json_at(json_get(message_of(run), DGM_STR("tool_calls")), i);
}

static void tools_are_called_and_end_as_each_server_ends_them(void **state)
{
    (void)state;
    static const struct {
        enum emu_dialect dialect;
        const char *body, *finish, *id;
        size_t calls;
    } asked[] = {
        {EMU_VLLM, "{" BOTH "}", "tool_calls", "chatcmpl-tool-", 2},
        {EMU_VLLM,
         "{" WEATHER
         ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"get_weather\""
         "}}}",
         "stop", "chatcmpl-tool-", 1},
        {EMU_TGI, "{" BOTH "}", "stop", "0", 1},
        {EMU_TGI, "{" WEATHER ",\"tool_choice\":\"get_weather\"}", "stop", "0", 1},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct emu_run run;
        ask(&run, asked[i].dialect, NULL, asked[i].body);
        const struct json_val *calls = json_get(message_of(&run), DGM_STR("tool_calls"));
        const struct json_val *call = call_at(&run, 0), *f = json_get(call, DGM_STR("function"));
        assert_int_equal(json_size(calls), asked[i].calls);
        assert_text(finish_of(&run), asked[i].finish);
        assert_true(dgm_str_starts(json_get_str(call, DGM_STR("id")), dgm_str_c(asked[i].id)));
        assert_text(json_get_str(f, DGM_STR("name")), "get_weather");
        assert_text(json_get_str(f, DGM_STR("arguments")), "{\"location\":\"Chicago\"}");
        emu_run_dispose(&run);
    }
}

static void results_are_told(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run run;
        ask(&run, dialect, NULL,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"What is the weather in Chicago?\"},"
            "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":"
            "\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{\\\"location\\\":"
            "\\\"Chicago\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
            "\"{\\\"sky\\\":\\\"clear\\\"}\"}]," WEATHER_TOOL "}");
        struct dgm_str said = json_get_str(message_of(&run), DGM_STR("content"));
        if (dgm_str_find(said, DGM_STR("clear")) == said.n)
            fail_msg("%.*s", (int)run.body.n, run.body.p);
        emu_run_dispose(&run);
    }
}

static void schemas_are_filled_in_from_each_servers_own_member(void **state)
{
    (void)state;
    static const struct {
        enum emu_dialect dialect;
        const char *body;
    } asked[] = {
        {EMU_VLLM, "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                   "\"name\":\"n\",\"schema\":" SCHEMA "}}}"},
        {EMU_VLLM, "{" HELLO ",\"structured_outputs\":{\"json\":" SCHEMA "}}"},
        {EMU_VLLM, "{" HELLO ",\"guided_json\":" SCHEMA "}"},
        {EMU_TGI,
         "{" HELLO ",\"response_format\":{\"type\":\"json_object\",\"value\":" SCHEMA "}}"},
        {EMU_TGI, "{" HELLO ",\"response_format\":{\"type\":\"json_schema\",\"value\":{"
                  "\"schema\":" SCHEMA "}}}"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct emu_run run;
        ask(&run, asked[i].dialect, NULL, asked[i].body);
        struct dgm_str said = json_get_str(message_of(&run), DGM_STR("content"));
        if (!dgm_str_starts(said, DGM_STR("{\"city\":")))
            fail_msg("%.*s", (int)run.body.n, run.body.p);
        emu_run_dispose(&run);
    }
}

static void models_that_reason_do_unless_told_not_to(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool reasons;
    } asked[] = {
        {"{\"model\":\"Qwen/Qwen3-8B\"," HELLO "}", true},
        {"{\"model\":\"Qwen/Qwen3-8B\"," HELLO
         ",\"chat_template_kwargs\":{\"enable_thinking\":false}}",
         false},
        {"{\"model\":\"Qwen/Qwen3-8B\"," HELLO ",\"include_reasoning\":false}", false},
        {"{\"model\":\"meta-llama/Llama-3.1-8B\"," HELLO "}", false},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct emu_run run;
        ask(&run, EMU_VLLM, NULL, asked[i].body);
        bool reasons = json_get_str(message_of(&run), DGM_STR("reasoning")).n != 0;
        assert_int_equal(reasons, asked[i].reasons);
        emu_run_dispose(&run);
    }
}

static void stop_sequences_and_limits_end_a_text(void **state)
{
    (void)state;
    static const struct {
        enum emu_dialect dialect;
        const char *body, *finish;
    } asked[] = {
        {EMU_VLLM, "{" SAYS("Why is the sky blue?") ",\"stop\":\"Rayleigh\"}", "stop"},
        {EMU_TGI, "{" SAYS("Why is the sky blue?") ",\"stop\":[\"Rayleigh\"]}", "stop_sequence"},
        {EMU_VLLM, "{" SAYS("Why is the sky blue?") ",\"max_tokens\":3}", "length"},
        {EMU_TGI, "{" SAYS("Why is the sky blue?") ",\"max_completion_tokens\":3}", "length"},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct emu_run run;
        ask(&run, asked[i].dialect, NULL, asked[i].body);
        struct dgm_str said = json_get_str(message_of(&run), DGM_STR("content"));
        assert_text(finish_of(&run), asked[i].finish);
        assert_int_equal(dgm_str_find(said, DGM_STR("Rayleigh")), said.n);
        emu_run_dispose(&run);
    }
}

/* ---- streams ------------------------------------------------------------------------------------------ */

/* What a stream's deltas add up to. */
struct sum {
    char text[4096], arguments[4096], finish[32];
    size_t chunks, usages, names, done;
};

static void append(char *to, size_t max, struct dgm_str s)
{
    size_t n = strlen(to);
    assert_true(n + s.n < max);
    if (s.n != 0)
        memcpy(to + n, s.p, s.n);
    to[n + s.n] = '\0';
}

static void add_chunk(struct sum *sum, const struct json_val *chunk)
{
    const struct json_val *choice = json_at(json_get(chunk, DGM_STR("choices")), 0);
    const struct json_val *delta = json_get(choice, DGM_STR("delta"));
    const struct json_val *call = json_at(json_get(delta, DGM_STR("tool_calls")), 0);
    const struct json_val *function = json_get(call, DGM_STR("function"));
    sum->chunks++;
    sum->usages += json_kind(json_get(chunk, DGM_STR("usage"))) == JSON_OBJ;
    sum->names += json_get_str(function, DGM_STR("name")).n != 0;
    append(sum->text, sizeof sum->text, json_get_str(delta, DGM_STR("content")));
    append(sum->arguments, sizeof sum->arguments, json_get_str(function, DGM_STR("arguments")));
    append(sum->finish, sizeof sum->finish, json_get_str(choice, DGM_STR("finish_reason")));
}

static void add_up(struct emu_run *run, struct sum *sum)
{
    struct dgm_str rest = dgm_buf_str(&run->body);
    *sum = (struct sum){0};
    while (rest.n != 0) {
        size_t n = dgm_str_find(rest, DGM_STR("\n\n"));
        struct dgm_str event = dgm_str_head(rest, n);
        struct json_error error;
        const struct json_val *chunk;
        assert_true(n < rest.n && dgm_str_starts(event, DGM_STR("data: ")));
        event = dgm_str_skip(event, 6);
        rest = dgm_str_skip(rest, n + 2);
        if (dgm_str_eq(event, DGM_STR("[DONE]"))) {
            sum->done++;
            continue;
        }
        assert_int_equal(sum->done, 0);
        char *copy = dgm_arena_take(&run->arena, event.n + JSON_PADDING);
        memcpy(copy, event.p, event.n);
        assert_int_equal(json_parse(&run->arena, copy, event.n, JSON_DEPTH_MAX, &chunk, &error),
                         DGM_OK);
        add_chunk(sum, chunk);
    }
}

static void streams_say_what_whole_answers_say(void **state)
{
    (void)state;
    static const struct {
        const char *whole, *streamed;
        size_t names;
    } asked[] = {
        {"{" SAYS("Why is the sky blue?") "}",
         "{" SAYS(
             "Why is the sky blue?") ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         0},
        {"{" WEATHER "}",
         "{" WEATHER ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", 1},
    };
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++)
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
            struct emu_run whole, streamed;
            struct sum sum;
            ask(&whole, dialect, NULL, asked[i].whole);
            ask(&streamed, dialect, NULL, asked[i].streamed);
            add_up(&streamed, &sum);
            const struct json_val *f = json_get(call_at(&whole, 0), DGM_STR("function"));
            assert_text(json_get_str(message_of(&whole), DGM_STR("content")), sum.text);
            assert_text(json_get_str(f, DGM_STR("arguments")), sum.arguments);
            assert_text(finish_of(&whole), sum.finish);
            assert_int_equal(sum.names, asked[i].names);
            assert_int_equal(sum.usages, 1);
            assert_int_equal(sum.done, 1);
            emu_run_dispose(&whole);
            emu_run_dispose(&streamed);
        }
}

static void usage_comes_when_asked_for(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run run;
        struct sum sum;
        ask(&run, dialect, NULL, "{" HELLO ",\"stream\":true}");
        add_up(&run, &sum);
        assert_int_equal(sum.usages, 0);
        assert_true(sum.chunks > 1);
        emu_run_dispose(&run);
    }
}

/* ---- what others send ---------------------------------------------------------------------------------- */

/* The native request that asks the same nests what it takes some levels deeper: that is no lack of memory. */
static void deep_bodies_are_answered_or_refused(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++)
        for (size_t depth = 85; depth <= JSON_DEPTH_MAX; depth++) {
            struct dgm_buf body;
            struct emu_run run;
            dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
            dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
                                   "\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{"
                                   "\"name\":\"f\",\"arguments\":\"");
            for (size_t i = 0; i < depth; i++)
                dgm_buf_put_lit(&body, "{\\\"a\\\":");
            dgm_buf_put_lit(&body, "1");
            for (size_t i = 0; i < depth; i++)
                dgm_buf_put_lit(&body, "}");
            dgm_buf_put_lit(
                &body, "\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"y\"}]}");
            emu_run_post_chat(&run, &dgm_alloc_libc, &plain_options, dialect, (struct dgm_str){0},
                              dgm_buf_str(&body));
            assert_int_equal(run.status, 200);
            emu_run_dispose(&run);

            dgm_buf_clear(&body);
            dgm_buf_put_lit(&body,
                            "{" HELLO ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
                            "\"f\",\"parameters\":{\"type\":\"object\",\"x\":");
            for (size_t i = 5; i < depth; i++)
                dgm_buf_put_lit(&body, "[");
            for (size_t i = 5; i < depth; i++)
                dgm_buf_put_lit(&body, "]");
            dgm_buf_put_lit(&body, "}}}]}");
            emu_run_post_chat(&run, &dgm_alloc_libc, &plain_options, dialect, (struct dgm_str){0},
                              dgm_buf_str(&body));
            assert_int_not_equal(run.status, 0);
            emu_run_dispose(&run);
            dgm_buf_dispose(&body);
        }
}

/* Each result looks for its call. */
static void many_results_find_their_calls_in_time(void **state)
{
    const size_t n = 30000;
    struct dgm_buf body;
    struct emu_run run;
    (void)state;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
                           "\"assistant\",\"tool_calls\":[");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, "{\"function\":{\"name\":\"f\"},\"id\":\"");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put(&body, i + 1 < n ? DGM_STR("\"},") : DGM_STR("\"}]}"));
    }
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",{\"role\":\"tool\",\"content\":\"\",\"tool_call_id\":\"");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\"}");
    }
    dgm_buf_put_lit(&body, "]}");
    clock_t began = clock();
    emu_run_post_chat(&run, &dgm_alloc_libc, &plain_options, EMU_VLLM, (struct dgm_str){0},
                      dgm_buf_str(&body));
    assert_int_equal(run.status, 200);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 8); /* by squares it takes a minute */
    emu_run_dispose(&run);
    dgm_buf_dispose(&body);
}

/* Nothing of Google's limits holds for the schemas of these servers: the budget of who fills them in does. */
static void large_schemas_are_filled_in_in_time(void **state)
{
    const size_t n = 40000;
    struct dgm_buf body;
    struct emu_run run;
    (void)state;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body,
                    "{" HELLO ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\","
                    "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
                    "\"maxProperties\":1,\"properties\":{\"p\":{}");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",\"p");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\":{}");
    }
    dgm_buf_put_lit(&body, "},\"dependentRequired\":{\"p\":[]");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",\"p");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\":[]");
    }
    dgm_buf_put_lit(&body, "}}}}]}");
    clock_t began = clock();
    emu_run_post_chat(&run, &dgm_alloc_libc, &plain_options, EMU_VLLM, (struct dgm_str){0},
                      dgm_buf_str(&body));
    assert_int_equal(run.status, 200);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 4);
    emu_run_dispose(&run);
    dgm_buf_dispose(&body);
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
            emu_run_post_chat(&run, &dgm_alloc_libc, &plain_options, EMU_TGI, (struct dgm_str){0},
                              dgm_buf_str(&body));
            assert_int_equal(run.status, 422);
            assert_int_equal(dgm_utf8_bad(dgm_buf_str(&run.body)), run.body.n);
            assert_true(run.body.n < 1024);
            emu_run_dispose(&run);
            dgm_buf_dispose(&body);
        }
}

/* A scenario may say a text and call: vLLM has both, TGI the calls alone; streamed as whole. */
static void a_text_before_calls_is_said_the_same_way(void **state)
{
    static const struct scenario_call calls[] = {{DGM_STR("f"), DGM_STR("{\"a\":1}")}};
    static const struct scenario_answer answer = {.text = DGM_STR("Let me see."),
                                                  .calls = calls,
                                                  .ncalls = 1,
                                                  .prompt_tokens = -1,
                                                  .candidates_tokens = -1,
                                                  .thoughts_tokens = -1,
                                                  .first_ms = -1,
                                                  .piece_ms = -1};
    static const struct scenario_rule rule = {
        .name = DGM_STR("both"), .stream = -1, .answers = &answer, .nanswers = 1};
    static const struct emu_scenario scenario = {&rule, 1};
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run runs[2];
        struct sum sum;
        for (size_t i = 0; i < 2; i++)
            emu_run_post_env(&runs[i], &dgm_alloc_libc, &plain_options,
                             (struct emu_env){.dialect = dialect, .scenario = &scenario},
                             DGM_STR("/v1/chat/completions"),
                             dgm_str_c(i == 0 ? "{" WEATHER "}" : "{" WEATHER ",\"stream\":true}"));
        add_up(&runs[1], &sum);
        assert_text(json_get_str(message_of(&runs[0]), DGM_STR("content")), sum.text);
        assert_string_equal(sum.text, dialect == EMU_VLLM ? "Let me see." : "");
        assert_string_equal(sum.arguments, "{\"a\":1}");
        emu_run_dispose(&runs[0]);
        emu_run_dispose(&runs[1]);
    }
}

/* partialArgs are Vertex's own: these servers have their own way of telling a call in pieces. */
static void a_call_is_told_whoever_answers(void **state)
{
    static const char *const responders[] = {"partial-args", "interleaved", "late-stop", "sparse"};
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++)
        for (size_t i = 0; i < sizeof responders / sizeof *responders; i++) {
            struct emu_run run;
            struct sum sum;
            emu_run_post_env(
                &run, &dgm_alloc_libc, &plain_options,
                (struct emu_env){.dialect = dialect, .responder = dgm_str_c(responders[i])},
                DGM_STR("/v1/chat/completions"), DGM_STR("{" WEATHER ",\"stream\":true}"));
            add_up(&run, &sum);
            assert_int_equal(sum.names, 1);
            assert_string_equal(sum.arguments, "{\"location\":\"Chicago\"}");
            emu_run_dispose(&run);
        }
}

/* Nobody blocks a prompt there: a blocked answer is one that says nothing, streamed as whole. */
static void an_answer_always_has_a_choice(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run run;
        emu_run_post_env(&run, &dgm_alloc_libc, &plain_options,
                         (struct emu_env){.dialect = dialect, .responder = DGM_STR("blocked")},
                         DGM_STR("/v1/chat/completions"), DGM_STR("{" HELLO "}"));
        assert_int_equal(json_size(json_get(emu_run_json(&run), DGM_STR("choices"))), 1);
        assert_text(finish_of(&run), "stop");
        emu_run_dispose(&run);
    }
}

/* ---- faults ------------------------------------------------------------------------------------------- */

static void faults_have_the_servers_shape(void **state)
{
    (void)state;
    struct emu_run run;
    ask(&run, EMU_VLLM, "429", "{" HELLO "}");
    assert_int_equal(run.status, 429);
    assert_text(json_get_str(json_get(emu_run_json(&run), DGM_STR("error")), DGM_STR("type")),
                "InternalServerError");
    emu_run_dispose(&run);
    ask(&run, EMU_TGI, "429", "{" HELLO "}");
    assert_int_equal(run.status, 429);
    assert_text(json_get_str(emu_run_json(&run), DGM_STR("error_type")), "overloaded");
    emu_run_dispose(&run);
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
        emu_run_post_env(&run, &dgm_alloc_libc, env.now_ms ? &small : &plain_options, env,
                         DGM_STR("/v1/chat/completions"), DGM_STR("{" HELLO "}"));
        const struct json_val *root = emu_run_json(&run);
        assert_int_equal(run.status, 400);
        if (env.dialect == EMU_TGI)
            assert_text(json_get_str(root, DGM_STR("error_type")), "validation");
        else
            assert_text(json_get_str(json_get(root, DGM_STR("error")), DGM_STR("type")),
                        "BadRequestError");
        emu_run_dispose(&run);
    }
}

/* user-pain I6: the status is 200, and the error an event. */
static void an_error_comes_inside_of_a_stream(void **state)
{
    (void)state;
    static const struct {
        enum emu_dialect dialect;
        const char *body;
    } wanted[] = {
        {EMU_VLLM, "data: {\"error\":{\"message\":\"Model is overloaded\",\"type\":"
                   "\"InternalServerError\",\"param\":null,\"code\":503}}\n\ndata: [DONE]\n\n"},
        {EMU_TGI, "data: {\"error\":{\"message\":\"Model is overloaded\",\"http_status_code\":503}}"
                  "\n\n"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct emu_run run;
        ask(&run, wanted[i].dialect, "error-event=0", "{" HELLO ",\"stream\":true}");
        assert_int_equal(run.status, 200);
        assert_text(dgm_buf_str(&run.body), wanted[i].body);
        emu_run_dispose(&run);
    }
}

static void streams_can_be_cut(void **state)
{
    (void)state;
    struct emu_run run;
    ask(&run, EMU_VLLM, "cut-event=2", "{" HELLO ",\"stream\":true}");
    assert_int_equal(run.rc, DGM_E_UPSTREAM);
    assert_int_equal(run.pieces, 2);
    emu_run_dispose(&run);
}

/* The events of a stream, by the decoder that the gateway has, a line each. */
static void put_events(struct emu_run *run, struct dgm_buf *out)
{
    struct dgm_sse sse;
    struct dgm_sse_event event;
    struct dgm_str in = dgm_buf_str(&run->body);
    dgm_sse_init(&sse, &dgm_alloc_libc, (size_t)4 << 20);
    while (dgm_sse_next(&sse, &in, &event) == DGM_EVENT) {
        assert_false(event.raw);
        for (size_t i = 0; i < event.data.n;
             i++) /* of several lines, and of blanks that say nothing */
            if (event.data.p[i] != '\n' && event.data.p[i] != ' ')
                dgm_buf_put_char(out, event.data.p[i]);
        dgm_buf_put_char(out, '\n');
    }
    if (dgm_sse_finish(&sse, &event) ==
        DGM_EVENT) { /* without its blank line it counts all the same */
        dgm_buf_put(out, event.data);
        dgm_buf_put_char(out, '\n');
    }
    assert_int_equal(out->rc, DGM_OK);
    dgm_sse_dispose(&sse);
}

static void how_a_stream_is_written_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *shows; /* that it was done at all */
    } forms[] = {
        {"lf", "\n\n"},
        {"cr", "\r\rdata: "},
        {"crlf", "\r\n\r\ndata: "},
        {"bom", "\xef\xbb\xbf"
                "data: "},
        {"comments", ": a comment\n\nevent: message\n"},
        {"multi-line", "{\ndata: \"id\""},
        {"big-event=2", "          {"},
        {"no-blank-line=1", "data: [DONE]\n"},
        {"no-blank-line", "data: [DONE]"},
        {"one-byte; cr; bom; multi-line; comments", "{\rdata: "},
    };
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run plain;
        struct dgm_buf told;
        dgm_buf_init(&told, &dgm_alloc_libc, (size_t)4 << 20);
        ask(&plain, dialect, NULL, "{" HELLO ",\"stream\":true}");
        put_events(&plain, &told);
        assert_true(dgm_str_find(dgm_buf_str(&told), DGM_STR("[DONE]")) < told.n);
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            struct emu_run run;
            struct dgm_buf again;
            dgm_buf_init(&again, &dgm_alloc_libc, (size_t)4 << 20);
            ask(&run, dialect, forms[i].fault, "{" HELLO ",\"stream\":true}");
            assert_int_equal(run.rc, DGM_DONE);
            put_events(&run, &again);
            bool shown =
                dgm_str_find(dgm_buf_str(&run.body), dgm_str_c(forms[i].shows)) < run.body.n;
            if (!shown || !dgm_str_eq(dgm_buf_str(&told), dgm_buf_str(&again)))
                fail_msg("%s: %.*s", forms[i].fault, 600, run.body.p);
            assert_true(i == 0 || !dgm_str_eq(dgm_buf_str(&plain.body), dgm_buf_str(&run.body)));
            emu_run_dispose(&run);
            dgm_buf_dispose(&again);
        }
        emu_run_dispose(&plain);
        dgm_buf_dispose(&told);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static void memory_may_run_short_anywhere(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" BOTH ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
        "{" HELLO ",\"temperature\":-1}", "{" HELLO ",\"stop\":[\"!\"]}"};
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++)
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
            bool failed = true;
            for (size_t k = 1; failed; k++) {
                struct alloc_fail memory;
                struct emu_run run;
                alloc_fail_init(&memory, k);
                emu_run_post_chat(&run, &memory.alloc, &plain_options, dialect,
                                  DGM_STR("cr; comments; multi-line"), dgm_str_c(bodies[i]));
                failed = alloc_fail_failed(&memory);
                assert_true(failed || run.rc == DGM_DONE);
                emu_run_dispose(&run);
                alloc_fail_done(&memory, bodies[i]);
                assert_true(k < 1000);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_a_body_that_breaks_it_and_a_near_miss),
        cmocka_unit_test(vllm_answers_with_every_member_it_knows),
        cmocka_unit_test(tgi_has_no_id_and_the_name_that_was_asked_for),
        cmocka_unit_test(tools_are_called_and_end_as_each_server_ends_them),
        cmocka_unit_test(results_are_told),
        cmocka_unit_test(schemas_are_filled_in_from_each_servers_own_member),
        cmocka_unit_test(models_that_reason_do_unless_told_not_to),
        cmocka_unit_test(stop_sequences_and_limits_end_a_text),
        cmocka_unit_test(streams_say_what_whole_answers_say),
        cmocka_unit_test(usage_comes_when_asked_for),
        cmocka_unit_test(deep_bodies_are_answered_or_refused),
        cmocka_unit_test(many_results_find_their_calls_in_time),
        cmocka_unit_test(large_schemas_are_filled_in_in_time),
        cmocka_unit_test(what_is_quoted_is_a_text),
        cmocka_unit_test(a_text_before_calls_is_said_the_same_way),
        cmocka_unit_test(a_call_is_told_whoever_answers),
        cmocka_unit_test(an_answer_always_has_a_choice),
        cmocka_unit_test(faults_have_the_servers_shape),
        cmocka_unit_test(the_emulators_own_errors_have_the_servers_type),
        cmocka_unit_test(an_error_comes_inside_of_a_stream),
        cmocka_unit_test(streams_can_be_cut),
        cmocka_unit_test(how_a_stream_is_written_changes_nothing),
        cmocka_unit_test(memory_may_run_short_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
