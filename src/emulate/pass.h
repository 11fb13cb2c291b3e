/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pass.h - access and refresh tokens of the emulated identity: they say themselves whose they are and how long they live,
 * under a seal. Whoever knows the seal's key, which comes of a seed, knows a good one: every worker, and every restart.
 */
#ifndef EMULATE_PASS_H
#define EMULATE_PASS_H

#include "auth/mac.h"
#include "base/arena.h"

#define EMU_PASS_MAX ((size_t)8192)      /* characters of a token */
#define EMU_PASS_TEXT_MAX ((size_t)1024) /* bytes of each text in it */

enum emu_pass_kind { EMU_PASS_ACCESS = 'a', EMU_PASS_REFRESH = 'r' };

struct emu_pass {
    enum emu_pass_kind kind;
    uint64_t id;                /* of this one alone; what is revoked is named by it */
    int64_t issued_ms, ends_ms; /* since 1970; it ends with ends_ms; 0: never */
    struct dgm_str who;         /* an e-mail address, or a federated principal */
    struct dgm_str scope;       /* blanks between scopes */
    struct dgm_str client;      /* the OAuth client's id */
};

/** The key of all seals that belongs to a seed, of EMU_KEY_BYTES. False: libcrypto has no memory. */
#define EMU_KEY_BYTES AUTH_MAC_BYTES
DGM_MUST_USE bool emu_key_of_seed(struct dgm_str seed, unsigned char ret[EMU_KEY_BYTES]);

/** Puts a token as clients see it. Its texts are cut at EMU_PASS_TEXT_MAX. */
void emu_pass_put(const struct emu_pass *, const unsigned char key[EMU_KEY_BYTES],
                  struct dgm_buf *out);

/** Reads one; its texts stand in `arena`. False: nobody with this key made it, or memory is short. It may have ended. */
DGM_MUST_USE bool emu_pass_read(struct dgm_str text, const unsigned char key[EMU_KEY_BYTES],
                                struct dgm_arena *arena, struct emu_pass *ret);

/** Whether its time is over. */
bool emu_pass_has_ended(const struct emu_pass *, int64_t now_ms);

/** Whether one of its scopes is this one. */
bool emu_pass_has_scope(const struct emu_pass *, struct dgm_str scope);

#endif
