/* SPDX-License-Identifier: Apache-2.0 */
/* rules.h - what the service refuses although its parser takes it: the table of rules.def, applied. */
#ifndef EMULATE_RULES_H
#define EMULATE_RULES_H

#include "emulate/ask.h"
#include "emulate/refusal.h"
#include "emulate/signature.h"

enum certainty { CERTAINTY_INFERRED, CERTAINTY_DOC, CERTAINTY_LIVE };

#define RULE_HOLES 4
#define RULE_WARNS 0 /* in the place of a status */
#define RULES_BROKEN_MAX 16

struct rules;

struct rule {
    const char *id;
    enum certainty certainty;
    int status;        /* HTTP, or RULE_WARNS */
    unsigned from, to; /* generations, both included */
    const char *source, *vertex, *gemini;
    void (*check)(struct rules *);
};

/** The rule of that number, in the order of the table. NULL behind the last. */
const struct rule *emu_rules_at(size_t index);

/** What the table says of a request. Texts stand in the arena of the call. */
struct findings {
    struct refusal refusal; /* when it is refused */
    /* "id: sentence; id: sentence", printable ASCII; absent when there are none */
    struct dgm_str warnings;
    const struct rule *broken[RULES_BROKEN_MAX]; /* the rules that refused or warned, each once */
    size_t nbroken; /* how many there are, the first of which are listed */
};

/**
 * Applies the table. `prompt_tokens` is the size of the request. A request that is refused has no warnings.
 *
 * DGM_OK: nothing to object. DGM_E_REFUSED: `ret->refusal` says what. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_rules_check(const struct ask *, uint64_t prompt_tokens,
                                         struct dgm_arena *, struct findings *ret);

/** The same of the rules alone that are lines of the Gemini API's list, without warnings: what countTokens looks at. */
DGM_MUST_USE enum dgm_rc emu_rules_check_lines(const struct ask *, struct dgm_arena *,
                                               struct findings *ret);

/* ---- for the checks alone ----------------------------------------------------------------------------- */

/** One run over the table. */
struct rules {
    const struct ask *ask;
    uint64_t prompt_tokens;
    struct dgm_arena *arena;
    const struct rule *row; /* the rule being looked at */
    bool nomem;             /* a check could not be made */
    uint64_t sum;           /* what a check adds up over all schemas */
    struct findings *_findings;
    struct dgm_buf _message, _warnings; /* what was told so far */
    char _numbers[RULE_HOLES][24];
    unsigned _number;     /* the one that is used next */
    unsigned _holds;      /* what the request holds */
    unsigned _signatures; /* what the signatures are: bits by enum signature; 0: not read yet */
};

/** The rule is broken: its text, with the holes filled, is told. Only the first of a rule that is no list line. */
void emu_rules_tell(struct rules *, const struct dgm_str holes[RULE_HOLES]);

/** Whether telling it (once more) would change anything: for checks that have work to do before they tell. */
bool emu_rules_listens(const struct rules *);

/** Values for the holes, from {0} on. */
#define HOLES(...) ((const struct dgm_str[RULE_HOLES]){__VA_ARGS__})

/** A number as text, good until RULE_HOLES more were asked for. */
struct dgm_str emu_rules_number(struct rules *, uint64_t);

/** As much of a client's text as an error shows. */
struct dgm_str emu_rules_shown(struct dgm_str);

/* The things' numbers, whose bits a set is made of. */
enum {
#define HOLDS(id) HOLDS_BIT_##id,
#include "emulate/holds.def"
};

/** What a request holds (holds.def), so that rules and checks that find nothing in it are left out. A set is a sum. */
enum holds {
#define HOLDS(id) HOLDS_##id = 1 << HOLDS_BIT_##id,
#include "emulate/holds.def"
};

/** All that is there; members that are null count too. */
unsigned emu_rules_holds(const struct ask *);

/** A walk over all parts of `contents`. */
struct part_walk {
    const struct json_val *content, *part;
    size_t content_index, part_index;
    struct ask_list _contents, _parts;
};

/** Its start; the second is over at once when the request does not hold any of `holds`. */
struct part_walk emu_rules_walk(const struct ask *);
struct part_walk emu_rules_parts(const struct rules *, unsigned holds);
bool emu_rules_next_part(struct part_walk *);

/** A walk over all function declarations of `tools`. */
struct function_walk {
    const struct json_val *function;
    size_t tool_index, function_index;
    struct ask_list _tools, _functions;
};
struct function_walk emu_rules_functions(const struct ask *);
bool emu_rules_next_function(struct function_walk *);

/** Whether a text is one of a list. */
bool emu_rules_one_of(struct dgm_str, const char *const *names, size_t n);

#define ONE_OF(s, ...)                                                                             \
    emu_rules_one_of(s, (const char *const[]){__VA_ARGS__},                                        \
                     sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/** A schema and the way to it. */
struct schema_at {
    const struct json_val *schema, *root; /* root: the schema it stands in */
    const struct schema_at *parent;       /* NULL at the root */
    const char *step;                     /* "properties", "items", "any_of", "defs" */
    struct dgm_str name;                  /* of a property or a def */
    size_t index;                         /* in any_of */
    struct dgm_str function;              /* whose it is; absent for responseSchema */
    const char *member; /* at the root: "parameters", "response", "response_schema" */
    size_t tool_index, function_index;
};

/** Shows `look` each schema of OpenAPI's subset in the request: of parameters, of responses, of the answer. */
void emu_rules_schemas(struct rules *, void (*look)(struct rules *, const struct schema_at *));

/** Tells a rule about a schema: {0} to {2} are its paths, {3} is `what`. */
void emu_rules_tell_schema(struct rules *, const struct schema_at *, struct dgm_str what);

#define RULE(id, ...) void emu_rule_##id(struct rules *);
#include "emulate/rules.def"
#undef RULE

#endif
