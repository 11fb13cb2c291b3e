/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h - heads and whole answers to clients, put into a buffer. */
#ifndef GATEWAY_REPLY_H
#define GATEWAY_REPLY_H

#include <dragoman/dragoman.h>

#define GW_REPLY_NOTES (DGM_NOTE_WARNING + 1)

/** What all answers to one request have in common. Absent strings put no header. */
struct gw_reply {
    struct dgm_str request_id;            /* always there */
    struct dgm_str origin;                /* of a page that may ask: it may read the answer too */
    struct dgm_str notes[GW_REPLY_NOTES]; /* by enum dgm_note: what the translation has to say */
    struct dgm_str doubts;                /* warnings of the emulator: what Google might refuse */
    struct dgm_str upstream;              /* who answered */
    struct dgm_str cache;                 /* the cachedContent that was made and used for it */
    int64_t overhead_us;                  /* how long it was in our hands; 0: not told */
    enum dgm_compat compat;               /* the form of our own errors, and of answers */
    bool bare;                            /* of Google's form: an error is not in an array */
    bool tells_compat;      /* with x-dragoman-compat: it was asked for, or is not the usual */
    struct dgm_retry retry; /* of an upstream's error, when has_retry */
    bool has_retry;
    struct dgm_str allow;        /* the methods of the path; for 405 and OPTIONS */
    struct dgm_str media;        /* of a stream; absent: text/event-stream */
    struct dgm_str authenticate; /* what a 401 or 403 wants */
    bool flavored;               /* the metadata server answers */
    struct dgm_str preflight;    /* Access-Control-Request-Headers of a page's OPTIONS */
    int64_t now;                 /* seconds since 1970 */
    unsigned minor;              /* of the request's HTTP/1.minor */
    bool head_only;              /* the request was HEAD: no body follows */
    bool keep_alive;             /* the connection stays after this answer */
};

/** The head of an answer whose body has `body_bytes`; status 204 has none. */
void gw_reply_put_head(struct dgm_buf *out, const struct gw_reply *, int status,
                       struct dgm_str media, size_t body_bytes);

/** The head of a stream of events. Its body is chunked, for HTTP/1.0 it ends with the connection. */
void gw_reply_put_stream_head(struct dgm_buf *out, const struct gw_reply *);

/** A whole answer. */
void gw_reply_put(struct dgm_buf *out, const struct gw_reply *, int status, struct dgm_str media,
                  struct dgm_str body);

/** From here on it is an answer of Google's own APIs: errors have their form. */
void gw_reply_as_google(struct gw_reply *);

/** An error in the form of the reply, put at the start of `out`. */
void gw_reply_put_error(const struct gw_reply *, const struct dgm_fail *, struct dgm_buf *out);

/** A whole answer: the error in the form of `compat`, with the status of its row. */
void gw_reply_put_fail(struct dgm_buf *out, const struct gw_reply *, const struct dgm_fail *);

#define GW_MEDIA_JSON DGM_STR("application/json")
#define GW_MEDIA_TEXT DGM_STR("text/plain; charset=utf-8")

#endif
