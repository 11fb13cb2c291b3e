/* SPDX-License-Identifier: Apache-2.0 */
/* deadlines.c - what ends, or prods, an exchange that stands still, and when. */
#include "gateway/attempt.h"
#include "gateway/probing.h"

#include "base/str.h"

#include <stdio.h>

static int64_t now_ms(const struct gw_exchange *x)
{
    return net_loop_now_ms(x->worker->loop);
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* `since + ms`, or never where the setting is off. */
static int64_t deadline(int64_t since, int64_t ms)
{
    return ms > 0 ? since + ms : INT64_MAX;
}

/* What ends, or prods, an exchange that stands still, and when. */
struct deadlines {
    int64_t total, upstream, client, comment, wake;
};

/* The shorter of a setting and what the client said; 0 is none. */
static int64_t shorter(int64_t setting, int64_t said)
{
    return setting == 0 || (said != 0 && said < setting) ? said : setting;
}

static int64_t total_ms(const struct gw_exchange *x)
{
    return shorter(x->worker->config->timeouts.total_ms, x->whole_ms);
}

/* Of an upstream that has not said anything, or nothing more. */
static int64_t silence_ms(const struct gw_exchange *x)
{
    const struct gw_timeouts *t = &x->worker->config->timeouts;
    return shorter(x->chat.said ? t->idle_ms : t->first_byte_ms, x->silence_ms);
}

static struct deadlines deadlines(const struct gw_exchange *x)
{
    const struct gw_timeouts *t = &x->worker->config->timeouts;
    struct deadlines d = {deadline(x->started_ms, total_ms(x)), INT64_MAX, INT64_MAX, INT64_MAX,
                          INT64_MAX};
    bool asked = x->stage == GW_WAITING || x->stage == GW_STREAMING;
    if (x->blocked)
        d.client = deadline(x->client_ms, t->idle_ms);
    else if (asked && x->chat.wake_ms == 0)
        d.upstream = deadline(x->upstream_ms, silence_ms(x));
    if (asked && x->chat.probing.on)
        d.upstream = min(d.upstream, x->chat.probing.until_ms);
    if (asked && x->chat.wake_ms != 0)
        d.wake = x->chat.wake_ms;
    /* What waits until a call is kept, a second at most, would hold a comment too, and the next at once. */
    if (asked && !x->blocked && x->chat.stream != NULL && !x->chat.keeps)
        d.comment = deadline(x->client_ms, t->comment_ms);
    return d;
}

void gw_deadlines_set(struct gw_exchange *x)
{
    struct deadlines d = deadlines(x);
    int64_t next = min(min(min(d.total, d.upstream), min(d.client, d.comment)), d.wake);
    int64_t now = now_ms(x);
    if (next == INT64_MAX)
        net_timer_stop(&x->timer);
    else
        net_timer_start(x->worker->loop, &x->timer, next > now ? next - now : 0);
}

static void set_wake(struct gw_exchange *x, int64_t at_ms)
{
    x->worker->counters->held += (at_ms != 0) - (x->chat.wake_ms != 0);
    x->chat.wake_ms = at_ms;
}

void gw_exchange_wait(struct gw_exchange *x)
{
    if (x->stage < GW_WAITING)
        x->stage = GW_WAITING;
    x->upstream_ms = now_ms(x);
    x->chat.said = false;
    set_wake(x, 0);
    gw_deadlines_set(x);
}

void gw_exchange_hold(struct gw_exchange *x, int64_t ms)
{
    if (x->stage < GW_WAITING)
        x->stage = GW_WAITING;
    set_wake(x, now_ms(x) + ms);
    gw_deadlines_set(x);
}

void gw_exchange_heard(struct gw_exchange *x, bool body)
{
    x->chat.heard = x->chat.heard || x->stage <= GW_STREAMING;
    if (!body)
        return;
    x->upstream_ms = now_ms(x);
    if (x->chat.said || x->stage > GW_STREAMING)
        return; /* later deadlines only move away */
    x->chat.said = true;
    gw_deadlines_set(x);
}

/* Which deadline it was, and whose (user-pain J8). */
static void fail_late(struct gw_exchange *x, bool total)
{
    const struct gw_timeouts *t = &x->worker->config->timeouts;
    int64_t setting = total ? t->total_ms : x->chat.said ? t->idle_ms : t->first_byte_ms;
    int64_t ms = total ? total_ms(x) : silence_ms(x);
    char text[160], amount[32];
    (void)snprintf(amount, sizeof amount, ms % 1000 == 0 ? "%lld s" : "%lld ms",
                   (long long)(ms % 1000 == 0 ? ms / 1000 : ms));
    (void)snprintf(text, sizeof text, "%s %s (%s).",
                   total          ? "The answer was not complete within"
                   : x->chat.said ? "The model's server fell silent in the midst of its answer for"
                                  : "No byte of the model's answer came within",
                   amount,
                   ms != setting  ? total ? "the request's X-Request-Timeout"
                                          : "the request's x-stainless-timeout"
                   : total        ? "timeouts.total"
                   : x->chat.said ? "timeouts.idle"
                                  : "timeouts.first_byte");
    struct dgm_fail f;
    dgm_fail_set(&f, DGM_ERR_UPSTREAM_TIMEOUT, (struct dgm_str){0},
                 (struct dgm_str[4]){dgm_str_c(text)});
    gw_exchange_fail(x, &f);
}

static void on_timer(void *owner)
{
    struct gw_exchange *x = owner;
    uint64_t written = net_stream_written(x->conn->stream);
    if (x->blocked && written != x->seen_written)
        x->client_ms = now_ms(x); /* it is slow, but it reads */
    x->seen_written = written;

    struct deadlines d = deadlines(x);
    int64_t now = now_ms(x);
    if (d.client <= now) {
        gw_conn_break(x->conn);
        return;
    }
    if ((d.total <= now || d.upstream <= now) && x->stage == GW_READING) {
        x->final = true;
        gw_exchange_fail_as(x, DGM_ERR_TIMEOUT_BODY);
        return;
    }
    if (d.total <= now || d.upstream <= now) {
        if (!gw_probe_late(x))
            fail_late(x, d.total <= now);
        return;
    }
    if (d.wake <= now) {
        set_wake(x, 0);
        x->upstream_ms = now;
        gw_deadlines_set(x);
        gw_attempt_resume(x);
        return;
    }
    if (d.comment <= now)
        gw_exchange_comment(x);
    gw_deadlines_set(x);
}

void gw_deadlines_init(struct gw_exchange *x)
{
    net_timer_init(&x->timer, on_timer, x);
}

void gw_deadlines_stop(struct gw_exchange *x)
{
    net_timer_stop(&x->timer);
    set_wake(x, 0);
}

/* ---- the client's own ------------------------------------------------------------------------------- */

/* A header's seconds, "600" or "0.5", as milliseconds; 0: it says none. */
static int64_t said_ms(const struct gw_exchange *x, struct dgm_str name)
{
    double seconds;
    struct dgm_str text = http_head_get(x->head, name);
    if (text.n == 0 || !dgm_str_double(text, &seconds) || !(seconds > 0) || seconds > 1e6)
        return 0;
    return seconds < 0.001 ? 1 : (int64_t)(seconds * 1000);
}

void gw_deadlines_read(struct gw_exchange *x)
{
    x->silence_ms = said_ms(x, DGM_STR("x-stainless-timeout"));
    x->whole_ms = said_ms(x, DGM_STR("x-request-timeout"));
}
