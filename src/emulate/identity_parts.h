/* SPDX-License-Identifier: Apache-2.0 */
/* identity_parts.h - what the identity servers share. Each answers one request, by what identity.c has taken apart. */
#ifndef EMULATE_IDENTITY_PARTS_H
#define EMULATE_IDENTITY_PARTS_H

#include "auth/jwt.h"
#include "emulate/identity.h"
#include "http/target.h"
#include "json/write.h"

#define EMU_ISSUER "https://accounts.google.com" /* of the ID tokens that are made here */
#define IDENTITY_TEXT_MAX ((size_t)64 * 1024)    /* of one value of a form */

/** One request on its way. */
struct identity {
    const struct emu_identity *world;
    const struct emu_identity_call *call;
    unsigned char key[EMU_KEY_BYTES]; /* of seals */
    struct http_path path;
    struct dgm_str captured; /* by the server's pattern */
    struct dgm_str account_key;
    struct dgm_arena *arena;
    struct dgm_buf *out;
    struct emu_identity_answer *answer;
    bool starved; /* memory was short: whatever was found out, the answer is 503 */
};

enum oauth_error {
#define OAUTH(id, status, error, description) OAUTH_##id,
#include "emulate/oauth_errors.def"
#undef OAUTH
    OAUTH_ERRORS
};

/** A value of the form, or of the query of a GET; "" when it is not there, or no UTF-8. */
struct dgm_str identity_form(struct identity *, struct dgm_str name);

/** Reads a JWT. False: it is none. */
bool identity_jwt(struct identity *, struct dgm_str text, struct auth_jwt *ret);

/** Refuses as a token server does; `more` is put behind the row's description. */
void identity_refuse(struct identity *, enum oauth_error, struct dgm_str more);

/** Refuses as Google's APIs do; a 404 without a message as their frontend does. */
void identity_refuse_api(struct identity *, int status, struct dgm_str google,
                         struct dgm_str message);

/** A text that is no JSON. */
void identity_say(struct identity *, int status, struct dgm_str text);

/** A good token, neither ended nor revoked. */
bool identity_pass(const struct identity *, struct dgm_str text, enum emu_pass_kind,
                   struct emu_pass *ret);

/** Makes a new access token. Absent: memory is short, and that is the answer. */
struct dgm_str identity_new_pass(struct identity *, struct dgm_str who, struct dgm_str scope,
                                 struct dgm_str client, int64_t life_s);

/** Makes an ID token; as the other. */
struct dgm_str identity_new_id_token(struct identity *, struct dgm_str who,
                                     struct dgm_str audience);

/** Whether all of them, with blanks between, are scopes of Google's. */
bool identity_are_scopes(struct dgm_str);

/** Puts an access token as token servers do; an empty scope or type of token is left out. */
void identity_put_access(struct identity *, struct dgm_str token, struct dgm_str scope,
                         struct dgm_str issued_type);

/* The servers. */
void identity_token(struct identity *);     /* identity_oauth.c */
void identity_sts(struct identity *);       /* identity_sts.c */
void identity_tokeninfo(struct identity *); /* identity_more.c */
void identity_revoke(struct identity *);
void identity_certs(struct identity *);
void identity_impersonate(struct identity *);
void identity_metadata(struct identity *); /* identity_metadata.c */

#endif
