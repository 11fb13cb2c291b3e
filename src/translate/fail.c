/* SPDX-License-Identifier: Apache-2.0 */
/* fail.c - our own errors, as rows and as OpenAI's error object. */
#include "base/str.h"
#include "base/utf8.h"
#include "json/write.h"

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
