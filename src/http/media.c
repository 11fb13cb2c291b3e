/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - reading the values of single headers. */
#include "http/media.h"

#include "base/str.h"

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static bool is_one_of(char c, struct dgm_str set)
{
    return dgm_str_find_char(set, c) < set.n;
}

/* RFC 9110 5.6.2. A table: each name of each head we put is held to it. */
static const bool token_chars[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool is_tchar(char c)
{
    return token_chars[(unsigned char)c];
}

/* Takes the longest run of characters `is` holds for off the front of `*s`; it may be empty. */
static struct dgm_str take_while(struct dgm_str *s, bool (*is)(char))
{
    size_t n = 0;
    while (n < s->n && is(s->p[n]))
        n++;
    struct dgm_str run = dgm_str_head(*s, n);
    *s = dgm_str_skip(*s, n);
    return run;
}

static bool take_char(struct dgm_str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = dgm_str_skip(*s, 1);
    return true;
}

bool http_token_ok(struct dgm_str s)
{
    struct dgm_str rest = s;
    take_while(&rest, is_tchar);
    return s.n != 0 && rest.n == 0;
}

bool http_request_id_ok(struct dgm_str s)
{
    if (s.n == 0 || s.n > 128)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], DGM_STR("._-")))
            return false;
    return true;
}

bool http_list_has(struct dgm_str list, struct dgm_str token)
{
    struct dgm_str item;
    while (dgm_str_split(&list, ',', &item))
        if (dgm_str_eq_nocase(dgm_str_trim(item), token))
            return true;
    return false;
}

int64_t http_fresh_s(struct dgm_str cache_control, struct dgm_str age)
{
    struct dgm_str item, name = DGM_STR("max-age=");
    int64_t fresh_s = -1, age_s = 0;
    uint64_t n;
    if (http_list_has(cache_control, DGM_STR("no-store")) ||
        http_list_has(cache_control, DGM_STR("no-cache")))
        return 0;
    while (fresh_s < 0 && dgm_str_split(&cache_control, ',', &item)) {
        item = dgm_str_trim(item);
        if (dgm_str_eq_nocase(dgm_str_head(item, name.n), name) &&
            dgm_str_u64(dgm_str_skip(item, name.n), &n))
            fresh_s = n < INT32_MAX ? (int64_t)n : INT32_MAX;
    }
    if (dgm_str_u64(dgm_str_trim(age), &n))
        age_s = n < INT32_MAX ? (int64_t)n : INT32_MAX;
    return fresh_s < 0 ? -1 : fresh_s > age_s ? fresh_s - age_s : 0;
}

/* ---- media types and codings ----------------------------------------------------------------- */

/*
 * Takes a token or a quoted string. A quoted pair keeps its backslash: nothing we look for has one.
 */
static bool take_value(struct dgm_str *s, struct dgm_str *ret)
{
    if (!take_char(s, '"')) {
        *ret = take_while(s, is_tchar);
        return ret->n != 0;
    }
    size_t n = 0;
    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' ? 2 : 1;
    if (n >= s->n)
        return false;
    *ret = dgm_str_head(*s, n);
    *s = dgm_str_skip(*s, n + 1);
    return true;
}

/*
 * Whether `s` is a list of parameters in which the only charset is one that JSON in UTF-8 may
 * claim.
 */
static bool parameters_are_fine(struct dgm_str s)
{
    unsigned charsets = 0;
    while ((s = dgm_str_trim(s)).n != 0) {
        struct dgm_str value;
        if (!take_char(&s, ';'))
            return false;
        s = dgm_str_trim(s);
        struct dgm_str name = take_while(&s, is_tchar);
        if (name.n == 0 && (s.n == 0 || s.p[0] == ';'))
            continue; /* RFC 9110 5.6.6: an empty parameter */
        if (name.n == 0 || !take_char(&s, '=') || !take_value(&s, &value))
            return false;
        if (!dgm_str_eq_nocase(name, DGM_STR("charset")))
            continue;
        bool utf8 = dgm_str_eq_nocase(value, DGM_STR("utf-8")) ||
                    dgm_str_eq_nocase(value, DGM_STR("utf8")) ||
                    dgm_str_eq_nocase(value, DGM_STR("us-ascii"));
        if (!utf8 || ++charsets > 1)
            return false;
    }
    return true;
}

