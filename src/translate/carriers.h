/* SPDX-License-Identifier: Apache-2.0 */
/* carriers.h - where clients and other gateways put a call's thought signature, besides extra_content (user-pain D3). */
#ifndef TRANSLATE_CARRIERS_H
#define TRANSLATE_CARRIERS_H

#include "translate/chat.h"

/**
 * The signature that came back with a call, wherever it stands: base64; absent: nowhere. `first`: it is the first of its
 * message, which is meant where a carrier names no call. What is no base64 counts as none.
 */
struct dgm_str carriers_read(struct dgm_request *, const struct json_val *message,
                             const struct json_val *call, bool first);

#endif
