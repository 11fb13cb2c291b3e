/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - what clients' keys have used, counted over all workers and all generations of them.
 *
 * A mapping that the master makes before it forks, as tally.h. A *place* is a key's name, which keeps it for as long as anything
 * counts there or is under way; then, when there is no free one, another name may get it. Only who gives a name its place locks,
 * and nobody waits long for who was killed over that. Requests and tokens of a minute and tokens of a day stand in windows of buckets (a second, an hour), each a word that says which second or hour it is and how
 * much was used in it: what is too old counts no more, and nobody has to come and clear it. Requests under way stand in *books*,
 * one a worker process: how many are under way is the sum over all books, so nothing that a killed worker left undone is left wrong:
 * the master empties its book.
 *
 * Whoever asks adds first, then sums up, and takes back what was too much. So a limit is never passed; two that come at the very
 * same moment for one last place see each other, look again, and one gets it.
 */
#ifndef GATEWAY_QUOTA_H
#define GATEWAY_QUOTA_H

#include "auth/keyring.h"

#define GW_QUOTA_PLACES 4096
#define GW_QUOTA_BOOKS 2048
#define GW_QUOTA_CHUNK 64           /* places in a record of the store */
#define GW_QUOTA_UNSAID_TOKENS 1024 /* what a request is taken to want that does not say */

struct gw_quota;

/** Shared by this process and its children to come. NULL: the system has no memory for it. */
struct gw_quota *gw_quota_new(int64_t now_ms);
void gw_quota_free(struct gw_quota *); /* NULL is fine */

/** The master's: a book for a worker to come, GW_QUOTA_BOOKS when there is none; a worker is gone, and what it held is given back. */
size_t gw_quota_open_book(struct gw_quota *);
void gw_quota_close_book(struct gw_quota *, size_t book, int64_t now_ms);

/** What one request took. All zero: nothing. */
struct gw_quota_hold {
    bool entered;
    size_t place;
    int64_t tokens, minute, hour; /* reserved, and in which buckets */
};

/** What a request did not get. */
struct gw_quota_refusal {
    int64_t after_ms; /* when it might; negative: never */
    int64_t limit;
};

/**
 * Counts a request. DGM_ERR_NONE: `*hold` is to be given back with gw_quota_leave. KEY_REQUESTS, KEY_PARALLEL: it may not go on, and
 * nothing was counted. COUNTS_UNREAD: the store has not told yet what the day's tokens are (10 s of the daemon's life at
 * most). NO_MEMORY: so many names count now that there is no place for another. Times are since 1970.
 */
enum dgm_error gw_quota_enter(struct gw_quota *, size_t book, const struct auth_client *,
                              int64_t now_ms, struct gw_quota_hold *hold,
                              struct gw_quota_refusal *reterr);

/** Whether the store has told what was used before this daemon began, or has had its time for that. */
bool gw_quota_is_known(const struct gw_quota *, int64_t now_ms);

/** Reserves tokens for a request that entered. DGM_ERR_NONE; KEY_TOKENS, KEY_DAY: nothing was reserved. */
enum dgm_error gw_quota_reserve(struct gw_quota *, size_t book, const struct auth_client *,
                                int64_t now_ms, int64_t tokens, struct gw_quota_hold *hold,
                                struct gw_quota_refusal *reterr);

/** A request is over, and has used so many tokens; negative: nobody said, so it is what was reserved. */
void gw_quota_leave(struct gw_quota *, size_t book, int64_t now_ms, int64_t tokens_used,
                    struct gw_quota_hold *hold);

/* ---- for the keeper --------------------------------------------------------------------------------- */

/** Goes up with each change. */
uint64_t gw_quota_changes(const struct gw_quota *);

/**
 * Puts what the places of chunk `i` have used, without what is only reserved, as fields (keeper_wire.h); nothing where nothing counts.
 * Of each: u64 name, u64 time in seconds, u64 requests and u64 tokens of the last minute, u64 n, and n times u64 hour, u64 tokens.
 */
void gw_quota_put(const struct gw_quota *, size_t i, int64_t now_ms, struct dgm_buf *out);

/** Adds what a record says to what is counted, of names of which anything counts still; of a record that is none, those before the fault. */
void gw_quota_read(struct gw_quota *, struct dgm_str record, int64_t now_ms);

/** All that was kept is read, or nothing ever will be. Whether it was before. */
bool gw_quota_set_read(struct gw_quota *);
bool gw_quota_is_read(const struct gw_quota *);

#endif
