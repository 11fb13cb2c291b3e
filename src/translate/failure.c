/* SPDX-License-Identifier: Apache-2.0 */
/* failure.c - what an upstream answered instead of an answer, as OpenAI's error object. */
#include "translate/failure.h"

#include "base/str.h"
#include "base/utf8.h"
#include "translate/compat.h"
#include "translate/probes.h"
#include "translate/relay.h"
#include "translate/tries.h"

#define WAIT_MAX_MS                                                                                \
    60000 /* openai-node takes longer waits for none and tries again at once (user-pain G1) */
#define QUOTED_BYTES_MAX 200 /* of a page or text that is no JSON */
#define URL_BYTES_MAX 600 /* of where it was asked: a host and a path of four of Google's names */

enum where { ANY, MESSAGE, REASON, QUOTA, CODE };
enum advice { RETRY, HOPELESS };

struct row {
    const char *words, *type, *code;
    int status, becomes;
    enum where where;
    enum advice advice;
};

static const struct row rows[] = {
#define UPSTREAM_ERROR(status, where, words, becomes, type, code, advice)                          \
    {words, type, code, status, becomes, where, advice},
#include "translate/upstream_errors.def"
#undef UPSTREAM_ERROR
};

static const struct {
    const char *type;
    int status;
} error_types[] = {
#define ERROR_TYPE(type, status) {type, status},
#include "translate/error_types.def"
#undef ERROR_TYPE
};

/* What an upstream says, whatever its shape was. */
struct failure {
    int status;
    struct dgm_str type, code,
        param;                  /* an OpenAI-like server's own words; absent where it has none */
    const struct json_val *loc; /* FastAPI's place of the trouble, an array */
    struct dgm_str message;     /* absent: it said nothing */
    struct dgm_str google;      /* its google.rpc.Code's name */
    const struct json_val *details; /* an array, or NULL */
    const struct probes *probes;    /* what may have caused a bare refusal; NULL: it is none */
    const struct suspect *suspects;
    size_t suspects_n;
};

/* ---- reading ---- */

const struct json_val *failure_find(const struct json_val *root)
{
    if (json_kind(root) == JSON_ARR) /* Google wraps errors in an array of one (google.md 5.1) */
        root = json_at(root, 0);
    const struct json_val *error = json_get(root, DGM_STR("error"));
    return json_kind(error) == JSON_OBJ ? error : NULL;
}

bool failure_is(const struct json_val *root)
{
    if (failure_find(root) || json_get_str(root, DGM_STR("error")).n)
        return true;
    if (json_get(root, DGM_STR("choices")))
        return false;
    return json_get_str(root, DGM_STR("message")).n != 0 || json_get(root, DGM_STR("detail"));
}

/* A number among error and its words: 400 to 599; 0 when there is none. */
static int read_code(const struct json_val *error)
{
    static const char *const names[] = {"code", "http_status_code"}; /* the second is TGI's */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t code;
        if (json_int(json_get(error, dgm_str_c(names[i])), &code) && code >= 400 && code <= 599)
            return (int)code;
    }
    return 0;
}

/* What a server means by a type, where an event has no status and the error no number. */
static int status_of_type(struct dgm_str type)
{
    for (size_t i = 0; i < sizeof error_types / sizeof *error_types; i++)
        if (dgm_str_eq(type, dgm_str_c(error_types[i].type)))
            return error_types[i].status;
    return 500;
}

/* FastAPI tells what it did not like of a body in a list, and other trouble in a sentence. */
static void read_detail(struct failure *f, const struct json_val *detail)
{
    const struct json_val *first = json_at(detail, 0);
    f->message = json_str(detail).p ? json_str(detail) : json_get_str(first, DGM_STR("msg"));
    f->loc = json_get(first, DGM_STR("loc"));
}

/* What an error says in its own words, of a server that speaks OpenAI's protocol. */
static void read_words(struct failure *f, const struct json_val *root, const struct json_val *error)
{
    f->type = json_get_str(error ? error : root, error ? DGM_STR("type") : DGM_STR("error_type"));
    f->code = json_get_str(error, DGM_STR("code"));
    f->param = json_get_str(error, DGM_STR("param"));
    if (!f->message.n)
        read_detail(f, json_get(root, DGM_STR("detail")));
    if (f->status == 0 && f->message.n)
        f->status = status_of_type(f->type);
}

