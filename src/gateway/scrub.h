/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h - texts without the secrets in them, for what is written to a recording.
 *
 * Of headers only those of recorded_headers.def are kept, so Authorization, x-goog-api-key, api-key and cookies never are; of
 * a query only what Google's clients put there that is no secret. In all that is kept, bodies and answers included, what
 * looks like a secret (secrets.def; what stands behind "Bearer "; a private key) and what is known to be one becomes ***.
 */
#ifndef GATEWAY_SCRUB_H
#define GATEWAY_SCRUB_H

#include "gateway/config.h"

#define GW_SCRUBBED "***"
#define GW_SCRUB_KNOWN_MIN                                                                         \
    8 /* bytes of a known secret that is looked for: shorter ones stand everywhere */

/** Whether a header is kept. */
bool gw_scrub_keeps(struct dgm_str name);

/** Puts a text; `known` are secrets of which we know, wherever they stand in it. */
void gw_scrub_put(struct dgm_str text, const struct gw_strs *known, struct dgm_buf *out);

/** Puts a request's target: *** for the values of its query but those that are no secrets. */
void gw_scrub_put_target(struct dgm_str target, const struct gw_strs *known, struct dgm_buf *out);

/** Puts an URL without a user and a password. */
void gw_scrub_put_url(struct dgm_str url, struct dgm_buf *out);

#endif
