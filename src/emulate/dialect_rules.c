/* SPDX-License-Identifier: Apache-2.0 */
/* dialect_rules.c - what vLLM and TGI refuse: the rows of dialect.def, checked in their order. */
#include "emulate/dialect_rules.h"

#include "base/str.h"
#include "base/utf8.h"
#include "emulate/ask.h"

#define FOUND_SHOWN_BYTES 160 /* of what a request says, where an error quotes it */
#define TOP_N_TOKENS_MAX 5

/* One look at a request. */
struct check {
    const struct json_val *root;
    const char *trouble;  /* why it is no JSON; NULL when it is */
    struct dgm_str model; /* as the client named it */
    struct dgm_str found; /* what {0} stands for */
};

static const struct {
    const char *word, *system, *late, *alternate, *parts;
} templates[] = {
#define TEMPLATE(word, system, late, alternate, parts) {word, system, late, alternate, parts},
#include "emulate/dialect.def"
#undef TEMPLATE
};

/* ---- what rows look at -------------------------------------------------------------------------------- */

static const struct json_val *member(const struct check *c, const char *name)
{
    const struct json_val *v = json_get(c->root, dgm_str_c(name));
    return json_kind(v) == JSON_NULL ? NULL : v;
}

static bool finds(struct check *c, struct dgm_str found)
{
    c->found = found;
    return true;
}

/* A number outside of its range; both ends are inside, where `open` does not say otherwise. */
enum ends { CLOSED, OPEN_LOW, OPEN };
static bool is_out(struct check *c, const char *name, double low, double high, enum ends ends)
{
    double d;
    const struct json_val *v = member(c, name);
    if (!v || !json_double(v, &d))
        return false;
    bool in = (ends == CLOSED ? d >= low : d > low) && (ends == OPEN ? d < high : d <= high);
    return !in && finds(c, json_num(v));
}

static bool has_tools(const struct check *c)
{
    return json_size(member(c, "tools")) != 0;
}

/* The first member of the wrong kind. */
static bool has_wrong_kind(struct check *c)
{
    static const struct {
        const char *name;
        enum json_kind kind;
    } members[] = {
        {"messages", JSON_ARR},
        {"tools", JSON_ARR},
        {"stream", JSON_BOOL},
        {"stream_options", JSON_OBJ},
        {"n", JSON_NUM},
        {"seed", JSON_NUM},
        {"temperature", JSON_NUM},
        {"top_p", JSON_NUM},
        {"max_tokens", JSON_NUM},
        {"response_format", JSON_OBJ},
        {"logprobs", JSON_BOOL},
        {"top_logprobs", JSON_NUM},
        {"presence_penalty", JSON_NUM},
        {"frequency_penalty", JSON_NUM},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json_val *v = member(c, members[i].name);
        if (v && json_kind(v) != members[i].kind)
            return finds(c, dgm_str_c(members[i].name));
    }
    for (struct json_iter i = json_iter(member(c, "messages")); json_next(&i);)
        if (json_get_str(i.value, DGM_STR("role")).n == 0)
            return finds(c, DGM_STR("messages"));
    return false;
}

/* Whether turns alternate: a system message may come first; calls and their results are no turns. */
static bool alternates(const struct json_val *messages)
{
    bool user = true; /* it is the user's turn */
    for (struct json_iter i = json_iter(messages); json_next(&i);) {
        struct dgm_str role = json_get_str(i.value, DGM_STR("role"));
        bool calls = json_size(json_get(i.value, DGM_STR("tool_calls"))) != 0;
        if ((i.index == 0 && dgm_str_eq(role, DGM_STR("system"))) || calls ||
            dgm_str_eq(role, DGM_STR("tool")))
            continue;
        if (!dgm_str_eq(role, user ? DGM_STR("user") : DGM_STR("assistant")))
            return false;
        user = !user;
    }
    return true;
}

static bool has_late_system(const struct json_val *messages)
{
    for (struct json_iter i = json_iter(messages); json_next(&i);)
        if (i.index != 0 && dgm_str_eq(json_get_str(i.value, DGM_STR("role")), DGM_STR("system")))
            return true;
    return false;
}

static bool has_parts(const struct json_val *messages)
{
    for (struct json_iter i = json_iter(messages); json_next(&i);)
        if (json_kind(json_get(i.value, DGM_STR("content"))) == JSON_ARR)
            return true;
    return false;
}

