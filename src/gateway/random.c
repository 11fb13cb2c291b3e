/* SPDX-License-Identifier: Apache-2.0 */
/* random.c - getrandom, a few ids a call. */
#include "gateway/random.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define ID_BYTES (GW_ID_CHARS / 2)

void gw_random_bytes(void *ret, size_t n)
{
    ssize_t filled = getrandom(ret, n, 0);
    assert(n <= 256 && filled == (ssize_t)n); /* up to 256 bytes it is never cut short */
}

/* ID_BYTES of it, which the caller overwrites. */
static unsigned char *take(void)
{
    /* A worker's own: the master never comes here, so no two processes share a stock. */
    static unsigned char stock[ID_BYTES * 16];
    static size_t left;
    static pthread_t taker; /* a job that came here too would find the same bytes, or none */
    static bool taken;

    assert(!taken || pthread_equal(taker, pthread_self()));
    taker = pthread_self();
    taken = true;
    if (left == 0) {
        gw_random_bytes(stock, sizeof stock);
        left = sizeof stock;
    }
    left -= ID_BYTES;
    return stock + left;
}

/* Eight halves of bytes, each in a byte of its own, as hexadecimal digits. */
static uint64_t digits_of(uint64_t halves)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t letters = (halves + 6 * ones) >> 4 & ones; /* 1 where it is ten or more */
    return halves + '0' * ones + letters * ('a' - '0' - 10);
}

void gw_random_id(char ret[GW_ID_CHARS])
{
    unsigned char *bytes = take();
    for (size_t i = 0; i < ID_BYTES; i += sizeof(uint64_t)) {
        const uint64_t low = 0x0f0f0f0f0f0f0f0fu;
        uint64_t eight, digits[2];
        memcpy(&eight, bytes + i, sizeof eight);
        digits[0] = digits_of(eight & low); /* which stands where is chance anyway */
        digits[1] = digits_of(eight >> 4 & low);
        memcpy(ret + 2 * i, digits, sizeof digits);
    }
    memset(bytes, 0, ID_BYTES);
}

uint32_t gw_random_u32(void)
{
    uint32_t n;
    unsigned char *bytes = take();
    memcpy(&n, bytes, sizeof n);
    memset(bytes, 0, ID_BYTES);
    return n;
}
