/* SPDX-License-Identifier: Apache-2.0 */
/* emulator_log.c - what the emulator received, kept and counted. */
#include "gateway/emulator_log.h"

#include "base/str.h"
#include "base/utf8.h"
#include "gateway/keeper_wire.h"
#include "json/write.h"

#include <assert.h>
#include <string.h>

#define NAME_BYTES_MAX 200 /* of a name that is counted: a longer one by its beginning */
#define PARSE_BYTES_MAX (GW_EMULATED_BODY_MAX * 64)

/* ---- a request as a payload ---- */

/* The texts of a request, in the order in which they are put. */
static struct dgm_str *text_at(struct gw_emulated *e, size_t index)
{
    struct dgm_str *const texts[] = {&e->method,    &e->path,   &e->emulate,  &e->fault,
                                     &e->responder, &e->failed, &e->scenario, &e->body};
    return index < sizeof texts / sizeof *texts ? texts[index] : NULL;
}

void gw_emulated_put(const struct gw_emulated *e, struct dgm_buf *out)
{
    struct gw_emulated copy = *e;
    assert(e->rules_n <= GW_EMULATED_RULES_MAX && e->body.n <= GW_EMULATED_BODY_MAX);
    gw_field_put_u64(out, e->worker);
    gw_field_put_u64(out, e->time_s);
    gw_field_put_u64(out, (uint64_t)e->status);
    gw_field_put_u64(out, e->body_bytes);
    for (size_t i = 0; text_at(&copy, i); i++)
        gw_field_put_str(out, text_at(&copy, i) == &copy.body
                                  ? copy.body
                                  : dgm_str_head(*text_at(&copy, i), GW_EMULATED_TEXT_MAX));
    for (size_t i = 0; i < e->rules_n; i++)
        gw_field_put_str(out, e->rules[i]);
}

bool gw_emulated_read(struct dgm_str payload, struct gw_emulated *ret)
{
    struct gw_fields f = {.rest = payload};
    struct gw_emulated e = {.worker = gw_field_u64(&f), .time_s = gw_field_u64(&f)};
    uint64_t status = gw_field_u64(&f);
    e.status = status < 1000 ? (int)status : 0;
    e.body_bytes = gw_field_u64(&f);
    for (size_t i = 0; text_at(&e, i); i++)
        *text_at(&e, i) = gw_field_str(&f);
    while (!f.bad && f.rest.n != 0 && e.rules_n < GW_EMULATED_RULES_MAX)
        e.rules[e.rules_n++] = gw_field_str(&f);
    if (!gw_fields_ended(&f) || e.body.n > GW_EMULATED_BODY_MAX)
        return false;
    *ret = e;
    return true;
}

/* ---- what is kept ---- */

/* What is counted, each kind for itself. */
enum counted { COUNTED_STATUS, COUNTED_RESPONDER, COUNTED_FAULT, COUNTED_SCENARIO, COUNTED_RULE };
static const char *const counted_names[] = {"status", "responder", "fault", "scenario", "rule"};

struct count {
    enum counted kind;
    uint64_t n;
    struct dgm_buf name;
};

struct kept {
    struct kept *next;
    uint64_t number;
    size_t bytes; /* of the payload, which stands behind */
};

struct gw_emulator_log {
    const struct dgm_alloc *alloc;
    struct kept *first, *last;
    size_t kept_n, kept_bytes;
    uint64_t received, others; /* counts of names that have no place */
    struct count counts[GW_EMULATED_NAMES_MAX];
    size_t counts_n;
};

static struct dgm_str payload_of(const struct kept *k)
{
    return (struct dgm_str){(const char *)(k + 1), k->bytes};
}

struct gw_emulator_log *gw_emulator_log_new(const struct dgm_alloc *a)
{
    struct gw_emulator_log *log = a->resize(a->ctx, NULL, 0, sizeof *log);
    if (!log)
        return NULL;
    log->alloc = a;
    log->first = log->last = NULL;
    log->kept_n = log->kept_bytes = log->counts_n = 0;
    log->received = log->others =
        0; /* the counts are not touched: most are never used, and take no memory then */
    return log;
}

