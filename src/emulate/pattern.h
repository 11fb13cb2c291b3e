/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h - a short text that a regular expression of a JSON Schema matches. */
#ifndef EMULATE_PATTERN_H
#define EMULATE_PATTERN_H

#include <dragoman/types.h>

#define PATTERN_MAX_BYTES 512

/**
 * Makes a text of at least `min_chars` characters that the pattern matches: of alternatives the first, of
 * repeats the fewest that do. Known are characters, escapes, classes, groups, alternatives, anchors and
 * quantifiers; looking around, going back and Unicode properties are not. Returns a view of the room; absent:
 * it is not known, or no text was found that fits.
 */
struct dgm_str emu_pattern_make(char room[PATTERN_MAX_BYTES], struct dgm_str pattern,
                                size_t min_chars);

#endif
