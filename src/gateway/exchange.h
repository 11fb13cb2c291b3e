/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one request from its first byte to its answer's last.
 *
 * The first part is for the connection; the second for what answers: pages.c and chat.c.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "base/arena.h"
#include "gateway/catalog.h"
#include "gateway/conn.h"
#include "gateway/job.h"
#include "gateway/policy.h"
#include "gateway/quota.h"
#include "gateway/random.h"
#include "gateway/reply.h"
#include "gateway/routes.h"
#include "gateway/tokens.h"
#include "gateway/verify.h"

#include <dragoman/dragoman.h>

enum gw_stage {
    GW_READING,   /* the request is not complete */
    GW_WAITING,   /* it is translated, or an upstream was asked; the client has not got a byte */
    GW_STREAMING, /* events go out */
    GW_SENDING,   /* the answer is complete in `out`, and leaves as fast as the client takes it */
    GW_ANSWERED,  /* all was handed over */
};

struct auth_client;
struct gw_caching;
struct gw_fetch;
struct gw_key_set;
struct gw_tape;
struct gw_memory_wait;
struct translation;

/** Who came in, by what, and what that takes of his limits; gate.h. All zero: anybody may. */
struct gw_admission {
    const struct auth_client *client; /* the key's, or one of a verified name; NULL: neither */
    struct gw_key_set *keys;          /* held for it */
    bool by_bearer;                   /* the key stood where a token of Google's could */
    bool admitted;                    /* its model was looked at */
    struct gw_quota_hold hold;
    struct gw_verify_wait wait; /* for whose a token is */
    bool waits,
        whole; /* it does, and nothing of the request is looked at; it is complete meanwhile */
};

#define GW_TRIES_MAX 2 /* of one request */

/** A request that was refused and is asked otherwise; healing.c. */
struct gw_healing {
    struct dgm_try wanted; /* the try that is being made */
    uint32_t made;         /* those that were: a set of 1 << id */
    uint8_t tries_n;
    bool doubted;         /* signatures were left out */
    bool signatures;      /* they are the try that is being made */
    bool pending;         /* there is something to be remembered if it works */
    bool gives;           /* the first error is the answer */
    enum dgm_rc rc;       /* of the making */
    struct dgm_buf first; /* the client's error for the first refusal; empty: there is none */
    int status;           /* of it */
    struct dgm_retry retry;
    struct dgm_str notes[GW_REPLY_NOTES];
};

/** A refusal without a reason that is looked into; probing.c. */
struct gw_probing {
    bool done;                   /* it was, or may not be: once an exchange */
    bool on;                     /* reduced requests are made or asked */
    bool late;                   /* it has no time left: what is known is given */
    bool claimed;                /* it may: nobody did so for the same request just now */
    enum dgm_rc rc;              /* of the making */
    int status;                  /* of the answer to the last one; 0: none yet */
    int64_t after_ms, until_ms;  /* its Retry-After; when there is no time left */
    struct dgm_buf body, answer; /* the reduced request; what was said of it if that is a 400 */
    struct dgm_str segment;      /* `body` */
    struct dgm_buf told;         /* the client's error with what was learnt */
};

/** What is ready, but holds calls that are not kept yet. */
enum gw_held { GW_HELD_NOT, GW_HELD_EVENTS, GW_HELD_LAST, GW_HELD_OBJECT };