/* vLLM before 0.10 put the error's members at the top; TGI has a text at `error` (google.md 8.3, 8.4). */
static struct failure read_failure(const struct dgm_request *r, int status,
                                   const struct json_val *root)
{
    const struct json_val *error = failure_find(root);
    struct failure f = {.status = status, .message = json_get_str(root, DGM_STR("error"))};
    if (!error && json_get_str(root, DGM_STR("message")).n)
        error = root;
    if (error)
        f.message = json_get_str(error, DGM_STR("message"));
    if (f.status == 0)
        f.status = read_code(error);
    f.google = json_get_str(error, DGM_STR("status"));
    f.details = json_get(error, DGM_STR("details"));
    if (json_kind(f.details) != JSON_ARR)
        f.details = NULL;
    if (r->relay)
        read_words(&f, root, error);
    return f;
}

/* The next of the details whose type ends in `name`: "RetryInfo". */
static const struct json_val *next_detail(struct json_iter *details, struct dgm_str name)
{
    while (json_next(details))
        if (dgm_str_ends(json_get_str(details->value, DGM_STR("@type")), name))
            return details->value;
    return NULL;
}

static bool has(struct dgm_str text, struct dgm_str words)
{
    return dgm_str_find(text, words) < text.n;
}

static bool quota_has(const struct failure *f, struct dgm_str words)
{
    struct json_iter details = json_iter(f->details);
    const struct json_val *quota;
    while ((quota = next_detail(&details, DGM_STR("QuotaFailure"))) != NULL) {
        struct json_iter it = json_iter(json_get(quota, DGM_STR("violations")));
        while (json_next(&it))
            if (has(json_get_str(it.value, DGM_STR("quotaId")), words))
                return true;
    }
    return false;
}

static bool reason_has(const struct failure *f, struct dgm_str words)
{
    struct json_iter details = json_iter(f->details);
    const struct json_val *info;
    while ((info = next_detail(&details, DGM_STR("ErrorInfo"))) != NULL)
        if (has(json_get_str(info, DGM_STR("reason")), words))
            return true;
    return false;
}

static bool fits(const struct row *row, const struct failure *f)
{
    struct dgm_str words = dgm_str_c(row->words);
    switch (row->where) {
    case MESSAGE:
        return has(f->message, words);
    case REASON:
        return reason_has(f, words);
    case QUOTA:
        return quota_has(f, words);
    case CODE:
        return dgm_str_eq(f->code, words);
    case ANY:
        break;
    }
    return true;
}

/* NULL: the status is none of an error. */
static const struct row *find_row(const struct failure *f)
{
    const struct row *hundred = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].status == f->status && fits(&rows[i], f))
            return &rows[i];
        if (rows[i].status == f->status / 100 * 100 && rows[i].where == ANY)
            hundred = &rows[i];
    }
    return hundred;
}

/* ---- when to try again ---- */

/* A google.protobuf.Duration, "45.837906927s", in milliseconds, rounded up; negative when it is none. */
static int64_t read_duration(struct dgm_str text)
{
    double seconds;
    if (!dgm_str_ends(text, DGM_STR("s")) ||
        !dgm_str_double(dgm_str_head(text, text.n - 1), &seconds) || seconds < 0 || seconds > 1e9)
        return -1;
    double ms = seconds * 1000;
    return (int64_t)ms + ((double)(int64_t)ms < ms);
}

static struct dgm_retry read_retry(const struct failure *f, const struct row *row)
{
    struct json_iter details = json_iter(f->details);
    const struct json_val *info = next_detail(&details, DGM_STR("RetryInfo"));
    struct dgm_retry retry = {.after_ms = read_duration(json_get_str(info, DGM_STR("retryDelay")))};
    retry.hopeless = row->advice == HOPELESS || retry.after_ms > WAIT_MAX_MS;
    return retry;
}

/* ---- putting ---- */

/* The first number at or behind `*at`, which moves behind it; 0 when there is none. */
static uint64_t next_number(struct dgm_str text, size_t *at)
{
    uint64_t number = 0;
    while (*at < text.n && (text.p[*at] < '0' || text.p[*at] > '9'))
        ++*at;
    size_t first = *at;
    while (*at < text.n && text.p[*at] >= '0' && text.p[*at] <= '9')
        ++*at;
    dgm_str_u64(dgm_str_head(dgm_str_skip(text, first), *at - first), &number);
    return number;
}

