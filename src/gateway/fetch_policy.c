/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_policy.c - which URLs of clients may be fetched, and from which addresses. */
#include "gateway/fetch_policy.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define GCS_HOST "storage.googleapis.com"
#define GCS_PAGES_HOST "storage.cloud.google.com" /* the same objects, for people in a browser */

/* ---- addresses ---------------------------------------------------------------------------------------- */

static bool is_public4(const uint8_t *at)
{
    static const struct {
        uint8_t at[4];
        unsigned bits;
    } ranges[] = {
#define RANGE4(a, b, c, d, bits, what) {{a, b, c, d}, bits},
#define RANGE6(prefix, bits, what)
#include "gateway/fetch_ranges.def"
#undef RANGE4
#undef RANGE6
    };
    uint32_t address = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const uint8_t *r = ranges[i].at;
        uint32_t base = (uint32_t)r[0] << 24 | (uint32_t)r[1] << 16 | (uint32_t)r[2] << 8 | r[3];
        if ((address ^ base) >> (32 - ranges[i].bits) == 0)
            return false;
    }
    return true;
}

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, size_t bits)
{
    size_t whole = bits / 8, rest = bits % 8;
    return memcmp(address, prefix, whole) == 0 &&
           (rest == 0 || (address[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

static bool is_public6(const uint8_t *at)
{
    static const struct {
        const char *prefix;
        unsigned bits;
    } ranges[] = {
#define RANGE4(a, b, c, d, bits, what)
#define RANGE6(prefix, bits, what) {prefix, bits},
#include "gateway/fetch_ranges.def"
#undef RANGE4
#undef RANGE6
    };
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};       /* RFC 6052 2.1 */
    if (memcmp(at, mapped, sizeof mapped) == 0 || memcmp(at, nat64, sizeof nat64) == 0)
        return is_public4(at + 12);
    if (at[0] >> 5 != 1) /* 2000::/3 */
        return false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct in6_addr prefix;
        int rc = inet_pton(AF_INET6, ranges[i].prefix, &prefix);
        assert(rc == 1);
        if (has_prefix(at, prefix.s6_addr, ranges[i].bits))
            return false;
    }
    return true;
}

bool gw_address_is_public(const union net_address *a)
{
    if (a->any.sa_family == AF_INET6)
        return is_public6(a->v6.sin6_addr.s6_addr);
    uint8_t at[4];
    memcpy(at, &a->v4.sin_addr, sizeof at);
    return a->any.sa_family == AF_INET && is_public4(at);
}

/* An address as an IPv6 one, in which IPv4 ones are mapped: so they compare. */
static void spread(const union net_address *a, uint8_t ret[16])
{
    if (a->any.sa_family == AF_INET6) {
        memcpy(ret, a->v6.sin6_addr.s6_addr, 16);
        return;
    }
    memset(ret, 0, 10);
    memset(ret + 10, 0xff, 2);
    memcpy(ret + 12, &a->v4.sin_addr, 4);
}

/* ---- what is allowed besides -------------------------------------------------------------------------- */

#define ANY_PORT 0
#define USUAL_PORTS (-1)

/* One entry: "HOST", "*.HOST", "ADDRESS", "ADDRESS/BITS", with ":PORT" or ":*" behind it; IPv6 before a port in []. */
struct allowed {
    struct dgm_str name; /* absent: a network */
    uint8_t at[16];
    size_t bits;
    int port;
};

static bool is_usual(uint16_t port)
{
    return port == 80 || port == 443;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static bool is_host_name(struct dgm_str s)
{
    struct dgm_str rest = s, label;
    for (size_t i = 0; i < s.n; i++)
        if (!is_host_char(s.p[i]))
            return false;
    if (s.n == 0 || s.n > NET_HOST_MAX || s.p[s.n - 1] == '.')
        return false;
    while (dgm_str_split(&rest, '.', &label))
        if (label.n == 0 || label.n > 63)
            return false;
    return true;
}

static bool read_number(struct dgm_str text, union net_address *ret)
{
    char host[INET6_ADDRSTRLEN + 1];
    if (text.n == 0 || text.n >= sizeof host)
        return false;
    memcpy(host, text.p, text.n);
    host[text.n] = '\0';
    *ret = (union net_address){.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1)
        return true;
    *ret = (union net_address){.v6 = {.sin6_family = AF_INET6}};
    return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1;
}

/* Splits ":8080" or ":*" off the end. */
static const char *read_port(struct dgm_str text, int *ret)
{
    uint64_t port;
    if (dgm_str_eq(text, DGM_STR("*"))) {
        *ret = ANY_PORT;
        return NULL;
    }
    if (!dgm_str_u64(text, &port) || port == 0 || port > 65535)
        return "has a port that is none";
    *ret = (int)port;
    return NULL;
}

static const char *read_network(struct dgm_str text, struct allowed *ret)
{
    struct dgm_str bits = text, address;
    union net_address number;
    uint64_t n = 0;
    if (!dgm_str_split(&bits, '/', &address) || !read_number(address, &number))
        return "is no address and no host";
    size_t most = number.any.sa_family == AF_INET ? 32 : 128;
    if (!bits.p)
        n = most;
    else if (!dgm_str_u64(bits, &n) || n > most)
        return "has a number of bits that is none";
    spread(&number, ret->at);
    ret->bits = (size_t)n + 128 - most;
    return NULL;
}

static const char *read_allowed(struct dgm_str entry, struct allowed *ret)
{
    struct dgm_str host = dgm_str_trim(entry), rest = {0};
    union net_address number;
    *ret = (struct allowed){.port = USUAL_PORTS};
    size_t colon = dgm_str_find_char(host, ':');
    bool many = dgm_str_find_char(dgm_str_skip(host, colon + 1), ':') + colon + 1 < host.n;
    char plain[INET6_ADDRSTRLEN + 8];
    if (host.n != 0 && host.p[0] == '[') { /* "[fd00::]/8:8080" becomes "fd00::/8" and its port */
        size_t close = dgm_str_find_char(host, ']');
        if (close == host.n)
            return "has a bracket that nothing closes";
        struct dgm_str behind = dgm_str_skip(host, close + 1);
        struct dgm_str bits = dgm_str_head(behind, dgm_str_find_char(behind, ':'));
        int n = snprintf(plain, sizeof plain, "%.*s%.*s",
                         (int)(close <= INET6_ADDRSTRLEN ? close - 1 : 0), host.p + 1,
                         (int)(bits.n < 5 ? bits.n : 5), bits.p ? bits.p : "");
        rest = dgm_str_skip(behind, bits.n);
        host = (struct dgm_str){plain, (size_t)n < sizeof plain ? (size_t)n : sizeof plain - 1};
        many = true;
    } else if (!many && colon < host.n) {
        rest = dgm_str_skip(host, colon);
        host = dgm_str_head(host, colon);
    }
    const char *fault = rest.n != 0 ? read_port(dgm_str_skip(rest, 1), &ret->port) : NULL;
    if (fault)
        return fault;
    if (many || dgm_str_find_char(host, '/') < host.n || read_number(host, &number))
        return read_network(host, ret);
    ret->name = host;
    struct dgm_str name = dgm_str_skip(host, dgm_str_starts(host, DGM_STR("*.")) ? 2 : 0);
    return is_host_name(name) ? NULL : "is no address and no host";
}

const char *gw_fetch_allow_fault(struct dgm_str entry)
{
    struct allowed a;
    return read_allowed(entry, &a);
}

static bool fits_port(const struct allowed *a, uint16_t port)
{
    return a->port == ANY_PORT || a->port == port || (a->port == USUAL_PORTS && is_usual(port));
}

static bool fits_name(const struct allowed *a, struct dgm_str host)
{
    if (!a->name.p || a->name.p[0] != '*')
        return a->name.p && dgm_str_eq_nocase(a->name, host);
    struct dgm_str suffix = dgm_str_skip(a->name, 1);
    return host.n > suffix.n && dgm_str_eq_nocase(dgm_str_skip(host, host.n - suffix.n), suffix);
}

static bool is_name_allowed(const struct gw_strs *allow, struct dgm_str host, uint16_t port)
{
    struct allowed a;
    for (size_t i = 0; i < allow->n; i++)
        if (!read_allowed(allow->at[i], &a) && fits_port(&a, port) && fits_name(&a, host))
            return true;
    return false;
}

/* Whether some entry opens a port; for whom it does is seen when the address is known. */
static bool is_port_open(const struct gw_strs *allow, uint16_t port)
{
    struct allowed a;
    for (size_t i = 0; i < allow->n; i++)
        if (!read_allowed(allow->at[i], &a) && fits_port(&a, port))
            return true;
    return is_usual(port);
}

bool gw_fetch_address_ok(const struct gw_strs *allow, const struct gw_fetch_url *u,
                         const union net_address *address)
{
    struct allowed a;
    uint8_t at[16];
    if (is_usual(u->port) && gw_address_is_public(address))
        return true;
    spread(address, at);
    for (size_t i = 0; i < allow->n; i++)
        if (!read_allowed(allow->at[i], &a) && fits_port(&a, u->port) && !a.name.p &&
            has_prefix(at, a.at, a.bits))
            return true;
    return is_name_allowed(allow, dgm_str_c(u->host), u->port);
}

/* ---- Google Cloud Storage ------------------------------------------------------------------------------- */

static bool takes_scheme(struct dgm_str *url, struct dgm_str scheme)
{
    if (!dgm_str_eq_nocase(dgm_str_head(*url, scheme.n), scheme))
        return false;
    *url = dgm_str_skip(*url, scheme.n);
    return true;
}

/* The rest behind the host, if that is one of Cloud Storage's two. */
static bool takes_gcs_host(struct dgm_str *rest)
{
    size_t slash = dgm_str_find_char(*rest, '/');
    struct dgm_str host = dgm_str_head(*rest, slash);
    if (!dgm_str_eq_nocase(host, DGM_STR(GCS_HOST)) &&
        !dgm_str_eq_nocase(host, DGM_STR(GCS_PAGES_HOST)))
        return false;
    *rest = dgm_str_skip(*rest, slash);
    return true;
}

bool gw_fetch_wants(int fetch, struct dgm_str url)
{
    if (fetch != GW_FETCH_GCS)
        return fetch == GW_FETCH_PUBLIC;
    return takes_scheme(&url, DGM_STR("gs://")) ||
           (takes_scheme(&url, DGM_STR("https://")) && takes_gcs_host(&url));
}

static bool is_bucket(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_host_char(s.p[i]))
            return false;
    return s.n >= 3 && s.n <= 222;
}

/* An object's name is any text: what is not plain is put percent-encoded, but its slashes. */
static void put_object(struct dgm_buf *out, struct dgm_str name)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (is_host_char((char)c) || c == '/' || c == '~') {
            dgm_buf_put_char(out, (char)c);
            continue;
        }
        dgm_buf_put_char(out, '%');
        dgm_buf_put_char(out, hex[c >> 4]);
        dgm_buf_put_char(out, hex[c & 15]);
    }
}

