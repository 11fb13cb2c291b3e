/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h - the few facts that the emulator finds in a prompt, so that what it fills into a schema makes sense. */
#ifndef EMULATE_FACTS_H
#define EMULATE_FACTS_H

#include <dragoman/types.h>

#define FACTS_PEOPLE_MAX 6
#define FACTS_PLACES_MAX 6
#define FACTS_NUMBERS_MAX 8

/** Views of the prompt; absent where nothing was found. */
struct facts {
    struct dgm_str prompt; /* its beginning: as much as was looked at */
    struct dgm_str day;    /* "Friday", "tomorrow" */
    struct dgm_str date;   /* "2026-03-01" */
    struct dgm_str event;  /* "AI conference", of "going to an AI conference on ..." */
    struct dgm_str place;  /* the first of the places, or what follows "for", "of", "to", "from" */
    struct dgm_str origin, destination; /* "from Boston to Paris" */
    struct dgm_str email, url;
    struct dgm_str quoted; /* what stands in "..." */
    /* "Chicago" and "New York", of "in Chicago and New York" */
    struct dgm_str places[FACTS_PLACES_MAX];
    size_t nplaces;
    struct dgm_str people[FACTS_PEOPLE_MAX];
    size_t npeople;
    struct dgm_str numbers[FACTS_NUMBERS_MAX]; /* JSON numbers, in their order */
    size_t nnumbers;
};

struct facts emu_facts_find(struct dgm_str prompt);

/** Whether the prompt has these words in a row, whatever the case, not as part of longer ones. */
bool emu_facts_mention(const struct facts *, struct dgm_str words);

#endif
