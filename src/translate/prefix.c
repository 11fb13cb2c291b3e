/* SPDX-License-Identifier: Apache-2.0 */
/* prefix.c - the beginning of a request that an upstream keeps for it, as a cachedContent. */
#include "translate/prefix.h"

#include "base/digest.h"
#include "base/str.h"
#include "translate/google.h"
#include "translate/tools.h"

#include <string.h>

#define MARK DGM_STR("cache_control")
#define TTL_USUAL_S 300
#define TTL_MAX_S (7 * 24 * 3600)
#define HEAD_BEGIN 1  /* behind the body's brace */
#define PIECES_MAX 8  /* that are put between parts of the body */
#define SPLIT_BYTES 3 /* what stands between two turns: "]}," */
#define USER_TURN DGM_STR("{\"role\":\"user\",\"parts\":[")

static_assert(sizeof(((struct dgm_prefix *)0)->digest) == DGM_DIGEST_LETTERS,
              "the public header says how many letters a digest has");

/* ---- parts of the body ---------------------------------------------------------------------------------- */

/* Segments that are being gathered. */
struct pieces {
    struct dgm_str *at;
    size_t n;
};

static void add(struct pieces *to, struct dgm_str piece)
{
    if (piece.n != 0)
        to->at[to->n++] = piece;
}

/* What the body has between two offsets, with what was lent to it there. */
static void add_range(const struct dgm_request *r, size_t from, size_t to, struct pieces *ret)
{
    const void *items = r->lent.p;
    const struct json_lent *lent = items;
    for (size_t i = 0; i < r->lent.n / sizeof *lent; i++) {
        if (lent[i].at <= from || lent[i].at >= to)
            continue;
        add(ret, (struct dgm_str){r->body.p + from, lent[i].at - from});
        add(ret, lent[i].bytes);
        from = lent[i].at;
    }
    add(ret, (struct dgm_str){r->body.p + from, to - from});
}

/* False: memory is short. */
static bool make_room(struct dgm_request *r, struct pieces *ret)
{
    size_t lent_n = r->lent.n / sizeof(struct json_lent);
    ret->n = 0;
    ret->at = dgm_arena_take(&r->arena, (2 * lent_n + PIECES_MAX) * sizeof *ret->at);
    return ret->at != NULL;
}

/* Without the comma that stands before a member which is not the first. */
static size_t behind_comma(const struct dgm_request *r, size_t from, size_t to)
{
    return from < to && r->body.p[from] == ',' ? from + 1 : from;
}

/* False: memory is short. */
static bool digest_range(struct dgm_request *r, size_t from, size_t to,
                         char ret[DGM_DIGEST_LETTERS])
{
    struct dgm_digest d;
    struct pieces pieces;
    if (!make_room(r, &pieces))
        return false;
    dgm_digest_init(&d);
    add_range(r, behind_comma(r, from, to), to, &pieces);
    for (size_t i = 0; i < pieces.n; i++)
        dgm_digest_add(&d, pieces.at[i]);
    dgm_digest_end(&d, ret);
    return true;
}

/* ---- beside a cache of the client's ---------------------------------------------------------------------- */

/* Whether what was put is what the client's cache has. */
static bool is_cached(struct dgm_request *r, size_t from, const char *known)
{
    char digest[DGM_DIGEST_LETTERS];
    if (!known || r->body.rc != DGM_OK || r->lent.rc != DGM_OK)
        return false;
    if (!digest_range(r, from, r->body.n, digest)) {
        chat_no_memory(r);
        return false;
    }
    return memcmp(digest, known, sizeof digest) == 0;
}

/*
 * A cache holds the system instruction and the tools: Google refuses a request that has one and brings them too. False when
 * something was put since the body had `from`, and is not what the cache has.
 */
static bool goes_with_cache(struct dgm_request *r, size_t from, const char *known,
                            const struct chat_place *place)
{
    if (!r->google[GOOGLE_CACHED_CONTENT] || r->body.n == from || is_cached(r, from, known))
        return true;
    chat_refuse(r, DGM_ERR_VALUE, place,
                " cannot be sent with cached_content: a cache brings its own system instruction, ",
                "tools and tool choice, and a request that uses it must have none.");
    return false;
}

