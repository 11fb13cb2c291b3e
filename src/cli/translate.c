/* SPDX-License-Identifier: Apache-2.0 */
/*
 * translate.c - `dragoman translate`: the core from the shell. The time and the id are fixed unless given, so
 * that the same input always prints the same bytes.
 */
#include "cli/cli.h"
#include "json/write.h"

#include "base/str.h"
#include <dragoman/dragoman.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define INPUT_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define OUTPUT_BYTES_MAX ((size_t)1024 * 1024 * 1024)
#define STANDARD_NOW 1767225600 /* 2026-01-01 */

/* ---- options ---- */

static bool is_id(struct dgm_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '_')
            return false;
    }
    return s.n != 0 && s.n <= 64;
}

/* A whole number between two bounds, `standard` where the option is not given. False with usage told. */
static bool read_number(const struct cli_args *args, enum cli_option_id id, uint64_t min,
                        uint64_t max, uint64_t standard, uint64_t *ret)
{
    struct dgm_str text = cli_get(args, id);
    *ret = standard;
    if (!text.p)
        return true;
    if (dgm_str_u64(text, ret) && *ret >= min && *ret <= max)
        return true;
    (void)cli_misused(args, DGM_STR("--"), dgm_str_c(cli_options[id].name), DGM_STR(": \""), text,
                      DGM_STR("\" is not a number that it takes"));
    return false;
}

/* Where a request goes, and all that a translation takes from outside. */
struct way {
    struct dgm_env env;
    bool relayed; /* to `server`; else to env.surface */
    struct dgm_server server;
};

static bool read_upstream(struct dgm_str word, struct way *ret)
{
    static const char *const servers[] = {"vllm", "tgi", "openai"};
    ret->env.surface = dgm_str_eq(word, DGM_STR("gemini")) ? DGM_GEMINI : DGM_VERTEX;
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
        if (!dgm_str_eq(word, dgm_str_c(servers[i])))
            continue;
        ret->relayed = true;
        ret->server.kind = (enum dgm_server_kind)i;
    }
    return !word.p || ret->relayed || ret->env.surface == DGM_GEMINI ||
           dgm_str_eq(word, DGM_STR("vertex"));
}

static bool read_way(const struct cli_args *args, struct way *ret)
{
    struct dgm_str id = cli_get(args, CLI_OPT_ID), compat = cli_get(args, CLI_OPT_COMPAT);
    uint64_t now;
    *ret = (struct way){
        .env = {.id = id.p ? id : DGM_STR("0"), .strict = cli_get(args, CLI_OPT_STRICT).p != NULL}};
    if (!is_id(ret->env.id)) {
        (void)cli_misused(args, DGM_STR("--id: expected 1 to 64 of A-Z a-z 0-9 _ -"));
        return false;
    }
    if (!read_upstream(cli_get(args, CLI_OPT_SURFACE), ret)) {
        (void)cli_misused(args,
                          DGM_STR("--upstream: expected vertex, gemini, vllm, tgi or openai"));
        return false;
    }
    if (dgm_str_eq(compat, DGM_STR("google")))
        ret->env.compat = DGM_COMPAT_GOOGLE;
    else if (compat.p && !dgm_str_eq(compat, DGM_STR("openai"))) {
        (void)cli_misused(args, DGM_STR("--compat: expected openai or google"));
        return false;
    }
    if (!read_number(args, CLI_OPT_NOW, 0, INT64_MAX, STANDARD_NOW, &now))
        return false;
    ret->env.now = (int64_t)now;
    return true;
}

static bool read_place(const struct cli_args *args, enum dgm_surface surface, struct dgm_place *ret)
{
    struct dgm_str project = cli_get(args, CLI_OPT_PROJECT),
                   location = cli_get(args, CLI_OPT_LOCATION);
    *ret = (struct dgm_place){.surface = surface,
                              .project = project.p ? project : DGM_STR("my-project"),
                              .location = location.p ? location : DGM_STR("us-central1")};
    if (dgm_name_ok(ret->project) && dgm_name_ok(ret->location))
        return true;
    (void)cli_misused(args,
                      DGM_STR("--project and --location are names: letters, digits and . _ : @ -"));
    return false;
}

/* ---- what the three share ---- */

