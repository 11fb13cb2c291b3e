/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overhead.c - how long an exchange with an upstream was in our hands: from the request's last byte to the upstream's
 * being asked, and from the answer's last byte (a stream's: the piece that its head leaves with) to the head.
 */
#include "gateway/exchange.h"

static int64_t now_ns(const struct gw_exchange *x)
{
    return net_loop_clock_ns(x->worker->loop);
}

void gw_overhead_ours(struct gw_exchange *x)
{
    x->ours_since_ns = now_ns(x);
}

void gw_overhead_theirs(struct gw_exchange *x)
{
    if (x->ours_since_ns != 0)
        x->ours_ns += now_ns(x) - x->ours_since_ns;
    x->ours_since_ns = 0;
}

int64_t gw_overhead_us(const struct gw_exchange *x)
{
    if (x->ours_ns == 0 && x->ours_since_ns == 0)
        return 0;
    int64_t now = x->ours_since_ns != 0 ? now_ns(x) - x->ours_since_ns : 0;
    return (x->ours_ns + now) / 1000 + 1;
}
