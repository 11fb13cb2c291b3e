/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c - the few facts that the emulator finds in a prompt: a look at words, no understanding. */
#include "emulate/facts.h"

#include "base/str.h"
#include "base/utf8.h"

#define LOOKED_AT_BYTES 4096 /* of a prompt */
#define EVENT_MAX_BYTES 80

static const char *const days[] = {"Monday",   "Tuesday", "Wednesday", "Thursday", "Friday",
                                   "Saturday", "Sunday",  "today",     "tomorrow"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_day(struct dgm_str word)
{
    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        if (dgm_str_eq(word, dgm_str_c(days[i])))
            return true;
    return false;
}

/* "Susan", but neither "AI" nor "I". */
static bool is_name(struct dgm_str word)
{
    return word.n >= 2 && word.p[0] >= 'A' && word.p[0] <= 'Z' && word.p[1] >= 'a' &&
           word.p[1] <= 'z';
}

/* Takes the next run of letters off the front. */
static bool next_word(struct dgm_str *rest, struct dgm_str *ret)
{
    while (rest->n != 0 && !is_letter(rest->p[0]))
        *rest = dgm_str_skip(*rest, 1);
    size_t n = 0;
    while (n < rest->n && is_letter(rest->p[n]))
        n++;
    *ret = dgm_str_head(*rest, n);
    *rest = dgm_str_skip(*rest, n);
    return n != 0;
}

/* The first word of a sentence is large anyway: it is a name where a second one or a verb follows. */
static bool opens_names(struct dgm_str rest)
{
    static const char *const after[] = {"and", "is", "are", "was", "were", "will", "has", "have"};
    struct dgm_str word;
    if (!next_word(&rest, &word))
        return false;
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        if (dgm_str_eq(word, dgm_str_c(after[i])))
            return true;
    return false;
}

static struct dgm_str find_event(struct dgm_str prompt)
{
    static const char *const before[] = {" to an ", " to a ", " to the "};
    static const char *const behind[] = {" on ", " at ", " in ", ".", ",", "!", "?", "\n"};
    struct dgm_str event = {0};
    for (size_t i = 0; i < sizeof before / sizeof *before && !event.p; i++) {
        size_t at = dgm_str_find(prompt, dgm_str_c(before[i]));
        if (at < prompt.n)
            event = dgm_str_skip(prompt, at + dgm_str_c(before[i]).n);
    }
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        event = dgm_str_head(event, dgm_str_find(event, dgm_str_c(behind[i])));
    event = dgm_utf8_head(event, EVENT_MAX_BYTES);
    return event.n != 0 ? event : (struct dgm_str){0};
}

struct facts emu_facts_find(struct dgm_str prompt)
{
    prompt = dgm_utf8_head(prompt, LOOKED_AT_BYTES);
    struct facts f = {.event = find_event(prompt)};
    struct dgm_str rest = prompt, word, last = {0};
    bool first = true; /* of a sentence */
    while (next_word(&rest, &word)) {
        if (is_day(word)) {
            if (!f.day.p)
                f.day = word;
        } else if (is_name(word) && dgm_str_eq(last, DGM_STR("in"))) {
            if (!f.place.p)
                f.place = word;
        } else if (is_name(word) && (!first || opens_names(rest)) && f.npeople < FACTS_PEOPLE_MAX) {
            f.people[f.npeople++] = word;
        }
        last = word;
        first = rest.n != 0 && dgm_str_find_char(DGM_STR(".!?\n"), rest.p[0]) < 4;
    }
    return f;
}