static const char *read_object(struct dgm_str path, struct dgm_buf *target)
{
    struct dgm_str object = path, bucket, rest, segment;
    if (!dgm_str_split(&object, '/', &bucket) || !is_bucket(bucket) || object.n == 0)
        return "it is not of the form gs://BUCKET/OBJECT";
    for (rest = object; dgm_str_split(&rest, '/', &segment);)
        if (dgm_str_eq(segment, DGM_STR(".")) || dgm_str_eq(segment, DGM_STR("..")))
            return "the object's name has . or .. between its slashes";
    dgm_buf_put_char(target, '/');
    dgm_buf_put(target, bucket);
    dgm_buf_put_char(target, '/');
    put_object(target, object);
    return NULL;
}

/* ---- hosts ---------------------------------------------------------------------------------------------- */

/* Names that no public host has: this machine's, those of its network (RFC 6761, 6762, 8375), of its cloud. */
static bool is_private_name(struct dgm_str host)
{
    static const struct dgm_str suffixes[] = {
        {".localhost", 10}, {".localdomain", 12}, {".local", 6}, {".internal", 9}, {".arpa", 5},
        {".lan", 4},        {".home", 5},         {".corp", 5},  {".intranet", 9}, {".private", 8}};
    if (dgm_str_find_char(host, '.') == host.n)
        return true; /* of one word: "localhost", "metadata", whatever the resolver adds to it */
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (dgm_str_ends(host, suffixes[i]))
            return true;
    return false;
}

