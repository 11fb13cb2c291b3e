/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c - the signatures of texts and images: kept with an answer, found again in a conversation. */
#include "translate/echo.h"

#include "base/str.h"
#include "translate/answer.h"
#include "translate/carriers.h"
#include "translate/google.h"
#include "translate/images.h"
#include "translate/media.h"

#define ECHOES_MAX 1024
#define MARKS_BYTES_MAX ((size_t)64 << 10) /* of one text; Gemini signs one part, the last */

static bool is_signing(const struct dgm_request *r)
{
    return r->model.generation >= GEMINI_3;
}

/* ---- digests ------------------------------------------------------------------------------------------ */

/* Begins with a question: its texts, the same whether they are a string or a list. */
static void begin_digest(const struct json_val *content, struct dgm_digest *d)
{
    struct json_iter it = json_iter(content);
    dgm_digest_init(d);
    dgm_digest_add(d, json_str(content));
    while (json_kind(content) == JSON_ARR && json_next(&it))
        dgm_digest_add(d, json_get_str(it.value, DGM_STR("text")));
    dgm_digest_add(d, (struct dgm_str){"", 1}); /* a zero, which no text has much of */
}

/* With what the answer to this request answers. */
static void begin_answer(const struct dgm_request *r, struct dgm_digest *d)
{
    size_t i = r->messages_n;
    while (i != 0 && r->messages[i - 1].role != ROLE_USER)
        i--;
    begin_digest(i != 0 ? r->messages[i - 1].content : NULL, d);
}

static struct dgm_str end_digest(struct dgm_request *r, struct dgm_digest *d)
{
    char letters[DGM_DIGEST_LETTERS];
    dgm_digest_end(d, letters);
    struct dgm_str copy = dgm_arena_copy(&r->arena, (struct dgm_str){letters, sizeof letters});
    if (!copy.p)
        chat_no_memory(r);
    return copy;
}

/* ---- an answer ---------------------------------------------------------------------------------------- */

struct echo *echo_new(struct dgm_request *r)
{
    if (!is_signing(r) || r->stops)
        return NULL;
    struct echo *e = dgm_arena_take(&r->arena, sizeof *e);
    if (!e) {
        chat_no_memory(r);
        return NULL;
    }
    e->bytes = 0;
    e->lost = false;
    begin_answer(r, &e->question);
    e->digest = e->question;
    dgm_buf_init(&e->marks, dgm_arena_alloc(&r->arena), MARKS_BYTES_MAX);
    return e;
}

void echo_add(struct echo *e, struct dgm_str shown)
{
    if (!e)
        return;
    dgm_digest_add(&e->digest, shown);
    e->bytes += shown.n;
}

static void put_mark(struct dgm_buf *out, const struct echo_mark *mark)
{
    if (out->n != 0)
        dgm_buf_put_char(out, ' ');
    dgm_buf_put_int(out, (int64_t)mark->at);
    dgm_buf_put_char(out, '+');
    dgm_buf_put_int(out, (int64_t)mark->n);
    dgm_buf_put_char(out, ':');
    dgm_buf_put(out, mark->signature);
}

void echo_sign(struct echo *e, size_t n, struct dgm_str signature)
{
    bool blanks;
    put_mark(&e->marks, &(struct echo_mark){e->bytes - n, n, signature});
    e->lost = e->lost || !media_is_base64(signature, &blanks) || blanks;
}

static void keep(struct dgm_request *r, struct dgm_digest *d, struct dgm_str marks)
{
    struct dgm_str digest = end_digest(r, d);
    if (digest.p)
        answer_keep(
            r, (struct dgm_kept){.digest = digest, .signature = marks, .model = r->model.name});
}

void echo_keep_image(struct dgm_request *r, struct dgm_str base64, struct dgm_str signature)
{
    struct dgm_digest d;
    struct dgm_buf marks;
    if (!is_signing(r))
        return;
    begin_answer(r, &d);
    dgm_digest_add(&d, base64);
    dgm_buf_init(&marks, dgm_arena_alloc(&r->arena), MARKS_BYTES_MAX);
    put_mark(&marks, &(struct echo_mark){0, base64.n, signature});
    if (marks.rc == DGM_OK)
        keep(r, &d, dgm_buf_str(&marks));
    else if (marks.rc == DGM_E_NOMEM)
        chat_no_memory(r);
}

void echo_end(struct dgm_request *r, struct echo *e)
{
    if (!e || e->bytes == 0 || e->lost)
        return;
    if (e->marks.rc == DGM_E_NOMEM)
        chat_no_memory(r);
    if (e->marks.rc == DGM_OK && e->marks.n != 0)
        keep(r, &e->digest, dgm_buf_str(&e->marks));
}

void echo_part(struct dgm_request *r, struct echo *e)
{
    if (!e)
        return;
    echo_end(r, e);
    e->digest = e->question;
    e->bytes = 0;
    e->lost = false;
    dgm_buf_init(&e->marks, dgm_arena_alloc(&r->arena), MARKS_BYTES_MAX); /* the last are kept */
}

void echo_lose(struct echo *e)
{
    if (e)
        e->lost = true;
}

/* ---- a conversation: what is asked for ---------------------------------------------------------------- */

