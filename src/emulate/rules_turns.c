/* SPDX-License-Identifier: Apache-2.0 */
/* rules_turns.c - the checks of contents, of the order of turns, and of thought signatures. */
#include "emulate/rules.h"

#include "base/str.h"

#define CALLS_MAX 128 /* of one turn that names are compared with */

/* ---- contents ----------------------------------------------------------------------------------------- */

void emu_rule_contents_missing(struct rules *r)
{
    if (emu_ask_count(r->ask->contents) == 0)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_parts_empty(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);)
        if (emu_ask_count(emu_ask_member(l.value, "parts")) == 0)
            emu_rules_tell(r, HOLES(emu_rules_number(r, l.index)));
}

/* Text that came with a signature may be empty: so do streams end (google.md 9.1). */
static bool has_data(const struct json_val *part, bool empty_text_counts)
{
    static const struct dgm_str names[] = {
        DGM_STR("inlineData"),       DGM_STR("fileData"),       DGM_STR("functionCall"),
        DGM_STR("functionResponse"), DGM_STR("executableCode"), DGM_STR("codeExecutionResult"),
        DGM_STR("thoughtSignature"), DGM_STR("toolCall"),       DGM_STR("toolResponse"),
    };
    struct dgm_str text = json_str(emu_ask_member(part, "text"));
    if (text.p && (text.n != 0 || empty_text_counts))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (emu_ask_get(part, names[i]))
            return true;
    return false;
}

void emu_rule_part_without_data(struct rules *r)
{
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);)
        for (struct ask_list p = emu_ask_list(emu_ask_member(c.value, "parts")); emu_ask_next(&p);)
            if (!has_data(p.value, emu_ask_is_vertex(r->ask)))
                emu_rules_tell(r,
                               HOLES(emu_rules_number(r, c.index), emu_rules_number(r, p.index)));
}

void emu_rule_call_unnamed(struct rules *r)
{
    for (struct part_walk w = emu_rules_parts(r, HOLDS_CALL); emu_rules_next_part(&w);) {
        const struct json_val *call = emu_ask_member(w.part, "functionCall");
        if (call && json_str(emu_ask_member(call, "name")).n == 0)
            emu_rules_tell(
                r, HOLES(emu_rules_number(r, w.content_index), emu_rules_number(r, w.part_index)));
    }
}

void emu_rule_response_unnamed(struct rules *r)
{
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);)
        for (struct ask_list p = emu_ask_list(emu_ask_member(c.value, "parts"));
             emu_ask_next(&p);) {
            const struct json_val *response = emu_ask_member(p.value, "functionResponse");
            if (response && json_str(emu_ask_member(response, "name")).n == 0)
                emu_rules_tell(r, HOLES(emu_rules_number(r, c.index), emu_rules_number(r, p.index),
                                        emu_rules_number(r, c.index + 1)));
        }
}

void emu_rule_role_unknown(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct dgm_str role = json_str(emu_ask_member(l.value, "role"));
        if (role.n != 0 && !dgm_str_eq(role, DGM_STR("user")) &&
            !dgm_str_eq(role, DGM_STR("model")))
            emu_rules_tell(r, HOLES({0}));
    }
}

void emu_rule_system_not_text(struct rules *r)
{
    for (struct ask_list p = emu_ask_list(emu_ask_member(r->ask->system, "parts"));
         emu_ask_next(&p);)
        if (!json_str(emu_ask_member(p.value, "text")).p)
            emu_rules_tell(r, HOLES({0}));
}

void emu_rule_system_empty(struct rules *r)
{
    if (r->ask->system && emu_ask_count(emu_ask_member(r->ask->system, "parts")) == 0)
        emu_rules_tell(r, HOLES({0}));
}

/* ---- turns -------------------------------------------------------------------------------------------- */

void emu_rule_call_turn_order(struct rules *r)
{
    bool after_user = false;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (turn.calls != 0 && !after_user)
            emu_rules_tell(r, HOLES({0}));
        after_user = !turn.model;
    }
}

