/* SPDX-License-Identifier: Apache-2.0 */
/* config_verify.c - `auth.google: verify`: that its rules let in somebody, and not everybody. */
#include "gateway/config_parse.h"
#include "gateway/origin.h"

#include "base/str.h"
#include "http/media.h"

/* Google's own command line, for people and for their programs: everybody with an account has tokens of these. */
static const struct dgm_str everybodys[] = {
    {"32555940559.apps.googleusercontent.com", 38},
    {"764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com", 72},
};

/* Where a member stands in the file; else where `google` does; else `auth`, of which there may be two; else nowhere. */
static const struct gw_node *place_of(const struct gw_parse *p, struct dgm_str key)
{
    static const struct gw_node nowhere = {0};
    const struct gw_node *verify = p->auth ? gw_node_get(p->auth, DGM_STR("verify")) : NULL;
    const struct gw_node *google = p->auth ? gw_node_get(p->auth, DGM_STR("google")) : NULL;
    const struct gw_node *node = verify ? gw_node_get(verify, key) : NULL;
    return node ? node : google ? google : verify ? verify : p->auth ? p->auth : &nowhere;
}

static void check_url(struct gw_parse *p, struct dgm_str key, struct dgm_str url)
{
    const char *fault = url.n != 0 ? gw_url_fault(url) : "is not set";
    struct http_host host;
    if (!fault && dgm_str_starts(url, DGM_STR("http://"))) {
        struct gw_origin origin;
        gw_origin_read(url, &origin);
        if (!http_host_parse(origin.authority, &host) || !host.loopback)
            fault = "must begin with https:// for another machine: tokens go there";
    }
    if (fault)
        gw_problem(p, place_of(p, key), DGM_STR("auth.verify."), key, DGM_STR(" "),
                   dgm_str_c(fault));
}

static bool is_address(struct dgm_str s)
{
    size_t at = dgm_str_find_char(s, '@');
    return at != 0 && at + 1 < s.n &&
           dgm_str_find_char(dgm_str_skip(s, at + 1), '@') == s.n - at - 1;
}

/* Of one's own, not a whole part of the net. */
static bool is_domain(struct dgm_str s)
{
    size_t dot = dgm_str_find_char(s, '.');
    return dot != 0 && dot + 1 < s.n && dgm_str_find_char(s, '@') == s.n;
}

static void check_list(struct gw_parse *p, struct dgm_str key, const struct gw_strs *list,
                       bool (*is_one)(struct dgm_str), struct dgm_str what)
{
    for (size_t i = 0; i < list->n; i++) {
        struct dgm_str s = list->at[i];
        if (!is_one(s) || dgm_str_find_either(s, '*', ' ') < s.n)
            gw_problem(p, place_of(p, key), DGM_STR("auth.verify."), key, DGM_STR(": \""),
                       dgm_str_head(s, 80), DGM_STR("\" is no "), what);
    }
}

static bool is_anybodys(const struct gw_verifying *v)
{
    for (size_t i = 0; i < v->audiences.n; i++)
        if (dgm_str_index(v->audiences.at[i], everybodys, sizeof everybodys / sizeof *everybodys) <
            sizeof everybodys / sizeof *everybodys)
            return true;
    return false;
}

void gw_verify_check(struct gw_parse *p)
{
    const struct gw_config *c = p->config;
    const struct gw_verifying *v = &c->auth.verify;
    bool named = v->emails.n != 0 || v->domains.n != 0;
    if (c->auth.google != GW_GOOGLE_VERIFY) {
        if (named || v->audiences.n != 0) /* somebody takes it for a gate */
            gw_problem(p, place_of(p, DGM_STR("")),
                       DGM_STR("auth.verify lets nobody in, and keeps nobody out, without "
                               "auth.google: verify"));
        return;
    }
    if (!named && v->audiences.n == 0)
        gw_problem(p, place_of(p, DGM_STR("")),
                   DGM_STR("auth.google: verify lets nobody in without auth.verify.emails, "
                           "auth.verify.domains or auth.verify.audiences"));
    else if (!named && is_anybodys(v))
        gw_problem(
            p, place_of(p, DGM_STR("audiences")),
            DGM_STR("auth.verify.audiences: gcloud's own client lets everybody in who has an "
                    "account of Google's; say who, with auth.verify.emails or "
                    "auth.verify.domains"));
    check_list(p, DGM_STR("emails"), &v->emails, is_address, DGM_STR("address"));
    check_list(p, DGM_STR("domains"), &v->domains, is_domain, DGM_STR("domain"));
    check_url(p, DGM_STR("jwks_url"), v->jwks_url);
    check_url(p, DGM_STR("tokeninfo_url"), v->tokeninfo_url);
}
