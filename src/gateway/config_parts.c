/* SPDX-License-Identifier: Apache-2.0 */
/* config_parts.c - the lists and maps of the configuration: listen, upstreams, models, endpoints. */
#include "gateway/config_near.h"
#include "gateway/config_parse.h"
#include "gateway/origin.h"

#include "auth/credentials.h"
#include "base/str.h"
#include "net/proxy.h"
#include <dragoman/dragoman.h>

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#define LISTEN_MAX 16
#define URL_BYTES_MAX 2048
#define HOST_BYTES_MAX 255 /* of DNS (RFC 1035 2.3.4), and of TLS's names */
#define PATTERN_BYTES_MAX 256
#define UPSTREAM_NAME_BYTES_MAX 64

/* ---- listen ---- */

static void set_inet(struct gw_listen *l, struct in_addr addr, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = addr};
    memcpy(&l->addr, &in, sizeof in);
    l->addr_bytes = sizeof in;
    l->loopback = ntohl(addr.s_addr) >> 24 == 127;
}

static void set_inet6(struct gw_listen *l, struct in6_addr addr, uint16_t port)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = addr};
    memcpy(&l->addr, &in6, sizeof in6);
    l->addr_bytes = sizeof in6;
    l->loopback =
        IN6_IS_ADDR_LOOPBACK(&addr) || (IN6_IS_ADDR_V4MAPPED(&addr) && addr.s6_addr[12] == 127);
}

static bool set_unix(struct gw_listen *l, struct dgm_str path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (path.n < 2 || path.p[0] != '/' || path.n >= sizeof un.sun_path)
        return false;
    memcpy(un.sun_path, path.p, path.n);
    memcpy(&l->addr, &un, sizeof un);
    l->addr_bytes = sizeof un;
    l->loopback = true;
    return true;
}

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "unix:/path". Names are not looked up: that is I/O. */
static bool set_address(struct gw_listen *l, struct dgm_str text)
{
    if (dgm_str_starts(text, DGM_STR("unix:")))
        return set_unix(l, dgm_str_skip(text, 5));
    size_t colon = text.n;
    while (colon != 0 && text.p[colon - 1] != ':')
        colon--;
    uint64_t port;
    struct dgm_str digits = dgm_str_skip(text, colon);
    if (colon == 0 || digits.n > 5 || !dgm_str_u64(digits, &port) || port > 65535)
        return false;
    struct dgm_str host = dgm_str_head(text, colon - 1);
    bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (brackets)
        host = dgm_str_skip(dgm_str_head(host, host.n - 1), 1);
    if (dgm_str_eq(host, DGM_STR("localhost")) && !brackets)
        host = DGM_STR("127.0.0.1");
    char name[INET6_ADDRSTRLEN];
    if (host.n >= sizeof name)
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } addr;
    if (inet_pton(brackets ? AF_INET6 : AF_INET, name, &addr) != 1)
        return false;
    if (brackets)
        set_inet6(l, addr.v6, (uint16_t)port);
    else
        set_inet(l, addr.v4, (uint16_t)port);
    return true;
}

static bool make_listen(struct gw_parse *p, struct gw_listen *l, struct dgm_str text,
                        const struct gw_node *node, struct dgm_str label)
{
    *l = (struct gw_listen){.text = gw_parse_keep(p, text)};
    if (set_address(l, text))
        return true;
    struct gw_node shown = {.text = text, .hidden = node->hidden};
    gw_problem(
        p, node, label, DGM_STR(": "), gw_node_quoted(p, &shown),
        DGM_STR(
            " is no address; write ADDR:PORT, as 127.0.0.1:8080, \"[::1]:8080\" or unix:/path"));
    return false;
}

