/* SPDX-License-Identifier: Apache-2.0 */
/* tries.c - tests of translate/tries: what an upstream's message calls for, of which request, and never twice. */
#include "translate/tries.h"
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define BODY_MAX ((size_t)1 << 20)
#define NATIVE                                                                                     \
    "{\"model\":\"google/gemini-exp-1206\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]"
#define RELAYED(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define SAYS(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define RANGE(name, value, most)                                                                   \
    "Unable to submit request because it has a " name " value of " value                           \
    " but the supported range is from 0 (inclusive) to " most                                      \
    " (exclusive). Update the value and try again."
#define SCHEMA                                                                                     \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":"              \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}]"
#define GOOGLE(members) ",\"extra_body\":{\"google\":{" members "}}"

static const struct {
    const char *body, *message;
    enum dgm_try_id id; /* DGM_TRIES: none */
    int64_t least, most;
} said[] = {
    {RELAYED(SAYS("user", "a") "," SAYS("system", "b")), "System message must be at the beginning.",
     DGM_TRY_MERGE_SYSTEM, 0, 0},
    {RELAYED(SAYS("user", "a") "," SAYS("developer", "b")),
     "Jinja Exception: System message must be at the beginning.", DGM_TRY_MERGE_SYSTEM, 0, 0},
    {RELAYED(SAYS("system", "a") "," SAYS("user", "b")), "System message must be at the beginning.",
     DGM_TRIES, 0, 0},
    {RELAYED(SAYS("system", "a") "," SAYS("user", "b")), "System role not supported",
     DGM_TRY_SYSTEM_USER, 0, 0},
    {RELAYED(SAYS("user", "b")), "System role not supported", DGM_TRIES, 0, 0},
    {RELAYED(SAYS("user", "a") "," SAYS("user", "b")),
     "Conversation roles must alternate user/assistant/user/assistant/...", DGM_TRY_ALTERNATE, 0,
     0},
    {RELAYED(SAYS("user", "a") "," SAYS("user", "b")),
     "After the optional system message, conversation roles must alternate", DGM_TRY_ALTERNATE, 0,
     0},
    {RELAYED(SAYS("user", "a") "," SAYS("user", "b")),
     "roles must alternate between user and model", DGM_TRY_ALTERNATE, 0, 0},
    {RELAYED(SAYS("user", "a") "," SAYS("assistant", "b")), "Conversation roles must alternate",
     DGM_TRIES, 0, 0},
    {RELAYED("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"),
     "can only concatenate str (not \"list\") to str", DGM_TRY_FLATTEN, 0, 0},
    {RELAYED("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"),
     "messages[0].content must be a string", DGM_TRY_FLATTEN, 0, 0},
    {RELAYED("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"),
     "messages[0].content: invalid type: sequence, expected a string", DGM_TRY_FLATTEN, 0, 0},
    {RELAYED("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}"),
     "'loc': ('body', 'messages', 0, 'content'), 'msg': 'Input should be a valid string'",
     DGM_TRY_FLATTEN, 0, 0},
    {RELAYED(
         "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example\"}}]}"),
     "can only concatenate str (not \"list\") to str", DGM_TRIES, 0, 0},
    {RELAYED(SAYS("user", "a")), "Penalty is not enabled for this model", DGM_TRIES, 0, 0},
    {NATIVE ",\"presence_penalty\":1}", "Penalty is not enabled for models/gemini-exp-1206",
     DGM_TRY_PENALTIES, 0, 0},
    {NATIVE ",\"frequency_penalty\":1}", "Penalty is not enabled for this model", DGM_TRY_PENALTIES,
     0, 0},
    {NATIVE "}", "Penalty is not enabled for this model", DGM_TRIES, 0, 0},
    {NATIVE ",\"logprobs\":true}", "Logprobs is not enabled for models/gemini-exp-1206",
     DGM_TRY_LOGPROBS, 0, 0},
    {NATIVE ",\"logprobs\":true}", "Logprobs are not supported by this model.", DGM_TRY_LOGPROBS, 0,
     0},
    {NATIVE ",\"n\":2}",
     "Unable to submit request because candidateCount must be 1 but the entered value was 2. Update the candidateCount value and try again.",
     DGM_TRY_CANDIDATES, 0, 0},
    {NATIVE ",\"n\":2}", "Only one candidate can be specified in the current model",
     DGM_TRY_CANDIDATES, 0, 0},
    {NATIVE ",\"n\":2}", "Multiple candidates is not enabled for this model", DGM_TRY_CANDIDATES, 0,
     0},
    {NATIVE ",\"max_tokens\":655360}", RANGE("maxOutputTokens", "655360", "8193"),
     DGM_TRY_MAX_TOKENS, 0, 8192000},
    {NATIVE ",\"max_tokens\":655360}",
     "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be in the range [1, 8192].\n",
     DGM_TRY_MAX_TOKENS, 1000, 8192000},
    {NATIVE ",\"max_tokens\":655360}", RANGE("maxOutputTokens", "655360", "nothing"), DGM_TRIES, 0,
     0},
    {NATIVE ",\"temperature\":2}", RANGE("temperature", "2", "1.0001"), DGM_TRY_TEMPERATURE, 0,
     1000},
    {NATIVE ",\"temperature\":2}", RANGE("temperature", "2", "1"), DGM_TRY_TEMPERATURE, 0, 999},
    {NATIVE ",\"temperature\":2}", "temperature must be in the range [-0.5, 1.0].",
     DGM_TRY_TEMPERATURE, -500, 1000},
    {NATIVE ",\"top_p\":1}", RANGE("topP", "1", "1"), DGM_TRY_TOP_P, 0, 999},
    {NATIVE ",\"top_p\":1}", "top_p must be in the range [0.0, 0.9].", DGM_TRY_TOP_P, 0, 900},
    {NATIVE GOOGLE("\"generation_config\":{\"top_k\":50}") "}", RANGE("topK", "50", "41"),
     DGM_TRY_TOP_K, 0, 40000},
    {NATIVE GOOGLE("\"generation_config\":{\"top_k\":50}") "}",
     "top_k must be in the range [1, 40].", DGM_TRY_TOP_K, 1000, 40000},
    {NATIVE ",\"logprobs\":true,\"top_logprobs\":20}", RANGE("logprobs", "20", "6"),
     DGM_TRY_TOP_LOGPROBS, 0, 5000},
    {NATIVE ",\"logprobs\":true,\"top_logprobs\":20}", "logprobs must be in the range [0, 5].",
     DGM_TRY_TOP_LOGPROBS, 0, 5000},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_budget\":9}") "}",
     "The thinking budget (9) is invalid. Please choose a value between 512 and 24576.",
     DGM_TRY_BUDGET, 512000, 24576000},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_budget\":9}") "}",
     "Unable to submit request because thinking_budget is out of range; supported values are integers from 128 to 32768.",
     DGM_TRY_BUDGET, 128000, 32768000},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_budget\":0}") "}",
     "The model does not support setting thinking_budget to 0.", DGM_TRY_NO_BUDGET, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_budget\":0}") "}",
     "Budget 0 is invalid. This model only works in thinking mode.", DGM_TRY_NO_BUDGET, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_level\":\"low\"}") "}",
     "Thinking level is not supported for this model.", DGM_TRY_NO_LEVEL, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"thinking_level\":\"low\"}") "}",
     "Unable to submit request because thinking_level LOW is not supported by this model.",
     DGM_TRY_NO_LEVEL, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"include_thoughts\":true}") "}",
     "thinking_config is not supported.", DGM_TRY_NO_THINKING, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"include_thoughts\":true}") "}",
     "Unable to submit request because Thinking_config.include_thoughts is only enabled when thinking is enabled.",
     DGM_TRY_NO_THINKING, 0, 0},
    {NATIVE GOOGLE("\"thinking_config\":{\"include_thoughts\":true}") "}",
     "Thinking is not enabled for models/x", DGM_TRY_NO_THINKING, 0, 0},
    {NATIVE ",\"temperature\":2}", "temperature is not supported by this model", DGM_TRY_SAMPLING,
     0, 0},
    {NATIVE ",\"top_p\":0.5}", "top_p is not supported by this model", DGM_TRY_SAMPLING, 0, 0},
    {NATIVE GOOGLE("\"generation_config\":{\"top_k\":50}") "}",
     "top_k is not supported by this model", DGM_TRY_SAMPLING, 0, 0},
    {NATIVE SCHEMA "}",
     "The specified schema produces a constraint that has too many states for serving.",
     DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE SCHEMA "}",
     "Invalid value at 'tools[0].function_declarations[37].parameters.properties[9].value'",
     DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE SCHEMA "}",
     "* GenerateContentRequest.generation_config.response_schema.items: missing field.",
     DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE SCHEMA "}", "generation_config.response_json_schema: no", DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE SCHEMA "}",
     "Unable to submit request because `f` functionDeclaration `parameters.a` schema didn't specify the schema type field.",
     DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE SCHEMA "}", "Request contains an invalid argument.", DGM_TRY_SCHEMA_PLAIN, 0, 0},
    {NATIVE "}", "Request contains an invalid argument.", DGM_TRIES, 0, 0},
    {NATIVE "}", "too many states", DGM_TRIES, 0, 0},
    /* A surer cause than any schema: a file that is none. */
    {"{\"model\":\"gemini-exp-1206\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}]}]" SCHEMA
     "}",
     "Request contains an invalid argument.", DGM_TRIES, 0, 0},
    {NATIVE SCHEMA "}", "Function call is missing a thought_signature in functionCall parts.",
     DGM_TRIES, 0, 0},
};

