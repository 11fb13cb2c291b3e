/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - the keeper's process: its door, its links, what it is told and asked.
 *
 * Order. What a worker told before it answered its client is in the kernel by then, so it is there before any question
 * that this client asks next through another worker. All that one poll finds is read in one turn of the loop, and
 * questions are answered in the next: whoever asks hears of everything that was answered before he asked.
 */
#include "gateway/keeper.h"

#include "base/str.h"
#include "gateway/emulator_log.h"
#include "gateway/identity.h"
#include "gateway/keeper_google.h"
#include "gateway/keeper_tokens.h"
#include "gateway/keeper_wire.h"
#include "gateway/log.h"
#include "gateway/mapping_keeper.h"
#include "net/pass.h"
#include "net/stream.h"

#include <string.h>
#include <unistd.h>

#define LINKS_MAX 4096     /* a worker has one; those that drain too */
#define QUESTIONS_MAX 1024 /* of one link */
#define QUOTA_EVERY_MS 1000
#define IN_MEMORY_BYTES ((size_t)16 * 1024 * 1024) /* of a store without a place */

struct question {
    enum gw_message kind;
    uint32_t id;
};

/**
 * One worker's link. Lifetime: from the door until either side ends it, or says what it may not; the struct itself
 * until the stream is closed.
 */
struct link {
    struct keeper *keeper;
    struct link *next, *prev;
    struct net_stream *stream;
    struct gw_wire wire;
    struct dgm_buf questions; /* struct question, the oldest first */
    bool ended;
};

struct keeper {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    struct net_watch *door; /* NULL: nobody can knock any more */
    int door_fd;            /* the watch's */
    struct link *links;
    size_t links_n;
    struct net_timer turn; /* questions are answered */
    struct gw_emulator_log *emulated;
    struct gw_keeper_store *store;
    struct gw_accounts accounts;
    struct gw_identity *identity;
    struct gw_keeper_tokens *tokens;
    struct gw_keeper_google *google;
    struct gw_mapping_keeper *quota;   /* NULL: nothing is counted */
    struct gw_mapping_keeper *revoked; /* NULL: nothing is revoked */
};

/* ---- links ------------------------------------------------------------------------------------------- */

static void end_if_alone(void *keeper)
{
    struct keeper *k = keeper;
    if (!k->door && k->links_n == 0 && !gw_keeper_store_is_busy(k->store))
        net_loop_stop(k->loop);
}

static void end_link(struct link *l)
{
    if (l->ended)
        return;
    l->ended = true;
    net_stream_close(l->stream);
}

static void on_link_closed(void *owner)
{
    struct link *l = owner;
    struct keeper *k = l->keeper;
    *(l->prev ? &l->prev->next : &k->links) = l->next;
    if (l->next)
        l->next->prev = l->prev;
    k->links_n--;
    gw_keeper_store_forget(k->store, l);
    gw_identity_forget(k->identity, l);
    gw_keeper_tokens_forget(k->tokens, l);
    gw_keeper_google_forget(k->google, l);
    gw_wire_dispose(&l->wire);
    dgm_buf_dispose(&l->questions);
    k->alloc->resize(k->alloc->ctx, l, sizeof *l, 0);
    end_if_alone(k);
}

static void on_link_end(void *owner)
{
    end_link(owner);
}

/* Writes a frame; a link that has no memory for it ends. */
static void say(void *link, enum gw_message kind, uint32_t id, struct dgm_str payload)
{
    struct link *l = link;
    if (l->ended)
        return;
    char room[GW_FRAME_HEAD_BYTES];
    struct dgm_buf head = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_frame_put_head(&head, kind, id, payload.n);
    if (net_stream_write(l->stream, (struct dgm_str[]){dgm_buf_str(&head), payload}, 2) ==
        DGM_E_NOMEM)
        end_link(l);
}

static void push(void *keeper, enum gw_message kind, struct dgm_str payload)
{
    struct keeper *k = keeper;
    for (struct link *l = k->links; l; l = l->next)
        say(l, kind, 0, payload);
}

static const struct gw_keeper_store_events store_events = {
    .say = say, .push = push, .settled = end_if_alone};

/* ---- questions --------------------------------------------------------------------------------------- */