void emu_rule_response_turn_order(struct rules *r)
{
    bool after_calls = false;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (turn.responses != 0 && !after_calls)
            emu_rules_tell(r, HOLES({0}));
        after_calls = turn.calls != 0;
    }
}

/* Calls with nothing behind them are the model's last word, and emu_rule_model_turn_last's business. */
void emu_rule_response_count(struct rules *r)
{
    size_t calls = 0;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (calls != 0 && turn.responses != calls)
            emu_rules_tell(r, HOLES({0}));
        calls = turn.calls;
    }
}

/* Where the current turn begins: behind the last user content that is more than tool results. */
static size_t current_turn(const struct ask *ask)
{
    size_t start = 0;
    for (struct ask_list l = emu_ask_list(ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (!turn.model && turn.others != 0)
            start = l.index + 1;
    }
    return start;
}

void emu_rule_turns_alternate(struct rules *r)
{
    bool first = true, model = false;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l); first = false) {
        struct turn turn = emu_ask_turn(l.value);
        if (!first && turn.model == model)
            emu_rules_tell(r, HOLES({0}));
        model = turn.model;
    }
}

static bool ends_with_model(const struct ask *ask)
{
    size_t n = emu_ask_count(ask->contents);
    return n != 0 && emu_ask_turn(emu_ask_at(ask->contents, n - 1)).model;
}

void emu_rule_model_turn_last_old(struct rules *r)
{
    if (ends_with_model(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_model_turn_last(struct rules *r)
{
    if (ends_with_model(r->ask))
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_first_turn_model(struct rules *r)
{
    if (emu_ask_turn(emu_ask_at(r->ask->contents, 0)).model)
        emu_rules_tell(r, HOLES({0}));
}

/* The names or ids of the calls, or of the results, in one content. */
struct call_words {
    struct dgm_str at[CALLS_MAX];
    size_t n;
};

static void read_words(const struct json_val *content, struct dgm_str kind, struct dgm_str member,
                       struct call_words *words)
{
    words->n = 0;
    for (struct ask_list p = emu_ask_list(emu_ask_member(content, "parts"));
         emu_ask_next(&p) && words->n < CALLS_MAX;) {
        const struct json_val *of = emu_ask_get(p.value, kind);
        if (of)
            words->at[words->n++] = json_str(emu_ask_get(of, member));
    }
}

static bool has_word(const struct call_words *words, struct dgm_str word)
{
    bool found = words->n == CALLS_MAX;
    for (size_t i = 0; i < words->n; i++)
        found = found || dgm_str_eq(words->at[i], word);
    return found;
}

void emu_rule_response_name(struct rules *r)
{
    struct call_words called = {.n = 0}, answered;
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);) {
        read_words(c.value, DGM_STR("functionResponse"), DGM_STR("name"), &answered);
        for (size_t i = 0; i < answered.n; i++)
            if (!has_word(&called, answered.at[i]))
                emu_rules_tell(r, HOLES(emu_rules_shown(answered.at[i])));
        read_words(c.value, DGM_STR("functionCall"), DGM_STR("name"), &called);
    }
}

/* Tells of the ids in one list that are not in the other. */
static void compare_ids(struct rules *r, const struct call_words *ids,
                        const struct call_words *others)
{
    for (size_t i = 0; i < ids->n; i++)
        if (ids->at[i].n != 0 && !has_word(others, ids->at[i]))
            emu_rules_tell(r, HOLES(emu_rules_shown(ids->at[i])));
}

void emu_rule_response_id(struct rules *r)
{
    struct call_words called = {.n = 0}, answered;
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);) {
        read_words(c.value, DGM_STR("functionResponse"), DGM_STR("id"), &answered);
        compare_ids(r, &answered, &called);
        read_words(c.value, DGM_STR("functionCall"), DGM_STR("id"), &called);
    }
}

