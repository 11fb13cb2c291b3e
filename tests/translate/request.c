/* SPDX-License-Identifier: Apache-2.0 */
/* request.c - what golden cases cannot show of a request: needs, order, size. */
#include "base/str.h"
#include "support/alloc_fail.h"

#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300000
#define LINEAR_SECONDS 20 /* under sanitizers, with room; quadratic work takes minutes */

static const struct dgm_env env = {.now = 1, .id = {"id", 2}};

static void body_init(struct dgm_buf *body, const char *text)
{
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(body, dgm_str_c(text));
}

static struct dgm_str native(const struct dgm_request *r)
{
    const struct dgm_str *segments;
    assert_int_equal(dgm_request_body(r, &segments), 1);
    return segments[0];
}

static void needs_are_asked_for_once_and_used(void **state)
{
    struct dgm_buf body;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    const struct dgm_need *needs;
    (void)state;
    body_init(&body,
              "{\"model\":\"gemini-3-pro\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
              "{\"role\":\"assistant\",\"tool_calls\":["
              "{\"id\":\"one\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
              "{\"id\":\"two\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}");
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_NEED);
    assert_int_equal(dgm_request_needs(r, &needs), 2);
    assert_true(dgm_str_eq(needs[0].call_id, DGM_STR("one")));
    assert_true(dgm_str_eq(needs[1].call_id, DGM_STR("two")));
    assert_true(dgm_request_supply_id(r, 1, DGM_STR("a7b3k9p2")));
    assert_true(dgm_request_supply(r, 0, DGM_STR("UkVNRU1CRVI=")));
    assert_int_equal(dgm_request_resume(r, &fail), DGM_OK);
    assert_true(dgm_str_find(native(r), DGM_STR("\"thoughtSignature\":\"UkVNRU1CRVI=\"")) <
                native(r).n);
    assert_true(dgm_str_find(native(r), DGM_STR("skip_thought")) == native(r).n);
    assert_true(dgm_str_find(native(r), DGM_STR("\"args\":{},\"id\":\"a7b3k9p2\"}")) < native(r).n);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
}

static bool stands(const struct dgm_request *r, const char *text)
{
    return dgm_str_find(native(r), dgm_str_c(text)) < native(r).n;
}

/* What is remembered goes before what the client brought; so does knowledge that it is another model's. */
static void what_is_remembered_wins(void **state)
{
    static const char text[] =
        "{\"model\":\"gemini-3-pro\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"one\",\"function\":{\"name\":\"f\","
        "\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"U0VOVA==\"}}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"one\",\"content\":\"y\"}]}";
    static const struct {
        struct dgm_str supplied;
        const char *sent;
        bool stood_in;
    } cases[] = {{{0}, "\"U0VOVA==\"", false},
                 {{"S0VQVA==", 8}, "\"S0VQVA==\"", false},
                 {{"", 0}, "\"skip_thought_signature_validator\"", true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_buf body;
        struct dgm_request *r = NULL;
        struct dgm_fail fail;
        const struct dgm_need *needs;
        body_init(&body, text);
        assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_NEED);
        assert_int_equal(dgm_request_needs(r, &needs), 1);
        assert_true(dgm_str_eq(needs[0].sent, DGM_STR("U0VOVA==")));
        assert_true(dgm_request_supply(r, 0, cases[i].supplied));
        assert_int_equal(dgm_request_resume(r, &fail), DGM_OK);
        assert_true(stands(r, cases[i].sent));
        assert_int_equal(needs[0].stood_in, cases[i].stood_in);
        dgm_request_free(r);
        dgm_buf_dispose(&body);
    }
}

