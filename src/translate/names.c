/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - function names that Gemini takes, and back. */
#include "translate/names.h"

#include "base/str.h"

#include <string.h>

#define HASH_DIGITS 8
#define HEAD_BYTES (NATIVE_NAME_MAX - HASH_DIGITS - 1) /* of a name that needs a hash */

/*
 * The entries by native name: a tree that branches at the bits in which its names differ. A search takes as many steps
 * as the name has bits, whatever the names are; a hash without a secret could be flooded.
 */
struct name_node {
    struct chat_name *name; /* a leaf's; an inner node has NULL */
    size_t byte;            /* where the names below differ first, */
    unsigned mask;          /* and in which bit of its symbol */
    struct name_node *child[2];
};

/* A byte of a name, told apart from the end behind its last. */
static unsigned symbol(struct dgm_str s, size_t i)
{
    return i < s.n ? 0x100u | (unsigned char)s.p[i] : 0;
}

static unsigned side(const struct name_node *n, struct dgm_str s)
{
    return (symbol(s, n->byte) & n->mask) != 0;
}

/* The leaf that a name must be if it is there at all; NULL for an empty tree. */
static struct name_node *nearest(const struct dgm_request *r, struct dgm_str native)
{
    struct name_node *n = r->names;
    while (n && !n->name)
        n = n->child[side(n, native)];
    return n;
}

static struct chat_name *find(const struct dgm_request *r, struct dgm_str native)
{
    struct name_node *n = nearest(r, native);
    return n && dgm_str_eq(n->name->native, native) ? n->name : NULL;
}

/* Hangs a leaf into the tree, whose names all differ from its own. `at`: the inner node for it. */
static void hang(struct dgm_request *r, struct name_node *leaf, struct name_node *at)
{
    struct name_node *near = nearest(r, leaf->name->native), **place = &r->names;
    struct dgm_str native = leaf->name->native;
    if (!near) {
        r->names = leaf;
        return;
    }
    while (symbol(native, at->byte) == symbol(near->name->native, at->byte))
        at->byte++;
    unsigned bits = symbol(native, at->byte) ^ symbol(near->name->native, at->byte);
    for (at->mask = 0x100; !(bits & at->mask);)
        at->mask >>= 1;
    while (!(*place)->name &&
           ((*place)->byte < at->byte || ((*place)->byte == at->byte && (*place)->mask > at->mask)))
        place = &(*place)->child[side(*place, native)];
    at->child[side(at, native)] = leaf;
    at->child[!side(at, native)] = *place;
    *place = at;
}

static struct chat_name *enter(struct dgm_request *r, struct dgm_str client, struct dgm_str native)
{
    struct {
        struct chat_name name;
        struct name_node leaf, inner;
    } *made = dgm_arena_take0(&r->arena, sizeof *made);
    native = dgm_arena_copy(&r->arena, native);
    if (!made || !native.p) {
        chat_no_memory(r);
        return NULL;
    }
    made->name = (struct chat_name){.client = client, .native = native};
    made->leaf.name = &made->name;
    hang(r, &made->leaf, &made->inner);
    return &made->name;
}

/* ---- making names legal ---- */

static bool is_first(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_later(char c)
{
    return is_first(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

bool names_legal(struct dgm_str s)
{
    if (s.n == 0 || s.n > NATIVE_NAME_MAX || !is_first(s.p[0]))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (!is_later(s.p[i]))
            return false;
    return true;
}

bool names_returnable(struct dgm_str s)
{
    bool control = false;
    for (size_t i = 0; i < s.n && i < CLIENT_NAME_MAX; i++)
        control = control || (unsigned char)s.p[i] < ' ';
    return s.n <= CLIENT_NAME_MAX && !control;
}

/* FNV-1a, its bits mixed; with a `salt` names that meet once part again. */
static uint64_t hash(struct dgm_str s, uint64_t salt)
{
    uint64_t h = 0xcbf29ce484222325u ^ salt * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3u;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    return h ^ h >> 33;
}

/* The legal names a client's name may get, best first: itself, if it is legal, then a hash and another one. */
static struct dgm_str candidate(struct dgm_str client, uint64_t nth, char room[NATIVE_NAME_MAX])
{
    struct dgm_buf out = {.p = room, .cap = NATIVE_NAME_MAX, .max = NATIVE_NAME_MAX};
    if (names_legal(client) && nth-- == 0)
        return client;
    for (size_t i = 0; i < client.n && out.n < HEAD_BYTES; i++) {
        char c = is_later(client.p[i]) ? client.p[i] : '_';
        if (((unsigned char)client.p[i] & 0xc0) == 0x80) /* one "_" a character, however long */
            continue;
        if (out.n == 0 && !is_first(c))
            dgm_buf_put_char(&out, '_');
        dgm_buf_put_char(&out, c);
    }
    dgm_buf_put_char(&out, '_');
    dgm_buf_put_hex(&out, hash(client, nth) & 0xffffffffu, HASH_DIGITS);
    return dgm_buf_str(&out);
}

/* ---- public ---- */

/* The entry, and in `room` the name that is free for it when there is none. */
static struct chat_name *look_up(const struct dgm_request *r, struct dgm_str client,
                                 char room[NATIVE_NAME_MAX], struct dgm_str *ret_free)
{
    for (uint64_t nth = 0;; nth++) {
        *ret_free = candidate(client, nth, room);
        struct chat_name *name = find(r, *ret_free);
        if (!name || (name->client.p && dgm_str_eq(name->client, client)))
            return name;
    }
}

struct chat_name *names_enter(struct dgm_request *r, struct dgm_str client)
{
    char room[NATIVE_NAME_MAX];
    struct dgm_str native;
    if (!client.p)
        client = DGM_STR("");
    struct chat_name *name = look_up(r, client, room, &native);
    return name ? name : enter(r, client, native);
}

struct chat_name *names_find(const struct dgm_request *r, struct dgm_str client)
{
    char room[NATIVE_NAME_MAX];
    struct dgm_str native;
    return look_up(r, client, room, &native);
}

struct chat_name *names_invent(struct dgm_request *r, struct dgm_str wish)
{
    char room[NATIVE_NAME_MAX];
    struct dgm_str native;
    uint64_t nth = 0;
    do
        native = candidate(wish, nth++, room);
    while (find(r, native));
    return enter(r, (struct dgm_str){0}, native);
}

const struct chat_name *names_behind(const struct dgm_request *r, struct dgm_str native)
{
    return find(r, native);
}

struct dgm_str names_native(struct dgm_request *r, struct dgm_str client)
{
    const struct chat_name *name = names_enter(r, client);
    return name ? name->native : (struct dgm_str){0};
}

struct dgm_str names_client(const struct dgm_request *r, struct dgm_str native)
{
    const struct chat_name *name = find(r, native);
    return name && name->client.p && names_returnable(name->client) ? name->client : native;
}
