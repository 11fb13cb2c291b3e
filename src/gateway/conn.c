/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - one client's connection. */
#include "gateway/conn.h"

#include "gateway/exchange.h"
#include "gateway/log.h"
#include "gateway/random.h"
#include "gateway/reply.h"
#include "http/put.h"

#include <assert.h>
#include <unistd.h>

#define LINGER_MS                                                                                  \
    2000 /* enough for an answer to be read; a client that sends on gets a reset then */
#define LEFT_POLL_MS 50   /* how often a client whose reading is off is looked for */
#define GONE_POLL_MS 1000 /* ... and one that ended its side and can not be watched */
#define DRIP_SILENCES 10  /* a body may take this many times timeouts.body ... */
#define BODY_BYTES_A_SECOND                                                                        \
    500                    /* ... and what this rate buys: a drop every half minute is no client */
#define DRAIN_IDLE_MS 1000 /* an idle connection used since may be about to be used again */

static void run_held(struct gw_conn *);
static void ask_client(struct gw_conn *);

/* ---- deadlines -------------------------------------------------------------------------------------- */

static void start_timer(struct gw_conn *c, int64_t ms)
{
    if (ms > 0)
        net_timer_start(c->worker->loop, &c->timer, ms);
    else
        net_timer_stop(&c->timer); /* "off" */
}

/* Silence is bounded, and so is dripping: what has come buys time at a fixed rate. */
static int64_t body_ms_left(const struct gw_conn *c)
{
    int64_t silence = c->worker->config->timeouts.body_ms;
    int64_t bought = (int64_t)(http_reader_body_bytes(&c->reader) / BODY_BYTES_A_SECOND) * 1000;
    int64_t total =
        c->since_ms + silence * DRIP_SILENCES + bought - net_loop_now_ms(c->worker->loop);
    return total < 1 ? 1 : total < silence ? total : silence;
}

/* How long an idle connection may stay so. While draining, as long as a client needs that has just seen an answer
 * without "close" and sends its next request: that one's answer will tell it. */
static int64_t idle_ms_left(const struct gw_conn *c)
{
    const struct gw_timeouts *t = &c->worker->config->timeouts;
    int64_t idle = c->messages == 0 ? t->head_ms : t->keep_alive_ms;
    if (c->worker->draining && idle > DRAIN_IDLE_MS)
        idle = DRAIN_IDLE_MS;
    int64_t left = c->since_ms + idle - net_loop_now_ms(c->worker->loop);
    return left < 1 ? 1 : left;
}

/* How long the present phase may last from now on; 0: as long as it takes. */
static int64_t ms_left(const struct gw_conn *c)
{
    const struct gw_timeouts *t = &c->worker->config->timeouts;
    switch (c->phase) {
    case GW_CONN_IDLE:
        return idle_ms_left(c);
    case GW_CONN_HEAD:
        return t->head_ms;
    case GW_CONN_BODY:
        return c->paused ? 0 : body_ms_left(c); /* paused: it is ours who let it wait (gate.h) */
    case GW_CONN_ANSWER:                        /* to look whether the client is there */
        return c->asked ? (c->gone == NULL ? GONE_POLL_MS : 0) : c->paused ? LEFT_POLL_MS : 0;
    case GW_CONN_FLUSH:
        return t->idle_ms;
    default:
        return LINGER_MS;
    }
}

/* Whether something has happened that moves the present phase's deadline. A head's must come whole, a client that
 * lingers has its time; what one sends while its answer leaves does not show that it reads. */
static bool has_moved(const struct gw_conn *c)
{
    return c->phase == GW_CONN_BODY || c->phase == GW_CONN_ANSWER ||
           (c->phase == GW_CONN_FLUSH && net_stream_written(c->stream) != c->seen_written);
}