static bool read_listen_map(struct gw_parse *p, struct gw_listen *l, const struct gw_node *node,
                            struct dgm_str label)
{
    struct raw_listen raw = {0};
    gw_map_read(p, GW_OF_LISTEN, &raw, node, label, DGM_STR(""));
    if (!raw.address.p) {
        if (!gw_node_get(node, DGM_STR("address")))
            gw_problem(p, node, label, DGM_STR(": \"address\" is missing"));
        return false;
    }
    if (!raw.tls_cert.p != !raw.tls_key.p || (raw.tls_client_ca.p && !raw.tls_cert.p))
        gw_problem(p, node, label, DGM_STR(": tls wants both \"cert\" and \"key\""));
    if (!make_listen(p, l, raw.address, gw_node_get(node, DGM_STR("address")), label))
        return false;
    l->tls_cert = raw.tls_cert;
    l->tls_key = raw.tls_key;
    l->tls_client_ca = raw.tls_client_ca;
    return true;
}

void gw_listen_read(struct gw_parse *p, const struct gw_node *node, struct dgm_str label)
{
    struct gw_listen *at = gw_parse_take(p, LISTEN_MAX * sizeof *at);
    size_t n = 0;
    if (!at)
        return;
    if (node->n > LISTEN_MAX) {
        gw_problem(p, node, label, DGM_STR(": more than 16 addresses"));
        return;
    }
    if (node->kind == GW_NODE_MAP)
        n += read_listen_map(p, &at[n], node, label);
    for (const struct gw_node *item = node->kind == GW_NODE_LIST ? node->first : NULL; item;
         item = item->next) {
        if (item->kind == GW_NODE_MAP)
            n += read_listen_map(p, &at[n], item, label);
        else if (item->kind == GW_NODE_SCALAR)
            n += make_listen(p, &at[n], item->text, item, label);
        else
            gw_problem(p, item, label, DGM_STR(": a list where an address is expected"));
    }
    struct dgm_str rest = node->kind == GW_NODE_SCALAR ? node->text : (struct dgm_str){0}, item;
    while (dgm_str_split(&rest, ',', &item)) {
        if (n == LISTEN_MAX) {
            gw_problem(p, node, label, DGM_STR(": more than 16 addresses"));
            return;
        }
        n += make_listen(p, &at[n], dgm_str_trim(item), node, label);
    }
    if (node->kind == GW_NODE_LIST && node->n == 0)
        gw_problem(p, node, label,
                   DGM_STR(": an empty list; there must be an address to listen on"));
    if (n == 0)
        return;
    p->listen = node;
    p->config->listen = at;
    p->config->listen_n = n;
}

static bool same_address(const struct gw_listen *a, const struct gw_listen *b)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    memcpy(&in, &a->addr, sizeof in);
    memcpy(&in6, &a->addr, sizeof in6);
    bool any_port = (in.sin_family == AF_INET && in.sin_port == 0) ||
                    (in.sin_family == AF_INET6 && in6.sin6_port == 0);
    return !any_port && a->addr_bytes == b->addr_bytes &&
           memcmp(&a->addr, &b->addr, a->addr_bytes) == 0;
}

void gw_listen_check(struct gw_parse *p)
{
    static const struct gw_node nowhere = {0};
    const struct gw_node *node = p->listen ? p->listen : &nowhere;
    const struct gw_config *c = p->config;
    for (size_t i = 0; i < c->listen_n; i++) {
        const struct gw_listen *l = &c->listen[i];
        for (size_t j = 0; j < i; j++)
            if (same_address(l, &c->listen[j]))
                gw_problem(p, node, DGM_STR("listen: "), l->text, DGM_STR(" stands twice"));
        if (!l->loopback && !gw_config_asks(c))
            gw_problem(p, node, DGM_STR("listen: "), l->text,
                       DGM_STR(" can be reached from other machines, and without auth.keys anybody "
                               "there could ask; listen on loopback"));
        else if (!l->loopback && c->auth.google == GW_GOOGLE_EMULATED)
            gw_problem(
                p, node, DGM_STR("listen: "), l->text,
                DGM_STR(" can be reached from other machines, and with auth.google: emulated "
                        "anybody there could get a token; listen on loopback"));
    }
}

