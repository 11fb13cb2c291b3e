/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.c - connect(2) by hand on a watched descriptor. Not uv_tcp_connect: a handle of libuv's takes one
 * address, and what comes out here is what an accept gives too.
 */
#include "net/connect.h"

#include "net/loop_uv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum state {
    LOOKING, /* the name is with the resolver */
    TRYING,  /* `fd` is being connected */
    CLOSING, /* the attempt at one address failed; the next follows when its watch is closed */
    FAILED,  /* to be told in the loop's next turn */
    OVER,    /* told, or cancelled; libuv still has a part of it */
};

/**
 * Lifetime:
 *   1. new tries a number at once, or asks the resolver.
 *   2. One address at a time is TRYING; a failure leads to the next, the last one to FAILED.
 *   3. An event or cancel makes it OVER; it is freed when libuv has given back the lookup or the watch.
 */
struct net_connect {
    struct net_loop *loop;
    const struct net_connect_events *events;
    void *owner;
    union {
        uv_getaddrinfo_t lookup;
        uv_poll_t poll;
    } uv;
    struct net_timer timer;
    int64_t until_ms; /* INT64_MAX: no limit */
    struct sockaddr_storage addresses[NET_ADDRESSES_MAX];
    size_t addresses_n, next;
    enum state state;
    int fd, error; /* error: libuv's, of the last failure */
};

static void try_next(struct net_connect *);

static void release(struct net_connect *c)
{
    const struct dgm_alloc *a = c->loop->alloc;
    a->resize(a->ctx, c, sizeof *c, 0);
}

/* ---- one address ------------------------------------------------------------------------------------ */

static void on_poll_closed(uv_handle_t *handle)
{
    struct net_connect *c = handle->data;
    if (c->state == OVER)
        release(c);
    else
        try_next(c);
}

/* The descriptor must be off the loop before anybody else watches it. */
static void end_watch(struct net_connect *c, enum state next)
{
    c->state = next;
    net_timer_stop(&c->timer);
    uv_close((uv_handle_t *)&c->uv.poll, on_poll_closed);
}

static void fail_address(struct net_connect *c, int error)
{
    c->error = error;
    end_watch(c, CLOSING);
    close(c->fd);
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct net_connect *c = poll->data;
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
        error = errno;
    if (error == 0 && status != 0)
        error = -status;
    if (error != 0) {
        fail_address(c, -error);
        return;
    }
    int fd = c->fd;
    end_watch(c, OVER);
    c->events->on_connected(c->owner, fd);
}

/* This address's share of the time that is left. */
static int64_t share_ms(const struct net_connect *c)
{
    int64_t left = c->until_ms - net_loop_now_ms(c->loop);
    return left <= 0 ? 0 : left / (int64_t)(c->addresses_n - c->next + 1);
}

/* Begins with one address. False: it failed at once, and c->error says why. */
static bool try_address(struct net_connect *c, const struct sockaddr_storage *to)
{
    socklen_t n =
        to->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    c->fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        c->error = -errno;
        return false;
    }
    if (connect(c->fd, (const struct sockaddr *)to, n) != 0 && errno != EINPROGRESS) {
        c->error = -errno;
        close(c->fd);
        return false;
    }
    int rc = uv_poll_init(&c->loop->uv, &c->uv.poll, c->fd);
    if (rc != 0) {
        c->error = rc;
        close(c->fd);
        return false;
    }
    c->uv.poll.data = c;
    rc = uv_poll_start(&c->uv.poll, UV_WRITABLE, on_writable);
    assert(rc == 0); /* fails only when closing */
    c->state = TRYING;
    if (c->until_ms != INT64_MAX)
        net_timer_start(c->loop, &c->timer, share_ms(c));
    return true;
}

static void try_next(struct net_connect *c)
{
    while (c->next < c->addresses_n && net_loop_now_ms(c->loop) < c->until_ms) {
        if (try_address(c, &c->addresses[c->next++]))
            return;
    }
    c->state = FAILED;
    net_timer_start(c->loop, &c->timer, 0);
}

