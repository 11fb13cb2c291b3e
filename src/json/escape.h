/* SPDX-License-Identifier: Apache-2.0 */
/* escape.h - escapes of JSON strings, for the two that read them: read.c and raw.c. */
#ifndef JSON_ESCAPE_H
#define JSON_ESCAPE_H

#include <string.h>

static inline int json_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** The UTF-16 unit of the escape `\uXXXX` at `p`; -1 when there is no such thing. */
static inline int json_escaped_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = json_hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/**
 * Steps over the escape at `p`, sound or not. yyjson refuses half a surrogate pair under every flag, so do serde's
 * and others' readers, and clients that cut texts by UTF-16 units do send them: it becomes the replacement
 * character, which is as long.
 */
static inline char *json_skip_escape(char *p, char *end)
{
    int unit = json_escaped_unit(p, end);
    if (unit < 0)
        return end - p < 2 ? end : p + 2;
    if (unit < 0xd800 || unit > 0xdfff)
        return p + 6;
    int low = unit < 0xdc00 ? json_escaped_unit(p + 6, end) : -1;
    if (low >= 0xdc00 && low <= 0xdfff)
        return p + 12;
    memcpy(p + 2, "fffd", 4);
    return p + 6;
}

#endif
