/* SPDX-License-Identifier: Apache-2.0 */
/* respond_tools.c - which functions a model would call now, and with what. */
#include "emulate/respond.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/hash.h"
#include "emulate/schema.h"

#include <assert.h>
#include <string.h>

#define FUNCTIONS_MAX 512
#define RESPOND_TURN_MAX 64 /* results in one turn; then it answers, whatever is left */
#define ARGS_MAX_BYTES (64 << 10)
#define WORDS_MAX 384          /* of the user that are looked at */
#define SLOTS 1024             /* a power of two, over twice as many */
#define DESCRIPTION_BYTES 1024 /* that are looked at */
#define NAME_WEIGHT 4
#define PARAMETERS_MAX 64

/* Words as hashes; 0 is a free place. */
struct words {
    uint32_t slots[SLOTS];
    size_t n;
};

/* One declared function. */
struct function {
    const struct json_val *declared;
    struct dgm_str name;
    unsigned score; /* the words that it shares with the user, weighed */
    bool named;     /* one of them is of its name */
    bool called;    /* in this turn */
    bool final;     /* its name says that it comes last: "final_answer" */
};

/* One look at the request. */
struct choice {
    const struct composer *c;
    struct words words;
    struct function functions[FUNCTIONS_MAX];
    size_t n;
    bool any; /* mode ANY: there must be a call */
};

/* ---- words -------------------------------------------------------------------------------------------- */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Takes the next word off the front: letters; a capital behind a small letter begins another ("getWeather"). */
static bool next_word(struct dgm_str *rest, struct dgm_str *ret)
{
    while (rest->n != 0 && !is_lower(rest->p[0]) && !is_upper(rest->p[0]))
        *rest = dgm_str_skip(*rest, 1);
    size_t n = 0;
    while (n < rest->n && (is_lower(rest->p[n]) || is_upper(rest->p[n])) &&
           !(n != 0 && is_upper(rest->p[n]) && is_lower(rest->p[n - 1])))
        n++;
    *ret = dgm_str_head(*rest, n);
    *rest = dgm_str_skip(*rest, n);
    return n != 0;
}

/* The same for "Cities" and "city", "weather" and "weathers". 0: too short, or in every text. */
static uint32_t hash_word(struct dgm_str word)
{
    static const char *const common[] = {
        "the",  "and",  "for",   "are",   "was",    "what",  "who", "how", "why",
        "you",  "your", "this",  "that",  "with",   "from",  "can", "get", "give",
        "tell", "use",  "any",   "all",   "has",    "have",  "not", "its", "please",
        "when", "will", "would", "could", "should", "which", "like"};
    if (word.n < 3 || word.n > 40)
        return 0;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (dgm_str_eq_nocase(word, dgm_str_c(common[i])))
            return 0;
    size_t n = word.n;
    bool many = n > 3 && (word.p[n - 1] == 's' || word.p[n - 1] == 'S');
    n -= many;
    if (many && n > 3 && word.p[n - 1] == 'e' && word.p[n - 2] == 'i')
        n--; /* "citie" */
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < n; i++) {
        char c = is_upper(word.p[i]) ? (char)(word.p[i] + ('a' - 'A')) : word.p[i];
        if (i + 1 == n && c == 'y')
            c = 'i';
        h = (h ^ (unsigned char)c) * UINT32_C(16777619);
    }
    return h != 0 ? h : 1;
}

static bool has_hash(const struct words *w, uint32_t h)
{
    for (uint32_t i = h % SLOTS; h != 0 && w->slots[i] != 0; i = (i + 1) % SLOTS)
        if (w->slots[i] == h)
            return true;
    return false;
}

static void read_words(struct words *w, struct dgm_str text)
{
    struct dgm_str word;
    while (w->n < WORDS_MAX && next_word(&text, &word)) {
        uint32_t h = hash_word(word), i = h % SLOTS;
        if (h == 0 || has_hash(w, h))
            continue;
        while (w->slots[i] != 0)
            i = (i + 1) % SLOTS;
        w->slots[i] = h;
        w->n++;
    }
}

static unsigned count_shared(const struct words *w, struct dgm_str text)
{
    struct dgm_str word;
    unsigned n = 0;
    while (next_word(&text, &word))
        n += has_hash(w, hash_word(word));
    return n;
}

/* ---- functions ---------------------------------------------------------------------------------------- */

static const struct json_val *parameters_of(const struct json_val *function)
{
    const struct json_val *open = emu_ask_member(function, "parameters");
    return open ? open : emu_ask_member(function, "parametersJsonSchema");
}

