/* SPDX-License-Identifier: Apache-2.0 */
/* responder.c - who answers. */
#include "emulate/responder.h"

#include "base/str.h"
#include "base/utf8.h"

#define THINKING_TOKENS 4096
#define THINKING_TOKENS_MAX 1000000
#define IMAGE_PIXELS 64
#define IMAGE_PIXELS_MAX 2048 /* of a side: a file of 12 MiB */
#define LOGPROBS_TOP 5
#define LOGPROBS_TOP_MAX 20
#define QUOTED_BYTES 64 /* of a value that is refused */

#define EVERYWHERE (NATIVE_VERTEX | NATIVE_GEMINI)

static const struct responder_row rows[] = {
#define RESPONDER(id, name, argument, says, source, about) {name, argument, SAYS_##says, about},
#include "emulate/responders.def"
#undef RESPONDER
};

/* A word that an argument may be, and where. */
struct word {
    const char *name;
    unsigned surfaces;
};

static const struct word block_reasons[] = {
#define BLOCK_REASON(name, surfaces) {name, surfaces},
#include "emulate/responders.def"
#undef BLOCK_REASON
};

static const struct finish_reason finishes[] = {
#define FINISH_REASON(name, surfaces, said, message, source) {name, surfaces, SAID_##said, message},
#include "emulate/responders.def"
#undef FINISH_REASON
};

static const struct word finish_words[] = {
#define FINISH_REASON(name, surfaces, said, message, source) {name, surfaces},
#include "emulate/responders.def"
#undef FINISH_REASON
};

static const struct word usage_words[] = {
#define USAGE_SHAPE(id, name, source, about) {name, EVERYWHERE},
#include "emulate/responders.def"
#undef USAGE_SHAPE
};

static const struct word traffic_words[] = {
#define TRAFFIC(name) {name, NATIVE_VERTEX},
#include "emulate/responders.def"
#undef TRAFFIC
};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define ROWS COUNT(rows)

/* The words that the argument of a responder may be. */
struct words {
    const struct word *at;
    size_t n;
};

static struct words words_of(enum responder_id id)
{
    switch (id) {
    case RESPONDER_BLOCKED:
        return (struct words){block_reasons, COUNT(block_reasons)};
    case RESPONDER_FINISH:
        return (struct words){finish_words, COUNT(finish_words)};
    case RESPONDER_USAGE:
        return (struct words){usage_words, COUNT(usage_words)};
    case RESPONDER_TRAFFIC_TYPE:
        return (struct words){traffic_words, COUNT(traffic_words)};
    default:
        return (struct words){NULL, 0};
    }
}

const struct responder_row *emu_responder_at(size_t index)
{
    return index < ROWS ? rows + index : NULL;
}

