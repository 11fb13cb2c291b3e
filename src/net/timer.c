/* SPDX-License-Identifier: Apache-2.0 */
/* timer.c - a pairing heap of deadlines. */
#include "net/timer.h"

#include <assert.h>

void net_timer_init(struct net_timer *t, void (*fn)(void *owner), void *owner)
{
    *t = (struct net_timer){._fn = fn, ._owner = owner};
}

/* Two heaps become one: the later root becomes the first child of the earlier. */
static struct net_timer *meld(struct net_timer *a, struct net_timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->_key_ms < a->_key_ms) {
        struct net_timer *earlier = b;
        b = a;
        a = earlier;
    }
    b->_prev = a;
    b->_next = a->_child;
    if (a->_child != NULL)
        a->_child->_prev = b;
    a->_child = b;
    return a;
}

/* The children of a lost root become one heap: paired left to right, then melded back. No recursion, as a
 * burst of starts makes a root with as many children. */
static struct net_timer *meld_children(struct net_timer *first)
{
    struct net_timer *pairs = NULL;
    while (first != NULL) {
        struct net_timer *a = first, *b = a->_next;
        first = b != NULL ? b->_next : NULL;
        a->_next = a->_prev = NULL;
        if (b != NULL)
            b->_next = b->_prev = NULL;
        a = meld(a, b);
        a->_next = pairs;
        pairs = a;
    }

    struct net_timer *root = NULL;
    while (pairs != NULL) {
        struct net_timer *next = pairs->_next;
        pairs->_next = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void take_out(struct net_timer *t)
{
    struct net_timer **root = t->_in, *below = meld_children(t->_child);
    assert(root != NULL);
    if (t == *root) {
        *root = below;
    } else {
        if (t->_prev->_child == t)
            t->_prev->_child = t->_next;
        else
            t->_prev->_next = t->_next;
        if (t->_next != NULL)
            t->_next->_prev = t->_prev;
        *root = meld(*root, below);
    }
    t->_child = t->_next = t->_prev = NULL;
    t->_in = NULL;
}

static void put_in(struct net_timer **root, struct net_timer *t)
{
    t->_key_ms = t->_due_ms;
    t->_in = root;
    *root = meld(*root, t);
}

void net_timers_set(struct net_timers *ts, struct net_timer *t, int64_t due_ms)
{
    assert(t->_fn != NULL);
    t->_due_ms = due_ms;
    if (t->_in != NULL && t->_key_ms <= due_ms)
        return;
    if (t->_in != NULL)
        take_out(t);
    put_in(&ts->_waiting, t);
}

void net_timer_stop(struct net_timer *t)
{
    if (t->_in != NULL)
        take_out(t);
}

int64_t net_timers_next(const struct net_timers *ts)
{
    return ts->_waiting != NULL ? ts->_waiting->_key_ms : INT64_MAX;
}

void net_timers_run(struct net_timers *ts, int64_t now_ms)
{
    /* All that is due moves to a heap of its own first: else a callback that starts 0 ms would never end this. */
    while (net_timers_next(ts) <= now_ms) {
        struct net_timer *t = ts->_waiting;
        take_out(t);
        put_in(t->_due_ms <= now_ms ? &ts->_due : &ts->_waiting, t);
    }
    while (ts->_due != NULL) {
        struct net_timer *t = ts->_due;
        take_out(t);
        if (t->_due_ms > now_ms) /* an earlier callback moved it */
            put_in(&ts->_waiting, t);
        else
            t->_fn(t->_owner);
    }
}
