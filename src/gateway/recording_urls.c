/* SPDX-License-Identifier: Apache-2.0 */
/* recording_urls.c - what URLs of messages led to when an exchange was recorded, given to its request again. */
#include "gateway/recording.h"

#include "base/str.h"
#include "gateway/destination.h"
#include "gateway/fetch_policy.h"
#include "gateway/scrub.h"

#define URL_BYTES_MAX ((size_t)1024 * 1024) /* a data: URL is none that is fetched */

const struct gw_recorded_url *gw_recorded_url_find(const struct gw_recorded_url *first,
                                                   struct dgm_str url)
{
    while (first != NULL && !dgm_str_eq(first->url, url))
        first = first->next;
    return first;
}

/* "messages[0].content[1].image_url: no recording has what the URL led to (https://...)." */
static enum dgm_rc miss(const struct dgm_url *url, struct dgm_fail *reterr)
{
    dgm_fail_set(reterr, DGM_ERR_REPLAY_MISS, url->param,
                 (const struct dgm_str[4]){url->param,
                                           DGM_STR(": no recording has what the URL led to, "),
                                           dgm_str_head(url->url, 200), DGM_STR(".")});
    return DGM_E_REFUSED;
}

enum dgm_rc gw_recorded_give(const struct gw_upstream *u, struct dgm_request *r,
                             gw_recorded_url_fn *find, const void *ctx, struct dgm_fail *reterr)
{
    static const struct gw_strs none = {NULL, 0};
    const struct dgm_url *urls;
    size_t n = 0;
    enum dgm_rc rc = dgm_request_urls(r, gw_upstream_surface(u), &urls, &n, reterr);
    for (size_t i = 0; rc == DGM_OK && i < n; i++) {
        struct dgm_buf clean;
        if (!gw_fetch_wants(u->fetch, urls[i].url))
            continue;
        dgm_buf_init(&clean, &dgm_alloc_libc, URL_BYTES_MAX);
        gw_scrub_put(urls[i].url, &none, &clean);
        const struct gw_recorded_url *found = find(ctx, dgm_buf_str(&clean));
        if (clean.rc == DGM_E_NOMEM ||
            (found != NULL && !dgm_request_give(r, i, found->base64, found->mime, found->sure))) {
            dgm_fail_row(reterr, DGM_ERR_NO_MEMORY);
            rc = DGM_E_NOMEM;
        } else if (found == NULL) {
            rc = miss(&urls[i], reterr);
        }
        dgm_buf_dispose(&clean);
    }
    return rc;
}
