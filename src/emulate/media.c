/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - what the first bytes of a file say of it. */
#include "emulate/media.h"

#include "base/str.h"
#include "emulate/base64.h"

#define JPEG_SEGMENTS_MAX 256
#define WAV_CHUNKS_MAX 64
#define MP3_SEARCHED_BYTES 4096 /* for the first frame */

/* A file; what stands behind its end reads as zero. */
struct file {
    struct dgm_str letters;
    uint64_t n;
};

/* ---- bytes -------------------------------------------------------------------------------------------- */

static uint32_t byte_at(const struct file *f, uint64_t at)
{
    return at < f->n ? emu_base64_at(f->letters, (size_t)at) : 0;
}

static uint32_t big(const struct file *f, uint64_t at, unsigned bytes)
{
    uint32_t n = 0;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | byte_at(f, at + i);
    return n;
}

static uint32_t little(const struct file *f, uint64_t at, unsigned bytes)
{
    uint32_t n = 0;
    while (bytes-- != 0)
        n = n << 8 | byte_at(f, at + bytes);
    return n;
}

static bool stands(const struct file *f, uint64_t at, struct dgm_str wanted)
{
    for (size_t i = 0; i < wanted.n; i++)
        if (byte_at(f, at + i) != (unsigned char)wanted.p[i])
            return false;
    return true;
}

/* ---- pictures ----------------------------------------------------------------------------------------- */

/* From marker to marker to the first frame header, SOF0 to SOF15 (ITU T.81, B.2.2). */
static void read_jpeg(const struct file *f, struct media *m)
{
    uint64_t at = 2;
    for (unsigned i = 0; i < JPEG_SEGMENTS_MAX && byte_at(f, at) == 0xff; i++) {
        uint32_t marker = byte_at(f, at + 1);
        bool frame = (marker & 0xf0) == 0xc0 && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (frame) {
            m->height = big(f, at + 5, 2);
            m->width = big(f, at + 7, 2);
            return;
        }
        bool bare = marker == 0xff || marker == 0x01 || (marker & 0xf8) == 0xd0; /* has no length */
        at += marker == 0xff ? 1 : bare ? 2 : 2 + big(f, at + 2, 2);
    }
}

/* The three kinds of a WebP file: lossy, lossless, extended (RFC 9649). */
static void read_webp(const struct file *f, struct media *m)
{
    if (stands(f, 12, DGM_STR("VP8 ")) && stands(f, 23, DGM_STR("\x9d\x01\x2a"))) {
        m->width = little(f, 26, 2) & 0x3fff;
        m->height = little(f, 28, 2) & 0x3fff;
    } else if (stands(f, 12, DGM_STR("VP8L")) && byte_at(f, 20) == 0x2f && f->n >= 25) {
        uint32_t bits = little(f, 21, 4);
        m->width = (bits & 0x3fff) + 1;
        m->height = (bits >> 14 & 0x3fff) + 1;
    } else if (stands(f, 12, DGM_STR("VP8X")) && f->n >= 30) {
        m->width = little(f, 24, 3) + 1;
        m->height = little(f, 27, 3) + 1;
    }
}

/* ---- sounds ------------------------------------------------------------------------------------------- */

/* A writer that did not know the length says 0 or 2^32-1: what is there counts. */
static void read_wav(const struct file *f, struct media *m)
{
    uint64_t at = 12, bytes_a_second = 0;
    for (unsigned i = 0; i < WAV_CHUNKS_MAX && at + 8 <= f->n; i++) {
        uint64_t size = little(f, at + 4, 4), left = f->n - at - 8;
        if (stands(f, at, DGM_STR("fmt ")))
            bytes_a_second = little(f, at + 16, 4);
        if (stands(f, at, DGM_STR("data"))) {
            size = size == 0 || size > left ? left : size;
            m->plays_ms = bytes_a_second != 0 ? size * 1000 / bytes_a_second : 0;
            return;
        }
        at += 8 + size + size % 2;
    }
}

static void read_flac(const struct file *f, struct media *m)
{
    uint64_t rate = big(f, 18, 3) >> 4;
    uint64_t samples = (uint64_t)(byte_at(f, 21) & 15) << 32 | big(f, 22, 4);
    if (rate != 0)
        m->plays_ms = samples * 1000 / rate;
}

