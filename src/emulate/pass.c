/* SPDX-License-Identifier: Apache-2.0 */
/* pass.c - access and refresh tokens under a seal. */
#include "emulate/pass.h"

#include "auth/base64url.h"
#include "base/str.h"
#include "base/utf8.h"

/*
 * What stands behind the prefix, in base64url: the kind, three numbers with the low byte first, three texts with their
 * lengths in two bytes before them, and the seal over all of that.
 */
#define ACCESS_PREFIX "ya29.d."
#define REFRESH_PREFIX "1//0d"
#define BODY_MAX (1 + 3 * 8 + 3 * (2 + EMU_PASS_TEXT_MAX))

bool emu_key_of_seed(struct dgm_str seed, unsigned char ret[EMU_KEY_BYTES])
{
    return auth_mac(seed, DGM_STR("dragoman: emulated access and refresh tokens"), ret);
}

static struct dgm_str prefix_of(enum emu_pass_kind kind)
{
    return kind == EMU_PASS_REFRESH ? DGM_STR(REFRESH_PREFIX) : DGM_STR(ACCESS_PREFIX);
}

/* ---- putting ---- */

static void put_number(struct dgm_buf *out, uint64_t n, unsigned bytes)
{
    for (; bytes != 0; bytes--, n >>= 8)
        dgm_buf_put_char(out, (char)(n & 0xff));
}

static void put_text(struct dgm_buf *out, struct dgm_str s)
{
    s = dgm_utf8_head(s, EMU_PASS_TEXT_MAX);
    put_number(out, s.n, 2);
    dgm_buf_put(out, s);
}

void emu_pass_put(const struct emu_pass *p, const unsigned char key[EMU_KEY_BYTES],
                  struct dgm_buf *out)
{
    char room[BODY_MAX + AUTH_MAC_BYTES];
    unsigned char mac[AUTH_MAC_BYTES];
    struct dgm_buf body = {.p = room, .cap = sizeof room, .max = sizeof room};
    dgm_buf_put_char(&body, (char)p->kind);
    put_number(&body, p->id, 8);
    put_number(&body, (uint64_t)p->issued_ms, 8);
    put_number(&body, (uint64_t)p->ends_ms, 8);
    put_text(&body, p->who);
    put_text(&body, p->scope);
    put_text(&body, p->client);
    if (!auth_mac((struct dgm_str){(const char *)key, EMU_KEY_BYTES}, dgm_buf_str(&body), mac)) {
        out->rc = DGM_E_NOMEM;
        return;
    }
    dgm_buf_put(&body, (struct dgm_str){(const char *)mac, sizeof mac});
    dgm_buf_put(out, prefix_of(p->kind));
    auth_base64url_put(out, dgm_buf_str(&body));
}

/* ---- reading: what has its seal was put here ---- */

static uint64_t take_number(struct dgm_str *rest, unsigned bytes)
{
    uint64_t n = 0;
    for (unsigned i = bytes; i-- != 0;)
        n = n << 8 | (i < rest->n ? (unsigned char)rest->p[i] : 0u);
    *rest = dgm_str_skip(*rest, bytes);
    return n;
}

static struct dgm_str take_text(struct dgm_str *rest)
{
    size_t n = (size_t)take_number(rest, 2);
    struct dgm_str s = dgm_str_head(*rest, n);
    *rest = dgm_str_skip(*rest, n);
    return s;
}

bool emu_pass_read(struct dgm_str text, const unsigned char key[EMU_KEY_BYTES],
                   struct dgm_arena *arena, struct emu_pass *ret)
{
    unsigned char mac[AUTH_MAC_BYTES];
    struct dgm_buf bytes;
    enum emu_pass_kind kind =
        dgm_str_starts(text, prefix_of(EMU_PASS_REFRESH)) ? EMU_PASS_REFRESH : EMU_PASS_ACCESS;
    if (text.n > EMU_PASS_MAX || !dgm_str_starts(text, prefix_of(kind)))
        return false;
    dgm_buf_init(&bytes, dgm_arena_alloc(arena), EMU_PASS_MAX);
    if (!auth_base64url_read(dgm_str_skip(text, prefix_of(kind).n), &bytes) ||
        bytes.n <= AUTH_MAC_BYTES)
        return false;
    struct dgm_str body = dgm_str_head(dgm_buf_str(&bytes), bytes.n - AUTH_MAC_BYTES);
    struct dgm_str seal = dgm_str_skip(dgm_buf_str(&bytes), body.n);
    if (!auth_mac((struct dgm_str){(const char *)key, EMU_KEY_BYTES}, body, mac) ||
        !auth_same(seal, (struct dgm_str){(const char *)mac, sizeof mac}) ||
        body.p[0] != (char)kind)
        return false;
    body = dgm_str_skip(body, 1);
    *ret = (struct emu_pass){.kind = kind, .id = take_number(&body, 8)};
    ret->issued_ms = (int64_t)take_number(&body, 8);
    ret->ends_ms = (int64_t)take_number(&body, 8);
    ret->who = take_text(&body);
    ret->scope = take_text(&body);
    ret->client = take_text(&body);
    return true;
}

/* ---- asking ---- */

bool emu_pass_has_ended(const struct emu_pass *p, int64_t now_ms)
{
    return p->ends_ms != 0 && now_ms >= p->ends_ms;
}

bool emu_pass_has_scope(const struct emu_pass *p, struct dgm_str scope)
{
    struct dgm_str rest = p->scope, one;
    while (dgm_str_split(&rest, ' ', &one))
        if (dgm_str_eq(one, scope))
            return true;
    return false;
}