bool emu_finish_known(struct dgm_str name)
{
    for (size_t i = 0; i < COUNT(finish_words); i++)
        if (dgm_str_eq(name, dgm_str_c(finish_words[i].name)))
            return true;
    return false;
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static bool read_word(struct dgm_str argument, enum native_surface surface, struct responder *r)
{
    struct words words = words_of(r->id);
    size_t i = 0;
    while (i < words.n && !(words.at[i].surfaces & surface &&
                            dgm_str_eq_nocase(argument, dgm_str_c(words.at[i].name))))
        i++;
    if (i == words.n)
        return false;
    if (r->id == RESPONDER_BLOCKED)
        r->block = dgm_str_c(words.at[i].name);
    else if (r->id == RESPONDER_FINISH)
        r->finish = finishes + i;
    else if (r->id == RESPONDER_USAGE)
        r->usage = (enum usage_shape)(i + 1); /* behind USAGE_USUAL */
    else
        r->traffic = dgm_str_c(words.at[i].name);
    return true;
}

/* A number of 1 to `most`. */
static bool read_number(struct dgm_str text, uint64_t most, uint64_t *ret)
{
    return dgm_str_u64(text, ret) && *ret != 0 && *ret <= most;
}

/* "640x480". */
static bool read_size(struct dgm_str argument, struct responder *r)
{
    struct dgm_str rest = argument, width;
    uint64_t w, h;
    dgm_str_split(&rest, 'x', &width);
    if (!read_number(width, IMAGE_PIXELS_MAX, &w) || !read_number(rest, IMAGE_PIXELS_MAX, &h))
        return false;
    r->width = (uint32_t)w;
    r->height = (uint32_t)h;
    return true;
}

static bool read_argument(struct dgm_str argument, enum native_surface surface, struct responder *r)
{
    uint64_t n;
    switch (r->id) {
    case RESPONDER_TOOLS:
        r->parallel = true;
        return dgm_str_eq(argument, DGM_STR("parallel"));
    case RESPONDER_LONG_THINKING:
        return read_number(argument, THINKING_TOKENS_MAX, &r->tokens);
    case RESPONDER_IMAGE:
        return read_size(argument, r);
    case RESPONDER_AUDIO:
        r->wav = true;
        return dgm_str_eq(argument, DGM_STR("wav"));
    case RESPONDER_LOGPROBS:
        if (!read_number(argument, LOGPROBS_TOP_MAX, &n))
            return false;
        r->top = (uint32_t)n;
        return true;
    default:
        return read_word(argument, surface, r);
    }
}

/* ---- refusing ----------------------------------------------------------------------------------------- */

/* "blocked[:REASON], finish:REASON" */
static void put_list(struct dgm_buf *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct dgm_str argument = dgm_str_c(rows[i].argument);
        bool optional = argument.n != 0 && argument.p[0] == '[';
        dgm_buf_put(out, i == 0 ? DGM_STR(" There are ") : DGM_STR(", "));
        dgm_buf_put(out, dgm_str_c(rows[i].name));
        if (optional)
            dgm_buf_put_char(out, '[');
        if (argument.n != 0)
            dgm_buf_put_char(out, ':');
        dgm_buf_put(out, dgm_str_skip(argument, optional));
    }
    dgm_buf_put_lit(out, ".");
}

static void put_words(enum responder_id id, enum native_surface surface, struct dgm_buf *out)
{
    struct words words = words_of(id);
    struct dgm_str before = DGM_STR(" On this surface the argument is one of ");
    for (size_t i = 0; i < words.n; i++) {
        if (!(words.at[i].surfaces & surface))
            continue;
        dgm_buf_put(out, before);
        dgm_buf_put(out, dgm_str_c(words.at[i].name));
        before = DGM_STR(", ");
    }
    if (words.n != 0)
        dgm_buf_put_lit(out, ".");
}

static enum dgm_rc refuse(struct dgm_str value, size_t row, enum native_surface surface,
                          struct dgm_arena *arena, struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put(&message,
                row < ROWS ? DGM_STR("x-dragoman-emulate: the responder has no such argument: \"")
                           : DGM_STR("x-dragoman-emulate: there is no responder \""));
    size_t sound = dgm_utf8_bad(value); /* a header may hold any byte */
    dgm_buf_put(&message, dgm_utf8_head(dgm_str_head(value, sound), QUOTED_BYTES));
    dgm_buf_put_lit(&message, "\".");
    put_list(&message);
    if (row < ROWS)
        put_words((enum responder_id)row, surface, &message);
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){.status = 400, .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}

enum dgm_rc emu_responder_read(struct dgm_str value, enum native_surface surface,
                               struct dgm_arena *arena, struct responder *ret,
                               struct refusal *reterr)
{
    struct responder r = {.tokens = THINKING_TOKENS,
                          .block = dgm_str_c(block_reasons[0].name),
                          .width = IMAGE_PIXELS,
                          .height = IMAGE_PIXELS,
                          .top = LOGPROBS_TOP};
    struct dgm_str argument = dgm_str_trim(value), name;
    size_t i = 0;
    if (!value.p) {
        *ret = r;
        return DGM_OK;
    }
    dgm_str_split(&argument, ':', &name);
    while (i < ROWS && !dgm_str_eq(name, dgm_str_c(rows[i].name)))
        i++;
    if (i == ROWS)
        return refuse(value, ROWS, surface, arena, reterr);
    r.id = (enum responder_id)i;
    r.says = rows[i].says;
    bool wanted = rows[i].argument[0] != '\0' && rows[i].argument[0] != '[';
    if (argument.p ? !read_argument(argument, surface, &r) : wanted)
        return refuse(value, i, surface, arena, reterr);
    *ret = r;
    return DGM_OK;
}
