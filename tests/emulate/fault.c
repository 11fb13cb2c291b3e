/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c - tests of emulate/fault: every fault as an answer's bytes, and what a SPEC may be. */
#include "emulate/emulate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define STREAM                                                                                     \
    "/v1/projects/p/locations/us-central1/publishers/google/models/"                               \
    "gemini-2.5-flash:streamGenerateContent?alt=sse"
#define BODY "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Why is the sky blue?\"}]}]}"
#define PIECES_MAX 10000

/* What came of one call with a fault. */
struct faulty {
    int status;
    struct dgm_buf body;
    size_t pieces;
    enum dgm_rc rc;
    bool stalled;
};

static struct faulty ask(const char *spec, uint64_t seen)
{
    const struct emu_env env = {.id = DGM_STR("f"), .fault = dgm_str_c(spec), .fault_seen = seen};
    const struct emu_options options = {0};
    struct dgm_str body = DGM_STR(BODY);
    const struct emu_request request = {
        .method = DGM_STR("POST"), .target = DGM_STR(STREAM), .segs = &body, .nsegs = 1};
    struct faulty f = {0};
    struct emu_call *call = emu_call_new(&env, &options, &request);
    assert_non_null(call);
    dgm_buf_init(&f.body, &dgm_alloc_libc, 1 << 20);
    f.status = emu_call_status(call);
    uint32_t wait_ms = 0;
    while (!f.stalled && f.pieces < PIECES_MAX &&
           (f.rc = emu_call_next(call, &f.body, &wait_ms)) == DGM_EVENT) {
        f.pieces++;
        f.stalled = wait_ms == UINT32_MAX;
    }
    emu_call_free(call);
    return f;
}

static bool has(const struct faulty *f, const char *words)
{
    return dgm_str_find(dgm_buf_str(&f->body), dgm_str_c(words)) < f->body.n;
}

static void expect_refused(const char *spec, int status, const char *words)
{
    struct faulty f = ask(spec, 0);
    if (f.status != status || !has(&f, words))
        fail_msg("%s: %d %.*s", spec, f.status, (int)f.body.n, f.body.p);
    dgm_buf_dispose(&f.body);
}

static void test_errors(void **state)
{
    (void)state;
    expect_refused("400", 400, "\"message\":\"Request contains an invalid argument.\"");
    expect_refused("401", 401, "\"UNAUTHENTICATED\"");
    expect_refused("403", 403, "\"IAM_PERMISSION_DENIED\"");
    expect_refused("429", 429, "error-code-429");
    expect_refused("429-retry=39", 429, "\"retryDelay\":\"39s\"");
    expect_refused("429-retry", 429, "Please retry in 1s.");
    expect_refused("429-day", 429, "RequestsPerDay");
    expect_refused("499", 499, "\"CANCELLED\"");
    expect_refused("500", 500, "\"INTERNAL\"");
    expect_refused("503", 503, "high demand");
    expect_refused("503-retry=2", 503, "\"2s\"");
    expect_refused("504", 504, "\"DEADLINE_EXCEEDED\"");
    expect_refused("404-html", 404, "<title>");
}

static void test_no_such_fault(void **state)
{
    static const char *const specs[] = {"418",
                                        " ",
                                        "429-retry=",
                                        "429*",
                                        "429*x",
                                        "=1",
                                        "cut-event=-1",
                                        "429;nonsense*0",
                                        "cut-event=99999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        expect_refused(specs[i], strncmp(specs[i], "429;", 4) == 0 ? 429 : 400,
                       strncmp(specs[i], "429;", 4) == 0 ? "429" : "one-byte");
    struct faulty f = ask("429*0;nonsense", 0);
    assert_true(f.status == 400 && has(&f, "no fault \\\"nonsense\\\""));
    dgm_buf_dispose(&f.body);
}

static void test_times(void **state)
{
    (void)state;
    for (uint64_t seen = 0; seen < 4; seen++) {
        struct faulty f = ask("503*2; cut-event=0*3", seen);
        assert_int_equal(f.status, seen < 2 ? 503 : 200);
        assert_int_equal(f.rc, seen == 2 ? DGM_E_UPSTREAM : DGM_DONE);
        dgm_buf_dispose(&f.body);
    }
}

static void test_broken_streams(void **state)
{
    (void)state;
    struct faulty whole = ask("", 0), f;
    assert_true(whole.rc == DGM_DONE && whole.pieces > 3 && has(&whole, "\"STOP\""));

    f = ask("cut-event=2", 0);
    assert_true(f.rc == DGM_E_UPSTREAM && f.pieces == 2 && !has(&f, "\"STOP\""));
    dgm_buf_dispose(&f.body);

    f = ask("cut-byte=57", 0);
    assert_true(f.rc == DGM_E_UPSTREAM && f.body.n == 57);
    dgm_buf_dispose(&f.body);

    f = ask("end-event=2", 0);
    assert_true(f.rc == DGM_DONE && f.pieces == 2 && !has(&f, "\"STOP\""));
    dgm_buf_dispose(&f.body);

    f = ask("stall-event=2", 0);
    assert_true(f.stalled && f.pieces == 3 && !has(&f, "\"STOP\""));
    dgm_buf_dispose(&f.body);

    f = ask("error-event=2", 0);
    assert_true(f.rc == DGM_DONE && f.pieces == 3 &&
                has(&f, "\r\n\r\ndata: {\"error\":{\"code\":503"));
    dgm_buf_dispose(&f.body);

    f = ask("tail-event=2", 0);
    assert_true(f.rc == DGM_DONE && f.pieces == 3 &&
                has(&f, "\r\n\r\n{\n  \"error\": {\n    \"code\": 499"));
    dgm_buf_dispose(&f.body);

    f = ask("one-byte", 0);
    assert_true(f.rc == DGM_DONE && f.pieces == whole.body.n);
    assert_true(dgm_str_eq(dgm_buf_str(&f.body), dgm_buf_str(&whole.body)));
    dgm_buf_dispose(&f.body);
    dgm_buf_dispose(&whole.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_such_fault),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_broken_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
