/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials.h - Google's credentials as data: a file read, and what has to be asked for until an access token is there.
 *
 * Sans-IO: whoever drives a fetch makes the requests, reads the files and runs the programs that it names, and tells it
 * what came of each; the time and the environment are arguments. All memory is overwritten before it is given back.
 * What is asked, and of whom, is google-auth's doing (google.md 7.1 to 7.7), with two differences: a file's own token_uri
 * and its own URL of impersonation are asked, where google-auth for Python asks Google's whatever the file says.
 */
#ifndef AUTH_CREDENTIALS_H
#define AUTH_CREDENTIALS_H

#include <dragoman/types.h>

#define AUTH_CREDENTIAL_MAX ((size_t)256 * 1024) /* bytes of a file */
#define AUTH_ANSWER_MAX                                                                            \
    ((size_t)256 * 1024) /* bytes of an answer, a file or an output that is told */
#define AUTH_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define AUTH_UNIVERSE "googleapis.com" /* what `universe_domain` is unless it says otherwise */

enum auth_kind {
#define KIND(id, type, about) AUTH_##id,
#include "auth/credential_kinds.def"
    AUTH_KINDS
};

/** Why something can not be, for people, as one sentence with its full stop; no secret stands in it. */
struct auth_trouble {
    char text[640];
    bool passes; /* it is worth being tried again soon: who was asked is not there, or says so */
};

#define AUTH_TROUBLE_TEXTS 6

/** Fills it with texts one after the other (absent ones are left out), as printable UTF-8. */
void auth_trouble_set(struct auth_trouble *, bool passes,
                      const struct dgm_str texts[AUTH_TROUBLE_TEXTS]);

/* ---- what people take for one another ---------------------------------------------------------------- */

/** What a text is by its looks alone (user-pain H5). */
enum auth_secret {
    AUTH_SECRET_UNKNOWN,
    AUTH_SECRET_API_KEY,       /* AIza..., AQ.... */
    AUTH_SECRET_ACCESS_TOKEN,  /* ya29.... */
    AUTH_SECRET_REFRESH_TOKEN, /* 1//... */
    AUTH_SECRET_CLIENT_SECRET, /* GOCSPX-... */
    AUTH_SECRET_PRIVATE_KEY,   /* PEM */
    AUTH_SECRET_FILE,          /* the text of a file of credentials */
};

enum auth_secret auth_secret_of(struct dgm_str text);

/** Its name for people: "an API key". */
struct dgm_str auth_secret_name(enum auth_secret);

/* ---- credentials ------------------------------------------------------------------------------------- */

/** Credentials, read and found whole. They do not change. */
struct auth_credential;

/**
 * Reads the text of a file. DGM_OK: `*ret` is the caller's to free. DGM_E_REFUSED: `*reterr` says why it is none that can be
 * used, as the end of a sentence that begins with the file's name: "has no \"client_email\".". DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc auth_credential_read(struct dgm_str text, const struct dgm_alloc *,
                                              struct auth_credential **ret,
                                              struct auth_trouble *reterr);

/**
 * Those of the machine this runs on: GCE, GKE, Cloud Run. `sure`: it has some. Else it is asked first whether it is one
 * of Google's, unless a variable names its server: GCE_METADATA_HOST, GCE_METADATA_ROOT, GCE_METADATA_IP. NULL: no memory.
 */
struct auth_credential *auth_credential_of_machine(bool sure, const struct dgm_alloc *);

void auth_credential_free(struct auth_credential *); /* NULL is fine */

enum auth_kind auth_credential_kind(const struct auth_credential *);
struct dgm_str auth_kind_about(enum auth_kind);

/** What they say of themselves, absent where they do not: whose project pays for quota (quota_project_id); the universe. */
struct dgm_str auth_credential_quota_project(const struct auth_credential *);
struct dgm_str auth_credential_universe(const struct auth_credential *); /* never absent */

/* ---- a token is fetched -------------------------------------------------------------------------------- */

struct auth_header {
    struct dgm_str name, value;
};

enum auth_act {
    AUTH_ASK,  /* an HTTP request; redirects are not followed */
    AUTH_READ, /* the file at `path` */
    AUTH_RUN, /* the program and arguments of `path`, no shell, with `headers` put into its environment; its output */
};

#define AUTH_ERRAND_HEADERS_MAX 6

/** What has to be done next. Texts live until the fetch is told, or freed. */
struct auth_errand {
    enum auth_act act;
    struct dgm_str path;
    struct dgm_str method, url,
        body; /* body: a form or JSON; its Content-Type is among the headers */
    struct auth_header headers[AUTH_ERRAND_HEADERS_MAX];
    size_t headers_n;
    int64_t timeout_ms;
    bool direct; /* never through a proxy: the machine's own server */
};

/** What came of it. Borrowed for the call. */
struct auth_result {
    int status; /* of an answer; 200 of a file or output that was read; 0: it could not be done */
    struct dgm_str text; /* body, content or output */
    struct dgm_str why;  /* with 0: the end of a sentence; "connection refused" */
    bool is_googles;     /* the answer has Metadata-Flavor: Google */
    int64_t fresh_s;     /* how long an answer says that it may be kept; negative: it does not */
};

/** One fetch. Lifetime: new; next and tell in turns, until next says anything but DGM_NEED; its texts live until free. */
struct auth_fetch;

struct auth_fetch_ask {
    const struct auth_credential *credential; /* outlives the fetch */
    const char *const
        *environment; /* "NAME=value" strings, NULL at the end; outlives it too; NULL: empty */
    int64_t now_ms;   /* since 1970 */
    /* find out whose token it is, and of which project, even if that takes another request */
    bool who;
};

struct auth_fetch *auth_fetch_new(const struct auth_fetch_ask *, const struct dgm_alloc *);
void auth_fetch_free(struct auth_fetch *); /* at any time; NULL is fine */

/**
 * DGM_NEED: `*ret` has to be done; tell what came of it. DGM_DONE: there is a token. DGM_E_REFUSED: there will be none, see
 * auth_fetch_trouble. DGM_E_NOMEM. Called again without a tell it says the same.
 */
DGM_MUST_USE enum dgm_rc auth_fetch_next(struct auth_fetch *, struct auth_errand *ret);
void auth_fetch_tell(struct auth_fetch *, const struct auth_result *);

/** Why not. */
const struct auth_trouble *auth_fetch_trouble(const struct auth_fetch *);

struct auth_token {
    struct dgm_str text;
    int64_t ends_ms;             /* since 1970 */
    struct dgm_str who, project; /* absent: not known */
};

/** After DGM_DONE. */
struct auth_token auth_fetch_token(const struct auth_fetch *);

/** A variable's value, absent where it is not set or empty. */
struct dgm_str auth_variable(const char *const *environment, struct dgm_str name);

#endif
