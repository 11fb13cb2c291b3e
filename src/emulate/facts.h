/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - the few facts that the emulator finds in a prompt, so that what it fills into a schema makes sense. */
#ifndef EMULATE_FACTS_H
#define EMULATE_FACTS_H

#include <dragoman/types.h>

#define FACTS_PEOPLE_MAX 6

/** Views of the prompt; absent where nothing was found. */
struct facts {
    struct dgm_str day;   /* "Friday", "tomorrow" */
    struct dgm_str event; /* "AI conference", of "going to an AI conference on ..." */
    struct dgm_str place; /* "Chicago", of "in Chicago" */
    struct dgm_str people[FACTS_PEOPLE_MAX];
    size_t npeople;
};

struct facts emu_facts_find(struct dgm_str prompt);

#endif