/* The same conversation with other signatures: all else is as it was, byte for byte, as often as one likes. */
static void a_conversation_is_put_anew(void **state)
{
    struct dgm_buf body, before;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    (void)state;
    body_init(&body,
              "{\"model\":\"gemini-3-pro\",\"temperature\":1,\"messages\":["
              "{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"x\"},"
              "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"one\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1\"}}]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"one\",\"content\":\"{\\\"b\\\":2}\"},"
              "{\"role\":\"tool\",\"tool_call_id\":\"two\",\"content\":\"an orphan\"}]}");
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_NEED);
    assert_true(dgm_request_supply(r, 0, DGM_STR("Zmlyc3Q=")));
    assert_int_equal(dgm_request_resume(r, &fail), DGM_OK);
    dgm_buf_init(&before, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&before, native(r));
    struct dgm_str warnings = dgm_request_notes(r, DGM_NOTE_WARNING);
    for (int i = 0; i < 2; i++) {
        assert_true(dgm_request_supply(r, 0, DGM_STR("c2Vjb25k")));
        assert_int_equal(dgm_request_remake(r, &fail), DGM_OK);
        assert_true(stands(r, "\"c2Vjb25k\"") && !stands(r, "Zmlyc3Q="));
        assert_true(dgm_request_supply(r, 0, DGM_STR("Zmlyc3Q=")));
        assert_int_equal(dgm_request_remake(r, &fail), DGM_OK);
        assert_true(dgm_str_eq(native(r), dgm_buf_str(&before)));
        assert_true(dgm_str_eq(dgm_request_notes(r, DGM_NOTE_WARNING), warnings));
    }
    dgm_request_free(r);
    dgm_buf_dispose(&before);
    dgm_buf_dispose(&body);
}

/* Translates and keeps the native body. */
static void translate(const char *text, struct dgm_buf *ret)
{
    struct dgm_buf body;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    body_init(&body, text);
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_OK);
    dgm_buf_init(ret, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(ret, native(r));
    dgm_request_free(r);
    dgm_buf_dispose(&body);
}

/* Implicit caching depends on it: all but the closing brackets of the shorter one begins the longer one. */
static void one_more_turn_only_appends(void **state)
{
    struct dgm_buf one, more;
    (void)state;
    translate(
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"}],"
        "\"model\":\"gemini-2.5-pro\",\"temperature\":1}",
        &one);
    translate(
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":\"b\"},{\"role\":\"developer\",\"content\":\"c\"}],"
        "\"model\":\"gemini-2.5-pro\",\"temperature\":1}",
        &more);
    struct dgm_str open = dgm_buf_str(&one);
    while (open.n && strchr("]}", open.p[open.n - 1]))
        open.n--;
    assert_int_not_equal(open.n, 0);
    assert_true(dgm_str_starts(dgm_buf_str(&more), open));
    dgm_buf_dispose(&one);
    dgm_buf_dispose(&more);
}

/* Puts MANY messages of one kind, with a user's behind them. */
static void put_many(struct dgm_buf *body, const char *first, const char *each, const char *last)
{
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(body, "{\"model\":\"gemini-2.5-pro\",\"messages\":[");
    dgm_buf_put(body, dgm_str_c(first));
    for (size_t i = 0; i < MANY; i++)
        dgm_buf_put(body, dgm_str_c(each));
    dgm_buf_put(body, dgm_str_c(last));
    dgm_buf_put_lit(body, "{\"role\":\"user\",\"content\":\"x\"}]}");
}