/** The conversation with an upstream; chat.c, and native.c as far as it needs no translation. */
struct gw_chat {
    struct dgm_request *request;
    struct dgm_stream *stream; /* when the client wants one */
    struct gw_call *call;
    struct gw_plan plan;                /* of its attempts, attempt.c */
    const struct gw_upstream *made_for; /* the upstream that `request` is for */
    struct dgm_buf kept,
        again;         /* the body, where the next upstream gets another one; and that being made */
    int64_t wake_ms;   /* when to look again for an upstream; 0: nothing is waited for */
    int64_t retry_ms;  /* the upstream's Retry-After; negative: none */
    bool tells_compat; /* as it was asked */
    struct gw_fetch *fetch;          /* of URLs, before there is a call; NULL: none was wanted */
    struct gw_memory_wait *wait;     /* for what is remembered, or kept; NULL: for nothing */
    bool keeps;                      /* it is for what is kept */
    struct gw_token_wait token_wait; /* for an access token */
    uint64_t token_generation;       /* of the one that the call has; 0: none of the keeper's */
    bool token_renewed;              /* one was refused, and the request has had another */
    enum gw_held held;               /* what must not leave before that */
    struct gw_healing healing;
    struct gw_probing probing;
    struct gw_caching *caching; /* caching.c; NULL: nothing is marked; in the arena */
    /* that translates what is large; its `alloc` is the request's all the time */
    struct gw_job job;
    struct translation *translation; /* of a job */
    struct dgm_str body;             /* of a native request */
    struct dgm_buf native;           /* an answer that is not streamed, as it arrives */
    struct dgm_buf later;            /* more of a streamed one, while a job reads its beginning */
    bool refused, ended;             /* that begins with an error; nothing follows `later` ... */
    struct dgm_fail *failed;         /* ... but this; NULL: nothing failed; in the arena */
    struct dgm_buf object;           /* what it is translated to, and what that came to */
    enum dgm_rc object_rc;
    int object_status;
    struct dgm_str upstream;                    /* its name in the log, with its location */
    struct {                                    /* where the call went; authority absent: nowhere */
        struct dgm_str authority, prefix, path; /* the configuration's, or in the arena */
        bool tls;
    } asked;
    int status;
    bool heard;           /* a byte of the answer came */
    bool said;            /* and one of its body, since it was asked last */
    char id[GW_ID_CHARS]; /* what the core makes its ids of */
};

/**
 * Lifetime:
 *   1. new when a head is complete; head checks it, and may answer at once.
 *   2. body grows with what arrives, never by what a length promises; run starts the work when it is complete.
 *   3. An upstream's events, the client's draining and one timer drive it to its end; it tells the connection
 *      with gw_conn_answered, its last act.
 *   4. free at any time: the upstream is cancelled, all memory goes at once. Arena, body and answer end together.
 *   5. A job that still reads or makes something of it holds it: then free makes it nobody's, and it goes with the job.
 */
struct gw_exchange {
    struct gw_conn *conn; /* NULL: freed, and held by a job */
    struct gw_worker *worker;
    const struct http_head *head; /* the reader's: it rests until the exchange is over */
    struct gw_hold hold;
    struct dgm_arena arena;
    enum gw_stage stage;
    struct gw_reply reply;
    struct gw_target target;
    struct dgm_str subject; /* who is asking, where that is verified; in the arena */
    struct gw_admission admission;
    struct dgm_buf body, out;
    size_t sent_bytes; /* of `out`, when SENDING */
    struct gw_chat chat;
    struct gw_tape *tape;          /* NULL: it is not recorded */
    struct gw_catalog_wait models; /* for lists that are on their way */
    struct net_timer timer;
    int64_t started_ms, upstream_ms,
        client_ms; /* the head came; an upstream's byte came; one left */
    int64_t silence_ms,
        whole_ms; /* the client's own: x-stainless-timeout, X-Request-Timeout; 0: none */
    int64_t ours_ns, ours_since_ns; /* overhead.c: so far; when it came to us, 0: it is not ours */
    uint64_t first_written, seen_written; /* the stream's count at the start; when last looked at */
    int status;                           /* of the answer */
    bool blocked;                         /* the client does not take more for now */
    bool final;                           /* the connection ends with this answer */
    bool odd_compat;                      /* x-dragoman-compat has a word that we do not know */
    bool begun;                           /* HTTP_STATUS_BEGIN has left */
    char id[GW_ID_CHARS];                 /* x-request-id, when it is ours */
};

/* ---- for the connection ----------------------------------------------------------------------------- */

/** NULL: memory is short. */
struct gw_exchange *gw_exchange_new(struct gw_conn *);
void gw_exchange_free(struct gw_exchange *); /* NULL is fine; a job may keep the memory for now */

/** Looks at the head: where does it go, may it? Answers what can not be. */
void gw_exchange_head(struct gw_exchange *);

/** A piece of the body; answers when it is too much. Not after it has answered. */
void gw_exchange_body(struct gw_exchange *, struct dgm_str bytes);

/** Whether it is not known yet who asks: the body is not wanted. */
bool gw_exchange_is_at_gate(const struct gw_exchange *);

