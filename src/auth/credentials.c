/* SPDX-License-Identifier: Apache-2.0 */
/* credentials.c - files of Google's credentials, read. */
#include "auth/credential_parts.h"

#include "auth/wipe.h"
#include "base/str.h"
#include "base/utf8.h"
#include "http/media.h"
#include "json/write.h"

#define LIFE_S 3600 /* of tokens, unless a file wants another */
#define LIFE_MAX_S 43200
#define RUN_TIMEOUT_MS 30000 /* google-auth's, and its bounds */
#define RUN_TIMEOUT_MIN_MS 5000
#define RUN_TIMEOUT_MAX_MS 120000
#define UNIVERSE_BYTES_MAX 128
#define DEPTH_MAX 16 /* of JSON */
#define STS_URL "https://sts.googleapis.com/v1/token"
#define LIT(s) {"" s, sizeof(s) - 1}

/* ---- troubles ---- */

void auth_trouble_set(struct auth_trouble *t, bool passes,
                      const struct dgm_str texts[AUTH_TROUBLE_TEXTS])
{
    size_t n = 0;
    t->passes = passes;
    for (size_t i = 0; i < AUTH_TROUBLE_TEXTS; i++) {
        struct dgm_str s = dgm_utf8_head(texts[i], sizeof t->text - 1 - n);
        bool sound = dgm_utf8_bad(s) == s.n;
        for (size_t j = 0; j < s.n; j++) {
            unsigned char c = (unsigned char)s.p[j];
            t->text[n++] = c < ' ' || c == 0x7f ? ' ' : c > 0x7f && !sound ? '?' : s.p[j];
        }
    }
    t->text[n] = '\0';
}

#define refuse(reterr, ...)                                                                        \
    (auth_trouble_set((reterr), false, (const struct dgm_str[AUTH_TROUBLE_TEXTS]){__VA_ARGS__}),   \
     DGM_E_REFUSED)

/* ---- what people take for one another ---- */

static const struct {
    enum auth_secret secret;
    struct dgm_str begin, name;
} looks[] = {
    {AUTH_SECRET_API_KEY, LIT("AIza"), LIT("an API key")},
    {AUTH_SECRET_API_KEY, LIT("AQ."), LIT("an API key")},
    {AUTH_SECRET_ACCESS_TOKEN, LIT("ya29."), LIT("an access token")},
    {AUTH_SECRET_REFRESH_TOKEN, LIT("1//"), LIT("a refresh token")},
    {AUTH_SECRET_CLIENT_SECRET, LIT("GOCSPX-"), LIT("an OAuth client's secret")},
    {AUTH_SECRET_PRIVATE_KEY, LIT("-----BEGIN"), LIT("a private key")},
    {AUTH_SECRET_FILE, LIT("{"), LIT("the text of a key file")},
};

enum auth_secret auth_secret_of(struct dgm_str text)
{
    struct dgm_str s = dgm_str_trim(text);
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (dgm_str_starts(s, looks[i].begin))
            return looks[i].secret;
    return AUTH_SECRET_UNKNOWN;
}

struct dgm_str auth_secret_name(enum auth_secret secret)
{
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i].secret == secret)
            return looks[i].name;
    return DGM_STR("something else");
}

/* ---- texts ---- */

enum dgm_rc auth_json(struct dgm_arena *arena, struct dgm_str text, const struct json_val **ret)
{
    const struct json_val *root = NULL;
    struct json_error error;
    if (text.n == 0 || text.n > AUTH_ANSWER_MAX)
        return DGM_E_SYNTAX;
    char *copy = dgm_arena_take(arena, text.n + JSON_PADDING);
    if (copy == NULL)
        return DGM_E_NOMEM;
    memcpy(copy, text.p, text.n);
    enum dgm_rc rc = json_parse(arena, copy, text.n, DEPTH_MAX, &root, &error);
    if (rc == DGM_E_NOMEM)
        return rc;
    if (rc != DGM_OK || json_kind(root) != JSON_OBJ)
        return DGM_E_SYNTAX;
    *ret = root;
    return DGM_OK;
}

