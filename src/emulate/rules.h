/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - what the service refuses although its parser takes it: the table of rules.def, applied. */
#ifndef EMULATE_RULES_H
#define EMULATE_RULES_H

#include "emulate/ask.h"
#include "emulate/refusal.h"

enum certainty { CERTAINTY_INFERRED, CERTAINTY_DOC, CERTAINTY_LIVE };

#define RULE_HOLES 4

struct rules;

struct rule {
    const char *id;
    enum certainty certainty;
    const char *source, *vertex, *gemini;
    void (*check)(struct rules *);
};

/** The rule of that number, in the order of the table. NULL behind the last. */
const struct rule *emu_rules_at(size_t index);

/**
 * Applies the table. `prompt_tokens` is the size of the request.
 *
 * DGM_OK: nothing to object. DGM_E_REFUSED: `*reterr` is a 400. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_rules_check(const struct ask *, uint64_t prompt_tokens,
                                         struct dgm_arena *, struct refusal *reterr);

/* ---- for the checks alone ----------------------------------------------------------------------------- */

/** One run over the table. */
struct rules {
    const struct ask *ask;
    uint64_t prompt_tokens;
    const struct rule *row;  /* the rule being looked at */
    struct dgm_buf _message; /* what was refused so far */
    char _numbers[RULE_HOLES][24];
    unsigned _number; /* the one that is used next */
    bool _refused;
};

/** The rule is broken: its text, with the holes filled, is told. Only the first of a rule that is no list line. */
void emu_rules_refuse(struct rules *, const struct dgm_str holes[RULE_HOLES]);

/** Values for the holes, from {0} on. */
#define HOLES(...) ((const struct dgm_str[RULE_HOLES]){__VA_ARGS__})

/** A number as text, good until RULE_HOLES more were asked for. */
struct dgm_str emu_rules_number(struct rules *, uint64_t);

#define RULE(id, ...) void emu_rule_##id(struct rules *);
#include "emulate/rules.def"
#undef RULE

#endif
