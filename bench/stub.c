/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stub.c - an upstream that costs next to nothing: fixed native answers, made once, over HTTP/1.1.
 *
 *   .../bench-short:generateContent           answer-short.json, at once
 *   .../bench-whole:generateContent           answer.json, at once
 *   .../bench-one:streamGenerateContent       300 events, one a write, 10 ms apart
 *   .../bench-sixteen:streamGenerateContent   1600 events, sixteen a write, 10 ms apart
 *   .../bench-hold:streamGenerateContent      one event, then silence until the client goes
 *
 * Streams begin at one of ten phases, so that each write is one read of whoever stands between. With a certificate
 * all of it is said in TLS.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/str.h"
#include "http/message.h"

#define PHASES 10 /* of a millisecond each */
#define READ_BYTES ((size_t)256 << 10)
#define TEXT_BYTES_MAX ((size_t)16 << 20)

/* What is written for one kind of request: piece after piece, a tick between them. */
struct script {
    struct dgm_str name; /* stands in the target */
    const char *file;
    size_t events, events_a_piece;
    bool ends;
    struct dgm_buf bytes;
    size_t *ends_at, pieces;
};

#define NAME(literal) {"/" literal ":", sizeof literal + 1}

static struct script scripts[] = {
    {NAME("bench-short"), "answer-short.json", .ends = true},
    {NAME("bench-whole"), "answer.json", .ends = true},
    {NAME("bench-one"), "stream.sse", .events = 300, .events_a_piece = 1, .ends = true},
    {NAME("bench-sixteen"), "stream.sse", .events = 1600, .events_a_piece = 16, .ends = true},
    {NAME("bench-hold"), "stream.sse", .events = 1, .events_a_piece = 1},
};

#define SCRIPTS (sizeof scripts / sizeof *scripts)

/**
 * A connection. Lifetime:
 *   1. Made when accepted; reads requests and, at the end of one, gets the script it asks for.
 *   2. A tick of its phase allows one piece more; what the socket does not take waits for EPOLLOUT.
 *   3. Closed when the peer ends or anything is wrong.
 */
struct conn {
    int fd;
    SSL *tls; /* NULL without */
    struct http_reader reader;
    struct script *script; /* chosen at the head, */
    bool answering;        /* and under way from the end of the body */
    size_t piece, written; /* pieces that may go; bytes that went */
    struct conn *next, **link;
    struct conn *dead_next;
};

static int epoll_fd, timer_fd;
static SSL_CTX *tls;                /* NULL: plain */
static struct conn *phases[PHASES]; /* those with a stream under way */
static struct conn *dead;           /* freed when no event of this turn can name them any more */
static unsigned tick, next_phase;
static char input[READ_BYTES];

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench/stub: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- scripts ---- */

static struct dgm_str read_file(const char *name)
{
    char path[4096];
    must(snprintf(path, sizeof path, "%s/%s", DGM_BENCH_DATA, name) < (int)sizeof path, "path");
    FILE *f = fopen(path, "rb");
    must(f != NULL, path);
    char *p = malloc(TEXT_BYTES_MAX);
    must(p != NULL, "memory");
    size_t n = fread(p, 1, TEXT_BYTES_MAX, f);
    must(n != 0 && n < TEXT_BYTES_MAX, "text");
    fclose(f);
    return (struct dgm_str){p, n};
}

static void end_piece(struct script *s)
{
    must(s->bytes.rc == DGM_OK, "memory");
    s->ends_at[s->pieces++] = s->bytes.n;
}

static void make_answer(struct script *s, struct dgm_str body)
{
    dgm_buf_put_lit(&s->bytes, "HTTP/1.1 200 OK\r\nContent-Type: application/json; "
                               "charset=UTF-8\r\nContent-Length: ");
    dgm_buf_put_int(&s->bytes, (int64_t)body.n);
    dgm_buf_put_lit(&s->bytes, "\r\n\r\n");
    dgm_buf_put(&s->bytes, body);
    end_piece(s);
}