void prefix_put_head(struct dgm_request *r)
{
    const struct json_writer before = r->writer;
    const struct dgm_lead *known = r->prefix ? r->prefix->cached : NULL;
    size_t begin = r->body.n, lent = r->lent.n;
    chat_put_system(r, &r->writer);
    size_t system_end = r->body.n;
    if (!goes_with_cache(r, begin, known ? known->system : NULL, CHAT_MESSAGE(0)))
        return;
    tools_put(r, &r->writer);
    if (!goes_with_cache(r, system_end, known ? known->tools : NULL,
                         CHAT_MEMBER(NULL, DGM_STR("tools"))))
        return;
    if (r->google[GOOGLE_CACHED_CONTENT] && r->body.n != begin) {
        r->body.n = begin;
        r->lent.n = lent;
        r->writer = before;
        chat_warn(
            r, DGM_STR("cached_content"),
            DGM_STR(
                "the system instruction or tools of the request stand in it and were left out"));
        system_end = begin;
    }
    if (r->prefix) {
        r->prefix->system_end = system_end;
        r->prefix->head_end = r->body.n;
    }
}

/* ---- marks ---------------------------------------------------------------------------------------------- */

/* How long what a mark ends is to be kept; 0: it is none. */
static int64_t read_mark(const struct json_val *mark)
{
    const struct json_val *said = json_get(mark, DGM_STR("ttl"));
    struct dgm_str ttl = json_str(said);
    uint64_t s;
    if (!dgm_str_eq(json_get_str(mark, DGM_STR("type")), DGM_STR("ephemeral")))
        return 0;
    if (!chat_is_said(said) || dgm_str_eq(ttl, DGM_STR("5m")))
        return TTL_USUAL_S;
    if (dgm_str_eq(ttl, DGM_STR("1h")))
        return 3600;
    bool sound = dgm_str_ends(ttl, DGM_STR("s")) && dgm_str_u64(dgm_str_head(ttl, ttl.n - 1), &s);
    return sound && s <= TTL_MAX_S ? (int64_t)s : 0;
}

static int64_t mark_of(const struct json_val *obj)
{
    return read_mark(json_get(obj, MARK));
}

static bool counts(const struct dgm_request *r)
{
    return r->prefix && r->prefix->marks;
}

bool prefix_is_mark(const struct dgm_request *r, struct dgm_str name, const struct json_val *v)
{
    return counts(r) && dgm_str_eq(name, MARK) && read_mark(v) != 0;
}

const char *prefix_known(const struct dgm_request *r, const struct json_val *obj)
{
    return counts(r) && mark_of(obj) != 0 ? MARK.p : "type";
}

/* The last mark of a message and its parts; 0: it has none. */
static int64_t mark_of_message(const struct dgm_request *r, size_t message)
{
    int64_t last = 0;
    for (struct json_iter it = json_iter(r->messages[message].content); json_next(&it);) {
        int64_t ttl_s = mark_of(it.value);
        last = ttl_s != 0 ? ttl_s : last;
    }
    int64_t whole = mark_of(r->messages[message].val);
    return whole != 0 ? whole : last;
}

void prefix_mark_head(struct dgm_request *r, const struct json_val *obj)
{
    int64_t ttl_s = counts(r) ? mark_of(obj) : 0;
    if (ttl_s != 0)
        r->prefix->head_ttl_s = ttl_s;
}

void prefix_mark_system(struct dgm_request *r, size_t message)
{
    int64_t ttl_s = counts(r) ? mark_of_message(r, message) : 0;
    if (ttl_s != 0)
        r->prefix->head_ttl_s = ttl_s;
}

void prefix_begin_contents(struct dgm_request *r)
{
    struct prefix *p = r->prefix;
    if (!p)
        return;
    p->contents = r->body.n;
    p->noted = p->cut = 0;
    p->whole = NULL;
    p->said_ttl_s = 0;
    p->any = false;
}

static void note(struct chat_contents *c, int64_t ttl_s)
{
    struct prefix *p = c->r->prefix;
    if (ttl_s == 0)
        return;
    p->said_ttl_s = ttl_s;
    if (c->open == TURN_NONE)
        return;
    p->noted = c->r->body.n;
    p->noted_ttl_s = ttl_s;
}

