/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contents.c - turns: whatever a client's history looks like, what leaves keeps Gemini's rules, and the strict
 * emulator takes it (user-pain A4, C3, C6, K3).
 */
#include "base/str.h"
#include "emulate/emulate.h"
#include "json/read.h"

#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HISTORIES 10000
#define PRUNINGS 1000
#define MESSAGES_MAX 9

/* A small generator (xorshift): the same histories everywhere, every time. */
static uint64_t state_bits;

static unsigned below(unsigned n)
{
    state_bits ^= state_bits << 13;
    state_bits ^= state_bits >> 7;
    state_bits ^= state_bits << 17;
    return (unsigned)(state_bits >> 33) % n;
}

static void put(struct dgm_buf *b, const char *text)
{
    dgm_buf_put(b, dgm_str_c(text));
}

static void put_choice(struct dgm_buf *b, const char *const *choices, unsigned n)
{
    put(b, choices[below(n)]);
}

#define CHOOSE(b, ...)                                                                             \
    do {                                                                                           \
        static const char *const choices[] = {__VA_ARGS__};                                        \
        put_choice((b), choices, sizeof choices / sizeof *choices);                                \
    } while (0)

/* ---- histories ---- */

static void put_call(struct dgm_buf *b)
{
    put(b, "{\"type\":\"function\",\"id\":");
    CHOOSE(b, "\"a\"", "\"b\"", "\"c\"", "\"\"");
    put(b, ",\"function\":{\"name\":");
    CHOOSE(b, "\"f\"", "\"g\"");
    put(b, ",\"arguments\":");
    CHOOSE(b, "\"{}\"", "\"\"", "null", "\"{\\\"a\\\":1}\"", "\"{}{}\"", "\"{\\\"a\"", "\"[1]\"");
    put(b, "}}");
}

static void put_calls(struct dgm_buf *b, unsigned n)
{
    if (n == 0)
        return;
    put(b, ",\"tool_calls\":[");
    for (unsigned i = 0; i < n; i++) {
        put(b, i ? "," : "");
        put_call(b);
    }
    put(b, "]");
}

static void put_message(struct dgm_buf *b)
{
    put(b, "{\"content\":");
    switch (below(6)) {
    case 0:
        CHOOSE(b, "\"Hi\"", "\"\"", "[]", "[{\"type\":\"text\",\"text\":\"\"}]");
        CHOOSE(b, ",\"role\":\"system\"}", ",\"role\":\"developer\"}");
        return;
    case 1:
        CHOOSE(b, "\"Hi\"", "\"\"", "null",
               "[{\"type\":\"image_url\",\"image_url\":\"https://h.example/c.png\"}]");
        put(b, ",\"role\":\"user\"}");
        return;
    case 2:
    case 3:
        CHOOSE(b, "\"Hi\"", "\"\"", "null", "[{\"type\":\"refusal\",\"refusal\":\"No\"}]");
        put_calls(b, below(4));
        if (below(8) == 0)
            put(b, ",\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}");
        put(b, ",\"role\":\"assistant\"}");
        return;
    case 4:
        CHOOSE(b, "\"ok\"", "\"\"", "\"{\\\"a\\\":1}\"", "null",
               "[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,AAAA\"}]");
        CHOOSE(b, ",\"role\":\"function\",\"name\":\"f\"}",
               ",\"role\":\"function\",\"name\":\"g\"}");
        return;
    default:
        CHOOSE(b, "\"ok\"", "\"\"", "\"{\\\"a\\\":1}\"", "[]",
               "[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,AAAA\"}]",
               "[{\"type\":\"image_url\",\"image_url\":\"https://h.example/c.png\"}]");
        put(b, ",\"role\":\"tool\",\"tool_call_id\":");
        CHOOSE(b, "\"a\"}", "\"b\"}", "\"c\"}", "\"\"}", "\"lost\"}");
    }
}

static void put_history(struct dgm_buf *b)
{
    put(b, "{\"model\":");
    CHOOSE(b, "\"gemini-2.5-flash\"", "\"gemini-3-flash-preview\"", "\"gemini-3.7-flash\"",
           "\"gemini-2.5-pro\"");
    put(b, ",\"messages\":[");
    for (unsigned i = 0, n = 1 + below(MESSAGES_MAX); i < n; i++) {
        put(b, i ? "," : "");
        put_message(b);
    }
    put(b, "]}");
}

/* ---- what must hold ---- */

static const struct json_val *member(const struct json_val *obj, const char *name)
{
    return json_get(obj, dgm_str_c(name));
}

static size_t count(const struct json_val *content, const char *name)
{
    struct json_iter it = json_iter(member(content, "parts"));
    size_t n = 0;
    while (json_next(&it))
        n += member(it.value, name) != NULL;
    return n;
}

