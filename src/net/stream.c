/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - a stream over uv_tcp_t or uv_pipe_t, and TLS between it and its owner. */
#include "net/stream.h"

#include "net/loop_uv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/**
 * Lifetime:
 *   1. new takes the descriptor and reads.
 *   2. A write goes to the kernel directly; what is left over is queued in `waiting`, and `flying` is what
 *      libuv has in hand. Both give their memory back whenever the queue is empty.
 *   3. close stops all callbacks but on_closed; libuv gives `flying` back first, then the handle; then it is freed.
 */
struct net_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct net_loop *loop;
    const struct net_stream_events *events;
    void *owner;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct dgm_buf flying, waiting;
    uint64_t given_bytes; /* all that was ever written, queued or not */
    struct net_timer failing;
    struct net_tls *tls; /* NULL: there is none */
    bool secure;         /* its handshake is over */
    bool writing, ending, ended, failed, paused, eof;
};

#define QUEUE_MAX ((size_t)1 << 30) /* never met: writers stop at NET_QUEUE_HIGH */

static void on_failing(void *owner)
{
    struct net_stream *s = owner;
    s->events->on_fail(s->owner);
}

/* Told from the loop, so that no call ever calls back. */
static void fail(struct net_stream *s)
{
    if (s->failed)
        return;
    s->failed = true;
    uv_read_stop(&s->uv.stream);
    dgm_buf_dispose(&s->waiting);
    net_timer_start(s->loop, &s->failing, 0);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct net_stream *s = handle->data;
    *ret = uv_buf_init(s->loop->read_bytes, NET_READ_BYTES);
}

static void end_reading(struct net_stream *s)
{
    uv_read_stop(&s->uv.stream);
    s->eof = true;
    s->events->on_eof(s->owner);
}

static void on_sealed(struct net_stream *, struct dgm_str);

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct net_stream *s = stream->data;
    if (n == 0 || s->failed)
        return;
    if (n > 0 && s->tls != NULL) {
        on_sealed(s, (struct dgm_str){buf->base, (size_t)n});
        return;
    }
    if (n > 0) {
        s->events->on_read(s->owner, (struct dgm_str){buf->base, (size_t)n});
        return;
    }
    if (n == UV_EOF && s->tls == NULL) {
        end_reading(s);
        return;
    }
    fail(s); /* an end that TLS did not announce may be anybody's doing */
}

void net_stream_pause(struct net_stream *s, bool paused)
{
    if (s->paused == paused || s->failed || s->eof)
        return;
    s->paused = paused;
    int rc = paused ? uv_read_stop(&s->uv.stream) : uv_read_start(&s->uv.stream, on_alloc, on_read);
    if (rc != 0)
        fail(s);
}

bool net_stream_peer_left(const struct net_stream *s)
{
    int fd;
    if (s->eof || s->failed || uv_fileno(&s->uv.handle, &fd) != 0)
        return true;
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0;
}

bool net_stream_peer_gone(const struct net_stream *s)
{
    int fd;
    if (s->failed || uv_fileno(&s->uv.handle, &fd) != 0)
        return true;
    struct pollfd p = {.fd = fd}; /* POLLERR and POLLHUP come unasked */
    return poll(&p, 1, 0) > 0;
}

struct net_watch *net_stream_watch_gone(const struct net_stream *s, void (*on_gone)(void *owner),
                                        void *owner)
{
    int fd;
    bool open = !s->failed && uv_fileno(&s->uv.handle, &fd) == 0;
    return open ? net_watch_new_gone(s->loop, fd, on_gone, owner) : NULL;
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status);

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    struct net_stream *s = shutdown->data;
    if (status != 0 && !uv_is_closing(&s->uv.handle))
        fail(s);
}

static void shut_down(struct net_stream *s)
{
    s->ended = true;
    s->shutdown.data = s;
    if (uv_shutdown(&s->shutdown, &s->uv.stream, on_shutdown) != 0)
        fail(s);
}

/* Hands `waiting`, of which the kernel has taken some already, to libuv. */
static void fly(struct net_stream *s, size_t taken)
{
    struct dgm_buf empty = s->flying;
    s->flying = s->waiting;
    s->waiting = empty;
    uv_buf_t buf = uv_buf_init(s->flying.p + taken, (unsigned)(s->flying.n - taken));
    s->writing = true;
    s->write.data = s;
    if (uv_write(&s->write, &s->uv.stream, &buf, 1, on_written) != 0) {
        s->writing = false;
        fail(s);
    }
}

static void on_written(uv_write_t *write, int status)
{
    struct net_stream *s = write->data;
    s->writing = false;
    if (uv_is_closing(&s->uv.handle))
        return;
    if (status != 0) {
        fail(s);
        return;
    }
    dgm_buf_clear(&s->flying);
    if (s->waiting.n != 0) {
        fly(s, 0);
        return;
    }
    dgm_buf_dispose(&s->flying);
    dgm_buf_dispose(&s->waiting);
    if (s->ending)
        shut_down(s);
    s->events->on_drain(s->owner);
}