/* ---- upstreams ---- */

enum {
    V = 1 << GW_VERTEX,
    G = 1 << GW_GEMINI,
    O = 1 << GW_VLLM | 1 << GW_TGI | 1 << GW_OPENAI,
    E = 1 << GW_EMULATOR
};

/* Which members mean something for which kinds; one that means nothing is told, not ignored. */
static const struct {
    struct dgm_str key;
    int kinds;
} members[] = {
    {{"project", 7}, V},           {{"locations", 9}, V},
    {{"base_url", 8}, V | G | O},  {{"model", 5}, V | G | O | E},
    {{"ca", 2}, V | G | O},        {{"credentials", 11}, V | G | O},
    {{"dialect", 7}, E},           {{"proxy", 5}, V | G | O},
    {{"residency", 9}, V},         {{"cold_start", 10}, O},
    {{"fetch", 5}, V | G | O | E}, {{"merge_system", 12}, V | O | E},
    {{"alternate", 9}, V | O | E}, {{"content", 7}, V | O | E},
    {{"diagnose", 8}, V | G | E},  {{"context_cache", 13}, V | G | E},
};

struct dgm_str gw_upstream_kind_name(int kind)
{
    struct dgm_str rest = dgm_str_c(gw_row_find(GW_OF_UPSTREAM, DGM_STR("kind"))->words),
                   word = {0};
    for (int i = 0; i <= kind; i++)
        (void)dgm_str_split(&rest, '|', &word);
    return word;
}

/* It goes into a header and into metrics. */
static bool is_upstream_name(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_' && (c != '.' || i == 0))
            return false;
    }
    return s.n != 0 && s.n <= UPSTREAM_NAME_BYTES_MAX;
}

/* A password has its place under credentials. */
const char *gw_url_fault(struct dgm_str url)
{
    size_t scheme = dgm_str_starts(url, DGM_STR("https://"))  ? 8
                    : dgm_str_starts(url, DGM_STR("http://")) ? 7
                                                              : 0;
    if (scheme == 0)
        return "must begin with http:// or https://";
    if (url.n > URL_BYTES_MAX)
        return "is longer than 2048 bytes";
    struct dgm_str rest = dgm_str_skip(url, scheme);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || (unsigned char)rest.p[i] > '~' || rest.p[i] == '?' ||
            rest.p[i] == '#' || rest.p[i] == '\\' || rest.p[i] == '"')
            return "must be plain ASCII without blanks, ? and #";
    struct dgm_str authority = dgm_str_head(rest, dgm_str_find_char(rest, '/'));
    if (dgm_str_find_char(authority, '@') != authority.n)
        return "must be without a user; that belongs under credentials";
    bool brackets = authority.n != 0 && authority.p[0] == '[';
    size_t end =
        brackets ? dgm_str_find_char(authority, ']') + 1 : dgm_str_find_char(authority, ':');
    struct dgm_str host = dgm_str_head(authority, end), port = dgm_str_skip(authority, end);
    if (end == 0 || end > authority.n || (brackets && end < 4) || dgm_str_eq(host, DGM_STR(".")))
        return "has no host";
    if (host.n > HOST_BYTES_MAX)
        return "has a host longer than 255 bytes";
    uint64_t u;
    if (port.n != 0 &&
        (port.p[0] != ':' || !dgm_str_u64(dgm_str_skip(port, 1), &u) || u == 0 || u > 65535))
        return "has a port that is none";
    return NULL;
}

/* The place to name for a member: its own, or the entry's where it is missing. */
static const struct gw_node *member_node(const struct gw_node *entry, struct dgm_str key)
{
    const struct gw_node *node = gw_node_get(entry, key);
    return node ? node : entry;
}

