/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - what outlives an exchange: thought signatures, by tool call id. There is no store yet: nothing is
 * known and nothing is kept. This is the one place that changes when it comes.
 */
#ifndef GATEWAY_MEMORY_H
#define GATEWAY_MEMORY_H

#include <dragoman/dragoman.h>

/** Answers all that a request asks for after DGM_NEED; maybe in a job's thread (job.h). False: memory is short. */
DGM_MUST_USE bool gw_memory_supply(struct dgm_request *);

/** Keeps what DGM_KEEP asks to; the bytes behind it may leave when it returns. */
void gw_memory_keep(const struct dgm_request *);

#endif
