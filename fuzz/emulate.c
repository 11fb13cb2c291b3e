/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emulate.c - any body to the emulator. The last two bytes choose the target with the responder, and the size of
 * pieces.
 *
 * Holds: the status is 200, 400 or 404; the answer is JSON, a JSON array or SSE of JSON; it is the same a second time; a
 * stream says and calls what the whole answer does, streamed arguments put together; its size is bounded; only a good
 * answer has warnings, and they fit a header; and the translator makes an OpenAI answer, or error, of it. Its tokens can
 * be counted, or an error says why not.
 */
#include "emulate/emulate.h"

#include <dragoman/dragoman.h>

#include <assert.h>
#include <string.h>

#include "base/sse.h"
#include "base/str.h"
#include "json/write.h"
#include "parsed.h"
#include "translate/partial_args.h"

#define ANSWER_MAX_BYTES ((size_t)32 << 20)

static const char *const targets[] = {
    "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
    "/v1/projects/p/locations/global/publishers/google/models/gemini-3.1-pro-preview",
    "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-3.8-flash",
    "/v1beta/models/gemini-2.0-flash",
    "/v1beta/models/gemini-3-flash-preview",
    "/v1/models/gemini-2.5-flash-lite",
    "/v1beta/models/gemini-1.0-pro-vision",
    "/v1beta/models/none",
    "/v1/projects/p/locations/l/publishers/google/models/gemini-1.5-flash",
    "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash-image",
    "/v1beta/models/gemini-2.5-flash-tts",
    "/v1beta/models/gemini-1.0-pro",
    "/v1/models/gemini-3.8-flash",
};

static const char *const verbs[] = {":generateContent", ":streamGenerateContent",
                                    ":streamGenerateContent?alt=sse"};

static const struct dgm_str responders[] = {
    {0},
    DGM_STR("usual"),
    DGM_STR("tools"),
    DGM_STR("tools:parallel"),
    DGM_STR("echo"),
    DGM_STR("long-thinking"),
    DGM_STR("blocked"),
    DGM_STR("nobody"),
};

static void check_headers(const struct emu_call *call)
{
    const struct emu_header *headers;
    size_t n = emu_call_headers(call, &headers);
    assert(n == 1 || (n == 2 && emu_call_status(call) == 200));
    for (size_t i = 0; i < n; i++) {
        assert(headers[i].value.n != 0 && headers[i].value.n <= 4096);
        for (size_t k = 0; k < headers[i].value.n; k++)
            assert(headers[i].value.p[k] >= ' ' && headers[i].value.p[k] <= '~');
    }
}

/* Runs it to the end and returns the status. */
static int run(const char *target, const char *verb, struct dgm_str responder, struct dgm_str body,
               uint32_t chars, struct dgm_buf *out)
{
    char path[256];
    size_t n = strlen(target), m = strlen(verb);
    assert(n + m < sizeof path);
    memcpy(path, target, n);
    memcpy(path + n, verb, m);
    const struct emu_env env = {.alloc = &dgm_alloc_libc,
                                .now_ms = 1785000000123,
                                .id = DGM_STR("fuzz"),
                                .responder = responder};
    const struct emu_options options = {.piece_chars = chars};
    const struct dgm_str segs[2] = {dgm_str_head(body, body.n / 2), dgm_str_skip(body, body.n / 2)};
    const struct emu_request request = {
        .method = DGM_STR("POST"), .target = {path, n + m}, .segs = segs, .nsegs = 2};
    struct emu_call *call = emu_call_new(&env, &options, &request);
    if (!call) /* only a body that wants more memory than its size allows: a tree of very many values */
        return 0;
    dgm_buf_init(out, &dgm_alloc_libc, ANSWER_MAX_BYTES);
    uint32_t wait_ms;
    enum dgm_rc rc;
    while ((rc = emu_call_next(call, out, &wait_ms)) == DGM_EVENT)
        continue;
    assert(rc == DGM_DONE);
    int status = emu_call_status(call);
    assert(status == 200 || status == 400 || status == 404);
    check_headers(call);
    emu_call_free(call);
    return status;
}

/* What an answer says: the texts and calls of its first candidate, calls whose arguments come in pieces put together. */
struct said {
    struct dgm_buf text;
    struct partial_args pieces; /* of the call that is open */
    bool open;
    bool too_deep; /* paths that nobody puts together */
};

static void said_init(struct said *s)
{
    *s = (struct said){0};
    dgm_buf_init(&s->text, &dgm_alloc_libc, ANSWER_MAX_BYTES);
}

static void said_dispose(struct said *s)
{
    partial_args_dispose(&s->pieces);
    dgm_buf_dispose(&s->text);
}

static void add_piece(struct said *s, const struct json_val *call)
{
    enum dgm_rc rc = partial_args_feed(&s->pieces, call, &s->text);
    assert(rc == DGM_MORE || rc == DGM_DONE || rc == DGM_E_LIMIT);
    s->too_deep = s->too_deep || rc == DGM_E_LIMIT;
    s->open = json_bool(json_get(call, DGM_STR("willContinue")), false);
    if (!s->open)
        partial_args_dispose(&s->pieces);
}

