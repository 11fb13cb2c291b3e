/* SPDX-License-Identifier: Apache-2.0 */
/* errand.h - what a fetch of a token wants done (auth/credentials.h): one request, one file, or one program. */
#ifndef GATEWAY_ERRAND_H
#define GATEWAY_ERRAND_H

#include "auth/credentials.h"
#include "gateway/config.h"
#include "net/loop.h"
#include "net/tls.h"

/** How requests leave. Borrowed until the errand is freed. */
struct gw_errand_way {
    struct gw_proxies proxies;
    struct dgm_str proxy; /* one's own, as `proxy` of an upstream; absent: what `proxies` says */
    const struct net_trust *trust;  /* for https; NULL: none was loaded */
    const char *const *environment; /* of programs */
};

struct gw_errand;

/**
 * Begins. `on_done` comes once, from the loop, with what came of it, borrowed for the call; free it then, or before. The
 * auth_errand and its texts live until it is freed. NULL: memory is short.
 */
struct gw_errand *gw_errand_new(struct net_loop *, const struct auth_errand *,
                                const struct gw_errand_way *,
                                void (*on_done)(void *owner, const struct auth_result *),
                                void *owner);

/** At any time; a program that runs is left to its end. NULL is fine. */
void gw_errand_free(struct gw_errand *);

/**
 * Reads a file whole, up to the ceiling of `out`. NULL, or why not: "No such file or directory"; `*ret_missing` says
 * whether it is that.
 */
const char *gw_errand_file(const char *path, struct dgm_buf *out, bool *ret_missing);

#endif