/* How much the kernel took at once. */
static size_t write_now(struct net_stream *s, const struct dgm_str *parts, size_t n)
{
    uv_buf_t bufs[NET_PARTS_MAX];
    unsigned bufs_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n != 0) /* libuv only reads it, but wants a char * */
            bufs[bufs_n++] = (uv_buf_t){.base = (char *)(uintptr_t)parts[i].p, .len = parts[i].n};
    }
    if (bufs_n == 0)
        return 0;
    int rc = uv_try_write(&s->uv.stream, bufs, bufs_n);
    if (rc < 0 && rc != UV_EAGAIN)
        fail(s);
    return rc > 0 ? (size_t)rc : 0;
}

/* Sends what TLS has put into `waiting` behind the first `before` bytes of it. */
static enum dgm_rc send_sealed(struct net_stream *s, size_t before)
{
    if (s->waiting.rc != DGM_OK)
        return DGM_E_NOMEM;
    s->given_bytes += s->waiting.n - before;
    if (s->failed || s->writing || s->waiting.n == 0)
        return DGM_OK;
    const struct dgm_str all = dgm_buf_str(&s->waiting);
    size_t taken = write_now(s, &all, 1);
    if (s->failed)
        return DGM_OK;
    if (taken == all.n)
        dgm_buf_dispose(&s->waiting);
    else
        fly(s, taken);
    return DGM_OK;
}

static enum dgm_rc write_sealed(struct net_stream *s, const struct dgm_str *parts, size_t n)
{
    size_t before = s->waiting.n;
    if (s->failed)
        return DGM_OK;
    if (net_tls_seal(s->tls, parts, n, &s->waiting) != DGM_OK && s->waiting.rc == DGM_OK) {
        fail(s);
        return DGM_OK;
    }
    enum dgm_rc rc = send_sealed(s, before);
    return rc != DGM_OK ? rc : net_stream_queued(s) >= NET_QUEUE_HIGH ? DGM_FULL : DGM_OK;
}

enum dgm_rc net_stream_write(struct net_stream *s, const struct dgm_str *parts, size_t n)
{
    assert(n <= NET_PARTS_MAX && !s->ending && (s->tls == NULL || s->secure));
    if (s->tls != NULL)
        return write_sealed(s, parts, n);
    for (size_t i = 0; i < n; i++)
        s->given_bytes += parts[i].n;
    size_t taken = s->failed || s->writing ? 0 : write_now(s, parts, n);
    if (s->failed)
        return DGM_OK;
    for (size_t i = 0; i < n; i++) {
        size_t skip = taken < parts[i].n ? taken : parts[i].n;
        taken -= skip;
        if (skip < parts[i].n)
            dgm_buf_put(&s->waiting, (struct dgm_str){parts[i].p + skip, parts[i].n - skip});
    }
    if (s->waiting.rc != DGM_OK)
        return DGM_E_NOMEM;
    if (s->waiting.n != 0 && !s->writing)
        fly(s, 0);
    return net_stream_queued(s) >= NET_QUEUE_HIGH ? DGM_FULL : DGM_OK;
}

size_t net_stream_queued(const struct net_stream *s)
{
    return s->failed ? 0 : uv_stream_get_write_queue_size(&s->uv.stream) + s->waiting.n;
}

uint64_t net_stream_written(const struct net_stream *s)
{
    return s->given_bytes - net_stream_queued(s);
}

/* TLS's own end, which goes before that of the connection. */
static void say_end(struct net_stream *s)
{
    size_t before = s->waiting.n;
    net_tls_end(s->tls, &s->waiting);
    if (send_sealed(s, before) != DGM_OK)
        fail(s);
}

void net_stream_end(struct net_stream *s)
{
    if (s->ending || s->failed)
        return;
    s->ending = true;
    if (s->tls != NULL)
        say_end(s);
    if (!s->writing && !s->failed)
        shut_down(s);
}

/* ---- TLS -------------------------------------------------------------------------------------------- */

/* Goes on with the handshake. False: there is nothing to open yet, or never will be. */
static bool greet(struct net_stream *s, struct dgm_str *in)
{
    size_t before = s->waiting.n;
    enum dgm_rc rc = net_tls_greet(s->tls, in, &s->waiting);
    if (send_sealed(s, before) != DGM_OK || (rc != DGM_OK && rc != DGM_MORE)) {
        fail(s);
        return false;
    }
    if (rc == DGM_MORE || s->failed)
        return false;
    s->secure = true;
    s->events->on_secure(s->owner);
    return true;
}

static bool is_over(const struct net_stream *s)
{
    return s->failed || uv_is_closing(&s->uv.handle);
}

