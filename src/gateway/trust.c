/* SPDX-License-Identifier: Apache-2.0 */
/* trust.c - one struct net_trust for each `ca` that is in use. */
#include "gateway/trust.h"

#include "base/str.h"
#include <stdio.h>

/* Google's own hosts, which need no base_url, speak TLS alone. */
static bool needs_trust(const struct gw_upstream *u)
{
    return u->kind != GW_EMULATOR && !dgm_str_starts(u->base_url, DGM_STR("http://"));
}

const struct net_trust *gw_trust_find(const struct gw_config *c, struct dgm_str ca)
{
    for (size_t i = 0; i < c->trusts_n; i++) {
        if (dgm_str_eq(c->trusts[i].ca, ca))
            return c->trusts[i].trust;
    }
    return NULL;
}

static bool add(struct gw_config *c, struct dgm_str ca, char why[NET_WHY_BYTES])
{
    const struct net_roots roots = {.ca = ca.p, .file = c->roots.file.p, .dir = c->roots.dir.p};
    if (gw_trust_find(c, ca) != NULL)
        return true;
    struct net_trust *trust = net_trust_new(&roots, why);
    if (trust != NULL)
        c->trusts[c->trusts_n++] = (struct gw_trust){.ca = ca, .trust = trust};
    return trust != NULL;
}

bool gw_trust_open(struct gw_config *c, char why[NET_WHY_BYTES])
{
    /* One for each upstream, and the system's for what is fetched. */
    c->trusts = dgm_arena_take0(&c->_arena, (c->upstreams_n + 1) * sizeof *c->trusts);
    if (c->trusts == NULL) {
        (void)snprintf(why, NET_WHY_BYTES, "out of memory");
        return false;
    }
    for (size_t i = 0; i < c->upstreams_n; i++) {
        const struct gw_upstream *u = &c->upstreams[i];
        if ((needs_trust(u) && !add(c, u->ca, why)) ||
            (u->fetch != GW_FETCH_OFF && !add(c, (struct dgm_str){0}, why)))
            return false;
    }
    return true;
}

void gw_trust_close(struct gw_config *c)
{
    while (c->trusts_n != 0)
        net_trust_free(c->trusts[--c->trusts_n].trust);
}
