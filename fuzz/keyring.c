/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.c - any text as the file of clients' keys: it is refused with a line that it has, or what is put of each key is read
 * again as the same key, and found by no text that is none.
 */
#include "auth/keyring.h"

#include "base/str.h"

#include "property.h"

#define ARENA_MAX (4 * AUTH_KEYRING_FILE_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t lines_of(struct dgm_str text)
{
    struct dgm_str line;
    size_t n = 0;
    while (dgm_str_split(&text, '\n', &line))
        n++;
    return n;
}

static void check_again(const struct auth_keyring *k, size_t text_n)
{
    struct dgm_buf out;
    struct dgm_arena arena;
    struct auth_keyring again;
    struct auth_keyring_fault fault;
    dgm_buf_init(&out, &dgm_alloc_libc, 2 * text_n + 100);
    for (size_t i = 0; i < k->n; i++)
        auth_client_put(&k->at[i], &out);
    PROPERTY(out.rc == DGM_OK);
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    struct dgm_str text = out.n != 0 ? dgm_buf_str(&out) : DGM_STR("");
    PROPERTY(auth_keyring_read(text, &arena, &again, &fault) == DGM_OK && again.n == k->n);
    for (size_t i = 0; i < k->n; i++) {
        const struct auth_client *a = &k->at[i], *b = &again.at[i];
        PROPERTY(dgm_str_eq(a->name, b->name) && dgm_str_eq(a->models, b->models) &&
                 dgm_str_eq(a->endpoints, b->endpoints));
        PROPERTY(memcmp(a->digest, b->digest, sizeof a->digest) == 0 &&
                 memcmp(a->limits, b->limits, sizeof a->limits) == 0);
        PROPERTY(auth_client_name_ok(a->name) && b->line == i + 1);
    }
    dgm_arena_dispose(&arena);
    dgm_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str text = n != 0 ? (struct dgm_str){(const char *)data, n} : DGM_STR("");
    struct dgm_arena arena;
    struct auth_keyring k;
    struct auth_keyring_fault fault = {0};
    dgm_arena_init(&arena, &dgm_alloc_libc, ARENA_MAX);
    enum dgm_rc rc = auth_keyring_read(text, &arena, &k, &fault);
    PROPERTY(rc == DGM_OK || rc == DGM_E_REFUSED);
    if (rc == DGM_OK) {
        PROPERTY(k.n <= AUTH_KEYRING_MAX);
        check_again(&k, n);
        PROPERTY(auth_keyring_find(&k, text) == NULL); /* or SHA-256 is broken */
    } else {
        PROPERTY(fault.why != NULL && fault.line >= 1 && fault.line <= lines_of(text));
    }
    dgm_arena_dispose(&arena);
    return 0;
}
