/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - the file as its one writer sees it. */
#include "store/file.h"

#include "base/endian.h"
#include "store/env.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* LMDB's own trees: its free pages, and the names of ours (mdb_stat of its tools asks for them so). */
#define FREE_TREE 0
#define NAME_TREE 1
#define FREE_PARTS 10  /* one of so many parts stays free, */
#define FREE_PAGES 64  /* and so many pages: what two transactions touch that do little */
#define TURN_PARTS 80  /* a transaction puts one of so many parts of the file, and drops as much */
#define VALUE_PARTS 16 /* a value is at most one of so many parts */
#define PUT_PAGES 3    /* touched by a put or a drop, besides those of a large value */
#define DROPS_MAX 256  /* in one transaction, for their age or in one that only drops */

struct drops {
    uint64_t evicted, expired;
};

struct store_file {
    const struct dgm_alloc *alloc;
    struct store_env env;
    int64_t age_ms;                       /* 0: for ever */
    size_t page_bytes, pages, turn_pages; /* of the file; touched by the transaction */
    MDB_txn *txn;                         /* NULL: none */
    uint64_t now_us, last_stamp;
    struct drops done, open; /* for good; in the transaction */
    uint64_t unsound;
    int rc; /* of what failed last */
};

/* ---- opening ----------------------------------------------------------------------------------------- */

struct store_file *store_file_open(const char *folder, const struct store_bounds *bounds,
                                   const struct dgm_alloc *alloc, char why[STORE_WHY_BYTES])
{
    MDB_stat stat;
    struct store_file *f = alloc->resize(alloc->ctx, NULL, 0, sizeof *f);
    int rc = f ? 0 : ENOMEM;
    if (rc == 0 && mkdir(folder, 0700) != 0 && errno != EEXIST)
        rc = errno;
    if (rc == 0) {
        *f = (struct store_file){.alloc = alloc, .age_ms = bounds->age_ms};
        rc = store_env_open(&f->env, folder, MDB_NOSYNC, bounds->file_bytes);
    }
    if (rc != 0) {
        snprintf(why, STORE_WHY_BYTES, "%.150s/" STORE_FILE ": %.70s", folder, mdb_strerror(rc));
        alloc->resize(alloc->ctx, f, sizeof *f, 0);
        return NULL;
    }
    mdb_env_stat(f->env.env, &stat);
    f->page_bytes = stat.ms_psize;
    f->pages = bounds->file_bytes / f->page_bytes;
    store_file_check_readers(f);
    return f;
}

void store_file_close(struct store_file *f)
{
    if (!f)
        return;
    store_file_abort(f);
    store_env_close(&f->env);
    f->alloc->resize(f->alloc->ctx, f, sizeof *f, 0);
}

/* ---- pages ------------------------------------------------------------------------------------------- */

/* Those that a record's value has to itself; a small one stands beside others. */
static size_t own_pages(const struct store_file *f, size_t record_bytes)
{
    return record_bytes < f->page_bytes / 2 ? 0 : record_bytes / f->page_bytes + 1;
}

static size_t tree_pages(const struct store_file *f, MDB_dbi tree)
{
    MDB_stat s;
    return mdb_stat(f->txn, tree, &s) == 0
               ? s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages
               : 0;
}

static size_t used_pages(const struct store_file *f)
{
    return 2 + tree_pages(f, FREE_TREE) + tree_pages(f, NAME_TREE) + tree_pages(f, f->env.records) +
           tree_pages(f, f->env.ages);
}

static size_t used_pages_max(const struct store_file *f)
{
    size_t part = f->pages / FREE_PARTS;
    return f->pages - (part > FREE_PAGES ? part : FREE_PAGES);
}

bool store_file_is_full(const struct store_file *f)
{
    return f->turn_pages >= f->pages / TURN_PARTS;
}

/* ---- dropping ---------------------------------------------------------------------------------------- */

static bool failed(struct store_file *f, int rc)
{
    if (rc != 0)
        f->rc = rc;
    return rc != 0;
}

static uint64_t stamp_of(MDB_val record)
{
    return record.mv_size >= STORE_HEAD_BYTES ? dgm_read_le((const char *)record.mv_data + 8, 8)
                                              : 0;
}

enum drop { DROPPED, NOTHING, DROP_FAILED };

/* Drops the oldest record that is older than `before`. */
static enum drop drop_oldest(struct store_file *f, uint64_t before)
{
    MDB_cursor *c;
    MDB_val at, named, record;
    char room[STORE_TREE_KEY_MAX];
    if (failed(f, mdb_cursor_open(f->txn, f->env.ages, &c)))
        return DROP_FAILED;
    enum drop drop = DROP_FAILED;
    int rc = mdb_cursor_get(c, &at, &named, MDB_FIRST);
    uint64_t stamp = rc == 0 && at.mv_size == STORE_STAMP_BYTES ? store_read_be(at.mv_data) : 0;
    if (rc == MDB_NOTFOUND || (rc == 0 && stamp >= before)) {
        drop = NOTHING;
        goto out;
    }
    if (failed(f, rc) || failed(f, named.mv_size > sizeof room ? MDB_CORRUPTED : 0))
        goto out;
    memcpy(room, named.mv_data, named.mv_size);
    MDB_val key = {named.mv_size, room};
    rc = mdb_get(f->txn, f->env.records, &key, &record);
    if (rc == 0 && stamp_of(record) == stamp)
        rc = mdb_del(f->txn, f->env.records, &key, NULL);
    if (failed(f, rc == MDB_NOTFOUND ? 0 : rc) || failed(f, mdb_cursor_del(c, 0)))
        goto out;
    f->turn_pages += PUT_PAGES;
    drop = DROPPED;
out:
    mdb_cursor_close(c);
    return drop;
}

