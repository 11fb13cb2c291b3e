/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probed.h - which requests were looked into just now (probing.h): none twice within a minute, whichever worker has it.
 *
 * A mapping that all workers of a configuration share, as lessons.h; a reload begins with none. A claim is one atomic operation. Where there is no
 * room, as others were claimed within the minute, the answer is no: never twice goes before once.
 */
#ifndef GATEWAY_PROBED_H
#define GATEWAY_PROBED_H

#include <stdbool.h>
#include <stdint.h>

#define GW_PROBED_MAX 4096
#define GW_PROBED_S 60

struct gw_probed;

/** Shared by this process and its children to come. NULL: the system has no memory for it, and nothing is ever claimed. */
struct gw_probed *gw_probed_new(void);
void gw_probed_free(struct gw_probed *); /* NULL is fine */

/** True for the first who comes with a request's digest, and again GW_PROBED_S later; from any thread. NULL: false. */
bool gw_probed_claim(struct gw_probed *, uint64_t digest, int64_t now_s);

#endif
