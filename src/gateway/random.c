/* SPDX-License-Identifier: Apache-2.0 */
/* random.c - getrandom, a few ids a call. */
#include "gateway/random.h"

#include <assert.h>
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

    if (left == 0) {
        gw_random_bytes(stock, sizeof stock);
        left = sizeof stock;
    }
    left -= ID_BYTES;
    return stock + left;
}

void gw_random_id(char ret[GW_ID_CHARS])
{
    unsigned char *bytes = take();
    for (size_t i = 0; i < ID_BYTES; i++) {
        ret[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        ret[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
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
