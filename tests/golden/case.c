/* SPDX-License-Identifier: Apache-2.0 */
/* case.c - one golden case: a folder of files, read. */
#include "case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "json/write.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

static const char *const kind_names[] = {
    [GOLDEN_REQUEST] = "request",
    [GOLDEN_RESPONSE] = "response",
    [GOLDEN_STREAM] = "stream",
};

const char *golden_kind_name(enum golden_kind kind)
{
    return kind_names[kind];
}

/* ---- files -------------------------------------------------------------------------------------------- */

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static void file_path(const struct golden_case *c, const char *file, char ret[1024])
{
    snprintf(ret, 1024, "%s/%s", c->path, file);
}

bool golden_read(const struct golden_case *c, const char *file, struct dgm_buf *ret)
{
    char path[1024];
    file_path(c, file, path);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    size_t n;
    do {
        char *to = dgm_buf_reserve(ret, 1 << 16);
        if (!to)
            give_up(path);
        n = fread(to, 1, 1 << 16, f);
        ret->n += n;
    } while (n != 0);
    fclose(f);
    return true;
}

void golden_write(const struct golden_case *c, const char *file, struct dgm_str text)
{
    char path[1024];
    file_path(c, file, path);
    if (!text.p) {
        unlink(path);
        return;
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text.p, 1, text.n, f) != text.n || fclose(f) != 0)
        give_up(path);
}

/* ---- folders ------------------------------------------------------------------------------------------ */

