/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose.c - what the emulator says.
 *
 * A prompt of Google's samples gets its answer from answers.def; any other one a text that shows what was
 * understood. Either ends in MARKER. In JSON mode there is no room for it: without a schema the object has a
 * member "emulated", with one it is an instance of it (schema.h). `seed` and the candidate's number choose
 * the wording. The text is cut before the first stop sequence, and where maxOutputTokens ends, thinking
 * included: a model that thinks may have nothing left to say, as on Google.
 */
#include "emulate/plan.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/base64.h"
#include "emulate/hash.h"
#include "emulate/schema.h"
#include "emulate/signature.h"
#include "emulate/tokens.h"

#define MARKER "(An emulated answer: no model was asked.)"
#define QUOTED_BYTES 200 /* of a prompt */
#define JSON_MAX_BYTES ((size_t)1 << 20)

static const struct {
    const char *prompt, *wordings[2];
} answers[] = {
#define ANSWER(prompt, first, second) {prompt, {first, second}},
#include "emulate/answers.def"
#undef ANSWER
};

static const char *const openings[] = {
#define OPENING(text) text,
#include "emulate/answers.def"
#undef OPENING
};

#define OPENINGS (sizeof openings / sizeof *openings)

struct composer {
    const struct ask *ask;
    const struct prompt *prompt;
    struct dgm_arena *arena;
    uint64_t seed;            /* 0 when none was sent */
    uint64_t thoughts_tokens; /* of one candidate */
    int64_t max_tokens;       /* of one candidate, thinking included */
};

/* ---- text --------------------------------------------------------------------------------------------- */

/* "Why is the sky blue?" -> "why is the sky blue" */
static void put_normal(struct dgm_buf *out, struct dgm_str s)
{
    bool gap = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain && gap && out->n != 0)
            dgm_buf_put_char(out, ' ');
        if (plain)
            dgm_buf_put_char(out, c);
        gap = !plain;
    }
}

static void put_known(struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    struct dgm_buf normal;
    if (c->prompt->text.n > QUOTED_BYTES || c->prompt->nmedia != 0)
        return;
    dgm_buf_init(&normal, dgm_arena_alloc(c->arena), 2 * QUOTED_BYTES);
    put_normal(&normal, c->prompt->text);
    for (size_t i = 0; i < sizeof answers / sizeof *answers && normal.n != 0; i++)
        if (dgm_str_eq(dgm_buf_str(&normal), dgm_str_c(answers[i].prompt)))
            dgm_buf_put(out, dgm_str_c(answers[i].wordings[wording / OPENINGS % 2]));
    if (normal.rc == DGM_E_NOMEM)
        out->rc = DGM_E_NOMEM;
}

static void put_quoted(struct dgm_buf *out, struct dgm_str s)
{
    dgm_buf_put_char(out, '"');
    dgm_buf_put(out, dgm_utf8_head(s, QUOTED_BYTES));
    dgm_buf_put(out, s.n > QUOTED_BYTES ? DGM_STR("...\"") : DGM_STR("\""));
}

static void put_media(struct dgm_buf *out, const struct prompt_media *m)
{
    dgm_buf_put_lit(out, "\n- ");
    dgm_buf_put(out, m->mime_type.n != 0 ? dgm_utf8_head(m->mime_type, QUOTED_BYTES)
                                         : DGM_STR("a file of no type"));
    if (m->uri.p) {
        dgm_buf_put_lit(out, " at ");
        dgm_buf_put(out, dgm_utf8_head(m->uri, QUOTED_BYTES));
    } else {
        dgm_buf_put_lit(out, " of ");
        dgm_buf_put_int(out, (int64_t)m->bytes);
        dgm_buf_put_lit(out, " bytes");
    }
}

