/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.h - where a chat completion goes, and its body as that upstream gets it.
 *
 * Which upstream it is decides how the body is read: for Gemini it is taken apart, for a server that speaks OpenAI's
 * protocol it is relayed. So the model is looked at first, where the two are mixed.
 */
#ifndef GATEWAY_DESTINATION_H
#define GATEWAY_DESTINATION_H

#include "gateway/origin.h"

#include <dragoman/dragoman.h>

/* Of a model's name that is looked at before the body is read; longer ones match nothing. */
#define GW_MODEL_BYTES_MAX 1024

/**
 * Whether an upstream speaks OpenAI's protocol itself, whatever it is asked for: vllm, tgi, openai, the emulator in
 * their dialects, and Vertex where base_url is that of an endpoint. Of another Vertex so do the endpoints that the
 * configuration leads there, and models of other publishers than Google (dgm_model_is_others): which of the two ways a
 * request took, dgm_request_is_relayed tells.
 */
bool gw_upstream_relays(const struct gw_upstream *);

/**
 * The upstreams that a body may go to, as far as they must be known before it is read; it stays as it is. NULL: they need
 * not be, or there are none. `*model` is the path's, and becomes the body's in `room` where it has one.
 */
const struct gw_choices *gw_destination_look(const struct gw_config *, struct dgm_str endpoint,
                                             struct dgm_str body, struct dgm_buf *room,
                                             struct dgm_str *model);

/**
 * Reads a body and makes of it what its upstream gets: what `upstream` does where that is given (it is one of
 * gw_destination_look's), else by `endpoint`, the path's (absent: there is none), else by its model.
 *
 * DGM_OK: `*ret` is the caller's to free; it is for the upstream that was given, or the first of `*ret_choices`, which
 * lacks nothing. DGM_NEED: so too, but signatures are asked for: where dgm_request_needs has some, answer them and call
 * dgm_request_resume. Else the upstream can not read URLs that stand in it: fetch them (fetch.h), then call
 * gw_destination_finish. DGM_E_REFUSED, DGM_E_NOMEM, DGM_E_LIMIT: `*reterr` says why; where the request had been opened
 * by then `*ret` is set all the same, for what can still be asked of it (its model's name), and is to be freed; else it is
 * left as it was.
 */
DGM_MUST_USE enum dgm_rc gw_destination_make(const struct gw_config *, const struct dgm_env *,
                                             struct dgm_str endpoint,
                                             const struct gw_upstream *upstream,
                                             struct dgm_buf *body, struct dgm_request **ret,
                                             const struct gw_choices **ret_choices,
                                             struct dgm_fail *reterr);

/** Goes on after the fetching, never to another; may return DGM_NEED, for signatures. `by_endpoint`: the path had one. The request stays
 * the caller's to free. */
DGM_MUST_USE enum dgm_rc gw_destination_finish(const struct gw_config *, const struct gw_upstream *,
                                               bool by_endpoint, struct dgm_request *,
                                               struct dgm_fail *reterr);

/** What goes in the place of the client's model: the upstream's own `model`, else what an alias stands for; absent: nothing. */
struct dgm_str gw_destination_model(const struct gw_config *, const struct gw_upstream *,
                                    const struct dgm_request *);

/** Which members a native request has, by the upstream's kind. */
enum dgm_surface gw_upstream_surface(const struct gw_upstream *);

/**
 * Puts the target of a relayed request, behind the path of the base_url: "/v1/chat/completions", without what that path
 * has already. A path with a version in it, as "/v1", is taken for a whole base. At Vertex it is that of an endpoint,
 * `endpoint` or, where that is absent, "openapi"; a base_url of an endpoint is whole too.
 */
void gw_relay_put_target(const struct gw_upstream *, const struct dgm_place *,
                         struct dgm_str endpoint, struct dgm_buf *out);

/** Puts the target of a server's list of models, "/v1/models", and cuts off the origin's path what stands in its way. */
void gw_relay_put_models_target(struct gw_origin *, struct dgm_buf *out);

#endif
