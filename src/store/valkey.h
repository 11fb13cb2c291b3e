/* SPDX-License-Identifier: Apache-2.0 */
/*
 * valkey.h - Valkey's protocol (RESP) as data: commands put, replies read, values that are known to be sound.
 *
 * Replicas on several machines share one Valkey, or Redis. What stands there is what stands in the file, record and
 * checksum, under "dragoman:", the map's number, ":" and the key; so a value that is given is one that a Dragoman put.
 */
#ifndef STORE_VALKEY_H
#define STORE_VALKEY_H

#include "store/store.h"

#define STORE_VALKEY_WORDS_MAX 36 /* of a command */

/** Puts a command of so many words. `out` fails as buffers do. */
void store_valkey_put(struct dgm_buf *out, const struct dgm_str *words, size_t n);

/** Puts the key that a value of a map stands under there. */
void store_valkey_put_key(struct dgm_buf *out, enum store_map, struct dgm_str key);

/** Puts the record of a value. */
void store_valkey_put_record(struct dgm_buf *out, enum store_map, struct dgm_str key,
                             struct dgm_str value, int64_t now_ms);

/** The value of a record, borrowed; absent: it is not what was put for this key, or older than `oldest_ms`. */
struct dgm_str store_valkey_value(struct dgm_str bytes, enum store_map, struct dgm_str key,
                                  int64_t oldest_ms);

/** Whether a map's values are shared: those that age are. */
bool store_valkey_shares(enum store_map);

/** What a reply is. */
enum store_valkey_kind {
    STORE_VALKEY_OK,     /* a status or a number */
    STORE_VALKEY_ERROR,  /* `text` says which: "WRONGPASS ..." */
    STORE_VALKEY_NIL,    /* there is no such key */
    STORE_VALKEY_TEXT,   /* `text` is a value */
    STORE_VALKEY_VALUES, /* a list: see store_valkey_at */
};

/** One reply, good until the next call on its reader. */
struct store_valkey_reply {
    enum store_valkey_kind kind;
    struct dgm_str text;
    size_t n; /* of a list */
    const void *_raw;
};

/** Element `i` of a list as a reply of its own. */
struct store_valkey_reply store_valkey_at(const struct store_valkey_reply *, size_t i);

/** Reads replies out of bytes that come cut anywhere. */
struct store_valkey_reader;

/** NULL: memory is short. */
struct store_valkey_reader *store_valkey_reader_new(const struct dgm_alloc *);
void store_valkey_reader_free(struct store_valkey_reader *); /* NULL is fine */

/** Takes bytes in. False: memory is short, or replies are larger than any that was asked for. */
DGM_MUST_USE bool store_valkey_feed(struct store_valkey_reader *, struct dgm_str bytes);

/** DGM_OK: `*ret`. DGM_MORE: no reply is whole. DGM_E_SYNTAX: that is not Valkey; it is of no use any more. */
DGM_MUST_USE enum dgm_rc store_valkey_next(struct store_valkey_reader *,
                                           struct store_valkey_reply *ret);

#endif
