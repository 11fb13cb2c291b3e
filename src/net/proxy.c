/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.c - what there is to know of proxies without a socket. */
#include "net/proxy.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define USERINFO_BYTES_MAX 512

/* ---- addresses -------------------------------------------------------------------------------------- */

/* "host", "host:1", "[::1]:1"; a number of IPv6 without brackets is all host. False: a port that is none. */
static bool split_port(struct dgm_str text, struct dgm_str *ret_host, uint64_t *port)
{
    bool brackets = dgm_str_starts(text, DGM_STR("["));
    size_t end = dgm_str_find_char(text, brackets ? ']' : ':');
    struct dgm_str rest = dgm_str_skip(text, end + brackets);
    if (brackets && end == text.n)
        return false;
    if (!brackets && dgm_str_find_char(dgm_str_skip(rest, 1), ':') != dgm_str_skip(rest, 1).n) {
        *ret_host = text;
        return true;
    }
    *ret_host = dgm_str_skip(dgm_str_head(text, end), brackets);
    if (rest.n == 0)
        return true;
    return rest.p[0] == ':' && dgm_str_u64(dgm_str_skip(rest, 1), port) && *port != 0 &&
           *port <= UINT16_MAX;
}

const char *net_proxy_read(struct dgm_str url, struct net_proxy *ret)
{
    struct net_proxy p = {.port = 80};
    for (size_t i = 0; i < url.n; i++) {
        if (url.p[i] <= ' ' || (unsigned char)url.p[i] > '~')
            return "must be plain ASCII without blanks";
    }
    size_t scheme = dgm_str_find(url, DGM_STR("://"));
    struct dgm_str rest = url;
    if (scheme != url.n) {
        if (!dgm_str_eq_nocase(dgm_str_head(url, scheme), DGM_STR("http")))
            return "is of a kind that can not be used; http:// can";
        rest = dgm_str_skip(url, scheme + 3);
    }
    struct dgm_str authority = dgm_str_head(rest, dgm_str_find_char(rest, '/'));
    if (dgm_str_skip(rest, authority.n).n > 1)
        return "has a path, which a proxy has not";
    size_t at = authority.n;
    while (at != 0 && authority.p[at - 1] != '@') /* the last one: passwords hold the others */
        at--;
    if (at != 0)
        p.userinfo = dgm_str_head(authority, at - 1);
    if (p.userinfo.n > USERINFO_BYTES_MAX)
        return "has a user and password longer than 512 bytes";
    uint64_t port = p.port;
    if (!split_port(dgm_str_skip(authority, at), &p.host, &port))
        return "has a port that is none";
    if (p.host.n == 0 || p.host.n > 255)
        return "has no host";
    p.port = (uint16_t)port;
    *ret = p;
    return NULL;
}

/* ---- exceptions ------------------------------------------------------------------------------------- */

/** A number of either family. */
struct number {
    unsigned char at[16];
    size_t n; /* 4, 16; 0: it is none */
};

static struct number read_number(struct dgm_str text)
{
    struct number number = {.n = 0};
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return number;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, number.at) == 1)
        number.n = 4;
    else if (inet_pton(AF_INET6, copy, number.at) == 1)
        number.n = 16;
    return number;
}

/* Whether the first `bits` of both are the same. */
static bool same_bits(const struct number *a, const struct number *b, uint64_t bits)
{
    if (a->n != b->n || bits > a->n * 8)
        return false;
    size_t whole = (size_t)bits / 8, rest = (size_t)bits % 8;
    unsigned mask = (0xff00U >> rest) & 0xff;
    return memcmp(a->at, b->at, whole) == 0 &&
           (rest == 0 || ((a->at[whole] ^ b->at[whole]) & mask) == 0);
}

static bool is_below(struct dgm_str host, struct dgm_str domain)
{
    size_t above = host.n > domain.n ? host.n - domain.n : 0;
    return above != 0 && host.p[above - 1] == '.' &&
           dgm_str_eq_nocase(dgm_str_skip(host, above), domain);
}

static bool is_loopback(struct dgm_str host, const struct number *number)
{
    static const struct number v4 = {{127}, 4}, v6 = {{[15] = 1}, 16};
    return dgm_str_eq_nocase(host, DGM_STR("localhost")) || is_below(host, DGM_STR("localhost")) ||
           same_bits(number, &v4, 8) || same_bits(number, &v6, 128);
}

static bool is_range(struct dgm_str entry, const struct number *number)
{
    size_t slash = dgm_str_find_char(entry, '/');
    struct number first = read_number(dgm_str_head(entry, slash));
    uint64_t bits;
    return first.n != 0 && dgm_str_u64(dgm_str_skip(entry, slash + 1), &bits) &&
           same_bits(&first, number, bits);
}

static bool is_match(struct dgm_str entry, struct dgm_str host, const struct number *number,
                     uint16_t port)
{
    if (dgm_str_eq(entry, DGM_STR("*")))
        return true;
    if (dgm_str_find_char(entry, '/') != entry.n)
        return is_range(entry, number);
    struct dgm_str name;
    uint64_t its_port = port;
    if (!split_port(entry, &name, &its_port) || its_port != port)
        return false;
    struct number wanted = read_number(name);
    if (wanted.n != 0)
        return same_bits(&wanted, number, wanted.n * 8);
    if (dgm_str_starts(name, DGM_STR("*.")))
        name = dgm_str_skip(name, 1);
    if (dgm_str_ends(name, DGM_STR(".")))
        name.n--;
    if (number->n != 0 || name.n == 0)
        return false;
    if (name.p[0] == '.')
        return is_below(host, dgm_str_skip(name, 1));
    return dgm_str_eq_nocase(host, name) || is_below(host, name);
}

