/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity_sts.c - STS's POST /v1/token (google.md 7.6): what somebody else's token says of itself becomes an access token.
 *
 * Google fetches the issuer's keys and knows what its provider was configured to take. The emulator has neither: it judges all that
 * the token itself tells, verifies what it signed itself, and says of the others that nobody looked at their signature.
 */
#include "emulate/identity_parts.h"

#include "base/str.h"

#define GRANT_EXCHANGE DGM_STR("urn:ietf:params:oauth:grant-type:token-exchange")
#define TYPE_ACCESS DGM_STR("urn:ietf:params:oauth:token-type:access_token")
#define TYPE_JWT DGM_STR("urn:ietf:params:oauth:token-type:jwt")
#define TYPE_ID DGM_STR("urn:ietf:params:oauth:token-type:id_token")
#define RESOURCES DGM_STR("//iam.googleapis.com/")

#define LIFE_MAX_S ((int64_t)48 * 3600) /* documented: exp is less than that behind iat */
#define SKEW_S 300                      /* inferred: as much as the token server lets pass */

#define UNVERIFIED                                                                                 \
    "subject_token_unverified: the emulator has no keys of this issuer, so that nobody looked at " \
    "the signature; Google's STS verifies it"
#define UNREAD                                                                                     \
    "subject_token_unverified: the emulator takes what is no JWT as it is; Google's STS asks who " \
    "made it"

/** What a subject token came to. */
struct subject {
    struct dgm_str name;
    struct dgm_str more;  /* of a refusal */
    struct dgm_str doubt; /* of none */
};

/* ---- a token of OpenID Connect ---- */

/* The full name of the provider that the request names, with https: before it or not: what providers take that were told of no
 * other audience. What is no such name may be an audience that this provider was told of: that is its configuration. */
static bool fits(struct dgm_str one, struct dgm_str audience)
{
    const struct dgm_str https = DGM_STR("https:");
    one = dgm_str_skip(one, dgm_str_starts(one, https) ? https.n : 0);
    return one.n != 0 && (!dgm_str_starts(one, RESOURCES) || dgm_str_eq(one, audience));
}

static bool may_be_for(const struct json_val *claims, struct dgm_str audience)
{
    const struct json_val *aud = json_get(claims, DGM_STR("aud"));
    for (struct json_iter i = json_iter(json_kind(aud) == JSON_ARR ? aud : NULL); json_next(&i);)
        if (fits(json_str(i.value), audience))
            return true;
    return fits(json_str(aud), audience);
}

/* OAUTH_ERRORS: the claims are as documented. */
static enum oauth_error check_claims(const struct identity *x, const struct json_val *claims,
                                     struct dgm_str audience, struct subject *s)
{
    static const struct dgm_str texts[] = {{"iss", 3}, {"sub", 3}},
                                times[] = {{"iat", 3}, {"exp", 3}};
    int64_t at[2], now = x->world->now_ms / 1000;
    for (size_t i = 0; i < 2; i++)
        if (json_get_str(claims, s->more = texts[i]).n == 0)
            return OAUTH_SUBJECT_CLAIM;
    for (size_t i = 0; i < 2; i++)
        if (!auth_jwt_time(claims, s->more = times[i], &at[i]))
            return OAUTH_SUBJECT_CLAIM;
    if (json_get(claims, s->more = DGM_STR("aud")) == NULL)
        return OAUTH_SUBJECT_CLAIM;
    s->more = json_get_str(claims, DGM_STR("iss"));
    if (!dgm_str_starts(s->more, DGM_STR("https://")))
        return OAUTH_SUBJECT_ISSUER;
    s->more = audience;
    if (!may_be_for(claims, audience))
        return OAUTH_SUBJECT_AUDIENCE;
    s->more = DGM_STR("");
    if (at[1] <= now)
        return OAUTH_SUBJECT_ENDED;
    bool is_early = at[0] > now + SKEW_S, is_long = at[0] < at[1] - LIFE_MAX_S + 1;
    return is_early || is_long || at[1] <= at[0] ? OAUTH_SUBJECT_TIMES : OAUTH_ERRORS;
}