static void check_names(struct gw_parse *p, const struct gw_upstream *u, const struct gw_node *node,
                        struct dgm_str label)
{
    static const char wanted[] =
        " is no name that can stand in a URL: letters, digits and . _ : @ -";
    if (u->project.p && !dgm_name_ok(u->project))
        gw_problem(p, member_node(node, DGM_STR("project")), label, DGM_STR(".project: \""),
                   dgm_str_head(u->project, 80), DGM_STR("\""), dgm_str_c(wanted));
    for (size_t i = 0; i < u->locations.n; i++)
        if (!dgm_name_ok(u->locations.at[i]))
            gw_problem(p, member_node(node, DGM_STR("locations")), label, DGM_STR(".locations: \""),
                       dgm_str_head(u->locations.at[i], 80), DGM_STR("\""), dgm_str_c(wanted));
}

/* One kind of secret in the place of another, which Google would answer with a 401 that says neither (user-pain H5). */
static void check_credentials(struct gw_parse *p, const struct gw_upstream *u,
                              const struct gw_node *node, struct dgm_str label)
{
    enum auth_secret secret = auth_secret_of(u->credentials.value);
    bool google = u->kind == GW_VERTEX || u->kind == GW_GEMINI;
    const char *fault = NULL;
    if (u->credentials.kind == GW_CREDENTIALS_FILE && secret != AUTH_SECRET_UNKNOWN)
        fault = ", where the path of a file is expected";
    else if (google && u->credentials.kind == GW_CREDENTIALS_API_KEY &&
             secret == AUTH_SECRET_ACCESS_TOKEN)
        fault =
            ", which is no API key: write {bearer: TOKEN}, or adc, for tokens end after an hour";
    else if (google && u->credentials.kind == GW_CREDENTIALS_BEARER &&
             secret == AUTH_SECRET_API_KEY)
        fault = ", which is no token: write {api_key: KEY}";
    else if (google && secret != AUTH_SECRET_UNKNOWN && secret != AUTH_SECRET_API_KEY &&
             secret != AUTH_SECRET_ACCESS_TOKEN)
        fault =
            ", which says nobody's name by itself: write {file: PATH} with the file it belongs to";
    if (fault != NULL)
        gw_problem(p, member_node(node, DGM_STR("credentials")), label,
                   DGM_STR(".credentials: this is "), auth_secret_name(secret), dgm_str_c(fault));
}

static void check_upstream(struct gw_parse *p, struct gw_upstream *u, const struct gw_node *node,
                           struct dgm_str label)
{
    assert(u->kind >= GW_VERTEX && u->kind <= GW_EMULATOR);
    int bit = 1 << u->kind;
    struct dgm_str kind = gw_upstream_kind_name(u->kind);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct gw_node *member = gw_node_get(node, members[i].key);
        if (member && !(members[i].kinds & bit))
            gw_problem(p, member->name, label, DGM_STR("."), members[i].key,
                       DGM_STR(" means nothing for kind "), kind);
    }
    const char *fault = u->base_url.p ? gw_url_fault(u->base_url) : NULL;
    if (fault)
        gw_problem(p, member_node(node, DGM_STR("base_url")), label, DGM_STR(".base_url "),
                   dgm_str_c(fault));
    struct gw_origin *origin = fault || !u->base_url.p ? NULL : gw_parse_take(p, sizeof *origin);
    if (origin) { /* once, for each request wants it */
        gw_origin_read(u->base_url, origin);
        u->origin = origin;
    }
    struct net_proxy proxy;
    fault = u->proxy.p && !dgm_str_eq(u->proxy, DGM_STR("none")) ? net_proxy_read(u->proxy, &proxy)
                                                                 : NULL;
    if (fault)
        gw_problem(p, member_node(node, DGM_STR("proxy")), label, DGM_STR(".proxy "),
                   dgm_str_c(fault));
    if (!u->base_url.p && !gw_node_get(node, DGM_STR("base_url")) && bit & O)
        gw_problem(p, node, label, DGM_STR(": kind "), kind,
                   DGM_STR(" needs \"base_url\", as http://127.0.0.1:8000"));
    if (!gw_node_get(node, DGM_STR("credentials"))) {
        if (u->kind == GW_VERTEX && u->credentials.kind == GW_CREDENTIALS_NONE)
            u->credentials.kind = GW_CREDENTIALS_ADC;
        /* Not `caller` unasked: the clients' keys for this gateway are none of Google's business. */
        if (u->kind == GW_GEMINI && u->credentials.kind == GW_CREDENTIALS_NONE &&
            p->config->replay.dir.p == NULL)
            gw_problem(p, node, label,
                       DGM_STR(": kind gemini needs \"credentials\": {api_key: KEY} or caller"));
    }
    u->at_endpoint =
        u->kind == GW_VERTEX && dgm_str_find(u->base_url, DGM_STR("/endpoints/")) != u->base_url.n;
    check_names(p, u, node, label);
    check_credentials(p, u, node, label);
}

