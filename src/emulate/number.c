/* SPDX-License-Identifier: Apache-2.0 */
/* number.c - a number within limits: a whole multiple of a decimal unit, so that no digit is lost. */
#include "emulate/number.h"

#include "base/str.h"

#define UNIT_DIGITS_MAX 9
#define MIDDLE_SCALE 6

/* `digits` divided by ten `scale` times. */
struct unit {
    int64_t digits;
    unsigned scale;
};

static double power_of_ten(unsigned n)
{
    double d = 1;
    while (n-- != 0)
        d *= 10;
    return d;
}

/* "0.25" is 25 and two. */
static struct unit read_unit(struct dgm_str text)
{
    struct unit u = {0, 0};
    bool point = false;
    int64_t whole;
    if (dgm_str_i64(text, &whole) && whole > 0 && whole < 1000000000)
        return (struct unit){whole, 0};
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '.') {
            point = true;
        } else if (c >= '0' && c <= '9' && i <= UNIT_DIGITS_MAX) {
            u.digits = u.digits * 10 + c - '0';
            u.scale += point;
        } else {
            return (struct unit){1, 0};
        }
    }
    return u.digits > 0 ? u : (struct unit){1, 0};
}

static double clamp(double d)
{
    return d < -NUMBER_MAX ? -NUMBER_MAX : d > NUMBER_MAX ? NUMBER_MAX : d;
}

/* The whole number at or above `d`; with `open` above it. */
static int64_t ceiling(double d, bool open)
{
    int64_t i = (int64_t)clamp(d);
    if ((double)i < d)
        i++;
    return i + (open && (double)i <= d);
}

static struct dgm_str write(char room[NUMBER_MAX_BYTES], int64_t n, unsigned scale)
{
    size_t at = NUMBER_MAX_BYTES;
    bool negative = n < 0, written = scale == 0;
    uint64_t left = negative ? (uint64_t)-n : (uint64_t)n;
    for (unsigned digit = 0; left != 0 || digit <= scale; digit++, left /= 10) {
        bool zero = left % 10 == 0;
        if (digit == scale && at != NUMBER_MAX_BYTES && !(scale == 0))
            room[--at] = '.';
        if (digit >= scale || !zero || written) { /* zeros at the end of a fraction are none */
            room[--at] = (char)('0' + left % 10);
            written = true;
        }
    }
    if (negative)
        room[--at] = '-';
    return (struct dgm_str){room + at, NUMBER_MAX_BYTES - at};
}

bool emu_number_fits(const struct number *n, struct dgm_str text)
{
    double d;
    int64_t i;
    if (!dgm_str_double(text, &d) || (n->integer && !dgm_str_i64(text, &i)))
        return false;
    return (n->above_min ? d > n->min : d >= n->min) && (n->below_max ? d < n->max : d <= n->max);
}

struct dgm_str emu_number_make(char room[NUMBER_MAX_BYTES], const struct number *n, size_t index)
{
    struct unit unit = n->step.p ? read_unit(n->step) : (struct unit){1, 0};
    double size = (double)unit.digits / power_of_ten(unit.scale);
    int64_t low = ceiling(n->min / size, n->above_min);
    int64_t high = -ceiling(-n->max / size, n->below_max);
    int64_t k = low <= 1 && 1 <= high ? 1 : n->min > -NUMBER_MAX ? low : high;
    if (low > high && !n->integer && !n->step.p) { /* no whole number: the middle */
        unit.scale = MIDDLE_SCALE;
        double middle = (n->min + n->max) / 2 * power_of_ten(MIDDLE_SCALE);
        k = (int64_t)clamp(middle < 0 ? middle - 0.5 : middle + 0.5);
    } else if (index < 1000000 && k <= high - (int64_t)index) {
        k += (int64_t)index;
    }
    int64_t most = INT64_C(9000000000000000000) / unit.digits;
    k = k > most ? most : k < -most ? -most : k;
    return write(room, k * unit.digits, unit.scale);
}
