/* SPDX-License-Identifier: Apache-2.0 */
/* holder.c - whose a token is, and whether he may come in. */
#include "auth/holder.h"

#include "auth/credentials.h"
#include "auth/jwks.h"
#include "base/str.h"

#include <string.h>

#define DEPTH_MAX 4
#define GOOGLE "https://accounts.google.com"

/* ---- read -------------------------------------------------------------------------------------------- */

/* A flag, which tokeninfo writes as a string. */
static bool is_true(const struct json_val *v)
{
    return json_bool(v, false) || dgm_str_eq(json_str(v), DGM_STR("true"));
}

enum dgm_rc auth_holder_of_info(struct dgm_str text, struct dgm_arena *arena,
                                struct auth_holder *ret)
{
    const struct json_val *root = NULL;
    struct json_error error;
    struct dgm_str twice = {0};
    if (text.n > AUTH_INFO_MAX)
        return DGM_E_LIMIT;
    char *copy = dgm_arena_take0(arena, text.n + JSON_PADDING);
    if (copy == NULL)
        return DGM_E_NOMEM;
    if (text.n != 0)
        memcpy(copy, text.p, text.n);
    enum dgm_rc rc = json_parse(arena, copy, text.n, DEPTH_MAX, &root, &error);
    if (rc == DGM_OK && json_kind(root) == JSON_OBJ)
        rc = json_twice(root, arena, &twice);
    if (rc != DGM_OK)
        return rc == DGM_E_NOMEM ? rc : DGM_E_SYNTAX;
    struct auth_holder h = {.sub = json_get_str(root, DGM_STR("sub")),
                            .audience = json_get_str(root, DGM_STR("aud")),
                            .party = json_get_str(root, DGM_STR("azp")),
                            .scope = json_get_str(root, DGM_STR("scope"))};
    if (is_true(json_get(root, DGM_STR("email_verified"))))
        h.email = json_get_str(root, DGM_STR("email"));
    if (twice.p != NULL || json_get(root, DGM_STR("error")) != NULL || h.audience.n == 0 ||
        !auth_jwt_time(root, DGM_STR("exp"), &h.ends_s))
        return DGM_E_SYNTAX;
    *ret = h;
    return DGM_OK;
}

void auth_holder_of_id(const struct auth_jwt *jwt, struct auth_holder *ret)
{
    *ret = (struct auth_holder){.issuer = json_get_str(jwt->claims, DGM_STR("iss")),
                                .email = auth_id_email(jwt),
                                .hosted = json_get_str(jwt->claims, DGM_STR("hd")),
                                .sub = json_get_str(jwt->claims, DGM_STR("sub")),
                                .party = json_get_str(jwt->claims, DGM_STR("azp"))};
    if (!auth_jwt_time(jwt->claims, DGM_STR("exp"), &ret->ends_s))
        ret->ends_s = 0;
}

/* ---- judged ------------------------------------------------------------------------------------------ */

static bool has(const struct dgm_str *list, size_t n, struct dgm_str one)
{
    return one.n != 0 && dgm_str_index(one, list, n) < n;
}

static bool has_nocase(const struct dgm_str *list, size_t n, struct dgm_str one)
{
    for (size_t i = 0; i < n; i++)
        if (one.n != 0 && dgm_str_eq_nocase(list[i], one))
            return true;
    return false;
}

bool auth_holder_has_scope(const struct auth_holder *h)
{
    struct dgm_str rest = h->scope, one;
    while (dgm_str_split(&rest, ' ', &one))
        if (dgm_str_eq(one, DGM_STR(AUTH_SCOPE)))
            return true;
    return h->issuer.p != NULL;
}

/* What stands behind the last @. */
static struct dgm_str domain_of(struct dgm_str email)
{
    size_t at = email.n;
    while (at != 0 && email.p[at - 1] != '@')
        at--;
    return at != 0 ? dgm_str_skip(email, at) : (struct dgm_str){0};
}

/* Whether the issuer answers for an address of this domain, and not only for who read a letter there once. */
static bool is_hosted(const struct auth_holder *h, struct dgm_str domain)
{
    bool google = dgm_str_eq(h->issuer, DGM_STR(GOOGLE)) ||
                  dgm_str_eq(h->issuer, DGM_STR("accounts.google.com"));
    return !google || h->hosted.n != 0 || dgm_str_eq_nocase(domain, DGM_STR("gmail.com")) ||
           dgm_str_ends(domain, DGM_STR(".gserviceaccount.com"));
}

bool auth_holder_may(const struct auth_holder *h, const struct auth_rules *r)
{
    bool is_id = h->issuer.p != NULL;
    if (r->audiences_n != 0 && !is_id && !has(r->audiences, r->audiences_n, h->audience))
        return false;
    if (r->emails_n == 0 && r->domains_n == 0)
        return has(r->audiences, r->audiences_n, is_id ? h->party : h->audience);
    struct dgm_str domain = domain_of(h->email);
    return has_nocase(r->emails, r->emails_n, h->email) ||
           (has_nocase(r->domains, r->domains_n, domain) && is_hosted(h, domain));
}

/* ---- named ------------------------------------------------------------------------------------------- */

static bool is_plain(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] > '~')
            return false;
    return s.n != 0 && s.n <= AUTH_HOLDER_NAME_MAX / 2 - 1;
}

void auth_holder_put_name(const struct auth_holder *h, struct dgm_buf *out)
{
    struct dgm_str issuer = h->issuer.p != NULL ? h->issuer : DGM_STR(GOOGLE);
    if (h->email.n != 0 && !is_plain(h->email))
        return;
    for (size_t i = 0; i < h->email.n; i++) {
        char c = h->email.p[i];
        dgm_buf_put_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
    struct dgm_str sub = h->sub.n != 0 || h->issuer.p != NULL ? h->sub : h->party;
    if (h->email.n != 0 || !is_plain(sub) || !is_plain(issuer))
        return;
    dgm_buf_put(out, issuer);
    dgm_buf_put_char(out, '#');
    dgm_buf_put(out, sub);
}
