/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compat.h - answers in the shapes of Google's own endpoint (compat.def).
 *
 * There is no second translator: an answer is put as OpenAI's clients get it, read back, and put anew. So what an answer
 * says is decided in one place, how Google writes it in another, and nobody who does not ask for it pays.
 */
#ifndef TRANSLATE_COMPAT_H
#define TRANSLATE_COMPAT_H

#include "translate/answer.h"
#include "translate/usage.h"

/** Whether it is asked for. What is relayed is passed on as its server says it, as Google passes it on (google.md 8.2). */
static inline bool compat_is_google(const struct dgm_request *r)
{
    return r->env.compat == DGM_COMPAT_GOOGLE && !r->relay;
}

/** How deep a native answer may be: what is put of it is read back, some levels further in. */
static inline unsigned compat_depth(const struct dgm_request *r)
{
    unsigned most = compat_is_google(r) ? JSON_DEPTH_MAX - 10 : JSON_DEPTH_MAX;
    return r->limits.depth < most ? r->limits.depth : most;
}

/** Keeps the native responseId, of which Google's endpoint makes the id. */
void compat_note_id(struct dgm_request *, const struct json_val *root);

/** Puts a completion: `plain` is the same as OpenAI's clients get it. */
void compat_put_completion(struct dgm_request *, struct dgm_str plain, const struct usage *,
                           struct dgm_buf *out);

/* ---- errors ---- */

/**
 * Puts {"error":{code,message,status,details}}: around it goes an array where it is a whole answer. `status` may be
 * absent, then it is that of the code; `details` NULL.
 */
void compat_put_error(struct dgm_buf *out, int code, struct dgm_str message, struct dgm_str status,
                      const struct json_val *details);

/** Puts one of our own errors so. */
void compat_put_fail(const struct dgm_fail *, struct dgm_buf *out);

/** Puts one of our own errors as an object, in the form the request wants. */
void chat_put_fail(const struct dgm_request *, const struct dgm_fail *, struct dgm_buf *out);

/* ---- streams ---- */

struct compat_stream;

/** In the request's arena; dispose of it before that goes. NULL when memory is short. */
struct compat_stream *compat_stream_new(struct dgm_request *);
void compat_stream_dispose(struct compat_stream *); /* NULL is fine */

/** An empty buffer for the events that OpenAI's clients would get. */
struct dgm_buf *compat_plain(struct compat_stream *);

/**
 * Puts what stands in that buffer. A chunk of a choice that has its finish reason (`finished`) waits for what comes behind
 * it: it may be the one that tells the reason.
 */
void compat_put_events(struct compat_stream *, const bool finished[CHOICES_MAX],
                       struct dgm_buf *out);

/** The same for the events of a stream's good end: finish reasons and usage on the chunks that waited, then [DONE]. */
void compat_put_end(struct compat_stream *, const struct usage *, struct dgm_buf *out);

/** Puts what waits, before an error. Nothing where `out` is compat_plain's: there the event's own turn comes. */
void compat_flush(struct compat_stream *, struct dgm_buf *out);

/** Bytes that wait, and come out with a later event's. */
size_t compat_held_bytes(const struct compat_stream *);

#endif