/*
 * Whether the last label makes a name a number, by browsers' rules (WHATWG URL, "ends in a number"): what the resolver
 * then does not take for one is not worth asking about.
 */
static bool ends_in_number(struct dgm_str host)
{
    struct dgm_str rest = host, last = {0};
    while (dgm_str_split(&rest, '.', &last))
        continue;
    size_t i = 0;
    bool hex = last.n > 1 && last.p[0] == '0' && last.p[1] == 'x';
    for (i = hex ? 2 : 0; i < last.n; i++) {
        char c = last.p[i];
        if (!((c >= '0' && c <= '9') || (hex && c >= 'a' && c <= 'f')))
            return false;
    }
    return last.n != 0;
}

/* Fills in host and number. IPv4 is read as inet_aton(3) does, for so does the resolver: 127.1, 0x7f.1, 017700000001. */
static const char *read_host(struct dgm_str text, struct gw_fetch_url *ret)
{
    if (text.n == 0)
        return "it has no host";
    if (text.p[0] == '[') {
        struct dgm_str inside = dgm_str_skip(dgm_str_head(text, text.n - 1), 1);
        if (text.p[text.n - 1] != ']' || !read_number(inside, &ret->number) ||
            ret->number.any.sa_family != AF_INET6)
            return "its host is no IPv6 address";
        inet_ntop(AF_INET6, &ret->number.v6.sin6_addr, ret->host, sizeof ret->host);
        ret->is_number = true;
        return NULL;
    }
    struct dgm_str name = dgm_str_head(text, text.n - (text.p[text.n - 1] == '.'));
    if (!is_host_name(name))
        return "its host is no plain name (letters, digits, - and .); others are written as "
               "xn--...";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        ret->host[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    ret->host[name.n] = '\0';
    ret->number = (union net_address){.v4 = {.sin_family = AF_INET}};
    if (inet_aton(ret->host, &ret->number.v4.sin_addr) != 0) {
        inet_ntop(AF_INET, &ret->number.v4.sin_addr, ret->host, sizeof ret->host);
        ret->is_number = true;
        return NULL;
    }
    return ends_in_number(dgm_str_c(ret->host)) ? "its host is no name and no address" : NULL;
}

static const char *read_authority(struct dgm_str text, struct gw_fetch_url *ret)
{
    size_t end = text.n != 0 && text.p[0] == '[' ? dgm_str_find_char(text, ']') + 1
                                                 : dgm_str_find_char(text, ':');
    struct dgm_str port = dgm_str_skip(text, end);
    uint64_t n = ret->tls ? 443 : 80;
    if (dgm_str_find_char(text, '@') < text.n)
        return "it has a user in it";
    if (port.n > 1 && (port.p[0] != ':' || port.n > 6 || !dgm_str_u64(dgm_str_skip(port, 1), &n) ||
                       n == 0 || n > 65535))
        return "its port is none";
    ret->port = (uint16_t)n;
    return read_host(dgm_str_head(text, end), ret);
}

/* ---- URLs ----------------------------------------------------------------------------------------------- */

static const char *check_bytes(struct dgm_str url)
{
    if (url.n > GW_FETCH_URL_MAX)
        return "it is longer than 8192 bytes";
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c == 0x7f || c == '\\')
            return "it has blanks, control characters or backslashes in it";
    }
    return NULL;
}