static int tell_fail(const struct dgm_fail *fail)
{
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, 1 << 16);
    dgm_fail_put(fail, &out);
    (void)cli_write(STDERR_FILENO, &out, true);
    dgm_buf_dispose(&out);
    return CLI_REFUSED;
}

/* Translates a request; what the core would remember of earlier answers is unknown here. NULL: it is told. */
static struct dgm_request *make_request(const struct way *way, struct dgm_buf *body)
{
    struct dgm_request *request = NULL;
    struct dgm_fail fail = {0};
    enum dgm_rc rc = way->relayed ? dgm_relay_open(&way->env, body, &request, &fail)
                                  : dgm_chat_request(&way->env, body, &request, &fail);
    if (rc == DGM_OK && way->relayed)
        rc = dgm_relay_make(request, &way->server, &fail);
    if (rc == DGM_NEED)
        rc = dgm_request_resume(request, &fail);
    if (rc == DGM_OK)
        return request;
    tell_fail(&fail);
    dgm_request_free(request);
    return NULL;
}

static void put_plain_request(struct dgm_str model, struct dgm_buf *out)
{
    struct json_writer w = json_writer(out);
    json_open_obj(&w);
    json_member_str(&w, "model", model.p ? model : DGM_STR("google/gemini-2.5-flash"));
    json_put_key(&w, DGM_STR("messages"));
    json_open_arr(&w);
    json_open_obj(&w);
    json_member_str(&w, "role", DGM_STR("user"));
    json_member_str(&w, "content", DGM_STR("Hello"));
    json_close_obj(&w);
    json_close_arr(&w);
    json_member_bool(&w, "stream", true);
    json_put_key(&w, DGM_STR("stream_options"));
    json_open_obj(&w);
    json_member_bool(&w, "include_usage", true);
    json_close_obj(&w);
    json_close_obj(&w);
}

/* The request with another model; what is no JSON object stays as it is, for the core to refuse. */
static void change_model(struct dgm_buf *body, struct dgm_str model)
{
    struct dgm_arena arena;
    struct dgm_buf copy, out;
    const struct json_val *root = NULL;
    struct json_error error;
    dgm_arena_init(&arena, &dgm_alloc_libc, SIZE_MAX);
    dgm_buf_init(&copy, &dgm_alloc_libc,
                 INPUT_BYTES_MAX + JSON_PADDING); /* parsing changes what it reads */
    dgm_buf_init(&out, &dgm_alloc_libc, body->max);
    dgm_buf_put(&copy, dgm_buf_str(body));
    if (dgm_buf_reserve(&copy, JSON_PADDING) &&
        json_parse(&arena, copy.p, copy.n, JSON_DEPTH_MAX, &root, &error) == DGM_OK &&
        json_kind(root) == JSON_OBJ) {
        struct json_writer w = json_writer(&out);
        json_open_obj(&w);
        json_member_str(&w, "model", model);
        for (struct json_iter i = json_iter(root); json_next(&i);)
            if (!dgm_str_eq(i.name, DGM_STR("model"))) {
                json_put_key(&w, i.name);
                json_put_val(&w, i.value);
            }
        json_close_obj(&w);
        dgm_buf_clear(body);
        dgm_buf_put(body, dgm_buf_str(&out));
    }
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&copy);
    dgm_arena_dispose(&arena);
}

/* The request that an answer belongs to: --request, --model, or a plain one. NULL: it is told. */
static struct dgm_request *answered_request(const struct cli_args *args, const struct way *way,
                                            struct dgm_buf *body)
{
    struct dgm_str file = cli_get(args, CLI_OPT_REQUEST), model = cli_get(args, CLI_OPT_MODEL);
    if (!file.p) {
        dgm_buf_init(body, &dgm_alloc_libc, INPUT_BYTES_MAX);
        put_plain_request(model, body);
        return make_request(way, body);
    }
    if (!cli_read(file.p, INPUT_BYTES_MAX, body))
        return NULL;
    if (model.p)
        change_model(body, model);
    return make_request(way, body);
}

/* ---- request ---- */