static void read_upstream(struct gw_parse *p, struct gw_upstream *u, const struct gw_node *node,
                          struct dgm_str label)
{
    *u = (struct gw_upstream){.name = gw_parse_keep(p, node->name->text), .kind = -1};
    if (!is_upstream_name(u->name))
        gw_problem(p, node->name, gw_node_quoted(p, node->name),
                   DGM_STR(" is no name for an upstream: up to 64 letters, digits and - _ ."));
    if (node->kind != GW_NODE_MAP) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" where {kind: ...} is expected"));
        return;
    }
    gw_map_read(p, GW_OF_UPSTREAM, u, node, label, DGM_STR(""));
    if (!gw_node_get(node, DGM_STR("kind")))
        gw_problem(p, node, label,
                   DGM_STR(": \"kind\" is missing: vertex, gemini, vllm, tgi, openai or emulator"));
    if (u->kind >= 0)
        check_upstream(p, u, node, label);
}

static bool is_map(struct gw_parse *p, const struct gw_node *node, struct dgm_str label,
                   size_t most)
{
    if (node->null)
        return false;
    if (node->kind != GW_NODE_MAP) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" where a mapping of names is expected"));
        return false;
    }
    if (node->n > most) {
        gw_problem(p, node, label, DGM_STR(": more entries than are taken"));
        return false;
    }
    return true;
}

void gw_upstreams_read(struct gw_parse *p, const struct gw_node *node, struct dgm_str label)
{
    size_t most = (size_t)gw_row_find(GW_OF_CONFIG, label)->max, n = 0;
    if (!is_map(p, node, label, most) || node->n == 0)
        return;
    struct gw_upstream *at = gw_parse_take(p, node->n * sizeof *at);
    if (!at)
        return;
    for (const struct gw_node *item = node->first; item; item = item->next) {
        read_upstream(p, &at[n], item, gw_join(p, label, DGM_STR("."), item->name->text));
        at[n].index = n;
        n++;
    }
    p->upstreams = node;
    p->config->upstreams = at;
    p->config->upstreams_n = n;
}