/* What a client brought of it, base64 or not: who checks it names what is wrong. */
static struct dgm_str sent_with(const struct json_val *obj)
{
    static const struct dgm_str names[] = {{"google", 6}, {"vertex", 6}};
    struct dgm_str sent = {0};
    if (json_size(obj) <= 2) /* a role, or a type, and what is said */
        return sent;
    const struct json_val *extra = json_get(obj, DGM_STR("extra_content"));
    for (size_t i = 0; extra && i < sizeof names / sizeof *names; i++) {
        const struct json_val *of = json_get(extra, names[i]);
        struct dgm_str said = json_str(google_get(of, DGM_STR("thought_signature")));
        if (said.n != 0 && sent.n == 0)
            sent = said;
    }
    return sent.n != 0 ? sent : carriers_read_text(obj);
}

/* What of a part the model may have signed: its text, or its data. Absent: nothing. */
static struct dgm_str signable(const struct json_val *part)
{
    struct dgm_str type = json_get_str(part, DGM_STR("type"));
    struct media m = {0};
    if (dgm_str_eq(type, DGM_STR("text")))
        return json_get_str(part, DGM_STR("text"));
    if (!dgm_str_eq(type, DGM_STR("image_url")))
        return (struct dgm_str){0};
    const struct json_val *image = json_get(part, type);
    struct dgm_str url = json_str(image);
    if (!url.p)
        url = json_get_str(image, DGM_STR("url"));
    return url.n != 0 && media_read(url, &m) == MEDIA_DATA ? m.data : (struct dgm_str){0};
}

/* The last user's words, as a digest that goes on; made once for all that answers them. */
struct question {
    const struct json_val *content;
    bool made;
    struct dgm_digest digest;
};

static void ask(struct dgm_request *r, struct question *q, const struct chat_echo *at,
                struct dgm_str said, struct dgm_str sent)
{
    if (said.n == 0 || (!is_signing(r) && sent.n == 0) || r->echoes_n == ECHOES_MAX)
        return;
    if (!q->made)
        begin_digest(q->content, &q->digest);
    q->made = true;
    struct dgm_digest d = q->digest;
    dgm_digest_add(&d, said);
    struct dgm_need *need = &r->needs[r->needs_n++];
    *need = (struct dgm_need){.digest = end_digest(r, &d), .sent = sent};
    r->echoes[r->echoes_n] = *at;
    r->echoes[r->echoes_n++].need = need;
}

static void ask_message(struct dgm_request *r, struct question *q, size_t i)
{
    const struct json_val *content = r->messages[i].content;
    struct dgm_str sent = sent_with(r->messages[i].val);
    struct json_iter it = json_iter(content);
    struct dgm_str text = json_str(content), before;
    struct media image;
    if ((is_signing(r) || sent.n != 0) &&
        !images_next(&(struct dgm_str){text.p, text.n}, &before, &image))
        ask(r, q, &(struct chat_echo){.message = i}, text, sent);
    while (json_kind(content) == JSON_ARR && json_next(&it)) {
        struct dgm_str own = sent_with(it.value);
        ask(r, q, &(struct chat_echo){.message = i, .element = it.index}, signable(it.value),
            own.n != 0 ? own : sent);
    }
}

size_t echo_count(const struct dgm_request *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->messages_n && n < ECHOES_MAX; i++) {
        const struct json_val *content = r->messages[i].content;
        if (r->messages[i].role == ROLE_MODEL)
            n += json_kind(content) == JSON_ARR ? json_size(content) : content != NULL;
    }
    return n < ECHOES_MAX ? n : ECHOES_MAX;
}

void echo_collect(struct dgm_request *r)
{
    size_t n = r->rc == DGM_OK ? echo_count(r) : 0;
    if (n == 0)
        return;
    r->echoes = dgm_arena_take(&r->arena, n * sizeof *r->echoes);
    if (!r->echoes) {
        chat_no_memory(r);
        return;
    }
    struct question q = {0};
    for (size_t i = 0; r->rc == DGM_OK && i < r->messages_n; i++) {
        if (r->messages[i].role == ROLE_MODEL)
            ask_message(r, &q, i);
        else if (r->messages[i].role == ROLE_USER)
            q = (struct question){.content = r->messages[i].content};
    }
}

/* ---- a conversation: what is known -------------------------------------------------------------------- */

const struct dgm_need *echo_need(struct chat_contents *c, size_t message, size_t element)
{
    const struct dgm_request *r = c->r;
    for (; c->echo < r->echoes_n; c->echo++) {
        const struct chat_echo *at = &r->echoes[c->echo];
        if (at->message == message && at->element == element)
            return at->need;
        if (at->message > message || (at->message == message && at->element > element))
            break;
    }
    return NULL;
}

/* Whether a text may be cut there: before a character, not in it. */
static bool is_border(struct dgm_str text, uint64_t at)
{
    return at == text.n || (at < text.n && ((unsigned char)text.p[at] & 0xc0) != 0x80);
}

bool echo_next(struct dgm_str *marks, struct dgm_str text, size_t done, struct echo_mark *ret)
{
    struct dgm_str rest = *marks, at, bytes, signature;
    uint64_t from, n;
    bool blanks;
    if (!dgm_str_split(&rest, '+', &at) || !dgm_str_split(&rest, ':', &bytes) ||
        !dgm_str_split(&rest, ' ', &signature) || !dgm_str_u64(at, &from) ||
        !dgm_str_u64(bytes, &n) || signature.n == 0 || !media_is_base64(signature, &blanks) ||
        blanks)
        return false;
    if (from < done || !is_border(text, from) || n > text.n - from || !is_border(text, from + n))
        return false;
    *ret = (struct echo_mark){(size_t)from, (size_t)n, signature};
    *marks = rest;
    return true;
}