/* The file's events but the last, again and again; the last one closes a stream that ends. */
static void make_stream(struct script *s, struct dgm_str file)
{
    struct dgm_buf chunk;
    dgm_buf_init(&chunk, &dgm_alloc_libc, TEXT_BYTES_MAX);
    dgm_buf_put_lit(&s->bytes, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n");
    const char *end = file.p + file.n, *p = file.p, *last = file.p;
    for (const char *e = p; (e = memmem(e, (size_t)(end - e), "\r\n\r\n", 4)) != NULL; e += 4)
        last = e + 4 < end ? e + 4 : last;
    for (size_t i = 1; i <= s->events; i++) {
        const char *from = s->ends && i == s->events ? last : p;
        const char *to = memmem(from, (size_t)(end - from), "\r\n\r\n", 4);
        must(to != NULL, "an event");
        p = to + 4 == last ? file.p : to + 4;
        dgm_buf_put(&chunk, (struct dgm_str){from, (size_t)(to + 4 - from)});
        if (i % s->events_a_piece != 0)
            continue;
        dgm_buf_put_hex(&s->bytes, chunk.n, 6);
        dgm_buf_put_lit(&s->bytes, "\r\n");
        dgm_buf_put(&s->bytes, dgm_buf_str(&chunk));
        dgm_buf_put_lit(&s->bytes, "\r\n");
        dgm_buf_clear(&chunk);
        if (s->ends && i == s->events)
            dgm_buf_put_lit(&s->bytes, "0\r\n\r\n");
        end_piece(s);
    }
    dgm_buf_dispose(&chunk);
}

static void make_scripts(void)
{
    for (struct script *s = scripts; s < scripts + SCRIPTS; s++) {
        dgm_buf_init(&s->bytes, &dgm_alloc_libc, TEXT_BYTES_MAX);
        s->ends_at = malloc((s->events + 1) * sizeof *s->ends_at);
        must(s->ends_at != NULL, "memory");
        if (s->events)
            make_stream(s, read_file(s->file));
        else
            make_answer(s, read_file(s->file));
    }
}

/* ---- connections ---- */

static void stop_answer(struct conn *c)
{
    if (c->link) {
        *c->link = c->next;
        if (c->next)
            c->next->link = c->link;
    }
    c->next = NULL;
    c->link = NULL;
    c->answering = false;
}

static void close_conn(struct conn *c)
{
    if (c->fd < 0)
        return;
    stop_answer(c);
    SSL_free(c->tls);
    close(c->fd);
    c->fd = -1;
    http_reader_dispose(&c->reader);
    c->dead_next = dead;
    dead = c;
}

/* As send() and recv(): -1 with EAGAIN when nothing can be done now. What another connection died of must be forgotten
 * before each call, or SSL_get_error would tell it of this one. */
static ssize_t tls_result(struct conn *c, int n)
{
    if (n > 0)
        return n;
    int why = SSL_get_error(c->tls, n);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t send_to(struct conn *c, const char *p, size_t n)
{
    if (!c->tls)
        return send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    ERR_clear_error();
    return tls_result(c, SSL_write(c->tls, p, (int)n));
}

static ssize_t recv_from(struct conn *c, char *p, size_t n)
{
    if (!c->tls)
        return recv(c->fd, p, n, MSG_DONTWAIT);
    ERR_clear_error();
    return tls_result(c, SSL_read(c->tls, p, (int)n));
}

/* Writes what may go. */
static void write_some(struct conn *c)
{
    struct script *s = c->script;
    while (c->answering && c->written < s->ends_at[c->piece]) {
        ssize_t n = send_to(c, s->bytes.p + c->written, s->ends_at[c->piece] - c->written);
        if (n < 0 && errno == EAGAIN)
            return; /* edge-triggered EPOLLOUT tells when */
        if (n < 0) {
            close_conn(c);
            return;
        }
        c->written += (size_t)n;
        if (s->ends && c->written == s->bytes.n)
            stop_answer(c);
    }
}

static void start_answer(struct conn *c)
{
    c->answering = true;
    c->piece = 0;
    c->written = 0;
    if (c->script->pieces > 1) {
        struct conn **list = &phases[next_phase++ % PHASES];
        c->next = *list;
        c->link = list;
        if (c->next)
            c->next->link = &c->next;
        *list = c;
    }
    write_some(c);
}

static void choose_script(struct conn *c)
{
    struct dgm_str target = c->reader.head.target;
    c->script = NULL;
    for (size_t i = 0; i < SCRIPTS; i++) {
        if (!memmem(target.p, target.n, scripts[i].name.p, scripts[i].name.n))
            continue;
        c->script = &scripts[i];
        return;
    }
}

static void feed(struct conn *c, struct dgm_str in)
{
    struct http_event e;
    enum dgm_rc rc;
    while ((rc = http_reader_next(&c->reader, &in, &e)) == DGM_EVENT) {
        if (e.kind == HTTP_EV_HEAD)
            choose_script(c);
        if (e.kind == HTTP_EV_HEAD && (!c->script || c->answering)) {
            close_conn(c); /* what it does not know, or a second request before the answer */
            return;
        }
        if (e.kind == HTTP_EV_END)
            start_answer(c);
        if (c->fd < 0)
            return;
    }
    if (rc != DGM_MORE)
        close_conn(c);
}

static void read_some(struct conn *c)
{
    while (c->fd >= 0) {
        ssize_t n = recv_from(c, input, sizeof input);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_conn(c);
            return;
        }
        feed(c, (struct dgm_str){input, (size_t)n});
        if ((size_t)n < sizeof input && !c->tls) /* of TLS a record may be left */
            return;
    }
}

static void accept_some(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = calloc(1, sizeof *c);
        must(c != NULL, "memory");
        c->fd = fd;
        http_reader_init(&c->reader, HTTP_REQUESTS, NULL, &dgm_alloc_libc);
        if (tls) {
            c->tls = SSL_new(tls);
            must(c->tls && SSL_set_fd(c->tls, fd) == 1, "TLS");
            SSL_set_accept_state(c->tls);
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = c}};
        must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
    }
}

