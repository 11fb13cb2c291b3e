/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tape.h - one exchange as it is recorded: copies of what passes between the client, this gateway and upstreams.
 *
 * What it costs a request is these copies. Where there is no room for them the tape is lost, and the request goes on.
 */
#ifndef GATEWAY_TAPE_H
#define GATEWAY_TAPE_H

#include "gateway/random.h"
#include "gateway/recording.h"

struct gw_exchange;
struct gw_recorder;

/**
 * Lifetime:
 *   1. new when a request is complete, before anything reads it in place.
 *   2. Every call of an upstream that is made with it (struct gw_call_request) is on it, and all that the client gets.
 *   3. end hands it to the recorder, which writes it in a thread unless nobody was asked; the exchange may be freed before.
 */
struct gw_tape {
    struct gw_recorder *recorder;
    struct gw_exchange *exchange; /* until the end */
    struct dgm_arena arena;       /* of the recorder's memory: all texts */
    struct gw_recording recording;
    struct gw_recorded_call *last_call;
    struct gw_recorded_piece *last_reply;
    struct {
        char *p;
        size_t n;
    } secrets[2];    /* what the client showed who he is with: wiped at the end */
    uint64_t number; /* among those of the worker */
    bool lost;       /* there was no room for it */
    char seed[GW_ID_CHARS];
    char file_id[GW_ID_CHARS]; /* for its file's name: the thread that writes it draws none */
    struct gw_tape *next;      /* of those that wait for the disk */
};

/** Of an exchange whose worker has a recorder. NULL, which is fine in what follows: there is no room. */
struct gw_tape *gw_tape_new(struct gw_exchange *);
void gw_tape_end(struct gw_tape *);

/** The client gets this: more of an answer. Comments of a stream, which only keep it alive, are left out. */
void gw_tape_reply(struct gw_tape *, int status, struct dgm_str type, struct dgm_str bytes);

/** As gw_call_new, for a request with a tape. */
struct gw_call *gw_recorded_call(struct gw_worker *, const struct gw_upstream *,
                                 const struct gw_call_request *, const struct gw_call_events *,
                                 void *owner);

#endif
