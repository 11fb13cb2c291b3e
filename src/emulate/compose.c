/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose.c - an answer put together: thoughts, then calls or a text, signed, and cut where it must end.
 *
 * `seed` and the candidate's number choose the wording. A text is cut before the first stop sequence, and where
 * maxOutputTokens ends, thinking included: a model that thinks may have nothing left to say, as on Google.
 * Calls that do not fit are left out.
 *
 * Signatures (google.md 9.1): Gemini 3 and later sign the first call of a step, or the last text. 2.5 signs the
 * first part that is no summary, when it thinks and functions are declared.
 */
#include "emulate/respond.h"

#include "base/date.h"
#include "base/str.h"
#include "emulate/base64.h"
#include "emulate/hash.h"
#include "emulate/signature.h"
#include "emulate/tokens.h"

#include <string.h>

#define TEXT_MAX_BYTES ((size_t)1 << 20)
#define ID_LETTERS 8
#define TOOL_TOKENS 64 /* of what tools fetched */

/* ---- a candidate -------------------------------------------------------------------------------------- */

static uint64_t tokens_left(const struct composer *c)
{
    uint64_t max = (uint64_t)c->max_tokens;
    return max > c->thoughts_tokens ? max - c->thoughts_tokens : 0;
}

/* Cuts the text by tokens, then by stop sequences. Returns why it ends. */
static struct dgm_str cut(const struct composer *c, struct dgm_str *text)
{
    struct dgm_str finish = DGM_STR("STOP");
    struct dgm_str head = emu_tokens_head(*text, tokens_left(c));
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

static struct signed_part signed_part_of(const struct plan_part *p)
{
    const struct dgm_str data = DGM_STR("\"data\":\""), end = DGM_STR("\"}");
    if (p->kind != PART_OTHER)
        return (struct signed_part){p->kind == PART_CALL ? SIGNED_CALL : SIGNED_TEXT, p->name,
                                    p->text};
    if (!dgm_str_eq(p->name, DGM_STR("inlineData")))
        return (struct signed_part){SIGNED_TOOL, p->name, p->text};
    struct dgm_str body = dgm_str_skip(p->text, dgm_str_find(p->text, data) + data.n);
    return (struct signed_part){SIGNED_DATA, p->name, dgm_str_head(body, body.n - end.n)};
}

static enum dgm_rc sign(const struct composer *c, struct plan_part *p)
{
    struct dgm_arena scratch;
    struct dgm_buf signature;
    const struct signed_part content = signed_part_of(p);
    dgm_arena_init(&scratch, dgm_arena_source(c->arena), SIZE_MAX);
    dgm_buf_init(&signature, dgm_arena_alloc(c->arena), SIZE_MAX);
    enum dgm_rc rc = emu_signature_put(&signature, c->ask, &content, &scratch);
    dgm_arena_dispose(&scratch);
    p->signature = dgm_buf_str(&signature);
    return rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

/* NULL when there is none. */
static struct plan_part *first_call(struct plan_candidate *to, size_t first)
{
    for (size_t i = first; i < to->nparts; i++)
        if (to->parts[i].kind == PART_CALL)
            return to->parts + i;
    return NULL;
}

/* The last text behind `first`; NULL when there is none. */
static struct plan_part *last_text(struct plan_candidate *to, size_t first)
{
    for (size_t i = to->nparts; i > first; i--)
        if (to->parts[i - 1].kind == PART_TEXT)
            return to->parts + i - 1;
    return NULL;
}

/* Pictures, and what Google's own tools were asked and answered, have signatures each. */
static bool is_signed_itself(const struct plan_part *p)
{
    return p->kind == PART_OTHER &&
           (p->modality == MODALITY_IMAGE || dgm_str_eq(p->name, DGM_STR("toolCall")) ||
            dgm_str_eq(p->name, DGM_STR("toolResponse")));
}

/* `first` is the number of the first part that is no thought. Sounds and code go unsigned. */
static enum dgm_rc sign_candidate(const struct composer *c, struct plan_candidate *to, size_t first)
{
    bool new = c->ask->model.generation >= GENERATION_3;
    bool signs = new && c->ask->model.family->thinks != THINKS_NO;
    if (first == to->nparts)
        return DGM_OK;
    struct plan_part *p = to->parts + first, *text = last_text(to, first),
                     *call = first_call(to, first);
    enum dgm_rc rc = DGM_OK;
    for (size_t i = first; new && rc == DGM_OK && i < to->nparts; i++)
        if (is_signed_itself(to->parts + i))
            rc = sign(c, to->parts + i);
    if (rc != DGM_OK)
        return rc;
    if (signs && (call || text))
        return sign(c, call ? call : text);
    if (!signs && c->thoughts_tokens != 0 && c->prompt->nfunctions != 0 &&
        (p->kind == PART_CALL || p->kind == PART_TEXT))
        return sign(c, p);
    return DGM_OK;
}

/* Whether the calls of this answer are streamed in Google's pieces: Vertex alone does that (google.md 6.9). */
static bool wants_partial(const struct composer *c)
{
    const struct json_val *config =
        emu_ask_member(emu_ask_member(c->ask->root, "toolConfig"), "functionCallingConfig");
    return c->native && c->ask->target.verb == TARGET_STREAM && emu_ask_is_vertex(c->ask) &&
           (c->responder->id == RESPONDER_PARTIAL_ARGS ||
            json_bool(emu_ask_member(config, "streamFunctionCallArguments"), false));
}

static bool add_part(const struct composer *c, struct plan_candidate *to,
                     const struct plan_part *part)
{
    struct plan_part *added = emu_plan_add_part(to, c->arena);
    if (added)
        *added = *part;
    return added != NULL;
}

#define SEARCH_NUMBER (UINT64_C(1) << 32) /* behind those of all calls */

/* Letters and digits, as Google's ids have them; only some surfaces have ids (google.md 6.2). */
static struct dgm_str call_id(const struct composer *c, const struct plan *plan, uint64_t number)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    if (!(c->ask->target.surface & (NATIVE_V1B1 | NATIVE_GEMINI)))
        return (struct dgm_str){0};
    uint64_t h = emu_hash_mix(emu_hash_str(plan->response_id) + number);
    char id[ID_LETTERS];
    for (size_t i = 0; i < sizeof id; i++, h /= sizeof letters - 1)
        id[i] = letters[h % (sizeof letters - 1)];
    return dgm_arena_copy(c->arena, (struct dgm_str){id, sizeof id});
}

/* Returns how many there were to be: less are put where tokens run out. */
static enum dgm_rc add_calls(const struct composer *c, uint64_t wording, size_t number,
                             const struct plan *plan, struct plan_candidate *to, size_t *ret_n)
{
    struct respond_call calls[RESPOND_CALLS_MAX];
    uint64_t left = tokens_left(c);
    enum dgm_rc rc = emu_respond_calls(c, wording, calls, ret_n);
    for (size_t i = 0; rc == DGM_OK && i < *ret_n; i++) {
        struct plan_part p = {.kind = PART_CALL,
                              .text = calls[i].args,
                              .name = dgm_arena_copy(c->arena, calls[i].name),
                              .id = call_id(c, plan, number * RESPOND_CALLS_MAX + i)};
        bool has_id = (c->ask->target.surface & (NATIVE_V1B1 | NATIVE_GEMINI)) != 0;
        if (!p.name.p || (has_id && !p.id.p))
            return DGM_E_NOMEM;
        uint64_t tokens = emu_plan_part_tokens(&p);
        if (tokens > left) {
            to->finish = DGM_STR("MAX_TOKENS");
            break;
        }
        left -= tokens;
        if (!add_part(c, to, &p))
            return DGM_E_NOMEM;
    }
    return rc;
}

/* What is said of a text by the time the answer ends (finish). */
static void halve(struct dgm_str *text)
{
    *text = emu_tokens_head(*text, (emu_tokens_count(*text) + 1) / 2);
}

static enum dgm_rc add_text(const struct composer *c, uint64_t wording, struct plan_candidate *to)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(c->arena), TEXT_MAX_BYTES);
    emu_respond_text(c, wording, &text);
    if (text.rc != DGM_OK)
        return DGM_E_NOMEM;
    struct dgm_str said = dgm_buf_str(&text);
    const struct scenario_answer *script = c->responder->script;
    to->finish = script && script->finish.p ? script->finish : cut(c, &said);
    if (c->responder->finish && c->responder->finish->said == SAID_HALF)
        halve(&said);
    if (said.n == 0)
        return DGM_OK;
    return add_part(c, to, &(struct plan_part){.kind = PART_TEXT, .text = said}) ? DGM_OK
                                                                                 : DGM_E_NOMEM;
}

