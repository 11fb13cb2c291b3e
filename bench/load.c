/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - many clients in one process: posts one body again and again, or opens streams and holds them. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "http/message.h"

#define READ_BYTES ((size_t)256 << 10)
#define BODY_BYTES_MAX ((size_t)64 << 20)
#define OPENING_MAX 128 /* connections whose first answer has not begun: backlogs are finite */
#define TIMES_MAX ((size_t)8 << 20)
#define HEADERS_MAX 8
#define QUIET_MS 20000 /* nothing moved for so long: something is wrong */

static const char usage[] =
    "Usage: bench/load --port PORT --target PATH --body FILE [--header 'NAME: VALUE']...\n"
    "                  [--connections N] [--seconds S | --requests N] [--hold] [--spin]\n"
    "Prints one JSON object. With --hold, each connection waits after its answer's first byte; the line is\n"
    "printed when all do, and the end of the standard input ends it.\n"
    "With --spin it never sleeps: a writer whose peer sleeps pays for waking it, and a slow program's peers\n"
    "sleep more than a fast one's.\n";

/**
 * A client. Lifetime:
 *   1. Connects, writes the request, reads the answer, and begins again on the same connection.
 *   2. Once the time or the number of requests is up it is closed after its answer.
 */
struct client {
    int fd;
    size_t written;
    int64_t began_ns;
    struct http_reader reader;
    bool first; /* a byte of its first answer came */
};

static struct {
    unsigned port;
    const char *target, *body, *headers[HEADERS_MAX];
    size_t header_count, connections, requests;
    double seconds;
    bool hold, spin;
} want = {.connections = 1};

static struct dgm_buf request;
static struct client *clients;
static int epoll_fd;
static size_t opened, opening, open_now, begun, done, errors, events, first_bytes;
static uint64_t body_bytes;
static int64_t began_ns, until_ns;
static uint32_t *times; /* of each answer, in nanoseconds */
static char input[READ_BYTES];

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench/load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the request ---- */

static void make_request(void)
{
    struct dgm_buf body;
    dgm_buf_init(&body, &dgm_alloc_libc, BODY_BYTES_MAX);
    dgm_buf_init(&request, &dgm_alloc_libc, BODY_BYTES_MAX + 65536);
    FILE *f = fopen(want.body, "rb");
    must(f != NULL, want.body);
    for (size_t n; (n = fread(input, 1, sizeof input, f)) != 0;)
        dgm_buf_put(&body, (struct dgm_str){input, n});
    fclose(f);
    dgm_buf_put_lit(&request, "POST ");
    dgm_buf_put(&request, dgm_str_c(want.target));
    dgm_buf_put_lit(&request, " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer test\r\n"
                              "Content-Type: application/json\r\nAccept: */*\r\n");
    for (size_t i = 0; i < want.header_count; i++) {
        dgm_buf_put(&request, dgm_str_c(want.headers[i]));
        dgm_buf_put_lit(&request, "\r\n");
    }
    dgm_buf_put_lit(&request, "Content-Length: ");
    dgm_buf_put_int(&request, (int64_t)body.n);
    dgm_buf_put_lit(&request, "\r\n\r\n");
    dgm_buf_put(&request, dgm_buf_str(&body));
    must(body.rc == DGM_OK && request.rc == DGM_OK, "memory");
    dgm_buf_dispose(&body);
}

/* ---- clients ---- */

static bool may_begin(void)
{
    if (want.hold)
        return true;
    return want.requests ? begun < want.requests : now_ns() < until_ns;
}

static void close_client(struct client *c)
{
    if (!c->first)
        opening--;
    c->first = true;
    close(c->fd);
    c->fd = -1;
    http_reader_dispose(&c->reader);
    open_now--;
}

static void fail_client(struct client *c, const char *what)
{
    if (errors++ == 0)
        fprintf(stderr, "bench/load: %s\n", what);
    close_client(c);
}

static void write_some(struct client *c)
{
    while (c->written < request.n) {
        ssize_t n = send(c->fd, request.p + c->written, request.n - c->written,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return; /* edge-triggered EPOLLOUT tells when */
        if (n < 0) {
            fail_client(c, "a request was not taken");
            return;
        }
        c->written += (size_t)n;
    }
}

static void begin_request(struct client *c)
{
    begun++;
    c->written = 0;
    c->began_ns = now_ns();
    write_some(c);
}

static void open_client(struct client *c)
{
    const struct sockaddr_in a = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)want.port)};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    must(c->fd >= 0, "socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    http_reader_init(&c->reader, HTTP_ANSWERS, NULL, &dgm_alloc_libc);
    must(connect(c->fd, (const struct sockaddr *)&a, sizeof a) == 0 || errno == EINPROGRESS,
         "connect");
    struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = c}};
    must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) == 0, "epoll_ctl");
    opening++;
    open_now++;
    begin_request(c);
}