static void drop_oldest(struct gw_emulator_log *log)
{
    struct kept *oldest = log->first;
    log->first = oldest->next;
    if (!log->first)
        log->last = NULL;
    log->kept_n--;
    log->kept_bytes -= oldest->bytes;
    log->alloc->resize(log->alloc->ctx, oldest, sizeof *oldest + oldest->bytes, 0);
}

void gw_emulator_log_reset(struct gw_emulator_log *log)
{
    while (log->first)
        drop_oldest(log);
    for (size_t i = 0; i < log->counts_n; i++)
        dgm_buf_dispose(&log->counts[i].name);
    log->counts_n = 0;
    log->received = log->others = 0;
}

void gw_emulator_log_free(struct gw_emulator_log *log)
{
    if (!log)
        return;
    gw_emulator_log_reset(log);
    log->alloc->resize(log->alloc->ctx, log, sizeof *log, 0);
}

static void count(struct gw_emulator_log *log, enum counted kind, struct dgm_str name)
{
    if (name.n == 0)
        return;
    name = dgm_utf8_head(dgm_str_head(name, dgm_utf8_bad(name)), NAME_BYTES_MAX);
    for (size_t i = 0; i < log->counts_n; i++) {
        struct count *c = &log->counts[i];
        if (c->kind == kind && dgm_str_eq(dgm_buf_str(&c->name), name)) {
            c->n++;
            return;
        }
    }
    if (log->counts_n == GW_EMULATED_NAMES_MAX) {
        log->others++;
        return;
    }
    struct count *c = &log->counts[log->counts_n++];
    *c = (struct count){.kind = kind, .n = 1};
    dgm_buf_init(&c->name, log->alloc, NAME_BYTES_MAX);
    dgm_buf_put(&c->name, name);
}

static void count_all(struct gw_emulator_log *log, const struct gw_emulated *e)
{
    char room[20];
    struct dgm_buf status = {.p = room, .cap = sizeof room, .max = sizeof room};
    dgm_buf_put_int(&status, e->status);
    count(log, COUNTED_STATUS, dgm_buf_str(&status));
    count(log, COUNTED_RESPONDER, e->responder);
    count(log, COUNTED_FAULT, e->failed);
    count(log, COUNTED_SCENARIO, e->scenario);
    for (size_t i = 0; i < e->rules_n; i++)
        count(log, COUNTED_RULE, e->rules[i]);
}

bool gw_emulator_log_add(struct gw_emulator_log *log, struct dgm_str payload)
{
    struct gw_emulated e;
    if (!gw_emulated_read(payload, &e))
        return false;
    log->received++;
    count_all(log, &e);
    while (log->first && (log->kept_n >= GW_EMULATED_KEPT_MAX ||
                          log->kept_bytes + payload.n > GW_EMULATED_KEPT_BYTES_MAX))
        drop_oldest(log);
    struct kept *k = log->alloc->resize(log->alloc->ctx, NULL, 0, sizeof *k + payload.n);
    if (!k)
        return true; /* counted, not kept */
    *k = (struct kept){.number = log->received, .bytes = payload.n};
    memcpy(k + 1, payload.p, payload.n);
    *(log->last ? &log->last->next : &log->first) = k;
    log->last = k;
    log->kept_n++;
    log->kept_bytes += payload.n;
    return true;
}

/* ---- as JSON ---- */

/* A client's text may hold any byte. */
static void put_text(struct json_writer *w, struct dgm_str s)
{
    json_open_str(w);
    while (s.n != 0) {
        size_t sound = dgm_utf8_bad(s);
        json_add_str(w, dgm_str_head(s, sound));
        if (sound < s.n)
            json_add_str(w, DGM_STR("\xef\xbf\xbd"));
        s = dgm_str_skip(s, sound + 1);
    }
    json_close_str(w);
}

