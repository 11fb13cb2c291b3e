/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where access tokens come from: the credentials that a configuration names are looked for and read anew for each
 * token, and what these want done is done (errand.h). For the keeper, and for commands.
 */
#ifndef GATEWAY_SOURCE_H
#define GATEWAY_SOURCE_H

#include "auth/credentials.h"
#include "gateway/config.h"
#include "net/loop.h"

/**
 * Which credentials, and the way to those who make tokens of them. All is borrowed for the source's life.
 *
 * Application Default Credentials are looked for as google-auth does (google.md 7.1): the file that GOOGLE_APPLICATION_CREDENTIALS
 * names, and no other where it is set; gcloud's application_default_credentials.json in CLOUDSDK_CONFIG or
 * ~/.config/gcloud; the metadata server.
 */
struct gw_source_place {
    enum gw_credentials_kind kind; /* one of those that are fetched */
    struct dgm_str path;           /* of FILE */
    struct dgm_str proxy;          /* the upstream's own; absent: what the environment says */
    struct gw_proxies proxies;
    struct gw_roots roots;
};

/** What came of a fetch; borrowed for the call. Texts are absent where they are not known. */
struct gw_source_said {
    struct dgm_str token; /* absent: there is none, and `trouble` says why */
    int64_t ends_ms;      /* since 1970 */
    struct dgm_str quota_project, universe, project, who;
    struct dgm_str about;   /* "a service account's key" */
    struct dgm_str file;    /* in which they stand */
    struct dgm_str trouble; /* a sentence, without secrets */
    bool passes;            /* it is worth being tried again soon */
};

struct gw_source;

/** NULL: memory is short. */
struct gw_source *gw_source_new(struct net_loop *, const struct gw_source_place *,
                                const char *const *environment,
                                void (*on_said)(void *owner, const struct gw_source_said *),
                                void *owner);
void gw_source_free(struct gw_source *); /* NULL is fine; no word comes */

/** Begins a fetch; `on_said` comes once, from the loop. Not while one is under way. */
void gw_source_fetch(struct gw_source *, int64_t wall_ms);

#endif
