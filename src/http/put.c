/* SPDX-License-Identifier: Apache-2.0 */
/* put.c - HTTP/1.1 heads and chunks put into a buffer. */
#include "http/put.h"

#include "base/buf.h"
#include "base/date.h"
#include "base/lanes.h"
#include "base/str.h"
#include "http/media.h"

#include <assert.h>
#include <string.h>

struct dgm_str http_status_reason(int status)
{
    switch (status) {
#define STATUS(code, phrase)                                                                       \
    case code:                                                                                     \
        return DGM_STR(phrase);
#include "http/status.def"
#undef STATUS
    default:
        return DGM_STR("");
    }
}

void http_put_status(struct dgm_buf *b, int status)
{
    assert(status >= 100 && status <= 999);
    if (status == 200) { /* what most answers are */
        dgm_buf_add_lit(b, HTTP_STATUS_BEGIN "200 OK\r\n");
        return;
    }
    dgm_buf_add_lit(b, HTTP_STATUS_BEGIN);
    dgm_buf_put_int(b, status);
    dgm_buf_add_lit(b, " "); /* RFC 9112 4: the blank stands even where the phrase is empty */
    dgm_buf_put(b, http_status_reason(status));
    dgm_buf_add_lit(b, "\r\n");
}

/* How many bytes at the front may stand in a target as they are. */
static size_t fine_run(struct dgm_str s)
{
    size_t i = 0;
    for (; s.n - i >= DGM_LANES; i += DGM_LANES) {
        dgm_lanes x = dgm_lanes_load(s.p + i);
        if (dgm_lanes_mask((dgm_lanes)((x <= 0x20) | (x >= 0x7f))) != 0)
            break;
    }
    while (i < s.n && s.p[i] > 0x20 && s.p[i] < 0x7f)
        i++;
    return i;
}

static void put_target(struct dgm_buf *b, struct dgm_str target)
{
    while (target.n != 0) {
        size_t fine = fine_run(target);
        dgm_buf_put(b, dgm_str_head(target, fine));
        if (fine < target.n) {
            dgm_buf_put_char(b, '%');
            dgm_buf_put_hex(b, (unsigned char)target.p[fine], 2);
        }
        target = dgm_str_skip(target, fine + 1);
    }
}

void http_put_request(struct dgm_buf *b, struct dgm_str method, struct dgm_str base,
                      struct dgm_str target)
{
    assert(http_token_ok(method));
    dgm_buf_put(b, method);
    dgm_buf_put_char(b, ' ');
    put_target(b, base);
    put_target(b, target);
    dgm_buf_add_lit(b, " HTTP/1.1\r\n");
}

/* RFC 9110 5.5: of the control characters a value may hold the tab alone. */
static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* Whether there may be one, tabs counted too, in a line of some length: its last sixteen bytes may be looked at twice. */
static bool may_have_control(struct dgm_str line)
{
    dgm_lanes found = {0};
    if (line.n < DGM_LANES)
        return true;
    for (size_t i = 0; i < line.n; i += DGM_LANES) {
        size_t at = i + DGM_LANES <= line.n ? i : line.n - DGM_LANES;
        dgm_lanes x = dgm_lanes_load(line.p + at);
        found |= (dgm_lanes)((x < 0x20) | (x == 0x7f));
    }
    return dgm_lanes_mask(found) != 0;
}

void http__put_value(struct dgm_buf *b, struct dgm_str name_and_colon, struct dgm_str value)
{
    value = dgm_str_trim(value);
    size_t n = name_and_colon.n + value.n;
    char *to = dgm_buf_room(b, n + 2);
    if (!to)
        return;
    memcpy(to, name_and_colon.p, name_and_colon.n);
    if (value.n != 0)
        memcpy(to + name_and_colon.n, value.p, value.n);
    if (may_have_control((struct dgm_str){to, n}))
        for (size_t i = name_and_colon.n; i < n; i++)
            to[i] = is_control(to[i]) ? '?' : to[i];
    memcpy(to + n, "\r\n", 2);
    b->n += n + 2;
}

void http_put_header(struct dgm_buf *b, struct dgm_str name, struct dgm_str value)
{
    assert(http_token_ok(name));
    dgm_buf_put(b, name);
    http__put_value(b, DGM_STR(": "), value);
}

void http_put_header_int(struct dgm_buf *b, struct dgm_str name, int64_t value)
{
    assert(http_token_ok(name));
    dgm_buf_put(b, name);
    dgm_buf_add_lit(b, ": ");
    dgm_buf_put_int(b, value);
    dgm_buf_add_lit(b, "\r\n");
}

static void set_two(char *to, unsigned n)
{
    to[0] = (char)('0' + n / 10 % 10);
    to[1] = (char)('0' + n % 10);
}

void http_put_date(struct dgm_buf *b, int64_t now)
{
    static const char weekdays[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct dgm_date d = dgm_date_of(now);
    char text[] = "Date: Www, dd Mmm yyyy hh:mm:ss GMT\r\n";
    memcpy(text + 6, weekdays + (size_t)3 * d.weekday, 3);
    set_two(text + 11, d.day);
    memcpy(text + 14, months + (size_t)3 * (d.month - 1), 3);
    set_two(text + 18, d.year / 100);
    set_two(text + 20, d.year % 100);
    set_two(text + 23, d.hour);
    set_two(text + 26, d.minute);
    set_two(text + 29, d.second);
    dgm_buf_put(b, (struct dgm_str){text, sizeof text - 1});
}

void http_put_length(struct dgm_buf *b, uint64_t body_bytes)
{
    assert(body_bytes <= INT64_MAX);
    dgm_buf_add_lit(b, "Content-Length: ");
    dgm_buf_put_int(b, (int64_t)body_bytes);
    dgm_buf_add_lit(b, "\r\n");
}

void http_put_chunked(struct dgm_buf *b)
{
    dgm_buf_add_lit(b, "Transfer-Encoding: chunked\r\n");
}

void http_put_connection(struct dgm_buf *b, bool keep_alive, unsigned request_minor)
{
    if (!keep_alive)
        dgm_buf_add_lit(b, "Connection: close\r\n");
    else if (request_minor == 0)
        dgm_buf_add_lit(b, "Connection: keep-alive\r\n");
}

void http_put_head_end(struct dgm_buf *b)
{
    dgm_buf_add_lit(b, "\r\n");
}

void http_put_continue(struct dgm_buf *b)
{
    http_put_status(b, 100);
    http_put_head_end(b);
}

void http_put_chunk_open(struct dgm_buf *b, size_t n)
{
    assert(n != 0);
    unsigned digits = 1;
    while (digits < 16 && n >> (4 * digits) != 0)
        digits++;
    dgm_buf_put_hex(b, n, digits);
    dgm_buf_add_lit(b, "\r\n");
}

void http_put_chunk_close(struct dgm_buf *b)
{
    dgm_buf_add_lit(b, "\r\n");
}

void http_put_chunk(struct dgm_buf *b, struct dgm_str data)
{
    if (data.n == 0)
        return;
    http_put_chunk_open(b, data.n);
    dgm_buf_put(b, data);
    http_put_chunk_close(b);
}

void http_put_last_chunk(struct dgm_buf *b)
{
    dgm_buf_add_lit(b, "0\r\n\r\n");
}