static void time_grows_with_the_body_alone(void **state)
{
    static const struct {
        const char *first, *each, *last;
    } cases[] = {
        {"", "{\"role\":\"system\",\"content\":\"x\"},", ""},
        {"", "{\"role\":\"user\",\"content\":\"x\"},", ""},
        {"", "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"x\"},", ""},
        {"{\"role\":\"assistant\",\"tool_calls\":[",
         "{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},",
         "{\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_buf body;
        struct dgm_request *r = NULL;
        struct dgm_fail fail;
        put_many(&body, cases[i].first, cases[i].each, cases[i].last);
        alarm(LINEAR_SECONDS);
        enum dgm_rc rc = dgm_chat_request(&env, &body, &r, &fail);
        if (rc == DGM_NEED)
            rc = dgm_request_resume(r, &fail);
        assert_int_equal(rc, DGM_OK);
        alarm(0);
        dgm_request_free(r);
        dgm_buf_dispose(&body);
    }
}

static void the_arena_has_a_ceiling(void **state)
{
    struct dgm_limits limits = {.arena_bytes = 64 * 1024};
    struct dgm_env small = env;
    struct dgm_buf body;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    (void)state;
    small.limits = &limits;
    put_many(&body, "", "{\"role\":\"user\",\"content\":\"x\"},", "");
    assert_int_equal(dgm_chat_request(&small, &body, &r, &fail), DGM_E_LIMIT);
    assert_int_equal(fail.id, DGM_ERR_BODY_LARGE); /* waiting and asking again would not help */
    assert_null(r);
    dgm_buf_dispose(&body);
}

static struct dgm_request *plain_request(const struct dgm_limits *limits, struct dgm_buf *body)
{
    struct dgm_env limited = env;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    limited.limits = limits;
    body_init(body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert_int_equal(dgm_chat_request(&limited, body, &r, &fail), DGM_OK);
    assert_int_equal(dgm_request_resume(r, &fail), DGM_OK); /* says the same again */
    return r;
}

static void answers_have_a_ceiling(void **state)
{
    struct dgm_limits limits = {.event_bytes = 100};
    struct dgm_buf body, out;
    int status = 0;
    (void)state;
    struct dgm_request *r = plain_request(&limits, &body);
    char answer[101];
    memset(answer, ' ', sizeof answer);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    struct dgm_str native = {answer, sizeof answer};
    assert_int_equal(dgm_chat_response(r, 200, native, &out, &status), DGM_OK);
    assert_int_equal(status, 502);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&out);
}

static void an_ended_stream_says_so(void **state)
{
    struct dgm_str in =
        DGM_STR("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
                "\"finishReason\":\"STOP\"}]}\n\n");
    struct dgm_buf body, out;
    (void)state;
    struct dgm_request *r = plain_request(NULL, &body);
    struct dgm_stream *s = dgm_stream_new(r);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(dgm_stream_feed(s, &in, &out), DGM_MORE);
    assert_int_equal(dgm_stream_finish(s, &out), DGM_DONE);
    dgm_buf_clear(&out);
    in = DGM_STR("data: {}\n\n");
    assert_int_equal(dgm_stream_feed(s, &in, &out), DGM_DONE);
    assert_int_equal(dgm_stream_finish(s, &out), DGM_DONE);
    assert_int_equal(out.n, 0);
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&out);
}

static void every_error_row_is_whole(void **state)
{
    static const enum dgm_error ids[] = {
#define ERROR(id, number, status, type, code, sentence) DGM_ERR_##id,
#include <dragoman/errors.def>
#undef ERROR
    };
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct dgm_fail fail;
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, 4096);
        dgm_fail_set(&fail, ids[i], DGM_STR(""), (const struct dgm_str[4]){0});
        dgm_fail_put(&fail, &out);
        assert_int_equal(out.rc, DGM_OK);
        assert_in_range(dgm_error_status(ids[i]), 400, 599);
        assert_int_not_equal(dgm_error_type(ids[i]).n, 0);
        assert_true(dgm_str_find(dgm_buf_str(&out), DGM_STR("\"message\":\"\"")) == out.n);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(ids[i], ids[k]);
        dgm_buf_dispose(&out);
    }
}