static bool ends_nocase(struct dgm_str s, struct dgm_str suffix)
{
    return s.n >= suffix.n && dgm_str_eq_nocase(dgm_str_skip(s, s.n - suffix.n), suffix);
}

enum http_media http_media_type(struct dgm_str s)
{
    if (dgm_str_eq(s, DGM_STR("application/json"))) /* as nearly everybody says it */
        return HTTP_MEDIA_JSON;
    s = dgm_str_trim(s);
    if (s.n == 0)
        return HTTP_MEDIA_NONE;
    struct dgm_str type = take_while(&s, is_tchar);
    if (type.n == 0 || !take_char(&s, '/'))
        return HTTP_MEDIA_OTHER;
    struct dgm_str subtype = take_while(&s, is_tchar);
    if (subtype.n == 0 || !parameters_are_fine(s))
        return HTTP_MEDIA_OTHER;
    if (dgm_str_eq_nocase(type, DGM_STR("application")) &&
        (dgm_str_eq_nocase(subtype, DGM_STR("json")) || ends_nocase(subtype, DGM_STR("+json"))))
        return HTTP_MEDIA_JSON;
    if (dgm_str_eq_nocase(type, DGM_STR("text")) &&
        dgm_str_eq_nocase(subtype, DGM_STR("event-stream")))
        return HTTP_MEDIA_EVENTS;
    return HTTP_MEDIA_OTHER;
}

bool http_coding_is_plain(struct dgm_str s)
{
    struct dgm_str item;
    while (dgm_str_split(&s, ',', &item)) {
        item = dgm_str_trim(item);
        if (item.n != 0 && !dgm_str_eq_nocase(item, DGM_STR("identity")))
            return false;
    }
    return true;
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static bool take_octet(struct dgm_str *s, unsigned char *ret)
{
    unsigned value = 0;
    size_t n = 0;
    while (n < s->n && n < 3 && is_digit(s->p[n]))
        value = value * 10 + (unsigned)(s->p[n++] - '0');
    if (n == 0 || value > 255 || (n > 1 && s->p[0] == '0'))
        return false;
    *ret = (unsigned char)value;
    *s = dgm_str_skip(*s, n);
    return true;
}

/* A dotted quad of plain decimals: no leading zeros, no missing parts, no other bases. */
static bool parse_ipv4(struct dgm_str s, unsigned char ret[4])
{
    for (size_t i = 0; i < 4; i++)
        if ((i != 0 && !take_char(&s, '.')) || !take_octet(&s, &ret[i]))
            return false;
    return s.n == 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static unsigned hex_number(struct dgm_str s)
{
    unsigned value = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit =
            s.p[i] <= '9' ? (unsigned)(s.p[i] - '0') : (unsigned)((s.p[i] | 0x20) - 'a' + 10);
        value = value * 16 + digit;
    }
    return value;
}

/* RFC 4291 2.2, all three forms; no zone. */
static bool parse_ipv6(struct dgm_str s, unsigned char ret[16])
{
    unsigned char bytes[16] = {0};
    size_t n = 0, gap = sizeof(bytes) + 1; /* where "::" stood */
    if (s.n >= 2 && s.p[0] == ':' && s.p[1] == ':') {
        gap = 0;
        s = dgm_str_skip(s, 2);
    }
    while (s.n != 0) {
        if (n + 4 <= sizeof(bytes) && parse_ipv4(s, bytes + n)) {
            n += 4;
            break;
        }
        struct dgm_str group = take_while(&s, is_hex);
        if (group.n == 0 || group.n > 4 || n + 2 > sizeof(bytes))
            return false;
        unsigned value = hex_number(group);
        bytes[n++] = (unsigned char)(value >> 8);
        bytes[n++] = (unsigned char)(value & 0xff);
        if (s.n == 0)
            break;
        if (!take_char(&s, ':') || s.n == 0)
            return false;
        if (s.p[0] == ':') {
            if (gap <= sizeof(bytes))
                return false;
            gap = n;
            s = dgm_str_skip(s, 1);
        }
    }
    bool full = n == sizeof(bytes);
    if (gap > sizeof(bytes) ? !full : full)
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        size_t behind =
            sizeof(bytes) - i; /* counted from the end, where what followed the gap belongs */
        ret[i] = full || i < gap ? bytes[i] : behind <= n - gap ? bytes[n - behind] : 0;
    }
    return true;
}