/* False: it failed. */
static bool expire(struct store_file *f)
{
    enum drop drop = DROPPED;
    uint64_t age_us = (uint64_t)f->age_ms * 1000;
    if (f->age_ms == 0 || age_us >= f->now_us)
        return true;
    for (size_t n = 0; drop == DROPPED && n < DROPS_MAX && !store_file_is_full(f); n++) {
        drop = drop_oldest(f, f->now_us - age_us);
        f->open.expired += drop == DROPPED;
    }
    return drop != DROP_FAILED;
}

/* Makes room for a put of so many pages. */
static enum store_put make_room(struct store_file *f, size_t pages)
{
    size_t limit = used_pages_max(f), drops_max = 2 * (f->pages / TURN_PARTS) + 1;
    for (size_t n = 0; used_pages(f) + pages > limit && n < drops_max; n++) {
        enum drop drop = drop_oldest(f, UINT64_MAX);
        if (drop == NOTHING)
            return STORE_PUT_REFUSED;
        if (drop == DROP_FAILED)
            return STORE_PUT_FAILED;
        f->open.evicted++;
    }
    return STORE_PUT_DONE;
}

/* ---- transactions ------------------------------------------------------------------------------------ */

/* False: it failed. */
static bool read_last_stamp(struct store_file *f)
{
    MDB_cursor *c;
    MDB_val at, key;
    if (failed(f, mdb_cursor_open(f->txn, f->env.ages, &c)))
        return false;
    int rc = mdb_cursor_get(c, &at, &key, MDB_LAST);
    f->last_stamp = rc == 0 && at.mv_size == STORE_STAMP_BYTES ? store_read_be(at.mv_data) : 0;
    mdb_cursor_close(c);
    return !failed(f, rc == MDB_NOTFOUND ? 0 : rc);
}

static bool begin(struct store_file *f, int64_t now_ms)
{
    assert(!f->txn);
    f->now_us = (uint64_t)now_ms * 1000;
    f->turn_pages = 0;
    f->open = (struct drops){0};
    if (failed(f, mdb_txn_begin(f->env.env, NULL, 0, &f->txn))) {
        f->txn = NULL;
        return false;
    }
    if (read_last_stamp(f))
        return true;
    store_file_abort(f);
    return false;
}

bool store_file_begin(struct store_file *f, int64_t now_ms)
{
    if (!begin(f, now_ms))
        return false;
    if (expire(f))
        return true;
    store_file_abort(f);
    return false;
}

void store_file_abort(struct store_file *f)
{
    if (f->txn)
        mdb_txn_abort(f->txn);
    f->txn = NULL;
}

bool store_file_commit(struct store_file *f)
{
    int rc = mdb_txn_commit(f->txn);
    f->txn = NULL;
    if (failed(f, rc))
        return false;
    f->done.evicted += f->open.evicted;
    f->done.expired += f->open.expired;
    return true;
}

bool store_file_drop(struct store_file *f, int64_t now_ms)
{
    enum drop drop = DROPPED;
    size_t n = 0;
    if (!begin(f, now_ms))
        return false;
    for (; drop == DROPPED && n < DROPS_MAX && (n == 0 || !store_file_is_full(f)); n++)
        drop = drop_oldest(f, UINT64_MAX);
    f->open.evicted += n;
    if (drop != DROP_FAILED && n > 1)
        return store_file_commit(f);
    store_file_abort(f);
    return false;
}

/* ---- putting ----------------------------------------------------------------------------------------- */

/* What is to be replaced goes, or, where it stays, is found. Tells whether there is one. */
static enum store_found forget(struct store_file *f, enum store_map map, MDB_val key)
{
    MDB_val record, named;
    char at[STORE_STAMP_BYTES];
    int rc = mdb_get(f->txn, f->env.records, &key, &record);
    if (rc == MDB_NOTFOUND)
        return STORE_MISSING;
    if (failed(f, rc))
        return STORE_FAILED;
    if (!store_map_ages(map))
        return STORE_FOUND;
    store_put_be(at, stamp_of(record));
    MDB_val stamp = {sizeof at, at};
    rc = mdb_get(f->txn, f->env.ages, &stamp, &named);
    if (rc == 0 && named.mv_size == key.mv_size &&
        memcmp(named.mv_data, key.mv_data, key.mv_size) == 0)
        rc = mdb_del(f->txn, f->env.ages, &stamp, NULL);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = mdb_del(f->txn, f->env.records, &key, NULL);
    return failed(f, rc) ? STORE_FAILED : STORE_FOUND;
}

