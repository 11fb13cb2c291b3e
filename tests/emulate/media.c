/* SPDX-License-Identifier: Apache-2.0 */
/* media.c - tests of emulate/media: headers read, and cut at every byte. */
#include "emulate/media.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/base64.h"

/* The same bytes in memory of just their size, so that a sanitizer sees a byte too far. */
static struct media read_bytes(const unsigned char *bytes, size_t n)
{
    struct dgm_buf letters;
    dgm_buf_init(&letters, &dgm_alloc_libc, 1 << 20);
    emu_base64_put(&letters, (struct dgm_str){(const char *)bytes, n});
    char *exact = malloc(letters.n + 1);
    assert_non_null(exact);
    if (letters.n != 0)
        memcpy(exact, letters.p, letters.n);
    assert_int_equal(emu_base64_sound_size((struct dgm_str){exact, letters.n}), n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(emu_base64_at((struct dgm_str){exact, letters.n}, i), bytes[i]);
    struct media m = emu_media_read((struct dgm_str){exact, letters.n}, n);
    free(exact);
    dgm_buf_dispose(&letters);
    return m;
}

#define BYTES(...)                                                                                 \
    (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})
#define RIFF(...) 'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P', __VA_ARGS__
#define FMT(rate)                                                                                  \
    'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'A', 'V', 'E', 'f', 'm', 't', ' ', 16, 0, 0, 0, 1, 0, 1,  \
        0, rate, 0, 0, 0, rate, 0, 0, 0, 1, 0, 8, 0

static const struct {
    const unsigned char *bytes;
    size_t n;
    const char *type;
    uint32_t width, height;
    uint64_t plays_ms;
} cases[] = {
    {BYTES(0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 2, 0x80, 0,
           0, 1, 0xe0),
     "image/png", 640, 480, 0},
    {BYTES('G', 'I', 'F', '8', '9', 'a', 10, 0, 0, 1), "image/gif", 10, 256, 0},
    {BYTES(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc4, 0, 3, 9, 0xff, 0xc2, 0, 11, 8, 1,
           0, 2, 0x10, 1),
     "image/jpeg", 528, 256, 0},
    {BYTES(0xff, 0xd8, 0xff, 0xda, 0, 2, 0, 0), "image/jpeg", 0, 0, 0},
    {BYTES(RIFF('V', 'P', '8', ' ', 0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 0x90, 0xc1, 0x2c, 1)),
     "image/webp", 400, 300, 0},
    {BYTES(RIFF('V', 'P', '8', 'L', 0, 0, 0, 0, 0x2f, 0x8f, 0xc1, 0x4a, 0)), "image/webp", 400, 300,
     0},
    {BYTES(RIFF('V', 'P', '8', 'X', 0, 0, 0, 0, 0, 0, 0, 0, 0x8f, 1, 0, 0x2b, 1, 0)), "image/webp",
     400, 300, 0},
    {BYTES(FMT(2), 'L', 'I', 'S', 'T', 1, 0, 0, 0, 7, 0, 'd', 'a', 't', 'a', 5, 0, 0, 0, 1, 2, 3, 4,
           5),
     "audio/wav", 0, 0, 2500},
    {BYTES(FMT(2), 'd', 'a', 't', 'a', 255, 255, 255, 255, 1, 2, 3), "audio/wav", 0, 0, 1500},
    {BYTES(FMT(0), 'd', 'a', 't', 'a', 1, 0, 0, 0, 1), "audio/wav", 0, 0, 0},
    {BYTES('f', 'L', 'a', 'C', 0, 0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0, 0,
           0, 0xac, 0x44),
     "audio/flac", 0, 0, 1000},
    /* MPEG 1 layer III, 128 kbit, 44.1 kHz, stereo: one bit rate, 16 bytes a millisecond */
    {BYTES(0xff, 0xfb, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
           1, 1, 1, 1, 1),
     "audio/mp3", 0, 0, 2},
    /* a tag of four bytes; mono, MPEG 2, 24 kHz, with a table: 1000 frames of 576 */
    {BYTES('I', 'D', '3', 4, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4, 0xff, 0xf3, 0x84, 0xc0, 0, 0, 0, 0, 0, 0,
           0, 0, 0, 'X', 'i', 'n', 'g', 0, 0, 0, 1, 0, 0, 3, 0xe8),
     "audio/mp3", 0, 0, 24000},
    {BYTES('%', 'P', 'D', 'F', '-', '1'), "application/pdf", 0, 0, 0},
    {BYTES(0xff, 0xfb, 0xf0, 0), NULL, 0, 0, 0}, /* no bit rate */
    {BYTES('h', 'e', 'l', 'l', 'o'), NULL, 0, 0, 0},
};

#define CASES (sizeof cases / sizeof *cases)

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct media m = read_bytes(cases[i].bytes, cases[i].n);
        if (!dgm_str_eq(dgm_str_c(m.type), dgm_str_c(cases[i].type)) || m.width != cases[i].width ||
            m.height != cases[i].height || m.plays_ms != cases[i].plays_ms)
            fail_msg("case %zu: %s %ux%u %lu ms", i, m.type ? m.type : "nothing", m.width, m.height,
                     (unsigned long)m.plays_ms);
    }
}

/* Never a byte behind the end, and sizes are whole or none. */
static void headers_may_be_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++)
        for (size_t n = 0; n <= cases[i].n; n++) {
            struct media m = read_bytes(cases[i].bytes, n);
            assert_int_equal(m.width == 0, m.height == 0);
        }
}

static void types_have_other_names(void **state)
{
    (void)state;
    static const struct {
        const char *seen, *declared;
        bool is;
    } pairs[] = {
        {"image/jpeg", "image/jpg", true},  {"image/jpeg", "IMAGE/JPEG", true},
        {"image/jpeg", "image/png", false}, {"image/png", "image/jpg", false},
        {"audio/wav", "audio/x-wav", true}, {"audio/mp3", "audio/mpeg", true},
        {"audio/mp3", "image/png", false},  {"application/pdf", "text/plain", false},
        {NULL, "text/plain", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct media m = {.type = pairs[i].seen};
        assert_int_equal(emu_media_is(&m, dgm_str_c(pairs[i].declared)), pairs[i].is);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(headers_may_be_cut_anywhere),
        cmocka_unit_test(types_have_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
