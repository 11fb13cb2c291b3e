/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - the emulated identity servers in the keeper: one set for the whole gateway. A worker passes a request on as a
 * question, with the settings that go with it, for the keeper belongs to no generation.
 */
#ifndef GATEWAY_IDENTITY_H
#define GATEWAY_IDENTITY_H

#include "emulate/identity.h"
#include "gateway/accounts.h"
#include "gateway/revoked.h"

#define GW_IDENTITY_BODY_MAX ((size_t)64 * 1024) /* of a request; its head has less */

/** A request with its settings, as a question's payload. */
struct gw_identity_request {
    struct dgm_str seed;
    int64_t life_s;
    struct emu_identity_call call;
};

/** Puts and reads it. False: `payload` is none. Texts are borrowed. */
void gw_identity_request_put(const struct gw_identity_request *, struct dgm_buf *out);
bool gw_identity_request_read(struct dgm_str payload, struct gw_identity_request *ret);

/** An answer, as a reply's payload. */
struct gw_identity_says {
    int status;
    bool flavored;                     /* Metadata-Flavor: Google goes along */
    struct dgm_str media, doubt, body; /* doubt: x-dragoman-warning; may be empty */
};

bool gw_identity_says_read(struct dgm_str payload, struct gw_identity_says *ret);

/** The servers. */
struct gw_identity;

/** What they say goes to the link that asked, while it lives; `payload` is borrowed for the call. */
typedef void gw_identity_say_fn(void *link, uint32_t id, struct dgm_str payload);

/** All is borrowed; `revoked` may be NULL. NULL: memory is short. */
struct gw_identity *gw_identity_new(const struct dgm_alloc *, struct gw_accounts *,
                                    struct gw_revoked *, gw_identity_say_fn *);
void gw_identity_free(struct gw_identity *); /* NULL is fine */

/**
 * Answers a question, at once or when the account that it needs was looked up. False: `payload` is none. Where memory is
 * short nothing is said, and the one who asked waits for his time.
 */
bool gw_identity_hear(struct gw_identity *, void *link, uint32_t id, struct dgm_str payload,
                      int64_t now_ms);

/** A link is gone: nothing is said to it any more. */
void gw_identity_forget(struct gw_identity *, const void *link);

/** Puts the JSON text of GET /_dragoman/identity; counts from 0 again. */
void gw_identity_put(const struct gw_identity *, int64_t pid, struct dgm_buf *out);
void gw_identity_reset(struct gw_identity *);

#endif