bool auth_url_ok(struct dgm_str url)
{
    size_t scheme = dgm_str_starts(url, DGM_STR("https://"))  ? 8
                    : dgm_str_starts(url, DGM_STR("http://")) ? 7
                                                              : url.n;
    struct dgm_str rest = dgm_str_skip(url, scheme);
    struct dgm_str authority = dgm_str_head(rest, dgm_str_find_either(rest, '/', '?'));
    struct http_host host;
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] > '~' || rest.p[i] == '"' || rest.p[i] == '\\' ||
            rest.p[i] == '#')
            return false;
    return http_host_parse(authority, &host) && host.port != 0 &&
           dgm_str_find_char(authority, '@') == authority.n;
}

struct dgm_str auth_email_of_url(struct dgm_str url)
{
    const struct dgm_str before = DGM_STR("/serviceAccounts/");
    size_t at = dgm_str_find(url, before);
    struct dgm_str rest = dgm_str_skip(url, at + before.n);
    size_t end = dgm_str_find_char(rest, ':');
    return at < url.n && end != 0 && end < rest.n ? dgm_str_head(rest, end) : (struct dgm_str){0};
}

struct dgm_str auth_variable(const char *const *environment, struct dgm_str name)
{
    for (const char *const *at = environment; at != NULL && *at != NULL; at++) {
        struct dgm_str one = dgm_str_c(*at);
        if (dgm_str_starts(one, name) && one.n > name.n + 1 && one.p[name.n] == '=')
            return dgm_str_skip(one, name.n + 1);
    }
    return (struct dgm_str){0};
}

/* A host's name, as it becomes part of one: "googleapis.com". */
static bool is_universe(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
              ((s.p[i] == '-' || s.p[i] == '.') && i != 0)))
            return false;
    return s.n != 0 && s.n <= UNIVERSE_BYTES_MAX;
}

/* ---- members ---- */

enum need { MAY, WANTED };

static const struct {
    enum auth_kind kind;
    enum auth_field field;
    struct dgm_str name;
    enum need need;
} members[] = {
#define MEMBER(kind, id, name, need) {AUTH_##kind, FIELD_##id, LIT(name), need},
#include "auth/credential_kinds.def"
};

static const struct {
    const char *type, *about;
} kinds[AUTH_KINDS] = {
#define KIND(id, type, about) {type, about},
#include "auth/credential_kinds.def"
};

static enum dgm_rc read_members(struct auth_credential *c, const struct json_val *root,
                                struct auth_trouble *reterr)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json_val *v = json_get(root, members[i].name);
        if (members[i].kind != c->kind)
            continue;
        struct dgm_str text = json_str(v);
        if (text.n > AUTH_TEXT_MAX || (v != NULL && text.p == NULL && json_kind(v) != JSON_NULL))
            return refuse(reterr, DGM_STR("has a \""), members[i].name,
                          DGM_STR("\" that is no text, or a very long one."));
        if (text.n == 0 && members[i].need == WANTED)
            return refuse(reterr, DGM_STR("has no \""), members[i].name, DGM_STR("\", which "),
                          dgm_str_c(kinds[c->kind].about), DGM_STR(" needs."));
        if (text.n != 0)
            c->texts[members[i].field] = text;
    }
    return DGM_OK;
}

static const enum auth_field url_fields[] = {FIELD_TOKEN_URL, FIELD_IMPERSONATION};

static enum dgm_rc check_urls(const struct auth_credential *c, struct auth_trouble *reterr)
{
    for (size_t i = 0; i < sizeof url_fields / sizeof *url_fields; i++) {
        struct dgm_str url = c->texts[url_fields[i]];
        if (url.p != NULL && !auth_url_ok(url))
            return refuse(reterr, DGM_STR("has a URL that is none: \""), dgm_utf8_head(url, 100),
                          DGM_STR("\"."));
    }
    return DGM_OK;
}

/* ---- where a federated token comes from ---- */

static enum dgm_rc read_format(struct auth_source *s, const struct json_val *source,
                               struct auth_trouble *reterr)
{
    const struct json_val *format = json_get(source, DGM_STR("format"));
    struct dgm_str type = json_get_str(format, DGM_STR("type"));
    if (format == NULL || dgm_str_eq(type, DGM_STR("text")))
        return DGM_OK;
    s->field = json_get_str(format, DGM_STR("subject_token_field_name"));
    if (!dgm_str_eq(type, DGM_STR("json")) || s->field.n == 0)
        return refuse(reterr,
                      DGM_STR("has a \"credential_source\" whose format is neither text, nor "
                              "json with a \"subject_token_field_name\"."));
    return DGM_OK;
}

