/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chat_response.c - any bytes as a native answer: the client gets a completion or an error object, always
 * valid JSON, with a status that fits, and usage that sums.
 *
 * The last byte chooses the upstream's status.
 */
#include "base/str.h"
#include "json/read.h"

#include <dragoman/dragoman.h>

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int statuses[] = {200, 200, 200, 400, 404, 429, 500, 503, 204, 302, 0, 799};

static int64_t number(const struct json_val *obj, struct dgm_str name)
{
    int64_t i = 0;
    assert(json_int(json_get(obj, name), &i) && i >= 0);
    return i;
}

static void check_completion(const struct json_val *root)
{
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    assert(number(usage, DGM_STR("prompt_tokens")) + number(usage, DGM_STR("completion_tokens")) ==
           number(usage, DGM_STR("total_tokens")));
    struct json_iter it = json_iter(json_get(root, DGM_STR("choices")));
    assert(json_size(json_get(root, DGM_STR("choices"))) != 0);
    while (json_next(&it)) {
        assert(number(it.value, DGM_STR("index")) == (int64_t)it.index);
        assert(json_get_str(it.value, DGM_STR("finish_reason")).n != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int status = statuses[(n ? data[--n] : 0) % (sizeof statuses / sizeof *statuses)], answered = 0;
    struct dgm_env env = {.now = 1, .id = DGM_STR("fuzz")};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct dgm_buf in, out;
    struct dgm_arena arena;
    dgm_buf_init(&in, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(&in, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    assert(dgm_chat_request(&env, &in, &r, &fail) == DGM_OK);

    enum dgm_rc rc =
        dgm_chat_response(r, status, (struct dgm_str){(const char *)data, n}, &out, &answered);
    assert(rc == DGM_OK || rc == DGM_KEEP);
    const struct json_val *root = NULL;
    struct json_error e;
    assert(dgm_buf_reserve(&out, JSON_PADDING));
    assert(json_parse(&arena, out.p, out.n, JSON_DEPTH_MAX, &root, &e) == DGM_OK);
    if (answered == 200) {
        assert(status == 200);
        check_completion(root);
    } else {
        assert(answered >= 400 && answered <= 599);
        assert(json_get_str(json_get(root, DGM_STR("error")), DGM_STR("message")).n != 0);
    }
    dgm_request_free(r);
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&in);
    dgm_buf_dispose(&out);
    return 0;
}
