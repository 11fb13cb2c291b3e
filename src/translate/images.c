/* SPDX-License-Identifier: Apache-2.0 */
/* images.c - images that the model made, in answers and in the messages that come back. */
#include "translate/images.h"

#include "base/sort.h"
#include "base/str.h"
#include "translate/echo.h"

#define GAP DGM_STR("\n\n")
#define NAME_BYTES_MAX 1000 /* of an image in Markdown, between its brackets */

/* ---- in answers ---- */

static struct dgm_str signature_of(const struct json_val *part)
{
    return json_get_str(part, DGM_STR("thoughtSignature"));
}

unsigned images_said(const struct dgm_request *r, const struct json_val *part)
{
    switch (r->env.image_output) {
    case DGM_IMAGES_PARTS:
        return SAID_TEXT | SAID_IMAGES;
    case DGM_IMAGES_IN_TEXT:
        return signature_of(part).n ? SAID_TEXT | SAID_MARKS : SAID_TEXT;
    case DGM_IMAGES_EXTRA:
        return SAID_PARTS;
    case DGM_IMAGES:
    default:
        return SAID_IMAGES;
    }
}

/* Returns how many bytes it has. */
static size_t add_data_url(struct json_writer *w, const struct json_val *part)
{
    const struct json_val *blob = json_get(part, DGM_STR("inlineData"));
    const struct dgm_str pieces[] = {DGM_STR("data:"), json_get_str(blob, DGM_STR("mimeType")),
                                     DGM_STR(";base64,"), json_get_str(blob, DGM_STR("data"))};
    size_t n = 0;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        json_add_str(w, pieces[i]);
        n += pieces[i].n;
    }
    return n;
}

/* Puts what is within the braces of an image's object. */
static void put_image(struct json_writer *w, const struct json_val *part)
{
    json_member_lit(w, "type", "image_url");
    json_put_name(w, "image_url");
    json_open_obj(w);
    json_put_name(w, "url");
    json_open_str(w);
    (void)add_data_url(w, part);
    json_close_str(w);
    json_close_obj(w);
    if (signature_of(part).n == 0)
        return;
    json_put_name(w, "extra_content");
    json_open_text(w, DGM_STR("{\"google\":{"), 2, 0);
    json_member_str(w, "thought_signature", signature_of(part));
    json_close_text(w, DGM_STR("}}"), 2);
}

void images_put(struct json_writer *w, const struct answer_piece *p, bool whole)
{
    struct json_iter it = json_iter(p->parts);
    size_t n = 0;
    json_put_name(w, "images");
    json_open_arr(w);
    while (json_next(&it)) {
        if (answer_part(it.value) != SAYS_IMAGE || !answer_takes(p, SAYS_IMAGE, &n))
            continue;
        json_open_obj(w);
        if (!whole)
            json_member_int(w, "index", p->first_image + (int64_t)n - 1);
        put_image(w, it.value);
        json_close_obj(w);
    }
    json_close_arr(w);
}

void images_put_part(struct json_writer *w, const struct json_val *part)
{
    json_open_obj(w);
    put_image(w, part);
    json_close_obj(w);
}

static void add(struct json_writer *w, struct choice *c, struct dgm_str text)
{
    json_add_str(w, text);
    c->at.bytes += (int64_t)text.n;
}

void images_add(struct json_writer *w, struct choice *c, const struct json_val *part)
{
    if (c->written)
        add(w, c, GAP);
    add(w, c, DGM_STR("![image]("));
    c->at.bytes += (int64_t)add_data_url(w, part);
    add(w, c, DGM_STR(")"));
    c->written = c->pictured = true;
    echo_lose(c->echo);
}

void images_add_gap(struct json_writer *w, struct choice *c, struct dgm_str text)
{
    if (text.n == 0)
        return;
    if (c->pictured)
        add(w, c, GAP);
    c->pictured = false;
    c->written = true;
}

struct dgm_str images_skip_gap(struct dgm_str text)
{
    return dgm_str_starts(text, GAP) ? dgm_str_skip(text, GAP.n) : text;
}