static void on_sealed(struct net_stream *s, struct dgm_str in)
{
    if (!s->secure && !greet(s, &in))
        return;
    char *plain = s->loop->plain_bytes;
    enum dgm_rc rc = DGM_FULL;
    while (rc == DGM_FULL && !is_over(s)) {
        size_t n, before = s->waiting.n;
        rc = net_tls_open(s->tls, &in, plain, NET_READ_BYTES, &n, &s->waiting);
        if (send_sealed(s, before) != DGM_OK)
            rc = DGM_E_NOMEM;
        if (n != 0)
            s->events->on_read(s->owner, (struct dgm_str){plain, n});
    }
    if (is_over(s) || rc == DGM_MORE)
        return;
    if (rc == DGM_DONE)
        end_reading(s);
    else
        fail(s);
}

void net_stream_secure(struct net_stream *s, struct net_tls *tls)
{
    struct net_loop *l = s->loop;
    struct dgm_str nothing = {0};
    assert(s->tls == NULL && net_stream_queued(s) == 0);
    s->tls = tls;
    if (l->plain_bytes == NULL)
        l->plain_bytes = l->alloc->resize(l->alloc->ctx, NULL, 0, NET_READ_BYTES);
    if (l->plain_bytes == NULL)
        fail(s);
    else
        (void)greet(s, &nothing);
}

struct dgm_str net_stream_why(const struct net_stream *s)
{
    return s->tls != NULL ? net_tls_why(s->tls) : (struct dgm_str){0};
}

/* ---- beginning and end ------------------------------------------------------------------------------ */

static void release(struct net_stream *s)
{
    dgm_buf_dispose(&s->flying);
    dgm_buf_dispose(&s->waiting);
    net_tls_free(s->tls);
    s->loop->alloc->resize(s->loop->alloc->ctx, s, sizeof *s, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct net_stream *s = handle->data;
    s->events->on_closed(s->owner);
    release(s);
}

/* A handle must be closed even when its owner never saw it. */
static void on_closed_unseen(uv_handle_t *handle)
{
    release(handle->data);
}

void net_stream_close(struct net_stream *s)
{
    assert(!uv_is_closing(&s->uv.handle));
    if (s->secure && !s->ending && !s->failed && net_stream_queued(s) == 0)
        say_end(s); /* what the kernel does not take at once is lost, and it may */
    net_timer_stop(&s->failing);
    uv_close(&s->uv.handle, on_closed);
}

void net_stream_own(struct net_stream *s, const struct net_stream_events *events, void *owner)
{
    s->events = events;
    s->owner = owner;
}

static bool is_tcp(int fd)
{
    struct sockaddr_storage addr = {0};
    socklen_t n = sizeof addr;
    return getsockname(fd, (struct sockaddr *)&addr, &n) == 0 && addr.ss_family != AF_UNIX;
}

enum net_peer net_stream_peer(const struct net_stream *s)
{
    if (s->uv.handle.type == UV_NAMED_PIPE)
        return NET_PEER_UNIX;
    struct sockaddr_storage addr = {0};
    int n = sizeof addr;
    if (uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&addr, &n) != 0)
        return NET_PEER_OTHER;
    if (addr.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127 ? NET_PEER_LOOPBACK : NET_PEER_OTHER;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)&addr)->sin6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127;
    return mapped || IN6_IS_ADDR_LOOPBACK(v6) ? NET_PEER_LOOPBACK : NET_PEER_OTHER;
}

struct net_stream *net_stream_new(struct net_loop *loop, int fd,
                                  const struct net_stream_events *events, void *owner)
{
    struct net_stream *s = loop->alloc->resize(loop->alloc->ctx, NULL, 0, sizeof *s);
    if (s == NULL) {
        close(fd);
        return NULL;
    }
    *s = (struct net_stream){.loop = loop, .events = events, .owner = owner};
    dgm_buf_init(&s->flying, loop->alloc, QUEUE_MAX);
    dgm_buf_init(&s->waiting, loop->alloc, QUEUE_MAX);
    net_timer_init(&s->failing, on_failing, s);

    bool tcp = is_tcp(fd);
    int rc = tcp ? uv_tcp_init(&loop->uv, &s->uv.tcp) : uv_pipe_init(&loop->uv, &s->uv.pipe, 0);
    assert(rc == 0); /* nothing that could fail: no descriptor is made yet */
    s->uv.handle.data = s;
    rc = tcp ? uv_tcp_open(&s->uv.tcp, fd) : uv_pipe_open(&s->uv.pipe, fd);
    if (rc != 0) {
        close(fd);
        uv_close(&s->uv.handle, on_closed_unseen);
        return NULL;
    }
    if (tcp)
        uv_tcp_nodelay(&s->uv.tcp, 1);
    if (uv_read_start(&s->uv.stream, on_alloc, on_read) != 0)
        fail(s);
    return s;
}
