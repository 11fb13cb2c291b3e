/* SPDX-License-Identifier: Apache-2.0 */
/* time.h - times and lengths of time as proto3 JSON writes them. */
#ifndef EMULATE_TIME_H
#define EMULATE_TIME_H

#include <dragoman/types.h>

/** Puts a time, in milliseconds since 1970, with microseconds: "2026-11-21T22:33:54.123000Z". One before 1970 or after 9999 is 1970. */
void emu_time_put(int64_t ms, struct dgm_buf *out);

/** Reads "2026-11-21T22:33:54Z", with a fraction and an offset where they stand. False: it is no time of the years 1970 to 9999. */
bool emu_time_read(struct dgm_str, int64_t *ret_ms);

/** Reads "300s" or "1.5s", up to a hundred years. False: it is none. */
bool emu_duration_read(struct dgm_str, int64_t *ret_ms);

#endif