void images_put_marks(struct json_writer *w, const struct answer_piece *p)
{
    struct json_iter it = json_iter(p->parts);
    size_t n = 0;
    json_put_name(w, "images");
    json_open_arr(w);
    while (json_next(&it)) {
        if (answer_part(it.value) != SAYS_IMAGE || !answer_takes(p, SAYS_IMAGE, &n) ||
            signature_of(it.value).n == 0)
            continue;
        json_open_obj(w);
        json_member_int(w, "index", p->first_image + (int64_t)n - 1);
        json_member_str(w, "thought_signature", signature_of(it.value));
        json_close_obj(w);
    }
    json_close_arr(w);
}

/* ---- in messages ---- */

/* Where "![...](data:image/" begins whose "](" stands at `at`; the text's length: nowhere. */
static size_t find_begin(struct dgm_str text, size_t at)
{
    for (size_t i = at, n = 0; i != 0 && n < NAME_BYTES_MAX; n++) {
        char c = text.p[--i];
        if (c == '\n' || c == ']')
            break;
        if (c == '[' && i != 0 && text.p[i - 1] == '!')
            return i - 1;
    }
    return text.n;
}

/*
 * Each byte is looked at so many times, however many images seem to begin: one that ends is looked for behind the last end
 * that was found, and what begins before that is none.
 */
bool images_next(struct dgm_str *text, struct dgm_str *ret_before, struct media *ret)
{
    const struct dgm_str middle = DGM_STR("](data:image/");
    size_t close = 0; /* where the first ")" behind `at` stands */
    for (size_t at = dgm_str_find(*text, middle); at < text->n;) {
        struct dgm_str url = dgm_str_skip(*text, at + 2);
        if (close < at)
            close = at + 2 + dgm_str_find_char(url, ')');
        if (close >= text->n)
            return false;
        url = dgm_str_head(url, close - at - 2);
        size_t begin = find_begin(*text, at), inner = dgm_str_find(url, middle);
        if (begin == text->n || inner < url.n || media_read(url, ret) != MEDIA_DATA ||
            ret->blanks || !ret->mime.p) {
            at += 2 + inner;
            at += dgm_str_find(dgm_str_skip(*text, at), middle);
            continue;
        }
        *ret_before = dgm_str_head(*text, begin);
        if (dgm_str_ends(*ret_before, GAP))
            ret_before->n -= GAP.n;
        *text = images_skip_gap(dgm_str_skip(*text, close + 1));
        return true;
    }
    return false;
}

/* By number; of one number the first counts, as it stood. */
static int compare_marks(const void *a, const void *b)
{
    const struct image_mark *x = a, *y = b;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

struct image_marks images_marks(struct dgm_request *r, const struct json_val *marks)
{
    struct image_marks all = {0};
    struct json_iter it = json_iter(marks);
    bool sorted = true, blanks;
    if (json_size(marks) == 0)
        return all;
    all.at = dgm_arena_take(&r->arena, json_size(marks) * sizeof *all.at);
    if (!all.at)
        chat_no_memory(r);
    while (all.at && json_next(&it)) {
        struct image_mark mark = {.place = it.index};
        mark.signature = json_str(google_get(it.value, DGM_STR("thought_signature")));
        if (!json_int(json_get(it.value, DGM_STR("index")), &mark.image) || mark.signature.n == 0 ||
            !media_is_base64(mark.signature, &blanks) || blanks)
            continue;
        sorted = sorted && (all.n == 0 || compare_marks(&all.at[all.n - 1], &mark) < 0);
        all.at[all.n++] = mark;
    }
    if (!sorted)
        dgm_sort(all.at, all.n, sizeof *all.at, compare_marks);
    return all;
}

struct dgm_str images_mark(struct image_marks *all, int64_t image)
{
    while (all->n != 0 && all->at->image < image) {
        all->at++;
        all->n--;
    }
    return all->n != 0 && all->at->image == image ? all->at->signature : (struct dgm_str){0};
}
