/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters.h - what is alive now, and what ever was, of all workers together.
 *
 * A mapping that the master makes before it forks. Each worker process has a sheet there, that of its book (quota.h), which it
 * alone writes, as it would any memory of its own; whoever is asked adds up what stands in all of them. When a worker has ended,
 * or was killed, what it counted for good is kept, and what was alive in it is gone with it.
 */
#ifndef GATEWAY_COUNTERS_H
#define GATEWAY_COUNTERS_H

#include <dragoman/types.h>

/** /_dragoman/stats shows each by its name. */
struct gw_counters {
#define COUNTER(name, help) int64_t name;
#include "gateway/counters.def"
#undef COUNTER
    int64_t rests_until_ms; /* `resting` is of no one any more then, on the clock of loops */
};

struct gw_sheets;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_sheets *gw_sheets_new(void);
void gw_sheets_free(struct gw_sheets *); /* NULL is fine */

/** The master's: a worker of this book is to come, with nothing counted; it is gone. A book that is none has no sheet. */
void gw_sheets_open(struct gw_sheets *, size_t book);
void gw_sheets_close(struct gw_sheets *, size_t book);

/** A worker's own. NULL: it has none, and is in no sum. */
struct gw_counters *gw_sheet(struct gw_sheets *, size_t book);

/** Adds up all there is. Returns how many workers there are, those that drain too. */
size_t gw_sheets_sum(const struct gw_sheets *, int64_t now_ms, struct gw_counters *ret);

#endif