static void weigh(const struct choice *h, struct function *f)
{
    struct dgm_str about = json_str(emu_ask_member(f->declared, "description"));
    unsigned named = count_shared(&h->words, f->name);
    f->named = named != 0;
    f->final = dgm_str_starts(f->name, DGM_STR("final"));
    f->score =
        NAME_WEIGHT * named + count_shared(&h->words, dgm_utf8_head(about, DESCRIPTION_BYTES));
    struct json_iter i = json_iter(emu_ask_member(parameters_of(f->declared), "properties"));
    while (json_next(&i) && i.index < PARAMETERS_MAX)
        f->score += count_shared(&h->words, i.name);
}

static bool is_listed(const struct json_val *names, struct dgm_str name)
{
    for (struct ask_list l = emu_ask_list(names); emu_ask_next(&l) && l.index < FUNCTIONS_MAX;)
        if (dgm_str_eq(json_str(l.value), name))
            return true;
    return false;
}

static struct function *find(struct choice *h, struct dgm_str name)
{
    for (size_t i = 0; i < h->n; i++)
        if (dgm_str_eq(h->functions[i].name, name))
            return h->functions + i;
    return NULL;
}

static void read_functions(struct choice *h, const struct json_val *allowed)
{
    const struct json_val *tools = emu_ask_member(h->c->ask->root, "tools");
    for (struct ask_list t = emu_ask_list(tools); emu_ask_next(&t);)
        for (struct ask_list l = emu_ask_list(emu_ask_member(t.value, "functionDeclarations"));
             emu_ask_next(&l) && h->n < FUNCTIONS_MAX;) {
            struct function f = {.declared = l.value,
                                 .name = json_str(emu_ask_member(l.value, "name"))};
            if (f.name.n == 0 || (emu_ask_count(allowed) != 0 && !is_listed(allowed, f.name)) ||
                find(h, f.name))
                continue;
            weigh(h, &f);
            h->functions[h->n++] = f;
        }
}

/* What was called since the turn began, or has a result in it. */
static void read_called(struct choice *h)
{
    for (struct ask_list c = emu_ask_list(h->c->ask->contents); emu_ask_next(&c);) {
        if (c.index < h->c->prompt->opening)
            continue;
        for (struct ask_list l = emu_ask_list(emu_ask_member(c.value, "parts"));
             emu_ask_next(&l);) {
            const struct json_val *call = emu_ask_member(l.value, "functionCall");
            const struct json_val *made = call ? call : emu_ask_member(l.value, "functionResponse");
            struct function *f = made ? find(h, json_str(emu_ask_member(made, "name"))) : NULL;
            if (f)
                f->called = true;
        }
    }
}

/* ---- what the user wants ------------------------------------------------------------------------------ */

/* Nothing but courtesies: nothing to call a function for. */
static bool is_courtesy(struct dgm_str text)
{
    static const char *const courtesies[] = {
        "hello", "hi",     "hey",   "there", "good",  "morning", "afternoon", "evening",
        "night", "thanks", "thank", "you",   "very",  "much",    "so",        "how",
        "are",   "today",  "doing", "is",    "it",    "going",   "bye",       "goodbye",
        "ok",    "okay",   "nice",  "to",    "meet",  "welcome", "cheers",    "greetings",
        "what",  "up",     "yes",   "no",    "great", "and",     "s",         "everyone"};
    struct dgm_str word;
    while (next_word(&text, &word)) {
        bool found = false;
        for (size_t i = 0; i < sizeof courtesies / sizeof *courtesies && !found; i++)
            found = dgm_str_eq_nocase(word, dgm_str_c(courtesies[i]));
        if (!found)
            return false;
    }
    return true;
}

static bool wants_all_at_once(const struct choice *h)
{
    static const char *const words[] = {"parallel", "both", "at once", "simultaneously",
                                        "at the same time"};
    if (h->c->responder->id == RESPONDER_TOOLS && h->c->responder->parallel)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (emu_facts_mention(&h->c->facts, dgm_str_c(words[i])))
            return true;
    return false;
}

static bool wants_several(const struct choice *h)
{
    size_t named = 0;
    for (size_t i = 0; i < h->n; i++)
        named += h->functions[i].named;
    return h->c->facts.nplaces > 1 ||
           (named > 1 && (emu_facts_mention(&h->c->facts, DGM_STR("and")) ||
                          emu_facts_mention(&h->c->facts, DGM_STR("also"))));
}

static bool is_better(const struct function *f, const struct function *than)
{
    return !than || (f->final != than->final ? than->final : f->score > than->score);
}

/* The best that was not called yet; with `again` the best of all. NULL: none is left. */
static struct function *find_best(struct choice *h, bool again)
{
    struct function *best = NULL;
    for (size_t i = 0; i < h->n; i++) {
        struct function *f = h->functions + i;
        if ((again || !f->called) && is_better(f, best))
            best = f;
    }
    return best;
}

