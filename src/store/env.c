/* SPDX-License-Identifier: Apache-2.0 */
/* env.c - the file as LMDB sees it. */
#include "store/env.h"

#include <assert.h>
#include <string.h>

#define READERS_MAX                                                                                \
    512 /* at once; a worker reads one value at a time, and asks the keeper where there is no place */

bool store_path(const char *folder, const char *name, char ret[STORE_PATH_MAX])
{
    size_t folder_n = strlen(folder), name_n = strlen(name);
    if (folder_n + 1 + name_n >= STORE_PATH_MAX)
        return false;
    memcpy(ret, folder, folder_n);
    ret[folder_n] = '/';
    memcpy(ret + folder_n + 1, name, name_n + 1);
    return true;
}

static int open_trees(struct store_env *e, unsigned flags)
{
    MDB_txn *txn;
    unsigned create = flags & MDB_RDONLY ? 0 : MDB_CREATE;
    int rc = mdb_txn_begin(e->env, NULL, flags & MDB_RDONLY, &txn);
    if (rc != 0)
        return rc;
    rc = mdb_dbi_open(txn, "records", create, &e->records);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "ages", create, &e->ages);
    if (rc == 0)
        return mdb_txn_commit(txn); /* so that the handles stay */
    mdb_txn_abort(txn);
    return rc;
}

int store_env_open(struct store_env *e, const char *folder, unsigned flags, size_t bytes)
{
    char path[STORE_PATH_MAX];
    *e = (struct store_env){0};
    if (!store_path(folder, STORE_FILE, path))
        return MDB_INVALID;
    int rc = mdb_env_create(&e->env);
    if (rc != 0)
        return rc;
    mdb_env_set_maxdbs(e->env, 2);
    mdb_env_set_maxreaders(e->env, READERS_MAX);
    if (bytes != 0)
        mdb_env_set_mapsize(e->env, bytes);
    rc = mdb_env_open(e->env, path, flags | MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (rc == 0)
        rc = open_trees(e, flags);
    if (rc != 0)
        store_env_close(e);
    return rc;
}

void store_env_close(struct store_env *e)
{
    if (e->env)
        mdb_env_close(e->env);
    e->env = NULL;
}

MDB_val store_tree_key(enum store_map map, struct dgm_str key, char room[STORE_TREE_KEY_MAX])
{
    assert(key.n != 0 && key.n <= STORE_KEY_MAX);
    room[0] = (char)map;
    memcpy(room + 1, key.p, key.n);
    return (MDB_val){1 + key.n, room};
}

enum store_found store_env_find(const struct store_env *e, MDB_txn *txn, enum store_map map,
                                struct dgm_str key, struct store_record *ret)
{
    char room[STORE_TREE_KEY_MAX];
    MDB_val at = store_tree_key(map, key, room), found;
    int rc = mdb_get(txn, e->records, &at, &found);
    if (rc != 0)
        return rc == MDB_NOTFOUND ? STORE_MISSING : STORE_FAILED;
    return store_record_read(store_val_str(found), map, key, ret) ? STORE_FOUND : STORE_UNSOUND;
}
