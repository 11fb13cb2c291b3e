/* SPDX-License-Identifier: Apache-2.0 */
/* time.c - times as text and back; the days by Howard Hinnant's civil_from_days and days_from_civil. */
#include "emulate/time.h"

#include "base/str.h"

#define LATEST_MS INT64_C(253402300799999) /* the end of 9999 */
#define DAY_MS INT64_C(86400000)
#define EPOCH_DAYS 719468 /* from the first of March of the year 0 to 1970 */
#define DURATION_MAX_S 3155760000.0

static void put_digits(struct dgm_buf *out, int64_t n, unsigned digits)
{
    int64_t unit = 1;
    while (--digits != 0)
        unit *= 10;
    for (; unit != 0; unit /= 10)
        dgm_buf_put_char(out, (char)('0' + n / unit % 10));
}

void emu_time_put(int64_t ms, struct dgm_buf *out)
{
    if (ms < 0 || ms > LATEST_MS)
        ms = 0;
    int64_t days = ms / DAY_MS + EPOCH_DAYS, rest = ms % DAY_MS;
    int64_t era = days / 146097, doe = days % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    put_digits(out, yoe + era * 400 + (month <= 2), 4);
    dgm_buf_put_char(out, '-');
    put_digits(out, month, 2);
    dgm_buf_put_char(out, '-');
    put_digits(out, day, 2);
    dgm_buf_put_char(out, 'T');
    put_digits(out, rest / 3600000, 2);
    dgm_buf_put_char(out, ':');
    put_digits(out, rest / 60000 % 60, 2);
    dgm_buf_put_char(out, ':');
    put_digits(out, rest / 1000 % 60, 2);
    dgm_buf_put_char(out, '.');
    put_digits(out, rest % 1000, 3);
    dgm_buf_put_lit(out, "000Z");
}

/* Takes `digits` of them, and what must stand behind. False: they do not stand there. */
static bool take(struct dgm_str *s, size_t digits, char behind, int64_t max, int64_t *ret)
{
    uint64_t n;
    size_t all = digits + (behind != '\0');
    if (s->n < all || !dgm_str_u64(dgm_str_head(*s, digits), &n) || n > (uint64_t)max ||
        (behind != '\0' && s->p[digits] != behind))
        return false;
    *ret = (int64_t)n;
    *s = dgm_str_skip(*s, all);
    return true;
}

/* ".123456", as far as milliseconds go. */
static int64_t take_fraction(struct dgm_str *s)
{
    int64_t ms = 0, unit = 100;
    if (s->n == 0 || s->p[0] != '.')
        return 0;
    size_t i = 1;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++, unit /= 10)
        ms += (s->p[i] - '0') * unit;
    *s = dgm_str_skip(*s, i);
    return ms;
}

/* "Z", "+02:00". */
static bool take_offset(struct dgm_str s, int64_t *ret_ms)
{
    int64_t hours, minutes;
    *ret_ms = 0;
    if (dgm_str_eq_nocase(s, DGM_STR("Z")))
        return true;
    bool east = s.n != 0 && s.p[0] == '+';
    if (s.n != 6 || (!east && s.p[0] != '-'))
        return false;
    s = dgm_str_skip(s, 1);
    if (!take(&s, 2, ':', 23, &hours) || !take(&s, 2, '\0', 59, &minutes))
        return false;
    *ret_ms = (hours * 60 + minutes) * (east ? 60000 : -60000);
    return true;
}

bool emu_time_read(struct dgm_str s, int64_t *ret_ms)
{
    int64_t year, month, day, hour, minute, second, offset;
    if (!take(&s, 4, '-', 9999, &year) || !take(&s, 2, '-', 12, &month) || s.n < 3 ||
        (s.p[2] != 'T' && s.p[2] != 't') || !take(&s, 2, s.p[2], 31, &day) ||
        !take(&s, 2, ':', 23, &hour) || !take(&s, 2, ':', 59, &minute) ||
        !take(&s, 2, '\0', 60, &second))
        return false;
    int64_t fraction = take_fraction(&s);
    if (year < 1970 || month == 0 || day == 0 || !take_offset(s, &offset))
        return false;
    int64_t y = month <= 2 ? year - 1 : year, era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH_DAYS;
    *ret_ms = days * DAY_MS + hour * 3600000 + minute * 60000 + second * 1000 + fraction - offset;
    return *ret_ms >= 0 && *ret_ms <= LATEST_MS;
}

bool emu_duration_read(struct dgm_str s, int64_t *ret_ms)
{
    double seconds;
    if (!dgm_str_ends(s, DGM_STR("s")) || !dgm_str_double(dgm_str_head(s, s.n - 1), &seconds) ||
        !(seconds >= -DURATION_MAX_S && seconds <= DURATION_MAX_S))
        return false;
    *ret_ms = (int64_t)(seconds * 1000);
    return true;
}
