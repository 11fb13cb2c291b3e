/* SPDX-License-Identifier: Apache-2.0 */
/*
 * translate_many.c - many requests through the core and the emulator in one process, for tests/judges.
 *
 * Reads a line "SURFACE LOCATION BODY" a request (SURFACE: vertex or gemini; BODY: OpenAI's, on one line), and writes a
 * line of JSON for each:
 *   {"status":400,"error":{...}}                           the translator refused it
 *   {"status":200,"path":...,"native":"{...}","ignored":...,"schema":...,"warning":...,"headers":{...},
 *    "same":true,                                          translated once more, it came out the same
 *    "emulator":{"status":...,"type":...,"body":"..."},    what the emulator made of it
 *    "reply":{"status":...,"body":"..."}}                  and what the client gets of that
 */
#include <dragoman/dragoman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "emulate/emulate.h"
#include "json/write.h"

#define TEXT_BYTES_MAX ((size_t)256 << 20)
#define NOW 1750000000

struct job {
    enum dgm_surface surface;
    struct dgm_str location, body;
};

static void die(const char *what)
{
    fprintf(stderr, "translate_many: %s\n", what);
    exit(1);
}

static void expect(bool holds, const char *what)
{
    if (!holds)
        die(what);
}

static struct dgm_buf new_buf(void)
{
    struct dgm_buf buf;
    dgm_buf_init(&buf, &dgm_alloc_libc, TEXT_BYTES_MAX);
    return buf;
}

static struct dgm_str word(struct dgm_str *line)
{
    const char *end = memchr(line->p, ' ', line->n);
    expect(end, "a line is SURFACE LOCATION BODY");
    struct dgm_str taken = {line->p, (size_t)(end - line->p)};
    *line = dgm_str_skip(*line, taken.n + 1);
    return taken;
}

/* ---- request ------------------------------------------------------------------------------------------ */

/* The body is parsed in place, so each try gets a copy. No signature is remembered. */
static enum dgm_rc translate(const struct job *job, struct dgm_buf *body, struct dgm_request **ret,
                             struct dgm_fail *fail)
{
    const struct dgm_env env = {.surface = job->surface, .now = NOW, .id = DGM_STR("judged")};
    dgm_buf_put(body, job->body);
    enum dgm_rc rc = dgm_chat_request(&env, body, ret, fail);
    if (rc == DGM_NEED)
        rc = dgm_request_resume(*ret, fail);
    expect(rc == DGM_OK || rc == DGM_E_REFUSED,
           "a translation that neither worked nor was refused");
    return rc;
}

static void put_native(const struct dgm_request *r, struct dgm_buf *out)
{
    const struct dgm_str *segs;
    size_t n = dgm_request_body(r, &segs);
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(out, segs[i]);
}

static void put_notes(const struct dgm_request *r, struct json_writer *w)
{
    json_member_str(w, "ignored", dgm_request_notes(r, DGM_NOTE_IGNORED));
    json_member_str(w, "schema", dgm_request_notes(r, DGM_NOTE_SCHEMA));
    json_member_str(w, "warning", dgm_request_notes(r, DGM_NOTE_WARNING));
    const struct dgm_header *headers;
    size_t n = dgm_request_headers(r, &headers);
    json_put_key(w, DGM_STR("headers"));
    json_open_obj(w);
    for (size_t i = 0; i < n; i++) {
        json_put_key(w, headers[i].name);
        json_put_str(w, headers[i].value);
    }
    json_close_obj(w);
}

static bool comes_out_as(const struct job *job, struct dgm_str native)
{
    struct dgm_buf body = new_buf(), again = new_buf();
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    bool same = translate(job, &body, &r, &fail) == DGM_OK;
    if (same) {
        put_native(r, &again);
        same = dgm_str_eq(dgm_buf_str(&again), native);
    }
    dgm_request_free(r);
    dgm_buf_dispose(&again);
    dgm_buf_dispose(&body);
    return same;
}

/* ---- answer ------------------------------------------------------------------------------------------- */

static int emulate(const struct dgm_request *r, struct dgm_str path, struct json_writer *w,
                   struct dgm_buf *answer)
{
    const struct dgm_header *said;
    size_t n = dgm_request_headers(r, &said);
    struct emu_header headers[16];
    expect(n <= 16, "more native headers than this program expects");
    for (size_t i = 0; i < n; i++)
        headers[i] = (struct emu_header){said[i].name, said[i].value};
    const struct emu_env env = {.now_ms = NOW * 1000LL, .id = DGM_STR("judged")};
    const struct emu_options options = {0};
    struct emu_request request = {
        .method = DGM_STR("POST"), .target = path, .headers = headers, .nheaders = n};
    request.nsegs = dgm_request_body(r, &request.segs);

