/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - keys as PEM, and what they sign, by libcrypto. */
#include "auth/key_made.h"

#include "auth/base64url.h"
#include "base/str.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <string.h>

#define P256_BYTES 32

/* The shortest and longest RSA modulus, in bits (RFC 7518 3.3; no peer makes us reckon with more). */
#define RSA_MIN 2048
#define RSA_MAX 8192

static const unsigned char *bytes_of(struct dgm_str s)
{
    return (const unsigned char *)s.p;
}

static bool is_rsa(EVP_PKEY *pkey)
{
    return EVP_PKEY_is_a(pkey, "RSA");
}

static bool is_taken(EVP_PKEY *pkey)
{
    char group[32];
    size_t n;
    int bits = EVP_PKEY_get_bits(pkey);
    if (is_rsa(pkey))
        return bits >= RSA_MIN && bits <= RSA_MAX;
    return EVP_PKEY_is_a(pkey, "EC") &&
           EVP_PKEY_get_group_name(pkey, group, sizeof group, &n) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

struct auth_key *auth_key_keep(EVP_PKEY *pkey)
{
    struct auth_key *k = pkey != NULL && is_taken(pkey) ? OPENSSL_zalloc(sizeof *k) : NULL;
    if (k == NULL)
        EVP_PKEY_free(pkey);
    else
        k->pkey = pkey;
    return k;
}

void auth_key_free(struct auth_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->pkey);
    OPENSSL_free(k);
}

struct dgm_str auth_key_alg(const struct auth_key *k)
{
    return is_rsa(k->pkey) ? DGM_STR("RS256") : DGM_STR("ES256");
}

/* ---- PEM ---- */

struct auth_key *auth_key_read(struct dgm_str pem, enum auth_half half)
{
    EVP_PKEY *pkey = NULL;
    const unsigned char *at = bytes_of(pem);
    size_t left = pem.n;
    if (pem.n == 0 || pem.n > AUTH_PEM_MAX)
        return NULL;
    OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
        &pkey, "PEM", NULL, NULL, half == AUTH_PRIVATE ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
        NULL, NULL);
    /* With a pass phrase that is wrong an encrypted key is none; without one a terminal would be asked. */
    bool read = ctx != NULL &&
                OSSL_DECODER_CTX_set_passphrase(ctx, bytes_of(DGM_STR("-")), 1) == 1 &&
                OSSL_DECODER_from_data(ctx, &at, &left) == 1;
    OSSL_DECODER_CTX_free(ctx);
    if (!read) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return auth_key_keep(pkey);
}

bool auth_key_put(const struct auth_key *k, enum auth_half half, struct dgm_buf *out)
{
    unsigned char *text = NULL;
    size_t n = 0;
    bool private = half == AUTH_PRIVATE;
    OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
        k->pkey, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, "PEM",
        private ? "PrivateKeyInfo" : "SubjectPublicKeyInfo", NULL);
    bool put = ctx != NULL && OSSL_ENCODER_to_data(ctx, &text, &n) == 1;
    if (put)
        dgm_buf_put(out, (struct dgm_str){(const char *)text, n});
    OSSL_ENCODER_CTX_free(ctx);
    OPENSSL_clear_free(text, n);
    return put && out->rc == DGM_OK;
}

static bool put_number(const struct auth_key *k, const char *name, struct dgm_buf *out)
{
    BIGNUM *number = NULL;
    unsigned char bytes[RSA_MAX / 8];
    bool put = is_rsa(k->pkey) && EVP_PKEY_get_bn_param(k->pkey, name, &number) == 1 &&
               (size_t)BN_num_bytes(number) <= sizeof bytes;
    if (put)
        auth_base64url_put(out,
                           (struct dgm_str){(const char *)bytes, (size_t)BN_bn2bin(number, bytes)});
    BN_free(number);
    return put && out->rc == DGM_OK;
}

bool auth_key_put_modulus(const struct auth_key *k, struct dgm_buf *out)
{
    return put_number(k, OSSL_PKEY_PARAM_RSA_N, out);
}

bool auth_key_put_exponent(const struct auth_key *k, struct dgm_buf *out)
{
    return put_number(k, OSSL_PKEY_PARAM_RSA_E, out);
}

/* ---- ES256: libcrypto has the two numbers in DER, JWS as 64 bytes (RFC 7518 3.4) ---- */

/* In place, into `bytes`, which holds n of DER. Returns how many it holds then, 0 when that is no signature. */
static size_t flatten(unsigned char *bytes, size_t n)
{
    const unsigned char *at = bytes;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    bool flat = sig != NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(sig), bytes, P256_BYTES) == P256_BYTES &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), bytes + P256_BYTES, P256_BYTES) == P256_BYTES;
    ECDSA_SIG_free(sig);
    return flat ? 2 * P256_BYTES : 0;
}

/* The other way, into `ret`. Returns how many bytes it has; 0: it can not be one, or memory is short. */
static size_t unflatten(struct dgm_str flat, unsigned char ret[AUTH_SIGNATURE_MAX])
{
    if (flat.n != 2 * P256_BYTES)
        return 0;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes_of(flat), P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes_of(flat) + P256_BYTES, P256_BYTES, NULL);
    int n = -1;
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* its own now */
        n = i2d_ECDSA_SIG(sig, &ret);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n > 0 ? (size_t)n : 0;
}

/* ---- signatures ---- */

bool auth_sign(const struct auth_key *k, struct dgm_str text, struct dgm_buf *out)
{
    unsigned char bytes[AUTH_SIGNATURE_MAX];
    size_t n = sizeof bytes;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool made = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
                EVP_DigestSign(ctx, bytes, &n, bytes_of(text), text.n) == 1;
    EVP_MD_CTX_free(ctx);
    if (made && !is_rsa(k->pkey))
        n = flatten(bytes, n);
    if (!made || n == 0)
        return false;
    dgm_buf_put(out, (struct dgm_str){(const char *)bytes, n});
    return out->rc == DGM_OK;
}

bool auth_verify(const struct auth_key *k, struct dgm_str text, struct dgm_str signature)
{
    unsigned char der[AUTH_SIGNATURE_MAX];
    if (signature.n == 0 || signature.n > sizeof der)
        return false;
    if (!is_rsa(k->pkey)) {
        size_t n = unflatten(signature, der);
        if (n == 0)
            return false;
        signature = (struct dgm_str){(const char *)der, n};
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
        EVP_DigestVerify(ctx, bytes_of(signature), signature.n, bytes_of(text), text.n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}
