/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_parts.h - one fetch of a token as its steps see it: fetch.c, fetch_subject.c. */
#ifndef AUTH_FETCH_PARTS_H
#define AUTH_FETCH_PARTS_H

#include "auth/credential_parts.h"

#define AUTH_SECRETS_MAX 12
#define AUTH_ASK_TIMEOUT_MS 10000

/** Each but the last two has an errand, and a function that hears what came of it; fetch.c has the table. */
enum auth_step {
    STEP_PING,        /* is this a machine of Google's? */
    STEP_TOKEN,       /* of a key, a refresh token, or the machine */
    STEP_SUBJECT,     /* a file or a URL with a federated identity's own token */
    STEP_OUTPUT,      /* what a program has left for us */
    STEP_RUN,         /* the program */
    STEP_AWS_SESSION, /* AWS: a token for its metadata server, ... */
    STEP_AWS_REGION,
    STEP_AWS_ROLE,
    STEP_AWS_KEYS,
    STEP_STS,         /* the federated identity's own token for one of Google's */
    STEP_IMPERSONATE, /* that for a service account's */
    STEP_WHO,
    STEP_PROJECT,
    STEP_DONE,
    STEP_FAILED
};

/**
 * Lifetime: new; each step's errand is told, which leads to the next one. What is sent and heard stands in the arena.
 */
struct auth_fetch {
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    struct dgm_arena arena;
    const struct auth_credential *whole,
        *base; /* `base` makes the first token: the same, or the one inside */
    struct auth_fetch_ask ask;
    enum auth_step step;
    enum dgm_rc failed;     /* of STEP_FAILED */
    struct dgm_str machine; /* "http://HOST", the metadata server's */
    struct dgm_str subject, subject_type;
    struct {
        struct dgm_str session, region, role, key_id, secret, token;
    } aws;
    struct dgm_str token; /* the newest */
    int64_t ends_ms;
    struct dgm_str who, project;
    struct dgm_str secrets[AUTH_SECRETS_MAX]; /* that were sent or got, and stand in no trouble */
    size_t secrets_n;
    struct auth_trouble trouble;
};

/** The fetch is over: no memory; or for this reason. */
void auth_fetch_starve(struct auth_fetch *);
void auth_fetch_refuse(struct auth_fetch *, bool passes,
                       const struct dgm_str texts[AUTH_TROUBLE_TEXTS]);
#define auth_refuse(f, passes, ...)                                                                \
    auth_fetch_refuse((f), (passes), (const struct dgm_str[AUTH_TROUBLE_TEXTS]){__VA_ARGS__})

/** Over, for what was answered by `whom`: "The token server ". Secrets are masked; an answer of success is never quoted. */
void auth_fetch_refuse_answer(struct auth_fetch *, const char *whom, struct dgm_str url,
                              const struct auth_result *);

/** Notes a secret, and returns a copy in the arena; absent, and starved, where there is no memory. */
struct dgm_str auth_fetch_secret(struct auth_fetch *, struct dgm_str);
struct dgm_str auth_fetch_keep(struct auth_fetch *, struct dgm_str);

/** Reads an answer's JSON object; NULL, and it was refused. */
const struct json_val *auth_fetch_object(struct auth_fetch *, const char *whom, struct dgm_str url,
                                         const struct auth_result *);

/** A buffer of the arena's; and its text, absent and starved where it failed. */
struct dgm_buf auth_fetch_buf(struct auth_fetch *);
struct dgm_str auth_fetch_text(struct auth_fetch *, const struct dgm_buf *);

/** Puts "name=value" of a form, "&" before it unless it is the first. */
void auth_form_put(struct dgm_buf *, struct dgm_str name, struct dgm_str value);

/** Puts a text percent-encoded, but for [A-Za-z0-9-_.~]. */
void auth_percent_put(struct dgm_buf *, struct dgm_str);

/** Puts a header into an errand. */
void auth_errand_add(struct auth_errand *, struct dgm_str name, struct dgm_str value);

/* ---- fetch_subject.c: a federated identity's own token ---- */

enum auth_step auth_subject_first(struct auth_fetch *);
void auth_subject_make(struct auth_fetch *, struct auth_errand *);
void auth_subject_hear(struct auth_fetch *, const struct auth_result *);
void auth_output_make(struct auth_fetch *, struct auth_errand *);
void auth_output_hear(struct auth_fetch *, const struct auth_result *);
void auth_run_make(struct auth_fetch *, struct auth_errand *);
void auth_run_hear(struct auth_fetch *, const struct auth_result *);

/* ---- fetch_aws.c: AWS as a federated identity ---- */

enum auth_step auth_aws_next(struct auth_fetch *); /* STEP_STS when all is known */
void auth_aws_make(struct auth_fetch *, struct auth_errand *);
void auth_aws_hear(struct auth_fetch *, const struct auth_result *);

#endif
