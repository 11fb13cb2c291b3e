/* SPDX-License-Identifier: Apache-2.0 */
/* schema_string.c - strings: what the prompt, the format, the pattern or the description has for them. */
#include "emulate/schema_put.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/pattern.h"

#define LENGTH_MAX 4096

static struct dgm_str formatted(const struct facts *facts, struct dgm_str format)
{
    const struct {
        const char *format, *text;
        struct dgm_str fact;
    } formats[] = {
        {"date-time", "2026-01-15T09:30:00Z", {0}},
        {"date", "2026-01-15", facts->date},
        {"time", "09:30:00Z", {0}},
        {"duration", "PT1H", {0}},
        {"email", "someone@example.com", facts->email},
        {"idn-email", "someone@example.com", facts->email},
        {"uri", "https://example.com/", facts->url},
        {"url", "https://example.com/", facts->url},
        {"iri", "https://example.com/", facts->url},
        {"uri-reference", "/emulated", facts->url},
        {"uuid", "00000000-0000-4000-8000-000000000000", {0}},
        {"ipv4", "192.0.2.1", {0}},
        {"ipv6", "2001:db8::1", {0}},
        {"hostname", "example.com", {0}},
        {"json-pointer", "/emulated", {0}},
        {"regex", "emulated", {0}},
        {"byte", "ZW11bGF0ZWQ=", {0}},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (dgm_str_eq(format, dgm_str_c(formats[i].format)))
            return formats[i].fact.p ? formats[i].fact : dgm_str_c(formats[i].text);
    return (struct dgm_str){0};
}

bool emu_name_has_word(struct dgm_str name, const char *words)
{
    for (size_t from = 0, to; from < name.n; from = to) {
        for (to = from + 1; to < name.n; to++) {
            bool lower = name.p[to] >= 'a' && name.p[to] <= 'z';
            bool was_lower = name.p[to - 1] >= 'a' && name.p[to - 1] <= 'z';
            bool upper = name.p[to] >= 'A' && name.p[to] <= 'Z';
            if ((!lower && !upper) || (upper && was_lower))
                break;
        }
        struct dgm_str word = {name.p + from, to - from}, rest = dgm_str_c(words), one;
        if (word.n > 1 && (word.p[0] == '_' || word.p[0] == '-' || word.p[0] == ' '))
            word = dgm_str_skip(word, 1);
        while (dgm_str_split(&rest, ' ', &one))
            if (dgm_str_eq_nocase(word, one) ||
                (dgm_str_ends(word, DGM_STR("s")) &&
                 dgm_str_eq_nocase(dgm_str_head(word, word.n - 1), one)))
                return true;
    }
    return false;
}

static struct dgm_str from_facts(const struct facts *f, const struct spot *at)
{
    struct dgm_str name = at->name;
    if (emu_name_has_word(name, "date day when"))
        return f->date.p ? f->date : f->day;
    if (emu_name_has_word(name, "origin departure from"))
        return f->origin;
    if (emu_name_has_word(name, "destination arrival"))
        return f->destination.p ? f->destination : f->place;
    if (emu_name_has_word(name, "location city place where town region address"))
        return at->index != 0 && at->index < f->nplaces ? f->places[at->index] : f->place;
    if (emu_name_has_word(name, "email mail recipient"))
        return f->email;
    if (emu_name_has_word(name, "url uri link website"))
        return f->url;
    if (emu_name_has_word(name, NAMES_OF_PEOPLE))
        return at->index < f->npeople ? f->people[at->index] : (struct dgm_str){0};
    if (emu_name_has_word(name,
                          "query question prompt text message input content search q expression"))
        return f->quoted.p ? f->quoted : f->prompt.n != 0 ? f->prompt : (struct dgm_str){0};
    if (emu_name_has_word(name, "name title event summary subject topic"))
        return f->event.p ? f->event : f->quoted.p ? f->quoted : f->people[0];
    return (struct dgm_str){0};
}

/* "Chicago, IL" of "The city and state, e.g. Chicago, IL". */
static struct dgm_str from_description(const struct view *v)
{
    static const struct dgm_str before[] = {DGM_STR("e.g. "), DGM_STR("e.g., "),
                                            DGM_STR("for example "), DGM_STR("such as ")};
    static const struct dgm_str quotes = DGM_STR("\"'`");
    struct dgm_str d = dgm_utf8_head(json_str(emu_view_member(v, "description")), LENGTH_MAX),
                   found = {0};
    for (size_t i = 0; i < sizeof before / sizeof *before && found.n == 0; i++)
        found = dgm_str_skip(d, dgm_str_find(d, before[i]) + before[i].n);
    if (found.p && found.n != 0 && dgm_str_find_char(quotes, found.p[0]) < quotes.n) {
        char quote = found.p[0];
        found = dgm_str_skip(found, 1);
        return dgm_str_head(found, dgm_str_find_char(found, quote));
    }
    size_t n = 0;
    while (n < found.n && dgm_str_find_char(DGM_STR(".;)\n("), found.p[n]) == 5)
        n++;
    return dgm_str_head(found, n);
}

static void put_text(struct faker *f, const struct spot *at, struct dgm_str text, size_t min,
                     size_t max)
{
    struct dgm_str head = dgm_utf8_head(text, max); /* bytes for characters: never too long */
    size_t n = dgm_utf8_count(head);
    json_open_str(f->w);
    json_add_str(f->w, head);
    for (; n < min; n++)
        json_add_str(f->w, DGM_STR("x"));
    for (size_t i = at->unique ? at->index : 0; i != 0 && n < max; i--, n++)
        json_add_str(f->w, DGM_STR("x"));
    json_close_str(f->w);
}

void emu_schema_put_string(struct faker *f, const struct view *v, const struct spot *at)
{
    struct dgm_str format = json_str(emu_view_member(v, "format")),
                   pattern = json_str(emu_view_member(v, "pattern"));
    size_t min = emu_view_at_least(v, DGM_STR("minLength"), LENGTH_MAX);
    size_t max = emu_view_at_most(v, DGM_STR("maxLength"), LENGTH_MAX);
    struct dgm_str text = {0}, wanted = formatted(f->facts, format);
    if (!wanted.p && !pattern.p)
        text = from_facts(f->facts, at);
    if (!text.p && !at->unique) {
        const struct json_val *given = emu_schema_example(v, DGM_STR("string"), at->index);
        if (given) {
            json_put_val(f->w, given);
            return;
        }
    }
    if (!text.p)
        text = wanted;
    char room[PATTERN_MAX_BYTES];
    struct dgm_str made = {0};
    if (!text.p && pattern.p)
        made = emu_pattern_make(room, pattern, min);
    if (made.p) {
        json_put_str(f->w, made);
        return;
    }
    if (!text.p)
        text = from_description(v);
    static const struct dgm_str texts[] = {DGM_STR("emulated"), DGM_STR("another"),
                                           DGM_STR("third")};
    for (size_t i = 0;
         i < sizeof texts / sizeof *texts && (text.n == 0 || emu_view_forbids_str(v, text)); i++)
        text = texts[i];
    put_text(f, at, text, min, max);
}
