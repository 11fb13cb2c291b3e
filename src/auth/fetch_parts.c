/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_parts.c - what all steps of a fetch share: its ends, troubles without secrets, texts and forms. */
#include "auth/fetch_parts.h"

#include "base/str.h"

#include <assert.h>

#define TEXT_MAX ((size_t)128 * 1024)
#define TOLD_BYTES 300     /* of an answer's text, in a trouble */
#define URL_BYTES 160      /* of a URL there */
#define SECRET_BYTES_MIN 8 /* shorter ones stand everywhere */

/* ---- ends ---- */

void auth_fetch_starve(struct auth_fetch *f)
{
    f->step = STEP_FAILED;
    f->failed = DGM_E_NOMEM;
}

/*
 * The beginning of a text, without the secrets that were sent: servers like to tell what was wrong by showing it. What is
 * looked at is never cut, or a secret that goes over the edge would be none.
 */
static struct dgm_str mask(struct auth_fetch *f, struct dgm_str s)
{
    struct dgm_buf out = auth_fetch_buf(f);
    while (s.n != 0 && out.n < TOLD_BYTES) {
        size_t hit = 0;
        for (size_t i = 0; i < f->secrets_n; i++)
            if (f->secrets[i].n > hit && dgm_str_starts(s, f->secrets[i]))
                hit = f->secrets[i].n;
        if (hit != 0)
            dgm_buf_put_lit(&out, "***");
        else
            dgm_buf_put_char(&out, s.p[0]);
        s = dgm_str_skip(s, hit != 0 ? hit : 1);
    }
    return out.rc == DGM_OK && out.p != NULL ? dgm_str_head(dgm_buf_str(&out), TOLD_BYTES)
                                             : DGM_STR("");
}

void auth_fetch_refuse(struct auth_fetch *f, bool passes,
                       const struct dgm_str texts[AUTH_TROUBLE_TEXTS])
{
    f->step = STEP_FAILED;
    f->failed = DGM_E_REFUSED;
    auth_trouble_set(&f->trouble, passes, texts);
}

static bool is_passing(int status, struct dgm_str error)
{
    static const int statuses[] = {0, 408, 429, 500, 502, 503, 504};
    static const struct dgm_str words[] = {
        {"internal_failure", 16}, {"server_error", 12}, {"temporarily_unavailable", 23}};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (status == statuses[i])
            return true;
    return dgm_str_index(error, words, sizeof words / sizeof *words) < sizeof words / sizeof *words;
}

/*
 * What an answer says of itself: OAuth's two members, google.rpc's message, or the text. One of success is no error's:
 * what stands in it may be a token that nobody has noted yet, in whatever form, and is never told.
 */
static void put_reason(struct auth_fetch *f, const struct auth_result *r, struct dgm_str *ret_error,
                       struct dgm_buf *out)
{
    const struct json_val *root = NULL;
    *ret_error = (struct dgm_str){0};
    if (r->status >= 200 && r->status < 300) {
        dgm_buf_put_lit(out, "without what was asked for");
        return;
    }
    if (auth_json(&f->arena, r->text, &root) != DGM_OK) {
        dgm_buf_put(out, mask(f, r->text));
        return;
    }
    const struct json_val *error = json_get(root, DGM_STR("error"));
    struct dgm_str more = json_get_str(root, DGM_STR("error_description"));
    *ret_error = json_str(error);
    if (json_kind(error) == JSON_OBJ) {
        *ret_error = json_get_str(error, DGM_STR("status"));
        more = json_get_str(error, DGM_STR("message"));
    }
    dgm_buf_put(out, mask(f, *ret_error));
    if (more.n != 0 && ret_error->n != 0)
        dgm_buf_put_lit(out, ": ");
    dgm_buf_put(out, mask(f, more));
}

/* Of a URL, what people are told: its query may hold more than it should. */
static struct dgm_str plain_url(struct dgm_str url)
{
    return dgm_str_head(dgm_str_head(url, dgm_str_find_char(url, '?')), URL_BYTES);
}

