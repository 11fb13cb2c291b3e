/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tokens.h - counting tokens, plausibly: nobody outside of Google can count them as Gemini does.
 *
 * The rule: a run of up to six ASCII letters and digits is one token, and so is any other character but a
 * space; one space belongs to what follows it. English prose comes to about four characters a token.
 */
#ifndef EMULATE_TOKENS_H
#define EMULATE_TOKENS_H

#include <dragoman/types.h>

/** How many tokens stand in sound UTF-8. A head of a text never has more than the text. */
uint64_t emu_tokens_count(struct dgm_str);

/** The longest head of at most `n` tokens. */
struct dgm_str emu_tokens_head(struct dgm_str, uint64_t n);

/** Where the token that begins at `at` ends; `at` is less than the length. */
size_t emu_tokens_end(struct dgm_str, size_t at);

#endif
