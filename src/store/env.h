/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - the file as LMDB sees it: what all share who open it.
 *
 * Two trees: `records`, a map's number and a key -> a record; `ages`, the stamp of each record that ages -> its key
 * there. A stamp is 8 bytes, the highest first, so the first of `ages` is the oldest.
 */
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include "store/record.h"

#include <lmdb.h>

#define STORE_TREE_KEY_MAX (1 + STORE_KEY_MAX)
#define STORE_STAMP_BYTES 8

struct store_env {
    MDB_env *env; /* NULL: not open */
    MDB_dbi records, ages;
};

/** Puts "FOLDER/NAME" to `ret`. False: it is too long. */
bool store_path(const char *folder, const char *name, char ret[STORE_PATH_MAX]);

/**
 * Opens the file and its trees; with MDB_RDONLY both must be there. `bytes` is the most that it may become; 0: as it says
 * itself. Returns 0, or what LMDB or the system says (mdb_strerror knows both); then nothing is open.
 */
int store_env_open(struct store_env *, const char *folder, unsigned flags, size_t bytes);
void store_env_close(struct store_env *); /* fine on a closed one */

/** The key in `records`; `room` holds it. */
MDB_val store_tree_key(enum store_map, struct dgm_str key, char room[STORE_TREE_KEY_MAX]);

enum store_found { STORE_FOUND, STORE_MISSING, STORE_UNSOUND, STORE_FAILED };

/** Looks a record up. It is borrowed as long as the transaction neither ends nor writes. */
enum store_found store_env_find(const struct store_env *, MDB_txn *, enum store_map,
                                struct dgm_str key, struct store_record *ret);

static inline struct dgm_str store_val_str(MDB_val v)
{
    return (struct dgm_str){v.mv_data, v.mv_size};
}

#endif
