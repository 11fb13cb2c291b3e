/* SPDX-License-Identifier: Apache-2.0 */
/* sniff.c - files by their first bytes, cut anywhere. */
#include "gateway/sniff.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    struct dgm_str bytes;
    const char *mime; /* NULL: nobody knows */
} rows[] = {
#define BYTES(s) {s, sizeof s - 1}
    {BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png"},
    {BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg"},
    {BYTES("GIF87a\1\0\1\0"), "image/gif"},
    {BYTES("GIF89a\1\0\1\0"), "image/gif"},
    {BYTES("RIFF\x24\0\0\0WEBPVP8 "), "image/webp"},
    {BYTES("RIFF\x24\0\0\0WAVEfmt "), "audio/wav"},
    {BYTES("RIFF\x24\0\0\0AVI LIST"), "video/avi"},
    {BYTES("II*\0\x08\0\0\0"), "image/tiff"},
    {BYTES("MM\0*\0\0\0\x08"), "image/tiff"},
    {BYTES("BM\x36\x10\0\0\0\0\0\0\x36"), "image/bmp"},
    {BYTES("\0\0\0\x18"
           "ftypheic\0\0\0\0"),
     "image/heic"},
    {BYTES("\0\0\0\x18"
           "ftypheix\0\0\0\0"),
     "image/heic"},
    {BYTES("\0\0\0\x18"
           "ftypmif1\0\0\0\0"),
     "image/heif"},
    {BYTES("\0\0\0\x18"
           "ftypmsf1\0\0\0\0"),
     "image/heif"},
    {BYTES("\0\0\0\x18"
           "ftypavif\0\0\0\0"),
     "image/avif"},
    {BYTES("\0\0\0\x18"
           "ftypavis\0\0\0\0"),
     "image/avif"},
    {BYTES("\0\0\0\x18"
           "ftypM4A \0\0\0\0"),
     "audio/m4a"},
    {BYTES("\0\0\0\x18"
           "ftypqt  \0\0\0\0"),
     "video/quicktime"},
    {BYTES("\0\0\0\x18"
           "ftyp3gp4\0\0\0\0"),
     "video/3gpp"},
    {BYTES("\0\0\0\x18"
           "ftypisom\0\0\x02\0"),
     "video/mp4"},
    {BYTES(
         "\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"),
     "video/webm"},
    {BYTES(
         "\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"),
     "video/webm"},
    {BYTES(
         "\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x23\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x88matroska"),
     "video/x-matroska"},
    {BYTES("FLV\x01\x05"), "video/x-flv"},
    {BYTES("\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6"), "video/wmv"},
    {BYTES("\0\0\x01\xba\x44"), "video/mpeg"},
    {BYTES("ID3\x04\0"), "audio/mp3"},
    {BYTES("\xff\xfb\x90\x64"), "audio/mp3"},
    {BYTES("\xff\xf3\x90\x64"), "audio/mp3"},
    {BYTES("\xff\xf2\x90\x64"), "audio/mp3"},
    {BYTES("\xff\xfa\x90\x64"), "audio/mp3"},
    {BYTES("\xff\xf1\x50\x80"), "audio/aac"},
    {BYTES("\xff\xf9\x50\x80"), "audio/aac"},
    {BYTES("OggS\0\x02"), "audio/ogg"},
    {BYTES("fLaC\0"), "audio/flac"},
    {BYTES("FORM\0\0\0\0AIFFCOMM"), "audio/aiff"},
    {BYTES("FORM\0\0\0\0AIFCCOMM"), "audio/aiff"},
    {BYTES("%PDF-1.7\n"), "application/pdf"},
    {BYTES("{\\rtf1\\ansi"), "text/rtf"},
    {BYTES("<!DOCTYPE html>"), "text/html"},
    {BYTES("\xef\xbb\xbf \r\n\t<HTML lang=en>"), "text/html"},
    {BYTES(""), NULL},
    {BYTES("RIFF\x24\0\0\0ABCD"), NULL},
    {BYTES("BM is no picture"), NULL},
    {BYTES("<?xml version=\"1.0\"?><svg/>"), NULL},
    {BYTES("{\"error\":\"no\"}"), NULL},
    {BYTES("plain text"), NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dgm_str mime = gw_sniff(rows[i].bytes);
        if (!dgm_str_eq(mime, dgm_str_c(rows[i].mime)) ||
            (mime.p == NULL) != (rows[i].mime == NULL))
            fail_msg("row %zu is %.*s", i, (int)mime.n, mime.p ? mime.p : "");
        for (size_t n = 0; n < rows[i].bytes.n; n++)
            (void)gw_sniff(dgm_str_head(rows[i].bytes, n)); /* reads no further */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
