/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - what servers of OpenAI's protocol could do to us: beside the golden cases, which show what they do. */
#include <dragoman/dragoman.h>

#include "base/str.h"
#include "json/read.h"
#include "support/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STREAMED ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"

/* A request as it is relayed. `body` is to be disposed of behind it. */
static struct dgm_request *relay(struct dgm_buf *body, const char *more)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("relay")};
    const struct dgm_server server = {.kind = DGM_SERVER_OPENAI};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]");
    dgm_buf_put(body, dgm_str_c(more));
    dgm_buf_put_lit(body, "}");
    assert_int_equal(dgm_relay_open(&env, body, &r, &fail), DGM_OK);
    assert_int_equal(dgm_relay_make(r, &server, &fail), DGM_OK);
    return r;
}

/* The client's status; `out` gets the answer, with a zero behind it. */
static int answer(const char *text, int status, struct dgm_buf *out)
{
    struct dgm_buf body;
    struct dgm_request *r = relay(&body, "");
    int client_status = 0;
    dgm_buf_init(out, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(dgm_chat_response(r, status, dgm_str_c(text), out, &client_status), DGM_OK);
    dgm_buf_put_char(out, '\0');
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    return client_status;
}

/* Nothing of such a request was taken apart, and a bare error makes the native path look for what is suspect in it. */
static void a_bare_error_has_no_suspects(void **state)
{
    static const char *const messages[] = {"Request contains an invalid argument.",
                                           "Invalid argument provided", "INVALID_ARGUMENT"};
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        char text[256];
        struct dgm_buf out;
        snprintf(text, sizeof text,
                 "{\"error\":{\"message\":\"%s\",\"type\":\"BadRequestError\",\"code\":400}}",
                 messages[i]);
        assert_int_equal(answer(text, 400, &out), 400);
        assert_non_null(strstr(out.p, messages[i]));
        assert_null(strstr(out.p, "suspects"));
        dgm_buf_dispose(&out);
    }
}

/* FastAPI's loc is "body" and the way to the member; in a header or a query it begins with their word. */
static void a_place_is_told_whole(void **state)
{
    static const struct {
        const char *loc, *param;
    } cases[] = {
        {"[\"body\",\"messages\",0,\"role\"]", "\"param\":\"messages[0].role\""},
        {"[\"query\",\"limit\"]", "\"param\":\"query.limit\""},
        {"[\"body\"]", "\"param\":null"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        struct dgm_buf out;
        snprintf(text, sizeof text, "{\"detail\":[{\"loc\":%s,\"msg\":\"Field required\"}]}",
                 cases[i].loc);
        assert_int_equal(answer(text, 422, &out), 422);
        if (!strstr(out.p, cases[i].param))
            fail_msg("%s", out.p);
        dgm_buf_dispose(&out);
    }
}

/* What is relayed has OpenAI's errors, whatever shapes native answers have: all of them. */
static void errors_have_one_shape(void **state)
{
    const struct dgm_limits limits = {.event_bytes = 16};
    const struct dgm_env env = {
        .now = 1, .id = DGM_STR("relay"), .limits = &limits, .compat = DGM_COMPAT_GOOGLE};
    const struct dgm_server server = {.kind = DGM_SERVER_VLLM};
    static const char *const texts[] = {"{\"id\":\"x\"}", "{\"id\":\"longer than sixteen\"}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct dgm_buf body, out;
        struct dgm_request *r = NULL;
        struct dgm_fail fail;
        int status = 0;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
        assert_int_equal(dgm_relay_open(&env, &body, &r, &fail), DGM_OK);
        assert_int_equal(dgm_relay_make(r, &server, &fail), DGM_OK);
        assert_int_equal(dgm_chat_response(r, 200, dgm_str_c(texts[i]), &out, &status), DGM_OK);
        assert_int_equal(status, 502);
        assert_true(out.n != 0 && out.p[0] == '{');
        dgm_request_free(r);
        dgm_buf_dispose(&out);
        dgm_buf_dispose(&body);
    }
}

/* ---- streams ---- */

/* Feeds events to a stream whose output has a ceiling; `all` gets what came, with a zero behind it. */
static enum dgm_rc stream(const struct dgm_buf *events, size_t out_max, struct dgm_buf *all)
{
    struct dgm_buf body, out;
    struct dgm_str in = dgm_buf_str(events);
    struct dgm_request *r = relay(&body, STREAMED);
    struct dgm_stream *s = dgm_stream_new(r);
    enum dgm_rc rc = DGM_MORE;
    assert_non_null(s);
    dgm_buf_init(&out, &dgm_alloc_libc, out_max);
    dgm_buf_init(all, &dgm_alloc_libc, SIZE_MAX);
    do {
        rc = rc == DGM_MORE ? dgm_stream_feed(s, &in, &out) : rc;
        dgm_buf_put(all, dgm_buf_str(&out));
        dgm_buf_clear(&out);
    } while (rc == DGM_FULL && (rc = DGM_MORE));
    while (rc == DGM_MORE || rc == DGM_FULL) {
        rc = dgm_stream_finish(s, &out);
        dgm_buf_put(all, dgm_buf_str(&out));
        dgm_buf_clear(&out);
    }
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
    const char *broken = chunks_broken(CHUNKS_RELAYED, dgm_buf_str(all));
    if (broken)
        fail_msg("%s", broken);
    dgm_buf_put_char(all, '\0');
    return rc;
}

#define EVENT(choices) "data: {\"choices\":[" choices "]}\n\n"
#define CALLS(calls) "{\"delta\":{\"tool_calls\":[" calls "]}}"
#define END EVENT("{\"delta\":{},\"finish_reason\":\"tool_calls\"}") "data: [DONE]\n\n"

static void put_times(struct dgm_buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        dgm_buf_put(out, dgm_str_c(text));
}

/* dragoman.h: room for the largest event, and what waits for a call's name, is room enough. */
static void arguments_before_the_name_find_room(void **state)
{
    struct dgm_buf in, all;
    (void)state;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    put_times(&in,
              EVENT(CALLS("{\"index\":0,\"function\":{\"arguments\":"
                          "\"\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\"}}")),
              2000);
    put_times(&in, EVENT(CALLS("{\"index\":0,\"function\":{\"name\":\"f\"}}")) END, 1);
    assert_int_equal(stream(&in, 8192 + 8 * 128 + 8 * 16000, &all), DGM_DONE);
    assert_non_null(strstr(all.p, "[DONE]"));
    dgm_buf_dispose(&all);

    dgm_buf_clear(&in); /* nobody holds a megabyte for a name that may never come */
    put_times(&in, EVENT(CALLS("{\"index\":0,\"function\":{\"arguments\":\"0123456789abcdef\"}}")),
              5000);
    put_times(&in, EVENT(CALLS("{\"index\":0,\"function\":{\"name\":\"f\"}}")) END, 1);
    assert_int_equal(stream(&in, SIZE_MAX, &all), DGM_E_UPSTREAM);
    assert_null(strstr(all.p, "[DONE]"));
    dgm_buf_dispose(&all);
    dgm_buf_dispose(&in);
}

/* A thousand calls without arguments are owed a "{}" each at the end. */
static void calls_without_arguments_find_room(void **state)
{
    struct dgm_buf in, all;
    (void)state;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    for (int i = 0; i < 1000; i++) {
        char event[128];
        snprintf(event, sizeof event, EVENT(CALLS("{\"index\":%d,\"function\":{\"name\":\"f\"}}")),
                 i);
        dgm_buf_put(&in, dgm_str_c(event));
    }
    dgm_buf_put_lit(&in, END);
    assert_int_equal(stream(&in, 8192 + 8 * 128, &all), DGM_DONE);
    assert_non_null(strstr(all.p, "{\"index\":999,\"function\":{\"arguments\":\"{}\"}}"));
    dgm_buf_dispose(&all);
    dgm_buf_dispose(&in);
}

/* One choice a hundred thousand times in one event: each would be longer than it came. */
static void an_event_has_no_more_choices_than_there_are(void **state)
{
    struct dgm_buf in, all;
    (void)state;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&in, "data: {\"choices\":[{\"\":1}");
    put_times(&in, ",{\"\":1}", 100000);
    dgm_buf_put_lit(&in, "]}\n\n");
    assert_int_equal(stream(&in, 8192 + 8 * in.n, &all), DGM_E_UPSTREAM);
    assert_null(strstr(all.p, "[DONE]"));
    dgm_buf_dispose(&all);
    dgm_buf_dispose(&in);
}

