/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - records: what was written is read, and nothing else is. */
#include "store/record.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define BYTES (STORE_HEAD_BYTES + 21)

static const struct store_record record = {.stamp = 0x1122334455667788,
                                           .value = {"twenty-one bytes long", 21}};

static void write(char bytes[BYTES])
{
    store_record_write(bytes, STORE_SIGNATURES, DGM_STR("call_1"), &record);
}

static bool is_read(struct dgm_str bytes, enum store_map map, struct dgm_str key)
{
    struct store_record ret;
    if (!store_record_read(bytes, map, key, &ret))
        return false;
    assert_true(ret.stamp == record.stamp);
    assert_true(dgm_str_eq(ret.value, record.value));
    return true;
}

static void test_whole(void **state)
{
    char bytes[BYTES];
    (void)state;
    write(bytes);
    struct dgm_str whole = {bytes, sizeof bytes};
    assert_true(is_read(whole, STORE_SIGNATURES, DGM_STR("call_1")));
    assert_false(is_read(whole, STORE_TEXTS, DGM_STR("call_1")));
    assert_false(is_read(whole, STORE_SIGNATURES, DGM_STR("call_2")));
    assert_false(is_read(whole, STORE_SIGNATURES, DGM_STR("call_")));
}

static void test_each_bit(void **state)
{
    char bytes[BYTES];
    (void)state;
    write(bytes);
    for (size_t i = 0; i < 8 * sizeof bytes; i++) {
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        assert_false(
            is_read((struct dgm_str){bytes, sizeof bytes}, STORE_SIGNATURES, DGM_STR("call_1")));
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
    }
}

static void test_each_byte(void **state)
{
    char bytes[BYTES];
    (void)state;
    write(bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        char was = bytes[i];
        for (unsigned to = 0; to < 256; to++) {
            bytes[i] = (char)to;
            assert_int_equal(
                is_read((struct dgm_str){bytes, sizeof bytes}, STORE_SIGNATURES, DGM_STR("call_1")),
                bytes[i] == was);
        }
        bytes[i] = was;
    }
}

static void test_cut(void **state)
{
    char bytes[BYTES + 1] = {0};
    (void)state;
    write(bytes);
    for (size_t n = 0; n <= sizeof bytes; n++)
        assert_int_equal(is_read((struct dgm_str){bytes, n}, STORE_SIGNATURES, DGM_STR("call_1")),
                         n == BYTES);
}

static void test_empty_value(void **state)
{
    char bytes[STORE_HEAD_BYTES];
    struct store_record ret, empty = {.stamp = 7};
    (void)state;
    store_record_write(bytes, STORE_ACCOUNTS, DGM_STR("k"), &empty);
    assert_true(store_record_read((struct dgm_str){bytes, sizeof bytes}, STORE_ACCOUNTS,
                                  DGM_STR("k"), &ret));
    assert_int_equal(ret.value.n, 0);
}

/* Stamps as keys are in the order of their numbers. */
static void test_order(void **state)
{
    const uint64_t numbers[] = {0, 1, 255, 256, 65535, 1u << 31, UINT64_C(1) << 40, UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char a[8], b[8];
        store_put_be(a, numbers[i]);
        assert_true(store_read_be(a) == numbers[i]);
        for (size_t k = 0; k < i; k++) {
            store_put_be(b, numbers[k]);
            assert_true(memcmp(b, a, 8) < 0);
        }
    }
}

static void test_maps(void **state)
{
    (void)state;
#define MAP(id, number, fate, max_bytes, max_n)                                                    \
    assert_int_equal(store_map_of(number), STORE_##id);                                            \
    assert_int_equal(store_value_max(STORE_##id), (max_bytes));                                    \
    assert_true((number) > 0 && (number) < 128);
#include "store/maps.def"
#undef MAP
    assert_int_equal(store_map_of(0), 0);
    assert_int_equal(store_map_of(127), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_each_bit),
        cmocka_unit_test(test_each_byte),   cmocka_unit_test(test_cut),
        cmocka_unit_test(test_empty_value), cmocka_unit_test(test_order),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
