/* SPDX-License-Identifier: Apache-2.0 */
/* places.c - where two JSON texts differ, for people. */
#include "gateway/places.h"

#include "base/str.h"
#include "base/utf8.h"
#include "json/write.h"

#define POINTER_BYTES_MAX 4096
#define VALUE_BYTES_TOLD 48

struct telling {
    const struct gw_places *how;
    struct dgm_buf *out;
    size_t n;
};

static void put_value(struct dgm_buf *out, const struct json_val *v)
{
    struct dgm_buf text;
    dgm_buf_init(&text, &dgm_alloc_libc, SIZE_MAX);
    struct json_writer w = json_writer(&text);
    if (v != NULL)
        json_put_val(&w, v);
    struct dgm_str shown = dgm_utf8_head(dgm_buf_str(&text), VALUE_BYTES_TOLD);
    dgm_buf_put(out, v != NULL ? shown : DGM_STR("nothing"));
    dgm_buf_put(out, shown.n < text.n ? DGM_STR("...") : DGM_STR(""));
    dgm_buf_dispose(&text);
}

static void tell(void *ctx, const struct json_difference *d)
{
    struct telling *t = ctx;
    if (t->how->skips != NULL && t->how->skips(d->pointer))
        return;
    if (++t->n > t->how->most || t->out == NULL)
        return;
    dgm_buf_put(t->out, t->n == 1 ? t->how->before : t->how->between);
    dgm_buf_put(t->out, d->pointer.n != 0 ? d->pointer : DGM_STR("the whole"));
    dgm_buf_put_lit(t->out, ": ");
    put_value(t->out, d->a);
    dgm_buf_put(t->out, t->how->a);
    put_value(t->out, d->b);
    dgm_buf_put(t->out, t->how->b);
}

size_t gw_places_put(const struct gw_places *how, const struct json_val *a,
                     const struct json_val *b, struct dgm_buf *out)
{
    struct telling t = {.how = how, .out = out};
    struct dgm_buf pointer;
    dgm_buf_init(&pointer, &dgm_alloc_libc, POINTER_BYTES_MAX);
    json_differ(a, b, &pointer, tell, &t);
    dgm_buf_dispose(&pointer);
    if (out != NULL && t.n > how->most) {
        dgm_buf_put(out, how->between);
        dgm_buf_put_lit(out, "and ");
        dgm_buf_put_int(out, (int64_t)(t.n - how->most));
        dgm_buf_put_lit(out, " more");
    }
    return t.n;
}
