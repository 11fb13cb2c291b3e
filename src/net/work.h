/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - work off the loop: in a thread of libuv's pool, with word from the loop when it is done.
 *
 * The pool has four threads (or UV_THREADPOOL_SIZE), made when the first work starts. Looking names up shares them,
 * and takes at most half: whoever keeps no more than two works running never keeps a name waiting.
 */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "net/loop.h"

/** A place in which one piece of work at a time runs. */
struct net_work;

/** NULL when memory is short. */
struct net_work *net_work_new(struct net_loop *);

/** NULL is fine; not while something runs in it. */
void net_work_free(struct net_work *);

/**
 * Calls `run(owner)` in a thread, then `done(owner)` from the loop, by which time the place is free. What `run`
 * touches is its own until then: nothing of net, and nothing that the loop's thread touches meanwhile. What was written
 * before the start is seen by `run`, and what `run` wrote by `done`. There is no way to end it early.
 */
void net_work_start(struct net_work *, void (*run)(void *owner), void (*done)(void *owner),
                    void *owner);

#endif
