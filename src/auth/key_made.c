/* SPDX-License-Identifier: Apache-2.0 */
/* key_made.c - the RSA key that belongs to a seed (FIPS 186-5 A.1.3, with a stream of bytes in the place of its generator). */
#include "auth/key_made.h"

#include "auth/mac.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <string.h>

#define PRIME_BYTES 128
#define EXPONENT 65537

/* Bytes of a seed, as many as are wanted: HMAC-SHA256 of a counter. */
struct stream {
    const unsigned char *seed;
    uint64_t blocks;
};

static bool draw(struct stream *s, unsigned char ret[PRIME_BYTES])
{
    for (size_t at = 0; at < PRIME_BYTES; at += AUTH_MAC_BYTES) {
        char counter[8];
        for (size_t i = 0; i < sizeof counter; i++)
            counter[i] = (char)(s->blocks >> 8 * i);
        s->blocks++;
        if (!auth_mac((struct dgm_str){(const char *)s->seed, AUTH_SEED_BYTES},
                      (struct dgm_str){counter, sizeof counter}, ret + at))
            return false;
    }
    return true;
}

/* The next prime of the stream. Its two upper bits are set, so that two of them make 2048; one less than it has no divisor
 * with the exponent in common. Every 355th odd number of this size is a prime. */
static bool find_prime(struct stream *s, BIGNUM *ret, BN_CTX *ctx)
{
    unsigned char bytes[PRIME_BYTES];
    int prime = 0;
    while (prime == 0) {
        if (!draw(s, bytes))
            return false;
        bytes[0] |= 0xc0;
        bytes[PRIME_BYTES - 1] |= 1;
        if (BN_bin2bn(bytes, PRIME_BYTES, ret) == NULL)
            return false;
        prime = BN_mod_word(ret, EXPONENT) != 1 ? BN_check_prime(ret, ctx, NULL) : 0;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return prime == 1;
}

/* RFC 8017 3.2. */
struct rsa {
    BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv;
};

static bool fill(struct rsa *r, struct stream *s, BN_CTX *ctx)
{
    BIGNUM *p1 = BN_CTX_get(ctx), *q1 = BN_CTX_get(ctx), *phi = BN_CTX_get(ctx);
    return phi != NULL && find_prime(s, r->p, ctx) && find_prime(s, r->q, ctx) &&
           BN_cmp(r->p, r->q) != 0 && BN_set_word(r->e, EXPONENT) &&
           BN_mul(r->n, r->p, r->q, ctx) && BN_copy(p1, r->p) && BN_sub_word(p1, 1) &&
           BN_copy(q1, r->q) && BN_sub_word(q1, 1) && BN_mul(phi, p1, q1, ctx) &&
           BN_mod_inverse(r->d, r->e, phi, ctx) && BN_mod(r->dp, r->d, p1, ctx) &&
           BN_mod(r->dq, r->d, q1, ctx) && BN_mod_inverse(r->qinv, r->q, r->p, ctx);
}

static EVP_PKEY *assemble(const struct rsa *r)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (b != NULL && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, r->n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, r->e) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_D, r->d) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR1, r->p) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_FACTOR2, r->q) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT1, r->dp) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_EXPONENT2, r->dq) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, r->qinv))
        params = OSSL_PARAM_BLD_to_param(b);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    return pkey;
}

struct auth_key *auth_key_of_seed(const unsigned char seed[AUTH_SEED_BYTES])
{
    struct stream s = {.seed = seed};
    BN_CTX *ctx = BN_CTX_secure_new(); /* what it lends is cleared */
    EVP_PKEY *pkey = NULL;
    if (ctx == NULL)
        return NULL;
    BN_CTX_start(ctx);
    struct rsa r = {BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx),
                    BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx), BN_CTX_get(ctx)};
    if (r.qinv != NULL && fill(&r, &s, ctx))
        pkey = assemble(&r);
    BN_CTX_end(ctx);
    BN_CTX_free(ctx);
    return auth_key_keep(pkey);
}