static void put_host(const struct dgm_place *place, struct dgm_buf *out)
{
    struct dgm_str l = place->location;
    if (place->surface == DGM_GEMINI) {
        dgm_buf_put_lit(out, "generativelanguage.googleapis.com");
    } else if (dgm_str_eq(l, DGM_STR("global"))) {
        dgm_buf_put_lit(out, "aiplatform.googleapis.com");
    } else if (dgm_str_eq(l, DGM_STR("us")) || dgm_str_eq(l, DGM_STR("eu"))) {
        dgm_buf_put_lit(out, "aiplatform.");
        dgm_buf_put(out, l);
        dgm_buf_put_lit(out, ".rep.googleapis.com");
    } else {
        dgm_buf_put(out, l);
        dgm_buf_put_lit(out, "-aiplatform.googleapis.com");
    }
}

static void put_notes(const struct dgm_request *request, enum dgm_note kind, struct dgm_str label,
                      struct dgm_str otherwise, struct dgm_buf *out)
{
    struct dgm_str notes = dgm_request_notes(request, kind);
    if (notes.n == 0)
        notes = otherwise;
    if (notes.n == 0)
        return;
    dgm_buf_put(out, label);
    dgm_buf_put_lit(out, ": ");
    dgm_buf_put(out, notes);
    dgm_buf_put_char(out, '\n');
}

static void put_headers(const struct dgm_request *request, struct dgm_buf *out)
{
    const struct dgm_header *headers;
    size_t n = dgm_request_headers(request, &headers);
    for (size_t i = 0; i < n; i++) {
        dgm_buf_put_lit(out, "header: ");
        dgm_buf_put(out, headers[i].name);
        dgm_buf_put_lit(out, ": ");
        dgm_buf_put(out, headers[i].value);
        dgm_buf_put_char(out, '\n');
    }
}

/* What --show-target and --show-ignored ask for. */
static void put_shown(const struct cli_args *args, const struct dgm_request *request,
                      const struct way *way, const struct dgm_place *place, struct dgm_buf *out)
{
    if (cli_get(args, CLI_OPT_SHOW_TARGET).p && way->relayed) {
        dgm_buf_put_lit(out, "target: POST base_url /v1/chat/completions\n");
    } else if (cli_get(args, CLI_OPT_SHOW_TARGET).p) {
        dgm_buf_put_lit(out, "target: POST ");
        put_host(place, out);
        dgm_buf_put_char(out, ' ');
        dgm_request_put_path(request, place, out);
        dgm_buf_put_char(out, '\n');
        put_headers(request, out);
    }
    if (cli_get(args, CLI_OPT_SHOW_IGNORED).p) {
        put_notes(request, DGM_NOTE_IGNORED, DGM_STR("ignored"), DGM_STR("nothing"), out);
        put_notes(request, DGM_NOTE_SCHEMA, DGM_STR("schema notes"), (struct dgm_str){0}, out);
        put_notes(request, DGM_NOTE_WARNING, DGM_STR("warning"), (struct dgm_str){0}, out);
    }
}

static int print_request(const struct cli_args *args, const struct dgm_request *request,
                         const struct way *way, const struct dgm_place *place)
{
    struct dgm_buf out, shown;
    const struct dgm_str *segments;
    dgm_buf_init(&out, &dgm_alloc_libc, OUTPUT_BYTES_MAX);
    dgm_buf_init(&shown, &dgm_alloc_libc, OUTPUT_BYTES_MAX);
    size_t n = dgm_request_body(request, &segments);
    for (size_t i = 0; i < n; i++)
        dgm_buf_put(&out, segments[i]);
    put_shown(args, request, way, place, &shown);
    bool written = cli_write(STDOUT_FILENO, &out, true) && cli_write(STDERR_FILENO, &shown, false);
    dgm_buf_dispose(&out);
    dgm_buf_dispose(&shown);
    return written ? CLI_DONE : CLI_REFUSED;
}

int cli_translate_request(const struct cli_args *args)
{
    struct way way;
    struct dgm_place place;
    if (!read_way(args, &way) || !read_place(args, way.env.surface, &place))
        return CLI_USAGE;
    struct dgm_buf body;
    int code = CLI_REFUSED;
    struct dgm_request *request =
        cli_read(NULL, INPUT_BYTES_MAX, &body) ? make_request(&way, &body) : NULL;
    if (request)
        code = print_request(args, request, &way, &place);
    dgm_request_free(request);
    dgm_buf_dispose(&body);
    return code;
}

