/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - a small cache before getaddrinfo(3), which libuv calls in a thread. */
#include "net/names.h"

#include "net/loop_uv.h"

#include <assert.h>
#include <string.h>

/** A lookup under way. It outlives its name's waiting, and the names of a loop that ends. */
struct net_query {
    uv_getaddrinfo_t uv;
    struct net_loop *loop;
    struct net_name *name; /* NULL: nobody wants the answer any more */
};

/** One name. In its loop's list from its first lookup until the list is full and it is the oldest. */
struct net_name {
    struct net_loop *loop;
    struct net_name *next;
    struct net_query *query;    /* under way; NULL: none */
    struct net_lookup *waiting; /* list */
    struct net_addresses known; /* the last good answer; none: n is 0 */
    int64_t until_ms;           /* `known` is good till then */
    bool guest;                 /* a stranger's: in the loop's other list, until it is answered */
    char host[NET_HOST_MAX + 1];
};

static const struct net_resolver system_resolver;

static const struct net_resolver *resolver_of(const struct net_loop *l)
{
    return l->resolver != NULL ? l->resolver : &system_resolver;
}

/* ---- addresses -------------------------------------------------------------------------------------- */

void net_addresses_add(struct net_addresses *to, const struct sockaddr *from)
{
    if (to->n == NET_ADDRESSES_MAX)
        return;
    union net_address *at = &to->at[to->n];
    if (from->sa_family == AF_INET)
        memcpy(&at->v4, from, sizeof at->v4);
    else if (from->sa_family == AF_INET6)
        memcpy(&at->v6, from, sizeof at->v6);
    else
        return;
    to->n++;
}

void net_addresses_interleave(struct net_addresses *a)
{
    struct net_addresses mixed = {.n = a->n};
    size_t next[2] = {0, 0}, family = 0;
    for (size_t i = 0; i < a->n; i++, family ^= 1) {
        for (int turn = 0; turn < 2;
             turn++, family ^= 1) { /* the other's, when this one has no more */
            size_t *at = &next[family];
            while (*at < a->n &&
                   (a->at[*at].any.sa_family == a->at[0].any.sa_family) != (family == 0))
                ++*at;
            if (*at < a->n) {
                mixed.at[i] = a->at[(*at)++];
                break;
            }
        }
    }
    *a = mixed;
}

/* ---- waiting ---------------------------------------------------------------------------------------- */

static void wait_on(struct net_lookup **list, struct net_lookup *w)
{
    w->_next = *list;
    w->_at = list;
    if (*list != NULL)
        (*list)->_at = &w->_next;
    *list = w;
}

void net_lookup_cancel(struct net_lookup *w)
{
    if (w->_at == NULL)
        return;
    net_timer_stop(&w->_patience);
    *w->_at = w->_next;
    if (w->_next != NULL)
        w->_next->_at = w->_at;
    w->_at = NULL;
    w->_next = NULL;
}

static void begin_guest(struct net_loop *);

static void tell(struct net_lookup *w, const struct net_addresses *found, int error)
{
    net_lookup_cancel(w);
    w->on_found(w->owner, found, error);
}

static void on_patience(void *owner)
{
    struct net_lookup *w = owner;
    const struct net_addresses known = w->_name->known; /* the name may make room for another */
    struct net_loop *l = w->_name->loop;
    bool guest = w->_name->guest;
    tell(w, &known, known.n != 0 ? 0 : w->_error);
    if (guest)
        begin_guest(l); /* that one could not begin: the next */
}

/* ---- lookups ---------------------------------------------------------------------------------------- */

static void free_query(struct net_query *q)
{
    const struct dgm_alloc *a = q->loop->alloc;
    a->resize(a->ctx, q, sizeof *q, 0);
}

static void end_guest(struct net_name *, const struct net_addresses *found, int error);

