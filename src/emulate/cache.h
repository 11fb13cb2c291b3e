/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - cachedContents: made, told, kept longer, forgotten, and used (google.md 3.2; protos: CachedContent).
 *
 * Content is counted and not kept: a request that uses a cache is answered by what it brings itself, and is told that so many
 * tokens more were read. Not judged are the turns in it, nor is a list cut into pages.
 */
#ifndef EMULATE_CACHE_H
#define EMULATE_CACHE_H

#include "emulate/ask.h"
#include "emulate/emulate.h"
#include "emulate/prompt.h"
#include "emulate/refusal.h"

/**
 * Puts the answer to a TARGET_CACHE_... `text` is the body, with JSON_PADDING behind it, and is read in place. DGM_OK;
 * DGM_E_REFUSED: `*reterr` is Google's error; DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_cache_answer(const struct target *, const struct emu_env *, char *text,
                                          size_t n, struct dgm_arena *, struct dgm_buf *out,
                                          struct refusal *reterr);

/**
 * Finds the cache that a request names, and adds its tokens to those of the prompt: `*ret` is how many of each they are,
 * and stays as it was where none is named, or nobody keeps any. DGM_E_REFUSED: there is none of that name, or it is over, or
 * another model's.
 */
DGM_MUST_USE enum dgm_rc emu_cache_use(const struct ask *, const struct emu_env *, struct prompt *,
                                       struct dgm_arena *, uint64_t ret[MODALITIES],
                                       struct refusal *reterr);

#endif