/* At the end of a turn: sets the deadline of the phase that it ended in, where that is new or has moved. */
static void set_deadline(struct gw_conn *c)
{
    uint64_t timed = c->messages * 16 + c->phase;
    if (c->phase >= GW_CONN_BROKEN || (timed == c->timed && !has_moved(c)))
        return; /* what is broken or closed has its own */
    c->timed = timed;
    if (c->phase == GW_CONN_FLUSH)
        c->seen_written = net_stream_written(c->stream);
    start_timer(c, ms_left(c));
}

/* ---- the end ---------------------------------------------------------------------------------------- */

void gw_conn_close(struct gw_conn *c)
{
    if (c->phase == GW_CONN_CLOSED)
        return;
    c->phase = GW_CONN_CLOSED;
    gw_exchange_free(c->exchange);
    c->exchange = NULL;
    net_timer_stop(&c->timer);
    net_watch_close(c->gone);
    http_reader_dispose(&c->reader);
    dgm_buf_dispose(&c->held);
    net_stream_close(c->stream);
}

void gw_conn_break(struct gw_conn *c)
{
    if (c->phase >= GW_CONN_BROKEN)
        return;
    c->phase = GW_CONN_BROKEN;
    net_timer_start(c->worker->loop, &c->timer, 0);
}

static void on_closed(void *owner)
{
    struct gw_conn *c = owner;
    struct gw_worker *w = c->worker;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        w->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    w->counters->refusing -= c->refused;
    w->counters->connections--;
    w->alloc.resize(w->alloc.ctx, c, sizeof *c, 0);
    gw_worker_closed(w);
}

/* Ends our side and waits for the client's end: a close with bytes unread would reset the connection, and the
 * client might lose the answer (RFC 9112 9.6). */
static void linger(struct gw_conn *c)
{
    if (c->eof || c->last) {
        gw_conn_close(c);
        return;
    }
    c->phase = GW_CONN_LINGER;
    dgm_buf_dispose(&c->held);
    net_stream_end(c->stream);
    c->paused = false;
    net_stream_pause(c->stream, false);
}

/* ---- from one message to the next ------------------------------------------------------------------- */

/* All of an answer has left. */
static void flushed(struct gw_conn *c)
{
    if (!c->keep) {
        linger(c);
        return;
    }
    if (c->eof && c->held.n == 0) {
        gw_conn_close(c);
        return;
    }
    c->phase = GW_CONN_IDLE;
    c->since_ms = net_loop_now_ms(c->worker->loop);
    if (c->held.n == 0)
        http_reader_rest(&c->reader);
}

/* The exchange is over, and the request may not be. */
static void settle(struct gw_conn *c)
{
    if (c->phase >= GW_CONN_BROKEN || (c->phase == GW_CONN_BODY && c->keep))
        return; /* the rest of the body still has to come, and goes nowhere */
    gw_exchange_free(c->exchange);
    c->exchange = NULL;
    c->answered = c->asked = false;
    c->phase = GW_CONN_FLUSH;
    if (net_stream_queued(c->stream) == 0)
        flushed(c);
}

enum dgm_rc gw_conn_send(struct gw_conn *c, const struct dgm_str *parts, size_t n)
{
    if (c->phase >= GW_CONN_BROKEN)
        return DGM_OK;
    enum dgm_rc rc = net_stream_write(c->stream, parts, n);
    if (rc < 0)
        gw_conn_break(c);
    return rc;
}

void gw_conn_answered(struct gw_conn *c, bool keep_alive)
{
    assert(!c->answered);
    c->answered = true;
    c->keep = keep_alive;
    if (c->pumping)
        return; /* the pump settles it */
    settle(c);
    run_held(c);
}

/* ---- refusing --------------------------------------------------------------------------------------- */

