/* SPDX-License-Identifier: Apache-2.0 */
/* relay_answer.c - a choice of a server's, whole or a piece of it, as OpenAI promises it. */
#include "translate/relay.h"

#include "base/str.h"
#include "translate/answer.h"
#include "translate/failure.h"
#include "translate/usage.h"

#include <string.h>

/* Of a server's id and model, which stand in every chunk: longer ones are not taken. */
#define ID_BYTES_MAX 127
#define MODEL_BYTES_MAX 255

const char *const relay_known_of_answer[] = {"id",      "object", "created", "model",
                                             "choices", "usage",  "error",   NULL};
const char *const relay_known_of_choice[] = {"index",         "delta",    "message",
                                             "finish_reason", "logprobs", NULL};
static const char *const known_of_message[] = {
    "role", "content", "refusal", "reasoning", "reasoning_content", "tool_calls", NULL};
static const char *const known_of_usage[] = {
    "prompt_tokens",         "completion_tokens",         "total_tokens",
    "prompt_tokens_details", "completion_tokens_details", NULL};

static const struct {
    const char *word, *openai;
} finish_words[] = {
#define FINISH_WORD(word, openai) {word, openai},
#include "translate/finish_words.def"
#undef FINISH_WORD
};

/* ---- finish ---- */

void relay_read_finish(struct relay_choice *c, const struct json_val *choice)
{
    struct dgm_str word = json_get_str(choice, DGM_STR("finish_reason"));
    if (word.n == 0)
        return;
    c->ended = true;
    c->finish = (struct dgm_str){0};
    for (size_t i = 0; i < sizeof finish_words / sizeof *finish_words; i++) {
        if (!dgm_str_eq(word, dgm_str_c(finish_words[i].word)))
            continue;
        c->finish = dgm_str_c(finish_words[i].openai);
        c->broken = c->broken || !finish_words[i].openai;
    }
}

struct dgm_str relay_finish(const struct relay_choice *c)
{
    bool stop = dgm_str_eq(c->finish, DGM_STR("stop")),
         calls = dgm_str_eq(c->finish, DGM_STR("tool_calls"));
    if (!c->finish.p)
        return DGM_STR("content_filter");
    if (c->begun_n != 0 && stop)
        return DGM_STR("tool_calls");
    return c->begun_n == 0 && calls ? DGM_STR("stop") : c->finish;
}

enum dgm_error relay_fault(const struct relay_choice *c)
{
    if (!c->ended || (c->broken && !c->finish.p))
        return DGM_ERR_UPSTREAM_CUT;
    for (size_t i = 0; i < c->calls_n; i++)
        if (c->calls[i].index < 0)
            return DGM_ERR_CALL_MALFORMED;
    /* "tool_calls" and nothing to show for it: the server's parser lost them (vllm#44326). */
    bool lost = !c->said && dgm_str_eq(c->finish, DGM_STR("tool_calls"));
    return c->broken || lost ? DGM_ERR_CALL_MALFORMED : DGM_ERR_NONE;
}

/* ---- members ---- */

static bool is_among(struct dgm_str name, const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        if (dgm_str_eq(name, dgm_str_c(names[i])))
            return true;
    return false;
}

bool relay_put_others(struct json_writer *w, const struct json_val *obj, const char *const known[])
{
    bool any = false;
    struct json_iter it = json_iter(obj);
    if (json_kind(obj) != JSON_OBJ)
        return false;
    while (json_next(&it)) {
        if (json_kind(it.value) == JSON_NULL || is_among(it.name, known))
            continue;
        any = true;
        json_put_key(w, it.name);
        json_put_val(w, it.value);
    }
    return any;
}

/* The thoughts of a piece, whichever name the server has for them. */
static struct dgm_str thoughts_of(const struct json_val *piece)
{
    struct dgm_str text = json_get_str(piece, DGM_STR("reasoning_content"));
    return text.n ? text : json_get_str(piece, DGM_STR("reasoning"));
}

static void add_tag(struct json_writer *w, struct relay_choice *c, bool thinking)
{
    if (c->thinking != thinking)
        json_add_str(w, thinking ? DGM_STR("<thought>") : DGM_STR("</thought>"));
    c->thinking = thinking;
}

