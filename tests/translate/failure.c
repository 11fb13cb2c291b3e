/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.c - tests of translate/failure: thirty bodies of a 429 told apart (user-pain G4), and every google.rpc.Code as a
 * whole answer and within a stream (user-pain G6). Other errors are golden cases.
 */
#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "json/read.h"

#define MAX_BYTES ((size_t)1 << 20)
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a client gets of an error. */
struct told {
    int status;
    char type[64], code[64];
    struct dgm_retry retry;
};

static void copy(char *to, size_t size, const struct json_val *error, const char *name)
{
    struct dgm_str s = json_get_str(error, dgm_str_c(name));
    assert_true(s.n != 0 && s.n < size);
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
}

static void read_error(struct dgm_str text, struct told *ret)
{
    struct dgm_arena arena;
    const struct json_val *root = NULL;
    struct json_error e;
    char *mine = malloc(text.n + JSON_PADDING);
    assert_non_null(mine);
    memcpy(mine, text.p, text.n);
    dgm_arena_init(&arena, &dgm_alloc_libc, MAX_BYTES);
    assert_int_equal(json_parse(&arena, mine, text.n, JSON_DEPTH_MAX, &root, &e), DGM_OK);
    const struct json_val *error = json_get(root, DGM_STR("error"));
    assert_true(json_get_str(error, DGM_STR("message")).n != 0);
    copy(ret->type, sizeof ret->type, error, "type");
    copy(ret->code, sizeof ret->code, error, "code");
    dgm_arena_dispose(&arena);
    free(mine);
}

static struct told ask(int status, const char *native, bool streams)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("test")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf body, out;
    struct told told = {0};
    dgm_buf_init(&body, &dgm_alloc_libc, MAX_BYTES);
    dgm_buf_init(&out, &dgm_alloc_libc, MAX_BYTES);
    dgm_buf_put_lit(
        &body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"stream\":");
    dgm_buf_put(&body, streams ? DGM_STR("true}") : DGM_STR("false}"));
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_OK);
    if (streams) {
        struct dgm_stream *s = dgm_stream_new(r);
        struct dgm_str in = dgm_str_c(native), end = DGM_STR("\n\n"), start = DGM_STR("data: ");
        assert_non_null(s);
        assert_int_equal(dgm_stream_feed(s, &start, &out), DGM_MORE);
        assert_int_equal(dgm_stream_feed(s, &in, &out), DGM_MORE);
        assert_int_equal(dgm_stream_feed(s, &end, &out), DGM_E_UPSTREAM);
        dgm_buf_clear(&out);
        told.status = dgm_stream_put_error(s, &out);
        dgm_stream_free(s);
    } else {
        assert_int_equal(dgm_chat_response(r, status, dgm_str_c(native), &out, &told.status),
                         DGM_OK);
    }
    read_error(dgm_buf_str(&out), &told);
    told.retry = dgm_request_retry(r);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&out);
    return told;
}

/* ---- G4 ----------------------------------------------------------------------------------------------- */

#define ERROR(message, details)                                                                    \
    "{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"" message            \
    "\"" details "}}"
#define DETAILS(list) ",\"details\":[" list "]"
#define QUOTA(id)                                                                                        \
    "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"m\"," \
    "\"quotaId\":\"" id "\"}]}"
#define WAIT(seconds)                                                                              \
    "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"" seconds "\"}"
#define HELP "{\"@type\":\"type.googleapis.com/google.rpc.Help\",\"links\":[]}"
#define YOURS "You exceeded your current quota, please check your plan and billing details."
#define VERTEX "Quota exceeded for aiplatform.googleapis.com/"

static const char minute[] = "rate_limit_exceeded", day[] = "insufficient_quota",
                  shared[] = "overloaded";