static void add_number(struct json_writer *w, uint64_t number)
{
    char text[24];
    struct dgm_buf digits = {.p = text, .cap = sizeof text, .max = sizeof text};
    dgm_buf_put_int(&digits, (int64_t)number);
    json_add_str(w, dgm_buf_str(&digits));
}

/*
 * The words that clients look for (user-pain G5). Google names both numbers, the count first; TGI the limit: of the
 * first two the smaller is the limit.
 */
static void add_context_length(struct json_writer *w, struct dgm_str message)
{
    size_t at = 0;
    uint64_t count = next_number(message, &at), limit = next_number(message, &at);
    if (has(message, DGM_STR("must be <="))) { /* TGI's limit of prompt and answer, and then both */
        uint64_t most = count, prompt = limit;
        count = prompt > most ? prompt : prompt + next_number(message, &at);
        limit = most;
    }
    if (count == 0 || limit == 0 || has(message, DGM_STR("maximum context length")))
        return;
    json_add_str(w, DGM_STR("This model's maximum context length is "));
    add_number(w, count < limit ? count : limit);
    json_add_str(w, DGM_STR(" tokens. However, your messages resulted in "));
    add_number(w, count < limit ? limit : count);
    json_add_str(w, DGM_STR(" tokens. "));
}

/* The first field at fault, which the message often leaves out. */
static const struct json_val *first_violation(const struct failure *f)
{
    struct json_iter details = json_iter(f->details);
    const struct json_val *bad = next_detail(&details, DGM_STR("BadRequest"));
    return json_at(json_get(bad, DGM_STR("fieldViolations")), 0);
}

/* What Google's message says besides that a plan is used up; all of it where it does not say so, or means it. */
static struct dgm_str rest_of_quota(const struct dgm_request *r, const struct failure *f,
                                    const struct row *row)
{
    struct dgm_str plan =
        DGM_STR("You exceeded your current quota, please check your plan and billing details.");
    if (!dgm_str_eq(dgm_str_c(row->code), DGM_STR("rate_limit_exceeded")) || r->retry.hopeless ||
        r->retry.after_ms < 0 || !dgm_str_starts(f->message, plan))
        return (struct dgm_str){0};
    return dgm_str_skip(f->message, plan.n);
}

/* The two likeliest besides the first are named too: more would hide Google's own text; none where the first is known. */
static void add_suspects(struct json_writer *w, const struct suspect *suspects, size_t n)
{
    bool known = n != 0 && suspects[0].probe == PROBE_ACCEPTED;
    bool refuted = n != 0 && suspects[0].probe == PROBE_REFUSED;
    n = known ? 1 : n;
    for (size_t i = 0; i < n && i < 3; i++) {
        json_add_str(w, known                ? DGM_STR(" Cause: ")
                        : i == 0 && !refuted ? DGM_STR(" Likeliest cause: ")
                        : i == 0             ? DGM_STR(" A cause at most together with others: ")
                        : i == 1             ? DGM_STR(" Also possible: ")
                                             : DGM_STR("; "));
        suspect_add_sentence(w, &suspects[i]);
        if (suspects[i].param.n) {
            json_add_str(w, DGM_STR(" ("));
            json_add_str(w, suspects[i].param);
            json_add_str(w, DGM_STR(")"));
        }
        if (known)
            json_add_str(w, DGM_STR("; a request without it was accepted"));
        if (i == 0 || i + 1 == n || i == 2)
            json_add_str(w, DGM_STR("."));
    }
}

