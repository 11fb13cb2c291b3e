/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.c - fuzzes http/message with answers.
 *
 * Cut anywhere = whole; memory is bounded; trouble is always an UPSTREAM_ row; what has no body
 * yields none. The last two bytes of an input choose the ceilings, what is answered and the size of
 * the pieces.
 */
#include "reading.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void watch(void *ctx, const struct http_reader *r, const struct http_event *e, size_t at)
{
    uint64_t *body_bytes = ctx;
    const struct http_head *h = &r->head;
    (void)at;
    switch (e->kind) {
    case HTTP_EV_HEAD:
        PROPERTY(h->status >= 200 && h->status <= 999 && h->minor <= 1);
        PROPERTY(http_head_count(h, DGM_STR("content-length")) +
                     http_head_count(h, DGM_STR("transfer-encoding")) <=
                 1);
        PROPERTY(h->framing != HTTP_BODY_TO_CLOSE || !h->keep_alive);
        PROPERTY(h->framing == HTTP_BODY_NONE ||
                 (h->method != HTTP_METHOD_HEAD && h->status != 204 && h->status != 304));
        *body_bytes = 0;
        return;
    case HTTP_EV_BODY:
        PROPERTY(h->framing != HTTP_BODY_NONE);
        *body_bytes += e->body.n;
        PROPERTY(*body_bytes <= r->_limits.body_bytes);
        PROPERTY(*body_bytes == http_reader_body_bytes(r));
        return;
    case HTTP_EV_END:
        PROPERTY(h->framing != HTTP_BODY_SIZED || *body_bytes == h->length);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dgm_str in = {(const char *)data, size};
    const struct reading_setup s = reading_options(&in, HTTP_ANSWERS);
    uint64_t body_bytes = 0;
    struct reading run = reading_both(&s, in, watch, &body_bytes);
    struct dgm_fail fail;
    http_reader_fail(&run.reader, &fail);
    dgm_buf_dispose(&run.log);
    return 0;
}
