/* SPDX-License-Identifier: Apache-2.0 */
/* digest.h - BLAKE2b-256 (RFC 7693): a text known again by 64 letters, whoever wrote it and whatever they tried. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <dragoman/types.h>

#define DGM_DIGEST_LETTERS 64 /* of a digest, in hexadecimal */
#define DGM_DIGEST_BLOCK 128  /* bytes that are worked on at once */

/** A digest that is being made. It has no memory of its own, so a copy goes on where it was copied. */
struct dgm_digest {
    uint64_t _state[8], _bytes; /* worked on so far */
    char _block[DGM_DIGEST_BLOCK];
    size_t _n; /* in the block */
};

void dgm_digest_init(struct dgm_digest *);

/** Adds bytes: in as many pieces as one likes. */
void dgm_digest_add(struct dgm_digest *, struct dgm_str);

/** Ends it: the letters of 0-9a-f, without a zero behind them. `d` is of no use any more. */
void dgm_digest_end(struct dgm_digest *d, char ret[DGM_DIGEST_LETTERS]);

/** Ends it: its first 8 bytes as a number, the first one least. Nobody finds a text for a number that is given. */
uint64_t dgm_digest_end_number(struct dgm_digest *d);

#endif
