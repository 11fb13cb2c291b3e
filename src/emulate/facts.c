/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c - the few facts that the emulator finds in a prompt: a look at words, no understanding. */
#include "emulate/facts.h"

#include "base/str.h"
#include "base/utf8.h"

#define LOOKED_AT_BYTES 4096 /* of a prompt */
#define EVENT_MAX_BYTES 80
#define NUMBER_MAX_BYTES 15 /* what a double holds */

static const char *const days[] = {"Monday",   "Tuesday", "Wednesday", "Thursday", "Friday",
                                   "Saturday", "Sunday",  "today",     "tomorrow"};

/* What stands behind "in" with a capital and is no place. */
static const char *const no_places[] = {
    "January",  "February", "March",   "April",   "May",    "June",     "July",     "August",
    "October",  "November", "English", "German",  "French", "Spanish",  "Italian",  "Chinese",
    "Japanese", "December", "Python",  "Russian", "Java",   "Markdown", "September"};

#define IS_ONE_OF(word, list) is_one_of((word), (list), sizeof(list) / sizeof *(list))

static bool is_one_of(struct dgm_str word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dgm_str_eq(word, dgm_str_c(list[i])))
            return true;
    return false;
}

/* ---- words -------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* What is not ASCII counts as a letter: it nearly always is one. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (unsigned char)c >= 0x80;
}

/* "Susan", but neither "AI" nor "I". */
static bool is_name(struct dgm_str word)
{
    return word.n >= 2 && is_upper(word.p[0]) && is_letter(word.p[1]) && !is_upper(word.p[1]);
}

static struct dgm_str letters(struct dgm_str s)
{
    size_t n = 0;
    while (n < s.n && is_letter(s.p[n]))
        n++;
    return dgm_str_head(s, n);
}

/* Takes the next run of letters off the front. */
static bool next_word(struct dgm_str *rest, struct dgm_str *ret)
{
    while (rest->n != 0 && !is_letter(rest->p[0]))
        *rest = dgm_str_skip(*rest, 1);
    *ret = letters(*rest);
    *rest = dgm_str_skip(*rest, ret->n);
    return ret->n != 0;
}

/* The first word of a sentence is large anyway: it is a name where a second one or a verb follows. */
static bool opens_names(struct dgm_str rest)
{
    static const char *const after[] = {"and", "is", "are", "was", "were", "will", "has", "have"};
    struct dgm_str word;
    return next_word(&rest, &word) && IS_ONE_OF(word, after);
}

/* ---- places ------------------------------------------------------------------------------------------- */

static bool is_place(struct dgm_str word)
{
    return is_name(word) && !IS_ONE_OF(word, days) && !IS_ONE_OF(word, no_places);
}

/* Goes on with " York" of "New York", and with ", MA" of "Boston, MA". */
static struct dgm_str whole_place(struct dgm_str word, struct dgm_str *rest)
{
    struct dgm_str place = word;
    for (;;) {
        struct dgm_str next = letters(dgm_str_skip(*rest, 1));
        if (rest->n < 2 || rest->p[0] != ' ' || !is_place(next))
            break;
        place.n += 1 + next.n;
        *rest = dgm_str_skip(*rest, 1 + next.n);
    }
    struct dgm_str state = letters(dgm_str_skip(*rest, 2));
    if (dgm_str_starts(*rest, DGM_STR(", ")) && state.n == 2 && is_upper(state.p[0]) &&
        is_upper(state.p[1])) {
        place.n += 2 + state.n;
        *rest = dgm_str_skip(*rest, 2 + state.n);
    }
    return place;
}

