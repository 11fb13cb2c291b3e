/* SPDX-License-Identifier: Apache-2.0 */
/* urls.c - the URLs of a request, and what somebody fetched for them. */
#include "translate/urls.h"

#include "base/str.h"
#include "translate/parts.h"
#include "translate/relay.h"

#include <assert.h>

#define MIME_BYTES_MAX 127 /* RFC 6838 4.2, for each of its halves */

enum { DATA_URL, BARE };

#define LITERAL(s) {s, sizeof s - 1}

static const struct url_part parts[] = {
#define RELAY_PART(type, source, form) {LITERAL(type), LITERAL(source), form == BARE},
#include "translate/relay_parts.def"
#undef RELAY_PART
};

const struct url_part *urls_part(struct dgm_str quoted_name)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (json_raw_says(quoted_name, parts[i].type))
            return &parts[i];
    return NULL;
}

/* ---- finding them ------------------------------------------------------------------------------------- */

static bool is_known(const struct dgm_request *r, struct dgm_str url)
{
    for (size_t i = 0; i < r->urls_n; i++)
        if (dgm_str_eq(r->urls[i].url, url))
            return true;
    return false;
}

static bool is_googles(enum dgm_surface surface, struct dgm_str url)
{
    const struct dgm_str gs = DGM_STR("gs://");
    return media_is_youtube(url) || media_is_file(url) ||
           (surface == DGM_VERTEX && dgm_str_eq_nocase(dgm_str_head(url, gs.n), gs));
}

/* Adds one of a part that is the body's at `place`. */
static void add(struct dgm_request *r, struct dgm_str url, struct dgm_str part,
                const struct chat_place *place)
{
    struct dgm_buf param;
    if (is_known(r, url))
        return;
    if (r->urls_n == DGM_URLS_MAX) {
        chat_refuse(r, DGM_ERR_URLS_MANY, CHAT_MEMBER(place, part),
                    " is the 65th different URL of the request; ",
                    "at most 64 are fetched for a server that can not read them.");
        return;
    }
    if (!r->urls)
        r->urls = dgm_arena_take0(&r->arena, DGM_URLS_MAX * sizeof *r->urls);
    dgm_buf_init(&param, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    chat_put_place(&param, CHAT_MEMBER(place, part));
    if (!r->urls || param.rc != DGM_OK) {
        chat_no_memory(r);
        return;
    }
    r->urls[r->urls_n++] = (struct dgm_url){.url = url, .param = dgm_buf_str(&param), .part = part};
}

static void find_translated(struct dgm_request *r, enum dgm_surface surface)
{
    struct json_iter messages = json_iter(r->field[CHAT_MESSAGES]);
    while (json_next(&messages)) {
        const struct chat_place *content = CHAT_MESSAGE_MEMBER(messages.index, DGM_STR("content"));
        const struct json_val *all = json_get(messages.value, content->member);
        struct json_iter it = json_iter(json_kind(all) == JSON_ARR ? all : NULL);
        struct dgm_str type;
        while (r->rc == DGM_OK && json_next(&it)) {
            struct dgm_str url = part_uri(it.value, &type);
            if (url.p && !is_googles(surface, url))
                add(r, url, type, CHAT_ELEMENT(content, it.index));
        }
    }
}

/*
 * What a text in quotes says, if that may be a URL to some server: base64 has no colon, so everything with one but
 * data: URLs, " http:/host" too. A data: URL of 20 MiB is not copied to find out.
 */
static struct dgm_str quoted_url(struct dgm_request *r, struct dgm_str quoted)
{
    struct dgm_str inside = dgm_str_skip(quoted, 1), data = DGM_STR("data:");
    struct dgm_buf text;
    if (dgm_str_eq_nocase(dgm_str_head(inside, data.n), data))
        return (struct dgm_str){0};
    if (dgm_str_find_either(inside, ':', '\\') == inside.n)
        return (struct dgm_str){0};
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), r->limits.arena_bytes);
    json_raw_put(quoted, &text);
    if (text.rc != DGM_OK)
        chat_no_memory(r);
    struct dgm_str url = dgm_buf_str(&text);
    bool is_data = dgm_str_eq_nocase(dgm_str_head(url, data.n), data);
    return dgm_str_find_char(url, ':') < url.n && !is_data ? url : (struct dgm_str){0};
}