static enum dgm_rc read_url_source(struct auth_source *s, const struct json_val *source,
                                   struct auth_trouble *reterr)
{
    for (struct json_iter i = json_iter(json_get(source, DGM_STR("headers"))); json_next(&i);) {
        struct dgm_str value = json_str(i.value);
        if (s->headers_n == AUTH_ERRAND_HEADERS_MAX || !http_token_ok(i.name) || value.p == NULL)
            return refuse(reterr, DGM_STR("has headers in its \"credential_source\" that are none, "
                                          "or more than six."));
        s->headers[s->headers_n++] = (struct auth_header){i.name, value};
    }
    if (!auth_url_ok(s->at))
        return refuse(reterr, DGM_STR("has a URL in its \"credential_source\" that is none."));
    return read_format(s, source, reterr);
}

static enum dgm_rc read_run_source(struct auth_source *s, const struct json_val *executable,
                                   struct auth_trouble *reterr)
{
    const struct json_val *timeout = json_get(executable, DGM_STR("timeout_millis"));
    s->at = json_get_str(executable, DGM_STR("command"));
    s->output = json_get_str(executable, DGM_STR("output_file"));
    s->timeout_ms = RUN_TIMEOUT_MS;
    if (s->at.n == 0)
        return refuse(reterr, DGM_STR("has an \"executable\" without a \"command\"."));
    if (timeout != NULL &&
        (!json_int(timeout, &s->timeout_ms) || s->timeout_ms < RUN_TIMEOUT_MIN_MS ||
         s->timeout_ms > RUN_TIMEOUT_MAX_MS))
        return refuse(reterr,
                      DGM_STR("has a \"timeout_millis\" that is not between 5000 and 120000."));
    return DGM_OK;
}

static enum dgm_rc read_aws_source(struct auth_source *s, const struct json_val *source,
                                   struct auth_trouble *reterr)
{
    s->kind = SOURCE_AWS;
    s->at = json_get_str(source, DGM_STR("url"));
    s->region_url = json_get_str(source, DGM_STR("region_url"));
    s->session_url = json_get_str(source, DGM_STR("imdsv2_session_token_url"));
    s->verify_url = json_get_str(source, DGM_STR("regional_cred_verification_url"));
    if (!dgm_str_eq(json_get_str(source, DGM_STR("environment_id")), DGM_STR("aws1")))
        return refuse(reterr, DGM_STR("has an \"environment_id\" that is not aws1."));
    if (!dgm_str_starts(s->verify_url, DGM_STR("https://")))
        return refuse(reterr, DGM_STR("has no \"regional_cred_verification_url\" of https."));
    const struct dgm_str urls[] = {s->at, s->region_url, s->session_url};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (urls[i].p != NULL && !auth_url_ok(urls[i]))
            return refuse(reterr, DGM_STR("has a URL in its \"credential_source\" that is none."));
    return DGM_OK;
}

static enum dgm_rc read_source(struct auth_source *s, const struct json_val *source,
                               struct auth_trouble *reterr)
{
    const struct json_val *executable = json_get(source, DGM_STR("executable"));
    if (json_get(source, DGM_STR("environment_id")) != NULL)
        return read_aws_source(s, source, reterr);
    s->at = json_get_str(source, DGM_STR("file"));
    s->kind = SOURCE_FILE;
    if (s->at.n != 0)
        return read_format(s, source, reterr);
    s->at = json_get_str(source, DGM_STR("url"));
    s->kind = SOURCE_URL;
    if (s->at.n != 0)
        return read_url_source(s, source, reterr);
    s->kind = SOURCE_RUN;
    if (executable != NULL)
        return read_run_source(s, executable, reterr);
    if (json_get(source, DGM_STR("certificate")) != NULL)
        return refuse(reterr,
                      DGM_STR("has a certificate as its \"credential_source\", which this "
                              "version does not know; file, url, executable and AWS it does."));
    return refuse(reterr, DGM_STR("has no \"credential_source\" with a file, url, executable or "
                                  "environment_id."));
}

/* ---- kinds ---- */

