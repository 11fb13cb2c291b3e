/* SPDX-License-Identifier: Apache-2.0 */
/* recording_read.c - the text of a file as an exchange, with line and column of what is wrong. */
#include "gateway/config_parse.h"
#include "gateway/recording.h"

#include "base/str.h"
#include "emulate/base64.h"

#include <string.h>

#define SEED_BYTES_MAX 64
#define SCRATCH_BYTES_MAX (4 * GW_RECORDING_FILE_MAX)

/* One reading. What is to stay goes into `arena`. */
struct reader {
    struct gw_parse parse;
    struct dgm_arena *arena;
};

/* ---- values ---- */

static void *take(struct reader *r, size_t n)
{
    void *p = dgm_arena_take0(r->arena, n);
    r->parse.no_memory |= p == NULL;
    return p;
}

static struct dgm_str keep(struct reader *r, struct dgm_str s)
{
    char *to = take(r, s.n + 1);
    if (to == NULL)
        return DGM_STR("");
    if (s.n != 0)
        memcpy(to, s.p, s.n);
    return (struct dgm_str){to, s.n};
}

static void read_str(struct reader *r, const struct gw_node *map, struct dgm_str key,
                     struct dgm_str *to)
{
    const struct gw_node *node = gw_node_get(map, key);
    if (node == NULL)
        return;
    if (node->kind != GW_NODE_SCALAR)
        gw_problem(&r->parse, node, key, DGM_STR(": a text is expected"));
    else
        *to = keep(r, node->text);
}

static int64_t read_int(struct reader *r, const struct gw_node *map, struct dgm_str key,
                        int64_t max, int64_t otherwise)
{
    const struct gw_node *node = gw_node_get(map, key);
    int64_t i = otherwise;
    if (node != NULL && (!dgm_str_i64(node->text, &i) || i < 0 || i > max)) {
        gw_problem(&r->parse, node, key, DGM_STR(": "), gw_node_quoted(&r->parse, node),
                   DGM_STR(" is no number that is taken here"));
        i = otherwise;
    }
    return i;
}

/* An HTTP status; 0: there was none. */
static int read_status(struct reader *r, const struct gw_node *map)
{
    int status = (int)read_int(r, map, DGM_STR("status"), 599, 0);
    if (status != 0 && status < 200)
        gw_problem(&r->parse, gw_node_get(map, DGM_STR("status")),
                   DGM_STR("status: it is none of an answer"));
    return status;
}

static int read_word(struct reader *r, const struct gw_node *map, struct dgm_str key,
                     const struct gw_recorded_words *words)
{
    const struct gw_node *node = gw_node_get(map, key);
    if (node == NULL)
        return 0;
    size_t i = dgm_str_index(node->text, words->at, words->n);
    if (i < words->n)
        return (int)i;
    gw_problem(&r->parse, node, key, DGM_STR(": there is no "), gw_node_quoted(&r->parse, node));
    return 0;
}

static bool read_bool(const struct gw_node *map, struct dgm_str key)
{
    const struct gw_node *node = gw_node_get(map, key);
    return node != NULL && dgm_str_eq(node->text, DGM_STR("true"));
}

/* A member that must be there, of a kind; NULL with the problem told. */
static const struct gw_node *need(struct reader *r, const struct gw_node *map, struct dgm_str key,
                                  enum gw_node_kind kind)
{
    const struct gw_node *node = gw_node_get(map, key);
    if (node != NULL && node->kind == kind)
        return node;
    gw_problem(&r->parse, node != NULL ? node : map, key,
               node != NULL ? DGM_STR(": it has another form here")
                            : DGM_STR(": it is missing here"));
    return NULL;
}

/* ---- bytes ---- */

enum writing { AS_JSON, AS_SPACED, AS_TEXT, AS_CRLF, AS_BASE64, WRITINGS };

static void take_crlf(struct dgm_str s, struct dgm_buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            dgm_buf_put_char(out, '\r');
        dgm_buf_put_char(out, s.p[i]);
    }
}

static void join_lines(struct dgm_str lines, struct dgm_buf *out)
{
    for (struct dgm_str line; dgm_str_split(&lines, '\n', &line);)
        dgm_buf_put(out, line);
}

static bool take_base64(struct reader *r, struct dgm_str lines, struct dgm_buf *out)
{
    struct dgm_buf text;
    dgm_buf_init(&text, dgm_arena_alloc(&r->parse.scratch), SIZE_MAX);
    join_lines(lines, &text);
    size_t n = text.rc == DGM_OK ? emu_base64_size(dgm_buf_str(&text)) : BASE64_BAD;
    for (size_t i = 0; n != BASE64_BAD && i < n; i++)
        dgm_buf_put_char(out, (char)emu_base64_at(dgm_buf_str(&text), i));
    return n != BASE64_BAD;
}

