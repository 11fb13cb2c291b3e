/* SPDX-License-Identifier: Apache-2.0 */
/* probes.c - which reduced requests are asked, in which order, and what their answers make of the error (user-pain G3). */
#include "translate/probes.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ERROR(message)                                                                             \
    "{\"error\":{\"code\":400,\"message\":\"" message "\",\"status\":\"INVALID_ARGUMENT\"}}"
#define BARE ERROR("Request contains an invalid argument.")
#define NAMED ERROR("Unable to submit request because it must have a text parameter.")
#define USER "{\"role\":\"user\",\"content\":\"Hello\"}"
#define BODY(more) "{\"model\":\"gemini-2.5-flash\",\"messages\":[" USER "]" more "}"
#define TOOL                                                                                       \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"    \
    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}]"
#define FORMAT                                                                                     \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"a\",\"schema\":{"  \
    "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}"
/* safety_settings 63, logprobs 52, candidates 46, range_edge 35 */
#define FOUR                                                                                       \
    ",\"n\":2,\"logprobs\":true,\"temperature\":2,\"google\":{\"safety_settings\":[{\"category\":" \
    "\"HARM_CATEGORY_CIVIC_INTEGRITY\",\"threshold\":\"OFF\"}]}"

struct asked {
    struct dgm_request *r;
    struct dgm_buf in, out;
    struct dgm_str refusal;
};

static void ask(struct asked *a, const char *body, enum dgm_compat compat, const char *refusal)
{
    struct dgm_env env = {.now = 1, .id = DGM_STR("probes"), .compat = compat};
    struct dgm_fail fail;
    *a = (struct asked){.refusal = dgm_str_c(refusal)};
    dgm_buf_init(&a->in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&a->out, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&a->in, dgm_str_c(body));
    assert_int_equal(dgm_chat_request(&env, &a->in, &a->r, &fail), DGM_OK);
}

/* The client's error, as it is now. */
static const char *tell(struct asked *a)
{
    int status;
    dgm_buf_clear(&a->out);
    assert_int_equal(dgm_chat_response(a->r, 400, a->refusal, &a->out, &status), DGM_OK);
    assert_int_equal(status, 400);
    dgm_buf_put_char(&a->out, '\0');
    assert_int_equal(a->out.rc, DGM_OK);
    return a->out.p;
}

/* The next reduced body; NULL: there is none. */
static const char *probe(struct asked *a)
{
    enum dgm_rc rc = dgm_request_probe(a->r, &a->out);
    if (rc == DGM_DONE)
        return NULL;
    assert_int_equal(rc, DGM_OK);
    dgm_buf_put_char(&a->out, '\0');
    return a->out.p;
}

static bool answer(struct asked *a, int status, const char *text)
{
    return dgm_request_probed(a->r, status, dgm_str_c(text));
}

static void end(struct asked *a)
{
    dgm_request_free(a->r);
    dgm_buf_dispose(&a->in);
    dgm_buf_dispose(&a->out);
}

static void assert_has(const char *text, const char *piece)
{
    if (!text || !strstr(text, piece))
        fail_msg("no \"%s\" in %s", piece, text ? text : "nothing");
}

static void assert_lacks(const char *text, const char *piece)
{
    if (!text || strstr(text, piece))
        fail_msg("\"%s\" in %s", piece, text ? text : "nothing");
}

/* Every probe is for one answer, so several answers are the first to be told apart; then the likeliest. */
static void test_order_and_bound(void **state)
{
    struct asked a;
    bool accepted;
    (void)state;
    ask(&a, BODY(FOUR), DGM_COMPAT_OPENAI, BARE);
    assert_has(tell(&a), "\"param\":\"google.safety_settings\"");
    assert_lacks(a.out.p, "reduced request");
    const char *body = probe(&a);
    assert_lacks(body, "candidateCount");
    assert_has(body, "\"maxOutputTokens\":1");
    assert_has(body, "safetySettings");
    assert_has(body, "responseLogprobs");
    assert_true(answer(&a, 400, BARE));
    body = probe(&a);
    assert_lacks(body, "safetySettings");
    assert_has(body, "responseLogprobs");
    assert_true(answer(&a, 400, NAMED));
    body = probe(&a);
    assert_lacks(body, "ogprobs");
    assert_has(body, "safetySettings");
    assert_has(body, "\"temperature\":2");
    assert_true(answer(&a, 400, BARE));
    assert_null(probe(&a));
    assert_int_equal(dgm_request_probes(a.r, &accepted), 3);
    assert_false(accepted);
    tell(&a);
    assert_has(a.out.p, "Likeliest cause: safety_settings");
    assert_has(a.out.p, "sent 3 reduced requests to find out, all of which were refused.");
    assert_has(a.out.p, "\"probe\":\"unclear\"");
    assert_has(a.out.p, "\"probe\":\"refused\"");
    /* range_edge, which nobody asked for, is likelier now than what was refused all the same */
    assert_true(strstr(a.out.p, "\"range_edge\"") < strstr(a.out.p, "\"logprobs\""));
    assert_null(probe(&a));
    end(&a);
}