static enum dgm_rc add_thought(const struct composer *c, struct plan_candidate *to)
{
    struct dgm_buf thought;
    if (c->thoughts_tokens == 0 ||
        !json_bool(emu_ask_member(c->ask->thinking, "includeThoughts"), false))
        return DGM_OK;
    dgm_buf_init(&thought, dgm_arena_alloc(c->arena), TEXT_MAX_BYTES);
    emu_respond_thought(c, &thought);
    if (thought.rc != DGM_OK)
        return DGM_E_NOMEM;
    if (thought.n == 0) /* a scenario may have none */
        return DGM_OK;
    const struct plan_part p = {.kind = PART_THOUGHT, .text = dgm_buf_str(&thought)};
    return add_part(c, to, &p) ? DGM_OK : DGM_E_NOMEM;
}

/* What is no call and no thought. */
static enum dgm_rc add_words(const struct composer *c, uint64_t wording, struct plan_candidate *to)
{
    enum dgm_rc rc = DGM_OK;
    if (c->responder->id == RESPONDER_CODE)
        rc = emu_respond_code(c, to);
    if (rc == DGM_OK && c->words)
        rc = add_text(c, wording, to);
    if (rc == DGM_OK)
        rc = emu_respond_files(c, to);
    return rc;
}

/* Whether nothing is said at all. */
static bool is_mute(const struct composer *c)
{
    const struct finish_reason *f = c->responder->finish;
    return c->responder->id == RESPONDER_EMPTY_STOP || (f && f->said == SAID_NOTHING);
}

