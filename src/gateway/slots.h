/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.h - small values in memory that processes share, without a lock.
 *
 * A mapping that is made before the fork, of so many slots of one size. Each has a number that is odd while it is written, so who
 * reads sees all of a value or none; a worker that is killed while it writes leaves one slot that nobody can use any more.
 * What a slot's value is called, and in which slot it is looked for, is its owner's business.
 */
#ifndef GATEWAY_SLOTS_H
#define GATEWAY_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_SLOTS_TRIES 200 /* while somebody writes, who may have to wait for a processor */

struct gw_slots;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_slots *gw_slots_new(size_t n, size_t value_bytes);
void gw_slots_free(struct gw_slots *); /* NULL is fine */

/** What stands in a slot, as far as one word can tell: a name of 0 is a free one. */
struct gw_slot {
    uint64_t version; /* odd: it is being written */
    uint64_t name;
    int64_t until_ms;
};
struct gw_slot gw_slots_look(const struct gw_slots *, size_t i);

/** The value of a slot. False: it is free, or somebody writes there and does not end (`*ret_busy`). */
bool gw_slots_read(const struct gw_slots *, size_t i, void *ret, bool *ret_busy);

/**
 * Writes a slot whose version is still that which was looked at; NULL: it becomes free. False: somebody else was sooner, or is
 * writing.
 */
bool gw_slots_write(struct gw_slots *, size_t i, uint64_t version, uint64_t name, int64_t until_ms,
                    const void *value);

#endif
