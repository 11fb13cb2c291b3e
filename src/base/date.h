/* SPDX-License-Identifier: Apache-2.0 */
/* date.h - times since 1970 as dates of the Gregorian calendar in UTC, and back. Years 1970 to 9999. */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <dragoman/types.h>

#define DGM_DATE_MAX INT64_C(253402300799) /* 9999-12-31 23:59:59: four digits are all a date has */

struct dgm_date {
    unsigned year, month, day, weekday; /* months and days from 1; Sunday is 0 */
    unsigned hour, minute, second;
};

/** The date of a time, which is clamped to 0 and DGM_DATE_MAX. */
struct dgm_date dgm_date_of(int64_t seconds);

/** Puts "2026-01-01T00:00:00Z" (RFC 3339 5.6), or without any mark between digits but T and Z (ISO 8601, basic). */
void dgm_date_put(struct dgm_buf *, int64_t seconds);
void dgm_date_put_basic(struct dgm_buf *, int64_t seconds);

/** Puts a time in milliseconds as proto3 JSON writes it, with microseconds: "2026-11-21T22:33:54.123000Z". */
void dgm_date_put_ms(struct dgm_buf *, int64_t ms);

/**
 * Reads RFC 3339: an offset is counted in, and what is less than a second, or a millisecond, is cut. False: it is none, no
 * day of the calendar, or of another year.
 */
bool dgm_date_read(struct dgm_str, int64_t *ret_seconds);
bool dgm_date_read_ms(struct dgm_str, int64_t *ret_ms);

#endif
