/* SPDX-License-Identifier: Apache-2.0 */
/* recording.c - an exchange becomes a file and comes back, byte for byte; files that are wrong. */
#include "gateway/recording.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LONG_BASE64                                                                                \
    "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk+Pz8="

/* ---- helpers ---- */

static void assert_str(struct dgm_str a, struct dgm_str b)
{
    assert_int_equal(a.n, b.n);
    if (a.n != 0)
        assert_memory_equal(a.p, b.p, a.n);
}

static struct gw_recording sample(struct dgm_str body, struct gw_recorded_piece *pieces,
                                  struct gw_recorded_call *call)
{
    static struct gw_recorded_url second = {DGM_STR("https://h/b"),
                                            {0},
                                            DGM_STR(LONG_BASE64),
                                            false,
                                            NULL},
                                  first = {DGM_STR("gs://b/o?\"x\""), DGM_STR("image/png"),
                                           DGM_STR("YQ=="), true, &second};
    static struct gw_call_header headers[] = {{{"content-type", 12}, {"application/json", 16}}};
    *call = (struct gw_recorded_call){
        .upstream = {.name = DGM_STR("lab"), .kind = GW_VLLM, .base_url = DGM_STR("http://h/v1")},
        .request = {DGM_STR("POST"), DGM_STR("/v1/chat/completions"), headers, 1, body},
        .status = 200,
        .type = DGM_STR("text/event-stream"),
        .warning = DGM_STR("a: \"b\" \\ c"),
        .retry_ms = 1500,
        .pieces = pieces,
        .end = GW_RECORDED_FAILED,
        .error = DGM_ERR_UPSTREAM_CUT,
        .detail = DGM_STR("It broke off.")};
    return (struct gw_recording){
        .time_ms = 1795289431123,
        .id = DGM_STR("id-1"),
        .seed = DGM_STR("0123"),
        .endpoint = DGM_STR("openapi"),
        .now = 1795289431,
        .compat = 1,
        .reasoning = 3,
        .blocked = 1,
        .image_output = 2,
        .strict = true,
        .client = {DGM_STR("POST"), DGM_STR("/chat?x=\"y\""), headers, 1, body},
        .fetched = &first,
        .calls = call,
        .status = 200,
        .type = DGM_STR("application/json"),
        .reply = pieces};
}

/* Writes, reads, compares the bytes and everything else by writing again. */
static void assert_comes_back(struct dgm_str body, struct gw_recorded_piece *pieces)
{
    struct gw_recorded_call call;
    struct gw_recording r = sample(body, pieces, &call), back;
    struct gw_problems problems = {0};
    struct dgm_arena arena;
    struct dgm_buf text, again;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
    gw_recording_put(&r, &text);
    assert_int_equal(text.rc, DGM_OK);
    if (gw_recording_read(dgm_buf_str(&text), &arena, &back, &problems) != DGM_OK)
        fail_msg("%zu:%zu: %s\n%.*s", problems.at[0].line, problems.at[0].column,
                 problems.at[0].text, (int)text.n, text.p);
    assert_str(back.client.body, body);
    assert_str(back.calls->request.body, body);
    const struct gw_recorded_piece *a = pieces, *b = back.calls->pieces;
    for (; a != NULL && b != NULL; a = a->next, b = b->next) {
        assert_str(b->bytes, a->bytes);
        assert_int_equal(b->ms, a->ms);
    }
    assert_true(a == NULL && b == NULL);
    assert_str(gw_recorded_bytes(back.reply, &arena), gw_recorded_bytes(pieces, &arena));
    gw_recording_put(&back, &again);
    assert_str(dgm_buf_str(&again), dgm_buf_str(&text));
    dgm_buf_dispose(&text);
    dgm_buf_dispose(&again);
    dgm_arena_dispose(&arena);
}

/* ---- bytes ---- */

static const struct dgm_str texts[] = {
#define T(s) {s, sizeof(s) - 1}
    T(""),
    T("{}"),
    T("[]"),
    T("{\"a\":[1,{\"b\":[]},{}],\"c\":\"x, y: {z}\\\"\"}"),
    T("{\"a\": [1, 2.50], \"b\": {\"c\": null}}"),
    T("{\"a\":  1}"),
    T("{\"a\" : 1}"),
    T("[[[[\"a\n\nb\"]]]"),
    T("{\"a\":\"b\",}"),
    T("data: {\"a\": 1}\n\n"),
    T("data: {\"a\": 1}\r\n\r\ndata: x\r\n\r\n"),
    T("a\r\nb\n"),
    T("a\rb"),
    T(" leading"),
    T("\n\nleading lines"),
    T("trailing\n\n\n"),
    T("   \n   x\n   "),
    T("\t tab\n\ttab"),
    T("\n"),
    T("\n\n"),
    T("   "),
    T("# no comment"),
    T("- a: b"),
    T("nul\0in it"),
    T("\x01\x1f\x7f\xc2\x80\xc2\x85"),
    T("\xe2\x80\xa8 separators \xe2\x80\xa9"),
    T("\xef\xbb\xbf{\"a\":1}"),
    T("\xef\xbf\xbe\xef\xbf\xbf"),
    T("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"),
    T("\xff\xfe"),
    T("\x80 a rest of a character"),
    T("the begin of one \xf0\x9f\x98"),
    T("\xa9\xc3"),
    T("null"),
    T("~"),
    T("...\n---\n"),
    T("${HOME} $${HOME}"),
#undef T
};

