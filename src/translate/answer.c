/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - what whole and streamed answers share. */
#include "translate/answer.h"
#include "translate/tools.h"

#include "base/str.h"

/* A call's id: 20 to 30 letters and digits behind "call_"; clients refuse over 40 in all (user-pain D4). */
#define CALL_ID_STEM_BYTES 24 /* at most, of the exchange's id */
#define CALL_ID_MIN_BYTES 20
#define CALL_ID_DIGITS 6 /* of the call's number; zeros before it fill a short id */

static const struct {
    const char *native, *openai;
} finishes[] = {
#define FINISH(native, openai) {native, openai},
#include "translate/finish.def"
#undef FINISH
};

/* ---- candidates ---- */

struct dgm_str answer_finish(struct dgm_str native)
{
    for (size_t i = 0; i < sizeof finishes / sizeof *finishes; i++)
        if (dgm_str_eq(native, dgm_str_c(finishes[i].native)))
            return dgm_str_c(finishes[i].openai);
    return DGM_STR("content_filter");
}

struct dgm_str answer_finish_of(const struct dgm_request *r, struct dgm_str finish, bool has_calls)
{
    if (!has_calls || !dgm_str_eq(finish, DGM_STR("stop")))
        return finish;
    return tools_legacy(r) ? DGM_STR("function_call") : DGM_STR("tool_calls");
}

struct dgm_str answer_reason(const struct json_val *candidate)
{
    struct dgm_str native = json_get_str(candidate, DGM_STR("finishReason"));
    bool goes_on = native.n == 0 || dgm_str_eq(native, DGM_STR("FINISH_REASON_UNSPECIFIED"));
    return goes_on ? (struct dgm_str){0} : native;
}

const struct json_val *answer_call(const struct json_val *part)
{
    const struct json_val *call = json_get(part, DGM_STR("functionCall"));
    return json_kind(call) == JSON_OBJ ? call : NULL;
}

/* Whether a part is a call that is the answer itself. */
static bool is_answer(const struct dgm_request *r, const struct json_val *part)
{
    const struct json_val *call = answer_call(part);
    return call && tools_is_answer(r, json_get_str(call, DGM_STR("name")));
}

struct answer_parts answer_parts(const struct dgm_request *r, const struct json_val *candidate,
                                 int64_t calls_n)
{
    const struct json_val *content = json_get(candidate, DGM_STR("content"));
    struct answer_parts found = {.parts = json_get(content, DGM_STR("parts"))};
    struct json_iter it = json_iter(found.parts);
    while (json_next(&it)) {
        found.texts = found.texts || answer_text(it.value).n != 0;
        if (!answer_call(it.value))
            continue;
        if (is_answer(r, it.value)) {
            found.answer = found.answer ? found.answer : answer_call(it.value);
            found.texts = true;
        } else if ((uint64_t)calls_n < tools_calls_max(r)) {
            found.calls = true;
        }
    }
    return found;
}

void answer_put_texts(const struct dgm_request *r, struct json_writer *w,
                      const struct answer_parts *found)
{
    struct json_iter it = json_iter(found->parts);
    if (found->answer) {
        tools_put_answer(r, w, json_get(found->answer, DGM_STR("args")));
        return;
    }
    json_open_str(w);
    while (json_next(&it))
        json_add_str(w, answer_text(it.value));
    json_close_str(w);
}

struct dgm_str answer_text(const struct json_val *part)
{
    if (json_bool(json_get(part, DGM_STR("thought")), false))
        return (struct dgm_str){0};
    return json_get_str(part, DGM_STR("text"));
}

void answer_put_refusal(struct json_writer *w, const struct json_val *prompt_feedback)
{
    struct dgm_str said = json_get_str(prompt_feedback, DGM_STR("blockReasonMessage"));
    if (said.n) {
        json_put_str(w, said);
        return;
    }
    json_open_str(w);
    json_add_str(w, DGM_STR("The prompt was blocked: "));
    json_add_str(w, json_get_str(prompt_feedback, DGM_STR("blockReason")));
    json_add_str(w, DGM_STR("."));
    json_close_str(w);
}

static struct dgm_str new_call_id(struct dgm_request *r)
{
    char stem[CALL_ID_STEM_BYTES], text[64];
    size_t stem_n = 0, digits = CALL_ID_DIGITS;
    for (size_t i = 0; i < r->env.id.n && stem_n < sizeof stem; i++)
        if (r->env.id.p[i] != '-' && r->env.id.p[i] != '_')
            stem[stem_n++] = r->env.id.p[i];
    /* The number's width depends on the stem alone, so no two pairs of stem and number read the same. */
    struct dgm_buf id = {.p = text, .cap = sizeof text, .max = sizeof text};
    dgm_buf_put_lit(&id, "call_");
    dgm_buf_put(&id, (struct dgm_str){stem, stem_n});
    while (stem_n + digits < CALL_ID_MIN_BYTES)
        digits++;
    for (; digits > CALL_ID_DIGITS; digits--)
        dgm_buf_put_char(&id, '0');
    dgm_buf_put_hex(&id, r->calls_n++, CALL_ID_DIGITS);
    return dgm_arena_copy(&r->arena, dgm_buf_str(&id));
}

