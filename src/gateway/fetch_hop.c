/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_hop.c - one GET to a host that a client named. */
#include "gateway/fetch_hop.h"

#include "base/str.h"
#include "gateway/fetch.h"
#include "gateway/once.h"
#include "gateway/trust.h"
#include "http/media.h"
#include "http/put.h"

#include <stdio.h>

#define HEAD_BYTES_MAX ((size_t)64 * 1024) /* of a request; its URL is a fraction of that */
#define ANSWER_HEAD_BYTES_MAX ((size_t)32 * 1024)
#define WHY_BYTES 300

/**
 * Lifetime:
 *   1. new asks for the name's addresses, as a guest (net/names.h), or has a number.
 *   2. All of them are looked at; then the connection goes to them and to no others.
 *   3. The request leaves, the answer is read (once.h). What ends it is told once.
 *   4. free at any time.
 */
struct gw_hop {
    struct gw_worker *worker;
    const struct gw_fetch_url *url;
    const struct gw_hop_events *events;
    void *owner;
    struct net_lookup lookup;
    struct net_addresses addresses;
    struct net_timer late; /* by when it must be connected; or: what failed at once is told */
    struct gw_once_request request;
    struct gw_once *asked;
    int64_t until_ms;
};

void gw_hop_free(struct gw_hop *h)
{
    const struct dgm_alloc *a = &h->worker->alloc;
    net_lookup_cancel(&h->lookup);
    net_timer_stop(&h->late);
    gw_once_free(h->asked);
    a->resize(a->ctx, h, sizeof *h, 0);
}

static void fail(struct gw_hop *h, const char *why)
{
    h->events->on_fail(h->owner, dgm_str_c(why));
}

/* ---- the answer ------------------------------------------------------------------------------------- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The host's own status is told: a 429 of its is not one of the model's server (user-pain E2). */
static void fail_status(struct gw_hop *h, int status)
{
    char why[WHY_BYTES];
    struct dgm_str reason = http_status_reason(status);
    (void)snprintf(why, sizeof why, "its host answered %d%s%.*s", status, reason.n != 0 ? " " : "",
                   (int)reason.n, reason.n != 0 ? reason.p : "");
    fail(h, why);
}

/* Only a plain 200 has bytes for the owner: whatever else it is ends the hop. */
static void on_head(void *owner, const struct http_head *head)
{
    struct gw_hop *h = owner;
    struct dgm_str location = http_head_get(head, DGM_STR("location"));
    if (is_redirect(head->status) && location.n != 0)
        h->events->on_redirect(h->owner, location);
    else if (head->status != 200)
        fail_status(h, head->status);
    else if (!http_coding_is_plain(http_head_get(head, DGM_STR("content-encoding"))))
        fail(h, "its host sent it compressed, though it was asked not to");
    else
        h->events->on_type(h->owner, http_head_get(head, DGM_STR("content-type")));
}

static void on_body(void *owner, struct dgm_str bytes)
{
    struct gw_hop *h = owner;
    h->events->on_bytes(h->owner, bytes);
}

static void on_whole(void *owner)
{
    struct gw_hop *h = owner;
    h->events->on_whole(h->owner);
}

static const char *const begins[] = {
    [GW_ONCE_UNREACHED] = "its host could not be reached: ",
    [GW_ONCE_SPOILT] = "its host ",
    [GW_ONCE_MEMORY] = "",
};

static void on_fail(void *owner, enum gw_once_fault fault, struct dgm_str text)
{
    struct gw_hop *h = owner;
    char why[WHY_BYTES];
    (void)snprintf(why, sizeof why, "%s%.*s", begins[fault],
                   (int)(text.n < WHY_BYTES ? text.n : WHY_BYTES), text.n != 0 ? text.p : "");
    fail(h, why);
}

static const struct gw_once_events once_events = {
    .on_head = on_head, .on_body = on_body, .on_whole = on_whole, .on_fail = on_fail};

/* ---- where to --------------------------------------------------------------------------------------- */

/* One that may not be is enough to refuse all: who answers with both means harm, or has a resolver that does. */
static bool may_reach_all(const struct gw_hop *h)
{
    for (size_t i = 0; i < h->addresses.n; i++)
        if (!gw_fetch_address_ok(&h->worker->config->fetch.allow, h->url, &h->addresses.at[i]))
            return false;
    return true;
}

static const char not_public[] = "its host's address is not public, and not in fetch.allow";

/* NULL: it is on its way. */
static const char *connect_to(struct gw_hop *h)
{
    struct gw_worker *w = h->worker;
    const struct net_target to = {
        .host = dgm_str_c(h->url->host),
        .port = h->url->port,
        .pinned = &h->addresses,
        .trust = h->url->tls ? gw_trust_find(w->config, (struct dgm_str){0}) : NULL};
    if (!may_reach_all(h))
        return not_public;
    if (h->url->tls && to.trust == NULL)
        return "no authorities are loaded for TLS";
    int64_t left = h->until_ms - net_loop_now_ms(w->loop);
    const struct http_limits limits = {.head_bytes = ANSWER_HEAD_BYTES_MAX};
    h->request = (struct gw_once_request){.method = DGM_STR("GET"),
                                          .target = h->url->target,
                                          .authority = h->url->authority,
                                          .head_bytes = HEAD_BYTES_MAX};
    h->asked = gw_once_new(w->loop, &w->alloc, &to, left > 1 ? left : 1, &h->request, &limits,
                           &once_events, h);
    return h->asked != NULL ? NULL : "memory is short";
}

static void on_found(void *owner, const struct net_addresses *found, int error)
{
    struct gw_hop *h = owner;
    net_timer_stop(&h->late);
    h->addresses = *found;
    const char *why =
        error != 0 || found->n == 0 ? "its host's name could not be resolved" : connect_to(h);
    if (why != NULL)
        fail(h, why);
}

static void on_late(void *owner)
{
    struct gw_hop *h = owner;
    if (h->url->is_number)
        fail(h, may_reach_all(h) ? "memory is short" : not_public);
    else
        fail(h, "its host's name was not resolved in time");
}

struct gw_hop *gw_hop_new(struct gw_worker *w, const struct gw_fetch_url *url,
                          const struct gw_hop_events *events, void *owner)
{
    struct gw_hop *h = w->alloc.resize(w->alloc.ctx, NULL, 0, sizeof *h);
    if (h == NULL)
        return NULL;
    *h = (struct gw_hop){.worker = w, .url = url, .events = events, .owner = owner};
    h->until_ms = net_loop_now_ms(w->loop) + GW_FETCH_CONNECT_MS;
    h->lookup = (struct net_lookup){.on_found = on_found, .owner = h};
    net_timer_init(&h->late, on_late, h);
    if (url->is_number) {
        net_addresses_add(&h->addresses, &url->number.any);
        if (connect_to(h) != NULL) /* told in the loop's next turn */
            net_timer_start(w->loop, &h->late, 0);
        return h;
    }
    if (net_lookup_guest(w->loop, &h->lookup, url->host) < 0) {
        gw_hop_free(h);
        return NULL;
    }
    net_timer_start(w->loop, &h->late, GW_FETCH_CONNECT_MS);
    return h;
}
