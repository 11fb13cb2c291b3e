/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.c - opening the listening sockets. */
#include "gateway/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */
#define PORT_TRIES 16

static void *zeroed(size_t n)
{
    void *p = dgm_alloc_libc.resize(dgm_alloc_libc.ctx, NULL, 0, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

static void give_back(void *p, size_t n)
{
    if (p != NULL)
        dgm_alloc_libc.resize(dgm_alloc_libc.ctx, p, n, 0);
}

/* ---- one socket ------------------------------------------------------------------------------------- */

static int port_of(const struct sockaddr_storage *addr)
{
    if (addr->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)addr)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)addr)->sin6_port);
}

/* Binds, without listening. -1 with errno when it cannot. */
static int bind_socket(const struct sockaddr_storage *addr, socklen_t addr_bytes, bool shared)
{
    int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    if (addr->ss_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (addr->ss_family == AF_INET6) /* [::] means IPv6 alone, whatever the system's default */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    bool ready = !shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
    if (ready && bind(fd, (const struct sockaddr *)addr, addr_bytes) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A path left behind by a server that is gone is removed; one that answers is taken. */
static bool clear_path(const struct sockaddr_storage *addr, socklen_t addr_bytes)
{
    const char *path = ((const struct sockaddr_un *)addr)->sun_path;
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool answers = connect(fd, (const struct sockaddr *)addr, addr_bytes) == 0 || errno == EAGAIN;
    close(fd);
    if (answers) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(path) == 0;
}

/* ---- one address ------------------------------------------------------------------------------------ */

static bool open_unix(struct gw_address *a, size_t slots)
{
    if (!clear_path(&a->addr, a->addr_bytes))
        return false;
    a->fds[0] = bind_socket(&a->addr, a->addr_bytes, false);
    if (a->fds[0] < 0 || listen(a->fds[0], BACKLOG) != 0)
        return false;
    for (size_t i = 1; i < slots; i++) {
        a->fds[i] = fcntl(a->fds[0], F_DUPFD_CLOEXEC, 0);
        if (a->fds[i] < 0)
            return false;
    }
    return true;
}

/* Sockets for the slots that have none yet. */
static bool open_slots(struct gw_address *a, size_t slots)
{
    for (size_t i = 0; i < slots; i++) {
        if (a->fds[i] >= 0)
            continue;
        a->fds[i] = bind_socket(&a->addr, a->addr_bytes, true);
        if (a->fds[i] < 0 || listen(a->fds[i], BACKLOG) != 0)
            return false;
    }
    return true;
}

static void close_slots(struct gw_address *a, size_t slots)
{
    for (size_t i = 0; a->fds != NULL && i < slots; i++) {
        if (a->fds[i] >= 0)
            close(a->fds[i]);
        a->fds[i] = -1;
    }
}

/* The first bind is not shared: with SO_REUSEPORT alone, another server of the same user on the port would go
 * unnoticed and take a part of our connections. */
static bool open_tcp(struct gw_address *a, size_t slots)
{
    const struct sockaddr_storage wanted = a->addr;
    for (int tries = 0; tries < PORT_TRIES; tries++) {
        int probe = bind_socket(&wanted, a->addr_bytes, false);
        if (probe < 0)
            return false;
        socklen_t n = sizeof a->addr;
        getsockname(probe, (struct sockaddr *)&a->addr, &n);
        close(probe);
        if (open_slots(a, slots))
            return true;
        int error = errno;
        close_slots(a, slots);
        errno = error;
        if (port_of(&wanted) != 0)
            return false; /* else somebody took the free port between: take another */
    }
    return false;
}

/* Goes on with the sockets of the same address in `old`; what is missing is opened beside them. */
static bool take_over(struct gw_address *a, const struct gw_sockets *old, size_t slots,
                      bool *ret_found)
{
    *ret_found = false;
    for (size_t i = 0; old != NULL && i < old->n; i++) {
        const struct gw_address *was = &old->at[i];
        if (strcmp(was->text, a->text) != 0)
            continue;
        *ret_found = true;
        a->addr = was->addr;
        bool is_unix = a->addr.ss_family == AF_UNIX;
        for (size_t s = 0; s < slots && (is_unix || s < old->slots); s++) {
            a->fds[s] = fcntl(was->fds[is_unix ? 0 : s], F_DUPFD_CLOEXEC, 0);
            if (a->fds[s] < 0)
                return false;
        }
        return open_slots(a, slots);
    }
    return true;
}

static void name_bound(struct gw_address *a)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->addr.ss_family == AF_UNIX) {
        snprintf(a->bound, sizeof a->bound, "%s", a->text);
    } else if (a->addr.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)&a->addr)->sin_addr, host, sizeof host);
        snprintf(a->bound, sizeof a->bound, "%s:%d", host, port_of(&a->addr));
    } else {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)&a->addr)->sin6_addr, host, sizeof host);
        snprintf(a->bound, sizeof a->bound, "[%s]:%d", host, port_of(&a->addr));
    }
}