static enum dgm_rc read_object(struct auth_credential *, const struct json_val *root, bool inner,
                               struct auth_trouble *reterr);

static struct auth_credential *new_one(const struct dgm_alloc *a)
{
    struct auth_credential *c = a->resize(a->ctx, NULL, 0, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct auth_credential){
        .alloc = a, .wiping = auth_wiping(a), .universe = DGM_STR(AUTH_UNIVERSE), .life_s = LIFE_S};
    dgm_arena_init(&c->arena, &c->wiping, 4 * AUTH_CREDENTIAL_MAX);
    return c;
}

/* The lifetime that a file wants of an impersonated token. */
static enum dgm_rc read_life(struct auth_credential *c, const struct json_val *root,
                             struct auth_trouble *reterr)
{
    const struct json_val *life = json_get(json_get(root, DGM_STR("service_account_impersonation")),
                                           DGM_STR("token_lifetime_seconds"));
    if (life != NULL && (!json_int(life, &c->life_s) || c->life_s < 600 || c->life_s > LIFE_MAX_S))
        return refuse(
            reterr, DGM_STR("has a \"token_lifetime_seconds\" that is not between 600 and 43200."));
    return DGM_OK;
}

static enum dgm_rc read_delegates(struct auth_credential *c, const struct json_val *root)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&c->arena), AUTH_TEXT_MAX);
    struct json_writer w = json_writer(&text);
    json_open_arr(&w);
    for (struct json_iter i = json_iter(json_get(root, DGM_STR("delegates"))); json_next(&i);)
        if (json_str(i.value).n != 0)
            json_put_str(&w, json_str(i.value));
    json_close_arr(&w);
    c->delegates = dgm_buf_str(&text);
    return text.rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

static enum dgm_rc read_impersonated(struct auth_credential *c, const struct json_val *root,
                                     bool inner, struct auth_trouble *reterr)
{
    if (inner)
        return refuse(reterr, DGM_STR("impersonates twice; name the accounts between in "
                                      "\"delegates\"."));
    if (auth_email_of_url(c->texts[FIELD_IMPERSONATION]).p == NULL)
        return refuse(reterr, DGM_STR("has a \"service_account_impersonation_url\" that names no "
                                      "service account."));
    if ((c->base = new_one(c->alloc)) == NULL)
        return DGM_E_NOMEM;
    return read_object(c->base, json_get(root, DGM_STR("source_credentials")), true, reterr);
}

static enum dgm_rc read_kind(struct auth_credential *c, const struct json_val *root, bool inner,
                             struct auth_trouble *reterr)
{
    switch (c->kind) {
    case AUTH_SERVICE_ACCOUNT:
        c->key = auth_key_read(c->texts[FIELD_PRIVATE_KEY], AUTH_PRIVATE);
        if (c->key == NULL)
            return refuse(reterr, DGM_STR("has a \"private_key\" that is neither one of RSA with "
                                          "2048 to 8192 bits nor one of P-256, in PEM."));
        return DGM_OK;
    case AUTH_FEDERATED:
        if (c->texts[FIELD_TOKEN_URL].p == NULL)
            c->texts[FIELD_TOKEN_URL] = DGM_STR(STS_URL);
        return read_source(&c->source, json_get(root, DGM_STR("credential_source")), reterr);
    case AUTH_IMPERSONATED:
        return read_impersonated(c, root, inner, reterr);
    default:
        return DGM_OK;
    }
}

static bool find_kind(struct dgm_str type, enum auth_kind *ret)
{
    for (size_t i = 0; i < AUTH_KINDS; i++)
        if (kinds[i].type != NULL && dgm_str_eq(type, dgm_str_c(kinds[i].type))) {
            *ret = (enum auth_kind)i;
            return true;
        }
    return false;
}

static enum dgm_rc refuse_type(const struct json_val *root, struct dgm_str type,
                               struct auth_trouble *reterr)
{
    if (json_get(root, DGM_STR("installed")) != NULL || json_get(root, DGM_STR("web")) != NULL)
        return refuse(reterr,
                      DGM_STR("is an OAuth client's file, which does not say who asks; make "
                              "credentials with \"gcloud auth application-default login\"."));
    if (dgm_str_eq(type, DGM_STR("gdch_service_account")))
        return refuse(
            reterr, DGM_STR("is for Google Distributed Cloud, whose identity this version does not "
                            "know."));
    if (type.p == NULL)
        return refuse(reterr,
                      DGM_STR("has no \"type\", so it is no file of Google's credentials."));
    return refuse(reterr, DGM_STR("has the type \""), dgm_utf8_head(type, 60),
                  DGM_STR("\", which is none of Google's credentials."));
}