struct asked {
    struct dgm_request *r;
    struct dgm_buf body;
    bool strict;
};

static void ask(struct asked *a, const char *body)
{
    const struct dgm_env env = {.id = DGM_STR("tries"), .strict = a->strict};
    const struct dgm_server server = {.kind = DGM_SERVER_OPENAI};
    struct dgm_fail f;
    bool relayed = strstr(body, "\"model\":\"m\"") != NULL;
    dgm_buf_init(&a->body, &dgm_alloc_libc, BODY_MAX);
    dgm_buf_put(&a->body, dgm_str_c(body));
    if (!relayed) {
        assert_int_equal(dgm_chat_request(&env, &a->body, &a->r, &f), DGM_OK);
        return;
    }
    assert_int_equal(dgm_relay_open(&env, &a->body, &a->r, &f), DGM_OK);
    assert_int_equal(dgm_relay_make(a->r, &server, &f), DGM_OK);
}

static void dispose(struct asked *a)
{
    dgm_request_free(a->r);
    dgm_buf_dispose(&a->body);
}

static bool answer(struct asked *a, int status, const char *message, struct dgm_try *ret)
{
    struct dgm_buf native, out;
    int client_status;
    dgm_buf_init(&native, &dgm_alloc_libc, BODY_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, BODY_MAX);
    struct json_writer w = json_writer(&native);
    json_open_obj(&w);
    json_put_name(&w, "error");
    json_open_obj(&w);
    json_member_str(&w, "message", dgm_str_c(message));
    json_close_obj(&w);
    json_close_obj(&w);
    assert_int_equal(dgm_chat_response(a->r, status, dgm_buf_str(&native), &out, &client_status),
                     DGM_OK);
    dgm_buf_dispose(&native);
    dgm_buf_dispose(&out);
    return dgm_request_try(a->r, ret);
}

