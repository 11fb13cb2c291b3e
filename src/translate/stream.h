/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - what streams of both kinds share: events framed and held, errors, the end.
 *
 * stream.c is the frame, and says what a native event is in OpenAI's words; relay_stream.c does so for events of
 * servers that speak OpenAI's protocol.
 */
#ifndef TRANSLATE_STREAM_H
#define TRANSLATE_STREAM_H

#include "base/sse.h"
#include "translate/answer.h"
#include "translate/usage.h"

/* What an event puts: at most so much for each of its bytes, and so much besides (dragoman.h, feed). */
#define OUT_PER_BYTE 8
#define OUT_BESIDES ((size_t)8192)

enum stream_state { STREAM_OPEN, STREAM_DONE, STREAM_FAILED };

/**
 * A stream. Lifetime:
 *   1. new borrows the request and puts `head`, the bytes every chunk begins with, in its arena.
 *   2. feed decodes an event at a time into `scratch`, which the next event resets.
 *   3. An event that found no room waits in `event`, a copy, until there is some.
 *   4. finish puts what was held back: finish reasons, usage, [DONE].
 */
struct dgm_stream {
    struct dgm_request *r;
    struct dgm_sse sse;
    struct dgm_arena scratch;
    enum stream_state state;
    enum dgm_rc rc; /* once FAILED: what every call returns */

    struct dgm_str head;
    struct choice
        *choices[CHOICES_MAX];  /* NULL until the upstream names it; in the request's arena */
    struct relay_stream *relay; /* instead of them, for a relayed request; NULL for others */
    struct usage usage;
    struct compat_stream
        *google;     /* puts what `out` gets in Google's shapes; NULL: it goes as it is */
    bool usage_told; /* the upstream has said something of it */
    bool one_call;   /* the client wants one answer, with one call at most */
    char *event;     /* in scratch, with JSON_PADDING behind it; NULL when none waits */
    size_t event_bytes;
    bool event_cut;

    struct dgm_buf error; /* the error object, once there is one */
    int error_status;
};

/** Whether `out` holds what an event of so many bytes may put. */
bool stream_has_room(const struct dgm_stream *, const struct dgm_buf *out, size_t event_bytes);

/** Ends the stream in an error event; returns what the call comes to. `put_error` finds the object in s->error. */
enum dgm_rc stream_fail_with(struct dgm_stream *, enum dgm_error, struct dgm_buf *out);
enum dgm_rc stream_put_error(struct dgm_stream *, struct dgm_buf *out);

/** Ends it for lack of memory: nothing is put. */
enum dgm_rc stream_no_memory(struct dgm_stream *);

#endif