static void end_answer(struct client *c)
{
    if (done < TIMES_MAX) {
        int64_t ns = now_ns() - c->began_ns;
        times[done] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
    }
    done++;
    if (!c->reader.head.keep_alive || !may_begin()) {
        close_client(c);
        return;
    }
    http_reader_expect(&c->reader, HTTP_METHOD_POST);
    begin_request(c);
}

static void take_body(struct dgm_str s)
{
    body_bytes += s.n;
    for (const char *p = s.p; (p = memmem(p, s.n - (size_t)(p - s.p), "data: {", 7)); p += 7)
        events++;
}

static void feed(struct client *c, struct dgm_str in)
{
    struct http_event e;
    enum dgm_rc rc;
    while ((rc = http_reader_next(&c->reader, &in, &e)) == DGM_EVENT) {
        if (e.kind == HTTP_EV_HEAD && c->reader.head.status != 200) {
            fprintf(stderr, "bench/load: %.*s\n", (int)(in.n < 500 ? in.n : 500), in.p);
            fail_client(c, "a status that is not 200");
        } else if (e.kind == HTTP_EV_BODY) {
            if (!c->first) {
                c->first = true;
                opening--;
                first_bytes++;
            }
            take_body(e.body);
        } else if (e.kind == HTTP_EV_END) {
            end_answer(c);
        }
        if (c->fd < 0)
            return;
    }
    if (rc != DGM_MORE)
        fail_client(c, "an answer that is none");
}

static void read_some(struct client *c)
{
    while (c->fd >= 0) {
        ssize_t n = recv(c->fd, input, sizeof input, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fail_client(c, "a connection that ended");
            return;
        }
        feed(c, (struct dgm_str){input, (size_t)n});
        if ((size_t)n < sizeof input)
            return;
    }
}

/* ---- the report ---- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double quantile_us(double q)
{
    size_t n = done < TIMES_MAX ? done : TIMES_MAX;
    return n ? (double)times[(size_t)(q * (double)(n - 1))] / 1000 : 0;
}

static void report(void)
{
    qsort(times, done < TIMES_MAX ? done : TIMES_MAX, sizeof *times, compare);
    printf("{\"requests\":%zu,\"errors\":%zu,\"open\":%zu,\"events\":%zu,\"bytes\":%" PRIu64
           ",\"seconds\":%.4f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
           done, errors, open_now, events, body_bytes, (double)(now_ns() - began_ns) / 1e9,
           quantile_us(0.5), quantile_us(0.99), quantile_us(0.999), quantile_us(1));
    fflush(stdout);
}

static bool read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--hold") == 0 || strcmp(name, "--spin") == 0) {
            *(name[2] == 'h' ? &want.hold : &want.spin) = true;
            continue;
        }
        if (++i >= argc)
            return false;
        if (strcmp(name, "--port") == 0)
            want.port = (unsigned)strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--target") == 0)
            want.target = argv[i];
        else if (strcmp(name, "--body") == 0)
            want.body = argv[i];
        else if (strcmp(name, "--header") == 0 && want.header_count < HEADERS_MAX)
            want.headers[want.header_count++] = argv[i];
        else if (strcmp(name, "--connections") == 0)
            want.connections = strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--requests") == 0)
            want.requests = strtoul(argv[i], NULL, 10);
        else if (strcmp(name, "--seconds") == 0)
            want.seconds = strtod(argv[i], NULL);
        else
            return false;
    }
    return want.port && want.target && want.body && want.connections &&
           (want.hold || want.requests || want.seconds > 0);
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    make_request();
    clients = calloc(want.connections, sizeof *clients);
    times = malloc(TIMES_MAX * sizeof *times);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(clients && times && epoll_fd >= 0, "memory");
    began_ns = now_ns();
    until_ns = began_ns + (int64_t)(want.seconds * 1e9);

    bool held = false;
    while (open_now != 0 || opened == 0) {
        while (opened < want.connections && opening < OPENING_MAX && may_begin())
            open_client(&clients[opened++]);
        if (opened == 0)
            break;
        struct epoll_event ready[256];
        int n = epoll_wait(epoll_fd, ready, 256, want.spin ? 0 : QUIET_MS);
        must(n > 0 || want.spin || errno == EINTR, "nothing moves");
        if (n == 0)
            sched_yield();
        for (int i = 0; i < n; i++) {
            struct client *c = ready[i].data.ptr;
            if (c->fd >= 0 && ready[i].events & EPOLLOUT)
                write_some(c);
            if (c->fd >= 0 && ready[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                read_some(c);
        }
        held = want.hold && first_bytes + errors >= want.connections;
        if (held)
            break;
    }
    report();
    if (held)
        while (read(STDIN_FILENO, input, sizeof input) > 0)
            ;
    return errors ? 1 : 0;
}