static void test_texts_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct gw_recorded_piece piece = {.ms = (int64_t)i, .bytes = texts[i]};
        assert_comes_back(texts[i], &piece);
    }
}

/* One text in two pieces, cut anywhere; and what a generator makes of odd bytes. */
static void test_cuts_and_noise_come_back(void **state)
{
    static const char alphabet[] =
        "a \n\r\t\"\\{}[],:#-|>\0\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xff";
    uint32_t seed = 7;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t n = 0; n <= texts[i].n; n++) {
            struct gw_recorded_piece two = {5, {texts[i].p + n, texts[i].n - n}, NULL},
                                     one = {0, {texts[i].p, n}, &two};
            assert_comes_back(texts[i], &one);
        }
    for (size_t i = 0; i < 3000; i++) {
        char noise[24];
        for (size_t k = 0; k < sizeof noise; k++) {
            seed = seed * 1664525 + 1013904223;
            noise[k] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        const struct dgm_str s = {noise, i % (sizeof noise + 1)};
        struct gw_recorded_piece piece = {.bytes = s};
        assert_comes_back(s, &piece);
    }
}

static void test_deep_brackets_stay_small(void **state)
{
    char deep[4000];
    struct dgm_buf out;
    (void)state;
    for (size_t i = 0; i < sizeof deep; i++)
        deep[i] = '[';
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    gw_layout_put((struct dgm_str){deep, sizeof deep}, &out);
    assert_true(out.n < sizeof deep * 70);
    dgm_buf_dispose(&out);
}

/* ---- how it looks ---- */

static void test_how_it_looks(void **state)
{
    static struct gw_recorded_piece piece = {52, {"data: {\"a\": 1}\r\n\r\n", 18}, NULL};
    static const char wanted[] =
        "recording: 1\n"
        "time: \"2026-11-21T19:30:31.123Z\"\n"
        "id: \"id-1\"\n"
        "translation:\n"
        "  seed: \"0123\"\n"
        "  now: 1795289431\n"
        "  endpoint: \"openapi\"\n"
        "  compat: google\n"
        "  reasoning: tag\n"
        "  strict: true\n"
        "  max_tokens_includes_thinking: false\n"
        "  always_usage: false\n"
        "  blocked: error\n"
        "  image_output: markdown\n"
        "client:\n"
        "  method: \"POST\"\n"
        "  target: \"/chat?x=\\\"y\\\"\"\n"
        "  headers:\n"
        "    content-type: \"application/json\"\n"
        "  json: |2-\n"
        "    {\n"
        "      \"a\": [\n"
        "        1\n"
        "      ]\n"
        "    }\n"
        "fetched:\n"
        "- url: \"gs://b/o?\\\"x\\\"\"\n"
        "  type: \"image/png\"\n"
        "  sure: true\n"
        "  data: |2-\n"
        "    YQ==\n"
        "- url: \"https://h/b\"\n"
        "  sure: false\n"
        "  data: |2-\n"
        "    QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAx\n"
        "    MjM0NTY3ODk+Pz8=\n"
        "calls:\n"
        "- upstream:\n"
        "    name: \"lab\"\n"
        "    kind: vllm\n"
        "    base_url: \"http://h/v1\"\n"
        "  request:\n"
        "    method: \"POST\"\n"
        "    target: \"/v1/chat/completions\"\n"
        "    headers:\n"
        "      content-type: \"application/json\"\n"
        "    json: |2-\n"
        "      {\n"
        "        \"a\": [\n"
        "          1\n"
        "        ]\n"
        "      }\n"
        "  answer:\n"
        "    status: 200\n"
        "    type: \"text/event-stream\"\n"
        "    warning: \"a: \\\"b\\\" \\\\ c\"\n"
        "    retry_ms: 1500\n"
        "    pieces:\n"
        "    - ms: 52\n"
        "      crlf: |2+\n"
        "        data: {\"a\": 1}\n"
        "\n"
        "    end: failed\n"
        "    error: UPSTREAM_CUT\n"
        "    detail: \"It broke off.\"\n"
        "reply:\n"
        "  status: 200\n"
        "  type: \"application/json\"\n"
        "  crlf: |2+\n"
        "    data: {\"a\": 1}\n"
        "\n";
    struct gw_recorded_call call;
    struct gw_recording r = sample(DGM_STR("{\"a\":[1]}"), &piece, &call), back;
    struct gw_problems problems;
    struct dgm_arena arena;
    struct dgm_buf out;
    (void)state;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    gw_recording_put(&r, &out);
    dgm_buf_put_char(&out, '\0');
    assert_string_equal(out.p, wanted);
    assert_int_equal(gw_recording_read(dgm_str_c(wanted), &arena, &back, &problems), DGM_OK);
    assert_int_equal(back.time_ms, r.time_ms);
    assert_int_equal(back.calls->error, DGM_ERR_UPSTREAM_CUT);
    const struct gw_recorded_url *url = gw_recorded_url_find(back.fetched, DGM_STR("https://h/b"));
    assert_non_null(url);
    assert_str(url->base64, DGM_STR(LONG_BASE64));
    assert_true(!url->sure && url->mime.p == NULL && back.fetched->sure);
    assert_null(gw_recorded_url_find(back.fetched, DGM_STR("https://h/c")));
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&out);
}