/* ---- names ------------------------------------------------------------------------------------------ */

static void add_address(struct net_connect *c, const struct sockaddr *from)
{
    struct sockaddr_storage *to = &c->addresses[c->addresses_n];
    if (c->addresses_n == NET_ADDRESSES_MAX)
        return;
    if (from->sa_family == AF_INET)
        memcpy(to, from, sizeof(struct sockaddr_in));
    else if (from->sa_family == AF_INET6)
        memcpy(to, from, sizeof(struct sockaddr_in6));
    else
        return;
    c->addresses_n++;
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct net_connect *c = lookup->data;
    for (const struct addrinfo *a = found; a != NULL && c->state == LOOKING; a = a->ai_next)
        add_address(c, a->ai_addr);
    uv_freeaddrinfo(found);
    if (c->state == OVER) {
        release(c);
        return;
    }
    net_timer_stop(&c->timer);
    c->error = status != 0 ? status : UV_EAI_NONAME;
    try_next(c);
}

/* Fills in the address of a number. */
static bool read_number(struct net_connect *c, const char *host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        add_address(c, (const struct sockaddr *)&v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        add_address(c, (const struct sockaddr *)&v6);
    return c->addresses_n != 0;
}

static void look_up(struct net_connect *c, const char *host, uint16_t port)
{
    char service[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    snprintf(service, sizeof service, "%u", port);
    c->uv.lookup.data = c;
    c->state = LOOKING;
    c->error = uv_getaddrinfo(&c->loop->uv, &c->uv.lookup, on_lookup, host, service, &hints);
    if (c->error != 0)
        try_next(c); /* without an address: it tells of the failure */
    else if (c->until_ms != INT64_MAX)
        net_timer_start(c->loop, &c->timer, c->until_ms - net_loop_now_ms(c->loop));
}

/* ---- beginning and end ------------------------------------------------------------------------------ */

void net_connect_cancel(struct net_connect *c)
{
    if (c == NULL)
        return;
    net_timer_stop(&c->timer);
    switch (c->state) {
    case LOOKING:
        c->state = OVER;
        uv_cancel((uv_req_t *)&c->uv.lookup); /* one that runs already ends by itself */
        return;
    case TRYING:
        end_watch(c, OVER);
        close(c->fd);
        return;
    case CLOSING:
        c->state = OVER;
        return;
    default:
        assert(c->state == FAILED);
        release(c);
        return;
    }
}

static void on_timer(void *owner)
{
    struct net_connect *c = owner;
    if (c->state == TRYING) {
        fail_address(c, UV_ETIMEDOUT);
        return;
    }
    if (c->state == LOOKING)
        c->error = UV_ETIMEDOUT;
    const struct net_connect_events *events = c->events;
    void *its_owner = c->owner;
    const char *why = uv_strerror(c->error); /* a constant for every error libuv knows */
    net_connect_cancel(c);
    events->on_failed(its_owner, (struct dgm_str){why, strlen(why)});
}

struct net_connect *net_connect_new(struct net_loop *loop, struct dgm_str host, uint16_t port,
                                    int64_t timeout_ms, const struct net_connect_events *events,
                                    void *owner)
{
    const struct dgm_alloc *a = loop->alloc;
    struct net_connect *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct net_connect){.loop = loop, .events = events, .owner = owner, .error = UV_EINVAL};
    c->until_ms = timeout_ms > 0 ? net_loop_now_ms(loop) + timeout_ms : INT64_MAX;
    net_timer_init(&c->timer, on_timer, c);

    char name[NET_HOST_MAX + 1];
    bool fits = host.n != 0 && host.n <= NET_HOST_MAX && memchr(host.p, '\0', host.n) == NULL;
    if (fits) {
        memcpy(name, host.p, host.n);
        name[host.n] = '\0';
    }
    if (!fits || read_number(c, name, port))
        try_next(c);
    else
        look_up(c, name, port);
    return c;
}