/* A list of places: "Chicago", "Chicago and Paris", "Chicago, Paris or New York". */
static void take_places(struct facts *f, struct dgm_str word, struct dgm_str *rest)
{
    static const struct dgm_str joints[] = {DGM_STR(", and "), DGM_STR(" and in "),
                                            DGM_STR(" and "), DGM_STR(" or "), DGM_STR(", ")};
    for (bool more = true; more;) {
        struct dgm_str place = whole_place(word, rest);
        if (f->nplaces < FACTS_PLACES_MAX)
            f->places[f->nplaces++] = place;
        more = false;
        for (size_t i = 0; i < sizeof joints / sizeof *joints && !more; i++) {
            word = letters(dgm_str_skip(*rest, joints[i].n));
            more = dgm_str_starts(*rest, joints[i]) && is_place(word);
            if (more)
                *rest = dgm_str_skip(*rest, joints[i].n + word.n);
        }
    }
}

/* Words that may stand before a place as well as before something else. */
static void note_weak_place(struct facts *f, struct dgm_str before, struct dgm_str word,
                            struct dgm_str rest)
{
    static const char *const weak[] = {"for", "of", "from", "to", "at"};
    if (!IS_ONE_OF(before, weak) || !is_place(word))
        return;
    struct dgm_str place = whole_place(word, &rest);
    if (!f->place.p)
        f->place = place;
    if (dgm_str_eq(before, DGM_STR("from")) && !f->origin.p)
        f->origin = place;
    if (dgm_str_eq(before, DGM_STR("to")) && !f->destination.p)
        f->destination = place;
}

/* ---- other things ------------------------------------------------------------------------------------- */

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

static struct dgm_str find_quoted(struct dgm_str prompt)
{
    size_t from = dgm_str_find_char(prompt, '"');
    struct dgm_str rest = dgm_str_skip(prompt, from + 1);
    size_t n = dgm_str_find_char(rest, '"');
    return from < prompt.n && n != 0 && n < rest.n ? dgm_str_head(rest, n) : (struct dgm_str){0};
}

static bool is_address_char(char c)
{
    return is_digit(c) || (is_letter(c) && (unsigned char)c < 0x80) || c == '.' || c == '-' ||
           c == '_' || c == '+';
}

/* "someone@example.com": a dot within what follows, a letter or digit at its end. */
static struct dgm_str find_email(struct dgm_str s)
{
    size_t at = dgm_str_find_char(s, '@'), from = at, to = at + 1;
    if (at >= s.n)
        return (struct dgm_str){0};
    while (from != 0 && is_address_char(s.p[from - 1]))
        from--;
    while (to < s.n && is_address_char(s.p[to]) && s.p[to] != '_' && s.p[to] != '+')
        to++;
    while (to > at && (s.p[to - 1] == '.' || s.p[to - 1] == '-'))
        to--;
    struct dgm_str host = {s.p + at + 1, to > at + 1 ? to - at - 1 : 0};
    bool sound = from < at && s.p[from] != '.' && s.p[at - 1] != '.' && host.n != 0 &&
                 host.p[0] != '.' && dgm_str_find_char(host, '.') < host.n &&
                 dgm_str_find(host, DGM_STR("..")) == host.n;
    return sound ? (struct dgm_str){s.p + from, to - from} : (struct dgm_str){0};
}

static struct dgm_str find_url(struct dgm_str s)
{
    static const struct dgm_str schemes[] = {DGM_STR("https://"), DGM_STR("http://")};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct dgm_str url = dgm_str_skip(s, dgm_str_find(s, schemes[i]));
        size_t n = 0;
        while (n < url.n && url.p[n] > ' ' && url.p[n] < 127 &&
               dgm_str_find_char(DGM_STR("\"'<>()[]{}|\\^`"), url.p[n]) == 14)
            n++;
        while (n != 0 && dgm_str_find_char(DGM_STR(".,;:!?"), url.p[n - 1]) < 6)
            n--;
        if (n > schemes[i].n)
            return dgm_str_head(url, n);
    }
    return (struct dgm_str){0};
}