static enum dgm_rc add_parts(const struct composer *c, uint64_t wording, size_t number,
                             const struct plan *plan, struct plan_candidate *to)
{
    size_t ncalls = 0;
    const struct finish_reason *f = c->responder->finish;
    if (is_mute(c))
        return DGM_OK;
    enum dgm_rc rc = add_thought(c, to);
    size_t first = to->nparts;
    bool scripted = c->responder->script != NULL; /* then a text may stand before calls */
    if (rc == DGM_OK && !scripted)
        rc = emu_respond_search(c, call_id(c, plan, SEARCH_NUMBER + number), to);
    if (rc == DGM_OK && scripted)
        rc = add_text(c, wording, to);
    if (rc == DGM_OK && !(f && f->said == SAID_HALF))
        rc = add_calls(c, wording, number, plan, to, &ncalls);
    if (scripted && c->responder->script->finish.p)
        to->finish = c->responder->script->finish;
    if (rc == DGM_OK && ncalls == 0 && !scripted)
        rc = add_words(c, wording, to);
    if (rc == DGM_OK)
        rc = sign_candidate(c, to, first);
    return rc == DGM_OK && wants_partial(c) ? emu_respond_partial(c, to) : rc;
}

/* Why it ends, when that was asked for. */
static enum dgm_rc add_finish(const struct composer *c, struct plan_candidate *to)
{
    static const struct plan_member ratings = {
        DGM_STR("safetyRatings"),
        DGM_STR(
            "[{\"category\":\"HARM_CATEGORY_DANGEROUS_CONTENT\",\"probability\":\"HIGH\",\"blocked\":true},"
            "{\"category\":\"HARM_CATEGORY_HARASSMENT\",\"probability\":\"NEGLIGIBLE\"}]")};
    const struct finish_reason *f = c->responder->finish;
    if (!f || f->said == SAID_ALL)
        return DGM_OK;
    to->finish = dgm_str_c(f->name);
    if (dgm_str_eq(to->finish, DGM_STR("SAFETY")))
        to->members[to->nmembers++] = ratings;
    if (f->message[0] == '\0')
        return DGM_OK;
    struct dgm_buf message;
    dgm_buf_init(&message, dgm_arena_alloc(c->arena), SIZE_MAX);
    struct json_writer w = json_writer(&message);
    json_put_str(&w, dgm_str_c(f->message));
    to->members[to->nmembers++] =
        (struct plan_member){DGM_STR("finishMessage"), dgm_buf_str(&message)};
    return message.rc == DGM_OK ? DGM_OK : DGM_E_NOMEM;
}

