/* SPDX-License-Identifier: Apache-2.0 */
/* sample.c - tests of emulate/sample: files that our own reader knows; decoders judge them in tests/clients. */
#include "emulate/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/media.h"

static struct media look_at(const struct dgm_buf *file)
{
    struct dgm_buf base64;
    dgm_buf_init(&base64, &dgm_alloc_libc, SIZE_MAX);
    emu_base64_put(&base64, dgm_buf_str(file));
    struct media seen = emu_media_read(dgm_buf_str(&base64), file->n);
    dgm_buf_dispose(&base64);
    return seen;
}

/* Of sizes with one block, just one, more, and the largest that can be asked for. */
static void pictures_are_pictures(void **state)
{
    static const uint32_t sizes[][2] = {{1, 1}, {64, 64}, {148, 147}, {640, 480}, {2048, 2048}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct dgm_buf png;
        dgm_buf_init(&png, &dgm_alloc_libc, SIZE_MAX);
        emu_sample_put_png(&png, sizes[i][0], sizes[i][1]);
        struct media seen = look_at(&png);
        assert_int_equal(png.rc, DGM_OK);
        assert_true(seen.type && dgm_str_eq(dgm_str_c(seen.type), DGM_STR("image/png")));
        assert_true(seen.width == sizes[i][0] && seen.height == sizes[i][1]);
        dgm_buf_dispose(&png);
    }
}

/* The sums of the smallest picture, reckoned by zlib. */
static void sums_are_right(void **state)
{
    static const char wanted[] = "\x89PNG\r\n\x1a\n"
                                 "\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02"
                                 "\x00\x00\x00\x90\x77\x53\xde";
    struct dgm_buf png;
    (void)state;
    dgm_buf_init(&png, &dgm_alloc_libc, SIZE_MAX);
    emu_sample_put_png(&png, 1, 1);
    assert_memory_equal(png.p, wanted, sizeof wanted - 1);
    assert_memory_equal(png.p + png.n - 12, "\x00\x00\x00\x00IEND\xae\x42\x60\x82", 12);
    dgm_buf_dispose(&png);
}

static void sounds_play(void **state)
{
    struct dgm_buf wav, pcm;
    (void)state;
    dgm_buf_init(&wav, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&pcm, &dgm_alloc_libc, SIZE_MAX);
    emu_sample_put_wav(&wav, SAMPLE_RATE / 2);
    emu_sample_put_pcm(&pcm, SAMPLE_RATE / 2);
    assert_int_equal(look_at(&wav).plays_ms, 500);
    assert_int_equal(pcm.n, SAMPLE_RATE);
    assert_int_equal(wav.n, pcm.n + 44);
    assert_memory_equal(wav.p + 44, pcm.p, pcm.n);
    dgm_buf_dispose(&wav);
    dgm_buf_dispose(&pcm);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    for (size_t room = 0; room < 60; room++) {
        struct dgm_buf out;
        dgm_buf_init(&out, &dgm_alloc_libc, room);
        emu_sample_put_png(&out, 1, 1);
        assert_int_equal(out.rc, DGM_E_LIMIT);
        dgm_buf_dispose(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_pictures),
        cmocka_unit_test(sums_are_right),
        cmocka_unit_test(sounds_play),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