static bool is_model(const struct json_val *content)
{
    return dgm_str_eq(json_str(member(content, "role")), DGM_STR("model"));
}

/* No empty text, no content without parts; calls behind a user, and their results behind them, name by name. */
static void check_turns(const struct json_val *root)
{
    struct json_iter it = json_iter(member(root, "contents"));
    const struct json_val *last = NULL;
    assert_true(json_size(member(root, "contents")) != 0);
    for (; json_next(&it); last = it.value) {
        struct json_iter parts = json_iter(member(it.value, "parts"));
        assert_true(json_size(member(it.value, "parts")) != 0);
        assert_true(last != NULL || !is_model(it.value));
        assert_false(last != NULL && is_model(last) && is_model(it.value));
        size_t calls = last ? count(last, "functionCall") : 0;
        size_t results = count(it.value, "functionResponse");
        assert_int_equal(results, calls);
        if (results != 0)
            assert_int_equal(json_size(member(it.value, "parts")), results);
        for (size_t n = 0; json_next(&parts);) {
            const struct json_val *text = member(parts.value, "text");
            const struct json_val *result = member(parts.value, "functionResponse");
            assert_true(!text || json_str(text).n != 0);
            if (!result)
                continue;
            while (!member(json_at(member(last, "parts"), n), "functionCall"))
                n++;
            const struct json_val *call =
                member(json_at(member(last, "parts"), n++), "functionCall");
            assert_true(
                dgm_str_eq(json_str(member(call, "name")), json_str(member(result, "name"))));
        }
    }
    assert_int_equal(count(last, "functionCall"), 0);
}

/* The strict emulator's status; what it says where that is not 200. */
static int judge(const struct dgm_request *r, enum dgm_surface surface)
{
    struct dgm_buf target, out;
    const struct dgm_place place = {surface, DGM_STR("p"), DGM_STR("global")};
    const struct emu_env env = {.now_ms = 1, .id = DGM_STR("x")};
    const struct emu_options options = {0};
    const struct dgm_str *segments;
    uint32_t wait_ms;
    dgm_buf_init(&target, &dgm_alloc_libc, 4096);
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 20);
    dgm_request_put_path(r, &place, &target);
    size_t n = dgm_request_body(r, &segments);
    const struct emu_request request = {
        .method = DGM_STR("POST"), .target = dgm_buf_str(&target), .segs = segments, .nsegs = n};
    struct emu_call *call = emu_call_new(&env, &options, &request);
    assert_non_null(call);
    int status = emu_call_status(call);
    if (status != 200 && emu_call_next(call, &out, &wait_ms) == DGM_EVENT)
        print_error("%.*s\n", (int)out.n, out.p);
    emu_call_free(call);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&target);
    return status;
}

/* Translates a body, checks what comes, and puts it to `ret` where that is asked for. */
static void run(const struct dgm_buf *body, enum dgm_surface surface, struct dgm_buf *ret)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("id"), .surface = surface};
    struct dgm_buf in, out;
    struct dgm_arena arena;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    const struct json_val *root = NULL;
    struct json_error e;
    const struct dgm_str *segments;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&in, dgm_buf_str(body));
    enum dgm_rc rc = dgm_chat_request(&env, &in, &r, &fail);
    if (rc == DGM_NEED)
        rc = dgm_request_resume(r, &fail);
    if (rc != DGM_OK)
        fail_msg("%s: %.*s", fail.detail, (int)body->n, body->p);
    for (size_t i = 0, n = dgm_request_body(r, &segments); i < n; i++)
        dgm_buf_put(&out, segments[i]);
    if (ret)
        dgm_buf_put(ret, dgm_buf_str(&out));
    if (judge(r, surface) != 200)
        fail_msg("refused: %.*s\nas %.*s", (int)body->n, body->p, (int)out.n, out.p);
    assert_non_null(dgm_buf_reserve(&out, JSON_PADDING));
    assert_int_equal(json_parse(&arena, out.p, out.n, JSON_DEPTH_MAX, &root, &e), DGM_OK);
    check_turns(root);
    dgm_request_free(r);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&in);
}

static void any_history_keeps_the_rules(void **state)
{
    (void)state;
    state_bits = 88172645463325252u;
    for (unsigned i = 0; i < HISTORIES; i++) {
        struct dgm_buf body;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        put_history(&body);
        run(&body, i % 2 ? DGM_GEMINI : DGM_VERTEX, NULL);
        dgm_buf_dispose(&body);
    }
}

/* ---- transcripts of tools ---- */

#define STEPS 4
#define CALLS 3

