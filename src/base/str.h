/* SPDX-License-Identifier: Apache-2.0 */
/* str.h - looking at borrowed strings. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <dragoman/types.h>

/** The view of a zero-terminated string; absent for NULL. */
struct dgm_str dgm_str_c(const char *);

bool dgm_str_eq(struct dgm_str, struct dgm_str);
bool dgm_str_eq_nocase(struct dgm_str, struct dgm_str); /* ASCII letters only */
bool dgm_str_starts(struct dgm_str, struct dgm_str prefix);
bool dgm_str_ends(struct dgm_str, struct dgm_str suffix);

/** Where `needle` first stands in it; its length when nowhere. */
size_t dgm_str_find(struct dgm_str, struct dgm_str needle);
size_t dgm_str_find_char(struct dgm_str, char);

/** The rest after `n` bytes, empty when there are fewer; the first `n` bytes, fewer when there are. */
struct dgm_str dgm_str_skip(struct dgm_str, size_t n);
struct dgm_str dgm_str_head(struct dgm_str, size_t n);

/** Without spaces and tabs at both ends. */
struct dgm_str dgm_str_trim(struct dgm_str);

/** Takes what stands before the next `sep` off the front of `*rest`. False when `*rest` is absent. */
bool dgm_str_split(struct dgm_str *rest, char sep, struct dgm_str *ret);

/** Decimal digits alone, no sign, no blanks. False when it is anything else or does not fit. */
bool dgm_str_u64(struct dgm_str, uint64_t *ret);

/** An optional minus and digits; also a JSON number of integral value such as 5.0 or 1e3. */
bool dgm_str_i64(struct dgm_str, int64_t *ret);

/** A JSON number. False when it is none or not finite. */
bool dgm_str_double(struct dgm_str, double *ret);

#endif
