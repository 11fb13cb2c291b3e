/* SPDX-License-Identifier: Apache-2.0 */
/* recording.c - the words of a recording, and its pieces as one text. */
#include "gateway/recording.h"

#include "base/str.h"

#include <string.h>

#define LIT(s) {"" s, sizeof(s) - 1}
#define WORDS(...)                                                                                 \
    {(const struct dgm_str[]){__VA_ARGS__},                                                        \
     sizeof((const struct dgm_str[]){__VA_ARGS__}) / sizeof(struct dgm_str)}

const struct gw_recorded_words gw_recorded_ends = WORDS(LIT("left"), LIT("whole"), LIT("failed"));
const struct gw_recorded_words gw_recorded_compats = WORDS(LIT("openai"), LIT("google"));
const struct gw_recorded_words gw_recorded_reasonings =
    WORDS(LIT("reasoning_content"), LIT("reasoning"), LIT("both"), LIT("tag"), LIT("off"));
const struct gw_recorded_words gw_recorded_blocked = WORDS(LIT("refusal"), LIT("error"));
const struct gw_recorded_words gw_recorded_images =
    WORDS(LIT("images"), LIT("content_parts"), LIT("markdown"), LIT("extra_content"));
const struct gw_recorded_words gw_recorded_kinds =
    WORDS(LIT("vertex"), LIT("gemini"), LIT("vllm"), LIT("tgi"), LIT("openai"), LIT("emulator"));
const struct gw_recorded_words gw_recorded_dialects = WORDS(LIT("gemini"), LIT("vllm"), LIT("tgi"));

static const struct {
    enum dgm_error id;
    struct dgm_str name;
} errors[] = {
#define ERROR(id, number, status, type, code, sentence) {DGM_ERR_##id, LIT(#id)},
#include <dragoman/errors.def>
#undef ERROR
};

struct dgm_str gw_recorded_error(enum dgm_error id)
{
    size_t i = 0;
    while (i + 1 < sizeof errors / sizeof *errors && errors[i].id != id)
        i++;
    return errors[errors[i].id == id ? i : 0].name;
}

enum dgm_error gw_recorded_error_named(struct dgm_str name)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (dgm_str_eq(errors[i].name, name))
            return errors[i].id;
    return DGM_ERR_NONE;
}

struct dgm_str gw_recorded_bytes(const struct gw_recorded_piece *pieces, struct dgm_arena *arena)
{
    size_t n = 0;
    for (const struct gw_recorded_piece *at = pieces; at != NULL; at = at->next)
        n += at->bytes.n;
    char *to = dgm_arena_take(arena, n != 0 ? n : 1);
    if (to == NULL)
        return (struct dgm_str){0};
    char *end = to;
    for (const struct gw_recorded_piece *at = pieces; at != NULL; at = at->next) {
        if (at->bytes.n != 0)
            memcpy(end, at->bytes.p, at->bytes.n);
        end += at->bytes.n;
    }
    return (struct dgm_str){to, n};
}
