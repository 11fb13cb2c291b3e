/* SPDX-License-Identifier: Apache-2.0 */
/* emulator_log.c - what the emulator received: as a payload, kept in its bounds, counted, as JSON. */
#include "gateway/emulator_log.h"

#include "base/str.h"
#include "json/read.h"
#include "support/alloc_fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gw_emulated sample(void)
{
    return (struct gw_emulated){.worker = 3,
                                .time_s = 1700000000,
                                .status = 200,
                                .method = DGM_STR("POST"),
                                .path = DGM_STR("/v1beta/models/m:generateContent"),
                                .fault = DGM_STR("429*2"),
                                .responder = DGM_STR("usual"),
                                .scenario = DGM_STR("rule 1"),
                                .rules = {DGM_STR("a"), DGM_STR("b")},
                                .rules_n = 2,
                                .body = DGM_STR("{\"n\":1.50}"),
                                .body_bytes = 10};
}

static struct dgm_buf payload_of(const struct gw_emulated *e)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    gw_emulated_put(e, &out);
    assert_int_equal(out.rc, DGM_OK);
    return out;
}

static void add(struct gw_emulator_log *log, const struct gw_emulated *e)
{
    struct dgm_buf payload = payload_of(e);
    assert_true(gw_emulator_log_add(log, dgm_buf_str(&payload)));
    dgm_buf_dispose(&payload);
}

/* The page, parsed: `arena` is the caller's to dispose. */
static const struct json_val *page_of(const struct gw_emulator_log *log, struct dgm_arena *arena)
{
    struct dgm_buf out;
    const struct json_val *root = NULL;
    struct json_error error;
    dgm_buf_init(&out, &dgm_alloc_libc, 64 << 20);
    gw_emulator_log_put(log, 42, &out);
    assert_int_equal(out.rc, DGM_OK);
    dgm_arena_init(arena, &dgm_alloc_libc, SIZE_MAX);
    char *text = dgm_arena_take(arena, out.n + JSON_PADDING);
    memcpy(text, out.p, out.n);
    assert_int_equal(json_parse(arena, text, out.n, JSON_DEPTH_MAX, &root, &error), DGM_OK);
    dgm_buf_dispose(&out);
    return root;
}

static int64_t count_of(const struct json_val *page, struct dgm_str kind, struct dgm_str name)
{
    int64_t n = 0;
    json_int(json_get(json_get(json_get(page, DGM_STR("counts")), kind), name), &n);
    return n;
}

static void test_payload(void **state)
{
    (void)state;
    struct gw_emulated e = sample(), read;
    struct dgm_buf payload = payload_of(&e);
    assert_true(gw_emulated_read(dgm_buf_str(&payload), &read));
    assert_true(read.worker == 3 && read.status == 200 && read.rules_n == 2);
    assert_true(dgm_str_eq(read.body, e.body) && dgm_str_eq(read.rules[1], DGM_STR("b")));
    assert_true(dgm_str_eq(read.scenario, DGM_STR("rule 1")) && read.emulate.n == 0);
    /* Torn: refused, but where the cut leaves whole fields, which are rules. */
    for (size_t n = 0; n < payload.n; n++) {
        bool sound = gw_emulated_read(dgm_str_head(dgm_buf_str(&payload), n), &read);
        assert_int_equal(sound, n == payload.n - 5 || n == payload.n - 10);
    }
    dgm_buf_dispose(&payload);
}

static void test_page(void **state)
{
    (void)state;
    struct dgm_arena arena;
    struct gw_emulator_log *log = gw_emulator_log_new(&dgm_alloc_libc);
    struct gw_emulated e = sample();
    add(log, &e);
    e.body = DGM_STR("\xff\"\n{");
    e.body_bytes = 9000;
    e.path = DGM_STR("/\x01\xc3");
    add(log, &e);
    const struct json_val *page = page_of(log, &arena);
    const struct json_val *requests = json_get(page, DGM_STR("requests"));
    const struct json_val *first = json_at(requests, 0), *second = json_at(requests, 1);
    assert_int_equal(json_size(requests), 2);
    assert_true(dgm_str_eq(json_num(json_get(json_get(first, DGM_STR("body")), DGM_STR("n"))),
                           DGM_STR("1.50")));
    assert_true(dgm_str_eq(json_get_str(second, DGM_STR("body")), DGM_STR("\xef\xbf\xbd\"\n{")));
    assert_true(json_bool(json_get(second, DGM_STR("body_cut")), false));
    assert_int_equal(count_of(page, DGM_STR("status"), DGM_STR("200")), 2);
    assert_int_equal(count_of(page, DGM_STR("rule"), DGM_STR("b")), 2);
    dgm_arena_dispose(&arena);

    gw_emulator_log_reset(log);
    page = page_of(log, &arena);
    assert_int_equal(json_size(json_get(page, DGM_STR("requests"))), 0);
    assert_int_equal(count_of(page, DGM_STR("status"), DGM_STR("200")), 0);
    dgm_arena_dispose(&arena);
    gw_emulator_log_free(log);
}

static void test_bounds(void **state)
{
    (void)state;
    struct alloc_fail a;
    struct dgm_arena arena;
    char name[32], *body = calloc(1, GW_EMULATED_BODY_MAX);
    memset(body, 1, GW_EMULATED_BODY_MAX); /* of which each byte is six in JSON */
    alloc_fail_init(&a, 0);
    struct gw_emulator_log *log = gw_emulator_log_new(&a.alloc);
    for (int i = 0; i < 2000; i++) {
        struct gw_emulated e = sample();
        snprintf(name, sizeof name, "fault %d", i);
        e.failed = dgm_str_c(name);
        e.body = (struct dgm_str){body, i % 3 ? GW_EMULATED_BODY_MAX : 10};
        e.body_bytes = e.body.n;
        add(log, &e);
        assert_true(a.live_bytes < GW_EMULATED_KEPT_BYTES_MAX + (1 << 20));
    }
    const struct json_val *page = page_of(log, &arena);
    int64_t received = 0, others = 0;
    json_int(json_get(page, DGM_STR("received")), &received);
    json_int(json_get(json_get(page, DGM_STR("counts")), DGM_STR("others")), &others);
    assert_int_equal(received, 2000);
    assert_true(json_size(json_get(page, DGM_STR("requests"))) <= GW_EMULATED_KEPT_MAX);
    /* Faults are told apart as long as there is room beside the five other names. */
    assert_int_equal(others, 2000 - (GW_EMULATED_NAMES_MAX - 5));
    dgm_arena_dispose(&arena);
    gw_emulator_log_free(log);
    alloc_fail_done(&a, "a log");
    free(body);
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        struct alloc_fail a;
        struct gw_emulated e = sample();
        struct dgm_buf out;
        alloc_fail_init(&a, k);
        struct gw_emulator_log *log = gw_emulator_log_new(&a.alloc);
        if (log) {
            add(log, &e);
            add(log, &e);
            dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
            gw_emulator_log_put(log, 1, &out);
            assert_int_equal(out.rc, DGM_OK);
            dgm_buf_dispose(&out);
            gw_emulator_log_free(log);
        }
        alloc_fail_done(&a, "a log");
        if (!alloc_fail_failed(&a))
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
