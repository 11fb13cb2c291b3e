/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - exchanges written to files as they happen, a file each (recording.h), in a thread.
 *
 * What a recording costs a request is copies of its texts. They are taken out of `record.max_mb`, which all exchanges of a
 * worker share, those that wait for the disk included: where that is used up, or a file can not be written, a recording
 * is lost, which the log says and /_dragoman/stats counts; a request never is, and never waits.
 *
 * A file is written beside its place and renamed: whoever looks finds whole ones alone. Names begin with the time and go on
 * with the worker's slot, its count and some of an id, so that their order is that of the exchanges, and no two are alike.
 */
#ifndef GATEWAY_RECORDER_H
#define GATEWAY_RECORDER_H

#include "gateway/upstream.h"

struct gw_exchange;
struct gw_recorder;
struct gw_tape;

/** A worker's recorder. NULL: memory is short. */
struct gw_recorder *gw_recorder_new(struct gw_worker *);
void gw_recorder_free(
    struct gw_recorder *); /* NULL is fine; not while counters.recordings is above 0 */

/**
 * One exchange on its way to a file. Lifetime:
 *   1. new when its request is complete, before anything reads it in place.
 *   2. Every call of an upstream that is made with it (struct gw_call_request) is on it, and all that the client gets.
 *   3. end hands it to the thread, unless nobody was asked; the exchange may be freed before it is written.
 * NULL: nothing is recorded, here and in what follows.
 */
struct gw_tape *gw_tape_new(struct gw_exchange *);
void gw_tape_end(struct gw_tape *);

/** The client gets this: more of an answer. Comments of a stream, which only keep it alive, are left out. */
void gw_tape_reply(struct gw_tape *, int status, struct dgm_str type, struct dgm_str bytes);

/** As gw_call_new, with a tape. */
struct gw_call *gw_recorded_call(struct gw_worker *, const struct gw_upstream *,
                                 const struct gw_call_request *, const struct gw_call_events *,
                                 void *owner);

/* ---- for tape.c and recorder.c ------------------------------------------------------------------------ */

#include "gateway/random.h"
#include "gateway/recording.h"

struct gw_tape {
    struct gw_recorder *recorder;
    struct gw_exchange *exchange; /* until the end */
    struct dgm_arena arena;       /* of the recorder's memory: all texts */
    struct gw_recording recording;
    struct gw_recorded_call *last_call;
    struct gw_recorded_piece *last_reply;
    struct dgm_str secrets[2]; /* what the client showed who he is with */
    uint64_t number;
    int64_t begun_ms;
    bool lost; /* there was no room for it */
    char seed[GW_ID_CHARS];
    struct gw_tape *next; /* of those that wait for the disk */
};

/** Memory for a tape, and nothing but that; NULL: there is no room. */
struct gw_tape *gw_recorder_take(struct gw_recorder *);

/** Writes it, or drops it, and frees it. */
void gw_recorder_give(struct gw_tape *);

#endif
