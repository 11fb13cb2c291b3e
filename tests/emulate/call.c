/* SPDX-License-Identifier: Apache-2.0 */
/* call.c - tests of emulate/call: what a good request gets, whole and streamed. */
#include "emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/alloc_fail.h"
#include "support/emu_run.h"

#define VERTEX "/v1/projects/p/locations/global/publishers/google/models/"
#define HELLO "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello!\"}]}]}"
#define SKY(config)                                                                                \
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Why is the sky blue?\"}]}],"         \
    "\"generationConfig\":{" config "}}"

static const struct emu_options plain_options;

static void post(struct emu_run *run, const char *target, const char *body)
{
    emu_run_post(run, &dgm_alloc_libc, &plain_options, dgm_str_c(target), dgm_str_c(body), 0);
    if (run->status != 200)
        fail_msg("%s: %d: %.*s", body, run->status, (int)run->body.n, run->body.p);
    assert_int_equal(run->rc, DGM_DONE);
}

static int64_t usage(struct emu_run *run, const char *name)
{
    int64_t n = 0;
    json_int(json_get(json_get(emu_run_last(run), DGM_STR("usageMetadata")), dgm_str_c(name)), &n);
    return n;
}

static const struct json_val *candidate(struct emu_run *run, size_t i)
{
    const struct json_val *v = json_at(json_get(emu_run_last(run), DGM_STR("candidates")), i);
    assert_non_null(v);
    return v;
}

static void assert_finish(struct emu_run *run, const char *reason)
{
    assert_true(
        dgm_str_eq(json_get_str(candidate(run, 0), DGM_STR("finishReason")), dgm_str_c(reason)));
}

static char *text_of(const char *target, const char *body)
{
    struct emu_run run;
    post(&run, target, body);
    char *text = emu_run_text(&run, 0);
    emu_run_dispose(&run);
    return text;
}

static void assert_text_has(const char *target, const char *body, const char *wanted)
{
    char *text = text_of(target, body);
    if (!strstr(text, wanted))
        fail_msg("no \"%s\" in: %s", wanted, text);
    free(text);
}

/* ---- the text ----------------------------------------------------------------------------------------- */

static void prompts_of_the_samples_are_answered(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *wanted;
    } samples[] = {
        {"Why is the sky blue?", "Rayleigh"},
        {"why is the  SKY blue", "Rayleigh"},
        {"Explain to me how AI works", "machine learning"},
        {"Write a story about a magic backpack.", "Mira"},
        {"Hello!", "How can I help"},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"contents\":[{\"parts\":[{\"text\":\"%s\"}]}]}",
                 samples[i].prompt);
        assert_text_has(VERTEX "gemini-2.0-flash-001:generateContent", body, samples[i].wanted);
        assert_text_has(VERTEX "gemini-2.0-flash-001:generateContent", body,
                        "(An emulated answer: no model was asked.)");
    }
}

static void other_prompts_are_shown_to_be_understood(void **state)
{
    (void)state;
    const char *target = VERTEX "gemini-2.5-flash:generateContent";
    const char *body =
        "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"contents\":["
        "{\"role\":\"user\",\"parts\":[{\"text\":\"Gr\xc3\xbc\xc3\x9f Gott\"}]},"
        "{\"role\":\"model\",\"parts\":[{\"text\":\"Ja\"}]},"
        "{\"role\":\"user\",\"parts\":[{\"text\":\"What is in this image?\"},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}},"
        "{\"fileData\":{\"mimeType\":\"audio/mp3\",\"fileUri\":\"gs://b/o.mp3\"}}]}]}";
    assert_text_has(target, body, "\"What is in this image?\"");
    assert_text_has(target, body, "3 turns");
    assert_text_has(target, body, "\"Be brief.\"");
    assert_text_has(target, body, "image/png of 8 bytes");
    assert_text_has(target, body, "audio/mp3 at gs://b/o.mp3");
    assert_text_has(target, body, "no model was asked");
    struct emu_run run;
    post(&run, target, body);
    const struct json_val *details = json_get(
        json_get(emu_run_last(&run), DGM_STR("usageMetadata")), DGM_STR("promptTokensDetails"));
    assert_int_equal(json_size(details), 3); /* TEXT, IMAGE, AUDIO */
    emu_run_dispose(&run);
}

