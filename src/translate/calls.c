/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - the calls of an answer: ids, names, arguments, and what of them is to be kept. */
#include "translate/answer.h"
#include "translate/args.h"
#include "translate/compat.h"
#include "translate/tools.h"

#include "base/str.h"

/* A call's id: 20 to 30 letters and digits behind "call_"; clients refuse over 40 in all (user-pain D4). */
#define CALL_ID_STEM_BYTES 24 /* at most, of the exchange's id */
#define CALL_ID_MIN_BYTES 20
#define CALL_ID_DIGITS 6 /* of the call's number; zeros before it fill a short id */

#define NATIVE_ID_BYTES_MAX 256 /* of an upstream's id that is worth keeping; Google's have 8 */

const struct json_val *answer_call(const struct json_val *part)
{
    const struct json_val *call = json_get(part, DGM_STR("functionCall"));
    return json_kind(call) == JSON_OBJ ? call : NULL;
}

bool answer_is_answer(const struct dgm_request *r, const struct json_val *part)
{
    const struct json_val *call = answer_call(part);
    return call && tools_is_answer(r, json_get_str(call, DGM_STR("name")));
}

/* FNV-1a: https://datatracker.ietf.org/doc/draft-eastlake-fnv. */
static uint64_t digest(uint64_t from, struct dgm_str id, uint64_t n)
{
    for (size_t i = 0; i < id.n; i++)
        from = (from ^ (unsigned char)id.p[i]) * 1099511628211u;
    for (; n; n >>= 8)
        from = (from ^ (n & 0xff)) * 1099511628211u;
    return from;
}

/* "function-call-" and a UUID (google.md 4.2), of the exchange's id and the call's number. */
static struct dgm_str google_call_id(struct dgm_request *r)
{
    char text[64];
    struct dgm_buf id = {.p = text, .cap = sizeof text, .max = sizeof text};
    uint64_t n = ++r->calls_n;
    uint64_t high = digest(14695981039346656037u, r->env.id, n);
    uint64_t low = digest(high, r->env.id, n);
    dgm_buf_put_lit(&id, "function-call-");
    dgm_buf_put_hex(&id, high >> 32, 8);
    dgm_buf_put_char(&id, '-');
    dgm_buf_put_hex(&id, high >> 16 & 0xffff, 4);
    dgm_buf_put_lit(&id,
                    "-8"); /* a UUID of the eighth version: made as its maker likes (RFC 9562) */
    dgm_buf_put_hex(&id, high & 0xfff, 3);
    dgm_buf_put_char(&id, '-');
    dgm_buf_put_hex(&id, (low >> 48 & 0x3fff) | 0x8000, 4);
    dgm_buf_put_char(&id, '-');
    dgm_buf_put_hex(&id, low & 0xffffffffffff, 12);
    return dgm_arena_copy(&r->arena, dgm_buf_str(&id));
}

struct dgm_str answer_new_call_id(struct dgm_request *r)
{
    if (compat_is_google(r))
        return google_call_id(r);
    char stem[CALL_ID_STEM_BYTES], text[64];
    size_t stem_n = 0, digits = CALL_ID_DIGITS;
    for (size_t i = 0; i < r->env.id.n && stem_n < sizeof stem; i++)
        if (r->env.id.p[i] != '-' && r->env.id.p[i] != '_')
            stem[stem_n++] = r->env.id.p[i];
    /* The number's width depends on the stem's length alone: of stems that are long enough no two pairs read the same. */
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

void answer_keep(struct dgm_request *r, struct dgm_kept record)
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
                         const struct json_val *call, bool begun)
{
    const struct json_val *args = json_get(call, DGM_STR("args"));
    struct dgm_str name = json_get_str(call, DGM_STR("name"));
    json_member_str(w, "name", names_client(r, name));
    json_put_name(w, "arguments");
    if (begun) /* they come in pieces */
        json_put_str(w, DGM_STR(""));
    else if (json_kind(args) == JSON_OBJ)
        args_put_as_str(w, args, tools_schema(r, name));
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
                     int64_t index, bool begun)
{
    const struct json_val *call = answer_call(part);
    struct dgm_str id = answer_new_call_id(r);
    struct dgm_str signature = json_get_str(part, DGM_STR("thoughtSignature"));
    struct dgm_str native_id = json_get_str(call, DGM_STR("id"));
    if (native_id.n > NATIVE_ID_BYTES_MAX)
        native_id = (struct dgm_str){0};
    if (!id.p)
        chat_no_memory(r);
    json_open_obj(w);
    if (index >= 0)
        json_member_int(w, "index", index);
    json_member_str(w, "id", id);
    json_member_lit(w, "type", "function");
    json_put_name(w, "function");
    json_open_obj(w);
    put_function(r, w, call, begun);
    json_close_obj(w);
    if (signature.p)
        put_signature(w, signature);
    if (signature.p || native_id.n)
        answer_keep(r,
                    (struct dgm_kept){.call_id = id,
                                      .name = names_client(r, json_get_str(call, DGM_STR("name"))),
                                      .signature = signature,
                                      .model = r->model.name,
                                      .native_id = native_id});
    json_close_obj(w);
}