static bool ipv6_is_loopback(const unsigned char a[16])
{
    for (size_t i = 0; i < 10; i++)
        if (a[i] != 0)
            return false;
    if (a[10] == 0xff && a[11] == 0xff)
        return a[12] == 127;
    return a[10] == 0 && a[11] == 0 && a[12] == 0 && a[13] == 0 && a[14] == 0 && a[15] == 1;
}

/* RFC 3986's reg-name as DNS uses it, plus "_", which container networks put into names. A table: each request has one. */
static const bool name_chars[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    ['-'] = true,         ['.'] = true,         ['_'] = true,
};

static bool is_name_char(char c)
{
    return name_chars[(unsigned char)c];
}

static bool has_empty_label(struct dgm_str name)
{
    for (size_t i = 1; i < name.n; i++)
        if (name.p[i] == '.' && name.p[i - 1] == '.')
            return true;
    return name.n == 0 || name.p[0] == '.';
}

static bool name_is_loopback(struct dgm_str name)
{
    if (dgm_str_ends(name, DGM_STR("."))) /* the root's dot */
        name = dgm_str_head(name, name.n - 1);
    return dgm_str_eq_nocase(name, DGM_STR("localhost")) ||
           ends_nocase(name, DGM_STR(".localhost"));
}

static bool take_name(struct dgm_str *s, struct http_host *h)
{
    h->name = take_while(s, is_name_char);
    if (h->name.n > 255 || has_empty_label(h->name))
        return false;
    unsigned char ipv4[4];
    bool is_ipv4 = parse_ipv4(h->name, ipv4);
    h->kind = is_ipv4 ? HTTP_HOST_IPV4 : HTTP_HOST_NAME;
    h->loopback = is_ipv4 ? ipv4[0] == 127 : name_is_loopback(h->name);
    return true;
}

static bool take_literal(struct dgm_str *s, struct http_host *h)
{
    unsigned char ipv6[16];
    size_t end = dgm_str_find_char(*s, ']');
    h->name = dgm_str_head(*s, end);
    if (end == s->n || !parse_ipv6(h->name, ipv6))
        return false;
    h->kind = HTTP_HOST_IPV6;
    h->loopback = ipv6_is_loopback(ipv6);
    *s = dgm_str_skip(*s, end + 1);
    return true;
}

bool http_host_parse(struct dgm_str s, struct http_host *ret)
{
    struct http_host h = {.port = -1};
    if (take_char(&s, '[') ? !take_literal(&s, &h) : !take_name(&s, &h))
        return false;
    if (take_char(&s, ':') && s.n != 0) { /* RFC 3986 3.2.3: the port may be empty */
        uint64_t port;
        if (s.n > 5 || !dgm_str_u64(s, &port) || port > 65535)
            return false;
        h.port = (int)port;
        s = dgm_str_skip(s, s.n);
    }
    if (s.n != 0)
        return false;
    *ret = h;
    return true;
}

static bool is_scheme_char(char c)
{
    return is_alnum(c) || c == '+' || c == '-' || c == '.';
}

bool http_origin_parse(struct dgm_str s, struct http_host *ret)
{
    struct dgm_str scheme = take_while(&s, is_scheme_char);
    if (scheme.n == 0 || !dgm_str_starts(s, DGM_STR("://")))
        return false;
    return http_host_parse(dgm_str_skip(s, 3), ret);
}

/* ---- credentials ----------------------------------------------------------------------------- */

static bool is_visible(char c)
{
    return c > 0x20 && c < 0x7f;
}

/*
 * Wider than RFC 6750's b64token: keys of other gateways hold other characters, and all are only
 * compared.
 */
struct dgm_str http_bearer(struct dgm_str s)
{
    const struct dgm_str absent = {0};
    s = dgm_str_trim(s);
    if (!dgm_str_eq_nocase(dgm_str_head(s, 6), DGM_STR("Bearer")))
        return absent;
    s = dgm_str_skip(s, 6);
    struct dgm_str token = dgm_str_trim(s);
    if (token.n == 0 || token.n == s.n)
        return absent;
    struct dgm_str rest = token;
    take_while(&rest, is_visible);
    return rest.n == 0 ? token : absent;
}