/* Whether a map whose values stay has as many as it may. */
static bool has_all(struct store_file *f, enum store_map map)
{
    MDB_cursor *c;
    char first[1] = {(char)map};
    MDB_val at = {sizeof first, first}, record;
    size_t n = 0;
    if (store_map_ages(map))
        return false;
    if (failed(f, mdb_cursor_open(f->txn, f->env.records, &c)))
        return true;
    for (int rc = mdb_cursor_get(c, &at, &record, MDB_SET_RANGE);
         rc == 0 && at.mv_size != 0 && *(const char *)at.mv_data == first[0];
         rc = mdb_cursor_get(c, &at, &record, MDB_NEXT))
        n++;
    mdb_cursor_close(c);
    return n >= store_map_max_n(map);
}

static bool write_record(struct store_file *f, enum store_map map, struct dgm_str key,
                         struct dgm_str value)
{
    char room[STORE_TREE_KEY_MAX], at[STORE_STAMP_BYTES];
    MDB_val tree_key = store_tree_key(map, key, room), stamp = {sizeof at, at};
    MDB_val to = {STORE_HEAD_BYTES + value.n, NULL};
    f->last_stamp = f->now_us > f->last_stamp ? f->now_us : f->last_stamp + 1;
    const struct store_record record = {f->last_stamp, value};
    if (failed(f, mdb_put(f->txn, f->env.records, &tree_key, &to, MDB_RESERVE)))
        return false;
    store_record_write(to.mv_data, map, key, &record);
    store_put_be(at, record.stamp);
    return !store_map_ages(map) ||
           !failed(f, mdb_put(f->txn, f->env.ages, &stamp, &tree_key, MDB_APPEND));
}

enum store_put store_file_put(struct store_file *f, enum store_map map, struct dgm_str key,
                              struct dgm_str value)
{
    char room[STORE_TREE_KEY_MAX];
    size_t pages = own_pages(f, STORE_HEAD_BYTES + value.n) + PUT_PAGES;
    assert(f->txn && value.n <= store_value_max(map));
    if (pages > f->pages / VALUE_PARTS)
        return STORE_PUT_REFUSED;
    enum store_found found = forget(f, map, store_tree_key(map, key, room));
    if (found == STORE_FAILED)
        return STORE_PUT_FAILED;
    if (found == STORE_MISSING && has_all(f, map))
        return STORE_PUT_REFUSED;
    enum store_put put = make_room(f, pages);
    if (put != STORE_PUT_DONE)
        return put;
    f->turn_pages += pages;
    return write_record(f, map, key, value) ? STORE_PUT_DONE : STORE_PUT_FAILED;
}

/* ---- getting ----------------------------------------------------------------------------------------- */

static enum dgm_rc find(struct store_file *f, MDB_txn *txn, enum store_map map, struct dgm_str key,
                        uint64_t oldest_us, struct dgm_buf *out)
{
    struct store_record record;
    switch (store_env_find(&f->env, txn, map, key, &record)) {
    case STORE_FOUND:
        if (store_map_ages(map) && record.stamp < oldest_us)
            return DGM_MORE;
        dgm_buf_put(out, record.value);
        return out->rc;
    case STORE_UNSOUND:
        f->unsound++;
        return DGM_MORE;
    default:
        return DGM_MORE;
    }
}

enum dgm_rc store_file_get(struct store_file *f, enum store_map map, struct dgm_str key,
                           int64_t now_ms, struct dgm_buf *out)
{
    MDB_txn *txn = f->txn;
    uint64_t now_us = (uint64_t)now_ms * 1000, age_us = (uint64_t)f->age_ms * 1000;
    uint64_t oldest_us = f->age_ms != 0 && age_us < now_us ? now_us - age_us : 0;
    if (!txn && failed(f, mdb_txn_begin(f->env.env, NULL, MDB_RDONLY, &txn)))
        return DGM_MORE;
    enum dgm_rc rc = find(f, txn, map, key, oldest_us, out);
    if (!f->txn)
        mdb_txn_abort(txn);
    return rc;
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

void store_file_sync(struct store_file *f)
{
    mdb_env_sync(f->env.env, 1);
}

void store_file_check_readers(struct store_file *f)
{
    int dead;
    mdb_reader_check(f->env.env, &dead);
}

const char *store_file_why(const struct store_file *f)
{
    return mdb_strerror(f->rc);
}

bool store_file_was_no_room(const struct store_file *f)
{
    return f->rc == MDB_MAP_FULL;
}

bool store_file_is_broken(const struct store_file *f)
{
    switch (f->rc) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_CURSOR_FULL:
        return true;
    default:
        return false;
    }
}

void store_file_tell(struct store_file *f, struct store_state *ret)
{
    ret->evicted += f->done.evicted;
    ret->expired += f->done.expired;
    ret->unsound += f->unsound;
    if (mdb_txn_begin(f->env.env, NULL, MDB_RDONLY, &f->txn) == 0) {
        ret->file_bytes_used = used_pages(f) * f->page_bytes;
        mdb_txn_abort(f->txn);
    }
    f->txn = NULL;
}