/* Answers where there is no exchange: the head itself was wrong, or there is no place for one. */
static void answer_alone(struct gw_conn *c, const struct dgm_fail *f)
{
    char id[GW_ID_CHARS];
    gw_random_id(id);
    const struct gw_reply reply = {
        .request_id = {id, sizeof id},
        .allow = f->id == DGM_ERR_METHOD ? gw_route_allow(NULL) : (struct dgm_str){0},
        .compat = (enum dgm_compat)c->worker->config->compat,
        .now = net_loop_wall_s(c->worker->loop),
        .minor = 1,
    };
    struct dgm_buf out;
    dgm_buf_init(&out, &c->worker->alloc, 16384);
    gw_reply_put_fail(&out, &reply, f);
    struct dgm_str bytes = dgm_buf_str(&out);
    if (out.rc == DGM_OK)
        gw_conn_send(c, &bytes, 1);
    dgm_buf_dispose(&out);
    c->worker->counters->refused_total++;
    if (c->worker->config->log.access)
        gw_log(GW_LOG_INFO, "- - %d %zu bytes id=%.*s", dgm_error_status(f->id), bytes.n,
               GW_ID_CHARS, id);
}

/* Ends the connection with an answer to what is wrong, unless it was answered already. */
static void refuse(struct gw_conn *c, const struct dgm_fail *f)
{
    bool pumping = c->pumping;
    c->pumping = true;
    if (c->exchange == NULL)
        answer_alone(c, f);
    else if (!c->answered)
        gw_exchange_refuse(c->exchange, f);
    c->pumping = pumping;
    c->keep = false;
    settle(c);
}

static void refuse_as(struct gw_conn *c, enum dgm_error id)
{
    struct dgm_fail f;
    dgm_fail_row(&f, id);
    refuse(c, &f);
}

static void refuse_unread(struct gw_conn *c)
{
    struct dgm_fail f;
    http_reader_fail(&c->reader, &f);
    refuse(c, &f);
}

/* ---- reading ---------------------------------------------------------------------------------------- */

void gw_conn_continue(struct gw_conn *c)
{
    char text[HTTP_CONTINUE_BYTES];
    struct dgm_buf go_on = {.p = text, .cap = sizeof text, .max = sizeof text};
    if (!c->reader.head.expects_continue || c->phase != GW_CONN_BODY)
        return;
    http_put_continue(&go_on);
    struct dgm_str bytes = dgm_buf_str(&go_on);
    gw_conn_send(c, &bytes, 1);
}

void gw_conn_hold(struct gw_conn *c, bool held)
{
    c->paused = held || c->held.n >= GW_HELD_BYTES;
    net_stream_pause(c->stream, c->paused);
    set_deadline(c);
}

static void on_head(struct gw_conn *c)
{
    c->messages++;
    c->phase = GW_CONN_BODY;
    c->since_ms = net_loop_now_ms(c->worker->loop);
    c->exchange = gw_exchange_new(c);
    if (c->exchange == NULL) {
        refuse_as(c, DGM_ERR_NO_MEMORY);
        return;
    }
    gw_exchange_head(c->exchange);
    if (!c->answered && !gw_exchange_is_at_gate(c->exchange))
        gw_conn_continue(c);
}

static void on_event(struct gw_conn *c, const struct http_event *ev)
{
    switch (ev->kind) {
    case HTTP_EV_HEAD:
        on_head(c);
        break;
    case HTTP_EV_BODY:
        if (!c->answered)
            gw_exchange_body(c->exchange, ev->body);
        break;
    case HTTP_EV_END:
        c->phase = GW_CONN_ANSWER;
        c->last = !c->reader.head.keep_alive;
        if (!c->answered)
            gw_exchange_run(c->exchange);
        break;
    }
    if (c->answered)
        settle(c);
}

/* Reads messages from `*in` until it is used up or an answer has to leave first. */
static void pump(struct gw_conn *c, struct dgm_str *in)
{
    c->pumping = true;
    while (c->phase <= GW_CONN_BODY) {
        struct http_event ev;
        enum dgm_rc rc = http_reader_next(&c->reader, in, &ev);
        if (rc == DGM_EVENT) {
            on_event(c, &ev);
            continue;
        }
        if (rc != DGM_MORE) {
            refuse_unread(c);
            break;
        }
        if (c->phase == GW_CONN_IDLE && http_reader_in_head(&c->reader))
            c->phase = GW_CONN_HEAD;
        break;
    }
    c->pumping = false;
}