static void add_call(struct said *s, const struct json_val *call)
{
    const struct json_val *args = json_get(call, DGM_STR("args"));
    struct json_writer w = json_writer(&s->text);
    if (s->open) {
        assert(!args && !json_get(call, DGM_STR("name")));
        add_piece(s, call);
        return;
    }
    dgm_buf_put(&s->text, json_get_str(call, DGM_STR("name")));
    dgm_buf_put(&s->text, json_get_str(call, DGM_STR("id")));
    if (args) {
        assert(json_kind(args) == JSON_OBJ && !json_get(call, DGM_STR("willContinue")));
        json_put_val(&w, args);
        return;
    }
    partial_args_init(&s->pieces, &dgm_alloc_libc);
    add_piece(s, call);
    assert(s->open);
}

static void add_response(struct said *s, const struct json_val *response)
{
    assert(json_kind(response) == JSON_OBJ);
    const struct json_val *c = json_at(json_get(response, DGM_STR("candidates")), 0);
    const struct json_val *parts = json_get(json_get(c, DGM_STR("content")), DGM_STR("parts"));
    if (json_get(c, DGM_STR("index")))
        return;
    for (struct json_iter p = json_iter(parts); json_next(&p);) {
        const struct json_val *call = json_get(p.value, DGM_STR("functionCall"));
        dgm_buf_put(&s->text, json_get_str(p.value, DGM_STR("text")));
        if (call)
            add_call(s, call);
    }
}

static void read_answer(struct dgm_str body, bool sse, struct said *s)
{
    struct dgm_arena arena;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    if (!sse) {
        const struct json_val *root = parsed_well(&arena, body);
        bool array = json_kind(root) == JSON_ARR;
        if (!array)
            add_response(s, root);
        for (struct json_iter i = json_iter(array ? root : NULL); json_next(&i);)
            add_response(s, i.value);
    } else {
        struct dgm_sse decoder;
        struct dgm_sse_event event;
        dgm_sse_init(&decoder, &dgm_alloc_libc, ANSWER_MAX_BYTES);
        while (dgm_sse_next(&decoder, &body, &event) == DGM_EVENT) {
            assert(!event.raw);
            add_response(s, parsed_well(&arena, event.data));
        }
        enum dgm_rc rc = dgm_sse_finish(&decoder, &event);
        assert(rc == DGM_DONE);
        dgm_sse_dispose(&decoder);
    }
    assert(!s->open);
    dgm_arena_dispose(&arena);
}

static bool say_the_same(const struct said *a, const struct said *b)
{
    return a->too_deep || b->too_deep || dgm_str_eq(dgm_buf_str(&a->text), dgm_buf_str(&b->text));
}

/* The answer as an OpenAI client gets it: with choices, or with an error. */
static void check_translated(int status, struct dgm_str native)
{
    const struct dgm_env env = {
        .now = 1, .id = DGM_STR("fuzz"), .model = DGM_STR("gemini-2.5-pro")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf body, out;
    struct dgm_arena arena;
    int client_status = 0;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    enum dgm_rc rc = dgm_chat_request(&env, &body, &r, &fail);
    assert(rc == DGM_OK);
    rc = dgm_chat_response(r, status, native, &out, &client_status);
    assert(rc == DGM_OK || rc == DGM_KEEP);
    const struct json_val *root = parsed_well(&arena, dgm_buf_str(&out));
    assert((client_status == 200) == (status == 200));
    assert(json_get(root, client_status == 200 ? DGM_STR("choices") : DGM_STR("error")));
    dgm_arena_dispose(&arena);
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
}

/* countTokens: an object, with a count or an error. */
static void check_count(const char *target, struct dgm_str responder, struct dgm_str body)
{
    struct dgm_arena arena;
    struct dgm_buf out;
    int status = run(target, ":countTokens", responder, body, 16, &out);
    if (status == 0)
        return;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    const struct json_val *root = parsed_well(&arena, dgm_buf_str(&out));
    int64_t total = 0;
    assert(json_kind(root) == JSON_OBJ);
    assert((status == 200) == !json_get(root, DGM_STR("error")));
    assert(!json_int(json_get(root, DGM_STR("totalTokens")), &total) || total > 0);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct dgm_str body = {(const char *)data, n - 2};
    const char *target = targets[data[n - 2] % (sizeof targets / sizeof *targets)];
    struct dgm_str responder = responders[data[n - 1] / 64 * 2 + data[n - 2] / 128];
    uint32_t chars = data[n - 1] % 64u + 16;
    struct dgm_buf out[3], again;
    struct said said[3];
    int status[3];
    for (size_t i = 0; i < 3; i++) {
        status[i] = run(target, verbs[i], responder, body, chars, out + i);
        assert(status[i] == status[0]);
        if (status[i] == 0)
            return 0;
        assert(out[i].n <= 8 * n + ANSWER_MAX_BYTES / 2);
        said_init(said + i);
        read_answer(dgm_buf_str(out + i), i == 2 && status[i] == 200, said + i);
    }
    assert(dgm_str_eq(dgm_buf_str(&said[1].text), dgm_buf_str(&said[2].text)));
    assert(say_the_same(said, said + 1));
    check_translated(status[0], dgm_buf_str(out));
    check_count(target, responder, body);
    run(target, verbs[2], responder, body, chars, &again);
    assert(dgm_str_eq(dgm_buf_str(&again), dgm_buf_str(out + 2)));
    dgm_buf_dispose(&again);
    for (size_t i = 0; i < 3; i++) {
        dgm_buf_dispose(out + i);
        said_dispose(said + i);
    }
    return 0;
}
