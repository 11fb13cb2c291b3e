/* SPDX-License-Identifier: Apache-2.0 */
/* response.c - what a whole answer made of max_tokens is told, in usage and in a warning (user-pain A2). */
#include "base/str.h"
#include "json/read.h"

#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ANSWER(parts, finish, usage)                                                               \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "]},\"finishReason\":\"" finish "\"}],"     \
    "\"usageMetadata\":{\"promptTokenCount\":3," usage "}}"
#define TEXT "{\"text\":\"one two three\"}"
#define HIDDEN "{\"text\":\"hm\",\"thought\":true}"

/* The warning and the completion's tokens that come of an answer to a request with `limit`. */
static void assert_warns(const char *limit, const char *native, const char *warning,
                         int64_t completion, int64_t reasoning, const char *finish)
{
    const struct dgm_env env = {
        .now = 1, .id = DGM_STR("id"), .model = DGM_STR("gemini-2.5-flash")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf body, out;
    struct dgm_arena arena;
    struct json_error error;
    const struct json_val *root = NULL;
    int status = 0;
    int64_t n[2] = {-1, -1};
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    dgm_buf_init(&body, &dgm_alloc_libc, 4096);
    dgm_buf_init(&out, &dgm_alloc_libc, 65536);
    dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]");
    dgm_buf_put(&body, dgm_str_c(limit));
    dgm_buf_put_lit(&body, "}");
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_OK);
    assert_int_equal(dgm_chat_response(r, 200, dgm_str_c(native), &out, &status), DGM_OK);
    assert_int_equal(status, 200);
    struct dgm_str said = dgm_request_notes(r, DGM_NOTE_WARNING);
    if (!dgm_str_eq(said, dgm_str_c(warning)))
        fail_msg("%s: \"%.*s\", not \"%s\"", limit, (int)said.n, said.p, warning);
    assert_true(dgm_buf_reserve(&out, JSON_PADDING));
    assert_int_equal(json_parse(&arena, out.p, out.n, 32, &root, &error), DGM_OK);
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    const struct json_val *choice = json_at(json_get(root, DGM_STR("choices")), 0);
    json_int(json_get(usage, DGM_STR("completion_tokens")), &n[0]);
    json_int(json_get(json_get(usage, DGM_STR("completion_tokens_details")),
                      DGM_STR("reasoning_tokens")),
             &n[1]);
    assert_true(n[0] == completion && n[1] == reasoning);
    assert_true(dgm_str_eq(json_get_str(choice, DGM_STR("finish_reason")), dgm_str_c(finish)));
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
    dgm_arena_dispose(&arena);
}

static void what_became_of_the_limit_is_told(void **state)
{
    (void)state;
    assert_warns(",\"max_tokens\":10",
                 ANSWER(TEXT, "STOP", "\"candidatesTokenCount\":25,\"thoughtsTokenCount\":5"),
                 "max_tokens: the visible answer has 25 tokens: thoughts left of their room", 30, 5,
                 "stop");
    assert_warns(",\"max_tokens\":25",
                 ANSWER(TEXT, "STOP", "\"candidatesTokenCount\":25,\"thoughtsTokenCount\":5"), "",
                 30, 5, "stop");
    assert_warns(",\"max_completion_tokens\":10",
                 ANSWER(TEXT, "STOP", "\"candidatesTokenCount\":25,\"thoughtsTokenCount\":5"), "",
                 30, 5, "stop");
    assert_warns("", ANSWER(TEXT, "STOP", "\"candidatesTokenCount\":25"), "", 25, 0, "stop");
}

static void an_answer_eaten_by_thoughts_is_told(void **state)
{
    (void)state;
    assert_warns(",\"max_tokens\":16", ANSWER(HIDDEN, "MAX_TOKENS", "\"thoughtsTokenCount\":16"),
                 "max_tokens: thoughts took all of it: 16 tokens", 16, 16, "length");
    assert_warns(",\"max_completion_tokens\":16",
                 ANSWER("", "MAX_TOKENS", "\"thoughtsTokenCount\":16"),
                 "max_completion_tokens: thoughts took all of it: 16 tokens", 16, 16, "length");
    assert_warns(",\"max_tokens\":16", ANSWER(TEXT, "MAX_TOKENS", "\"candidatesTokenCount\":16"),
                 "", 16, 0, "length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_became_of_the_limit_is_told),
        cmocka_unit_test(an_answer_eaten_by_thoughts_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
