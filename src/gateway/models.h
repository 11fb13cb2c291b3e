/* SPDX-License-Identifier: Apache-2.0 */
/*
 * models.h - which models there are, by name: for GET /models, and for who asked for one that there is not.
 *
 * That is what the configuration names, what servers of one's own list as far as it is known and as the configuration leads
 * there (catalog.h), and the emulator's. All of it is for the loop alone, as the catalog is.
 */
#ifndef GATEWAY_MODELS_H
#define GATEWAY_MODELS_H

#include "gateway/catalog.h"

struct gw_exchange;

/** Calls `see` for each, once: a name that a client can ask for, and the upstream that it leads to. The name is lent for the call. */
void gw_models_walk(const struct gw_worker *,
                    void (*see)(void *ctx, const struct gw_upstream *, struct dgm_str id),
                    void *ctx);

/** Whether there is one of that name, which leads to `u` (NULL: nowhere), listed or not: the emulator takes more than it lists. */
bool gw_model_exists(const struct gw_worker *, struct dgm_str id, const struct gw_upstream *u);

/** What a server's list says of a model, or of "UPSTREAM/MODEL"; NULL: nothing that is known. Valid until the loop's next turn. */
const struct json_val *gw_model_listed(const struct gw_worker *, const struct gw_upstream *,
                                       struct dgm_str name);

/** Whether Gemini answers there: Google's, or the emulator. */
bool gw_model_is_googles(const struct gw_upstream *);

/** The name without what may stand in front of Google's: all spellings name one model. */
struct dgm_str gw_model_short(struct dgm_str id);

/**
 * Puts the three whose names are nearest, as `"a", "b" or "c"`: of those above, and of the models that Google is known to
 * have (the emulator's) where Google is asked; of what the caller may see. Nothing where there are none.
 */
void gw_models_put_near(const struct gw_exchange *, struct dgm_str model, struct dgm_buf *out);

/** Adds them to the sentence of a MODEL_UNKNOWN; any other error stays as it is. */
void gw_models_tell_near(const struct gw_exchange *, struct dgm_str model, struct dgm_fail *);

#endif
