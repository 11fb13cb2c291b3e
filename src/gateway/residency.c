/* SPDX-License-Identifier: Apache-2.0 */
/* residency.c - which of Google's locations may be asked. */
#include "gateway/residency.h"

#include "base/str.h"

/* "europe-west4" is in "europe"; "europewest" is not. */
static bool is_in(struct dgm_str location, struct dgm_str area)
{
    return dgm_str_eq(location, area) ||
           (location.n > area.n + 1 && dgm_str_starts(location, area) && location.p[area.n] == '-');
}

/*
 * "eu" is both Google's multi-region of that name and the name of Europe; London and Zurich are in europe-* but not in
 * the Union.
 */
static bool has(const struct gw_strs *list, struct dgm_str location)
{
    for (size_t i = 0; i < list->n; i++) {
        bool eu = dgm_str_eq(list->at[i], DGM_STR("eu"));
        bool outside = dgm_str_eq(location, DGM_STR("europe-west2")) ||
                       dgm_str_eq(location, DGM_STR("europe-west6"));
        if (list->at[i].n != 0 && (is_in(location, list->at[i]) ||
                                   (eu && !outside && is_in(location, DGM_STR("europe")))))
            return true;
    }
    return list->n == 0;
}

bool gw_residency_allows(const struct gw_config *c, const struct gw_upstream *u,
                         struct dgm_str location)
{
    return has(&c->residency, location) && has(&u->residency, location);
}
