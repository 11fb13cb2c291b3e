/* SPDX-License-Identifier: Apache-2.0 */
/* source.c - where access tokens come from. */
#include "gateway/source.h"

#include "auth/wipe.h"
#include "base/str.h"
#include "gateway/errand.h"
#include "gateway/scrub.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 4096
#define TROUBLE_BYTES 1024

/**
 * Lifetime of a fetch:
 *   1. The credentials are looked for and read: that blocks, for the time of a small file.
 *   2. Each errand is done; between two of them the loop turns.
 *   3. What came of it is told, and everything but the authorities is forgotten.
 */
struct gw_source {
    struct net_loop *loop;
    const struct dgm_alloc *alloc;
    struct dgm_alloc wiping;
    struct gw_source_place place;
    const char *const *environment;
    void (*on_said)(void *owner, const struct gw_source_said *);
    void *owner;
    struct net_trust *trust; /* loaded when it is first wanted */
    struct gw_errand_way way;
    struct auth_credential *credential;
    struct auth_fetch *fetch;
    struct auth_errand what;
    struct gw_errand *errand;
    struct net_timer turn; /* what is known without an errand is told */
    struct auth_trouble trouble;
    char path[PATH_BYTES];
    bool failed; /* before there was a fetch */
};

static void forget(struct gw_source *s)
{
    gw_errand_free(s->errand);
    auth_fetch_free(s->fetch);
    auth_credential_free(s->credential);
    s->errand = NULL;
    s->fetch = NULL;
    s->credential = NULL;
}

/* ---- what came of it ---- */

static struct dgm_str variable(const struct gw_source *s, struct dgm_str name)
{
    return auth_variable(s->environment, name);
}

static struct dgm_str either(struct dgm_str a, struct dgm_str b)
{
    return a.n != 0 ? a : b;
}

static void tell(struct gw_source *s, const struct gw_source_said *said)
{
    struct auth_credential *credential = s->credential;
    struct auth_fetch *fetch = s->fetch;
    s->credential = NULL;
    s->fetch = NULL;
    forget(s);
    s->on_said(s->owner, said); /* which may begin the next, or free the source */
    auth_fetch_free(fetch);
    auth_credential_free(credential);
}

/* What looks like a secret is none of the log's business, whoever put it there. */
static void tell_trouble(struct gw_source *s, const struct auth_trouble *t)
{
    static const struct gw_strs none = {0};
    char room[TROUBLE_BYTES];
    struct dgm_buf text = {.p = room, .cap = sizeof room, .max = sizeof room};
    gw_scrub_put(dgm_str_c(t->text), &none, &text);
    const struct gw_source_said said = {.trouble = dgm_buf_str(&text), .passes = t->passes};
    tell(s, &said);
}

static void tell_starved(struct gw_source *s)
{
    static const struct auth_trouble starved = {"Memory is short.", true};
    tell_trouble(s, &starved);
}

/* `expires_in` is 0, or the end that was told lies behind us. */
static void tell_ended(struct gw_source *s)
{
    struct auth_trouble ended;
    auth_trouble_set(&ended, true,
                     (const struct dgm_str[AUTH_TROUBLE_TEXTS]){
                         DGM_STR("The access token of "),
                         auth_kind_about(auth_credential_kind(s->credential)),
                         DGM_STR(" has ended already: is the clock right?")});
    tell_trouble(s, &ended);
}

static void tell_token(struct gw_source *s)
{
    const struct auth_token token = auth_fetch_token(s->fetch);
    const struct auth_credential *c = s->credential;
    if (token.ends_ms <= net_loop_wall_ms(s->loop)) {
        tell_ended(s);
        return;
    }
    struct dgm_str project = either(variable(s, DGM_STR("GOOGLE_CLOUD_PROJECT")),
                                    variable(s, DGM_STR("GCLOUD_PROJECT")));
    const struct gw_source_said said = {
        .token = token.text,
        .ends_ms = token.ends_ms,
        .quota_project = either(variable(s, DGM_STR("GOOGLE_CLOUD_QUOTA_PROJECT")),
                                auth_credential_quota_project(c)),
        .universe = auth_credential_universe(c),
        .project = either(project, token.project),
        .who = token.who,
        .about = auth_kind_about(auth_credential_kind(c)),
        .file = dgm_str_c(s->path)};
    tell(s, &said);
}

/* ---- the fetch ---- */

static void go_on(struct gw_source *s);

static void on_done(void *owner, const struct auth_result *result)
{
    struct gw_source *s = owner;
    auth_fetch_tell(s->fetch, result);
    gw_errand_free(s->errand);
    s->errand = NULL;
    go_on(s);
}

/* Authorities are read when something of https is first asked. */
static void load_trust(struct gw_source *s)
{
    char why[NET_WHY_BYTES];
    const struct net_roots roots = {.file = s->place.roots.file.p, .dir = s->place.roots.dir.p};
    if (s->trust == NULL && dgm_str_starts(s->what.url, DGM_STR("https://")))
        s->trust = net_trust_new(&roots, why);
    s->way.trust = s->trust;
}