void gw_upstreams_single(struct gw_parse *p, const struct gw_upstream *from)
{
    static const struct gw_node nowhere = {0};
    struct gw_upstream *u = gw_parse_take(p, sizeof *u);
    struct dgm_str *locations =
        from ? gw_parse_take(p, (from->locations.n + 1) * sizeof *locations) : NULL;
    if (!u || (from && !locations))
        return;
    p->config->upstreams = u;
    p->config->upstreams_n = 1;
    if (!from) {
        *u = (struct gw_upstream){.name = DGM_STR("emulator"), .kind = GW_EMULATOR};
        return;
    }
    *u = (struct gw_upstream){.name = gw_parse_keep(p, gw_upstream_kind_name(from->kind)),
                              .kind = from->kind};
    u->project = gw_parse_keep(p, from->project);
    u->base_url = gw_parse_keep(p, from->base_url);
    u->model = gw_parse_keep(p, from->model);
    u->credentials =
        (struct gw_credentials){from->credentials.kind, gw_parse_keep(p, from->credentials.value)};
    for (size_t i = 0; i < from->locations.n; i++)
        locations[i] = gw_parse_keep(p, from->locations.at[i]);
    u->locations = (struct gw_strs){locations, from->locations.n};
    struct dgm_str key = gw_parse_env(p, DGM_STR("GEMINI_API_KEY"));
    if (u->kind == GW_GEMINI && u->credentials.kind == GW_CREDENTIALS_NONE && key.n)
        u->credentials = (struct gw_credentials){GW_CREDENTIALS_API_KEY, gw_parse_keep(p, key)};
    if (u->kind == GW_GEMINI && u->credentials.kind == GW_CREDENTIALS_NONE &&
        p->config->replay.dir.p == NULL) {
        gw_problem(
            p, &nowhere,
            DGM_STR("--upstream gemini: the environment variable GEMINI_API_KEY is not set"));
        return;
    }
    /* As Vertex itself is asked. It is one person's gateway then, without keys of its own. */
    if (u->kind == GW_VERTEX && u->credentials.kind == GW_CREDENTIALS_NONE)
        u->credentials.kind = GW_CREDENTIALS_CALLER;
    check_upstream(p, u, &nowhere, DGM_STR("--upstream"));
}

/* ---- models and endpoints ---- */

static bool is_pattern(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || (unsigned char)s.p[i] > '~')
            return false;
    return s.n <= PATTERN_BYTES_MAX;
}

static void read_model(struct gw_parse *p, struct gw_model *m, const struct gw_node *node,
                       struct dgm_str label)
{
    struct raw_model raw = {0};
    if (node->kind != GW_NODE_MAP) {
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" where {match: PATTERN, upstream: NAME} is expected"));
        return;
    }
    gw_map_read(p, GW_OF_MODEL, &raw, node, label, DGM_STR(""));
    m->match = raw.match;
    if (!raw.match.p && !gw_node_get(node, DGM_STR("match")))
        gw_problem(p, node, label, DGM_STR(": \"match\" is missing"));
    if (raw.match.p && !is_pattern(raw.match))
        gw_problem(p, member_node(node, DGM_STR("match")), label,
                   DGM_STR(".match: a pattern is up to 256 bytes of ASCII without blanks"));
    gw_choices_read(p, &m->choices, raw.upstream, node, label);
    m->upstream = m->choices.n != 0 ? m->choices.at[0].upstream : NULL;
}

void gw_models_make(struct gw_parse *p)
{
    const struct gw_node *node = p->source->upstream ? NULL : p->models;
    struct dgm_str label = DGM_STR("models");
    bool some = node && node->kind == GW_NODE_LIST && node->n != 0;
    if (node && node->kind != GW_NODE_LIST && !node->null)
        gw_problem(p, node, label, DGM_STR(": "), gw_node_quoted(p, node),
                   DGM_STR(" where a list of {match: PATTERN, upstream: NAME} is expected"));
    if (some && node->n > (size_t)gw_row_find(GW_OF_CONFIG, label)->max) {
        gw_problem(p, node, label, DGM_STR(": more entries than are taken"));
        return;
    }
    struct gw_model *at = gw_parse_take(p, (some ? node->n : 1) * sizeof *at);
    if (!at)
        return;
    p->config->models = at;
    p->config->models_n = some ? node->n : 1;
    if (!some) {
        *at = (struct gw_model){.match = DGM_STR("*"), .upstream = p->config->upstreams};
        gw_choices_single(p, &at->choices, at->upstream);
        return;
    }
    size_t n = 0;
    for (const struct gw_node *item = node->first; item; item = item->next)
        read_model(p, &at[n++], item, label);
}