static void test_accepted(void **state)
{
    struct asked a;
    bool accepted;
    (void)state;
    ask(&a, BODY(FOUR), DGM_COMPAT_OPENAI, BARE);
    tell(&a);
    assert_non_null(probe(&a));
    assert_true(answer(&a, 400, BARE));
    assert_non_null(probe(&a));
    assert_true(answer(&a, 400, BARE));
    assert_non_null(probe(&a));
    assert_false(answer(&a, 200, "{}"));
    assert_null(probe(&a));
    assert_int_equal(dgm_request_probes(a.r, &accepted), 3);
    assert_true(accepted);
    tell(&a);
    assert_has(a.out.p, "Cause: log probabilities are asked for, which few models give (logprobs); "
                        "a request without it was accepted. The gateway sent 3 reduced");
    assert_has(a.out.p, "\"param\":\"logprobs\"");
    assert_has(a.out.p, "\"suspects\":[{\"id\":\"logprobs\",\"likelihood\":\"high\"");
    assert_has(a.out.p, "\"probe\":\"accepted\"");
    assert_lacks(a.out.p, "Also possible");
    end(&a);
}

static void test_trouble_ends_it(void **state)
{
    static const int statuses[] = {429, 503, 500, 401, 404, 0};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char said[32];
        struct asked a;
        ask(&a, BODY(FOUR), DGM_COMPAT_OPENAI, BARE);
        tell(&a);
        assert_non_null(probe(&a));
        assert_false(answer(&a, statuses[i], ""));
        assert_null(probe(&a));
        tell(&a);
        snprintf(said, sizeof said, statuses[i] ? "met an HTTP %d." : "was not answered.",
                 statuses[i]);
        assert_has(a.out.p, said);
        assert_has(a.out.p, "\"param\":\"google.safety_settings\"");
        end(&a);
    }
}

/* Where nothing is suspect: without the tools, without a form of the answer, with the last text alone. */
static void test_nothing_suspect(void **state)
{
    struct asked a;
    (void)state;
    ask(&a, BODY(TOOL), DGM_COMPAT_OPENAI, BARE);
    assert_lacks(tell(&a), "suspects");
    const char *body = probe(&a);
    assert_lacks(body, "functionDeclarations");
    assert_true(answer(&a, 400, BARE));
    body = probe(&a); /* no form was asked for */
    assert_has(body, "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}]");
    assert_true(answer(&a, 400, BARE));
    assert_null(probe(&a));
    assert_lacks(tell(&a), "suspects");
    assert_has(a.out.p, "sent 2 reduced requests");
    end(&a);

    ask(&a, BODY(FORMAT), DGM_COMPAT_OPENAI, BARE);
    tell(&a);
    assert_lacks(probe(&a), "responseJsonSchema");
    assert_false(answer(&a, 200, ""));
    tell(&a);
    assert_has(a.out.p, "\"param\":\"response_format\"");
    assert_has(a.out.p, "\"id\":\"answer\"");
    assert_has(a.out.p, "; a request without it was accepted. The gateway sent 1 reduced request ");
    end(&a);

    ask(&a, BODY(""), DGM_COMPAT_OPENAI, BARE); /* there is nothing to leave out */
    tell(&a);
    assert_null(probe(&a));
    assert_lacks(tell(&a), "reduced");
    end(&a);
}

static void test_none_of_it(void **state)
{
    struct asked a;
    bool accepted;
    (void)state;
    ask(&a, BODY(FOUR), DGM_COMPAT_OPENAI, NAMED);
    assert_null(probe(&a)); /* nothing was answered yet */
    tell(&a);
    assert_null(probe(&a)); /* it names its reason */
    assert_int_equal(dgm_request_probes(a.r, &accepted), 0);
    a.refusal = dgm_str_c(BARE);
    tell(&a);
    a.refusal = dgm_str_c(NAMED); /* the last answer is what counts */
    tell(&a);
    assert_null(probe(&a));
    end(&a);

    ask(&a, BODY(FOUR), DGM_COMPAT_GOOGLE, BARE); /* whose words would not be told */
    tell(&a);
    assert_null(probe(&a));
    end(&a);
}

