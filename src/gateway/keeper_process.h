/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_process.h - the keeper's process as the master sees it: forked, replaced when it dies, ended. */
#ifndef GATEWAY_KEEPER_PROCESS_H
#define GATEWAY_KEEPER_PROCESS_H

#include "gateway/keeper.h"
#include "gateway/store_mark.h"

#include <sys/types.h>

/**
 * It belongs to no generation: what it keeps must outlive them. Lifetime:
 *   1. The first generation that needs one opens the door, before its workers are forked; they all have it then.
 *   2. Its process is replaced when it dies, at the same door; workers go on meanwhile.
 *   3. When the last worker is gone the door is closed, and it ends; so it does when master and workers are killed.
 * Times are those of one steady clock. `{.door = {-1, -1}}` is one that nobody needs.
 */
struct gw_keeper_process {
    struct gw_door door;
    struct gw_revoked *revoked;  /* borrowed; goes to the keeper */
    struct gw_quota *quota;      /* so does this */
    struct gw_store_place store; /* of the configuration that needed a keeper first */
    volatile bool *marks;        /* who has the store's file in hand: store_mark.h */
    int64_t suspect_ms;          /* when a process last died with it; 0: never */
    bool is_suspect;             /* the next keeper sets it aside */
    pid_t pid;                   /* 0: there is none at the moment */
    int64_t since_ms, again_ms;  /* it was forked; it is to be, and not before */
    int64_t delay_ms;            /* the next time that it dies at once */
    int64_t kill_ms;             /* when ending: by when it must have */
};

/** Opens the door, where the configuration needs one, for the workers to come. False: there are no descriptors. */
bool gw_keeper_process_open(struct gw_keeper_process *, const struct gw_config *);

/** In a worker: closes what is not its own, and returns its side of the door; -1: there is none. */
int gw_keeper_process_door(const struct gw_keeper_process *);

/** Whether there should be one and is not: it is to be started again and again. */
bool gw_keeper_process_missing(const struct gw_keeper_process *);

/** Starts it when it is missing and due. `forget(ctx)` is called in it first: closes what is not the keeper's. */
void gw_keeper_process_start(struct gw_keeper_process *, int64_t now_ms, void (*forget)(void *ctx),
                             void *ctx);

/**
 * A worker died: of a crash while it had the store's file in hand? Twice in a minute, and the next keeper sets the file
 * aside: this one is ended for it.
 */
void gw_keeper_process_look(struct gw_keeper_process *, int64_t now_ms, size_t slot, int status);

/** It died: `status` is waitpid's, `how` the same in words. It may be started anew, at once or later. */
void gw_keeper_process_died(struct gw_keeper_process *, int64_t now_ms, int status,
                            const char *how);

/** When all workers are gone: closes the door, and kills it when it has not ended in time. True: it has ended, and what was temporary is gone. */
bool gw_keeper_process_end(struct gw_keeper_process *, int64_t now_ms);

#endif
