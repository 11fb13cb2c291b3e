/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.c - any bytes as a native stream: what the client gets keeps the promises of dragoman.h, and is the
 * same however the bytes are cut and however small the output.
 *
 * The last three bytes choose the cuts, the output's ceiling, and whose shapes the answer has with what was asked for
 * (requests.h).
 */
#include "base/str.h"
#include "json/read.h"
#include "largest.h"
#include "requests.h"
#include "support/chunks.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
    struct dgm_request *r;
    struct dgm_stream *s;
    struct dgm_buf out, *all; /* what one call puts; what the client gets in all */
};

/* Sends what there is. */
static void drain(struct run *run)
{
    assert(run->out.rc == DGM_OK);
    dgm_buf_put(run->all, dgm_buf_str(&run->out));
    dgm_buf_clear(&run->out);
}

static enum dgm_rc feed(struct run *run, struct dgm_str in)
{
    for (;;) {
        enum dgm_rc rc = dgm_stream_feed(run->s, &in, &run->out);
        if (rc == DGM_FULL)
            assert(run->out.n != 0);
        if (rc == DGM_MORE)
            assert(in.n == 0);
        if (rc != DGM_MORE)
            drain(run);
        if (rc != DGM_FULL && rc != DGM_KEEP)
            return rc;
    }
}

static void play(const uint8_t *data, size_t n, unsigned options, size_t step, size_t out_bytes,
                 struct dgm_buf *ret)
{
    struct dgm_buf in;
    struct run run = {.all = ret};
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&run.out, &dgm_alloc_libc, out_bytes);
    run.r = request_of(options, true, &in);
    run.s = dgm_stream_new(run.r);
    assert(run.s);

    enum dgm_rc rc = DGM_MORE;
    for (size_t at = 0; rc == DGM_MORE && at < n; at += step)
        rc = feed(&run, (struct dgm_str){(const char *)data + at, step < n - at ? step : n - at});
    while (rc == DGM_MORE || rc == DGM_FULL || rc == DGM_KEEP) {
        drain(&run);
        rc = dgm_stream_finish(run.s, &run.out);
    }
    drain(&run);
    assert(rc == DGM_DONE || rc == DGM_E_UPSTREAM);

    dgm_stream_free(run.s);
    dgm_request_free(run.r);
    dgm_buf_dispose(&run.out);
    dgm_buf_dispose(&in);
}

/* The counts of OpenAI's usage agree (Google's do not: thoughts stand beside them). */
static void check_sum(struct dgm_str data)
{
    struct dgm_arena arena;
    struct dgm_buf text;
    const struct json_val *root = NULL;
    struct json_error e;
    int64_t prompt = 0, completion = 0, total = 0;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put(&text, data);
    assert(dgm_buf_reserve(&text, JSON_PADDING));
    if (!dgm_str_eq(data, DGM_STR("[DONE]")))
        assert(json_parse(&arena, text.p, text.n, JSON_DEPTH_MAX, &root, &e) == DGM_OK);
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    if (json_kind(usage) == JSON_OBJ) {
        assert(json_int(json_get(usage, DGM_STR("prompt_tokens")), &prompt));
        assert(json_int(json_get(usage, DGM_STR("completion_tokens")), &completion));
        assert(json_int(json_get(usage, DGM_STR("total_tokens")), &total));
        assert(prompt >= 0 && completion >= 0 && prompt + completion == total);
    }
    dgm_buf_dispose(&text);
    dgm_arena_dispose(&arena);
}

static void check_usage(struct dgm_str sse, bool google)
{
    struct dgm_sse decoder;
    struct dgm_sse_event e;
    dgm_sse_init(&decoder, &dgm_alloc_libc, SIZE_MAX);
    while (!google && dgm_sse_next(&decoder, &sse, &e) == DGM_EVENT)
        check_sum(e.data);
    dgm_sse_dispose(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t step = 1 + (n ? data[--n] : 0);
    size_t extra = n ? data[--n] : 0;
    unsigned options = n ? data[--n] : 0;
    bool google = request_compat(options) == DGM_COMPAT_GOOGLE;
    size_t largest = largest_event(data, n);
    struct dgm_buf whole, cut;
    dgm_buf_init(&whole, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&cut, &dgm_alloc_libc, SIZE_MAX);
    play(data, n, options, n + 1, SIZE_MAX, &whole);
    play(data, n, options, step, (google ? 16 : 8) * largest + 8192 + extra, &cut);
    assert(dgm_str_eq(dgm_buf_str(&whole), dgm_buf_str(&cut)));
    assert(!chunks_broken(google ? CHUNKS_GOOGLE : CHUNKS_GEMINI, dgm_buf_str(&whole)));
    check_usage(dgm_buf_str(&whole), google);
    dgm_buf_dispose(&whole);
    dgm_buf_dispose(&cut);
    return 0;
}
