/* SPDX-License-Identifier: Apache-2.0 */
/* media.h - what the first bytes of a file say of it: its type, its size in pixels, how long it plays. */
#ifndef EMULATE_MEDIA_H
#define EMULATE_MEDIA_H

#include <dragoman/types.h>

/** What was found; zero is "not found". */
struct media {
    const char *type; /* "image/png": what the bytes are, whatever was said */
    uint32_t width, height;
    uint64_t plays_ms;
};

/**
 * Looks at a file of so many bytes in sound base64: PNG, JPEG, GIF, WebP, WAV, MP3, FLAC, PDF. It decodes no more than it looks
 * at, reads a bounded number of places, and never behind the end: a cut or false header is "not found". An MP3
 * without a table of its length is taken as of one bit rate.
 */
struct media emu_media_read(struct dgm_str base64, size_t bytes);

/** Whether a declared MIME type is one for such bytes ("image/jpg" is for image/jpeg). True when nothing was found. */
bool emu_media_is(const struct media *, struct dgm_str mime_type);

#endif
