/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets.h - from bytes to characters in a text that comes piece by piece and is not kept.
 *
 * Gemini counts the bytes of a citation, OpenAI's clients index characters (google.md 6.8; user-pain C11). What is
 * remembered is a bit for each byte, and nothing as long as all of the text is ASCII.
 */
#ifndef TRANSLATE_OFFSETS_H
#define TRANSLATE_OFFSETS_H

#include <dragoman/types.h>

/** All zero is an empty text; `bits` belongs to the allocator. */
struct offsets {
    size_t bytes; /* of the text so far */
    /* of each byte: does it continue a character? shorter than the text: the rest does not */
    struct dgm_buf bits;
};

/** `max` bounds the memory; a text over eight times as long is told in bytes from there on. */
void offsets_init(struct offsets *, const struct dgm_alloc *, size_t max);

/** Adds a piece of sound UTF-8. */
void offsets_add(struct offsets *, struct dgm_str);

/** How many characters begin before byte `at` of the text; of all of them for any byte behind the end. */
size_t offsets_chars(const struct offsets *, size_t at);

#endif