static const struct {
    const char *body, *code;
    int64_t after_ms;
    bool hopeless;
} quotas[] = {
    /* A minute's: with what to wait, or without. */
    {ERROR(YOURS, DETAILS(QUOTA("GenerateRequestsPerMinutePerProjectPerModel"))), minute, -1,
     false},
    {ERROR(YOURS,
           DETAILS(QUOTA("GenerateRequestsPerMinutePerProjectPerModel-FreeTier") "," WAIT("39s"))),
     minute, 39000, false},
    {ERROR(YOURS, DETAILS(HELP "," QUOTA(
                      "GenerateRequestsPerMinutePerProjectPerModel-FreeTier") "," WAIT("28.9s"))),
     minute, 28900, false},
    {ERROR(YOURS, DETAILS(QUOTA("GenerateContentInputTokensPerModelPerMinute-FreeTier") "," WAIT(
                      "45.837906927s"))),
     minute, 45838, false},
    {ERROR(YOURS,
           DETAILS(QUOTA("GenerateContentPaidTierInputTokensPerModelPerMinute") "," WAIT("0.2s"))),
     minute, 200, false},
    {ERROR(YOURS "\\nPlease retry in 12s.", DETAILS(WAIT("12s"))), minute, 12000, false},
    {ERROR(YOURS, DETAILS(WAIT("60s"))), minute, 60000, false},
    {ERROR(YOURS, DETAILS(WAIT("61s"))), minute, 61000, true},
    {ERROR(YOURS, DETAILS(WAIT("soon"))), minute, -1, false},
    {ERROR(YOURS, DETAILS(WAIT("-1s"))), minute, -1, false},
    {ERROR(
         VERTEX
         "generate_content_requests_per_minute_per_project_per_base_model with base model: gemini-2.5-pro.",
         ""),
     minute, -1, false},
    {ERROR(VERTEX "online_prediction_requests_per_base_model with base model: gemini-2.0-flash.",
           ""),
     minute, -1, false},
    {ERROR(
         VERTEX
         "generate_content_input_tokens_per_minute_per_base_model with base model: gemini-2.0-flash.",
         ""),
     minute, -1, false},
    {ERROR("Too many requests. Exceeded the Provisioned Throughput.", ""), minute, -1, false},
    {"[" ERROR(YOURS,
               DETAILS(QUOTA("GenerateRequestsPerMinutePerProjectPerModel") "," WAIT("7s"))) "]",
     minute, 7000, false},
    {"{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"rate_limit\",\"code\":\"x\"}}",
     minute, -1, false},
    {"{\"error\":\"Model is overloaded\",\"error_type\":\"overloaded\"}", shared, -1,
     false}, /* TGI's */
    {"<html><title>429. Too Many Requests</title></html>", minute, -1, false},
    {"", minute, -1, false},
    /* A day's, a plan's: waiting is hopeless, whatever RetryInfo says. */
    {ERROR(YOURS, DETAILS(QUOTA("GenerateRequestsPerDayPerProjectPerModel"))), day, -1, true},
    {ERROR(YOURS,
           DETAILS(QUOTA("GenerateRequestsPerDayPerProjectPerModel-FreeTier") "," WAIT("22s"))),
     day, 22000, true},
    {ERROR(YOURS, DETAILS(QUOTA("GenerateRequestsPerMinutePerProjectPerModel") "," QUOTA(
                      "GenerateRequestsPerDayPerProjectPerModel"))),
     day, -1, true},
    {ERROR(YOURS, DETAILS(QUOTA("GenerateContentInputTokensPerModelPerDay-FreeTier"))), day, -1,
     true},
    {ERROR(YOURS "\\n* Quota exceeded for metric: m, limit: 0, model: gemini-3-pro", ""), day, -1,
     true},
    {ERROR(
         VERTEX
         "generate_content_requests_per_day_per_project_per_base_model with base model: gemini-2.5-pro.",
         ""),
     day, -1, true},
    {ERROR("Your prepayment credits are depleted. Please go to AI Studio.", ""), day, -1, true},
    /* Shared capacity: nobody's quota, and nobody knows how long. */
    {ERROR(
         "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
         ""),
     shared, -1, false},
    {ERROR("Resource exhausted. Please try again later.", DETAILS(WAIT("5s"))), shared, 5000,
     false},
    {ERROR("Resource has been exhausted (e.g. check quota).", ""), shared, -1, false},
    {"[" ERROR("Resource exhausted. Please try again later.", "") "\n]", shared, -1, false},
};

