/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.c - connect(2) by hand on watched descriptors. Not uv_tcp_connect: a handle of libuv's takes one
 * address, and what comes out here is what an accept gives too.
 */
#include "net/connect.h"

#include "net/loop_uv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** One address being tried. */
struct attempt {
    uv_poll_t poll;
    struct net_connect *connect;
    int fd; /* -1: none, or over */
};

/**
 * Lifetime:
 *   1. new takes a number, or asks for the name.
 *   2. Attempts begin one after the other and run beside each other; one that succeeds ends the rest.
 *   3. An event or cancel makes it over; it is freed when libuv has given back the last watch.
 */
struct net_connect {
    struct net_loop *loop;
    const struct net_connect_events *events;
    void *owner;
    struct net_lookup lookup;
    struct net_timer deadline, stagger; /* when all fails; when the next address begins */
    struct net_addresses addresses;
    struct attempt attempts[NET_ADDRESSES_MAX];
    size_t next, running,
        watched; /* the next address; attempts not over; watches libuv still has */
    enum net_phase phase;
    uint16_t port;
    bool over;
    int error; /* libuv's, of the last failure */
    char host[NET_HOST_MAX + 1];
};

static void release(struct net_connect *c)
{
    const struct dgm_alloc *a = c->loop->alloc;
    a->resize(a->ctx, c, sizeof *c, 0);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *handle)
{
    struct net_connect *c = ((struct attempt *)handle->data)->connect;
    if (--c->watched == 0 && c->over)
        release(c);
}

/* The descriptor must be off the loop before anybody else watches it. */
static int end_attempt(struct attempt *a)
{
    int fd = a->fd;
    a->fd = -1;
    a->connect->running--;
    uv_close((uv_handle_t *)&a->poll, on_poll_closed);
    return fd;
}

/* Everything of it ends; it goes when the watches are gone. */
static void finish(struct net_connect *c)
{
    net_timer_stop(&c->deadline);
    net_timer_stop(&c->stagger);
    net_lookup_cancel(&c->lookup);
    for (size_t i = 0; i < c->next; i++) {
        if (c->attempts[i].fd >= 0)
            close(end_attempt(&c->attempts[i]));
    }
    c->over = true;
    if (c->watched == 0)
        release(c);
}

void net_connect_cancel(struct net_connect *c)
{
    if (c != NULL)
        finish(c);
}

static void fail(struct net_connect *c)
{
    const struct net_connect_events *events = c->events;
    void *owner = c->owner;
    enum net_phase phase = c->phase;
    const char *why = uv_strerror(c->error); /* a constant for every error libuv knows */
    if (phase == NET_PHASE_CONNECT)
        net_names_doubt(c->loop, c->host);
    finish(c);
    events->on_failed(owner, phase, (struct dgm_str){why, strlen(why)});
}

/* ---- one address ------------------------------------------------------------------------------------ */

static void try_next(struct net_connect *);

static void on_writable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct attempt *a = poll->data;
    struct net_connect *c = a->connect;
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error == 0 && status != 0)
        error = -status;
    int fd = end_attempt(a);
    if (error != 0) {
        close(fd);
        c->error = -error;
        try_next(c);
        if (c->running == 0)
            fail(c);
        return;
    }
    const struct net_connect_events *its_events = c->events;
    void *owner = c->owner;
    finish(c);
    its_events->on_connected(owner, fd);
}

/* Begins with one address. False: it failed at once, and c->error says why. */
static bool begin_attempt(struct net_connect *c, struct attempt *a, union net_address *to)
{
    bool v4 = to->any.sa_family == AF_INET;
    socklen_t n = v4 ? sizeof to->v4 : sizeof to->v6;
    *(v4 ? &to->v4.sin_port : &to->v6.sin6_port) = htons(c->port);
    *a = (struct attempt){.connect = c, .fd = -1};
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        c->error = -errno;
        return false;
    }
    int rc = connect(fd, &to->any, n) == 0 || errno == EINPROGRESS ? 0 : -errno;
    if (rc == 0)
        rc = uv_poll_init(&c->loop->uv, &a->poll, fd);
    if (rc != 0) {
        c->error = rc;
        close(fd);
        return false;
    }
    a->poll.data = a;
    a->fd = fd;
    c->running++;
    c->watched++;
    rc = uv_poll_start(&a->poll, UV_WRITABLE, on_writable);
    assert(rc == 0); /* fails only when closing */
    return true;
}