static void answer(struct link *l, const struct question *q)
{
    struct keeper *k = l->keeper;
    struct dgm_buf text;
    switch (q->kind) {
    case GW_MSG_EMULATOR_READ:
        dgm_buf_init(&text, k->alloc, gw_message_max_bytes(GW_MSG_EMULATOR_LOG));
        gw_emulator_log_put(k->emulated, getpid(), &text);
        if (text.rc == DGM_OK)
            say(l, GW_MSG_EMULATOR_LOG, q->id, dgm_buf_str(&text));
        dgm_buf_dispose(&text);
        return;
    case GW_MSG_EMULATOR_RESET:
        gw_emulator_log_reset(k->emulated);
        say(l, GW_MSG_DONE, q->id, DGM_STR(""));
        return;
    case GW_MSG_IDENTITY_READ:
        dgm_buf_init(&text, k->alloc, gw_message_max_bytes(GW_MSG_IDENTITY_LOG));
        gw_identity_put(k->identity, getpid(), &text);
        if (text.rc == DGM_OK)
            say(l, GW_MSG_IDENTITY_LOG, q->id, dgm_buf_str(&text));
        dgm_buf_dispose(&text);
        return;
    case GW_MSG_IDENTITY_RESET:
        gw_identity_reset(k->identity);
        say(l, GW_MSG_DONE, q->id, DGM_STR(""));
        return;
    case GW_MSG_REVOKED: /* kept before that is said */
        gw_mapping_keeper_write(k->revoked);
        gw_keeper_store_now(k->store);
        say(l, GW_MSG_DONE, q->id, DGM_STR(""));
        return;
    default:
        end_link(l);
    }
}

/* What it has revoked is given to the store before that is said. */
static void say_identity(void *link, uint32_t id, struct dgm_str payload)
{
    gw_mapping_keeper_write(((struct link *)link)->keeper->revoked);
    say(link, GW_MSG_IDENTITY_SAYS, id, payload);
}

/* Those of one link, as long as it takes what is answered. */
static void answer_link(struct link *l)
{
    while (!l->ended && l->questions.n != 0 && net_stream_queued(l->stream) < NET_QUEUE_HIGH) {
        struct question q;
        memcpy(&q, l->questions.p, sizeof q);
        dgm_buf_drop(&l->questions, sizeof q);
        answer(l, &q);
    }
}

static void on_turn(void *owner)
{
    struct keeper *k = owner;
    for (struct link *l = k->links; l; l = l->next)
        answer_link(l);
}

static void on_link_drain(void *owner)
{
    answer_link(owner);
}

/* ---- what is heard ----------------------------------------------------------------------------------- */

/* False: it may not be said so. */
static bool hear(struct link *l, const struct gw_frame *frame)
{
    struct keeper *k = l->keeper;
    if (frame->kind == GW_MSG_STORE_PUT || frame->kind == GW_MSG_STORE_GET)
        return gw_keeper_store_hear(k->store, l, frame); /* which has turns of its own */
    if (frame->kind == GW_MSG_TOKEN_WANT || frame->kind == GW_MSG_TOKEN_BAD)
        return gw_keeper_tokens_hear(k->tokens, l, frame);
    if (frame->kind == GW_MSG_GOOGLE_ASK)
        return gw_keeper_google_hear(k->google, l, frame->id, frame->payload);
    if (frame->kind == GW_MSG_IDENTITY) /* nothing that was told before has to do with it */
        return gw_identity_hear(k->identity, l, frame->id, frame->payload,
                                net_loop_wall_ms(k->loop));
    if (gw_message_way(frame->kind) == GW_WAY_ASK) {
        struct question q = {frame->kind, frame->id};
        dgm_buf_put(&l->questions, (struct dgm_str){(const char *)&q, sizeof q});
        net_timer_start(k->loop, &k->turn, 0);
        return l->questions.rc == DGM_OK;
    }
    switch (frame->kind) {
    case GW_MSG_EMULATED:
        return gw_emulator_log_add(k->emulated, frame->payload);
    default:
        return false;
    }
}

static void on_link_read(void *owner, struct dgm_str bytes)
{
    struct link *l = owner;
    struct gw_frame frame;
    enum dgm_rc rc;
    while ((rc = gw_wire_next(&l->wire, &bytes, &frame)) == DGM_EVENT)
        if (!hear(l, &frame))
            break;
    if (rc == DGM_MORE)
        return;
    gw_log(GW_LOG_WARN, "a worker's link is ended: it said what is no message");
    end_link(l);
}

static const struct net_stream_events link_events = {.on_read = on_link_read,
                                                     .on_eof = on_link_end,
                                                     .on_drain = on_link_drain,
                                                     .on_fail = on_link_end,
                                                     .on_closed = on_link_closed};

/* ---- the door ---------------------------------------------------------------------------------------- */