static void results_of_functions_are_told(void **state)
{
    (void)state;
    assert_text_has(
        VERTEX "gemini-2.5-flash:generateContent",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Weather?\"}]},"
        "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"get_weather\"}}]},"
        "{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"get_weather\","
        "\"response\":{\"output\":\"sunny\"}}}]}]}",
        "The function get_weather returned {\"output\":\"sunny\"}.");
}

static void same_request_same_bytes(void **state)
{
    (void)state;
    struct emu_run a, b;
    post(&a, VERTEX "gemini-3.1-pro-preview:generateContent", SKY("\"seed\":4"));
    post(&b, VERTEX "gemini-3.1-pro-preview:generateContent", SKY("\"seed\":4"));
    assert_true(dgm_str_eq(dgm_buf_str(&a.body), dgm_buf_str(&b.body)));
    emu_run_dispose(&a);
    emu_run_dispose(&b);
}

static void seed_and_candidate_choose_the_wording(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-2.5-flash:generateContent", SKY("\"candidateCount\":8"));
    char *texts[8];
    for (size_t i = 0; i < 8; i++)
        texts[i] = emu_run_text(&run, i);
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(texts[i], texts[k]);
    for (size_t i = 0; i < 8; i++)
        free(texts[i]);
    emu_run_dispose(&run);

    char *unseeded = text_of(VERTEX "gemini-2.5-flash:generateContent", SKY(""));
    unsigned changed = 0;
    for (int seed = -4; seed < 5; seed++) {
        char body[256];
        snprintf(body, sizeof body, SKY("\"seed\":%d"), seed);
        char *text = text_of(VERTEX "gemini-2.5-flash:generateContent", body);
        changed += strcmp(text, unseeded) != 0;
        free(text);
    }
    assert_true(changed >= 6);
    free(unseeded);
}

/* ---- limits ------------------------------------------------------------------------------------------- */

static void text_is_cut_at_max_tokens(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-2.0-flash:generateContent", SKY("\"maxOutputTokens\":5"));
    assert_finish(&run, "MAX_TOKENS");
    assert_int_equal(usage(&run, "candidatesTokenCount"), 5);
    char *text = emu_run_text(&run, 0);
    assert_string_equal(text, "Sunlight looks white,");
    free(text);
    emu_run_dispose(&run);
}

static void thinking_counts_against_max_tokens(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-2.5-flash:generateContent", SKY("\"maxOutputTokens\":20"));
    assert_finish(&run, "MAX_TOKENS");
    assert_int_equal(usage(&run, "thoughtsTokenCount"), 20);
    assert_int_equal(usage(&run, "candidatesTokenCount"), 0);
    assert_null(json_get(json_get(candidate(&run, 0), DGM_STR("content")), DGM_STR("parts")));
    emu_run_dispose(&run);
}

static void stop_sequences_end_the_text_before_them(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-2.0-flash:generateContent",
         SKY("\"stopSequences\":[\"zebra\",\" mixture\",\"white\"]"));
    assert_finish(&run, "STOP");
    char *text = emu_run_text(&run, 0);
    assert_string_equal(text, "Sunlight looks ");
    free(text);
    emu_run_dispose(&run);
}

/* ---- thinking ----------------------------------------------------------------------------------------- */

static int64_t thoughts(const char *model, const char *config)
{
    char target[256], body[512];
    snprintf(target, sizeof target, VERTEX "%s:generateContent", model);
    snprintf(body, sizeof body, SKY("\"thinkingConfig\":{%s}"), config);
    struct emu_run run;
    post(&run, target, body);
    int64_t n = usage(&run, "thoughtsTokenCount");
    assert_int_equal(usage(&run, "totalTokenCount"),
                     usage(&run, "promptTokenCount") + usage(&run, "candidatesTokenCount") + n);
    emu_run_dispose(&run);
    return n;
}

static void models_think_as_they_are_told(void **state)
{
    (void)state;
    assert_int_equal(thoughts("gemini-2.0-flash", ""), 0);
    assert_true(thoughts("gemini-2.5-flash", "") > 0);
    assert_int_equal(thoughts("gemini-2.5-flash", "\"thinkingBudget\":0"), 0);
    assert_int_equal(thoughts("gemini-2.5-flash", "\"thinkingBudget\":10"), 10);
    assert_int_equal(thoughts("gemini-2.5-flash-lite", ""), 0);
    assert_true(thoughts("gemini-2.5-flash-lite", "\"thinkingBudget\":-1") > 0);
    const char *model = "gemini-3-flash-preview";
    int64_t minimal = thoughts(model, "\"thinkingLevel\":\"MINIMAL\"");
    int64_t low = thoughts(model, "\"thinkingLevel\":\"low\"");
    int64_t high = thoughts(model, "\"thinkingLevel\":\"HIGH\"");
    assert_true(0 < minimal && minimal < low && low < high);
    assert_int_equal(thoughts(model, ""), high);
}

