/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_filter.h - `filter` of Vertex AI's endpoints.list, as google.md 8.1 has it. */
#ifndef GATEWAY_ENDPOINT_FILTER_H
#define GATEWAY_ENDPOINT_FILTER_H

#include "base/arena.h"

#define GW_CONDITIONS_MAX 8

/** What a filter can look at. */
struct gw_endpoint_facts {
    struct dgm_str id, name; /* "4815", "projects/p/locations/l/endpoints/4815" */
    struct dgm_str display_name, base_model_name;
};

/** Conditions that must all hold. An endpoint of ours has no labels. */
struct gw_endpoint_filter {
    struct gw_condition {
        enum { GW_BY_ENDPOINT, GW_BY_DISPLAY_NAME, GW_BY_BASE_MODEL, GW_BY_LABEL } field;
        bool differs; /* "!=" */
        struct dgm_str value;
    } at[GW_CONDITIONS_MAX];
    size_t n;
};

/**
 * Reads "display_name = "x" AND endpoint != 5", "labels.key=value", "labels.key:*", "base_model_name="y"". Values
 * stand in the text or the arena. An empty text takes everything. False: `*reterr` begins with what was not understood, be it
 * for want of memory or because there are more conditions than are taken.
 */
bool gw_endpoint_filter_read(struct dgm_str text, struct dgm_arena *,
                             struct gw_endpoint_filter *ret, struct dgm_str *reterr);

bool gw_endpoint_filter_takes(const struct gw_endpoint_filter *, const struct gw_endpoint_facts *);

#endif
