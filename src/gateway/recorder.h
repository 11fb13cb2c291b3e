/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.h - tapes that are over become files, a file each (recording.h), in a thread.
 *
 * All tapes of a worker share `record.max_mb`, those that wait for the disk included: where that is used up, or a file can
 * not be written, a recording is lost, which the log says and /_dragoman/stats counts; a request never is, and never waits.
 *
 * A file is written beside its place and renamed: whoever looks finds whole ones alone. Names begin with the time and go on
 * with the worker's slot, its count and some of an id, so that their order is that of the exchanges, and no two are alike.
 */
#ifndef GATEWAY_RECORDER_H
#define GATEWAY_RECORDER_H

#include "gateway/tape.h"

/** A worker's recorder. NULL: memory is short. */
struct gw_recorder *gw_recorder_new(struct gw_worker *);
void gw_recorder_free(
    struct gw_recorder *); /* NULL is fine; not while counters.recordings is above 0 */

/** A tape with nothing on it. NULL: there is no room, which was told. */
struct gw_tape *gw_recorder_take(struct gw_recorder *);

/** Writes it, or drops it where nobody was asked or it is lost. It is the recorder's from here on. */
void gw_recorder_give(struct gw_tape *);

#endif
