/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the file as its one writer sees it: transactions, bounded in what they put, that keep a tenth of it free.
 *
 * LMDB writes no page anew that a reader, or the last transaction, may still see. So what a transaction frees helps the
 * next but one, and each needs room of its own: a small part of the tenth.
 */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "store/store.h"

struct store_file;

/** Opens the file, made where there is none. NULL: `why` says why. */
struct store_file *store_file_open(const char *folder, const struct store_bounds *,
                                   const struct dgm_alloc *, char why[STORE_WHY_BYTES]);
void store_file_close(struct store_file *); /* NULL is fine; ends a transaction */

/** Begins a transaction. False: it failed, see store_file_why. */
bool store_file_begin(struct store_file *, int64_t now_ms);

/** Ends it. False: nothing of it is in the file. */
bool store_file_commit(struct store_file *);
void store_file_abort(struct store_file *); /* fine when none has begun */

enum store_put {
    STORE_PUT_DONE,
    STORE_PUT_REFUSED, /* it has no room among what stays, or is too large for the file */
    STORE_PUT_FAILED,  /* the transaction is to be aborted */
};

/** Puts a value, in a transaction, and makes room for it. */
enum store_put store_file_put(struct store_file *, enum store_map, struct dgm_str key,
                              struct dgm_str value);

/** Whether the transaction has put as much as one should. */
bool store_file_is_full(const struct store_file *);

/** Puts a value to `out`, in a transaction or without. DGM_MORE: it is not there. Errors are `out`'s. */
enum dgm_rc store_file_get(struct store_file *, enum store_map, struct dgm_str key, int64_t now_ms,
                           struct dgm_buf *out);

/** A transaction that only drops: the oldest, as many as it can. False: it failed, or there was nothing to drop. */
bool store_file_drop(struct store_file *, int64_t now_ms);

void store_file_sync(struct store_file *); /* may be called from another thread */
void store_file_check_readers(struct store_file *);

/** What failed last, for people. Whether it was for want of room. Whether only opening it anew helps. */
const char *store_file_why(const struct store_file *);
bool store_file_was_no_room(const struct store_file *);
bool store_file_is_broken(const struct store_file *);

/** Adds to the counts that a file has. */
void store_file_tell(struct store_file *, struct store_state *);

#endif