bool net_proxy_excepts(struct dgm_str no_proxy, struct dgm_str host, uint16_t port)
{
    struct number number = read_number(host);
    if (dgm_str_ends(host, DGM_STR(".")))
        host.n--;
    if (is_loopback(host, &number))
        return true;
    size_t from = 0;
    for (size_t i = 0; i <= no_proxy.n; i++) {
        bool inside =
            i < no_proxy.n && no_proxy.p[i] != ',' && no_proxy.p[i] != ' ' && no_proxy.p[i] != '\t';
        if (inside)
            continue;
        if (i > from &&
            is_match(dgm_str_skip(dgm_str_head(no_proxy, i), from), host, &number, port))
            return true;
        from = i + 1;
    }
    return false;
}

/* ---- CONNECT ---------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Decodes what is percent-encoded; a stray % stays. Returns the length. */
static size_t decode(struct dgm_str from, unsigned char *to)
{
    size_t n = 0;
    for (size_t i = 0; i < from.n; i++) {
        bool coded = from.p[i] == '%' && i + 2 < from.n && hex(from.p[i + 1]) >= 0 &&
                     hex(from.p[i + 2]) >= 0;
        to[n++] = coded ? (unsigned char)(hex(from.p[i + 1]) * 16 + hex(from.p[i + 2]))
                        : (unsigned char)from.p[i];
        i += coded ? 2 : 0;
    }
    return n;
}

void net_proxy_put_authorization(const struct net_proxy *p, struct dgm_buf *out)
{
    unsigned char plain[USERINFO_BYTES_MAX + 1];
    unsigned char coded[(USERINFO_BYTES_MAX + 3) / 3 * 4 + 1];
    if (p->userinfo.p == NULL || p->userinfo.n > USERINFO_BYTES_MAX)
        return;
    size_t n = decode(p->userinfo, plain);
    if (dgm_str_find_char(p->userinfo, ':') == p->userinfo.n) /* a user without a password */
        plain[n++] = ':';
    int coded_n = EVP_EncodeBlock(coded, plain, (int)n);
    dgm_buf_put_lit(out, "Proxy-Authorization: Basic ");
    dgm_buf_put(out, (struct dgm_str){(const char *)coded, (size_t)coded_n});
    dgm_buf_put_lit(out, "\r\n");
    OPENSSL_cleanse(plain, sizeof plain);
    OPENSSL_cleanse(coded, sizeof coded);
}

static void put_authority(struct dgm_str host, uint16_t port, struct dgm_buf *out)
{
    bool brackets = dgm_str_find_char(host, ':') != host.n;
    if (brackets)
        dgm_buf_put_char(out, '[');
    dgm_buf_put(out, host);
    if (brackets)
        dgm_buf_put_char(out, ']');
    dgm_buf_put_char(out, ':');
    dgm_buf_put_int(out, port);
}

void net_proxy_put_connect(const struct net_proxy *p, struct dgm_str host, uint16_t port,
                           struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "CONNECT ");
    put_authority(host, port, out);
    dgm_buf_put_lit(out, " HTTP/1.1\r\nHost: ");
    put_authority(host, port, out);
    dgm_buf_put_lit(out, "\r\nUser-Agent: dragoman/" DGM_VERSION "\r\n");
    net_proxy_put_authorization(p, out);
    dgm_buf_put_lit(out, "\r\n");
}

/* "HTTP/1.1 200" and then a blank or the line's end. */
static bool read_status(struct dgm_str line, int *ret)
{
    uint64_t status;
    bool version =
        dgm_str_starts(line, DGM_STR("HTTP/1.0 ")) || dgm_str_starts(line, DGM_STR("HTTP/1.1 "));
    struct dgm_str digits = dgm_str_head(dgm_str_skip(line, 9), 3), rest = dgm_str_skip(line, 12);
    if (!version || digits.n != 3 || !dgm_str_u64(digits, &status) || status < 100 ||
        (rest.n != 0 && rest.p[0] != ' '))
        return false;
    *ret = (int)status;
    return true;
}

enum dgm_rc net_proxy_answer(struct dgm_str bytes, int *ret_status, size_t *ret_bytes)
{
    /* Whatever does not begin so is told at once: a server that waits for us to speak on would never end. */
    struct dgm_str mark = DGM_STR("HTTP/1.");
    if (!dgm_str_eq(dgm_str_head(bytes, mark.n), dgm_str_head(mark, bytes.n)))
        return DGM_E_SYNTAX;
    struct dgm_str head = dgm_str_head(bytes, NET_PROXY_HEAD_MAX);
    size_t end = dgm_str_find(head, DGM_STR("\r\n\r\n"));
    if (end == head.n)
        return bytes.n >= NET_PROXY_HEAD_MAX ? DGM_E_LIMIT : DGM_MORE;
    if (!read_status(dgm_str_head(head, dgm_str_find(head, DGM_STR("\r\n"))), ret_status))
        return DGM_E_SYNTAX;
    *ret_bytes = end + 4;
    return DGM_OK;
}