/* The issuer whose keys are known here is the emulator itself, in the place of Google. */
static enum oauth_error check_signature(struct identity *x, const struct auth_jwt *jwt,
                                        struct subject *s)
{
    struct dgm_str issuer = json_get_str(jwt->claims, DGM_STR("iss"));
    if (!dgm_str_eq(issuer, DGM_STR(EMU_ISSUER))) {
        s->doubt = DGM_STR(UNVERIFIED);
        return OAUTH_ERRORS;
    }
    const struct auth_key *key = x->world->signer(x->world->ctx);
    x->starved |= key == NULL;
    return key != NULL && auth_jwt_is_signed(jwt, key) ? OAUTH_ERRORS : OAUTH_SUBJECT_FORGED;
}

static enum oauth_error read_jwt(struct identity *x, struct dgm_str text, struct dgm_str audience,
                                 struct subject *s)
{
    struct auth_jwt jwt;
    if (!identity_jwt(x, text, &jwt))
        return OAUTH_SUBJECT;
    bool has_alg = dgm_str_eq(jwt.alg, DGM_STR("RS256")) || dgm_str_eq(jwt.alg, DGM_STR("ES256"));
    if (!has_alg || jwt.signature.n == 0)
        return OAUTH_SUBJECT_UNSIGNED;
    if (jwt.kid.n == 0)
        return OAUTH_SUBJECT_KEY;
    enum oauth_error error = check_claims(x, jwt.claims, audience, s);
    if (error != OAUTH_ERRORS)
        return error;
    s->name = json_get_str(jwt.claims, DGM_STR("sub"));
    return check_signature(x, &jwt, s);
}

/* ---- any token ---- */

/* Whose it is. OAUTH_ERRORS: `*s` says so; a text that is no JWT has no name but its pool's. */
static enum oauth_error read_subject(struct identity *x, struct dgm_str audience, struct subject *s)
{
    struct dgm_str text = identity_form(x, DGM_STR("subject_token"));
    struct dgm_str type = identity_form(x, DGM_STR("subject_token_type"));
    if (!dgm_str_starts(type, DGM_STR("urn:ietf:params:oauth:token-type:")) &&
        !dgm_str_starts(type, DGM_STR("urn:ietf:params:aws:token-type:")))
        return OAUTH_SUBJECT_TYPE;
    if (dgm_str_eq(type, TYPE_JWT) || dgm_str_eq(type, TYPE_ID))
        return read_jwt(x, text, audience, s);
    s->name = DGM_STR("subject");
    s->doubt = DGM_STR(UNREAD);
    return text.n != 0 ? OAUTH_ERRORS : OAUTH_SUBJECT;
}

/* "principal:" and the pool, as audiences name it, with the subject in it. */
static struct dgm_str principal(const struct identity *x, struct dgm_str audience,
                                struct dgm_str subject)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(x->arena), EMU_PASS_TEXT_MAX);
    dgm_buf_put_lit(&text, "principal:");
    dgm_buf_put(&text, dgm_str_head(audience, dgm_str_find(audience, DGM_STR("/providers/"))));
    dgm_buf_put_lit(&text, "/subject/");
    dgm_buf_put(&text, subject);
    return text.rc == DGM_OK ? dgm_buf_str(&text) : DGM_STR("principal");
}

void identity_sts(struct identity *x)
{
    struct dgm_str grant = identity_form(x, DGM_STR("grant_type"));
    struct dgm_str audience = identity_form(x, DGM_STR("audience"));
    struct dgm_str wanted = identity_form(x, DGM_STR("requested_token_type"));
    struct dgm_str scope = identity_form(x, DGM_STR("scope"));
    struct subject s = {.more = DGM_STR("")};
    enum oauth_error error;
    if (!dgm_str_eq(grant, GRANT_EXCHANGE)) {
        s.more = grant;
        error = OAUTH_GRANT_TYPE;
    } else if (!dgm_str_starts(audience, RESOURCES)) {
        error = OAUTH_POOL;
    } else if (wanted.n != 0 && !dgm_str_eq(wanted, TYPE_ACCESS)) {
        error = OAUTH_REQUESTED_TYPE;
    } else if (scope.n == 0 || !identity_are_scopes(scope)) {
        error = OAUTH_SCOPE;
    } else {
        error = read_subject(x, audience, &s);
    }
    if (error != OAUTH_ERRORS) {
        identity_refuse(x, error, s.more);
        return;
    }
    struct dgm_str who = principal(x, audience, s.name);
    struct dgm_str token = identity_new_pass(x, who, scope, DGM_STR(""), x->world->life_s);
    x->answer->doubt = s.doubt;
    if (token.p != NULL)
        identity_put_access(x, token, (struct dgm_str){0}, TYPE_ACCESS);
}
