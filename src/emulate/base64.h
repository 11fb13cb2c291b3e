/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h - base64 as proto3 JSON has it: both alphabets are read, the standard one is written. */
#ifndef EMULATE_BASE64_H
#define EMULATE_BASE64_H

#include <dragoman/types.h>

#define BASE64_BAD SIZE_MAX

/** How many bytes a text stands for; padding may be missing. BASE64_BAD: it is no base64. */
size_t emu_base64_size(struct dgm_str);

/** The same of base64 that was found sound, without looking at it. */
size_t emu_base64_sound_size(struct dgm_str);

/** The byte at a place of sound base64, which is less than its size. */
unsigned char emu_base64_at(struct dgm_str, size_t at);

/** Puts `bytes` in the standard alphabet with padding, or in the URL-safe one without. */
void emu_base64_put(struct dgm_buf *, struct dgm_str bytes);
void emu_base64_put_url(struct dgm_buf *, struct dgm_str bytes);

#endif