static bool breaks_template(struct check *c)
{
    const struct json_val *messages = member(c, "messages");
    struct dgm_str first = json_get_str(json_at(messages, 0), DGM_STR("role"));
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (!dgm_str_has_nocase(c->model, dgm_str_c(templates[i].word)))
            continue;
        if (templates[i].system[0] != '\0' && dgm_str_eq(first, DGM_STR("system")))
            return finds(c, dgm_str_c(templates[i].system));
        if (templates[i].parts[0] != '\0' && has_parts(messages))
            return finds(c, dgm_str_c(templates[i].parts));
        if (templates[i].late[0] != '\0' && has_late_system(messages))
            return finds(c, dgm_str_c(templates[i].late));
        return templates[i].alternate[0] != '\0' && !alternates(messages) &&
               finds(c, dgm_str_c(templates[i].alternate));
    }
    return false;
}

static bool is_no_json(struct check *c)
{
    return c->trouble && finds(c, dgm_str_c(c->trouble));
}

/* ---- rows --------------------------------------------------------------------------------------------- */

static bool breaks_VLLM_JSON(struct check *c)
{
    return is_no_json(c);
}

static bool breaks_VLLM_MESSAGES(struct check *c)
{
    return !member(c, "messages");
}

static bool breaks_VLLM_TYPE(struct check *c)
{
    return has_wrong_kind(c);
}

static bool breaks_VLLM_STREAM_OPTIONS(struct check *c)
{
    return member(c, "stream_options") && !json_bool(member(c, "stream"), false);
}

static bool breaks_VLLM_TOOL_CHOICE(struct check *c)
{
    const struct json_val *choice = member(c, "tool_choice");
    return choice && !has_tools(c) && !dgm_str_eq(json_str(choice), DGM_STR("none"));
}

static bool breaks_VLLM_TOOL_CHOICE_WORD(struct check *c)
{
    const struct json_val *choice = member(c, "tool_choice");
    struct dgm_str word = json_str(choice);
    if (!choice || (json_kind(choice) == JSON_OBJ &&
                    json_get(choice, DGM_STR("function")))) /* allowed_tools is not known to it */
        return false;
    return !dgm_str_eq(word, DGM_STR("none")) && !dgm_str_eq(word, DGM_STR("auto")) &&
           !dgm_str_eq(word, DGM_STR("required")) &&
           finds(c, word.p ? word : json_get_str(choice, DGM_STR("type")));
}

static bool breaks_VLLM_TOP_LOGPROBS(struct check *c)
{
    int64_t n;
    return json_int(member(c, "top_logprobs"), &n) && n != 0 &&
           !json_bool(member(c, "logprobs"), false);
}

static bool breaks_VLLM_TEMPERATURE(struct check *c)
{
    return is_out(c, "temperature", 0, 1e9, CLOSED);
}

static bool breaks_VLLM_TOP_P(struct check *c)
{
    return is_out(c, "top_p", 0, 1, OPEN_LOW);
}

static bool breaks_VLLM_PENALTY(struct check *c)
{
    static const char *const names[] = {"presence_penalty", "frequency_penalty"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_out(c, names[i], -2, 2, CLOSED))
            return finds(c, dgm_str_c(names[i]));
    return false;
}

static bool breaks_VLLM_MAX_TOKENS(struct check *c)
{
    return is_out(c, "max_completion_tokens", 1, 1e15, CLOSED) ||
           is_out(c, "max_tokens", 1, 1e15, CLOSED);
}

static bool breaks_VLLM_N(struct check *c)
{
    return is_out(c, "n", 1, 1e9, CLOSED);
}

static bool breaks_VLLM_N_LIMIT(struct check *c)
{
    return is_out(c, "n", 1, PLAN_CANDIDATES_MAX, CLOSED);
}

static bool breaks_VLLM_TEMPLATE(struct check *c)
{
    return breaks_template(c);
}

static bool breaks_TGI_JSON(struct check *c)
{
    return is_no_json(c);
}

static bool breaks_TGI_MESSAGES(struct check *c)
{
    return !member(c, "messages");
}

static bool breaks_TGI_TYPE(struct check *c)
{
    return has_wrong_kind(c);
}

static bool breaks_TGI_NO_MESSAGE(struct check *c)
{
    return json_size(member(c, "messages")) == 0;
}

static bool is_format(struct dgm_str type)
{
    return dgm_str_eq(type, DGM_STR("json")) || dgm_str_eq(type, DGM_STR("json_object")) ||
           dgm_str_eq(type, DGM_STR("regex")) || dgm_str_eq(type, DGM_STR("json_schema"));
}