void gw_aliases_read(struct gw_parse *p, const struct gw_node *node, struct dgm_str label)
{
    size_t most = (size_t)gw_row_find(GW_OF_CONFIG, label)->max, n = 0;
    if (!is_map(p, node, label, most) || node->n == 0)
        return;
    struct gw_alias *at = gw_parse_take(p, node->n * sizeof *at);
    if (!at)
        return;
    for (const struct gw_node *item = node->first; item; item = item->next) {
        struct dgm_str item_label = gw_join(p, label, DGM_STR("."), item->name->text);
        if (!is_pattern(item->name->text))
            gw_problem(p, item->name, label, DGM_STR(": "), gw_node_quoted(p, item->name),
                       DGM_STR(" is no pattern: up to 256 bytes of ASCII without blanks"));
        if (item->kind != GW_NODE_SCALAR || item->null || item->text.n == 0 ||
            !is_pattern(item->text) || dgm_str_find_char(item->text, '*') != item->text.n)
            gw_problem(p, item, item_label, DGM_STR(": "), gw_node_quoted(p, item),
                       DGM_STR(" where the name of a model is expected"));
        at[n++] =
            (struct gw_alias){gw_parse_keep(p, item->name->text), gw_parse_keep(p, item->text)};
    }
    p->config->aliases = at;
    p->config->aliases_n = n;
}

/* Without a configuration there are two, one of each kind of server; gw_config_endpoint knows their order. */
static void emulate_endpoints(struct gw_parse *p)
{
    struct gw_upstream *u = gw_parse_take(p, 2 * sizeof *u);
    struct gw_endpoint *at = gw_parse_take(p, 2 * sizeof *at);
    if (!u || !at)
        return;
    u[0] = u[1] = p->config->upstreams[0];
    u[0].dialect = GW_DIALECT_VLLM;
    u[1].dialect = GW_DIALECT_TGI;
    at[0] = (struct gw_endpoint){DGM_STR("4815162342"), DGM_STR("emulated vLLM"), &u[0], {0}};
    at[1] = (struct gw_endpoint){DGM_STR("tgi-4815162342"), DGM_STR("emulated TGI"), &u[1], {0}};
    gw_choices_single(p, &at[0].choices, &u[0]);
    gw_choices_single(p, &at[1].choices, &u[1]);
    p->config->endpoints = at;
    p->config->endpoints_n = 2;
    p->config->any_endpoint = true;
}

void gw_endpoints_make(struct gw_parse *p)
{
    const struct gw_node *node = p->source->upstream ? NULL : p->endpoints;
    struct dgm_str label = DGM_STR("endpoints");
    size_t n = 0;
    if (!node || node->null) {
        if (p->config->fallback)
            emulate_endpoints(p);
        return;
    }
    if (!is_map(p, node, label, (size_t)gw_row_find(GW_OF_CONFIG, label)->max) || node->n == 0)
        return;
    struct gw_endpoint *at = gw_parse_take(p, node->n * sizeof *at);
    if (!at)
        return;
    for (const struct gw_node *item = node->first; item; item = item->next) {
        struct gw_endpoint *e = &at[n++];
        struct dgm_str item_label = gw_join(p, label, DGM_STR("."), item->name->text);
        struct raw_endpoint raw = {0};
        e->id = gw_parse_keep(p, item->name->text);
        if (!dgm_name_ok(e->id) || dgm_str_eq(e->id, DGM_STR("openapi")))
            gw_problem(
                p, item->name, gw_node_quoted(p, item->name),
                DGM_STR(" is no endpoint ID: letters, digits and . _ : @ -, and not \"openapi\""));
        if (item->kind != GW_NODE_MAP) {
            gw_problem(p, item, item_label, DGM_STR(": "), gw_node_quoted(p, item),
                       DGM_STR(" where {upstream: NAME} is expected"));
            continue;
        }
        gw_map_read(p, GW_OF_ENDPOINT, &raw, item, item_label, DGM_STR(""));
        e->display_name = raw.display_name;
        gw_choices_read(p, &e->choices, raw.upstream, item, item_label);
        e->upstream = e->choices.n != 0 ? e->choices.at[0].upstream : NULL;
    }
    p->config->endpoints = at;
    p->config->endpoints_n = n;
}
