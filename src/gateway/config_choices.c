/* SPDX-License-Identifier: Apache-2.0 */
/* config_choices.c - the upstreams that an entry of models or endpoints names, and where upstreams may be asked. */
#include "gateway/config_near.h"
#include "gateway/config_parse.h"
#include "gateway/destination.h"
#include "gateway/origin.h"
#include "gateway/residency.h"

#include "base/str.h"

/* ---- one row's upstreams ---- */

/* NULL with the problem told. */
static const struct gw_upstream *find_upstream(struct gw_parse *p, struct dgm_str name,
                                               const struct gw_node *node, struct dgm_str label)
{
    const struct gw_config *c = p->config;
    struct dgm_str *names = gw_parse_scratch(p, c->upstreams_n * sizeof *names);
    for (size_t i = 0; names && i < c->upstreams_n; i++) {
        if (dgm_str_eq(c->upstreams[i].name, name))
            return &c->upstreams[i];
        names[i] = c->upstreams[i].name;
    }
    struct dgm_str near = names ? gw_near(name, names, c->upstreams_n) : (struct dgm_str){0};
    gw_problem(p, node, label, DGM_STR(".upstream: "), gw_node_quoted(p, node),
               DGM_STR(" is no upstream"), near.p ? DGM_STR("; did you mean \"") : DGM_STR(""),
               near, near.p ? DGM_STR("\"?") : DGM_STR(""));
    return NULL;
}

/* A name, or {name: NAME, weight: N}. The node that has the name; NULL with the problem told. */
static const struct gw_node *read_choice(struct gw_parse *p, struct gw_choice *to,
                                         const struct gw_node *node, struct dgm_str label)
{
    struct raw_choice raw = {.weight = 1};
    const struct gw_node *name = node;
    if (node->kind == GW_NODE_MAP) {
        gw_map_read(p, GW_OF_CHOICE, &raw, node, gw_join(p, label, DGM_STR(".upstream")),
                    DGM_STR(""));
        name = gw_node_get(node, DGM_STR("name"));
        if (!name)
            gw_problem(p, node, label, DGM_STR(".upstream: \"name\" is missing"));
    } else if (node->kind == GW_NODE_SCALAR && !node->null && node->text.n) {
        raw.name = node->text;
    } else {
        gw_problem(p, node, label, DGM_STR(".upstream: "), gw_node_quoted(p, node),
                   DGM_STR(" where a name or {name: NAME, weight: N} is expected"));
    }
    if (!raw.name.p)
        return NULL;
    *to = (struct gw_choice){find_upstream(p, raw.name, name, label), raw.weight};
    return to->upstream ? name : NULL;
}

static bool has_upstream(const struct gw_choices *choices, const struct gw_upstream *u)
{
    for (size_t i = 0; i < choices->n; i++)
        if (choices->at[i].upstream == u)
            return true;
    return false;
}

/* Whether the body that one gets is the body that the other gets. */
static bool get_the_same(const struct gw_upstream *a, const struct gw_upstream *b)
{
    /* A relay's name may stand before its model: "lab/qwen" is lab's qwen, and no other's. */
    bool relay = gw_upstream_relays(a);
    return a->kind == b->kind && a->dialect == b->dialect && a->fetch == b->fetch &&
           dgm_str_eq(a->model, b->model) && relay == gw_upstream_relays(b) &&
           (!relay || a->model.n != 0);
}

static void read_list(struct gw_parse *p, struct gw_choices *choices, const struct gw_node *list,
                      struct dgm_str label)
{
    struct gw_choice *at = gw_parse_take(p, GW_CHOICES_MAX * sizeof *at);
    if (!at)
        return;
    choices->at = at;
    int64_t weights = 0;
    for (const struct gw_node *item = list->first; item; item = item->next) {
        struct gw_choice choice;
        const struct gw_node *name = read_choice(p, &choice, item, label);
        if (!name)
            continue;
        if (has_upstream(choices, choice.upstream))
            gw_problem(p, name, label, DGM_STR(".upstream: "), gw_node_quoted(p, name),
                       DGM_STR(" stands twice"));
        else
            at[choices->n++] = choice;
        weights += choice.weight;
        choices->remakes |= !get_the_same(at[0].upstream, choice.upstream);
    }
    choices->remakes &= choices->n > 1;
    if (choices->n != 0 && weights == 0)
        gw_problem(p, list, label, DGM_STR(".upstream: all weights are 0"));
}

void gw_choices_read(struct gw_parse *p, struct gw_choices *choices, const struct gw_node *upstream,
                     const struct gw_node *entry, struct dgm_str label)
{
    struct gw_choice one;
    *choices = (struct gw_choices){0};
    if (!upstream) {
        gw_problem(p, entry, label, DGM_STR(": \"upstream\" is missing"));
    } else if (upstream->kind != GW_NODE_LIST) {
        if (read_choice(p, &one, upstream, label))
            gw_choices_single(p, choices, one.upstream);
    } else if (upstream->n == 0 || upstream->n > GW_CHOICES_MAX) {
        gw_problem(p, upstream, label, DGM_STR(".upstream: a list has 1 to 16 names"));
    } else {
        read_list(p, choices, upstream, label);
    }
    p->config->lists |= choices->n > 1;
}

void gw_choices_single(struct gw_parse *p, struct gw_choices *choices, const struct gw_upstream *u)
{
    struct gw_choice *at = gw_parse_take(p, sizeof *at);
    if (!at)
        return;
    *at = (struct gw_choice){u, 1};
    *choices = (struct gw_choices){.at = at, .n = 1};
}

/* ---- where upstreams may be asked ---- */

static void check_upstream(struct gw_parse *p, const struct gw_upstream *u, bool listed,
                           const struct gw_node *node)
{
    const struct gw_config *c = p->config;
    struct dgm_str label = gw_join(p, DGM_STR("upstreams."), u->name);
    const struct gw_node *locations = node ? gw_node_get(node, DGM_STR("locations")) : NULL;
    static const struct gw_node nowhere = {0};
    const struct gw_node *item = locations ? locations->first : NULL;
    if (u->kind == GW_GEMINI && listed && u->base_url.n == 0)
        gw_problem(p, node ? node : &nowhere, label,
                   DGM_STR(": kind gemini can not be asked with \"residency\" set: the Gemini API "
                           "promises no location"));
    for (size_t i = 0; i < u->locations.n; i++) {
        if (!gw_residency_allows(c, u, u->locations.at[i]))
            gw_problem(p,
                       item        ? item
                       : locations ? locations
                                   : &nowhere,
                       label, DGM_STR(".locations: "), u->locations.at[i],
                       DGM_STR(" is none of those that \"residency\" allows"));
        item = item ? item->next : NULL;
    }
}

void gw_residency_check(struct gw_parse *p)
{
    const struct gw_config *c = p->config;
    const struct gw_node *node = p->source->upstream || !p->upstreams ? NULL : p->upstreams->first;
    for (size_t i = 0; i < c->upstreams_n; i++) {
        if (c->upstreams[i].kind >= 0)
            check_upstream(p, &c->upstreams[i], c->residency.n != 0, node);
        node = node ? node->next : NULL;
    }
}

void gw_mixture_find(struct gw_parse *p)
{
    const struct gw_config *c = p->config;
    bool first = gw_upstream_relays(&c->upstreams[0]);
    for (size_t i = 0; i < c->upstreams_n; i++)
        if (gw_upstream_relays(&c->upstreams[i]) != first ||
            (c->upstreams[i].kind == GW_VERTEX && !first))
            p->config->mixed = true;
}
