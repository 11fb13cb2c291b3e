/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - who may come in, and to what: a key of ours (`auth.keys`), or a token of Google's (`auth.google`).
 *
 * A request passes it twice: with its head (who is it, is the path for him, has he requests left), and when its model is known
 * (is that for him, has he tokens left). What it takes of a key's limits it gives back when it leaves.
 */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include "gateway/exchange.h"

/**
 * Whether a request may go on, as far as its head tells. False: it was answered, as Google answers (google.md 5.3, 5.4): OpenAI's
 * object, or Google's own where that is asked for or the path is Google's. True may mean that it is not known yet
 * (gw_exchange_is_at_gate): nothing is read meanwhile; it is answered from the loop, or gw_exchange_admit goes on with it.
 */
bool gw_gate_pass(struct gw_exchange *);

/** Whether it may have the model that its body names, for as many tokens as it wants. False: it was answered. Once is enough. */
bool gw_gate_admit(struct gw_exchange *);

/** Whether it may see a model's name. */
bool gw_gate_shows(const struct gw_exchange *, struct dgm_str model);

/** The caller's Authorization, to be sent on; absent when he sent none, or one with a key of ours, which no upstream gets. */
struct dgm_str gw_gate_authorization(const struct gw_exchange *);

/** It is answered: whoever asks is not waited for any more. */
void gw_gate_turn_away(struct gw_exchange *);

/** Its last byte leaves: what it took of a key's limits is given back, and its tokens are counted. Again does nothing. */
void gw_gate_settle(struct gw_exchange *);

/** The exchange ends. */
void gw_gate_leave(struct gw_exchange *);

#endif