static void keep(struct dgm_request *r, struct dgm_kept record)
{
    if (r->kept_n == r->kept_cap) {
        size_t cap = r->kept_cap ? 2 * r->kept_cap : 4;
        const struct dgm_alloc *alloc = dgm_arena_alloc(&r->arena);
        struct dgm_kept *kept =
            alloc->resize(alloc->ctx, r->kept, r->kept_cap * sizeof *kept, cap * sizeof *kept);
        if (!kept) {
            chat_no_memory(r);
            return;
        }
        r->kept = kept;
        r->kept_cap = cap;
    }
    r->kept[r->kept_n++] = record;
}

/* Puts {name, arguments}, which tool_calls[].function and function_call share. */
static void put_function(const struct dgm_request *r, struct json_writer *w,
                         const struct json_val *call)
{
    const struct json_val *args = json_get(call, DGM_STR("args"));
    json_member_str(w, "name", names_client(r, json_get_str(call, DGM_STR("name"))));
    json_put_name(w, "arguments");
    if (json_kind(args) == JSON_OBJ)
        json_put_val_as_str(w, args);
    else
        json_put_str(w, DGM_STR("{}"));
}

static void put_signature(struct json_writer *w, struct dgm_str signature)
{
    json_put_name(w, "extra_content");
    json_open_obj(w);
    json_put_name(w, "google");
    json_open_obj(w);
    json_member_str(w, "thought_signature", signature);
    json_close_obj(w);
    json_close_obj(w);
}

static void put_call(struct dgm_request *r, struct json_writer *w, const struct json_val *part,
                     int64_t index)
{
    const struct json_val *call = answer_call(part);
    struct dgm_str id = new_call_id(r);
    struct dgm_str signature = json_get_str(part, DGM_STR("thoughtSignature"));
    if (!id.p)
        chat_no_memory(r);
    json_open_obj(w);
    if (index >= 0)
        json_member_int(w, "index", index);
    json_member_str(w, "id", id);
    json_member_str(w, "type", DGM_STR("function"));
    json_put_name(w, "function");
    json_open_obj(w);
    put_function(r, w, call);
    json_close_obj(w);
    if (signature.p) {
        put_signature(w, signature);
        keep(r, (struct dgm_kept){.call_id = id,
                                  .name = names_client(r, json_get_str(call, DGM_STR("name"))),
                                  .signature = signature,
                                  .model = r->model.name});
    }
    json_close_obj(w);
}

/* The deprecated form has no id, so that nothing can be kept under one: the client may bring its signature back. */
static void put_legacy_call(const struct dgm_request *r, struct json_writer *w,
                            const struct json_val *part)
{
    struct dgm_str signature = json_get_str(part, DGM_STR("thoughtSignature"));
    json_open_obj(w);
    put_function(r, w, answer_call(part));
    if (signature.p)
        put_signature(w, signature);
    json_close_obj(w);
}

void answer_put_calls(struct dgm_request *r, struct json_writer *w, const struct json_val *parts,
                      int64_t *calls_n)
{
    struct json_iter it = json_iter(parts);
    int64_t n = calls_n ? *calls_n : 0;
    bool legacy = tools_legacy(r);
    json_put_key(w, legacy ? DGM_STR("function_call") : DGM_STR("tool_calls"));
    if (!legacy)
        json_open_arr(w);
    while ((uint64_t)n < tools_calls_max(r) && json_next(&it)) {
        if (!answer_call(it.value) || is_answer(r, it.value))
            continue;
        if (legacy)
            put_legacy_call(r, w, it.value);
        else
            put_call(r, w, it.value, calls_n ? n : -1);
        n++;
    }
    if (!legacy)
        json_close_arr(w);
    if (calls_n)
        *calls_n = n;
}

void answer_put_head(const struct dgm_request *r, struct json_writer *w, struct dgm_str object)
{
    json_put_name(w, "id");
    json_open_str(w);
    json_add_str(w, DGM_STR("chatcmpl-"));
    json_add_str(w, r->env.id);
    json_close_str(w);
    json_member_str(w, "object", object);
    json_member_int(w, "created", r->env.now);
    json_member_str(w, "model", r->model_sent);
}