/* Whether there is something to do with functions at all. */
static bool begins(const struct choice *h)
{
    const struct prompt *p = h->c->prompt;
    if (h->n == 0 || p->answered)
        return false;
    if (h->any || h->c->responder->id == RESPONDER_TOOLS)
        return true;
    for (size_t i = 0; i < h->n; i++)
        if (h->functions[i].score != 0)
            return true;
    return !is_courtesy(p->text);
}

/* ---- calls -------------------------------------------------------------------------------------------- */

static bool takes_place(const struct function *f)
{
    static const char *const names[] = {"location", "city", "place", "where", "town"};
    const struct json_val *properties = emu_ask_member(parameters_of(f->declared), "properties");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_get(properties, dgm_str_c(names[i])))
            return true;
    return false;
}

static enum dgm_rc put_call(const struct composer *c, const struct function *f, size_t place,
                            uint64_t wording, struct respond_call *ret)
{
    struct dgm_buf args;
    struct facts facts = c->facts;
    if (place < facts.nplaces)
        facts.place = facts.places[place];
    dgm_buf_init(&args, dgm_arena_alloc(c->arena), ARGS_MAX_BYTES);
    struct json_writer w = json_writer(&args);
    emu_schema_put_instance(&w, parameters_of(f->declared), &facts, wording);
    if (args.rc == DGM_E_NOMEM)
        return args.rc;
    bool object = args.rc == DGM_OK && args.n != 0 && args.p[0] == '{';
    *ret = (struct respond_call){f->name, object ? dgm_buf_str(&args) : DGM_STR("{}")};
    return DGM_OK;
}

static enum dgm_rc put_calls(struct choice *h, uint64_t wording,
                             struct respond_call ret[RESPOND_CALLS_MAX], size_t *ret_n)
{
    bool at_once = wants_all_at_once(h), several = at_once || wants_several(h);
    enum dgm_rc rc = DGM_OK;
    size_t n = 0;
    for (struct function *f = find_best(h, false); f && n < RESPOND_CALLS_MAX && rc == DGM_OK;
         f = several ? find_best(h, false) : NULL) {
        if (n != 0 &&
            (f->final || (f->score == 0 && !at_once))) /* the others fit, this one does not */
            break;
        size_t times =
            several && h->c->facts.nplaces > 1 && takes_place(f) ? h->c->facts.nplaces : 1;
        for (size_t i = 0; i < times && n < RESPOND_CALLS_MAX && rc == DGM_OK; i++)
            rc = put_call(h->c, f, i, wording, ret + n++);
        f->called = true;
    }
    if (rc == DGM_OK && n == 0 && h->any)
        rc = put_call(h->c, find_best(h, true), 0, wording, ret + n++);
    *ret_n = n;
    return rc;
}

static size_t script_calls(const struct scenario_answer *script,
                           struct respond_call ret[RESPOND_CALLS_MAX])
{
    static_assert(SCENARIO_CALLS_MAX <= RESPOND_CALLS_MAX, "a script's calls fit a step");
    for (size_t i = 0; i < script->ncalls; i++)
        ret[i] = (struct respond_call){script->calls[i].name, script->calls[i].args};
    return script->ncalls;
}

enum dgm_rc emu_respond_calls(const struct composer *c, uint64_t wording,
                              struct respond_call ret[RESPOND_CALLS_MAX], size_t *ret_n)
{
    if (c->responder->script) {
        *ret_n = script_calls(c->responder->script, ret);
        return DGM_OK;
    }
    const struct json_val *config =
        emu_ask_member(emu_ask_member(c->ask->root, "toolConfig"), "functionCallingConfig");
    struct dgm_str mode = json_str(emu_ask_member(config, "mode"));
    bool any = dgm_str_eq_nocase(mode, DGM_STR("ANY"));
    bool restricted = any || dgm_str_eq_nocase(mode, DGM_STR("VALIDATED"));
    *ret_n = 0;
    if (c->prompt->nfunctions == 0 || dgm_str_eq_nocase(mode, DGM_STR("NONE")) ||
        c->responder->says != SAYS_USUAL || (!any && c->prompt->nresults >= RESPOND_TURN_MAX))
        return DGM_OK;

    struct choice *h = dgm_arena_take0(c->arena, sizeof *h);
    if (!h)
        return DGM_E_NOMEM;
    h->c = c;
    h->any = any;
    read_words(&h->words, c->facts.prompt);
    read_functions(h, restricted ? emu_ask_member(config, "allowedFunctionNames") : NULL);
    read_called(h);
    return begins(h) ? put_calls(h, wording, ret, ret_n) : DGM_OK;
}