/* The streams of the present phases may write one piece more. */
static void run_timer(void)
{
    uint64_t ticks;
    if (read(timer_fd, &ticks, sizeof ticks) != sizeof ticks)
        return;
    ticks = ticks > PHASES ? PHASES : ticks; /* late: each stream gets one piece all the same */
    for (; ticks > 0; ticks--) {
        for (struct conn *c = phases[tick++ % PHASES], *next; c; c = next) {
            next = c->next;
            c->piece += c->piece + 1 < c->script->pieces;
            write_some(c);
        }
    }
}

static int listen_on(unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_port = htons((uint16_t)port)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    must(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 4096) == 0, "listen");
    must(getsockname(fd, (struct sockaddr *)&a, &n) == 0, "getsockname");
    printf("%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

/* Sessions are resumed by tickets, as OpenSSL does by itself. A piece may be written again from another place. */
static void use_certificate(const char *chain, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    must(tls && SSL_CTX_use_certificate_chain_file(tls, chain) == 1 &&
             SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1,
         "certificate");
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
}

/*
 * Listens on 127.0.0.1, on the port of its argument (0: any), prints the port, and serves until it is ended. Behind it:
 * "spin": never sleeps (see bench/load); "tls CHAIN KEY": the files of its certificate.
 */
int main(int argc, char **argv)
{
    bool spin = false;
    for (int i = 2; i < argc; i++) {
        spin |= strcmp(argv[i], "spin") == 0;
        if (strcmp(argv[i], "tls") == 0 && i + 2 < argc)
            use_certificate(argv[i + 1], argv[i + 2]);
    }
    must(signal(SIGPIPE, SIG_IGN) != SIG_ERR, "signal"); /* OpenSSL writes without MSG_NOSIGNAL */
    make_scripts();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_on(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0);
    const struct timespec ms = {0, 1000000};
    must(timerfd_settime(timer_fd, 0, &(struct itimerspec){ms, ms}, NULL) == 0, "timerfd");
    struct epoll_event listening = {EPOLLIN, {.ptr = &listener}};
    struct epoll_event ticking = {EPOLLIN, {.ptr = &timer_fd}};
    must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &listening) == 0, "epoll_ctl");
    must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &ticking) == 0, "epoll_ctl");

    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll_fd, events, 256, spin ? 0 : -1);
        must(n >= 0 || errno == EINTR, "epoll_wait");
        if (n == 0)
            sched_yield();
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &listener) {
                accept_some(listener);
            } else if (events[i].data.ptr == &timer_fd) {
                run_timer();
            } else {
                struct conn *c = events[i].data.ptr;
                if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                    read_some(c);
                if (c->fd >= 0 && events[i].events & EPOLLOUT)
                    write_some(c);
            }
        }
        while (dead) {
            struct conn *c = dead;
            dead = c->dead_next;
            free(c);
        }
    }
}
