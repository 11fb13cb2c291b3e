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
    /* No model has such a limit, and no answer could keep to it. */
    {NATIVE ",\"max_tokens\":9}", "max_output_tokens must be in the range [-5, -1].", DGM_TRIES, 0,
     0},
    {NATIVE ",\"max_tokens\":9}", "max_output_tokens must be in the range [0, 0].", DGM_TRIES, 0,
     0},
    {NATIVE ",\"max_tokens\":9}", RANGE("maxOutputTokens", "9", "1"), DGM_TRIES, 0, 0},
    {NATIVE ",\"max_tokens\":9}", "max_output_tokens must be in the range [0, 1].",
     DGM_TRY_MAX_TOKENS, 0, 1000},
    /* What stands in quotes or brackets may be a name of the client's own, or all that a client wrote. */
    {NATIVE ",\"temperature\":1}",
     "tools[0].function_declarations[0].parameters.properties[top_k] is not supported", DGM_TRIES,
     0, 0},
    {NATIVE ",\"temperature\":1}", "Unknown name \"temperature\": it is not supported.", DGM_TRIES,
     0, 0},
    {NATIVE ",\"temperature\":1}", "The property `top_k` is not supported.", DGM_TRIES, 0, 0},
    {NATIVE ",\"temperature\":1}", "The models' property 'top_p' is not supported.", DGM_TRIES, 0,
     0},
    {NATIVE ",\"max_tokens\":9}",
     "Invalid input {'a': '\" max_output_tokens must be in the range [1, 1] \"'}", DGM_TRIES, 0, 0},
    {NATIVE ",\"max_tokens\":9}",
     "Invalid input \"a\" max_output_tokens must be in the range [1, 1] \"b\"", DGM_TRIES, 0, 0},
    {NATIVE ",\"temperature\":1}", "'a' is fine; the model's temperature is not supported.",
     DGM_TRY_SAMPLING, 0, 0},
};

