/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c - what has to be asked for until an access token is there, step by step. */
#include "auth/fetch_parts.h"

#include "auth/base64url.h"
#include "auth/jwt.h"
#include "auth/wipe.h"
#include "base/date.h"
#include "base/str.h"
#include "http/media.h"
#include "json/write.h"

#include <assert.h>

#define ARENA_MAX (8 * AUTH_ANSWER_MAX)
#define LIFE_S 3600      /* of our assertions, and of tokens that do not say how long they live */
#define LIFE_MAX_S 86400 /* no token of Google's lives longer */
#define PING_TIMEOUT_MS 3000
#define GOOGLE_TOKEN "https://oauth2.googleapis.com/token"
#define GOOGLE_METADATA "metadata.google.internal"
#define ACCOUNT "/computeMetadata/v1/instance/service-accounts/default/"
#define FORM DGM_STR("application/x-www-form-urlencoded")
#define JSON DGM_STR("application/json")

static void make_post(struct auth_errand *e, struct dgm_str url, struct dgm_str media,
                      struct dgm_str body)
{
    *e = (struct auth_errand){.act = AUTH_ASK,
                              .method = DGM_STR("POST"),
                              .url = url,
                              .body = body,
                              .timeout_ms = AUTH_ASK_TIMEOUT_MS};
    auth_errand_add(e, DGM_STR("Content-Type"), media);
}

/* Of the machine's own server, whose answers must not have gone through anybody. */
static void make_get_of_machine(struct auth_fetch *f, struct auth_errand *e, struct dgm_str path)
{
    struct dgm_buf url = auth_fetch_buf(f);
    dgm_buf_put(&url, f->machine);
    dgm_buf_put(&url, path);
    *e = (struct auth_errand){.act = AUTH_ASK,
                              .method = DGM_STR("GET"),
                              .url = auth_fetch_text(f, &url),
                              .timeout_ms = AUTH_ASK_TIMEOUT_MS,
                              .direct = true};
    auth_errand_add(e, DGM_STR("Metadata-Flavor"), DGM_STR("Google"));
}

/* "Basic ..." of an OAuth client (RFC 6749 2.3.1), where the credentials have one. */
static void add_client(struct auth_fetch *f, struct auth_errand *e)
{
    struct dgm_str id = f->base->texts[FIELD_CLIENT_ID],
                   secret = f->base->texts[FIELD_CLIENT_SECRET];
    struct dgm_buf plain = auth_fetch_buf(f), value = auth_fetch_buf(f);
    if (id.n == 0)
        return;
    dgm_buf_put(&plain, id);
    dgm_buf_put_char(&plain, ':');
    dgm_buf_put(&plain, secret);
    dgm_buf_put_lit(&value, "Basic ");
    auth_base64_put(&value, dgm_buf_str(&plain));
    (void)auth_fetch_secret(f, secret);
    auth_errand_add(e, DGM_STR("Authorization"), auth_fetch_secret(f, auth_fetch_text(f, &value)));
}

/* ---- a service account's own words ---- */

/* A signed assertion: for the token server, or, where there is none in that universe, the token itself (AIP-4111). */
static struct dgm_str put_assertion(struct auth_fetch *f, bool is_token)
{
    const struct auth_credential *c = f->base;
    struct dgm_buf claims = auth_fetch_buf(f), jwt = auth_fetch_buf(f);
    struct json_writer w = json_writer(&claims);
    int64_t now_s = f->ask.now_ms / 1000;
    json_open_obj(&w);
    json_member_str(&w, "iss", c->texts[FIELD_EMAIL]);
    if (is_token)
        json_member_str(&w, "sub", c->texts[FIELD_EMAIL]);
    else
        json_member_str(&w, "aud", DGM_STR(GOOGLE_TOKEN));
    json_member_str(&w, "scope", DGM_STR(AUTH_SCOPE));
    json_member_int(&w, "iat", now_s);
    json_member_int(&w, "exp", now_s + LIFE_S);
    json_close_obj(&w);
    if (claims.rc != DGM_OK ||
        !auth_jwt_put(c->key, c->texts[FIELD_KEY_ID], dgm_buf_str(&claims), &jwt)) {
        auth_fetch_starve(f);
        return (struct dgm_str){0};
    }
    return auth_fetch_secret(f, dgm_buf_str(&jwt));
}