/* ---- whole answers ---- */

#define ANSWER(message, finish)                                                                    \
    "{\"choices\":[{\"index\":0,\"message\":" message ",\"finish_reason\":\"" finish "\"}]}"

/* A call that stands alone, as TGI's did, is held to what calls in an array are: it must have a name. */
static void a_call_that_stands_alone_needs_a_name(void **state)
{
    struct dgm_buf out;
    (void)state;
    assert_int_equal(
        answer(ANSWER("{\"tool_calls\":{\"function\":{\"arguments\":\"{}\"}}}", "tool_calls"), 200,
               &out),
        502);
    dgm_buf_dispose(&out);
    assert_int_equal(
        answer(ANSWER("{\"tool_calls\":{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}}",
                      "tool_calls"),
               200, &out),
        200);
    assert_non_null(strstr(out.p, "\"name\":\"f\""));
    dgm_buf_dispose(&out);
}

/* 1024 calls are taken; what is over is no answer with some of its calls left out. */
static void calls_are_not_left_out_in_silence(void **state)
{
    (void)state;
    for (size_t n = 1024; n <= 1025; n++) {
        struct dgm_buf text, out;
        dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_put_lit(&text, "{\"choices\":[{\"index\":0,\"message\":{\"tool_calls\":[");
        put_times(&text, "{\"function\":{\"name\":\"f\"}},", n - 1);
        dgm_buf_put_lit(&text,
                        "{\"function\":{\"name\":\"f\"}}]},\"finish_reason\":\"tool_calls\"}]}");
        dgm_buf_put_char(&text, '\0');
        assert_int_equal(answer(text.p, 200, &out), n == 1024 ? 200 : 502);
        dgm_buf_dispose(&out);
        dgm_buf_dispose(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_error_has_no_suspects),
        cmocka_unit_test(a_place_is_told_whole),
        cmocka_unit_test(errors_have_one_shape),
        cmocka_unit_test(arguments_before_the_name_find_room),
        cmocka_unit_test(calls_without_arguments_find_room),
        cmocka_unit_test(an_event_has_no_more_choices_than_there_are),
        cmocka_unit_test(a_call_that_stands_alone_needs_a_name),
        cmocka_unit_test(calls_are_not_left_out_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