/* Year, month and day, as RFC 3339 has them; 29 to 31 are taken where the month may be longer. */
static bool is_date(struct dgm_str s)
{
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; i < 10; i++)
        if (i >= s.n || (shape[i] == '0' ? !is_digit(s.p[i]) : s.p[i] != '-'))
            return false;
    int month = (s.p[5] - '0') * 10 + s.p[6] - '0', day = (s.p[8] - '0') * 10 + s.p[9] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= (month == 2 ? 28 : 30);
}

/* A number that begins here, as JSON would have it: no zero in front, digits behind a point. */
static struct dgm_str number(struct dgm_str s)
{
    size_t sign = s.n != 0 && s.p[0] == '-', n = sign;
    while (n < s.n && is_digit(s.p[n]))
        n++;
    bool whole = n > sign && (s.p[sign] != '0' || n == sign + 1);
    if (n + 1 < s.n && s.p[n] == '.' && is_digit(s.p[n + 1]))
        for (n++; n < s.n && is_digit(s.p[n]);)
            n++;
    return whole && n <= NUMBER_MAX_BYTES ? dgm_str_head(s, n) : (struct dgm_str){0};
}

static void find_numbers(struct facts *f)
{
    struct dgm_str s = f->prompt;
    for (size_t i = 0; i < s.n; i++) {
        bool begins = i == 0 || (!is_letter(s.p[i - 1]) && !is_digit(s.p[i - 1]) &&
                                 s.p[i - 1] != '-' && s.p[i - 1] != '.');
        struct dgm_str rest = dgm_str_skip(s, i);
        if (!begins || (!is_digit(s.p[i]) && s.p[i] != '-'))
            continue;
        if (is_date(rest)) {
            if (!f->date.p)
                f->date = dgm_str_head(rest, 10);
            i += 9;
            continue;
        }
        struct dgm_str n = number(rest);
        if (n.p && f->nnumbers < FACTS_NUMBERS_MAX)
            f->numbers[f->nnumbers++] = n;
        i += n.n != 0 ? n.n - 1 : 0;
    }
}

/* ---- all ---------------------------------------------------------------------------------------------- */

static void find_names(struct facts *f)
{
    static const char *const in[] = {"in", "near", "around"};
    struct dgm_str rest = f->prompt, word, last = {0};
    bool first = true; /* of a sentence */
    while (next_word(&rest, &word)) {
        if (IS_ONE_OF(word, days)) {
            if (!f->day.p)
                f->day = word;
        } else if (IS_ONE_OF(last, in) && is_place(word)) {
            take_places(f, word, &rest);
        } else if (is_name(word)) {
            note_weak_place(f, last, word, rest);
            if ((!first || opens_names(rest)) && f->npeople < FACTS_PEOPLE_MAX)
                f->people[f->npeople++] = word;
        }
        last = word;
        first = rest.n != 0 && dgm_str_find_char(DGM_STR(".!?\n"), rest.p[0]) < 4;
    }
    if (f->nplaces != 0)
        f->place = f->places[0];
}

struct facts emu_facts_find(struct dgm_str prompt)
{
    struct facts f = {.prompt = dgm_utf8_head(prompt, LOOKED_AT_BYTES)};
    f.event = find_event(f.prompt);
    f.quoted = find_quoted(f.prompt);
    f.email = find_email(f.prompt);
    f.url = find_url(f.prompt);
    find_numbers(&f);
    find_names(&f);
    return f;
}

bool emu_facts_mention(const struct facts *f, struct dgm_str words)
{
    struct dgm_str s = f->prompt;
    for (size_t i = 0; words.n != 0 && i + words.n <= s.n; i++) {
        size_t end = i + words.n;
        bool before = i != 0 && (is_letter(s.p[i - 1]) || is_digit(s.p[i - 1]));
        bool behind = end < s.n && (is_letter(s.p[end]) || is_digit(s.p[end]));
        if (!before && !behind && dgm_str_eq_nocase((struct dgm_str){s.p + i, words.n}, words))
            return true;
    }
    return false;
}