void net_query_answer(struct net_query *q, const struct net_addresses *found, int error)
{
    struct net_name *name = q->name;
    struct net_loop *l = q->loop;
    free_query(q);
    if (name == NULL)
        return;
    name->query = NULL;
    if (name->guest) {
        end_guest(name, found, error);
        return;
    }
    int64_t now = net_loop_now_ms(l);
    if (error == 0 && found->n != 0) {
        name->known = *found;
        name->until_ms = now + resolver_of(l)->keep_ms;
    } else {
        name->until_ms = name->known.n != 0 ? now + NET_NAME_RETRY_MS : now;
        if (error == 0)
            error = UV_EAI_NONAME;
    }

    const struct net_addresses known = name->known;
    struct net_lookup *waiting = name->waiting;
    name->waiting = NULL;
    if (waiting != NULL)
        waiting->_at = &waiting; /* whoever is told may cancel others, or ask again */
    while (waiting != NULL)
        tell(waiting, &known, known.n != 0 ? 0 : error);
}

static void on_system(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
    struct net_addresses all = {.n = 0};
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
        net_addresses_add(&all, a->ai_addr);
    uv_freeaddrinfo(found);
    net_addresses_interleave(&all);
    net_query_answer(uv->data, &all, status);
}

static int ask_system(void *ctx, struct net_query *q, const char *host)
{
    (void)ctx;
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    q->uv.data = q;
    return uv_getaddrinfo(&q->loop->uv, &q->uv, on_system, host, NULL, &hints);
}

static const struct net_resolver system_resolver = {
    .look_up = ask_system, .keep_ms = NET_NAME_KEEP_MS, .patience_ms = NET_NAME_PATIENCE_MS};

/* ---- names ------------------------------------------------------------------------------------------ */

static struct net_name *find(const struct net_loop *l, const char *host)
{
    struct net_name *name = l->names;
    while (name != NULL && strcmp(name->host, host) != 0)
        name = name->next;
    return name;
}

static void forget(struct net_loop *l, struct net_name *name)
{
    struct net_name **link = name->guest ? &l->guests : &l->names;
    for (; *link != name; link = &(*link)->next)
        assert(*link != NULL);
    *link = name->next;
    if (name->query != NULL)
        name->query->name = NULL;
    l->names_n -= !name->guest;
    l->alloc->resize(l->alloc->ctx, name, sizeof *name, 0);
}

/* Makes room for one more: the oldest goes that nobody waits for. False: all are waited for. */
static bool make_room(struct net_loop *l)
{
    struct net_name *oldest = NULL;
    if (l->names_n < NET_NAMES_MAX)
        return true;
    for (struct net_name *name = l->names; name != NULL; name = name->next) {
        if (name->waiting == NULL && (oldest == NULL || name->until_ms <= oldest->until_ms))
            oldest = name;
    }
    if (oldest != NULL)
        forget(l, oldest);
    return oldest != NULL;
}

/* In no list yet. */
static struct net_name *new_name(struct net_loop *l, const char *host)
{
    struct net_name *name = l->alloc->resize(l->alloc->ctx, NULL, 0, sizeof *name);
    if (name == NULL)
        return NULL;
    *name = (struct net_name){.loop = l};
    size_t n = strlen(host);
    assert(n <= NET_HOST_MAX);
    memcpy(name->host, host, n);
    return name;
}

static struct net_name *find_or_new(struct net_loop *l, const char *host)
{
    struct net_name *name = find(l, host);
    if (name != NULL || !make_room(l))
        return name;
    name = new_name(l, host);
    if (name == NULL)
        return NULL;
    name->next = l->names;
    l->names = name;
    l->names_n++;
    return name;
}

/* Begins a lookup, where none is under way. 0, or libuv's error. */
static int begin(struct net_name *name)
{
    struct net_loop *l = name->loop;
    if (name->query != NULL)
        return 0;
    struct net_query *q = l->alloc->resize(l->alloc->ctx, NULL, 0, sizeof *q);
    if (q == NULL)
        return UV_ENOMEM;
    q->loop = l;
    q->name = name;
    int rc = resolver_of(l)->look_up(resolver_of(l)->ctx, q, name->host);
    if (rc == 0)
        name->query = q;
    else
        free_query(q);
    return rc;
}

