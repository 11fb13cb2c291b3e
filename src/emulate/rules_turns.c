/* SPDX-License-Identifier: Apache-2.0 */
/* rules_turns.c - the checks of contents, of the order of turns, and of tools. */
#include "emulate/rules.h"

#include "base/str.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES 64
#define NAME_SHOWN_BYTES 100

/* ---- contents ----------------------------------------------------------------------------------------- */

void emu_rule_contents_missing(struct rules *r)
{
    if (emu_ask_count(r->ask->contents) == 0)
        emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_parts_empty(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);)
        if (emu_ask_count(emu_ask_member(l.value, "parts")) == 0)
            emu_rules_refuse(r, HOLES(emu_rules_number(r, l.index)));
}

/* Text that came with a signature may be empty: so do streams end (google.md 9.1). */
static bool has_data(const struct json_val *part, bool empty_text_counts)
{
    static const struct dgm_str names[] = {
        DGM_STR("inlineData"),       DGM_STR("fileData"),       DGM_STR("functionCall"),
        DGM_STR("functionResponse"), DGM_STR("executableCode"), DGM_STR("codeExecutionResult"),
        DGM_STR("thoughtSignature"),
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
                emu_rules_refuse(r,
                                 HOLES(emu_rules_number(r, c.index), emu_rules_number(r, p.index)));
}

void emu_rule_response_unnamed(struct rules *r)
{
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);)
        for (struct ask_list p = emu_ask_list(emu_ask_member(c.value, "parts"));
             emu_ask_next(&p);) {
            const struct json_val *response = emu_ask_member(p.value, "functionResponse");
            if (response && json_str(emu_ask_member(response, "name")).n == 0)
                emu_rules_refuse(r,
                                 HOLES(emu_rules_number(r, c.index), emu_rules_number(r, p.index),
                                       emu_rules_number(r, c.index + 1)));
        }
}

void emu_rule_role_unknown(struct rules *r)
{
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct dgm_str role = json_str(emu_ask_member(l.value, "role"));
        if (role.n != 0 && !dgm_str_eq(role, DGM_STR("user")) &&
            !dgm_str_eq(role, DGM_STR("model")))
            emu_rules_refuse(r, HOLES({0}));
    }
}

void emu_rule_system_not_text(struct rules *r)
{
    for (struct ask_list p = emu_ask_list(emu_ask_member(r->ask->system, "parts"));
         emu_ask_next(&p);)
        if (!json_str(emu_ask_member(p.value, "text")).p)
            emu_rules_refuse(r, HOLES({0}));
}

void emu_rule_system_empty(struct rules *r)
{
    if (r->ask->system && emu_ask_count(emu_ask_member(r->ask->system, "parts")) == 0)
        emu_rules_refuse(r, HOLES({0}));
}

/* ---- turns -------------------------------------------------------------------------------------------- */

void emu_rule_call_turn_order(struct rules *r)
{
    bool after_user = false;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (turn.calls != 0 && !after_user)
            emu_rules_refuse(r, HOLES({0}));
        after_user = !turn.model;
    }
}

void emu_rule_response_turn_order(struct rules *r)
{
    bool after_calls = false;
    for (struct ask_list l = emu_ask_list(r->ask->contents); emu_ask_next(&l);) {
        struct turn turn = emu_ask_turn(l.value);
        if (turn.responses != 0 && !after_calls)
            emu_rules_refuse(r, HOLES({0}));
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
            emu_rules_refuse(r, HOLES({0}));
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

/* Only the first call of a step carries one; any text is taken, so the documented dummies are too. */
void emu_rule_signature_missing(struct rules *r)
{
    if (r->ask->model.generation < GENERATION_3)
        return;
    size_t start = current_turn(r->ask);
    for (struct ask_list c = emu_ask_list(r->ask->contents); emu_ask_next(&c);) {
        if (c.index < start)
            continue;
        for (struct ask_list p = emu_ask_list(emu_ask_member(c.value, "parts"));
             emu_ask_next(&p);) {
            const struct json_val *call = emu_ask_member(p.value, "functionCall");
            if (!call)
                continue;
            if (json_str(emu_ask_member(p.value, "thoughtSignature")).n == 0)
                emu_rules_refuse(r, HOLES(dgm_utf8_head(json_str(emu_ask_member(call, "name")),
                                                        NAME_SHOWN_BYTES),
                                          emu_rules_number(r, c.index + 1)));
            break;
        }
    }
}

void emu_rule_model_turn_last(struct rules *r)
{
    size_t n = emu_ask_count(r->ask->contents);
    if (r->ask->model.generation >= GENERATION_3_7 && n != 0 &&
        emu_ask_turn(emu_ask_at(r->ask->contents, n - 1)).model)
        emu_rules_refuse(r, HOLES({0}));
}

/* ---- tools -------------------------------------------------------------------------------------------- */

static bool is_function_name(struct dgm_str s, bool colons)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '.' || c == '-' || (c == ':' && colons);
        if (!letter && (i == 0 || !later))
            return false;
    }
    return s.n != 0 && s.n <= NAME_MAX_BYTES;
}

void emu_rule_function_name(struct rules *r)
{
    for (struct ask_list t = emu_ask_list(emu_ask_member(r->ask->root, "tools")); emu_ask_next(&t);)
        for (struct ask_list f = emu_ask_list(emu_ask_member(t.value, "functionDeclarations"));
             emu_ask_next(&f);) {
            struct dgm_str name = json_str(emu_ask_member(f.value, "name"));
            if (!is_function_name(name, !emu_ask_is_vertex(r->ask)))
                emu_rules_refuse(r, HOLES(dgm_utf8_head(name, NAME_SHOWN_BYTES)));
        }
}

void emu_rule_tools_with_json(struct rules *r)
{
    struct dgm_str type = json_str(emu_ask_member(r->ask->config, "responseMimeType"));
    if (r->ask->model.generation >= GENERATION_3 || !dgm_str_eq(type, DGM_STR("application/json")))
        return;
    for (struct ask_list t = emu_ask_list(emu_ask_member(r->ask->root, "tools")); emu_ask_next(&t);)
        if (emu_ask_count(emu_ask_member(t.value, "functionDeclarations")) != 0)
            emu_rules_refuse(r, HOLES({0}));
}