struct asked {
    struct dgm_request *r;
    struct dgm_buf body;
    bool strict;
    const struct dgm_server *server; /* NULL: one that speaks OpenAI's protocol as it is */
    uint32_t learnt;                 /* of 1 << enum dgm_try_id */
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
    for (enum dgm_try_id id = 0; id < DGM_TRIES; id++)
        if (a->learnt >> id & 1)
            assert_true(dgm_request_learn(a->r, &(struct dgm_try){.id = id}));
    assert_int_equal(dgm_relay_make(a->r, a->server ? a->server : &server, &f), DGM_OK);
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
#define TELL(id, at, words, more, source) {DGM_TRY_##id, words, more},
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

/* The body as it is sent has a text. */
static bool sends(const struct asked *a, const char *text)
{
    const struct dgm_str *segments;
    size_t n = dgm_request_body(a->r, &segments);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || dgm_str_find(segments[i], dgm_str_c(text)) < segments[i].n;
    return found;
}

/* The same refusal behind a try: it is taken back, with all that was told of it, and not made again. */
static void what_did_not_help_is_taken_back(void **state)
{
    (void)state;
    static const char message[] =
        "function_declarations[0].parameters: temperature is not supported there";
    struct asked a = {0};
    struct dgm_try try;
    struct dgm_fail f;
    ask(&a, NATIVE SCHEMA ",\"temperature\":1,\"metadata\":{}}");
    assert_true(answer(&a, 400, message, &try) && try.id == DGM_TRY_SAMPLING);
    assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
    assert_false(sends(&a, "temperature"));
    assert_true(answer(&a, 400, message, &try) && try.id == DGM_TRY_SCHEMA_PLAIN);
    assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
    assert_int_equal(dgm_request_tries(a.r, NULL), UINT32_C(1) << DGM_TRY_SCHEMA_PLAIN);
    assert_true(sends(&a, "\"temperature\":1"));
    assert_false(
        dgm_str_has_nocase(dgm_request_notes(a.r, DGM_NOTE_WARNING), DGM_STR("temperature")));
    assert_true(dgm_str_eq(dgm_request_notes(a.r, DGM_NOTE_IGNORED), DGM_STR("metadata")));
    dispose(&a);
    /* Another refusal: it did help. */
    a = (struct asked){0};
    ask(&a, NATIVE SCHEMA ",\"temperature\":1}");
    assert_true(answer(&a, 400, message, &try));
    assert_int_equal(dgm_request_adapt(a.r, &try, &f), DGM_OK);
    assert_true(answer(&a, 400, "response_schema", &try));
    assert_int_equal(dgm_request_tries(a.r, NULL), UINT32_C(1) << DGM_TRY_SAMPLING);
    dispose(&a);
}

/* A relayed request whose messages would be sent as they were is not sent again. */
static void what_is_done_already_does_not_help(void **state)
{
    (void)state;
#define LEARNT(id) (UINT32_C(1) << DGM_TRY_##id)
#define LATE RELAYED(SAYS("user", "a") "," SAYS("system", "b"))
#define LEADING RELAYED(SAYS("system", "a") "," SAYS("system", "b") "," SAYS("user", "c"))
#define BETWEEN RELAYED(SAYS("user", "a") "," SAYS("system", "b") "," SAYS("user", "c"))
#define PARTS RELAYED("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}")
    static const struct {
        const char *body, *message;
        uint32_t learnt;
        enum dgm_server_kind server;
        bool helps;
    } rows[] = {
        {PARTS, "content must be a string", 0, DGM_SERVER_OPENAI, true},
        {PARTS, "content must be a string", 0, DGM_SERVER_TGI, false},
        {PARTS, "content must be a string", LEARNT(FLATTEN), DGM_SERVER_OPENAI, false},
        {LATE, "System message must be at the beginning", 0, DGM_SERVER_OPENAI, true},
        {LATE, "System message must be at the beginning", LEARNT(ALTERNATE), DGM_SERVER_OPENAI,
         false},
        {LATE, "System message must be at the beginning", LEARNT(SYSTEM_USER), DGM_SERVER_OPENAI,
         false},
        {LEADING, "System message must be at the beginning", 0, DGM_SERVER_OPENAI, true},
        {LEADING, "System message must be at the beginning", 0, DGM_SERVER_VLLM, false},
        {LATE, "roles must alternate", LEARNT(MERGE_SYSTEM), DGM_SERVER_OPENAI, false},
        {BETWEEN, "roles must alternate", LEARNT(MERGE_SYSTEM), DGM_SERVER_OPENAI, true},
        {LATE, "System role not supported", LEARNT(ALTERNATE), DGM_SERVER_OPENAI, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct dgm_server server = {.kind = rows[i].server};
        struct asked a = {.learnt = rows[i].learnt, .server = &server};
        struct dgm_try try;
        ask(&a, rows[i].body);
        if (answer(&a, 400, rows[i].message, &try) != rows[i].helps)
            fail_msg("%zu: %s", i, rows[i].message);
        dispose(&a);
    }
}

/* Google's own members count before OpenAI's, so a key's limits are reckoned by them (user-pain H6). */
static void tokens_are_those_that_are_sent(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t tokens;
    } rows[] = {
        {NATIVE "}", 0},
        {NATIVE ",\"max_tokens\":7}", 7},
        {NATIVE ",\"max_tokens\":7,\"max_completion_tokens\":9,\"n\":2}", 18},
        {NATIVE ",\"max_tokens\":1,\"google\":{\"generation_config\":{\"max_output_tokens\":60000,"
                "\"candidate_count\":4}}}",
         240000},
        {NATIVE
         ",\"max_tokens\":1,\"n\":8" GOOGLE("\"generationConfig\":{\"maxOutputTokens\":60000}") "}",
         480000},
        {NATIVE
         ",\"max_tokens\":60000,\"n\":2" GOOGLE("\"generation_config\":{\"candidateCount\":1}") "}",
         60000},
        {"{\"model\":\"m\",\"messages\":[" SAYS("user", "a") "],\"max_tokens\":60000,\"n\":2}",
         120000},
        {"{\"model\":\"m\",\"messages\":[" SAYS("user", "a") "],\"max_tokens\":6e4}", 60000},
        {"{\"model\":\"m\",\"messages\":[" SAYS("user", "a") "],\"max_tokens\":60000.0}", 60000},
        {"{\"model\":\"m\",\"messages\":[" SAYS("user", "a") "],\"max_tokens\":-1}", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked a = {0};
        ask(&a, rows[i].body);
        if (dgm_request_tokens_wanted(a.r) != rows[i].tokens)
            fail_msg("%zu: %lld", i, (long long)dgm_request_tokens_wanted(a.r));
        dispose(&a);
    }
}

static void schemas_are_told_apart(void **state)
{
    (void)state;
#define OF_GOOGLE(name, type)                                                                      \
    NATIVE GOOGLE("\"generation_config\":{\"response_mime_type\":\"application/json\",\"" name     \
                  "\":{\"type\":\"" type "\"}}") "}"
    static const char *const bodies[] = {
        NATIVE "}",
        NATIVE SCHEMA "}",
        NATIVE SCHEMA ",\"temperature\":1}",
        NATIVE ",\"response_format\":{\"type\":\"json_object\"}}",
        RELAYED(SAYS("user", "a")),
        OF_GOOGLE("response_schema", "STRING"),
        OF_GOOGLE("response_schema", "INTEGER"),
        OF_GOOGLE("responseJsonSchema", "string"),
        NATIVE GOOGLE(
            "\"tools\":[{\"function_declarations\":[{\"name\":\"f\",\"description\":\"f\","
            "\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"a\":{\"type\":"
            "\"STRING\"}}}}]}]") "}",
    };
    uint64_t h[9];
    for (size_t i = 0; i < 9; i++) {
        struct asked a = {0};
        ask(&a, bodies[i]);
        h[i] = dgm_request_schemas(a.r);
        dispose(&a);
    }
    assert_true(h[0] == 0 && h[4] == 0);
    assert_true(h[1] != 0 && h[1] == h[2]);
    assert_true(h[3] != 0 && h[3] != h[1]);
    for (size_t i = 5; i < 9; i++)
        for (size_t k = 1; k < i; k++)
            assert_true(h[i] != 0 && h[i] != h[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_calls_for_its_row),
        cmocka_unit_test(every_text_has_its_case),
        cmocka_unit_test(other_answers_call_for_nothing),
        cmocka_unit_test(a_strict_request_is_refused),
        cmocka_unit_test(what_did_not_help_is_taken_back),
        cmocka_unit_test(what_is_done_already_does_not_help),
        cmocka_unit_test(tokens_are_those_that_are_sent),
        cmocka_unit_test(schemas_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
