/* SPDX-License-Identifier: Apache-2.0 */
/* duration.h - lengths of time as proto3 JSON writes them; times are base/date.h's. */
#ifndef EMULATE_DURATION_H
#define EMULATE_DURATION_H

#include <dragoman/types.h>

/** Reads "300s" or "1.5s", up to a hundred years. False: it is none. */
bool emu_duration_read(struct dgm_str, int64_t *ret_ms);

#endif