/* ---- response ---- */

static int print_response(struct dgm_request *request, int status, struct dgm_str native)
{
    struct dgm_buf out;
    int client_status;
    dgm_buf_init(&out, &dgm_alloc_libc, OUTPUT_BYTES_MAX);
    enum dgm_rc rc = dgm_chat_response(request, status, native, &out, &client_status);
    bool done = rc == DGM_OK || rc == DGM_KEEP;
    if (!done)
        tell_fail(&(const struct dgm_fail){.id = rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY
                                                                   : DGM_ERR_UPSTREAM_LARGE});
    else
        done = cli_write(STDOUT_FILENO, &out, true);
    dgm_buf_dispose(&out);
    return done ? CLI_DONE : CLI_REFUSED;
}

int cli_translate_response(const struct cli_args *args)
{
    struct way way;
    uint64_t status;
    if (!read_way(args, &way) || !read_number(args, CLI_OPT_STATUS, 100, 599, 200, &status))
        return CLI_USAGE;
    struct dgm_buf body = {0}, native = {0};
    int code = CLI_REFUSED;
    struct dgm_request *request = answered_request(args, &way, &body);
    if (request && cli_read(NULL, INPUT_BYTES_MAX, &native))
        code = print_response(request, (int)status, dgm_buf_str(&native));
    dgm_request_free(request);
    dgm_buf_dispose(&native);
    dgm_buf_dispose(&body);
    return code;
}

/* ---- stream ---- */

/* Prints what was put and makes room for more. */
static bool drain(struct dgm_buf *out)
{
    bool written = cli_write(STDOUT_FILENO, out, false);
    dgm_buf_clear(out);
    return written;
}

/* Feeds the stream in pieces, then the end. Returns how it ended: DGM_DONE, DGM_E_UPSTREAM, or an error. */
static enum dgm_rc run_stream(struct dgm_stream *stream, struct dgm_str native, size_t chunk,
                              struct dgm_buf *out)
{
    enum dgm_rc rc = DGM_MORE;
    while (native.n != 0 && rc >= 0) {
        struct dgm_str piece = dgm_str_head(native, chunk);
        native = dgm_str_skip(native, chunk);
        do {
            rc = dgm_stream_feed(stream, &piece, out);
            if (!drain(out))
                return DGM_E_LIMIT;
        } while (rc == DGM_FULL || rc == DGM_KEEP);
    }
    while (rc >= 0 && rc != DGM_DONE) {
        rc = dgm_stream_finish(stream, out);
        if (!drain(out))
            return DGM_E_LIMIT;
    }
    return rc;
}

static int print_stream(struct dgm_request *request, struct dgm_str native, size_t chunk)
{
    struct dgm_stream *stream = dgm_stream_new(request);
    struct dgm_buf out;
    dgm_buf_init(&out, &dgm_alloc_libc, OUTPUT_BYTES_MAX);
    enum dgm_rc rc = stream ? run_stream(stream, native, chunk, &out) : DGM_E_NOMEM;
    /* A stream that ends in an error event is an answer: the client gets to see it. */
    bool done = rc == DGM_DONE || rc == DGM_E_UPSTREAM;
    if (!done)
        tell_fail(&(const struct dgm_fail){.id = rc == DGM_E_NOMEM ? DGM_ERR_NO_MEMORY
                                                                   : DGM_ERR_UPSTREAM_LARGE});
    dgm_buf_dispose(&out);
    dgm_stream_free(stream);
    return done ? CLI_DONE : CLI_REFUSED;
}

int cli_translate_stream(const struct cli_args *args)
{
    struct way way;
    uint64_t chunk;
    if (!read_way(args, &way) ||
        !read_number(args, CLI_OPT_CHUNK, 1, INPUT_BYTES_MAX, INPUT_BYTES_MAX, &chunk))
        return CLI_USAGE;
    struct dgm_buf body = {0}, native = {0};
    int code = CLI_REFUSED;
    struct dgm_request *request = answered_request(args, &way, &body);
    if (request && cli_read(NULL, INPUT_BYTES_MAX, &native))
        code = print_stream(request, dgm_buf_str(&native), (size_t)chunk);
    dgm_request_free(request);
    dgm_buf_dispose(&native);
    dgm_buf_dispose(&body);
    return code;
}
