/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holder.c - any answer of tokeninfo, and any claims of an ID token: nobody comes in by what is not said of him, and his name can
 * stand in a log.
 */
#include "auth/holder.h"

#include "base/str.h"

#include "property.h"

#define ARENA_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct auth_holder *h)
{
    static const struct dgm_str email = {"jane@example.com", 16}, domain = {"example.com", 11},
                                audience = {"client", 6};
    const struct auth_rules none = {0}, all = {&audience, &email, &domain, 1, 1, 1},
                            by_audience = {.audiences = &audience, .audiences_n = 1};
    char room[AUTH_HOLDER_NAME_MAX];
    struct dgm_buf name = {.p = room, .cap = sizeof room, .max = sizeof room};
    PROPERTY(!auth_holder_may(h, &none));
    PROPERTY(!auth_holder_may(h, &all) || dgm_str_find_char(h->email, '@') < h->email.n);
    PROPERTY(!auth_holder_may(h, &by_audience) ||
             dgm_str_eq(h->issuer.p != NULL ? h->party : h->audience, audience));
    auth_holder_put_name(h, &name);
    PROPERTY(name.rc == DGM_OK);
    for (size_t i = 0; i < name.n; i++)
        PROPERTY(name.p[i] > ' ' && name.p[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct dgm_str text = {n != 0 ? (const char *)data : "", n};
    struct dgm_arena arena;
    struct auth_holder h;
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    if (auth_holder_of_info(text, &arena, &h) == DGM_OK) {
        PROPERTY(h.audience.n != 0 && h.issuer.p == NULL);
        check(&h);
        h.issuer = h.sub; /* as if an ID token had said so */
        check(&h);
    }
    dgm_arena_dispose(&arena);
    return 0;
}