/** It is known now, and he may: goes on where it stood. It may be over, and freed, after this. */
void gw_exchange_admit(struct gw_exchange *);

/** The request is complete: does what it asks for. */
void gw_exchange_run(struct gw_exchange *);

/** The request will never be complete: answers why. The connection ends after it. */
void gw_exchange_refuse(struct gw_exchange *, const struct dgm_fail *);

/** Sends the least that an answer which goes on can begin or go on with: whoever is gone answers with a reset. */
void gw_exchange_probe(struct gw_exchange *);

/** The client takes more again. It may be over, and freed, after this. */
void gw_exchange_drained(struct gw_exchange *);

/** A comment of a stream that has nothing else to say, by which nobody hangs up. */
void gw_exchange_comment(struct gw_exchange *);

/* ---- deadlines.c ------------------------------------------------------------------------------------ */

/** What the client said of time (x-stainless-timeout, X-Request-Timeout) shortens what is configured. */
void gw_deadlines_read(struct gw_exchange *);

void gw_deadlines_init(struct gw_exchange *);
void gw_deadlines_set(struct gw_exchange *); /* anew, of what is known now */
void gw_deadlines_stop(struct gw_exchange *);

/** An answer is being made from now on, here or by an upstream: GW_WAITING, unless comments of a stream have left. Its
 * deadlines begin. */
void gw_exchange_wait(struct gw_exchange *);

/** The same, but nobody is asked now: gw_attempt_resume is called in `ms`. */
void gw_exchange_hold(struct gw_exchange *, int64_t ms);

/**
 * The upstream said something of its answer's body: what bounds its silence begins anew. A head alone is no word of the model's:
 * servers send it when they have taken a request, and think then.
 */
void gw_exchange_heard(struct gw_exchange *, bool body);

/* ---- overhead.c: how long a conversation with an upstream was in our hands (user-pain J5) ----------------- */

/** It is ours from now on: the request is whole, or the upstream has said something, or failed. What an earlier piece of
 * the same answer took is not counted. */
void gw_overhead_ours(struct gw_exchange *);

/** It is not any more: an upstream is asked, or waited for. */
void gw_overhead_theirs(struct gw_exchange *);

/** All of it up to now, for the answer's head, in microseconds and at least one. 0: there is no such conversation. */
int64_t gw_overhead_us(const struct gw_exchange *);

/* ---- for what answers: all of these may free the exchange, so they come last ---------------------------- */

/** Answers with what `out` holds as the body. */
void gw_exchange_answer(struct gw_exchange *, int status, struct dgm_str media);

/** Answers with an error; in a stream as its last event. */
void gw_exchange_fail(struct gw_exchange *, const struct dgm_fail *);

/** The same with the row's own sentence. */
void gw_exchange_fail_as(struct gw_exchange *, enum dgm_error);

/** Sends the events in `out` (the head first, if it has not gone), then empties it. `last` ends the stream. */
void gw_exchange_stream(struct gw_exchange *, bool last);

/* pages.c: the plain paths */
void gw_pages_answer(struct gw_exchange *);

/* endpoints.c: self-deployed endpoints, one and all */
void gw_endpoint_answer(struct gw_exchange *);
void gw_endpoints_answer(struct gw_exchange *);

/* emulator_page.c: what the emulator received */
void gw_emulator_page(struct gw_exchange *);

/* identity_page.c: the emulated identity servers; what they did; tokens revoked */
void gw_identity_run(struct gw_exchange *);
void gw_identity_page(struct gw_exchange *);
void gw_identity_revoke(struct gw_exchange *);

/* native.c: Gemini's own calls */
void gw_native_run(struct gw_exchange *);

/* chat.c: chat completions */
void gw_chat_run(struct gw_exchange *);

/** Whether events must wait, as a call among them is not kept yet: they leave by themselves when it is. */
bool gw_chat_holds(struct gw_exchange *, bool last);

/* chat.c: any conversation with an upstream */
void gw_chat_fail(struct gw_exchange *, const struct dgm_fail *); /* in a stream that has begun */
void gw_chat_pause(struct gw_exchange *, bool paused);
void gw_chat_cancel(struct gw_exchange *);  /* the upstream, and a job that has not begun */
void gw_chat_dispose(struct gw_exchange *); /* everything; no job is left */

#endif