/* A text for a prompt nobody wrote an answer to. */
static void put_understood(struct composer *c, struct dgm_buf *out)
{
    const struct prompt *p = c->prompt;
    if (p->result_name.n != 0) {
        struct dgm_buf json;
        dgm_buf_init(&json, dgm_arena_source(c->arena), JSON_MAX_BYTES);
        struct json_writer w = json_writer(&json);
        json_put_val(&w, p->result);
        dgm_buf_put_lit(out, "The function ");
        dgm_buf_put(out, dgm_utf8_head(p->result_name, QUOTED_BYTES));
        dgm_buf_put_lit(out, " returned ");
        dgm_buf_put(out, dgm_utf8_head(dgm_buf_str(&json), QUOTED_BYTES));
        dgm_buf_put_lit(out, ".\n\n");
        if (json.rc == DGM_E_NOMEM)
            out->rc = DGM_E_NOMEM;
        dgm_buf_dispose(&json);
    }
    if (p->text.n != 0) {
        dgm_buf_put_lit(out, "You said: ");
        put_quoted(out, p->text);
        dgm_buf_put_lit(out, "\n\n");
    }
    dgm_buf_put_lit(out, "This request has ");
    dgm_buf_put_int(out, (int64_t)p->nturns);
    dgm_buf_put(out, p->nturns == 1 ? DGM_STR(" turn") : DGM_STR(" turns"));
    if (p->nfunctions != 0) {
        dgm_buf_put_lit(out, ", declares ");
        dgm_buf_put_int(out, (int64_t)p->nfunctions);
        dgm_buf_put(out, p->nfunctions == 1 ? DGM_STR(" function") : DGM_STR(" functions"));
    }
    if (p->system.n != 0) {
        dgm_buf_put_lit(out, " and the system instruction ");
        put_quoted(out, p->system);
    }
    dgm_buf_put_lit(out, ".");
    if (p->nmedia != 0)
        dgm_buf_put_lit(out, " With it came:");
    for (size_t i = 0; i < p->nmedia && i < PROMPT_MEDIA_MAX; i++)
        put_media(out, p->media + i);
    if (p->nmedia > PROMPT_MEDIA_MAX)
        dgm_buf_put_lit(out, "\n- and more");
    dgm_buf_put_lit(
        out,
        "\n\nA real model would answer here. What a test can see is that the whole way there and "
        "back works, and what arrived at its end.");
}

static void put_prose(struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    struct dgm_buf known;
    dgm_buf_init(&known, dgm_arena_alloc(c->arena), SIZE_MAX);
    put_known(c, wording, &known);
    dgm_buf_put(out, dgm_str_c(openings[wording % OPENINGS]));
    if (known.n != 0)
        dgm_buf_put(out, dgm_buf_str(&known));
    else
        put_understood(c, out);
    dgm_buf_put_lit(out, "\n\n" MARKER);
    if (known.rc != DGM_OK)
        out->rc = known.rc;
}

/* ---- JSON --------------------------------------------------------------------------------------------- */

static const struct json_val *schema_of(const struct ask *ask)
{
    static const struct dgm_str names[] = {DGM_STR("responseSchema"), DGM_STR("responseJsonSchema"),
                                           DGM_STR("_responseJsonSchema")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json_val *v = emu_ask_get(ask->config, names[i]);
        if (v)
            return v;
    }
    return NULL;
}

static void put_object(struct composer *c, uint64_t wording, struct json_writer *w)
{
    json_open_obj(w);
    json_member_bool(w, "emulated", true);
    json_member_str(w, "note", DGM_STR("No model was asked."));
    json_member_str(w, "prompt", dgm_utf8_head(c->prompt->text, QUOTED_BYTES));
    json_member_int(w, "turns", (int64_t)c->prompt->nturns);
    json_member_int(w, "wording", (int64_t)(wording % OPENINGS));
    json_close_obj(w);
}

static void put_json(struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    const struct json_val *schema = schema_of(c->ask);
    struct facts facts = emu_facts_find(c->prompt->text);
    struct json_writer w = json_writer(out);
    if (schema)
        emu_schema_put_instance(&w, schema, &facts, wording);
    else
        put_object(c, wording, &w);
    if (out->rc == DGM_E_LIMIT) { /* a schema with huge defaults: nothing sensible can be said */
        dgm_buf_clear(out);
        dgm_buf_put_lit(out, "{}");
    }
}

/* text/x.enum: the bare value of the schema's enum. */
static void put_enum(struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    const struct json_val *options = emu_ask_member(schema_of(c->ask), "enum");
    size_t n = emu_ask_count(options);
    dgm_buf_put(out, n != 0 ? json_str(emu_ask_at(options, wording % n)) : DGM_STR("EMULATED"));
}

/* ---- a candidate -------------------------------------------------------------------------------------- */

