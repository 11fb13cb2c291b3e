/* SPDX-License-Identifier: Apache-2.0 */
/* sse.c - server-sent-events decoder. */
#include "base/sse.h"

#include <string.h>

#include "base/str.h"

/* What a line may have beside its payload: a byte order mark and "data: ". */
#define LINE_EXTRA 16

enum line_kind { LINE_BLANK, LINE_DATA, LINE_RAW, LINE_OTHER };

/* ---- lines -------------------------------------------------------------------------------------------- */

static bool is_buffered(const struct dgm_sse *d)
{
    return d->_line_ended;
}

/* Adds to the line that comes in pieces. */
static void keep_line(struct dgm_sse *d, struct dgm_str piece)
{
    dgm_buf_put(&d->_line, piece);
    d->_rc = d->_line.rc;
}

/* The next line, without its end: a view of the input, or of `_line` when it came in pieces. */
static bool take_line(struct dgm_sse *d, struct dgm_str *in, struct dgm_str *ret)
{
    if (d->_line_again) {
        d->_line_again = false;
        *ret = dgm_buf_str(&d->_line);
        return true;
    }
    if (d->_line_ended) {
        d->_line_ended = false;
        dgm_buf_clear(&d->_line);
    }
    if (d->_skip_lf && in->n != 0) {
        d->_skip_lf = false;
        *in = dgm_str_skip(*in, in->p[0] == '\n');
    }

    struct dgm_str line = {in->p, dgm_str_find_either(*in, '\n', '\r')};
    bool ended = line.n < in->n;
    *in = dgm_str_skip(*in, line.n);
    if (d->_line.n != 0 || !ended) {
        keep_line(d, line);
        line = dgm_buf_str(&d->_line);
        d->_line_ended = ended;
    }
    if (ended) {
        d->_skip_lf = in->p[0] == '\r';
        *in = dgm_str_skip(*in, 1);
    }
    if (line.n > d->_line.max)
        d->_rc = DGM_E_LIMIT;
    *ret = line;
    return ended && d->_rc == DGM_OK;
}

/* Lets take_line give `line` once more. */
static void untake_line(struct dgm_sse *d, struct dgm_str line)
{
    if (!is_buffered(d))
        keep_line(d, line);
    d->_line_ended = d->_line_again = true;
}

/* "data", "data:x" and "data: x" are fields of that name; `*ret` is the value. */
static bool is_data(struct dgm_str line, struct dgm_str *ret)
{
    const struct dgm_str name = DGM_STR("data");
    if (!dgm_str_starts(line, name))
        return false;
    *ret = dgm_str_skip(line, name.n);
    if (ret->n == 0)
        return true;
    if (ret->p[0] != ':')
        return false;
    *ret = dgm_str_skip(*ret, 1);
    *ret = dgm_str_skip(*ret, ret->n != 0 && ret->p[0] == ' ');
    return true;
}

/* What a line is and what it adds to an event. */
static enum line_kind look(const struct dgm_sse *d, struct dgm_str line, struct dgm_str *ret)
{
    if (line.n == 0)
        return LINE_BLANK;
    if (is_data(line, ret))
        return LINE_DATA;
    *ret = line;
    if (line.p[0] == '{' || line.p[0] == '[')
        return LINE_RAW;
    return d->_open == DGM_SSE_RAW && line.p[0] != ':' ? LINE_RAW : LINE_OTHER;
}

/* ---- events ------------------------------------------------------------------------------------------- */

/* Copies what the open event has in the input, before the input goes. */
static void keep_held(struct dgm_sse *d)
{
    if (!d->_held.p)
        return;
    dgm_buf_put(&d->_data, d->_held);
    d->_held = (struct dgm_str){0};
    if (d->_rc == DGM_OK)
        d->_rc = d->_data.rc;
}