static void thoughts_are_shown_when_asked_for(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-2.5-flash:generateContent",
         SKY("\"thinkingConfig\":{\"includeThoughts\":true}"));
    const struct json_val *parts =
        json_get(json_get(candidate(&run, 0), DGM_STR("content")), DGM_STR("parts"));
    assert_int_equal(json_size(parts), 2);
    assert_true(json_bool(json_get(json_at(parts, 0), DGM_STR("thought")), false));
    assert_null(json_get(json_at(parts, 1), DGM_STR("thought")));
    assert_null(
        json_get(json_at(parts, 1), DGM_STR("thoughtSignature"))); /* 2.5 sends none with a text */
    emu_run_dispose(&run);
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

#define EVENT_SCHEMA                                                                               \
    "{\"properties\":{\"name\":{\"title\":\"Name\",\"type\":\"string\"},"                          \
    "\"date\":{\"title\":\"Date\",\"type\":\"string\"},\"participants\":{\"items\":"               \
    "{\"type\":\"string\"},\"title\":\"Participants\",\"type\":\"array\"}},\"required\":"          \
    "[\"name\",\"date\",\"participants\"],\"title\":\"CalendarEvent\",\"type\":\"object\"}"

static void the_calendar_event_parses(void **state)
{
    (void)state;
    assert_text_has(
        VERTEX "gemini-2.0-flash:generateContent",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Alice and Bob are going "
        "to a science fair on Friday.\"}]}],\"generationConfig\":{\"responseMimeType\":"
        "\"application/json\",\"responseJsonSchema\":" EVENT_SCHEMA "}}",
        "{\"name\":\"science fair\",\"date\":\"Friday\",\"participants\":[\"Alice\",\"Bob\"]}");
}

static void json_mode_gives_json(void **state)
{
    (void)state;
    assert_text_has(VERTEX "gemini-2.5-flash:generateContent",
                    SKY("\"responseMimeType\":\"application/json\""), "{\"emulated\":true,");
    char *text = text_of(VERTEX "gemini-2.5-flash:generateContent",
                         SKY("\"responseMimeType\":\"text/x.enum\",\"responseSchema\":"
                             "{\"type\":\"STRING\",\"enum\":[\"Blue\",\"Red\"]}"));
    assert_string_equal(text, "Blue");
    free(text);
}

/* ---- streams ------------------------------------------------------------------------------------------ */

static void streams_say_what_whole_answers_say(void **state)
{
    (void)state;
    static const char *const models[] = {"gemini-2.0-flash", "gemini-2.5-pro",
                                         "gemini-3.1-pro-preview"};
    static const char *const forms[] = {"streamGenerateContent?alt=sse", "streamGenerateContent"};
    static const uint32_t sizes[] = {1, 7, 48, 100000};
    const char *thinking =
        SKY("\"candidateCount\":3,\"thinkingConfig\":{\"includeThoughts\":true}");
    for (size_t m = 0; m < 3; m++) {
        const char *body = m == 0 ? SKY("\"candidateCount\":3") : thinking;
        char target[256];
        struct emu_run whole;
        snprintf(target, sizeof target, VERTEX "%s:generateContent", models[m]);
        post(&whole, target, body);
        assert_int_equal(whole.pieces, 1);
        for (size_t k = 0; k < 8; k++) {
            const struct emu_options options = {.piece_chars = sizes[k / 2]};
            struct emu_run run;
            snprintf(target, sizeof target, VERTEX "%s:%s", models[m], forms[k % 2]);
            emu_run_post(&run, &dgm_alloc_libc, &options, dgm_str_c(target), dgm_str_c(body), 3);
            assert_int_equal(run.status, 200);
            assert_true(run.pieces > 1 || sizes[k / 2] == 100000);
            for (size_t i = 0; i < 3; i++) {
                char *a = emu_run_text(&whole, i), *b = emu_run_text(&run, i);
                assert_string_equal(a, b);
                free(a);
                free(b);
            }
            static const char *const counts[] = {"promptTokenCount", "candidatesTokenCount",
                                                 "thoughtsTokenCount", "totalTokenCount"};
            for (size_t i = 0; i < 4; i++)
                assert_int_equal(usage(&whole, counts[i]), usage(&run, counts[i]));
            emu_run_dispose(&run);
        }
        emu_run_dispose(&whole);
    }
}