/* Puts content, with the thoughts in it where they are tagged. True when it says something. */
static bool put_content(const struct dgm_request *r, struct json_writer *w, struct relay_choice *c,
                        const struct json_val *piece, bool whole)
{
    const struct json_val *content = json_get(piece, DGM_STR("content"));
    struct dgm_str text = json_str(content);
    struct dgm_str thoughts =
        r->env.reasoning == DGM_REASONING_TAG ? thoughts_of(piece) : (struct dgm_str){0};
    bool said = text.n || thoughts.n;
    if (!said && content &&
        json_kind(content) >= JSON_ARR) { /* of parts: nobody knows them better */
        json_member_val(w, "content", content);
        return true;
    }
    if (!said && !whole)
        return false;
    json_put_name(w, "content");
    if (!said && !text.p) {
        json_put_null(w);
        return false;
    }
    json_open_str(w);
    if (thoughts.n) {
        add_tag(w, c, true);
        json_add_str(w, thoughts);
    }
    if (text.n || whole)
        add_tag(w, c, false);
    json_add_str(w, text);
    json_close_str(w);
    return said;
}

static bool put_reasoning(const struct dgm_request *r, struct json_writer *w,
                          const struct json_val *piece)
{
    struct dgm_str thoughts = thoughts_of(piece);
    if (thoughts.n == 0 || r->env.reasoning == DGM_REASONING_OFF ||
        r->env.reasoning == DGM_REASONING_TAG)
        return false;
    if (r->env.reasoning != DGM_REASONING)
        json_member_str(w, "reasoning_content", thoughts);
    if (r->env.reasoning != DGM_REASONING_CONTENT)
        json_member_str(w, "reasoning", thoughts);
    return true;
}

static bool put_refusal(struct json_writer *w, const struct json_val *piece, bool whole)
{
    struct dgm_str refusal = json_get_str(piece, DGM_STR("refusal"));
    if (refusal.n)
        json_member_str(w, "refusal", refusal);
    else if (whole)
        json_member_null(w, "refusal");
    return refusal.n != 0;
}

bool relay_put_piece(struct dgm_request *r, struct json_writer *w, struct relay_choice *c,
                     const struct json_val *piece, bool whole)
{
    if (!c->started)
        json_member_lit(w, "role", "assistant");
    bool said = put_content(r, w, c, piece, whole);
    said = put_reasoning(r, w, piece) || said;
    said = put_refusal(w, piece, whole) || said;
    said = relay_put_calls(r, w, c, json_get(piece, DGM_STR("tool_calls")), whole) || said;
    said = relay_put_others(w, piece, known_of_message) || said;
    c->said = c->said || said;
    return said;
}

void relay_put_rest(struct json_writer *w, struct relay_choice *c)
{
    if (!c->started)
        json_member_lit(w, "role", "assistant");
    /* An answer without a word is still an answer, and has a content. */
    if (c->thinking || !c->started) {
        json_put_name(w, "content");
        json_open_str(w);
        add_tag(w, c, false);
        json_close_str(w);
    }
    relay_put_owed_calls(w, c, RELAY_OWED_MAX);
}

/* ---- what stands round the choices ---- */

void relay_put_head(struct dgm_request *r, struct json_writer *w, const struct json_val *answer,
                    struct dgm_str object)
{
    struct dgm_str id = json_get_str(answer, DGM_STR("id")),
                   model = json_get_str(answer, DGM_STR("model"));
    int64_t created;
    json_put_name(w, "id");
    json_open_str(w);
    if (id.n == 0 || id.n > ID_BYTES_MAX) {
        json_add_lit(w, "chatcmpl-");
        id = r->env.id;
    }
    json_add_str(w, id);
    json_close_str(w);
    json_member_str(w, "object", object);
    if (!json_int(json_get(answer, DGM_STR("created")), &created) || created <= 0)
        created = r->env.now;
    json_member_int(w, "created", created);
    if (r->model_sent.n)
        model = r->model_sent;
    else if (model.n == 0 || model.n > MODEL_BYTES_MAX)
        model = r->relay->model;
    json_member_str(w, "model", model);
}

static int64_t count(const struct json_val *obj, struct dgm_str name)
{
    int64_t n;
    return json_int(json_get(obj, name), &n) && n > 0 && n <= INT32_MAX ? n : 0;
}

static void put_details(struct json_writer *w, const struct json_val *details, struct dgm_str name,
                        int64_t most)
{
    const char *const but[] = {name.p, NULL};
    int64_t n = count(details, name);
    json_open_obj(w);
    json_put_key(w, name);
    json_put_int(w, n < most ? n : most);
    relay_put_others(w, details, but);
    json_close_obj(w);
}