    struct emu_call *call = emu_call_new(&env, &options, &request);
    expect(call, "no memory for an emulator's call");
    uint32_t wait_ms;
    enum dgm_rc rc;
    while ((rc = emu_call_next(call, answer, &wait_ms)) == DGM_EVENT)
        ;
    expect(rc == DGM_DONE, "the emulator's answer came to no end");
    int status = emu_call_status(call);
    json_put_key(w, DGM_STR("emulator"));
    json_open_obj(w);
    json_member_int(w, "status", status);
    json_member_str(w, "type", emu_call_type(call));
    json_member_str(w, "body", dgm_buf_str(answer));
    json_close_obj(w);
    emu_call_free(call);
    return status;
}

static int reply_streamed(struct dgm_request *r, struct dgm_str answer, struct dgm_buf *out)
{
    struct dgm_stream *s = dgm_stream_new(r);
    expect(s, "no memory for a stream");
    enum dgm_rc rc;
    do
        rc = dgm_stream_feed(s, &answer, out);
    while (rc == DGM_KEEP);
    while (rc == DGM_MORE || rc == DGM_KEEP)
        rc = dgm_stream_finish(s, out);
    int status = 200;
    if (rc != DGM_DONE && !dgm_stream_started(s))
        status = dgm_stream_put_error(s, out);
    dgm_stream_free(s);
    return status;
}

static int reply_whole(struct dgm_request *r, int status, struct dgm_str answer,
                       struct dgm_buf *out)
{
    int ret = 0;
    enum dgm_rc rc = dgm_chat_response(r, status, answer, out, &ret);
    expect(rc == DGM_OK || rc == DGM_KEEP, "an answer that could not be translated");
    return ret;
}

/* ---- one line ----------------------------------------------------------------------------------------- */

static void put_good(const struct job *job, struct dgm_request *r, struct json_writer *w)
{
    struct dgm_buf native = new_buf(), path = new_buf(), answer = new_buf(), reply = new_buf();
    const struct dgm_place place = {job->surface, DGM_STR("my-project"), job->location};
    put_native(r, &native);
    dgm_request_put_path(r, &place, &path);

    json_member_int(w, "status", 200);
    json_member_str(w, "path", dgm_buf_str(&path));
    json_member_str(w, "native", dgm_buf_str(&native));
    put_notes(r, w);
    json_member_bool(w, "same", comes_out_as(job, dgm_buf_str(&native)));
    int status = emulate(r, dgm_buf_str(&path), w, &answer);
    if (status == 200 && dgm_request_wants_stream(r))
        status = reply_streamed(r, dgm_buf_str(&answer), &reply);
    else
        status = reply_whole(r, status, dgm_buf_str(&answer), &reply);
    json_put_key(w, DGM_STR("reply"));
    json_open_obj(w);
    json_member_int(w, "status", status);
    json_member_str(w, "body", dgm_buf_str(&reply));
    json_close_obj(w);

    struct dgm_buf *bufs[] = {&native, &path, &answer, &reply};
    for (size_t i = 0; i < 4; i++)
        dgm_buf_dispose(bufs[i]);
}

static void run(const struct job *job, struct dgm_buf *out)
{
    struct dgm_buf body = new_buf();
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    if (translate(job, &body, &r, &fail) == DGM_OK) {
        put_good(job, r, &w);
    } else {
        struct dgm_buf error = new_buf();
        dgm_fail_put(&fail, &error);
        json_member_int(&w, "status", dgm_error_status(fail.id));
        json_put_key(&w, DGM_STR("error"));
        json_put_raw(&w, dgm_buf_str(&error));
        dgm_buf_dispose(&error);
    }
    json_close_obj(&w);
    dgm_buf_put_char(out, '\n');
    expect(out->rc == DGM_OK, "no memory for a line");
    dgm_request_free(r);
    dgm_buf_dispose(&body);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    struct dgm_buf out = new_buf();
    while ((n = getline(&line, &room, stdin)) > 0) {
        struct dgm_str rest = {line, (size_t)n - (line[n - 1] == '\n')};
        struct dgm_str surface = word(&rest);
        struct job job = {.surface =
                              dgm_str_eq(surface, DGM_STR("gemini")) ? DGM_GEMINI : DGM_VERTEX};
        job.location = word(&rest);
        job.body = rest;
        dgm_buf_clear(&out);
        run(&job, &out);
        expect(fwrite(out.p, 1, out.n, stdout) == out.n, "nobody reads");
        fflush(stdout);
    }
    free(line);
    dgm_buf_dispose(&out);
    return 0;
}