/* The bytes that stand in a mapping under the key of their writing; "" where there are none. */
static struct dgm_str read_bytes(struct reader *r, const struct gw_node *map)
{
    static const struct dgm_str keys[WRITINGS] = {
        {"json", 4}, {"spaced", 6}, {"text", 4}, {"crlf", 4}, {"base64", 6}};
    const struct gw_node *node = NULL;
    size_t as = 0;
    while (as < WRITINGS && (node = gw_node_get(map, keys[as])) == NULL)
        as++;
    if (node == NULL)
        return DGM_STR("");
    if (as == AS_TEXT)
        return keep(r, node->text);
    struct dgm_buf out;
    dgm_buf_init(&out, dgm_arena_alloc(r->arena), SIZE_MAX);
    dgm_buf_reserve(&out, node->text.n + 1);
    bool sound = true;
    if (as == AS_CRLF)
        take_crlf(node->text, &out);
    else if (as == AS_BASE64)
        sound = take_base64(r, node->text, &out);
    else
        gw_layout_take(node->text, as == AS_SPACED, &out);
    if (!sound)
        gw_problem(&r->parse, node, DGM_STR("base64: it is none"));
    r->parse.no_memory |= out.rc != DGM_OK;
    return out.n != 0 ? dgm_buf_str(&out) : DGM_STR("");
}

/* A part of a piece: it has no time of its own. */
static bool is_part(const struct gw_node *item)
{
    return gw_node_get(item, DGM_STR("ms")) == NULL;
}

static void add_part(struct reader *r, struct gw_recorded_piece *piece, struct dgm_str more)
{
    char *to = take(r, piece->bytes.n + more.n + 1);
    if (to == NULL)
        return;
    memcpy(to, piece->bytes.p, piece->bytes.n);
    memcpy(to + piece->bytes.n, more.p, more.n);
    piece->bytes = (struct dgm_str){to, piece->bytes.n + more.n};
}

static void read_pieces(struct reader *r, const struct gw_node *answer, struct gw_recorded_call *to)
{
    const struct gw_node *list = gw_node_get(answer, DGM_STR("pieces"));
    struct gw_recorded_piece *last = NULL;
    if (list != NULL && list->kind != GW_NODE_LIST)
        gw_problem(&r->parse, list, DGM_STR("pieces: a list is expected"));
    for (const struct gw_node *item = list != NULL ? list->first : NULL; item; item = item->next) {
        struct dgm_str bytes = read_bytes(r, item);
        if (last != NULL && is_part(item)) {
            add_part(r, last, bytes);
            continue;
        }
        struct gw_recorded_piece *piece = take(r, sizeof *piece);
        if (piece == NULL)
            return;
        *piece =
            (struct gw_recorded_piece){read_int(r, item, DGM_STR("ms"), INT64_MAX, 0), bytes, NULL};
        if (last != NULL)
            last->next = piece;
        else
            to->pieces = piece;
        last = piece;
    }
}

/* ---- messages and calls ---- */

static void read_headers(struct reader *r, const struct gw_node *map,
                         struct gw_recorded_message *to)
{
    const struct gw_node *headers = gw_node_get(map, DGM_STR("headers"));
    if (headers == NULL || headers->kind != GW_NODE_MAP)
        return;
    struct gw_call_header *list = take(r, (headers->n + 1) * sizeof *list);
    for (const struct gw_node *at = headers->first; list != NULL && at; at = at->next)
        list[to->headers_n++] = (struct gw_call_header){keep(r, at->name->text), keep(r, at->text)};
    to->headers = list;
}

static void read_message(struct reader *r, const struct gw_node *map,
                         struct gw_recorded_message *to)
{
    read_str(r, map, DGM_STR("method"), &to->method);
    read_str(r, map, DGM_STR("target"), &to->target);
    if (to->target.p == NULL)
        (void)need(r, map, DGM_STR("target"), GW_NODE_SCALAR);
    read_headers(r, map, to);
    to->body = read_bytes(r, map);
}