static bool signs_itself(const struct auth_credential *c)
{
    return c->kind == AUTH_SERVICE_ACCOUNT && !dgm_str_eq(c->universe, DGM_STR(AUTH_UNIVERSE));
}

/* ---- the first token ---- */

/* http_host_parse allows what may stand in a URL, and nothing that ends a host. */
static bool find_machine(struct auth_fetch *f)
{
    const struct dgm_str names[] = {DGM_STR("GCE_METADATA_HOST"), DGM_STR("GCE_METADATA_ROOT"),
                                    DGM_STR("GCE_METADATA_IP")};
    struct dgm_str at = {0};
    struct http_host host;
    struct dgm_buf url = auth_fetch_buf(f);
    for (size_t i = 0; i < sizeof names / sizeof *names && at.p == NULL; i++)
        at = auth_variable(f->ask.environment, names[i]);
    bool named = at.p != NULL;
    if (!named)
        at = DGM_STR(GOOGLE_METADATA);
    dgm_buf_put_lit(&url, "http://");
    dgm_buf_put(&url, at);
    f->machine = auth_fetch_text(f, &url);
    if (!http_host_parse(at, &host))
        auth_refuse(
            f, false,
            DGM_STR("GCE_METADATA_HOST, GCE_METADATA_ROOT and GCE_METADATA_IP are a host, or "
                    "host:port, and one of them is not."));
    else if (dgm_str_eq(auth_variable(f->ask.environment, DGM_STR("GCE_METADATA_MTLS_MODE")),
                        DGM_STR("strict")))
        auth_refuse(f, false,
                    DGM_STR("GCE_METADATA_MTLS_MODE is strict, and this version asks the "
                            "metadata server without TLS alone."));
    return named;
}

static enum auth_step first_step(struct auth_fetch *f)
{
    const struct auth_credential *c = f->base;
    struct dgm_str off = auth_variable(f->ask.environment, DGM_STR("NO_GCE_CHECK"));
    switch (c->kind) {
    case AUTH_FEDERATED:
        return auth_subject_first(f);
    case AUTH_MACHINE:
        if (find_machine(f) || c->sure || f->step == STEP_FAILED)
            return STEP_TOKEN;
        if (dgm_str_eq_nocase(off, DGM_STR("true")))
            auth_refuse(f, false, DGM_STR("NO_GCE_CHECK is set, so no metadata server is asked."));
        return STEP_PING;
    default:
        return STEP_TOKEN;
    }
}

/* By its number: a name that only Google's network has may take long to be unknown. */
static void make_ping(struct auth_fetch *f, struct auth_errand *e)
{
    (void)f;
    *e = (struct auth_errand){.act = AUTH_ASK,
                              .method = DGM_STR("GET"),
                              .url = DGM_STR("http://169.254.169.254/"),
                              .timeout_ms = PING_TIMEOUT_MS,
                              .direct = true};
    auth_errand_add(e, DGM_STR("Metadata-Flavor"), DGM_STR("Google"));
}

static void hear_ping(struct auth_fetch *f, const struct auth_result *r)
{
    if (r->status == 200 && r->is_googles)
        f->step = STEP_TOKEN;
    else
        auth_refuse(
            f, r->status == 0,
            DGM_STR("No credentials were found: GOOGLE_APPLICATION_CREDENTIALS is not set, "
                    "\"gcloud auth application-default login\" has left none, and this is no "
                    "machine of Google's with a metadata server."));
}

static struct dgm_str token_url(const struct auth_fetch *f)
{
    struct dgm_str url = f->base->texts[FIELD_TOKEN_URL];
    return url.p != NULL ? url : DGM_STR(GOOGLE_TOKEN);
}

