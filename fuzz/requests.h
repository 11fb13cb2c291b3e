/* SPDX-License-Identifier: Apache-2.0 */
/* requests.h - the requests that the fuzzers of answers have them answer, by bits of an option byte. */
#ifndef FUZZ_REQUESTS_H
#define FUZZ_REQUESTS_H

#include <dragoman/dragoman.h>

#include <assert.h>

#define REQUEST_DEPTH 80 /* of answers: what is carried along stands a few levels deeper in ours */

static inline enum dgm_compat request_compat(unsigned options)
{
    return options & 1 ? DGM_COMPAT_GOOGLE : DGM_COMPAT_OPENAI;
}

/**
 * Makes a request: bit 0 is compat google, 1 a sixth stop sequence, 2 a thought_tag_marker, 4 functions with streamed
 * arguments, 5 to 7 `reasoning`. It borrows `body`.
 */
static inline struct dgm_request *request_of(unsigned options, bool stream, struct dgm_buf *body)
{
    const struct dgm_limits limits = {.depth = REQUEST_DEPTH};
    const struct dgm_env env = {.now = 1,
                                .id = DGM_STR("fuzz"),
                                .limits = &limits,
                                .compat = request_compat(options),
                                .reasoning = (enum dgm_reasoning)(options >> 5) % 5};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_put_lit(
        body,
        "{\"model\":\"gemini-3-flash-preview\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]");
    if (stream)
        dgm_buf_put_lit(body, ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    if (options & 2)
        dgm_buf_put_lit(body, ",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"END\"]");
    dgm_buf_put_lit(body, ",\"google\":{\"generation_config\":{}");
    if (options & 4)
        dgm_buf_put_lit(body, ",\"thought_tag_marker\":\"think\"");
    if (options & 16)
        dgm_buf_put_lit(
            body, ",\"stream_function_call_arguments\":true},\"tools\":[{\"type\":\"function\","
                  "\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":"
                  "{\"a\":{\"type\":\"integer\"}}}}}]}");
    else
        dgm_buf_put_lit(body, "}}");
    assert(dgm_chat_request(&env, body, &r, &fail) == DGM_OK);
    return r;
}

#endif
