/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corpus.h - a folder of recordings that answers in the place of upstreams.
 *
 * Lifetime: made from texts of files before the fork, in the order of their names; nothing changes then but how often
 * each answer was given, which all workers count together in a mapping of their own.
 *
 * Strict: a request is answered by a recording of the same request (body_key.h) alone. Where several are, the first
 * request gets the first, the next the next, and the last one stays. Where none is, one that differs in dates, times and UUIDs
 * alone serves, and that is told. Else it is an error that names the nearest recording and where it differs.
 */
#ifndef GATEWAY_CORPUS_H
#define GATEWAY_CORPUS_H

#include "gateway/recording.h"

struct gw_corpus;

/** NULL: memory is short. */
struct gw_corpus *gw_corpus_new(void);
void gw_corpus_free(struct gw_corpus *); /* NULL is fine */

/** Adds a file. Returns as gw_recording_read; `name` is copied. */
DGM_MUST_USE enum dgm_rc gw_corpus_add(struct gw_corpus *, struct dgm_str name, struct dgm_str text,
                                       struct gw_problems *reterr);

/** All are added. False: memory is short. */
DGM_MUST_USE bool gw_corpus_close(struct gw_corpus *);

/** The recordings, in their order; NULL beyond the last. */
const struct gw_recording *gw_corpus_at(const struct gw_corpus *, size_t i,
                                        struct dgm_str *ret_name);

/** What a URL led to in the first recording that has it (recording.h: gw_recorded_give); `ctx` is the corpus. */
const struct gw_recorded_url *gw_corpus_url(const void *ctx, struct dgm_str url);

struct gw_corpus_found {
    const struct gw_recorded_call *call;
    struct dgm_str name; /* of its file */
    bool loose;
};

/**
 * Finds the answer to a request, in a time that the body bounds, whatever the corpus is. DGM_OK; DGM_E_REFUSED: there is none;
 * DGM_E_NOMEM. Any thread may call it.
 */
DGM_MUST_USE enum dgm_rc gw_corpus_find(const struct gw_corpus *, struct dgm_str target,
                                        struct dgm_str body, struct gw_corpus_found *ret);

/** Why there is none: REPLAY_MISS, with the nearest. It compares with 16 MiB of recordings at most, which takes its time. */
void gw_corpus_tell_miss(const struct gw_corpus *, struct dgm_str target, struct dgm_str body,
                         struct dgm_fail *reterr);

#endif