/* Cuts the text by tokens, then by stop sequences. Returns why it ends. */
static struct dgm_str cut(const struct composer *c, struct dgm_str *text)
{
    struct dgm_str finish = DGM_STR("STOP");
    uint64_t left = (uint64_t)c->max_tokens > c->thoughts_tokens
                        ? (uint64_t)c->max_tokens - c->thoughts_tokens
                        : 0;
    struct dgm_str head = emu_tokens_head(*text, left);
    if (head.n < text->n)
        finish = DGM_STR("MAX_TOKENS");
    *text = head;
    for (struct ask_list l = emu_ask_list(emu_ask_member(c->ask->config, "stopSequences"));
         emu_ask_next(&l);) {
        struct dgm_str stop = json_str(l.value);
        size_t at = stop.n != 0 ? dgm_str_find(*text, stop) : text->n;
        if (at < text->n) {
            *text = dgm_str_head(*text, at);
            finish = DGM_STR("STOP");
        }
    }
    return finish;
}

static void put_thought(const struct composer *c, struct dgm_buf *out)
{
    dgm_buf_put_lit(out, "**Looking at the request**\n\nThe user says ");
    put_quoted(out, c->prompt->text);
    dgm_buf_put_lit(out, ". I will answer that in a few sentences. (An emulated thought.)\n\n");
}

static enum dgm_rc compose_candidate(struct composer *c, size_t number, struct plan *plan)
{
    struct plan_candidate *to = plan->candidates + number;
    struct dgm_str type = json_str(emu_ask_member(c->ask->config, "responseMimeType"));
    bool thinks = c->thoughts_tokens != 0;
    uint64_t wording = (c->seed ? emu_hash_mix(c->seed) % (2 * OPENINGS) : 0) + number;
    struct dgm_buf text, thought, signature;
    dgm_buf_init(&text, dgm_arena_alloc(c->arena), JSON_MAX_BYTES);
    dgm_buf_init(&thought, dgm_arena_alloc(c->arena), SIZE_MAX);
    dgm_buf_init(&signature, dgm_arena_alloc(c->arena), SIZE_MAX);

    if (dgm_str_eq(type, DGM_STR("application/json")))
        put_json(c, wording, &text);
    else if (dgm_str_eq(type, DGM_STR("text/x.enum")))
        put_enum(c, wording, &text);
    else
        put_prose(c, wording, &text);
    if (thinks && json_bool(emu_ask_member(c->ask->thinking, "includeThoughts"), false))
        put_thought(c, &thought);
    if (text.rc != DGM_OK || thought.rc != DGM_OK)
        return DGM_E_NOMEM;

    struct dgm_str said = dgm_buf_str(&text);
    to->finish = cut(c, &said);
    const struct signed_part sent = {.kind = SIGNED_TEXT, .body = said};
    if (thinks && c->ask->model.generation >= GENERATION_3 &&
        emu_signature_put(&signature, c->ask, &sent, c->arena) != DGM_OK)
        return DGM_E_NOMEM;
    if (thought.n != 0)
        to->parts[to->nparts++] =
            (struct plan_part){PART_THOUGHT, dgm_buf_str(&thought), DGM_STR("")};
    if (said.n != 0)
        to->parts[to->nparts++] = (struct plan_part){PART_TEXT, said, dgm_buf_str(&signature)};
    return DGM_OK;
}

/* ---- thinking ----------------------------------------------------------------------------------------- */

/* So many tokens of thought: more for a longer prompt, less for a lower level, none over the budget. */
static uint64_t thoughts_of(const struct ask *ask, const struct prompt *prompt)
{
    static const struct {
        struct dgm_str level;
        unsigned divisor;
    } levels[] = {{DGM_STR("MINIMAL"), 8}, {DGM_STR("LOW"), 4}, {DGM_STR("MEDIUM"), 2}};
    const struct family *f = ask->model.family;
    uint64_t text = prompt->tokens[MODALITY_TEXT];
    uint64_t tokens = 48 + 2 * (text < 400 ? text : 400);
    int64_t budget;
    if (f->thinks == THINKS_NO)
        return 0;
    if (emu_ask_int(emu_ask_member(ask->thinking, "thinkingBudget"), &budget))
        return budget == -1 || tokens < (uint64_t)budget ? tokens : (uint64_t)budget;
    struct dgm_str level = json_str(emu_ask_member(ask->thinking, "thinkingLevel"));
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (dgm_str_eq_nocase(level, levels[i].level))
            return tokens / levels[i].divisor;
    return f->thinks_by_default || level.n != 0 ? tokens : 0;
}

