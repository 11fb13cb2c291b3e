/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h - one connected byte stream, TCP or unix, with TLS over it or without: reads that can pause, writes with a
 * bounded queue.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/loop.h"
#include "net/tls.h"

#define NET_QUEUE_HIGH (64 * 1024) /* bytes queued from which net_stream_write says DGM_FULL */

/** What a stream tells its owner, from the loop alone. After net_stream_close only on_closed comes. */
struct net_stream_events {
    void (*on_read)(void *owner, struct dgm_str bytes); /* never empty; borrowed for the call */
    void (*on_eof)(void *owner);   /* the peer ended its side; writing may still work */
    void (*on_drain)(void *owner); /* the queue, which was not empty, is: write on */
    void (*on_fail)(void *owner);  /* reset or unreachable: nothing more comes or goes; close it */
    void (*on_closed)(
        void *owner); /* after net_stream_close: the stream is gone, the owner may go too */
    void (*on_secure)(
        void *owner); /* after net_stream_secure: plain bytes come and go; NULL elsewhere */
};

/** A stream is freed by the layer, some time after net_stream_close. */
struct net_stream;

/** Takes over `fd`, a connected nonblocking socket; reading is on. NULL when memory is short: then `fd` is closed. */
struct net_stream *net_stream_new(struct net_loop *, int fd, const struct net_stream_events *,
                                  void *owner);

/**
 * Puts TLS, which is the stream's from here on, over a stream that has nothing queued. on_secure or on_fail follows;
 * nothing is written until then. From then on all is as without, but that the server's end without TLS's own
 * (close_notify) is on_fail: nobody can tell whether it was cut.
 */
void net_stream_secure(struct net_stream *, struct net_tls *);

/** Why TLS failed, for people; absent when it has not, or there is none. Lives as long as the stream. */
struct dgm_str net_stream_why(const struct net_stream *);

/** The stream belongs to another owner from here on. */
void net_stream_own(struct net_stream *, const struct net_stream_events *, void *owner);

/** Reading off: bytes wait in the kernel, and the end of the peer's side goes unnoticed (see peer_left). */
void net_stream_pause(struct net_stream *, bool paused);

/** Whether the peer ended its side or is gone, asked of the kernel: for a stream whose reading is off. */
bool net_stream_peer_left(const struct net_stream *);

/**
 * Whether nothing that is written reaches the peer any more, asked of the kernel: for a stream whose peer ended its side,
 * which over TCP close(2) and shutdown(2) do alike. A unix socket knows at once; over TCP a peer that closed answers the
 * next byte that it is sent with a reset.
 */
bool net_stream_peer_gone(const struct net_stream *);

/** Calls `on_gone` when that may be so. NULL: memory or descriptors are short; look from time to time. */
struct net_watch *net_stream_watch_gone(const struct net_stream *, void (*on_gone)(void *owner),
                                        void *owner);

enum net_peer { NET_PEER_UNIX, NET_PEER_LOOPBACK, NET_PEER_OTHER };

/** Where the peer is. */
enum net_peer net_stream_peer(const struct net_stream *);

#define NET_PARTS_MAX 8

/**
 * Writes `parts` one after the other (at most NET_PARTS_MAX); what the kernel does not take at once is copied
 * to the queue.
 *
 * DGM_OK: write on. DGM_FULL: all was taken, but wait for on_drain before the next. DGM_E_NOMEM: something
 * between was lost, so the stream must be closed. On a failed stream it takes everything: on_fail is on its way.
 */
DGM_MUST_USE enum dgm_rc net_stream_write(struct net_stream *, const struct dgm_str *parts,
                                          size_t n);

/** Bytes that the kernel has not taken yet, and those that it has; with TLS sealed ones. */
size_t net_stream_queued(const struct net_stream *);
uint64_t net_stream_written(const struct net_stream *);

/** Ends our side once the queue is empty; nothing may be written after it. */
void net_stream_end(struct net_stream *);

/** Ends all, at once. Once only. */
void net_stream_close(struct net_stream *);

#endif