/* ---- secrets ---- */

static void test_a_secret_across_pieces(void **state)
{
    struct gw_recorded_piece second = {9, DGM_STR("-me-not\"}"), NULL},
                             first = {3, DGM_STR("{\"a\":\"tell"), &second};
    struct gw_recorded_call call;
    struct gw_recording r = sample(DGM_STR("{\"b\":\"tell-me-not\"}"), &first, &call);
    const struct dgm_str secret = DGM_STR("tell-me-not");
    const struct gw_strs known = {&secret, 1};
    struct dgm_arena arena;
    (void)state;
    r.reply = NULL;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    assert_true(gw_recording_clean(&r, &known, &arena));
    assert_str(r.client.body, DGM_STR("{\"b\":\"***\"}"));
    assert_str(r.calls->request.body, DGM_STR("{\"b\":\"***\"}"));
    assert_str(r.calls->pieces->bytes, DGM_STR("{\"a\":\"***\"}"));
    assert_int_equal(r.calls->pieces->ms, 3);
    assert_null(r.calls->pieces->next);
    dgm_arena_dispose(&arena);
}

/* ---- what is wrong ---- */

static void assert_wrong(const char *text, size_t line, size_t column, const char *what)
{
    struct gw_recording back;
    struct gw_problems problems = {0};
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(gw_recording_read(dgm_str_c(text), &arena, &back, &problems), DGM_E_REFUSED);
    assert_string_equal(problems.at[0].text, what);
    assert_int_equal(problems.at[0].line, line);
    assert_int_equal(problems.at[0].column, column);
    dgm_arena_dispose(&arena);
}

static void test_wrong_files(void **state)
{
    static const char version[] =
        "no recording that this version reads: it begins with \"recording: 1\"";
    (void)state;
    assert_wrong("", 1, 1, version);
    assert_wrong("recording: 2\n", 1, 12, version);
    assert_wrong("recording: 1\n", 1, 1, "client: it is missing here");
    assert_wrong("recording: 1\nclient: {target: /}\ncalls:\n- upstream: {kind: vllm}\n", 4, 3,
                 "request: it is missing here");
    assert_wrong("recording: 1\nclient: {target: /, base64: '*'}\n", 2, 29, "base64: it is none");
    assert_wrong("recording: 1\nclient: {target: /}\ntranslation: {seed: a, compat: openly}\n", 3,
                 32, "compat: there is no \"openly\"");
    assert_wrong("recording: 1\nclient: {target: /}\ntranslation: {seed: 'a b'}\n", 3, 21,
                 "seed: it is 1 to 64 letters, digits, - and _, and no such text");
    assert_wrong("recording: 1\nclient: {target: /}\nreply: {status: 100}\n", 3, 17,
                 "status: it is none of an answer");
    assert_wrong(
        "recording: 1\nclient: {target: /}\ncalls:\n- upstream: {kind: vllm, base_url: 'http://h:99999'}\n"
        "  request: {target: /}\n  answer: {status: 200}\n",
        4, 36, "base_url has a port that is none");
    assert_wrong("recording: 1\nclient: {target: /}\nfetched:\n- {url: a, data: 'YQ='}\n", 4, 18,
                 "data: it is no base64");
    assert_wrong("recording: 1\nclient: {target: /}\nfetched:\n- {data: 'YQ=='}\n", 4, 3,
                 "url: it is missing here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_come_back),
        cmocka_unit_test(test_cuts_and_noise_come_back),
        cmocka_unit_test(test_deep_brackets_stay_small),
        cmocka_unit_test(test_how_it_looks),
        cmocka_unit_test(test_a_secret_across_pieces),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
