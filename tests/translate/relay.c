/* SPDX-License-Identifier: Apache-2.0 */
/* relay.c - what servers of OpenAI's protocol could do to us: beside the golden cases, which show what they do. */
#include <dragoman/dragoman.h>

#include "base/str.h"
#include "json/read.h"
#include "support/chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STREAMED ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"

/* A request as it is relayed. `body` is to be disposed of behind it. */
static struct dgm_request *relay(struct dgm_buf *body, const char *more)
{
    const struct dgm_env env = {.now = 1, .id = DGM_STR("relay")};
    const struct dgm_server server = {.kind = DGM_SERVER_OPENAI};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]");
    dgm_buf_put(body, dgm_str_c(more));
    dgm_buf_put_lit(body, "}");
    assert_int_equal(dgm_relay_open(&env, body, &r, &fail), DGM_OK);
    assert_int_equal(dgm_relay_make(r, &server, &fail), DGM_OK);
    return r;
}

/* The client's status; `out` gets the answer, with a zero behind it. */
static int answer(const char *text, int status, struct dgm_buf *out)
{
    struct dgm_buf body;
    struct dgm_request *r = relay(&body, "");
    int client_status = 0;
    dgm_buf_init(out, &dgm_alloc_libc, SIZE_MAX);
    assert_int_equal(dgm_chat_response(r, status, dgm_str_c(text), out, &client_status), DGM_OK);
    dgm_buf_put_char(out, '\0');
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    return client_status;
}

/* Nothing of such a request was taken apart, and a bare error makes the native path look for what is suspect in it. */
static void a_bare_error_has_no_suspects(void **state)
{
    static const char *const messages[] = {"Request contains an invalid argument.",
                                           "Invalid argument provided", "INVALID_ARGUMENT"};
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        char text[256];
        struct dgm_buf out;
        snprintf(text, sizeof text,
                 "{\"error\":{\"message\":\"%s\",\"type\":\"BadRequestError\",\"code\":400}}",
                 messages[i]);
        assert_int_equal(answer(text, 400, &out), 400);
        assert_non_null(strstr(out.p, messages[i]));
        assert_null(strstr(out.p, "suspects"));
        dgm_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_error_has_no_suspects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
