/* SPDX-License-Identifier: Apache-2.0 */
/* rules_request.c - the checks of safety, labels, caches and tiers, and of what a model cannot do. */
#include "emulate/rules.h"

#include "base/str.h"

#define LABEL_MAX_BYTES 63
#define CATEGORIES_MAX 32

/* ---- safety ------------------------------------------------------------------------------------------- */

static const struct json_val *safety(const struct ask *ask)
{
    return emu_ask_member(ask->root, "safetySettings");
}

/* A category as a number is let pass: open enums. */
void emu_rule_safety_category(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(safety(r->ask)); emu_ask_next(&l);) {
        const struct json_val *v = emu_ask_member(l.value, "category");
        if (json_kind(v) != JSON_NUM &&
            !ONE_OF(json_str(v), "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
                    "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_HARASSMENT",
                    "HARM_CATEGORY_CIVIC_INTEGRITY"))
            emu_rules_tell(r, HOLES(emu_rules_number(r, l.index)));
    }
}

void emu_rule_safety_twice(struct rules *r)
{
    /* more than there are, so a list that is longer has one twice */
    struct dgm_str seen[CATEGORIES_MAX];
    size_t n = 0;
    for (struct ask_list l = emu_ask_list(safety(r->ask));
         emu_ask_next(&l) && n < CATEGORIES_MAX;) {
        seen[n] = json_str(emu_ask_member(l.value, "category"));
        for (size_t i = 0; i < n && seen[n].n != 0; i++)
            if (dgm_str_eq_nocase(seen[i], seen[n]))
                emu_rules_tell(r, HOLES(seen[n]));
        n++;
    }
}

void emu_rule_safety_with_armor(struct rules *r)
{
    if (emu_ask_count(safety(r->ask)) != 0 && emu_ask_member(r->ask->root, "modelArmorConfig"))
        emu_rules_tell(r, HOLES({0}));
}

/* ---- labels, caches, tiers ---------------------------------------------------------------------------- */

/* Letters of any script are let pass: which ones Google means by lower case is not ours to say. */
static bool is_label(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                    (unsigned char)c >= 0x80;
        if (!fits)
            return false;
    }
    return s.n <= LABEL_MAX_BYTES;
}

static bool is_key(struct dgm_str s)
{
    return s.n != 0 && is_label(s) &&
           ((s.p[0] >= 'a' && s.p[0] <= 'z') || (unsigned char)s.p[0] >= 0x80);
}

void emu_rule_label_form(struct rules *r)
{
    for (struct json_iter i = json_iter(emu_ask_member(r->ask->root, "labels")); json_next(&i);)
        if (!is_key(i.name) || !is_label(json_str(i.value)))
            emu_rules_tell(r, HOLES(emu_rules_shown(i.name)));
}

void emu_rule_cached_conflict(struct rules *r)
{
    const struct ask *ask = r->ask;
    bool more = ask->system || emu_ask_count(ask->tools) != 0 ||
                emu_ask_member(ask->root, "toolConfig") != NULL;
    if (json_str(emu_ask_member(ask->root, "cachedContent")).n != 0 && more)
        emu_rules_tell(r, HOLES({0}));
}

/* Whether a name has the segments of a shape, "*" being any one. */
static bool has_shape(struct dgm_str name, struct dgm_str shape)
{
    struct dgm_str wanted, segment;
    while (dgm_str_split(&shape, '/', &wanted))
        if (!dgm_str_split(&name, '/', &segment) || segment.n == 0 ||
            (!dgm_str_eq(wanted, DGM_STR("*")) && !dgm_str_eq(wanted, segment)))
            return false;
    return !name.p;
}

void emu_rule_cached_name(struct rules *r)
{
    struct dgm_str name = json_str(emu_ask_member(r->ask->root, "cachedContent"));
    struct dgm_str shape = emu_ask_is_vertex(r->ask)
                               ? DGM_STR("projects/*/locations/*/cachedContents/*")
                               : DGM_STR("cachedContents/*");
    if (name.n != 0 && !has_shape(name, shape))
        emu_rules_tell(r, HOLES(emu_rules_shown(name)));
}

static struct dgm_str tier(const struct rules *r)
{
    return json_str(emu_ask_member(r->ask->root, "serviceTier"));
}

void emu_rule_tier_in_body(struct rules *r)
{
    if (tier(r).n != 0)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_tier_unknown(struct rules *r)
{
    static const char *const known[] = {"unspecified", "flex", "standard", "priority"};
    bool found = tier(r).n == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found = found || dgm_str_eq_nocase(tier(r), dgm_str_c(known[i]));
    if (!found)
        emu_rules_tell(r, HOLES(emu_rules_shown(tier(r))));
}

/* ---- the model ---------------------------------------------------------------------------------------- */

/* The one behind "locations"; absent in express mode. */
static struct dgm_str location_of(struct dgm_str resource)
{
    struct dgm_str segment;
    while (dgm_str_split(&resource, '/', &segment))
        if (dgm_str_eq(segment, DGM_STR("locations")))
            return dgm_str_split(&resource, '/', &segment) ? segment : (struct dgm_str){0};
    return (struct dgm_str){0};
}

void emu_rule_model_location(struct rules *r)
{
    struct dgm_str location = location_of(r->ask->target.resource);
    if (location.p && !emu_model_is_in(&r->ask->model, location))
        emu_rules_tell(r, HOLES(r->ask->target.resource));
}

void emu_rule_system_disabled(struct rules *r)
{
    const struct family *f = r->ask->model.family;
    if (r->ask->system && (r->ask->model.generation == 10 || !(f->outputs & MEDIUM_TEXT)))
        emu_rules_tell(r, HOLES(r->ask->model.name));
}

static const struct {
    const char *prefix, *name;
    enum medium medium;
} media[] = {
    {"image/", "Image", MEDIUM_IMAGE},
    {"audio/", "Audio", MEDIUM_AUDIO},
    {"video/", "Video", MEDIUM_VIDEO},
    {"application/pdf", "Document", MEDIUM_DOCUMENT},
};

static struct dgm_str type_of(const struct json_val *part)
{
    const struct json_val *data = emu_ask_member(part, "inlineData");
    return json_str(emu_ask_member(data ? data : emu_ask_member(part, "fileData"), "mimeType"));
}

void emu_rule_input_modality(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);)
        for (size_t i = 0; i < sizeof media / sizeof *media; i++)
            if (dgm_str_starts(type_of(w.part), dgm_str_c(media[i].prefix)) &&
                !(r->ask->model.family->inputs & media[i].medium))
                emu_rules_tell(r, HOLES(dgm_str_c(media[i].name), r->ask->model.name));
}

void emu_rule_vision_without_image(struct rules *r)
{
    if (!(r->ask->model.family->inputs & MEDIUM_IMAGE))
        return;
    for (struct part_walk w = emu_rules_parts(r, HOLDS_DATA); emu_rules_next_part(&w);)
        if (type_of(w.part).n != 0)
            return;
    emu_rules_tell(r, HOLES(r->ask->model.name));
}