static void gemini_3_signs_its_last_text(void **state)
{
    (void)state;
    struct emu_run run;
    post(&run, VERTEX "gemini-3-flash-preview:streamGenerateContent?alt=sse", HELLO);
    const struct json_val *parts =
        json_get(json_get(candidate(&run, 0), DGM_STR("content")), DGM_STR("parts"));
    assert_true(json_get_str(json_at(parts, 0), DGM_STR("thoughtSignature")).n != 0);
    struct dgm_str body = dgm_buf_str(&run.body), name = DGM_STR("thoughtSignature");
    size_t at = dgm_str_find(body, name);
    assert_int_equal(dgm_str_find(dgm_str_skip(body, at + 1), name), body.n - at - 1); /* once */
    emu_run_dispose(&run);
}

static void pieces_come_at_the_asked_pace(void **state)
{
    (void)state;
    const struct emu_options options = {.first_ms = 300, .piece_ms = 20, .piece_chars = 16};
    struct emu_run run;
    emu_run_post(&run, &dgm_alloc_libc, &options,
                 DGM_STR(VERTEX "gemini-2.0-flash:streamGenerateContent?alt=sse"), DGM_STR(HELLO),
                 0);
    assert_true(run.pieces > 3);
    assert_int_equal(run.waited_ms, 300 + 20 * (run.pieces - 1));
    emu_run_dispose(&run);
    emu_run_post(&run, &dgm_alloc_libc, &options, DGM_STR(VERTEX "gpt-4:generateContent"),
                 DGM_STR(HELLO), 0);
    assert_int_equal(run.status, 404);
    assert_int_equal(run.waited_ms, 0); /* a refusal is quick */
    emu_run_dispose(&run);
}

static void pieces_end_at_words_and_never_within_characters(void **state)
{
    (void)state;
    const char *body =
        "{\"contents\":[{\"parts\":[{\"text\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80 yes\"}]}]}";
    for (uint32_t chars = 1; chars < 30; chars++) {
        const struct emu_options options = {.piece_chars = chars};
        struct emu_run run;
        emu_run_post(&run, &dgm_alloc_libc, &options,
                     DGM_STR("/v1beta/models/gemini-2.0-flash:streamGenerateContent"),
                     dgm_str_c(body), 0);
        assert_true(run.pieces >= 100 / chars);
        char *text =
            emu_run_text(&run, 0); /* each piece is parsed: a cut character would be no UTF-8 */
        assert_non_null(strstr(text, "\xe2\x82\xac\xf0\x9f\x98\x80 yes"));
        free(text);
        emu_run_dispose(&run);
    }
}

static void a_full_buffer_loses_nothing(void **state)
{
    (void)state;
    const struct emu_env env = {.alloc = &dgm_alloc_libc, .now_ms = 0, .id = DGM_STR("x")};
    const struct emu_request request = {
        .method = DGM_STR("POST"),
        .target = DGM_STR(VERTEX "gemini-2.0-flash:streamGenerateContent?alt=sse"),
        .segs = &DGM_STR(HELLO),
        .nsegs = 1};
    struct emu_call *call = emu_call_new(&env, &plain_options, &request);
    struct emu_run whole;
    post(&whole, VERTEX "gemini-2.0-flash:streamGenerateContent?alt=sse", HELLO);
    struct dgm_buf out;
    size_t n = 0, full = 0;
    uint32_t wait_ms;
    enum dgm_rc rc;
    dgm_buf_init(&out, &dgm_alloc_libc, 600);
    while ((rc = emu_call_next(call, &out, &wait_ms)) != DGM_DONE) {
        assert_true(rc == DGM_EVENT || rc == DGM_FULL);
        if (rc == DGM_EVENT)
            continue;
        n += out.n;
        full++;
        dgm_buf_clear(&out);
    }
    assert_int_equal(n + out.n, whole.body.n);
    assert_true(full > 0);
    assert_int_equal(emu_call_next(call, &out, &wait_ms), DGM_DONE);
    emu_call_free(call);
    dgm_buf_dispose(&out);

    call = emu_call_new(&env, &plain_options, &request);
    dgm_buf_init(&out, &dgm_alloc_libc, 10);
    assert_int_equal(emu_call_next(call, &out, &wait_ms), DGM_E_LIMIT);
    assert_int_equal(emu_call_next(call, &out, &wait_ms), DGM_E_LIMIT);
    emu_call_free(call);
    dgm_buf_dispose(&out);
    emu_run_dispose(&whole);
}

