/* SPDX-License-Identifier: Apache-2.0 */
/* credential_parts.h - what credentials.c reads and fetch*.c work with. */
#ifndef AUTH_CREDENTIAL_PARTS_H
#define AUTH_CREDENTIAL_PARTS_H

#include "auth/credentials.h"
#include "auth/key.h"
#include "base/arena.h"
#include "json/read.h"

#define AUTH_TEXT_MAX ((size_t)16 * 1024) /* bytes of one text in a file */

/** Texts of a file; credential_kinds.def says which kind has which. */
enum auth_field {
    FIELD_EMAIL,
    FIELD_PRIVATE_KEY,
    FIELD_KEY_ID,
    FIELD_TOKEN_URL,
    FIELD_PROJECT,
    FIELD_CLIENT_ID,
    FIELD_CLIENT_SECRET,
    FIELD_REFRESH_TOKEN,
    FIELD_AUDIENCE,
    FIELD_SUBJECT_TYPE,
    FIELD_IMPERSONATION,
    FIELD_WORKFORCE,
    FIELDS
};

enum auth_source_kind { SOURCE_FILE, SOURCE_URL, SOURCE_RUN, SOURCE_AWS };

/** Where a federated identity's own token comes from (google.md 7.6, credential_source). */
struct auth_source {
    enum auth_source_kind kind;
    struct dgm_str at;     /* a path, a URL, a command; of AWS the URL of the keys, may be absent */
    struct dgm_str output; /* of a command: the file in which it keeps its answers; may be absent */
    struct auth_header headers[AUTH_ERRAND_HEADERS_MAX];
    size_t headers_n;
    struct dgm_str field; /* the token is this member of a JSON text; absent: all of the text */
    int64_t timeout_ms;   /* of a command */
    struct dgm_str region_url, session_url, verify_url; /* of AWS */
};

/** Lifetime: read whole, then unchanged until free; all its texts stand in its arena. */
struct auth_credential {
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    struct dgm_arena arena;
    enum auth_kind kind;
    bool sure; /* the machine has an account */
    struct dgm_str texts[FIELDS];
    struct dgm_str quota_project, universe;
    struct auth_key *key;
    struct auth_credential *base; /* whose token asks for the impersonated one; or NULL */
    struct dgm_str delegates;     /* a JSON array */
    int64_t life_s;               /* of an impersonated token */
    struct auth_source source;
};

/** Parses a copy of a text, which stands in the arena. DGM_OK, DGM_E_SYNTAX (it is no JSON object), DGM_E_NOMEM. */
DGM_MUST_USE enum dgm_rc auth_json(struct dgm_arena *, struct dgm_str text,
                                   const struct json_val **ret);

/** Whether it is "http://..." or "https://..." with a host, without a user, blanks and fragment. */
bool auth_url_ok(struct dgm_str url);

/** The e-mail address in ".../serviceAccounts/EMAIL:generateAccessToken"; absent when there is none. */
struct dgm_str auth_email_of_url(struct dgm_str url);

#endif
