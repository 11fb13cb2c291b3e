/* SPDX-License-Identifier: Apache-2.0 */
/* tables.c - tests of what emulate reads from its tables: native, target; and of base64 and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/emulate.h"
#include "emulate/native.h"
#include "emulate/target.h"
#include "emulate/tokens.h"

/* Every member is found by both its names on each of its surfaces, and on no other. */
static void members_are_found(void **state)
{
    (void)state;
    static const struct {
        size_t first, count;
    } messages[] = {
#define MESSAGE(id, name, first, count) {first, count},
#include "emulate/native.def"
#undef MESSAGE
    };
    static const struct {
        const char *name, *snake;
        unsigned surfaces;
    } fields[] = {
#define FIELD(name, snake, kind, type, shape, surfaces, oneof) {name, snake, surfaces},
#include "emulate/native.def"
#undef FIELD
    };
    size_t found = 0;
    for (unsigned m = 0; m < sizeof messages / sizeof *messages; m++)
        for (size_t f = messages[m].first; f < messages[m].first + messages[m].count; f++)
            for (unsigned s = NATIVE_V1; s <= NATIVE_G1; s *= 2) {
                const struct native_field *a = emu_native_field(m, dgm_str_c(fields[f].name), s);
                const struct native_field *b = emu_native_field(m, dgm_str_c(fields[f].snake), s);
                if (fields[f].surfaces & s)
                    assert_true(a && b && a->surfaces & s);
                found += a != NULL;
            }
    assert_true(found > 500);
    assert_null(emu_native_field(NATIVE_PART, DGM_STR("txt"), NATIVE_V1));
    assert_null(emu_native_field(NATIVE_GENERATE_CONTENT_REQUEST, DGM_STR("labels"), NATIVE_G1B));
    assert_non_null(
        emu_native_field(NATIVE_GENERATE_CONTENT_REQUEST, DGM_STR("labels"), NATIVE_V1));
    assert_true(emu_native_enum_has(NATIVE_ENUM_TYPE, DGM_STR("object"), NATIVE_V1));
    assert_false(emu_native_enum_has(NATIVE_ENUM_TYPE, DGM_STR("NULL"), NATIVE_V1));
    assert_true(emu_native_enum_has(NATIVE_ENUM_TYPE, DGM_STR("NULL"), NATIVE_G1B));
}

static void paths(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target;
        bool ok;
        enum native_surface surface;
        const char *resource, *model;
        bool stream, sse;
    } cases[] = {
        {"POST", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent", true,
         NATIVE_V1, "projects/p/locations/l/publishers/google/models/m", "m", false, false},
        {"POST", "/v1beta1/publishers/google/models/m:streamGenerateContent?alt=sse", true,
         NATIVE_V1B1, "publishers/google/models/m", "m", true, true},
        {"POST", "/v1beta/models/m:streamGenerateContent?key=k&$alt=sse", true, NATIVE_G1B,
         "models/m", "m", true, true},
        {"POST", "/v1/models/m@1:generateContent?", true, NATIVE_G1, "models/m@1", "m@1", false,
         false},
        {"GET", "/v1beta/models/m", true, NATIVE_G1B, "models/m", "m", false, false},
        {"GET", "/v1beta1/publishers/*/models", true, NATIVE_V1B1, "publishers/*/models", NULL,
         false, false},
        {"GET", "/v1/publishers/google/models", false, 0, NULL, NULL, false, false},
        {"GET", "/v1/publishers/google/models/m", true, NATIVE_V1, "publishers/google/models/m",
         "m", false, false},
        {"GET", "/v1/models", true, NATIVE_G1, "models", NULL, false, false},
        {"POST", "/v1/models", false, 0, NULL, NULL, false, false},
        {"DELETE", "/v1/models/m", false, 0, NULL, NULL, false, false},
        {"POST", "/v1/models/m:embedContent", true, NATIVE_G1, "models/m", "m", false, false},
        {"POST", "/v1/models/m", false, 0, NULL, NULL, false, false},
        {"POST", "/v1/models/:generateContent", false, 0, NULL, NULL, false, false},
        {"POST", "/v1/models/m:generatecontent", false, 0, NULL, NULL, false, false},
        {"POST", "/v1/models/a/m:generateContent", false, 0, NULL, NULL, false, false},
        {"POST", "/v2/models/m:generateContent", false, 0, NULL, NULL, false, false},
        {"POST", "/v1beta1/models/m:generateContent", false, 0, NULL, NULL, false, false},
        {"POST", "/v1/projects//locations/l/publishers/google/models/m:generateContent", false, 0,
         NULL, NULL, false, false},
        {"POST", "v1/models/m:generateContent", false, 0, NULL, NULL, false, false},
        {"POST", "", false, 0, NULL, NULL, false, false},
        {"POST", "/", false, 0, NULL, NULL, false, false},
        {"POST", "/v1", false, 0, NULL, NULL, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct target t = {0};
        bool ok = emu_target_read(dgm_str_c(cases[i].method), dgm_str_c(cases[i].target), &t);
        if (ok != cases[i].ok)
            fail_msg("%s", cases[i].target);
        if (!ok)
            continue;
        assert_int_equal(t.surface, cases[i].surface);
        assert_true(dgm_str_eq(t.resource, dgm_str_c(cases[i].resource)));
        assert_true(cases[i].model ? dgm_str_eq(t.model, dgm_str_c(cases[i].model))
                                   : t.model.p == NULL);
        assert_int_equal(t.verb == TARGET_STREAM, cases[i].stream);
        assert_int_equal(t.sse, cases[i].sse);
    }
}

