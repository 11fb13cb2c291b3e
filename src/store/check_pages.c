/* SPDX-License-Identifier: Apache-2.0 */
/* check_pages.c - LMDB's trees page by page: the form of its data file, version 1 (LMDB 0.9). */
#include "store/check_pages.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32 /* as LMDB's own */
#define PAGE_BRANCH 0x01
#define PAGE_LEAF 0x02
#define PAGE_OVERFLOW 0x04
#define NODE_BIG 0x01  /* its value has pages of its own */
#define NODE_TREE 0x02 /* its value is a tree */
#define NOWHERE SIZE_MAX

/** A page begins so: its number, what it is, and the bounds of what is free on it, or how many pages it is. */
struct page {
    size_t number;
    uint16_t pad, flags;
    union {
        struct {
            uint16_t lower, upper;
        } free;
        uint32_t pages;
    } u;
};

/** A node begins so; its key and then its value follow. Of a branch the first three are a page's number. */
struct node {
    uint16_t low, high, flags, key_bytes;
};

/** A tree, as the page that names it has it. */
struct tree {
    uint32_t pad;
    uint16_t flags, depth;
    size_t branches, leaves, overflows, entries, root;
};

/** The beginning of the two pages that say where everything is, behind their head. */
struct meta {
    uint32_t magic, version;
    void *address;
    size_t map_bytes;
    struct tree trees[2];
    size_t last_page, transaction;
};

struct walk {
    struct store_pages *pages;
    MDB_txn *txn;
    const char *base;  /* of the map */
    MDB_dbi order;     /* the tree whose order its keys have */
    struct tree found; /* what was counted */
    bool names;        /* its values may be trees */
};

bool store_pages_take(struct store_pages *p, size_t first, size_t n)
{
    if (first < STORE_FIRST_PAGE || first >= p->n || n > p->n - first)
        return false;
    for (size_t i = first; i < first + n; i++) {
        if (p->taken[i / 8] >> i % 8 & 1)
            return false;
        p->taken[i / 8] = (unsigned char)(p->taken[i / 8] | 1 << i % 8);
    }
    return true;
}

static bool walk_tree(struct walk *, const struct tree *, MDB_dbi order, bool names);

static const char *page_at(const struct walk *w, size_t number, struct page *ret)
{
    const char *at = w->base + number * w->pages->page_bytes;
    memcpy(ret, at, sizeof *ret);
    return at;
}

/* How many nodes a page has, by the bounds of what is free on it; 0: they are none. */
static size_t nodes_of(const struct walk *w, const struct page *page)
{
    size_t lower = page->u.free.lower, upper = page->u.free.upper;
    if (lower < sizeof *page || lower % 2 != 0 || upper % 2 != 0 || lower > upper ||
        upper > w->pages->page_bytes)
        return 0;
    return (lower - sizeof *page) / sizeof(uint16_t);
}

/** A node taken apart. */
struct entry {
    struct node node;
    MDB_val key, value; /* the value only where it stands in the page */
    size_t bytes;       /* on the page */
    size_t child;       /* of a branch; of a big value its first page */
    size_t value_bytes;
};

/* False: it does not stand within its page. */
static bool read_node(const struct walk *w, const char *at, const struct page *page, size_t i,
                      struct entry *ret)
{
    uint16_t offset;
    memcpy(&offset, at + sizeof *page + i * sizeof offset, sizeof offset);
    if (offset % 2 != 0 || offset < page->u.free.upper ||
        offset + sizeof ret->node > w->pages->page_bytes)
        return false;
    memcpy(&ret->node, at + offset, sizeof ret->node);
    bool is_big = ret->node.flags & NODE_BIG, is_leaf = page->flags == PAGE_LEAF;
    size_t n = sizeof ret->node + ret->node.key_bytes;
    ret->value_bytes = (size_t)ret->node.high << 16 | ret->node.low;
    if (is_leaf)
        n += is_big ? sizeof ret->child : ret->value_bytes;
    ret->bytes = n + n % 2;
    if (offset + ret->bytes > w->pages->page_bytes)
        return false;
    ret->key = (MDB_val){ret->node.key_bytes, (void *)(uintptr_t)(at + offset + sizeof ret->node)};
    const char *behind = at + offset + sizeof ret->node + ret->node.key_bytes;
    ret->value = (MDB_val){ret->value_bytes, (void *)(uintptr_t)behind};
    ret->child = ret->value_bytes | (size_t)ret->node.flags << 32;
    if (is_leaf && is_big)
        memcpy(&ret->child, behind, sizeof ret->child);
    return true;
}