static enum dgm_rc compose_candidate(const struct composer *c, size_t number, struct plan *plan)
{
    struct plan_candidate *to = plan->candidates + number;
    uint64_t wording = (c->seed ? emu_hash_mix(c->seed) % (2 * OPENINGS) : 0) + number;
    *to = (struct plan_candidate){.finish = DGM_STR("STOP")};
    enum dgm_rc rc = add_parts(c, wording, number, plan, to);
    if (rc == DGM_OK && c->responder->says == SAYS_CITED)
        rc = emu_respond_sources(c, to);
    return rc == DGM_OK ? add_finish(c, to) : rc;
}

/* ---- thinking ----------------------------------------------------------------------------------------- */

/* What was asked of the emulator counts as much as what it would think by itself. */
static uint64_t long_thoughts(const struct ask *ask, uint64_t tokens)
{
    int64_t budget;
    if (ask->model.family->thinks == THINKS_NO)
        return 0;
    if (!emu_ask_int(emu_ask_member(ask->thinking, "thinkingBudget"), &budget) || budget == -1)
        return tokens;
    return tokens < (uint64_t)budget ? tokens : (uint64_t)budget;
}

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

static struct dgm_str create_time(int64_t now_ms, struct dgm_arena *arena)
{
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(arena), 64);
    dgm_date_put_ms(&b, now_ms);
    return b.rc == DGM_OK ? dgm_buf_str(&b) : (struct dgm_str){0};
}

/* What the answer is made of: as the responder says, else as the request. */
static void init_media(struct composer *c)
{
    bool text = false, image = false, sound = false;
    for (struct ask_list l = emu_ask_list(emu_ask_member(c->ask->config, "responseModalities"));
         emu_ask_next(&l);) {
        text = text || dgm_str_eq_nocase(json_str(l.value), DGM_STR("TEXT"));
        image = image || dgm_str_eq_nocase(json_str(l.value), DGM_STR("IMAGE"));
        sound = sound || dgm_str_eq_nocase(json_str(l.value), DGM_STR("AUDIO"));
    }
    enum responder_id id = c->responder->id;
    bool usual = id == RESPONDER_USUAL;
    c->image = id == RESPONDER_IMAGE || (usual && image);
    c->sound = id == RESPONDER_AUDIO || (usual && sound);
    c->words = text || (c->image ? !image : !c->sound);
}

/* What is the same for all candidates. */
static void init(struct composer *c)
{
    int64_t seed = 0;
    c->max_tokens = c->ask->model.family->output_tokens;
    emu_ask_int(emu_ask_member(c->ask->config, "maxOutputTokens"), &c->max_tokens);
    if (emu_ask_int(emu_ask_member(c->ask->config, "seed"), &seed))
        c->seed = emu_hash_mix((uint64_t)seed) | 1;
    c->thoughts_tokens = c->responder->id == RESPONDER_LONG_THINKING
                             ? long_thoughts(c->ask, c->responder->tokens)
                             : thoughts_of(c->ask, c->prompt);
    const struct scenario_answer *script = c->responder->script;
    if (script && script->thoughts_tokens >= 0)
        c->thoughts_tokens = (uint64_t)script->thoughts_tokens;
    if (c->thoughts_tokens > (uint64_t)c->max_tokens)
        c->thoughts_tokens = (uint64_t)c->max_tokens;
    if (c->prompt->nfunctions != 0 || emu_ask_member(c->ask->config, "responseMimeType"))
        c->facts = emu_facts_find(c->prompt->text);
    init_media(c);
}