enum dgm_rc net_lookup_start(struct net_loop *l, struct net_lookup *w, const char *host,
                             struct net_addresses *ret)
{
    struct net_name *name = find_or_new(l, host);
    if (name == NULL)
        return DGM_E_NOMEM;
    bool known = name->known.n != 0;
    bool fresh = known && net_loop_now_ms(l) < name->until_ms;
    int error = fresh ? 0 : begin(name);
    if (fresh || (known && error != 0)) {
        *ret = name->known;
        return DGM_OK;
    }
    w->_name = name;
    w->_error = error;
    net_timer_init(&w->_patience, on_patience, w);
    wait_on(&name->waiting, w);
    if (known || error != 0) /* a call never calls back: a failure waits for the loop's next turn */
        net_timer_start(l, &w->_patience, error != 0 ? 0 : resolver_of(l)->patience_ms);
    return DGM_MORE;
}

/* ---- strangers' names ------------------------------------------------------------------------------- */

/* Begins with the guest that waits longest, if none is being looked up. Those for whom nobody waits any more go. */
static void begin_guest(struct net_loop *l)
{
    struct net_name *oldest = NULL, *next;
    bool busy = false;
    for (struct net_name *name = l->guests; name != NULL; name = next) {
        next = name->next;
        busy = busy || name->query != NULL;
        if (name->query == NULL && name->waiting == NULL)
            forget(l, name);
        else
            oldest = name;
    }
    int error = busy || oldest == NULL ? 0 : begin(oldest);
    for (struct net_lookup *w = error != 0 ? oldest->waiting : NULL; w != NULL; w = w->_next) {
        w->_error = error; /* told in the loop's next turn */
        net_timer_start(l, &w->_patience, 0);
    }
}

static void end_guest(struct net_name *name, const struct net_addresses *found, int error)
{
    struct net_loop *l = name->loop;
    const struct net_addresses known = error == 0 ? *found : (struct net_addresses){.n = 0};
    struct net_lookup *waiting = name->waiting;
    name->waiting = NULL;
    if (waiting != NULL)
        waiting->_at = &waiting; /* whoever is told may cancel others, or ask again */
    forget(l, name);
    begin_guest(l);
    while (waiting != NULL)
        tell(waiting, &known, known.n != 0 ? 0 : error != 0 ? error : UV_EAI_NONAME);
}

enum dgm_rc net_lookup_guest(struct net_loop *l, struct net_lookup *w, const char *host)
{
    struct net_name *name = l->guests;
    while (name != NULL && strcmp(name->host, host) != 0)
        name = name->next;
    if (name == NULL) {
        name = new_name(l, host);
        if (name == NULL)
            return DGM_E_NOMEM;
        name->guest = true;
        name->next = l->guests;
        l->guests = name;
    }
    w->_name = name;
    net_timer_init(&w->_patience, on_patience, w);
    wait_on(&name->waiting, w);
    begin_guest(l);
    return DGM_MORE;
}

void net_names_doubt(struct net_loop *l, const char *host)
{
    struct net_name *name = find(l, host);
    if (name != NULL && name->query == NULL)
        name->until_ms = net_loop_now_ms(l);
}

void net_names_use(struct net_loop *l, const struct net_resolver *resolver)
{
    l->resolver = resolver;
}

static void forget_all(struct net_loop *l, struct net_name **list)
{
    while (*list != NULL) {
        assert((*list)->waiting == NULL);
        if ((*list)->query != NULL && l->resolver == NULL)
            uv_cancel((uv_req_t *)&(*list)->query->uv); /* one that runs already ends by itself */
        forget(l, *list);
    }
}

void net_names_close(struct net_loop *l)
{
    forget_all(l, &l->names);
    forget_all(l, &l->guests);
}
