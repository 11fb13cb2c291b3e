/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer.h - many deadlines, cheaply: an intrusive pairing heap, no memory of its own, no clock.
 *
 * A deadline that moves later (every byte moves an idle deadline) costs a store: the timer keeps its place
 * and is put right when the place comes up.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <dragoman/types.h>

/**
 * One deadline. Lifetime: embedded in what it belongs to; net_timer_init once; off before its owner's memory
 * goes. It may be started and stopped at will, from its own callback too.
 */
struct net_timer {
    void (*_fn)(void *owner);
    void *_owner;
    int64_t _due_ms; /* when it shall fire */
    int64_t _key_ms; /* what the heap is ordered by: never later than _due_ms */
    struct net_timer *_child, *_next,
        *_prev;             /* _prev: the left sibling, of a first child the parent */
    struct net_timer **_in; /* the heap it stands in; NULL when it is off */
};

/** A heap of them. All zero is an empty one. */
struct net_timers {
    struct net_timer *_waiting;
    struct net_timer *_due; /* taken out of _waiting by the run that is going on */
};

void net_timer_init(struct net_timer *, void (*fn)(void *owner), void *owner);

static inline bool net_timer_is_on(const struct net_timer *t)
{
    return t->_in != NULL;
}

/** Sets the deadline, on or not. */
void net_timers_set(struct net_timers *, struct net_timer *, int64_t due_ms);

/** Switches it off. Fine when it is off, or only initialized. */
void net_timer_stop(struct net_timer *);

/** When something may be due: INT64_MAX when nothing is on. */
int64_t net_timers_next(const struct net_timers *);

/** Calls all that is due at `now_ms`, each switched off first. What they start is left for the next run. */
void net_timers_run(struct net_timers *, int64_t now_ms);

#endif