/* The deprecated form has no id, so that nothing can be kept under one: the client may bring its signature back. */
static void put_legacy_call(const struct dgm_request *r, struct json_writer *w,
                            const struct json_val *part)
{
    struct dgm_str signature = json_get_str(part, DGM_STR("thoughtSignature"));
    json_open_obj(w);
    put_function(r, w, answer_call(part), false);
    if (signature.p)
        put_signature(w, signature);
    json_close_obj(w);
}

void answer_put_calls(struct dgm_request *r, struct json_writer *w, const struct json_val *parts,
                      int64_t *calls_n, bool indexed)
{
    struct json_iter it = json_iter(parts);
    int64_t n = *calls_n;
    bool legacy = tools_legacy(r);
    json_put_key(w, legacy ? DGM_STR("function_call") : DGM_STR("tool_calls"));
    if (!legacy)
        json_open_arr(w);
    while ((uint64_t)n < tools_calls_max(r) && json_next(&it)) {
        if (!answer_call(it.value) || answer_is_answer(r, it.value))
            continue;
        if (legacy)
            put_legacy_call(r, w, it.value);
        else
            put_call(r, w, it.value, indexed ? n : -1, false);
        n++;
    }
    if (!legacy)
        json_close_arr(w);
    *calls_n = n;
}

/* ---- streamed arguments ---- */

static bool is_piece(const struct json_val *part)
{
    const struct json_val *call = answer_call(part);
    return call && (json_get(call, DGM_STR("partialArgs")) ||
                    json_bool(json_get(call, DGM_STR("willContinue")), false));
}

bool answer_is_partial(const struct choice *c, const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    if (c->partial)
        return true;
    while (json_next(&it))
        if (is_piece(it.value))
            return true;
    return false;
}

/* Puts a piece of the arguments of the call that was begun last; nothing for an empty one. */
static void put_piece(struct json_writer *w, const struct choice *c, struct dgm_str piece)
{
    if (piece.n == 0)
        return;
    json_open_obj(w);
    json_member_int(w, "index", c->calls - 1);
    json_put_name(w, "function");
    json_open_obj(w);
    json_member_str(w, "arguments", piece);
    json_close_obj(w);
    json_close_obj(w);
}

/* What came of a piece: the call goes on, is over, or makes no sense. */
static void note_piece(struct dgm_request *r, struct choice *c, enum dgm_rc rc)
{
    if (rc == DGM_E_NOMEM)
        chat_no_memory(r);
    c->broken = c->broken || rc < 0;
    if (rc != DGM_MORE) {
        partial_args_dispose(c->partial);
        c->partial = NULL;
    }
}

static void feed_piece(struct dgm_request *r, struct json_writer *w, struct choice *c,
                       const struct json_val *call)
{
    dgm_buf_clear(&c->shown);
    enum dgm_rc rc = partial_args_feed(c->partial, call, &c->shown);
    put_piece(w, c, dgm_buf_str(&c->shown));
    note_piece(r, c, rc);
}

void answer_end_partial(struct dgm_request *r, struct json_writer *w, struct choice *c)
{
    if (!c->partial)
        return;
    dgm_buf_clear(&c->shown);
    enum dgm_rc rc = partial_args_finish(c->partial, &c->shown);
    put_piece(w, c, dgm_buf_str(&c->shown));
    note_piece(r, c, rc);
}

/* A call with a name begins; what was under way is over. */
static void begin_partial(struct dgm_request *r, struct json_writer *w, struct choice *c,
                          const struct json_val *part)
{
    answer_end_partial(r, w, c);
    if ((uint64_t)c->calls >= tools_calls_max(r))
        return;
    put_call(r, w, part, c->calls, is_piece(part));
    c->calls++;
    if (!is_piece(part))
        return;
    c->partial = dgm_arena_take(&r->arena, sizeof *c->partial);
    if (c->partial)
        partial_args_init(c->partial, dgm_arena_alloc(&r->arena));
    else
        chat_no_memory(r);
}

void answer_put_partial(struct dgm_request *r, struct json_writer *w, struct choice *c,
                        const struct json_val *parts)
{
    struct json_iter it = json_iter(parts);
    json_put_name(w, "tool_calls");
    json_open_arr(w);
    while (r->rc == DGM_OK && !c->broken && json_next(&it)) {
        const struct json_val *call = answer_call(it.value);
        if (!call)
            continue;
        if (json_get_str(call, DGM_STR("name")).n)
            begin_partial(r, w, c, it.value);
        if (c->partial)
            feed_piece(r, w, c, call);
    }
    json_close_arr(w);
}
