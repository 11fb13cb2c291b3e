/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - Google's identity servers as data: a request in, an answer out. The token server (service accounts, users),
 * STS, impersonation, tokeninfo, the keys of ID tokens, the metadata server; identity.def lists them.
 *
 * What they hand out they need not remember (pass.h). What they must be told is the public key of a service account,
 * which emu_identity_account names before, and what was revoked.
 */
#ifndef EMULATE_IDENTITY_H
#define EMULATE_IDENTITY_H

#include "auth/key.h"
#include "emulate/pass.h"

#define EMU_PROJECT "my-project"
#define EMU_PROJECT_NUMBER "123456789012"
#define EMU_ACCOUNT_DOMAIN "@" EMU_PROJECT ".iam.gserviceaccount.com"
#define EMU_DEFAULT_ACCOUNT "dragoman" EMU_ACCOUNT_DOMAIN /* of the metadata server */
#define EMU_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define EMU_KID_CHARS 40

/** One request to them. All is borrowed, and as http/message.h has it; headers that are not there are absent. */
struct emu_identity_call {
    struct dgm_str method, target, host, authorization, flavor, forwarded, body;
};

/** Which server answers. */
enum emu_server {
    EMU_SERVER_NONE,
#define SERVER(id, pattern, methods, host) EMU_SERVER_##id,
#include "emulate/identity.def"
    EMU_SERVERS
};

/** What the servers are, at the time of one request. */
struct emu_identity {
    struct dgm_str seed;
    int64_t life_s; /* of access tokens */
    int64_t now_ms; /* since 1970 */
    uint64_t fresh; /* random: the next token's id */
    void *ctx;
    bool (*is_revoked)(void *ctx, const struct emu_pass *);
    bool (*revoke)(void *ctx, const struct emu_pass *); /* false: there is no room for it */
    const struct auth_key *(*signer)(
        void *ctx); /* of ID tokens: auth_key_of_seed; NULL: no memory */
};

struct emu_identity_answer {
    enum emu_server server;
    int status;
    struct dgm_str media; /* a constant */
    bool flavored;        /* Metadata-Flavor: Google goes along */
    bool issued;          /* a token was handed out */
    struct dgm_str doubt; /* what Google checks and the emulator can not; a constant, or empty */
};

/** The pattern of its paths, which is its name in counts. */
struct dgm_str emu_server_pattern(enum emu_server);

/**
 * The e-mail address of the service account whose public key a request needs to be answered; absent when it needs none. It
 * stands in `arena`.
 */
struct dgm_str emu_identity_account(const struct emu_identity_call *, struct dgm_arena *arena);

/**
 * Answers into `out`: `public_key` is the account's PEM, absent when there is no such account. `arena` is for the work.
 * A shortage of memory is a 503 with an empty body, or shows in `out`.
 */
void emu_identity_answer(const struct emu_identity *, const struct emu_identity_call *,
                         struct dgm_str public_key, struct dgm_arena *arena, struct dgm_buf *out,
                         struct emu_identity_answer *ret);

/** The key id that belongs to a public key: what `private_key_id` and `kid` say. False: no memory. */
DGM_MUST_USE bool emu_kid(struct dgm_str public_pem, char ret[EMU_KID_CHARS]);

/** Puts the secret of an OAuth client, which comes of the seed and its id. */
void emu_client_secret_put(const unsigned char key[EMU_KEY_BYTES], struct dgm_str client,
                           struct dgm_buf *out);

#endif
