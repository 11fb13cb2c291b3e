/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4.c - AWS's signatures, version 4 (docs.aws.amazon.com, "Create a signed AWS API request"). */
#include "auth/sigv4.h"

#include "auth/mac.h"
#include "base/date.h"
#include "base/str.h"

#include <openssl/crypto.h>

#define CANONICAL_MAX ((size_t)16 * 1024)
#define KEY_MAX 512
#define DAY_CHARS 8 /* of a date */
#define PARAMETERS_MAX 16

static void put_digest(struct dgm_buf *out, const unsigned char bytes[AUTH_MAC_BYTES])
{
    for (size_t i = 0; i < AUTH_MAC_BYTES; i++)
        dgm_buf_put_hex(out, bytes[i], 2);
}

static bool put_digest_of(struct dgm_buf *out, struct dgm_str text)
{
    unsigned char bytes[AUTH_MAC_BYTES];
    bool done = auth_digest(text, bytes);
    if (done)
        put_digest(out, bytes);
    return done;
}

/* "sts" of "sts.us-east-2.amazonaws.com", and of "sts-fips...." */
static struct dgm_str service_of(struct dgm_str host)
{
    struct dgm_str first = dgm_str_head(host, dgm_str_find_char(host, '.'));
    return dgm_str_ends(first, DGM_STR("-fips")) ? dgm_str_head(first, first.n - 5) : first;
}

/* A query's parameters in their order by bytes; they are encoded as they must be already. False: too many. */
static bool put_query(struct dgm_buf *out, struct dgm_str query)
{
    struct dgm_str at[PARAMETERS_MAX], one;
    size_t n = 0;
    while (query.n != 0 && dgm_str_split(&query, '&', &one)) {
        if (n == PARAMETERS_MAX)
            return false;
        size_t i = n++;
        for (; i != 0 && dgm_str_compare(one, at[i - 1]) < 0; i--)
            at[i] = at[i - 1];
        at[i] = one;
    }
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            dgm_buf_put_char(out, '&');
        dgm_buf_put(out, at[i]);
    }
    return true;
}

static struct dgm_str signed_headers(const struct auth_sigv4 *r)
{
    return r->token.n != 0 ? DGM_STR("host;x-amz-date;x-amz-security-token")
                           : DGM_STR("host;x-amz-date");
}

/* What is signed of the request. */
static bool put_canonical(const struct auth_sigv4 *r, struct dgm_str host, struct dgm_str rest,
                          struct dgm_str date, struct dgm_buf *out)
{
    size_t mark = dgm_str_find_char(rest, '?');
    struct dgm_str path = dgm_str_head(rest, mark);
    dgm_buf_put_lit(out, "POST\n");
    dgm_buf_put(out, path.n != 0 ? path : DGM_STR("/"));
    dgm_buf_put_lit(out, "\n");
    if (!put_query(out, dgm_str_skip(rest, mark + 1)))
        return false;
    dgm_buf_put_lit(out, "\nhost:");
    dgm_buf_put(out, host);
    dgm_buf_put_lit(out, "\nx-amz-date:");
    dgm_buf_put(out, date);
    if (r->token.n != 0) {
        dgm_buf_put_lit(out, "\nx-amz-security-token:");
        dgm_buf_put(out, r->token);
    }
    dgm_buf_put_lit(out, "\n\n");
    dgm_buf_put(out, signed_headers(r));
    dgm_buf_put_lit(out, "\n");
    return put_digest_of(out, DGM_STR(""));
}

/* The day's key: a chain of seals over the parts of the scope. */
static bool make_key(const struct auth_sigv4 *r, struct dgm_str day, struct dgm_str service,
                     unsigned char ret[AUTH_MAC_BYTES])
{
    char room[KEY_MAX];
    struct dgm_buf first = {.p = room, .cap = sizeof room, .max = sizeof room};
    const struct dgm_str parts[] = {day, r->region, service, DGM_STR("aws4_request")};
    dgm_buf_put_lit(&first, "AWS4");
    dgm_buf_put(&first, r->secret);
    struct dgm_str key = dgm_buf_str(&first);
    bool done = first.rc == DGM_OK;
    for (size_t i = 0; done && i < sizeof parts / sizeof *parts; i++) {
        unsigned char next[AUTH_MAC_BYTES];
        done = auth_mac(key, parts[i], next);
        memcpy(ret, next, sizeof next);
        OPENSSL_cleanse(next, sizeof next);
        key = (struct dgm_str){(const char *)ret, AUTH_MAC_BYTES};
    }
    OPENSSL_cleanse(room, sizeof room);
    return done;
}

static void put_scope(const struct auth_sigv4 *r, struct dgm_str day, struct dgm_str service,
                      struct dgm_buf *out)
{
    dgm_buf_put(out, day);
    dgm_buf_put_char(out, '/');
    dgm_buf_put(out, r->region);
    dgm_buf_put_char(out, '/');
    dgm_buf_put(out, service);
    dgm_buf_put_lit(out, "/aws4_request");
}

bool auth_sigv4_put(const struct auth_sigv4 *r, struct dgm_str *ret_host, struct dgm_buf *date,
                    struct dgm_buf *authorization)
{
    char canonical_room[CANONICAL_MAX], text_room[KEY_MAX];
    struct dgm_buf canonical = {
        .p = canonical_room, .cap = sizeof canonical_room, .max = sizeof canonical_room};
    struct dgm_buf text = {.p = text_room, .cap = sizeof text_room, .max = sizeof text_room};
    unsigned char key[AUTH_MAC_BYTES], seal[AUTH_MAC_BYTES];
    struct dgm_str rest = dgm_str_skip(r->url, 8);
    struct dgm_str host = dgm_str_head(rest, dgm_str_find_either(rest, '/', '?'));
    if (!dgm_str_starts(r->url, DGM_STR("https://")) || host.n == 0 ||
        dgm_str_find_either(host, ':', '@') != host.n)
        return false;
    struct dgm_str service = service_of(host);
    dgm_date_put_basic(date, r->now_s);
    if (date->rc != DGM_OK)
        return false;
    struct dgm_str day = dgm_str_head(dgm_buf_str(date), DAY_CHARS);
    bool done = put_canonical(r, host, dgm_str_skip(rest, host.n), dgm_buf_str(date), &canonical) &&
                canonical.rc == DGM_OK;
    dgm_buf_put_lit(&text, "AWS4-HMAC-SHA256\n");
    dgm_buf_put(&text, dgm_buf_str(date));
    dgm_buf_put_lit(&text, "\n");
    put_scope(r, day, service, &text);
    dgm_buf_put_lit(&text, "\n");
    done = done && put_digest_of(&text, dgm_buf_str(&canonical)) && text.rc == DGM_OK &&
           make_key(r, day, service, key) &&
           auth_mac((struct dgm_str){(const char *)key, sizeof key}, dgm_buf_str(&text), seal);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(canonical_room, sizeof canonical_room);
    if (!done)
        return false;
    dgm_buf_put_lit(authorization, "AWS4-HMAC-SHA256 Credential=");
    dgm_buf_put(authorization, r->key_id);
    dgm_buf_put_char(authorization, '/');
    put_scope(r, day, service, authorization);
    dgm_buf_put_lit(authorization, ", SignedHeaders=");
    dgm_buf_put(authorization, signed_headers(r));
    dgm_buf_put_lit(authorization, ", Signature=");
    put_digest(authorization, seal);
    *ret_host = host;
    return authorization->rc == DGM_OK;
}