static bool check_big(struct walk *w, const struct entry *e)
{
    struct page page;
    size_t n = (sizeof page + e->value_bytes - 1) / w->pages->page_bytes + 1;
    if (!store_pages_take(w->pages, e->child, n))
        return false;
    page_at(w, e->child, &page);
    w->found.overflows += n;
    return page.number == e->child && page.flags == PAGE_OVERFLOW && page.u.pages == n;
}

static bool check_leaf(struct walk *w, const struct entry *e)
{
    w->found.entries++;
    if (e->node.flags == NODE_BIG)
        return check_big(w, e);
    if (e->node.flags != NODE_TREE)
        return e->node.flags == 0;
    struct tree tree;
    if (!w->names || e->value_bytes != sizeof tree)
        return false;
    memcpy(&tree, e->value.mv_data, sizeof tree);
    struct walk own = {.pages = w->pages, .txn = w->txn, .base = w->base};
    return walk_tree(&own, &tree, STORE_NAME_TREE, false); /* bytes in their order, as names are */
}

/*
 * A page and all below it. Its keys stand from `low` on and before `high` (NULL: wherever). A branch's first key says
 * nothing, for all that is smaller than the second stands below it.
 */
static bool walk_page(struct walk *w, size_t number, unsigned depth, const MDB_val *low,
                      const MDB_val *high)
{
    struct page page;
    if (depth == 0 || !store_pages_take(w->pages, number, 1))
        return false;
    const char *at = page_at(w, number, &page);
    size_t n = nodes_of(w, &page), packed = w->pages->page_bytes - page.u.free.upper;
    bool is_leaf = depth == 1;
    if (page.number != number || n < (is_leaf ? 1 : 2) ||
        page.flags != (is_leaf ? PAGE_LEAF : PAGE_BRANCH))
        return false;
    *(is_leaf ? &w->found.leaves : &w->found.branches) += 1;
    struct entry e, next;
    if (!read_node(w, at, &page, 0, &e))
        return false;
    for (size_t i = 0; i < n; i++, e = next) {
        bool is_last = i + 1 == n, says = is_leaf || i != 0;
        if (e.bytes > packed || (!is_last && !read_node(w, at, &page, i + 1, &next)))
            return false;
        packed -= e.bytes;
        if (says && ((low && mdb_cmp(w->txn, w->order, &e.key, low) < 0) ||
                     (high && mdb_cmp(w->txn, w->order, &e.key, high) >= 0) ||
                     (!is_last && mdb_cmp(w->txn, w->order, &e.key, &next.key) >= 0)))
            return false;
        if (is_leaf ? !check_leaf(w, &e)
                    : !walk_page(w, e.child, depth - 1, i != 0 ? &e.key : low,
                                 is_last ? high : &next.key))
            return false;
    }
    return packed == 0; /* each byte is one node's */
}

static bool walk_tree(struct walk *w, const struct tree *tree, MDB_dbi order, bool names)
{
    w->order = order;
    w->names = names;
    w->found = (struct tree){0};
    if (tree->depth == 0)
        return tree->root == NOWHERE && tree->entries == 0;
    return tree->depth <= DEPTH_MAX && walk_page(w, tree->root, tree->depth, NULL, NULL) &&
           w->found.branches == tree->branches && w->found.leaves == tree->leaves &&
           w->found.overflows == tree->overflows && w->found.entries == tree->entries;
}

/* Where the map begins: a value of the tree of names stands in a page that says its number. */
static const char *find_base(MDB_txn *txn, size_t page_bytes)
{
    MDB_cursor *c;
    MDB_val name, value;
    struct page page;
    if (mdb_cursor_open(txn, STORE_NAME_TREE, &c) != 0 ||
        mdb_cursor_get(c, &name, &value, MDB_FIRST) != 0)
        return NULL;
    const char *at = (const char *)((uintptr_t)name.mv_data & ~(uintptr_t)(page_bytes - 1));
    memcpy(&page, at, sizeof page);
    return at - page.number * page_bytes;
}

bool store_pages_walk(struct store_pages *pages, MDB_txn *txn)
{
    struct walk w = {.pages = pages, .txn = txn, .base = find_base(txn, pages->page_bytes)};
    size_t transaction = mdb_txn_id(txn);
    struct meta meta;
    if (!w.base)
        return false;
    memcpy(&meta, w.base + transaction % 2 * pages->page_bytes + sizeof(struct page), sizeof meta);
    return meta.transaction == transaction &&
           walk_tree(&w, &meta.trees[STORE_FREE_TREE], STORE_FREE_TREE, false) &&
           walk_tree(&w, &meta.trees[STORE_NAME_TREE], STORE_NAME_TREE, true);
}