static void read_answer(struct reader *r, const struct gw_node *map, struct gw_recorded_call *to)
{
    to->status = read_status(r, map);
    read_str(r, map, DGM_STR("type"), &to->type);
    read_str(r, map, DGM_STR("warning"), &to->warning);
    to->retry_ms = read_int(r, map, DGM_STR("retry_ms"), INT64_MAX, -1);
    read_pieces(r, map, to);
    to->end = (enum gw_recorded_end)read_word(r, map, DGM_STR("end"), &gw_recorded_ends);
    if (to->end != GW_RECORDED_FAILED)
        return;
    const struct gw_node *error = need(r, map, DGM_STR("error"), GW_NODE_SCALAR);
    to->error = error != NULL ? gw_recorded_error_named(error->text) : DGM_ERR_NONE;
    if (error != NULL && to->error == DGM_ERR_NONE)
        gw_problem(&r->parse, error, DGM_STR("error: there is no "),
                   gw_node_quoted(&r->parse, error));
    read_str(r, map, DGM_STR("detail"), &to->detail);
}

static void read_upstream(struct reader *r, const struct gw_node *map, struct gw_upstream *to)
{
    read_str(r, map, DGM_STR("name"), &to->name);
    to->kind = read_word(r, map, DGM_STR("kind"), &gw_recorded_kinds);
    to->dialect = read_word(r, map, DGM_STR("dialect"), &gw_recorded_dialects);
    read_str(r, map, DGM_STR("model"), &to->model);
    read_str(r, map, DGM_STR("base_url"), &to->base_url);
    const char *fault = to->base_url.p != NULL ? gw_url_fault(to->base_url) : NULL;
    if (fault != NULL)
        gw_problem(&r->parse, gw_node_get(map, DGM_STR("base_url")), DGM_STR("base_url "),
                   dgm_str_c(fault));
}

static void read_call(struct reader *r, const struct gw_node *item, struct gw_recorded_call *to)
{
    const struct gw_node *upstream = need(r, item, DGM_STR("upstream"), GW_NODE_MAP);
    const struct gw_node *request = need(r, item, DGM_STR("request"), GW_NODE_MAP);
    const struct gw_node *answer = need(r, item, DGM_STR("answer"), GW_NODE_MAP);
    if (upstream == NULL || request == NULL || answer == NULL)
        return;
    read_upstream(r, upstream, &to->upstream);
    read_message(r, request, &to->request);
    read_answer(r, answer, to);
}

static void read_calls(struct reader *r, const struct gw_node *root, struct gw_recording *to)
{
    const struct gw_node *list = gw_node_get(root, DGM_STR("calls"));
    struct gw_recorded_call *last = NULL;
    if (list != NULL && list->kind != GW_NODE_LIST)
        gw_problem(&r->parse, list, DGM_STR("calls: a list is expected"));
    for (const struct gw_node *item = list != NULL ? list->first : NULL; item; item = item->next) {
        struct gw_recorded_call *call = take(r, sizeof *call);
        if (call == NULL)
            return;
        read_call(r, item, call);
        if (last != NULL)
            last->next = call;
        else
            to->calls = call;
        last = call;
    }
}

/* ---- what was fetched ---- */

static void read_url(struct reader *r, const struct gw_node *item, struct gw_recorded_url *to)
{
    const struct gw_node *data = need(r, item, DGM_STR("data"), GW_NODE_SCALAR);
    struct dgm_buf out;
    read_str(r, item, DGM_STR("url"), &to->url);
    read_str(r, item, DGM_STR("type"), &to->mime);
    to->sure = read_bool(item, DGM_STR("sure"));
    if (to->url.p == NULL)
        (void)need(r, item, DGM_STR("url"), GW_NODE_SCALAR);
    if (data == NULL)
        return;
    dgm_buf_init(&out, dgm_arena_alloc(r->arena), SIZE_MAX);
    dgm_buf_reserve(&out, data->text.n + 1);
    join_lines(data->text, &out);
    to->base64 = dgm_buf_str(&out);
    r->parse.no_memory |= out.rc != DGM_OK;
    if (out.n == 0 || out.n % 4 != 0 || emu_base64_size(to->base64) == BASE64_BAD)
        gw_problem(&r->parse, data, DGM_STR("data: it is no base64"));
}

static void read_fetched(struct reader *r, const struct gw_node *root, struct gw_recording *to)
{
    const struct gw_node *list = gw_node_get(root, DGM_STR("fetched"));
    struct gw_recorded_url **end = &to->fetched;
    if (list != NULL && list->kind != GW_NODE_LIST)
        gw_problem(&r->parse, list, DGM_STR("fetched: a list is expected"));
    for (const struct gw_node *item = list != NULL ? list->first : NULL; item; item = item->next) {
        struct gw_recorded_url *url = take(r, sizeof *url);
        if (url == NULL)
            return;
        read_url(r, item, url);
        *end = url;
        end = &url->next;
    }
}

/* ---- the file ---- */

