/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.h - counts that all workers share: "the first two requests" is two, whoever takes them.
 *
 * A mapping that the master makes before it forks. There is no lock: a place is claimed and counted by atomic
 * operations alone, so that a worker that is killed leaves nothing behind.
 */
#ifndef GATEWAY_TALLY_H
#define GATEWAY_TALLY_H

#include <dragoman/types.h>

struct gw_tally;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_tally *gw_tally_new(void);
void gw_tally_free(struct gw_tally *); /* NULL is fine */

/**
 * Counts one more of `name` and returns how many there were before; UINT64_MAX when 4,096 other names are being
 * counted already. Names are told apart by a hash of 64 bits. NULL counts nothing: always 0.
 */
uint64_t gw_tally_next(struct gw_tally *, struct dgm_str name);

/** All counts begin at 0 again. NULL is fine. */
void gw_tally_reset(struct gw_tally *);

#endif
