/* SPDX-License-Identifier: Apache-2.0 */
/*
 * respond_text.c - texts: prose, JSON, the echo, thoughts.
 *
 * A prompt of Google's samples gets its answer from answers.def; any other one a text that shows what was
 * understood: results, files, turns. Either ends in MARKER. In JSON mode there is no room for it: without a
 * schema the object has a member "emulated", with one it is an instance of it (schema.h).
 */
#include "emulate/respond.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/schema.h"

#include <assert.h>

#define MARKER "(An emulated answer: no model was asked.)"
#define QUOTED_BYTES 200  /* of a prompt */
#define RESULT_BYTES 1000 /* of a function's result */
#define JSON_MAX_BYTES ((size_t)1 << 20)
#define STEP_TOKENS 96 /* of thinking, told in one paragraph */
#define STEPS_MAX 200

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

static_assert(sizeof openings / sizeof *openings == OPENINGS, "eight wordings");

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

static void put_known(const struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    struct dgm_buf normal;
    if (c->prompt->text.n > QUOTED_BYTES || c->prompt->nmedia + c->prompt->nresults != 0)
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

/* 2500 ms are "2.5 seconds". */
static void put_seconds(struct dgm_buf *out, uint64_t ms)
{
    dgm_buf_put_int(out, (int64_t)(ms / 1000));
    dgm_buf_put_char(out, '.');
    dgm_buf_put_char(out, (char)('0' + ms / 100 % 10));
    dgm_buf_put_lit(out, " seconds, ");
}

/* "o.mp3, audio/mp3 at gs://b/o.mp3". */
static void put_elsewhere(struct dgm_buf *out, struct dgm_str type, struct dgm_str uri)
{
    struct dgm_str name = dgm_utf8_head(uri, QUOTED_BYTES), piece;
    for (struct dgm_str rest = name; dgm_str_split(&rest, '/', &piece);)
        name = piece.n != 0 ? piece : name;
    dgm_buf_put(out, dgm_str_head(name, dgm_str_find_char(name, '?')));
    dgm_buf_put_lit(out, ", ");
    dgm_buf_put(out, type);
    dgm_buf_put_lit(out, " at ");
    dgm_buf_put(out, dgm_utf8_head(uri, QUOTED_BYTES));
    dgm_buf_put_lit(out, " (emulated: not fetched)");
}

static void put_media(struct dgm_buf *out, const struct prompt_media *m)
{
    struct dgm_str type = m->mime_type.n != 0 ? dgm_utf8_head(m->mime_type, QUOTED_BYTES)
                                              : DGM_STR("a file of no type");
    dgm_buf_put_lit(out, "\n- ");
    if (m->uri.p) {
        put_elsewhere(out, type, m->uri);
        return;
    }
    bool pdf = dgm_str_eq(type, DGM_STR("application/pdf"));
    dgm_buf_put(out, pdf ? DGM_STR("a PDF") : type);
    if (!emu_media_is(&m->seen, m->mime_type)) {
        dgm_buf_put_lit(out, " (its bytes are ");
        dgm_buf_put(out, dgm_str_c(m->seen.type));
        dgm_buf_put_lit(out, ")");
    }
    dgm_buf_put_lit(out, " of ");
    if (m->seen.width != 0) {
        dgm_buf_put_int(out, m->seen.width);
        dgm_buf_put_lit(out, " x ");
        dgm_buf_put_int(out, m->seen.height);
        dgm_buf_put_lit(out, " pixels, ");
    }
    if (m->seen.plays_ms != 0)
        put_seconds(out, m->seen.plays_ms);
    dgm_buf_put_int(out, (int64_t)m->bytes);
    dgm_buf_put_lit(out, " bytes");
}

static void put_result(const struct composer *c, const struct prompt_result *r, struct dgm_buf *out)
{
    struct dgm_buf json;
    dgm_buf_init(&json, dgm_arena_source(c->arena), JSON_MAX_BYTES);
    struct json_writer w = json_writer(&json);
    json_put_val(&w, r->response);
    dgm_buf_put_lit(out, "The function ");
    dgm_buf_put(out, dgm_utf8_head(r->name, QUOTED_BYTES));
    dgm_buf_put_lit(out, " returned ");
    if (json.rc == DGM_E_LIMIT)
        dgm_buf_put_lit(out, "more than is told here");
    else
        dgm_buf_put(out, dgm_utf8_head(dgm_buf_str(&json), RESULT_BYTES));
    dgm_buf_put(out, json.n > RESULT_BYTES ? DGM_STR("... and more.\n\n") : DGM_STR(".\n\n"));
    if (json.rc == DGM_E_NOMEM)
        out->rc = DGM_E_NOMEM;
    dgm_buf_dispose(&json);
}

/* A text for a prompt nobody wrote an answer to. */
static void put_understood(const struct composer *c, struct dgm_buf *out)
{
    const struct prompt *p = c->prompt;
    for (size_t i = 0; i < p->nresults && i < PROMPT_RESULTS_MAX; i++)
        put_result(c, p->results + i, out);
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

static void put_prose(const struct composer *c, uint64_t wording, struct dgm_buf *out)
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

static void put_object(const struct composer *c, uint64_t wording, struct json_writer *w)
{
    json_open_obj(w);
    json_member_bool(w, "emulated", true);
    json_member_str(w, "note", DGM_STR("No model was asked."));
    json_member_str(w, "prompt", dgm_utf8_head(c->prompt->text, QUOTED_BYTES));
    json_member_int(w, "turns", (int64_t)c->prompt->nturns);
    json_member_int(w, "wording", (int64_t)(wording % OPENINGS));
    json_close_obj(w);
}

static void put_json(const struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    const struct json_val *schema = schema_of(c->ask);
    struct json_writer w = json_writer(out);
    if (schema)
        emu_schema_put_instance(&w, schema, &c->facts, wording);
    else
        put_object(c, wording, &w);
    if (out->rc == DGM_E_LIMIT) { /* a schema with huge defaults: nothing sensible can be said */
        dgm_buf_clear(out);
        dgm_buf_put_lit(out, "{}");
    }
}

/* text/x.enum: the bare value of the schema's enum. */
static void put_enum(const struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    const struct json_val *options = emu_ask_member(schema_of(c->ask), "enum");
    size_t n = emu_ask_count(options);
    dgm_buf_put(out, n != 0 ? json_str(emu_ask_at(options, wording % n)) : DGM_STR("EMULATED"));
}

/* ---- thoughts ----------------------------------------------------------------------------------------- */

/* A paragraph for each so many tokens of long thinking; else one. */
void emu_respond_thought(const struct composer *c, struct dgm_buf *out)
{
    static const char *const steps[] = {
        "What is asked for, and what only seems to be asked for? I write down both.",
        "I look for what is given, and for what is missing and has to be assumed.",
        "There are two ways to go on from here. I try the shorter one first.",
        "That did not hold. I go back a step and look at the case that broke it.",
        "This fits what was found before. One more check of the weakest place.",
        "I put what is left in an order in which it can be told.",
    };
    if (c->responder->script && c->responder->script->thinking.p) {
        dgm_buf_put(out, c->responder->script->thinking);
        return;
    }
    uint64_t n = c->thoughts_tokens / STEP_TOKENS;
    dgm_buf_put_lit(out, "**Looking at the request**\n\nThe user says ");
    put_quoted(out, c->prompt->text);
    dgm_buf_put_lit(out, ". I will answer that in a few sentences. (An emulated thought.)\n\n");
    for (uint64_t i = 0; c->responder->id == RESPONDER_LONG_THINKING && i < n && i < STEPS_MAX;
         i++) {
        dgm_buf_put_lit(out, "**Step ");
        dgm_buf_put_int(out, (int64_t)i + 1);
        dgm_buf_put_lit(out, "**\n\n");
        dgm_buf_put(out, dgm_str_c(steps[i % (sizeof steps / sizeof *steps)]));
        dgm_buf_put_lit(out, "\n\n");
    }
}

/* ---- all ---------------------------------------------------------------------------------------------- */

void emu_respond_text(const struct composer *c, uint64_t wording, struct dgm_buf *out)
{
    struct dgm_str type = json_str(emu_ask_member(c->ask->config, "responseMimeType"));
    bool prose = c->responder->says == SAYS_TEXT; /* whatever the request wants */
    if (c->responder->script)
        dgm_buf_put(out, c->responder->script->text);
    else if (c->responder->id == RESPONDER_ECHO && c->prompt->text.n != 0)
        dgm_buf_put(out, dgm_utf8_head(c->prompt->text, JSON_MAX_BYTES));
    else if (c->responder->says == SAYS_CITED)
        emu_respond_cited(out);
    else if (!prose && dgm_str_eq(type, DGM_STR("application/json")))
        put_json(c, wording, out);
    else if (!prose && dgm_str_eq(type, DGM_STR("text/x.enum")))
        put_enum(c, wording, out);
    else
        put_prose(c, wording, out);
}
