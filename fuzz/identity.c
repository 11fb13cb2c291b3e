/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - any request to the identity servers: a status of theirs, a body that is what its type says, a token only where
 * one was said to be issued, and each of them good; the same request gives the same answer.
 *
 * The first line is the target, the second an Authorization header, the rest the body.
 */
#include "emulate/identity.h"

#include "base/str.h"
#include "json/read.h"

#include "property.h"

#include <string.h>

#define OUT_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_revoked(void *ctx, const struct emu_pass *pass)
{
    (void)ctx;
    return pass->id == 13;
}

static bool revoke(void *ctx, const struct emu_pass *pass)
{
    (void)ctx;
    return pass->id != 13;
}

static const struct auth_key *signer(void *ctx)
{
    (void)ctx;
    static struct auth_key *key;
    if (!key)
        key = auth_key_of_seed((const unsigned char *)"0123456789abcdef0123456789abcdef");
    return key;
}

static void check_json(struct dgm_str body)
{
    struct dgm_arena arena;
    const struct json_val *root = NULL;
    struct json_error error;
    dgm_arena_init(&arena, &dgm_alloc_libc, 64 * OUT_MAX);
    char *copy = dgm_arena_take(&arena, body.n + JSON_PADDING);
    PROPERTY(copy);
    memcpy(copy, body.p, body.n);
    PROPERTY(json_parse(&arena, copy, body.n, JSON_DEPTH_MAX, &root, &error) == DGM_OK);
    dgm_arena_dispose(&arena);
}

static struct emu_identity_answer ask(const struct emu_identity_call *call, struct dgm_buf *out)
{
    const struct emu_identity world = {.seed = DGM_STR("s"),
                                       .life_s = 3599,
                                       .now_ms = INT64_C(1700000000500),
                                       .fresh = 7,
                                       .is_revoked = is_revoked,
                                       .revoke = revoke,
                                       .signer = signer};
    struct dgm_arena arena;
    struct emu_identity_answer a;
    dgm_arena_init(&arena, &dgm_alloc_libc, 4 * OUT_MAX);
    dgm_buf_init(out, &dgm_alloc_libc, OUT_MAX);
    PROPERTY(emu_identity_account(call, &arena).n <= call->body.n);
    emu_identity_answer(&world, call, (struct dgm_str){0}, &arena, out, &a);
    dgm_arena_dispose(&arena);
    return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct dgm_str rest = {(const char *)data, n}, target = {0}, authorization = {0};
    struct dgm_buf out, again;
    (void)(dgm_str_split(&rest, '\n', &target) && dgm_str_split(&rest, '\n', &authorization));
    const struct emu_identity_call call = {.method = rest.n != 0 ? DGM_STR("POST") : DGM_STR("GET"),
                                           .target = target,
                                           .host = DGM_STR("127.0.0.1:8080"),
                                           .authorization = authorization,
                                           .flavor = DGM_STR("Google"),
                                           .body = rest};
    struct emu_identity_answer a = ask(&call, &out), b = ask(&call, &again);
    PROPERTY(a.server < EMU_SERVERS && (a.status == 200 || (a.status >= 400 && a.status <= 404)));
    PROPERTY(!a.issued || a.status == 200);
    PROPERTY(a.status == b.status && out.n == again.n);
    if (dgm_str_starts(a.media, DGM_STR("application/json")))
        check_json(dgm_buf_str(&out));
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&again);
    return 0;
}
