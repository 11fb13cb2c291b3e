/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_put.c - tests of emulate/dialect_put: how vLLM and TGI answer, whole, streamed, and with faults. */
#include "emulate/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sse.h"
#include "base/str.h"
#include "emulate/scenario.h"
#include "support/alloc_fail.h"
#include "support/emu_chat.h"

/* ---- whole answers ------------------------------------------------------------------------------------ */

static void vllm_answers_with_every_member_it_knows(void **state)
{
    (void)state;
    struct emu_run run;
    emu_chat(&run, EMU_VLLM, NULL, "{\"model\":\"\"," HELLO "}");
    const struct json_val *root = emu_run_json(&run), *message = emu_chat_message(&run);
    assert_true(dgm_str_starts(json_get_str(root, DGM_STR("id")), DGM_STR("chatcmpl-")));
    emu_assert_text(json_get_str(root, DGM_STR("model")), "default");
    assert_true(json_get_str(message, DGM_STR("content")).n != 0);
    assert_int_equal(json_kind(json_get(message, DGM_STR("tool_calls"))), JSON_ARR);
    assert_int_equal(json_kind(json_get(message, DGM_STR("reasoning"))), JSON_NULL);
    emu_assert_text(emu_chat_finish(&run), "stop");
    emu_run_dispose(&run);
}

static void tgi_has_no_id_and_the_name_that_was_asked_for(void **state)
{
    (void)state;
    struct emu_run run;
    emu_chat(&run, EMU_TGI, NULL, "{" HELLO "}");
    const struct json_val *root = emu_run_json(&run);
    emu_assert_text(json_get_str(root, DGM_STR("id")), "");
    assert_true(json_get(root, DGM_STR("id")) != NULL);
    emu_assert_text(json_get_str(root, DGM_STR("model")), "tgi");
    assert_true(json_get_str(emu_chat_message(&run), DGM_STR("content")).n != 0);
    emu_run_dispose(&run);
}

static const struct json_val *call_at(struct emu_run *run, size_t i)
{
    return json_at(json_get(emu_chat_message(run), DGM_STR("tool_calls")), i);
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
        emu_chat(&run, asked[i].dialect, NULL, asked[i].body);
        const struct json_val *calls = json_get(emu_chat_message(&run), DGM_STR("tool_calls"));
        const struct json_val *call = call_at(&run, 0), *f = json_get(call, DGM_STR("function"));
        assert_int_equal(json_size(calls), asked[i].calls);
        emu_assert_text(emu_chat_finish(&run), asked[i].finish);
        assert_true(dgm_str_starts(json_get_str(call, DGM_STR("id")), dgm_str_c(asked[i].id)));
        emu_assert_text(json_get_str(f, DGM_STR("name")), "get_weather");
        emu_assert_text(json_get_str(f, DGM_STR("arguments")), "{\"location\":\"Chicago\"}");
        emu_run_dispose(&run);
    }
}