bool relay_put_usage(struct dgm_request *r, struct json_writer *w, const struct json_val *usage)
{
    if (json_kind(usage) != JSON_OBJ)
        return false;
    int64_t prompt = count(usage, DGM_STR("prompt_tokens")),
            completion = count(usage, DGM_STR("completion_tokens"));
    chat_note_tokens(r, prompt, completion);
    json_open_obj(w);
    json_member_int(w, "prompt_tokens", prompt);
    json_member_int(w, "completion_tokens", completion);
    json_member_int(w, "total_tokens", prompt + completion);
    json_put_name(w, "prompt_tokens_details");
    put_details(w, json_get(usage, DGM_STR("prompt_tokens_details")), DGM_STR("cached_tokens"),
                prompt);
    json_put_name(w, "completion_tokens_details");
    put_details(w, json_get(usage, DGM_STR("completion_tokens_details")),
                DGM_STR("reasoning_tokens"), completion);
    relay_put_others(w, usage, known_of_usage);
    json_close_obj(w);
    return true;
}

/* ---- a whole answer ---- */

static void put_choice(struct dgm_request *r, struct json_writer *w, const struct json_val *choice,
                       size_t position)
{
    struct relay_choice c = {0};
    const struct json_val *message = json_get(choice, DGM_STR("message")),
                          *logprobs = json_get(choice, DGM_STR("logprobs"));
    int64_t index = (int64_t)position;
    json_int(json_get(choice, DGM_STR("index")), &index);
    relay_read_finish(&c, choice);
    json_open_obj(w);
    json_member_int(w, "index", index);
    json_put_name(w, "message");
    json_open_obj(w);
    relay_put_piece(r, w, &c, message, true);
    json_close_obj(w);
    relay_put_others(w, choice, relay_known_of_choice);
    json_member_val(w, "logprobs", logprobs);
    json_member_str(w, "finish_reason", relay_finish(&c));
    json_close_obj(w);
}

static int put_failure(struct dgm_request *r, enum dgm_error id, struct dgm_buf *out)
{
    struct dgm_fail fail;
    chat_note_fault(r, id);
    dgm_fail_row(&fail, id);
    dgm_fail_put(&fail, out);
    return dgm_error_status(id);
}

static bool has_name(const struct json_val *call)
{
    return json_get_str(json_get(call, DGM_STR("function")), DGM_STR("name")).n != 0;
}

/* Looks at a message before it is put: does it say anything, has each of its calls a name, and find its place? */
static void look_at(struct relay_choice *c, const struct json_val *message)
{
    const struct json_val *calls = json_get(message, DGM_STR("tool_calls"));
    struct json_iter it = json_iter(json_kind(calls) == JSON_ARR ? calls : NULL);
    c->said = json_size(calls) != 0 || thoughts_of(message).n ||
              json_get_str(message, DGM_STR("content")).n;
    if (json_kind(calls) == JSON_OBJ && json_size(calls) != 0)
        c->broken = !has_name(calls);
    while (json_next(&it))
        if (!has_name(it.value) || it.index == RELAY_CALLS_MAX)
            c->broken = true;
}

/* What is wrong with a whole answer: nothing in it, a choice without an end, one that the server gave up. */
static enum dgm_error find_fault(const struct json_val *choices)
{
    struct json_iter it = json_iter(choices);
    if (json_kind(choices) != JSON_ARR || json_size(choices) == 0)
        return DGM_ERR_UPSTREAM_BROKEN;
    while (json_next(&it)) {
        struct relay_choice c = {0};
        const struct json_val *message = json_get(it.value, DGM_STR("message"));
        if (json_kind(message) != JSON_OBJ)
            return DGM_ERR_UPSTREAM_BROKEN;
        relay_read_finish(&c, it.value);
        look_at(&c, message);
        if (relay_fault(&c) != DGM_ERR_NONE)
            return relay_fault(&c);
    }
    return DGM_ERR_NONE;
}

int relay_put_answer(struct dgm_request *r, int status, const struct json_val *root,
                     struct dgm_str text, struct dgm_buf *out)
{
    const struct json_val *choices = json_get(root, DGM_STR("choices"));
    bool failed = relay_has(r, QUIRK_ERROR_IN_200) && failure_is(root);
    if (status != 200 || failed)
        return failure_put(r, out, status == 200 ? 0 : status, root, text);
    enum dgm_error fault = find_fault(choices);
    if (fault != DGM_ERR_NONE)
        return put_failure(r, fault, out);
    struct json_writer w = json_writer(out);
    struct json_iter it = json_iter(choices);
    json_open_obj(&w);
    relay_put_head(r, &w, root, DGM_STR("chat.completion"));
    relay_put_others(&w, root, relay_known_of_answer);
    json_put_name(&w, "choices");
    json_open_arr(&w);
    while (json_next(&it))
        put_choice(r, &w, it.value, it.index);
    json_close_arr(&w);
    const struct json_val *usage = json_get(root, DGM_STR("usage"));
    if (json_kind(usage) == JSON_OBJ) {
        json_put_name(&w, "usage");
        relay_put_usage(r, &w, usage);
    }
    json_close_obj(&w);
    return 200;
}