/* By its members, not its type: vLLM takes parts without one. */
static void find_in_part(struct dgm_request *r, struct json_raw part,
                         const struct chat_place *place)
{
    struct json_raw_iter it = json_raw_iter(part);
    while (r->rc == DGM_OK && part.kind == JSON_OBJ && json_raw_next(&it)) {
        const struct url_part *known = urls_part(it.name);
        if (!known)
            continue;
        struct json_raw source =
            it.value.kind == JSON_OBJ ? json_raw_get(it.value, known->source) : it.value;
        struct dgm_str url = source.kind == JSON_STR ? quoted_url(r, source.text) : DGM_STR("");
        if (url.n != 0)
            add(r, url, known->type, place);
    }
}

static void find_relayed(struct dgm_request *r)
{
    struct json_raw_iter messages = json_raw_iter(r->relay->messages);
    while (json_raw_next(&messages)) {
        const struct chat_place *content = CHAT_MESSAGE_MEMBER(messages.index, DGM_STR("content"));
        struct json_raw all = json_raw_get(messages.value, content->member);
        struct json_raw_iter it = json_raw_iter(all);
        while (r->rc == DGM_OK && all.kind == JSON_ARR && json_raw_next(&it))
            find_in_part(r, it.value, CHAT_ELEMENT(content, it.index));
    }
}

enum dgm_rc dgm_request_urls(struct dgm_request *r, enum dgm_surface surface,
                             const struct dgm_url **ret, size_t *ret_n, struct dgm_fail *reterr)
{
    assert(!r->complete && r->body.n == 0);
    if (r->urls_n != 0)
        ; /* found before */
    else if (r->relay)
        find_relayed(r);
    else
        find_translated(r, surface);
    if (r->rc != DGM_OK) {
        chat_report(r, reterr);
        return r->rc;
    }
    *ret = r->urls;
    *ret_n = r->urls_n;
    return DGM_OK;
}

/* ---- what they lead to -------------------------------------------------------------------------------- */

/* "image/png", as RFC 6838 4.2 has it: nothing that would need an escape anywhere. */
static bool is_mime(struct dgm_str s)
{
    size_t slash = dgm_str_find_char(s, '/');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && i != slash && (c == '\0' || !strchr("!#$&^_.+-", c)))
            return false;
    }
    return slash != 0 && slash + 1 < s.n && slash <= MIME_BYTES_MAX &&
           s.n - slash <= MIME_BYTES_MAX;
}

bool dgm_request_give(struct dgm_request *r, size_t i, struct dgm_str base64, struct dgm_str mime,
                      bool sure)
{
    assert(i < r->urls_n && base64.n != 0 && base64.n % 4 == 0 && !r->complete);
    struct dgm_url *u = &r->urls[i];
    bool told = is_mime(mime);
    struct dgm_str copy = told ? dgm_arena_copy(&r->arena, mime) : (struct dgm_str){0};
    if (told && !copy.p)
        return false;
    u->base64 = base64;
    u->mime = copy;
    u->sure = sure && told;
    return true;
}

const struct dgm_url *urls_find(const struct dgm_request *r, struct dgm_str url)
{
    for (size_t i = 0; i < r->urls_n; i++)
        if (dgm_str_eq(r->urls[i].url, url))
            return r->urls[i].base64.p ? &r->urls[i] : NULL;
    return NULL;
}

const struct dgm_url *urls_find_quoted(const struct dgm_request *r, struct dgm_str quoted)
{
    for (size_t i = 0; i < r->urls_n; i++)
        if (json_raw_says(quoted, r->urls[i].url))
            return r->urls[i].base64.p ? &r->urls[i] : NULL;
    return NULL;
}

struct dgm_str urls_mime(const struct dgm_url *u)
{
    return u->mime.p ? u->mime : media_mime_of_name(u->url);
}