static enum dgm_rc read_object(struct auth_credential *c, const struct json_val *root, bool inner,
                               struct auth_trouble *reterr)
{
    struct dgm_str type = json_get_str(root, DGM_STR("type"));
    struct dgm_str universe = json_get_str(root, DGM_STR("universe_domain"));
    if (!find_kind(type, &c->kind))
        return refuse_type(root, type, reterr);
    enum dgm_rc rc = read_members(c, root, reterr);
    if (rc == DGM_OK)
        rc = check_urls(c, reterr);
    if (rc == DGM_OK)
        rc = read_life(c, root, reterr);
    if (rc == DGM_OK)
        rc = read_delegates(c, root);
    if (rc != DGM_OK)
        return rc;
    c->quota_project = json_get_str(root, DGM_STR("quota_project_id"));
    if (universe.n != 0 && !is_universe(universe))
        return refuse(reterr, DGM_STR("has a \"universe_domain\" that is no domain."));
    if (universe.n != 0)
        c->universe = universe;
    return read_kind(c, root, inner, reterr);
}

/* ---- public ---- */

enum dgm_rc auth_credential_read(struct dgm_str text, const struct dgm_alloc *a,
                                 struct auth_credential **ret, struct auth_trouble *reterr)
{
    enum auth_secret secret = auth_secret_of(text);
    if (text.n == 0)
        return refuse(reterr, DGM_STR("is empty."));
    if (text.n > AUTH_CREDENTIAL_MAX)
        return refuse(reterr, DGM_STR("is larger than 256 KiB, which no key file is."));
    if (secret == AUTH_SECRET_API_KEY || secret == AUTH_SECRET_ACCESS_TOKEN)
        return refuse(reterr, DGM_STR("holds "), auth_secret_name(secret),
                      DGM_STR(", which goes into the configuration: credentials: {"),
                      secret == AUTH_SECRET_API_KEY ? DGM_STR("api_key: KEY}.")
                                                    : DGM_STR("bearer: TOKEN}."));
    if (secret != AUTH_SECRET_FILE && secret != AUTH_SECRET_UNKNOWN)
        return refuse(reterr, DGM_STR("holds "), auth_secret_name(secret),
                      DGM_STR(" alone; wanted is the whole JSON file it belongs to."));
    struct auth_credential *c = new_one(a);
    if (c == NULL)
        return DGM_E_NOMEM;
    const struct json_val *root = NULL;
    enum dgm_rc rc = auth_json(&c->arena, text, &root);
    if (rc == DGM_E_SYNTAX)
        rc =
            refuse(reterr, DGM_STR("is no JSON object, so it is no file of Google's credentials."));
    else if (rc == DGM_OK)
        rc = read_object(c, root, false, reterr);
    if (rc != DGM_OK)
        auth_credential_free(c);
    else
        *ret = c;
    return rc;
}

struct auth_credential *auth_credential_of_machine(bool sure, const struct dgm_alloc *a)
{
    struct auth_credential *c = new_one(a);
    if (c == NULL)
        return NULL;
    c->kind = AUTH_MACHINE;
    c->sure = sure;
    return c;
}

void auth_credential_free(struct auth_credential *c)
{
    if (c == NULL)
        return;
    auth_credential_free(c->base);
    auth_key_free(c->key);
    dgm_arena_dispose(&c->arena);
    c->alloc->resize(c->alloc->ctx, c, sizeof *c, 0);
}

enum auth_kind auth_credential_kind(const struct auth_credential *c)
{
    return c->kind;
}

struct dgm_str auth_kind_about(enum auth_kind kind)
{
    return dgm_str_c(kinds[kind].about);
}

struct dgm_str auth_credential_quota_project(const struct auth_credential *c)
{
    return c->quota_project;
}

struct dgm_str auth_credential_universe(const struct auth_credential *c)
{
    return c->universe;
}
