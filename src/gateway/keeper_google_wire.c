/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_google_wire.c - what workers ask of Google, and what they are told, as payloads. */
#include "gateway/keeper_google.h"

/* The texts of a question, in the order in which they are put. */
static struct dgm_str *ask_text(struct gw_google_ask *a, size_t index)
{
    struct dgm_str *const texts[] = {&a->url,          &a->token,          &a->proxies.https,
                                     &a->proxies.http, &a->proxies.except, &a->roots.file,
                                     &a->roots.dir};
    return index < sizeof texts / sizeof *texts ? texts[index] : NULL;
}

void gw_google_ask_put(const struct gw_google_ask *a, struct dgm_buf *out)
{
    struct gw_google_ask copy = *a;
    gw_field_put_u64(out, a->version);
    gw_field_put_u64(out, a->lacks);
    for (size_t i = 0; ask_text(&copy, i) != NULL; i++)
        gw_field_put_str(out, *ask_text(&copy, i));
}

bool gw_google_ask_read(struct dgm_str payload, struct gw_google_ask *ret)
{
    struct gw_fields f = {.rest = payload};
    struct gw_google_ask a = {.version = gw_field_u64(&f)};
    a.lacks = gw_field_u64(&f) != 0;
    for (size_t i = 0; ask_text(&a, i) != NULL; i++)
        *ask_text(&a, i) = gw_field_str(&f);
    if (!gw_fields_ended(&f) || a.url.n == 0)
        return false;
    *ret = a;
    return true;
}

void gw_google_says_put(const struct gw_google_says *s, struct dgm_buf *out)
{
    gw_field_put_u64(out, s->word);
    gw_field_put_u64(out, s->version);
    gw_field_put_u64(out, (uint64_t)s->until_ms);
    gw_field_put_u64(out, (uint64_t)s->lacks_ms);
    gw_field_put_str(out, s->text);
}

bool gw_google_says_read(struct dgm_str payload, struct gw_google_says *ret)
{
    struct gw_fields f = {.rest = payload};
    uint64_t word = gw_field_u64(&f);
    struct gw_google_says s = {.version = gw_field_u64(&f)};
    s.word = word < GW_GOOGLE_WORDS ? (enum gw_google_word)word : GW_GOOGLE_AWAY;
    s.until_ms = (int64_t)(gw_field_u64(&f) & INT64_MAX);
    s.lacks_ms = (int64_t)(gw_field_u64(&f) & INT64_MAX);
    s.text = gw_field_str(&f);
    if (!gw_fields_ended(&f))
        return false;
    *ret = s;
    return true;
}
