/* SPDX-License-Identifier: Apache-2.0 */
/* model.c - which models there are. */
#include "emulate/model.h"

#include "base/str.h"
#include "emulate/emulate.h"
#include "emulate/native.h"

enum penalties { NEITHER = 0, VERTEX = NATIVE_VERTEX, BOTH = NATIVE_VERTEX | NATIVE_GEMINI };
enum { MINIMAL = LEVEL_MINIMAL, LOW = LEVEL_LOW, MEDIUM = LEVEL_MEDIUM, HIGH = LEVEL_HIGH };

enum {
    TEXT = MEDIUM_TEXT,
    IMAGE = MEDIUM_IMAGE,
    AUDIO = MEDIUM_AUDIO,
    VIDEO = MEDIUM_VIDEO,
    DOCUMENT = MEDIUM_DOCUMENT,
    ANYTHING = TEXT | IMAGE | AUDIO | VIDEO | DOCUMENT
};

static const struct {
    const char *name, *display_name;
} listed[] = {
#define MODEL(name, display) {name, display},
#include "emulate/models.def"
#undef MODEL
};

static const struct {
    const char *name, *model;
} aliases[] = {
#define ALIAS(name, model) {name, model},
#include "emulate/models.def"
#undef ALIAS
};

static const struct family families[] = {
#define FAMILY(from, to, word, thinks, by_default, can_stop, min, max, levels, input, output,      \
               candidates, penalties, inputs, outputs)                                             \
    {from,   to,    word,   THINKS_##thinks, by_default, can_stop, min,    max,                    \
     levels, input, output, candidates,      penalties,  inputs,   outputs},
#include "emulate/models.def"
#undef FAMILY
};

static const struct {
    unsigned from, to;
    const char *word, *name;
    bool only;
} places[] = {
#define PLACE(from, to, word, name, only) {from, to, word, name, only},
#include "emulate/models.def"
#undef PLACE
};

static const char *const beta[] = {
#define BETA(word) word,
#include "emulate/models.def"
#undef BETA
};

static const struct {
    const char *word;
    bool size;
} words[] = {
#define SIZE(word) {word, true},
#define WORD(word) {word, false},
#include "emulate/models.def"
#undef WORD
#undef SIZE
};

/* "2.5" -> 25, "3" -> 30; 0 for anything else. */
static unsigned read_version(struct dgm_str s)
{
    if (s.n == 0 || s.p[0] < '1' || s.p[0] > '9')
        return 0;
    unsigned ten = (unsigned)(s.p[0] - '0') * 10;
    if (s.n == 1)
        return ten;
    if (s.n != 3 || s.p[1] != '.' || s.p[2] < '0' || s.p[2] > '9')
        return 0;
    return ten + (unsigned)(s.p[2] - '0');
}

static bool is_word(struct dgm_str s, bool size)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].size == size && dgm_str_eq(s, dgm_str_c(words[i].word)))
            return true;
    uint64_t number;
    return !size && s.n >= 2 && s.n <= 4 && dgm_str_u64(s, &number); /* 001, 04-17, 09-2025 */
}

/* Whether `word` stands between the dashes of a name. */
static bool has_word(struct dgm_str name, struct dgm_str word)
{
    struct dgm_str piece;
    while (dgm_str_split(&name, '-', &piece))
        if (dgm_str_eq(piece, word))
            return true;
    return word.n == 0;
}

/* What an alias stands for; any other name is its own. */
static struct dgm_str resolve(struct dgm_str name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (dgm_str_eq(name, dgm_str_c(aliases[i].name)))
            return dgm_str_c(aliases[i].model);
    return name;
}

bool emu_model_find(struct dgm_str name, struct model *ret)
{
    name = resolve(name);
    struct dgm_str prefix = DGM_STR("gemini-"), version, size, word, revision;
    if (!dgm_str_starts(name, prefix))
        return false;
    struct dgm_str at = dgm_str_skip(name, prefix.n), rest;
    dgm_str_split(&at, '@', &rest);
    if (at.p && (!dgm_str_split(&at, '@', &revision) || revision.n == 0 || at.p ||
                 (!is_word(revision, false) && !dgm_str_eq(revision, DGM_STR("default")))))
        return false;

    struct dgm_str tail = rest;
    if (!dgm_str_split(&tail, '-', &version) || !dgm_str_split(&tail, '-', &size) ||
        !is_word(size, true))
        return false;
    while (dgm_str_split(&tail, '-', &word))
        if (!is_word(word, false))
            return false;

    unsigned generation = read_version(version);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct family *f = families + i;
        if (generation < f->from || generation > f->to || !has_word(rest, dgm_str_c(f->word)))
            continue;
        *ret = (struct model){name, generation, f};
        return true;
    }
    return false;
}

bool emu_model_is_on(struct dgm_str name, enum native_surface surface)
{
    for (size_t i = 0; surface == NATIVE_G1 && i < sizeof beta / sizeof *beta; i++)
        if (has_word(name, dgm_str_c(beta[i])))
            return false;
    return true;
}

bool emu_model_is_in(const struct model *m, struct dgm_str location)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (m->generation >= places[i].from && m->generation <= places[i].to &&
            has_word(m->name, dgm_str_c(places[i].word)) &&
            dgm_str_eq(location, dgm_str_c(places[i].name)) != places[i].only)
            return false;
    return true;
}

bool emu_model_at(size_t index, struct emu_model *ret)
{
    struct model m;
    if (index >= sizeof listed / sizeof *listed ||
        !emu_model_find(dgm_str_c(listed[index].name), &m))
        return false;
    *ret = (struct emu_model){
        .name = m.name,
        .display_name = dgm_str_c(listed[index].display_name),
        .input_tokens = m.family->input_tokens,
        .output_tokens = m.family->output_tokens,
        .thinks = m.family->thinks != THINKS_NO,
    };
    return true;
}

bool emu_model_known(struct dgm_str name)
{
    struct model m;
    return emu_model_find(name, &m);
}
