/* SPDX-License-Identifier: Apache-2.0 */
/* store_folder.h - a folder of a store that goes with its test, and a store that is driven by hand. */
#ifndef SUPPORT_STORE_FOLDER_H
#define SUPPORT_STORE_FOLDER_H

#include "store/store.h"

#define STORE_NOW_MS 1790000000000 /* of tests: 2026-09-21 */
#define STORE_MIB ((size_t)1024 * 1024)

extern const struct store_bounds store_bounds_usual; /* 4 MiB each, an hour */

/** Makes a folder that is empty; it and what is in it goes at the end of the process. */
const char *store_folder_new(void);

/** Copies all of the store's file to a buffer of the C library's, and writes it back. */
char *store_folder_read(const char *folder, size_t *ret_n);
void store_folder_write(const char *folder, const char *bytes, size_t n);

/** The check, waited for. */
enum store_check store_folder_check(const char *folder);

/** A store with the folder's file. NULL: memory is short. */
struct store *store_folder_open(const char *folder, const struct store_bounds *,
                                const struct dgm_alloc *);

/** Puts and waits: the rank; -1: it was not taken. */
int store_folder_put(struct store *, enum store_map, struct dgm_str key, struct dgm_str value,
                     int64_t now_ms);

/** Gets and waits. False: unknown. The value is put to `out`. */
bool store_folder_get(struct store *, enum store_map, struct dgm_str key, int64_t now_ms,
                      struct dgm_buf *out);

#endif
