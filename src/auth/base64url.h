/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64url.h - bytes as JOSE writes them: RFC 4648 5 without padding (RFC 7515 2). One spelling for each run of bytes: a
 * text with padding, another letter, or bits in its last one that mean nothing, is none.
 */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include <dragoman/types.h>

void auth_base64url_put(struct dgm_buf *, struct dgm_str bytes);

/** The same as RFC 4648 4 has it, with padding: what HTTP's Basic wants. */
void auth_base64_put(struct dgm_buf *, struct dgm_str bytes);

/** Puts the bytes that a text stands for. False: it is none, and nothing was put; or `out` failed, as its `rc` says. */
DGM_MUST_USE bool auth_base64url_read(struct dgm_str text, struct dgm_buf *out);

#endif