/* A frame header of MPEG 1, 2 or 2.5, layer III: 11 bits of sync, version, layer, bit rate, sample rate. */
static bool read_frame(const struct file *f, uint64_t at, struct media *m)
{
    static const uint16_t kbits[2][16] = {
        {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
        {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}};
    static const uint32_t rates[4] = {44100, 48000, 32000, 0};
    uint32_t head = big(f, at, 4), version = head >> 19 & 3, layer = head >> 17 & 3;
    if (head >> 21 != 0x7ff || version == 1 || layer != 1)
        return false;
    bool first = version == 3; /* MPEG 1 */
    uint32_t kbit = kbits[!first][head >> 12 & 15];
    uint32_t rate = rates[head >> 10 & 3] >> (first ? 0 : version == 2 ? 1 : 2);
    if (kbit == 0 || rate == 0)
        return false;
    bool mono = (head >> 6 & 3) == 3;
    uint64_t table = at + 4 + (first ? (mono ? 17 : 32) : (mono ? 9 : 17));
    bool counted = stands(f, table, DGM_STR("Xing")) || stands(f, table, DGM_STR("Info"));
    if (counted && byte_at(f, table + 7) & 1)
        m->plays_ms = (uint64_t)big(f, table + 8, 4) * (first ? 1152 : 576) * 1000 / rate;
    else
        m->plays_ms = (f->n - at) * 8 / kbit;
    return true;
}

static bool read_mp3(const struct file *f, struct media *m)
{
    uint64_t at = 0;
    bool tagged = stands(f, 0, DGM_STR("ID3"));
    if (tagged) { /* its length has seven bits a byte; there may be a footer */
        for (unsigned i = 6; i < 10; i++)
            at = at << 7 | (byte_at(f, i) & 0x7f);
        at += byte_at(f, 5) & 0x10 ? 20 : 10;
    }
    for (unsigned i = 0; i < (tagged ? MP3_SEARCHED_BYTES : 1) && at + i < f->n; i++)
        if (byte_at(f, at + i) == 0xff && read_frame(f, at + i, m))
            return true;
    return tagged;
}

/* ---- all ---------------------------------------------------------------------------------------------- */

struct media emu_media_read(struct dgm_str base64, size_t bytes)
{
    const struct file f = {base64, bytes};
    struct media m = {0};
    if (stands(&f, 0, DGM_STR("\x89PNG\r\n\x1a\n"))) {
        m.type = "image/png";
        m.width = big(&f, 16, 4);
        m.height = big(&f, 20, 4);
    } else if (stands(&f, 0, DGM_STR("\xff\xd8\xff"))) {
        m.type = "image/jpeg";
        read_jpeg(&f, &m);
    } else if (stands(&f, 0, DGM_STR("GIF87a")) || stands(&f, 0, DGM_STR("GIF89a"))) {
        m.type = "image/gif";
        m.width = little(&f, 6, 2);
        m.height = little(&f, 8, 2);
    } else if (stands(&f, 0, DGM_STR("RIFF")) && stands(&f, 8, DGM_STR("WEBP"))) {
        m.type = "image/webp";
        read_webp(&f, &m);
    } else if (stands(&f, 0, DGM_STR("RIFF")) && stands(&f, 8, DGM_STR("WAVE"))) {
        m.type = "audio/wav";
        read_wav(&f, &m);
    } else if (stands(&f, 0, DGM_STR("fLaC"))) {
        m.type = "audio/flac";
        read_flac(&f, &m);
    } else if (stands(&f, 0, DGM_STR("%PDF-"))) {
        m.type = "application/pdf";
    } else if (read_mp3(&f, &m)) {
        m.type = "audio/mp3";
    }
    if (m.width == 0 || m.height == 0)
        m.width = m.height = 0;
    return m;
}

bool emu_media_is(const struct media *m, struct dgm_str mime_type)
{
    struct dgm_str type = dgm_str_c(m->type);
    if (!type.p || dgm_str_eq_nocase(type, mime_type))
        return true;
    if (dgm_str_starts(type, DGM_STR("audio/"))) /* each of them has half a dozen names */
        return dgm_str_starts(mime_type, DGM_STR("audio/"));
    return dgm_str_eq(type, DGM_STR("image/jpeg")) &&
           dgm_str_eq_nocase(mime_type, DGM_STR("image/jpg"));
}