static void put_authority(struct dgm_buf *out, const struct gw_fetch_url *u)
{
    bool six = u->is_number && u->number.any.sa_family == AF_INET6;
    dgm_buf_put(out, six ? DGM_STR("[") : DGM_STR(""));
    dgm_buf_put(out, dgm_str_c(u->host));
    dgm_buf_put(out, six ? DGM_STR("]") : DGM_STR(""));
    if (u->port != (u->tls ? 443 : 80)) {
        dgm_buf_put_char(out, ':');
        dgm_buf_put_int(out, u->port);
    }
}

/* What stands behind the scheme of http:// or https://. */
static const char *read_web(struct dgm_str rest, struct gw_fetch_url *ret, struct dgm_buf *target)
{
    struct dgm_str pages = rest;
    size_t end = 0;
    while (end < rest.n && !strchr("/?#", rest.p[end]))
        end++;
    const char *fault = read_authority(dgm_str_head(rest, end), ret);
    if (fault)
        return fault;
    struct dgm_str path = dgm_str_skip(rest, end);
    path = dgm_str_head(path, dgm_str_find_char(path, '#'));
    if (path.n == 0 || path.p[0] != '/')
        dgm_buf_put_char(target, '/');
    dgm_buf_put(target, path);
    if (ret->tls && ret->port == 443 && takes_gcs_host(&pages))
        memcpy(ret->host, GCS_HOST, sizeof GCS_HOST);
    return NULL;
}

