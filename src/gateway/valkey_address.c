/* SPDX-License-Identifier: Apache-2.0 */
/* valkey_address.c - a Valkey's address read. */
#include "gateway/valkey_address.h"

#include "base/buf.h"
#include "base/str.h"

#define PORT 6379
#define DB_MAX 1000000

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Copies a part, its %XX decoded. False: it is too long, has a broken escape, or a zero. */
static bool decode(struct dgm_str s, char to[GW_VALKEY_TEXT_MAX], size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? digit_of(s.p[i + 1]) : -1;
            int low = high >= 0 ? digit_of(s.p[i + 2]) : -1;
            c = low >= 0 ? 16 * high + low : 0;
            i += 2;
        }
        if (c == 0 || n == GW_VALKEY_TEXT_MAX)
            return false;
        to[n++] = (char)c;
    }
    *ret_n = n;
    return true;
}

static bool take_scheme(struct dgm_str *url, bool *ret_tls)
{
    static const struct {
        struct dgm_str scheme;
        bool tls;
    } schemes[] = {{DGM_STR("redis://"), false},
                   {DGM_STR("rediss://"), true},
                   {DGM_STR("valkey://"), false},
                   {DGM_STR("valkeys://"), true}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (!dgm_str_starts(*url, schemes[i].scheme))
            continue;
        *ret_tls = schemes[i].tls;
        *url = dgm_str_skip(*url, schemes[i].scheme.n);
        return true;
    }
    return false;
}

/* The last "@": a password may have one that nobody escaped. */
static size_t find_at(struct dgm_str s)
{
    size_t i = s.n;
    while (i != 0 && s.p[i - 1] != '@')
        i--;
    return i != 0 ? i - 1 : s.n;
}

static const char *read_user(struct dgm_str said, struct gw_valkey_address *to)
{
    size_t colon = dgm_str_find_char(said, ':');
    if (colon == said.n)
        return "has a user without a password; expected redis://[USER]:PASSWORD@HOST";
    if (!decode(dgm_str_head(said, colon), to->user, &to->user_n) ||
        !decode(dgm_str_skip(said, colon + 1), to->password, &to->password_n))
        return "has a user or password that can not be read: at most 256 bytes, with %XX for what is special";
    return NULL;
}

static const char *read_host(struct dgm_str said, struct gw_valkey_address *to)
{
    struct dgm_str host, port;
    uint64_t number = PORT;
    if (dgm_str_starts(said, DGM_STR("["))) {
        size_t end = dgm_str_find_char(said, ']');
        host = dgm_str_skip(dgm_str_head(said, end), 1);
        port = dgm_str_skip(said, end + 1);
    } else {
        size_t colon = dgm_str_find_char(said, ':');
        host = dgm_str_head(said, colon);
        port = dgm_str_skip(said, colon);
    }
    if (host.n == 0 || !decode(host, to->host, &to->host_n))
        return "has no host";
    if (port.n != 0 && (port.p[0] != ':' || !dgm_str_u64(dgm_str_skip(port, 1), &number) ||
                        number == 0 || number > UINT16_MAX))
        return "has a port that is none";
    to->port = (uint16_t)number;
    return NULL;
}

const char *gw_valkey_read(struct dgm_str url, struct gw_valkey_address *ret)
{
    struct gw_valkey_address to = {0};
    uint64_t db = 0;
    if (!take_scheme(&url, &to.tls))
        return "must begin with redis:// or rediss://";
    size_t at = find_at(url);
    const char *fault = at < url.n ? read_user(dgm_str_head(url, at), &to) : NULL;
    struct dgm_str rest = at < url.n ? dgm_str_skip(url, at + 1) : url;
    size_t slash = dgm_str_find_char(rest, '/');
    struct dgm_str path = dgm_str_skip(rest, slash + 1);
    if (!fault)
        fault = read_host(dgm_str_head(rest, slash), &to);
    if (!fault && path.n != 0 && (!dgm_str_u64(path, &db) || db > DB_MAX))
        fault = "has a database that is no number";
    if (fault)
        return fault;
    to.db = (uint32_t)db;
    *ret = to;
    return NULL;
}
