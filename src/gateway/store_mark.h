/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_mark.h - which process has the store's file in hand, seen from outside: when it dies of a signal then, the
 * file is suspect. A mapping that the master makes before it forks; each process writes its own byte alone.
 */
#ifndef GATEWAY_STORE_MARK_H
#define GATEWAY_STORE_MARK_H

#include <dragoman/types.h>

#define GW_STORE_MARKS 4096
#define GW_STORE_MARK_KEEPER 0 /* workers: their slot, from 1; of all generations */

/** NULL: there is no memory for it, and nobody is suspected. */
volatile bool *gw_store_marks_new(void);
void gw_store_marks_free(volatile bool *); /* NULL is fine */

/** The byte of a process; NULL: it has none. */
volatile bool *gw_store_mark(volatile bool *marks, size_t slot);

/** Takes a dead process's mark away. True: it was set, and `status`, waitpid's, is that of a crash. */
bool gw_store_mark_take(volatile bool *marks, size_t slot, int status);

#endif
