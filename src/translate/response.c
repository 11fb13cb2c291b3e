/* SPDX-License-Identifier: Apache-2.0 */
/* response.c - a whole native answer as an OpenAI completion. */
#include "translate/answer.h"
#include "translate/compat.h"

#include "base/str.h"
#include "translate/echo.h"
#include "translate/failure.h"
#include "translate/logprobs.h"
#include "translate/relay.h"
#include "translate/usage.h"

#include <string.h>

/* The choices of a completion, read: a candidate is one piece. */
struct choices {
    struct choice state[CHOICES_MAX];
    struct answer_piece piece[CHOICES_MAX]; /* without a candidate: there is no such choice */
};

/* Puts a choice. False: it has nothing to show, for thoughts took all the tokens that it might have. */
static bool put_choice(struct dgm_request *r, struct json_writer *w, struct choices *all, size_t i)
{
    struct choice *c = &all->state[i];
    const struct answer_piece *piece = &all->piece[i];
    json_open_obj(w);
    json_member_int(w, "index", (int64_t)i);
    json_put_name(w, "message");
    json_open_obj(w);
    json_member_lit(w, "role", "assistant");
    answer_put_members(r, w, c, piece, true);
    echo_end(r, c->echo);
    json_close_obj(w);
    json_put_name(w, "logprobs");
    logprobs_put(w, piece->more ? piece->candidate : NULL);
    json_member_str(w, "finish_reason", answer_finish(r, c));
    json_close_obj(w);
    return c->said || !dgm_str_eq(c->finish, DGM_STR("length"));
}

/*
 * What became of max_tokens, in x-dragoman-warning (user-pain A2). A text cannot be cut where a number of tokens ends:
 * only the model's own tokenizer knows where that is. So it goes as it came, usage tells its true length, and so does
 * this.
 */
static void note_limit(struct dgm_request *r, const struct usage *usage, bool empty)
{
    struct dgm_str member = r->field[CHAT_MAX_COMPLETION_TOKENS] ? DGM_STR("max_completion_tokens")
                                                                 : DGM_STR("max_tokens");
    int64_t max, visible = usage->completion - usage->reasoning;
    char text[24];
    struct dgm_buf number = {.p = text, .cap = sizeof text, .max = sizeof text};
    bool longer = !r->field[CHAT_MAX_COMPLETION_TOKENS] && !r->field[CHAT_N] &&
                  json_int(r->field[CHAT_MAX_TOKENS], &max) && visible > max;
    if (!empty && !longer)
        return;
    dgm_buf_put_int(&number, empty ? usage->reasoning : visible);
    chat_note(r, DGM_NOTE_WARNING,
              (struct dgm_str[4]){member,
                                  empty ? DGM_STR(": thoughts took all of it: ")
                                        : DGM_STR(": the visible answer has "),
                                  dgm_buf_str(&number),
                                  empty ? DGM_STR(" tokens")
                                        : DGM_STR(" tokens: thoughts left of their room")});
    chat_end_notes(r);
}

static void put_blocked(const struct dgm_request *r, struct json_writer *w,
                        const struct json_val *feedback)
{
    json_open_obj(w);
    json_member_int(w, "index", 0);
    json_put_name(w, "message");
    json_open_obj(w);
    json_member_lit(w, "role", "assistant");
    answer_put_blocked(r, w, feedback, true);
    json_close_obj(w);
    json_member_null(w, "logprobs");
    json_member_lit(w, "finish_reason", "content_filter");
    json_close_obj(w);
}

/*
 * Sorts the candidates by their index, which proto3 leaves out where it is 0. Where two claim the same one,
 * or one that nobody could have asked for, they go by their order.
 */
static void sort_candidates(const struct json_val *candidates,
                            const struct json_val *ret_by_index[CHOICES_MAX])
{
    struct json_iter it = json_iter(candidates);
    bool sound = true;
    for (size_t i = 0; i < CHOICES_MAX; i++)
        ret_by_index[i] = NULL;
    while (json_next(&it)) {
        int64_t index = 0;
        json_int(json_get(it.value, DGM_STR("index")), &index);
        sound = sound && index >= 0 && index < CHOICES_MAX && !ret_by_index[index];
        if (sound)
            ret_by_index[index] = it.value;
    }
    for (it = json_iter(candidates); !sound && json_next(&it) && it.index < CHOICES_MAX;)
        ret_by_index[it.index] = it.value;
}

/*
 * Reads the candidates, and tells what is wrong with them: one without a finishReason was cut off; all of them without
 * a thing to show are no answer (user-pain C2, F6).
 */
static enum dgm_error read_choices(struct dgm_request *r, const struct json_val *candidates,
                                   struct choices *ret)
{
    const struct json_val *by_index[CHOICES_MAX];
    enum dgm_error first = DGM_ERR_NONE;
    bool all = true;
    sort_candidates(candidates, by_index);
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        struct choice *c = &ret->state[i];
        ret->piece[i].candidate = NULL;
        if (!by_index[i])
            continue;
        choice_init(c, r);
        ret->piece[i] = answer_read(r, c, by_index[i]);
        if (!c->finish.p)
            return DGM_ERR_UPSTREAM_CUT;
        enum dgm_error fault = answer_fault(r, c);
        all = all && fault != DGM_ERR_NONE;
        first = first != DGM_ERR_NONE ? first : fault;
    }
    return all ? first : DGM_ERR_NONE;
}

