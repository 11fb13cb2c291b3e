/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialect.c - any members of a chat completion request to the emulated servers. The last two bytes choose the server, the
 * responder, the fault and the size of pieces.
 *
 * Holds: the status is 200 or an error's; the answer is JSON, or a text where the server's frontend sends one; a stream is
 * events of JSON and one [DONE], and says, calls and ends as the whole answer does; both are the same a second time; their
 * size is bounded; and the relay makes a sound answer of either.
 */
#include "emulate/emulate.h"

#include <dragoman/dragoman.h>

#include "base/sse.h"
#include "base/str.h"
#include "base/utf8.h"
#include "json/write.h"
#include "parsed.h"
#include "support/chunks.h"

#define ANSWER_MAX_BYTES ((size_t)48 << 20)
#define CHOICES 8

static const struct dgm_str responders[] = {
    {0},
    DGM_STR("usual"),
    DGM_STR("tools"),
    DGM_STR("tools:parallel"),
    DGM_STR("echo"),
    DGM_STR("long-thinking"),
    DGM_STR("blocked"),
    DGM_STR("nobody"),
    DGM_STR("interleaved"),
    DGM_STR("partial-args"),
    DGM_STR("image"),
    DGM_STR("audio"),
    DGM_STR("code"),
    DGM_STR("logprobs"),
    DGM_STR("sparse"),
    DGM_STR("empty-stop"),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* One request and its answer. */
struct run {
    enum emu_dialect dialect;
    struct dgm_str responder;
    uint32_t chars;
    struct dgm_str members; /* of the body, behind `stream` */
};

/* Runs it to the end. The status; 0: the body wants more memory than its size allows. */
static int run(const struct run *r, bool stream, struct dgm_buf *out)
{
    const struct emu_env env = {.dialect = r->dialect,
                                .now_ms = 1785000000123,
                                .id = DGM_STR("fuzz"),
                                .responder = r->responder};
    const struct emu_options options = {.piece_chars = r->chars};
    const struct dgm_str segs[] = {stream ? DGM_STR("{\"stream\":true,")
                                          : DGM_STR("{\"stream\":false,"),
                                   dgm_str_head(r->members, r->members.n / 2),
                                   dgm_str_skip(r->members, r->members.n / 2), DGM_STR("}")};
    const struct emu_request request = {.method = DGM_STR("POST"),
                                        .target = DGM_STR("/v1/chat/completions"),
                                        .segs = segs,
                                        .nsegs = sizeof segs / sizeof *segs};
    uint32_t wait_ms;
    enum dgm_rc rc;
    dgm_buf_init(out, &dgm_alloc_libc, ANSWER_MAX_BYTES);
    struct emu_call *call = emu_call_new(&env, &options, &request);
    if (!call)
        return 0;
    while ((rc = emu_call_next(call, out, &wait_ms)) == DGM_EVENT)
        continue;
    PROPERTY(rc == DGM_DONE);
    int status = emu_call_status(call);
    PROPERTY(status == 200 || status == 400 || status == 422);
    emu_call_free(call);
    return status;
}

/* ---- what an answer says -------------------------------------------------------------------------------- */

/* Texts, thoughts, calls and ends of each choice, put behind each other. */
struct said {
    struct dgm_buf of[CHOICES][4];
};

static void add_piece(struct said *s, const struct json_val *choice, struct dgm_str member)
{
    int64_t index = -1;
    json_int(json_get(choice, DGM_STR("index")), &index);
    PROPERTY(index >= 0 && index < CHOICES);
    const struct json_val *piece = json_get(choice, member);
    struct dgm_buf *of = s->of[index];
    dgm_buf_put(&of[0], json_get_str(piece, DGM_STR("content")));
    dgm_buf_put(&of[1], json_get_str(piece, DGM_STR("reasoning")));
    for (struct json_iter i = json_iter(json_get(piece, DGM_STR("tool_calls"))); json_next(&i);) {
        const struct json_val *function = json_get(i.value, DGM_STR("function"));
        dgm_buf_put(&of[2], json_get_str(function, DGM_STR("name")));
        dgm_buf_put(&of[2], json_get_str(function, DGM_STR("arguments")));
    }
    dgm_buf_put(&of[3], json_get_str(choice, DGM_STR("finish_reason")));
}

static void add_choices(struct said *s, const struct json_val *root, struct dgm_str member)
{
    for (struct json_iter i = json_iter(json_get(root, DGM_STR("choices"))); json_next(&i);)
        add_piece(s, i.value, member);
}

static void add_events(struct said *s, struct dgm_arena *arena, struct dgm_str body)
{
    struct dgm_sse sse;
    struct dgm_sse_event e;
    size_t done = 0;
    dgm_sse_init(&sse, &dgm_alloc_libc, ANSWER_MAX_BYTES);
    while (dgm_sse_next(&sse, &body, &e) == DGM_EVENT) {
        PROPERTY(done == 0);
        if (dgm_str_eq(e.data, DGM_STR("[DONE]")))
            done++;
        else
            add_choices(s, parsed_well(arena, e.data), DGM_STR("delta"));
    }
    PROPERTY(done == 1 && dgm_sse_finish(&sse, &e) == DGM_DONE);
    dgm_sse_dispose(&sse);
}

static void compare(struct dgm_str whole, struct dgm_str streamed)
{
    struct dgm_arena arena;
    struct said said[2];
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < CHOICES; i++)
            for (size_t j = 0; j < 4; j++)
                dgm_buf_init(&said[k].of[i][j], &dgm_alloc_libc, SIZE_MAX);
    add_choices(&said[0], parsed_well(&arena, whole), DGM_STR("message"));
    add_events(&said[1], &arena, streamed);
    for (size_t i = 0; i < CHOICES; i++)
        for (size_t j = 0; j < 4; j++) {
            PROPERTY(dgm_str_eq(dgm_buf_str(&said[0].of[i][j]), dgm_buf_str(&said[1].of[i][j])));
            dgm_buf_dispose(&said[0].of[i][j]);
            dgm_buf_dispose(&said[1].of[i][j]);
        }
    dgm_arena_dispose(&arena);
}

