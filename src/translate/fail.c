/* SPDX-License-Identifier: Apache-2.0 */
/* fail.c - our own errors, as rows and as OpenAI's error object. */
#include "base/str.h"
#include "base/utf8.h"
#include "json/write.h"
#include "translate/compat.h"

#include <string.h>

static const struct row {
    enum dgm_error id;
    int status;
    const char *type, *code, *sentence;
} rows[] = {
#define ERROR(id, number, status, type, code, sentence)                                            \
    {DGM_ERR_##id, status, type, code, sentence},
#include <dragoman/errors.def>
#undef ERROR
};

static const struct row *find_row(enum dgm_error id)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].id == id)
            return &rows[i];
    return &rows[0]; /* NONE */
}

int dgm_error_status(enum dgm_error id)
{
    return find_row(id)->status;
}

struct dgm_str dgm_error_sentence(enum dgm_error id)
{
    return dgm_str_c(find_row(id)->sentence);
}

struct dgm_str dgm_error_code(enum dgm_error id)
{
    return dgm_str_c(find_row(id)->code);
}

struct dgm_str dgm_error_type(enum dgm_error id)
{
    return dgm_str_c(find_row(id)->type);
}

/* Adds what fits of `s` to the zero-terminated text in `to`, whole characters only. */
static void add(char *to, size_t size, struct dgm_str s)
{
    size_t n = strlen(to);
    s = dgm_utf8_head(s, size - 1 - n);
    if (s.n)
        memcpy(to + n, s.p, s.n);
    to[n + s.n] = '\0';
}

void dgm_fail_set(struct dgm_fail *f, enum dgm_error id, struct dgm_str param,
                  const struct dgm_str detail[4])
{
    *f = (struct dgm_fail){.id = id};
    add(f->param, sizeof f->param, param);
    for (size_t i = 0; i < 4; i++)
        add(f->detail, sizeof f->detail, detail[i]);
}

void dgm_fail_row(struct dgm_fail *f, enum dgm_error id)
{
    *f = (struct dgm_fail){.id = id};
}

static void put_str_or_null(struct json_writer *w, struct dgm_str s)
{
    if (s.n)
        json_put_str(w, s);
    else
        json_put_null(w);
}

void dgm_fail_put(const struct dgm_fail *f, struct dgm_buf *out)
{
    const struct row *row = find_row(f->id);
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_put_name(&w, "error");
    json_open_obj(&w);
    json_member_str(&w, "message", dgm_str_c(f->detail[0] ? f->detail : row->sentence));
    json_member_str(&w, "type", dgm_str_c(row->type));
    json_put_name(&w, "param");
    put_str_or_null(&w, dgm_str_c(f->param));
    json_put_name(&w, "code");
    put_str_or_null(&w, dgm_str_c(row->code));
    json_close_obj(&w);
    json_close_obj(&w);
}

static const struct {
    int status;
    const char *name;
} google_codes[] = {
#define GOOGLE_CODE(status, name) {status, name},
#include "translate/google_codes.def"
#undef GOOGLE_CODE
};

static struct dgm_str google_code(int status)
{
    const char *hundred = "UNKNOWN";
    for (size_t i = 0; i < sizeof google_codes / sizeof *google_codes; i++) {
        if (google_codes[i].status == status)
            return dgm_str_c(google_codes[i].name);
        if (google_codes[i].status == status / 100 * 100)
            hundred = google_codes[i].name;
    }
    return dgm_str_c(hundred);
}

/* Puts code, message and status, and leaves the object open for details. */
static struct json_writer open_google(struct dgm_buf *out, int code, struct dgm_str message,
                                      struct dgm_str status)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_put_name(&w, "error");
    json_open_obj(&w);
    json_member_int(&w, "code", code);
    json_member_str(&w, "message", message);
    json_member_str(&w, "status", status.n ? status : google_code(code));
    return w;
}

static void close_google(struct json_writer *w)
{
    json_close_obj(w);
    json_close_obj(w);
}

void compat_put_error(struct dgm_buf *out, int code, struct dgm_str message, struct dgm_str status,
                      const struct json_val *details)
{
    struct json_writer w = open_google(out, code, message, status);
    if (details)
        json_member_val(&w, "details", details);
    close_google(&w);
}

void compat_put_fail(const struct dgm_fail *f, struct dgm_buf *out)
{
    const struct row *row = find_row(f->id);
    struct dgm_str message = dgm_str_c(f->detail[0] ? f->detail : row->sentence);
    struct json_writer w = open_google(out, row->status, message, (struct dgm_str){0});
    if (f->param[0]) {
        json_put_name(&w, "details");
        json_open_arr(&w);
        json_open_obj(&w);
        json_member_str(&w, "@type", DGM_STR("type.googleapis.com/google.rpc.BadRequest"));
        json_put_name(&w, "fieldViolations");
        json_open_arr(&w);
        json_open_obj(&w);
        json_member_str(&w, "field", dgm_str_c(f->param));
        json_member_str(&w, "description", message);
        json_close_obj(&w);
        json_close_arr(&w);
        json_close_obj(&w);
        json_close_arr(&w);
    }
    close_google(&w);
}

void chat_put_fail(const struct dgm_request *r, const struct dgm_fail *f, struct dgm_buf *out)
{
    if (compat_is_google(r))
        compat_put_fail(f, out);
    else
        dgm_fail_put(f, out);
}

void chat_note_fault(struct dgm_request *r, enum dgm_error id)
{
    r->retry = (struct dgm_retry){
        .after_ms = -1, .unsaid = id == DGM_ERR_CALL_MALFORMED || id == DGM_ERR_ANSWER_EMPTY};
}

void dgm_fail_put_as(const struct dgm_fail *f, enum dgm_compat compat, struct dgm_buf *out)
{
    if (compat == DGM_COMPAT_OPENAI) {
        dgm_fail_put(f, out);
        return;
    }
    dgm_buf_put_char(out, '[');
    compat_put_fail(f, out);
    dgm_buf_put_char(out, ']');
}

struct dgm_str dgm_fail_event(struct dgm_str answer)
{
    if (answer.n < 2 || answer.p[0] != '[')
        return answer;
    return dgm_str_head(dgm_str_skip(answer, 1), answer.n - 2);
}
