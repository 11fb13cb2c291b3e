/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - what a model's name tells about it. */
#include "translate/model.h"

#include "base/str.h"

#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void all_spellings_name_one_model(void **state)
{
    static const char *const sent[] = {
        "google/gemini-2.5-flash",
        "gemini-2.5-flash",
        "models/gemini-2.5-flash",
        "gemini/gemini-2.5-flash",
        "publishers/google/models/gemini-2.5-flash",
        "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"};
    (void)state;
    for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
        struct model m;
        assert_int_equal(model_read(dgm_str_c(sent[i]), &m), DGM_OK);
        assert_true(dgm_str_eq(m.name, DGM_STR("gemini-2.5-flash")));
        assert_int_equal(m.generation, 25);
    }
}

static void names_are_checked_before_any_url_is_built(void **state)
{
    static const char *const bad[] = {
        "",    "google/",   "..",          "google/..",  "a/../b", "a%2fb",
        "a b", "google/.x", "google/a..b", "models/a\n", "a\\b",   "a?b",
        "a#b", "/",         "models//x",   "caf\xc3\xa9"};
    struct model m;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(model_read(dgm_str_c(bad[i]), &m), DGM_E_SYNTAX);
    assert_int_equal(model_read((struct dgm_str){"a\0b", 3}, &m), DGM_E_SYNTAX);
    assert_int_equal(model_read(DGM_STR("meta/llama"), &m), DGM_E_REFUSED);
}

static void a_name_has_at_most_128_bytes(void **state)
{
    char name[129];
    (void)state;
    memset(name, 'x', sizeof name);
    assert_true(dgm_name_ok((struct dgm_str){name, 128}));
    assert_false(dgm_name_ok((struct dgm_str){name, 129}));
}

static void generations_are_read_from_the_version(void **state)
{
    static const struct {
        const char *name;
        unsigned generation;
    } cases[] = {
        {"gemini-2.5-pro", 25},
        {"gemini-3-pro-preview", 30},
        {"gemini-3.1-flash-lite", 31},
        {"gemini-1.0-pro-002", 10},
        {"gemini-2.0-flash-001", 20},
        {"gemini-pro", 0},
        {"gemini-10-pro", 0},
        {"gemini-2.x-pro", 0},
        {"gemini-", 0},
        {"gemma-3-27b", 0},
        {"gemini-3", 30},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model m;
        assert_int_equal(model_read(dgm_str_c(cases[i].name), &m), DGM_OK);
        assert_int_equal(m.generation, cases[i].generation);
    }
}

static void aliases_stand_for_the_newest_generation(void **state)
{
    static const struct {
        const char *name;
        unsigned generation;
    } cases[] = {
        {"gemini-pro-latest", 31},
        {"models/gemini-flash-latest", 38},
        {"google/gemini-flash-lite-latest", 35},
        {"gemini-2.5-flash@001", 25},
        {"gemini-3@default", 30},
        {"gemini-newest-latest", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model m;
        assert_int_equal(model_read(dgm_str_c(cases[i].name), &m), DGM_OK);
        assert_int_equal(m.generation, cases[i].generation);
    }
}

static void a_version_is_no_part_of_a_word(void **state)
{
    struct model m;
    (void)state;
    assert_int_equal(model_read(DGM_STR("gemini-2.5-pro@002"), &m), DGM_OK);
    assert_true(dgm_str_eq(m.name, DGM_STR("gemini-2.5-pro@002")));
    assert_int_equal(m.thinking->min, 128);
}

static void a_resource_name_is_whole_or_refused(void **state)
{
    static const char *const bad[] = {
        "projects/p/locations/l/publishers/meta/models/x",
        "projects/p/locations/l/models/x",
        "projects/p/publishers/google/models/x",
        "projects/p/locations//publishers/google/models/x",
    };
    struct model m;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(model_read(dgm_str_c(bad[i]), &m), DGM_OK);
}

static void every_effort_has_a_meaning_for_every_thinking_model(void **state)
{
    static const char *const models[] = {
        "gemini-2.5-flash",       "gemini-2.5-pro",         "gemini-2.5-flash-lite",
        "gemini-3-pro-preview",   "gemini-3.1-pro-preview", "gemini-3.7-flash",
        "gemini-3-flash-preview", "gemini-3.8-flash",       "gemini-flash-latest"};
    static const char *const efforts[] = {"none", "minimal", "low", "medium",
                                          "high", "xhigh",   "max"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct model m;
        enum effort effort;
        assert_int_equal(model_read(dgm_str_c(models[i]), &m), DGM_OK);
        const struct thinking *t = m.thinking;
        assert_non_null(t);
        for (size_t k = 0; k < sizeof efforts / sizeof *efforts; k++) {
            assert_true(model_effort(dgm_str_c(efforts[k]), &effort));
            assert_int_not_equal(strlen(t->value[effort]), 0);
        }
        bool level = strcmp(t->member, "thinkingLevel") == 0;
        assert_int_equal(level, m.generation >= GEMINI_3);
        assert_true(t->min <= t->max && t->standard <= t->max);
    }
    enum effort untouched = EFFORT_LOW;
    assert_false(model_effort(DGM_STR("huge"), &untouched));
    assert_int_equal(untouched, EFFORT_LOW);
}

static void models_that_do_not_think_have_no_row(void **state)
{
    static const char *const models[] = {"gemini-2.0-flash", "gemini-2.5-flash-image",
                                         "gemini-2.5-flash-preview-tts", "gemma-3"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct model m;
        assert_int_equal(model_read(dgm_str_c(models[i]), &m), DGM_OK);
        assert_null(m.thinking);
    }
}

static void other_publishers_are_known_by_their_names(void **state)
{
    static const char *const others[] = {"deepseek-ai/deepseek-v3.1-maas", "meta/llama-4@001",
                                         "xai/grok-4.1", "qwen/qwen3:free"};
    static const char *const none[] = {"",
                                       "gemini-2.5-flash",
                                       "google/gemini-2.5-flash",
                                       "models/x",
                                       "gemini/x",
                                       "publishers/meta/models/llama",
                                       "a/b/c",
                                       "/b",
                                       "a/",
                                       "../b",
                                       "a/..",
                                       "other.example/x",
                                       "me:p@h/x",
                                       "a b/c",
                                       "a/b\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(dgm_model_is_others(dgm_str_c(others[i])));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (dgm_model_is_others(dgm_str_c(none[i])))
            fail_msg("%s", none[i]);
}

static void no_name_brings_a_verb_into_the_path(void **state)
{
    static const char *const names[] = {":generateContent", "gemini-2.5-flash:countTokens",
                                        "google/x:rawPredict"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct model m;
        assert_int_equal(model_read(dgm_str_c(names[i]), &m), DGM_E_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_spellings_name_one_model),
        cmocka_unit_test(names_are_checked_before_any_url_is_built),
        cmocka_unit_test(a_name_has_at_most_128_bytes),
        cmocka_unit_test(generations_are_read_from_the_version),
        cmocka_unit_test(every_effort_has_a_meaning_for_every_thinking_model),
        cmocka_unit_test(models_that_do_not_think_have_no_row),
        cmocka_unit_test(aliases_stand_for_the_newest_generation),
        cmocka_unit_test(a_version_is_no_part_of_a_word),
        cmocka_unit_test(other_publishers_are_known_by_their_names),
        cmocka_unit_test(no_name_brings_a_verb_into_the_path),
        cmocka_unit_test(a_resource_name_is_whole_or_refused),
    };
    return cmocka_run_group_tests_name("translate/model", tests, NULL, NULL);
}
