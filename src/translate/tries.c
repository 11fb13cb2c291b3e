/* SPDX-License-Identifier: Apache-2.0 */
/* tries.c - what a request is sent otherwise in: what an upstream's message calls for, and what is remembered of it. */
#include "translate/tries.h"

#include "base/digest.h"
#include "base/str.h"
#include "translate/google.h"
#include "translate/relay.h"

enum sort { NATIVE, RELAYED };
enum of { MODEL, SCHEMAS };
enum does { LEAVE, KEEP, MAKE };
enum at { OUTSIDE, ANYWHERE };

static const struct row {
    struct dgm_str name, told;
    enum sort sort;
    enum of of;
    enum does does;
} rows[] = {
#define TRY(id, sort, of, does, told, about)                                                       \
    [DGM_TRY_##id] = {{#id, sizeof #id - 1}, {told, sizeof told - 1}, sort, of, does},
#include "translate/tries.def"
#undef TRY
};

static const struct {
    enum dgm_try_id id;
    struct dgm_str native;
} members[] = {
#define MEMBER(id, native) {DGM_TRY_##id, {native, sizeof native - 1}},
#include "translate/tries.def"
#undef MEMBER
};

static const struct tell {
    enum dgm_try_id id;
    enum at at;
    struct dgm_str words, more;
} tells[] = {
#define TELL(id, at, words, more, source)                                                          \
    {DGM_TRY_##id, at, {words, sizeof words - 1}, {more, sizeof more - 1}},
#include "translate/tries.def"
#undef TELL
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static_assert(COUNT(rows) == DGM_TRIES && DGM_TRIES <= 32, "dragoman.h has a name for each row");

#define EXCLUSIVE DGM_STR(" (exclusive)")

/* ---- rows ---- */

bool dgm_try_is_of_schemas(enum dgm_try_id id)
{
    return rows[id].of == SCHEMAS;
}

bool dgm_try_is_relayed(enum dgm_try_id id)
{
    return rows[id].sort == RELAYED;
}

struct dgm_str dgm_try_name(enum dgm_try_id id)
{
    return rows[id].name;
}

/* ---- what a request is made by ---- */

static struct tries *tries_of(struct dgm_request *r)
{
    if (!r->tries)
        r->tries = dgm_arena_take0(&r->arena, sizeof *r->tries);
    if (!r->tries)
        chat_no_memory(r);
    return r->tries;
}

/* A strict request is refused rather than changed; how its messages are cut is no change. */
static bool takes(const struct dgm_request *r, enum dgm_try_id id)
{
    return (rows[id].sort == RELAYED) == (r->relay != NULL) && (r->relay || !r->env.strict);
}

bool dgm_request_learn(struct dgm_request *r, const struct dgm_try *try)
{
    if (!takes(r, try->id))
        return true;
    struct tries *t = tries_of(r);
    if (!t)
        return false;
    t->set |= UINT32_C(1) << try->id;
    t->at[try->id] = *try;
    return true;
}

uint32_t dgm_request_tries(const struct dgm_request *r, const struct dgm_try **ret)
{
    if (ret)
        *ret = r->tries ? r->tries->at : NULL;
    return r->tries ? r->tries->set : 0;
}

enum dgm_rc dgm_request_adapt(struct dgm_request *r, const struct dgm_try *try,
                              struct dgm_fail *reterr)
{
    assert(r->complete && r->rc == DGM_OK);
    if (!dgm_request_learn(r, try)) {
        chat_report(r, reterr);
        return r->rc;
    }
    struct tries *t = r->tries;
    if (t && t->wants && t->wanted.id == try->id) {
        t->made = t->set & UINT32_C(1) << try->id;
        t->made_for = t->wanted_for;
    }
    return r->relay ? relay_rebuild(r, reterr) : chat_rebuild(r, reterr);
}

/* ---- schemas, told apart ---- */

static void add_number(struct dgm_digest *d, uint64_t n)
{
    char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(n >> 8 * i & 0xff);
    dgm_digest_add(d, (struct dgm_str){bytes, sizeof bytes});
}

static void add_text(struct dgm_digest *d, struct dgm_str s)
{
    add_number(d, s.n);
    dgm_digest_add(d, s);
}

/* Kinds, lengths and sizes are included, so that no two values are the same bytes. NULL is one too. */
static void add_value(struct dgm_digest *d, const struct json_val *v)
{
    struct json_iter it = json_iter(v);
    add_number(d, (uint64_t)json_kind(v) << 1 | json_bool(v, false));
    add_text(d, json_kind(v) == JSON_STR ? json_str(v) : json_num(v));
    add_number(d, json_size(v));
    while (json_next(&it)) {
        add_text(d, it.name);
        add_value(d, it.value);
    }
}

/* All tenants' lessons stand side by side: nobody may write a schema that has another's number. */
uint64_t dgm_request_schemas(const struct dgm_request *r)
{
    struct google_place place;
    if (r->relay)
        return 0;
    const struct json_val *values[] = {
        r->field[CHAT_TOOLS],
        r->field[CHAT_FUNCTIONS],
        r->field[CHAT_RESPONSE_FORMAT],
        r->google[GOOGLE_TOOLS],
        google_config(r, DGM_STR("responseSchema"), &place),
        google_config(r, DGM_STR("responseJsonSchema"), &place),
    };
    struct dgm_digest d;
    bool any = false;
    dgm_digest_init(&d);
    for (size_t i = 0; i < COUNT(values); i++) {
        any = any || values[i];
        add_number(&d, i);
        add_value(&d, values[i]);
    }
    return any ? dgm_digest_end_number(&d) | 1 : 0;
}

/* ---- what is put ---- */

/* The number in thousandths, as JSON. */
static const struct json_val *number(struct dgm_request *r, int64_t thousandths)
{
    char text[40];
    struct dgm_buf digits = {.p = text, .cap = sizeof text, .max = sizeof text};
    int64_t whole = thousandths / 1000, rest = thousandths % 1000;
    if (thousandths < 0)
        dgm_buf_put_char(&digits, '-');
    dgm_buf_put_int(&digits, whole < 0 ? -whole : whole);
    rest = rest < 0 ? -rest : rest;
    for (int64_t left = rest, unit = 100; left != 0; left %= unit, unit /= 10) {
        if (unit == 100)
            dgm_buf_put_char(&digits, '.');
        dgm_buf_put_char(&digits, (char)('0' + left / unit));
    }
    return chat_parse(r, dgm_buf_str(&digits));
}

/* A budget below 0 is no number of tokens. */
static const struct json_val *keep(struct dgm_request *r, enum dgm_try_id id,
                                   struct dgm_str said_as, const struct json_val *v)
{
    const struct dgm_try *try = &r->tries->at[id];
    double d;
    if (!json_double(v, &d) || (id == DGM_TRY_BUDGET && d < 0))
        return v;
    d *= 1000;
    if (d >= (double)try->least && d <= (double)try->most)
        return v;
    chat_warn(r, said_as, rows[id].told);
    const struct json_val *bound = number(r, d < (double)try->least ? try->least : try->most);
    return bound ? bound : v;
}

const struct json_val *tries_value(struct dgm_request *r, struct dgm_str name,
                                   struct dgm_str said_as, const struct json_val *v)
{
    if (!r->tries || r->tries->set == 0)
        return v;
    for (size_t i = 0; v && i < COUNT(members); i++) {
        enum dgm_try_id id = members[i].id;
        if (!tries_has(r, id) || !google_is_name(members[i].native, name))
            continue;
        if (rows[id].does == KEEP) {
            v = keep(r, id, said_as, v);
            continue;
        }
        chat_ignore_softly(r, CHAT_MEMBER(NULL, said_as));
        chat_warn(r, said_as, rows[id].told);
        v = NULL;
    }
    return v;
}

void tries_warn(struct dgm_request *r, enum dgm_try_id id, struct dgm_str member)
{
    chat_warn(r, member, rows[id].told);
}

uint32_t tries_output(const struct dgm_request *r)
{
    if (!tries_has(r, DGM_TRY_MAX_TOKENS))
        return r->model.output;
    int64_t most = r->tries->at[DGM_TRY_MAX_TOKENS].most / 1000;
    return most < (int64_t)r->model.output ? (uint32_t)most : r->model.output;
}

/* ---- what a message calls for ---- */

static bool is_letter_of(char c, char lower)
{
    return c == lower || (lower >= 'a' && lower <= 'z' && c == lower - 'a' + 'A');
}

#define NOWHERE SIZE_MAX

static const struct marks {
    char open, close;
} marks[] = {{'"', '"'}, {'`', '`'}, {'\'', '\''}, {'[', ']'}, {'{', '}'}};

/* A message, and what lies between the first and the last mark of each sort. Nobody writes himself out of that. */
struct heard {
    struct dgm_str message;
    struct {
        size_t first, last;
    } inside[COUNT(marks)];
};

/* Of a word, as people write one: an apostrophe beside it may be no quote. */
static bool is_of_word(struct dgm_str s, size_t at)
{
    char c = at < s.n ? s.p[at] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static struct heard hear(struct dgm_str message)
{
    struct heard h = {.message = message};
    for (size_t k = 0; k < COUNT(marks); k++) {
        bool apostrophe = marks[k].open == '\'';
        h.inside[k].first = NOWHERE;
        for (size_t i = 0; i < message.n; i++) {
            if (message.p[i] == marks[k].open && h.inside[k].first == NOWHERE &&
                !(apostrophe && i != 0 && is_of_word(message, i - 1)))
                h.inside[k].first = i;
            else if (message.p[i] == marks[k].close && !(apostrophe && is_of_word(message, i + 1)))
                h.inside[k].last = i;
        }
    }
    return h;
}

static bool is_outside(const struct heard *h, size_t at)
{
    for (size_t k = 0; k < COUNT(marks); k++)
        if (at > h->inside[k].first && at < h->inside[k].last)
            return false;
    return true;
}

/* Where a text ends that stands in a message from a byte on, letter case aside; NOWHERE: there is none. */
static size_t behind(const struct heard *h, size_t from, struct dgm_str words, enum at at)
{
    for (size_t i = from; i + words.n <= h->message.n; i++) {
        size_t k = 0;
        while (k < words.n && is_letter_of(h->message.p[i + k], words.p[k]))
            k++;
        if (k == words.n && (at == ANYWHERE || is_outside(h, i)))
            return i + k;
    }
    return NOWHERE;
}

/* The next number of a text, in thousandths, and what stands behind it. */
static bool next_number(struct dgm_str *text, double *ret)
{
    size_t at = 0, n = 0;
    while (at < text->n && (text->p[at] < '0' || text->p[at] > '9'))
        at++;
    bool negative = at != 0 && text->p[at - 1] == '-';
    struct dgm_str rest = dgm_str_skip(*text, at);
    while (n < rest.n &&
           ((rest.p[n] >= '0' && rest.p[n] <= '9') ||
            (rest.p[n] == '.' && n + 1 < rest.n && rest.p[n + 1] >= '0' && rest.p[n + 1] <= '9')))
        n++;
    double d;
    if (n == 0 || n > 24 || !dgm_str_double(dgm_str_head(rest, n), &d) || d > 1e12)
        return false;
    *ret = negative ? -d * 1000 : d * 1000;
    *text = dgm_str_skip(rest, n);
    return true;
}

static bool is_whole(enum dgm_try_id id)
{
    return id != DGM_TRY_TEMPERATURE && id != DGM_TRY_TOP_P;
}

/* The least integer that is not less, where thousandths of thousandths are noise. */
static int64_t up(double d)
{
    int64_t i = (int64_t)(d - 1e-3);
    return (double)i < d - 1e-3 ? i + 1 : i;
}

/* The bounds that a message names behind its words. Less than a token is none. */
static bool read_bounds(struct dgm_str text, struct dgm_try *try)
{
    double least, most;
    if (!next_number(&text, &least) || !next_number(&text, &most))
        return false;
    try->least = up(least);
    try->most = -up(-most);
    if (dgm_str_starts(text, EXCLUSIVE))
        try->most = up(most) - (is_whole(try->id) ? 1000 : 1);
    return try->least <= try->most && !(try->id == DGM_TRY_MAX_TOKENS && try->most < 1000);
}

/* Whether the head of the body as it was sent has a member, of generationConfig where `config` says so. */
static bool was_sent(const struct dgm_request *r, struct dgm_str name, bool config)
{
    char text[64];
    struct dgm_buf quoted = {.p = text, .cap = sizeof text, .max = sizeof text};
    struct dgm_str head = dgm_str_head(dgm_buf_str(&r->body), r->head.body_n);
    dgm_buf_put_char(&quoted, '"');
    dgm_buf_put(&quoted, name);
    dgm_buf_put_lit(&quoted, "\":");
    if (config)
        head = dgm_str_skip(head, dgm_str_find(head, DGM_STR("\"generationConfig\":")));
    return dgm_str_find(head, dgm_buf_str(&quoted)) < head.n;
}

static bool sent_schemas(const struct dgm_request *r)
{
    static const struct dgm_str names[] = {DGM_STR("parameters"), DGM_STR("parametersJsonSchema"),
                                           DGM_STR("responseSchema"),
                                           DGM_STR("responseJsonSchema")};
    for (size_t i = 0; i < COUNT(names); i++)
        if (was_sent(r, names[i], false))
            return true;
    return false;
}

/* Whether a try that was not made yet would change anything. */
static bool helps(const struct dgm_request *r, enum dgm_try_id id)
{
    if (!takes(r, id) || tries_has(r, id) || (r->tries && r->tries->vain >> id & 1))
        return false;
    if (rows[id].sort == RELAYED)
        return relay_try_helps(r, id);
    if (rows[id].of == SCHEMAS)
        return sent_schemas(r);
    for (size_t i = 0; i < COUNT(members); i++)
        if (members[i].id == id && was_sent(r, members[i].native, true))
            return true;
    return false;
}

static bool fits(const struct tell *tell, const struct heard *h, struct dgm_try *ret)
{
    size_t end = behind(h, 0, tell->words, tell->at);
    *ret = (struct dgm_try){.id = tell->id};
    if (end != NOWHERE)
        end = behind(h, end, tell->more, tell->at);
    return end != NOWHERE &&
           (rows[tell->id].does != KEEP || read_bounds(dgm_str_skip(h->message, end), ret));
}

static void want(struct dgm_request *r, const struct dgm_try *try, uint64_t message)
{
    struct tries *t = tries_of(r);
    if (!t)
        return;
    t->wants = true;
    t->wanted = *try;
    t->wanted_for = message;
}

/* The last try has an answer, by which it did not help: the request is as it was, and nobody learns of it. */
static void take_back(struct tries *t, uint64_t message)
{
    if (t->made_for == message) {
        t->set &= ~t->made;
        t->vain |= t->made;
    }
    t->made = 0;
}

void tries_forget(struct dgm_request *r)
{
    if (r->tries)
        r->tries->wants = false;
}

static uint64_t digest_of(struct dgm_str s)
{
    struct dgm_digest d;
    dgm_digest_init(&d);
    dgm_digest_add(&d, s);
    return dgm_digest_end_number(&d);
}

void tries_note(struct dgm_request *r, struct dgm_str message, bool of_schemas)
{
    const struct heard h = hear(message);
    const uint64_t digest = digest_of(message);
    struct dgm_try try;
    if (r->tries)
        take_back(r->tries, digest);
    for (size_t i = 0; i < COUNT(tells); i++)
        if (fits(&tells[i], &h, &try) && helps(r, try.id)) {
            want(r, &try, digest);
            return;
        }
    for (enum dgm_try_id id = 0; of_schemas && id < DGM_TRIES; id++)
        if (rows[id].of == SCHEMAS && helps(r, id)) {
            want(r, &(struct dgm_try){.id = id}, digest);
            return;
        }
}

bool dgm_request_try(const struct dgm_request *r, struct dgm_try *ret)
{
    if (!r->tries || !r->tries->wants)
        return false;
    *ret = r->tries->wanted;
    return true;
}
