/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what next: which upstream, at which location, is asked for a request; now, later, or none any more.
 *
 * Sans-IO: the time and random numbers are arguments. A worker has one policy, which remembers how each *place* (an
 * upstream at one of its locations) has fared; a request has one plan. What always holds:
 *   1. After a byte of an answer was given to the client (`begun`) nothing is asked again.
 *   2. A place that failed rests: 1 s, twice as long each time it fails again, 60 s at most; or as long as it said
 *      itself (Retry-After), 5 minutes at most. Meanwhile nobody asks it. Then one request does; the others do so when
 *      that one was answered, or has not failed for GW_PROBE_MS.
 *   3. Asking again takes from the budget of the upstream that is asked: one in five of the requests that it got, and 10
 *      a second besides. Where an upstream is down this is what keeps retries from multiplying load (user-pain J3).
 *   4. A request asks at most GW_ATTEMPTS_MAX times.
 *   5. An upstream with cold_start that refuses is being woken: it rests from a quarter of a second to five, one request
 *      at a time tries it, the others wait, each cold_start.max_wait at most. Tries that wake it are not counted by 3 and 4,
 *      and who waited until it was there is not counted by 3.
 * Memory is bounded by the configuration alone.
 */
#ifndef GATEWAY_POLICY_H
#define GATEWAY_POLICY_H

#include "gateway/config.h"
#include "gateway/counters.h"

#define GW_ATTEMPTS_MAX 8
#define GW_REST_MS 1000
#define GW_REST_MAX_MS 60000
#define GW_REST_TOLD_MAX_MS 300000
#define GW_COLD_REST_MS 250
#define GW_COLD_REST_MAX_MS 5000
#define GW_PROBE_MS 5000 /* one that has not failed by then does not fail by being refused */
/* A location that answered in place of an earlier one is asked first for so long (user-pain J6). */
#define GW_STICKY_MS 60000
#define GW_LOOK_MS 50 /* how often who waits for another's probe looks */

/** What came of asking. */
enum gw_outcome {
    GW_WORKED,      /* it answers */
    GW_ODD,         /* it failed, but is there: no reason to ask elsewhere */
    GW_UNREACHED,   /* no connection */
    GW_LIMITED,     /* 429 */
    GW_UNAVAILABLE, /* 503; of one that may be cold, 502 too */
    GW_NOT_SERVED,  /* not this model at this location */
    GW_NO_ROOM,     /* we have as many connections to it as we may */
    GW_LEFT,        /* nobody waits for it any more */
};

enum gw_move { GW_ASK, GW_WAIT, GW_GIVE_UP };

/** One request's way; zeroed, then gw_plan_init. */
struct gw_plan {
    const struct gw_choices *choices;
    uint32_t model;   /* a hash of its name */
    uint8_t choice;   /* the one asked, or to be asked: of `choices` */
    uint8_t location; /* of its locations */
    uint8_t attempts, tried_n;
    uint16_t tries;  /* those that woke something too */
    bool plain;      /* there is one place, and it is asked as often as there are requests */
    bool patient;    /* it may wait where a server asks for that */
    bool begun;      /* the client has a byte of an answer */
    bool asked;      /* what came of it was not told yet */
    bool repeated;   /* it was asked again because the answer was none */
    bool probing;    /* it is the one that asks a place which rested */
    bool cold;       /* what it waits for, or gave up waiting for, is being woken */
    int64_t held_ms; /* since when it waits; negative: it never did */
    struct {
        uint8_t choice, location;
        bool for_good;
    } tried[GW_ATTEMPTS_MAX + 1];
};

struct gw_policy;

/** NULL: memory is short. */
struct gw_policy *gw_policy_new(const struct gw_config *, const struct dgm_alloc *);
void gw_policy_free(struct gw_policy *); /* NULL is fine */

/** `model` is what locations are remembered by. */
void gw_plan_init(struct gw_plan *, const struct gw_choices *, struct dgm_str model);

/** The upstream that is asked, or to be asked. */
static inline const struct gw_upstream *gw_plan_upstream(const struct gw_plan *p)
{
    return p->choices->at[p->choice].upstream;
}

/**
 * What to do next. GW_ASK: the plan's choice and location; the outcome must be told, or GW_LEFT. GW_WAIT: call again in
 * `*ret_ms`. GW_GIVE_UP: give what there is; `*ret_ms` is when it may be worth asking again, negative when nobody knows.
 */
enum gw_move gw_policy_next(struct gw_policy *, struct gw_plan *, int64_t now_ms, uint32_t random,
                            int64_t *ret_ms);

/**
 * Whether the place that was asked last may be asked for something else of the same request (probing.h): out of the same
 * budget. True: the outcome must be told, or GW_LEFT.
 */
bool gw_policy_again(struct gw_policy *, struct gw_plan *, int64_t now_ms);

/** What came of it; the first word counts. `after_ms`: its Retry-After; negative: it said none. */
void gw_policy_tell(struct gw_policy *, struct gw_plan *, enum gw_outcome, int64_t after_ms,
                    int64_t now_ms);

/** Counts how many places rest now, and until when the last of them does. */
void gw_policy_count_resting(const struct gw_policy *, int64_t now_ms, struct gw_counters *);

#endif