static void each_message_calls_for_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct asked a = {0};
        struct dgm_try try = {.id = DGM_TRIES};
        struct dgm_fail f;
        ask(&a, said[i].body);
        (void)answer(&a, 400, said[i].message, &try);
        if (try.id != said[i].id ||
            (try.id < DGM_TRIES && (try.least != said[i].least || try.most != said[i].most)))
            fail_msg("%zu: %s: %.*s [%lld, %lld]", i, said[i].message,
                     try.id < DGM_TRIES ? (int)dgm_try_name(try.id).n : 4,
                     try.id < DGM_TRIES ? dgm_try_name(try.id).p : "none", (long long)try.least,
                     (long long)try.most);
        if (try.id <
            DGM_TRIES) { /* what was done is not called for again; a schema has another step */
            enum dgm_try_id first = try.id;
            assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
            assert_int_equal(dgm_request_tries(a.r, NULL), UINT32_C(1) << first);
            assert_true(dgm_request_notes(a.r, DGM_NOTE_WARNING).n != 0);
            bool again = answer(&a, 400, said[i].message, &try);
            assert_true(again == (first == DGM_TRY_SCHEMA_PLAIN));
            assert_true(!again || try.id == DGM_TRY_SCHEMA_TOLD);
            if (again) {
                assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
                assert_false(answer(&a, 400, said[i].message, &try));
            }
        }
        dispose(&a);
    }
}

