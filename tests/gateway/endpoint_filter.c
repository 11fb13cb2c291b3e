/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_filter.c - tests of gateway/endpoint_filter: what a filter takes, and what is none. */
#include "gateway/endpoint_filter.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct gw_endpoint_facts lab = {
    .id = DGM_STR("4815"),
    .name = DGM_STR("projects/p/locations/l/endpoints/4815"),
    .display_name = DGM_STR("The \"lab\" box"),
    .base_model_name = DGM_STR("Qwen/Qwen3-8B"),
};

static void filters_take_what_they_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool takes;
    } cases[] = {
        {"", true},
        {"  ", true},
        {"endpoint=4815", true},
        {"endpoint = \"projects/p/locations/l/endpoints/4815\"", true},
        {"endpoint=1", false},
        {"endpoint!=1", true},
        {"endpoint != 4815", false},
        {"display_name=\"The \\\"lab\\\" box\"", true},
        {"displayName='The \"lab\" box'", true},
        {"display_name=lab", false},
        {"display_name=\"\"", false},
        {"base_model_name=Qwen/Qwen3-8B", true},
        {"baseModelName!=\"Qwen/Qwen3-8B\"", false},
        {"endpoint=4815 AND base_model_name=\"Qwen/Qwen3-8B\"", true},
        {"endpoint=4815 AND base_model_name=x", false},
        {"labels.team=a", false},
        {"labels.team!=a", true},
        {"labels.team:*", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_arena arena;
        struct gw_endpoint_filter f;
        struct dgm_str bad;
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        if (!gw_endpoint_filter_read(dgm_str_c(cases[i].text), &arena, &f, &bad))
            fail_msg("%s: refused at %.*s", cases[i].text, (int)bad.n, bad.p);
        if (gw_endpoint_filter_takes(&f, &lab) != cases[i].takes)
            fail_msg("%s", cases[i].text);
        dgm_arena_dispose(&arena);
    }
}

static void what_is_no_filter_is_named_from_its_place_on(void **state)
{
    (void)state;
    static const struct {
        const char *text, *rest;
    } cases[] = {
        {"x=1", "x=1"},
        {"endpoint", "endpoint"},
        {"endpoint<4", "endpoint<4"},
        {"endpoint=", "endpoint="},
        {"endpoint=\"4815", "endpoint=\"4815"},
        {"endpoint=1 OR endpoint=2", "OR endpoint=2"},
        {"endpoint=1 AND x=2", "x=2"},
        {"labels.=1", "labels.=1"},
        {"endpoint=1 AND endpoint=1 AND endpoint=1 AND endpoint=1 AND endpoint=1 AND endpoint=1 AND "
         "endpoint=1 AND endpoint=1 AND endpoint=9",
         "endpoint=9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dgm_arena arena;
        struct gw_endpoint_filter f;
        struct dgm_str bad = {0};
        dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
        assert_false(gw_endpoint_filter_read(dgm_str_c(cases[i].text), &arena, &f, &bad));
        if (!dgm_str_eq(bad, dgm_str_c(cases[i].rest)))
            fail_msg("%s: %.*s", cases[i].text, (int)bad.n, bad.p);
        dgm_arena_dispose(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_take_what_they_name),
        cmocka_unit_test(what_is_no_filter_is_named_from_its_place_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
