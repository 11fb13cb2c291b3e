/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c - what whole and streamed answers share. */
#include "translate/answer.h"

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

struct dgm_str answer_finish_of(struct dgm_str finish, bool has_calls)
{
    return has_calls && dgm_str_eq(finish, DGM_STR("stop")) ? DGM_STR("tool_calls") : finish;
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

struct answer_parts answer_parts(const struct json_val *candidate)
{
    const struct json_val *content = json_get(candidate, DGM_STR("content"));
    struct answer_parts found = {.parts = json_get(content, DGM_STR("parts"))};
    struct json_iter it = json_iter(found.parts);
    while (json_next(&it)) {
        found.texts = found.texts || answer_text(it.value).n != 0;
        found.calls = found.calls || answer_call(it.value) != NULL;
    }
    return found;
}

void answer_put_texts(struct json_writer *w, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
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

void answer_put_call(struct dgm_request *r, struct json_writer *w, const struct json_val *part,
                     int64_t index)
{
    const struct json_val *call = answer_call(part);
    const struct json_val *args = json_get(call, DGM_STR("args"));
    struct dgm_str id = new_call_id(r), name = json_get_str(call, DGM_STR("name"));
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
    json_member_str(w, "name", name);
    json_put_name(w, "arguments");
    if (json_kind(args) == JSON_OBJ)
        json_put_val_as_str(w, args);
    else
        json_put_str(w, DGM_STR("{}"));
    json_close_obj(w);
    if (signature.p) {
        json_put_name(w, "extra_content");
        json_open_obj(w);
        json_put_name(w, "google");
        json_open_obj(w);
        json_member_str(w, "thought_signature", signature);
        json_close_obj(w);
        json_close_obj(w);
        keep(r, (struct dgm_kept){
                    .call_id = id, .name = name, .signature = signature, .model = r->model.name});
    }
    json_close_obj(w);
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