void auth_fetch_refuse_answer(struct auth_fetch *f, const char *whom, struct dgm_str url,
                              const struct auth_result *r)
{
    struct dgm_buf said = auth_fetch_buf(f);
    struct dgm_str error = {0};
    dgm_buf_put_lit(&said, " ");
    if (r->status == 0) {
        dgm_buf_put_lit(&said, "could not be asked: ");
        dgm_buf_put(&said, r->why);
    } else {
        dgm_buf_put_lit(&said, "answered ");
        dgm_buf_put_int(&said, r->status);
        dgm_buf_put_lit(&said, " ");
        put_reason(f, r, &error, &said);
    }
    struct dgm_str text = dgm_str_trim(dgm_buf_str(&said));
    bool ended = dgm_str_ends(text, DGM_STR("."));
    auth_refuse(f, is_passing(r->status, error), dgm_str_c(whom), plain_url(url), DGM_STR(" "),
                text, ended ? DGM_STR("") : DGM_STR("."));
}

/* ---- small things of the steps ---- */

struct dgm_buf auth_fetch_buf(struct auth_fetch *f)
{
    struct dgm_buf b;
    dgm_buf_init(&b, dgm_arena_alloc(&f->arena), TEXT_MAX);
    return b;
}

struct dgm_str auth_fetch_text(struct auth_fetch *f, const struct dgm_buf *b)
{
    if (b->rc == DGM_OK)
        return b->p != NULL ? dgm_buf_str(b) : DGM_STR("");
    if (b->rc == DGM_E_NOMEM)
        auth_fetch_starve(f);
    else
        auth_refuse(f, false, DGM_STR("What is to be sent is larger than any token server takes."));
    return (struct dgm_str){0};
}

struct dgm_str auth_fetch_keep(struct auth_fetch *f, struct dgm_str s)
{
    struct dgm_str copy = dgm_arena_copy(&f->arena, s.p != NULL ? s : DGM_STR(""));
    if (copy.p == NULL)
        auth_fetch_starve(f);
    return copy;
}

struct dgm_str auth_fetch_secret(struct auth_fetch *f, struct dgm_str s)
{
    struct dgm_str copy = auth_fetch_keep(f, s);
    for (size_t i = 0; i < f->secrets_n; i++)
        if (dgm_str_eq(f->secrets[i], copy))
            return copy;
    if (copy.n >= SECRET_BYTES_MIN && f->secrets_n < AUTH_SECRETS_MAX)
        f->secrets[f->secrets_n++] = copy;
    return copy;
}

const struct json_val *auth_fetch_object(struct auth_fetch *f, const char *whom, struct dgm_str url,
                                         const struct auth_result *r)
{
    const struct json_val *root = NULL;
    if (r->status != 200) {
        auth_fetch_refuse_answer(f, whom, url, r);
        return NULL;
    }
    enum dgm_rc rc = auth_json(&f->arena, r->text, &root);
    if (rc == DGM_E_NOMEM)
        auth_fetch_starve(f);
    else if (rc != DGM_OK)
        auth_refuse(f, false, dgm_str_c(whom), plain_url(url),
                    DGM_STR(" answered 200 without a JSON object."));
    return rc == DGM_OK ? root : NULL;
}

void auth_percent_put(struct dgm_buf *out, struct dgm_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (!plain)
            dgm_buf_put_char(out, '%');
        dgm_buf_put_char(out, plain ? (char)c : digits[c >> 4]);
        if (!plain)
            dgm_buf_put_char(out, digits[c & 15]);
    }
}

void auth_form_put(struct dgm_buf *out, struct dgm_str name, struct dgm_str value)
{
    if (out->n != 0)
        dgm_buf_put_char(out, '&');
    auth_percent_put(out, name);
    dgm_buf_put_char(out, '=');
    auth_percent_put(out, value);
}

void auth_errand_add(struct auth_errand *e, struct dgm_str name, struct dgm_str value)
{
    assert(e->headers_n < AUTH_ERRAND_HEADERS_MAX);
    e->headers[e->headers_n++] = (struct auth_header){name, value};
}
