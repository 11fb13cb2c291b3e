/* SPDX-License-Identifier: Apache-2.0 */
/* emu_run.c - the emulator, run from request to last byte, for tests. */
#include "emu_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sse.h"
#include "base/str.h"

#define MAX_BYTES ((size_t)64 << 20)

static void run_request(struct emu_run *run, const struct dgm_alloc *alloc,
                        const struct emu_options *options, struct emu_env env,
                        const struct emu_request *request)
{
    env.alloc = alloc;
    env.now_ms = 1785000000123;
    env.id = DGM_STR("test-1");
    *run = (struct emu_run){.alloc = alloc};
    dgm_buf_init(&run->body, alloc, MAX_BYTES);
    dgm_arena_init(&run->arena, alloc, 4 * MAX_BYTES);
    struct emu_call *call = emu_call_new(&env, options, request);
    if (!call)
        return;
    run->status = emu_call_status(call);
    run->type = emu_call_type(call);
    uint32_t wait_ms = 0;
    while ((run->rc = emu_call_next(call, &run->body, &wait_ms)) == DGM_EVENT) {
        run->pieces++;
        run->waited_ms += wait_ms;
    }
    emu_call_free(call);
}

void emu_run_post(struct emu_run *run, const struct dgm_alloc *alloc,
                  const struct emu_options *options, struct dgm_str target, struct dgm_str body,
                  size_t seg_bytes)
{
    size_t step = seg_bytes ? seg_bytes : body.n + 1, nsegs = body.n / step + 1;
    struct dgm_str *segs = calloc(nsegs, sizeof *segs);
    assert_non_null(segs);
    for (size_t i = 0; i < nsegs; i++)
        segs[i] = dgm_str_head(dgm_str_skip(body, i * step), step);
    run_request(run, alloc, options, (struct emu_env){0},
                &(struct emu_request){
                    .method = DGM_STR("POST"), .target = target, .segs = segs, .nsegs = nsegs});
    free(segs);
}

void emu_run_post_as(struct emu_run *run, const struct dgm_alloc *alloc,
                     const struct emu_options *options, struct dgm_str responder,
                     struct dgm_str target, struct dgm_str body)
{
    run_request(run, alloc, options, (struct emu_env){.responder = responder},
                &(struct emu_request){
                    .method = DGM_STR("POST"), .target = target, .segs = &body, .nsegs = 1});
}

void emu_run_post_chat(struct emu_run *run, const struct dgm_alloc *alloc,
                       const struct emu_options *options, enum emu_dialect dialect,
                       struct dgm_str fault, struct dgm_str body)
{
    run_request(run, alloc, options, (struct emu_env){.dialect = dialect, .fault = fault},
                &(struct emu_request){.method = DGM_STR("POST"),
                                      .target = DGM_STR("/v1/chat/completions"),
                                      .segs = &body,
                                      .nsegs = 1});
}

void emu_run_post_env(struct emu_run *run, const struct dgm_alloc *alloc,
                      const struct emu_options *options, struct emu_env env, struct dgm_str target,
                      struct dgm_str body)
{
    run_request(run, alloc, options, env,
                &(struct emu_request){
                    .method = DGM_STR("POST"), .target = target, .segs = &body, .nsegs = 1});
}

void emu_run_dispose(struct emu_run *run)
{
    dgm_buf_dispose(&run->body);
    dgm_arena_dispose(&run->arena);
}

static const struct json_val *parse(struct emu_run *run, struct dgm_str text)
{
    const struct json_val *root = NULL;
    struct json_error error;
    char *copy = dgm_arena_take(&run->arena, text.n + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    if (json_parse(&run->arena, copy, text.n, JSON_DEPTH_MAX, &root, &error) != DGM_OK)
        fail_msg("no JSON at %zu (%s): %.*s", error.offset, error.what, (int)text.n, text.p);
    return root;
}

const struct json_val *emu_run_json(struct emu_run *run)
{
    return parse(run, dgm_buf_str(&run->body));
}

static void add_text(const struct json_val *response, size_t candidate, struct dgm_buf *out)
{
    for (struct json_iter i = json_iter(json_get(response, DGM_STR("candidates")));
         json_next(&i);) {
        int64_t index = 0;
        json_int(json_get(i.value, DGM_STR("index")), &index);
        const struct json_val *content = json_get(i.value, DGM_STR("content"));
        for (struct json_iter p = json_iter(json_get(content, DGM_STR("parts"))); json_next(&p);)
            if ((size_t)index == candidate &&
                !json_bool(json_get(p.value, DGM_STR("thought")), false))
                dgm_buf_put(out, json_get_str(p.value, DGM_STR("text")));
    }
}

/* Calls `add_text` for each response of the answer; returns the last. */
static const struct json_val *walk(struct emu_run *run, size_t candidate, struct dgm_buf *out)
{
    const struct json_val *last = NULL;
    if (!dgm_str_eq(run->type, DGM_STR("text/event-stream"))) {
        const struct json_val *root = emu_run_json(run);
        if (json_kind(root) != JSON_ARR) {
            add_text(root, candidate, out);
            return root;
        }
        for (struct json_iter i = json_iter(root); json_next(&i); last = i.value)
            add_text(i.value, candidate, out);
        return last;
    }
    struct dgm_sse sse;
    struct dgm_sse_event event;
    struct dgm_str in = dgm_buf_str(&run->body);
    dgm_sse_init(&sse, run->alloc, MAX_BYTES);
    while (dgm_sse_next(&sse, &in, &event) == DGM_EVENT) {
        assert_false(event.raw);
        last = parse(run, event.data);
        add_text(last, candidate, out);
    }
    assert_int_equal(dgm_sse_finish(&sse, &event), DGM_DONE); /* the last event was closed */
    dgm_sse_dispose(&sse);
    return last;
}

char *emu_run_text(struct emu_run *run, size_t candidate)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, MAX_BYTES);
    walk(run, candidate, &out);
    dgm_buf_put_char(&out, '\0');
    assert_int_equal(out.rc, DGM_OK);
    char *text = strdup(out.p);
    dgm_buf_dispose(&out);
    assert_non_null(text);
    return text;
}

const struct json_val *emu_run_last(struct emu_run *run)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, MAX_BYTES);
    const struct json_val *last = walk(run, 0, &out);
    dgm_buf_dispose(&out);
    return last;
}
