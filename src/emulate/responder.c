/* SPDX-License-Identifier: Apache-2.0 */
/* responder.c - who answers. */
#include "emulate/responder.h"

#include "base/str.h"
#include "base/utf8.h"

#define THINKING_TOKENS 4096
#define THINKING_TOKENS_MAX 1000000
#define QUOTED_BYTES 64 /* of a value that is refused */

static const struct responder_row rows[] = {
#define RESPONDER(id, name, argument, about) {name, argument, about},
#include "emulate/responders.def"
#undef RESPONDER
};

static const struct {
    const char *name;
    unsigned surfaces;
} reasons[] = {
#define BLOCK_REASON(name, surfaces) {name, surfaces},
#include "emulate/responders.def"
#undef BLOCK_REASON
};

#define ROWS (sizeof rows / sizeof *rows)
#define REASONS (sizeof reasons / sizeof *reasons)

const struct responder_row *emu_responder_at(size_t index)
{
    return index < ROWS ? rows + index : NULL;
}

static bool read_reason(struct dgm_str argument, enum native_surface surface, struct dgm_str *ret)
{
    for (size_t i = 0; i < REASONS; i++)
        if (reasons[i].surfaces & surface &&
            dgm_str_eq_nocase(argument, dgm_str_c(reasons[i].name))) {
            *ret = dgm_str_c(reasons[i].name);
            return true;
        }
    return false;
}

static bool read_argument(struct dgm_str argument, enum native_surface surface, struct responder *r)
{
    switch (r->id) {
    case RESPONDER_TOOLS:
        r->parallel = true;
        return dgm_str_eq(argument, DGM_STR("parallel"));
    case RESPONDER_LONG_THINKING:
        return dgm_str_u64(argument, &r->tokens) && r->tokens != 0 &&
               r->tokens <= THINKING_TOKENS_MAX;
    case RESPONDER_BLOCKED:
        return read_reason(argument, surface, &r->block);
    default:
        return false;
    }
}

static void put_list(struct dgm_buf *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        dgm_buf_put(out, i == 0 ? DGM_STR(" There are ") : DGM_STR(", "));
        dgm_buf_put(out, dgm_str_c(rows[i].name));
        if (rows[i].argument[0] != '\0') {
            dgm_buf_put_lit(out, "[:");
            dgm_buf_put(out, dgm_str_c(rows[i].argument));
            dgm_buf_put_lit(out, "]");
        }
    }
    dgm_buf_put_lit(out, ".");
}

static void put_reasons(enum native_surface surface, struct dgm_buf *out)
{
    struct dgm_str before = DGM_STR(" The reasons of this surface are ");
    for (size_t i = 0; i < REASONS; i++) {
        if (!(reasons[i].surfaces & surface))
            continue;
        dgm_buf_put(out, before);
        dgm_buf_put(out, dgm_str_c(reasons[i].name));
        before = DGM_STR(", ");
    }
    dgm_buf_put_lit(out, ".");
}

static enum dgm_rc refuse(struct dgm_str value, const struct responder_row *row,
                          enum native_surface surface, struct dgm_arena *arena,
                          struct refusal *reterr)
{
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put(&message,
                row ? DGM_STR("x-dragoman-emulate: the responder has no such argument: \"")
                    : DGM_STR("x-dragoman-emulate: there is no responder \""));
    size_t sound = dgm_utf8_bad(value); /* a header may hold any byte */
    dgm_buf_put(&message, dgm_utf8_head(dgm_str_head(value, sound), QUOTED_BYTES));
    dgm_buf_put_lit(&message, "\".");
    put_list(&message);
    if (row == rows + RESPONDER_BLOCKED)
        put_reasons(surface, &message);
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){.status = 400, .message = dgm_buf_str(&message)};
    return DGM_E_REFUSED;
}

enum dgm_rc emu_responder_read(struct dgm_str value, enum native_surface surface,
                               struct dgm_arena *arena, struct responder *ret,
                               struct refusal *reterr)
{
    struct responder r = {
        .id = RESPONDER_USUAL, .tokens = THINKING_TOKENS, .block = dgm_str_c(reasons[0].name)};
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
        return refuse(value, NULL, surface, arena, reterr);
    r.id = (enum responder_id)i;
    if (argument.p && !read_argument(argument, surface, &r))
        return refuse(value, rows + i, surface, arena, reterr);
    *ret = r;
    return DGM_OK;
}
