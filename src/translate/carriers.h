/* SPDX-License-Identifier: Apache-2.0 */
/* carriers.h - where clients and other gateways put a call's thought signature, besides extra_content (user-pain D3). */
#ifndef TRANSLATE_CARRIERS_H
#define TRANSLATE_CARRIERS_H

#include "translate/chat.h"

/** The format of OpenRouter's details that are Gemini's. */
#define CARRIERS_GEMINI "google-gemini-v1"

/**
 * The signature of what a message says besides its calls, which another gateway or our reasoning_details brought: base64;
 * absent: none.
 */
struct dgm_str carriers_read_text(const struct json_val *message);

/** One of a message's reasoning_details that names a call. */
struct carried_detail {
    struct dgm_str id;
    size_t place; /* among the details */
    const struct json_val *val;
};

/** What a message carries for its calls. Looked at once a message, however many calls it has. */
struct carriers {
    const struct json_val *details, *blocks;
    struct carried_detail *named; /* by id, in the request's arena; NULL: nobody asked yet */
    size_t named_n;
};
struct carriers carriers(const struct json_val *message);

/**
 * The signature that came back with a call, wherever it stands: base64; absent: nowhere. `first`: it is the first of its
 * message, which is meant where a carrier names no call. What is no base64 counts as none.
 */
struct dgm_str carriers_read(struct dgm_request *, struct carriers *, const struct json_val *call,
                             bool first);

#endif
