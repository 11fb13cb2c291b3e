/* SPDX-License-Identifier: Apache-2.0 */
/* memory_record.c - what is remembered of a call: found under its id, whatever was done to it, and for its own model alone. */
#include "gateway/memory_record.h"

#include "base/str.h"
#include "gateway/keeper_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define ID "call_0123456789abcdefABCDEF01234567" /* 30 letters, as ours have */

static bool keys_are_same(const char *scope, const char *id, const char *other_scope,
                          const char *other)
{
    char rooms[2][STORE_KEY_MAX];
    struct dgm_buf a = {.p = rooms[0], .cap = sizeof rooms[0], .max = sizeof rooms[0]};
    struct dgm_buf b = {.p = rooms[1], .cap = sizeof rooms[1], .max = sizeof rooms[1]};
    assert_true(gw_memory_put_key(dgm_str_c(scope), dgm_str_c(id), &a));
    assert_true(gw_memory_put_key(dgm_str_c(other_scope), dgm_str_c(other), &b));
    return dgm_str_eq(dgm_buf_str(&a), dgm_buf_str(&b));
}

static void test_ids(void **state)
{
    static const char *const changed[] = {ID,
                                          ID "_0",
                                          ID "x",
                                          "fc_" ID,
                                          "chatcmpl-" ID "__thought__QUJD",
                                          "call_" ID,
                                          "call_call_" ID "-1",
                                          "call_abc-" ID};
    (void)state;
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        assert_true(keys_are_same("", ID, "", changed[i]));
    assert_false(keys_are_same("", ID, "", "call_0123456789abcdefABCDEF01234568"));
    assert_false(keys_are_same("", ID, "", "call_0123456789abcdefABCDEF0123456")); /* cut */
    assert_true(keys_are_same("", "toolu_01ABCDEFGHIJKL", "", "toolu_01ABCDEFGHIJKL"));
    assert_false(keys_are_same("", "toolu_01ABCDEFGHIJKL", "", "toolu_01ABCDEFGHIJKM"));
}

static void test_scopes(void **state)
{
    (void)state;
    assert_true(keys_are_same("anna", ID, "anna", ID));
    assert_false(keys_are_same("anna", ID, "bert", ID));
    assert_false(keys_are_same("", ID, "bert", ID));
}

static void test_no_key(void **state)
{
    char room[STORE_KEY_MAX], scope[STORE_KEY_MAX], id[600];
    (void)state;
    memset(scope, 's', sizeof scope);
    memset(id, 'i', sizeof id);
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    assert_false(gw_memory_put_key(DGM_STR(""), DGM_STR("call_0"), &out));
    assert_false(gw_memory_put_key(DGM_STR(""), DGM_STR(""), &out));
    assert_false(gw_memory_put_key(DGM_STR(""), (struct dgm_str){id, sizeof id}, &out));
    assert_false(gw_memory_put_key((struct dgm_str){scope, sizeof scope}, DGM_STR(ID), &out));
    assert_int_equal(out.n, 0);
}

static void test_values(void **state)
{
    char room[512];
    struct gw_memory_record ret, record = {DGM_STR("c2ln"), DGM_STR("gemini-3-pro"),
                                           DGM_STR("look"), DGM_GEMINI, DGM_STR("a7b3k9p2")};
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    (void)state;
    gw_memory_put_value(&record, &out);
    assert_true(gw_memory_read_value(dgm_buf_str(&out), &ret));
    assert_true(dgm_str_eq(ret.signature, record.signature));
    assert_true(dgm_str_eq(ret.model, record.model));
    assert_true(dgm_str_eq(ret.name, record.name));
    assert_true(dgm_str_eq(ret.native_id, record.native_id));
    assert_int_equal(ret.surface, DGM_GEMINI);
    for (size_t n = 0; n < out.n; n++)
        assert_false(gw_memory_read_value((struct dgm_str){out.p, n}, &ret));
    room[0] = 3; /* of a later version */
    assert_false(gw_memory_read_value(dgm_buf_str(&out), &ret));
}

/* A folder may be older than the program. */
static void test_values_of_the_first_form(void **state)
{
    char room[512];
    struct gw_memory_record ret;
    struct dgm_buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    (void)state;
    gw_field_put_u64(&out, 1);
    gw_field_put_u64(&out, DGM_GEMINI);
    gw_field_put_str(&out, DGM_STR("gemini-3-pro"));
    gw_field_put_str(&out, DGM_STR("look"));
    gw_field_put_str(&out, DGM_STR("c2ln"));
    assert_true(gw_memory_read_value(dgm_buf_str(&out), &ret));
    assert_true(dgm_str_eq(ret.signature, DGM_STR("c2ln")));
    assert_int_equal(ret.native_id.n, 0);
}

static void test_families(void **state)
{
    static const struct {
        const char *of, *to;
        bool fits;
    } cases[] = {
        {"gemini-3-pro-preview", "gemini-3-pro-preview", true},
        {"gemini-3-pro", "gemini-3.1-flash", true},
        {"gemini-3-pro", "gemini-2.5-pro", false},
        {"gemini-3-pro", "gemini-30-pro", false},
        {"gemini-3-pro", "gemma-3-27b", false},
        {"gemini-pro", "gemini-pro", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gw_memory_record r = {.model = dgm_str_c(cases[i].of), .surface = DGM_VERTEX};
        assert_int_equal(gw_memory_fits(&r, dgm_str_c(cases[i].to), DGM_VERTEX), cases[i].fits);
        assert_false(gw_memory_fits(&r, dgm_str_c(cases[i].to), DGM_GEMINI));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_no_key),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_values_of_the_first_form),
        cmocka_unit_test(test_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
