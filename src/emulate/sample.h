/* SPDX-License-Identifier: Apache-2.0 */
/* sample.h - small files that are what they say: a picture and a sound, made where they are asked for. */
#ifndef EMULATE_SAMPLE_H
#define EMULATE_SAMPLE_H

#include "base/buf.h"

#include <stdint.h>

#define SAMPLE_RATE 24000 /* of sounds, in Hz; one channel of 16 bits */

/** Puts a PNG of colours that run into each other, true colour, without compression. Sides are at least 1. */
void emu_sample_put_png(struct dgm_buf *, uint32_t width, uint32_t height);

/** Puts so many samples of a 440 Hz triangle wave, little-endian. */
void emu_sample_put_pcm(struct dgm_buf *, uint32_t samples);

/** The same as a WAV file. */
void emu_sample_put_wav(struct dgm_buf *, uint32_t samples);

#endif
