/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - any bytes as a request that is relayed, or as a server's answer, whole and streamed.
 *
 * A request is refused with an error object, or its body is valid JSON that parses alike whatever reads it, is the same a
 * second time, and has every member that no quirk names, byte for byte. A stream keeps the promises of dragoman.h, and is
 * the same however its bytes are cut and however small the output; so is an answer valid JSON.
 *
 * The last byte chooses the server and what the bytes are, the two before it the cuts and the output's ceiling.
 */
#include "base/str.h"
#include "json/raw.h"
#include "largest.h"
#include "support/chunks.h"

#include <dragoman/dragoman.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char plain[] =
    "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
    "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";

/* Members that a quirk may change or leave out. */
static const char *const touched[] = {
    "model",          "messages",   "tools",      "tool_choice", "parallel_tool_calls",
    "stream_options", "google",     "extra_body", "stop",        "response_format",
    "top_p",          "logit_bias", "n",          "max_tokens",  NULL};

static bool is_touched(struct dgm_str name)
{
    for (size_t i = 0; touched[i]; i++)
        if (json_raw_says(name, dgm_str_c(touched[i])))
            return true;
    return false;
}

static struct dgm_request *relay(struct dgm_buf *body, unsigned kind, struct dgm_fail *reterr)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("fuzz")};
    const struct dgm_server server = {.kind = (enum dgm_server_kind)(kind % 3),
                                      .model = kind & 4 ? DGM_STR("served \"one\"")
                                                        : (struct dgm_str){0}};
    struct dgm_request *r = NULL;
    enum dgm_rc rc = dgm_relay_open(&env, body, &r, reterr);
    if (rc == DGM_OK)
        rc = dgm_relay_make(r, &server, reterr);
    if (rc == DGM_OK)
        return r;
    assert(rc == DGM_E_REFUSED);
    dgm_request_free(r);
    return NULL;
}

static struct json_raw check_json(struct dgm_buf *text)
{
    struct json_raw root;
    struct json_error e;
    struct dgm_arena arena;
    const struct json_val *tree;
    assert(dgm_buf_reserve(text, JSON_PADDING));
    assert(json_check(text->p, text->n, JSON_DEPTH_MAX, &root, &e) == DGM_OK);
    char *copy = malloc(text->n + JSON_PADDING);
    assert(copy);
    memcpy(copy, text->p, text->n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    assert(json_parse(&arena, copy, text->n, JSON_DEPTH_MAX, &tree, &e) == DGM_OK);
    dgm_arena_dispose(&arena);
    free(copy);
    return root;
}

/* json_check and json_parse agree on any text, to the kind of trouble. */
static void check_readers(const uint8_t *data, size_t n)
{
    struct json_raw root;
    struct json_error raw = {0}, tree = {0};
    struct dgm_arena arena;
    const struct json_val *v;
    char *text = calloc(1, n + JSON_PADDING), *copy = calloc(1, n + JSON_PADDING);
    assert(text && copy);
    if (n)
        memcpy(text, data, n), memcpy(copy, data, n);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc a = json_check(text, n, 16, &root, &raw),
                b = json_parse(&arena, copy, n, 16, &v, &tree);
    assert((a == DGM_OK) == (b == DGM_OK));
    assert(a != DGM_OK || root.kind == json_kind(v));
    dgm_arena_dispose(&arena);
    free(text), free(copy);
}

/* The same request with its messages cut otherwise: as good JSON, and as many of its other members. */
static void adapt(struct dgm_request *r, size_t set)
{
    struct dgm_buf out;
    struct dgm_fail fail;
    const struct dgm_str *segments;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    for (enum dgm_try_id id = 0; id < DGM_TRIES && dgm_try_is_relayed(id); id++)
        if (set >> id & 1)
            assert(dgm_request_adapt(r, &(struct dgm_try){.id = id}, &fail) == DGM_OK);
    size_t count = dgm_request_body(r, &segments);
    for (size_t i = 0; i < count; i++)
        dgm_buf_put(&out, segments[i]);
    struct json_raw messages = json_raw_get(check_json(&out), DGM_STR("messages"));
    struct json_raw_iter it = json_raw_iter(messages);
    assert(json_raw_next(&it));
    dgm_buf_dispose(&out);
}

static void play_request(const uint8_t *data, size_t n, unsigned kind)
{
    struct dgm_buf in, again, out;
    struct dgm_fail fail;
    const struct dgm_str *segments;
    check_readers(data, n);
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&in, (struct dgm_str){(const char *)data, n});
    dgm_buf_put(&again, (struct dgm_str){(const char *)data, n});
    struct dgm_request *r = relay(&in, kind, &fail), *s = relay(&again, kind, &fail);
    assert(!r == !s);
    if (r) {
        size_t count = dgm_request_body(r, &segments);
        for (size_t i = 0; i < count; i++)
            dgm_buf_put(&out, segments[i]);
        struct json_raw sent = check_json(&out), came = json_raw_first(dgm_buf_str(&in));
        struct json_raw_iter it = json_raw_iter(came);
        while (json_raw_next(&it)) {
            struct dgm_buf name;
            dgm_buf_init(&name, &dgm_alloc_libc, SIZE_MAX);
            json_raw_put(it.name, &name);
            struct json_raw found = json_raw_get(sent, dgm_buf_str(&name));
            assert(is_touched(it.name) || it.value.kind == JSON_NULL ||
                   dgm_str_eq(found.text, it.value.text));
            dgm_buf_dispose(&name);
        }
        size_t at = 0;
        count = dgm_request_body(s, &segments);
        for (size_t i = 0; i < count; at += segments[i++].n)
            assert(at + segments[i].n <= out.n &&
                   memcmp(out.p + at, segments[i].p, segments[i].n) == 0);
        assert(at == out.n);
        adapt(r, n % 16);
    }
    dgm_request_free(r);
    dgm_request_free(s);
    dgm_buf_dispose(&in);
    dgm_buf_dispose(&again);
    dgm_buf_dispose(&out);
}

