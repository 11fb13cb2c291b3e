/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest.c - BLAKE2b (RFC 7693), without a key, of 32 bytes.
 *
 * libcrypto is not for these folders, and a function of C's own takes a third of SHA-256's time a byte.
 */
#include "base/digest.h"

#include "base/endian.h"

#include <string.h>

#define WORDS (DGM_DIGEST_BLOCK / sizeof(uint64_t))
#define DIGEST_BYTES 32
#define ROUNDS 12

/* RFC 7693 2.6: those of SHA-512. */
static const uint64_t start[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
    UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

/* RFC 7693 2.7; two more rounds begin again. */
static const unsigned char order[10][WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t turn_right(uint64_t x, unsigned bits)
{
    return x >> bits | x << (64 - bits);
}

/* RFC 7693 3.1. */
static void mix(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *d, uint64_t x, uint64_t y)
{
    *a += *b + x;
    *d = turn_right(*d ^ *a, 32);
    *c += *d;
    *b = turn_right(*b ^ *c, 24);
    *a += *b + y;
    *d = turn_right(*d ^ *a, 16);
    *c += *d;
    *b = turn_right(*b ^ *c, 63);
}

/* RFC 7693 3.2. */
static void work(struct dgm_digest *d, const char *block, bool last)
{
    uint64_t v[16], m[WORDS];
    for (size_t i = 0; i < WORDS; i++)
        m[i] = dgm_read_le(block + sizeof *m * i, sizeof *m);
    for (size_t i = 0; i < 8; i++) {
        v[i] = d->_state[i];
        v[i + 8] = start[i];
    }
    v[12] ^= d->_bytes;
    v[14] = last ? ~v[14] : v[14];
    for (size_t i = 0; i < ROUNDS; i++) {
        const unsigned char *s = order[i % 10];
        mix(&v[0], &v[4], &v[8], &v[12], m[s[0]], m[s[1]]);
        mix(&v[1], &v[5], &v[9], &v[13], m[s[2]], m[s[3]]);
        mix(&v[2], &v[6], &v[10], &v[14], m[s[4]], m[s[5]]);
        mix(&v[3], &v[7], &v[11], &v[15], m[s[6]], m[s[7]]);
        mix(&v[0], &v[5], &v[10], &v[15], m[s[8]], m[s[9]]);
        mix(&v[1], &v[6], &v[11], &v[12], m[s[10]], m[s[11]]);
        mix(&v[2], &v[7], &v[8], &v[13], m[s[12]], m[s[13]]);
        mix(&v[3], &v[4], &v[9], &v[14], m[s[14]], m[s[15]]);
    }
    for (size_t i = 0; i < 8; i++)
        d->_state[i] ^= v[i] ^ v[i + 8];
}

void dgm_digest_init(struct dgm_digest *d)
{
    d->_bytes = 0;
    d->_n = 0;
    memcpy(d->_state, start, sizeof start);
    d->_state[0] ^= 0x01010000 ^ DIGEST_BYTES; /* one leaf, no key */
}

/* The last block is worked on otherwise, so a full one waits until more comes. */
void dgm_digest_add(struct dgm_digest *d, struct dgm_str s)
{
    while (s.n != 0) {
        if (d->_n == DGM_DIGEST_BLOCK) {
            d->_bytes += DGM_DIGEST_BLOCK;
            work(d, d->_block, false);
            d->_n = 0;
        }
        size_t room = DGM_DIGEST_BLOCK - d->_n, n = s.n < room ? s.n : room;
        memcpy(d->_block + d->_n, s.p, n);
        d->_n += n;
        s.p += n;
        s.n -= n;
    }
}

uint64_t dgm_digest_end_number(struct dgm_digest *d)
{
    memset(d->_block + d->_n, 0, DGM_DIGEST_BLOCK - d->_n);
    d->_bytes += d->_n;
    work(d, d->_block, true);
    return d->_state[0];
}

void dgm_digest_end(struct dgm_digest *d, char ret[DGM_DIGEST_LETTERS])
{
    static const char letters[] = "0123456789abcdef";
    (void)dgm_digest_end_number(d);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        unsigned byte = d->_state[i / 8] >> 8 * (i % 8) & 0xff;
        ret[2 * i] = letters[byte >> 4];
        ret[2 * i + 1] = letters[byte & 15];
    }
}
