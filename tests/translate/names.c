/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - the names of functions: legal, apart from each other, and back. */
#include "translate/names.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FUZZED 100000

static struct dgm_request *request_new(void)
{
    struct dgm_request *r = calloc(1, sizeof *r);
    assert_non_null(r);
    dgm_arena_init(&r->arena, &dgm_alloc_libc, SIZE_MAX);
    return r;
}

static void request_free(struct dgm_request *r)
{
    dgm_arena_dispose(&r->arena);
    free(r);
}

static void assert_name(struct dgm_request *r, const char *client, const char *native)
{
    struct dgm_str got = names_native(r, dgm_str_c(client));
    assert_int_equal(got.n, strlen(native));
    assert_memory_equal(got.p, native, got.n);
    assert_true(dgm_str_eq(names_client(r, got), dgm_str_c(client)));
}

static void legal_names_stay(void **state)
{
    static const char *const legal[] = {
        "a",           "_",
        "get_weather", "mcp__server__tool.v1",
        "A-b.c_9",     "a234567890123456789012345678901234567890123456789012345678901234"};
    struct dgm_request *r = request_new();
    (void)state;
    for (size_t i = 0; i < sizeof legal / sizeof *legal; i++)
        assert_name(r, legal[i], legal[i]);
    request_free(r);
}

static void other_names_become_legal(void **state)
{
    static const char *const other[] = {
        "",
        "3d_view",
        "-x",
        ".x",
        "a/b",
        "a b",
        "a:b",
        "caf\xc3\xa9",
        "\xe5\xa4\xa9\xe6\xb0\x97",
        "a2345678901234567890123456789012345678901234567890123456789012345"};
    struct dgm_request *r = request_new();
    (void)state;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct dgm_str client = dgm_str_c(other[i]);
        assert_false(names_legal(client));
        struct dgm_str native = names_native(r, client);
        assert_true(names_legal(native));
        assert_true(dgm_str_eq(names_client(r, native), client));
        assert_true(dgm_str_eq(names_native(r, client), native));
    }
    assert_true(dgm_str_starts(names_native(r, DGM_STR("3d_view")), DGM_STR("_3d_view_")));
    assert_true(dgm_str_starts(names_native(r, DGM_STR("caf\xc3\xa9/x")), DGM_STR("caf__x_")));
    request_free(r);
}

/* A legal name that reads like another one's hash, whoever comes first. */
static void names_that_meet_part(void **state)
{
    char text[NATIVE_NAME_MAX];
    (void)state;
    struct dgm_request *r = request_new();
    struct dgm_str hashed = names_native(r, DGM_STR("a/b"));
    memcpy(text, hashed.p, hashed.n);
    hashed.p = text;
    struct dgm_str later = names_native(r, hashed);
    assert_false(dgm_str_eq(later, hashed));
    assert_true(names_legal(later));
    assert_true(dgm_str_eq(names_client(r, hashed), DGM_STR("a/b")));
    assert_true(dgm_str_eq(names_client(r, later), hashed));
    request_free(r);

    r = request_new();
    assert_true(dgm_str_eq(names_native(r, hashed), hashed));
    later = names_native(r, DGM_STR("a/b"));
    assert_false(dgm_str_eq(later, hashed));
    assert_true(dgm_str_eq(names_client(r, later), DGM_STR("a/b")));
    assert_true(dgm_str_eq(names_client(r, hashed), hashed));
    request_free(r);
}

static void invented_names_are_nobodys(void **state)
{
    struct dgm_request *r = request_new();
    (void)state;
    const struct chat_name *free_one = names_invent(r, DGM_STR("answer"));
    assert_true(dgm_str_eq(free_one->native, DGM_STR("answer")));
    const struct chat_name *second = names_invent(r, DGM_STR("answer"));
    assert_false(dgm_str_eq(second->native, DGM_STR("answer")));
    struct dgm_str clients = names_native(r, DGM_STR("answer"));
    assert_false(dgm_str_eq(clients, free_one->native));
    assert_false(dgm_str_eq(clients, second->native));
    assert_true(dgm_str_eq(names_client(r, clients), DGM_STR("answer")));
    assert_ptr_equal(names_behind(r, DGM_STR("answer")), free_one);
    assert_null(names_find(r, DGM_STR("nobody")));
    assert_true(dgm_str_eq(names_client(r, DGM_STR("nobody")), DGM_STR("nobody")));
    request_free(r);
}

/* C5: 10^5 fuzzed names without a collision. Short ones of few letters meet often; the rest is anything. */
static void a_hundred_thousand_names_never_meet(void **state)
{
    static const char letters[] = "ab_./ 0-\xc3\xa9";
    struct dgm_request *r = request_new();
    uint64_t x = 1;
    char text[100];
    (void)state;
    for (size_t i = 0; i < FUZZED; i++) {
        struct dgm_str name = {text, 0};
        x = x * 6364136223846793005u + 1442695040888963407u;
        for (size_t n = (x >> 33) % (i % 8 ? 12 : sizeof text); name.n < n; name.n++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            text[name.n] = i % 2 ? letters[(x >> 40) % (sizeof letters - 1)] : (char)(x >> 40);
        }
        name = dgm_arena_copy(&r->arena, name);
        struct dgm_str native = names_native(r, name);
        assert_true(names_legal(native));
        assert_true(!names_legal(name) || dgm_str_eq(native, name));
        assert_true(dgm_str_eq(names_client(r, native), names_returnable(name) ? name : native));
        assert_true(dgm_str_eq(names_native(r, name), native));
    }
    request_free(r);
}

/* A stream's event must have room for the name of each call in it. */
static void some_names_never_come_back(void **state)
{
    char text[CLIENT_NAME_MAX + 1];
    struct dgm_request *r = request_new();
    (void)state;
    memset(text, '/', sizeof text);
    struct dgm_str name = {text, CLIENT_NAME_MAX}, longer = {text, sizeof text};
    assert_true(dgm_str_eq(names_client(r, names_native(r, name)), name));
    assert_true(names_legal(names_client(r, names_native(r, longer))));
    assert_true(names_legal(names_client(r, names_native(r, DGM_STR("a\nb")))));
    assert_false(names_returnable(longer));
    assert_false(names_returnable(DGM_STR("\x1f")));
    request_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_names_stay),
        cmocka_unit_test(other_names_become_legal),
        cmocka_unit_test(names_that_meet_part),
        cmocka_unit_test(invented_names_are_nobodys),
        cmocka_unit_test(some_names_never_come_back),
        cmocka_unit_test(a_hundred_thousand_names_never_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