void prefix_mark_part(struct chat_contents *c, const struct json_val *part)
{
    if (counts(c->r))
        note(c, mark_of(part));
}

/* Of a user's messages the parts were looked at one by one. */
void prefix_mark_messages(struct chat_contents *c, size_t first, size_t end)
{
    for (size_t i = first; counts(c->r) && i < end; i++)
        note(c, c->r->messages[i].role == ROLE_USER ? mark_of(c->r->messages[i].val)
                                                    : mark_of_message(c->r, i));
}

void prefix_go_on(struct chat_contents *c, enum chat_turn turn)
{
    struct prefix *p = c->r->prefix;
    if (!p || p->noted == 0)
        return;
    if (turn == TURN_USER) {
        p->cut = p->noted;
        p->cut_ttl_s = p->noted_ttl_s;
        p->within = c->open == turn;
    }
    p->noted = 0;
}

void prefix_end(struct dgm_request *r)
{
    struct prefix *p = r->prefix;
    struct dgm_prefix *ret = p ? &p->ret : NULL;
    bool any = counts(r) && !r->google[GOOGLE_CACHED_CONTENT] &&
               (p->head_ttl_s != 0 || p->said_ttl_s != 0);
    if (!any || r->rc != DGM_OK || r->body.rc != DGM_OK || r->lent.rc != DGM_OK)
        return;
    if (p->cut == 0 && p->head_end == HEAD_BEGIN) {
        chat_warn(r, MARK, DGM_STR("nothing that can be kept stands before the last mark"));
        return;
    }
    ret->ttl_s = p->cut != 0 ? p->cut_ttl_s : p->head_ttl_s != 0 ? p->head_ttl_s : p->said_ttl_s;
    char contents[DGM_DIGEST_LETTERS];
    if (!digest_range(r, HEAD_BEGIN, p->system_end, ret->lead.system) ||
        !digest_range(r, p->system_end, p->head_end, ret->lead.tools) ||
        !digest_range(r, p->contents, p->cut != 0 ? p->cut : p->contents, contents)) {
        chat_no_memory(r);
        return;
    }
    struct dgm_digest d;
    dgm_digest_init(&d);
    dgm_digest_add(&d, (struct dgm_str){ret->lead.system, sizeof ret->lead.system});
    dgm_digest_add(&d, (struct dgm_str){ret->lead.tools, sizeof ret->lead.tools});
    dgm_digest_add(&d, (struct dgm_str){contents, sizeof contents});
    dgm_digest_end(&d, ret->digest);
    p->any = true;
}

/* ---- public --------------------------------------------------------------------------------------------- */

/* NULL: memory is short. */
static struct prefix *prefix_of(struct dgm_request *r)
{
    if (!r->prefix)
        r->prefix = dgm_arena_take0(&r->arena, sizeof *r->prefix);
    return r->prefix;
}

bool dgm_request_use_marks(struct dgm_request *r)
{
    assert(!r->relay && !r->complete && r->body.n == 0);
    struct prefix *p = prefix_of(r);
    if (p)
        p->marks = true;
    return p != NULL;
}

struct dgm_str dgm_request_cache(const struct dgm_request *r)
{
    return r->relay ? (struct dgm_str){0} : json_str(r->google[GOOGLE_CACHED_CONTENT]);
}

bool dgm_request_tell_cache(struct dgm_request *r, const struct dgm_lead *lead)
{
    assert(!r->relay && !r->complete && r->body.n == 0);
    struct prefix *p = prefix_of(r);
    struct dgm_lead *copy = dgm_arena_take(&r->arena, sizeof *copy);
    if (!p || !copy)
        return false;
    *copy = *lead;
    p->cached = copy;
    return true;
}

const struct dgm_prefix *dgm_request_prefix(const struct dgm_request *r)
{
    return r->prefix && r->prefix->any && r->complete && r->rc == DGM_OK ? &r->prefix->ret : NULL;
}

