/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.c - bytes as JOSE writes them. */
#include "auth/base64url.h"

#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void auth_base64url_put(struct dgm_buf *out, struct dgm_str bytes)
{
    unsigned bits = 0,
             held = 0; /* `held` bits, of fewer than eight, wait in the lowest of `bits` */
    for (size_t i = 0; i < bytes.n; i++) {
        bits = (bits << 8 | (unsigned char)bytes.p[i]) & 0xfff;
        for (held += 8; held >= 6; held -= 6)
            dgm_buf_put_char(out, letters[bits >> (held - 6) & 63]);
    }
    if (held != 0)
        dgm_buf_put_char(out, letters[bits << (6 - held) & 63]);
}

void auth_base64_put(struct dgm_buf *out, struct dgm_str bytes)
{
    size_t start = out->n;
    auth_base64url_put(out, bytes);
    for (size_t i = start; out->rc == DGM_OK && i < out->n; i++)
        out->p[i] = out->p[i] == '-' ? '+' : out->p[i] == '_' ? '/' : out->p[i];
    for (size_t i = bytes.n; i % 3 != 0; i++)
        dgm_buf_put_char(out, '=');
}

bool auth_base64url_read(struct dgm_str text, struct dgm_buf *out)
{
    size_t n = text.n / 4 * 3 + (text.n % 4 != 0 ? text.n % 4 - 1 : 0);
    if (text.n == 0)
        return true;
    char *to = text.n % 4 != 1 ? dgm_buf_reserve(out, n) : NULL;
    if (to == NULL)
        return false;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] != '\0' ? strchr(letters, text.p[i]) : NULL;
        if (at == NULL)
            return false;
        bits = (bits << 6 | (unsigned)(at - letters)) & 0xfff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (char)(bits >> held);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0)
        return false;
    out->n += n;
    return true;
}