static void put_completion(struct dgm_request *r, const struct answer_root *root,
                           struct choices *choices, const struct usage *usage, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    answer_put_head(r, &w, DGM_STR("chat.completion"));
    json_put_name(&w, "choices");
    json_open_arr(&w);
    bool empty = false;
    for (size_t i = 0; i < CHOICES_MAX; i++)
        if (choices->piece[i].candidate && !put_choice(r, &w, choices, i))
            empty = true;
    if (json_size(root->candidates) == 0)
        put_blocked(r, &w, root->feedback);
    json_close_arr(&w);
    json_put_name(&w, "usage");
    usage_put(&w, usage);
    json_close_obj(&w);
    note_limit(r, usage, empty);
}

/* The same in the shapes of Google's own endpoint. */
static void put_google(struct dgm_request *r, const struct answer_root *root,
                       struct choices *choices, const struct usage *usage, struct dgm_buf *out)
{
    struct dgm_buf plain;
    dgm_buf_init(&plain, r->env.alloc, out->max);
    put_completion(r, root, choices, usage, &plain);
    if (plain.rc != DGM_OK)
        out->rc = plain.rc;
    else
        compat_put_completion(r, dgm_buf_str(&plain), usage, out);
    dgm_buf_dispose(&plain);
}

static int put_fail(struct dgm_request *r, const struct dgm_fail *fail, struct dgm_buf *out)
{
    chat_note_fault(r, fail->id);
    dgm_fail_put_as(fail, compat_is_google(r) ? DGM_COMPAT_GOOGLE : DGM_COMPAT_OPENAI, out);
    return dgm_error_status(fail->id);
}

static int put_failure(struct dgm_request *r, enum dgm_error id, struct dgm_buf *out)
{
    struct dgm_fail fail;
    dgm_fail_row(&fail, id);
    return put_fail(r, &fail, out);
}

/* An upstream's error; Google's endpoint has an array around it. */
static int put_error(struct dgm_request *r, int status, const struct json_val *root,
                     struct dgm_str native, struct dgm_buf *out)
{
    if (compat_is_google(r))
        dgm_buf_put_char(out, '[');
    status = failure_put(r, out, status, root, native);
    if (compat_is_google(r))
        dgm_buf_put_char(out, ']');
    return status;
}

/* What an answer is, by its status and its members; puts the client's and returns the client's status. */
static int put_answer(struct dgm_request *r, int status, const struct json_val *root,
                      struct dgm_str native, struct dgm_buf *out)
{
    struct answer_root members = answer_root(root);
    struct choices choices;
    if (status != 200 || failure_find(root))
        return put_error(r, status == 200 ? 0 : status, root, native, out);
    if (json_size(members.candidates) == 0 &&
        json_get_str(members.feedback, DGM_STR("blockReason")).n == 0)
        return put_failure(r, DGM_ERR_UPSTREAM_BROKEN, out);
    if (json_size(members.candidates) == 0 && r->env.blocked == DGM_BLOCKED_ERROR) {
        struct dgm_fail fail;
        answer_fail_blocked(members.feedback, &fail);
        return put_fail(r, &fail, out);
    }
    enum dgm_error fault = read_choices(r, members.candidates, &choices);
    if (fault != DGM_ERR_NONE)
        return put_failure(r, fault, out);
    answer_note_version(r, members.version);
    struct usage usage = usage_read(members.usage);
    if (json_kind(members.usage) == JSON_OBJ)
        chat_note_tokens(r, usage.prompt, usage.completion);
    if (compat_is_google(r)) {
        compat_note_id(r, root);
        put_google(r, &members, &choices, &usage, out);
    } else {
        put_completion(r, &members, &choices, &usage, out);
    }
    return 200;
}

enum dgm_rc dgm_chat_response(struct dgm_request *r, int status, struct dgm_str native,
                              struct dgm_buf *out, int *ret_status)
{
    r->kept_n = 0;
    r->retry = (struct dgm_retry){.after_ms = -1};
    if (native.n > r->limits.event_bytes) {
        *ret_status = put_failure(r, DGM_ERR_UPSTREAM_LARGE, out);
        return out->rc;
    }
    char *text = dgm_arena_take(&r->arena, native.n + JSON_PADDING);
    if (!text)
        return DGM_E_NOMEM;
    /* An error that is framed as an event is one all the same (user-pain G2). */
    struct dgm_str frame = DGM_STR("data:");
    if (status != 200 && dgm_str_starts(native, frame))
        native = dgm_str_skip(native, frame.n);
    if (native.n)
        memcpy(text, native.p, native.n);
    const struct json_val *root = NULL;
    struct json_error e;
    if (json_parse(&r->arena, text, native.n, compat_depth(r), &root, &e) == DGM_E_NOMEM)
        return DGM_E_NOMEM;
    int answered = r->relay ? relay_put_answer(r, status, root, native, out)
                            : put_answer(r, status, root, native, out);
    if (r->rc != DGM_OK || out->rc != DGM_OK)
        return r->rc != DGM_OK ? r->rc : out->rc;
    *ret_status = answered;
    return r->kept_n ? DGM_KEEP : DGM_OK;
}
