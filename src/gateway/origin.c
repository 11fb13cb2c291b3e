/* SPDX-License-Identifier: Apache-2.0 */
/* origin.c - where an upstream stands. */
#include "gateway/origin.h"

#include "base/str.h"

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

struct dgm_str gw_upstream_lacks(const struct gw_upstream *u)
{
    if (u->kind == GW_EMULATOR)
        return (struct dgm_str){0};
    if (!dgm_str_starts(u->base_url, DGM_STR("http://")))
        return DGM_STR(" needs TLS, which comes with a later version; so far a base_url of http:// "
                       "can be called.");
    bool is_server = u->kind != GW_VERTEX && u->kind != GW_GEMINI;
    if (is_server && u->credentials.kind == GW_CREDENTIALS_API_KEY)
        return (struct dgm_str){0};
    if (u->credentials.kind != GW_CREDENTIALS_NONE)
        return DGM_STR(" has credentials, which come with a later version; so far \"credentials: "
                       "none\" can be called.");
    return (struct dgm_str){0};
}