static void make_token(struct auth_fetch *f, struct auth_errand *e)
{
    const struct auth_credential *c = f->base;
    struct dgm_buf form = auth_fetch_buf(f);
    switch (c->kind) {
    case AUTH_MACHINE:
        make_get_of_machine(f, e, DGM_STR(ACCOUNT "token?scopes=" AUTH_SCOPE));
        return;
    case AUTH_SERVICE_ACCOUNT:
        auth_form_put(&form, DGM_STR("grant_type"),
                      DGM_STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        auth_form_put(&form, DGM_STR("assertion"), put_assertion(f, false));
        make_post(e, token_url(f), FORM, auth_fetch_text(f, &form));
        return;
    default:
        auth_form_put(&form, DGM_STR("grant_type"), DGM_STR("refresh_token"));
        auth_form_put(&form, DGM_STR("refresh_token"),
                      auth_fetch_secret(f, c->texts[FIELD_REFRESH_TOKEN]));
        if (c->kind == AUTH_USER) {
            auth_form_put(&form, DGM_STR("client_id"), c->texts[FIELD_CLIENT_ID]);
            auth_form_put(&form, DGM_STR("client_secret"),
                          auth_fetch_secret(f, c->texts[FIELD_CLIENT_SECRET]));
        }
        make_post(e, token_url(f), FORM, auth_fetch_text(f, &form));
        if (c->kind == AUTH_WORKFORCE_USER)
            add_client(f, e);
        return;
    }
}

/* `expires_in`: a number, or digits in a string; absent it is taken for an hour, as Google's are. */
static int64_t life_of(const struct json_val *root)
{
    int64_t life = LIFE_S;
    if (!auth_jwt_time(root, DGM_STR("expires_in"), &life) || life < 0)
        life = LIFE_S;
    return life < LIFE_MAX_S ? life : LIFE_MAX_S;
}

/* Tokens become a header: what may not stand in one is none. */
static bool is_token(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.n != 0 && s.n <= AUTH_TEXT_MAX;
}

/* Whether somebody can be asked whose a token is. */
static bool can_tell(const struct auth_fetch *f)
{
    return f->base->kind == AUTH_MACHINE ||
           (f->base->kind == AUTH_USER && dgm_str_ends(token_url(f), DGM_STR("/token")));
}

/* Impersonation, who it is, and the end: what comes behind a token, whichever way it came. */
static void go_on(struct auth_fetch *f)
{
    bool impersonated = f->step == STEP_IMPERSONATE;
    const struct auth_credential *c = f->whole;
    struct dgm_str email = auth_email_of_url(c->texts[FIELD_IMPERSONATION]);
    f->who = email.p != NULL ? email : f->base->texts[FIELD_EMAIL];
    f->project = f->base->texts[FIELD_PROJECT];
    if (!is_token(f->who)) /* it is shown to people */
        f->who = (struct dgm_str){0};
    if (f->step == STEP_FAILED)
        return;
    if (c->texts[FIELD_IMPERSONATION].p != NULL && !impersonated)
        f->step = STEP_IMPERSONATE;
    else if (f->ask.who && f->who.p == NULL && can_tell(f))
        f->step = STEP_WHO;
    else
        f->step = STEP_DONE;
}

static void take_token(struct auth_fetch *f, const char *whom, struct dgm_str url,
                       const struct auth_result *r)
{
    const struct json_val *root = auth_fetch_object(f, whom, url, r);
    struct dgm_str token = json_get_str(root, DGM_STR("access_token"));
    if (root == NULL)
        return;
    if (!is_token(token)) {
        auth_refuse(
            f, false, dgm_str_c(whom), dgm_str_head(url, 160),
            json_get(root, DGM_STR("id_token")) != NULL
                ? DGM_STR(" gave an ID token, not an access token: the scope is none of its.")
                : DGM_STR(" answered without an access token."));
        return;
    }
    f->token = auth_fetch_secret(f, token);
    f->ends_ms = f->ask.now_ms + life_of(root) * 1000;
    go_on(f);
}

static void hear_token(struct auth_fetch *f, const struct auth_result *r)
{
    bool machine = f->base->kind == AUTH_MACHINE;
    take_token(f, machine ? "The metadata server " : "The token server ",
               machine ? f->machine : token_url(f), r);
}

/* ---- STS (google.md 7.6) ---- */

static void make_sts(struct auth_fetch *f, struct auth_errand *e)
{
    const struct auth_credential *c = f->base;
    struct dgm_buf form = auth_fetch_buf(f), options = auth_fetch_buf(f);
    struct dgm_str workforce = c->texts[FIELD_WORKFORCE];
    auth_form_put(&form, DGM_STR("grant_type"),
                  DGM_STR("urn:ietf:params:oauth:grant-type:token-exchange"));
    auth_form_put(&form, DGM_STR("audience"), c->texts[FIELD_AUDIENCE]);
    auth_form_put(&form, DGM_STR("scope"), DGM_STR(AUTH_SCOPE));
    auth_form_put(&form, DGM_STR("requested_token_type"),
                  DGM_STR("urn:ietf:params:oauth:token-type:access_token"));
    auth_form_put(&form, DGM_STR("subject_token"), f->subject);
    auth_form_put(&form, DGM_STR("subject_token_type"), c->texts[FIELD_SUBJECT_TYPE]);
    if (workforce.n != 0 && c->texts[FIELD_CLIENT_ID].n == 0) {
        struct json_writer w = json_writer(&options);
        json_open_obj(&w);
        json_member_str(&w, "userProject", workforce);
        json_close_obj(&w);
        auth_form_put(&form, DGM_STR("options"), auth_fetch_text(f, &options));
    }
    make_post(e, c->texts[FIELD_TOKEN_URL], FORM, auth_fetch_text(f, &form));
    add_client(f, e);
}

static void hear_sts(struct auth_fetch *f, const struct auth_result *r)
{
    take_token(f, "The token server ", f->base->texts[FIELD_TOKEN_URL], r);
}

/* ---- impersonation (google.md 7.7) ---- */

static void make_impersonate(struct auth_fetch *f, struct auth_errand *e)
{
    const struct auth_credential *c = f->whole;
    struct dgm_buf body = auth_fetch_buf(f), life = auth_fetch_buf(f), bearer = auth_fetch_buf(f);
    struct json_writer w = json_writer(&body);
    dgm_buf_put_int(&life, c->life_s);
    dgm_buf_put_lit(&life, "s");
    json_open_obj(&w);
    json_put_name(&w, "delegates");
    json_put_raw(&w, c->delegates);
    json_put_name(&w, "scope");
    json_open_arr(&w);
    json_put_str(&w, DGM_STR(AUTH_SCOPE));
    json_close_arr(&w);
    json_member_str(&w, "lifetime", dgm_buf_str(&life));
    json_close_obj(&w);
    dgm_buf_put_lit(&bearer, "Bearer ");
    dgm_buf_put(&bearer, f->token);
    make_post(e, c->texts[FIELD_IMPERSONATION], JSON, auth_fetch_text(f, &body));
    auth_errand_add(e, DGM_STR("Authorization"), auth_fetch_text(f, &bearer));
}

static void hear_impersonate(struct auth_fetch *f, const struct auth_result *r)
{
    const char *whom = "The impersonation of a service account by ";
    struct dgm_str url = f->whole->texts[FIELD_IMPERSONATION];
    const struct json_val *root = auth_fetch_object(f, whom, url, r);
    struct dgm_str token = json_get_str(root, DGM_STR("accessToken"));
    int64_t ends_s;
    if (root == NULL)
        return;
    if (!is_token(token) || !dgm_date_read(json_get_str(root, DGM_STR("expireTime")), &ends_s)) {
        auth_refuse(f, false, dgm_str_c(whom), dgm_str_head(url, 160),
                    DGM_STR(" answered without \"accessToken\" and \"expireTime\"."));
        return;
    }
    f->token = auth_fetch_secret(f, token);
    f->ends_ms = ends_s * 1000;
    go_on(f);
}

/* ---- whose it is: a failure of these is none of the token's ---- */

static void make_who(struct auth_fetch *f, struct auth_errand *e)
{
    struct dgm_str url = token_url(f);
    if (f->base->kind == AUTH_MACHINE) {
        make_get_of_machine(f, e, DGM_STR(ACCOUNT "email"));
        return;
    }
    struct dgm_buf form = auth_fetch_buf(f), to = auth_fetch_buf(f);
    auth_form_put(&form, DGM_STR("access_token"), f->token);
    dgm_buf_put(&to, url);
    dgm_buf_put_lit(&to, "info"); /* ".../token" has it at ".../tokeninfo" */
    make_post(e, auth_fetch_text(f, &to), FORM, auth_fetch_text(f, &form));
}

static void hear_who(struct auth_fetch *f, const struct auth_result *r)
{
    const struct json_val *root = NULL;
    bool machine = f->base->kind == AUTH_MACHINE;
    struct dgm_str who = machine ? dgm_str_trim(r->text) : (struct dgm_str){0};
    if (r->status == 200 && !machine && auth_json(&f->arena, r->text, &root) == DGM_OK)
        who = json_get_str(root, DGM_STR("email"));
    if (r->status == 200 && is_token(who))
        f->who = auth_fetch_keep(f, who);
    if (f->step != STEP_FAILED)
        f->step = machine ? STEP_PROJECT : STEP_DONE;
}

static void make_project(struct auth_fetch *f, struct auth_errand *e)
{
    make_get_of_machine(f, e, DGM_STR("/computeMetadata/v1/project/project-id"));
}

static void hear_project(struct auth_fetch *f, const struct auth_result *r)
{
    f->step = STEP_DONE;
    if (r->status == 200 && is_token(dgm_str_trim(r->text)))
        f->project = auth_fetch_keep(f, dgm_str_trim(r->text));
}

/* ---- the machine ---- */

static const struct {
    void (*make)(struct auth_fetch *, struct auth_errand *);
    void (*hear)(struct auth_fetch *, const struct auth_result *);
} steps[STEP_DONE] = {
    [STEP_PING] = {make_ping, hear_ping},
    [STEP_TOKEN] = {make_token, hear_token},
    [STEP_SUBJECT] = {auth_subject_make, auth_subject_hear},
    [STEP_OUTPUT] = {auth_output_make, auth_output_hear},
    [STEP_RUN] = {auth_run_make, auth_run_hear},
    [STEP_AWS_SESSION] = {auth_aws_make, auth_aws_hear},
    [STEP_AWS_REGION] = {auth_aws_make, auth_aws_hear},
    [STEP_AWS_ROLE] = {auth_aws_make, auth_aws_hear},
    [STEP_AWS_KEYS] = {auth_aws_make, auth_aws_hear},
    [STEP_STS] = {make_sts, hear_sts},
    [STEP_IMPERSONATE] = {make_impersonate, hear_impersonate},
    [STEP_WHO] = {make_who, hear_who},
    [STEP_PROJECT] = {make_project, hear_project},
};

struct auth_fetch *auth_fetch_new(const struct auth_fetch_ask *ask, const struct dgm_alloc *a)
{
    struct auth_fetch *f = a->resize(a->ctx, NULL, 0, sizeof *f);
    if (f == NULL)
        return NULL;
    const struct auth_credential *c = ask->credential;
    *f = (struct auth_fetch){.alloc = a,
                             .wiping = auth_wiping(a),
                             .whole = c,
                             .base = c->base != NULL ? c->base : c,
                             .ask = *ask};
    dgm_arena_init(&f->arena, &f->wiping, ARENA_MAX);
    enum auth_step first = first_step(f);
    if (f->step == STEP_FAILED)
        return f;
    f->step = first;
    if (signs_itself(f->base)) {
        f->token = put_assertion(f, true);
        f->ends_ms = ask->now_ms + LIFE_S * 1000;
        go_on(f);
    }
    return f;
}

void auth_fetch_free(struct auth_fetch *f)
{
    if (f == NULL)
        return;
    dgm_arena_dispose(&f->arena);
    f->alloc->resize(f->alloc->ctx, f, sizeof *f, 0);
}

enum dgm_rc auth_fetch_next(struct auth_fetch *f, struct auth_errand *ret)
{
    if (f->step < STEP_DONE)
        steps[f->step].make(f, ret); /* which may find that it can not be said */
    return f->step == STEP_FAILED ? f->failed : f->step == STEP_DONE ? DGM_DONE : DGM_NEED;
}

void auth_fetch_tell(struct auth_fetch *f, const struct auth_result *r)
{
    assert(f->step < STEP_DONE);
    steps[f->step].hear(f, r);
}

const struct auth_trouble *auth_fetch_trouble(const struct auth_fetch *f)
{
    return &f->trouble;
}

struct auth_token auth_fetch_token(const struct auth_fetch *f)
{
    return (struct auth_token){f->token, f->ends_ms, f->who, f->project};
}