static void add_payload(struct dgm_sse *d, enum dgm_sse_open kind, struct dgm_str payload)
{
    bool is_first = d->_open == DGM_SSE_NONE;
    d->_open = kind;
    d->_cut = d->_ended; /* past the end there is one line at most, and it has no end */
    if (payload.n > d->_max_bytes) {
        d->_rc = DGM_E_LIMIT;
        return;
    }
    if (is_first && !is_buffered(d)) {
        d->_held = payload;
        return;
    }
    keep_held(d);
    if (!is_first)
        dgm_buf_put_char(&d->_data, '\n');
    dgm_buf_put(&d->_data, payload);
    if (d->_rc == DGM_OK)
        d->_rc = d->_data.rc;
}

static bool ends_event(const struct dgm_sse *d, enum line_kind kind)
{
    switch (kind) {
    case LINE_BLANK:
        return d->_open != DGM_SSE_NONE;
    case LINE_DATA:
        return d->_open == DGM_SSE_RAW;
    case LINE_RAW:
        return d->_open == DGM_SSE_DATA;
    case LINE_OTHER:
    default:
        return false;
    }
}

static enum dgm_rc give_event(struct dgm_sse *d, struct dgm_sse_event *ret)
{
    if (d->_rc != DGM_OK)
        return d->_rc;
    struct dgm_str data = d->_held.p ? d->_held : dgm_buf_str(&d->_data);
    *ret = (struct dgm_sse_event){
        .data = data.p ? data : DGM_STR(""),
        .raw = d->_open == DGM_SSE_RAW,
        .cut = d->_cut,
    };
    d->_given = true;
    return DGM_EVENT;
}

static void forget_event(struct dgm_sse *d)
{
    dgm_buf_clear(&d->_data);
    d->_held = (struct dgm_str){0};
    d->_open = DGM_SSE_NONE;
    d->_given = d->_cut = false;
}

/* ---- the decoder -------------------------------------------------------------------------------------- */

void dgm_sse_init(struct dgm_sse *d, const struct dgm_alloc *alloc, size_t max_event_bytes)
{
    size_t max_line_bytes =
        max_event_bytes < SIZE_MAX - LINE_EXTRA ? max_event_bytes + LINE_EXTRA : SIZE_MAX;
    *d = (struct dgm_sse){._max_bytes = max_event_bytes};
    dgm_buf_init(&d->_line, alloc, max_line_bytes);
    dgm_buf_init(&d->_data, alloc, max_event_bytes);
}

void dgm_sse_dispose(struct dgm_sse *d)
{
    dgm_buf_dispose(&d->_line);
    dgm_buf_dispose(&d->_data);
}

enum dgm_rc dgm_sse_next(struct dgm_sse *d, struct dgm_str *in, struct dgm_sse_event *ret)
{
    if (d->_given)
        forget_event(d);

    struct dgm_str line, payload;
    while (d->_rc == DGM_OK && take_line(d, in, &line)) {
        if (!d->_began && dgm_str_starts(line, DGM_STR("\xef\xbb\xbf")))
            line = dgm_str_skip(line, 3);
        d->_began = true;

        enum line_kind kind = look(d, line, &payload);
        if (ends_event(d, kind)) {
            if (kind != LINE_BLANK)
                untake_line(d, line);
            return give_event(d, ret);
        }
        if (kind == LINE_DATA || kind == LINE_RAW)
            add_payload(d, kind == LINE_DATA ? DGM_SSE_DATA : DGM_SSE_RAW, payload);
    }
    keep_held(d);
    return d->_rc != DGM_OK ? d->_rc : DGM_MORE;
}

enum dgm_rc dgm_sse_finish(struct dgm_sse *d, struct dgm_sse_event *ret)
{
    if (!d->_ended) {
        d->_ended = true;
        if (d->_line.n != 0 && !d->_line_ended)
            d->_line_ended = d->_line_again = true;
    }

    struct dgm_str nothing = DGM_STR("");
    enum dgm_rc rc = dgm_sse_next(d, &nothing, ret);
    if (rc != DGM_MORE)
        return rc;
    return d->_open == DGM_SSE_NONE ? DGM_DONE : give_event(d, ret);
}
