/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - what stands in a conversation and is no text. */
#include "translate/media.h"

#include "base/str.h"

#include <string.h>

#define BLOCK_BYTES 64

/* Sixteen bytes at once, with any compiler that has vectors: a byte of a comparison is 0 or 0xff. */
typedef unsigned char lane __attribute__((vector_size(16)));

static const struct {
    const char *extension, *type;
} mimes[] = {
#define MIME(extension, type) {extension, type},
#include "translate/mime.def"
#undef MIME
};

/* ---- base64 ------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '/' && c <= '9') || c == '+' ||
           c == '-' || c == '_';
}

static lane within(lane x, unsigned char low, unsigned char count)
{
    return (lane)(x - low < count);
}

/* Whether all bytes of a block are letters of one of the two alphabets. */
static bool is_plain_block(const char *p)
{
    lane all = (lane){0} - 1;
    for (size_t i = 0; i < BLOCK_BYTES; i += sizeof all) {
        lane x;
        memcpy(&x, p + i, sizeof x);
        all &= within(x | 0x20, 'a', 26) | within(x, '/', 11) | (lane)(x == '+') |
               (lane)(x == '-') | (lane)(x == '_');
    }
    uint64_t halves[2];
    memcpy(halves, &all, sizeof halves);
    return (halves[0] & halves[1]) == UINT64_MAX;
}

bool media_is_base64(struct dgm_str s, bool *ret_blanks)
{
    size_t letters = 0, padding = 0, blanks = 0;
    while (s.n != 0 && (is_blank(s.p[s.n - 1]) || (padding < 2 && s.p[s.n - 1] == '='))) {
        padding += s.p[s.n - 1] == '=';
        blanks += s.p[--s.n] != '=';
    }
    for (size_t i = 0; i < s.n;) {
        if (s.n - i >= BLOCK_BYTES && is_plain_block(s.p + i)) {
            letters += BLOCK_BYTES;
            i += BLOCK_BYTES;
            continue;
        }
        size_t end = s.n - i < BLOCK_BYTES ? s.n : i + BLOCK_BYTES;
        for (; i < end; i++) {
            if (is_letter(s.p[i]))
                letters++;
            else if (is_blank(s.p[i]))
                blanks++;
            else
                return false;
        }
    }
    *ret_blanks = blanks != 0;
    return letters != 0 && letters % 4 != 1 && (padding == 0 || (letters + padding) % 4 == 0);
}

/* ---- texts that are media ----------------------------------------------------------------------------- */

/* The length of "gs" of "gs://...": 0 when no scheme and no "//" stand there (RFC 3986). */
static size_t scheme(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && ((s.p[n] >= 'a' && s.p[n] <= 'z') || (s.p[n] >= 'A' && s.p[n] <= 'Z') ||
                       (n != 0 && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '+' ||
                                   s.p[n] == '-' || s.p[n] == '.'))))
        n++;
    return dgm_str_starts(dgm_str_skip(s, n), DGM_STR("://")) ? n : 0;
}

bool media_is_uri(struct dgm_str s)
{
    return scheme(s) != 0;
}

static bool read_base64(struct dgm_str s, struct media *ret)
{
    ret->data = s;
    return media_is_base64(s, &ret->blanks);
}

/* Whether a parameter says nothing that base64 of a text does not say too. */
static bool is_plain_charset(struct dgm_str parameter)
{
    return dgm_str_eq_nocase(parameter, DGM_STR("charset=utf-8")) ||
           dgm_str_eq_nocase(parameter, DGM_STR("charset=us-ascii"));
}

/*
 * What stands between "data:" and the comma: a MIME type, its parameters, and "base64" (RFC 2397). The type goes on
 * with its parameters ("audio/L16;rate=24000"), without them where they are just a plain charset.
 */
static enum media_form read_data_url(struct dgm_str rest, struct media *ret)
{
    struct dgm_str head = dgm_str_head(rest, dgm_str_find_char(rest, ',')), type, parameter;
    struct dgm_str words = head, last = {0};
    bool plain = true;
    if (head.n == rest.n || !dgm_str_split(&words, ';', &type))
        return MEDIA_NOT_DATA;
    for (; dgm_str_split(&words, ';', &parameter); last = dgm_str_trim(parameter))
        plain = plain && (!last.p || is_plain_charset(last));
    if (!dgm_str_eq_nocase(last, DGM_STR("base64")))
        return MEDIA_NOT_DATA;
    if (dgm_str_trim(type).n != 0)
        ret->mime = dgm_str_trim(plain ? type : dgm_str_head(head, head.n - sizeof ";base64" + 1));
    return read_base64(dgm_str_skip(rest, head.n + 1), ret) ? MEDIA_DATA : MEDIA_NOT_BASE64;
}

