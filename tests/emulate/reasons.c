/* SPDX-License-Identifier: Apache-2.0 */
/* reasons.c - tests of what responders can be told: why a prompt is blocked, why an answer ends, what usage looks like. */
#include "emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/emu_run.h"

#define MODEL "gemini-2.5-flash"
#define HELLO "{\"contents\":[{\"parts\":[{\"text\":\"Hello\"}]}]}"

enum { VERTEX, VERTEX_BETA, GEMINI, SURFACES };

static const char *const targets[SURFACES] = {
    "/v1/projects/p/locations/l/publishers/google/models/" MODEL ":generateContent",
    "/v1beta1/projects/p/locations/l/publishers/google/models/" MODEL ":generateContent",
    "/v1beta/models/" MODEL ":generateContent",
};

static const struct emu_options plain_options;

/* Asks NAME:ARGUMENT of a surface. */
static void ask(struct emu_run *run, int surface, const char *name, const char *argument)
{
    char responder[64];
    snprintf(responder, sizeof responder, "%s:%s", name, argument);
    emu_run_post_as(run, &dgm_alloc_libc, &plain_options, dgm_str_c(responder),
                    dgm_str_c(targets[surface]), DGM_STR(HELLO));
}

/* A word, and the surfaces whose protos have it, as letters: v1, v1beta1, Gemini API. */
struct word {
    const char *word, *surfaces;
};

static bool is_on(const struct word *w, int surface)
{
    return dgm_str_find_char(dgm_str_c(w->surfaces), "vbg"[surface]) < dgm_str_c(w->surfaces).n;
}

static void assert_refused(struct emu_run *run, const struct word *w, int surface)
{
    if (run->status != 400)
        fail_msg("%s on %s: %d", w->word, targets[surface], run->status);
}

static void a_prompt_is_blocked_for_what_the_surface_knows(void **state)
{
    (void)state;
    static const struct word reasons[] = {
        {"PROHIBITED_CONTENT", "vbg"}, {"SAFETY", "vbg"},     {"OTHER", "vbg"},
        {"BLOCKLIST", "vbg"},          {"MODEL_ARMOR", "vb"}, {"JAILBREAK", "v"},
        {"IMAGE_SAFETY", "g"},         {"NOBODY", ""},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        for (int s = 0; s < SURFACES; s++) {
            struct emu_run run;
            ask(&run, s, "blocked", reasons[i].word);
            if (is_on(&reasons[i], s)) {
                const struct json_val *root = emu_run_json(&run);
                const struct json_val *feedback = json_get(root, DGM_STR("promptFeedback"));
                struct dgm_str is = json_get_str(feedback, DGM_STR("blockReason"));
                assert_true(dgm_str_eq(is, dgm_str_c(reasons[i].word)));
                assert_null(json_get(root, DGM_STR("candidates")));
            } else {
                assert_refused(&run, &reasons[i], s);
            }
            emu_run_dispose(&run);
        }
}

static void an_answer_ends_for_what_the_surface_knows(void **state)
{
    (void)state;
    static const struct word reasons[] = {
        {"STOP", "vbg"},
        {"MAX_TOKENS", "vbg"},
        {"SAFETY", "vbg"},
        {"RECITATION", "vbg"},
        {"OTHER", "vbg"},
        {"BLOCKLIST", "vbg"},
        {"PROHIBITED_CONTENT", "vbg"},
        {"SPII", "vbg"},
        {"MALFORMED_FUNCTION_CALL", "vbg"},
        {"MODEL_ARMOR", "vb"},
        {"LANGUAGE", "g"},
        {"IMAGE_SAFETY", "vbg"},
        {"IMAGE_PROHIBITED_CONTENT", "vbg"},
        {"IMAGE_RECITATION", "vbg"},
        {"IMAGE_OTHER", "vbg"},
        {"NO_IMAGE", "vbg"},
        {"UNEXPECTED_TOOL_CALL", "vbg"},
        {"TOO_MANY_TOOL_CALLS", "vbg"},
        {"NOT_YET_KNOWN", "vbg"},
        {"FINISH_REASON_NOBODY", ""},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        for (int s = 0; s < SURFACES; s++) {
            struct emu_run run;
            ask(&run, s, "finish", reasons[i].word);
            if (is_on(&reasons[i], s)) {
                const struct json_val *c =
                    json_at(json_get(emu_run_json(&run), DGM_STR("candidates")), 0);
                struct dgm_str is = json_get_str(c, DGM_STR("finishReason"));
                assert_true(dgm_str_eq(is, dgm_str_c(reasons[i].word)));
            } else {
                assert_refused(&run, &reasons[i], s);
            }
            emu_run_dispose(&run);
        }
}

static void traffic_has_the_type_that_is_asked_for(void **state)
{
    (void)state;
    static const struct word types[] = {{"ON_DEMAND", "vb"},
                                        {"ON_DEMAND_PRIORITY", "vb"},
                                        {"ON_DEMAND_FLEX", "vb"},
                                        {"PROVISIONED_THROUGHPUT", "vb"},
                                        {"NOBODY", ""}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        for (int s = 0; s < GEMINI; s++) {
            struct emu_run run;
            ask(&run, s, "traffic", types[i].word);
            if (is_on(&types[i], s)) {
                const struct json_val *usage =
                    json_get(emu_run_json(&run), DGM_STR("usageMetadata"));
                struct dgm_str is = json_get_str(usage, DGM_STR("trafficType"));
                assert_true(dgm_str_eq(is, dgm_str_c(types[i].word)));
            } else {
                assert_refused(&run, &types[i], s);
            }
            emu_run_dispose(&run);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_blocked_for_what_the_surface_knows),
        cmocka_unit_test(an_answer_ends_for_what_the_surface_knows),
        cmocka_unit_test(traffic_has_the_type_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
