/* SPDX-License-Identifier: Apache-2.0 */
/* memory_record.c - what is remembered of a tool call, as a key and a value of the store. */
#include "gateway/memory_record.h"

#include "base/str.h"
#include "gateway/keeper_wire.h"

#define FORM 2 /* 1 had no native_id; a folder may still have some */
#define ID_PREFIX "call_"
#define ID_LETTERS 30 /* of ours, behind the prefix (translate/calls.c) */
#define ID_MIN 16     /* shorter ones (call_0) are given out again and again */
#define ID_MAX 256

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The part of an id that is ours; the whole where none is. */
static struct dgm_str own_part(struct dgm_str id)
{
    const struct dgm_str prefix = DGM_STR(ID_PREFIX);
    for (struct dgm_str rest = id;;) {
        size_t at = dgm_str_find(rest, prefix), n = 0;
        if (at == rest.n)
            return id;
        rest = dgm_str_skip(rest, at);
        struct dgm_str letters = dgm_str_skip(rest, prefix.n);
        while (n < letters.n && n < ID_LETTERS && is_letter(letters.p[n]))
            n++;
        if (n == ID_LETTERS)
            return dgm_str_head(rest, prefix.n + ID_LETTERS);
        rest = letters;
    }
}

static bool put_key(struct dgm_str scope, struct dgm_str what, struct dgm_buf *out)
{
    if (scope.n + 1 + what.n > STORE_KEY_MAX)
        return false;
    dgm_buf_put(out, scope);
    dgm_buf_put_char(out, '\0');
    dgm_buf_put(out, what);
    return out->rc == DGM_OK;
}

bool gw_memory_put_digest(struct dgm_str scope, struct dgm_str digest, struct dgm_buf *out)
{
    return put_key(scope, digest, out);
}

bool gw_memory_put_key(struct dgm_str scope, struct dgm_str call_id, struct dgm_buf *out)
{
    if (call_id.n > ID_MAX)
        call_id = dgm_str_head(call_id, ID_MAX); /* a payload behind it, as others put there */
    struct dgm_str id = own_part(call_id);
    return id.n >= ID_MIN && id.n != ID_MAX && put_key(scope, id, out);
}

void gw_memory_put_value(const struct gw_memory_record *r, struct dgm_buf *out)
{
    gw_field_put_u64(out, FORM);
    gw_field_put_u64(out, r->surface);
    gw_field_put_str(out, r->model);
    gw_field_put_str(out, r->name);
    gw_field_put_str(out, r->signature);
    gw_field_put_str(out, r->native_id);
}

bool gw_memory_read_value(struct dgm_str value, struct gw_memory_record *ret)
{
    struct gw_fields f = {.rest = value};
    uint64_t form = gw_field_u64(&f);
    if (form == 0 || form > FORM)
        return false;
    *ret = (struct gw_memory_record){.surface = gw_field_u64(&f)};
    ret->model = gw_field_str(&f);
    ret->name = gw_field_str(&f);
    ret->signature = gw_field_str(&f);
    ret->native_id = form >= 2 ? gw_field_str(&f) : DGM_STR("");
    return gw_fields_ended(&f);
}

/* "gemini-3.1-pro" up to the first number's end: "gemini-3". */
static struct dgm_str family(struct dgm_str model)
{
    size_t n = 0;
    while (n < model.n && (model.p[n] < '0' || model.p[n] > '9'))
        n++;
    while (n < model.n && model.p[n] >= '0' && model.p[n] <= '9')
        n++;
    return dgm_str_head(model, n);
}

bool gw_memory_fits(const struct gw_memory_record *r, struct dgm_str model,
                    enum dgm_surface surface)
{
    return r->surface == (uint64_t)surface && dgm_str_eq(family(r->model), family(model));
}
