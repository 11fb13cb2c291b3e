/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - small durable maps, bounded in bytes and in age: what must outlive a request, a worker, a restart.
 *
 * Three ways in, one for each place:
 *   the keeper   struct store: writes and reads. Asynchronous: put and get note what is wanted, the next store_turn
 *                does all of it in one transaction and calls back. Other stores than a file may take longer.
 *   a worker     struct store_reader: reads the keeper's file, a few microseconds a value. Puts go to the keeper.
 *   a command    store_put_now: one value into the file, whether a keeper has it open or not.
 *
 * The file is LMDB's: FOLDER/dragoman.mdb, and dragoman.mdb-lock beside it. What is put is there for every process as
 * soon as it is acknowledged, and a killed process loses nothing of it; a power cut loses what store_sync had not
 * reached. LMDB has no checksums, so each record has one, over its map and key too: a value that is given is the one
 * that was put. No store may be inherited: open it behind the fork.
 *
 * Bounds: a map's rows in maps.def; the file never grows over its bytes, of which a tenth stays free, and the oldest
 * values go first. Nothing here ever fails a request: what the file does not take is kept in memory, and what that
 * does not take is lost, and told.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <dragoman/types.h>

#define STORE_KEY_MAX 480                      /* bytes of a key, which is not empty */
#define STORE_PATH_MAX 1024                    /* bytes of a folder's path, its zero included */
#define STORE_WHY_BYTES 256                    /* of a sentence for people, its zero included */
#define STORE_FILE "dragoman.mdb"              /* in the folder */
#define STORE_SET_ASIDE "dragoman.mdb.damaged" /* the last file that was set aside */

enum store_map {
#define MAP(id, number, fate, max_bytes, max_n) STORE_##id = (number),
#include "store/maps.def"
#undef MAP
};

/** The map of a number; 0 for one that has no row. */
enum store_map store_map_of(uint64_t number);

/** The longest value of a map. */
size_t store_value_max(enum store_map);

/** How large, how old. */
struct store_bounds {
    size_t file_bytes;   /* of the file, at least a MiB */
    size_t memory_bytes; /* of what the file did not take */
    int64_t age_ms;      /* values of maps that age are gone after this; 0: never */
};

/* ---- the keeper's ------------------------------------------------------------------------------------ */

struct store;

/** How well a value is kept. */
enum store_rank {
    STORE_LOST,     /* not at all: too large, or no room */
    STORE_VOLATILE, /* in memory, as long as this process lives */
    STORE_DURABLE,  /* in the file */
};

typedef void store_put_fn(void *owner, enum store_rank);
typedef void store_get_fn(void *owner,
                          struct dgm_str value); /* borrowed for the call; absent: unknown */

/**
 * A store in memory alone. It may get a file (store_open), and answers `get` for what it does not know only when it
 * has one, or store_open_none has said that it will not. NULL: memory is short.
 */
struct store *store_new(const struct store_bounds *, const struct dgm_alloc *);

/** Closes the file. No callback comes any more. NULL is fine. */
void store_free(struct store *);

/**
 * Opens the file in a folder, which is made where it is not (0700), and moves there what was put so far. The file is
 * sound: see store_check_start. False, and `why` says why: the store stays in memory, and tries again every ten seconds.
 */
bool store_open(struct store *, const char *folder, char why[STORE_WHY_BYTES]);

/** There is no file, nor will there be: memory is all. */
void store_open_none(struct store *);

/**
 * Notes a value to be kept, replacing an older one; copied. `done` comes once, from a store_turn. False: memory is
 * short, or it is too large for its map; it does not come then.
 */
DGM_MUST_USE bool store_put(struct store *, enum store_map, struct dgm_str key,
                            struct dgm_str value, store_put_fn *done, void *owner);

/** Asks for a value; as store_put. It sees what was put before it. */
DGM_MUST_USE bool store_get(struct store *, enum store_map, struct dgm_str key, store_get_fn *done,
                            void *owner);

/** Forgets all callbacks of an owner; what was put is kept all the same. */
void store_cancel(struct store *, const void *owner);

/** Whether something waits for the next turn. */
bool store_waits(const struct store *);

/** Does what was noted and can be done now, and calls back. `now_ms` is since 1970. */
void store_turn(struct store *, int64_t now_ms);

/** Brings to the disk what the kernel has. Slow: the only call for another thread than the store's own. */
void store_sync(struct store *);

/** A process that read has died: its place among the readers is free. */
void store_reader_died(struct store *);

/** What is to be told to people: counts since the beginning, and what is now. */
struct store_state {
    bool durable;        /* the file takes what is put */
    unsigned generation; /* of the file: readers of another open it anew; 0: there is none */
    uint64_t put, put_volatile, lost;   /* values, by what became of them */
    uint64_t evicted, expired, unsound; /* dropped: for room, for their age, for a wrong checksum */
    uint64_t file_bytes_used, memory_bytes_used;
    const char *why; /* not durable: why, for people; "" else */
};

void store_tell(const struct store *, struct store_state *ret);

/** The same, of two members; costs nothing. */
bool store_is_durable(const struct store *);
unsigned store_generation(const struct store *);

/* ---- before the file is opened ------------------------------------------------------------------------ */

/**
 * Reads a whole file in a child, which a damaged one may kill: only a sound one should be opened. `*ret_fd` is the
 * caller's and is readable when the child has ended; then ask store_check_end. False: no child could be made.
 */
bool store_check_start(const char *folder, int *ret_fd, int *ret_pid);

enum store_check {
    STORE_SOUND,
    STORE_NONE,       /* there is no file yet */
    STORE_UNREADABLE, /* nobody can say: it may not be opened */
    STORE_DAMAGED,
};

/** Waits for the child and tells what it found. */
enum store_check store_check_end(int pid);

/** Renames a damaged file, so that a new one can be made. False: it can not be. */
bool store_set_aside(const char *folder);

/* ---- a worker's -------------------------------------------------------------------------------------- */

/** The keeper's file, to read. Threads of one process may share one. */
struct store_reader;

/** NULL: there is no file that can be read. One at a time in a process, and none beside a struct store. */
struct store_reader *store_reader_open(const char *folder, const struct dgm_alloc *);
void store_reader_close(struct store_reader *); /* NULL is fine */

/**
 * Puts the value of a key to `out`. DGM_OK; DGM_MORE: it is not in the file, or is older than `oldest_ms` (since 1970),
 * but may be in the keeper's memory. DGM_E_LIMIT: the file can not be read now, or `out` has no room. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc store_read(struct store_reader *, enum store_map, struct dgm_str key,
                                    int64_t oldest_ms, struct dgm_buf *out);

/* ---- a command's ------------------------------------------------------------------------------------- */

/** Puts one value into the file, made where there is none. False, and `why`: it is not there. */
DGM_MUST_USE bool store_put_now(const char *folder, const struct store_bounds *, enum store_map,
                                struct dgm_str key, struct dgm_str value, int64_t now_ms,
                                char why[STORE_WHY_BYTES]);

#endif
