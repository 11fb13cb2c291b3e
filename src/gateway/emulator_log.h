/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emulator_log.h - what the emulator received, over all workers: the last requests and counts of all of them.
 *
 * A worker puts each request as fields (struct gw_emulated) and tells the keeper before the answer's first byte leaves;
 * the keeper keeps them here, and puts them as the JSON text of GET /_dragoman/emulator.
 */
#ifndef GATEWAY_EMULATOR_LOG_H
#define GATEWAY_EMULATOR_LOG_H

#include <dragoman/types.h>

#define GW_EMULATED_KEPT_MAX 256                             /* requests */
#define GW_EMULATED_KEPT_BYTES_MAX ((size_t)4 * 1024 * 1024) /* of them */
#define GW_EMULATED_BODY_MAX ((size_t)64 * 1024) /* a longer body is cut, and said to be */
#define GW_EMULATED_CUT_BYTES                                                                      \
    ((size_t)4096) /* what is kept of it, and shown of one that is no JSON */
#define GW_EMULATED_TEXT_MAX ((size_t)16 * 1024) /* of any other text */
#define GW_EMULATED_RULES_MAX 16
#define GW_EMULATED_NAMES_MAX 512 /* that are counted apart; others together */

/** One request, as a worker reports it. Texts are borrowed; absent ones are fine. */
struct gw_emulated {
    uint64_t worker, time_s;
    int status;
    struct dgm_str method, path;   /* path and query as they came, an API key in it as *** */
    struct dgm_str emulate, fault; /* x-dragoman-emulate, x-dragoman-fault, as they came */
    struct dgm_str responder;      /* who answered */
    struct dgm_str failed;         /* the fault that was done, as it was asked for */
    struct dgm_str scenario;       /* the rule of the scenario file that answered */
    struct dgm_str rules[GW_EMULATED_RULES_MAX]; /* of rules.def: broken ones */
    size_t rules_n;
    uint64_t body_bytes; /* of the request */
    struct dgm_str body; /* its beginning, or all of it */
};

/** Puts and reads it as a message's payload. False: `payload` is not one. */
void gw_emulated_put(const struct gw_emulated *, struct dgm_buf *out);
bool gw_emulated_read(struct dgm_str payload, struct gw_emulated *ret);

/** All that were received. */
struct gw_emulator_log;

struct gw_emulator_log *gw_emulator_log_new(const struct dgm_alloc *); /* NULL: memory is short */
void gw_emulator_log_free(struct gw_emulator_log *);                   /* NULL is fine */

/** Counts one, and keeps it while there is room: the oldest go. False: `payload` is no gw_emulated. */
bool gw_emulator_log_add(struct gw_emulator_log *, struct dgm_str payload);

/** Forgets all; numbers begin at 1 again. */
void gw_emulator_log_reset(struct gw_emulator_log *);

/** Puts the JSON text that GET /_dragoman/emulator answers; `pid` is the keeper's. */
void gw_emulator_log_put(const struct gw_emulator_log *, int64_t pid, struct dgm_buf *out);

#endif