/* Google's paths (google.md 1.4, 1.6), and its methods of a model, of which three are emulated. */
static void each_path_and_method(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target;
        enum native_surface surface;
        enum target_verb verb;
    } paths[] = {
        {"POST", "/v1/projects/p/locations/l/publishers/google/models/m:countTokens", NATIVE_V1,
         TARGET_COUNT},
        {"POST", "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent",
         NATIVE_V1B1, TARGET_GENERATE},
        {"POST", "/v1/publishers/google/models/m:generateContent", NATIVE_V1, TARGET_GENERATE},
        {"POST", "/v1beta1/publishers/google/models/m:generateContent", NATIVE_V1B1,
         TARGET_GENERATE},
        {"GET", "/v1/publishers/google/models/m", NATIVE_V1, TARGET_GET},
        {"GET", "/v1beta1/publishers/google/models/m", NATIVE_V1B1, TARGET_GET},
        {"GET", "/v1beta1/publishers/google/models", NATIVE_V1B1, TARGET_LIST},
        {"POST", "/v1/models/m:streamGenerateContent", NATIVE_G1, TARGET_STREAM},
        {"POST", "/v1beta/models/m:countTokens", NATIVE_G1B, TARGET_COUNT},
        {"GET", "/v1/models/m", NATIVE_G1, TARGET_GET},
        {"GET", "/v1beta/models/m", NATIVE_G1B, TARGET_GET},
        {"GET", "/v1/models", NATIVE_G1, TARGET_LIST},
        {"GET", "/v1beta/models", NATIVE_G1B, TARGET_LIST},
#define CACHES "/projects/p/locations/l/cachedContents"
        {"POST", "/v1" CACHES, NATIVE_V1, TARGET_CACHE_CREATE},
        {"GET", "/v1" CACHES, NATIVE_V1, TARGET_CACHE_LIST},
        {"GET", "/v1" CACHES "/1", NATIVE_V1, TARGET_CACHE_GET},
        {"PATCH", "/v1" CACHES "/1", NATIVE_V1, TARGET_CACHE_PATCH},
        {"DELETE", "/v1" CACHES "/1", NATIVE_V1, TARGET_CACHE_DELETE},
        {"POST", "/v1beta1" CACHES, NATIVE_V1B1, TARGET_CACHE_CREATE},
        {"GET", "/v1beta1" CACHES, NATIVE_V1B1, TARGET_CACHE_LIST},
        {"GET", "/v1beta1" CACHES "/1", NATIVE_V1B1, TARGET_CACHE_GET},
        {"PATCH", "/v1beta1" CACHES "/1", NATIVE_V1B1, TARGET_CACHE_PATCH},
        {"DELETE", "/v1beta1" CACHES "/1", NATIVE_V1B1, TARGET_CACHE_DELETE},
#undef CACHES
        {"POST", "/v1beta/cachedContents", NATIVE_G1B, TARGET_CACHE_CREATE},
        {"GET", "/v1beta/cachedContents", NATIVE_G1B, TARGET_CACHE_LIST},
        {"GET", "/v1beta/cachedContents/a", NATIVE_G1B, TARGET_CACHE_GET},
        {"PATCH", "/v1beta/cachedContents/a?updateMask=ttl", NATIVE_G1B, TARGET_CACHE_PATCH},
        {"DELETE", "/v1beta/cachedContents/a", NATIVE_G1B, TARGET_CACHE_DELETE},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct target t;
        if (!emu_target_read(dgm_str_c(paths[i].method), dgm_str_c(paths[i].target), &t) ||
            t.surface != paths[i].surface || t.verb != paths[i].verb)
            fail_msg("%s %s", paths[i].method, paths[i].target);
    }
    static const char *const unserved[] = {"asyncBatchEmbedContent", "batchEmbedContents",
                                           "batchGenerateContent",   "bidiGenerateContent",
                                           "computeTokens",          "embedContent",
                                           "fetchPredictOperation",  "predict",
                                           "predictLongRunning",     "rawPredict",
                                           "serverStreamingPredict", "streamRawPredict"};
    for (size_t i = 0; i < sizeof unserved / sizeof *unserved; i++) {
        char target[100];
        struct target t;
        snprintf(target, sizeof target, "/v1beta/models/m:%s", unserved[i]);
        if (!emu_target_read(DGM_STR("POST"), dgm_str_c(target), &t) || t.verb != TARGET_UNSERVED)
            fail_msg("%s", target);
    }
}