static const char *read_any(struct dgm_str url, struct gw_fetch_url *ret, struct dgm_buf *target)
{
    const char *fault = check_bytes(url);
    if (takes_scheme(&url, DGM_STR("gs://"))) {
        ret->tls = true;
        ret->port = 443;
        memcpy(ret->host, GCS_HOST, sizeof GCS_HOST);
        return url.n > GW_FETCH_URL_MAX ? fault : read_object(url, target);
    }
    if (fault)
        return fault;
    ret->tls = takes_scheme(&url, DGM_STR("https://"));
    if (!ret->tls && !takes_scheme(&url, DGM_STR("http://")))
        return "it is none of https://, http:// and gs://";
    return read_web(url, ret, target);
}

static const char *check_place(const struct gw_fetch_url *u, const struct gw_strs *allow)
{
    struct dgm_str host = dgm_str_c(u->host);
    if (!is_port_open(allow, u->port))
        return "its port is neither 80 nor 443, nor one that fetch.allow has";
    if (u->is_number && !gw_fetch_address_ok(allow, u, &u->number))
        return "its address is not public, and not in fetch.allow";
    if (!u->is_number && is_private_name(host) && !is_name_allowed(allow, host, u->port))
        return "its host's name is not public, and not in fetch.allow";
    return NULL;
}

enum dgm_rc gw_fetch_url_read(struct dgm_str url, const struct gw_strs *allow,
                              struct dgm_arena *arena, struct gw_fetch_url *ret,
                              struct dgm_str *reterr)
{
    struct dgm_buf target, authority;
    *ret = (struct gw_fetch_url){0};
    dgm_buf_init(&target, dgm_arena_alloc(arena), (size_t)3 * GW_FETCH_URL_MAX + 2);
    dgm_buf_init(&authority, dgm_arena_alloc(arena), NET_HOST_MAX + 16);
    const char *fault = read_any(url, ret, &target);
    if (!fault)
        fault = check_place(ret, allow);
    if (fault) {
        *reterr = dgm_str_c(fault);
        return DGM_E_REFUSED;
    }
    put_authority(&authority, ret);
    ret->target = dgm_buf_str(&target);
    ret->authority = dgm_buf_str(&authority);
    return target.rc == DGM_OK && authority.rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

/* ---- redirects ------------------------------------------------------------------------------------------ */

static bool has_scheme(struct dgm_str s)
{
    size_t colon = dgm_str_find_char(s, ':');
    for (size_t i = 0; i < colon; i++)
        if (strchr("/?#", s.p[i]))
            return false;
    return colon != 0 && colon < s.n;
}

/* RFC 3986 5.2, but that dots are left to the server. */
struct dgm_str gw_fetch_redirect(const struct gw_fetch_url *from, struct dgm_str location,
                                 struct dgm_arena *arena)
{
    struct dgm_buf url;
    if (location.n == 0 || location.n > GW_FETCH_URL_MAX)
        return (struct dgm_str){0};
    dgm_buf_init(&url, dgm_arena_alloc(arena), (size_t)4 * GW_FETCH_URL_MAX);
    if (!has_scheme(location))
        dgm_buf_put(&url, from->tls ? DGM_STR("https:") : DGM_STR("http:"));
    if (!has_scheme(location) && !dgm_str_starts(location, DGM_STR("//"))) {
        struct dgm_str path = dgm_str_head(from->target, dgm_str_find_char(from->target, '?'));
        size_t keep = location.p[0] == '?' || location.p[0] == '#' ? path.n : 0;
        for (size_t i = 0; location.p[0] != '/' && keep == 0 && i < path.n; i++)
            if (path.p[path.n - 1 - i] == '/')
                keep = path.n - i;
        dgm_buf_put_lit(&url, "//");
        dgm_buf_put(&url, from->authority);
        dgm_buf_put(&url, dgm_str_head(path, keep));
    }
    dgm_buf_put(&url, location);
    return url.rc == DGM_OK ? dgm_buf_str(&url) : (struct dgm_str){0};
}
