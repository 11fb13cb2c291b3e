/* SPDX-License-Identifier: Apache-2.0 */
/* residency.h - which of Google's locations may be asked (user-pain J6). */
#ifndef GATEWAY_RESIDENCY_H
#define GATEWAY_RESIDENCY_H

#include "gateway/config.h"

/**
 * Whether a location may be asked through an upstream: by its own list and by the configuration's, each of which allows
 * everything when it is empty. A name allows itself and the regions that begin with it ("europe" has "europe-west4", "us"
 * has "us-east5" and the multi-region "us"); "eu" has those of "europe" but for London and Zurich (europe-west2, europe-west6),
 * which are not in the Union. "global" is in none but its own.
 */
bool gw_residency_allows(const struct gw_config *, const struct gw_upstream *,
                         struct dgm_str location);

#endif
