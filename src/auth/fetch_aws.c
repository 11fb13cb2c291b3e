/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_aws.c - AWS as a federated identity: its keys, from variables or its metadata server, sign a request to AWS that
 * nobody sends but Google (STS's GetCallerIdentity); that request is the token.
 */
#include "auth/fetch_parts.h"

#include "auth/sigv4.h"
#include "base/str.h"
#include "json/write.h"

#define SESSION_SECONDS "300" /* it is used at once */
#define WHOM "The metadata server of AWS "

static struct dgm_str variable(const struct auth_fetch *f, struct dgm_str name)
{
    return auth_variable(f->ask.environment, name);
}

/* ---- the token: the signed request, as JSON, percent-encoded ---- */

static void put_header(struct json_writer *w, struct dgm_str name, struct dgm_str value)
{
    json_open_obj(w);
    json_member_str(w, "key", name);
    json_member_str(w, "value", value);
    json_close_obj(w);
}

static struct dgm_str fill_region(struct auth_fetch *f, struct dgm_str url)
{
    const struct dgm_str mark = DGM_STR("{region}");
    struct dgm_buf out = auth_fetch_buf(f);
    size_t at = dgm_str_find(url, mark);
    dgm_buf_put(&out, dgm_str_head(url, at));
    if (at < url.n)
        dgm_buf_put(&out, f->aws.region);
    dgm_buf_put(&out, dgm_str_skip(url, at + mark.n));
    return auth_fetch_text(f, &out);
}

static void put_subject(struct auth_fetch *f)
{
    const struct auth_sigv4 request = {.url = fill_region(f, f->base->source.verify_url),
                                       .region = f->aws.region,
                                       .key_id = f->aws.key_id,
                                       .secret = f->aws.secret,
                                       .token = f->aws.token,
                                       .now_s = f->ask.now_ms / 1000};
    struct dgm_buf date = auth_fetch_buf(f), authorization = auth_fetch_buf(f),
                   json = auth_fetch_buf(f), coded = auth_fetch_buf(f);
    struct dgm_str host;
    if (f->step == STEP_FAILED)
        return;
    if (!auth_sigv4_put(&request, &host, &date, &authorization)) {
        auth_refuse(f, false,
                    DGM_STR("The \"regional_cred_verification_url\" can not be signed: it is no "
                            "plain URL of https."));
        return;
    }
    struct json_writer w = json_writer(&json);
    json_open_obj(&w);
    json_put_name(&w, "headers");
    json_open_arr(&w);
    put_header(&w, DGM_STR("Authorization"), dgm_buf_str(&authorization));
    put_header(&w, DGM_STR("host"), host);
    put_header(&w, DGM_STR("x-amz-date"), dgm_buf_str(&date));
    if (request.token.n != 0)
        put_header(&w, DGM_STR("x-amz-security-token"), request.token);
    put_header(&w, DGM_STR("x-goog-cloud-target-resource"), f->base->texts[FIELD_AUDIENCE]);
    json_close_arr(&w);
    json_member_str(&w, "method", DGM_STR("POST"));
    json_member_str(&w, "url", request.url);
    json_close_obj(&w);
    auth_percent_put(&coded, auth_fetch_text(f, &json));
    f->subject = auth_fetch_secret(f, auth_fetch_text(f, &coded));
}

/* ---- what is known, and what has to be asked ---- */

static void take_variables(struct auth_fetch *f)
{
    struct dgm_str region = variable(f, DGM_STR("AWS_REGION"));
    struct dgm_str key_id = variable(f, DGM_STR("AWS_ACCESS_KEY_ID"));
    struct dgm_str secret = variable(f, DGM_STR("AWS_SECRET_ACCESS_KEY"));
    if (f->aws.region.n == 0)
        f->aws.region = region.n != 0 ? region : variable(f, DGM_STR("AWS_DEFAULT_REGION"));
    if (f->aws.key_id.n == 0 && key_id.n != 0 && secret.n != 0) {
        f->aws.key_id = key_id;
        f->aws.secret = auth_fetch_secret(f, secret);
        f->aws.token = auth_fetch_secret(f, variable(f, DGM_STR("AWS_SESSION_TOKEN")));
    }
}

enum auth_step auth_aws_next(struct auth_fetch *f)
{
    const struct auth_source *s = &f->base->source;
    take_variables(f);
    bool asks = f->aws.region.n == 0 || f->aws.key_id.n == 0;
    if (asks && s->session_url.n != 0 && f->aws.session.n == 0)
        return STEP_AWS_SESSION;
    if (f->aws.region.n == 0)
        return STEP_AWS_REGION;
    if (f->aws.key_id.n == 0)
        return f->aws.role.n == 0 ? STEP_AWS_ROLE : STEP_AWS_KEYS;
    put_subject(f);
    return STEP_STS;
}

static struct dgm_str url_of(struct auth_fetch *f)
{
    const struct auth_source *s = &f->base->source;
    struct dgm_buf url = auth_fetch_buf(f);
    switch (f->step) {
    case STEP_AWS_SESSION:
        return s->session_url;
    case STEP_AWS_REGION:
        return s->region_url;
    case STEP_AWS_ROLE:
        return s->at;
    default:
        dgm_buf_put(&url, s->at);
        dgm_buf_put_lit(&url, "/");
        auth_percent_put(&url, f->aws.role);
        return auth_fetch_text(f, &url);
    }
}

void auth_aws_make(struct auth_fetch *f, struct auth_errand *e)
{
    bool session = f->step == STEP_AWS_SESSION;
    struct dgm_str url = url_of(f);
    *e = (struct auth_errand){.act = AUTH_ASK,
                              .method = session ? DGM_STR("PUT") : DGM_STR("GET"),
                              .url = url,
                              .timeout_ms = AUTH_ASK_TIMEOUT_MS,
                              .direct = true};
    if (url.n == 0)
        auth_refuse(f, false,
                    f->step == STEP_AWS_REGION
                        ? DGM_STR("The region of AWS is not known: set AWS_REGION.")
                        : DGM_STR("There are no keys of AWS: set AWS_ACCESS_KEY_ID and "
                                  "AWS_SECRET_ACCESS_KEY."));
    else if (session)
        auth_errand_add(e, DGM_STR("X-aws-ec2-metadata-token-ttl-seconds"),
                        DGM_STR(SESSION_SECONDS));
    else if (f->aws.session.n != 0)
        auth_errand_add(e, DGM_STR("X-aws-ec2-metadata-token"), f->aws.session);
}

static void hear_keys(struct auth_fetch *f, const struct auth_result *r)
{
    const struct json_val *root = auth_fetch_object(f, WHOM, f->base->source.at, r);
    if (root == NULL)
        return;
    f->aws.key_id = json_get_str(root, DGM_STR("AccessKeyId"));
    f->aws.secret = auth_fetch_secret(f, json_get_str(root, DGM_STR("SecretAccessKey")));
    f->aws.token = auth_fetch_secret(f, json_get_str(root, DGM_STR("Token")));
    if (f->aws.key_id.n == 0 || f->aws.secret.n == 0)
        auth_refuse(f, false, DGM_STR(WHOM "answered without keys."));
}

void auth_aws_hear(struct auth_fetch *f, const struct auth_result *r)
{
    struct dgm_str text = dgm_str_trim(dgm_str_head(r->text, dgm_str_find_char(r->text, '\n')));
    bool is_region =
        f->step == STEP_AWS_REGION; /* "us-east-2b": a zone, whose letter is none of the region's */
    if (r->status != 200 || text.n <= (is_region ? 1 : 0)) {
        auth_fetch_refuse_answer(f, WHOM, url_of(f), r);
        return;
    }
    if (f->step == STEP_AWS_SESSION)
        f->aws.session = auth_fetch_secret(f, text);
    else if (is_region)
        f->aws.region = auth_fetch_keep(f, dgm_str_head(text, text.n - 1));
    else if (f->step == STEP_AWS_ROLE)
        f->aws.role = auth_fetch_keep(f, text);
    else
        hear_keys(f, r);
    if (f->step == STEP_FAILED)
        return;
    enum auth_step next = auth_aws_next(f);
    if (f->step != STEP_FAILED)
        f->step = next;
}