/* Keeps what can not be read yet; nothing where it never will be. */
static void hold(struct gw_conn *c, struct dgm_str bytes)
{
    bool wanted = c->phase == GW_CONN_ANSWER || (c->phase == GW_CONN_FLUSH && c->keep);
    if (!wanted || bytes.n == 0)
        return;
    dgm_buf_put(&c->held, bytes);
    if (c->held.rc != DGM_OK) {
        gw_conn_break(c);
        return;
    }
    if (c->held.n >= GW_HELD_BYTES && !c->paused) {
        c->paused = true;
        net_stream_pause(c->stream, true);
    }
}

static void run_held(struct gw_conn *c)
{
    if (c->held.n != 0 && c->phase <= GW_CONN_BODY) {
        struct dgm_str in = dgm_buf_str(&c->held);
        pump(c, &in);
        if (c->phase <= GW_CONN_FLUSH) {
            dgm_buf_drop(&c->held, c->held.n - in.n);
            if (c->held.n == 0)
                dgm_buf_dispose(&c->held);
        }
    }
    if (c->eof && c->phase == GW_CONN_IDLE && c->held.n == 0)
        gw_conn_close(c); /* nothing more will come, and all is answered */
    if (c->eof && c->phase == GW_CONN_ANSWER && !c->asked)
        ask_client(c);
    if (c->phase >= GW_CONN_BROKEN)
        return;
    if (c->paused && c->held.n < GW_HELD_BYTES) {
        c->paused = false;
        net_stream_pause(c->stream, false);
    }
    set_deadline(c);
}

static void on_read(void *owner, struct dgm_str bytes)
{
    struct gw_conn *c = owner;
    if (c->held.n == 0 && c->phase <= GW_CONN_BODY)
        pump(c, &bytes);
    hold(c, bytes);
    set_deadline(c);
}

/* ---- other events ----------------------------------------------------------------------------------- */

static void on_gone(void *owner)
{
    struct gw_conn *c = owner;
    if (net_stream_peer_gone(c->stream)) {
        gw_conn_close(c);
        return;
    }
    net_watch_close(c->gone); /* an odd client: it is looked for from time to time */
    c->gone = NULL;
    c->odd = true;
    set_deadline(c);
}

/* The client ended its side while an exchange runs: is it gone? */
static void ask_client(struct gw_conn *c)
{
    bool unix_socket = net_stream_peer(c->stream) == NET_PEER_UNIX;
    c->asked = true;
    if (!unix_socket)
        gw_exchange_probe(c->exchange);
    if (net_stream_peer_gone(c->stream))
        gw_conn_close(c);
    else if (c->gone == NULL && !c->odd)
        c->gone = net_stream_watch_gone(c->stream, on_gone, c);
}

static void on_eof(void *owner)
{
    struct gw_conn *c = owner;
    c->eof = true;
    if (c->phase == GW_CONN_ANSWER && !c->answered) {
        if (!c->asked)
            ask_client(c);
        set_deadline(c);
        return;
    }
    if ((c->phase != GW_CONN_HEAD && c->phase != GW_CONN_BODY && c->phase != GW_CONN_FLUSH) ||
        c->answered) {
        gw_conn_close(c);
        return;
    }
    if (c->phase == GW_CONN_FLUSH)
        return; /* it may have ended its side alone, and read on */
    struct http_event ev;
    if (http_reader_finish(&c->reader, &ev) < 0)
        refuse_unread(c);
    else
        gw_conn_close(c);
    set_deadline(c);
}

