/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_subject.c - a federated identity's own token: in a file, at a URL, or what a program prints (google.md 7.6). */
#include "auth/fetch_parts.h"

#include "auth/jwt.h"
#include "base/str.h"

#define VERSION_MAX 1 /* of a program's answers */

enum auth_step auth_subject_first(struct auth_fetch *f)
{
    const struct auth_source *s = &f->base->source;
    switch (s->kind) {
    case SOURCE_AWS:
        return auth_aws_next(f);
    case SOURCE_RUN:
        return s->output.n != 0 ? STEP_OUTPUT : STEP_RUN;
    default:
        return STEP_SUBJECT;
    }
}

static void take_subject(struct auth_fetch *f, struct dgm_str subject)
{
    f->subject = auth_fetch_secret(f, subject);
    if (f->step != STEP_FAILED)
        f->step = STEP_STS;
}

/* ---- files and URLs ---- */

void auth_subject_make(struct auth_fetch *f, struct auth_errand *e)
{
    const struct auth_source *s = &f->base->source;
    bool file = s->kind == SOURCE_FILE;
    *e = (struct auth_errand){.act = file ? AUTH_READ : AUTH_ASK,
                              .path = s->at,
                              .method = DGM_STR("GET"),
                              .url = s->at,
                              .timeout_ms = AUTH_ASK_TIMEOUT_MS};
    for (size_t i = 0; !file && i < s->headers_n; i++) {
        (void)auth_fetch_secret(f, s->headers[i].value);
        auth_errand_add(e, s->headers[i].name, s->headers[i].value);
    }
}

void auth_subject_hear(struct auth_fetch *f, const struct auth_result *r)
{
    const struct auth_source *s = &f->base->source;
    const struct json_val *root = NULL;
    struct dgm_str token = r->text;
    if (r->status != 200) {
        auth_fetch_refuse_answer(f, "The federated identity's token at ", s->at, r);
        return;
    }
    if (s->field.p != NULL) {
        if (auth_json(&f->arena, r->text, &root) == DGM_E_NOMEM) {
            auth_fetch_starve(f);
            return;
        }
        token = json_get_str(root, s->field);
    }
    while (token.n != 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r'))
        token.n--;
    token = dgm_str_trim(token);
    if (token.n != 0)
        take_subject(f, token);
    else
        auth_refuse(f, false, DGM_STR("The federated identity's token at "),
                    dgm_str_head(s->at, 160),
                    s->field.p != NULL ? DGM_STR(" is no JSON object with that member.")
                                       : DGM_STR(" is empty."));
}

/* ---- programs ---- */

/* What an answer comes to. The token; absent: `*ret_why` says why not, for people. */
static struct dgm_str read_answer(struct auth_fetch *f, struct dgm_str text, bool needs_end,
                                  struct dgm_str *ret_why)
{
    const struct json_val *root = NULL;
    int64_t version = 0, ends_s = 0;
    *ret_why = DGM_STR("is no JSON object");
    enum dgm_rc rc = auth_json(&f->arena, text, &root);
    if (rc == DGM_E_NOMEM)
        auth_fetch_starve(f);
    if (rc != DGM_OK)
        return (struct dgm_str){0};
    *ret_why = DGM_STR("is of a version that is not known");
    if (!json_int(json_get(root, DGM_STR("version")), &version) || version > VERSION_MAX)
        return (struct dgm_str){0};
    *ret_why = DGM_STR("says that there is no token");
    if (!json_bool(json_get(root, DGM_STR("success")), false))
        return (struct dgm_str){0};
    *ret_why = DGM_STR("has a token that has expired");
    bool has_end = auth_jwt_time(root, DGM_STR("expiration_time"), &ends_s);
    if (has_end ? ends_s <= f->ask.now_ms / 1000 : needs_end)
        return (struct dgm_str){0};
    *ret_why = DGM_STR("has no token of the type it says");
    bool saml = dgm_str_eq(json_get_str(root, DGM_STR("token_type")),
                           DGM_STR("urn:ietf:params:oauth:token-type:saml2"));
    struct dgm_str token =
        json_get_str(root, saml ? DGM_STR("saml_response") : DGM_STR("id_token"));
    return token.n != 0 ? token : (struct dgm_str){0};
}

void auth_output_make(struct auth_fetch *f, struct auth_errand *e)
{
    *e = (struct auth_errand){.act = AUTH_READ, .path = f->base->source.output};
}

/* Whatever is wrong with it, the program can make it anew. */
void auth_output_hear(struct auth_fetch *f, const struct auth_result *r)
{
    struct dgm_str why;
    struct dgm_str token =
        r->status == 200 ? read_answer(f, r->text, true, &why) : (struct dgm_str){0};
    if (f->step == STEP_FAILED)
        return;
    if (token.p != NULL)
        take_subject(f, token);
    else
        f->step = STEP_RUN;
}

void auth_run_make(struct auth_fetch *f, struct auth_errand *e)
{
    const struct auth_credential *c = f->base;
    struct dgm_str email = auth_email_of_url(c->texts[FIELD_IMPERSONATION]);
    if (!dgm_str_eq(
            auth_variable(f->ask.environment, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES")),
            DGM_STR("1"))) {
        auth_refuse(f, false,
                    DGM_STR("The credentials want a program to be run, which is done only where "
                            "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES is 1."));
        return;
    }
    *e = (struct auth_errand){
        .act = AUTH_RUN, .path = c->source.at, .timeout_ms = c->source.timeout_ms};
    auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE"), c->texts[FIELD_AUDIENCE]);
    auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE"), c->texts[FIELD_SUBJECT_TYPE]);
    auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE"), DGM_STR("0"));
    auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_REVOKE"), DGM_STR("0"));
    if (email.p != NULL)
        auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL"), email);
    if (c->source.output.p != NULL)
        auth_errand_add(e, DGM_STR("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"), c->source.output);
}

void auth_run_hear(struct auth_fetch *f, const struct auth_result *r)
{
    struct dgm_str why = r->why;
    if (r->status != 200) {
        auth_refuse(f, true, DGM_STR("The program that gives the federated identity's token "), why,
                    DGM_STR("."));
        return;
    }
    struct dgm_str token = read_answer(f, r->text, false, &why);
    if (f->step == STEP_FAILED)
        return;
    if (token.p != NULL)
        take_subject(f, token);
    else
        auth_refuse(f, true,
                    DGM_STR("What the program that gives the federated identity's token printed "),
                    why, DGM_STR("."));
}
