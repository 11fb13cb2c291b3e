/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.h - whose a token is that a caller shows, and whether he may come in: what tokeninfo says of an access token of Google's
 * (google.md 7.8), or a judged ID token (jwks.h), as data. Who asks, and when, is the gateway's business.
 *
 *   1. A token is for us or it is nobody's: where audiences are listed, it is for one of them (an ID token's `aud`, the OAuth client
 *      of an access token). ID tokens are never taken without: they might have been shown to anybody.
 *   2. An e-mail address counts when its issuer has verified it, and is the whole address or its domain.
 *   3. Without a list of addresses or domains the audience is to let somebody in. That of an ID token can not: whoever has a service
 *      account of his own can have one made for any audience. So there the party that it was given to (`azp`) must be listed too.
 *   4. Google answers for the address of an account that it hosts: gmail.com, a service account's, a Workspace's (`hd`). On any other
 *      account an address is one that its owner could read some day. ID tokens tell which; tokeninfo does not.
 */
#ifndef AUTH_HOLDER_H
#define AUTH_HOLDER_H

#include "auth/jwt.h"

#define AUTH_INFO_MAX                                                                              \
    ((size_t)16 * 1024)          /* bytes of tokeninfo's answer; Google's is under one KiB */
#define AUTH_HOLDER_NAME_MAX 320 /* bytes of a name, and of what stands in it */

/** Whose it is, as far as its issuer tells. Texts are borrowed from what was read. */
struct auth_holder {
    struct dgm_str issuer;   /* of an ID token; absent: an access token, of Google's */
    struct dgm_str email;    /* verified; absent: none */
    struct dgm_str hosted;   /* `hd` */
    struct dgm_str sub;      /* may be absent for an access token */
    struct dgm_str audience; /* of an access token; an ID token's was judged */
    struct dgm_str party;    /* `azp` */
    struct dgm_str scope;    /* of an access token; blanks between scopes */
    int64_t ends_s;          /* since 1970 */
};

/**
 * Reads the answer of tokeninfo to an access token. DGM_OK; DGM_E_SYNTAX: it says not whose it is, for which client and until when;
 * DGM_E_LIMIT; DGM_E_NOMEM. Texts stand in `arena`.
 */
DGM_MUST_USE enum dgm_rc auth_holder_of_info(struct dgm_str text, struct dgm_arena *arena,
                                             struct auth_holder *ret);

/** The same of an ID token that auth_id_judge found good. */
void auth_holder_of_id(const struct auth_jwt *, struct auth_holder *ret);

/** Whether an access token may be used for Vertex AI: its scopes have cloud-platform. An ID token has none, and needs none. */
bool auth_holder_has_scope(const struct auth_holder *);

/** Who may come in; each list may be empty, and all of them together let nobody in. */
struct auth_rules {
    const struct dgm_str *audiences, *emails, *domains;
    size_t audiences_n, emails_n, domains_n;
};

bool auth_holder_may(const struct auth_holder *, const struct auth_rules *);

/**
 * Puts the name that he is known by: his address in lower case; else "ISSUER#SUB", which no key of ours can be called. Nothing for
 * who has neither, or one with characters that have no place in a log.
 */
void auth_holder_put_name(const struct auth_holder *, struct dgm_buf *out);

#endif
