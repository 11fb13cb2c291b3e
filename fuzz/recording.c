/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording.c - any bytes as a recording: refused with places inside the file, or one that is written and read again as it
 * was, and can be done again. And any bytes in a recording come back.
 */
#include "gateway/recording.h"
#include "gateway/rerun.h"

#include "base/str.h"

#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_same(struct dgm_str a, struct dgm_str b)
{
    return dgm_str_eq(a, b);
}

/* Written, read, and written again. */
static void check_written(const struct gw_recording *r)
{
    struct gw_recording back;
    struct gw_problems problems = {0};
    struct dgm_arena arena;
    struct dgm_buf text, again;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&again, &dgm_alloc_libc, SIZE_MAX);
    gw_recording_put(r, &text);
    PROPERTY(text.rc == DGM_OK);
    PROPERTY(gw_recording_read(dgm_buf_str(&text), &arena, &back, &problems) == DGM_OK);
    PROPERTY(is_same(back.client.body, r->client.body));
    PROPERTY(is_same(gw_recorded_bytes(back.reply, &arena), gw_recorded_bytes(r->reply, &arena)));
    gw_recording_put(&back, &again);
    PROPERTY(is_same(dgm_buf_str(&again), dgm_buf_str(&text)));
    dgm_buf_dispose(&text);
    dgm_buf_dispose(&again);
    dgm_arena_dispose(&arena);
}

static void check_file(struct dgm_str file)
{
    struct gw_recording r;
    struct gw_problems problems = {0};
    struct dgm_arena arena;
    struct dgm_buf told;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&told, &dgm_alloc_libc, SIZE_MAX);
    enum dgm_rc rc = gw_recording_read(file, &arena, &r, &problems);
    PROPERTY(rc == DGM_OK || (rc == DGM_E_REFUSED && problems.n != 0));
    if (rc == DGM_OK) {
        check_written(&r);
        PROPERTY(gw_rerun(&r, &told) != GW_RERUN_NOMEM);
    }
    dgm_buf_dispose(&told);
    dgm_arena_dispose(&arena);
}

/* The bytes as a body, and cut in two as an answer. */
static void check_bytes(struct dgm_str bytes)
{
    struct gw_recorded_piece second = {2, dgm_str_skip(bytes, bytes.n / 2), NULL},
                             first = {1, dgm_str_head(bytes, bytes.n / 2), &second};
    struct gw_recorded_call call = {.upstream = {.kind = GW_EMULATOR},
                                    .request = {.target = DGM_STR("/"), .body = bytes},
                                    .status = 200,
                                    .retry_ms = -1,
                                    .pieces = &first};
    const struct gw_recording r = {.client = {.target = DGM_STR("/"), .body = bytes},
                                   .calls = &call,
                                   .status = 200,
                                   .reply = &first};
    check_written(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str bytes = {(const char *)data, n};
    if (n != 0) {
        check_file(bytes);
        check_bytes(bytes);
    }
    return 0;
}