static bool open_address(struct gw_address *a, const struct gw_listen *wanted,
                         const struct gw_sockets *old, size_t slots)
{
    snprintf(a->text, sizeof a->text, "%.*s", (int)wanted->text.n, wanted->text.p);
    a->addr = wanted->addr;
    a->addr_bytes = wanted->addr_bytes;
    a->fds = zeroed(slots * sizeof *a->fds);
    if (a->fds == NULL) {
        errno = ENOMEM;
        return false;
    }
    memset(a->fds, 0xff, slots * sizeof *a->fds); /* -1 each */

    bool found;
    if (!take_over(a, old, slots, &found))
        return false;
    if (!found && !(a->addr.ss_family == AF_UNIX ? open_unix(a, slots) : open_tcp(a, slots)))
        return false;
    name_bound(a);
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------ */

bool gw_sockets_open(struct gw_sockets *ret, const struct gw_config *config,
                     const struct gw_sockets *old, char *reterr, size_t reterr_n)
{
    struct gw_sockets s = {.slots = (size_t)config->workers};
    s.at = zeroed(config->listen_n * sizeof *s.at);
    if (s.at == NULL) {
        snprintf(reterr, reterr_n, "can not listen: out of memory");
        return false;
    }
    for (size_t i = 0; i < config->listen_n; i++) {
        s.n++;
        if (open_address(&s.at[i], &config->listen[i], old, s.slots))
            continue;
        snprintf(reterr, reterr_n, "can not listen on %s: %s", s.at[i].text, strerror(errno));
        s.n--; /* its path, if it has one, is not ours to remove */
        close_slots(&s.at[i], s.slots);
        give_back(s.at[i].fds, s.slots * sizeof *s.at[i].fds);
        gw_sockets_close(&s, old);
        return false;
    }
    *ret = s;
    return true;
}

static bool has(const struct gw_sockets *s, const char *text)
{
    for (size_t i = 0; s != NULL && i < s->n; i++) {
        if (strcmp(s->at[i].text, text) == 0)
            return true;
    }
    return false;
}

void gw_sockets_close(struct gw_sockets *s, const struct gw_sockets *still)
{
    size_t n = s->n;
    for (size_t i = 0; i < n; i++) {
        struct gw_address *a = &s->at[i];
        close_slots(a, s->slots);
        if (a->addr.ss_family == AF_UNIX && !has(still, a->text))
            unlink(((const struct sockaddr_un *)&a->addr)->sun_path);
        give_back(a->fds, s->slots * sizeof *a->fds);
    }
    give_back(s->at, n * sizeof *s->at);
    *s = (struct gw_sockets){0};
}

void gw_sockets_forget(const struct gw_sockets *s, size_t but_slot)
{
    for (size_t i = 0; i < s->n; i++) {
        for (size_t slot = 0; slot < s->slots; slot++) {
            if (slot != but_slot)
                close(s->at[i].fds[slot]);
        }
    }
}
