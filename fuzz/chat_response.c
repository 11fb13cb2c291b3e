/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat_response.c - any bytes as a native answer: the client gets a completion or an error object, always
 * valid JSON, with a status that fits, and usage that sums. A stream of one event with the same bytes says the same.
 *
 * The last byte chooses the upstream's status, the one before it whose shapes the answer has, and what was asked for.
 */
#include "base/str.h"
#include "json/read.h"
#include "requests.h"
#include "support/chunks.h"
#include "support/fold.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int statuses[] = {200, 200, 200, 400, 404, 429, 500, 503, 204, 302, 0, 799};

static int64_t number(const struct json_val *obj, struct dgm_str name)
{
    int64_t i = 0;
    assert(json_int(json_get(obj, name), &i) && i >= 0);
    return i;
}

static void check_completion(const struct json_val *root, enum dgm_compat compat)
{
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    int64_t sum =
        number(usage, DGM_STR("prompt_tokens")) + number(usage, DGM_STR("completion_tokens"));
    assert(sum == number(usage, DGM_STR("total_tokens")) || compat == DGM_COMPAT_GOOGLE);
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    assert(json_size(json_get(root, DGM_STR("choices"))) != 0);
    while (json_next(&it)) {
        assert(number(it.value, DGM_STR("index")) == (int64_t)it.index);
        assert(json_get_str(it.value, DGM_STR("finish_reason")).n != 0);
    }
}

static void check_answer(int status, int answered, const struct json_val *root,
                         enum dgm_compat compat)
{
    if (answered == 200) {
        assert(status == 200);
        check_completion(root, compat);
        return;
    }
    if (compat == DGM_COMPAT_GOOGLE) {
        assert(json_kind(root) == JSON_ARR && json_size(root) == 1);
        root = json_at(root, 0);
    }
    assert(answered >= 400 && answered <= 599);
    assert(json_get_str(json_get(root, DGM_STR("error")), DGM_STR("message")).n != 0);
}

/*
 * Whether the bytes are one line of JSON that means the same in one event: candidates of a stream come by their index,
 * and only there calls come in pieces.
 */
static bool is_one_event(struct dgm_str native, const struct json_val *root)
{
    struct json_iter it = json_iter(json_get(root, DGM_STR("candidates")));
    if (json_kind(root) != JSON_OBJ || dgm_str_find(native, DGM_STR("artialArgs")) < native.n ||
        dgm_str_find(native, DGM_STR("illContinue")) < native.n ||
        dgm_str_find(native, DGM_STR("\\u")) < native.n || /* a name's letter may hide there */
        dgm_str_find_either(native, '\n', '\r') < native.n)
        return false;
    while (json_next(&it)) {
        int64_t index = 0;
        const struct json_val *said = json_get(it.value, DGM_STR("index"));
        if (json_kind(it.value) != JSON_OBJ || (said && !json_int(said, &index)) ||
            index != (int64_t)it.index || it.index >= 8)
            return false;
    }
    return !(json_get(root, DGM_STR("promptFeedback")) &&
             json_size(json_get(root, DGM_STR("candidates"))));
}

static void check_streamed(unsigned options, struct dgm_str native, struct dgm_str whole)
{
    struct dgm_buf in, out, event, folded, expected;
    struct dgm_buf *const bufs[] = {&in, &out, &event, &folded, &expected};
    for (size_t i = 0; i < 5; i++)
        dgm_buf_init(bufs[i], &dgm_alloc_libc, SIZE_MAX);
    struct dgm_request *r = request_of(options, true, &in);
    struct dgm_stream *s = dgm_stream_new(r);
    assert(s);
    dgm_buf_put_lit(&event, "data: ");
    dgm_buf_put(&event, native);
    dgm_buf_put_lit(&event, "\n\n");
    struct dgm_str rest = dgm_buf_str(&event);
    enum dgm_rc rc;
    while ((rc = dgm_stream_feed(s, &rest, &out)) == DGM_KEEP)
        continue;
    while (rc == DGM_MORE || rc == DGM_KEEP)
        rc = dgm_stream_finish(s, &out);
    assert(rc == DGM_DONE || rc == DGM_E_UPSTREAM);
    fold_stream(dgm_buf_str(&out), &folded);
    fold_answer(whole, &expected);
    /* A whole answer that is none is broken, a stream that ended is cut: both are errors. */
    struct dgm_str error = DGM_STR("error ");
    assert(dgm_str_eq(dgm_buf_str(&folded), dgm_buf_str(&expected)) ||
           (dgm_str_starts(dgm_buf_str(&folded), error) &&
            dgm_str_starts(dgm_buf_str(&expected), error)));
    dgm_stream_free(s);
    dgm_request_free(r);
    for (size_t i = 0; i < 5; i++)
        dgm_buf_dispose(bufs[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int status = statuses[(n ? data[--n] : 0) % (sizeof statuses / sizeof *statuses)], answered = 0;
    unsigned options = n ? data[--n] : 0;
    struct dgm_buf in, out, copy;
    struct dgm_arena arena;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&copy, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    struct dgm_request *r = request_of(options, false, &in);
    struct dgm_str native = {(const char *)data, n};

    enum dgm_rc rc = dgm_chat_response(r, status, native, &out, &answered);
    assert(rc == DGM_OK || rc == DGM_KEEP);
    const struct json_val *root = NULL;
    struct json_error e;
    dgm_buf_put(&copy, dgm_buf_str(&out));
    assert(dgm_buf_reserve(&copy, JSON_PADDING));
    assert(json_parse(&arena, copy.p, copy.n, JSON_DEPTH_MAX, &root, &e) == DGM_OK);
    check_answer(status, answered, root, request_compat(options));

    dgm_buf_clear(&copy);
    dgm_buf_put(&copy, native);
    assert(dgm_buf_reserve(&copy, JSON_PADDING));
    if (status == 200 && json_parse(&arena, copy.p, n, REQUEST_DEPTH, &root, &e) == DGM_OK &&
        is_one_event(native, root))
        check_streamed(options, native, dgm_buf_str(&out));
    dgm_request_free(r);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&in);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&copy);
    return 0;
}