enum media_form media_read(struct dgm_str text, struct media *ret)
{
    struct dgm_str data = DGM_STR("data:");
    *ret = (struct media){0};
    if (dgm_str_eq_nocase(dgm_str_head(text, data.n), data))
        return read_data_url(dgm_str_skip(text, data.n), ret);
    if (scheme(text) != 0) {
        ret->uri = text;
        return MEDIA_URI;
    }
    return read_base64(text, ret) ? MEDIA_DATA : MEDIA_NOT_BASE64;
}

/* ---- MIME types --------------------------------------------------------------------------------------- */

struct dgm_str media_mime_of_extension(struct dgm_str extension)
{
    for (size_t i = 0; i < sizeof mimes / sizeof *mimes; i++)
        if (dgm_str_eq_nocase(extension, dgm_str_c(mimes[i].extension)))
            return dgm_str_c(mimes[i].type);
    return (struct dgm_str){0};
}

/* Of a web address the query counts for nothing: a signed URL has dots and slashes there (user-pain E2). */
struct dgm_str media_mime_of_name(struct dgm_str name)
{
    size_t n = scheme(name);
    bool object = dgm_str_eq_nocase(dgm_str_head(name, n), DGM_STR("gs"));
    struct dgm_str piece, last = {0}, path = name;
    if (n != 0 && !object) {
        path = dgm_str_head(path, dgm_str_find_char(path, '#'));
        path = dgm_str_head(path, dgm_str_find_char(path, '?'));
    }
    while (dgm_str_split(&path, '/', &piece))
        last = piece;
    size_t dot = dgm_str_find_char(last, '.');
    if (dot == last.n)
        return (struct dgm_str){0};
    while (dgm_str_split(&last, '.', &piece))
        continue;
    return media_mime_of_extension(piece);
}

/* The host of "https://host:443/path". */
static struct dgm_str host(struct dgm_str uri)
{
    size_t n = scheme(uri), end = 0;
    struct dgm_str rest = dgm_str_skip(uri, n ? n + 3 : uri.n);
    while (end < rest.n && !strchr("/?#:", rest.p[end]))
        end++;
    return dgm_str_head(rest, end);
}

bool media_is_youtube(struct dgm_str uri)
{
    struct dgm_str site = host(uri), dot = DGM_STR(".youtube.com");
    return dgm_str_eq_nocase(site, DGM_STR("youtu.be")) ||
           dgm_str_eq_nocase(site, DGM_STR("youtube.com")) ||
           (site.n > dot.n && dgm_str_eq_nocase(dgm_str_skip(site, site.n - dot.n), dot));
}

bool media_is_file(struct dgm_str uri)
{
    return dgm_str_eq_nocase(host(uri), DGM_STR("generativelanguage.googleapis.com"));
}

/* ---- putting ------------------------------------------------------------------------------------------ */

/* Base64 goes on as it came, but for blanks. Nothing in it is ever escaped, so nobody looks for that again. */
static void put_data(struct json_writer *w, const struct media *m)
{
    struct dgm_str s = m->data;
    json_put_name(w, "data");
    json_open_str(w);
    while (s.n != 0) {
        size_t n = m->blanks ? 0 : s.n;
        while (n < s.n && !is_blank(s.p[n]))
            n++;
        json_add_lasting(w, dgm_str_head(s, n));
        while (n < s.n && is_blank(s.p[n]))
            n++;
        s = dgm_str_skip(s, n);
    }
    json_close_str(w);
}

void media_put(struct json_writer *w, enum dgm_surface surface, const struct media *m)
{
    json_put_key(w, m->uri.p ? DGM_STR("fileData") : DGM_STR("inlineData"));
    json_open_obj(w);
    if (m->mime.p)
        json_member_str(w, "mimeType", m->mime);
    if (m->name.n && surface == DGM_VERTEX)
        json_member_str(w, "displayName", m->name);
    if (m->uri.p)
        json_member_str(w, "fileUri", m->uri);
    else
        put_data(w, m);
    json_close_obj(w);
}
