/* SPDX-License-Identifier: Apache-2.0 */
/* emu_run.h - the emulator, run from request to last byte, for tests. */
#ifndef SUPPORT_EMU_RUN_H
#define SUPPORT_EMU_RUN_H

#include "emulate/emulate.h"
#include "json/read.h"

/** What came of one request. */
struct emu_run {
    int status; /* 0: memory was short */
    struct dgm_str type;
    struct dgm_buf body;
    size_t pieces;
    uint64_t waited_ms;
    enum dgm_rc rc;         /* of the last emu_call_next: DGM_DONE */
    struct dgm_arena arena; /* what emu_run_json made */
    const struct dgm_alloc *alloc;
};

/** Posts `body` to `target`; the body is cut into segments of `seg_bytes` (0: one). Dispose it afterwards. */
void emu_run_post(struct emu_run *, const struct dgm_alloc *, const struct emu_options *,
                  struct dgm_str target, struct dgm_str body, size_t seg_bytes);

/** The same in one segment, with a value of x-dragoman-emulate (absent: without the header). */
void emu_run_post_as(struct emu_run *, const struct dgm_alloc *, const struct emu_options *,
                     struct dgm_str responder, struct dgm_str target, struct dgm_str body);

/** The same to a server of a dialect, at its one path, with a value of x-dragoman-fault (absent: without). */
void emu_run_post_chat(struct emu_run *, const struct dgm_alloc *, const struct emu_options *,
                       enum emu_dialect, struct dgm_str fault, struct dgm_str body);

/** The same with whatever else an environment has; its allocator, id and time are the run's own. */
void emu_run_post_env(struct emu_run *, const struct dgm_alloc *, const struct emu_options *,
                      struct emu_env, struct dgm_str target, struct dgm_str body);

void emu_run_dispose(struct emu_run *);

/** The body parsed (a copy of it); fails the test when it is no JSON. */
const struct json_val *emu_run_json(struct emu_run *);

/** The text of one candidate, thoughts left out, over the whole answer: JSON, SSE or an array. Free with libc's free. */
char *emu_run_text(struct emu_run *, size_t candidate);

/** The last response of the answer: that with finishReason and the whole usage. */
const struct json_val *emu_run_last(struct emu_run *);

#endif