static void put_message(struct dgm_request *r, struct json_writer *w, const struct failure *f,
                        const struct row *row)
{
    const struct json_val *violation = first_violation(f);
    struct dgm_str description = json_get_str(violation, DGM_STR("description"));
    struct dgm_str rest = rest_of_quota(r, f, row);
    json_open_str(w);
    if (dgm_str_eq(dgm_str_c(row->code), DGM_STR("context_length_exceeded")))
        add_context_length(w, f->message);
    if (rest.p) /* a minute's limit, which is over soon: clients take those words for a plan's end (user-pain G4) */
        json_add_str(w, DGM_STR("Too many requests for the moment: a rate limit was reached."));
    json_add_str(w, rest.p ? rest : f->message);
    if (description.n && !has(f->message, description)) {
        json_add_str(w, DGM_STR(" ("));
        json_add_str(w, description);
        json_add_str(w, DGM_STR(")"));
    }
    add_suspects(w, f->suspects, f->suspects_n);
    if (f->probes)
        probes_add_sentence(w, f->probes);
    if (r->near.n != 0 && dgm_str_eq(dgm_str_c(row->code), DGM_STR("model_not_found"))) {
        json_add_str(w, DGM_STR(" The nearest names here: "));
        json_add_str(w, r->near);
        json_add_str(w, DGM_STR("."));
    }
    json_close_str(w);
}

/* The member at fault: Google's field, an OpenAI-like server's param, or FastAPI's loc without "body". */
static void put_param(struct json_writer *w, const struct failure *f)
{
    struct dgm_str field = json_get_str(first_violation(f), DGM_STR("field"));
    struct json_iter it = json_iter(f->loc);
    if (f->suspects_n && f->suspects[0].likely >= SUSPECT_SURE)
        field = f->suspects[0].param;
    if (field.n == 0)
        field = f->param;
    if (field.n) {
        json_put_str(w, field);
        return;
    }
    if (json_size(f->loc) < 2) {
        json_put_null(w);
        return;
    }
    json_open_str(w);
    for (bool first = true; json_next(&it); first = false) {
        struct dgm_str name = json_str(it.value), number = json_num(it.value);
        if (it.index == 0 && dgm_str_eq(name, DGM_STR("body"))) {
            (void)json_next(&it); /* there is another */
            name = json_str(it.value);
            number = json_num(it.value);
        }
        if (number.n)
            json_add_str(w, DGM_STR("["));
        else if (!first)
            json_add_str(w, DGM_STR("."));
        json_add_str(w, name.n ? name : number);
        if (number.n)
            json_add_str(w, DGM_STR("]"));
    }
    json_close_str(w);
}

static void put_object(struct dgm_request *r, struct json_writer *w, const struct failure *f,
                       const struct row *row)
{
    json_open_obj(w);
    json_put_name(w, "error");
    json_open_obj(w);
    json_put_name(w, "message");
    put_message(r, w, f, row);
    /* A server that gives a code in words is taken at its words. */
    json_member_str(w, "type", f->code.n && f->type.n ? f->type : dgm_str_c(row->type));
    json_put_name(w, "param");
    put_param(w, f);
    json_member_str(w, "code", f->code.n ? f->code : dgm_str_c(row->code));
    if (f->google.n)
        json_member_str(w, "status", f->google);
    if (f->details)
        json_member_val(w, "details", f->details);
    if (rest_of_quota(r, f, row).p)
        json_member_str(w, "google_message", f->message);
    if (f->suspects_n) {
        json_put_name(w, "suspects");
        suspects_put(w, f->suspects, f->suspects_n);
    }
    json_close_obj(w);
    json_close_obj(w);
}

/* ---- what is no JSON ---- */

/* The title of a page, or the first line of a text, in valid UTF-8 without control characters' power: JSON escapes. */
static struct dgm_str quotable(struct dgm_str text)
{
    struct dgm_str title = DGM_STR("<title>");
    size_t at = dgm_str_find(text, title);
    if (at < text.n) {
        text = dgm_str_skip(text, at + title.n);
        text = dgm_str_head(text, dgm_str_find_char(text, '<'));
    } else if (dgm_str_starts(dgm_str_trim(text), DGM_STR("<"))) {
        return (struct dgm_str){0};
    }
    text = dgm_str_trim(dgm_str_head(text, dgm_str_find_char(text, '\n')));
    text = dgm_utf8_head(text, QUOTED_BYTES_MAX);
    return dgm_utf8_bad(text) == text.n ? text : (struct dgm_str){0};
}

/* What is said of an answer without a message; it fits: a status, a quotation, an URL, the name of a model. */
struct page {
    char text[QUOTED_BYTES_MAX + URL_BYTES_MAX + 512];
    struct dgm_buf message;
};

