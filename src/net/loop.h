/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a process's one event loop: its clock, its timers, and watching a descriptor.
 *
 * One law for all of src/net: a call never calls back. Whatever a call finds out (a broken connection, a full
 * queue) is returned, or told later from the loop. So a caller's data can only change under it where it
 * returns to the loop.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net/timer.h"

struct net_loop;

/** NULL when memory or descriptors are short. Make it after fork, never before. */
struct net_loop *net_loop_new(const struct dgm_alloc *);

#define NET_FREE_MS 1000

/**
 * Frees it, after everything that was made with it was closed; waits for closes that are still under way. NULL is fine.
 *
 * False: after NET_FREE_MS a thread is still asking a name server, which nothing can call off and may take half a minute.
 * Try again later, or leave with _exit: exit would wait for the thread too.
 */
bool net_loop_free(struct net_loop *);

/** Runs until net_loop_stop. */
void net_loop_run(struct net_loop *);
void net_loop_stop(struct net_loop *);

/** A clock that never goes back, as of this turn of the loop. */
int64_t net_loop_now_ms(const struct net_loop *);

/** The same clock at this very moment, finer: for what work takes. It costs a look at it. */
int64_t net_loop_clock_ns(const struct net_loop *);

/** Seconds, or milliseconds, since 1970. */
int64_t net_loop_wall_s(const struct net_loop *);
int64_t net_loop_wall_ms(const struct net_loop *);

/** The allocator it was given. */
const struct dgm_alloc *net_loop_alloc(const struct net_loop *);

/** Sets a timer to fire in `delay_ms`, on or not; 0 is "in the loop's next turn". net_timer_stop ends it. */
void net_timer_start(struct net_loop *, struct net_timer *, int64_t delay_ms);

/** Calls `on_readable` whenever the descriptor has something to read or ended. */
struct net_watch;
struct net_watch *net_watch_new(struct net_loop *, int fd, void (*on_readable)(void *owner),
                                void *owner);
void net_watch_pause(struct net_watch *, bool paused);

/**
 * Calls `on_gone` when nothing more can be read from or written to a socket: both sides ended, or it was reset. For one whose
 * peer ended its side, of which readers hear nothing more. `fd` is the caller's, who goes on to use it: a dup of it is
 * watched. (It is called for urgent data too, which nobody here sends: look whether it is so, and pause it.) NULL: memory
 * or descriptors are short.
 */
struct net_watch *net_watch_new_gone(struct net_loop *, int fd, void (*on_gone)(void *owner),
                                     void *owner);

/** Ends it and closes the descriptor. NULL is fine. */
void net_watch_close(struct net_watch *);

#endif