static int is_shown(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

char **golden_list(enum golden_kind kind)
{
    char path[512];
    struct dirent **found;
    snprintf(path, sizeof path, "%s/golden/%s", DGM_TESTS_DIR, golden_kind_name(kind));
    int n = scandir(path, &found, is_shown, alphasort);
    if (n < 0)
        return NULL;
    char **ret = calloc((size_t)n + 1, sizeof *ret);
    if (!ret)
        give_up(path);
    for (int i = 0; i < n; i++) {
        ret[i] = strdup(found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return ret;
}

void golden_list_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

/* ---- options ------------------------------------------------------------------------------------------ */

static bool read_error_id(struct dgm_str name, enum dgm_error *ret)
{
    static const struct {
        struct dgm_str name;
        enum dgm_error id;
    } errors[] = {
#define ERROR(id, ...) {DGM_STR(#id), DGM_ERR_##id},
#include <dragoman/errors.def>
#undef ERROR
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (!dgm_str_eq(errors[i].name, name))
            continue;
        *ret = errors[i].id;
        return true;
    }
    return false;
}

static bool read_reasoning(struct dgm_str word, enum dgm_reasoning *ret)
{
    static const char *const words[] = {"reasoning_content", "reasoning", "both", "tag", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *ret = (enum dgm_reasoning)i;
        if (dgm_str_eq(word, dgm_str_c(words[i])))
            return true;
    }
    return false;
}

static bool read_server(struct golden_case *c, struct dgm_str word)
{
    static const char *const words[] = {"vllm", "tgi", "openai"};
    c->relayed = true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        c->server.kind = (enum dgm_server_kind)i;
        if (dgm_str_eq(word, dgm_str_c(words[i])))
            return true;
    }
    return false;
}

/* "URL TYPE BASE64", where TYPE is a MIME type that the bytes tell, "?" and one that the host tells, or "-". */
static bool read_fetch(struct golden_fetch *f, struct dgm_str words)
{
    struct dgm_str mime;
    if (!dgm_str_split(&words, ' ', &f->url) || !dgm_str_split(&words, ' ', &mime))
        return false;
    f->sure = mime.n != 0 && mime.p[0] != '?' && mime.p[0] != '-';
    f->mime = dgm_str_skip(mime, f->sure ? 0 : 1);
    f->base64 = words;
    return words.n != 0;
}

#define DIGEST_LETTERS 64

/* "CALL_ID SIGNATURE NATIVE_ID", the last of which may be left out; SIGNATURE may be "-", not known. Or "DIGEST MARKS". */
static bool read_supply(struct golden_supply *s, struct dgm_str words)
{
    bool has_id = dgm_str_split(&words, ' ', &s->call_id);
    if (s->call_id.n == DIGEST_LETTERS) {
        s->signature = words;
        return words.n != 0;
    }
    bool has_both = has_id && dgm_str_split(&words, ' ', &s->signature);
    if (dgm_str_eq(s->signature, DGM_STR("-")))
        s->signature = (struct dgm_str){0};
    s->native_id = words;
    return has_both;
}

/* NAME [LEAST MOST], of tries.def, in thousandths. */
static bool read_try(struct golden_case *c, struct dgm_str words)
{
    struct dgm_try *try = &c->tries[c->tries_n++];
    struct dgm_str name, least;
    if (!dgm_str_split(&words, ' ', &name))
        return false;
    *try = (struct dgm_try){.id = 0};
    while (try->id < DGM_TRIES && !dgm_str_eq(dgm_try_name(try->id), name))
        try->id++;
    if (try->id == DGM_TRIES)
        return false;
    return words.n == 0 || (dgm_str_split(&words, ' ', &least) && dgm_str_i64(least, &try->least) &&
                            dgm_str_i64(words, &try->most));
}

static bool read_image_output(struct dgm_str word, enum dgm_image_output *ret)
{
    static const struct dgm_str words[] = {
        {"images", 6}, {"content_parts", 13}, {"markdown", 8}, {"extra_content", 13}};
    size_t i = dgm_str_index(word, words, sizeof words / sizeof *words);
    *ret = (enum dgm_image_output)i;
    return i < sizeof words / sizeof *words;
}

static bool read_option(struct golden_case *c, struct dgm_str key, struct dgm_str value)
{
    if (dgm_str_eq(key, DGM_STR("surface"))) {
        c->surface = dgm_str_eq(value, DGM_STR("gemini")) ? DGM_GEMINI : DGM_VERTEX;
        return c->surface == DGM_GEMINI || dgm_str_eq(value, DGM_STR("vertex"));
    }
    if (dgm_str_eq(key, DGM_STR("server")))
        return read_server(c, value);
    if (dgm_str_eq(key, DGM_STR("server-model"))) {
        c->server.model = value;
        return value.n != 0;
    }
    if (dgm_str_eq(key, DGM_STR("asked-at"))) {
        c->asked_at = value;
        return value.n != 0;
    }
    if (dgm_str_eq(key, DGM_STR("near"))) {
        c->near = value;
        return value.n != 0;
    }
    if (dgm_str_eq(key, DGM_STR("model"))) {
        c->model = value;
        return value.n != 0;
    }
    if (dgm_str_eq(key, DGM_STR("strict")) || dgm_str_eq(key, DGM_STR("bounds-thoughts"))) {
        *(key.p[0] == 's' ? &c->strict : &c->bounds_thoughts) = true;
        return value.n == 0;
    }
    if (dgm_str_eq(key, DGM_STR("always-usage"))) {
        c->always_usage = true;
        return value.n == 0;
    }
    if (dgm_str_eq(key, DGM_STR("image-output")))
        return read_image_output(value, &c->image_output);
    if (dgm_str_eq(key, DGM_STR("blocked"))) {
        c->blocked = DGM_BLOCKED_ERROR;
        return dgm_str_eq(value, DGM_STR("error"));
    }
    if (dgm_str_eq(key, DGM_STR("reasoning-details"))) {
        c->details = true;
        return value.n == 0;
    }
    if (dgm_str_eq(key, DGM_STR("compat"))) {
        c->compat = DGM_COMPAT_GOOGLE;
        return dgm_str_eq(value, DGM_STR("google"));
    }
    if (dgm_str_eq(key, DGM_STR("reasoning")))
        return read_reasoning(value, &c->reasoning);
    if (dgm_str_eq(key, DGM_STR("end")))
        return read_error_id(value, &c->end);
    if (dgm_str_eq(key, DGM_STR("marks"))) {
        c->marks = true;
        return value.n == 0;
    }
    if (dgm_str_eq(key, DGM_STR("try")) && c->tries_n < DGM_TRIES)
        return read_try(c, value);
    if (dgm_str_eq(key, DGM_STR("fetch")) && c->fetches_n < GOLDEN_SUPPLIES_MAX)
        return read_fetch(&c->fetches[c->fetches_n++], value);
    if (dgm_str_eq(key, DGM_STR("supply")) && c->supplies_n < GOLDEN_SUPPLIES_MAX)
        return read_supply(&c->supplies[c->supplies_n++], value);
    return false;
}

static const char *read_options(struct golden_case *c)
{
    struct dgm_str rest = dgm_buf_str(&c->_options), line;
    while (dgm_str_split(&rest, '\n', &line)) {
        struct dgm_str value = line, key;
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (!dgm_str_split(&value, ' ', &key) || !read_option(c, key, dgm_str_trim(value)))
            return "a line of `options` is not understood";
    }
    return NULL;
}

static const char *read_status(struct golden_case *c)
{
    uint64_t status;
    if (!dgm_str_u64(dgm_str_trim(dgm_str_head(dgm_buf_str(&c->_status), 3)), &status) ||
        status < 100)
        return "status.txt is no HTTP status";
    c->status = (int)status;
    return NULL;
}

/* ---- cases -------------------------------------------------------------------------------------------- */

static void put_plain_request(struct golden_case *c)
{
    struct dgm_str model = c->model.p ? c->model : DGM_STR("google/gemini-2.5-flash");
    struct json_writer w = json_writer(&c->request);
    json_open_obj(&w);
    json_member_str(&w, "model", model);
    json_put_key(&w, DGM_STR("messages"));
    json_put_raw(&w, DGM_STR("[{\"role\":\"user\",\"content\":\"Hello\"}]"));
    if (c->kind == GOLDEN_STREAM) {
        json_member_bool(&w, "stream", true);
        json_put_key(&w, DGM_STR("stream_options"));
        json_put_raw(&w, DGM_STR("{\"include_usage\":true}"));
    }
    json_close_obj(&w);
}

/* What is no JSON has another ending, so that editors and reviewers do not stumble. */
static bool read_either(struct golden_case *c, const char *json, const char *text,
                        struct dgm_buf *ret)
{
    return golden_read(c, json, ret) || golden_read(c, text, ret);
}

const char *golden_case_init(struct golden_case *c, enum golden_kind kind, const char *folder)
{
    *c = (struct golden_case){.kind = kind, .status = 200, .end = DGM_ERR_NONE};
    dgm_buf_init(&c->request, &dgm_alloc_libc, FILE_BYTES_MAX);
    dgm_buf_init(&c->native, &dgm_alloc_libc, FILE_BYTES_MAX);
    dgm_buf_init(&c->_options, &dgm_alloc_libc, FILE_BYTES_MAX);
    dgm_buf_init(&c->_status, &dgm_alloc_libc, FILE_BYTES_MAX);
    snprintf(c->name, sizeof c->name, "%s/%s", golden_kind_name(kind), folder);
    snprintf(c->path, sizeof c->path, "%s/golden/%s", DGM_TESTS_DIR, c->name);

    struct dgm_buf why;
    dgm_buf_init(&why, &dgm_alloc_libc, FILE_BYTES_MAX);
    bool has_reason = golden_read(c, "case.md", &why) && why.n != 0;
    dgm_buf_dispose(&why);
    if (!has_reason)
        return "case.md is missing: it says what the case is for";

    const char *trouble = NULL;
    if (golden_read(c, "options", &c->_options))
        trouble = read_options(c);
    if (!trouble && kind == GOLDEN_RESPONSE && golden_read(c, "status.txt", &c->_status))
        trouble = read_status(c);
    if (trouble)
        return trouble;
    if (kind == GOLDEN_REQUEST)
        return read_either(c, "openai.json", "openai.txt", &c->request) ? NULL
                                                                        : "openai.json is missing";
    if (!golden_read(c, "request.json", &c->request))
        put_plain_request(c);
    if (kind == GOLDEN_STREAM)
        return golden_read(c, c->relayed ? "upstream.sse" : "gemini.sse", &c->native)
                   ? NULL
                   : "the upstream's bytes are missing";
    bool found = c->relayed ? read_either(c, "upstream.json", "upstream.txt", &c->native)
                            : read_either(c, "gemini.json", "gemini.txt", &c->native);
    return found ? NULL : "the upstream's answer is missing";
}

void golden_case_dispose(struct golden_case *c)
{
    dgm_buf_dispose(&c->request);
    dgm_buf_dispose(&c->native);
    dgm_buf_dispose(&c->_options);
    dgm_buf_dispose(&c->_status);
}