static struct dgm_str tell_page(struct page *page, const struct dgm_request *r, int status,
                                struct dgm_str text)
{
    struct dgm_str quoted = quotable(text);
    struct dgm_buf *to = &page->message;
    *to = (struct dgm_buf){.p = page->text, .cap = sizeof page->text, .max = sizeof page->text};
    dgm_buf_put_lit(to, "The model's server answered HTTP ");
    dgm_buf_put_int(to, status);
    dgm_buf_put(to,
                text.n ? DGM_STR(" with something that is no JSON") : DGM_STR(" and nothing else"));
    if (quoted.n) {
        dgm_buf_put_lit(to, ": \"");
        dgm_buf_put(to, quoted);
        dgm_buf_put_lit(to, "\"");
    }
    dgm_buf_put_lit(to, ".");
    if (r->asked_at.n) { /* user-pain G7 */
        dgm_buf_put_lit(to, " It was asked at ");
        dgm_buf_put(to, dgm_utf8_head(r->asked_at, URL_BYTES_MAX));
        dgm_buf_put_lit(to, ".");
    }
    if (status == 404 && r->relay) {
        dgm_buf_put_lit(to, " Its address is wrong: there is no chat/completions.");
    } else if (status == 404) {
        dgm_buf_put_lit(to, " Its host, its path or its location is wrong, or it does not serve ");
        dgm_buf_put(to, r->model.name);
        dgm_buf_put_lit(to, " there; try the location global.");
    }
    return dgm_buf_str(to);
}

static void put_page(const struct dgm_request *r, struct json_writer *w, const struct row *row,
                     int status, struct dgm_str text)
{
    struct page page;
    json_open_obj(w);
    json_put_name(w, "error");
    json_open_obj(w);
    json_member_str(w, "message", tell_page(&page, r, status, text));
    json_member_str(w, "type", dgm_str_c(row->type));
    json_member_null(w, "param");
    json_member_str(w, "code", dgm_str_c(row->code));
    json_close_obj(w);
    json_close_obj(w);
}

/* The same as Google's own endpoint has it: its own words, and its own status. */
static int put_google(const struct dgm_request *r, const struct failure *f, struct dgm_str text,
                      struct dgm_buf *out)
{
    struct page page;
    struct dgm_str message = f->message.n ? f->message : tell_page(&page, r, f->status, text);
    compat_put_error(out, f->status, message, f->google, f->details);
    return f->status;
}

static int put_broken(const struct dgm_request *r, struct dgm_buf *out)
{
    struct dgm_fail broken;
    dgm_fail_row(&broken, DGM_ERR_UPSTREAM_BROKEN);
    chat_put_fail(r, &broken, out);
    return dgm_error_status(broken.id);
}

/* ---- public ---- */

/* Whether it may be sent otherwise. Servers of chat templates that fail say so by 400, 422 or 500. */
static void note_try(struct dgm_request *r, const struct failure *f, bool bare)
{
    bool may = r->complete && r->rc == DGM_OK && f->message.n != 0 &&
               (f->status == 400 || (r->relay && (f->status == 422 || f->status == 500)));
    tries_forget(r);
    if (may)
        tries_note(r, f->message,
                   bare && (f->suspects_n == 0 || f->suspects[0].likely < SUSPECT_SURE ||
                            suspect_is_schema(&f->suspects[0])));
}

int failure_put(struct dgm_request *r, struct dgm_buf *out, int status, const struct json_val *root,
                struct dgm_str text)
{
    struct failure f = read_failure(r, status, root);
    const struct row *row = find_row(&f);
    struct json_writer w = json_writer(out);
    if (!row)
        return put_broken(r, out);
    if (f.message.n == 0 && status == 0)
        return put_broken(r, out);
    r->retry = read_retry(&f, row);
    /* What is relayed was not taken apart: there is nothing to look at. */
    bool bare = !r->relay && f.status == 400 && suspects_wanted(f.message) && !first_violation(&f);
    if (bare)
        f.probes = probes_begin(r);
    else
        probes_forget(r);
    f.suspects = f.probes ? f.probes->suspects : NULL;
    f.suspects_n = f.probes ? f.probes->suspects_n : 0;
    note_try(r, &f, bare);
    if (compat_is_google(r))
        return put_google(r, &f, text, out);
    if (f.message.n)
        put_object(r, &w, &f, row);
    else
        put_page(r, &w, row, f.status, text);
    return f.status == row->status ? row->becomes : f.status;
}