static bool breaks_TGI_FORMAT_VALUE(struct check *c)
{
    const struct json_val *format = member(c, "response_format");
    return is_format(json_get_str(format, DGM_STR("type"))) && !json_get(format, DGM_STR("value"));
}

static bool breaks_TGI_FORMAT_WORD(struct check *c)
{
    const struct json_val *format = member(c, "response_format");
    struct dgm_str type = json_get_str(format, DGM_STR("type"));
    return format && !is_format(type) && finds(c, type);
}

static bool breaks_TGI_STOP(struct check *c)
{
    struct dgm_str stop = json_str(member(c, "stop"));
    return stop.p && finds(c, stop);
}

static bool breaks_TGI_LOGIT_BIAS(struct check *c)
{
    return json_kind(member(c, "logit_bias")) == JSON_OBJ;
}

static bool breaks_TGI_TOP_P(struct check *c)
{
    return is_out(c, "top_p", 0, 1, OPEN);
}

static bool breaks_TGI_TEMPERATURE(struct check *c)
{
    return is_out(c, "temperature", 0, 1e9, OPEN_LOW);
}

static bool breaks_TGI_MAX_TOKENS(struct check *c)
{
    return breaks_VLLM_MAX_TOKENS(c);
}

static bool breaks_TGI_TOP_LOGPROBS(struct check *c)
{
    return is_out(c, "top_logprobs", 0, TOP_N_TOKENS_MAX, CLOSED);
}

static bool breaks_TGI_TOOLS_AND_FORMAT(struct check *c)
{
    return has_tools(c) && member(c, "response_format");
}

static bool breaks_TGI_TEMPLATE(struct check *c)
{
    return breaks_template(c);
}

struct dgm_str emu_dialect_error_type(enum emu_dialect dialect, int status)
{
    static const struct {
        enum emu_dialect dialect;
        int status;
        const char *type;
    } types[] = {
#define ERROR_TYPE(dialect, status, type) {EMU_##dialect, status, type},
#include "emulate/dialect.def"
#undef ERROR_TYPE
    };
    size_t i = 0;
    while (types[i].dialect != dialect || (types[i].status != status && types[i].status != 0))
        i++; /* each dialect has a row for any other */
    return dgm_str_c(types[i].type);
}

/* ---- the table ---------------------------------------------------------------------------------------- */

static const struct {
    struct emu_dialect_row row;
    bool (*breaks)(struct check *);
} rows[] = {
#define REFUSE(dialect, id, status, type, certainty, source, text)                                 \
    {{EMU_##dialect, #id, status, type, CERTAINTY_##certainty, source, text},                      \
     breaks_##dialect##_##id},
#include "emulate/dialect.def"
#undef REFUSE
};

const struct emu_dialect_row *emu_dialect_row_at(size_t index)
{
    return index < sizeof rows / sizeof *rows ? &rows[index].row : NULL;
}

static enum dgm_rc refuse(const struct emu_dialect_row *row, struct dgm_str found,
                          struct dgm_arena *arena, struct refusal *reterr)
{
    struct dgm_buf message;
    struct dgm_str text = dgm_str_c(row->text), hole = DGM_STR("{0}");
    size_t at = dgm_str_find(text, hole);
    dgm_buf_init(&message, dgm_arena_alloc(arena), SIZE_MAX);
    dgm_buf_put(&message, dgm_str_head(text, at));
    if (at < text.n) {
        dgm_buf_put(&message, dgm_utf8_head(found, FOUND_SHOWN_BYTES));
        dgm_buf_put(&message, dgm_str_skip(text, at + hole.n));
    }
    if (message.rc != DGM_OK)
        return DGM_E_NOMEM;
    *reterr = (struct refusal){
        .status = row->status, .message = dgm_buf_str(&message), .google = dgm_str_c(row->type)};
    return DGM_E_REFUSED;
}

enum dgm_rc emu_dialect_check(enum emu_dialect dialect, const struct json_val *root,
                              const char *trouble, struct dgm_arena *arena, struct refusal *reterr)
{
    struct check c = {
        .root = root, .trouble = trouble, .model = json_get_str(root, DGM_STR("model"))};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].row.dialect == dialect && rows[i].breaks(&c))
            return refuse(&rows[i].row, c.found, arena, reterr);
    return DGM_OK;
}
