/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - where UTF-8 is sound and where it may be cut (RFC 3629). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <dragoman/types.h>

/** The offset of the first byte that is not UTF-8 (overlong forms and surrogates are not); its length when all is. */
size_t dgm_utf8_bad(struct dgm_str);

/** The longest head of at most `n` bytes that does not cut a character of sound UTF-8. */
struct dgm_str dgm_utf8_head(struct dgm_str, size_t n);

/** How many characters (code points) stand in sound UTF-8. */
size_t dgm_utf8_count(struct dgm_str);

#endif
