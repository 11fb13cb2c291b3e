/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - the table of rules.def applied. The checks stand in rules_*.c. */
#include "emulate/rules.h"

#include "base/str.h"
#include "base/utf8.h"

#include <string.h>

#define WARN RULE_WARNS

static const struct rule rules[] = {
#define RULE(id, certainty, status, models, source, ...)                                           \
    {#id, CERTAINTY_##certainty, status, models, source, __VA_ARGS__, emu_rule_##id},
#include "emulate/rules.def"
#undef RULE
};

#define RULES (sizeof rules / sizeof *rules)

/* Which rows a section has. A section's row is counted, and the next row gets its number again. */
/* NOLINTNEXTLINE(cert-int09-c): that is what the values are for */
enum {
#define RULE(id, ...) ROW_##id,
#define SECTION(id, holds) FIRST_##id, BEFORE_##id = FIRST_##id - 1,
#include "emulate/rules.def"
#undef RULE
};

static const struct section {
    size_t first;
    unsigned holds; /* what it is about */
} sections[] = {
#define RULE(...)
#define SECTION(id, holds) {FIRST_##id, holds},
#include "emulate/rules.def"
#undef RULE
};

#define SECTIONS (sizeof sections / sizeof *sections)
#define TEXT_MAX_BYTES ((size_t)256 << 10)
#define LINES_MAX_BYTES ((size_t)16 << 10) /* of a list; a body can break a rule a million times */
#define WARNINGS_MAX_BYTES ((size_t)2 << 10) /* a header's */
#define SHOWN_BYTES 100

const struct rule *emu_rules_at(size_t index)
{
    return index < RULES ? rules + index : NULL;
}

/* ---- telling ------------------------------------------------------------------------------------------ */

static const char *text_of(const struct rules *r)
{
    return emu_ask_is_vertex(r->ask) ? r->row->vertex : r->row->gemini;
}

static bool is_line(const char *text)
{
    return strncmp(text, "* ", 2) == 0;
}

static bool is_new(const struct rules *r)
{
    const struct findings *f = r->_findings;
    size_t n = f->nbroken < RULES_BROKEN_MAX ? f->nbroken : RULES_BROKEN_MAX;
    return n == 0 || f->broken[n - 1] != r->row;
}

static void put_text(struct dgm_buf *out, const char *text, const struct dgm_str *holes)
{
    struct dgm_str rest = dgm_str_c(text), before;
    while (dgm_str_split(&rest, '{', &before)) {
        dgm_buf_put(out, before);
        if (!rest.p)
            break;
        size_t hole = (size_t)(rest.p[0] - '0');
        if (hole < RULE_HOLES)
            dgm_buf_put(out, holes[hole]);
        rest = dgm_str_skip(rest, 2); /* the digit and the brace behind it */
    }
}

/* A header's value is printable ASCII; what a client sent may be anything. */
static void warn(struct rules *r, const char *text, const struct dgm_str *holes)
{
    struct dgm_buf *out = &r->_warnings;
    size_t start = out->n;
    if (out->n > WARNINGS_MAX_BYTES / 2)
        return;
    if (out->n != 0)
        dgm_buf_put_lit(out, "; ");
    dgm_buf_put(out, dgm_str_c(r->row->id));
    dgm_buf_put_lit(out, ": ");
    put_text(out, text, holes);
    for (size_t i = start; i < out->n; i++)
        if (out->p[i] < ' ' || out->p[i] > '~')
            out->p[i] = '?';
}

bool emu_rules_listens(const struct rules *r)
{
    return (is_new(r) || is_line(text_of(r))) && r->_message.n <= LINES_MAX_BYTES;
}

void emu_rules_tell(struct rules *r, const struct dgm_str holes[RULE_HOLES])
{
    const char *text = text_of(r);
    bool first = is_new(r);
    if (!emu_rules_listens(r))
        return;
    if (first && r->_findings->nbroken < RULES_BROKEN_MAX)
        r->_findings->broken[r->_findings->nbroken] = r->row;
    r->_findings->nbroken += first;
    if (r->row->status == RULE_WARNS)
        warn(r, text, holes);
    else
        put_text(&r->_message, text, holes);
}

struct dgm_str emu_rules_number(struct rules *r, uint64_t n)
{
    char *end = r->_numbers[r->_number++ % RULE_HOLES] + sizeof *r->_numbers, *at = end;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return (struct dgm_str){at, (size_t)(end - at)};
}

struct dgm_str emu_rules_shown(struct dgm_str s)
{
    return dgm_utf8_head(s, SHOWN_BYTES);
}

/* ---- walking ------------------------------------------------------------------------------------------ */

struct part_walk emu_rules_walk(const struct ask *ask)
{
    return (struct part_walk){._contents = emu_ask_list(ask->contents)};
}

struct part_walk emu_rules_parts(const struct rules *r, unsigned holds)
{
    return r->_holds & holds ? emu_rules_walk(r->ask) : (struct part_walk){0};
}

bool emu_rules_next_part(struct part_walk *w)
{
    while (!emu_ask_next(&w->_parts)) {
        if (!emu_ask_next(&w->_contents))
            return false;
        w->content = w->_contents.value;
        w->content_index = w->_contents.index;
        w->_parts = emu_ask_list(emu_ask_member(w->content, "parts"));
    }
    w->part = w->_parts.value;
    w->part_index = w->_parts.index;
    return true;
}

struct function_walk emu_rules_functions(const struct ask *ask)
{
    return (struct function_walk){._tools = emu_ask_list(ask->tools)};
}

bool emu_rules_next_function(struct function_walk *w)
{
    while (!emu_ask_next(&w->_functions)) {
        if (!emu_ask_next(&w->_tools))
            return false;
        w->tool_index = w->_tools.index;
        w->_functions = emu_ask_list(emu_ask_member(w->_tools.value, "functionDeclarations"));
    }
    w->function = w->_functions.value;
    w->function_index = w->_functions.index;
    return true;
}

bool emu_rules_one_of(struct dgm_str s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (dgm_str_eq(s, dgm_str_c(names[i])))
            return true;
    return false;
}

/* ---- the table ---------------------------------------------------------------------------------------- */

/* Lines are told together; any other text stands alone, and only when there is no line. */
static bool is_asked(const struct rules *r, bool warnings, bool lines)
{
    unsigned generation = r->ask->model.generation;
    if ((r->row->status == RULE_WARNS) != warnings || generation < r->row->from ||
        generation > r->row->to)
        return false;
    const char *text = text_of(r);
    return text && (!lines || is_line(text));
}

/* The rows from `first` on, to `end`. False: it is refused by a rule that is no line. */
static bool apply_rows(struct rules *r, size_t first, size_t end, bool warnings, bool *lines)
{
    for (r->row = rules + first; r->row < rules + end; r->row++) {
        if (!is_asked(r, warnings, *lines))
            continue;
        r->row->check(r);
        if (!warnings && r->_findings->nbroken != 0) {
            *lines = true;
            if (!is_line(text_of(r)))
                return false;
        }
    }
    return true;
}

static void apply(struct rules *r, bool warnings, bool lines)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t end = i + 1 < SECTIONS ? sections[i + 1].first : RULES;
        if (r->_holds & sections[i].holds &&
            !apply_rows(r, sections[i].first, end, warnings, &lines))
            return;
    }
}

