/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_read.c - tests of emulate/dialect_read: requests that are deep, long, or large. */
#include "emulate/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/str.h"
#include "support/emu_chat.h"

/* The native request that asks the same nests what it takes some levels deeper: that is no lack of memory. */
static void deep_bodies_are_answered_or_refused(void **state)
{
    (void)state;
    for (enum emu_dialect dialect = EMU_VLLM; dialect <= EMU_TGI; dialect++)
        for (size_t depth = 85; depth <= JSON_DEPTH_MAX; depth++) {
            struct dgm_buf body;
            struct emu_run run;
            dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
            dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
                                   "\"assistant\",\"tool_calls\":[{\"id\":\"1\",\"function\":{"
                                   "\"name\":\"f\",\"arguments\":\"");
            for (size_t i = 0; i < depth; i++)
                dgm_buf_put_lit(&body, "{\\\"a\\\":");
            dgm_buf_put_lit(&body, "1");
            for (size_t i = 0; i < depth; i++)
                dgm_buf_put_lit(&body, "}");
            dgm_buf_put_lit(
                &body, "\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"1\",\"content\":\"y\"}]}");
            emu_run_post_chat(&run, &dgm_alloc_libc, &emu_options_plain, dialect,
                              (struct dgm_str){0}, dgm_buf_str(&body));
            assert_int_equal(run.status, 200);
            emu_run_dispose(&run);

            dgm_buf_clear(&body);
            dgm_buf_put_lit(&body,
                            "{" HELLO ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
                            "\"f\",\"parameters\":{\"type\":\"object\",\"x\":");
            for (size_t i = 5; i < depth; i++)
                dgm_buf_put_lit(&body, "[");
            for (size_t i = 5; i < depth; i++)
                dgm_buf_put_lit(&body, "]");
            dgm_buf_put_lit(&body, "}}}]}");
            emu_run_post_chat(&run, &dgm_alloc_libc, &emu_options_plain, dialect,
                              (struct dgm_str){0}, dgm_buf_str(&body));
            assert_int_not_equal(run.status, 0);
            emu_run_dispose(&run);
            dgm_buf_dispose(&body);
        }
}

/* Each result looks for its call. */
static void many_results_find_their_calls_in_time(void **state)
{
    const size_t n = 30000;
    struct dgm_buf body;
    struct emu_run run;
    (void)state;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
                           "\"assistant\",\"tool_calls\":[");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, "{\"function\":{\"name\":\"f\"},\"id\":\"");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put(&body, i + 1 < n ? DGM_STR("\"},") : DGM_STR("\"}]}"));
    }
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",{\"role\":\"tool\",\"content\":\"\",\"tool_call_id\":\"");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\"}");
    }
    dgm_buf_put_lit(&body, "]}");
    clock_t began = clock();
    emu_run_post_chat(&run, &dgm_alloc_libc, &emu_options_plain, EMU_VLLM, (struct dgm_str){0},
                      dgm_buf_str(&body));
    assert_int_equal(run.status, 200);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 8); /* by squares it takes a minute */
    emu_run_dispose(&run);
    dgm_buf_dispose(&body);
}

/* Nothing of Google's limits holds for the schemas of these servers: the budget of who fills them in does. */
static void large_schemas_are_filled_in_in_time(void **state)
{
    const size_t n = 40000;
    struct dgm_buf body;
    struct emu_run run;
    (void)state;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body,
                    "{" HELLO ",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\","
                    "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
                    "\"maxProperties\":1,\"properties\":{\"p\":{}");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",\"p");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\":{}");
    }
    dgm_buf_put_lit(&body, "},\"dependentRequired\":{\"p\":[]");
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(&body, ",\"p");
        dgm_buf_put_int(&body, (int64_t)i);
        dgm_buf_put_lit(&body, "\":[]");
    }
    dgm_buf_put_lit(&body, "}}}}]}");
    clock_t began = clock();
    emu_run_post_chat(&run, &dgm_alloc_libc, &emu_options_plain, EMU_VLLM, (struct dgm_str){0},
                      dgm_buf_str(&body));
    assert_int_equal(run.status, 200);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 4);
    emu_run_dispose(&run);
    dgm_buf_dispose(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deep_bodies_are_answered_or_refused),
        cmocka_unit_test(many_results_find_their_calls_in_time),
        cmocka_unit_test(large_schemas_are_filled_in_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