/* ---- what the relay makes of it ------------------------------------------------------------------------- */

static struct dgm_request *relay(struct dgm_buf *body, enum emu_dialect dialect)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("fuzz")};
    const struct dgm_server server = {.kind =
                                          dialect == EMU_VLLM ? DGM_SERVER_VLLM : DGM_SERVER_TGI};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(body, "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\"}]}");
    PROPERTY(dgm_relay_open(&env, body, &r, &fail) == DGM_OK);
    PROPERTY(dgm_relay_make(r, &server, &fail) == DGM_OK);
    return r;
}

static void relay_whole(enum emu_dialect dialect, int status, struct dgm_str native)
{
    struct dgm_buf body, out;
    struct dgm_arena arena;
    struct dgm_request *r = relay(&body, dialect);
    int client_status = 0;
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    PROPERTY(dgm_chat_response(r, status, native, &out, &client_status) == DGM_OK);
    const struct json_val *root = parsed_well(&arena, dgm_buf_str(&out));
    PROPERTY((client_status == 200) == (status == 200));
    PROPERTY(json_get(root, status == 200 ? DGM_STR("choices") : DGM_STR("error")));
    dgm_arena_dispose(&arena);
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
}

static void relay_stream(enum emu_dialect dialect, struct dgm_str native)
{
    struct dgm_buf body, out;
    struct dgm_request *r = relay(&body, dialect);
    struct dgm_stream *s = dgm_stream_new(r);
    dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
    PROPERTY(s && dgm_stream_feed(s, &native, &out) == DGM_MORE);
    PROPERTY(dgm_stream_finish(s, &out) == DGM_DONE);
    PROPERTY(!chunks_broken(CHUNKS_RELAYED, dgm_buf_str(&out)));
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    const struct run r = {.dialect = data[n - 1] & 1 ? EMU_TGI : EMU_VLLM,
                          .responder = responders[data[n - 1] >> 1 & 15],
                          .chars = data[n - 2] % 64u + 1,
                          .members = {(const char *)data, n - 2}};
    struct dgm_buf out[2], again;
    int status[2];
    for (size_t k = 0; k < 2; k++) {
        status[k] = run(&r, k == 1, out + k);
        PROPERTY(out[k].n <= 8 * n + ANSWER_MAX_BYTES / 2);
    }
    for (size_t k = 0; k < 2; k++) {
        PROPERTY(run(&r, k == 1, &again) == status[k]);
        PROPERTY(dgm_str_eq(dgm_buf_str(&again), dgm_buf_str(out + k)));
        PROPERTY(dgm_utf8_bad(dgm_buf_str(&again)) == again.n);
        dgm_buf_dispose(&again);
        if (status[k] != 0 && (k == 0 || status[k] != 200))
            relay_whole(r.dialect, status[k], dgm_buf_str(out + k));
    }
    if (status[1] == 200)
        relay_stream(r.dialect, dgm_buf_str(out + 1));
    if (status[0] == 200 && status[1] == 200)
        compare(dgm_buf_str(out), dgm_buf_str(out + 1));
    dgm_buf_dispose(out);
    dgm_buf_dispose(out + 1);
    return 0;
}
