/* SPDX-License-Identifier: Apache-2.0 */
/* sample.c - small files: PNG (the W3C's specification, RFC 1950 and 1951), WAV (RIFF). */
#include "emulate/sample.h"

#include "base/str.h"

#define STORED_MAX 65535 /* bytes of one block that is not compressed (RFC 1951, 3.2.4) */
#define TONE_HZ 440
#define LOUDNESS 8000 /* of 32767 */

/* ---- numbers ------------------------------------------------------------------------------------------ */

static void put_big(struct dgm_buf *out, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        dgm_buf_put_char(out, (char)(n >> shift & 0xff));
}

static void put_little(struct dgm_buf *out, uint32_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        dgm_buf_put_char(out, (char)(n >> 8 * i & 0xff));
}

/* ---- PNG ---------------------------------------------------------------------------------------------- */

/* A nibble at a time: sixteen numbers instead of a table of 256. */
static uint32_t crc32_of(struct dgm_str s)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* A chunk: what was put since `at`, its type first, gets a length before it and a sum behind. */
static void open_chunk(struct dgm_buf *out, struct dgm_str type, uint32_t bytes)
{
    put_big(out, bytes);
    dgm_buf_put(out, type);
}

static void close_chunk(struct dgm_buf *out, size_t at)
{
    if (out->rc == DGM_OK)
        put_big(out, crc32_of(dgm_str_skip(dgm_buf_str(out), at + 4)));
}

/* The bytes of the picture, line by line, each with its filter (0, none) first. */
static unsigned char pixel_byte(uint32_t width, uint32_t height, uint32_t line, uint32_t at)
{
    if (at == 0)
        return 0;
    uint32_t x = (at - 1) / 3, colour = (at - 1) % 3;
    uint32_t across = x * 255 / width, down = line * 255 / height;
    return (unsigned char)(colour == 0 ? across : colour == 1 ? down : 255 - across);
}

static void put_image_data(struct dgm_buf *out, uint32_t width, uint32_t height)
{
    uint32_t line_bytes = 1 + 3 * width, bytes = line_bytes * height, a = 1, b = 0;
    dgm_buf_put(out, (struct dgm_str){"\x78\x01", 2});
    for (uint32_t i = 0; i < bytes; i++) {
        if (i % STORED_MAX == 0) {
            uint32_t left = bytes - i, n = left < STORED_MAX ? left : STORED_MAX;
            dgm_buf_put_char(out, n == left); /* the last block */
            put_little(out, n, 2);
            put_little(out, ~n, 2);
        }
        unsigned char byte = pixel_byte(width, height, i / line_bytes, i % line_bytes);
        dgm_buf_put_char(out, (char)byte);
        a = (a + byte) % 65521; /* Adler-32 (RFC 1950, 8.2) */
        b = (b + a) % 65521;
    }
    put_big(out, b << 16 | a);
}

void emu_sample_put_png(struct dgm_buf *out, uint32_t width, uint32_t height)
{
    uint32_t bytes = (1 + 3 * width) * height;
    uint32_t blocks = (bytes + STORED_MAX - 1) / STORED_MAX;
    dgm_buf_put(out, (struct dgm_str){"\x89PNG\r\n\x1a\n", 8});

    size_t at = out->n;
    open_chunk(out, DGM_STR("IHDR"), 13);
    put_big(out, width);
    put_big(out, height);
    dgm_buf_put(out, (struct dgm_str){"\x08\x02\x00\x00\x00", 5}); /* 8 bits of three colours */
    close_chunk(out, at);

    at = out->n;
    open_chunk(out, DGM_STR("IDAT"), 2 + 5 * blocks + bytes + 4);
    put_image_data(out, width, height);
    close_chunk(out, at);

    at = out->n;
    open_chunk(out, DGM_STR("IEND"), 0);
    close_chunk(out, at);
}

/* ---- sound -------------------------------------------------------------------------------------------- */

void emu_sample_put_pcm(struct dgm_buf *out, uint32_t samples)
{
    for (uint32_t i = 0; i < samples; i++) {
        int64_t phase = (int64_t)i * TONE_HZ % SAMPLE_RATE * 4;
        int64_t rise = phase < 2 * SAMPLE_RATE ? phase - SAMPLE_RATE : 3 * SAMPLE_RATE - phase;
        put_little(out, (uint32_t)(rise * LOUDNESS / SAMPLE_RATE), 2);
    }
}

void emu_sample_put_wav(struct dgm_buf *out, uint32_t samples)
{
    dgm_buf_put_lit(out, "RIFF");
    put_little(out, 36 + 2 * samples, 4);
    dgm_buf_put_lit(out, "WAVEfmt ");
    put_little(out, 16, 4);
    put_little(out, 1, 2); /* PCM */
    put_little(out, 1, 2); /* channel */
    put_little(out, SAMPLE_RATE, 4);
    put_little(out, 2 * SAMPLE_RATE, 4);
    put_little(out, 2, 2);
    put_little(out, 16, 2);
    dgm_buf_put_lit(out, "data");
    put_little(out, 2 * samples, 4);
    emu_sample_put_pcm(out, samples);
}