/* Begins with the next address that takes an attempt, if there is one. */
static void try_next(struct net_connect *c)
{
    net_timer_stop(&c->stagger);
    while (c->next < c->addresses.n) {
        size_t i = c->next++;
        if (!begin_attempt(c, &c->attempts[i], &c->addresses.at[i]))
            continue;
        if (c->next < c->addresses.n)
            net_timer_start(c->loop, &c->stagger, NET_CONNECT_STAGGER_MS);
        return;
    }
}

static void on_stagger(void *owner)
{
    try_next(owner);
}

/* ---- beginning -------------------------------------------------------------------------------------- */

static void on_deadline(void *owner)
{
    struct net_connect *c = owner;
    if (c->running != 0 || c->phase == NET_PHASE_NAME)
        c->error = UV_ETIMEDOUT;
    fail(c);
}

/* The addresses are known. What fails at once is told in the loop's next turn. */
static void race(struct net_connect *c)
{
    c->phase = NET_PHASE_CONNECT;
    try_next(c);
    if (c->running == 0)
        net_timer_start(c->loop, &c->deadline, 0);
}

static void on_found(void *owner, const struct net_addresses *found, int error)
{
    struct net_connect *c = owner;
    c->error = error;
    if (error != 0) {
        fail(c);
        return;
    }
    c->addresses = *found;
    race(c);
}

/* Fills in the address of a number. */
static bool read_number(struct net_connect *c)
{
    union net_address to = {.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, c->host, &to.v4.sin_addr) != 1) {
        to = (union net_address){.v6 = {.sin6_family = AF_INET6}};
        if (inet_pton(AF_INET6, c->host, &to.v6.sin6_addr) != 1)
            return false;
    }
    net_addresses_add(&c->addresses, &to.any);
    return true;
}

static void begin(struct net_connect *c)
{
    if (read_number(c)) {
        race(c);
        return;
    }
    c->phase = NET_PHASE_NAME;
    switch (net_lookup_start(c->loop, &c->lookup, c->host, &c->addresses)) {
    case DGM_OK:
        race(c);
        return;
    case DGM_MORE:
        return;
    default:
        c->error = UV_ENOMEM;
        c->phase = NET_PHASE_CONNECT;
        net_timer_start(c->loop, &c->deadline, 0);
        return;
    }
}

static struct net_connect *new_connect(struct net_loop *loop, uint16_t port, int64_t timeout_ms,
                                       const struct net_connect_events *events, void *owner)
{
    const struct dgm_alloc *a = loop->alloc;
    struct net_connect *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct net_connect){
        .loop = loop, .events = events, .owner = owner, .port = port, .error = UV_EINVAL};
    c->lookup = (struct net_lookup){.on_found = on_found, .owner = c};
    net_timer_init(&c->deadline, on_deadline, c);
    net_timer_init(&c->stagger, on_stagger, c);
    if (timeout_ms > 0)
        net_timer_start(loop, &c->deadline, timeout_ms);
    return c;
}

struct net_connect *net_connect_pinned(struct net_loop *loop, const struct net_addresses *to,
                                       uint16_t port, int64_t timeout_ms,
                                       const struct net_connect_events *events, void *owner)
{
    struct net_connect *c = new_connect(loop, port, timeout_ms, events, owner);
    if (c == NULL)
        return NULL;
    c->addresses = *to;
    race(c);
    return c;
}

struct net_connect *net_connect_new(struct net_loop *loop, struct dgm_str host, uint16_t port,
                                    int64_t timeout_ms, const struct net_connect_events *events,
                                    void *owner)
{
    struct net_connect *c = new_connect(loop, port, timeout_ms, events, owner);
    if (c == NULL)
        return NULL;
    if (host.n == 0 || host.n > NET_HOST_MAX || memchr(host.p, '\0', host.n) != NULL) {
        c->phase = NET_PHASE_CONNECT;
        net_timer_start(loop, &c->deadline, 0);
        return c;
    }
    memcpy(c->host, host.p, host.n);
    begin(c);
    return c;
}
