/* SPDX-License-Identifier: Apache-2.0 */
/* date.c - dates of the Gregorian calendar. */
#include "base/date.h"

#include "base/str.h"

#define SECONDS_A_DAY 86400
#define DAYS_BEFORE 719468 /* days from 0000-03-01 to 1970-01-01 */

/*
 * The proleptic Gregorian calendar counted in 400-year cycles of 146097 days from 1 March, so that
 * the leap day is the last of its year.
 */
struct dgm_date dgm_date_of(int64_t seconds)
{
    int64_t at = seconds < 0 ? 0 : seconds > DGM_DATE_MAX ? DGM_DATE_MAX : seconds;
    unsigned in_day = (unsigned)(at % SECONDS_A_DAY), days = (unsigned)(at / SECONDS_A_DAY);
    unsigned shifted = days + DAYS_BEFORE;
    unsigned cycle = shifted / 146097;
    unsigned in_cycle = shifted % 146097;
    unsigned year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    unsigned in_year = in_cycle - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153; /* 0 is March */
    return (struct dgm_date){
        .year = cycle * 400 + year + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = in_year - (153 * month + 2) / 5 + 1,
        .weekday = (days + 4) % 7, /* 1970-01-01 was a Thursday */
        .hour = in_day / 3600,
        .minute = in_day / 60 % 60,
        .second = in_day % 60,
    };
}

/* The same backwards: days since 1970 of a date. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    unsigned in_cycle = y % 400;
    unsigned days = in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + (153 * m + 2) / 5 + day - 1;
    return (int64_t)(y / 400) * 146097 + days - DAYS_BEFORE;
}

/* ---- putting ---- */

static void put_digits(struct dgm_buf *out, unsigned n, unsigned digits)
{
    unsigned scale = 1;
    while (--digits != 0)
        scale *= 10;
    for (; scale != 0; scale /= 10)
        dgm_buf_put_char(out, (char)('0' + n / scale % 10));
}

static void put_mark(struct dgm_buf *out, char mark)
{
    if (mark != '\0')
        dgm_buf_put_char(out, mark);
}

static void put_date(struct dgm_buf *out, int64_t seconds, char dash, char colon)
{
    struct dgm_date d = dgm_date_of(seconds);
    put_digits(out, d.year, 4);
    put_mark(out, dash);
    put_digits(out, d.month, 2);
    put_mark(out, dash);
    put_digits(out, d.day, 2);
    dgm_buf_put_char(out, 'T');
    put_digits(out, d.hour, 2);
    put_mark(out, colon);
    put_digits(out, d.minute, 2);
    put_mark(out, colon);
    put_digits(out, d.second, 2);
}

void dgm_date_put(struct dgm_buf *out, int64_t seconds)
{
    put_date(out, seconds, '-', ':');
    dgm_buf_put_char(out, 'Z');
}

void dgm_date_put_basic(struct dgm_buf *out, int64_t seconds)
{
    put_date(out, seconds, '\0', '\0');
    dgm_buf_put_char(out, 'Z');
}

void dgm_date_put_ms(struct dgm_buf *out, int64_t ms)
{
    put_date(out, ms / 1000, '-', ':');
    dgm_buf_put_char(out, '.');
    put_digits(out, ms < 0 ? 0 : (unsigned)(ms % 1000), 3);
    dgm_buf_put_lit(out, "000Z");
}

/* ---- reading ---- */

/* So many digits off the front; or `mark` alone. False: there is something else. */
static bool take_digits(struct dgm_str *rest, size_t digits, unsigned *ret)
{
    uint64_t n;
    if (rest->n < digits || !dgm_str_u64(dgm_str_head(*rest, digits), &n))
        return false;
    *ret = (unsigned)n;
    *rest = dgm_str_skip(*rest, digits);
    return true;
}

static bool take_mark(struct dgm_str *rest, char mark)
{
    bool there = rest->n != 0 && (rest->p[0] == mark || rest->p[0] == (mark | 0x20));
    *rest = dgm_str_skip(*rest, there);
    return there;
}

/* "Z", "+01:00" or "-05:30", and nothing behind it. */
static bool take_offset(struct dgm_str *rest, int64_t *ret_seconds)
{
    unsigned hours, minutes;
    *ret_seconds = 0;
    if (take_mark(rest, 'Z'))
        return rest->n == 0;
    if (rest->n == 0 || (rest->p[0] != '+' && rest->p[0] != '-'))
        return false;
    bool behind = rest->p[0] == '-';
    *rest = dgm_str_skip(*rest, 1);
    if (!take_digits(rest, 2, &hours) || !take_mark(rest, ':') || !take_digits(rest, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (behind ? -1 : 1);
    return rest->n == 0;
}

/* ".123456", as far as milliseconds go. False: there is no digit behind the point. */
static bool take_fraction(struct dgm_str *rest, int64_t *ret_ms)
{
    int64_t ms = 0, unit = 100;
    size_t n = 0;
    *ret_ms = 0;
    if (!take_mark(rest, '.'))
        return true;
    for (; n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9'; n++, unit /= 10)
        ms += (rest->p[n] - '0') * unit;
    *rest = dgm_str_skip(*rest, n);
    *ret_ms = ms;
    return n != 0;
}

/* A day that its month has not would come back as one of the next. */
static bool is_day(int64_t days, unsigned month, unsigned day)
{
    struct dgm_date d = dgm_date_of(days * SECONDS_A_DAY);
    return d.month == month && d.day == day;
}

bool dgm_date_read_ms(struct dgm_str s, int64_t *ret_ms)
{
    unsigned year, month, day, hour, minute, second;
    int64_t offset, fraction;
    if (!take_digits(&s, 4, &year) || !take_mark(&s, '-') || !take_digits(&s, 2, &month) ||
        !take_mark(&s, '-') || !take_digits(&s, 2, &day) || !take_mark(&s, 'T') ||
        !take_digits(&s, 2, &hour) || !take_mark(&s, ':') || !take_digits(&s, 2, &minute) ||
        !take_mark(&s, ':') || !take_digits(&s, 2, &second))
        return false;
    if (year < 1970 || month == 0 || month > 12 || day == 0 || hour > 23 || minute > 59 ||
        second > 60 || !take_fraction(&s, &fraction) || !take_offset(&s, &offset))
        return false;
    unsigned in_day = hour * 3600 + minute * 60 + second;
    int64_t days = days_of(year, month, day), seconds = days * SECONDS_A_DAY + in_day - offset;
    if (!is_day(days, month, day) || seconds < 0 || seconds > DGM_DATE_MAX)
        return false;
    *ret_ms = seconds * 1000 + fraction;
    return true;
}

bool dgm_date_read(struct dgm_str s, int64_t *ret_seconds)
{
    int64_t ms;
    if (!dgm_date_read_ms(s, &ms))
        return false;
    *ret_seconds = ms / 1000;
    return true;
}