/* Calls with nothing behind them are the model's last word, as in emu_rule_response_count. */
void emu_rule_response_without_id(struct rules *r)
{
    struct call_words called = {.n = 0}, answered;
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);) {
        read_words(c.value, DGM_STR("functionResponse"), DGM_STR("id"), &answered);
        if (answered.n != 0)
            compare_ids(r, &called, &answered);
        read_words(c.value, DGM_STR("functionCall"), DGM_STR("id"), &called);
    }
}

void emu_rule_tool_response_alone(struct rules *r)
{
    struct call_words called, answered;
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);) {
        read_words(c.value, DGM_STR("toolCall"), DGM_STR("id"), &called);
        read_words(c.value, DGM_STR("toolResponse"), DGM_STR("id"), &answered);
        compare_ids(r, &answered, &called);
    }
}

/* ---- thought signatures ------------------------------------------------------------------------------- */

void emu_rule_tool_part_unsigned(struct rules *r)
{
    static const struct dgm_str names[] = {DGM_STR("toolCall"), DGM_STR("toolResponse")};
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);)
        for (struct ask_list p = emu_ask_list(emu_ask_member(c.value, "parts")); emu_ask_next(&p);)
            for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                if (emu_ask_get(p.value, names[i]) &&
                    json_str(emu_ask_member(p.value, "thoughtSignature")).n == 0)
                    emu_rules_tell(r, HOLES(emu_rules_number(r, c.index),
                                            emu_rules_number(r, p.index), names[i]));
}

/* Only the first call of a step carries one. */
void emu_rule_signature_missing(struct rules *r)
{
    size_t start = current_turn(r->ask), last = SIZE_MAX;
    for (struct part_walk w = emu_rules_parts(r, HOLDS_CALL); emu_rules_next_part(&w);) {
        const struct json_val *call = emu_ask_member(w.part, "functionCall");
        if (!call || w.content_index < start || w.content_index == last)
            continue;
        last = w.content_index;
        if (json_str(emu_ask_member(w.part, "thoughtSignature")).n == 0)
            emu_rules_tell(r, HOLES(emu_rules_shown(json_str(emu_ask_member(call, "name"))),
                                    emu_rules_number(r, w.content_index + 1)));
    }
}

/* Every signature of the history is read, once for all rules: a bit for each thing that one turned out to be. */
static void check_signatures(struct rules *r, enum signature broken)
{
    if (r->_signatures == 0) {
        struct signature_reader reader = {0};
        r->_signatures = 1u << SIGNATURE_MISSING;
        for (struct part_walk w = emu_rules_parts(r, HOLDS_SIGNATURE); emu_rules_next_part(&w);)
            r->_signatures |= 1u << emu_signature_next(&reader, r->ask, w.content, w.part);
    }
    if (r->_signatures & 1u << broken)
        emu_rules_tell(r, HOLES({0}));
}

void emu_rule_signature_altered(struct rules *r)
{
    check_signatures(r, SIGNATURE_ALTERED);
}

void emu_rule_signature_moved(struct rules *r)
{
    check_signatures(r, SIGNATURE_MOVED);
}

void emu_rule_signature_merged(struct rules *r)
{
    check_signatures(r, SIGNATURE_MERGED);
}

void emu_rule_signature_foreign(struct rules *r)
{
    check_signatures(r, SIGNATURE_FOREIGN);
}

void emu_rule_signature_related(struct rules *r)
{
    check_signatures(r, SIGNATURE_RELATED);
}

void emu_rule_signature_sprayed(struct rules *r)
{
    size_t last = SIZE_MAX;
    for (struct part_walk w = emu_rules_parts(r, HOLDS_SIGNATURE); emu_rules_next_part(&w);) {
        if (!emu_ask_member(w.part, "functionCall"))
            continue;
        if (w.content_index == last && json_str(emu_ask_member(w.part, "thoughtSignature")).n != 0)
            emu_rules_tell(r, HOLES({0}));
        last = w.content_index;
    }
}