/* Each row leaves out what it names, and nothing else: of a body that has it all. */
#define NATIVE                                                                                        \
    "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"tools\":[{"                      \
    "\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{\"type\":\"ARRAY\",\"maxItems\":3,"    \
    "\"items\":{\"type\":\"STRING\",\"format\":\"enum\",\"enum\":[\"a\"]},\"anyOf\":[{\"$ref\":"      \
    "\"#\"}]}}]},{\"googleSearch\":{}}],\"toolConfig\":{},\"safetySettings\":[],"                     \
    "\"cachedContent\":\"c\",\"generationConfig\":{\"responseMimeType\":\"m\","                       \
    "\"responseSchema\":{},\"responseJsonSchema\":{},\"responseModalities\":[],"                      \
    "\"speechConfig\":{},\"thinkingConfig\":{},\"imageConfig\":{},\"responseLogprobs\":true,"         \
    "\"logprobs\":3},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"},{\"inlineData\":{" \
    "\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]},{\"role\":\"model\",\"parts\":[{\"text\":"      \
    "\"Well.\"},{\"functionCall\":{\"name\":\"g\"},\"thoughtSignature\":\"c2ln\"}]},{\"role\":"       \
    "\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"g\"}}]},{\"role\":\"model\",\"parts\":[{"  \
    "\"text\":\"Done.\"}]}]}"

static const struct {
    const char *suspect, *goes; /* names and texts, with a blank behind each */
} leaves[] = {
    {"schema_cycle", "$ref "},
    {"schema_max_items", "maxItems "},
    {"enum_any", "enum "},
    {"image_config", "imageConfig "},
    {"modalities", "responseModalities speechConfig "},
    {"thinking_unknown", "thinkingConfig "},
    {"tools_with_json", "responseMimeType responseSchema responseJsonSchema "},
    {"tools_mixed", "googleSearch "},
    {"text_and_calls", "Well. "},
    {"prefill", "Done. "},
    {"media_large", "inlineData "},
    {"media_broken", "inlineData "}, /* the client's are others: all go */
    {"media_type", "inlineData "},
    {"uri_unreadable", "inlineData "},
    {"calls_same_id", "functionCall functionResponse c2ln "}, /* so too */
    {"result_undeclared", "functionCall functionResponse c2ln "},
    {"signature_unknown", "functionCall functionResponse c2ln "},
    {"signature_given", "c2ln "},
    {"cached_content", "cachedContent "},
    {"logprobs", "responseLogprobs logprobs "},
    {"safety_settings", "safetySettings "},
    {"schema_large", "maxItems enum $ref parameters responseSchema responseJsonSchema "},
    {"schema_depth",
     "responseSchema responseJsonSchema "}, /* `at` 0, without functions: the answer's */
    {"tools", "googleSearch functionDeclarations tools toolConfig parameters maxItems enum $ref "
              "functionCall functionResponse c2ln "},
    {"answer", "responseMimeType responseSchema responseJsonSchema "},
    {"conversation",
     "systemInstruction googleSearch functionDeclarations tools toolConfig parameters maxItems enum "
     "$ref functionCall functionResponse c2ln cachedContent responseMimeType responseSchema "
     "responseJsonSchema inlineData Well. Done. "},
    {"mended", ""},
};

static void test_rows(void **state)
{
    static const char *const all[] = {
        "systemInstruction",
        "tools",
        "functionDeclarations",
        "parameters",
        "maxItems",
        "enum",
        "$ref",
        "googleSearch",
        "toolConfig",
        "safetySettings",
        "cachedContent",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "responseModalities",
        "speechConfig",
        "thinkingConfig",
        "imageConfig",
        "responseLogprobs",
        "logprobs",
        "inlineData",
        "functionCall",
        "functionResponse",
        "c2ln",
        "Well.",
        "Done.",
        "Hi",
    };
    struct asked a;
    (void)state;
    ask(&a, BODY(""), DGM_COMPAT_OPENAI, BARE);
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    char text[] = NATIVE "    ";
    const struct json_val *native = NULL;
    struct json_error e;
    assert_int_equal(json_parse(&arena, text, sizeof NATIVE - 1, JSON_DEPTH_MAX, &native, &e),
                     DGM_OK);
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        const struct suspect s = {.id = leaves[i].suspect};
        dgm_buf_clear(&a.out);
        size_t n = probes_put(a.r, native, &s, &a.out);
        dgm_buf_put_char(&a.out, '\0');
        assert_int_equal(n != 0, leaves[i].goes[0] != '\0');
        for (size_t k = 0; n != 0 && k < sizeof all / sizeof *all; k++) {
            char name[64], word[64];
            snprintf(name, sizeof name, "\"%s\"", all[k]);
            snprintf(word, sizeof word, "%s ", all[k]);
            const char *at = strstr(leaves[i].goes, word);
            while (at && at != leaves[i].goes && at[-1] != ' ')
                at = strstr(at + 1, word);
            if ((strstr(a.out.p, name) == NULL) != (at != NULL))
                fail_msg("%s: %s in %s", leaves[i].suspect, name, a.out.p);
        }
    }
    dgm_arena_dispose(&arena);
    end(&a);
}

/* A path that wants no stream, of a request that does. */
static void test_path(void **state)
{
    const struct dgm_place place = {.surface = DGM_GEMINI};
    struct asked a;
    (void)state;
    ask(&a, BODY(",\"stream\":true"), DGM_COMPAT_OPENAI, BARE);
    dgm_request_put_whole_path(a.r, &place, &a.out);
    assert_true(dgm_str_eq(dgm_buf_str(&a.out),
                           DGM_STR("/v1beta/models/gemini-2.5-flash:generateContent")));
    end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bound),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_trouble_ends_it),
        cmocka_unit_test(test_nothing_suspect),
        cmocka_unit_test(test_none_of_it),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
