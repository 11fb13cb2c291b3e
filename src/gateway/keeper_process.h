/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_process.h - the keeper as the master has it: a door, and a process behind it that is replaced when it dies. */
#ifndef GATEWAY_KEEPER_PROCESS_H
#define GATEWAY_KEEPER_PROCESS_H

#include "gateway/keeper.h"

#include <sys/types.h>

/**
 * It belongs to no generation: what it keeps must outlive them. Times are the master's, in milliseconds. Lifetime:
 *   1. The first generation that needs one opens the door, before its workers are forked; they all have it then.
 *   2. Its process is replaced when it dies, at the same door; workers go on meanwhile.
 *   3. When the last worker is gone the door is closed, and it ends; so it does when master and workers are killed.
 */
struct gw_keeper_process {
    struct gw_door door;
    pid_t pid;                  /* 0: there is none at the moment */
    int64_t since_ms, again_ms; /* it was forked; it is to be, and not before */
    int64_t delay_ms;           /* the next time that it dies at once */
    int64_t kill_ms;            /* when ending: by when it must have */
};

#define GW_KEEPER_PROCESS_NONE {.door = {-1, -1}}

/** Opens the door for the workers to come, if one is needed. False: there are no descriptors. */
bool gw_keeper_process_open(struct gw_keeper_process *, const struct gw_config *);

/** In a worker: the door's side that it keeps; -1: there is none. */
int gw_keeper_process_join(const struct gw_keeper_process *);

/** Whether there is a door and nobody behind it. */
bool gw_keeper_process_missing(const struct gw_keeper_process *);

/** Starts it when it is missing and due; `in_child` is called in the child, before it is the keeper. */
void gw_keeper_process_start(struct gw_keeper_process *, int64_t now_ms,
                             void (*in_child)(void *ctx), void *ctx);

/** Notes its death, of which `status` and `how` tell, and when it is to be replaced. */
void gw_keeper_process_died(struct gw_keeper_process *, int64_t now_ms, int status,
                            const char *how);

/** When all workers are gone: closes the door, so that it ends, and kills it if it does not. True: it has ended. */
bool gw_keeper_process_end(struct gw_keeper_process *, int64_t now_ms);

#endif
