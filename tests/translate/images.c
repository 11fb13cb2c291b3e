/* SPDX-License-Identifier: Apache-2.0 */
/* images.c - tests of translate/images: large images leave one by one, and no chunk is larger than it must be (user-pain E5). */
#include <dragoman/dragoman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/str.h"

#define IMAGES 3
#define LETTERS ((size_t)600 << 10) /* of base64 in each: two are more than a chunk may have */
#define CHUNK_BYTES_MAX ((size_t)1 << 20)

/* An event with text, images of 'A', 'B', ..., each signed, and text behind them. */
static void put_event(struct dgm_buf *out)
{
    dgm_buf_put_lit(
        out,
        "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Look:\"}");
    for (char c = 'A'; c < 'A' + IMAGES; c++) {
        dgm_buf_put_lit(out, ",{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"");
        for (size_t i = 0; i < LETTERS; i++)
            dgm_buf_put_char(out, c);
        dgm_buf_put_lit(out, "\"},\"thoughtSignature\":\"c2ln");
        dgm_buf_put_char(out, c);
        dgm_buf_put_lit(out, "AAA\"}");
    }
    dgm_buf_put_lit(out, ",{\"text\":\"There.\"}]},\"finishReason\":\"STOP\"}]}\n\n");
}

static size_t count(struct dgm_str text, const char *what)
{
    struct dgm_str wanted = dgm_str_c(what);
    size_t n = 0;
    for (size_t at; (at = dgm_str_find(text, wanted)) < text.n; n++)
        text = dgm_str_skip(text, at + wanted.n);
    return n;
}

static void stream_with(enum dgm_image_output output, struct dgm_buf *out)
{
    struct dgm_env env = {
        .now = 1, .id = DGM_STR("0123456789abcdef01234567"), .image_output = output};
    struct dgm_buf body, native;
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(&body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&native, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(
        &body,
        "{\"model\":\"gemini-3-pro-image\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Draw.\"}]}");
    put_event(&native);
    assert_int_equal(dgm_chat_request(&env, &body, &r, &fail), DGM_OK);
    struct dgm_stream *s = dgm_stream_new(r);
    struct dgm_str in = dgm_buf_str(&native);
    enum dgm_rc rc;
    while ((rc = dgm_stream_feed(s, &in, out)) == DGM_KEEP)
        continue;
    assert_int_equal(rc, DGM_MORE);
    while ((rc = dgm_stream_finish(s, out)) == DGM_KEEP)
        continue;
    assert_int_equal(rc, DGM_DONE);
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&native);
    dgm_buf_dispose(&body);
}

static void a_large_chunk_has_one_image(void **state)
{
    (void)state;
    for (int output = DGM_IMAGES; output <= DGM_IMAGES_EXTRA; output++) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, SIZE_MAX);
        stream_with((enum dgm_image_output)output, &out);
        struct dgm_str rest = dgm_buf_str(&out);
        size_t chunks = 0, images = 0;
        while (rest.n != 0) {
            size_t end = dgm_str_find(rest, DGM_STR("\n\n")) + 2;
            struct dgm_str chunk = dgm_str_head(rest, end);
            assert_true(chunk.n <= CHUNK_BYTES_MAX);
            size_t here = count(chunk, "image/png");
            assert_in_range(here, 0, 1);
            images += here;
            chunks++;
            rest = dgm_str_skip(rest, end);
        }
        assert_int_equal(images, IMAGES);
        assert_int_equal(count(dgm_buf_str(&out), "c2ln"), IMAGES);
        assert_int_equal(count(dgm_buf_str(&out), "Look:"), 1);
        assert_int_equal(count(dgm_buf_str(&out), "There."), 1);
        assert_int_equal(chunks, IMAGES + 2); /* and the finish, and [DONE] */
        dgm_buf_dispose(&out);
    }
}

