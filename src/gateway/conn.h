/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn.h - one client's connection: messages in, one exchange at a time, answers out.
 *
 * Pipelining: what comes while an exchange runs is held (at most GW_HELD_BYTES, then reading stops) and read when
 * the answer has left. Reading goes on during an exchange so that a client's leaving is seen at once.
 *
 * Leaving: a reset (RST) ends an exchange at once, in every phase. An end of the client's side (FIN) says less: close(2) and
 * shutdown(2) send the same, and after a whole request the client may be there and wait, as `nc -N` does. Others
 * (nginx, Go, uvicorn) take it for gone and leave such clients without an answer. Here the client is asked: it is sent the
 * least that changes nothing, the words that every status line begins with ("HTTP/1.1 ", so the status stays open
 * and HTTP/1.0 can read it too; a 1xx some clients take for the answer), or in a stream a comment line. A closed socket
 * answers with a reset within a round trip, which the loop hears of; a half-closed one takes it
 * and gets its answer. A unix socket tells the two apart without being asked. What is not seen: a client that ended its
 * side, took those bytes and closed later; the next byte that it is sent finds it out.
 */
#ifndef GATEWAY_CONN_H
#define GATEWAY_CONN_H

#include "gateway/worker.h"
#include "http/message.h"
#include "net/stream.h"
#include "net/tls_server.h"

#define GW_HELD_BYTES (64 * 1024)

/** Where a connection stands. */
enum gw_phase {
    GW_CONN_IDLE, /* between messages: not a byte of the next */
    GW_CONN_HEAD, /* a head arrives */
    GW_CONN_BODY, /* a body arrives: to the exchange, or to nowhere when that has answered already */
    GW_CONN_ANSWER, /* the request is read, the exchange runs */
    GW_CONN_FLUSH,  /* the answer is the stream's; its queue empties */
    GW_CONN_LINGER, /* our side is ended; what the client still sends is dropped until it ends too */
    GW_CONN_BROKEN, /* to be closed in the loop's next turn */
    GW_CONN_CLOSED,
};

struct gw_exchange;

/**
 * Lifetime:
 *   1. new takes an accepted descriptor; the connection is in its worker's list from then on.
 *   2. A head makes an exchange; its last byte, or the connection's end, frees it.
 *   3. Any end goes through close: all memory is given back at once but the struct itself.
 *   4. The struct goes when the stream says it is closed, always in a later turn of the loop.
 */
struct gw_conn {
    struct gw_worker *worker;
    struct gw_conn *prev, *next;
    struct net_stream *stream;
    struct http_reader reader;
    struct net_timer timer; /* the phase's deadline */
    struct net_watch *gone; /* of a client that ended its side; NULL: not yet, or not to be had */
    struct dgm_buf held;
    struct gw_exchange *exchange;
    enum gw_phase phase;
    uint64_t messages;     /* heads that came */
    uint64_t timed;        /* what the timer was set for: message and phase */
    int64_t since_ms;      /* the body's beginning; of an idle connection, the last answer's end */
    uint64_t seen_written; /* for "does the client read?" */
    bool pumping, paused, eof;
    /* it ended its side in the midst of an exchange, and was asked whether it is gone */
    bool asked;
    bool odd;            /* it sends urgent data: its going is not watched, but looked for */
    bool refused;        /* it came when there were too many, and is only told so */
    bool last;           /* the client said that it sends no more, and all it sent was read */
    bool answered, keep; /* the exchange is over; the connection stays */
};

/** Takes an accepted descriptor, and speaks TLS there as `server` (NULL: none). False: memory was short and it is closed. */
bool gw_conn_new(struct gw_worker *, int fd, const struct net_server *server);

/** The same, to answer 503 at once: there are too many. */
bool gw_conn_new_refused(struct gw_worker *, int fd);

/** The worker drains: an idle connection soon closes, others after the present answer. */
void gw_conn_drain(struct gw_conn *);

/** Closes it now, whatever runs. */
void gw_conn_close(struct gw_conn *);

/* ---- for the exchange ------------------------------------------------------------------------------- */

/** Writes to the client. DGM_FULL: all was taken; gw_exchange_drained is called when there is room again. */
enum dgm_rc gw_conn_send(struct gw_conn *, const struct dgm_str *parts, size_t n);

/** The exchange has handed over its last byte. It may be freed in here: the exchange's last act. */
void gw_conn_answered(struct gw_conn *, bool keep_alive);

/** No more is read for now; or on again. */
void gw_conn_hold(struct gw_conn *, bool held);

/** 100-continue, to a client that waits for it with his body. */
void gw_conn_continue(struct gw_conn *);

/** An answer can not be ended well: the connection will be closed, from the loop. */
void gw_conn_break(struct gw_conn *);

#endif
