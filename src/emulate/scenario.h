/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario.h - scripted answers for test suites, as data: rules in order, each with what it wants of a request and what it
 * answers. Who reads the file, and who counts over all workers, is not this folder's business.
 */
#ifndef EMULATE_SCENARIO_H
#define EMULATE_SCENARIO_H

#include "emulate/emulate.h"
#include "emulate/prompt.h"

#define SCENARIO_CALLS_MAX 16 /* of one answer */

/** What a text must be like. */
enum scenario_how {
    SCENARIO_ANYTHING,
    SCENARIO_CONTAINS, /* letter case does not count */
    SCENARIO_EXACT,    /* it does */
    SCENARIO_LIKE,     /* all of it; * stands for any run of characters; case does not count */
};

struct scenario_text {
    enum scenario_how how;
    struct dgm_str text;
};

/** A function that is called. */
struct scenario_call {
    struct dgm_str name, args; /* args: a JSON object */
};

/** One answer. What is absent, or below 0, is as usual. */
struct scenario_answer {
    struct dgm_str responder,
        fault; /* as the two headers have them; either may refuse or break what follows */
    struct dgm_str text, thinking; /* "" is an answer without any */
    const struct scenario_call *calls;
    size_t ncalls;
    struct dgm_str finish; /* the finishReason; then `text` is not cut to what the request allows */
    int64_t prompt_tokens, candidates_tokens, thoughts_tokens;
    int64_t first_ms, piece_ms;
};

/** One rule. It answers the requests that are all that it wants. */
struct scenario_rule {
    struct dgm_str name;
    struct scenario_text model, prompt, system, tool_name,
        tool_result; /* tool_*: of one and the same result */
    int stream;      /* 0: must not be one, 1: must, -1: either */
    uint64_t nth;    /* only this one of those that are all else, from 1; 0: each */
    uint64_t times;  /* so many of them, then it rests; 0: no end */
    const struct scenario_answer
        *answers;    /* the first request gets the first, and so on; the last stays */
    size_t nanswers; /* at least one */
};

struct emu_scenario {
    const struct scenario_rule *rules;
    size_t nrules;
};

/** Whether an answer is said, rather than left to a responder. */
bool emu_scenario_says(const struct scenario_answer *);

/** The rule that answers, which of its answers, and how many requests it had before. */
struct scenario_found {
    const struct scenario_rule *rule;
    const struct scenario_answer *answer;
    uint64_t before;
};

/**
 * Finds the first rule that answers. The counter is asked once for each rule that fits the request, up to the one that
 * answers, and for no other. `scratch` takes what tools returned as texts. DGM_OK: `ret->rule` is NULL when none
 * answers. DGM_E_NOMEM.
 */
DGM_MUST_USE enum dgm_rc emu_scenario_find(const struct emu_scenario *, const struct ask *,
                                           const struct prompt *, const struct emu_counter *,
                                           struct dgm_arena *scratch, struct scenario_found *ret);

#endif