static void on_drain(void *owner)
{
    struct gw_conn *c = owner;
    if (c->phase == GW_CONN_FLUSH) {
        flushed(c);
        run_held(c);
    } else if (c->exchange != NULL && !c->answered) {
        gw_exchange_drained(c->exchange);
    }
}

static void on_fail(void *owner)
{
    struct gw_conn *c = owner;
    struct dgm_str why = net_stream_why(c->stream);
    if (why.n != 0)
        gw_log(GW_LOG_DEBUG, "a client's TLS: %.*s", (int)why.n, why.p);
    gw_conn_close(c);
}

/* Its handshake had the time that the first head has (timeouts.head), which goes on. */
static void on_secure(void *owner)
{
    (void)owner;
}

static void on_timer(void *owner)
{
    struct gw_conn *c = owner;
    switch (c->phase) {
    case GW_CONN_HEAD:
        refuse_as(c, DGM_ERR_TIMEOUT_HEAD);
        break;
    case GW_CONN_BODY:
        refuse_as(c, DGM_ERR_TIMEOUT_BODY);
        break;
    case GW_CONN_ANSWER:
        if (c->asked && net_stream_peer_gone(c->stream))
            gw_conn_close(c);
        else if (!c->asked && c->paused && net_stream_peer_left(c->stream))
            ask_client(c);
        break;
    case GW_CONN_FLUSH:
        if (net_stream_written(c->stream) == c->seen_written)
            gw_conn_close(c);
        break;
    default: /* idle for too long, lingered enough, or broken */
        gw_conn_close(c);
        break;
    }
    set_deadline(c);
}

void gw_conn_drain(struct gw_conn *c)
{
    if (c->phase == GW_CONN_IDLE)
        start_timer(c, idle_ms_left(c));
}

/* ---- the beginning ---------------------------------------------------------------------------------- */

static const struct net_stream_events stream_events = {.on_read = on_read,
                                                       .on_eof = on_eof,
                                                       .on_drain = on_drain,
                                                       .on_fail = on_fail,
                                                       .on_closed = on_closed,
                                                       .on_secure = on_secure};

static struct gw_conn *add(struct gw_worker *w, int fd)
{
    struct gw_conn *c = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *c);
    if (c == NULL) {
        close(fd);
        return NULL;
    }
    *c = (struct gw_conn){.worker = w, .next = w->conns, .since_ms = net_loop_now_ms(w->loop)};
    c->stream = net_stream_new(w->loop, fd, &stream_events, c);
    if (c->stream == NULL) {
        w->alloc.resize(w->alloc.ctx, c, sizeof *c, 0);
        return NULL;
    }
    const struct http_limits limits = {.body_bytes = (uint64_t)w->config->limits.body_bytes};
    http_reader_init(&c->reader, HTTP_REQUESTS, &limits, &w->alloc);
    net_timer_init(&c->timer, on_timer, c);
    dgm_buf_init(&c->held, &w->alloc, 2 * GW_HELD_BYTES); /* what was held, and one read */
    if (c->next != NULL)
        c->next->prev = c;
    w->conns = c;
    w->counters->connections++;
    w->counters->connections_total++;
    return c;
}

bool gw_conn_new(struct gw_worker *w, int fd, const struct net_server *server)
{
    struct gw_conn *c = add(w, fd);
    if (c == NULL)
        return false;
    c->timed = UINT64_MAX;
    if (server != NULL) {
        struct net_tls *tls = net_tls_accept(server, &w->alloc);
        if (tls == NULL) {
            gw_conn_close(c);
            return false;
        }
        net_stream_secure(c->stream, tls);
    }
    set_deadline(c);
    return true;
}

bool gw_conn_new_refused(struct gw_worker *w, int fd)
{
    struct gw_conn *c = add(w, fd);
    if (c == NULL)
        return false;
    c->timed = UINT64_MAX;
    c->refused = true;
    w->counters->refusing++;
    refuse_as(c, DGM_ERR_TOO_MANY);
    set_deadline(c);
    return true;
}
