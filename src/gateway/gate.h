/* SPDX-License-Identifier: Apache-2.0 */
/* gate.h - who may come in: `auth.google: emulated` wants an access token of the emulated identity servers. */
#ifndef GATEWAY_GATE_H
#define GATEWAY_GATE_H

#include "gateway/exchange.h"

/**
 * Whether a request may go on, as far as its head tells. False: it was answered, as Google answers (google.md 5.3): OpenAI's
 * object, or Google's own where that is asked for or the path is Google's. Nothing is asked of anybody for it.
 */
bool gw_gate_pass(struct gw_exchange *);

#endif
