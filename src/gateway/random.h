/* SPDX-License-Identifier: Apache-2.0 */
/* random.h - ids that nobody can guess: the core takes its randomness as an argument, and this is where it comes from. */
#ifndef GATEWAY_RANDOM_H
#define GATEWAY_RANDOM_H

#include <dragoman/types.h>

#include <stdint.h>

#define GW_ID_CHARS 32 /* 128 bits */

/** Fills `ret` with GW_ID_CHARS lower case hexadecimal digits, no terminating zero. On the loop's thread alone. */
void gw_random_id(char ret[GW_ID_CHARS]);

/** A number that nobody can guess. On the loop's thread alone. */
uint32_t gw_random_u32(void);

/** Fills up to 256 bytes. */
void gw_random_bytes(void *ret, size_t n);

#endif