/* ---- what stands beside the text ---------------------------------------------------------------------- */

/* 17 bytes of hash make 23 characters: Google's have 22 to 24. */
static struct dgm_str response_id(struct dgm_str id, struct dgm_arena *arena)
{
    char bytes[17];
    uint64_t h = emu_hash_str(id);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(emu_hash_mix(h + i) & 0xff);
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(arena), 64);
    emu_base64_put_url(&b, (struct dgm_str){bytes, sizeof bytes});
    return b.rc == DGM_OK ? dgm_buf_str(&b) : (struct dgm_str){0};
}

static void put_digits(struct dgm_buf *out, int64_t n, unsigned digits)
{
    int64_t unit = 1;
    while (--digits != 0)
        unit *= 10;
    for (; unit != 0; unit /= 10)
        dgm_buf_put_char(out, (char)('0' + n / unit % 10));
}

/* RFC 3339 with microseconds; the days by Howard Hinnant's civil_from_days, for the years 1970 to 9999. */
static struct dgm_str create_time(int64_t now_ms, struct dgm_arena *arena)
{
    if (now_ms < 0 || now_ms > INT64_C(253402300799999))
        now_ms = 0;
    int64_t days = now_ms / 86400000 + 719468, ms = now_ms % 86400000;
    int64_t era = days / 146097, doe = days % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(arena), 64);
    put_digits(&b, yoe + era * 400 + (month <= 2), 4);
    dgm_buf_put_char(&b, '-');
    put_digits(&b, month, 2);
    dgm_buf_put_char(&b, '-');
    put_digits(&b, day, 2);
    dgm_buf_put_char(&b, 'T');
    put_digits(&b, ms / 3600000, 2);
    dgm_buf_put_char(&b, ':');
    put_digits(&b, ms / 60000 % 60, 2);
    dgm_buf_put_char(&b, ':');
    put_digits(&b, ms / 1000 % 60, 2);
    dgm_buf_put_char(&b, '.');
    put_digits(&b, ms % 1000, 3);
    dgm_buf_put_lit(&b, "000Z");
    return b.rc == DGM_OK ? dgm_buf_str(&b) : (struct dgm_str){0};
}

enum dgm_rc emu_plan_compose(const struct ask *ask, const struct prompt *prompt,
                             const struct emu_env *env, struct dgm_arena *arena, struct plan *ret)
{
    struct composer c = {.ask = ask, .prompt = prompt, .arena = arena};
    int64_t candidates = 1, seed = 0;
    c.max_tokens = ask->model.family->output_tokens;
    emu_ask_int(emu_ask_member(ask->config, "maxOutputTokens"), &c.max_tokens);
    emu_ask_int(emu_ask_member(ask->config, "candidateCount"), &candidates);
    if (emu_ask_int(emu_ask_member(ask->config, "seed"), &seed))
        c.seed = emu_hash_mix((uint64_t)seed) | 1;
    c.thoughts_tokens = thoughts_of(ask, prompt);
    if (c.thoughts_tokens > (uint64_t)c.max_tokens)
        c.thoughts_tokens = (uint64_t)c.max_tokens;

    *ret = (struct plan){
        .ncandidates = (size_t)candidates,
        .prompt_tokens_total = prompt->tokens_total,
        .thoughts_tokens = c.thoughts_tokens * (uint64_t)candidates,
        .model_version = dgm_arena_copy(arena, ask->model.name),
        .response_id = response_id(env->id, arena),
        .create_time = create_time(env->now_ms, arena),
        .vertex = emu_ask_is_vertex(ask),
    };
    for (size_t m = 0; m < MODALITIES; m++)
        ret->prompt_tokens[m] = prompt->tokens[m];
    if (!ret->model_version.p || !ret->response_id.p || !ret->create_time.p)
        return DGM_E_NOMEM;
    for (size_t i = 0; i < ret->ncandidates; i++) {
        enum dgm_rc rc = compose_candidate(&c, i, ret);
        if (rc != DGM_OK)
            return rc;
    }
    return DGM_OK;
}
