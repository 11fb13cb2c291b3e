/* SPDX-License-Identifier: Apache-2.0 */
/* reply.c - heads and whole answers to clients. */
#include "gateway/reply.h"

#include "http/put.h"

#include <string.h>

#define FAIL_BODY_MAX                                                                              \
    8192 /* dgm_fail's texts, in Google's form twice, each byte escaped at worst, and what stands round them */

/* A header by its name, a literal, where it has a value. */
#define put_if(out, name, value) ((value).n != 0 ? http_put_header_of(out, name, value) : (void)0)

/* OpenAI's SDKs obey all three: the finer one first, and the last above both (user-pain G1). */
static void put_retry(struct dgm_buf *out, const struct dgm_retry *retry)
{
    if (retry->after_ms >= 0) {
        http_put_header_int(out, DGM_STR("Retry-After"), (retry->after_ms + 999) / 1000);
        http_put_header_int(out, DGM_STR("retry-after-ms"), retry->after_ms);
    }
    if (retry->hopeless)
        http_put_header_lit(out, "x-should-retry", "false");
}

/* Milliseconds to three places. */
static void put_overhead(struct dgm_buf *out, int64_t us)
{
    char text[32];
    struct dgm_buf ms = {.p = text, .cap = sizeof text, .max = sizeof text};
    dgm_buf_put_int(&ms, us / 1000);
    dgm_buf_put_char(&ms, '.');
    for (int64_t unit = 100; unit != 0; unit /= 10)
        dgm_buf_put_char(&ms, (char)('0' + us / unit % 10));
    http_put_header_of(out, "x-dragoman-overhead-ms", dgm_buf_str(&ms));
}

/* All but how the body is framed. */
static void put_common(struct dgm_buf *out, const struct gw_reply *r, int status)
{
    http_put_status(out, status);
    http_put_date(out, r->now);
    http_put_header_of(out, "x-request-id", r->request_id);
    put_if(out, "x-dragoman-upstream", r->upstream);
    put_if(out, "x-dragoman-cache", r->cache);
    if (r->overhead_us != 0)
        put_overhead(out, r->overhead_us);
    if (r->tells_compat)
        http_put_header_of(out, "x-dragoman-compat",
                           r->compat == DGM_COMPAT_GOOGLE ? DGM_STR("google") : DGM_STR("openai"));
    put_if(out, "x-dragoman-ignored", r->notes[DGM_NOTE_IGNORED]);
    put_if(out, "x-dragoman-schema-notes", r->notes[DGM_NOTE_SCHEMA]);
    put_if(out, "x-dragoman-warning", r->notes[DGM_NOTE_WARNING]);
    put_if(out, "x-dragoman-warning", r->doubts);
    put_if(out, "Allow", r->allow);
    put_if(out, "WWW-Authenticate", r->authenticate);
    if (r->flavored)
        http_put_header_lit(out, "Metadata-Flavor", "Google");
    if (r->has_retry)
        put_retry(out, &r->retry);
    else if (status == 503)
        http_put_header_lit(out, "Retry-After", "1");
    if (r->origin.n != 0) {
        http_put_header_of(out, "Access-Control-Allow-Origin", r->origin);
        http_put_header_lit(
            out, "Access-Control-Expose-Headers",
            "x-request-id, x-dragoman-upstream, x-dragoman-cache, x-dragoman-overhead-ms, x-dragoman-compat, "
            "x-dragoman-ignored, x-dragoman-schema-notes, x-dragoman-warning, "
            "retry-after, retry-after-ms, x-should-retry");
        http_put_header_lit(out, "Vary", "Origin");
        if (status == 204) {
            put_if(out, "Access-Control-Allow-Methods", r->allow);
            put_if(out, "Access-Control-Allow-Headers", r->preflight);
        }
    }
    http_put_connection(out, r->keep_alive, r->minor);
}

void gw_reply_put_head(struct dgm_buf *out, const struct gw_reply *r, int status,
                       struct dgm_str media, size_t body_bytes)
{
    put_common(out, r, status);
    if (status != 204) {
        http_put_header_of(out, "Content-Type", media);
        http_put_length(out, body_bytes);
    }
    http_put_head_end(out);
}

void gw_reply_put_stream_head(struct dgm_buf *out, const struct gw_reply *r)
{
    put_common(out, r, 200);
    http_put_header_of(out, "Content-Type",
                       r->media.n != 0 ? r->media : DGM_STR("text/event-stream"));
    http_put_header_lit(out, "Cache-Control", "no-cache, no-transform"); /* nor compressed */
    http_put_header_lit(out, "X-Accel-Buffering",
                        "no"); /* or nginx keeps a stream until it is whole */
    if (r->minor >= 1)
        http_put_chunked(out);
    http_put_head_end(out);
}

void gw_reply_put(struct dgm_buf *out, const struct gw_reply *r, int status, struct dgm_str media,
                  struct dgm_str body)
{
    gw_reply_put_head(out, r, status, media, body.n);
    if (!r->head_only && status != 204)
        dgm_buf_put(out, body);
}

void gw_reply_as_google(struct gw_reply *r)
{
    r->compat = DGM_COMPAT_GOOGLE;
    r->bare = true;
    r->tells_compat = false;
}

void gw_reply_put_error(const struct gw_reply *r, const struct dgm_fail *f, struct dgm_buf *out)
{
    dgm_fail_put_as(f, r->compat, out);
    if (!r->bare || out->rc != DGM_OK)
        return;
    struct dgm_str error = dgm_fail_event(dgm_buf_str(out));
    memmove(out->p, error.p, error.n);
    out->n = error.n;
}

void gw_reply_put_fail(struct dgm_buf *out, const struct gw_reply *r, const struct dgm_fail *f)
{
    struct dgm_buf body;
    dgm_buf_init(&body, out->_alloc, FAIL_BODY_MAX);
    gw_reply_put_error(r, f, &body);
    if (body.rc == DGM_OK)
        gw_reply_put(out, r, dgm_error_status(f->id), GW_MEDIA_JSON, dgm_buf_str(&body));
    else
        gw_reply_put_head(out, r, dgm_error_status(f->id), GW_MEDIA_JSON, 0);
    dgm_buf_dispose(&body);
}
