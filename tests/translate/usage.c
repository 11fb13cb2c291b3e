/* SPDX-License-Identifier: Apache-2.0 */
/* usage.c - tests of translate/usage: 100,000 random counts, and the sums that always hold (user-pain K1). */
#include "translate/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* Absent, small, large, or nonsense. */
static int put_count(char *to, size_t size, const char *name)
{
    switch (next_random() % 6) {
    case 0:
        return 0;
    case 1:
        return snprintf(to, size, "\"%s\":%d,", name, -(int)(next_random() % 100));
    case 2:
        return snprintf(to, size, "\"%s\":\"x\",", name);
    case 3:
        return snprintf(to, size, "\"%s\":%u,", name, next_random());
    default:
        return snprintf(to, size, "\"%s\":%u,", name, next_random() % 1000);
    }
}

static struct usage read(char *text, struct dgm_arena *arena)
{
    const struct json_val *root = NULL;
    struct json_error e;
    assert_int_equal(json_parse(arena, text, strlen(text), 10, &root, &e), DGM_OK);
    return usage_read(root);
}

static void test_random_counts(void **state)
{
    static const char *const names[] = {"promptTokenCount",   "candidatesTokenCount",
                                        "thoughtsTokenCount", "cachedContentTokenCount",
                                        "totalTokenCount",    "toolUsePromptTokenCount"};
    (void)state;
    for (int round = 0; round < 100000; round++) {
        char text[1024] = "{";
        size_t n = 1;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            n += (size_t)put_count(text + n, sizeof text - n - JSON_PADDING, names[i]);
        n += (size_t)snprintf(text + n, sizeof text - n, "\"x\":[{\"modality\":\"AUDIO\"}]}");
        struct dgm_arena arena;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        struct usage u = read(text, &arena);
        assert_true(u.prompt >= 0 && u.completion >= 0);
        assert_in_range(u.reasoning, 0, u.completion);
        assert_in_range(u.cached, 0, u.prompt);
        struct dgm_buf out;
        struct json_writer w = json_writer(&out);
        dgm_buf_init(&out, &dgm_alloc_libc, 4096);
        usage_put(&w, &u);
        char total[64];
        snprintf(total, sizeof total, "\"total_tokens\":%lld,",
                 (long long)(u.prompt + u.completion));
        assert_true(dgm_str_find(dgm_buf_str(&out), dgm_str_c(total)) < out.n);
        dgm_buf_dispose(&out);
        dgm_arena_dispose(&arena);
    }
}

/* As Google counts, with thoughts beside the candidates or among them: what it bills is what we tell. */
static void test_google_bills_what_we_tell(void **state)
{
    (void)state;
    for (int round = 0; round < 100000; round++) {
        int64_t prompt = next_random() % 100000,
                tools = next_random() % 3 ? 0 : next_random() % 1000;
        int64_t said = next_random() % 10000,
                thoughts = next_random() % 2 ? next_random() % 10000 : 0;
        int64_t cached = next_random() % (prompt + 1), written = said;
        bool among = next_random() % 4 == 0;
        if (among)
            written = said + thoughts;
        int64_t total = prompt + tools + said + thoughts;
        char text[512];
        snprintf(
            text, sizeof text,
            "{\"promptTokenCount\":%lld,\"toolUsePromptTokenCount\":%lld,\"candidatesTokenCount\":%lld,"
            "\"thoughtsTokenCount\":%lld,\"cachedContentTokenCount\":%lld,\"totalTokenCount\":%lld}",
            (long long)prompt, (long long)tools, (long long)written, (long long)thoughts,
            (long long)cached, (long long)total);
        struct dgm_arena arena;
        dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
        struct usage u = read(text, &arena);
        assert_int_equal(u.prompt, prompt + tools);
        assert_int_equal(u.prompt + u.completion, total);
        assert_int_equal(u.completion, said + thoughts);
        assert_int_equal(u.reasoning, thoughts);
        assert_int_equal(u.cached, cached);
        dgm_arena_dispose(&arena);
    }
}

static void test_thoughts_among_the_candidates(void **state)
{
    char apart[256] =
        "{\"promptTokenCount\":10,\"candidatesTokenCount\":20,\"thoughtsTokenCount\":5,"
        "\"totalTokenCount\":35}";
    char among[256] =
        "{\"promptTokenCount\":10,\"candidatesTokenCount\":20,\"thoughtsTokenCount\":5,"
        "\"totalTokenCount\":30}";
    struct dgm_arena arena;
    (void)state;
    dgm_arena_init(&arena, &dgm_alloc_libc, 1 << 20);
    struct usage u = read(apart, &arena), v = read(among, &arena);
    assert_true(u.completion == 25 && u.reasoning == 5);
    assert_true(v.completion == 20 && v.reasoning == 5);
    dgm_arena_dispose(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_counts),
        cmocka_unit_test(test_google_bills_what_we_tell),
        cmocka_unit_test(test_thoughts_among_the_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
