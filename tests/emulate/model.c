/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - tests of emulate/model: which names there are, and what each model can. */
#include "emulate/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/emulate.h"

/* Google's samples and its list of September 2026, in the order of GET /models. */
static void the_list_is_googles(void **state)
{
    (void)state;
    static const char *const wanted[][2] = {
        {"gemini-3.8-flash", "Gemini 3.8 Flash"},
        {"gemini-3.8-flash-cyber", "Gemini 3.8 Flash Cyber"},
        {"gemini-3.7-flash", "Gemini 3.7 Flash"},
        {"gemini-3.6-flash", "Gemini 3.6 Flash"},
        {"gemini-3.5-flash", "Gemini 3.5 Flash"},
        {"gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite"},
        {"gemini-3.1-pro-preview", "Gemini 3.1 Pro Preview"},
        {"gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite"},
        {"gemini-3-flash-preview", "Gemini 3 Flash Preview"},
        {"gemini-2.5-pro", "Gemini 2.5 Pro"},
        {"gemini-2.5-flash", "Gemini 2.5 Flash"},
        {"gemini-2.5-flash-preview-04-17", "Gemini 2.5 Flash Preview 04-17"},
        {"gemini-2.0-flash", "Gemini 2.0 Flash"},
        {"gemini-2.0-flash-001", "Gemini 2.0 Flash 001"},
        {"gemini-1.5-flash", "Gemini 1.5 Flash"},
        {"gemini-1.5-flash-002", "Gemini 1.5 Flash 002"},
        {"gemini-1.5-pro", "Gemini 1.5 Pro"},
        {"gemini-1.0-pro-vision", "Gemini 1.0 Pro Vision"},
        {"gemini-1.0-pro-vision-001", "Gemini 1.0 Pro Vision 001"},
        {"gemini-1.0-pro", "Gemini 1.0 Pro"},
        {"gemini-1.0-pro-001", "Gemini 1.0 Pro 001"},
        {"gemini-1.0-pro-002", "Gemini 1.0 Pro 002"},
    };
    struct emu_model m;
    size_t n = 0;
    for (; emu_model_at(n, &m); n++) {
        assert_true(n < sizeof wanted / sizeof *wanted);
        assert_true(dgm_str_eq(m.name, dgm_str_c(wanted[n][0])));
        assert_true(dgm_str_eq(m.display_name, dgm_str_c(wanted[n][1])));
        assert_true(emu_model_known(m.name));
    }
    assert_int_equal(n, sizeof wanted / sizeof *wanted);
}

static void names_of_models(void **state)
{
    (void)state;
    static const char *const known[] = {"gemini-2.5-flash",
                                        "gemini-3-pro-preview",
                                        "gemini-3.9-ultra",
                                        "gemini-2.0-flash-lite-001",
                                        "gemini-2.5-pro-preview-05-06",
                                        "gemini-2.5-flash-preview-09-2025",
                                        "gemini-3-pro-image-preview",
                                        "gemini-1.5-flash@002",
                                        "gemini-1.5-pro@default",
                                        "gemini-2.0-flash-exp",
                                        "gemini-1.0-nano",
                                        "gemini-1.5-pro-experimental",
                                        "gemini-1.5-flash-latest",
                                        "gemini-1.0-pro-vision-001",
                                        "gemini-2.0-flash-live-001",
                                        "gemini-2.0-flash-preview-image-generation",
                                        "gemini-2.5-flash-preview-tts",
                                        "gemini-2.5-flash-native-audio-preview-09-2025",
                                        "gemini-2.5-flash-exp-native-audio-dialog",
                                        "gemini-3.1-pro-preview-customtools",
                                        "gemini-3.8-flash-cyber"};
    static const char *const unknown[] = {"",
                                          "gemini",
                                          "gemini-",
                                          "gemini-2.5",
                                          "gemini-2.5-",
                                          "gemini-2.5-flash-",
                                          "gemini-4-flash",
                                          "gemini-2.4-flash",
                                          "gemini-25-flash",
                                          "gemini-2.5-turbo",
                                          "gemini-2.5-flash-super",
                                          "Gemini-2.5-flash",
                                          "google/gemini-2.5-flash",
                                          "gemini-2.5-flash@",
                                          "gemini-2.5-flash@1@2",
                                          "gemini-2.5-flash-12345",
                                          "gpt-4",
                                          "gemini-2.5-lite",
                                          "gemini-0.5-pro",
                                          "gemini-2..5-pro"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!emu_model_known(dgm_str_c(known[i])))
            fail_msg("%s is unknown", known[i]);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (emu_model_known(dgm_str_c(unknown[i])))
            fail_msg("%s is known", unknown[i]);
}