static void thirty_bodies_of_429_are_told_apart(void **state)
{
    (void)state;
    assert_true(COUNT(quotas) == 30);
    for (size_t i = 0; i < COUNT(quotas); i++) {
        struct told t = ask(429, quotas[i].body, false);
        if (t.status != 429 || strcmp(t.code, quotas[i].code) != 0 ||
            t.retry.after_ms != quotas[i].after_ms || t.retry.hopeless != quotas[i].hopeless)
            fail_msg("%s: %d %s, after %lld, hopeless %d", quotas[i].body, t.status, t.code,
                     (long long)t.retry.after_ms, t.retry.hopeless);
        assert_string_equal(t.type,
                            quotas[i].code == day ? "insufficient_quota" : "rate_limit_error");
    }
}

/* ---- G6 ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *google;
    int native, status;
    const char *type, *code;
    bool hopeless; /* not to be tried again */
} codes[] = {
    {"CANCELLED", 499, 499, "server_error", "upstream_cancelled", false},
    {"UNKNOWN", 500, 500, "server_error", "upstream_error", false},
    {"INVALID_ARGUMENT", 400, 400, "invalid_request_error", "invalid_argument", true},
    {"DEADLINE_EXCEEDED", 504, 504, "server_error", "upstream_timeout", false},
    {"NOT_FOUND", 404, 404, "invalid_request_error", "model_not_found", true},
    {"ALREADY_EXISTS", 409, 409, "invalid_request_error", "conflict", false},
    {"PERMISSION_DENIED", 403, 403, "permission_error", "permission_denied", true},
    {"UNAUTHENTICATED", 401, 401, "authentication_error", "invalid_api_key", true},
    {"RESOURCE_EXHAUSTED", 429, 429, "rate_limit_error", "rate_limit_exceeded", false},
    {"FAILED_PRECONDITION", 400, 400, "invalid_request_error", "invalid_argument", true},
    {"ABORTED", 409, 409, "invalid_request_error", "conflict", false},
    {"OUT_OF_RANGE", 400, 400, "invalid_request_error", "invalid_argument", true},
    {"UNIMPLEMENTED", 501, 501, "server_error", "upstream_unimplemented", true},
    {"INTERNAL", 500, 500, "server_error", "upstream_error", false},
    {"UNAVAILABLE", 503, 503, "server_error", "overloaded", false},
    {"DATA_LOSS", 500, 500, "server_error", "upstream_error", false},
};

static void sixteen_codes_are_the_same_streamed_or_not(void **state)
{
    (void)state;
    assert_true(COUNT(codes) == 16);
    for (size_t i = 0; i < COUNT(codes); i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"error\":{\"code\":%d,\"message\":\"It is so.\",\"status\":\"%s\"}}",
                 codes[i].native, codes[i].google);
        for (int streams = 0; streams < 2; streams++) {
            struct told t = ask(codes[i].native, body, streams);
            assert_int_equal(t.status, codes[i].status);
            assert_string_equal(t.type, codes[i].type);
            assert_string_equal(t.code, codes[i].code);
            assert_int_equal(t.retry.hopeless, codes[i].hopeless);
        }
        /* What is the client's fault is never the server's, and the other way round. */
        assert_int_equal(codes[i].status >= 499, strcmp(codes[i].type, "server_error") == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_bodies_of_429_are_told_apart),
        cmocka_unit_test(sixteen_codes_are_the_same_streamed_or_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