/* The shape of the answer, beside what it says. */
static void shape(const struct composer *c, struct plan *plan)
{
    enum responder_id id = c->responder->id;
    int64_t top = 0;
    plan->logprobs = id == RESPONDER_LOGPROBS ||
                     json_bool(emu_ask_member(c->ask->config, "responseLogprobs"), false);
    if (emu_ask_int(emu_ask_member(c->ask->config, "logprobs"), &top) || id != RESPONDER_LOGPROBS)
        plan->top = (uint32_t)top;
    else
        plan->top = c->responder->top;
    plan->interleaved = id == RESPONDER_INTERLEAVED;
    plan->late_finish = id == RESPONDER_LATE_STOP;
    plan->sparse = id == RESPONDER_SPARSE;
    plan->bare = c->responder->finish != NULL;
    plan->usage = c->responder->usage;
    if (plan->vertex)
        plan->traffic = c->responder->traffic.p ? c->responder->traffic : DGM_STR("ON_DEMAND");
    if (id == RESPONDER_URL_CONTEXT || plan->usage == USAGE_DETAILS)
        plan->tool_tokens = TOOL_TOKENS;
}

/* What a scenario says that the answer cost. */
static void script_usage(const struct scenario_answer *script, struct plan *plan)
{
    if (script && script->prompt_tokens >= 0) {
        memset(plan->prompt_tokens, 0, sizeof plan->prompt_tokens);
        plan->prompt_tokens[MODALITY_TEXT] = (uint64_t)script->prompt_tokens;
        plan->prompt_tokens_total = (uint64_t)script->prompt_tokens;
    }
    if (script && script->candidates_tokens >= 0) {
        plan->candidates_told = true;
        plan->candidates_tokens = (uint64_t)script->candidates_tokens;
    }
}

enum dgm_rc emu_plan_compose(const struct ask *ask, const struct prompt *prompt,
                             const struct responder *responder, const struct emu_env *env,
                             struct dgm_arena *arena, struct plan *ret)
{
    struct composer c = {.ask = ask,
                         .prompt = prompt,
                         .responder = responder,
                         .arena = arena,
                         .native = env->dialect == EMU_GEMINI};
    int64_t candidates = 1;
    bool blocked = responder->id == RESPONDER_BLOCKED;
    emu_ask_int(emu_ask_member(ask->config, "candidateCount"), &candidates);
    init(&c);

    *ret = (struct plan){
        .ncandidates = blocked ? 0 : (size_t)candidates,
        .prompt_tokens_total = prompt->tokens_total,
        .thoughts_tokens = blocked ? 0 : c.thoughts_tokens * (uint64_t)candidates,
        .model_version = dgm_arena_copy(arena, ask->model.name),
        .response_id = response_id(env->id, arena),
        .create_time = create_time(env->now_ms, arena),
        .block = blocked ? responder->block : (struct dgm_str){0},
        .vertex = emu_ask_is_vertex(ask),
    };
    for (size_t m = 0; m < MODALITIES; m++)
        ret->prompt_tokens[m] = prompt->tokens[m];
    shape(&c, ret);
    script_usage(responder->script, ret);
    if (!ret->model_version.p || !ret->response_id.p || !ret->create_time.p)
        return DGM_E_NOMEM;
    for (size_t i = 0; i < ret->ncandidates; i++) {
        enum dgm_rc rc = compose_candidate(&c, i, ret);
        if (rc != DGM_OK)
            return rc;
    }
    return DGM_OK;
}