/* A text of tries.def that no case above has would be a text that nobody looked at. */
static void every_text_has_its_case(void **state)
{
    (void)state;
    static const struct {
        enum dgm_try_id id;
        const char *words, *more;
    } texts[] = {
#define TELL(id, words, more, source) {DGM_TRY_##id, words, more},
#include "translate/tries.def"
#undef TELL
    };
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        bool found = false;
        for (size_t i = 0; i < sizeof said / sizeof *said; i++)
            found = found ||
                    (dgm_str_has_nocase(dgm_str_c(said[i].message), dgm_str_c(texts[k].words)) &&
                     dgm_str_has_nocase(dgm_str_c(said[i].message), dgm_str_c(texts[k].more)) &&
                     (said[i].id == texts[k].id || texts[k].id == DGM_TRY_SCHEMA_TOLD));
        if (!found)
            fail_msg("no case for \"%s\" ... \"%s\"", texts[k].words, texts[k].more);
    }
}

static void other_answers_call_for_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        bool calls;
    } answers[] = {
        {NATIVE ",\"presence_penalty\":1}", 400, true},
        {NATIVE ",\"presence_penalty\":1}", 500, false},
        {NATIVE ",\"presence_penalty\":1}", 429, false},
        {RELAYED(SAYS("user", "a") "," SAYS("system", "b")), 422, true},
        {RELAYED(SAYS("user", "a") "," SAYS("system", "b")), 500, true}, /* llama.cpp's */
        {RELAYED(SAYS("user", "a") "," SAYS("system", "b")), 503, false},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct asked a = {0};
        struct dgm_try try;
        ask(&a, answers[i].body);
        assert_int_equal(
            answer(&a, answers[i].status,
                   "Penalty is not enabled for this model; System message must be at the beginning",
                   &try),
            answers[i].calls);
        assert_false(answer(&a, 400, "Something else.", &try)); /* the last answer counts */
        dispose(&a);
    }
}

static void a_strict_request_is_refused(void **state)
{
    (void)state;
    struct asked a = {.strict = true};
    struct dgm_try try;
    ask(&a, NATIVE ",\"presence_penalty\":1}");
    assert_false(answer(&a, 400, "Penalty is not enabled for this model", &try));
    dispose(&a);
}

static void schemas_are_told_apart(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        NATIVE "}",
        NATIVE SCHEMA "}",
        NATIVE SCHEMA ",\"temperature\":1}",
        NATIVE ",\"response_format\":{\"type\":\"json_object\"}}",
        RELAYED(SAYS("user", "a")),
    };
    uint64_t h[5];
    for (size_t i = 0; i < 5; i++) {
        struct asked a = {0};
        ask(&a, bodies[i]);
        h[i] = dgm_request_schemas(a.r);
        dispose(&a);
    }
    assert_true(h[0] == 0 && h[4] == 0);
    assert_true(h[1] != 0 && h[1] == h[2]);
    assert_true(h[3] != 0 && h[3] != h[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_calls_for_its_row),
        cmocka_unit_test(every_text_has_its_case),
        cmocka_unit_test(other_answers_call_for_nothing),
        cmocka_unit_test(a_strict_request_is_refused),
        cmocka_unit_test(schemas_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
