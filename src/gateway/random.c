/* SPDX-License-Identifier: Apache-2.0 */
/* random.c - getrandom, a few ids a call. */
#include "gateway/random.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#define ID_BYTES (GW_ID_CHARS / 2)

/* ID_BYTES of it, which the caller overwrites. */
static unsigned char *take(void)
{
    /* A worker's own: the master never comes here, so no two processes share a stock. */
    static unsigned char stock[ID_BYTES * 16];
    static size_t left;

    if (left == 0) {
        ssize_t n = getrandom(stock, sizeof stock, 0);
        assert(n == (ssize_t)sizeof stock); /* up to 256 bytes it is never cut short */
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
