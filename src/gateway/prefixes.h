/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefixes.h - which beginnings of requests upstreams keep, under what names (caching.h).
 *
 * Slots that all workers of a configuration share (slots.h), made before they are forked; a reload begins with none. A key is a
 * digest, so what stands here can be found only by who has the same request, and of it nothing can be read. Times are those of
 * the machine's monotonic clock. NULL, where the system had no memory, knows nothing and takes nothing.
 */
#ifndef GATEWAY_PREFIXES_H
#define GATEWAY_PREFIXES_H

#include <dragoman/dragoman.h>

#define GW_PREFIXES_MAX 1024
#define GW_PREFIX_NAME_MAX 256

struct gw_prefixes;

struct gw_prefixes *gw_prefixes_new(void);
void gw_prefixes_free(struct gw_prefixes *); /* NULL is fine */

/** Of whom, at which upstream, of which model: letters of a digest. */
struct gw_prefix_key {
    char letters[64];
};

enum gw_prefix_state {
    GW_PREFIX_KEPT,    /* under `*ret`'s name */
    GW_PREFIX_MAKING,  /* somebody has it kept just now */
    GW_PREFIX_VAIN,    /* not worth trying, for a while */
    GW_PREFIX_UNKNOWN, /* nothing is known */
};

/** What is known of one. */
struct gw_prefix {
    struct gw_prefix_key key;
    enum gw_prefix_state state;
    struct dgm_lead lead; /* KEPT: what stands in front of it */
    char name[GW_PREFIX_NAME_MAX];
};

/** Looks one up; `*ret` is set where it is kept. */
enum gw_prefix_state gw_prefixes_look(const struct gw_prefixes *, const struct gw_prefix_key *,
                                      int64_t now_ms, struct gw_prefix *ret);

/** As above; where nothing is known the caller is who has it kept, and tells what came of it before `until_ms`. */
enum gw_prefix_state gw_prefixes_claim(struct gw_prefixes *, const struct gw_prefix_key *,
                                       int64_t now_ms, int64_t until_ms, struct gw_prefix *ret);

/** Says what is known from now on, until a time. One that is UNKNOWN is forgotten. */
void gw_prefixes_tell(struct gw_prefixes *, const struct gw_prefix *, int64_t now_ms,
                      int64_t until_ms);

#endif