/* Whether the next message stays: takes a bit off the front. */
static bool stays(unsigned *without)
{
    bool yes = !(*without & 1);
    *without >>= 1;
    return yes;
}

/* A transcript of some steps, each of some calls and their results; a message whose bit is set is left out. */
static void put_transcript(struct dgm_buf *b, unsigned steps, unsigned without)
{
    char text[256];
    put(b,
        "{\"model\":\"gemini-3-pro-preview\",\"messages\":[{\"role\":\"user\",\"content\":\"Go\"}");
    for (unsigned s = 0; s < steps; s++) {
        if (stays(&without)) {
            put(b, ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[");
            for (unsigned c = 0; c < CALLS; c++) {
                snprintf(text, sizeof text,
                         "%s{\"id\":\"%u-%u\",\"type\":\"function\",\"function\":"
                         "{\"name\":\"f%u\",\"arguments\":\"{}\"}}",
                         c ? "," : "", s, c, c);
                put(b, text);
            }
            put(b, "]}");
        }
        for (unsigned c = 0; c < CALLS; c++) {
            snprintf(text, sizeof text,
                     ",{\"role\":\"tool\",\"tool_call_id\":\"%u-%u\",\"content\":\"{}\"}", s, c);
            if (stays(&without))
                put(b, text);
        }
        snprintf(text, sizeof text, ",{\"role\":\"assistant\",\"content\":\"Done %u\"}", s);
        if (stays(&without))
            put(b, text);
        if (stays(&without))
            put(b, ",{\"role\":\"user\",\"content\":\"More\"}");
    }
    put(b, "]}");
}

static void any_pruning_keeps_the_rules(void **state)
{
    (void)state;
    state_bits = 2463534242u;
    for (unsigned i = 0; i < PRUNINGS; i++) {
        struct dgm_buf body;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        put_transcript(&body, STEPS, below(1u << 24) & below(1u << 24));
        run(&body, i % 2 ? DGM_GEMINI : DGM_VERTEX, NULL);
        dgm_buf_dispose(&body);
    }
}

/* All but the closing brackets of the shorter body begins the longer one: implicit caching depends on it. */
static void one_more_step_only_appends(void **state)
{
    struct dgm_buf before, now;
    (void)state;
    dgm_buf_init(&before, &dgm_alloc_libc, SIZE_MAX);
    for (unsigned steps = 1; steps <= 20; steps++) {
        struct dgm_buf body, again;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&now, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
        put_transcript(&body, steps, 0);
        run(&body, DGM_VERTEX, &now);
        run(&body, DGM_VERTEX, &again);
        assert_true(dgm_str_eq(dgm_buf_str(&now), dgm_buf_str(&again)));
        size_t brackets = sizeof "]}]}" - 1; /* of the parts, the content, contents, the body */
        if (steps > 1)
            assert_true(dgm_str_starts(dgm_buf_str(&now),
                                       dgm_str_head(dgm_buf_str(&before), before.n - brackets)));
        dgm_buf_dispose(&before);
        dgm_buf_dispose(&body);
        dgm_buf_dispose(&again);
        before = now;
    }
    dgm_buf_dispose(&before);
}

/* ---- results ---- */

#define LARGE_BYTES ((size_t)1 << 20)

/* A result of a mebibyte, as text and as an object, arrives whole (user-pain C16). */
static void large_results_are_whole(void **state)
{
    static const char *const wraps[][4] = {
        {"", "", "{\"output\":\"", "\"}"},
        {"{\\\"k\\\":\\\"", "\\\"}", "{\"k\":\"", "\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++) {
        struct dgm_buf body, wanted, got;
        dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&wanted, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&got, &dgm_alloc_libc, SIZE_MAX);
        put(&body,
            "{\"model\":\"gemini-2.5-pro\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
            "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"");
        put(&body, wraps[i][0]);
        put(&wanted, "\"response\":");
        put(&wanted, wraps[i][2]);
        for (size_t n = 0; n < LARGE_BYTES; n += 16) {
            put(&body, "0123456789 abcde");
            put(&wanted, "0123456789 abcde");
        }
        put(&body, wraps[i][1]);
        put(&body, "\"}]}");
        put(&wanted, wraps[i][3]);
        run(&body, DGM_VERTEX, &got);
        assert_true(dgm_str_find(dgm_buf_str(&got), dgm_buf_str(&wanted)) < got.n);
        dgm_buf_dispose(&got);
        dgm_buf_dispose(&wanted);
        dgm_buf_dispose(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_history_keeps_the_rules),
        cmocka_unit_test(any_pruning_keeps_the_rules),
        cmocka_unit_test(one_more_step_only_appends),
        cmocka_unit_test(large_results_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