/* "2026-11-21T19:20:31.123Z": days since 1970 by the civil calendar, which needs no library and no zone. */
static int64_t read_time(struct dgm_str s)
{
    static const struct {
        size_t at, n;
    } fields[] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}, {20, 3}};
    uint64_t v[7] = {0};
    for (size_t i = 0; i < 7; i++)
        if (!dgm_str_u64(dgm_str_head(dgm_str_skip(s, fields[i].at), fields[i].n), &v[i]))
            return 0;
    int64_t year = (int64_t)v[0] - (v[1] <= 2), month = (int64_t)v[1];
    int64_t era = year / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)v[2] - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return (((days * 24 + (int64_t)v[3]) * 60 + (int64_t)v[4]) * 60 + (int64_t)v[5]) * 1000 +
           (int64_t)v[6];
}

/* What ids are made of: the core counts on it (struct dgm_env). */
static bool is_seed(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_')
            return false;
    }
    return s.n != 0 && s.n <= SEED_BYTES_MAX;
}

static void read_translation(struct reader *r, const struct gw_node *map, struct gw_recording *to)
{
    const struct gw_node *seed = need(r, map, DGM_STR("seed"), GW_NODE_SCALAR);
    read_str(r, map, DGM_STR("seed"), &to->seed);
    if (seed != NULL && !is_seed(seed->text))
        gw_problem(&r->parse, seed,
                   DGM_STR("seed: it is 1 to 64 letters, digits, - and _, and no such text"));
    to->now = read_int(r, map, DGM_STR("now"), INT64_MAX, 0);
    read_str(r, map, DGM_STR("endpoint"), &to->endpoint);
    read_str(r, map, DGM_STR("model"), &to->model);
    to->compat = read_word(r, map, DGM_STR("compat"), &gw_recorded_compats);
    to->reasoning = read_word(r, map, DGM_STR("reasoning"), &gw_recorded_reasonings);
    to->reasoning_details = read_bool(map, DGM_STR("reasoning_details"));
    to->strict = read_bool(map, DGM_STR("strict"));
    to->max_tokens_includes_thinking = read_bool(map, DGM_STR("max_tokens_includes_thinking"));
    to->always_usage = read_bool(map, DGM_STR("always_usage"));
    to->blocked = read_word(r, map, DGM_STR("blocked"), &gw_recorded_blocked);
    to->image_output = read_word(r, map, DGM_STR("image_output"), &gw_recorded_images);
}

static void read_root(struct reader *r, const struct gw_node *root, struct gw_recording *to)
{
    static const struct gw_node nothing = {.kind = GW_NODE_SCALAR, .line = 1, .column = 1};
    const struct gw_node *version = gw_node_get(root, DGM_STR("recording")), *map;
    struct dgm_str when = {0};
    if (version == NULL || !dgm_str_eq(version->text, DGM_STR("1"))) {
        gw_problem(
            &r->parse,
            version != NULL ? version
            : root != NULL  ? root
                            : &nothing,
            DGM_STR("no recording that this version reads: it begins with \"recording: 1\""));
        return;
    }
    read_str(r, root, DGM_STR("time"), &when);
    to->time_ms = read_time(when);
    read_str(r, root, DGM_STR("id"), &to->id);
    if ((map = gw_node_get(root, DGM_STR("translation"))) != NULL)
        read_translation(r, map, to);
    if ((map = need(r, root, DGM_STR("client"), GW_NODE_MAP)) != NULL)
        read_message(r, map, &to->client);
    read_fetched(r, root, to);
    read_calls(r, root, to);
    if ((map = gw_node_get(root, DGM_STR("reply"))) == NULL)
        return;
    struct gw_recorded_piece *reply = take(r, sizeof *reply);
    to->status = read_status(r, map);
    read_str(r, map, DGM_STR("type"), &to->type);
    if (reply != NULL)
        reply->bytes = read_bytes(r, map);
    to->reply = reply;
}

enum dgm_rc gw_recording_read(struct dgm_str text, struct dgm_arena *arena,
                              struct gw_recording *ret, struct gw_problems *reterr)
{
    const struct gw_config_source source = {.file = text};
    struct reader r = {.parse = {.source = &source, .verbatim = true, .recorded = true},
                       .arena = arena};
    struct gw_recording read = {0};
    dgm_arena_init(&r.parse.scratch, &dgm_alloc_libc, SCRATCH_BYTES_MAX);
    const struct gw_node *root = gw_yaml_read(&r.parse);
    if (!r.parse.no_memory && r.parse.problems.n == 0)
        read_root(&r, root, &read);
    dgm_arena_dispose(&r.parse.scratch);
    if (r.parse.no_memory)
        return DGM_E_NOMEM;
    if (r.parse.problems.n != 0) {
        *reterr = r.parse.problems;
        return DGM_E_REFUSED;
    }
    *ret = read;
    return DGM_OK;
}
