/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_page.h - a request that the keeper answers: it is asked, and its word goes out. */
#ifndef GATEWAY_KEEPER_PAGE_H
#define GATEWAY_KEEPER_PAGE_H

#include "gateway/exchange.h"
#include "gateway/keeper_link.h"

/**
 * Asks; the exchange waits, and the question ends with it. `answer` gets the reply, borrowed for the call, and answers. A keeper
 * that does not reply, or memory that is short, is answered here. There is a link (asserted).
 */
void gw_keeper_page(struct gw_exchange *, enum gw_message, struct dgm_str payload,
                    void (*answer)(struct gw_exchange *, const struct gw_frame *));

/** An `answer` for replies that are a JSON text, or DONE. */
void gw_keeper_page_answer(struct gw_exchange *, const struct gw_frame *);

#endif
