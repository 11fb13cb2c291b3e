/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - what a model's name tells about it. */
#include "translate/model.h"

#include "base/str.h"

#include <dragoman/dragoman.h>

#define NAME_MAX_BYTES 128

#define LITERAL(s) {s, sizeof s - 1}

/* The longest first, for some begin as others do. */
static const struct dgm_str prefixes[] = {LITERAL("publishers/google/models/"), LITERAL("google/"),
                                          LITERAL("models/"), LITERAL("gemini/")};

static const struct {
    struct dgm_str word;
    enum effort effort;
} efforts[] = {
    {LITERAL("none"), EFFORT_NONE}, {LITERAL("minimal"), EFFORT_MINIMAL},
    {LITERAL("low"), EFFORT_LOW},   {LITERAL("medium"), EFFORT_MEDIUM},
    {LITERAL("high"), EFFORT_HIGH}, {LITERAL("xhigh"), EFFORT_HIGH},
    {LITERAL("max"), EFFORT_HIGH},
};

static const struct dgm_str words[] = {
#define MODEL_WORD(id, word) LITERAL(word),
#include "translate/model_words.def"
#undef MODEL_WORD
};

#define WORDS (sizeof words / sizeof *words)

static const struct thinking thinking_rows[] = {
#define THINKING(from, to, word, member, min, max, standard, ...)                                  \
    {member, {__VA_ARGS__}, from, to, MODEL_##word, min, max, standard},
#include "translate/thinking.def"
#undef THINKING
};

static const struct {
    struct dgm_str name;
    unsigned generation;
} aliases[] = {
#define ALIAS(name, generation) {{name, sizeof name - 1}, generation},
#include "translate/model_aliases.def"
#undef ALIAS
};

static const struct {
    unsigned from, to;
    enum model_word word;
    unsigned can;
    uint32_t output, candidates;
} abilities[] = {
#define ABILITIES(from, to, word, can, output, candidates)                                         \
    {from, to, MODEL_##word, can, output, candidates},
#include "translate/abilities.def"
#undef ABILITIES
};

/* What may stand in a name: anywhere, and where no dot stands before it. */
enum name_char { NO_CHAR, CHAR, DOT };

static const unsigned char name_chars[256] = {
    ['0' ... ':'] = CHAR, ['@' ... 'Z'] = CHAR, ['_'] = CHAR,
    ['a' ... 'z'] = CHAR, ['-'] = CHAR,         ['.'] = DOT,
};

bool dgm_name_ok(struct dgm_str s)
{
    if (s.n == 0 || s.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned kind = name_chars[(unsigned char)s.p[i]];
        if (kind != CHAR && (kind != DOT || i == 0 || s.p[i - 1] == '.'))
            return false;
    }
    return true;
}

/* The digit at the front of `*s`, which it is taken off; -1 when there is none. */
static int take_digit(struct dgm_str *s)
{
    if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
        return -1;
    int digit = s->p[0] - '0';
    *s = dgm_str_skip(*s, 1);
    return digit;
}

/* "gemini-2.5-flash" -> 25, "gemini-3-pro@001" -> 30, an alias -> its row; 0 for anything else. */
static unsigned read_generation(struct dgm_str name)
{
    struct dgm_str prefix = DGM_STR("gemini-");
    if (!dgm_str_starts(name, prefix))
        return 0;
    name = dgm_str_head(name, dgm_str_find_char(name, '@'));
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (dgm_str_eq(name, aliases[i].name))
            return aliases[i].generation;
    struct dgm_str rest = dgm_str_skip(name, prefix.n);
    int major = take_digit(&rest), minor = 0;
    if (dgm_str_starts(rest, DGM_STR("."))) {
        rest = dgm_str_skip(rest, 1);
        minor = take_digit(&rest);
    }
    bool ends = rest.n == 0 || rest.p[0] == '-';
    return major < 0 || minor < 0 || !ends ? 0 : (unsigned)(major * 10 + minor);
}

/* The words that stand between the dashes of a name, before its version ("@001"). */
static unsigned read_words(struct dgm_str name)
{
    unsigned set = 0;
    for (size_t from = 0, i = 0;; i++) {
        if (i < name.n && name.p[i] != '-' && name.p[i] != '@')
            continue;
        size_t k = dgm_str_index((struct dgm_str){name.p + from, i - from}, words, WORDS);
        set |= k < WORDS ? 1u << k : 0;
        if (i == name.n || name.p[i] == '@')
            return set;
        from = i + 1;
    }
}

/* Whether a row of a table speaks of a model. */
static bool fits(const struct model *m, unsigned from, unsigned to, enum model_word word)
{
    return m->generation >= from && m->generation <= to &&
           (m->words & (unsigned)word) == (unsigned)word;
}

static void find_abilities(struct model *m)
{
    for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++) {
        if (!fits(m, abilities[i].from, abilities[i].to, abilities[i].word))
            continue;
        m->can = abilities[i].can;
        m->output = abilities[i].output;
        m->candidates = abilities[i].candidates;
        return;
    }
}

static void find_thinking(struct model *m)
{
    for (size_t i = 0; i < sizeof thinking_rows / sizeof *thinking_rows; i++) {
        const struct thinking *t = &thinking_rows[i];
        if (!fits(m, t->from, t->to, t->word))
            continue;
        m->thinking = t->member ? t : NULL;
        return;
    }
}

/* "projects/P/locations/L/publishers/..." -> "publishers/..."; anything else stays as it is. */
static struct dgm_str without_place(struct dgm_str name)
{
    if (!dgm_str_starts(name, DGM_STR("projects/")))
        return name;
    struct dgm_str rest = name, projects, project, locations, location;
    if (dgm_str_split(&rest, '/', &projects) && dgm_str_split(&rest, '/', &project) &&
        dgm_name_ok(project) && dgm_str_split(&rest, '/', &locations) &&
        dgm_str_eq(locations, DGM_STR("locations")) && dgm_str_split(&rest, '/', &location) &&
        dgm_name_ok(location) && dgm_str_starts(rest, DGM_STR("publishers/")))
        return rest;
    return name;
}

static struct dgm_str without_prefix(struct dgm_str full)
{
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (dgm_str_starts(full, prefixes[i]))
            return dgm_str_skip(full, prefixes[i].n);
    return full;
}

/* What a name is that is not a single one. */
static enum dgm_rc fault_of(struct dgm_str name)
{
    struct dgm_str segment = {0};
    while (dgm_str_split(&name, '/', &segment))
        if (!dgm_name_ok(segment))
            return DGM_E_SYNTAX;
    return segment.p ? DGM_E_REFUSED : DGM_E_SYNTAX;
}

enum dgm_rc model_read(struct dgm_str sent, struct model *ret)
{
    struct dgm_str full = without_place(sent), name = without_prefix(full);
    if (!dgm_name_ok(name))
        return fault_of(name);
    if (dgm_str_find_char(name, ':') != name.n)
        return DGM_E_SYNTAX; /* behind it the path has what is to be done */
    *ret = (struct model){
        .name = name,
        .generation = read_generation(name),
        .words = read_words(name),
        .placed = full.n != sent.n,
    };
    find_abilities(ret);
    find_thinking(ret);
    return DGM_OK;
}

/* "deepseek-ai": unlike a model's, a publisher's name has no dots and the like, so no host's is one. */
static bool is_publisher(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' || s.p[i] == ':' || s.p[i] == '@')
            return false;
    return dgm_name_ok(s);
}

bool dgm_model_is_others(struct dgm_str model)
{
    struct dgm_str name = model, publisher;
    return dgm_str_split(&name, '/', &publisher) && without_prefix(model).n == model.n &&
           is_publisher(publisher) && dgm_name_ok(name);
}

bool model_effort(struct dgm_str word, enum effort *ret)
{
    for (size_t i = 0; word.p && i < sizeof efforts / sizeof *efforts; i++) {
        if (!dgm_str_eq_nocase(word, efforts[i].word))
            continue;
        *ret = efforts[i].effort;
        return true;
    }
    return false;
}

bool model_can_rest(const struct thinking *t)
{
    return t->value[EFFORT_NONE][0] == '0';
}
