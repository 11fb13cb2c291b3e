/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upstream.h - what every upstream can do: take a request, answer in pieces, pause, be cancelled.
 *
 * No event comes from inside a call of this header, only from the loop.
 */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "gateway/config.h"
#include "gateway/job.h"
#include "http/message.h"

struct gw_call_header {
    struct dgm_str name, value;
};

/** A request as it goes on the wire. */
struct gw_call_request {
    struct dgm_str method, target;
    /* its texts live until the call is freed; not for the emulator */
    const struct gw_origin *origin;
    const struct gw_call_header *headers;
    size_t headers_n;
    const struct dgm_str *segments; /* of the body; they live until the call is freed */
    size_t segments_n;              /* so does their array; the rest is copied */
    struct gw_hold *hold; /* taken by a job that reads them and may be freed later than the call */
    struct dgm_str model; /* what it asks for instead of the client's model; for the tape alone */
    struct gw_tape *tape; /* on which the call is recorded (tape.h); NULL: it is not */
};

/** What a call tells its owner: one head, any number of pieces, then one end or failure. */
struct gw_call_events {
    void (*on_head)(void *owner, int status, struct dgm_str content_type);
    void (*on_data)(void *owner, struct dgm_str bytes); /* borrowed for the call */
    void (*on_end)(void *owner);
    void (*on_fail)(void *owner,
                    const struct dgm_fail *); /* at any time, instead of what was still to come */
    void (*on_warning)(void *owner,
                       struct dgm_str); /* x-dragoman-warning, before the head; may be NULL */
    void (*on_retry)(
        void *owner,
        int64_t after_ms); /* Retry-After of a 429 or 503, before the head; may be NULL */
};

struct gw_call;
struct gw_tape;

struct gw_call_ops {
    void (*pause)(struct gw_call *, bool paused);
    void (*free)(struct gw_call *);
};

/** The head of each kind's own struct. */
struct gw_call {
    const struct gw_call_ops *ops;
};

/** Starts a call to an upstream. NULL: memory is short. */
struct gw_call *gw_call_new(struct gw_worker *, const struct gw_upstream *,
                            const struct gw_call_request *, const struct gw_call_events *,
                            void *owner);

/** Ends it, cancelling what is under way; from its own events too. NULL is fine. */
void gw_call_free(struct gw_call *);

/** Holds back what comes until it is allowed again; a piece that is on its way may still come. */
void gw_call_pause(struct gw_call *, bool paused);

/** The emulator in this process, upstream_emulator.c. */
struct gw_call *gw_emulator_call(struct gw_worker *, const struct gw_upstream *,
                                 const struct gw_call_request *, const struct gw_call_events *,
                                 void *owner);

/** Copies those headers of a request that the emulator reads, at most 2; returns how many. */
size_t gw_emulator_controls(const struct http_head *, struct gw_call_header *ret);

/** One over HTTP, at the request's origin, upstream_http.c. */
struct gw_call *gw_http_call(struct gw_worker *, const struct gw_upstream *,
                             const struct gw_call_request *, const struct gw_call_events *,
                             void *owner);

/** A recording in the place of any of them, upstream_replay.c. */
struct gw_call *gw_replay_call(struct gw_worker *, const struct gw_call_request *,
                               const struct gw_call_events *, void *owner);

#endif