static struct dgm_request *plain_request(struct dgm_buf *body, unsigned kind)
{
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(body, dgm_str_c(plain));
    struct dgm_request *r = relay(body, kind, &fail);
    assert(r);
    return r;
}

static void play_answer(const uint8_t *data, size_t n, unsigned kind)
{
    struct dgm_buf body, out;
    int status = 0;
    struct dgm_request *r = plain_request(&body, kind);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = dgm_chat_response(r, kind & 8 ? 200 : 400,
                                       (struct dgm_str){(const char *)data, n}, &out, &status);
    assert(rc == DGM_OK && status >= 200 && status < 600);
    struct json_raw root = check_json(&out);
    assert((json_raw_get(root, DGM_STR("error")).kind == JSON_OBJ) == (status != 200));
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
}

static enum dgm_rc feed(struct dgm_stream *s, struct dgm_str in, struct dgm_buf *out,
                        struct dgm_buf *all)
{
    enum dgm_rc rc;
    do {
        rc = dgm_stream_feed(s, &in, out);
        assert(rc != DGM_FULL || out->n != 0);
        assert(rc != DGM_MORE || in.n == 0);
        dgm_buf_put(all, dgm_buf_str(out));
        dgm_buf_clear(out);
    } while (rc == DGM_FULL);
    return rc;
}

static void play_stream(const uint8_t *data, size_t n, unsigned kind, size_t step, size_t out_bytes,
                        struct dgm_buf *all)
{
    struct dgm_buf body, out;
    struct dgm_request *r = plain_request(&body, kind);
    struct dgm_stream *s = dgm_stream_new(r);
    dgm_buf_init(&out, &dgm_alloc_libc, out_bytes);
    assert(s);
    enum dgm_rc rc = DGM_MORE;
    for (size_t at = 0; rc == DGM_MORE && at < n; at += step)
        rc = feed(s, (struct dgm_str){(const char *)data + at, step < n - at ? step : n - at}, &out,
                  all);
    while (rc == DGM_MORE || rc == DGM_FULL) {
        rc = dgm_stream_finish(s, &out);
        assert(out.rc == DGM_OK);
        dgm_buf_put(all, dgm_buf_str(&out));
        dgm_buf_clear(&out);
    }
    assert(rc == DGM_DONE || rc == DGM_E_UPSTREAM);
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned kind = n ? data[--n] : 0;
    if (kind & 128) {
        size_t step = 1 + (n ? data[--n] : 0), extra = n ? data[--n] : 0;
        struct dgm_buf whole, cut;
        dgm_buf_init(&whole, &dgm_alloc_libc, SIZE_MAX);
        dgm_buf_init(&cut, &dgm_alloc_libc, SIZE_MAX);
        play_stream(data, n, kind, n + 1, SIZE_MAX, &whole);
        play_stream(data, n, kind, step, 8 * largest_event(data, n) + 8192 + extra, &cut);
        assert(dgm_str_eq(dgm_buf_str(&whole), dgm_buf_str(&cut)));
        assert(!chunks_broken(CHUNKS_RELAYED, dgm_buf_str(&whole)));
        dgm_buf_dispose(&whole);
        dgm_buf_dispose(&cut);
    } else if (kind & 64) {
        play_answer(data, n, kind);
    } else {
        play_request(data, n, kind);
    }
    return 0;
}