/* ---- memory ------------------------------------------------------------------------------------------- */

static void each_allocation_may_fail(void **state)
{
    (void)state;
    static const struct {
        const char *target, *body;
    } cases[] = {
        {VERTEX "gemini-3.1-pro-preview:streamGenerateContent?alt=sse",
         SKY("\"candidateCount\":2,\"thinkingConfig\":{\"includeThoughts\":true}")},
        {VERTEX "gemini-2.0-flash:generateContent",
         SKY("\"responseMimeType\":\"application/json\",\"responseJsonSchema\":" EVENT_SCHEMA)},
        {VERTEX "gemini-2.0-flash:generateContent", SKY("\"a\":1,\"temperature\":\"hot\"")},
        {"/v1beta/models/gemini-2.0-flash:generateContent", "{\"contents\":[{},{}]}"},
        {"/v1beta/models/nothing:generateContent", HELLO},
        {"/v1beta/models/nothing:embedContent", HELLO},
        {"/v1beta/models/gemini-2.0-flash:countTokens", HELLO},
        {"/v1beta/models/gemini-2.0-flash:countTokens",
         "{\"generateContentRequest\":{\"contents\":[{},{}]}}"},
        {VERTEX "gemini-2.0-flash:generateContent",
         "{\"contents\":[{\"parts\":[{\"text\":\"a\"},{\"text\":\"b\"}]}]}"},
        {"/v1beta/models/gemini-2.0-flash:generateContent", "{"},
        {"/nowhere", "{"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct emu_run good;
        struct alloc_fail memory;
        emu_run_post(&good, &dgm_alloc_libc, &plain_options, dgm_str_c(cases[i].target),
                     dgm_str_c(cases[i].body), 0);
        bool failed = true;
        for (size_t k = 1; failed; k++) {
            struct emu_run run;
            alloc_fail_init(&memory, k);
            emu_run_post(&run, &memory.alloc, &plain_options, dgm_str_c(cases[i].target),
                         dgm_str_c(cases[i].body), 0);
            failed = alloc_fail_failed(&memory);
            if (run.status == 0 || run.rc == DGM_E_NOMEM) {
                assert_true(failed);
            } else { /* it came through, and then it is the same answer */
                assert_int_equal(run.rc, DGM_DONE);
                assert_true(dgm_str_eq(dgm_buf_str(&run.body), dgm_buf_str(&good.body)));
            }
            emu_run_dispose(&run);
            alloc_fail_done(&memory, cases[i].target);
            assert_true(k < 1000);
        }
        emu_run_dispose(&good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_of_the_samples_are_answered),
        cmocka_unit_test(other_prompts_are_shown_to_be_understood),
        cmocka_unit_test(results_of_functions_are_told),
        cmocka_unit_test(same_request_same_bytes),
        cmocka_unit_test(seed_and_candidate_choose_the_wording),
        cmocka_unit_test(text_is_cut_at_max_tokens),
        cmocka_unit_test(thinking_counts_against_max_tokens),
        cmocka_unit_test(stop_sequences_end_the_text_before_them),
        cmocka_unit_test(models_think_as_they_are_told),
        cmocka_unit_test(thoughts_are_shown_when_asked_for),
        cmocka_unit_test(the_calendar_event_parses),
        cmocka_unit_test(json_mode_gives_json),
        cmocka_unit_test(streams_say_what_whole_answers_say),
        cmocka_unit_test(gemini_3_signs_its_last_text),
        cmocka_unit_test(pieces_come_at_the_asked_pace),
        cmocka_unit_test(pieces_end_at_words_and_never_within_characters),
        cmocka_unit_test(a_full_buffer_loses_nothing),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