static void go_on(struct gw_source *s)
{
    switch (auth_fetch_next(s->fetch, &s->what)) {
    case DGM_NEED:
        load_trust(s);
        s->errand = gw_errand_new(s->loop, &s->what, &s->way, on_done, s);
        if (s->errand == NULL)
            tell_starved(s);
        return;
    case DGM_DONE:
        tell_token(s);
        return;
    case DGM_E_REFUSED:
        tell_trouble(s, auth_fetch_trouble(s->fetch));
        return;
    default:
        tell_starved(s);
        return;
    }
}

/* ---- the credentials ---- */

static void refuse(struct gw_source *s, bool passes, const struct dgm_str texts[AUTH_TROUBLE_TEXTS])
{
    s->failed = true;
    auth_trouble_set(&s->trouble, passes, texts);
}

/* Reads the file at s->path. False: there is none, where that is no error. */
static bool read_credentials(struct gw_source *s, bool must)
{
    struct dgm_buf text;
    struct auth_trouble trouble = {.text = "is more than memory holds."};
    bool missing;
    dgm_buf_init(&text, &s->wiping, AUTH_ANSWER_MAX + 4096);
    const char *why = gw_errand_file(s->path, &text, &missing);
    bool there = why == NULL || !missing || must;
    if (why != NULL && there)
        refuse(s, true,
               (const struct dgm_str[AUTH_TROUBLE_TEXTS]){
                   DGM_STR("The credentials at "), dgm_str_head(dgm_str_c(s->path), 300),
                   DGM_STR(" can not be read: "), dgm_str_c(why), DGM_STR(".")});
    else if (why == NULL &&
             auth_credential_read(dgm_buf_str(&text), s->alloc, &s->credential, &trouble) != DGM_OK)
        refuse(s, false,
               (const struct dgm_str[AUTH_TROUBLE_TEXTS]){DGM_STR("The file of credentials "),
                                                          dgm_str_head(dgm_str_c(s->path), 300),
                                                          DGM_STR(" "), dgm_str_c(trouble.text)});
    dgm_buf_dispose(&text);
    return there;
}

static bool set_path(struct gw_source *s, struct dgm_str folder, const char *rest)
{
    int n = snprintf(s->path, sizeof s->path, "%.*s%s", (int)folder.n,
                     folder.n != 0 ? folder.p : "", rest);
    return folder.n != 0 && n > 0 && (size_t)n < sizeof s->path;
}

static void use_machine(struct gw_source *s, bool sure)
{
    s->path[0] = '\0';
    s->credential = auth_credential_of_machine(sure, s->alloc);
}

static void find_default(struct gw_source *s)
{
    struct dgm_str named = variable(s, DGM_STR("GOOGLE_APPLICATION_CREDENTIALS"));
    if (named.n != 0 && set_path(s, named, "")) {
        (void)read_credentials(s, true);
        return;
    }
    const char file[] = "/application_default_credentials.json";
    if ((set_path(s, variable(s, DGM_STR("CLOUDSDK_CONFIG")), file) ||
         set_path(s, variable(s, DGM_STR("HOME")),
                  "/.config/gcloud/application_default_credentials.json")) &&
        read_credentials(s, false))
        return;
    use_machine(s, false);
}

static void find_credentials(struct gw_source *s)
{
    s->failed = false;
    s->path[0] = '\0';
    switch (s->place.kind) {
    case GW_CREDENTIALS_FILE:
        if (set_path(s, s->place.path, ""))
            (void)read_credentials(s, true);
        return;
    case GW_CREDENTIALS_METADATA:
        use_machine(s, true);
        return;
    default:
        find_default(s);
        return;
    }
}

static void on_turn(void *owner)
{
    struct gw_source *s = owner;
    if (s->failed)
        tell_trouble(s, &s->trouble);
    else if (s->fetch == NULL)
        tell_starved(s);
    else
        go_on(s);
}

/* ---- public ---- */

struct gw_source_place gw_source_place_of(const struct gw_config *c, const struct gw_upstream *u)
{
    return (struct gw_source_place){.kind = u->credentials.kind,
                                    .path = u->credentials.value,
                                    .proxy = u->proxy,
                                    .proxies = c->proxies,
                                    .roots = c->roots};
}

void gw_source_fetch(struct gw_source *s, int64_t wall_ms)
{
    find_credentials(s);
    const struct auth_fetch_ask ask = {
        .credential = s->credential, .environment = s->environment, .now_ms = wall_ms, .who = true};
    if (s->credential != NULL)
        s->fetch = auth_fetch_new(&ask, s->alloc);
    net_timer_start(s->loop, &s->turn, 0);
}

struct gw_source *gw_source_new(struct net_loop *loop, const struct gw_source_place *place,
                                const char *const *environment,
                                void (*on_said)(void *owner, const struct gw_source_said *),
                                void *owner)
{
    const struct dgm_alloc *a = net_loop_alloc(loop);
    struct gw_source *s = a->resize(a->ctx, NULL, 0, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct gw_source){
        .loop = loop,
        .alloc = a,
        .wiping = auth_wiping(a),
        .place = *place,
        .environment = environment,
        .on_said = on_said,
        .owner = owner,
        .way = {.proxies = place->proxies, .proxy = place->proxy, .environment = environment}};
    net_timer_init(&s->turn, on_turn, s);
    return s;
}

void gw_source_free(struct gw_source *s)
{
    if (s == NULL)
        return;
    net_timer_stop(&s->turn);
    forget(s);
    net_trust_free(s->trust);
    s->alloc->resize(s->alloc->ctx, s, sizeof *s, 0);
}
