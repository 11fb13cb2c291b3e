/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the keys that clients may come in with: the file they stand in, as data.
 *
 * One key a line: NAME, the SHA-256 of the key in hexadecimal, and what it may, as WORD=VALUE. Blanks between; what begins
 * with # is a comment.
 *
 *   ci       9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *   phone    60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  models=google/gemini-*,lab* parallel=4
 *
 * The file has no secret in it: a key is 256 random bits, so its digest needs no salt and tells nobody anything. A name may
 * stand in several lines, while one key takes another's place: they share their counts, and what is remembered for them.
 */
#ifndef AUTH_KEYRING_H
#define AUTH_KEYRING_H

#include "base/arena.h"

#define AUTH_DIGEST_BYTES 32
#define AUTH_KEY_BYTES 32 /* random ones, of which a key is made */
#define AUTH_KEY_BEGIN "sk-dgm-"
#define AUTH_KEY_CHARS (sizeof AUTH_KEY_BEGIN - 1 + 43)
#define AUTH_CLIENT_NAME_MAX 64
#define AUTH_KEYRING_FILE_MAX ((size_t)4 * 1024 * 1024) /* bytes */
#define AUTH_KEYRING_MAX 4096                           /* keys */
#define AUTH_LIMIT_MAX INT64_C(1000000000000)

enum auth_limit {
#define LIMIT(id, member, word, help) AUTH_LIMIT_##id,
#include "auth/client_limits.def"
#undef LIMIT
    AUTH_LIMITS
};

/** Their words, "requests-per-minute", by enum auth_limit. */
extern const struct dgm_str auth_limit_words[AUTH_LIMITS];

/** One line: who comes in with a key, and what it may. */
struct auth_client {
    struct dgm_str name;
    unsigned char digest[AUTH_DIGEST_BYTES];
    struct dgm_str models;       /* patterns, commas between them; absent: any */
    struct dgm_str endpoints;    /* the same of endpoint ids; absent: see auth_client_may_use */
    int64_t limits[AUTH_LIMITS]; /* 0: none */
    size_t line;                 /* from 1 */
};

struct auth_keyring {
    struct auth_client *at;
    uint64_t *begins; /* of the digests, in the same order */
    size_t n;
};

/** What is wrong with a file. */
struct auth_keyring_fault {
    size_t line;
    const char *why; /* the end of a sentence */
};

/**
 * Reads the text of a file; all of `*ret` stands in `arena`, but for texts, which point into `text`. DGM_OK; DGM_E_REFUSED:
 * `*reterr` says why; DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc auth_keyring_read(struct dgm_str text, struct dgm_arena *arena,
                                           struct auth_keyring *ret,
                                           struct auth_keyring_fault *reterr);

/** Whose key it is; NULL: nobody's. How long it takes tells nothing of the keys. */
const struct auth_client *auth_keyring_find(const struct auth_keyring *, struct dgm_str key);

/** Whether a key has any limit. */
bool auth_client_is_limited(const struct auth_client *);

/** Whether one of the patterns in a list ("gemini-*,lab*") is like a text; '*' stands for anything. */
bool auth_list_has(struct dgm_str patterns, struct dgm_str text);

/**
 * Whether a key may use an endpoint: "openapi", which is what all paths without an endpoint's id mean too, or one of one's
 * own. Without `endpoints` all may be used, unless `models` bounds the key: models are names on openapi alone, so it
 * is then openapi alone.
 */
bool auth_client_may_use(const struct auth_client *, struct dgm_str endpoint);

/** Whether a text may be a name: letters, digits and ._@- , up to AUTH_CLIENT_NAME_MAX; a list of patterns. */
bool auth_client_name_ok(struct dgm_str);
bool auth_list_ok(struct dgm_str);

/** The digest of a key. False: libcrypto has no memory. */
DGM_MUST_USE bool auth_key_digest(struct dgm_str key, unsigned char ret[AUTH_DIGEST_BYTES]);

/** Puts a key, AUTH_KEY_CHARS. */
void auth_client_key_put(const unsigned char random[AUTH_KEY_BYTES], struct dgm_buf *out);

/** Puts a line of the file, its end included. */
void auth_client_put(const struct auth_client *, struct dgm_buf *out);

/** Puts what it may, "models=gemini-* parallel=4"; nothing when it may all. */
void auth_client_put_rights(const struct auth_client *, struct dgm_buf *out);

#endif