static void base64_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        {"", 0},
        {"Zg==", 1},
        {"Zg", 1},
        {"Zm8=", 2},
        {"Zm8", 2},
        {"Zm9v", 3},
        {"_-+/", 3},
        {"Z", BASE64_BAD},
        {"Zg=", BASE64_BAD},
        {"Zg===", BASE64_BAD},
        {"Zm9v=", BASE64_BAD},
        {"Zm 9", BASE64_BAD},
        {"Zm9\n", BASE64_BAD},
        {"====", BASE64_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (emu_base64_size(dgm_str_c(cases[i].text)) != cases[i].n)
            fail_msg("%s: %zu", cases[i].text, emu_base64_size(dgm_str_c(cases[i].text)));
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 64);
    emu_base64_put(&out, DGM_STR("fo"));
    emu_base64_put(&out, DGM_STR("\xfb\xff"));
    emu_base64_put_url(&out, DGM_STR("\xfb\xff\xfe"));
    emu_base64_put_url(&out, DGM_STR("f"));
    assert_true(dgm_str_eq(dgm_buf_str(&out), DGM_STR("Zm8=+/8=-__-Zg")));
    dgm_buf_dispose(&out);
}

static void tokens_are_counted_and_cut(void **state)
{
    (void)state;
    assert_int_equal(emu_tokens_count(DGM_STR("")), 0);
    assert_int_equal(emu_tokens_count(DGM_STR("Why is the sky blue?")), 6);
    assert_int_equal(emu_tokens_count(DGM_STR("internationalisation")), 4);
    assert_int_equal(emu_tokens_count(DGM_STR("\xe2\x82\xac \xe2\x82\xac")), 2);
    struct dgm_str text = DGM_STR("Gr\xc3\xbc\xc3\x9f Gott,  wie geht's? \xf0\x9f\x98\x80");
    uint64_t all = emu_tokens_count(text), last = 0;
    for (uint64_t n = 0; n <= all; n++) {
        struct dgm_str head = emu_tokens_head(text, n);
        assert_int_equal(emu_tokens_count(head), n);
    }
    assert_int_equal(emu_tokens_head(text, all).n, text.n);
    for (size_t n = 0; n <= text.n; n++) {
        uint64_t count = emu_tokens_count(dgm_str_head(text, n));
        assert_true(count >= last && count <= all + 1); /* a cut character is one of its own */
        last = count;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found),          cmocka_unit_test(paths),
        cmocka_unit_test(each_path_and_method),       cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(tokens_are_counted_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
