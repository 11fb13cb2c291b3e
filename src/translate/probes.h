/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probes.h - a request that was refused without a reason, asked again without what may be the reason (user-pain G3).
 *
 * The core makes the reduced bodies and reads what came of them; whoever calls it asks (dgm_request_probe). probes.def
 * says what each suspect leaves out.
 *
 * A reduced body is the body as it was sent, but for one answer of one token (no candidateCount, maxOutputTokens 1)
 * and what the suspect names. Where a part goes a text stands in its place, so that turns stay turns and calls have
 * their results. Leaving out can break a request in another way, so a refusal that names a reason tells nothing.
 */
#ifndef TRANSLATE_PROBES_H
#define TRANSLATE_PROBES_H

#include "translate/suspects.h"

#define PROBES_MAX 3 /* of one request */

/** What is known of a bare refusal. Stands in the request's arena. */
struct probes {
    const struct json_val *native;         /* the body as it was sent; NULL: it was not to be had */
    struct suspect suspects[SUSPECTS_MAX]; /* likeliest first */
    size_t suspects_n;
    uint8_t order[SUSPECTS_MAX]; /* in which they are asked for: indexes */
    size_t next;                 /* in `order`, and behind it among the rests of probes.def */
    struct suspect rest;         /* the one that is asked for, or was accepted */
    bool rests;                  /* it is one of those */
    unsigned made, asked;        /* how many bodies were, and how many of them were sent */
    bool accepted, settled;      /* one of them was; all that they told is in `suspects` */
    int ended_by; /* the status that ended them; negative: none came; 0: nothing did */
};

/**
 * What may have caused a bare refusal of the request as it stands now; once something was asked, with what that told.
 * NULL: memory is short, and the request has failed.
 */
const struct probes *probes_begin(struct dgm_request *);

/** The last answer was no bare refusal. */
void probes_forget(struct dgm_request *);

/** Adds what was asked, and what came of it, to the sentence that is open in the writer. */
void probes_add_sentence(struct json_writer *, const struct probes *);

/* ---- probes_cut.c ---- */

/**
 * Puts the native body without what a suspect names. Returns how many things were left out; 0: the body is as it was,
 * and there is nothing to learn from it. The buffer's rc tells the rest.
 */
size_t probes_put(struct dgm_request *, const struct json_val *native, const struct suspect *,
                  struct dgm_buf *out);

#endif
