/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - one line an event on stderr: "2026-11-21T09:35:50.123Z info  worker 2: text". */
#ifndef GATEWAY_LOG_H
#define GATEWAY_LOG_H

#include "gateway/config.h"

#define GW_LOG_LINE_MAX                                                                            \
    1024 /* bytes; what is longer is cut, so that lines of processes never mix in a pipe */

/** Who speaks from this process ("master", "worker 2") and how much. Before it: nobody in particular, all but debug. */
void gw_log_init(int level, const char *who);

/**
 * Writes a line; control characters in it become "?". Never waits: while nobody reads stderr, lines are
 * dropped, and the next one that goes through says how many.
 */
void gw_log(enum gw_log_level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