static void long_texts_of_an_error_are_cut_between_characters(void **state)
{
    char text[1023];
    struct dgm_fail fail;
    (void)state;
    for (size_t i = 0; i + 2 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    struct dgm_str euros = {text, sizeof text};
    dgm_fail_set(&fail, DGM_ERR_VALUE, euros, (const struct dgm_str[4]){euros, euros});
    assert_int_equal(strlen(fail.param), (sizeof fail.param - 1) / 3 * 3);
    assert_int_equal(strlen(fail.detail), (sizeof fail.detail - 1) / 3 * 3);
}

#define LARGE 50000

/* Puts a request of two large texts, the second with `escape` in its midst. */
static void put_large(struct dgm_buf *body, const char *escape)
{
    char large[LARGE];
    memset(large, 'A', sizeof large);
    body_init(body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
    dgm_buf_put(body, (struct dgm_str){large, sizeof large});
    dgm_buf_put_lit(body, "\"},{\"role\":\"user\",\"content\":\"");
    dgm_buf_put(body, (struct dgm_str){large, sizeof large});
    dgm_buf_put(body, dgm_str_c(escape));
    dgm_buf_put_lit(body, "\"}]}");
}

static void expect_large(struct dgm_str native, const char *escape)
{
    const struct dgm_str begin =
                             DGM_STR("{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\""),
                         between = DGM_STR("\"},{\"text\":\""), end = DGM_STR("\"}]}]}");
    assert_true(dgm_str_starts(native, begin));
    native = dgm_str_skip(native, begin.n);
    for (size_t i = 0; i < LARGE; i++)
        assert_int_equal(native.p[i], 'A');
    native = dgm_str_skip(native, LARGE);
    assert_true(dgm_str_starts(native, between));
    native = dgm_str_skip(native, between.n + LARGE);
    assert_true(dgm_str_starts(native, dgm_str_c(escape)));
    assert_true(dgm_str_eq(dgm_str_skip(native, strlen(escape)), end));
}

/* A 20 MiB image must not be there twice; with what must be escaped it has to be. Memory may be short anywhere. */
static void large_texts_are_not_copied(void **state)
{
    static const struct {
        const char *escape;
        size_t segments;
    } cases[] = {{"", 5}, {"\\n", 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum dgm_rc rc = DGM_E_NOMEM;
        for (size_t fail_at = 1; rc == DGM_E_NOMEM; fail_at++) {
            struct alloc_fail failing;
            struct dgm_buf body, all;
            struct dgm_request *r = NULL;
            struct dgm_fail fail;
            const struct dgm_str *segments;
            struct dgm_env limited = env;
            alloc_fail_init(&failing, fail_at);
            limited.alloc = &failing.alloc;
            put_large(&body, cases[i].escape);
            rc = dgm_chat_request(&limited, &body, &r, &fail);
            if (rc == DGM_OK) {
                assert_int_equal(dgm_request_body(r, &segments), cases[i].segments);
                assert_in_range((uintptr_t)segments[1].p, (uintptr_t)body.p,
                                (uintptr_t)body.p + body.n - LARGE);
                dgm_buf_init(&all, &dgm_alloc_libc, SIZE_MAX);
                for (size_t k = 0; k < cases[i].segments; k++)
                    dgm_buf_put(&all, segments[k]);
                expect_large(dgm_buf_str(&all), cases[i].escape);
                dgm_buf_dispose(&all);
            }
            dgm_request_free(r);
            dgm_buf_dispose(&body);
            alloc_fail_done(&failing, "a request with large texts");
        }
        assert_int_equal(rc, DGM_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(needs_are_asked_for_once_and_used),
        cmocka_unit_test(what_is_remembered_wins),
        cmocka_unit_test(a_conversation_is_put_anew),
        cmocka_unit_test(one_more_turn_only_appends),
        cmocka_unit_test(time_grows_with_the_body_alone),
        cmocka_unit_test(the_arena_has_a_ceiling),
        cmocka_unit_test(answers_have_a_ceiling),
        cmocka_unit_test(an_ended_stream_says_so),
        cmocka_unit_test(every_error_row_is_whole),
        cmocka_unit_test(large_texts_are_not_copied),
        cmocka_unit_test(long_texts_of_an_error_are_cut_between_characters),
    };
    return cmocka_run_group_tests_name("translate/request", tests, NULL, NULL);
}
