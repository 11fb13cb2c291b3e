/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c - the file of clients' keys, read and put. */
#include "auth/keyring.h"

#include "auth/base64url.h"
#include "base/buf.h"
#include "base/str.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define LIST_BYTES_MAX 1024

const struct dgm_str auth_limit_words[AUTH_LIMITS] = {
#define LIMIT(id, member, word, help) {word, sizeof(word) - 1},
#include "auth/client_limits.def"
#undef LIMIT
};

/* ---- what texts may be ------------------------------------------------------------------------------- */

bool auth_client_name_ok(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && c != '.' && c != '_' && c != '@' && c != '-')
            return false;
    }
    return s.n != 0 && s.n <= AUTH_CLIENT_NAME_MAX && s.p[0] != '-';
}

bool auth_list_ok(struct dgm_str s)
{
    struct dgm_str rest = s, item;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    if (s.n == 0 || s.n > LIST_BYTES_MAX)
        return false;
    while (dgm_str_split(&rest, ',', &item))
        if (item.n == 0)
            return false;
    return true;
}

static bool read_hex(struct dgm_str s, unsigned char ret[AUTH_DIGEST_BYTES])
{
    if (s.n != 2 * (size_t)AUTH_DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        ret[i / 2] = (unsigned char)(i % 2 == 0 ? digit << 4 : ret[i / 2] | digit);
    }
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

/* The next word of a line; absent at its end. */
static struct dgm_str next_word(struct dgm_str *rest)
{
    *rest = dgm_str_trim(*rest);
    if (rest->n == 0)
        return (struct dgm_str){0};
    size_t n = dgm_str_find_either(*rest, ' ', '\t');
    struct dgm_str word = dgm_str_head(*rest, n);
    *rest = dgm_str_skip(*rest, n);
    return word;
}

static const char *read_list(struct dgm_str value, struct dgm_str *ret)
{
    if (ret->p != NULL)
        return "a word stands twice";
    *ret = value;
    return auth_list_ok(value) ? NULL
                               : "a list is wanted, as google/*,lab/*: no blanks, no empty pattern";
}

/* "parallel=4". NULL, or what is wrong. */
static const char *read_right(struct auth_client *c, struct dgm_str word)
{
    size_t equals = dgm_str_find_char(word, '=');
    struct dgm_str name = dgm_str_head(word, equals), value = dgm_str_skip(word, equals + 1);
    uint64_t number;
    if (dgm_str_eq(name, DGM_STR("models")))
        return read_list(value, &c->models);
    if (dgm_str_eq(name, DGM_STR("endpoints")))
        return read_list(value, &c->endpoints);
    size_t limit = dgm_str_index(name, auth_limit_words, AUTH_LIMITS);
    if (limit == AUTH_LIMITS)
        return "a word that is not known; models, endpoints, requests-per-minute, tokens-per-minute, "
               "tokens-per-day and parallel are, each with = and a value";
    if (c->limits[limit] != 0)
        return "a word stands twice";
    if (!dgm_str_u64(value, &number) || number == 0 || number > (uint64_t)AUTH_LIMIT_MAX)
        return "a limit is a number from 1 to 1000000000000";
    c->limits[limit] = (int64_t)number;
    return NULL;
}

static const char *read_client(struct auth_client *c, struct dgm_str line)
{
    struct dgm_str word;
    c->name = next_word(&line);
    if (!auth_client_name_ok(c->name))
        return "a name has up to 64 letters, digits and ._@-, and does not begin with -";
    if (!read_hex(next_word(&line), c->digest))
        return "behind the name stands the SHA-256 of the key, 64 lower case hexadecimal digits; `dragoman "
               "keys add` writes it";
    while ((word = next_word(&line)).p != NULL) {
        const char *why = read_right(c, word);
        if (why != NULL)
            return why;
    }
    return NULL;
}

static uint64_t begin_of(const unsigned char digest[AUTH_DIGEST_BYTES])
{
    uint64_t begin;
    memcpy(&begin, digest, sizeof begin);
    return begin;
}

/* The first of several with a digest; NULL: none has it. */
static const struct auth_client *find(const struct auth_keyring *k,
                                      const unsigned char digest[AUTH_DIGEST_BYTES])
{
    uint64_t begin = begin_of(digest);
    for (size_t i = 0; i < k->n; i++)
        if (k->begins[i] == begin && CRYPTO_memcmp(k->at[i].digest, digest, AUTH_DIGEST_BYTES) == 0)
            return &k->at[i];
    return NULL;
}

static bool is_client(struct dgm_str line)
{
    line = dgm_str_trim(line);
    return line.n != 0 && line.p[0] != '#';
}

static struct dgm_str next_line(struct dgm_str *rest)
{
    struct dgm_str line;
    (void)dgm_str_split(rest, '\n', &line);
    return dgm_str_ends(line, DGM_STR("\r")) ? dgm_str_head(line, line.n - 1) : line;
}

static size_t count_clients(struct dgm_str text)
{
    size_t n = 0;
    while (text.p != NULL)
        n += is_client(next_line(&text));
    return n;
}

static enum dgm_rc refuse(struct auth_keyring_fault *f, size_t line, const char *why)
{
    *f = (struct auth_keyring_fault){line, why};
    return DGM_E_REFUSED;
}

enum dgm_rc auth_keyring_read(struct dgm_str text, struct dgm_arena *arena,
                              struct auth_keyring *ret, struct auth_keyring_fault *reterr)
{
    struct auth_keyring k = {0};
    size_t n = count_clients(text), line = 0;
    if (text.n > AUTH_KEYRING_FILE_MAX || n > AUTH_KEYRING_MAX)
        return refuse(reterr, 1, "the file has more than 4096 keys, or than 4 MiB");
    k.at = dgm_arena_take0(arena, (n + 1) * sizeof *k.at);
    k.begins = dgm_arena_take0(arena, (n + 1) * sizeof *k.begins);
    if (k.at == NULL || k.begins == NULL)
        return DGM_E_NOMEM;
    while (text.p != NULL) {
        struct dgm_str words = next_line(&text);
        struct auth_client *c = &k.at[k.n];
        line++;
        if (!is_client(words))
            continue;
        const char *why = read_client(c, words);
        if (why == NULL && find(&k, c->digest) != NULL)
            why = "this key stands in the file already";
        if (why != NULL)
            return refuse(reterr, line, why);
        c->line = line;
        k.begins[k.n++] = begin_of(c->digest);
    }
    *ret = k;
    return DGM_OK;
}

/* ---- asking ------------------------------------------------------------------------------------------ */

bool auth_key_digest(struct dgm_str key, unsigned char ret[AUTH_DIGEST_BYTES])
{
    unsigned n = 0;
    return EVP_Digest(key.n != 0 ? key.p : "", key.n, ret, &n, EVP_sha256(), NULL) == 1 &&
           n == AUTH_DIGEST_BYTES;
}

const struct auth_client *auth_keyring_find(const struct auth_keyring *k, struct dgm_str key)
{
    unsigned char digest[AUTH_DIGEST_BYTES];
    return key.n != 0 && auth_key_digest(key, digest) ? find(k, digest) : NULL;
}

bool auth_client_is_limited(const struct auth_client *c)
{
    for (size_t i = 0; i < AUTH_LIMITS; i++)
        if (c->limits[i] != 0)
            return true;
    return false;
}

bool auth_list_has(struct dgm_str patterns, struct dgm_str text)
{
    struct dgm_str pattern;
    while (dgm_str_split(&patterns, ',', &pattern))
        if (dgm_str_like(pattern, text, false))
            return true;
    return false;
}

bool auth_client_may_use(const struct auth_client *c, struct dgm_str endpoint)
{
    if (c->endpoints.p != NULL)
        return auth_list_has(c->endpoints, endpoint);
    return c->models.p == NULL || dgm_str_eq(endpoint, DGM_STR("openapi"));
}

/* ---- putting ----------------------------------------------------------------------------------------- */

void auth_client_key_put(const unsigned char random[AUTH_KEY_BYTES], struct dgm_buf *out)
{
    dgm_buf_put_lit(out, AUTH_KEY_BEGIN);
    auth_base64url_put(out, (struct dgm_str){(const char *)random, AUTH_KEY_BYTES});
}

static void put_right(struct dgm_buf *out, size_t start, struct dgm_str name)
{
    if (out->n != start)
        dgm_buf_put_char(out, ' ');
    dgm_buf_put(out, name);
    dgm_buf_put_char(out, '=');
}

void auth_client_put_rights(const struct auth_client *c, struct dgm_buf *out)
{
    size_t start = out->n;
    if (c->models.p != NULL) {
        put_right(out, start, DGM_STR("models"));
        dgm_buf_put(out, c->models);
    }
    if (c->endpoints.p != NULL) {
        put_right(out, start, DGM_STR("endpoints"));
        dgm_buf_put(out, c->endpoints);
    }
    for (size_t i = 0; i < AUTH_LIMITS; i++) {
        if (c->limits[i] == 0)
            continue;
        put_right(out, start, auth_limit_words[i]);
        dgm_buf_put_int(out, c->limits[i]);
    }
}

void auth_client_put(const struct auth_client *c, struct dgm_buf *out)
{
    dgm_buf_put(out, c->name);
    dgm_buf_put_char(out, ' ');
    for (size_t i = 0; i < AUTH_DIGEST_BYTES; i++)
        dgm_buf_put_hex(out, c->digest[i], 2);
    size_t before = out->n;
    dgm_buf_put_char(out, ' ');
    size_t rights = out->n;
    auth_client_put_rights(c, out);
    if (out->n == rights)
        out->n = before;
    dgm_buf_put_char(out, '\n');
}
