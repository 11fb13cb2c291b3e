/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - a worker's eyes: one read transaction a value. */
#include "store/env.h"

struct store_reader {
    const struct dgm_alloc *alloc;
    struct store_env env;
};

struct store_reader *store_reader_open(const char *folder, const struct dgm_alloc *alloc)
{
    struct store_reader *r = alloc->resize(alloc->ctx, NULL, 0, sizeof *r);
    if (!r)
        return NULL;
    r->alloc = alloc;
    if (store_env_open(&r->env, folder, MDB_RDONLY, 0) == 0)
        return r;
    alloc->resize(alloc->ctx, r, sizeof *r, 0);
    return NULL;
}

void store_reader_close(struct store_reader *r)
{
    if (!r)
        return;
    store_env_close(&r->env);
    r->alloc->resize(r->alloc->ctx, r, sizeof *r, 0);
}

/* The keeper's file may have been made larger than it said when it was opened. */
static int begin(struct store_reader *r, MDB_txn **ret)
{
    int rc = mdb_txn_begin(r->env.env, NULL, MDB_RDONLY, ret);
    if (rc == MDB_MAP_RESIZED && mdb_env_set_mapsize(r->env.env, 0) == 0)
        rc = mdb_txn_begin(r->env.env, NULL, MDB_RDONLY, ret);
    return rc;
}

enum dgm_rc store_read(struct store_reader *r, enum store_map map, struct dgm_str key,
                       int64_t oldest_ms, struct dgm_buf *out)
{
    struct store_record record;
    MDB_txn *txn;
    if (key.n == 0 || key.n > STORE_KEY_MAX)
        return DGM_MORE;
    if (begin(r, &txn) != 0)
        return DGM_E_LIMIT;
    enum dgm_rc rc = DGM_MORE;
    if (store_env_find(&r->env, txn, map, key, &record) == STORE_FOUND &&
        (!store_map_ages(map) || (int64_t)(record.stamp / 1000) >= oldest_ms)) {
        dgm_buf_put(out, record.value);
        rc = out->rc;
    }
    mdb_txn_abort(txn);
    return rc;
}