static enum dgm_rc conclude(struct rules *r)
{
    struct findings *f = r->_findings;
    if (r->nomem || r->_message.rc == DGM_E_NOMEM || r->_warnings.rc == DGM_E_NOMEM)
        return DGM_E_NOMEM;
    f->warnings = dgm_arena_copy(r->arena, dgm_buf_str(&r->_warnings));
    if (r->_warnings.n != 0 && !f->warnings.p)
        return DGM_E_NOMEM;
    if (r->_message.n == 0)
        return DGM_OK;
    f->refusal = (struct refusal){.status = f->broken[0]->status,
                                  .message = dgm_arena_copy(r->arena, dgm_buf_str(&r->_message))};
    return f->refusal.message.p ? DGM_E_REFUSED : DGM_E_NOMEM;
}

/* One run over all of them, or the lines alone. */
static enum dgm_rc check(const struct ask *ask, uint64_t prompt_tokens, bool lines,
                         struct dgm_arena *arena, struct findings *ret)
{
    struct rules r = {.ask = ask,
                      .prompt_tokens = prompt_tokens,
                      .arena = arena,
                      ._findings = ret,
                      ._holds = emu_rules_holds(ask)};
    *ret = (struct findings){0};
    dgm_buf_init(&r._message, dgm_arena_source(arena), TEXT_MAX_BYTES);
    dgm_buf_init(&r._warnings, dgm_arena_source(arena), WARNINGS_MAX_BYTES);
    apply(&r, false, lines);
    if (r._message.n == 0 && !lines)
        apply(&r, true, false);
    enum dgm_rc rc = conclude(&r);
    dgm_buf_dispose(&r._message);
    dgm_buf_dispose(&r._warnings);
    return rc;
}

enum dgm_rc emu_rules_check(const struct ask *ask, uint64_t prompt_tokens, struct dgm_arena *arena,
                            struct findings *ret)
{
    return check(ask, prompt_tokens, false, arena, ret);
}

enum dgm_rc emu_rules_check_lines(const struct ask *ask, struct dgm_arena *arena,
                                  struct findings *ret)
{
    return check(ask, 0, true, arena, ret);
}