/* What the pages of each model say, and Google's thinking guide. */
static void each_model_can_what_its_page_says(void **state)
{
    (void)state;
    enum { ALL = MEDIUM_TEXT | MEDIUM_IMAGE | MEDIUM_AUDIO | MEDIUM_VIDEO | MEDIUM_DOCUMENT };
    enum { ANY_LEVEL = LEVEL_MINIMAL | LEVEL_LOW | LEVEL_MEDIUM | LEVEL_HIGH };
    static const struct {
        const char *name;
        unsigned generation;
        enum thinks thinks;
        int32_t budget_min, budget_max;
        unsigned levels;
        uint32_t input, output, candidates;
        unsigned inputs, outputs;
    } models[] = {
        {"gemini-1.0-pro-vision", 10, THINKS_NO, 0, 0, 0, 16384, 2048, 1,
         MEDIUM_TEXT | MEDIUM_IMAGE | MEDIUM_VIDEO, MEDIUM_TEXT},
        {"gemini-1.0-pro", 10, THINKS_NO, 0, 0, 0, 32760, 8192, 8, MEDIUM_TEXT, MEDIUM_TEXT},
        {"gemini-1.5-pro", 15, THINKS_NO, 0, 0, 0, 2097152, 8192, 8, ALL, MEDIUM_TEXT},
        {"gemini-1.5-flash", 15, THINKS_NO, 0, 0, 0, 1048576, 8192, 8, ALL, MEDIUM_TEXT},
        {"gemini-2.0-flash-preview-image-generation", 20, THINKS_NO, 0, 0, 0, 32768, 8192, 1,
         MEDIUM_TEXT | MEDIUM_IMAGE | MEDIUM_DOCUMENT, MEDIUM_TEXT | MEDIUM_IMAGE},
        {"gemini-2.0-flash-exp", 20, THINKS_NO, 0, 0, 0, 1048576, 8192, 8, ALL,
         MEDIUM_TEXT | MEDIUM_IMAGE},
        {"gemini-2.0-flash", 20, THINKS_NO, 0, 0, 0, 1048576, 8192, 8, ALL, MEDIUM_TEXT},
        {"gemini-2.5-flash-image", 25, THINKS_NO, 0, 0, 0, 65536, 32768, 1,
         MEDIUM_TEXT | MEDIUM_IMAGE | MEDIUM_DOCUMENT, MEDIUM_TEXT | MEDIUM_IMAGE},
        {"gemini-2.5-flash-preview-tts", 25, THINKS_NO, 0, 0, 0, 8192, 16384, 1, MEDIUM_TEXT,
         MEDIUM_AUDIO},
        {"gemini-2.5-flash-lite", 25, THINKS_BUDGET, 512, 24576, 0, 1048576, 65536, 8, ALL,
         MEDIUM_TEXT},
        {"gemini-2.5-flash", 25, THINKS_BUDGET, 1, 24576, 0, 1048576, 65536, 8, ALL, MEDIUM_TEXT},
        {"gemini-2.5-pro", 25, THINKS_BUDGET, 128, 32768, 0, 1048576, 65536, 8, ALL, MEDIUM_TEXT},
        {"gemini-3-pro-preview", 30, THINKS_LEVEL, 128, 32768, LEVEL_LOW | LEVEL_HIGH, 1048576,
         65536, 8, ALL, MEDIUM_TEXT},
        {"gemini-3.1-pro-preview", 31, THINKS_LEVEL, 128, 32768,
         LEVEL_LOW | LEVEL_MEDIUM | LEVEL_HIGH, 1048576, 65536, 8, ALL, MEDIUM_TEXT},
        {"gemini-3.6-pro", 36, THINKS_LEVEL, 128, 32768, LEVEL_LOW | LEVEL_MEDIUM | LEVEL_HIGH,
         1048576, 65536, 1, ALL, MEDIUM_TEXT},
        {"gemini-3-flash-preview", 30, THINKS_LEVEL, 1, 24576, ANY_LEVEL, 1048576, 65536, 8, ALL,
         MEDIUM_TEXT},
        {"gemini-3.5-flash", 35, THINKS_LEVEL, 1, 24576, ANY_LEVEL, 1048576, 65536, 8, ALL,
         MEDIUM_TEXT},
        {"gemini-3.7-flash-lite", 37, THINKS_LEVEL, 1, 24576, LEVEL_LOW | LEVEL_MEDIUM | LEVEL_HIGH,
         1048576, 65536, 1, ALL, MEDIUM_TEXT},
        {"gemini-3.8-flash", 38, THINKS_LEVEL, 1, 24576, ANY_LEVEL, 1048576, 65536, 1, ALL,
         MEDIUM_TEXT},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct model m = {0};
        if (!emu_model_find(dgm_str_c(models[i].name), &m) ||
            m.generation != models[i].generation || m.family->thinks != models[i].thinks ||
            m.family->budget_min != models[i].budget_min ||
            m.family->budget_max != models[i].budget_max || m.family->levels != models[i].levels ||
            m.family->input_tokens != models[i].input ||
            m.family->output_tokens != models[i].output ||
            m.family->candidates != models[i].candidates || m.family->inputs != models[i].inputs ||
            m.family->outputs != models[i].outputs)
            fail_msg("%s", models[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_googles),
        cmocka_unit_test(names_of_models),
        cmocka_unit_test(each_model_can_what_its_page_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