/* The parts behind "parts": an event of them as a stream, and as a whole answer. */
static void put_parts(struct dgm_buf *out, const char *order)
{
    dgm_buf_put_lit(out, "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[");
    for (const char *p = order; *p; p++) {
        if (p != order)
            dgm_buf_put_lit(out, ",");
        if (*p == 'c') {
            dgm_buf_put_lit(out, "{\"executableCode\":{\"code\":\"1\"}}");
        } else if (*p >= 'a') {
            dgm_buf_put_lit(out, "{\"text\":\"");
            dgm_buf_put_char(out, *p);
            dgm_buf_put_lit(out, "!\"}");
        } else {
            dgm_buf_put_lit(out, "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"");
            for (size_t i = 0; i < LETTERS; i++)
                dgm_buf_put_char(out, *p);
            dgm_buf_put_lit(out, "\"}}");
        }
    }
    dgm_buf_put_lit(out, "]},\"finishReason\":\"STOP\"}]}");
}

/* What an answer has, in its order: 'A' for an image of 'A', 't' for a text "t!". */
static void read_order(struct dgm_str text, char *ret)
{
    for (size_t i = 0; i < text.n; i++) {
        struct dgm_str rest = dgm_str_skip(text, i);
        if (dgm_str_starts(rest, DGM_STR(";base64,")))
            *ret++ = rest.p[8];
        else if (rest.n > 1 && rest.p[1] == '!' && rest.p[0] >= 'a')
            *ret++ = rest.p[0];
    }
    *ret = '\0';
}

static struct dgm_request *ask(enum dgm_image_output output, struct dgm_buf *body)
{
    struct dgm_env env = {
        .now = 1, .id = DGM_STR("0123456789abcdef01234567"), .image_output = output};
    struct dgm_request *r = NULL;
    struct dgm_fail fail;
    dgm_buf_init(body, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_put_lit(
        body,
        "{\"model\":\"gemini-2.5-flash-image\",\"messages\":[{\"role\":\"user\",\"content\":\"Draw.\"}]}");
    assert_int_equal(dgm_chat_request(&env, body, &r, &fail), DGM_OK);
    return r;
}

static void check_order(enum dgm_image_output output, const char *order)
{
    struct dgm_buf body, native, whole, streamed;
    char wanted[64], got[64];
    int status;
    dgm_buf_init(&native, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&whole, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&streamed, &dgm_alloc_libc, SIZE_MAX);
    put_parts(&native, order);
    struct dgm_request *r = ask(output, &body);
    assert_int_equal(dgm_chat_response(r, 200, dgm_buf_str(&native), &whole, &status), DGM_OK);
    read_order(dgm_buf_str(&whole), wanted);
    dgm_request_free(r);
    dgm_buf_dispose(&body);

    r = ask(output, &body);
    struct dgm_stream *s = dgm_stream_new(r);
    struct dgm_str pieces[] = {DGM_STR("data: "), dgm_buf_str(&native), DGM_STR("\n\n")};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        assert_int_equal(dgm_stream_feed(s, &pieces[i], &streamed), DGM_MORE);
    assert_int_equal(dgm_stream_finish(s, &streamed), DGM_DONE);
    read_order(dgm_buf_str(&streamed), got);
    assert_string_equal(got, wanted);
    assert_int_equal(count(dgm_buf_str(&streamed), "\"content\":\"\""), 0);
    dgm_stream_free(s);
    dgm_request_free(r);
    dgm_buf_dispose(&body);
    dgm_buf_dispose(&native);
    dgm_buf_dispose(&whole);
    dgm_buf_dispose(&streamed);
}

static void a_large_event_streams_in_its_order(void **state)
{
    static const char *const orders[] = {"ABt", "tAuBv", "AtB", "tAB", "ABCt", "AcBtcC"};
    static const enum dgm_image_output outputs[] = {DGM_IMAGES_PARTS, DGM_IMAGES_IN_TEXT};
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        for (size_t k = 0; k < sizeof outputs / sizeof *outputs; k++)
            check_order(outputs[k], orders[i]);
    check_order(DGM_IMAGES, "tAB"); /* whose place is not in the content */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_chunk_has_one_image),
        cmocka_unit_test(a_large_event_streams_in_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
