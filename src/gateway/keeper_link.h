/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper_link.h - a worker's end of its link to the keeper: reports, and questions that are answered.
 *
 * There is one link a worker, made when it is first needed and made again whenever it ends: the worker makes a socket
 * pair and hands one end through the door (keeper.h), where it waits for the keeper, or for the next one. Nothing
 * here blocks, and nothing fails because the keeper is gone: reports and questions wait in the socket, then here.
 */
#ifndef GATEWAY_KEEPER_LINK_H
#define GATEWAY_KEEPER_LINK_H

#include "gateway/keeper_wire.h"
#include "net/loop.h"

#define GW_LINK_WAITING_MAX                                                                        \
    ((size_t)4 * 1024 * 1024) /* bytes of reports and questions that have not left */
#define GW_ASK_TIMEOUT_MS 10000

/** One worker's. */
struct gw_keeper_link;

/** What the keeper says of its own accord, borrowed for the call; NULL: the link has ended. The function may be NULL. */
typedef void gw_keeper_push_fn(void *owner, const struct gw_frame *);

/**
 * `door` is borrowed, and must stay open until free; so is `dropped`, to which each report that is dropped is added. Nothing is
 * linked yet. NULL: memory is short.
 */
struct gw_keeper_link *gw_keeper_link_new(struct net_loop *, int door, gw_keeper_push_fn *,
                                          void *owner, int64_t *dropped);

/** Questions that wait are forgotten: cancel is not needed any more, and no reply comes. NULL is fine. */
void gw_keeper_link_free(struct gw_keeper_link *);

/** Links now, where there is no link, for what the keeper says of its own accord. It may come to nothing. */
void gw_keeper_knock(struct gw_keeper_link *);

/**
 * Notes a report; it leaves with the next flush, or when the loop turns. False: so much waits already, or memory is so
 * short, that it was dropped and counted.
 */
bool gw_keeper_tell(struct gw_keeper_link *, enum gw_message, struct dgm_str payload);

/**
 * Sends all reports that were told. True: the kernel has them, and a death of this process does not lose them any
 * more. False: not yet; ask again later.
 */
bool gw_keeper_flush(struct gw_keeper_link *);

/** The keeper's pid, as it told us last; 0: none has yet. */
int64_t gw_keeper_pid(const struct gw_keeper_link *);

/** A question that waits for its reply. */
struct gw_ask;

/**
 * Asks. `on_reply` comes once, from the loop, with the reply (borrowed for the call), or with NULL when none came in
 * GW_ASK_TIMEOUT_MS; the ask is gone then. A question whose keeper dies is put to the next one: it may be heard
 * twice, so what it asks for must be harmless the second time. NULL: too much waits, or memory is short.
 */
struct gw_ask *gw_keeper_ask(struct gw_keeper_link *, enum gw_message, struct dgm_str payload,
                             void (*on_reply)(void *owner, const struct gw_frame *), void *owner);

/** No reply comes any more. NULL is fine; not after the reply. */
void gw_keeper_cancel(struct gw_ask *);

#endif
