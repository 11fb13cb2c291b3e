/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lessons.h - what upstreams have taught by refusing: of which of their models, or schemas, a request is made otherwise from
 * the beginning (tries.def of the core).
 *
 * A mapping that all workers of a configuration share, made before they are forked: what one has learnt the others know
 * at once, no death loses it, and a reload begins with none. There is no lock: a place is claimed by atomic operations
 * alone. What is learnt is forgotten after a day, or when there are GW_LESSONS_MAX others; nothing in it can be read back but
 * by who knows what to ask for.
 */
#ifndef GATEWAY_LESSONS_H
#define GATEWAY_LESSONS_H

#include "gateway/config.h"

#include <dragoman/dragoman.h>

#define GW_LESSONS_MAX 4096
#define GW_LESSON_S (24 * 3600)

struct gw_lessons;

/** Shared by this process and its children to come. NULL: the system has no memory for it, and nothing is remembered. */
struct gw_lessons *gw_lessons_new(void);
void gw_lessons_free(struct gw_lessons *); /* NULL is fine */

/**
 * Whom a lesson is of: an upstream, a model by the client's name for it, and a request's schemas where the row says so; of
 * such a row nothing is kept or recalled where `schemas` is 0.
 */
struct gw_pupil {
    struct dgm_str upstream, model;
    uint64_t schemas;
};

/** Remembers what worked, up to a day from `now_s`. */
void gw_lessons_keep(struct gw_lessons *, const struct gw_pupil *, const struct dgm_try *,
                     int64_t now_s);

/** Whether a row was learnt; `*ret` is what then. NULL knows nothing. */
bool gw_lessons_recall(const struct gw_lessons *, const struct gw_pupil *, enum dgm_try_id,
                       int64_t now_s, struct dgm_try *ret);

/** Whether anything was learnt at all: while not, nobody need ask. */
bool gw_lessons_any(const struct gw_lessons *);

/**
 * Makes an opened request as its upstream wants it: by the upstream's settings, and by what was learnt. Between
 * dgm_request_open (and dgm_request_use_model), or dgm_relay_open, and what puts the body. False: memory is short.
 */
DGM_MUST_USE bool gw_lessons_apply(const struct gw_config *, const struct gw_upstream *,
                                   struct dgm_request *, int64_t now_s);

/** Whether a row may be tried at an upstream: its settings may say never. */
bool gw_lessons_allow(const struct gw_upstream *, enum dgm_try_id);

/** Whom a request's lesson is of. `id` tells whether its schemas count. */
struct gw_pupil gw_lessons_pupil(const struct gw_upstream *, const struct dgm_request *,
                                 enum dgm_try_id id);

#endif