/* A resource of the place's; on the Gemini API there is no place. */
static void put_location(const struct dgm_place *place, struct dgm_buf *out)
{
    if (place->surface != DGM_VERTEX)
        return;
    assert(dgm_name_ok(place->project) && dgm_name_ok(place->location));
    dgm_buf_put_lit(out, "projects/");
    dgm_buf_put(out, place->project);
    dgm_buf_put_lit(out, "/locations/");
    dgm_buf_put(out, place->location);
    dgm_buf_put_lit(out, "/");
}

void dgm_request_put_prefix_path(const struct dgm_place *place, struct dgm_buf *out)
{
    dgm_buf_put(out, place->surface == DGM_VERTEX ? DGM_STR("/v1/") : DGM_STR("/v1beta/"));
    put_location(place, out);
    dgm_buf_put_lit(out, "cachedContents");
}

/* `{"model":"...","ttl":"300s"`: what is not of the body; absent: memory is short. */
static struct dgm_str describe(struct dgm_request *r, const struct dgm_place *place)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), SIZE_MAX);
    dgm_buf_put_lit(&text, "{\"model\":\"");
    put_location(place, &text);
    if (place->surface == DGM_VERTEX)
        dgm_buf_put_lit(&text, "publishers/google/");
    dgm_buf_put_lit(&text, "models/");
    dgm_buf_put(&text, r->model.name);
    dgm_buf_put_lit(&text, "\",\"ttl\":\"");
    dgm_buf_put_int(&text, r->prefix->ret.ttl_s);
    dgm_buf_put_lit(&text, "s\"");
    return text.rc == DGM_OK ? dgm_buf_str(&text) : (struct dgm_str){0};
}

size_t dgm_request_prefix_body(struct dgm_request *r, const struct dgm_place *place,
                               const struct dgm_str **ret)
{
    const struct prefix *p = r->prefix;
    assert(dgm_request_prefix(r));
    struct dgm_str described = describe(r, place);
    struct pieces pieces;
    if (!described.p || !make_room(r, &pieces))
        return 0;
    add(&pieces, described);
    if (p->head_end != HEAD_BEGIN) {
        add(&pieces, DGM_STR(","));
        add_range(r, HEAD_BEGIN, p->head_end, &pieces);
    }
    if (p->cut != 0) {
        add(&pieces, DGM_STR(",\"contents\":["));
        add_range(r, p->contents, p->cut, &pieces);
        add(&pieces, DGM_STR("]}]"));
    }
    add(&pieces, DGM_STR("}"));
    *ret = pieces.at;
    return pieces.n;
}

/* `{"cachedContent":"...",`; absent: memory is short. */
static struct dgm_str name_it(struct dgm_request *r, struct dgm_str name)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->arena), SIZE_MAX);
    dgm_buf_put_lit(&text, "{\"cachedContent\":\"");
    dgm_buf_put(&text, name);
    dgm_buf_put_lit(&text, "\",");
    return text.rc == DGM_OK ? dgm_buf_str(&text) : (struct dgm_str){0};
}

void dgm_request_use_whole(struct dgm_request *r)
{
    struct prefix *p = r->prefix;
    if (!p || !p->whole)
        return;
    r->segments = p->whole;
    r->segments_n = p->whole_n;
    p->whole = NULL;
}

bool dgm_request_use_prefix(struct dgm_request *r, struct dgm_str name)
{
    struct prefix *p = r->prefix;
    struct pieces pieces;
    assert(dgm_request_prefix(r));
    dgm_request_use_whole(r);
    struct dgm_str named = name_it(r, name);
    if (!google_is_cache(r->surface, name) || !named.p || !make_room(r, &pieces))
        return false;
    size_t rest = behind_comma(r, p->head_end, p->contents);
    add(&pieces, named);
    if (p->cut != 0) {
        add_range(r, rest, p->contents, &pieces);
        add(&pieces, p->within ? USER_TURN : DGM_STR(""));
        rest = p->cut + (p->within ? 1 : SPLIT_BYTES);
    }
    add_range(r, rest, r->body.n, &pieces);
    p->whole = r->segments;
    p->whole_n = r->segments_n;
    r->segments = pieces.at;
    r->segments_n = pieces.n;
    return true;
}

void dgm_request_warn(struct dgm_request *r, struct dgm_str member, struct dgm_str sentence)
{
    chat_warn(r, member, sentence);
    chat_end_notes(r);
}
