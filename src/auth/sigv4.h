/* SPDX-License-Identifier: Apache-2.0 */
/* sigv4.h - AWS's signatures, version 4, of a POST without a body: what a federated identity of AWS proves itself by. */
#ifndef AUTH_SIGV4_H
#define AUTH_SIGV4_H

#include <dragoman/types.h>

struct auth_sigv4 {
    struct dgm_str url; /* https://SERVICE.REGION.amazonaws.com[/PATH][?QUERY] */
    struct dgm_str region, key_id, secret;
    struct dgm_str token; /* of the session; may be empty */
    int64_t now_s;
};

/**
 * Signs: puts the values of x-amz-date and Authorization; `*ret_host`, a part of the URL, is that of Host. False: the URL is none
 * that can be signed, or memory failed.
 */
DGM_MUST_USE bool auth_sigv4_put(const struct auth_sigv4 *, struct dgm_str *ret_host,
                                 struct dgm_buf *date, struct dgm_buf *authorization);

#endif
