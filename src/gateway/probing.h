/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probing.h - a refusal without a reason is looked into: reduced requests tell what the upstream accepts the request without
 * (user-pain G3; `diagnose: probe` of an upstream).
 *
 * What to leave out, and what came of it, is the core's (dgm_request_probe, probes.def). What always holds:
 *   1. It comes behind everything else that may be done about a refusal (healing.h, policy.h), once an exchange, before the
 *      client has a byte of an answer; and never twice for the same request within a minute (probed.h).
 *   2. At most three requests, one after the other, to the place that refused, each for one answer of one token, not
 *      streamed, out of the retry budget of its upstream.
 *   3. The first that is accepted ends it, and so does whatever is neither that nor a 400. What they had to say goes
 *      nowhere: nothing of it is the client's, and no tape has it.
 *   4. All of it has GW_PROBING_MS, and what is left of the exchange's own deadlines: then what is known so far is given.
 *      A client that leaves ends it.
 *   5. The client gets the refusal, as it was, with what was learnt; that is counted (counters.def) and logged.
 * Not where recordings answer: they have no answer to a request that nobody sent.
 */
#ifndef GATEWAY_PROBING_H
#define GATEWAY_PROBING_H

#include "gateway/exchange.h"

#define GW_PROBING_MS 15000

/**
 * The upstream refused with a 400, and the client's error for it is made (`chat.object`). True: it is looked into, and the
 * error will be given, or the exchange is over. False: it is to be given now.
 */
bool gw_probe(struct gw_exchange *);

/** A deadline has come. True: it was that of a probe; the client gets what is known, or has got it. */
bool gw_probe_late(struct gw_exchange *);

void gw_probe_dispose(struct gw_exchange *);

#endif
