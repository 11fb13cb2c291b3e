/* SPDX-License-Identifier: Apache-2.0 */
/* scrub.c - texts without the secrets in them. */
#include "gateway/scrub.h"

#include "base/str.h"

#define LIT(s) {"" s, sizeof(s) - 1}
#define BEARER_BYTES_MIN 8

static const struct look {
    struct dgm_str begin;
    size_t bytes_min, dots_min;
} looks[] = {
#define SECRET(begin, bytes_min, dots_min, about) {LIT(begin), bytes_min, dots_min},
#include "gateway/secrets.def"
#undef SECRET
};

static const struct dgm_str headers[] = {
#define HEADER(name) LIT(name),
#include "gateway/recorded_headers.def"
#undef HEADER
};

static const struct dgm_str queries[] = {LIT("alt"),      LIT("%24alt"), LIT("$alt"),
                                         LIT("pageSize"), LIT("filter"), LIT("updateMask")};

static const struct dgm_str key_begin = LIT("-----BEGIN "), key_end = LIT("-----END "),
                            key_word = LIT("PRIVATE KEY-----");

bool gw_scrub_keeps(struct dgm_str name)
{
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (dgm_str_eq_nocase(headers[i], name))
            return true;
    return false;
}

/* ---- what secrets look like ---- */

/* What words are made of: those of base64 in both alphabets, tokens and keys. */
static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

static size_t word_bytes(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && is_word_char(s.p[n]))
        n++;
    return n;
}

static bool looks_secret(struct dgm_str word)
{
    size_t dots = 0;
    for (size_t i = 0; i < word.n; i++)
        dots += word.p[i] == '.';
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (word.n >= looks[i].bytes_min && dots >= looks[i].dots_min &&
            dgm_str_starts(word, looks[i].begin))
            return true;
    return false;
}

/* A private key, from its first line to its last; 0: none begins here. */
static size_t key_bytes(struct dgm_str s)
{
    if (!dgm_str_starts(s, key_begin))
        return 0;
    struct dgm_str label = dgm_str_head(dgm_str_skip(s, key_begin.n), 40);
    if (dgm_str_find(label, key_word) == label.n)
        return 0;
    size_t end = dgm_str_find(s, key_end);
    if (end == s.n)
        return s.n;
    struct dgm_str last = dgm_str_skip(s, end);
    size_t n = dgm_str_find(last, key_word);
    return n == last.n ? s.n : end + n + key_word.n;
}

/* Where the next secret begins that we know, and its length. */
static size_t find_known(struct dgm_str s, const struct gw_strs *known, size_t *ret_n)
{
    size_t at = s.n;
    for (size_t i = 0; known != NULL && i < known->n; i++) {
        struct dgm_str secret = known->at[i];
        if (secret.n < GW_SCRUB_KNOWN_MIN)
            continue;
        size_t found = dgm_str_find(dgm_str_head(s, at), secret);
        if (found < at) {
            at = found;
            *ret_n = secret.n;
        }
    }
    return at;
}

/* Puts what has no known secret in it. */
static void put_looked_at(struct dgm_str s, struct dgm_buf *out)
{
    bool bearer = false; /* the word before was "Bearer" */
    for (size_t i = 0; i < s.n;) {
        struct dgm_str rest = dgm_str_skip(s, i);
        size_t n = key_bytes(rest);
        if (n != 0) {
            dgm_buf_put_lit(out, GW_SCRUBBED);
            i += n;
            continue;
        }
        n = word_bytes(rest);
        struct dgm_str word = dgm_str_head(rest, n != 0 ? n : 1);
        if (n != 0 && (looks_secret(word) || (bearer && n >= BEARER_BYTES_MIN)))
            dgm_buf_put_lit(out, GW_SCRUBBED);
        else
            dgm_buf_put(out, word);
        bearer = n != 0 ? dgm_str_eq_nocase(word, DGM_STR("Bearer")) : bearer && *rest.p == ' ';
        i += word.n;
    }
}

void gw_scrub_put(struct dgm_str s, const struct gw_strs *known, struct dgm_buf *out)
{
    while (s.n != 0) {
        size_t n = 0, at = find_known(s, known, &n);
        put_looked_at(dgm_str_head(s, at), out);
        s = dgm_str_skip(s, at);
        if (s.n != 0)
            dgm_buf_put_lit(out, GW_SCRUBBED);
        s = dgm_str_skip(s, n);
    }
}

/* ---- targets and URLs ---- */

static bool is_open_query(struct dgm_str name)
{
    return dgm_str_index(name, queries, sizeof queries / sizeof *queries) <
           sizeof queries / sizeof *queries;
}

void gw_scrub_put_target(struct dgm_str target, const struct gw_strs *known, struct dgm_buf *out)
{
    size_t query = dgm_str_find_char(target, '?');
    struct dgm_str rest = dgm_str_skip(target, query + 1), part;
    gw_scrub_put(dgm_str_head(target, query), known, out);
    for (char before = '?'; rest.n != 0 && dgm_str_split(&rest, '&', &part); before = '&') {
        struct dgm_str name = dgm_str_head(part, dgm_str_find_char(part, '='));
        dgm_buf_put_char(out, before);
        if (is_open_query(name) || name.n == part.n) {
            gw_scrub_put(part, known, out);
            continue;
        }
        dgm_buf_put(out, name);
        dgm_buf_put_lit(out, "=" GW_SCRUBBED);
    }
}

void gw_scrub_put_url(struct dgm_str url, struct dgm_buf *out)
{
    size_t scheme = dgm_str_find(url, DGM_STR("://"));
    struct dgm_str rest = dgm_str_skip(url, scheme + 3);
    struct dgm_str authority = dgm_str_head(rest, dgm_str_find_char(rest, '/'));
    size_t at = dgm_str_find_char(authority, '@');
    dgm_buf_put(out, dgm_str_head(url, scheme + 3));
    gw_scrub_put_target(dgm_str_skip(rest, at < authority.n ? at + 1 : 0), NULL, out);
}
