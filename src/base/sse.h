/* SPDX-License-Identifier: Apache-2.0 */
/* sse.h - server-sent-events decoder: bytes in, payloads out (WHATWG HTML, 9.2). */
#ifndef BASE_SSE_H
#define BASE_SSE_H

#include <dragoman/types.h>

/** One event. */
struct dgm_sse_event {
    struct dgm_str data; /* its payload, lines joined by LF; maybe empty, never absent */
    bool raw; /* its lines stood there without "data:", the first beginning with '{' or '[' */
    bool cut; /* the stream ended within its last line */
};

/** What the open event is made of. */
enum dgm_sse_open { DGM_SSE_NONE, DGM_SSE_DATA, DGM_SSE_RAW };

/**
 * One stream's decoder. The caller owns it; fields starting with _ are private.
 *
 * Lines end in LF, CRLF or CR, and a byte order mark may stand before the first. Only "data" means anything
 * here; comments and the other fields are skipped. Google tells trouble in mid-stream as JSON outside of any
 * field, over several lines (google.md 5.7): from a line that begins with '{' or '[' to a blank one or the
 * next "data:", comments aside, all is one event that says `raw`.
 */
struct dgm_sse {
    struct dgm_buf _line; /* a line that did not arrive in one piece */
    struct dgm_buf _data; /* the open event's payload, but for what `_held` shows */
    /* its first line, as long as it is the only one and stands in the input */
    struct dgm_str _held;
    size_t _max_bytes;
    enum dgm_sse_open _open;
    enum dgm_rc _rc;
    bool _line_ended; /* `_line` is whole, */
    bool _line_again; /* and to be looked at once more */
    bool _began, _ended, _skip_lf, _given, _cut;
};

/** Makes a decoder that refuses events over `max_event_bytes`, and lines a few bytes longer than that. */
void dgm_sse_init(struct dgm_sse *, const struct dgm_alloc *, size_t max_event_bytes);

void dgm_sse_dispose(struct dgm_sse *); /* fine on a zeroed or failed decoder, and twice */

/**
 * Decodes up to one event, advancing `*in` past the bytes it used.
 *
 * DGM_EVENT: `*ret` is set; call again. Its data is borrowed until the next call on the decoder, and as long
 * as the bytes of `*in` stand: an event that arrives in one piece is not copied. DGM_MORE: `*in` is used up.
 * DGM_E_LIMIT, DGM_E_NOMEM: sticky.
 */
DGM_MUST_USE enum dgm_rc dgm_sse_next(struct dgm_sse *, struct dgm_str *in,
                                      struct dgm_sse_event *ret);

/**
 * The stream ended. An event still open counts, with its last line as far as it came (`cut` tells: half a
 * JSON text never parses, while a server that forgot the last line's end loses nothing).
 *
 * DGM_EVENT: as above; call again. DGM_DONE: there is no more. Errors as above.
 */
DGM_MUST_USE enum dgm_rc dgm_sse_finish(struct dgm_sse *, struct dgm_sse_event *ret);

#endif
