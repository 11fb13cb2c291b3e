/* SPDX-License-Identifier: Apache-2.0 */
/* key.c - keys read, made of seeds, written, and what they sign; keys that are not taken. */
#include "auth/key.h"

#include "auth/mac.h"
#include "base/str.h"

#include "auth/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dgm_buf made(void)
{
    struct dgm_buf b;
    dgm_buf_init(&b, &dgm_alloc_libc, AUTH_PEM_MAX);
    return b;
}

static void check_signs(const struct auth_key *pair, const struct auth_key *half)
{
    struct dgm_buf signature = made();
    assert_true(auth_sign(pair, DGM_STR("hello"), &signature));
    assert_true(auth_verify(half, DGM_STR("hello"), dgm_buf_str(&signature)));
    assert_false(auth_verify(half, DGM_STR("hellp"), dgm_buf_str(&signature)));
    for (size_t i = 0; i < signature.n; i += 7) {
        signature.p[i] ^= 1;
        assert_false(auth_verify(half, DGM_STR("hello"), dgm_buf_str(&signature)));
        signature.p[i] ^= 1;
    }
    for (size_t n = 0; n < signature.n; n += 5)
        assert_false(auth_verify(half, DGM_STR("hello"), dgm_str_head(dgm_buf_str(&signature), n)));
    dgm_buf_clear(&signature);
    assert_false(auth_sign(half, DGM_STR("hello"), &signature) && half != pair);
    dgm_buf_dispose(&signature);
}

/* Both halves through PEM. */
static void check_written(const struct auth_key *key)
{
    struct dgm_buf pair = made(), half = made();
    assert_true(auth_key_put(key, AUTH_PRIVATE, &pair));
    assert_true(auth_key_put(key, AUTH_PUBLIC, &half));
    assert_true(dgm_str_starts(dgm_buf_str(&pair), DGM_STR("-----BEGIN PRIVATE KEY-----\n")));
    assert_true(dgm_str_starts(dgm_buf_str(&half), DGM_STR("-----BEGIN PUBLIC KEY-----\n")));
    struct auth_key *pair_again = auth_key_read(dgm_buf_str(&pair), AUTH_PRIVATE);
    struct auth_key *half_again = auth_key_read(dgm_buf_str(&half), AUTH_PUBLIC);
    assert_non_null(pair_again);
    assert_non_null(half_again);
    assert_null(auth_key_read(dgm_buf_str(&half), AUTH_PRIVATE));
    check_signs(pair_again, half_again);
    check_signs(key, key);
    auth_key_free(pair_again);
    auth_key_free(half_again);
    dgm_buf_dispose(&pair);
    dgm_buf_dispose(&half);
}

static void test_p256(void **state)
{
    (void)state;
    struct auth_key *key = auth_key_read(dgm_str_c(P256_PEM), AUTH_PRIVATE);
    struct dgm_buf out = made();
    assert_non_null(key);
    assert_true(dgm_str_eq(auth_key_alg(key), DGM_STR("ES256")));
    check_written(key);
    assert_true(auth_sign(key, DGM_STR("x"), &out));
    assert_int_equal(out.n, 64); /* RFC 7518 3.4 */
    assert_false(auth_key_put_modulus(key, &out));
    dgm_buf_dispose(&out);
    auth_key_free(key);
}

static void test_of_a_seed(void **state)
{
    (void)state;
    unsigned char seed[AUTH_SEED_BYTES] = "one seed", other[AUTH_SEED_BYTES] = "another";
    struct auth_key *a = auth_key_of_seed(seed), *b = auth_key_of_seed(seed);
    struct auth_key *c = auth_key_of_seed(other);
    struct dgm_buf texts[3] = {made(), made(), made()}, number = made();
    assert_non_null(a);
    assert_true(dgm_str_eq(auth_key_alg(a), DGM_STR("RS256")));
    assert_true(auth_key_put(a, AUTH_PRIVATE, &texts[0]) &&
                auth_key_put(b, AUTH_PRIVATE, &texts[1]) &&
                auth_key_put(c, AUTH_PRIVATE, &texts[2]));
    assert_true(dgm_str_eq(dgm_buf_str(&texts[0]), dgm_buf_str(&texts[1])));
    assert_false(dgm_str_eq(dgm_buf_str(&texts[0]), dgm_buf_str(&texts[2])));
    check_written(a);
    assert_true(auth_key_put_exponent(a, &number));
    assert_true(dgm_str_eq(dgm_buf_str(&number), DGM_STR("AQAB")));
    dgm_buf_clear(&number);
    assert_true(auth_key_put_modulus(a, &number));
    assert_int_equal(number.n, 342); /* 2048 bits */
    for (size_t i = 0; i < 3; i++)
        dgm_buf_dispose(&texts[i]);
    dgm_buf_dispose(&number);
    auth_key_free(a);
    auth_key_free(b);
    auth_key_free(c);
}

static void test_not_taken(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "hello",
                                      RSA1024_PEM,
                                      P384_PEM,
                                      LOCKED_PEM,
                                      ED25519_PEM,
                                      "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(auth_key_read(dgm_str_c(bad[i]), AUTH_PRIVATE));
        assert_null(auth_key_read(dgm_str_c(bad[i]), AUTH_PUBLIC));
    }
    for (size_t n = 0; n < sizeof P256_PEM - 30; n += 11)
        assert_null(auth_key_read(dgm_str_head(dgm_str_c(P256_PEM), n), AUTH_PRIVATE));
    auth_key_free(NULL);
}

/* RFC 4231 4.3. */
static void test_mac(void **state)
{
    (void)state;
    static const unsigned char expected[] =
        "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7"
        "\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43";
    unsigned char mac[AUTH_MAC_BYTES];
    assert_true(auth_mac(DGM_STR("Jefe"), DGM_STR("what do ya want for nothing?"), mac));
    assert_memory_equal(mac, expected, sizeof mac);
    assert_true(auth_mac((struct dgm_str){0}, (struct dgm_str){0}, mac));
    assert_true(auth_same(DGM_STR("abc"), DGM_STR("abc")) && auth_same(DGM_STR(""), DGM_STR("")));
    assert_false(auth_same(DGM_STR("abc"), DGM_STR("abd")) ||
                 auth_same(DGM_STR("abc"), DGM_STR("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p256),
        cmocka_unit_test(test_of_a_seed),
        cmocka_unit_test(test_not_taken),
        cmocka_unit_test(test_mac),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
