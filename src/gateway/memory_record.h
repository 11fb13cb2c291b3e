/* SPDX-License-Identifier: Apache-2.0 */
/* memory_record.h - what is remembered of a tool call, as a key and a value of the store. */
#ifndef GATEWAY_MEMORY_RECORD_H
#define GATEWAY_MEMORY_RECORD_H

#include "gateway/memory.h"

#include "store/store.h"

/** One record; the texts are borrowed. */
struct gw_memory_record {
    struct dgm_str signature;
    struct dgm_str model;     /* that gave it */
    struct dgm_str name;      /* of the function */
    uint64_t surface;         /* enum dgm_surface */
    struct dgm_str native_id; /* that the upstream itself gave the call; "" for none */
};

/**
 * Puts the key of a call: the scope and the id. Of an id that is ours with something before or behind it (clients do that,
 * user-pain D4) the part that is ours. False: an id that is too short to be anybody's alone, or too long.
 */
bool gw_memory_put_key(struct dgm_str scope, struct dgm_str call_id, struct dgm_buf *out);

/** Puts the key of what a digest names; as above. */
bool gw_memory_put_digest(struct dgm_str scope, struct dgm_str digest, struct dgm_buf *out);

void gw_memory_put_value(const struct gw_memory_record *, struct dgm_buf *out);

/** Reads a value; of a form that is not known nothing. */
bool gw_memory_read_value(struct dgm_str value, struct gw_memory_record *ret);

/** Whether a signature of one model's is taken by another: of the same first number, on the same surface. */
bool gw_memory_fits(const struct gw_memory_record *, struct dgm_str model, enum dgm_surface);

#endif