static void put_member(struct json_writer *w, struct dgm_str name, struct dgm_str value)
{
    if (value.n == 0)
        return;
    json_put_key(w, name);
    put_text(w, value);
}

/* A whole body as the JSON value that it is; else its beginning as a text, which may take six times its bytes. */
static void put_body(struct json_writer *w, const struct gw_emulated *e,
                     const struct dgm_alloc *alloc)
{
    struct dgm_arena arena;
    const struct json_val *root = NULL;
    struct json_error error;
    dgm_arena_init(&arena, alloc, PARSE_BYTES_MAX);
    char *copy = e->body.n == e->body_bytes && e->body.n != 0
                     ? dgm_arena_take(&arena, e->body.n + JSON_PADDING)
                     : NULL;
    json_put_name(w, "body");
    if (copy) {
        memcpy(copy, e->body.p, e->body.n);
        if (json_parse(&arena, copy, e->body.n, JSON_DEPTH_MAX, &root, &error) != DGM_OK)
            root = NULL;
    }
    struct dgm_str head = dgm_str_head(e->body, GW_EMULATED_CUT_BYTES);
    if (root)
        json_put_val(w, root);
    else
        put_text(w, head);
    json_member_int(w, "body_bytes", (int64_t)e->body_bytes);
    if (!root && head.n < e->body_bytes)
        json_member_bool(w, "body_cut", true);
    dgm_arena_dispose(&arena);
}

static void put_request(const struct gw_emulator_log *log, const struct kept *k,
                        struct json_writer *w)
{
    struct gw_emulated e;
    bool sound = gw_emulated_read(payload_of(k), &e);
    assert(sound);
    json_open_obj(w);
    json_member_int(w, "number", (int64_t)k->number);
    json_member_int(w, "time", (int64_t)e.time_s);
    json_member_int(w, "worker", (int64_t)e.worker);
    put_member(w, DGM_STR("method"), e.method);
    put_member(w, DGM_STR("path"), e.path);
    json_put_name(w, "headers");
    json_open_obj(w);
    put_member(w, DGM_STR("x-dragoman-emulate"), e.emulate);
    put_member(w, DGM_STR("x-dragoman-fault"), e.fault);
    json_close_obj(w);
    json_member_int(w, "status", e.status);
    put_member(w, DGM_STR("responder"), e.responder);
    put_member(w, DGM_STR("scenario"), e.scenario);
    put_member(w, DGM_STR("fault"), e.failed);
    json_put_name(w, "rules");
    json_open_arr(w);
    for (size_t i = 0; i < e.rules_n; i++)
        put_text(w, e.rules[i]);
    json_close_arr(w);
    put_body(w, &e, log->alloc);
    json_close_obj(w);
}

static void put_counts(const struct gw_emulator_log *log, struct json_writer *w)
{
    json_put_name(w, "counts");
    json_open_obj(w);
    for (size_t kind = 0; kind < sizeof counted_names / sizeof *counted_names; kind++) {
        json_put_key(w, dgm_str_c(counted_names[kind]));
        json_open_obj(w);
        for (size_t i = 0; i < log->counts_n; i++) {
            if (log->counts[i].kind != kind)
                continue;
            json_put_key(w, dgm_buf_str(&log->counts[i].name));
            json_put_int(w, (int64_t)log->counts[i].n);
        }
        json_close_obj(w);
    }
    if (log->others != 0)
        json_member_int(w, "others", (int64_t)log->others);
    json_close_obj(w);
}

void gw_emulator_log_put(const struct gw_emulator_log *log, int64_t pid, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_member_int(&w, "keeper", pid);
    json_member_int(&w, "received", (int64_t)log->received);
    put_counts(log, &w);
    json_put_name(&w, "requests");
    json_open_arr(&w);
    for (const struct kept *k = log->first; k; k = k->next)
        put_request(log, k, &w);
    json_close_arr(&w);
    json_close_obj(&w);
}