static void results_are_told(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++) {
        struct emu_run run;
        emu_chat(
            &run, dialect, NULL,
            "{\"messages\":[{\"role\":\"user\",\"content\":\"What is the weather in Chicago?\"},"
            "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":"
            "\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{\\\"location\\\":"
            "\\\"Chicago\\\"}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
            "\"{\\\"sky\\\":\\\"clear\\\"}\"}]," WEATHER_TOOL "}");
        struct dgm_str said = json_get_str(emu_chat_message(&run), DGM_STR("content"));
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
        emu_chat(&run, asked[i].dialect, NULL, asked[i].body);
        struct dgm_str said = json_get_str(emu_chat_message(&run), DGM_STR("content"));
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
        {"{\"model\":\"deepseek-ai/DeepSeek-R1\"," HELLO "}", true},
        {"{\"model\":\"Qwen/QwQ-32B\"," HELLO "}", true},
        {"{\"model\":\"openai/gpt-oss-20b\"," HELLO "}", true},
        {"{\"model\":\"moonshotai/Kimi-K2-Thinking\"," HELLO "}", true},
        {"{\"model\":\"mistralai/Magistral-Small\"," HELLO "}", true},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct emu_run run;
        emu_chat(&run, EMU_VLLM, NULL, asked[i].body);
        bool reasons = json_get_str(emu_chat_message(&run), DGM_STR("reasoning")).n != 0;
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
        emu_chat(&run, asked[i].dialect, NULL, asked[i].body);
        struct dgm_str said = json_get_str(emu_chat_message(&run), DGM_STR("content"));
        emu_assert_text(emu_chat_finish(&run), asked[i].finish);
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
            emu_chat(&whole, dialect, NULL, asked[i].whole);
            emu_chat(&streamed, dialect, NULL, asked[i].streamed);
            add_up(&streamed, &sum);
            const struct json_val *f = json_get(call_at(&whole, 0), DGM_STR("function"));
            emu_assert_text(json_get_str(emu_chat_message(&whole), DGM_STR("content")), sum.text);
            emu_assert_text(json_get_str(f, DGM_STR("arguments")), sum.arguments);
            emu_assert_text(emu_chat_finish(&whole), sum.finish);
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
        emu_chat(&run, dialect, NULL, "{" HELLO ",\"stream\":true}");
        add_up(&run, &sum);
        assert_int_equal(sum.usages, 0);
        assert_true(sum.chunks > 1);
        emu_run_dispose(&run);
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
            emu_run_post_env(&runs[i], &dgm_alloc_libc, &emu_options_plain,
                             (struct emu_env){.dialect = dialect, .scenario = &scenario},
                             DGM_STR("/v1/chat/completions"),
                             dgm_str_c(i == 0 ? "{" WEATHER "}" : "{" WEATHER ",\"stream\":true}"));
        add_up(&runs[1], &sum);
        emu_assert_text(json_get_str(emu_chat_message(&runs[0]), DGM_STR("content")), sum.text);
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
                &run, &dgm_alloc_libc, &emu_options_plain,
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
        emu_run_post_env(&run, &dgm_alloc_libc, &emu_options_plain,
                         (struct emu_env){.dialect = dialect, .responder = DGM_STR("blocked")},
                         DGM_STR("/v1/chat/completions"), DGM_STR("{" HELLO "}"));
        assert_int_equal(json_size(json_get(emu_run_json(&run), DGM_STR("choices"))), 1);
        emu_assert_text(emu_chat_finish(&run), "stop");
        emu_run_dispose(&run);
    }
}

/* ---- faults ------------------------------------------------------------------------------------------- */

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
        emu_chat(&run, wanted[i].dialect, "error-event=0", "{" HELLO ",\"stream\":true}");
        assert_int_equal(run.status, 200);
        emu_assert_text(dgm_buf_str(&run.body), wanted[i].body);
        emu_run_dispose(&run);
    }
}

static void streams_can_be_cut(void **state)
{
    (void)state;
    struct emu_run run;
    emu_chat(&run, EMU_VLLM, "cut-event=2", "{" HELLO ",\"stream\":true}");
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
        emu_chat(&plain, dialect, NULL, "{" HELLO ",\"stream\":true}");
        put_events(&plain, &told);
        assert_true(dgm_str_find(dgm_buf_str(&told), DGM_STR("[DONE]")) < told.n);
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            struct emu_run run;
            struct dgm_buf again;
            dgm_buf_init(&again, &dgm_alloc_libc, (size_t)4 << 20);
            emu_chat(&run, dialect, forms[i].fault, "{" HELLO ",\"stream\":true}");
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
                emu_run_post_chat(&run, &memory.alloc, &emu_options_plain, dialect,
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
        cmocka_unit_test(vllm_answers_with_every_member_it_knows),
        cmocka_unit_test(tgi_has_no_id_and_the_name_that_was_asked_for),
        cmocka_unit_test(tools_are_called_and_end_as_each_server_ends_them),
        cmocka_unit_test(results_are_told),
        cmocka_unit_test(schemas_are_filled_in_from_each_servers_own_member),
        cmocka_unit_test(models_that_reason_do_unless_told_not_to),
        cmocka_unit_test(stop_sequences_and_limits_end_a_text),
        cmocka_unit_test(streams_say_what_whole_answers_say),
        cmocka_unit_test(usage_comes_when_asked_for),
        cmocka_unit_test(a_text_before_calls_is_said_the_same_way),
        cmocka_unit_test(a_call_is_told_whoever_answers),
        cmocka_unit_test(an_answer_always_has_a_choice),
        cmocka_unit_test(an_error_comes_inside_of_a_stream),
        cmocka_unit_test(streams_can_be_cut),
        cmocka_unit_test(how_a_stream_is_written_changes_nothing),
        cmocka_unit_test(memory_may_run_short_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