static void let_in(struct keeper *k, int fd)
{
    struct link *l =
        k->links_n < LINKS_MAX ? k->alloc->resize(k->alloc->ctx, NULL, 0, sizeof *l) : NULL;
    if (!l) {
        close(fd);
        return;
    }
    *l = (struct link){.keeper = k, .stream = net_stream_new(k->loop, fd, &link_events, l)};
    if (!l->stream) {
        k->alloc->resize(k->alloc->ctx, l, sizeof *l, 0);
        return;
    }
    gw_wire_init(&l->wire, k->alloc, GW_FROM_WORKER);
    dgm_buf_init(&l->questions, k->alloc, QUESTIONS_MAX * sizeof(struct question));
    l->next = k->links;
    if (l->next)
        l->next->prev = l;
    k->links = l;
    k->links_n++;

    char room[8];
    struct dgm_buf pid = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_field_put_u64(&pid, (uint64_t)getpid());
    say(l, GW_MSG_HELLO, 0, dgm_buf_str(&pid));
    gw_keeper_store_greet(k->store, l);
}

/* A worker at the door; or the last of those that could have knocked is gone. */
static void on_door(void *owner)
{
    struct keeper *k = owner;
    int fd = -1;
    enum net_passed passed;
    while ((passed = net_pass_take(k->door_fd, &fd)) == NET_PASSED)
        if (fd >= 0)
            let_in(k, fd);
    if (passed == NET_PASS_NONE)
        return;
    net_watch_close(k->door);
    k->door = NULL;
    end_if_alone(k);
}

/* Thought signatures are to be kept, what an emulator receives, and what keys have used; tokens are to be fetched, or looked at. */
bool gw_keeper_needed(const struct gw_config *config)
{
    for (size_t i = 0; i < config->upstreams_n; i++) {
        const struct gw_upstream *u = &config->upstreams[i];
        if (u->kind == GW_VERTEX || u->kind == GW_GEMINI ||
            gw_credentials_are_fetched(u->credentials.kind) ||
            (u->kind == GW_EMULATOR &&
             (config->emulator.read_back || u->dialect == GW_DIALECT_GEMINI)))
            return true;
    }
    return config->auth.google != GW_GOOGLE_OFF || config->auth.keys.p != NULL;
}

bool gw_door_open(struct gw_door *ret)
{
    int pair[2];
    if (!net_pass_pair(pair))
        return false;
    *ret = (struct gw_door){.workers = pair[0], .keeper = pair[1]};
    return true;
}

void gw_door_close(struct gw_door *door)
{
    if (door->workers >= 0)
        close(door->workers);
    if (door->keeper >= 0)
        close(door->keeper);
    *door = (struct gw_door){-1, -1};
}

int gw_keeper_run(const struct gw_keeper_start *start)
{
    static const struct gw_store_place in_memory = {
        .bounds = {.file_bytes = IN_MEMORY_BYTES, .memory_bytes = IN_MEMORY_BYTES}};
    struct keeper k = {.alloc = &dgm_alloc_libc, .door_fd = start->door};
    net_timer_init(&k.turn, on_turn, &k);
    k.loop = net_loop_new(k.alloc);
    k.emulated = gw_emulator_log_new(k.alloc);
    k.identity = gw_identity_new(k.alloc, &k.accounts, start->revoked, say_identity);
    if (k.loop)
        k.store = gw_keeper_store_new(k.loop, start->store ? start->store : &in_memory,
                                      start->is_suspect, start->busy, &store_events, &k);
    if (k.loop)
        k.tokens = gw_keeper_tokens_new(k.loop, (const char *const *)environ, say);
    if (k.loop)
        k.google = gw_keeper_google_new(k.loop, say);
    k.accounts.store = k.store;
    if (k.store && start->quota)
        k.quota = gw_mapping_keeper_new(k.loop, k.store, &gw_mapping_quota, start->quota,
                                        QUOTA_EVERY_MS, k.alloc);
    if (k.store && start->revoked)
        k.revoked =
            gw_mapping_keeper_new(k.loop, k.store, &gw_mapping_revoked, start->revoked, 0, k.alloc);
    if (k.store)
        k.door = net_watch_new(k.loop, start->door, on_door, &k);
    if (!k.door || !k.emulated || !k.identity || !k.tokens || !k.google) {
        gw_log(GW_LOG_ERROR, "can not start: out of memory or descriptors");
        return 1; /* the process ends: nothing needs to be taken apart */
    }
    gw_log(GW_LOG_DEBUG, "keeping");
    net_loop_run(k.loop);

    net_timer_stop(&k.turn);
    gw_identity_free(k.identity);
    gw_keeper_tokens_free(k.tokens);
    gw_keeper_google_free(k.google);
    gw_mapping_keeper_free(k.quota);
    gw_mapping_keeper_free(k.revoked);
    gw_keeper_store_free(k.store);
    gw_emulator_log_free(k.emulated);
    net_loop_free(k.loop);
    gw_log(GW_LOG_DEBUG, "ended");
    return 0;
}
