/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - where an upstream stands, and the way there. */
#include "gateway/origin.h"

#include "base/str.h"
#include "gateway/trust.h"
#include "net/proxy.h"

#include <assert.h>

void gw_origin_read(struct dgm_str base_url, struct gw_origin *ret)
{
    struct gw_origin o = {.tls = dgm_str_starts(base_url, DGM_STR("https://"))};
    struct dgm_str rest = dgm_str_skip(base_url, o.tls ? 8 : 7);
    size_t slash = dgm_str_find_char(rest, '/');
    o.authority = dgm_str_head(rest, slash);
    o.prefix = dgm_str_skip(rest, slash);
    while (dgm_str_ends(o.prefix, DGM_STR("/")))
        o.prefix.n--;
    o.url = dgm_str_head(base_url, (o.tls ? 8 : 7) + o.authority.n + o.prefix.n);

    bool brackets = dgm_str_starts(o.authority, DGM_STR("["));
    size_t end = dgm_str_find_char(o.authority, brackets ? ']' : ':');
    o.host = dgm_str_skip(dgm_str_head(o.authority, end), brackets);
    struct dgm_str digits = dgm_str_skip(o.authority, end + 1 + brackets);
    uint64_t port = o.tls ? 443 : 80;
    bool sound = digits.n == 0 || dgm_str_u64(digits, &port);
    assert(sound && port <= UINT16_MAX); /* the configuration looked */
    o.port = (uint16_t)port;
    *ret = o;
}

/* A proxy of one's own is meant as it is said; those of the environment have exceptions. */
struct dgm_str gw_origin_proxy(const struct gw_proxies *p, struct dgm_str own,
                               const struct gw_origin *o)
{
    struct dgm_str url = o->tls ? p->https : p->http;
    if (own.n != 0)
        return dgm_str_eq(own, DGM_STR("none")) ? (struct dgm_str){0} : own;
    if (url.n == 0 || net_proxy_excepts(p->except, o->host, o->port))
        return (struct dgm_str){0};
    return url;
}

void gw_origin_reach(const struct gw_config *c, const struct gw_upstream *u, struct gw_origin *o)
{
    o->proxy = gw_origin_proxy(&c->proxies, u->proxy, o);
    if (o->tls)
        o->trust = gw_trust_find(c, u->ca);
}
