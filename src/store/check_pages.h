/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_pages.h - LMDB's trees page by page, as its file has them: for the child that reads a file before anybody trusts it.
 *
 * LMDB's own cursors never compare what a branch page says with what stands below it, and never look at how a page is
 * packed; what they find sound may still kill whoever writes to it.
 */
#ifndef STORE_CHECK_PAGES_H
#define STORE_CHECK_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include <lmdb.h>

/** The pages of a file, and whose they are. */
struct store_pages {
    unsigned char *taken; /* a bit each */
    size_t n, page_bytes, free_n;
};

/* LMDB's own trees: its free pages, and the names of ours (mdb_stat of its tools asks for them so). */
#define STORE_FREE_TREE 0
#define STORE_NAME_TREE 1
#define STORE_FIRST_PAGE 2 /* behind the two that say where everything is */

/** Takes pages for somebody. False: there are no such pages, or somebody has one already. */
bool store_pages_take(struct store_pages *, size_t first, size_t n);

/**
 * Walks all trees from their roots, and takes their pages. False: a page is not what it should be, or not where it is
 * looked for; keys are not in order, or not below the branch that leads to them; a tree's counts are wrong. May be
 * killed by what it reads.
 */
bool store_pages_walk(struct store_pages *, MDB_txn *);

#endif
